"""Whether each call in Swift sources is one that something declares: by its name and the labels of its arguments.
No types are known here, so a call passes if anything of that name may be called so."""

from collections.abc import Iterator

from tree_sitter import Node

from swift_index import Index, Signature
from trees import below, children, first, text

# What variables of these names are, wherever the generated module is used.
RECEIVERS = {"client": "Client", "tracker": "Tracker", "config": "Config", "ledger": "Ledger"}

# Names that we declare and the system, too, with the labels that it has there.
SYSTEM: dict[str, list[tuple[str | None, ...]]] = {
    "bool": [("forKey",)],
    "finish": [()],
    "listen": [(None, None)],
    "now": [()],
    "object": [("forInfoDictionaryKey",)],
    "set": [(None, "forKey")],
    "shutdown": [(None, None)],
    "send": [(None, None, None, None)],
    "start": [(), ("queue",)],
    "write": [(None,), ("to",), ("to", "options")],
}

# What `.name` means of the system's.
IMPLICIT = set(
    """
    alphanumerics applicationSupportDirectory bordered bufferingNewest cachesDirectory currency default destructive
    completeFileProtectionUntilFirstUserAuthentication foregroundActive foregroundInactive invalid iso8601 leading main
    now posixPermissions protectionKey reloadIgnoringLocalCacheData secondary unsatisfied userDomainMask userInitiated
    utf8 utility whitespaces
    """.split()
)


LOOKED_AT = (
    "call_expression",
    "prefix_expression",
    "navigation_expression",
    "pattern",
    "switch_statement",
    "statements",
)


def wrong_calls(root: Node, index: Index) -> Iterator[str]:
    for node in below(root, *LOOKED_AT):
        place = f"{node.start_point[0] + 1}:{node.start_point[1] + 1}"
        for what in wrong(node, index):
            yield f"{place}: {what}"


def wrong(node: Node, index: Index) -> Iterator[str]:
    if node.type == "call_expression":
        yield from wrong_call(node, index)
    elif node.type == "navigation_expression":
        yield from wrong_member(node, index)
    elif node.type == "switch_statement":
        yield from wrong_switch(node, index)
    elif node.type == "statements":
        yield from declared_twice(node)
    elif node.type == "pattern":
        yield from wrong_pattern(node, index)
    elif node.children[0].type == ".":
        name = text(node.children[1])
        known = any(name in members for members in index.members.values())
        if not known and name not in IMPLICIT and name not in SYSTEM:
            yield f"nothing has .{name}"


def wrong_call(node: Node, index: Index) -> Iterator[str]:
    name = called(node.children[0])
    suffix = first(node, "call_suffix")
    listed = first(suffix, "value_arguments") if suffix else None
    if not name or suffix is None or is_selector(node) or listed is not None and listed.children[0].type == "[":
        return
    labels = [label_of(argument) for argument in children(listed, "value_argument")] if listed else []
    trailing = len(children(suffix, "lambda_literal")) + behind(node)
    signatures = index.signatures.get(name)
    if node.children[0].type == "simple_identifier" and name in index.closures:
        return
    if signatures is None or tuple(labels) in SYSTEM.get(name, []):
        return
    if not any(fits(signature, labels, trailing) for signature in signatures):
        written = "".join(f"{label or '_'}:" for label in labels) + " {…}" * trailing
        yield f"nothing declares {name}({written})"


def is_selector(node: Node) -> bool:
    """`#selector(Type.name(_:))` names, and does not call."""
    outer = node.parent
    while outer is not None and outer.type in ("call_expression", "value_argument", "value_arguments", "call_suffix"):
        outer = outer.parent
    return outer is not None and outer.type == "selector_expression"


def behind(node: Node) -> int:
    """Closures behind the parentheses, which the grammar may take for a call of what the call gives."""
    outer = node.parent
    if outer is None or outer.type != "call_expression" or outer.children[0] != node:
        return 0
    suffix = first(outer, "call_suffix")
    return len(children(suffix, "lambda_literal")) if suffix else 0


def called(node: Node) -> str | None:
    if node.type == "simple_identifier":
        return text(node)
    if node.type == "navigation_expression":
        suffix = node.child_by_field_name("suffix")
        return text(suffix.children[-1]) if suffix else None
    if node.type == "prefix_expression" and node.children[0].type == ".":
        return text(node.children[1])
    return None


def label_of(argument: Node) -> str | None:
    label = first(argument, "value_argument_label")
    return text(label) if label else None


def fits(signature: Signature, labels: list[str | None], trailing: int) -> bool:
    left = list(signature)
    for label in labels:
        while left and left[0].label != label:
            if not left.pop(0).has_default:
                return False
        if not left:
            return False
        left.pop(0)
    for parameter in left:
        if trailing and parameter.is_function:
            trailing -= 1
        elif not parameter.has_default:
            return False
    return trailing == 0


def wrong_member(node: Node, index: Index) -> Iterator[str]:
    """`client.name`, where the name says what it is."""
    target, suffix = node.child_by_field_name("target"), node.child_by_field_name("suffix")
    if target is None or suffix is None:
        return
    name = text(suffix.children[-1])
    owner = text(target).removesuffix("?").removeprefix("self.").removeprefix("engine.").removesuffix("?")
    kind = RECEIVERS.get(owner)
    if kind and name not in index.members.get(kind, set()) and name != "map":
        yield f"{kind} has no {name}"
    if owner == "SillageFFI" and name not in index.members and name not in index.signatures:
        yield f"SillageFFI has no {name}"


def wrong_pattern(node: Node, index: Index) -> Iterator[str]:
    """`.upload(let id, …)` binds as many as the case has."""
    if len(node.children) < 2 or node.children[0].type != ".":
        return
    name = text(node.children[1])
    payloads = index.cases.get(name)
    bound = len(children(node, "pattern"))
    if payloads is None:
        if name not in IMPLICIT:
            yield f"nothing has the case .{name}"
    elif bound and bound not in payloads:
        yield f".{name} has {sorted(payloads)} values, and {bound} are bound"


def wrong_switch(node: Node, index: Index) -> Iterator[str]:
    """A switch over cases alone, without a default, has all of some enum's."""
    named: set[str] = set()
    for entry in children(node, "switch_entry"):
        patterns = [first(listed, "pattern") for listed in children(entry, "switch_pattern")]
        if not patterns or any(pattern is None or pattern.children[0].type != "." for pattern in patterns):
            return
        named |= {text(pattern.children[1]) for pattern in patterns if pattern}
    if named not in index.enums.values():
        yield f"no enum has exactly the cases {', '.join(sorted(named))}"


def declared_twice(node: Node) -> Iterator[str]:
    """A `guard let` binds in the block around it, where the name may stand already."""
    seen: set[str] = set()
    before: list[set[str]] = []
    for statement in node.children:
        # Of the branches between `#if` and `#endif` one is there.
        directive = text(statement).split(" ")[0]
        if directive == "#if":
            before.append(set(seen))
        elif directive in ("#else", "#elseif"):
            seen = set(before[-1])
        elif directive == "#endif":
            before.pop()
        if statement.type not in ("property_declaration", "guard_statement"):
            continue
        for name in bound(statement):
            if name in seen:
                yield f"{name} is declared twice in one block"
            seen.add(name)


def bound(statement: Node) -> Iterator[str]:
    for index, child in enumerate(statement.children):
        if statement.field_name_for_child(index) == "bound_identifier":
            yield text(child)
        elif child.type == "pattern":
            yield from bound(child)
