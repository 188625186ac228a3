import Foundation
import Sillage

/// Many threads that track at once, and what became of it, as one line of JSON.
struct Burst: Encodable {
    let created: UInt64
    let acknowledged: UInt64
    let pending: UInt64
    let rejected: [String: UInt64]
    let dropped: [String: UInt64]
    let unsure: [String: UInt64]
    let signals: [String]
    /// No call of this language's face can throw.
    let threw = 0

    /// `burst:THREADS:EACH`; `nil` if it is another mode.
    static func numbers(_ mode: String) -> (threads: Int, events: Int)? {
        let parts = mode.split(separator: ":")
        guard parts.count == 3, parts[0] == "burst", let threads = Int(parts[1]), let events = Int(parts[2]) else {
            return nil
        }
        return (threads, events)
    }

    init(_ sillage: Sillage, _ heard: Heard, threads: Int, events: Int, track: @escaping (Int) -> Void) {
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            for number in 0..<events { track(thread * events + number) }
        }
        sillage.flushBlocking(timeoutMs: 60_000)
        let ledger = sillage.ledger
        sillage.shutdownBlocking(timeoutMs: 60_000)
        created = ledger.created
        acknowledged = ledger.acknowledged
        pending = ledger.pending
        rejected = ledger.rejected
        dropped = ledger.dropped
        unsure = ledger.unsure
        signals = heard.names
    }
}
