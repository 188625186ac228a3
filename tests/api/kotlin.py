"""The API as Kotlin's sources say it."""

from pathlib import Path

from tree_sitter import Node

from face import NONE, Arguments, Face, default
from trees import children, first, text, tree

SOURCES = Path("bindings/kotlin/sillage/src/main/kotlin/io/sillage")
HIDDEN = ("private", "internal", "protected")


def read(root: Path) -> Face:
    face = Face()
    for member in members(root, "Sillage"):
        if member.type == "function_declaration":
            face.calls[name_of(member)] = parameters(first(member, "function_value_parameters"))
        elif member.type == "property_declaration":
            face.calls[name_of(member)] = {}
    for member in members(root, "Settings"):
        if member.type == "property_declaration":
            face.settings[name_of(member)] = value_of(member) or NONE
    constructor = first(class_of(root, "EventOptions"), "primary_constructor")
    listed = first(constructor, "class_parameters") if constructor else None
    for option in children(listed, "class_parameter") if listed else []:
        face.options[name_of(option)] = value_of(option) or "must be given"
    return face


def class_of(root: Path, name: str) -> Node:
    path = root / SOURCES / f"{name}.kt"
    for node in children(tree("kotlin", path.read_text()), "class_declaration"):
        found = first(node, "identifier")
        if found and text(found) == name:
            return node
    raise ValueError(f"{path} has no class {name}")


def members(root: Path, name: str) -> list[Node]:
    """The public ones, but for those that say that they are for hosts and not for apps."""
    body = first(class_of(root, name), "class_body")
    return [node for node in (body.children if body else []) if is_public(node)]


def is_public(node: Node) -> bool:
    modifiers = first(node, "modifiers")
    words = text(modifiers).split() if modifiers else []
    return not any(word in HIDDEN or word == "@HostApi" for word in words)


def name_of(node: Node) -> str:
    inner = first(node, "variable_declaration") or node
    found = first(inner, "identifier")
    return text(found) if found else ""


def parameters(listed: Node | None) -> Arguments:
    """The grammar has a default beside its parameter."""
    found: Arguments = {}
    name = ""
    awaits = False
    for node in listed.children if listed else []:
        if node.type == "parameter":
            name = name_of(node)
            found[name] = None
        elif node.type == "=":
            awaits = True
        elif awaits:
            found[name] = default(text(node))
            awaits = False
    return found


def value_of(node: Node) -> str | None:
    """What stands behind the equals sign."""
    sign = next((index for index, child in enumerate(node.children) if child.type == "="), None)
    return None if sign is None else default(text(node.children[sign + 1]))
