"""Methods of Java and of Talend's routines that have a translation, as tables by class, name and number of arguments."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.java.routines import dates, decimals, numbers, string_handling, string_methods
from fdm_platform.talend.java.routines.rule import Builder, Key
from fdm_platform.talend.java.routines.shapes import SHAPES
from fdm_platform.talend.java.typed import Typed

__all__ = ["CONSTRUCTORS", "FIELDS", "METHODS", "SHAPES", "STATICS", "Builder"]

METHODS: Mapping[Key, Builder] = {
    **string_methods.METHODS,
    **numbers.METHODS,
    **decimals.METHODS,
    **dates.METHODS,
}
"""Of a value: class of the receiver, name, arguments."""
STATICS: Mapping[Key, Builder] = {
    **string_methods.STATICS,
    **string_handling.STATICS,
    **numbers.STATICS,
    **decimals.STATICS,
    **dates.STATICS,
}
CONSTRUCTORS: Mapping[tuple[str, int], Builder] = {
    **numbers.CONSTRUCTORS,
    **decimals.CONSTRUCTORS,
    **dates.CONSTRUCTORS,
}
FIELDS: Mapping[str, Typed] = {**numbers.FIELDS, **decimals.FIELDS}
"""Constants of classes, such as Integer.MAX_VALUE."""
