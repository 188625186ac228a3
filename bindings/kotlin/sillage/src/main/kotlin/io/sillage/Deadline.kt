package io.sillage

import java.util.concurrent.ScheduledThreadPoolExecutor
import java.util.concurrent.TimeUnit

/** Ends what takes too long: a peer that reads nothing, or answers a byte a minute, runs into no other time-out. */
internal class Deadline(ms: Long, end: () -> Unit) {
    @Volatile
    var hasPassed = false
        private set

    private val pending = clock.schedule({ hasPassed = true; end() }, ms, TimeUnit.MILLISECONDS)

    fun cancel() {
        pending.cancel(false)
    }

    private companion object {
        val clock = ScheduledThreadPoolExecutor(1) { work ->
            Thread(work, "sillage-deadline").apply { isDaemon = true }
        }.apply {
            removeOnCancelPolicy = true
            setKeepAliveTime(1, TimeUnit.MINUTES)
            allowCoreThreadTimeOut(true)
        }
    }
}
