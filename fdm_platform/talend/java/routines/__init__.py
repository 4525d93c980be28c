"""Methods of Java and of Talend's routines that have a translation, as tables by class, name and number of arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fdm_platform.talend.java.ast import Node
from fdm_platform.talend.java.routines import string_methods
from fdm_platform.talend.java.routines.rule import Builder
from fdm_platform.talend.java.typed import Typed

__all__ = ["CONSTRUCTORS", "FIELDS", "METHODS", "SHAPES", "STATICS", "Builder"]

Key = tuple[str, str, int]
Shape = Callable[[Node], tuple[Builder, Sequence[Node]] | None]

METHODS: Mapping[Key, Builder] = {**string_methods.METHODS}
"""Of a value: class of the receiver, name, arguments."""
STATICS: Mapping[Key, Builder] = {**string_methods.STATICS}
CONSTRUCTORS: Mapping[tuple[str, int], Builder] = {}
FIELDS: Mapping[str, Typed] = {}
"""Constants of classes, such as Integer.MAX_VALUE."""
SHAPES: Sequence[Shape] = ()
"""Patterns of several nodes that have a translation together."""
