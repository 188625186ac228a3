import Foundation
import SillageFFI
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Sends with a session of its own, which keeps nothing: no cookies, no cache, no credentials.
final class SessionCourier: Courier {
    /// Time to a connection, in seconds. Longer waits than this end in success for few.
    static let connectTimeout: TimeInterval = 10

    /// Time for a whole exchange, in seconds. Less than the 90 after which the core stops waiting.
    static let exchangeTimeout: TimeInterval = 40

    private let exchanges = Exchanges()
    private let session: URLSession
    private let lock = NSLock()
    private var isOver = false

    init(configuration: URLSessionConfiguration = SessionCourier.configuration()) {
        session = URLSession(configuration: configuration, delegate: exchanges, delegateQueue: nil)
    }

    static func configuration() -> URLSessionConfiguration {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = exchangeTimeout
        configuration.timeoutIntervalForResource = exchangeTimeout
        configuration.httpCookieStorage = nil
        configuration.httpShouldSetCookies = false
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        // As many as leave at once.
        configuration.httpMaximumConnectionsPerHost = 4
        return configuration
    }

    func send(_ parcel: Parcel, done: @escaping @Sendable (Reply) -> Void) {
        guard let task = newTask(parcel) else { return done(.unsent) }
        exchanges.begin(task, done: done)
        task.resume()
        #if canImport(Darwin)
        // Elsewhere bytes are not counted before an answer comes, and a slow one would be taken for none.
        let exchanges = self.exchanges
        DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + SessionCourier.connectTimeout) {
            exchanges.giveUp(task)
        }
        #endif
    }

    func end() {
        lock.lock()
        defer { lock.unlock() }
        isOver = true
        session.invalidateAndCancel()
    }

    /// `nil` after the end: a session that has ended throws at whoever asks it for a task.
    private func newTask(_ parcel: Parcel) -> URLSessionTask? {
        lock.lock()
        defer { lock.unlock() }
        return isOver ? nil : session.uploadTask(with: parcel.request, from: parcel.body)
    }
}
