package io.sillage.android

import android.content.Context
import androidx.work.Worker
import androidx.work.WorkerParameters
import io.sillage.Sillage

/** Delivers what waits. Does nothing in a process whose app does not start Sillage in `Application.onCreate`. */
class FlushWorker(context: Context, parameters: WorkerParameters) : Worker(context, parameters) {
    override fun doWork(): Result {
        val sillage = Sillage.current ?: return Result.success()
        val pending = deliver(sillage::flush, { sillage.ledger.pending }, ::isStopped)
        return if (verdict(pending, runAttemptCount) == Verdict.AGAIN) Result.retry() else Result.success()
    }

    internal enum class Verdict { DONE, AGAIN }

    internal companion object {
        /** By then the waits add up to eight hours, and the next time the app is left asks anew. */
        const val TRIES_MAX = 10

        /** Well below the ten minutes that a work may take; longer than one exchange, 40 s. */
        private const val WORK_MS = 60_000L

        /** Enough for a good network; also for a start that is still under way. */
        private const val FLUSH_MS = 5_000L

        private const val PAUSE_MS = 100L

        /**
         * Gives what is still pending. A flush tries at once, whatever was agreed with the collector, so that there is
         * one; from then on it waits, and only until the system wants the work to end.
         */
        fun deliver(flush: (Long) -> Long, pending: () -> Long, isOver: () -> Boolean): Long {
            val until = System.nanoTime() + WORK_MS * 1_000_000
            var left = flush(FLUSH_MS)
            while (left > 0 && !isOver() && System.nanoTime() < until) {
                Thread.sleep(PAUSE_MS)
                left = pending()
            }
            return left
        }

        fun verdict(pending: Long, triesBefore: Int) =
            if (pending > 0 && triesBefore + 1 < TRIES_MAX) Verdict.AGAIN else Verdict.DONE
    }
}
