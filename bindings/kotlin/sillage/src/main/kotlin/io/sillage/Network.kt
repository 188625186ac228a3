package io.sillage

/** Carries batches to a collector and answers back. */
@HostApi
fun interface Network {
    /**
     * Posts one batch and waits for what comes of it. Called on one thread, one after another.
     *
     * It follows no redirect, takes no more than 40 s, and reads no more than 256 KiB of an answer. What it throws
     * counts as [Reply.Lost].
     */
    fun post(upload: Upload): Reply
}

/** A batch on its way. */
@HostApi
class Upload(
    /** Where to. */
    val url: String,
    /** What the request says of itself; names are in lower case. */
    val headers: Map<String, String>,
    /** As it goes over the wire, compressed if a header says so. */
    val body: ByteArray,
)

/** What came of an [Upload]. */
@HostApi
sealed class Reply {
    /** An answer, whoever gave it. Redirects are answers. */
    class Answer(
        /** HTTP's. */
        val status: Int,
        /** The header, or empty. */
        val contentType: String,
        /** The header, or empty. */
        val retryAfter: String,
        /** Decompressed; empty if it was cut off. */
        val body: ByteArray,
    ) : Reply()

    /** The request may have arrived, and no answer came. */
    object Lost : Reply()

    /** The request certainly did not arrive: there was no connection. */
    object Unsent : Reply()
}
