package io.sillage

import java.util.logging.Level
import java.util.logging.Logger

/** Logs what a developer must know. */
internal object SignalLog : (Signal) -> Unit {
    private val log = Logger.getLogger("io.sillage")

    override fun invoke(signal: Signal) {
        val line = when (signal) {
            is Signal.Delivered -> return
            is Signal.Rejected -> "event ${signal.seq} was refused: ${signal.code}"
            // What was asked for is no news.
            is Signal.Dropped -> if (signal.reason in WANTED) return else "${signal.count} dropped: ${signal.reason}"
            is Signal.ForeignAnswer -> "what answers at the endpoint is no collector: HTTP ${signal.status}"
            is Signal.Held -> "the collector wants nothing for now, look at write key and endpoint: HTTP ${signal.status}"
            Signal.Stopped -> "the collector wants nothing more of this process"
            is Signal.StorageFailed -> "events are kept in memory: ${signal.detail}"
            Signal.Disabled -> "nothing is tracked"
        }
        log.warning(line)
    }

    /** Says what went wrong at the face itself. */
    fun say(what: String, why: Throwable) = log.log(Level.WARNING, what, why)

    private val WANTED = setOf("sampled", "consent_denied", "consent_withdrawn")
}
