import Foundation

/// Whether the app's files can be read. After a restart of a device they cannot until the person has unlocked
/// it once, and an app may be started before: by a push, a place, a call.
protocol StorageLock: AnyObject {
    /// Whether they can be read now. Once true it stays so until the next restart of the device.
    func isOpen() -> Bool

    /// Calls once, from any thread, when they can be.
    func whenOpen(_ then: @escaping @Sendable () -> Void)
}

/// Of a system whose files can always be read.
final class NoLock: StorageLock {
    func isOpen() -> Bool { true }
    func whenOpen(_ then: @escaping @Sendable () -> Void) { then() }
}

/// Finds out by trying, which asks nothing of an application object and so works in extensions too.
enum StorageProbe {
    /// Whether files in `folder` can be read, and made if there are none. Only a refusal for want of permission
    /// counts as locked: a full disk is the client's to tell.
    static func isReadable(_ folder: URL) -> Bool {
        guard let file = anyFile(in: folder) else { return isWritable(folder) }
        do {
            let handle = try FileHandle(forReadingFrom: file)
            handle.closeFile()
            return true
        } catch {
            return !isRefusal(error)
        }
    }

    /// Refusals as Cocoa and the system number them.
    static func isRefusal(_ error: Error) -> Bool {
        let error = error as NSError
        if error.domain == NSPOSIXErrorDomain { return [1, 13].contains(error.code) }
        return error.domain == NSCocoaErrorDomain && [257, 513].contains(error.code)
    }

    private static func anyFile(in folder: URL) -> URL? {
        let files = FileManager.default
        let found = files.enumerator(at: folder, includingPropertiesForKeys: nil)
        while let next = found?.nextObject() as? URL {
            var isFolder: ObjCBool = false
            if files.fileExists(atPath: next.path, isDirectory: &isFolder), !isFolder.boolValue { return next }
        }
        return nil
    }

    /// Makes a file and removes it again: nothing that stays is made by asking.
    private static func isWritable(_ folder: URL) -> Bool {
        let probe = folder.appendingPathComponent("probe-" + UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: probe) }
        #if canImport(Darwin) && !os(macOS)
        let options: Data.WritingOptions = [.completeFileProtectionUntilFirstUserAuthentication]
        #else
        let options: Data.WritingOptions = []
        #endif
        do {
            try Data([0]).write(to: probe, options: options)
            return true
        } catch {
            return !isRefusal(error)
        }
    }
}
