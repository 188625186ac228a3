import Foundation
import SillageFFI

extension Player {
    /// A preset and what differs from it; names as in the settings.
    static func config(_ said: Parsed?) throws -> Config {
        var config = Config()
        for (key, value) in said?.members ?? [:] where key == "preset" {
            switch value.text {
            case "native": break
            case "web":
                config.batchAgeMs = 5_000
                config.batchBytesMax = 28_000
                config.leavingBatchesMax = 2
            default: throw Misread(what: "preset \(value.json)")
            }
        }
        for (key, value) in said?.members ?? [:] where key != "preset" {
            try set(key, value, &config)
        }
        return config
    }

    private static func set(_ key: String, _ value: Parsed, _ config: inout Config) throws {
        let number = value.integer ?? 0
        let names = value.elements.compactMap { $0.text }
        switch key {
        case "batchEvents": config.batchEvents = UInt32(number)
        case "batchAgeMs": config.batchAgeMs = UInt64(number)
        case "batchEventsMax": config.batchEventsMax = UInt32(number)
        case "batchBytesMax": config.batchBytesMax = UInt32(number)
        case "queueEventsMax": config.queueEventsMax = UInt32(number)
        case "queueBytesMax": config.queueBytesMax = UInt32(number)
        case "queueAgeMaxMs": config.queueAgeMaxMs = UInt64(number)
        case "waitingEventsMax": config.waitingEventsMax = UInt32(number)
        case "leavingBatchesMax": config.leavingBatchesMax = UInt32(number)
        case "eventsKeptLongest": config.eventsKeptLongest = names
        case "eventsDroppedFirst": config.eventsDroppedFirst = names
        case "consentRequired": config.consentRequired = names
        case "sampling":
            config.sampling = value.members.sorted { $0.key < $1.key }.map { rate in
                SampleRate(event: rate.key, share: Double(rate.value.json) ?? 1)
            }
        case "consentByEvent":
            config.consentByEvent = value.members.sorted { $0.key < $1.key }.map { rule in
                ConsentRule(event: rule.key, categories: rule.value.elements.compactMap { $0.text })
            }
        case "gpc": config.gpc = try signal(value)
        case "dnt": config.dnt = try signal(value)
        default: throw Misread(what: "what is \(key)?")
        }
    }

    private static func signal(_ value: Parsed) throws -> PrivacySignal {
        switch value.text {
        case "ignore": return .ignore
        case "record": return .record
        case "deny": return .deny
        default: throw Misread(what: "a privacy signal is no \(value.json)")
        }
    }
}
