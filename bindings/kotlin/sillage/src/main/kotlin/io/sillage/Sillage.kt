package io.sillage

import io.sillage.ffi.Call
import kotlinx.coroutines.flow.StateFlow

/**
 * Tracks events and delivers them to a collector.
 *
 * One is enough for a program; it may be used from any thread. No call throws: what is wrong is counted in [ledger],
 * and told to [Settings.onSignal]. No call waits for the disk or the network but those that say so.
 *
 * Property values that are no JSON become it: dates are ISO 8601 in UTC, UUIDs and all else their text, enums their
 * names, NaN and infinities null; a member that contains itself is left out.
 */
class Sillage internal constructor(private val engine: Engine) : AutoCloseable {
    /** Somebody did something: `track("Product Viewed", mapOf("price" to 80.5))`. */
    @JvmOverloads
    fun track(event: String, properties: Map<String, Any?> = emptyMap(), options: EventOptions? = null) =
        engine.track(event, properties, options)

    /** A page was viewed. */
    @JvmOverloads
    fun page(
        name: String = "",
        properties: Map<String, Any?> = emptyMap(),
        category: String = "",
        options: EventOptions? = null,
    ) = engine.call { Call.Page(it.text(name), it.text(category), it.json(properties), it.options(options)) }

    /** A screen was viewed. */
    @JvmOverloads
    fun screen(
        name: String = "",
        properties: Map<String, Any?> = emptyMap(),
        category: String = "",
        options: EventOptions? = null,
    ) = engine.call { Call.Screen(it.text(name), it.text(category), it.json(properties), it.options(options)) }

    /** Who uses this device from now on. Without [userId], [traits] are added to whoever it is. */
    @JvmOverloads
    fun identify(userId: String = "", traits: Map<String, Any?> = emptyMap(), options: EventOptions? = null) =
        engine.call { Call.Identify(it.text(userId), it.json(traits), it.options(options)) }

    /** The person belongs to a group. */
    @JvmOverloads
    fun group(groupId: String, traits: Map<String, Any?> = emptyMap(), options: EventOptions? = null) =
        engine.call { Call.Group(it.text(groupId), it.json(traits), it.options(options)) }

    /** Gives what this device did so far to [userId], who uses it from now on. */
    @JvmOverloads
    fun alias(userId: String, options: EventOptions? = null) =
        engine.call { Call.Alias(it.text(userId), it.options(options)) }

    /** The person has left: a new anonymous id, no user, a new session. */
    fun reset() = engine.call { Call.Reset }

    /** The person has chosen: granted or not, by consent category. Categories that are not named keep their answer. */
    fun consent(choices: Map<String, Boolean>) =
        engine.call { Call.Consent(choices.mapKeys { (category, _) -> it.text(category) }) }

    /** What the system says of the person's wish: Global Privacy Control, Do Not Track. */
    @JvmOverloads
    fun privacy(gpc: Boolean = false, dnt: Boolean = false) = engine.call { Call.Privacy(gpc, dnt) }

    /**
     * What all events say besides: its members are laid over what is known here (`locale`, `device`, …), but for
     * `library`, `os` and `app`, and replace those of an earlier call.
     */
    fun context(context: Map<String, Any?>) = engine.context(context)

    /** Sends everything and waits for the answers, at most [timeoutMs]. Gives how many events are still pending. */
    @JvmOverloads
    fun flush(timeoutMs: Long = 5000): Long = engine.flush(timeoutMs)

    /** As [flush], then writes the rest to disk and ends. Calls that come later do nothing. */
    @JvmOverloads
    fun shutdown(timeoutMs: Long = 5000): Long = engine.shutdown(timeoutMs)

    /** Waits until all told so far survives a power cut, at most 5 s. False: it is not known to. */
    fun waitDurable(): Boolean = engine.waitDurable()

    /** The public segments of this device, sorted, and their changes. */
    val segments: StateFlow<List<String>> get() = engine.segments

    /** The device's own id; empty until storage has been read. */
    val anonymousId: String get() = engine.anonymousId

    /** Who uses the device, or empty. */
    val userId: String get() = engine.userId

    /** What became of every event of this installation. Empty before the start and after the end. */
    val ledger: Ledger get() = engine.ledger

    /** [shutdown] with its default time. */
    override fun close() {
        shutdown()
    }

    /** Where the app stands, for what carries Sillage to a platform with a life cycle. */
    @HostApi
    fun lifecycle(state: Lifecycle) = engine.call { Call.Lifecycle(state.crossing()) }

    /** What has [changed] of [Settings.platform]. Nothing, if the app has replaced the context. */
    @HostApi
    fun platform(changed: Map<String, Any?>) = engine.platform(changed)

    companion object {
        /**
         * Starts a client for the project of [writeKey]: `Sillage.init("wk_shop") { endpoint = "https://…" }`.
         * Waits for what is on disk, at most 250 ms. If it cannot start, tracking does nothing and says so once.
         */
        @JvmStatic
        @JvmOverloads
        fun init(writeKey: String, configure: Settings.() -> Unit = {}): Sillage =
            Sillage(Engine.start(writeKey, configure))

        /** As above, for callers from Java. */
        @JvmStatic
        fun init(writeKey: String, settings: Settings): Sillage = Sillage(Engine.start(writeKey, settings))
    }
}
