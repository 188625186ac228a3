package androidx.work;

/** Signatures alone. */
public final class Constraints {
    public NetworkType getRequiredNetworkType() {
        throw new UnsupportedOperationException("a signature alone");
    }

    public static final class Builder {
        public Builder setRequiredNetworkType(NetworkType networkType) {
            throw new UnsupportedOperationException("a signature alone");
        }

        public Constraints build() {
            throw new UnsupportedOperationException("a signature alone");
        }
    }
}
