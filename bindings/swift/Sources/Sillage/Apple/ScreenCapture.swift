#if os(iOS) || os(tvOS) || os(visionOS)
import ObjectiveC
import UIKit

/// Tracks the app's own view controllers as screens when they appear. Containers, the system's controllers and
/// those inside of others are no screens; SwiftUI's have no name and are told with `trackScreen`.
enum ScreenCapture {
    private final class Listener {
        weak var sillage: Sillage?
        init(_ sillage: Sillage) { self.sillage = sillage }
    }

    private static let lock = NSLock()
    private static var listeners: [Listener] = []

    /// Done once, by the rules for such things: when it is first asked for.
    private static let isInstalled: Bool = {
        let type: AnyClass = UIViewController.self
        let (theirName, ourName) = (
            #selector(UIViewController.viewDidAppear(_:)), #selector(UIViewController.sillage_viewDidAppear(_:))
        )
        guard
            let original = class_getInstanceMethod(type, theirName),
            let ours = class_getInstanceMethod(type, ourName)
        else { return false }
        method_exchangeImplementations(original, ours)
        return true
    }()

    static func add(_ sillage: Sillage) {
        guard isInstalled else { return }
        lock.lock()
        defer { lock.unlock() }
        listeners.removeAll { $0.sillage == nil }
        listeners.append(Listener(sillage))
    }

    @MainActor
    static func appeared(_ controller: UIViewController) {
        guard let screen = name(of: controller) else { return }
        lock.lock()
        let heard = listeners.compactMap { $0.sillage }
        lock.unlock()
        for sillage in heard {
            sillage.screen(screen)
        }
    }

    /// The class's own, without what all of them end with.
    @MainActor
    static func name(of controller: UIViewController) -> String? {
        let type = Swift.type(of: controller)
        guard !isContainer(controller), Bundle(for: type).bundlePath.hasPrefix(Bundle.main.bundlePath) else {
            return nil
        }
        if let parent = controller.parent, !isContainer(parent) { return nil }
        let name = String(describing: type)
        guard !name.contains("HostingController") else { return nil }
        for ending in ["ViewController", "Controller"] where name.hasSuffix(ending) && name != ending {
            return String(name.dropLast(ending.count))
        }
        return name
    }

    @MainActor
    private static func isContainer(_ controller: UIViewController) -> Bool {
        controller is UINavigationController || controller is UITabBarController
            || controller is UISplitViewController || controller is UIPageViewController
    }
}

extension UIViewController {
    /// After the exchange this name stands for the system's own.
    @objc fileprivate dynamic func sillage_viewDidAppear(_ animated: Bool) {
        sillage_viewDidAppear(animated)
        ScreenCapture.appeared(self)
    }
}
#endif
