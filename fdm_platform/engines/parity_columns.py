"""Which columns of two outputs are compared, under which names, and in which type."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import types as t

from fdm_platform.errors import ContractError, ParameterError
from fdm_platform.model.parity import ParitySpec
from fdm_platform.planning.names import suggest

_NAMELESS = re.compile(r"_c(ol)?\d+", re.IGNORECASE)
"""What Hive 1 wrote as column names into ORC, and what Spark calls those of a CSV without a header."""
_CHAR = "__CHAR_VARCHAR_TYPE_STRING"
"""Where Spark keeps that a text is a CHAR(n), which is filled with blanks."""
_DIGITS = {"byte": 3, "short": 5, "integer": 10, "long": 19}
_MOST = 38
"""Digits of a decimal."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A column that both outputs have."""

    name: str
    """As the new output writes it."""
    old: str
    """The old output's name for it."""
    shown: t.DataType
    """The new output's type."""
    type: t.DataType
    """In which the values are compared: neither side loses anything in it, as far as there is such a type."""
    is_padded: bool = False
    """Blanks at the end say nothing."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of two outputs."""

    keys: tuple[Pair, ...]
    values: tuple[Pair, ...]
    only_new: tuple[str, ...]
    only_old: tuple[str, ...]

    @property
    def grouped(self) -> tuple[Pair, ...]:
        """What identifies a row."""
        return self.keys or self.values

    @property
    def compared(self) -> tuple[Pair, ...]:
        """What is compared where that is the same."""
        return self.values if self.keys else ()


def by_position(new: Sequence[str], old: Sequence[str], renamed: Mapping[str, str]) -> dict[str, str]:
    """New names by old ones, of an output whose columns have none: the n-th is the n-th of those not named.

    Nothing where the columns have names, where some are named by hand, or the numbers of columns differ.
    """
    nameless = [c for c in old if _NAMELESS.fullmatch(c)]
    named = {c.lower() for c in old if c not in nameless}
    free = [c for c in new if c.lower() not in named]
    is_sure = len(free) == len(nameless) and not {o.lower() for o in renamed} & {c.lower() for c in nameless}
    return dict(zip(nameless, free, strict=True)) if is_sure else {}


def pair_columns(new: t.StructType, old: t.StructType, spec: ParitySpec) -> Columns:
    """The columns that both have, in any letter case.

    ParameterError for a name in `spec` that is no such column, and a tolerance without keys or of what is no number;
    ContractError for outputs that cannot be compared.
    """
    ignored = {c.lower() for c in spec.ignore}
    of_old = _by_new_name(new.names, old.names, spec)
    _require_known(spec.ignore, (*new.names, *of_old), "ignore", "either output")
    of_new = {c.lower(): c for c in new.names if c.lower() not in ignored}
    pairs = {low: _pair(new[c], old[of_old[low]]) for low, c in of_new.items() if low in of_old}
    if not pairs:
        raise ContractError(
            "the two outputs have no column in common",
            field="parity.renamed",
            remedy=f"name pairs, --map OLD=NEW: the old output has {', '.join(old.names) or 'none'}",
        )
    _require_known(spec.keys, [p.name for p in pairs.values()], "keys", "both outputs")
    keys = tuple(dict.fromkeys(pairs[key.lower()] for key in spec.keys))
    columns = Columns(
        keys=keys,
        values=tuple(p for p in pairs.values() if p not in keys),
        only_new=tuple(c for low, c in of_new.items() if low not in of_old),
        only_old=tuple(c for low, c in of_old.items() if low not in of_new and low not in ignored),
    )
    _require_comparable(pairs.values())
    _require_tolerable(spec, pairs)
    return columns


def _by_new_name(new: Sequence[str], old: Sequence[str], spec: ParitySpec) -> dict[str, str]:
    """The old output's columns by the new output's names for them, in lower case."""
    _require_known(spec.renamed, old, "renamed", "the old output")
    _require_known(spec.renamed.values(), (*new, *spec.ignore), "renamed", "the new output")
    renamed = {o.lower(): n.lower() for o, n in spec.renamed.items()}
    names: dict[str, str] = {}
    for column in old:
        name = renamed.get(column.lower(), column.lower())
        if name in names:
            raise ParameterError(
                f"two columns of the old output are {name!r}: {names[name]} and {column}",
                field="parity.renamed",
                remedy="give one of them another name: --map OLD=NEW",
            )
        names[name] = column
    return names


def _require_known(names: Iterable[str], known: Collection[str], what: str, where: str) -> None:
    lower = {k.lower() for k in known}
    for name in names:
        if name.lower() not in lower:
            raise ParameterError(
                f"{name!r} is no column of {where}", field=f"parity.{what}", remedy=suggest(name, known)
            )


def _pair(new: t.StructField, old: t.StructField) -> Pair:
    is_padded = any(str(x.metadata.get(_CHAR, "")).startswith("char") for x in (new, old))
    return Pair(new.name, old.name, new.dataType, in_common(new.dataType, old.dataType), is_padded)


def in_common(new: t.DataType, old: t.DataType) -> t.DataType:
    """The type in which both can be told apart: of decimals the longer, of a date and a time the time.

    Of floating types the coarser, which says no more. Texts of numbers are decimals. Else it is the new one's.
    """
    if new == old:
        return new
    found = _of_times(new, old) or _of_floats(new, old) or _of_numbers(new, old)
    return found or new


def _of_times(new: t.DataType, old: t.DataType) -> t.DataType | None:
    if not isinstance(new, t.DateType):
        return None
    if isinstance(old, t.StringType):
        return t.TimestampNTZType()
    return old if isinstance(old, t.TimestampType | t.TimestampNTZType) else None


def _of_floats(new: t.DataType, old: t.DataType) -> t.DataType | None:
    both = (new, old)
    floats = [kind for kind in both if isinstance(kind, t.FloatType | t.DoubleType)]
    if not floats or not all(isinstance(kind, t.NumericType) for kind in both):
        return None
    if any(isinstance(kind, t.IntegralType) for kind in both):
        return t.DoubleType()
    return next((kind for kind in floats if isinstance(kind, t.FloatType)), floats[0])


def _of_numbers(new: t.DataType, old: t.DataType) -> t.DataType | None:
    mine = _as_decimal(new)
    theirs = t.DecimalType(_MOST, _MOST) if isinstance(old, t.StringType) else _as_decimal(old)
    if mine is None or theirs is None:
        return None
    if isinstance(new, t.IntegralType) and isinstance(old, t.IntegralType):
        return new if mine.precision > theirs.precision else old
    # With room for all of the new one's values, and for the old one's digits after the point as far as there is.
    scale = max(mine.scale, theirs.scale)
    whole = max(mine.precision - mine.scale, min(theirs.precision - theirs.scale, _MOST - mine.scale))
    return t.DecimalType(min(_MOST, whole + scale), min(scale, _MOST - whole))


def _as_decimal(kind: t.DataType) -> t.DecimalType | None:
    digits = _DIGITS.get(kind.typeName())
    if digits is not None:
        return t.DecimalType(digits, 0)
    return kind if isinstance(kind, t.DecimalType) else None


def _require_comparable(pairs: Iterable[Pair]) -> None:
    for pair in pairs:
        if _has_map(pair.shown):
            raise ContractError(
                f"{pair.name} holds a map, which cannot be compared",
                field="parity.ignore",
                remedy=f"leave it out: --ignore {pair.name}",
            )


def _has_map(kind: t.DataType) -> bool:
    if isinstance(kind, t.ArrayType):
        return _has_map(kind.elementType)
    if isinstance(kind, t.StructType):
        return any(_has_map(x.dataType) for x in kind.fields)
    return isinstance(kind, t.MapType)


def _require_tolerable(spec: ParitySpec, pairs: Mapping[str, Pair]) -> None:
    _require_known(spec.tolerance, [p.name for p in pairs.values()], "tolerance", "both outputs")
    keys = {key.lower() for key in spec.keys}
    for name in spec.tolerance:
        if not isinstance(pairs[name.lower()].shown, t.NumericType) or name.lower() in keys:
            what = "is a key, which is equal or not" if name.lower() in keys else "is no number"
            raise ParameterError(f"{name} {what}", field=f"parity.tolerance.{name}", remedy="leave it out")
    if spec.tolerance and not spec.keys:
        raise ParameterError(
            "rows that are compared whole have no tolerance",
            field="parity.tolerance",
            remedy="say by --keys what identifies a row",
        )
