#if os(iOS) || os(tvOS) || os(visionOS)
import Foundation
import SillageFFI

/// Sends with a session of the system's, which goes on while the app is suspended and when it is gone.
///
/// **Twice.** The client takes a batch without an answer for lost after 90 s, or when its process ends, and sends
/// its events again; the collector knows them by their ids and counts them once. An answer is therefore given
/// to the process that sent the batch and to no other: a later process has an upload of the same number that is
/// another, and sends what is still on disk anyway.
final class BackgroundCourier {
    private let run = UUID().uuidString
    private let exchanges: BackgroundExchanges
    private let session: URLSession
    private let lock = NSLock()
    private var isOver = false

    /// One of a write key in a process: the system knows the session by it.
    init(writeKey: String) {
        let identifier = BackgroundEvents.prefix + (Bundle.main.bundleIdentifier ?? "") + "." + writeKey
        let exchanges = BackgroundExchanges(folder: BackgroundCourier.folder(writeKey: writeKey))
        let configuration = URLSessionConfiguration.background(withIdentifier: identifier)
        configuration.isDiscretionary = false
        configuration.sessionSendsLaunchEvents = true
        configuration.httpCookieStorage = nil
        configuration.httpShouldSetCookies = false
        configuration.urlCache = nil
        // Longer than this nobody waits: the next time the app is used, its events are sent anyway.
        configuration.timeoutIntervalForResource = 3_600
        let session = URLSession(configuration: configuration, delegate: exchanges, delegateQueue: nil)
        self.exchanges = exchanges
        self.session = session
        let own = run
        session.getAllTasks { tasks in
            exchanges.clean(but: tasks.compactMap { $0.taskDescription }, run: own)
        }
    }

    /// False: the body could not be written for the system to send, or the end has come.
    func take(_ parcel: Parcel, done: @escaping @Sendable (Reply) -> Void) -> Bool {
        let name = "\(run)-\(parcel.id)"
        guard let file = exchanges.write(parcel.body, name) else { return false }
        lock.lock()
        defer { lock.unlock() }
        // A session that has ended throws at whoever asks it for a task.
        guard !isOver else { return false }
        let task = session.uploadTask(with: parcel.request, fromFile: file)
        task.taskDescription = name
        exchanges.begin(task, done: done)
        task.resume()
        return true
    }

    func end() {
        lock.lock()
        defer { lock.unlock() }
        isOver = true
        session.finishTasksAndInvalidate()
    }

    private static func folder(writeKey: String) -> URL {
        let caches = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
        let name = writeKey.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let base = caches ?? URL(fileURLWithPath: NSTemporaryDirectory(), isDirectory: true)
        return base.appendingPathComponent("io.sillage.uploads", isDirectory: true)
            .appendingPathComponent("key-" + name, isDirectory: true)
    }
}

/// Watches over uploads of this process and tidies up after those of others.
final class BackgroundExchanges: Exchanges {
    private let folder: URL

    init(folder: URL) {
        self.folder = folder
        super.init()
        Folder.prepare(folder)
    }

    /// `nil`: it cannot be written.
    func write(_ body: Data, _ name: String) -> URL? {
        let file = folder.appendingPathComponent(name)
        do {
            try body.write(to: file, options: [.completeFileProtectionUntilFirstUserAuthentication])
            return file
        } catch {
            return nil
        }
    }

    /// Removes the bodies that no upload needs any more.
    func clean(but needed: [String], run: String) {
        let files = FileManager.default
        for name in (try? files.contentsOfDirectory(atPath: folder.path)) ?? [] {
            if !needed.contains(name) && !name.hasPrefix(run) { remove(name) }
        }
    }

    override func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: Error?) {
        super.urlSession(session, task: task, didCompleteWithError: error)
        if let name = task.taskDescription { remove(name) }
    }

    // Named, since what a subclass adds to its superclass's protocol is not found by itself.
    @objc(URLSessionDidFinishEventsForBackgroundURLSession:)
    func urlSessionDidFinishEvents(forBackgroundURLSession session: URLSession) {
        if let identifier = session.configuration.identifier { BackgroundEvents.shared.finished(identifier) }
    }

    private func remove(_ name: String) {
        try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
    }
}

/// What the system wants to be called when all that happened while the app was gone has been told.
final class BackgroundEvents: @unchecked Sendable {
    static let shared = BackgroundEvents()
    static let prefix = "io.sillage.uploads."

    private let lock = NSLock()
    private var handlers: [String: () -> Void] = [:]
    private var told: Set<String> = []

    func expect(_ identifier: String, _ handler: @escaping () -> Void) {
        lock.lock()
        let isOver = told.remove(identifier) != nil
        if !isOver { handlers[identifier] = handler }
        lock.unlock()
        if isOver { DispatchQueue.main.async(execute: handler) }
    }

    func finished(_ identifier: String) {
        lock.lock()
        let handler = handlers.removeValue(forKey: identifier)
        if handler == nil { told.insert(identifier) }
        lock.unlock()
        if let handler = handler { DispatchQueue.main.async(execute: handler) }
    }
}

extension Sillage {
    /// Call this from the application delegate's method of the same name, if `backgroundUploads` is on, after
    /// the client of that write key was made. False: the session is not one of ours, and nothing is done.
    @discardableResult
    public static func handleEventsForBackgroundURLSession(
        _ identifier: String,
        completionHandler: @escaping () -> Void
    ) -> Bool {
        guard identifier.hasPrefix(BackgroundEvents.prefix) else { return false }
        BackgroundEvents.shared.expect(identifier, completionHandler)
        return true
    }
}
#endif
