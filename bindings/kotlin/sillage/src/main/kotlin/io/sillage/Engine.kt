package io.sillage

import io.sillage.ffi.Call
import io.sillage.ffi.Client
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import java.util.concurrent.atomic.AtomicBoolean
import io.sillage.ffi.EventOptions as NativeOptions

/** What stands between the face and the native client. Catches all, so that nothing reaches the app. */
internal class Engine private constructor(private val client: Client?, settings: Settings, said: Throwable?) {
    private val complained = AtomicBoolean(said != null)
    private val context = SharedContext(settings)
    private val changes = MutableStateFlow(guarded(emptyList()) { it.segments() })
    private val host = client?.let { Host(it, settings, changes) }

    val segments: StateFlow<List<String>> get() = changes
    val anonymousId: String get() = guarded("") { it.anonymousId() }
    val userId: String get() = guarded("") { it.userId() }
    val ledger: Ledger get() = guarded(Ledger()) { it.ledger().arrived() }

    init {
        context(context.byDefault)
        host?.start()
    }

    fun track(event: String, properties: Map<String, Any?>, options: EventOptions?) = guarded(Unit) { client ->
        if (options == null) client.track(wellFormed(event), Words.json(properties))
        else client.call(Call.Track(wellFormed(event), Words.json(properties), Words.options(options)))
    }

    fun call(make: (Words) -> Call) = guarded(Unit) { it.call(make(Words)) }

    fun context(said: Map<String, Any?>) = guarded(Unit) { it.call(Call.Context(Words.json(context.with(said)))) }

    fun waitDurable(): Boolean = guarded(false) { it.waitDurable() }

    fun flush(timeoutMs: Long): Long = guarded(0) { client ->
        // A listener that waited here would wait for its own thread.
        if (host?.isHere() == true) {
            client.call(Call.Lifecycle(io.sillage.ffi.Lifecycle.FLUSH))
            client.ledger().pending.toLong()
        } else {
            client.flush(timeoutMs.bound()).toLong()
        }
    }

    fun shutdown(timeoutMs: Long): Long = guarded(0) { client ->
        client.shutdown(if (host?.isHere() == true) 0u else timeoutMs.bound()).toLong()
    }

    private inline fun <T> guarded(otherwise: T, ask: (Client) -> T): T = try {
        if (client == null) otherwise else ask(client)
    } catch (why: Throwable) {
        if (complained.compareAndSet(false, true)) SignalLog.say("a call was lost", why)
        otherwise
    }

    companion object {
        fun start(writeKey: String, configure: Settings.() -> Unit): Engine {
            val settings = Settings()
            return try {
                settings.configure()
                start(writeKey, settings)
            } catch (why: Throwable) {
                nothing(settings, why)
            }
        }

        fun start(writeKey: String, settings: Settings): Engine = try {
            Engine(Client.start(settings.crossing(writeKey)), settings, null)
        } catch (why: Throwable) {
            nothing(settings, why)
        }

        private fun nothing(settings: Settings, why: Throwable): Engine {
            SignalLog.say("nothing is tracked", why)
            try {
                if (settings.onSignal !== SignalLog) settings.onSignal(Signal.Disabled)
            } catch (_: Throwable) {
                // The reason is logged already.
            }
            return Engine(null, settings, why)
        }
    }
}

/** What an app says, as it crosses. */
internal object Words {
    fun text(said: String) = wellFormed(said)

    fun json(said: Map<String, Any?>): String = if (said.isEmpty()) "" else Json.text(said)

    fun options(said: EventOptions?): NativeOptions? = said?.run {
        NativeOptions(json(context), userId?.let(::text), anonymousId?.let(::text), timestamp?.time, messageId?.let(::text))
    }
}
