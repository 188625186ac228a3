import Foundation

/// What JSON has a form for, or what has an agreed form as text.
protocol WritesJSON {
    /// False: it is to be left out, and nothing was written.
    func write(to json: inout JSON) -> Bool
}

extension WritesJSON where Self: CustomStringConvertible {
    /// As it describes itself: a number.
    fileprivate func writeDescription(to json: inout JSON) -> Bool {
        json.put(description)
        return true
    }
}

extension WritesJSON {
    fileprivate func write(number: Double, as text: String, to json: inout JSON) -> Bool {
        json.put(number.isFinite ? text : "null")
        return true
    }

    fileprivate func write(text: String, to json: inout JSON) -> Bool {
        json.write(text: text)
        return true
    }
}

extension Int: WritesJSON { func write(to json: inout JSON) -> Bool { writeDescription(to: &json) } }
extension Int8: WritesJSON { func write(to json: inout JSON) -> Bool { writeDescription(to: &json) } }
extension Int16: WritesJSON { func write(to json: inout JSON) -> Bool { writeDescription(to: &json) } }
extension Int32: WritesJSON { func write(to json: inout JSON) -> Bool { writeDescription(to: &json) } }
extension Int64: WritesJSON { func write(to json: inout JSON) -> Bool { writeDescription(to: &json) } }
extension UInt: WritesJSON { func write(to json: inout JSON) -> Bool { writeDescription(to: &json) } }
extension UInt8: WritesJSON { func write(to json: inout JSON) -> Bool { writeDescription(to: &json) } }
extension UInt16: WritesJSON { func write(to json: inout JSON) -> Bool { writeDescription(to: &json) } }
extension UInt32: WritesJSON { func write(to json: inout JSON) -> Bool { writeDescription(to: &json) } }
extension UInt64: WritesJSON { func write(to json: inout JSON) -> Bool { writeDescription(to: &json) } }
extension Bool: WritesJSON { func write(to json: inout JSON) -> Bool { writeDescription(to: &json) } }

// The shortest text that reads as the same number; not finite: null.
extension Double: WritesJSON {
    func write(to json: inout JSON) -> Bool { write(number: self, as: description, to: &json) }
}
extension Float: WritesJSON {
    func write(to json: inout JSON) -> Bool { write(number: Double(self), as: description, to: &json) }
}
extension CGFloat: WritesJSON {
    func write(to json: inout JSON) -> Bool { Double(self).write(to: &json) }
}
extension Decimal: WritesJSON {
    func write(to json: inout JSON) -> Bool {
        json.put(isNaN ? "null" : description)
        return true
    }
}

extension String: WritesJSON { func write(to json: inout JSON) -> Bool { write(text: self, to: &json) } }
extension Substring: WritesJSON { func write(to json: inout JSON) -> Bool { write(text: String(self), to: &json) } }
extension Character: WritesJSON { func write(to json: inout JSON) -> Bool { write(text: String(self), to: &json) } }
extension UUID: WritesJSON { func write(to json: inout JSON) -> Bool { write(text: uuidString, to: &json) } }
extension URL: WritesJSON { func write(to json: inout JSON) -> Bool { write(text: absoluteString, to: &json) } }
extension Date: WritesJSON { func write(to json: inout JSON) -> Bool { write(text: ISO8601.text(self), to: &json) } }
extension Data: WritesJSON {
    func write(to json: inout JSON) -> Bool { write(text: base64EncodedString(), to: &json) }
}

extension Optional: WritesJSON {
    func write(to json: inout JSON) -> Bool {
        if let wrapped = self { return json.write(wrapped as Any) }
        json.put("null")
        return true
    }
}
extension Array: WritesJSON { func write(to json: inout JSON) -> Bool { json.write(elements: self) } }
extension Set: WritesJSON {
    func write(to json: inout JSON) -> Bool {
        // It has no order; one that stays makes equal sets equal text.
        json.write(elements: sorted { String(describing: $0) < String(describing: $1) })
    }
}
extension Dictionary: WritesJSON {
    func write(to json: inout JSON) -> Bool {
        json.write(members: map { (JSON.name($0.key), $0.value as Any) })
    }
}

// What Objective-C has of these.
extension NSNull: WritesJSON {
    func write(to json: inout JSON) -> Bool {
        json.put("null")
        return true
    }
}
extension NSString: WritesJSON { func write(to json: inout JSON) -> Bool { write(text: "\(self)", to: &json) } }
extension NSDate: WritesJSON {
    func write(to json: inout JSON) -> Bool {
        Date(timeIntervalSinceReferenceDate: timeIntervalSinceReferenceDate).write(to: &json)
    }
}
extension NSNumber: WritesJSON {
    func write(to json: inout JSON) -> Bool {
        #if canImport(Darwin)
        if CFGetTypeID(self) == CFBooleanGetTypeID() { return boolValue.write(to: &json) }
        #endif
        // Of a number like 1e400 no finite double is left, and its text is none of JSON's.
        return write(number: doubleValue, as: stringValue, to: &json)
    }
}
extension NSArray: WritesJSON {
    func write(to json: inout JSON) -> Bool { json.once(self) { $0.write(elements: self) } }
}
extension NSDictionary: WritesJSON {
    func write(to json: inout JSON) -> Bool {
        json.once(self) { $0.write(members: map { member in (JSON.name(member.key), member.value) }) }
    }
}

extension JSON {
    /// The name of a member: text as it is, all else as it describes itself.
    fileprivate static func name(_ key: Any) -> String {
        (key as? String) ?? String(describing: key)
    }
}
