"""Parameters of components that are Java expressions but hold constants: separators, numbers of lines, file names."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.java.evaluating import Interpreter
from fdm_platform.talend.java.parsing import parse
from fdm_platform.talend.java.typed import Scope, Untranslated
from fdm_platform.talend.java.values import CannotEvaluate, JavaError
from fdm_platform.talend.model import ContextVariable

Constant = str | int | float | bool


def constant(text: str, context: Mapping[str, ContextVariable] | None = None) -> Constant | None:
    """The value of an expression that is the same for every row and run: `"a" + ".csv"`.

    With a context its variables have the values that it gives them. None where the value is not known, or is null.
    """
    node = parse(text)
    if isinstance(node, Untranslated):
        return None
    try:
        value = Interpreter({}, Scope(context=context or {})).value(node).value
    except (CannotEvaluate, JavaError):
        return None
    return value if isinstance(value, str | int | float | bool) else None
