import Foundation
import SillageFFI

/// Between what an app sees and what the native library takes and gives.
enum Boundary {
    static func options(_ options: Sillage.EventOptions?) -> SillageFFI.EventOptions? {
        guard let options = options else { return nil }
        return SillageFFI.EventOptions(
            context: JSON.text(options.context),
            userId: options.userId,
            anonymousId: options.anonymousId,
            timestampMs: options.timestamp.map(ISO8601.milliseconds),
            messageId: options.messageId?.uuidString
        )
    }

    static func settings(writeKey: String, folder: URL?, _ settings: Sillage.Settings) -> SillageFFI.Settings {
        SillageFFI.Settings(
            writeKey: writeKey,
            endpoint: settings.endpoint,
            folder: folder?.path,
            durable: settings.durable,
            library: ThisApp.library,
            libraryVersion: ThisApp.libraryVersion,
            config: config(settings)
        )
    }

    /// Numbers that do not fit are cut to what does.
    static func config(_ settings: Sillage.Settings) -> SillageFFI.Config {
        SillageFFI.Config(
            batchEvents: settings.batchEvents.map { UInt32(clamping: $0) },
            batchAgeMs: settings.batchAgeMs.map { UInt64(clamping: $0) },
            batchEventsMax: settings.batchEventsMax.map { UInt32(clamping: $0) },
            batchBytesMax: settings.batchBytesMax.map { UInt32(clamping: $0) },
            queueEventsMax: settings.queueEventsMax.map { UInt32(clamping: $0) },
            queueBytesMax: settings.queueBytesMax.map { UInt32(clamping: $0) },
            queueAgeMaxMs: settings.queueAgeMaxMs.map { UInt64(clamping: $0) },
            waitingEventsMax: settings.waitingEventsMax.map { UInt32(clamping: $0) },
            waitingBytesMax: settings.waitingBytesMax.map { UInt32(clamping: $0) },
            leavingBatchesMax: settings.leavingBatchesMax.map { UInt32(clamping: $0) },
            sessionIdleMs: settings.sessionIdleMs.map { UInt64(clamping: $0) },
            sessionMaxMs: settings.sessionMaxMs.map { UInt64(clamping: $0) },
            eventsKeptLongest: settings.eventsKeptLongest,
            eventsDroppedFirst: settings.eventsDroppedFirst,
            sampling: settings.sampling.map(rates),
            consentRequired: settings.consentRequired,
            consentByEvent: settings.consentByEvent.map(rules),
            gpc: settings.gpc.map(privacy),
            dnt: settings.dnt.map(privacy)
        )
    }

    static func ledger(_ ledger: SillageFFI.Ledger) -> Sillage.Ledger {
        var told = Sillage.Ledger()
        told.created = ledger.created
        told.acknowledged = ledger.acknowledged
        told.rejected = ledger.rejected
        told.dropped = ledger.dropped
        told.unsure = ledger.unsure
        told.pending = ledger.pending
        return told
    }

    static func signal(_ signal: SillageFFI.Signal) -> Sillage.Signal {
        switch signal {
        case .delivered(let count): return .delivered(count: Int(count))
        case .rejected(let seq, let code): return .rejected(seq: seq, code: code)
        case .dropped(let reason, let count): return .dropped(reason: reason, count: Int(count))
        case .foreignAnswer(let status): return .foreignAnswer(status: Int(status))
        case .held(let status): return .held(status: Int(status))
        case .stopped: return .stopped
        case .storageFailed(let detail): return .storageFailed(detail: detail)
        case .disabled: return .disabled
        }
    }

    private static func rates(_ shares: [String: Double]) -> [SillageFFI.SampleRate] {
        shares.sorted { $0.key < $1.key }.map { SillageFFI.SampleRate(event: $0.key, share: $0.value) }
    }

    private static func rules(_ needed: [String: [String]]) -> [SillageFFI.ConsentRule] {
        needed.sorted { $0.key < $1.key }.map { SillageFFI.ConsentRule(event: $0.key, categories: $0.value) }
    }

    private static func privacy(_ signal: Sillage.PrivacySignal) -> SillageFFI.PrivacySignal {
        switch signal {
        case .ignore: return .ignore
        case .record: return .record
        case .deny: return .deny
        }
    }
}
