"""The check of the Swift notices what it is for: the real sources, each time with one word that is wrong."""

import unittest

from swift_check import GENERATED, check, read, source_files

FFI = "bindings/swift/Sources/Sillage/"
TESTS = "bindings/swift/Tests/SillageTests/"

# A file, what stands there, what is put in its place, and part of what must be said.
CHANGES = [
    (
        FFI + "HostLoop.swift",
        "client.uploadDone(id: id, reply: .unsent)",
        "client.uploadEnded(id: id, reply: .unsent)",
        "Client has no uploadEnded",
    ),
    (
        FFI + "HostLoop.swift",
        "client.uploadDone(id: id, reply: reply)",
        "client.uploadDone(id: id, answer: reply)",
        "nothing declares uploadDone(id:answer:)",
    ),
    (FFI + "HostLoop.swift", "client.nextTask(waitMs: ", "client.nextTask(", "nothing declares nextTask(_:)"),
    (
        FFI + "HostLoop.swift",
        "case .upload(let id, let url, let headers, let body)",
        "case .upload(let id, let url, let body)",
        ".upload has [4] values, and 3 are bound",
    ),
    (FFI + "HostLoop.swift", "case .ended:", "case .finished:", "nothing has the case .finished"),
    (
        FFI + "Boundary.swift",
        "        case .stopped: return .stopped\n",
        "",
        "no enum has exactly the cases delivered, disabled,",
    ),
    (
        FFI + "Sillage.swift",
        ".track(event: event, properties: properties, options: options)",
        ".track(name: event, properties: properties, options: options)",
        "nothing declares track(name:properties:options:)",
    ),
    (
        FFI + "Sillage.swift",
        "engine.tell(.consent(choices: choices))",
        "engine.say(.consent(given: choices))",
        "nothing declares consent(given:)",
    ),
    (FFI + "Boundary.swift", "queueAgeMaxMs: settings", "queueAgeMs: settings", "nothing declares Config("),
    (
        FFI + "Boundary.swift",
        "SillageFFI.SampleRate(event:",
        "SillageFFI.Sampling(event:",
        "SillageFFI has no Sampling",
    ),
    (FFI + "Boundary.swift", "ledger.acknowledged", "ledger.accepted", "Ledger has no accepted"),
    (
        FFI + "Exchanges.swift",
        "return .answer(\n            status:",
        "return .answer(\n            code:",
        "nothing declares answer(code:",
    ),
    (
        FFI + "Waiting.swift",
        ".alias(userId: userId,",
        ".alias(previousId: userId,",
        "nothing declares alias(previousId:",
    ),
    (TESTS + "PlayerConfig.swift", "config.batchBytesMax", "config.batchBytes", "Config has no batchBytes"),
    (TESTS + "Player.swift", "tracker.tick(now: now(at))", "tracker.tick(at: now(at))", "nothing declares tick(at:)"),
    (TESTS + "Player.swift", "Now(wallMs: Player", "Now(wall: Player", "nothing declares Now(wall:monoMs:)"),
    (
        FFI + "Apple/AppLife.swift",
        "engine.flush(timeoutMs: patienceMs)",
        "engine.flush(within: patienceMs)",
        "nothing declares flush(within:)",
    ),
    (
        FFI + "Engine.swift",
        "guard isFirst else",
        "guard let isFirst = isFirst else",
        "isFirst is declared twice in one block",
    ),
    (FFI + "Engine.swift", "func start() {", "func start( {", "Engine.swift:"),
]


class SwiftCheck(unittest.TestCase):
    def test_the_swift_holds_together(self) -> None:
        self.assertEqual(check(read(source_files()), GENERATED.read_text()), [])

    def test_each_change_is_noticed(self) -> None:
        sources, generated = read(source_files()), GENERATED.read_text()
        before = check(sources, generated)
        for file, old, new, said in CHANGES:
            with self.subTest(said):
                self.assertIn(old, sources[file])
                after = check(sources | {file: sources[file].replace(old, new, 1)}, generated)
                self.assertTrue(any(said in line for line in after if line not in before), after)

    def test_a_member_that_the_generator_no_longer_writes_is_noticed(self) -> None:
        sources, generated = read(source_files()), GENERATED.read_text()
        renamed = generated.replace("func waitDurable(", "func awaitDurable(")
        self.assertNotEqual(generated, renamed)
        self.assertTrue(any("Client has no waitDurable" in line for line in check(sources, renamed)))


if __name__ == "__main__":
    unittest.main()
