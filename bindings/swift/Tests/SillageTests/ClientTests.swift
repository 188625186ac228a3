import Foundation
import XCTest
@testable import Sillage

final class ClientTests: XCTestCase {
    func testAnEventArrivesOnceAndIsCounted() async throws {
        let (server, ear) = (try StubServer(), Ear())
        let sillage = Sillage.test(server.endpoint, ear: ear)
        sillage.track("Product Viewed", properties: ["product_id": "sku-1", "price": 80.5])
        let left = await sillage.flush()
        XCTAssertEqual(left, 0)
        let event = try XCTUnwrap(server.events.first)
        XCTAssertEqual(server.events.count, 1)
        XCTAssertEqual(event["type"], .string("track"))
        XCTAssertEqual(event["event"], .string("Product Viewed"))
        XCTAssertEqual(event["properties"]?.json, #"{"price":80.5,"product_id":"sku-1"}"#)
        XCTAssertEqual(sillage.ledger.created, 1)
        XCTAssertEqual(sillage.ledger.acknowledged, 1)
        XCTAssertTrue(until { ear.heard.contains(.delivered(count: 1)) })
        let request = try XCTUnwrap(server.requests.first)
        XCTAssertEqual(request.headers["x-write-key"], "wk_test")
        XCTAssertEqual(request.headers["user-agent"], "\(ThisApp.library)/\(ThisApp.libraryVersion)")
    }

    func testEveryCallSaysWhatItIs() async throws {
        let server = try StubServer()
        let sillage = Sillage.test(server.endpoint)
        let calls: [(Sillage) -> Void] = [
            { $0.page("Home", category: "Shop") },
            { $0.screen("Cart", properties: ["items": 2]) },
            { $0.identify("u-42", traits: ["plan": "pro"]) },
            { $0.group("g-1", traits: ["seats": 5]) },
            { $0.alias("u-43") },
        ]
        // One by one, so that no batch is so long that it is compressed.
        for call in calls {
            call(sillage)
            await sillage.flush()
        }
        XCTAssertEqual(server.events.map { $0["type"]?.text }, ["page", "screen", "identify", "group", "alias"])
        XCTAssertEqual(server.events[0]["name"], .string("Home"))
        XCTAssertEqual(server.events[0]["category"], .string("Shop"))
        XCTAssertEqual(server.events[1]["properties"]?["items"], .number("2"))
        XCTAssertEqual(server.events[3]["groupId"], .string("g-1"))
        XCTAssertEqual(sillage.userId, "u-43")
        XCTAssertFalse(sillage.anonymousId.isEmpty)
        let before = sillage.anonymousId
        sillage.reset()
        XCTAssertEqual(sillage.userId, "")
        XCTAssertNotEqual(sillage.anonymousId, before)
    }

    func testOptionsAreSaid() async throws {
        let server = try StubServer()
        let sillage = Sillage.test(server.endpoint)
        let id = UUID()
        let options = Sillage.EventOptions(
            context: ["page": ["url": "https://shop.example/"]],
            userId: "u-7",
            anonymousId: "d-7",
            timestamp: Date(timeIntervalSince1970: 1_700_000_000),
            messageId: id
        )
        sillage.track("Tried", options: options)
        await sillage.flush()
        let event = try XCTUnwrap(server.events.first)
        XCTAssertEqual(event["userId"], .string("u-7"))
        XCTAssertEqual(event["anonymousId"], .string("d-7"))
        XCTAssertEqual(event["timestamp"], .string("2023-11-14T22:13:20.000Z"))
        XCTAssertEqual(event["messageId"]?.text?.lowercased(), id.uuidString.lowercased())
        XCTAssertEqual(event["context"]?["page"]?["url"], .string("https://shop.example/"))
    }

    func testAContextLeavesLibrarySystemAndAppAsTheyAre() async throws {
        let server = try StubServer()
        let sillage = Sillage.test(server.endpoint)
        sillage.context(["campaign": ["name": "autumn"], "app": ["name": "another"]])
        sillage.track("Tried")
        await sillage.flush()
        let context = try XCTUnwrap(server.requests.first?.batch["context"])
        XCTAssertEqual(context["campaign"]?["name"], .string("autumn"))
        XCTAssertEqual(context["app"]?.json, #"{"name":"tests","version":"1.0"}"#)
        XCTAssertEqual(context["library"]?["name"], .string("sillage-swift"))
        XCTAssertEqual(context["os"]?["name"], .string(ThisApp.system))
    }

    func testSegmentsAreTheValueNowAndThenEachChange() async throws {
        let server = try StubServer { StubServer.Answer.taken($0, segments: ["vip", "hot-cart"]) }
        let sillage = Sillage.test(server.endpoint)
        var changes = sillage.segmentChanges.makeAsyncIterator()
        var last = await changes.next()
        XCTAssertEqual(last, [])
        sillage.track("Tried")
        while let now = last, now.isEmpty { last = await changes.next() }
        XCTAssertEqual(last, ["hot-cart", "vip"])
        XCTAssertEqual(sillage.segments, ["hot-cart", "vip"])
        await sillage.shutdown()
        let atLast = await changes.next()
        XCTAssertNil(atLast)
    }

    func testAfterShutdownCallsDoNothing() async throws {
        let server = try StubServer()
        let sillage = Sillage.test(server.endpoint)
        sillage.track("Tried")
        let left = await sillage.shutdown()
        XCTAssertEqual(left, 0)
        sillage.track("Too late")
        sillage.identify("u-1")
        let again = await sillage.flush()
        XCTAssertEqual(again, 0)
        XCTAssertEqual(server.events.map { $0["event"]?.text }, ["Tried"])
        XCTAssertEqual(sillage.segments, [])
        XCTAssertEqual(sillage.ledger.acknowledged, 1)
    }

    func testAnEndpointThatIsNoneTracksNothingAndSaysSo() async {
        let ear = Ear()
        let sillage = Sillage.test("no address", ear: ear)
        sillage.track("Tried")
        sillage.consent(["analytics": true])
        sillage.privacy(gpc: true)
        let left = await sillage.flush()
        let isDurable = await sillage.waitDurable()
        XCTAssertEqual(left, 0)
        XCTAssertFalse(isDurable)
        XCTAssertEqual(ear.heard, [.disabled])
        XCTAssertEqual(sillage.ledger, Sillage.Ledger())
    }

    func testWithoutANetworkEventsWait() async throws {
        let sillage = Sillage.test("http://127.0.0.1:\(try closedPort())")
        sillage.track("Tried")
        let left = await sillage.flush(timeoutMs: 200)
        XCTAssertEqual(left, 1)
        XCTAssertEqual(sillage.ledger.pending, 1)
    }

    func testAnEventOutlivesItsClient() async throws {
        let folder = newFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let nowhere = "http://127.0.0.1:\(try closedPort())"
        let first = Sillage.test(nowhere) { $0.folder = folder }
        first.track("Tried")
        let isDurable = await first.waitDurable()
        XCTAssertTrue(isDurable)
        await first.shutdown(timeoutMs: 100)
        let server = try StubServer()
        let second = Sillage.test(server.endpoint) { $0.folder = folder }
        await second.flush()
        XCTAssertEqual(server.events.map { $0["event"]?.text }, ["Tried"])
    }

    func testWithoutConsentNothingIsWrittenOrSent() async throws {
        let (server, folder) = (try StubServer(), newFolder())
        defer { try? FileManager.default.removeItem(at: folder) }
        let sillage = Sillage.test(server.endpoint) {
            $0.folder = folder
            $0.consentRequired = ["analytics"]
        }
        sillage.track("Tried")
        await sillage.flush(timeoutMs: 200)
        XCTAssertEqual(server.requests.count, 0)
        XCTAssertEqual(try files(in: folder), [])
        sillage.consent(["analytics": true])
        await sillage.flush()
        XCTAssertEqual(server.events.map { $0["event"]?.text }, ["Tried"])
        XCTAssertNotEqual(try files(in: folder), [])
    }

    func testManyThreadsLoseNothing() async throws {
        let server = try StubServer { request in
            // Longer batches are compressed, and this server reads none: it says when it did not understand.
            request.events.isEmpty ? StubServer.Answer(status: 500) : StubServer.Answer.taken(request)
        }
        let sillage = Sillage.test(server.endpoint) {
            $0.batchEventsMax = 1
        }
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for number in 0..<5 { sillage.track("Tried", properties: ["n": thread * 5 + number]) }
        }
        let left = await sillage.flush(timeoutMs: 20_000)
        XCTAssertEqual(left, 0)
        let numbers = server.events.compactMap { $0["properties"]?["n"]?.integer }
        XCTAssertEqual(Set(numbers), Set(0..<40))
        XCTAssertEqual(sillage.ledger.acknowledged, 40)
    }

    private func files(in folder: URL) throws -> [String] {
        let found = FileManager.default.enumerator(atPath: folder.path)
        return (found?.allObjects as? [String] ?? []).sorted()
    }
}
