"""What can be said of the Swift without a compiler: every file parses, and every call, case and member that is ours
or the generated module's exists with those labels. Needs what bindings/generate writes."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from swift_calls import wrong_calls
from swift_index import Index
from trees import tree, wrong

ROOT = Path(__file__).resolve().parent.parent.parent
GENERATED = ROOT / "bindings/swift/Sources/SillageFFI/SillageFFI.swift"
FOLDERS = ("bindings/swift", "examples/ios")

# Valid Swift that the grammar does not know, by the words it stumbles over. They stand in generated code.
GRAMMAR_GAPS = [re.compile(r"^ *@_documentation\(visibility: private\)$", re.MULTILINE)]


def source_files() -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.swift")]
    return sorted(path for path in found if ".build" not in path.parts and path != GENERATED)


def known(text: str) -> str:
    """Without what the grammar cannot know; lines stay where they are."""
    for gap in GRAMMAR_GAPS:
        text = gap.sub("", text)
    return text


def check(sources: dict[str, str], generated: str) -> list[str]:
    """What is wrong, one line each. `sources` are texts by path; the generated text is not ours, but must parse."""
    trees = {path: tree("swift", text) for path, text in sources.items()}
    module = tree("swift", known(generated))
    found = [f"{path}:{place}" for path, root in trees.items() for place in wrong(root)]
    found += [f"{GENERATED.name}:{place}" for place in wrong(module)]
    index = Index()
    # Twice: a function's type may be named in a file that is read later.
    for root in [*trees.values(), *trees.values()]:
        index.read(root)
    index.public_only = True
    index.read(module)
    found += [
        f"{path}:{place}"
        for path, root in trees.items()
        # A manifest speaks of another module.
        if Path(path).name != "Package.swift"
        for place in wrong_calls(root, index)
    ]
    return found


def read(paths: Iterable[Path]) -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


def main() -> int:
    if not GENERATED.exists():
        print(f"{GENERATED} is not there: run bindings/generate", file=sys.stderr)
        return 1
    sources = read(source_files())
    wrong = check(sources, GENERATED.read_text())
    print("\n".join(wrong) if wrong else f"{len(sources)} files of Swift: nothing wrong that can be seen so")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
