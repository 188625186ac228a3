@file:OptIn(HostApi::class)

package io.sillage

import io.sillage.ffi.Call
import io.sillage.ffi.Client
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit.MILLISECONDS
import java.util.concurrent.atomic.AtomicBoolean
import io.sillage.ffi.Lifecycle as NativeLifecycle

/** What stands between the face and the native client. Catches all, so that nothing reaches the app. */
internal class Engine private constructor(private val settings: Settings) {
    private val complained = AtomicBoolean()
    private val context = SharedContext(settings)
    private val changes = MutableStateFlow(emptyList<String>())
    private val waiting = WaitingRoom()
    private val started = CountDownLatch(1)
    private val isDurable = settings.durable

    /** Null until it is started, and for ever if it cannot. */
    @Volatile
    private var client: QuickClient? = null
    private var host: Host? = null

    val segments: StateFlow<List<String>> get() = changes
    val anonymousId: String get() = guarded("") { client?.anonymousId() }
    val userId: String get() = guarded("") { client?.userId() }
    val ledger: Ledger get() = guarded(Ledger()) { waiting.countedIn(client?.ledger()?.arrived() ?: Ledger()) }

    fun track(event: String, properties: Map<String, Any?>, options: EventOptions?) = guarded(Unit) {
        val client = client
        if (client != null && options == null) {
            client.track(event, properties)
        } else {
            give(Call.Track(Words.text(event), Words.json(properties), Words.options(options)))
        }
    }

    fun call(make: (Words) -> Call) = guarded(Unit) { give(make(Words)) }

    fun context(said: Map<String, Any?>) = call { Call.Context(it.json(context.with(said))) }

    fun platform(changed: Map<String, Any?>) = guarded(Unit) {
        give(Call.Context(Words.json(context.platform(changed))))
    }

    fun waitDurable(): Boolean = guarded(false) { startedWithin(DURABLE_MS)?.waitDurable() }

    fun flush(timeoutMs: Long): Long = waitingAtMost(timeoutMs) { client, leftMs ->
        // A listener that waited here would wait for its own thread.
        if (host?.isHere() == true) {
            client.call(Call.Lifecycle(NativeLifecycle.FLUSH))
            client.ledger().pending
        } else {
            client.flush(leftMs.bound())
        }
    }

    fun shutdown(timeoutMs: Long): Long {
        waiting.endSoon()
        return waitingAtMost(timeoutMs) { client, leftMs ->
            client.shutdown(if (host?.isHere() == true) 0u else leftMs.bound())
        }
    }

    private fun give(call: Call) {
        if (isDurable) startedWithin(DURABLE_MS)
        val client = client
        if (client != null) client.call(call) else waiting.take(call)
    }

    private fun waitingAtMost(timeoutMs: Long, ask: (Client, Long) -> ULong): Long = guarded(0L) {
        val deadline = System.nanoTime() + MILLISECONDS.toNanos(timeoutMs.coerceIn(0, HOUR_MS))
        val client = startedWithin(timeoutMs)
        val leftMs = (deadline - System.nanoTime()) / 1_000_000
        if (client != null) ask(client, leftMs).toLong() else waiting.size
    }

    private fun startedWithin(ms: Long): Client? {
        started.await(ms, MILLISECONDS)
        return client
    }

    private fun start(writeKey: String) {
        try {
            val client = QuickClient.of(Client.start(settings.crossing(writeKey)))
            client.call(Call.Context(Words.json(context.whole())))
            changes.value = client.segments()
            host = Host(client, settings, changes).also { it.start() }
            settings.first?.invoke(client::track)
            waiting.open(client::call) { this.client = client }
            waiting.loss()?.let(::tell)
            if (waiting.isToEnd) client.shutdown(0u)
        } catch (why: Throwable) {
            nothing(why)
        } finally {
            started.countDown()
        }
    }

    /** From now on nothing is tracked. */
    private fun nothing(why: Throwable) {
        waiting.close()
        if (!complained.compareAndSet(false, true)) return
        settings.say("nothing is tracked", why)
        tell(Signal.Disabled)
    }

    private fun tell(signal: Signal) = try {
        settings.onSignal(signal)
    } catch (why: Throwable) {
        settings.say("a listener threw", why)
    }

    private inline fun <T> guarded(otherwise: T, ask: () -> T?): T = try {
        ask() ?: otherwise
    } catch (why: Throwable) {
        if (complained.compareAndSet(false, true)) settings.say("a call was lost", why)
        otherwise
    }

    companion object {
        private const val DURABLE_MS = 5_000L
        private const val HOUR_MS = 3_600_000L

        fun start(writeKey: String, configure: Settings.() -> Unit): Engine {
            val settings = Settings()
            return try {
                settings.configure()
                start(writeKey, settings)
            } catch (why: Throwable) {
                Engine(settings).apply { nothing(why); started.countDown() }
            }
        }

        fun start(writeKey: String, given: Settings?): Engine {
            val settings = given ?: Settings()
            val engine = Engine(settings)
            val executor = settings.startOn
            if (executor == null) engine.start(writeKey) else try {
                executor.execute { engine.start(writeKey) }
            } catch (why: Throwable) {
                engine.nothing(why)
                engine.started.countDown()
            }
            return engine
        }
    }
}
