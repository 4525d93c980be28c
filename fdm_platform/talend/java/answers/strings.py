"""Methods of java.lang.String and of every object."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.java.answers.answer import Answer, Key
from fdm_platform.talend.java.values import CannotEvaluate, Held, text

_BLANKS = "".join(map(chr, range(0x21)))


def units(value: str) -> int:
    """String.length: UTF-16 units."""
    return len(value.encode("utf-16-le", "surrogatepass")) // 2


def _equal(receiver: Held, argument: Held) -> bool:
    if receiver.type.kind in ("decimal", "object", "bytes"):
        raise CannotEvaluate("equals of a BigDecimal, which compares scales, or of objects")
    return receiver.type.kind == argument.type.kind and receiver.value == argument.value


OF_VALUES: Mapping[Key, Answer] = {
    ("Object", "equals", 1): Answer("boolean", "any any", _equal),
    ("Object", "toString", 0): Answer("String", "any", text),
    ("String", "length", 0): Answer("int", "String", units),
    ("String", "isEmpty", 0): Answer("boolean", "String", lambda s: s == ""),
    ("String", "toUpperCase", 0): Answer("String", "String", str.upper),
    ("String", "toLowerCase", 0): Answer("String", "String", str.lower),
    ("String", "trim", 0): Answer("String", "String", lambda s: s.strip(_BLANKS)),
}
OF_CLASSES: Mapping[Key, Answer] = {
    ("String", "valueOf", 1): Answer("String", "any", text),
    ("Relational", "ISNULL", 1): Answer("boolean", "any", lambda v: v.value is None),
}
