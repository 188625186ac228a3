#if canImport(Darwin)
import Foundation
import SillageFFI
#if os(macOS)
import AppKit
#elseif os(watchOS)
import WatchKit
#else
import UIKit
#endif

/// Tells the client where the app stands, as the system tells the app. What waits is sent when the app is left,
/// under an assertion that keeps it running for so long as the system allows.
final class AppLife: NSObject {
    private weak var engine: Engine?
    private let presence: Presence
    private let network: NetworkWatch

    init(engine: Engine, presence: Presence, network: NetworkWatch) {
        self.engine = engine
        self.presence = presence
        self.network = network
        super.init()
        #if os(macOS)
        hear(NSApplication.didBecomeActiveNotification, #selector(came))
        hear(NSApplication.didResignActiveNotification, #selector(appLeft))
        hear(NSApplication.willTerminateNotification, #selector(ending))
        #elseif os(watchOS)
        if #available(watchOS 7.0, *) {
            hear(WKExtension.applicationWillEnterForegroundNotification, #selector(came))
            hear(WKExtension.applicationDidBecomeActiveNotification, #selector(came))
            hear(WKExtension.applicationDidEnterBackgroundNotification, #selector(appLeft))
        }
        #else
        hear(UIApplication.willEnterForegroundNotification, #selector(came))
        hear(UIApplication.didBecomeActiveNotification, #selector(came))
        hear(UIScene.willEnterForegroundNotification, #selector(came))
        hear(UIScene.didActivateNotification, #selector(came))
        hear(UIApplication.didEnterBackgroundNotification, #selector(appLeft))
        hear(UIScene.didEnterBackgroundNotification, #selector(sceneLeft))
        hear(UIApplication.willTerminateNotification, #selector(ending))
        DispatchQueue.main.async { [weak self] in self?.look() }
        #endif
    }

    private func hear(_ name: Notification.Name, _ selector: Selector) {
        NotificationCenter.default.addObserver(self, selector: selector, name: name, object: nil)
    }

    @MainActor @objc private func came() {
        tell(isLeft: false)
    }

    @MainActor @objc private func appLeft() {
        tell(isLeft: true)
    }

    /// The next start sends what is left; it must be there.
    @MainActor @objc private func ending() {
        tell(isLeft: true)
        _ = engine?.client?.waitDurable()
    }

    @MainActor private func tell(isLeft: Bool) {
        guard presence.set(isLeft: isLeft), let engine = engine else { return }
        #if os(iOS) || os(tvOS) || os(visionOS)
        if isLeft { finish(engine) }
        #endif
        engine.tell(.lifecycle(state: isLeft ? .background : .foreground))
    }

    #if os(iOS) || os(tvOS) || os(visionOS)
    /// One of several scenes may have been left, and others not.
    @MainActor @objc private func sceneLeft() {
        let scenes = Application.current?.connectedScenes ?? []
        let isInFront = scenes.contains { scene in
            scene.activationState == .foregroundActive || scene.activationState == .foregroundInactive
        }
        if !isInFront { tell(isLeft: true) }
    }

    /// An app may be started without being seen: by a push, a place, a finished upload.
    @MainActor private func look() {
        if Application.current?.applicationState == .background { tell(isLeft: true) }
    }

    /// Keeps the app running until what is on its way and what waits is answered, or the system wants it to end.
    /// What is not answered by then is on disk.
    @MainActor private func finish(_ engine: Engine) {
        guard let application = Application.current else { return }
        let assertion = BackgroundAssertion(application)
        // The system gives some 30 s, which cost battery: without a network they would be for nothing.
        let patienceMs: UInt64 = network.isThere ? 25_000 : 0
        DispatchQueue.global(qos: .utility).async {
            _ = engine.flush(timeoutMs: patienceMs)
            _ = engine.client?.waitDurable()
            DispatchQueue.main.async { assertion.end() }
        }
    }
    #endif
}
#endif
