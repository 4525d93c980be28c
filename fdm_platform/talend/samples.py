"""Sample values by type: the same at each import, and alike in columns of one type, so that lookups find something.

Where a component compares a column with a constant, the constant is among the column's values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal

from fdm_platform.talend.java.answers.simple_date_format import format_date
from fdm_platform.talend.java.values import CannotEvaluate, JavaError
from fdm_platform.talend.model import Component, MapInput, MapOutput
from fdm_platform.talend.plan import SqlColumn

Hints = Mapping[tuple[str, str], tuple[str, ...]]
"""Constants by flow and column in lower case, as Java has them: texts in quotes, numbers."""
NO_HINTS: Hints = {}
_VALUES: Mapping[str, tuple[object, ...]] = {
    "boolean": (True, False),
    "tinyint": (1, 2, 0, 7),
    "smallint": (1, 2, 0, 7),
    "int": (1, 2, 0, 7),
    "bigint": (1, 2, 0, 7),
    "float": (1.5, 2.25, 0.0, 7.0),
    "double": (1.5, 2.25, 0.0, 7.0),
    "string": ("1", "Ab c", "2024-05-15", "é"),
    "timestamp": tuple(
        datetime.fromisoformat(text)
        for text in ("2024-05-15", "2024-02-29T13:30:05", "1999-12-31", "2024-05-14")
    ),
}
_DECIMALS = (Decimal("1.50"), Decimal("2.25"), Decimal(0), Decimal(7))
_CHARACTERS = ("a", "B", "1", "z")
_SHOWN = datetime.fromisoformat("2024-05-15")
"""The date of a text that is read by a pattern."""
_MOST = {"tinyint": 127, "smallint": 32_767, "int": 2**31 - 1, "bigint": 2**63 - 1}
_CONSTANT = re.compile(r'"(?:[^"\\\n]|\\.)*"|(?<![\w.])\d+(?![\w.])')
_FIELD = re.compile(r"\b([A-Za-z_]\w*)\.([A-Za-z_]\w*)\b(?!\s*\()")
_DATE_PATTERN = re.compile(r"(?=.*y)(?=.*M)[yMdHhmsSaE'/ .:T-]+")
_EXACT = Context(prec=100)


def hints_of(component: Component, flows: Sequence[str]) -> Hints:
    """What the component's expressions compare columns of these flows with."""
    found: dict[tuple[str, str], list[str]] = {}
    for text in _expressions(component):
        constants = [c for c in _CONSTANT.findall(text) if c not in ('""', "0")]
        for flow, column in _FIELD.findall(text):
            names = flows if flow == "input_row" else (flow,)
            for name in names:
                found.setdefault((name.lower(), column.lower()), []).extend(constants)
    _add_tables(component, flows, found)
    _share_keys(component, found)
    return {key: tuple(dict.fromkeys(values)) for key, values in found.items() if values}


def _expressions(component: Component) -> Iterator[str]:
    yield from (value for value in component.params.values() if isinstance(value, str))
    data = component.map
    if data:
        tables: list[MapInput | MapOutput] = [*data.inputs, *data.outputs]
        yield from (table.filter or "" for table in tables)
        yield from (entry.expression for table in tables for entry in table.entries)
        yield from (entry.expression for entry in data.variables)


def _add_tables(component: Component, flows: Sequence[str], found: dict[tuple[str, str], list[str]]) -> None:
    """Rows such as {INPUT_COLUMN: amount, OPERATOR: >, RVALUE: 100}."""
    for value in component.params.values():
        for row in () if isinstance(value, str) else value:
            column = row.get("INPUT_COLUMN") or row.get("SCHEMA_COLUMN")
            constants = [c for text in row.values() for c in _CONSTANT.findall(text) if c not in ('""', "0")]
            for flow in flows if column else ():
                found.setdefault((flow.lower(), str(column).lower()), []).extend(constants)


def _share_keys(component: Component, found: dict[tuple[str, str], list[str]]) -> None:
    """A lookup's key has the values of the column with which it is looked up."""
    for table in component.map.inputs if component.map else ():
        for entry in table.entries:
            match = _FIELD.fullmatch(entry.expression.strip())
            if match:
                asked = (match[1].lower(), match[2].lower())
                both = [*found.get(asked, ()), *found.get((table.name.lower(), entry.name.lower()), ())]
                found[asked] = found[table.name.lower(), entry.name.lower()] = both


def sample_row(
    columns: Sequence[SqlColumn], index: int, flow: str = "", hints: Hints = NO_HINTS
) -> dict[str, object]:
    """The row of this number: each column has a value of its type."""
    return {
        c.name: sample_value(c, index, hints.get((flow.lower(), (c.talend_name or c.name).lower()), ()))
        for c in columns
    }


def null_row(columns: Sequence[SqlColumn]) -> dict[str, object]:
    """NULL wherever a column may have it; elsewhere a value of its own."""
    return {c.name: None if c.nullable else sample_value(c, 3) for c in columns}


def sample_value(column: SqlColumn, index: int, hints: Sequence[str] = ()) -> object:
    """A value that the column can hold; None of types that YAML has none of."""
    values = (*_hinted(column, hints), *_usual(column))
    return values[index % len(values)] if values else None


def _usual(column: SqlColumn) -> tuple[object, ...]:
    if column.spark_type.startswith("decimal"):
        return tuple(fitting(number, column.spark_type) for number in _DECIMALS)
    if column.talend_type == "id_Character":
        return _CHARACTERS
    return _VALUES.get(column.spark_type, ())


def _hinted(column: SqlColumn, hints: Sequence[str]) -> Iterator[object]:
    """Texts for texts, and numbers about the one that is compared for numbers."""
    for hint in hints[:3]:
        if column.spark_type == "string" and hint.startswith('"') and column.talend_type != "id_Character":
            text = hint[1:-1]
            is_pattern = _DATE_PATTERN.fullmatch(text) is not None
            yield formatted(_SHOWN, text) if is_pattern else text
        elif hint.isdigit():
            number = int(hint)
            if number < _MOST.get(column.spark_type, 0):
                yield from (number, number + 1)
            elif column.spark_type.startswith("decimal"):
                yield fitting(Decimal(number), column.spark_type)


def fitting(number: Decimal, spark_type: str) -> Decimal:
    """The number, if the type has room for it."""
    digits, _, scale = spark_type.removeprefix("decimal(").rstrip(")").partition(",")
    places = int(scale or 0)
    rounded = number.quantize(Decimal(1).scaleb(-places), context=_EXACT)
    return rounded if abs(rounded) < 10 ** (int(digits) - places) else Decimal(0)


def text_of(value: object, column: SqlColumn) -> str | None:
    """The value as it stands in a text file of Talend; None is an empty field."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return formatted(value, (column.pattern or "dd-MM-yyyy").strip('"'))
    return str(value).lower() if isinstance(value, bool) else str(value)


def formatted(moment: datetime, pattern: str) -> str:
    """By a pattern of SimpleDateFormat; a pattern that is none stands for itself."""
    try:
        return format_date(pattern, moment)
    except (CannotEvaluate, JavaError):
        return pattern
