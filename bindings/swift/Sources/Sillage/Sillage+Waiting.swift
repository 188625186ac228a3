import Foundation

/// The calls that wait. Each has a face for `async` code, which holds up no thread of Swift's, and one that
/// blocks the thread it is called on.
extension Sillage {
    /// Sends everything and waits for the answers, at most so long; gives the number still pending.
    @discardableResult
    public func flush(timeoutMs: Int = 5000) async -> UInt64 {
        await apart { $0.flushBlocking(timeoutMs: timeoutMs) }
    }

    /// As `flush`, writes the rest to disk and ends. Calls that come later do nothing.
    @discardableResult
    public func shutdown(timeoutMs: Int = 5000) async -> UInt64 {
        await apart { $0.shutdownBlocking(timeoutMs: timeoutMs) }
    }

    /// Waits until all that was told so far survives a power cut, at most 5 s. False: it is not known to.
    @discardableResult
    public func waitDurable() async -> Bool {
        await apart { $0.waitDurableBlocking() }
    }

    /// As `flush`, on this thread.
    @discardableResult
    public func flushBlocking(timeoutMs: Int = 5000) -> UInt64 {
        engine.flush(timeoutMs: UInt64(clamping: timeoutMs))
    }

    /// As `shutdown`, on this thread.
    @discardableResult
    public func shutdownBlocking(timeoutMs: Int = 5000) -> UInt64 {
        engine.shutdown(timeoutMs: UInt64(clamping: timeoutMs))
    }

    /// As `waitDurable`, on this thread.
    @discardableResult
    public func waitDurableBlocking() -> Bool {
        engine.client?.waitDurable() ?? false
    }

    private func apart<Value: Sendable>(_ work: @escaping @Sendable (Sillage) -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            DispatchQueue.global(qos: .utility).async { continuation.resume(returning: work(self)) }
        }
    }
}
