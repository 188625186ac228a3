@file:OptIn(HostApi::class)

package io.sillage

import io.sillage.ffi.Client
import io.sillage.ffi.Task
import kotlinx.coroutines.flow.MutableStateFlow

/** The thread that does what the native client asks for. It does not keep the process alive. */
internal class Host(
    private val client: Client,
    private val settings: Settings,
    private val segments: MutableStateFlow<List<String>>,
) : Thread("sillage-host") {
    private val network = settings.network
    private val onSignal = settings.onSignal
    private var complained = false

    init {
        isDaemon = true
    }

    /** Whether the caller is this very thread. */
    fun isHere() = currentThread() === this

    override fun run() {
        try {
            while (true) {
                when (val task = client.nextTask(WAIT_MS)) {
                    is Task.Upload -> client.uploadDone(task.id, post(task).crossing())
                    is Task.Segments -> tell { segments.value = task.segments }
                    is Task.Told -> tell { onSignal(task.signal.arrived()) }
                    Task.Nothing -> Unit
                    Task.Ended -> return
                }
            }
        } catch (why: Throwable) {
            settings.say("nothing is delivered any more", why)
        }
    }

    private fun post(task: Task.Upload): Reply = try {
        network.post(task.arrived())
    } catch (why: Throwable) {
        complain("the network threw", why)
        Reply.Lost
    }

    private inline fun tell(listener: () -> Unit) = try {
        listener()
    } catch (why: Throwable) {
        complain("a listener threw", why)
    }

    private fun complain(what: String, why: Throwable) {
        if (!complained) settings.say(what, why)
        complained = true
    }

    private companion object {
        /** Long, since a task ends the wait. */
        const val WAIT_MS: ULong = 60_000u
    }
}
