"""The API as Swift's sources say it."""

from pathlib import Path

from tree_sitter import Node

from face import NONE, Arguments, Face, default
from trees import children, first, text, tree

SOURCES = Path("bindings/swift/Sources/Sillage")


def read(root: Path) -> Face:
    face = Face()
    for path in sorted((root / SOURCES).rglob("*.swift")):
        for node in types(tree("swift", path.read_text())):
            if name_of_type(node) == "Sillage":
                calls(node, face)
            elif name_of_type(node) == "Settings":
                face.settings |= properties(node)
            elif name_of_type(node) == "EventOptions":
                for made in body(node, "init_declaration"):
                    face.options = {name: value or "must be given" for name, value in parameters(made).items()}
    return face


def types(root: Node) -> list[Node]:
    """Types and extensions, and those in them; what stands between `#if` and `#endif` is there like all else."""
    outer = children(root, "class_declaration")
    return outer + [inner for node in outer for inner in body(node, "class_declaration")]


def name_of_type(node: Node) -> str:
    """That of a type, or of the type that an extension extends."""
    name = node.child_by_field_name("name")
    return text(name) if name else ""


def body(node: Node, *kinds: str) -> list[Node]:
    inner = first(node, "class_body")
    return [child for child in children(inner, *kinds) if is_public(child)] if inner else []


def is_public(node: Node) -> bool:
    modifiers = first(node, "modifiers")
    return modifiers is not None and "public" in text(modifiers).split()


def calls(node: Node, face: Face) -> None:
    for member in body(node, "function_declaration", "property_declaration"):
        if member.type == "function_declaration":
            name = member.child_by_field_name("name")
            face.calls[text(name) if name else ""] = parameters(member)
        else:
            face.calls[property_name(member)] = {}


def properties(node: Node) -> dict[str, str]:
    found = {}
    for member in body(node, "property_declaration"):
        value = member.child_by_field_name("value")
        found[property_name(member)] = default(text(value)) if value else NONE
    return found


def property_name(node: Node) -> str:
    pattern = node.child_by_field_name("name")
    return text(pattern) if pattern else ""


def parameters(node: Node) -> Arguments:
    """The grammar has a default beside its parameter. An argument's name is the one inside: `track(_ event:)`
    has `event`."""
    found: Arguments = {}
    last = ""
    for index, child in enumerate(node.children):
        if child.type == "parameter":
            name = child.child_by_field_name("name")
            last = text(name) if name else ""
            found[last] = None
        elif node.field_name_for_child(index) == "default_value":
            found[last] = default(text(child))
    return found
