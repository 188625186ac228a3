#if canImport(Darwin) && !os(macOS)
import Foundation
#if os(iOS) || os(tvOS) || os(visionOS)
import UIKit
#endif

/// Of a device whose files cannot be read before its first unlock after a restart. Until then nothing is made
/// anew, above all no other anonymous id.
final class FirstUnlock: StorageLock, @unchecked Sendable {
    /// Between two looks, in seconds. The system tells apps, too, but not extensions.
    private static let interval: TimeInterval = 5

    private let folder: URL
    private let lock = NSLock()
    private var waiting: (@Sendable () -> Void)?
    private var observers: [NSObjectProtocol] = []

    init(folder: URL) {
        self.folder = folder
    }

    func isOpen() -> Bool {
        Folder.prepare(folder)
        return StorageProbe.isReadable(folder)
    }

    func whenOpen(_ then: @escaping @Sendable () -> Void) {
        lock.lock()
        waiting = then
        lock.unlock()
        #if os(iOS) || os(tvOS) || os(visionOS)
        // Neither happens before the first unlock.
        let proofs = [
            UIApplication.protectedDataDidBecomeAvailableNotification, UIApplication.didBecomeActiveNotification,
        ]
        observers = proofs.map { name in
            NotificationCenter.default.addObserver(forName: name, object: nil, queue: nil) { [weak self] _ in
                self?.open()
            }
        }
        #endif
        lookLater()
    }

    private func lookLater() {
        DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + FirstUnlock.interval) { [weak self] in
            guard let self = self else { return }
            if self.isOpen() { self.open() } else { self.lookLater() }
        }
    }

    private func open() {
        lock.lock()
        let then = waiting
        waiting = nil
        lock.unlock()
        // Whoever told it is not made to wait for the disk.
        if let then = then { DispatchQueue.global(qos: .userInitiated).async(execute: then) }
    }

    deinit {
        for observer in observers {
            NotificationCenter.default.removeObserver(observer)
        }
    }
}
#endif
