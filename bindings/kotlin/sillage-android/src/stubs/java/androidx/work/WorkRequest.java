package androidx.work;

import java.util.concurrent.TimeUnit;

/** Signatures alone. */
public abstract class WorkRequest {
    public abstract static class Builder<B extends Builder<B, ?>, W extends WorkRequest> {
        public final B setConstraints(Constraints constraints) {
            throw new UnsupportedOperationException("a signature alone");
        }

        public final B setBackoffCriteria(BackoffPolicy backoffPolicy, long backoffDelay, TimeUnit timeUnit) {
            throw new UnsupportedOperationException("a signature alone");
        }

        public final W build() {
            throw new UnsupportedOperationException("a signature alone");
        }
    }
}
