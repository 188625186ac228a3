"""The API as it was agreed: the table in bindings/README.md, and the core's own settings."""

import re
from pathlib import Path

from face import NONE, Arguments, Face, camel, default

ON_A_DEVICE = "none on a server"


def read(root: Path) -> Face:
    text = (root / "bindings/README.md").read_text()
    text = text[text.index("## One API") :]
    face = Face()
    for cells in rows(text, "| call |"):
        for name in re.findall(r"`(\w+)`", cells[0]):
            face.calls[name] = arguments(cells[1])
    options = re.search(r"^`options`:(.*)$", text, re.MULTILINE)
    if not options:
        raise ValueError("bindings/README.md says no options")
    face.options = {name: NONE for name in re.findall(r"`(\w+)`", options[1])}
    for cells in rows(text, "| setting |"):
        if "…" not in cells[0]:
            names = re.findall(r"`(\w+)`", cells[0])
            face.settings |= {name: default_of(cells[1]) for name in names}
    face.settings |= {name: NONE for name in core_settings(root)}
    return face


def rows(text: str, head: str) -> list[list[str]]:
    lines = text[text.index(head) :].splitlines()[2:]
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def arguments(cell: str) -> Arguments:
    return {name: default(value) if value else None for name, value in re.findall(r"`(\w+)`(?: = ([^\s,]+))?", cell)}


def default_of(cell: str) -> str:
    """A default that depends on where it runs, or on the language, stays in words."""
    code = re.fullmatch(r"`([^`]+)`", cell)
    if code and code[1].startswith("http"):
        return f'"{code[1]}"'
    return default(code[1] if code else cell)


def core_settings(root: Path) -> list[str]:
    text = (root / "bindings/uniffi/src/config.rs").read_text()
    body = text[text.index("pub struct Config {") :]
    body = body[: body.index("\n}")]
    return [camel(name) for name in re.findall(r"^    pub (\w+): Option<", body, re.MULTILINE)]
