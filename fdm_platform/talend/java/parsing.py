"""Text to tree, by tree-sitter's grammar of Java.

The grammar has no entry point for an expression, so the text is wrapped as a field of a class; and it tolerates errors,
so all that isn't exactly one expression is refused here: `row1.a; int x = 2` would parse as two fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import tree_sitter
import tree_sitter_java

from fdm_platform.talend.java.ast import (
    Binary,
    Conversion,
    Field,
    Index,
    Invocation,
    Literal,
    Name,
    New,
    Node,
    Ternary,
    Unary,
)
from fdm_platform.talend.java.literals import character, number, text
from fdm_platform.talend.java.typed import RefusedError, Untranslated

_BEFORE = "class _{Object _=\n"
_AFTER = "\n;}"
_SKIPPED = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|//[^\n]*|/\*.*?\*/"
_NAME_BEFORE_SIGN = re.compile(
    rf"{_SKIPPED}|\((?!\s*(?:byte|short|char|int|long|float|double)\s*\))(\s*\w+(?:\s*\.\s*\w+)*\s*)\)(?=\s*[+-])",
    re.DOTALL,
)
_DEEPEST = 100
"""Levels below the root, joined operators not counted; the walks over a tree are recursive."""


@cache
def _parser() -> tree_sitter.Parser:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_java.language()))


@lru_cache(maxsize=4096)
def parse(java: str) -> Node | Untranslated:
    """The tree of one expression."""
    try:
        return _Reader(java).read()
    except RefusedError as refused:
        return refused.untranslated


class _Reader:
    def __init__(self, java: str) -> None:
        self._java = java
        self._bytes = (_BEFORE + _without_false_casts(java) + _AFTER).encode("utf-8", "surrogatepass")

    def read(self) -> Node:
        if not self._java.strip():
            raise RefusedError("there is no expression")
        root = _parser().parse(self._bytes).root_node
        if root.has_error:
            raise RefusedError("it is no Java expression", self._first_error(root))
        return self._node(self._only_value(root), 0)

    def _only_value(self, root: Any) -> Any:
        classes = _parts(root)
        members = _parts(classes[0].child_by_field_name("body")) if len(classes) == 1 else []
        declarators = [n for n in _parts(members[0]) if n.type == "variable_declarator"] if members else []
        if len(members) != 1 or len(declarators) != 1:
            raise RefusedError("it is more than one expression")
        return declarators[0].child_by_field_name("value")

    def _first_error(self, root: Any) -> int:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if node.type == "ERROR" or node.is_missing:
                return self._offset(node)
            waiting.extend(reversed(node.children))
        return 0

    def _offset(self, node: Any) -> int:
        before = self._bytes[len(_BEFORE) : node.start_byte]
        return min(len(before.decode("utf-8", "replace")), len(self._java))

    def _node(self, node: Any, depth: int) -> Node:
        if depth > _DEEPEST:
            raise RefusedError("it is nested too deeply", self._offset(node))
        if node.type == "binary_expression":
            return self._binary(node, depth)
        build = _BUILDERS.get(node.type)
        if build is None:
            raise RefusedError(_other(node), self._offset(node))
        try:
            return build(self, node, depth + 1)
        except ValueError as error:
            raise RefusedError(str(error), self._offset(node)) from None

    def _binary(self, node: Any, depth: int) -> Node:
        links = []
        while node.type == "binary_expression":
            links.append(node)
            node = node.child_by_field_name("left")
        left = self._node(node, depth + 1)
        for link in reversed(links):
            right = self._node(link.child_by_field_name("right"), depth + 1)
            left = Binary(_text(link.child_by_field_name("operator")), left, right, self._offset(link))
        return left

    def _child(self, node: Any, name: str, depth: int) -> Node:
        return self._node(node.child_by_field_name(name), depth)

    def _arguments(self, node: Any, depth: int) -> tuple[Node, ...]:
        return tuple(self._node(n, depth) for n in _parts(node.child_by_field_name("arguments")))

    def invocation(self, node: Any, depth: int) -> Node:
        target = node.child_by_field_name("object")
        return Invocation(
            None if target is None else self._node(target, depth),
            _text(node.child_by_field_name("name")),
            self._arguments(node, depth),
            self._offset(node),
        )

    def unary(self, node: Any, depth: int) -> Node:
        operator, operand = (
            _text(node.child_by_field_name("operator")),
            node.child_by_field_name("operand"),
        )
        if operator == "-" and operand.type in _NUMBERS:
            return Literal(*number("-" + _text(operand)), self._offset(node))
        return Unary(operator, self._node(operand, depth), self._offset(node))

    def ternary(self, node: Any, depth: int) -> Node:
        condition, then, otherwise = (
            self._child(node, name, depth) for name in ("condition", "consequence", "alternative")
        )
        return Ternary(condition, then, otherwise, self._offset(node))

    def conversion(self, node: Any, depth: int) -> Node:
        type_name = _text(node.child_by_field_name("type"))
        return Conversion(type_name, self._child(node, "value", depth), self._offset(node))

    def new(self, node: Any, depth: int) -> Node:
        return New(_text(node.child_by_field_name("type")), self._arguments(node, depth), self._offset(node))

    def field(self, node: Any, depth: int) -> Node:
        name = _text(node.child_by_field_name("field"))
        return Field(self._child(node, "object", depth), name, self._offset(node))

    def index(self, node: Any, depth: int) -> Node:
        return Index(self._child(node, "array", depth), self._child(node, "index", depth), self._offset(node))

    def literal(self, node: Any, depth: int) -> Node:
        written, offset = _text(node), self._offset(node)
        match node.type:
            case "string_literal":
                return Literal("string", text(written), offset)
            case "character_literal":
                return Literal("char", character(written), offset)
            case "true" | "false":
                return Literal("boolean", node.type == "true", offset)
            case "null_literal":
                return Literal("null", None, offset)
            case _:
                return Literal(*number(written), offset)

    def inner(self, node: Any, depth: int) -> Node:
        return self._node(_parts(node)[0], depth)

    def name(self, node: Any, depth: int) -> Node:
        return Name(_text(node), self._offset(node))


_NUMBERS = (
    "decimal_integer_literal",
    "hex_integer_literal",
    "octal_integer_literal",
    "binary_integer_literal",
    "decimal_floating_point_literal",
)
_LITERALS = (*_NUMBERS, "string_literal", "character_literal", "true", "false", "null_literal")
_BUILDERS: dict[str, Callable[[_Reader, Any, int], Node]] = {
    **dict.fromkeys(_LITERALS, _Reader.literal),
    "identifier": _Reader.name,
    "this": _Reader.name,
    "field_access": _Reader.field,
    "method_invocation": _Reader.invocation,
    "parenthesized_expression": _Reader.inner,
    "unary_expression": _Reader.unary,
    "ternary_expression": _Reader.ternary,
    "cast_expression": _Reader.conversion,
    "object_creation_expression": _Reader.new,
    "array_access": _Reader.index,
}
_NAMED = {
    "assignment_expression": "an assignment",
    "update_expression": "++ or --, which changes a variable",
    "lambda_expression": "a lambda expression",
    "method_reference": "a method reference",
    "instanceof_expression": "instanceof",
    "switch_expression": "a switch",
    "array_creation_expression": "an array that is made",
    "array_initializer": "an array that is made",
    "class_literal": "a class",
}


def _other(node: Any) -> str:
    what = _NAMED.get(node.type, f"a {node.type.replace('_', ' ')}")
    return f"{what} has no translation to SQL"


def _without_false_casts(java: str) -> str:
    """`(row1.a) + 1` without the parentheses, in as many characters.

    The grammar takes it for a cast of `+ 1`. In Java only a primitive's name makes one (JLS 15.16).
    """

    def plain(match: re.Match[str]) -> str:
        before = java[: match.start()].rstrip()[-1:]
        is_call = before.isalnum() or before in ("_", ")", "]")
        return match[0] if match[1] is None or is_call else f" {match[1]} "

    return _NAME_BEFORE_SIGN.sub(plain, java)


def _parts(node: Any) -> list[Any]:
    return [n for n in node.named_children if not n.type.endswith("comment")]


def _text(node: Any) -> str:
    return str(node.text.decode("utf-8", "surrogatepass"))
