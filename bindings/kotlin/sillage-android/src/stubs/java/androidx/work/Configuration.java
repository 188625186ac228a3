package androidx.work;

/** Signatures alone. */
public final class Configuration {
    public static final class Builder {
        public Configuration build() {
            throw new UnsupportedOperationException("a signature alone");
        }
    }
}
