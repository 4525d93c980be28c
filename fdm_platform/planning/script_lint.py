"""What will bite in a legacy job's script, read by Python's own parser. Nothing is run or imported.

A call of the framework is one of its names, `write_orc(…)` or `framework.write_orc(…)`; whatever else begins at
`….write` is Spark's own writer, which the platform leaves alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from fdm_platform.model.table import Severity
from fdm_platform.planning.fixed_dates import is_fixed_date
from fdm_platform.planning.job_lint import LintFinding

_FRAMEWORK_WRITES = {"write_orc": 3, "write_df": 4, "atomic_publish": 6}
"""Names of the framework's writers, and the place of `partitionBy` among their arguments."""
_MODE_AT = {"write_orc": 2, "write_df": 2, "atomic_publish": 3}
_SAVES = {"save", "orc", "parquet", "csv", "json", "text", "saveAsTable", "insertInto"}
_NO_FOLDER = {"jdbc", "kudu", "org.apache.kudu.spark.kudu", "mongodb", "kafka", "console", "noop"}
"""Formats that write no folder: what happens there is none of the landing tables' business."""
_PARAMS_FILES = {"JOB_PARAMS_FILE", "KUDU_JOB_PARAMS_FILE"}
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\\w")

_USE_FRAMEWORK = (
    "call framework.write_orc(df, path, mode='overwrite', partitionBy=['biz_dt', …]): the platform publishes that, "
    "and replaces the dates written and no other"
)
Found = Callable[[ast.AST, str, Severity, str, str], LintFinding]


def lint_script(text: str, file: str) -> list[LintFinding]:
    """What will bite in a script, in order of line."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line, said = getattr(error, "lineno", None) or 1, getattr(error, "msg", None) or str(error)
        remedy = "mend it for Python 3, which Spark's driver runs"
        return [LintFinding(file, line, "syntax", "error", f"is no Python 3: {said}", remedy)]

    def found(node: ast.AST, rule: str, severity: Severity, message: str, remedy: str) -> LintFinding:
        return LintFinding(file, getattr(node, "lineno", 1), rule, severity, message, remedy)

    every = [f for rule in _RULES for f in rule(tree, found)]
    return sorted(dict.fromkeys(every), key=lambda f: (f.line, f.rule))


def _plain_writes(tree: ast.AST, found: Found) -> Iterator[LintFinding]:
    """Spark's own writer: left alone, and with a static overwrite the death of every other date."""
    inner = {id(node.func.value) for node in _calls(tree) if isinstance(node.func, ast.Attribute)}
    for node in _calls(tree):
        chain = _chain(node)
        if id(node) in inner or _name(node) not in _SAVES or "write" not in chain or _is_elsewhere(chain):
            continue
        mode = _of_mode(chain["mode"]) if "mode" in chain else _argument(node, "mode")
        overwrites = _text(mode) == "overwrite" or _is_true(_argument(node, "overwrite"))
        if overwrites and not _is_dynamic(tree):
            yield found(
                node,
                "static-overwrite",
                "error",
                "Spark's own overwrite deletes the whole output first: every other date of it, the versions that "
                "are kept for a rollback, and what other loads have staged there",
                _USE_FRAMEWORK,
            )
        else:
            message = "Spark's own writer bypasses the framework: readers see half of a date, a failed run leaves it"
            yield found(node, "plain-write", "warn", message, _USE_FRAMEWORK)


def _counts(tree: ast.AST, found: Found) -> Iterator[LintFinding]:
    """A frame that is counted and then written is computed twice."""
    for scope in _scopes(tree):
        written = {name: node.lineno for node in _calls(scope) if (name := _written(node))}
        for node in _calls(scope):
            frame = _receiver(node) if _name(node) == "count" and not node.args else None
            if frame in written and node.lineno <= written[frame]:
                message = (
                    f"{frame} is counted and then written: Spark computes it twice, and may count other rows"
                )
                remedy = "leave it out: rows are counted while they are written, and shown with the date"
                yield found(node, "count-before-write", "warn", message, remedy)


def _schemas(tree: ast.AST, found: Found) -> Iterator[LintFinding]:
    for node in ast.walk(tree):
        if _infers(node):
            message = "inferSchema reads the whole file once more, and types change with what a file holds"
            yield found(node, "infer-schema", "warn", message, "give read_csv a schema")


def _collects(tree: ast.AST, found: Found) -> Iterator[LintFinding]:
    for node in _calls(tree):
        if _name(node) in ("collect", "toPandas") and _receiver(node) is not None and not node.args:
            message = f"{_name(node)}() brings all rows into the driver's memory"
            yield found(
                node, "collect", "warn", message, "aggregate or take() in Spark; write what is to be kept"
            )


def _constants(tree: ast.AST, found: Found) -> Iterator[LintFinding]:
    silent = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in silent:
            continue
        if _WINDOWS.match(node.value):
            message = f"{node.value!r} is a path of Windows"
            yield found(
                node, "windows-path", "warn", message, "map its beginning in legacy.yaml, under `prefixes`"
            )
        elif is_fixed_date(node.value):
            message = f"{node.value!r} stays the same whatever date is loaded"
            remedy = "take biz_dt of flatten_job_params, where it is the run's"
            yield found(node, "fixed-date", "warn", message, remedy)


def _parameters(tree: ast.AST, found: Found) -> Iterator[LintFinding]:
    """The parameters' file is each run's own: a path made up by the script is another's."""
    for node in _calls(tree):
        if _name(node) != "open" or not node.args:
            continue
        texts = [c.value for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant)]
        if any(t in _PARAMS_FILES or re.search(r"(^|[\\/])params[\\/]", str(t)) for t in texts):
            message = "opens the parameters' file by itself"
            remedy = "call framework.params_loader.load_job_params_from_json(get_job_params_path(job_name))"
            yield found(node, "params-by-hand", "warn", message, remedy)


def _framework_writes(tree: ast.AST, found: Found) -> Iterator[LintFinding]:
    for node in _calls(tree):
        writer = _name(node)
        if writer not in _FRAMEWORK_WRITES:
            continue
        mode = _argument(node, "mode", _MODE_AT[writer])
        if mode is None or _text(mode) == "append":
            message = f"{writer} appends: a date that is run again has its rows twice, as it always did"
            remedy = "write mode='overwrite', or set `append: replace` in the table.yaml that names this job"
            yield found(node, "append", "warn", message, remedy)
        if _is_without_date(node, _argument(node, "partitionBy", _FRAMEWORK_WRITES[writer])):
            message = "the output has no business date: each run replaces all of it"
            yield found(node, "no-biz-dt", "warn", message, "write partitionBy=['biz_dt', …]")


_RULES = (_plain_writes, _counts, _schemas, _collects, _constants, _parameters, _framework_writes)


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _scopes(tree: ast.AST) -> list[ast.AST]:
    """Functions, and the module; what a function holds is looked at in both, and found once."""
    return [tree, *(n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)))]


def _name(call: ast.Call) -> str:
    """What is called, without what it is called on."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _receiver(call: ast.Call) -> str | None:
    """The variable, or the expression, on which a method is called."""
    return ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else None


def _written(call: ast.Call) -> str | None:
    """The frame that a call writes: `df` of `df.write…` and of `write_orc(df, …)`."""
    if _name(call) in _FRAMEWORK_WRITES and call.args:
        return ast.unparse(call.args[0])
    frame = _chain(call).get("write")
    return frame if _name(call) in _SAVES and isinstance(frame, str) else None


def _chain(call: ast.Call) -> dict[str, ast.Call | str]:
    """The methods that a call is at the end of, by name; for `write`, the frame as text."""
    links: dict[str, ast.Call | str] = {}
    node: ast.expr = call
    while isinstance(node, (ast.Call, ast.Attribute)):
        if isinstance(node, ast.Call):
            links.setdefault(_name(node), node)
            node = node.func
        else:
            if node.attr == "write":
                links["write"] = ast.unparse(node.value)
            node = node.value
    return links


def _is_elsewhere(chain: dict[str, ast.Call | str]) -> bool:
    named = chain.get("format")
    return isinstance(named, ast.Call) and _text(_argument(named, "source", 0)) in _NO_FOLDER


def _is_dynamic(tree: ast.AST) -> bool:
    """The script asks Spark, somewhere, to overwrite the partitions that it writes and no others."""
    texts = {str(n.value).lower() for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    return "dynamic" in texts and any("partitionoverwritemode" in text for text in texts)


def _of_mode(call: ast.Call | str) -> ast.expr | None:
    return _argument(call, "saveMode", 0) if isinstance(call, ast.Call) else None


def _argument(call: ast.Call, name: str, place: int | None = None) -> ast.expr | None:
    by_name = next((k.value for k in call.keywords if k.arg == name), None)
    by_place = call.args[place] if place is not None and len(call.args) > place else None
    return by_name or by_place


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and str(node.value).lower() == "true"


def _infers(node: ast.AST) -> bool:
    """`inferSchema=True`, `.option("inferSchema", "true")`, `{"inferSchema": True}`."""
    if isinstance(node, ast.keyword):
        return (node.arg or "").lower() == "inferschema" and _is_true(node.value)
    if isinstance(node, ast.Call) and _name(node) == "option" and len(node.args) > 1:
        return (_text(node.args[0]) or "").lower() == "inferschema" and _is_true(node.args[1])
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return any((_text(k) or "").lower() == "inferschema" and _is_true(v) for k, v in pairs)
    return False


def _is_without_date(call: ast.Call, partition_by: ast.expr | None) -> bool:
    """Neither the partition columns nor the path, as far as they are written out, have biz_dt."""
    parts = list(ast.walk(partition_by)) if partition_by is not None else []
    if any(isinstance(n, (ast.Name, ast.Attribute, ast.Call)) for n in parts):
        return False  # said elsewhere
    path = _argument(call, "path", 1) or _argument(call, "final_path", 1)
    if path is None or not any(isinstance(n, ast.Constant) for n in ast.walk(path)):
        return False
    texts = [str(n.value) for n in (*parts, *ast.walk(path)) if isinstance(n, ast.Constant)]
    return not any("biz_dt" in text.lower() for text in texts)
