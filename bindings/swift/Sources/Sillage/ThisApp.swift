import Foundation

/// What the context says of the app and of the system.
enum ThisApp {
    /// The name that people see; `nil` for a program that is no app.
    static let name: String? = word("CFBundleDisplayName") ?? word("CFBundleName")

    /// The version that people see.
    static let version: String? = word("CFBundleShortVersionString")

    /// The name of the library, and its version: the context's `library`, and the `User-Agent`.
    static let library = "sillage-swift"
    static let libraryVersion = "0.1.0"

    #if os(iOS)
    static let system = "iOS"
    #elseif os(tvOS)
    static let system = "tvOS"
    #elseif os(watchOS)
    static let system = "watchOS"
    #elseif os(visionOS)
    static let system = "visionOS"
    #elseif os(macOS)
    static let system = "macOS"
    #else
    static let system = "linux"
    #endif

    /// The members of the context that no app replaces.
    static func context(app: String?, version: String?) -> [String: Any?] {
        let number = ProcessInfo.processInfo.operatingSystemVersion
        let systemVersion = "\(number.majorVersion).\(number.minorVersion).\(number.patchVersion)"
        var context: [String: Any?] = [
            "library": ["name": library, "version": libraryVersion],
            "os": ["name": system, "version": systemVersion],
        ]
        if let app = app {
            var named = ["name": app]
            named["version"] = version
            context["app"] = named
        }
        return context
    }

    /// What the context says besides, unless the app says otherwise.
    static func place() -> [String: Any?] {
        let locale = Locale.current.identifier.replacingOccurrences(of: "_", with: "-")
        return ["locale": locale, "timezone": TimeZone.current.identifier]
    }

    private static func word(_ key: String) -> String? {
        let word = Bundle.main.object(forInfoDictionaryKey: key) as? String
        return word?.isEmpty == false ? word : nil
    }
}
