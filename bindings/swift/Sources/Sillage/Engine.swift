import Foundation
import SillageFFI

/// The native client, from before it can be started until after its end. Until the app's storage can be read
/// calls wait here, with their own times; a client that cannot be started is none, and says so once.
final class Engine: @unchecked Sendable {
    private enum State {
        case waiting(Waiting)
        case running(Client)
        case over
    }

    let listeners = Listeners()
    private let onSignal: @Sendable (Sillage.Signal) -> Void
    private let courier: Courier
    private let makeClient: () throws -> Client
    private let lock = NSLock()
    private var state = State.waiting(Waiting())
    private var isStarting = false
    private var last = Sillage.Ledger()

    init(
        courier: Courier,
        onSignal: @escaping @Sendable (Sillage.Signal) -> Void,
        makeClient: @escaping () throws -> Client
    ) {
        self.courier = courier
        self.onSignal = onSignal
        self.makeClient = makeClient
    }

    /// The client, while there is one.
    var client: Client? {
        locked {
            if case .running(let client) = state { return client }
            return nil
        }
    }

    /// Starts the client and gives it what has waited. Waits for what is on disk, at most 250 ms. Does
    /// nothing the second time.
    func start() {
        let isFirst: Bool = locked {
            guard case .waiting = state, !isStarting else { return false }
            isStarting = true
            return true
        }
        guard isFirst else { return }
        do {
            take(try makeClient())
        } catch {
            locked { state = .over }
            Log.line("nothing is tracked: \(reason(of: error))")
            onSignal(.disabled)
            courier.end()
            listeners.end()
        }
    }

    /// Takes a call of the app.
    func tell(_ call: Call) {
        if let client = running(orKeep: { call }) { client.call(call: call) }
    }

    /// A named event without options, at the least cost.
    func track(event: String, properties: String) {
        let kept = { Call.track(event: event, properties: properties, options: nil) }
        if let client = running(orKeep: kept) { client.track(event: event, properties: properties) }
    }

    /// Sends everything and waits, at most so long (ms); gives what is not delivered.
    func flush(timeoutMs: UInt64) -> UInt64 {
        client?.flush(timeoutMs: timeoutMs) ?? waitingEvents
    }

    /// As `flush`, and ends.
    func shutdown(timeoutMs: UInt64) -> UInt64 {
        let (client, lost) = locked { () -> (Client?, UInt64) in
            defer { state = .over }
            switch state {
            case .running(let client): return (client, 0)
            case .waiting(let waiting): return (nil, waiting.events)
            case .over: return (nil, 0)
            }
        }
        if let client = client { return end(client, timeoutMs) }
        courier.end()
        listeners.end()
        if lost > 0 { onSignal(.dropped(reason: "unwritten", count: Int(clamping: lost))) }
        return 0
    }

    /// What became of every event; after the end as it was last.
    var ledger: Sillage.Ledger {
        let (client, last) = locked { () -> (Client?, Sillage.Ledger) in
            if case .running(let client) = state { return (client, self.last) }
            return (nil, self.last)
        }
        return client.map { Boundary.ledger($0.ledger()) } ?? last
    }

    private func end(_ client: Client, _ timeoutMs: UInt64) -> UInt64 {
        let left = client.shutdown(timeoutMs: timeoutMs)
        let ledger = Boundary.ledger(client.ledger())
        locked { last = ledger }
        return left
    }

    /// Events that wait for the client.
    private var waitingEvents: UInt64 {
        locked {
            if case .waiting(let waiting) = state { return waiting.events }
            return 0
        }
    }

    private func running(orKeep call: () -> Call) -> Client? {
        var isKept = true
        let client: Client? = locked {
            switch state {
            case .running(let client):
                return client
            case .waiting(var waiting):
                // Not held twice while it grows.
                state = .over
                isKept = waiting.keep(call(), atMs: ISO8601.milliseconds(Date()))
                state = .waiting(waiting)
                return nil
            case .over:
                return nil
            }
        }
        if !isKept { onSignal(.dropped(reason: "waiting_full", count: 1)) }
        return client
    }

    private func take(_ client: Client) {
        let isWanted: Bool = locked {
            guard case .waiting(let waiting) = state else { return false }
            for call in waiting.calls { client.call(call: call) }
            state = .running(client)
            return true
        }
        HostLoop(client: client, courier: courier, listeners: listeners, onSignal: onSignal).begin()
        // Ended before it was there.
        if !isWanted { _ = client.shutdown(timeoutMs: 0) }
    }

    private func reason(of error: Error) -> String {
        guard let known = error as? SillageError else { return String(describing: error) }
        switch known {
        case .Endpoint(let reason), .System(let reason), .Argument(let reason), .Host(let reason):
            return reason
        }
    }

    private func locked<Value>(_ work: () -> Value) -> Value {
        lock.lock()
        defer { lock.unlock() }
        return work()
    }

    deinit {
        guard case .running(let client) = state else { return }
        // Who lets go of it does not wait for the disk.
        DispatchQueue.global(qos: .utility).async { _ = client.shutdown(timeoutMs: 0) }
    }
}
