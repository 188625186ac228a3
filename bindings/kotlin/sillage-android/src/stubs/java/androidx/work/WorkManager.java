package androidx.work;

import android.content.Context;

/** Signatures alone. */
public abstract class WorkManager {
    public static WorkManager getInstance(Context context) {
        throw new UnsupportedOperationException("a signature alone");
    }

    public static void initialize(Context context, Configuration configuration) {
        throw new UnsupportedOperationException("a signature alone");
    }

    public Operation enqueueUniqueWork(String uniqueWorkName, ExistingWorkPolicy policy, OneTimeWorkRequest request) {
        throw new UnsupportedOperationException("a signature alone");
    }
}
