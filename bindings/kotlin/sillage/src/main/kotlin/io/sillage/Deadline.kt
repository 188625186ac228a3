package io.sillage

import java.util.concurrent.ScheduledFuture
import java.util.concurrent.ScheduledThreadPoolExecutor
import java.util.concurrent.TimeUnit

/** Ends what takes too long: a peer that reads nothing, or answers a byte a minute, runs into no other time-out. */
internal class Deadline private constructor(private val pending: ScheduledFuture<*>) {
    fun cancel() {
        pending.cancel(false)
    }

    companion object {
        private val clock = ScheduledThreadPoolExecutor(1) { work ->
            Thread(work, "sillage-deadline").apply { isDaemon = true }
        }.apply {
            removeOnCancelPolicy = true
            setKeepAliveTime(1, TimeUnit.MINUTES)
            allowCoreThreadTimeOut(true)
        }

        fun after(ms: Long, end: () -> Unit) = Deadline(clock.schedule(end, ms, TimeUnit.MILLISECONDS))
    }
}
