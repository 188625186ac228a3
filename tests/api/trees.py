"""Syntax trees, and the few questions that are asked of them."""

from collections.abc import Iterator
from functools import cache

import tree_sitter_kotlin
import tree_sitter_swift
from tree_sitter import Language, Node, Parser


@cache
def parser(language: str) -> Parser:
    grammar = {"kotlin": tree_sitter_kotlin, "swift": tree_sitter_swift}[language]
    return Parser(Language(grammar.language()))


def tree(language: str, text: str) -> Node:
    return parser(language).parse(text.encode()).root_node


def text(node: Node) -> str:
    return (node.text or b"").decode()


def below(node: Node, *kinds: str) -> Iterator[Node]:
    """All nodes of these kinds under a node, in the order of the text."""
    for child in node.children:
        if child.type in kinds:
            yield child
        yield from below(child, *kinds)


def children(node: Node, *kinds: str) -> list[Node]:
    return [child for child in node.children if child.type in kinds]


def first(node: Node, *kinds: str) -> Node | None:
    found = children(node, *kinds)
    return found[0] if found else None


def wrong(node: Node) -> Iterator[str]:
    """Places that the grammar does not understand."""
    if node.is_error or node.is_missing:
        line, column = node.start_point
        what = text(node).split("\n")[0][:80]
        yield f"{line + 1}:{column + 1}: {'missing ' + node.type if node.is_missing else what}"
        return
    if node.has_error:
        for child in node.children:
            yield from wrong(child)
