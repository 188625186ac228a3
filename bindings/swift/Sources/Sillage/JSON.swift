import Foundation

/// JSON text of what an app says. Nothing is refused: what JSON does not know becomes text (dates are ISO 8601
/// in UTC), numbers without a value become null, and what holds itself is left out. Members are in the order of
/// their names, so that equal objects are equal text.
struct JSON {
    /// Deeper objects and arrays are left out; collectors read no deeper ones.
    private static let depthMax = 60

    private(set) var bytes: [UInt8] = []
    private var depth = 0
    private var ancestors: [ObjectIdentifier] = []

    /// The text of an object; empty for none.
    static func text(_ object: [String: Any?]?) -> String {
        guard let object = object else { return "" }
        var json = JSON()
        _ = json.write(members: object.map { ($0.key, $0.value ?? NSNull()) })
        return String(decoding: json.bytes, as: UTF8.self)
    }

    /// Writes any value. False: it is to be left out, and nothing was written.
    mutating func write(_ value: Any) -> Bool {
        if let known = value as? WritesJSON { return known.write(to: &self) }
        if let raw = value as? any RawRepresentable { return write(raw.rawValue as Any) }
        if let data = encoded(value) {
            bytes.append(contentsOf: data)
            return true
        }
        write(text: String(describing: value))
        return true
    }

    /// Writes an object, its members sorted by name.
    mutating func write(members: [(String, Any)]) -> Bool {
        nested(open: "{", close: "}") { json in
            var isFirst = true
            for (name, value) in members.sorted(by: { $0.0 < $1.0 }) {
                let mark = json.bytes.count
                if !isFirst { json.put(",") }
                json.write(text: name)
                json.put(":")
                if json.write(value) {
                    isFirst = false
                } else {
                    json.bytes.removeLast(json.bytes.count - mark)
                }
            }
        }
    }

    /// Writes an array.
    mutating func write<Elements: Sequence>(elements: Elements) -> Bool {
        nested(open: "[", close: "]") { json in
            var isFirst = true
            for element in elements {
                let mark = json.bytes.count
                if !isFirst { json.put(",") }
                if json.write(element as Any) {
                    isFirst = false
                } else {
                    json.bytes.removeLast(json.bytes.count - mark)
                }
            }
        }
    }

    /// Does `work` unless this very object is being written already.
    mutating func once(_ object: AnyObject, _ work: (inout JSON) -> Bool) -> Bool {
        let identity = ObjectIdentifier(object)
        guard !ancestors.contains(identity) else { return false }
        ancestors.append(identity)
        defer { ancestors.removeLast() }
        return work(&self)
    }

    mutating func write(text: String) {
        put("\"")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): put("\\\"")
            case UInt8(ascii: "\\"): put("\\\\")
            case 0x0A: put("\\n")
            case 0x0D: put("\\r")
            case 0x09: put("\\t")
            case 0..<0x20:
                put("\\u00")
                bytes.append(JSON.digit(byte >> 4))
                bytes.append(JSON.digit(byte & 15))
            default: bytes.append(byte)
            }
        }
        put("\"")
    }

    /// Appends what is JSON already.
    mutating func put(_ json: String) {
        bytes.append(contentsOf: json.utf8)
    }

    private mutating func nested(open: String, close: String, _ work: (inout JSON) -> Void) -> Bool {
        guard depth < JSON.depthMax else { return false }
        depth += 1
        put(open)
        work(&self)
        put(close)
        depth -= 1
        return true
    }

    /// What its own type says of it, if it is a value; an object may hold itself, which no encoder survives.
    private func encoded(_ value: Any) -> Data? {
        guard let encodable = value as? Encodable, !(type(of: value) is AnyClass) else { return nil }
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        return try? encoder.encode(encodable)
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
