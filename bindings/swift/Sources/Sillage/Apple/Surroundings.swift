#if canImport(Darwin)
import Foundation
import SillageFFI

/// What a device brings to a client: its network and whether there is one, when its files can be read, and
/// where the app stands.
final class Surroundings {
    let courier: Courier
    let lock: StorageLock
    private let presence = Presence()
    private let network = NetworkWatch()
    private var life: AppLife?

    init(writeKey: String, _ settings: Sillage.Settings) {
        #if os(macOS)
        lock = NoLock()
        courier = SessionCourier()
        #else
        if let folder = settings.folder {
            lock = FirstUnlock(folder: folder)
        } else {
            lock = NoLock()
        }
        #if os(watchOS)
        courier = SessionCourier()
        #else
        let behind = settings.backgroundUploads ? BackgroundCourier(writeKey: writeKey) : nil
        courier = DeviceCourier(presence: presence, behind: behind)
        #endif
        #endif
    }

    /// Tells the client from now on where the app and the network stand. Holds neither.
    func begin(for sillage: Sillage) {
        let engine = sillage.engine
        network.begin { [weak engine] isThere in
            engine?.tell(.lifecycle(state: isThere ? .online : .offline))
        }
        life = AppLife(engine: engine, presence: presence, network: network)
        #if os(iOS) || os(tvOS) || os(visionOS)
        if sillage.settings.trackScreens { ScreenCapture.add(sillage) }
        #endif
    }
}

/// Whether the app is left, as it was told last.
final class Presence: @unchecked Sendable {
    private let lock = NSLock()
    private var left = false

    var isLeft: Bool {
        lock.lock()
        defer { lock.unlock() }
        return left
    }

    /// Whether that is a change.
    func set(isLeft: Bool) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        let isChange = left != isLeft
        left = isLeft
        return isChange
    }
}
#endif
