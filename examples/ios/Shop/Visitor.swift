import Foundation
import Sillage

/// What is known of the person: their choice, and the segments that they are in.
@MainActor
final class Visitor: ObservableObject {
    @Published private(set) var segments: [String] = []
    @Published private(set) var isTracked: Bool

    private let sillage: Sillage
    private static let chosen = "tracking.chosen"

    init(sillage: Sillage) {
        self.sillage = sillage
        isTracked = UserDefaults.standard.bool(forKey: Visitor.chosen)
    }

    /// The client remembers the choice as well; the app keeps it to show it.
    func choose(_ isTracked: Bool) {
        self.isTracked = isTracked
        UserDefaults.standard.set(isTracked, forKey: Visitor.chosen)
        sillage.consent([Tracking.category: isTracked])
    }

    /// Follows the segments for as long as a view wants to show them.
    func follow() async {
        for await now in sillage.segmentChanges {
            segments = now
        }
    }
}
