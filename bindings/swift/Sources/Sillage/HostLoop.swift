import Foundation
import SillageFFI

/// The one thread that asks a client what there is to do. It ends with the client and keeps no process alive.
final class HostLoop: @unchecked Sendable {
    /// Longer than any wait of its own; a task wakes it.
    private static let waitMs: UInt64 = 60_000

    private let client: Client
    private let courier: Courier
    private let listeners: Listeners
    private let onSignal: @Sendable (Sillage.Signal) -> Void

    init(
        client: Client,
        courier: Courier,
        listeners: Listeners,
        onSignal: @escaping @Sendable (Sillage.Signal) -> Void
    ) {
        self.client = client
        self.courier = courier
        self.listeners = listeners
        self.onSignal = onSignal
    }

    func begin() {
        let thread = Thread { self.run() }
        thread.name = "sillage-host"
        #if canImport(Darwin)
        thread.qualityOfService = .utility
        #endif
        thread.start()
    }

    private func run() {
        var goesOn = true
        while goesOn {
            #if canImport(Darwin)
            autoreleasepool { goesOn = self.turn() }
            #else
            goesOn = turn()
            #endif
        }
        courier.end()
        listeners.end()
    }

    /// False: the client has ended.
    private func turn() -> Bool {
        switch client.nextTask(waitMs: HostLoop.waitMs) {
        case .upload(let id, let url, let headers, let body):
            upload(id, Parcel(id: id, url: url, headers: headers, body: body))
        case .segments(let segments):
            listeners.tell(segments)
        case .told(let signal):
            onSignal(Boundary.signal(signal))
        case .nothing:
            break
        case .ended:
            return false
        }
        return true
    }

    private func upload(_ id: UInt64, _ parcel: Parcel?) {
        let client = self.client
        guard let parcel = parcel else { return client.uploadDone(id: id, reply: .unsent) }
        courier.send(parcel) { reply in client.uploadDone(id: id, reply: reply) }
    }
}
