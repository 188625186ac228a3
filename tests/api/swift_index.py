"""What Swift sources declare: how each function, initialiser and case may be called, and which members a type has."""

from dataclasses import dataclass, field

from tree_sitter import Node

from trees import children, first, text

CALLABLE = ("function_declaration", "init_declaration")
BODIES = ("class_body", "enum_class_body", "protocol_body")


@dataclass(frozen=True)
class Parameter:
    """One of a call. `label` is None where none is written."""

    label: str | None
    has_default: bool
    is_function: bool


Signature = tuple[Parameter, ...]


@dataclass
class Index:
    """By name: of a type for its initialisers, else of the function or the case itself."""

    signatures: dict[str, set[Signature]] = field(default_factory=dict)
    cases: dict[str, set[int]] = field(default_factory=dict)
    enums: dict[str, set[str]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    """Names of types that are functions."""
    closures: set[str] = field(default_factory=set)
    """Names of parameters and properties that are functions: what takes them says nothing of their labels."""

    public_only: bool = False

    def add(self, name: str, signature: Signature) -> None:
        self.signatures.setdefault(name, set()).add(signature)

    def read(self, root: Node) -> None:
        for node in children(root, "typealias_declaration"):
            self.alias(node)
        self.scope(root, None)

    def alias(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name and "->" in text(node):
            self.functions.add(text(name))

    def scope(self, node: Node, owner: str | None) -> None:
        """Declarations of a file or of a type's body, but for those that no other file sees."""
        for child in node.children:
            if self.public_only and is_hidden(child):
                continue
            if child.type in ("class_declaration", "protocol_declaration"):
                name = child.child_by_field_name("name")
                self.type(child, text(name).split(".")[-1] if name else "")
            elif child.type in CALLABLE or child.type == "protocol_function_declaration":
                self.callable(child, owner)
            elif child.type in ("property_declaration", "protocol_property_declaration"):
                self.member(owner, name_of(child))
                if is_function(child, self):
                    self.closures.add(name_of(child))
            elif child.type == "enum_entry":
                self.entry(child, owner)
            elif child.type == "typealias_declaration":
                self.alias(child)

    def type(self, node: Node, name: str) -> None:
        for body in children(node, *BODIES):
            self.scope(body, name)
            kind = text(node.child_by_field_name("declaration_kind") or node)
            # The compiler makes one only where none is written.
            if kind == "struct" and not children(body, "init_declaration"):
                self.add(name, tuple(stored(body, self)))
            if kind in ("struct", "class") and not children(body, "init_declaration"):
                self.add(name, ())

    def callable(self, node: Node, owner: str | None) -> None:
        found = node.child_by_field_name("name")
        name = owner if node.type == "init_declaration" else text(found) if found else None
        if name:
            self.add(name, parameters(node, self))
            self.member(owner, name)

    def entry(self, node: Node, owner: str | None) -> None:
        name = ""
        for index, child in enumerate(node.children):
            if node.field_name_for_child(index) == "name":
                name = text(child)
                self.member(owner, name)
                self.enums.setdefault(owner or "", set()).add(name)
                self.cases.setdefault(name, set()).add(0)
            elif node.field_name_for_child(index) == "data_contents":
                payload = payload_of(child)
                self.cases[name].discard(0)
                self.cases[name].add(len(payload))
                self.add(name, payload)

    def member(self, owner: str | None, name: str) -> None:
        if owner:
            self.members.setdefault(owner, set()).add(name)


def is_hidden(node: Node) -> bool:
    modifiers = first(node, "modifiers")
    words = text(modifiers).split() if modifiers else []
    return "private" in words or "fileprivate" in words


def name_of(node: Node) -> str:
    name = node.child_by_field_name("name")
    return text(name) if name else ""


def parameters(node: Node, index: Index) -> Signature:
    """The grammar has a default beside its parameter."""
    found: list[Parameter] = []
    for place, child in enumerate(node.children):
        if child.type == "parameter":
            outer, inner = child.child_by_field_name("external_name"), child.child_by_field_name("name")
            named = outer or inner
            label = text(named) if named else ""
            found.append(Parameter(None if label == "_" else label, False, is_function(child, index)))
            if found[-1].is_function and inner:
                index.closures.add(text(inner))
        elif node.field_name_for_child(place) == "default_value":
            found[-1] = Parameter(found[-1].label, True, found[-1].is_function)
    return tuple(found)


def is_function(node: Node, index: Index) -> bool:
    written = text(node)
    return "->" in written or any(name in written.split() for name in index.functions)


def stored(body: Node, index: Index) -> list[Parameter]:
    """What the initialiser takes that the compiler makes: each stored property."""
    found = []
    for node in children(body, "property_declaration"):
        modifiers = first(node, "modifiers")
        written = text(modifiers) if modifiers else ""
        is_let = text(node).removeprefix(written).lstrip().startswith("let")
        has_value = node.child_by_field_name("value") is not None
        is_computed = node.child_by_field_name("computed_value") is not None
        if "static" in written.split() or "@" in written or is_computed or (is_let and has_value):
            continue
        is_optional = "?" in text(node).split("=")[0]
        found.append(Parameter(name_of(node), has_value or (is_optional and not is_let), is_function(node, index)))
    return found


def payload_of(node: Node) -> Signature:
    """`(event: String, Int = 1)`: a label is an identifier before a colon."""
    found: list[Parameter] = []
    label: str | None = None
    for index, child in enumerate(node.children):
        if child.type == "simple_identifier":
            label = text(child)
        elif node.field_name_for_child(index) == "name":
            found.append(Parameter(label, False, False))
            label = None
    return tuple(found)
