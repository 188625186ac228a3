extension Sillage {
    /// Something that happened inside. Nothing needs to be done about it.
    public enum Signal: Equatable, Sendable {
        /// A collector has settled so many events: accepted, or known before.
        case delivered(count: Int)
        /// A collector has refused an event for the reason `code`; it can be found among the dead letters there.
        /// `seq` is its number in this installation.
        case rejected(seq: UInt64, code: String)
        /// Events were given up, and are counted.
        case dropped(reason: String, count: Int)
        /// Something answered that is no collector: a captive portal, a proxy.
        case foreignAnswer(status: Int)
        /// The collector does not want this client for now: look at key and address.
        case held(status: Int)
        /// The collector wants nothing more of this process.
        case stopped
        /// Events could not be written; they are kept in memory, delivered, and written once they can be.
        case storageFailed(detail: String)
        /// Nothing is tracked any more: a defect was met inside, or the settings cannot be used.
        case disabled
    }

    /// What became of every event of an installation: created = acknowledged + rejected + dropped + unsure +
    /// pending, at every moment.
    public struct Ledger: Equatable, Sendable {
        /// Events created, dropped ones included.
        public var created: UInt64 = 0
        /// Known to be accepted, or to have been before.
        public var acknowledged: UInt64 = 0
        /// Known to be refused, by the collector's code.
        public var rejected: [String: UInt64] = [:]
        /// Given up, and certainly never arrived, by reason.
        public var dropped: [String: UInt64] = [:]
        /// Given up after a try whose answer never came, by reason: they may have arrived.
        public var unsure: [String: UInt64] = [:]
        /// Queued.
        public var pending: UInt64 = 0

        /// Of an installation that has created nothing.
        public init() {}
    }
}
