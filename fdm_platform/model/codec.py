"""Frozen dataclasses to plain JSON and back, by their annotations.

Standard library only: the driver reads its LoadPlan with it on clusters where nothing else is installed.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
IN_MEMORY = "in memory"
"""Metadata of a field that is never written."""


def to_plain(value: Any) -> Any:
    """The value as dicts, lists, strings and numbers; dates and times as ISO strings, decimals as strings."""
    if is_dataclass(value) and not isinstance(value, type):
        written = (f.name for f in fields(value) if not f.metadata.get(IN_MEMORY))
        return {name: to_plain(getattr(value, name)) for name in written}
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(v) for v in value]
    if isinstance(value, date):  # a datetime is a date
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def to_sparse(value: Any) -> Any:
    """As `to_plain`, without the fields that are as their class has them by default.

    For what is kept for long: a default may then never change, for it would change what was written before.
    """
    if is_dataclass(value) and not isinstance(value, type):
        written = (f for f in fields(value) if not f.metadata.get(IN_MEMORY))
        said = {f.name: getattr(value, f.name) for f in written if not _is_default(f, getattr(value, f.name))}
        return {name: to_sparse(v) for name, v in said.items()}
    if isinstance(value, Mapping):
        return {str(k): to_sparse(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_sparse(v) for v in value]
    return to_plain(value)


def _is_default(of: Field[Any], value: Any) -> bool:
    made = of.default if of.default_factory is MISSING else of.default_factory()
    return type(made) is type(value) and bool(made == value)


def from_plain(cls: type[T], plain: Any) -> T:
    """The inverse of `to_plain` for a dataclass; keys that the class does not know are ignored."""
    hints: dict[str, Any] = _hints(cls)  # type: ignore[arg-type]
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    return cls(**{k: _decode(hints[k], v) for k, v in plain.items() if k in known})


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return get_type_hints(cls)


def _decode(hint: Any, value: Any) -> Any:
    if value is None or hint is Any:
        return value
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _decode_union(args, value)
    if origin is Literal:
        return value
    if origin in (tuple, list) or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return tuple(_decode(args[0], v) for v in value) if args else tuple(value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {k: _decode(args[1], v) for k, v in value.items()}
    return _decode_scalar(hint, value)


def _decode_union(args: tuple[Any, ...], value: Any) -> Any:
    """Optional[X] decodes as X; a union of scalars (as JSON holds them) stays as it is."""
    real = [a for a in args if a is not type(None)]
    return _decode(real[0], value) if len(real) == 1 else value


def _decode_scalar(hint: Any, value: Any) -> Any:
    if is_dataclass(hint):
        return from_plain(hint, value)  # type: ignore[arg-type]
    if hint is datetime:
        return datetime.fromisoformat(value)
    if hint is date:
        return date.fromisoformat(value)
    if hint is Decimal:
        return Decimal(value)
    return value
