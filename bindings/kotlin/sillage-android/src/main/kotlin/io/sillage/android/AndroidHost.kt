@file:OptIn(HostApi::class)

package io.sillage.android

import android.app.Application
import android.content.Context
import android.net.TrafficStats
import android.os.Build
import io.sillage.HostApi
import io.sillage.Lifecycle
import io.sillage.Network
import io.sillage.Sillage
import java.io.File
import java.util.concurrent.Executor

/** Carries the system's life cycle to a client. */
internal class AndroidHost private constructor(
    private val app: Context,
    private val storage: Context,
    private val settings: AndroidSettings,
) {
    private val device = DeviceContext(app)
    private val version = device.appVersion
    private val background = backgroundThread(::failed)

    /** Set before anything that speaks to it is registered. */
    lateinit var sillage: Sillage
        private set

    val screens = Screens { sillage.screen(it.name, it.properties, it.category) }
    private val events = AppEvents(version) { event, properties -> sillage.track(event, properties) }
    private val work = FlushWork({ sillage.ledger.pending }, WorkManagerLater(app))
    private val activities =
        ActivityWatch(Foreground(::entered, ::left), screens, settings.trackScreens, ::failed)

    private fun start(writeKey: String) {
        settings.app = settings.app ?: device.appName
        settings.appVersion = settings.appVersion ?: version.version
        settings.library = "sillage-android"
        settings.platform = device.all()
        settings.network = tagged(settings.network)
        settings.first = { track -> if (settings.trackLifecycle) guarded { installed(track) } }
        val unlock = Unlock(app)
        val needsUnlock = settings.folder == null && !isDeviceProtected(storage) && !unlock.isDone
        // A call that waited for the disk would wait for a person here.
        if (needsUnlock) settings.durable = false
        settings.startOn = Executor { start ->
            val prepared = Runnable { prepare(); start.run(); guarded(::watchNetwork) }
            if (needsUnlock) unlock.whenDone { background.execute(prepared) } else background.execute(prepared)
        }
        sillage = Sillage.init(writeKey, settings)
        (app as? Application)?.registerActivityLifecycleCallbacks(activities)
    }

    /** Ends what was started, for who starts anew. */
    fun end(timeoutMs: Long) {
        (app as? Application)?.unregisterActivityLifecycleCallbacks(activities)
        sillage.shutdown(timeoutMs)
    }

    /** What reads the disk. Not on the main thread. */
    private fun prepare() = guarded {
        if (settings.folder == null) settings.folder = File(storage.noBackupFilesDir, "sillage")
    }

    private fun installed(track: (String, Map<String, Any?>) -> Unit) {
        AppEvents(version, track).runs(note()?.read())
        note()?.keep(version)
    }

    private fun note() = settings.folder?.let { VersionNote(File(it.path + ".version"), it) }

    private fun watchNetwork() {
        val carrier = device.carrier()
        var known: NetworkKind? = null
        val reach = Reach { isOnline -> sillage.lifecycle(if (isOnline) Lifecycle.ONLINE else Lifecycle.OFFLINE) }
        NetworkWatch(app, reach) { kind ->
            if (kind != known) sillage.platform(mapOf("network" to kind.context(carrier)))
            known = kind
        }.start()
    }

    private fun entered(entry: Foreground.Entry) {
        sillage.lifecycle(Lifecycle.FOREGROUND)
        if (settings.trackLifecycle) events.opened(entry)
    }

    private fun left() {
        if (settings.trackLifecycle) events.left()
        sillage.lifecycle(Lifecycle.BACKGROUND)
        background.execute {
            if (settings.trackLifecycle) note()?.keep(version)
            if (settings.flushInBackground) work.left()
        }
    }

    private fun failed(why: Throwable) = settings.log("something of the platform failed", why)

    private fun guarded(act: () -> Unit) = try {
        act()
    } catch (why: Throwable) {
        failed(why)
    }

    companion object {
        /** So that strict apps see whose sockets these are; any number that is not the system's. */
        private const val SOCKETS_TAG = 0x5111A6

        fun start(context: Context, writeKey: String, settings: AndroidSettings): AndroidHost {
            val app = context.applicationContext ?: context
            val storage = if (isDeviceProtected(context)) context else app
            return AndroidHost(app, storage, settings).apply { start(writeKey) }
        }

        private fun tagged(network: Network) = Network { upload ->
            TrafficStats.setThreadStatsTag(SOCKETS_TAG)
            network.post(upload)
        }

        @Newer
        private fun isDeviceProtected(context: Context) =
            Build.VERSION.SDK_INT >= 24 && context.isDeviceProtectedStorage
    }
}
