r"""Parameters as Spark SQL text: literals, the inside of a quoted literal, identifiers.

Written for Spark 3.5's parser with `spark.sql.parser.escapedStringLiterals=false` (its default).
Each function raises ValueError where the value cannot be written so; the caller knows the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from fdm_platform.model.plan import Parameter, ParameterType

_IDENTIFIER = re.compile(r"\w+(?:\.\w+)*")
_FRAGMENT = re.compile(r"\w+", re.ASCII)

# NUL is written as \u0000: Spark reads \0 and two digits as one octal escape.
# The brace of ${ is escaped, which Spark undoes after its own variable substitution has looked for ${…}.
_ESCAPES = {"\\": r"\\", "'": r"\'", '"': r"\"", "\n": r"\n", "\r": r"\r", "\0": r"\u0000", "${": r"$\{"}
_ESCAPED = re.compile(r"""[\\'"\n\r\0]|\$\{""")


def escape(text: str) -> str:
    """The text as it stands inside a literal, whichever quote encloses it."""
    return _ESCAPED.sub(lambda m: _ESCAPES[m[0]], text)


def quoted(parameter: Parameter) -> str:
    """The value as a string literal; for no value a NULL that is a string, since it may become a column."""
    return "CAST(NULL AS STRING)" if parameter.value is None else f"'{embedded(parameter)}'"


def embedded(parameter: Parameter) -> str:
    """The value as a part of a string literal, escaped."""
    if parameter.value is None:
        raise ValueError("it has no value (NULL), and NULL cannot be a part of a text")
    return escape(as_text(parameter))


def literal(parameter: Parameter) -> str:
    """The value as a literal of its own type; NULL for no value."""
    if parameter.value is None:
        return "NULL"
    return _LITERALS[parameter.type](as_text(parameter))


def identifier(parameter: Parameter) -> str:
    """The value as a name in backticks; each part of a dotted name in its own."""
    text = as_text(parameter) if parameter.value is not None else ""
    if not _IDENTIFIER.fullmatch(text):
        raise ValueError(f"{text!r} is not a name of letters, digits and underscores")
    return ".".join(f"`{part}`" for part in text.split("."))


def identifier_part(parameter: Parameter) -> str:
    """The value as a part of a longer name, such as `customer_${region}`."""
    text = as_text(parameter) if parameter.value is not None else ""
    if not _FRAGMENT.fullmatch(text):
        raise ValueError(f"{text!r} cannot be a part of a name: only letters, digits and underscores can")
    return text


def as_text(parameter: Parameter) -> str:
    """The value, which is not None, as the text that Spark would cast to its type."""
    value = parameter.value
    try:
        return _TEXTS[parameter.type](str(value))
    except (ValueError, InvalidOperation):
        raise ValueError(f"{value!r} is not of type {parameter.type}") from None


def _boolean(text: str) -> str:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower()


def _decimal(text: str) -> str:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(text)
    return format(number, "f")


_TEXTS: dict[ParameterType, Callable[[str], str]] = {
    "string": str,
    "integer": lambda t: str(int(t)),
    "decimal": _decimal,
    "boolean": _boolean,
    "date": lambda t: date.fromisoformat(t).isoformat(),
    "timestamp": lambda t: datetime.fromisoformat(t).isoformat(" "),
}
_LITERALS: dict[ParameterType, Callable[[str], str]] = {
    "string": lambda t: f"'{escape(t)}'",
    "integer": str,
    "decimal": lambda t: f"{t}BD",
    "boolean": str,
    "date": lambda t: f"DATE'{t}'",
    "timestamp": lambda t: f"TIMESTAMP'{t}'",
}
