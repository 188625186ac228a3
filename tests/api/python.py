"""The API as Python's sources say it."""

import ast
from pathlib import Path

from face import NONE, Arguments, Face, camel, default

SOURCES = Path("bindings/python/src/sillage")


def read(root: Path) -> Face:
    face = Face()
    for member in class_of(root, "Client").body:
        if isinstance(member, ast.FunctionDef):
            if member.name == "__init__":
                face.settings = {name: value or NONE for name, value in arguments(member).items()}
                # It has no default and is no setting: every language takes it first.
                del face.settings["writeKey"]
            elif not member.name.startswith("_"):
                face.calls[camel(member.name)] = arguments(member)
    for member in class_of(root, "EventOptions").body:
        if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
            value = "must be given" if member.value is None else default(ast.unparse(member.value))
            face.options[camel(member.target.id)] = value
    return face


def class_of(root: Path, name: str) -> ast.ClassDef:
    for path in sorted((root / SOURCES).glob("*.py")):
        if path.name == "_ffi.py":
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return node
    raise ValueError(f"{root / SOURCES} has no class {name}")


def arguments(function: ast.FunctionDef) -> Arguments:
    said = function.args
    named = [*said.posonlyargs, *said.args][1:]
    values: list[ast.expr | None] = [None] * (len(named) - len(said.defaults))
    values += said.defaults
    pairs = [*zip(named, values, strict=True), *zip(said.kwonlyargs, said.kw_defaults, strict=True)]
    return {camel(name.arg): None if value is None else default(ast.unparse(value)) for name, value in pairs}
