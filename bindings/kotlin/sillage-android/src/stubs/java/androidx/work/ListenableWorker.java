package androidx.work;

import android.content.Context;

/** Signatures alone. */
public abstract class ListenableWorker {
    public ListenableWorker(Context context, WorkerParameters parameters) {
    }

    public final int getRunAttemptCount() {
        throw new UnsupportedOperationException("a signature alone");
    }

    public final boolean isStopped() {
        throw new UnsupportedOperationException("a signature alone");
    }

    public abstract static class Result {
        public static Result success() {
            throw new UnsupportedOperationException("a signature alone");
        }

        public static Result retry() {
            throw new UnsupportedOperationException("a signature alone");
        }
    }
}
