import Foundation
import SillageFFI

/// Calls that wait for the app's storage, in order, as many and as large as the core itself lets wait.
struct Waiting {
    static let callsMax = 1_000
    static let bytesMax = 1 << 20

    private(set) var calls: [Call] = []
    private(set) var events: UInt64 = 0
    private var bytes = 0

    /// False: there is no room, and the call is given up.
    mutating func keep(_ call: Call, atMs: Int64) -> Bool {
        let size = call.bytes
        guard calls.count < Waiting.callsMax, bytes + size <= Waiting.bytesMax else { return false }
        calls.append(call.stamped(atMs: atMs))
        bytes += size
        if call.isEvent { events += 1 }
        return true
    }
}

extension Call {
    var isEvent: Bool {
        switch self {
        case .track, .page, .screen, .identify, .group, .alias: return true
        case .reset, .consent, .privacy, .context, .lifecycle: return false
        }
    }

    /// What it takes, roughly.
    var bytes: Int {
        switch self {
        case .track(let event, let properties, let options):
            return size(event, properties, options)
        case .page(let name, let category, let properties, let options),
            .screen(let name, let category, let properties, let options):
            return size(name + category, properties, options)
        case .identify(let id, let traits, let options), .group(let id, let traits, let options):
            return size(id, traits, options)
        case .alias(let userId, let options):
            return size(userId, "", options)
        case .consent(let choices):
            return choices.keys.reduce(64) { $0 + $1.utf8.count }
        case .context(let context):
            return context.utf8.count
        case .reset, .privacy, .lifecycle:
            return 64
        }
    }

    /// As it would be told later: an event says when it happened.
    func stamped(atMs: Int64) -> Call {
        switch self {
        case .track(let event, let properties, let options):
            return .track(event: event, properties: properties, options: stamp(options, atMs))
        case .page(let name, let category, let properties, let options):
            return .page(name: name, category: category, properties: properties, options: stamp(options, atMs))
        case .screen(let name, let category, let properties, let options):
            return .screen(name: name, category: category, properties: properties, options: stamp(options, atMs))
        case .identify(let userId, let traits, let options):
            return .identify(userId: userId, traits: traits, options: stamp(options, atMs))
        case .group(let groupId, let traits, let options):
            return .group(groupId: groupId, traits: traits, options: stamp(options, atMs))
        case .alias(let userId, let options):
            return .alias(userId: userId, options: stamp(options, atMs))
        case .reset, .consent, .privacy, .context, .lifecycle:
            return self
        }
    }

    private func size(_ name: String, _ object: String, _ options: SillageFFI.EventOptions?) -> Int {
        128 + name.utf8.count + object.utf8.count + (options?.context.utf8.count ?? 0)
    }

    private func stamp(_ options: SillageFFI.EventOptions?, _ atMs: Int64) -> SillageFFI.EventOptions {
        var options = options ?? SillageFFI.EventOptions()
        options.timestampMs = options.timestampMs ?? atMs
        return options
    }
}
