import Foundation

/// Who hears of changed segments.
final class Listeners: @unchecked Sendable {
    private let lock = NSLock()
    private var heard: [Int: AsyncStream<[String]>.Continuation] = [:]
    private var lastNumber = 0
    private var isOver = false

    /// What is known now, then each change. Who is slow misses what is no longer so.
    func stream(now: @escaping () -> [String]) -> AsyncStream<[String]> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            guard let number = self.add(continuation) else {
                continuation.yield(now())
                return continuation.finish()
            }
            continuation.onTermination = { [weak self] _ in self?.remove(number) }
            continuation.yield(now())
        }
    }

    func tell(_ segments: [String]) {
        for continuation in locked({ Array(heard.values) }) {
            continuation.yield(segments)
        }
    }

    /// Nothing changes any more.
    func end() {
        let left: [AsyncStream<[String]>.Continuation] = locked {
            isOver = true
            defer { heard = [:] }
            return Array(heard.values)
        }
        for continuation in left {
            continuation.finish()
        }
    }

    private func add(_ continuation: AsyncStream<[String]>.Continuation) -> Int? {
        locked {
            guard !isOver else { return nil }
            lastNumber += 1
            heard[lastNumber] = continuation
            return lastNumber
        }
    }

    private func remove(_ number: Int) {
        locked { _ = heard.removeValue(forKey: number) }
    }

    private func locked<Value>(_ work: () -> Value) -> Value {
        lock.lock()
        defer { lock.unlock() }
        return work()
    }
}
