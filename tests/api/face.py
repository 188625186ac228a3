"""What an app sees of a binding, in words that do not depend on its language."""

import re
from dataclasses import dataclass, field

NONE = "none"

Arguments = dict[str, str | None]
"""Names in order; the default in one spelling, or None if it must be given."""


@dataclass
class Face:
    """Everything public: calls with their arguments, settings and options with their defaults."""

    calls: dict[str, Arguments] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)


def camel(name: str) -> str:
    """`batch_age_ms` as `batchAgeMs`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def default(text: str) -> str:
    """A default as it is written in any of the languages, in one spelling."""
    text = " ".join(text.split())
    if text in ("nil", "null", "None", "none", "[:]", "emptyMap()"):
        return NONE
    if text in ("False", "false", "True", "true"):
        return text.lower()
    if text in ("''", '""'):
        return '""'
    if re.fullmatch(r"[0-9_]+", text):
        return text.replace("_", "")
    if re.fullmatch(r"'[^']*'", text):
        return f'"{text[1:-1]}"'
    return text


def told(arguments: Arguments) -> str:
    """Arguments as a reader wants them."""
    return ", ".join(name if value is None else f"{name}={value}" for name, value in arguments.items())
