package io.sillage.android

import android.content.Context
import androidx.work.Worker
import androidx.work.WorkerParameters
import io.sillage.Sillage

/** Delivers what waits. Does nothing in a process whose app does not start Sillage in `Application.onCreate`. */
class FlushWorker(context: Context, parameters: WorkerParameters) : Worker(context, parameters) {
    override fun doWork(): Result = when (verdict(Sillage.current?.flush(FLUSH_MS) ?: 0, runAttemptCount)) {
        Verdict.DONE -> Result.success()
        Verdict.AGAIN -> Result.retry()
    }

    internal enum class Verdict { DONE, AGAIN }

    internal companion object {
        /** Well below the ten minutes that a work may take; longer than one exchange, 40 s. */
        const val FLUSH_MS = 60_000L

        /** By then the waits add up to eight hours, and the next time the app is left asks anew. */
        const val TRIES_MAX = 10

        fun verdict(pending: Long, triesBefore: Int) =
            if (pending > 0 && triesBefore + 1 < TRIES_MAX) Verdict.AGAIN else Verdict.DONE
    }
}
