import Foundation
import SillageFFI

/// Tracks what happens in an app and delivers it to a collector, once and counted.
///
///     let sillage = Sillage(writeKey: "wk_shop") { $0.endpoint = "https://collect.example.com" }
///     sillage.identify("u-42", traits: ["plan": "pro"])
///     sillage.track("Product Viewed", properties: ["product_id": "sku-1", "price": 80.5])
///
/// Make one for a write key and keep it for as long as the app runs; it may be used from any thread.
///
/// No call throws into the app or waits for the disk or the network, but for those that say so. Objects may
/// hold anything: what JSON does not know becomes text, dates in ISO 8601.
public final class Sillage: @unchecked Sendable {
    let engine: Engine
    let settings: Settings
    private let shared: [String: Any?]

    #if canImport(Darwin)
    private var surroundings: Surroundings?
    #endif

    /// Starts a client with the defaults and what `configure` changes of them. Waits for what is on disk, at
    /// most 250 ms. With an endpoint or a write key that cannot be used nothing is tracked, which is logged.
    public convenience init(writeKey: String, configure: (inout Settings) -> Void = { _ in }) {
        var settings = Settings()
        configure(&settings)
        #if canImport(Darwin)
        let surroundings = Surroundings(writeKey: writeKey, settings)
        self.init(writeKey: writeKey, settings, courier: surroundings.courier, lock: surroundings.lock)
        self.surroundings = surroundings
        surroundings.begin(for: self)
        #else
        self.init(writeKey: writeKey, settings, courier: SessionCourier(), lock: NoLock())
        #endif
    }

    /// As above, with a network and a lock that are given.
    init(writeKey: String, _ settings: Settings, courier: Courier, lock: StorageLock) {
        let folder = Folder.chosen(settings.folder, writeKey: writeKey)
        let engine = Engine(courier: courier, onSignal: settings.onSignal) {
            if let folder = settings.folder { Folder.prepare(folder) }
            return try Client.start(settings: Boundary.settings(writeKey: writeKey, folder: folder, settings))
        }
        self.engine = engine
        self.settings = settings
        shared = ThisApp.context(app: settings.app, version: settings.appVersion)
        let place = ThisApp.place()
        engine.tell(.context(context: JSON.text(place.merging(shared) { _, kept in kept })))
        if lock.isOpen() {
            engine.start()
        } else {
            lock.whenOpen { [weak engine] in engine?.start() }
        }
    }

    /// Somebody did something.
    public func track(_ event: String, properties: [String: Any?]? = nil, options: EventOptions? = nil) {
        let properties = JSON.text(properties)
        guard let options = Boundary.options(options) else {
            return engine.track(event: event, properties: properties)
        }
        engine.tell(.track(event: event, properties: properties, options: options))
    }

    /// A page was viewed.
    public func page(
        _ name: String = "",
        properties: [String: Any?]? = nil,
        category: String = "",
        options: EventOptions? = nil
    ) {
        let (properties, options) = (JSON.text(properties), Boundary.options(options))
        engine.tell(.page(name: name, category: category, properties: properties, options: options))
    }

    /// A screen was viewed.
    public func screen(
        _ name: String = "",
        properties: [String: Any?]? = nil,
        category: String = "",
        options: EventOptions? = nil
    ) {
        let (properties, options) = (JSON.text(properties), Boundary.options(options))
        engine.tell(.screen(name: name, category: category, properties: properties, options: options))
    }

    /// Who uses this device from now on. Without a `userId` the traits are added to whoever it is.
    public func identify(_ userId: String = "", traits: [String: Any?]? = nil, options: EventOptions? = nil) {
        let (traits, options) = (JSON.text(traits), Boundary.options(options))
        engine.tell(.identify(userId: userId, traits: traits, options: options))
    }

    /// The person belongs to a group.
    public func group(_ groupId: String, traits: [String: Any?]? = nil, options: EventOptions? = nil) {
        let (traits, options) = (JSON.text(traits), Boundary.options(options))
        engine.tell(.group(groupId: groupId, traits: traits, options: options))
    }

    /// Gives what the device did so far to a person, who uses it from now on.
    public func alias(_ userId: String, options: EventOptions? = nil) {
        engine.tell(.alias(userId: userId, options: Boundary.options(options)))
    }

    /// The person has left: a new anonymous id, no user, a new session.
    public func reset() {
        engine.tell(.reset)
    }

    /// The person has chosen, by category: granted or not. Categories that are not named keep their answer.
    public func consent(_ choices: [String: Bool]) {
        engine.tell(.consent(choices: choices))
    }

    /// What the system says of the person's wish not to be tracked.
    public func privacy(gpc: Bool = false, dnt: Bool = false) {
        engine.tell(.privacy(gpc: gpc, dnt: dnt))
    }

    /// What all events say besides: its members are laid over what is known here (`locale`, `timezone`), but for
    /// `library`, `os` and `app`, and replace those of an earlier call.
    public func context(_ context: [String: Any?]) {
        let laid = ThisApp.place().merging(context) { _, said in said }
        let told = laid.merging(shared) { _, kept in kept }
        engine.tell(.context(context: JSON.text(told)))
    }

    /// The public segments of this device as last told, sorted.
    public var segments: [String] {
        engine.client?.segments() ?? []
    }

    /// The segments now, and then whenever they change. Who is slow is told the newest.
    public var segmentChanges: AsyncStream<[String]> {
        engine.listeners.stream { [weak engine = self.engine] in engine?.client?.segments() ?? [] }
    }

    /// The device's own id; empty until storage has been read.
    public var anonymousId: String {
        engine.client?.anonymousId() ?? ""
    }

    /// Who uses the device, or empty.
    public var userId: String {
        engine.client?.userId() ?? ""
    }

    /// What became of every event of this installation. After `shutdown` it stays as it was last.
    public var ledger: Ledger {
        engine.ledger
    }
}
