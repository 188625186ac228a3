import Foundation

/// Where events are kept on a device.
enum Folder {
    /// The app's own, in Application Support; `nil` for a program that is no app. Each write key has a folder in
    /// it, so that what was told to one project is never sent to another.
    static let ofThisApp: URL? = {
        #if canImport(Darwin)
        guard let identifier = Bundle.main.bundleIdentifier else { return nil }
        let found = FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask).first
        return found?.appendingPathComponent(identifier, isDirectory: true)
            .appendingPathComponent("Sillage", isDirectory: true)
        #else
        return nil
        #endif
    }()

    /// What the client is given: the folder of the settings, or that of the write key in the app's own.
    static func chosen(_ folder: URL?, writeKey: String) -> URL? {
        guard let folder = folder, folder == ofThisApp else { return folder }
        let name = writeKey.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return folder.appendingPathComponent("key-" + name, isDirectory: true)
    }

    /// Makes it one that backups leave out and that can be read from the first unlock on, as what is made in it
    /// later will be. Nothing else is written; a folder that cannot be made is told by the client itself.
    static func prepare(_ folder: URL) {
        #if canImport(Darwin)
        let files = FileManager.default
        var attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
        #if !os(macOS)
        attributes[.protectionKey] = FileProtectionType.completeUntilFirstUserAuthentication
        #endif
        if files.fileExists(atPath: folder.path) {
            try? files.setAttributes(attributes, ofItemAtPath: folder.path)
        } else {
            try? files.createDirectory(at: folder, withIntermediateDirectories: true, attributes: attributes)
        }
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        var marked = folder
        try? marked.setResourceValues(values)
        #endif
    }
}
