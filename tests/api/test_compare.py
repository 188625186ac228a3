"""The comparison notices what it is for: copies of the real sources, each with one change."""

import shutil
import tempfile
import unittest
from pathlib import Path

import kotlin
import python
import swift
import table
from compare import READERS, ROOT, difference, differences, read_idioms, side_by_side

SOURCES = {"kotlin": kotlin.SOURCES, "python": python.SOURCES, "swift": swift.SOURCES}

# A file, what stands there, what is put in its place, and what must be said.
CHANGES = [
    (
        "kotlin",
        "Sillage.kt",
        "fun flush(timeoutMs: Long = 5000)",
        "fun flush(timeoutMs: Long = 6000)",
        "kotlin: flush(timeoutMs=6000) is agreed to be flush(timeoutMs=5000)",
    ),
    (
        "kotlin",
        "Sillage.kt",
        "fun alias(userId: String,",
        "fun alias(personId: String,",
        "kotlin: alias(personId, options=none) is agreed to be alias(userId, options=none)",
    ),
    (
        "kotlin",
        "Settings.kt",
        "var durable: Boolean = false",
        "var durable: Boolean = true",
        "kotlin: setting durable is true, and agreed to be false",
    ),
    (
        "kotlin",
        "EventOptions.kt",
        "var messageId: String?",
        "var eventId: String?",
        "kotlin: option messageId is missing",
    ),
    (
        "python",
        "client.py",
        "def wait_durable(self)",
        "def wait_until_durable(self)",
        "python: call waitDurable is missing",
    ),
    (
        "python",
        "client.py",
        "batch_age_ms: Optional[int] = None",
        "batch_age_ms: Optional[int] = 30_000",
        "python: setting batchAgeMs is 30000, and agreed to be none",
    ),
    (
        "python",
        "client.py",
        "def reset(self)",
        "def reset(self, keep: bool = False)",
        "python: reset(keep=false) is agreed to be reset()",
    ),
    (
        "python",
        "options.py",
        "    user_id: Optional[str] = None",
        '    user_id: Optional[str] = ""',
        'python: option userId is "", and agreed to be none',
    ),
    (
        "swift",
        "Sillage.swift",
        "func privacy(gpc: Bool = false, dnt: Bool = false)",
        "func privacy(dnt: Bool = false, gpc: Bool = false)",
        "swift: privacy(dnt=false, gpc=false) is agreed to be privacy(gpc=false, dnt=false)",
    ),
    (
        "swift",
        "Sillage.swift",
        "public func reset()",
        "func reset()",
        "swift: call reset is missing",
    ),
    (
        "swift",
        "Sillage+Waiting.swift",
        "public func waitDurableBlocking()",
        "public func waitHere()",
        "swift: call waitDurableBlocking is listed as an idiom, and is not there",
    ),
    (
        "swift",
        "Settings.swift",
        "public var sampling:",
        "public var sampled:",
        "swift: setting sampled is not in the table",
    ),
    (
        "swift",
        "Settings.swift",
        '= "http://127.0.0.1:8080"',
        '= "http://localhost:8080"',
        'swift: setting endpoint is "http://localhost:8080", and agreed to be "http://127.0.0.1:8080"',
    ),
]


class Comparison(unittest.TestCase):
    def differs(self, language: str, root: Path) -> list[str]:
        return difference(language, table.read(ROOT), READERS[language](root), read_idioms())

    def test_the_bindings_have_one_api(self) -> None:
        agreed = table.read(ROOT)
        faces = {language: read(ROOT) for language, read in READERS.items()}
        wrong = differences(agreed, faces, read_idioms())
        self.assertEqual(wrong, [], side_by_side(agreed, faces))

    def test_the_table_is_read_whole(self) -> None:
        agreed = table.read(ROOT)
        self.assertEqual(len(agreed.calls), 17)
        self.assertEqual(list(agreed.options), ["context", "userId", "anonymousId", "timestamp", "messageId"])
        self.assertEqual(len(agreed.settings), 6 + 19)
        page = {"name": '""', "properties": "none", "category": '""', "options": "none"}
        self.assertEqual(agreed.calls["page"], page)

    def test_each_change_is_noticed(self) -> None:
        for language, file, old, new, said in CHANGES:
            with self.subTest(said), tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / SOURCES[language]
                shutil.copytree(ROOT / SOURCES[language], copy, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
                text = (copy / file).read_text()
                self.assertIn(old, text)
                before = self.differs(language, Path(folder))
                (copy / file).write_text(text.replace(old, new))
                after = self.differs(language, Path(folder))
                self.assertIn(said, after)
                self.assertNotIn(said, before)

    def test_an_idiom_of_another_table_is_noticed(self) -> None:
        idioms = read_idioms()
        idioms["default"][0]["table"] = "another"
        wrong = difference("swift", table.read(ROOT), READERS["swift"](ROOT), idioms)
        self.assertTrue(any("idioms.toml takes for another" in line for line in wrong), wrong)


if __name__ == "__main__":
    unittest.main()
