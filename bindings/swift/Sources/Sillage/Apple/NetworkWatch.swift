#if canImport(Network)
import Foundation
import Network

/// Hears from the system whether there is a network.
final class NetworkWatch: @unchecked Sendable {
    private let monitor = NWPathMonitor()
    private let queue = DispatchQueue(label: "io.sillage.network", qos: .utility)
    private let lock = NSLock()
    // A client takes a network for there until it is told otherwise.
    private var isThereNow = true

    /// As it was heard last.
    var isThere: Bool {
        lock.lock()
        defer { lock.unlock() }
        return isThereNow
    }

    /// Calls with each change.
    func begin(_ tell: @escaping @Sendable (Bool) -> Void) {
        monitor.pathUpdateHandler = { [weak self] path in
            self?.heard(path.status != .unsatisfied, tell)
        }
        monitor.start(queue: queue)
    }

    private func heard(_ isThere: Bool, _ tell: (Bool) -> Void) {
        lock.lock()
        let isChange = isThereNow != isThere
        isThereNow = isThere
        lock.unlock()
        if isChange { tell(isThere) }
    }

    deinit {
        monitor.cancel()
    }
}
#endif
