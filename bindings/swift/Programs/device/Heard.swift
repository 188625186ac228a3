import Foundation
import Sillage

/// The names of the signals that were heard, each once.
final class Heard: @unchecked Sendable {
    private let lock = NSLock()
    private var found: Set<String> = []

    var names: [String] {
        lock.lock()
        defer { lock.unlock() }
        return found.sorted()
    }

    func hear(_ signal: Sillage.Signal) {
        lock.lock()
        defer { lock.unlock() }
        found.insert(Heard.name(signal))
    }

    private static func name(_ signal: Sillage.Signal) -> String {
        switch signal {
        case .delivered: return "delivered"
        case .rejected: return "rejected"
        case .dropped: return "dropped"
        case .foreignAnswer: return "foreignAnswer"
        case .held: return "held"
        case .stopped: return "stopped"
        case .storageFailed: return "storageFailed"
        case .disabled: return "disabled"
        }
    }
}
