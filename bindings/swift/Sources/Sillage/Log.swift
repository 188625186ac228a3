import Foundation
#if canImport(os)
import os
#endif

/// Lines for the developer of the app: the system's log where there is one, else the standard error.
enum Log {
    #if canImport(os)
    private static let log = OSLog(subsystem: "io.sillage", category: "sillage")
    #endif

    static func line(_ text: String) {
        #if canImport(os)
        os_log("%{public}@", log: log, type: .default, text)
        #else
        FileHandle.standardError.write(Data("sillage: \(text)\n".utf8))
        #endif
    }

    /// What a developer must know of what happens inside, and nothing else.
    @Sendable static func signal(_ signal: Sillage.Signal) {
        switch signal {
        case .delivered:
            break
        case .rejected(_, let code):
            line("the collector has refused an event: \(code)")
        case .dropped(let reason, let count):
            line("\(count) events were given up: \(reason)")
        case .foreignAnswer(let status):
            line("something answered \(status) that is no collector: a captive portal, a proxy")
        case .held(let status):
            line("the collector answers \(status): look at the write key and the endpoint; events are kept")
        case .stopped:
            line("the collector wants nothing more of this process")
        case .storageFailed(let detail):
            line("events cannot be written and are kept in memory: \(detail)")
        case .disabled:
            line("nothing is tracked any more")
        }
    }
}
