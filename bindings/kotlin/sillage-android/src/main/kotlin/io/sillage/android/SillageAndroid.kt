@file:JvmName("SillageAndroid")
@file:OptIn(HostApi::class)

package io.sillage.android

import android.content.Context
import io.sillage.HostApi
import io.sillage.Sillage

/** What this process has started, and what it is told of. */
internal class Started(val sillage: Sillage, val host: AndroidHost?)

private val lock = Any()

@Volatile
private var only: Started? = null

/**
 * Starts the one client of this process, in `Application.onCreate`:
 * `Sillage.init(this, "wk_shop") { endpoint = "https://…" }`.
 *
 * Returns at once; the library is loaded and the disk is read in another thread. Up to 1 000 calls wait for that, with
 * their own times. A second call gives the same client and changes nothing. Nothing is thrown.
 */
@JvmOverloads
fun Sillage.Companion.init(
    context: Context,
    writeKey: String,
    configure: AndroidSettings.() -> Unit = {},
): Sillage = synchronized(lock) { only ?: start(context, writeKey, configure).also { only = it } }.sillage

/** The client of this process; null before [init]. */
val Sillage.Companion.current: Sillage? get() = only?.sillage

/** What tells of screens in this process; null before [init]. */
internal fun screens(): Screens? = only?.host?.screens

/** Ends and forgets the client, as the end of the process does. */
internal fun forget(timeoutMs: Long) = synchronized(lock) {
    only?.host?.end(timeoutMs)
    only = null
}

private fun start(context: Context, writeKey: String, configure: AndroidSettings.() -> Unit): Started = try {
    val host = AndroidHost.start(context, writeKey, AndroidSettings().apply(configure))
    Started(host.sillage, host)
} catch (why: Throwable) {
    // One that does nothing, and says why.
    Started(Sillage.init(writeKey) { throw why }, null)
}
