package androidx.work;

/** Signatures alone. */
public interface Operation {
}
