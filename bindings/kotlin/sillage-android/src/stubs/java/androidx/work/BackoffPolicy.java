package androidx.work;

/** Signatures alone. */
public enum BackoffPolicy {
    EXPONENTIAL,
    LINEAR
}
