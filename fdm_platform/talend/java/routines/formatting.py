"""String.format: Spark's format_string is the same formatter of Java's, in the locale en_US."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fdm_platform.talend.expression import Text
from fdm_platform.talend.java.conversions import notes_of
from fdm_platform.talend.java.logic import either
from fdm_platform.talend.java.routines.pieces import call
from fdm_platform.talend.java.typed import RefusedError, Typed
from fdm_platform.talend.java.types import INTEGRAL, STRING, Kind, described

_SPECIFIER = re.compile(r"%(\d+\$)?([-#+ 0,(<]*)(\d+)?(\.\d+)?([a-zA-Z%])")
_TAKES: dict[str, frozenset[Kind]] = {
    "s": frozenset({*INTEGRAL, "string", "char", "boolean", "float", "double"}),
    "d": INTEGRAL,
    "f": frozenset({"float", "double"}),
    "x": INTEGRAL,
    "n": frozenset(),
    "%": frozenset(),
}
_LOCALE = (
    "String.format writes numbers as in the locale en_US; the job's own may have had another decimal point"
)


def formatted(values: Sequence[Typed]) -> Typed:
    """`String.format(literal, …)`, its specifiers in the order of the arguments."""
    pattern, *arguments = values
    if not isinstance(pattern.sql, Text):
        raise RefusedError("String.format has a translation only for a literal format")
    written = list(_SPECIFIER.finditer(pattern.sql.value))
    taking = [match for match in written if match[5] not in "n%"]
    if any(match[1] or "<" in match[2] or match[5].lower() not in _TAKES for match in written) or len(
        taking
    ) != len(arguments):
        raise RefusedError(f"the format {pattern.sql.value!r} has no translation")
    for match, argument in zip(taking, arguments, strict=True):
        if argument.type.kind not in _TAKES[match[5].lower()]:
            raise RefusedError(
                f"String.format of {described(argument.type)} by {match[0]} has no translation"
            )
    is_local = any(match[5] == "f" or "," in match[2] for match in taking)
    return Typed(
        STRING,
        call("format_string", pattern.sql, *(a.sql for a in arguments)),
        "string",
        fails=either(*(a.fails for a in arguments)),
        notes=tuple(dict.fromkeys((*notes_of(*arguments), *((_LOCALE,) if is_local else ())))),
    )
