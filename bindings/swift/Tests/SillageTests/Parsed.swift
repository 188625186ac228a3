import Foundation

/// JSON as it was written: numbers keep their spelling, so that a text made of it again has the same bytes.
indirect enum Parsed: Equatable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([Parsed])
    case object([String: Parsed])

    init(_ text: String) throws {
        var reader = Reader(bytes: Array(text.utf8))
        self = try reader.whole()
    }

    /// Numbers are equal by value, however they are spelled.
    static func == (left: Parsed, right: Parsed) -> Bool {
        switch (left, right) {
        case (.null, .null): return true
        case (.bool(let a), .bool(let b)): return a == b
        case (.number(let a), .number(let b)): return a == b || Double(a) == Double(b)
        case (.string(let a), .string(let b)): return a == b
        case (.array(let a), .array(let b)): return a == b
        case (.object(let a), .object(let b)): return a == b
        default: return false
        }
    }

    subscript(_ name: String) -> Parsed? {
        if case .object(let members) = self { return members[name] }
        return nil
    }

    var text: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    var integer: Int64? {
        if case .number(let digits) = self { return Int64(digits) }
        return nil
    }

    var flag: Bool? {
        if case .bool(let flag) = self { return flag }
        return nil
    }

    var elements: [Parsed] {
        if case .array(let elements) = self { return elements }
        return []
    }

    var members: [String: Parsed] {
        if case .object(let members) = self { return members }
        return [:]
    }

    /// As serde writes it: no spaces, members in the order of their names' bytes.
    var json: String {
        switch self {
        case .null: return "null"
        case .bool(let flag): return flag ? "true" : "false"
        case .number(let digits): return digits
        case .string(let text): return Parsed.quoted(text)
        case .array(let elements): return "[" + elements.map { $0.json }.joined(separator: ",") + "]"
        case .object(let members):
            let sorted = members.sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }
            return "{" + sorted.map { Parsed.quoted($0.key) + ":" + $0.value.json }.joined(separator: ",") + "}"
        }
    }

    /// The part that a JSON pointer names; null if there is none.
    func part(_ pointer: String) -> Parsed {
        var part = self
        for name in pointer.split(separator: "/").map(String.init) {
            if case .array(let elements) = part, let index = Int(name), elements.indices.contains(index) {
                part = elements[index]
            } else {
                part = part[name] ?? .null
            }
        }
        return part
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\u{08}": quoted += "\\b"
            case "\u{0C}": quoted += "\\f"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            default:
                if scalar.value < 0x20 {
                    quoted += String(format: "\\u%04x", scalar.value)
                } else {
                    quoted.unicodeScalars.append(scalar)
                }
            }
        }
        return quoted + "\""
    }
}

struct NotJSON: Error {
    let at: Int
}

private struct Reader {
    let bytes: [UInt8]
    var at = 0

    mutating func whole() throws -> Parsed {
        let found = try value()
        skipSpace()
        guard at == bytes.count else { throw NotJSON(at: at) }
        return found
    }

    private mutating func value() throws -> Parsed {
        skipSpace()
        guard at < bytes.count else { throw NotJSON(at: at) }
        switch bytes[at] {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        default: return try word()
        }
    }

    private mutating func object() throws -> Parsed {
        var members: [String: Parsed] = [:]
        at += 1
        while !take("}") {
            if !members.isEmpty { try expect(",") }
            skipSpace()
            let name = try string()
            try expect(":")
            members[name] = try value()
        }
        return .object(members)
    }

    private mutating func array() throws -> Parsed {
        var elements: [Parsed] = []
        at += 1
        while !take("]") {
            if !elements.isEmpty { try expect(",") }
            elements.append(try value())
        }
        return .array(elements)
    }

    private mutating func word() throws -> Parsed {
        let ends = Array(",]} \n\r\t".utf8)
        let start = at
        while at < bytes.count, !ends.contains(bytes[at]) { at += 1 }
        let word = String(decoding: bytes[start..<at], as: UTF8.self)
        switch word {
        case "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        default:
            guard Double(word) != nil else { throw NotJSON(at: start) }
            return .number(word)
        }
    }

    private mutating func string() throws -> String {
        guard take("\"") else { throw NotJSON(at: at) }
        var units: [UInt8] = []
        while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
            if bytes[at] == UInt8(ascii: "\\") {
                try escape(&units)
            } else {
                units.append(bytes[at])
                at += 1
            }
        }
        guard take("\"") else { throw NotJSON(at: at) }
        return String(decoding: units, as: UTF8.self)
    }

    private mutating func escape(_ units: inout [UInt8]) throws {
        guard at + 1 < bytes.count else { throw NotJSON(at: at) }
        let plain: [Character: UInt8] = ["\"": 0x22, "\\": 0x5C, "/": 0x2F, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9]
        let sign = Character(Unicode.Scalar(bytes[at + 1]))
        at += 2
        if let byte = plain[sign] { return units.append(byte) }
        guard sign == "u" else { throw NotJSON(at: at) }
        var code = try hexadecimal()
        // The first half of a pair.
        if (0xD800..<0xDC00).contains(code), at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\") {
            at += 2
            let second = try hexadecimal()
            guard (0xDC00..<0xE000).contains(second) else { throw NotJSON(at: at) }
            code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw NotJSON(at: at) }
        units.append(contentsOf: Array(String(Character(scalar)).utf8))
    }

    private mutating func hexadecimal() throws -> UInt32 {
        guard at + 4 <= bytes.count else { throw NotJSON(at: at) }
        let digits = String(decoding: bytes[at..<at + 4], as: UTF8.self)
        guard let code = UInt32(digits, radix: 16) else { throw NotJSON(at: at) }
        at += 4
        return code
    }

    private mutating func skipSpace() {
        let space = Array(" \n\r\t".utf8)
        while at < bytes.count, space.contains(bytes[at]) { at += 1 }
    }

    private mutating func take(_ sign: Unicode.Scalar) -> Bool {
        skipSpace()
        guard at < bytes.count, UInt32(bytes[at]) == sign.value else { return false }
        at += 1
        return true
    }

    private mutating func expect(_ sign: Unicode.Scalar) throws {
        guard take(sign) else { throw NotJSON(at: at) }
    }
}
