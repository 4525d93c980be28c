"""Java expressions of Talend's components, translated to Spark SQL that answers as Java would.

Text → tree-sitter's tree (parsing) → SQL with the condition under which Java would have thrown (translating). What an
expression answers for given rows is worked out by an interpreter of its own (evaluating), which shares none of that.
"""

from __future__ import annotations

from dataclasses import replace

from fdm_platform.talend.expression import FALSE, Call
from fdm_platform.talend.java.constants import constant, file_template
from fdm_platform.talend.java.conversions import assigned
from fdm_platform.talend.java.evaluating import evaluate
from fdm_platform.talend.java.logic import Facts
from fdm_platform.talend.java.parsing import parse
from fdm_platform.talend.java.translating import Translation
from fdm_platform.talend.java.typed import RefusedError, Scope, Typed, Untranslated
from fdm_platform.talend.java.types import JavaType
from fdm_platform.talend.java.values import CannotEvaluate, JavaError

__all__ = [
    "SESSION_CONF",
    "CannotEvaluate",
    "JavaError",
    "constant",
    "evaluate",
    "file_template",
    "translate",
]

SESSION_CONF = {
    "spark.sql.ansi.enabled": "false",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
}
"""Settings under which the SQL means what Java does.

Whole numbers wrap and casts take low bits; decimals keep their places or are NULL; a date that is none is NULL.
"""


def translate(text: str, scope: Scope, want: JavaType | None = None) -> Typed | Untranslated:
    """An expression in SQL, converted to the type `want` as Java's assignment does it.

    The SQL means what Java does in a session with SESSION_CONF. Its value where `fails` holds has no meaning, but a
    boolean that is no Boolean is not NULL there either, so that NOT is safe.
    """
    node = parse(text)
    if isinstance(node, Untranslated):
        return node
    try:
        typed = Translation(scope).typed(node, Facts())
        wanted = typed if want is None else Facts().applied(assigned(typed, want))
    except RefusedError as refused:
        return refused.untranslated
    if wanted.type == JavaType("boolean", is_boxed=False) and wanted.fails != FALSE:
        return replace(wanted, sql=Call("coalesce", (wanted.sql, FALSE)))
    return wanted
