import Foundation
import XCTest
@testable import Sillage

final class JSONTests: XCTestCase {
    private enum Size: String {
        case large
    }

    private enum Plain {
        case one
    }

    private struct Point: Encodable {
        let x: Int
    }

    private func written(_ value: Any?) -> String {
        JSON.text(["v": value])
    }

    func testNoneIsEmptyAndAnEmptyObjectIsNot() {
        XCTAssertEqual(JSON.text(nil), "")
        XCTAssertEqual(JSON.text([:]), "{}")
    }

    func testNumbersAndFlagsKeepTheirKind() {
        XCTAssertEqual(written(1), #"{"v":1}"#)
        XCTAssertEqual(written(80.5), #"{"v":80.5}"#)
        XCTAssertEqual(written(true), #"{"v":true}"#)
        XCTAssertEqual(written(UInt64.max), #"{"v":18446744073709551615}"#)
        XCTAssertEqual(written(Float(0.1)), #"{"v":0.1}"#)
        XCTAssertEqual(written(Decimal(string: "12.75")), #"{"v":12.75}"#)
        XCTAssertEqual(written(NSNumber(value: 3)), #"{"v":3}"#)
    }

    func testWhatIsNoNumberIsNull() {
        XCTAssertEqual(written(Double.nan), #"{"v":null}"#)
        XCTAssertEqual(written(Double.infinity), #"{"v":null}"#)
        XCTAssertEqual(written(-Float.infinity), #"{"v":null}"#)
        XCTAssertEqual(written(nil), #"{"v":null}"#)
        XCTAssertEqual(written(NSNull()), #"{"v":null}"#)
        XCTAssertEqual(written([Optional<Int>.none, 2] as [Int?]), #"{"v":[null,2]}"#)
    }

    func testTextIsEscapedAndElseAsItIs() {
        XCTAssertEqual(written("a\"b\\c\n\u{1}/é😀"), "{\"v\":\"a\\\"b\\\\c\\n\\u0001/é😀\"}")
    }

    func testDatesAreISO8601InUTC() {
        XCTAssertEqual(written(Date(timeIntervalSince1970: 1_795_341_600.123)), #"{"v":"2026-11-22T10:00:00.123Z"}"#)
        XCTAssertEqual(written(Date(timeIntervalSince1970: -1)), #"{"v":"1969-12-31T23:59:59.000Z"}"#)
        XCTAssertEqual(written(Date(timeIntervalSince1970: 951_782_400)), #"{"v":"2000-02-29T00:00:00.000Z"}"#)
        XCTAssertEqual(written(Date.distantFuture), #"{"v":"4001-01-01T00:00:00.000Z"}"#)
    }

    func testWhatJSONDoesNotKnowIsText() throws {
        let id = try XCTUnwrap(UUID(uuidString: "01A202B2-C500-7202-8181-818181810203"))
        XCTAssertEqual(written(id), #"{"v":"01A202B2-C500-7202-8181-818181810203"}"#)
        XCTAssertEqual(written(URL(string: "https://shop.example/p")), #"{"v":"https://shop.example/p"}"#)
        XCTAssertEqual(written(Size.large), #"{"v":"large"}"#)
        XCTAssertEqual(written(Plain.one), #"{"v":"one"}"#)
        XCTAssertEqual(written(Data([1, 2])), #"{"v":"AQI="}"#)
    }

    func testStructuresAreObjects() {
        XCTAssertEqual(written(Point(x: 1)), #"{"v":{"x":1}}"#)
    }

    func testMembersAreInTheOrderOfTheirNames() {
        let nested: [String: Any] = ["z": 1, "a": ["c": [1, "two", false] as [Any], "b": 2] as [String: Any]]
        XCTAssertEqual(written(nested), #"{"v":{"a":{"b":2,"c":[1,"two",false]},"z":1}}"#)
    }

    func testTooDeepIsLeftOut() {
        var deep: [Any] = [1]
        for _ in 0..<200 { deep = [deep] }
        let text = JSON.text(["deep": deep, "kept": 1])
        XCTAssertTrue(text.hasSuffix(#","kept":1}"#), text)
        XCTAssertLessThan(text.filter { $0 == "[" }.count, 64)
        XCTAssertNoThrow(try Parsed(text))
    }

    #if canImport(Darwin)
    func testAFlagOfObjectiveCIsNoNumber() {
        XCTAssertEqual(written(NSNumber(value: true)), #"{"v":true}"#)
        XCTAssertEqual(written(NSNumber(value: 1)), #"{"v":1}"#)
    }

    func testWhatHoldsItselfIsLeftOut() {
        let own = NSMutableDictionary()
        own["name"] = "me"
        own["self"] = own
        XCTAssertEqual(JSON.text(["kept": 1, "own": own]), #"{"kept":1,"own":{"name":"me"}}"#)
    }
    #endif
}
