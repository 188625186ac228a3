import Foundation
import SillageFFI
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// What a session of the system's does for us: no redirect is followed, no more of an answer is read than the
/// core looks at, and of every failure is said whether the request may have arrived.
class Exchanges: NSObject, URLSessionDataDelegate {
    /// Bytes of an answer that are read.
    static let answerBytesMax = 256 * 1_024

    private struct Exchange {
        let done: @Sendable (Reply) -> Void
        var body = Data()
        var isTooLong = false
        var isGivenUp = false
    }

    private let lock = NSLock()
    private var exchanges: [Int: Exchange] = [:]

    /// Begins to watch over a task, which must not have been resumed.
    func begin(_ task: URLSessionTask, done: @escaping @Sendable (Reply) -> Void) {
        locked { exchanges[task.taskIdentifier] = Exchange(done: done) }
    }

    /// Cancels a task of which no byte has left yet.
    func giveUp(_ task: URLSessionTask) {
        guard task.countOfBytesSent == 0 else { return }
        let isOut: Bool = locked {
            guard exchanges[task.taskIdentifier] != nil else { return false }
            exchanges[task.taskIdentifier]?.isGivenUp = true
            return true
        }
        if isOut { task.cancel() }
    }

    func urlSession(
        _ session: URLSession,
        task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest,
        completionHandler: @escaping (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let isTooLong: Bool = locked {
            guard var exchange = exchanges[dataTask.taskIdentifier], !exchange.isTooLong else { return false }
            exchange.body.append(data)
            exchange.isTooLong = exchange.body.count > Exchanges.answerBytesMax
            if exchange.isTooLong { exchange.body = Data() }
            exchanges[dataTask.taskIdentifier] = exchange
            return exchange.isTooLong
        }
        if isTooLong { dataTask.cancel() }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: Error?) {
        guard let exchange = locked({ exchanges.removeValue(forKey: task.taskIdentifier) }) else { return }
        exchange.done(Exchanges.reply(to: task, exchange, error))
    }

    private static func reply(to task: URLSessionTask, _ exchange: Exchange, _ error: Error?) -> Reply {
        let code = error.map { ($0 as NSError).code } ?? 0
        guard let response = task.response as? HTTPURLResponse, code != timedOut else {
            let hasLeft = task.countOfBytesSent > 0
            let isUnsent = exchange.isGivenUp || neverConnected.contains(code)
            return isUnsent && !hasLeft ? .unsent : .lost
        }
        var body = error == nil ? exchange.body : Data()
        // As long as the bound, so that the core knows that there was more.
        if exchange.isTooLong { body = Data(repeating: UInt8(ascii: " "), count: answerBytesMax) }
        return .answer(
            status: UInt16(clamping: response.statusCode),
            contentType: header("content-type", of: response),
            retryAfter: header("retry-after", of: response),
            body: body
        )
    }

    private static func header(_ name: String, of response: HTTPURLResponse) -> String {
        let field = response.allHeaderFields.first { ($0.key as? String)?.lowercased() == name }
        return field?.value as? String ?? ""
    }

    /// Failures before there was a connection, as `NSURLErrorDomain` numbers them: no good address; no host
    /// found, no connection to it, no name server; no network, none for data; TLS and its certificates.
    private static let neverConnected: Set<Int> = [
        -1_000, -1_002, -1_003, -1_004, -1_006, -1_009, -1_018, -1_019, -1_020, -1_022,
        -1_200, -1_201, -1_202, -1_203, -1_204, -1_205, -1_206,
    ]
    private static let timedOut = -1_001

    private func locked<Value>(_ work: () -> Value) -> Value {
        lock.lock()
        defer { lock.unlock() }
        return work()
    }
}
