package io.sillage.android

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.os.Build
import android.os.UserManager
import java.util.concurrent.atomic.AtomicBoolean

/** After a phone was started and until it is unlocked for the first time, an app cannot read its files. */
internal class Unlock(private val context: Context) {
    val isDone: Boolean
        @Newer get() = Build.VERSION.SDK_INT < 24 ||
            (context.getSystemService(Context.USER_SERVICE) as? UserManager)?.isUserUnlocked != false

    /** Does [what] once files can be read: now, or later on the main thread. Once. */
    fun whenDone(what: () -> Unit) {
        if (isDone) return what()
        val once = AtomicBoolean()
        val receiver = object : BroadcastReceiver() {
            override fun onReceive(from: Context, intent: Intent) = done()

            fun done() {
                if (!once.compareAndSet(false, true)) return
                context.unregisterReceiver(this)
                what()
            }
        }
        context.registerReceiver(receiver, IntentFilter(Intent.ACTION_USER_UNLOCKED))
        // It may have been unlocked since.
        if (isDone) receiver.done()
    }
}
