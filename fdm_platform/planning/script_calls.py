"""Calls of a Python script as they are written: what is called, on what, with which arguments."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from types import MappingProxyType

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
Links = dict[str, "ast.Call | str"]
"""The methods of a chain by name, and as `write` the frame of Spark's writer."""


def calls_in(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call, in no order that matters."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """What is called, without what it is called on."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def receiver(call: ast.Call) -> str | None:
    """The variable, or the expression, on which a method is called."""
    return ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else None


def argument(call: ast.Call, name: str, place: int | None = None) -> ast.expr | None:
    """What is given by this name, else at this place; None for neither."""
    by_name = next((k.value for k in call.keywords if k.arg == name), None)
    by_place = call.args[place] if place is not None and len(call.args) > place else None
    return by_name or by_place


def text_of(node: ast.expr | None) -> str | None:
    """A text that is written out."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def is_true(node: ast.expr | None) -> bool:
    """`True`, or its text."""
    return isinstance(node, ast.Constant) and str(node.value).lower() == "true"


def own_calls(scope: ast.AST) -> list[ast.Call]:
    """Those of a scope without the functions inside it."""
    found, left = [], list(ast.iter_child_nodes(scope))
    while left:
        node = left.pop()
        if isinstance(node, ast.Call):
            found.append(node)
        if not isinstance(node, FUNCTIONS):
            left += ast.iter_child_nodes(node)
    return found


def writers(tree: ast.AST) -> dict[str, Links]:
    """Variables that hold a writer, `w = df.write…`, with the methods that were called on it up to there."""
    assigned = (n for n in ast.walk(tree) if isinstance(n, ast.Assign))
    found: dict[str, Links] = {}
    for node in sorted(assigned, key=lambda n: n.lineno):
        links = chain_of(node.value, found)
        if "write" in links:
            found |= {ast.unparse(target): links for target in node.targets}
    return found


def chain_of(end: ast.expr, known_as: Mapping[str, Links] = MappingProxyType({})) -> Links:
    """The methods that an expression is at the end of, by name; for `write`, the frame as text."""
    links: Links = {}
    node = end
    while isinstance(node, (ast.Call, ast.Attribute, ast.Name)):
        if isinstance(node, ast.Call):
            links.setdefault(called(node), node)
            node = node.func
            continue
        if known_as and (known := known_as.get(ast.unparse(node))):
            return known | links
        if isinstance(node, ast.Name):
            break
        if node.attr == "write":
            links["write"] = ast.unparse(node.value)
        node = node.value
    return links
