import Foundation
import SillageFFI

/// Plays one file of `tests/fixtures/scenarios` through the core, in virtual time, and says what is not as it
/// must be. What the files may say stands in the README beside them.
final class Player {
    private static let wallStart: Int64 = 1_795_341_600_000

    private let scenario: Parsed
    private let name: String
    private var tracker: Tracker
    private var starts: UInt8 = 0
    private var wallJump: Int64 = 0
    private var stored: [UInt64: Data] = [:]
    private var batchIds: [UInt64: String] = [:]
    private var bodies: [Parsed] = []
    private var notices: [Parsed] = []

    init(_ name: String, _ scenario: Parsed) throws {
        self.name = name
        self.scenario = scenario
        let first = Now(wallMs: Player.wallStart, monoMs: 1_000)
        let entropy = Data(repeating: 1, count: 32)
        tracker = try Tracker(config: try Player.config(scenario["config"]), entropy: entropy, now: first)
        starts = 1
    }

    /// What is wrong, as lines; none if all is as it must be.
    func play() throws -> [String] {
        var wrong: [String] = []
        for (index, step) in (scenario["steps"]?.elements ?? []).enumerated() {
            let at = UInt64(step["at"]?.integer ?? 0)
            let given = Parsed.array(try self.step(step["input"] ?? .null, at))
            let expected = step["actions"] ?? .null
            if given != expected {
                wrong.append("\(name), step \(index)\n  expected \(expected.json)\n  given    \(given.json)")
            }
        }
        let ledger = tracker.state().ledger
        let settled = [ledger.rejected, ledger.dropped, ledger.unsure].flatMap { $0.values }.reduce(0, +)
        if ledger.created != ledger.acknowledged + ledger.pending + settled {
            wrong.append("\(name): the ledger is not balanced: \(ledger)")
        }
        return wrong + unmet()
    }

    private func boot(_ at: UInt64) throws {
        starts += 1
        let entropy = Data(repeating: starts, count: 32)
        tracker = try Tracker(config: try Player.config(scenario["config"]), entropy: entropy, now: now(at))
    }

    private func now(_ at: UInt64) -> Now {
        Now(wallMs: Player.wallStart + wallJump + Int64(at), monoMs: at + 1_000)
    }

    private func step(_ input: Parsed, _ at: UInt64) throws -> [Parsed] {
        guard let (kind, said) = input.members.first, input.members.count == 1 else {
            throw Misread(what: "\(name): \(input.json)")
        }
        if let call = self.call(kind, said) {
            for _ in 0..<(said["times"]?.integer ?? 1) { tracker.call(now: now(at), call: call) }
            return drain()
        }
        switch kind {
        case "tick": tracker.tick(now: now(at))
        case "wall": wallJump += said.integer ?? 0
        case "restored": try restore(said, at)
        case "restart":
            try boot(at)
            try restore(said, at)
        case "reply":
            let send = UInt64(said["send"]?.integer ?? 0)
            tracker.reply(now: now(at), send: send, reply: reply(said, batchIds[send] ?? ""))
        default: throw Misread(what: "\(name): what is \(kind)?")
        }
        return drain()
    }

    private func call(_ kind: String, _ said: Parsed) -> Call? {
        let word = { (key: String) in said[key]?.text ?? "" }
        let object = Player.object(said)
        let options = Player.options(said)
        switch kind {
        case "track": return .track(event: word("event"), properties: object, options: options)
        case "page":
            return .page(name: word("name"), category: word("category"), properties: object, options: options)
        case "screen":
            return .screen(name: word("name"), category: word("category"), properties: object, options: options)
        case "identify": return .identify(userId: word("userId"), traits: object, options: options)
        case "group": return .group(groupId: word("groupId"), traits: object, options: options)
        case "alias": return .alias(userId: word("userId"), options: options)
        case "reset": return .reset
        case "context": return .context(context: said.json)
        case "consent": return .consent(choices: said.members.mapValues { $0.flag ?? false })
        case "privacy": return .privacy(gpc: said["gpc"]?.flag ?? false, dnt: said["dnt"]?.flag ?? false)
        case "lifecycle": return Player.lifecycle(said.text).map { .lifecycle(state: $0) }
        default: return nil
        }
    }

    /// Text is given as it is, so that it may be no JSON.
    private static func object(_ said: Parsed) -> String {
        if let bytes = said["propertiesBytes"]?.integer {
            return "{\"x\":\"" + String(repeating: "x", count: Int(bytes)) + "\"}"
        }
        guard let object = said["traits"] ?? said["properties"] else { return "" }
        return object.text ?? object.json
    }

    private static func options(_ said: Parsed) -> EventOptions {
        let subject = said["subject"]
        return EventOptions(
            context: said["context"]?.json ?? "",
            userId: subject.map { $0["userId"]?.text ?? "" },
            anonymousId: subject.map { $0["anonymousId"]?.text ?? "" },
            timestampMs: said["time"]?.integer,
            messageId: said["messageId"]?.text
        )
    }

    private static func lifecycle(_ state: String?) -> Lifecycle? {
        switch state {
        case "foreground": return .foreground
        case "background": return .background
        case "online": return .online
        case "offline": return .offline
        case "flush": return .flush
        default: return nil
        }
    }

    private func reply(_ said: Parsed, _ batchId: String) -> Reply {
        guard let status = said["status"]?.integer else {
            return said["outcome"]?.text == "unsent" ? .unsent : .lost
        }
        let body = said["body"].map { $0.text ?? $0.json } ?? ""
        return .answer(
            status: UInt16(status),
            contentType: said["contentType"]?.text ?? "application/json",
            retryAfter: said["retryAfter"]?.text ?? "",
            body: Data(body.replacingOccurrences(of: "$batchId", with: batchId).utf8)
        )
    }

    private func restore(_ said: Parsed, _ at: UInt64) throws {
        let without = (said["without"]?.elements ?? []).compactMap { $0.text }
        stored = stored.filter { !without.contains(Player.keyName($0.key)) }
        let records = stored.sorted { $0.key < $1.key }.map { Record(key: $0.key, value: $0.value) }
        try tracker.restored(
            now: now(at),
            records: records,
            witness: UInt64(said["witness"]?.integer ?? 0),
            install: said["install"]?.text,
            anonymousId: said["anonymousId"]?.text
        )
    }

    private func drain() -> [Parsed] {
        tracker.poll().map(told)
    }

    private func told(_ action: Action) -> Parsed {
        switch action {
        case .persist(let key, let value):
            stored[key] = value
            return .object([
                "persist": .string(Player.keyName(key)), "bytes": .number("\(value.count)"),
                "crc32": .string(crc32(value)),
            ])
        case .forget(let key):
            stored[key] = nil
            return .object(["forget": .string(Player.keyName(key))])
        case .send(let send, let body, let leaving):
            let parsed = (try? Parsed(String(decoding: body, as: UTF8.self))) ?? .null
            batchIds[send] = parsed["sillage"]?["batchId"]?.text ?? ""
            bodies.append(parsed)
            return .object([
                "send": .number("\(send)"), "way": .string(leaving ? "leaving" : "usual"),
                "crc32": .string(crc32(body)), "body": parsed,
            ])
        case .wakeAt(let monoMs):
            return .object(["wakeAt": .number("\(monoMs - 1_000)")])
        case .segments(let segments):
            return notice(.object(["segmentsChanged": .array(segments.map { .string($0) })]))
        case .told(let signal):
            return notice(Player.heard(signal))
        }
    }

    private func notice(_ notice: Parsed) -> Parsed {
        notices.append(notice)
        return .object(["notice": notice])
    }

    private static func heard(_ signal: Signal) -> Parsed {
        switch signal {
        case .delivered(let count): return .object(["delivered": .number("\(count)")])
        case .rejected(let seq, let code):
            return .object(["rejected": .object(["seq": .number("\(seq)"), "code": .string(code)])])
        case .dropped(let reason, let count):
            return .object(["dropped": .object(["reason": .string(reason), "count": .number("\(count)")])])
        case .foreignAnswer(let status): return .object(["foreignAnswer": .number("\(status)")])
        case .held(let status): return .object(["held": .number("\(status)")])
        case .stopped: return .string("stopped")
        case .storageFailed(let detail): return .string("storage failed: \(detail)")
        case .disabled: return .string("disabled")
        }
    }

    /// What a person claimed of the whole scenario, and is not so.
    private func unmet() -> [String] {
        let state = tracker.state()
        let known: [String: Parsed] = [
            "created": .number("\(state.ledger.created)"),
            "acknowledged": .number("\(state.ledger.acknowledged)"),
            "pending": .number("\(state.ledger.pending)"),
            "rejected": .object(state.ledger.rejected.mapValues { .number("\($0)") }),
            "dropped": .object(state.ledger.dropped.mapValues { .number("\($0)") }),
            "unsure": .object(state.ledger.unsure.mapValues { .number("\($0)") }),
            "waiting": .number("\(state.waiting)"),
            "idle": .bool(state.isIdle),
            "userId": .string(state.userId),
            "segments": .array(state.segments.map { .string($0) }),
            "sends": .number("\(bodies.count)"),
            "eventsSent": .array(bodies.map { .number("\($0["batch"]?.elements.count ?? 0)") }),
            "notices": .array(notices),
            "stored": .array(stored.keys.sorted().map { .string(Player.keyName($0)) }),
        ]
        let claims = scenario["claims"]?.members ?? [:]
        if claims.isEmpty { return ["\(name): no claims"] }
        return claims.compactMap { what, claimed in
            let parts = what.split(separator: " ", maxSplits: 2).map(String.init)
            var found = known[what] ?? .null
            if parts.first == "body", parts.count == 3, let index = Int(parts[1]) {
                found = bodies.indices.contains(index) ? bodies[index].part(parts[2]) : .null
            }
            return found == claimed ? nil : "\(name): claims \(what) = \(claimed.json), is \(found.json)"
        }
    }

    private static func keyName(_ key: UInt64) -> String {
        if key >= 1 << 33 { return "event:\(key - (1 << 33))" }
        if key >= 1 << 32 { return "head:\(key - (1 << 32))" }
        return key == 0 ? "state" : "segments"
    }
}

struct Misread: Error {
    let what: String
}

/// That of zlib: reflected, polynomial 0xEDB88320.
func crc32(_ bytes: Data) -> String {
    var crc = UInt32.max
    for byte in bytes {
        crc = crc32Table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ (crc >> 8)
    }
    let digits = String(~crc, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
}

private let crc32Table: [UInt32] = (0..<256).map { start in
    (0..<8).reduce(UInt32(start)) { crc, _ in crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
}
