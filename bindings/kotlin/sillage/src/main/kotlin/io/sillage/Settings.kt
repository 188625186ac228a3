package io.sillage

import java.io.File
import java.util.concurrent.Executor

/** How a client is started. What is null is as the core has it; the numbers are said at each. */
open class Settings {
    /** The collector: `https://collect.example.com`. */
    var endpoint: String = "http://127.0.0.1:8080"

    /** Where events are kept until they are delivered, for this user alone. None: in memory. */
    var folder: File? = null

    /** Whether each call waits until its event survives a power cut, at most 5 s. */
    var durable: Boolean = false

    /** What the app is called: the context's `app`. */
    var app: String? = null

    /** The app's version. */
    var appVersion: String? = null

    /** Hears what happens inside, on the client's own thread. Logs what a developer must know. */
    var onSignal: (Signal) -> Unit = SignalLog(this)

    /** A batch leaves as soon as so many events wait. 20. */
    var batchEvents: Int? = null

    /** A batch leaves when its oldest event has waited so long, in ms. 30 000. */
    var batchAgeMs: Long? = null

    /** No batch holds more events. 500. */
    var batchEventsMax: Int? = null

    /** The events of a batch take no more, in bytes before compression. 475 000. */
    var batchBytesMax: Int? = null

    /** Events that may be queued. 10 000. */
    var queueEventsMax: Int? = null

    /** Bytes that may be queued. 20 MiB. */
    var queueBytesMax: Int? = null

    /** Age at which a queued event is given up, in ms. 30 days. */
    var queueAgeMaxMs: Long? = null

    /** Events that may wait in memory for storage or consent. 1 000. */
    var waitingEventsMax: Int? = null

    /** Bytes that may wait in memory for storage or consent. 1 MiB. */
    var waitingBytesMax: Int? = null

    /** Unanswered batches while the app is left. 4. */
    var leavingBatchesMax: Int? = null

    /** Inactivity that ends a session, in ms. 30 min. */
    var sessionIdleMs: Long? = null

    /** Length that ends a session, in ms. 24 h. */
    var sessionMaxMs: Long? = null

    /** Names of events that are dropped last when the queue is full. Segment's conversions. */
    var eventsKeptLongest: List<String>? = null

    /** Names of events that are dropped first when the queue is full. Heartbeats. */
    var eventsDroppedFirst: List<String>? = null

    /** Shares of events that are kept, 0 to 1, by name. Others are all kept. */
    var sampling: Map<String, Double>? = null

    /** Consent categories that every event needs. None. */
    var consentRequired: List<String>? = null

    /** Categories that events of these names need instead; an empty list exempts a name. */
    var consentByEvent: Map<String, List<String>>? = null

    /** What Global Privacy Control means. [PrivacySignal.RECORD]. */
    var gpc: PrivacySignal? = null

    /** What Do Not Track means. [PrivacySignal.IGNORE]. */
    var dnt: PrivacySignal? = null

    /** As the property, for callers from Java. */
    fun onSignal(listener: SignalListener) {
        onSignal = listener::heard
    }

    /** What carries batches to the collector. `HttpURLConnection`. */
    @HostApi
    var network: Network = UrlNetwork()

    /** What the library calls itself: the context's `library`, and the `User-Agent`. */
    @HostApi
    var library: String = "sillage-kotlin"

    /** Its version. */
    @HostApi
    var libraryVersion: String = VERSION

    /** Laid over the context that events share by default: `os`, `locale`, `timezone`; its `app` under [app]. */
    @HostApi
    var platform: Map<String, Any?> = emptyMap()

    /** Tracks what comes before all that waits for the start, in the thread of [startOn]. */
    @HostApi
    var first: ((track: (event: String, properties: Map<String, Any?>) -> Unit) -> Unit)? = null

    /**
     * Where the native library is loaded and the client is started, if not in the caller's thread. Then `init` returns
     * at once; up to 1 000 calls wait for the start, with their own times, and what waits itself waits for it, too.
     */
    @HostApi
    var startOn: Executor? = null

    /** Where the client logs. `java.util.logging`, logger `io.sillage`. */
    @HostApi
    var log: (line: String, why: Throwable?) -> Unit = SystemLog
}

/** What is done about a privacy signal. */
enum class PrivacySignal {
    /** Nothing. */
    IGNORE,

    /** The context says so. */
    RECORD,

    /** Nothing is collected. */
    DENY,
}
