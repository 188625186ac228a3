import Foundation
import XCTest

final class ScenarioTests: XCTestCase {
    private func scenarios() throws -> [URL] {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<5 { root.deleteLastPathComponent() }
        let folder = root.appendingPathComponent("tests/fixtures/scenarios")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return files.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
    }

    func testEveryScenarioGivesExactlyItsActions() throws {
        let files = try scenarios()
        XCTAssertGreaterThanOrEqual(files.count, 60)
        for file in files {
            let name = file.lastPathComponent
            let wrong = try Player(name, try Parsed(try String(contentsOf: file, encoding: .utf8))).play()
            XCTAssertTrue(wrong.isEmpty, wrong.joined(separator: "\n"))
        }
    }

    func testAStoryThatIsToldOtherwiseIsNoticed() throws {
        let files = try scenarios()
        let file = try XCTUnwrap(files.first { $0.lastPathComponent == "segments-told.json" })
        let text = try String(contentsOf: file, encoding: .utf8)
        let otherwise = text.replacingOccurrences(of: "\"wakeAt\":30000", with: "\"wakeAt\":30001")
        XCTAssertNotEqual(text, otherwise)
        XCTAssertFalse(try Player("otherwise", try Parsed(otherwise)).play().isEmpty)
    }
}
