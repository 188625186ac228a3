#if os(iOS) || os(tvOS) || os(visionOS)
import Foundation
import SillageFFI

/// Sends with the app's own session while it is used, and with the system's when it is left, if that is wanted.
final class DeviceCourier: Courier {
    private let presence: Presence
    private let front = SessionCourier()
    private let behind: BackgroundCourier?

    init(presence: Presence, behind: BackgroundCourier?) {
        self.presence = presence
        self.behind = behind
    }

    func send(_ parcel: Parcel, done: @escaping @Sendable (Reply) -> Void) {
        if presence.isLeft, let behind = behind, behind.take(parcel, done: done) { return }
        front.send(parcel, done: done)
    }

    func end() {
        front.end()
        behind?.end()
    }
}
#endif
