#if canImport(Network)
import Foundation
import Network

/// Hears from the system whether there is a network.
final class NetworkWatch: @unchecked Sendable {
    private let monitor = NWPathMonitor()
    private let queue = DispatchQueue(label: "io.sillage.network", qos: .utility)
    // A client takes a network for there until it is told otherwise. Touched on the queue alone.
    private var isThere = true

    /// Calls with each change.
    func begin(_ tell: @escaping @Sendable (Bool) -> Void) {
        monitor.pathUpdateHandler = { [weak self] path in
            self?.heard(path.status != .unsatisfied, tell)
        }
        monitor.start(queue: queue)
    }

    private func heard(_ isThereNow: Bool, _ tell: (Bool) -> Void) {
        guard isThereNow != isThere else { return }
        isThere = isThereNow
        tell(isThereNow)
    }

    deinit {
        monitor.cancel()
    }
}
#endif
