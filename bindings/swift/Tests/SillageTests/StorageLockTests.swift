import Foundation
import XCTest
@testable import Sillage

final class StorageLockTests: XCTestCase {
    func testCallsWaitForTheFirstUnlockWithTheirOwnTimes() async throws {
        let (server, folder, lock) = (try StubServer(), newFolder(), HeldLock())
        defer { try? FileManager.default.removeItem(at: folder) }
        let sillage = Sillage.test(server.endpoint, lock: lock) { $0.folder = folder }
        let before = Date()
        sillage.track("Tried")
        let left = await sillage.flush()
        XCTAssertEqual(left, 1)
        XCTAssertEqual(sillage.anonymousId, "")
        XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path))
        XCTAssertEqual(server.requests.count, 0)
        XCTAssertTrue(until { Date().timeIntervalSince(before) > 0.05 })
        let opened = ISO8601.text(Date())
        lock.open()
        await sillage.flush()
        let event = try XCTUnwrap(server.events.first)
        let timestamp = try XCTUnwrap(event["timestamp"]?.text)
        XCTAssertLessThan(timestamp, opened)
        XCTAssertFalse(sillage.anonymousId.isEmpty)
        XCTAssertEqual(sillage.ledger.created, 1)
    }

    func testTheOrderOfWhatWaitsIsKept() async throws {
        let (server, lock) = (try StubServer(), HeldLock())
        let sillage = Sillage.test(server.endpoint, lock: lock) { $0.batchEventsMax = 1 }
        sillage.track("Before")
        sillage.identify("u-1")
        sillage.track("After")
        lock.open()
        await sillage.flush()
        XCTAssertEqual(server.events.map { $0["type"]?.text }, ["track", "identify", "track"])
        XCTAssertEqual(sillage.userId, "u-1")
    }

    func testNoMoreWaitsThanIsAllowed() async throws {
        let ear = Ear()
        let sillage = Sillage.test("http://127.0.0.1:\(try closedPort())", lock: HeldLock(), ear: ear)
        for _ in 0..<(Waiting.callsMax + 10) { sillage.track("Tried") }
        // The context is one of the calls.
        let left = await sillage.flush()
        XCTAssertEqual(left, UInt64(Waiting.callsMax - 1))
        XCTAssertEqual(ear.heard, Array(repeating: .dropped(reason: "waiting_full", count: 1), count: 11))
    }

    func testWhatWaitsAtTheEndIsSaidToBeLost() async throws {
        let ear = Ear()
        let sillage = Sillage.test("http://127.0.0.1:\(try closedPort())", lock: HeldLock(), ear: ear)
        sillage.track("Tried")
        await sillage.shutdown()
        XCTAssertEqual(ear.heard, [.dropped(reason: "unwritten", count: 1)])
    }

    func testAFolderThatCanBeReadIsOpenAndKeepsNoTraceOfTheQuestion() throws {
        let folder = newFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        XCTAssertTrue(StorageProbe.isReadable(folder))
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path), [])
        try Data([1]).write(to: folder.appendingPathComponent("lock"))
        XCTAssertTrue(StorageProbe.isReadable(folder))
    }

    func testOnlyARefusalCountsAsLocked() {
        XCTAssertTrue(StorageProbe.isRefusal(NSError(domain: NSPOSIXErrorDomain, code: 1)))
        XCTAssertTrue(StorageProbe.isRefusal(NSError(domain: NSCocoaErrorDomain, code: 257)))
        XCTAssertFalse(StorageProbe.isRefusal(NSError(domain: NSPOSIXErrorDomain, code: 28)))
        XCTAssertFalse(StorageProbe.isRefusal(NSError(domain: NSCocoaErrorDomain, code: 4)))
    }

    func testEachWriteKeyHasAFolderInTheAppsOwn() {
        let own = URL(fileURLWithPath: "/somewhere/else")
        XCTAssertEqual(Folder.chosen(own, writeKey: "wk"), own)
        XCTAssertNil(Folder.chosen(nil, writeKey: "wk"))
        if let base = Folder.ofThisApp {
            XCTAssertEqual(Folder.chosen(base, writeKey: "w/k")?.lastPathComponent, "key-w%2Fk")
        }
    }
}
