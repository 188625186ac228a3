import Foundation

extension Sillage {
    /// What differs from the defaults. Each of the core's own settings is `nil` for its default, which stands
    /// behind its description.
    public struct Settings {
        /// The collector: `https://collect.example.com`, with a path in front of `/v1` if a proxy has one.
        public var endpoint: String = "http://127.0.0.1:8080"

        /// Events are kept here until they are delivered; `nil` keeps them in memory, where they die with the
        /// process. Nobody but the client may write into it. On a device it is the app's own, in Application
        /// Support, left out of backups and readable from the first unlock on; elsewhere it is `nil`.
        ///
        /// A folder that apps share (an app group) is no good place: the system ends an app that is suspended
        /// while it holds a lock there.
        public var folder: URL? = Folder.ofThisApp

        /// Whether each call waits until its event survives a power cut, at most 5 s.
        public var durable: Bool = false

        /// What the app is called: the context's `app`. On a device the bundle's own name, elsewhere `nil`.
        public var app: String? = ThisApp.name

        /// The app's version. On a device the bundle's own, elsewhere `nil`.
        public var appVersion: String? = ThisApp.version

        /// Hears what happens inside, on a thread of the client; keep it short. It logs what a developer must
        /// know unless it is replaced.
        public var onSignal: @Sendable (Signal) -> Void = Log.signal

        /// Whether what is sent while the app is left may finish after the app is suspended, in a session of the
        /// system. `Sillage.handleEventsForBackgroundURLSession` must be called then. Redirects, which the client
        /// never follows, are followed by such sessions. iOS, tvOS and visionOS.
        public var backgroundUploads: Bool = false

        /// Whether the app's own view controllers are tracked as screens when they appear. iOS, tvOS and visionOS.
        public var trackScreens: Bool = false

        /// A batch leaves as soon as so many events wait. 20.
        public var batchEvents: Int?
        /// A batch leaves when its oldest event has waited so long, in ms. 30 000.
        public var batchAgeMs: Int?
        /// No batch holds more events. 500.
        public var batchEventsMax: Int?
        /// The events of a batch take no more, in bytes before compression. 475 000.
        public var batchBytesMax: Int?
        /// Events that may be queued. 10 000.
        public var queueEventsMax: Int?
        /// Bytes that may be queued. 20 MiB.
        public var queueBytesMax: Int?
        /// Age at which a queued event is given up, in ms. 30 days.
        public var queueAgeMaxMs: Int?
        /// Events that may wait in memory for storage or consent. 1 000.
        public var waitingEventsMax: Int?
        /// Bytes that may wait in memory for storage or consent. 1 MiB.
        public var waitingBytesMax: Int?
        /// Unanswered batches while the app is left. 4.
        public var leavingBatchesMax: Int?
        /// Inactivity that ends a session, in ms. 30 min.
        public var sessionIdleMs: Int?
        /// Length that ends a session, in ms. 24 h.
        public var sessionMaxMs: Int?
        /// Names of events that are dropped last when the queue is full. Segment's conversions.
        public var eventsKeptLongest: [String]?
        /// Names of events that are dropped first when the queue is full. Heartbeats.
        public var eventsDroppedFirst: [String]?
        /// Shares of events that are kept, 0 to 1, by the events' name. Others are all kept.
        public var sampling: [String: Double]?
        /// Consent categories that every event needs. None.
        public var consentRequired: [String]?
        /// Events that need other categories, by their name; an empty list exempts a name.
        public var consentByEvent: [String: [String]]?
        /// What Global Privacy Control means. `.record`.
        public var gpc: PrivacySignal?
        /// What Do Not Track means. `.ignore`.
        public var dnt: PrivacySignal?

        /// The defaults.
        public init() {}
    }

    /// What is done about a privacy signal.
    public enum PrivacySignal: Sendable {
        /// Nothing.
        case ignore
        /// The context says so.
        case record
        /// Nothing is collected.
        case deny
    }
}
