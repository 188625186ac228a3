package androidx.work;

/** Signatures alone. */
public final class WorkInfo {
    public State getState() {
        throw new UnsupportedOperationException("a signature alone");
    }

    public Constraints getConstraints() {
        throw new UnsupportedOperationException("a signature alone");
    }

    public int getRunAttemptCount() {
        throw new UnsupportedOperationException("a signature alone");
    }

    public enum State {
        ENQUEUED,
        RUNNING,
        SUCCEEDED,
        FAILED,
        BLOCKED,
        CANCELLED
    }
}
