#if canImport(SwiftUI)
import SwiftUI

extension View {
    /// Tracks a screen each time this view appears, with the client that `sillage(_:)` gave to a view around it.
    public func trackScreen(
        _ name: String,
        properties: [String: Any?]? = nil,
        category: String = ""
    ) -> some View {
        modifier(TrackScreen(name: name, properties: properties, category: category))
    }

    /// Gives a client to this view and all in it.
    public func sillage(_ sillage: Sillage) -> some View {
        environment(\.sillage, sillage)
    }
}

extension EnvironmentValues {
    /// The client that was given to a view around.
    public var sillage: Sillage? {
        get { self[SillageKey.self] }
        set { self[SillageKey.self] = newValue }
    }
}

private struct SillageKey: EnvironmentKey {
    static let defaultValue: Sillage? = nil
}

private struct TrackScreen: ViewModifier {
    let name: String
    let properties: [String: Any?]?
    let category: String
    @Environment(\.sillage) private var sillage: Sillage?

    func body(content: Content) -> some View {
        content.onAppear {
            guard let sillage = sillage else {
                return Log.line("`trackScreen(\"\(name)\")` has no client: give one with `.sillage(…)` around it")
            }
            sillage.screen(name, properties: properties, category: category)
        }
    }
}
#endif
