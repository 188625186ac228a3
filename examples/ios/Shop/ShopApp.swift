import Sillage
import SwiftUI

@main
struct ShopApp: App {
    @UIApplicationDelegateAdaptor(AppDelegate.self) private var delegate
    @StateObject private var cart = Cart(sillage: Tracking.sillage)
    @StateObject private var visitor = Visitor(sillage: Tracking.sillage)

    var body: some Scene {
        WindowGroup {
            TabView {
                NavigationStack { CatalogView() }
                    .tabItem { Label("Shop", systemImage: "bag") }
                NavigationStack { CartView() }
                    .tabItem { Label("Cart", systemImage: "cart") }
                    .badge(cart.count)
            }
            .environmentObject(cart)
            .environmentObject(visitor)
            .sillage(Tracking.sillage)
        }
    }
}

/// The system hands uploads back here that ended while the app was gone.
final class AppDelegate: NSObject, UIApplicationDelegate {
    func application(
        _ application: UIApplication,
        didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]? = nil
    ) -> Bool {
        // Before the first view: a start in the background has none.
        _ = Tracking.sillage
        return true
    }

    func application(
        _ application: UIApplication,
        handleEventsForBackgroundURLSession identifier: String,
        completionHandler: @escaping () -> Void
    ) {
        Sillage.handleEventsForBackgroundURLSession(identifier, completionHandler: completionHandler)
    }
}
