"""Expressions of SQL as trees: the columns in them, found and replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from fdm_platform.talend.expression import Ref, Sql


def refs(*parts: object) -> Iterator[Ref]:
    """All columns in expressions, selects and whatever has them."""
    for part in parts:
        if isinstance(part, Ref):
            yield part
        elif isinstance(part, tuple):
            yield from refs(*part)
        elif is_dataclass(part) and not isinstance(part, type):
            yield from refs(*(getattr(part, f.name) for f in fields(part)))


def placed(sql: Sql, relation: str) -> Sql:
    """The expression with its columns as that relation's."""
    return changed(sql, lambda ref: Ref(ref.column, relation) if ref.relation is None else ref)


def changed(sql: Sql, change: Callable[[Ref], Sql]) -> Sql:
    """The expression with other columns in it."""
    found: Sql = _changed(sql, change)
    return found


def _changed(part: Any, change: Callable[[Ref], Sql]) -> Any:
    if isinstance(part, Ref):
        return change(part)
    if isinstance(part, tuple):
        return tuple(_changed(x, change) for x in part)
    if not is_dataclass(part) or isinstance(part, type):
        return part
    return replace(part, **{f.name: _changed(getattr(part, f.name), change) for f in fields(part)})
