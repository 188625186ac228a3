package io.sillage.android

import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit

/** One thread for what the main thread may not do, in order; it is there while there is something to do. */
internal fun backgroundThread(failed: (Throwable) -> Unit): Executor {
    val pool = ThreadPoolExecutor(1, 1, 10, TimeUnit.SECONDS, LinkedBlockingQueue()) { work ->
        Thread(work, "sillage-android").apply { isDaemon = true }
    }
    pool.allowCoreThreadTimeOut(true)
    return Executor { work ->
        pool.execute {
            try {
                work.run()
            } catch (why: Throwable) {
                failed(why)
            }
        }
    }
}
