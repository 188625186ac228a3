"""Holds the bindings against the table in bindings/README.md, prints all side by side, and fails with a list of what
differs: `compare.py [--root LANGUAGE=PATH] …`, where PATH is another checkout in which to look for a language."""

import sys
import tomllib
from pathlib import Path
from typing import Any

import kotlin
import python
import swift
import table
from face import Arguments, Face, told

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
READERS = {"kotlin": kotlin.read, "python": python.read, "swift": swift.read}

Idioms = dict[str, list[dict[str, str]]]


def read_idioms() -> Idioms:
    return tomllib.loads((HERE / "idioms.toml").read_text())


def differences(agreed: Face, faces: dict[str, Face], idioms: Idioms) -> list[str]:
    """What is not as agreed, one line each; none if all is."""
    wrong = []
    for language, face in faces.items():
        wrong += difference(language, agreed, face, idioms)
    return wrong


def difference(language: str, agreed: Face, face: Face, idioms: Idioms) -> list[str]:
    extras = [idiom for idiom in idioms.get("extra", []) if idiom["language"] == language]
    calls = {idiom["call"] for idiom in extras if "call" in idiom}
    settings = {idiom["setting"] for idiom in extras if "setting" in idiom}
    expected = dict(agreed.settings)
    for idiom in idioms.get("default", []):
        name = idiom["setting"]
        if agreed.settings.get(name) != idiom["table"]:
            expected[name] = f"{agreed.settings.get(name)}, which idioms.toml takes for {idiom['table']}"
        else:
            expected[name] = idiom[language]
    wrong = []
    wrong += arguments_differ(language, agreed.calls, face.calls, calls)
    wrong += values_differ(language, "setting", expected, face.settings, settings)
    wrong += values_differ(language, "option", agreed.options, face.options, set())
    return wrong


def arguments_differ(
    language: str, agreed: dict[str, Arguments], found: dict[str, Arguments], extra: set[str]
) -> list[str]:
    wrong = missing_and_extra(language, "call", set(agreed), set(found), extra)
    for name, arguments in agreed.items():
        # Their order is part of it: it shows in every call.
        if name in found and list(found[name].items()) != list(arguments.items()):
            wrong.append(f"{language}: {name}({told(found[name])}) is agreed to be {name}({told(arguments)})")
    return wrong


def values_differ(
    language: str, kind: str, agreed: dict[str, str], found: dict[str, str], extra: set[str]
) -> list[str]:
    wrong = missing_and_extra(language, kind, set(agreed), set(found), extra)
    for name, value in agreed.items():
        if name in found and found[name] != value:
            wrong.append(f"{language}: {kind} {name} is {found[name]}, and agreed to be {value}")
    return wrong


def missing_and_extra(language: str, kind: str, agreed: set[str], found: set[str], extra: set[str]) -> list[str]:
    wrong = [f"{language}: {kind} {name} is missing" for name in sorted(agreed - found)]
    wrong += [f"{language}: {kind} {name} is not in the table" for name in sorted(found - agreed - extra)]
    wrong += [f"{language}: {kind} {name} is listed as an idiom, and is not there" for name in sorted(extra - found)]
    return wrong


def side_by_side(agreed: Face, faces: dict[str, Face]) -> str:
    columns = {"agreed": agreed, **faces}
    lines = []
    for kind in ("calls", "settings", "options"):
        names = list(dict.fromkeys(name for face in columns.values() for name in getattr(face, kind)))
        lines += row(kind, list(columns)) + row("", ["-" * 8] * len(columns))
        for name in names:
            lines += row(name, [cell(getattr(face, kind).get(name)) for face in columns.values()])
        lines.append("")
    return "\n".join(lines)


def cell(value: Any) -> str:
    if value is None:
        return "·"
    return f"({told(value)})" if isinstance(value, dict) else value


def row(name: str, cells: list[str], width: int = 34) -> list[str]:
    """Long cells go on in the next line."""
    parts = [[text[start : start + width] for start in range(0, len(text), width)] or [""] for text in cells]
    height = max(len(part) for part in parts)
    rows = []
    for line in range(height):
        texts = [part[line] if line < len(part) else "" for part in parts]
        head = name if line == 0 else ""
        rows.append(f"{head:<36}" + " ".join(f"{text:<{width}}" for text in texts).rstrip())
    return rows


def main(arguments: list[str]) -> int:
    roots = {language: ROOT for language in READERS}
    for flag, value in zip(arguments[::2], arguments[1::2], strict=True):
        language, _, path = value.partition("=")
        if flag != "--root" or language not in roots:
            raise SystemExit(__doc__)
        roots[language] = Path(path)
    agreed = table.read(ROOT)
    faces = {language: read(roots[language]) for language, read in READERS.items()}
    print(side_by_side(agreed, faces))
    wrong = differences(agreed, faces, read_idioms())
    print("\n".join(wrong) if wrong else "one API: no difference")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
