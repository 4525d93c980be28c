"""A Java expression as a tree: what the components' expressions are made of, and nothing of statements or types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Value = str | int | float | bool | None
"""Of a literal."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal. `kind` is `int`, `long`, `float`, `double`, `char`, `string`, `boolean` or `null`."""

    kind: str
    value: Value
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier by itself: a flow, `context`, a class."""

    name: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """`target.name`."""

    target: Node
    name: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Invocation:
    """`target.name(arguments)`; without a target a method of the generated job's own."""

    target: Node | None
    name: str
    arguments: tuple[Node, ...]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class New:
    """`new type(arguments)`."""

    type: str
    arguments: tuple[Node, ...]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Unary:
    """`operator operand`: `-`, `+`, `!`, `~`."""

    operator: str
    operand: Node
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`."""

    operator: str
    left: Node
    right: Node
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Ternary:
    """`condition ? then : otherwise`."""

    condition: Node
    then: Node
    otherwise: Node
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Conversion:
    """`(type) operand`."""

    type: str
    operand: Node
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Index:
    """`target[index]`."""

    target: Node
    index: Node
    offset: int = 0


Node = Literal | Name | Field | Invocation | New | Unary | Binary | Ternary | Conversion | Index


def dotted(node: Node) -> str | None:
    """The path that names and fields make, `java.lang.Integer`; None for anything else."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Field):
        before = dotted(node.target)
        return None if before is None else f"{before}.{node.name}"
    return None


def chain(node: Binary) -> tuple[Node, list[Binary]]:
    """The leftmost operand, and the operators applied to it from left to right.

    A text of hundreds of parts joined by `+` is as deep as it is long: whoever folds it from the left needs no recursion.
    """
    links: list[Binary] = []
    left: Node = node
    while isinstance(left, Binary):
        links.append(left)
        left = left.left
    return left, links[::-1]


def nodes(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    waiting: list[Node] = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(_children(found))


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Field() | Index() | Unary() | Conversion():
            below = node.target if isinstance(node, Field | Index) else node.operand
            return (below, node.index) if isinstance(node, Index) else (below,)
        case Invocation():
            return (*node.arguments, *(() if node.target is None else (node.target,)))
        case New():
            return node.arguments
        case Binary():
            return (node.left, node.right)
        case Ternary():
            return (node.condition, node.then, node.otherwise)
        case _:
            return ()
