"""Parameters of components that are Java expressions but hold constants: separators, numbers of lines, file names."""

from __future__ import annotations

from collections.abc import Mapping

from fdm_platform.talend.java.ast import Binary, Field, Invocation, Literal, Name, Node, chain, dotted, nodes
from fdm_platform.talend.java.evaluating import Interpreter
from fdm_platform.talend.java.parsing import parse
from fdm_platform.talend.java.patterns import strftime
from fdm_platform.talend.java.typed import RefusedError, Scope, Untranslated
from fdm_platform.talend.java.values import CannotEvaluate, JavaError
from fdm_platform.talend.java.values import text as as_text
from fdm_platform.talend.model import ContextVariable

Constant = str | int | float | bool


_DAY = "{biz_dt:%Y%m%d}"


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


def file_template(text: str, scope: Scope) -> str | Untranslated:
    """A file's name or path as a template of table.yaml: `context.dir + "/a.csv"` is `{dir}/a.csv`.

    A context variable that holds a path is written out, since the platform takes no folders from parameters; dates of
    the context that are formatted become `{name:%Y%m%d}`.
    """
    node = parse(text)
    if isinstance(node, Untranslated):
        return node
    try:
        return "".join(_piece(part, scope) for part in _joined(node))
    except RefusedError as refused:
        return refused.untranslated


def _joined(node: Node) -> list[Node]:
    if not isinstance(node, Binary):
        return [node]
    first, links = chain(node)
    is_text = any(isinstance(n, Literal) and n.kind == "string" for n in (first, links[0].right))
    if (not is_text and not dotted(first)) or any(link.operator != "+" for link in links):
        return [node]
    return [first, *(link.right for link in links)]


def _piece(node: Node, scope: Scope) -> str:
    path = dotted(node) or ""
    variable = scope.context.get(path.removeprefix("context.")) if path.startswith("context.") else None
    if variable is not None:
        return _of_variable(variable)
    formatted = _formatted_date(node, scope)
    if formatted is not None:
        return formatted
    try:
        value = Interpreter({}, Scope(context=scope.context)).value(node)
    except (CannotEvaluate, JavaError) as error:
        raise RefusedError(_reason(node, error), node.offset) from None
    return _escaped(as_text(value))


def _of_variable(variable: ContextVariable) -> str:
    if variable.is_secret:
        raise RefusedError(f"context.{variable.name} is a secret, which stays out of paths")
    is_path = any(mark in variable.value for mark in ("/", "\\", "..")) or not variable.value
    return _escaped(variable.value) if is_path else f"{{{variable.name}}}"


def _formatted_date(node: Node, scope: Scope) -> str | None:
    """`TalendDate.formatDate("yyyyMMdd", context.day)`."""
    match node:
        case Invocation(
            Name("TalendDate"), "formatDate", (Literal("string", str(pattern)), Field(Name("context"), name))
        ):
            variable = scope.context.get(name)
            if variable is not None and variable.type == "id_Date":
                return f"{{{name}:{strftime(pattern)}}}"
    return None


_CLOCK = ("getCurrentDate", "getDate")


def _reason(node: Node, error: Exception) -> str:
    if any(isinstance(n, Invocation) and n.name in _CLOCK for n in nodes(node)):
        return f"it has the day on which the job runs; {_DAY} is the business date, which may be another"
    return f"it is made when the job runs: {error}"


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
