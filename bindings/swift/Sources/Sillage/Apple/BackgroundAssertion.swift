#if os(iOS) || os(tvOS) || os(visionOS)
import UIKit

/// The system's promise to let the app run for a while after it was left.
@MainActor
final class BackgroundAssertion {
    private let application: UIApplication
    private var identifier = UIBackgroundTaskIdentifier.invalid

    init(_ application: UIApplication) {
        self.application = application
        identifier = application.beginBackgroundTask(withName: "io.sillage.delivery") { [weak self] in
            self?.end()
        }
    }

    /// Does nothing the second time.
    func end() {
        guard identifier != .invalid else { return }
        application.endBackgroundTask(identifier)
        identifier = .invalid
    }
}

/// The running application.
@MainActor
enum Application {
    /// `nil` in an extension, which has none; asked for by name, since extensions may not name it.
    static var current: UIApplication? {
        let selector = NSSelectorFromString("sharedApplication")
        guard !Bundle.main.bundlePath.hasSuffix(".appex"), UIApplication.responds(to: selector) else { return nil }
        return UIApplication.perform(selector)?.takeUnretainedValue() as? UIApplication
    }
}
#endif
