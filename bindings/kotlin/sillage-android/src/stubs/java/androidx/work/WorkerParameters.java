package androidx.work;

/** Signatures alone. */
public final class WorkerParameters {
}
