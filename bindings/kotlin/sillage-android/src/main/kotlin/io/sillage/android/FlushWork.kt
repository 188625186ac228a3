package io.sillage.android

import android.content.Context
import androidx.work.BackoffPolicy
import androidx.work.Constraints
import androidx.work.ExistingWorkPolicy
import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequest
import androidx.work.WorkManager
import java.util.concurrent.TimeUnit.SECONDS

/** What finishes a delivery after the app was left: the system then lets the process run, or starts it again. */
internal fun interface Later {
    /** Soon, once there is a network. In place of what was asked for before. */
    fun flush()
}

/** Asks for a work only if there is something to deliver. */
internal class FlushWork(private val pending: () -> Long, private val later: Later) {
    fun left() {
        if (pending() > 0) later.flush()
    }
}

/** WorkManager. Only this and [FlushWorker] know it. */
internal class WorkManagerLater(private val context: Context) : Later {
    override fun flush() {
        val request = OneTimeWorkRequest.Builder(FlushWorker::class.java)
            .setConstraints(Constraints.Builder().setRequiredNetworkType(NetworkType.CONNECTED).build())
            .setBackoffCriteria(BackoffPolicy.EXPONENTIAL, BACKOFF_S, SECONDS)
            .build()
        WorkManager.getInstance(context).enqueueUniqueWork(NAME, ExistingWorkPolicy.REPLACE, request)
    }

    internal companion object {
        /** One for the app, whichever of its processes was left: what dead ones leave is delivered by any. */
        const val NAME = "io.sillage.flush"

        /** The first of the waits, each twice the one before: WorkManager's own default. */
        const val BACKOFF_S = 30L
    }
}
