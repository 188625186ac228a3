import Foundation
@testable import Sillage

/// Hears signals, from any thread.
final class Ear: @unchecked Sendable {
    private let lock = NSLock()
    private var signals: [Sillage.Signal] = []

    func hear(_ signal: Sillage.Signal) {
        lock.lock()
        defer { lock.unlock() }
        signals.append(signal)
    }

    var heard: [Sillage.Signal] {
        lock.lock()
        defer { lock.unlock() }
        return signals
    }
}

/// Files that can be read once the test says so.
final class HeldLock: StorageLock {
    private var waiting: (@Sendable () -> Void)?

    func isOpen() -> Bool { false }
    func whenOpen(_ then: @escaping @Sendable () -> Void) { waiting = then }
    func open() { waiting?() }
}

/// A folder of a test's own, which does not exist yet.
func newFolder() -> URL {
    FileManager.default.temporaryDirectory.appendingPathComponent("sillage-tests-" + UUID().uuidString)
}

extension Sillage {
    /// One of tests: in memory, and each event is a batch.
    static func test(
        _ endpoint: String,
        lock: StorageLock = NoLock(),
        ear: Ear = Ear(),
        configure: (inout Sillage.Settings) -> Void = { _ in }
    ) -> Sillage {
        var settings = Sillage.Settings()
        settings.endpoint = endpoint
        settings.folder = nil
        settings.app = "tests"
        settings.appVersion = "1.0"
        settings.batchEvents = 1
        settings.onSignal = { ear.hear($0) }
        configure(&settings)
        return Sillage(writeKey: "wk_test", settings, courier: SessionCourier(), lock: lock)
    }
}
