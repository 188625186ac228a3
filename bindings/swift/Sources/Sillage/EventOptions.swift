import Foundation

extension Sillage {
    /// What can be said of one event, besides what it is.
    public struct EventOptions {
        /// Laid over the context that all events share, member by member.
        public var context: [String: Any?]?
        /// The event is about this person and not about this device's. With `anonymousId`: one of both, or both,
        /// as a server has it that speaks of many.
        public var userId: String?
        /// As `userId`.
        public var anonymousId: String?
        /// When it happened, by the device's clock. `nil`: now.
        public var timestamp: Date?
        /// An id made by the caller: the same event told twice counts once. `nil`: one is made.
        public var messageId: UUID?

        /// Says what is given.
        public init(
            context: [String: Any?]? = nil,
            userId: String? = nil,
            anonymousId: String? = nil,
            timestamp: Date? = nil,
            messageId: UUID? = nil
        ) {
            self.context = context
            self.userId = userId
            self.anonymousId = anonymousId
            self.timestamp = timestamp
            self.messageId = messageId
        }
    }
}
