import Foundation
import XCTest
import struct SillageFFI.Header
import enum SillageFFI.Reply
@testable import Sillage

final class CourierTests: XCTestCase {
    private func reply(_ url: String) throws -> Reply {
        let courier = SessionCourier()
        defer { courier.end() }
        let headers = [Header(name: "x-write-key", value: "wk_test")]
        let parcel = try XCTUnwrap(Parcel(id: 1, url: url, headers: headers, body: Data("{}".utf8)))
        let answered = expectation(description: "an answer")
        let box = Box()
        courier.send(parcel) { reply in
            box.reply = reply
            answered.fulfill()
        }
        wait(for: [answered], timeout: 20)
        return try XCTUnwrap(box.reply)
    }

    private final class Box: @unchecked Sendable {
        var reply: Reply?
    }

    func testAnAnswerComesBackWhole() throws {
        let told = ["Content-Type": "text/plain", "Retry-After": "7"]
        let server = try StubServer { _ in
            StubServer.Answer(status: 429, headers: told, body: Data("slow".utf8))
        }
        let expected = Reply.answer(
            status: 429, contentType: "text/plain", retryAfter: "7", body: Data("slow".utf8)
        )
        XCTAssertEqual(try reply(server.endpoint + "/v1/batch"), expected)
        let request = try XCTUnwrap(server.requests.first)
        XCTAssertEqual(request.path, "/v1/batch")
        XCTAssertEqual(request.headers["x-write-key"], "wk_test")
        XCTAssertEqual(request.body, Data("{}".utf8))
    }

    func testARedirectIsAnAnswerAndNotFollowed() throws {
        let server = try StubServer { _ in StubServer.Answer(status: 307, headers: ["Location": "/elsewhere"]) }
        guard case .answer(let status, _, _, _) = try reply(server.endpoint + "/v1/batch") else {
            return XCTFail("no answer")
        }
        XCTAssertEqual(status, 307)
        XCTAssertEqual(server.requests.map { $0.path }, ["/v1/batch"])
    }

    func testALongAnswerIsCut() throws {
        let server = try StubServer { _ in StubServer.Answer(body: Data(repeating: 65, count: 600_000)) }
        guard case .answer(let status, _, _, let body) = try reply(server.endpoint) else {
            return XCTFail("no answer")
        }
        XCTAssertEqual(status, 200)
        XCTAssertEqual(body.count, Exchanges.answerBytesMax)
    }

    func testNoConnectionMeansThatNothingWasSent() throws {
        XCTAssertEqual(try reply("http://127.0.0.1:\(try closedPort())"), .unsent)
    }

    func testABrokenConnectionMeansThatItMayHaveArrived() throws {
        let server = try StubServer { _ in nil }
        XCTAssertEqual(try reply(server.endpoint), .lost)
    }

    func testWhatIsNoAddressMakesNoParcel() {
        XCTAssertNil(Parcel(id: 1, url: "", headers: [], body: Data()))
    }

    func testAfterTheEndNothingIsSent() throws {
        let server = try StubServer()
        let courier = SessionCourier()
        let parcel = try XCTUnwrap(Parcel(id: 1, url: server.endpoint, headers: [], body: Data("{}".utf8)))
        courier.end()
        let box = Box()
        courier.send(parcel) { box.reply = $0 }
        XCTAssertEqual(box.reply, .unsent)
        XCTAssertEqual(server.requests.count, 0)
    }
}
