@file:OptIn(HostApi::class)

package io.sillage

import java.util.logging.Level
import java.util.logging.Logger

/** Logs what a developer must know. */
internal class SignalLog(private val settings: Settings) : (Signal) -> Unit {
    override fun invoke(signal: Signal) {
        line(signal)?.let { settings.say(it, null) }
    }

    private fun line(signal: Signal): String? = when (signal) {
        is Signal.Delivered -> null
        is Signal.Rejected -> "event ${signal.seq} was refused: ${signal.code}"
        is Signal.Dropped -> "${signal.count} dropped: ${signal.reason}".takeIf { signal.reason !in WANTED }
        is Signal.ForeignAnswer -> "what answers at the endpoint is no collector: HTTP ${signal.status}"
        is Signal.Held -> "the collector wants nothing for now, look at write key and endpoint: HTTP ${signal.status}"
        Signal.Stopped -> "the collector wants nothing more of this process"
        is Signal.StorageFailed -> "events are kept in memory: ${signal.detail}"
        // Whoever finds it says why.
        Signal.Disabled -> "tracking has ended"
    }

    private companion object {
        /** Reasons that were asked for. */
        val WANTED = setOf("sampled", "consent_denied", "consent_withdrawn")
    }
}

/** The default of [Settings.log]: `java.util.logging`, which Android has as well. */
internal object SystemLog : (String, Throwable?) -> Unit {
    private val logger = Logger.getLogger("io.sillage")

    override fun invoke(line: String, why: Throwable?) = logger.log(Level.WARNING, line, why)
}

/** Logs, and never throws. */
internal fun Settings.say(line: String, why: Throwable?) = try {
    log(line, why)
} catch (_: Throwable) {
    // There is nobody left to tell.
}
