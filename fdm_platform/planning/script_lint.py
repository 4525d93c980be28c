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
from fdm_platform.planning.job_lint import Given, LintFinding
from fdm_platform.planning.script_calls import (
    FUNCTIONS,
    Links,
    argument,
    called,
    calls_in,
    chain_of,
    is_true,
    own_calls,
    receiver,
    text_of,
    writers,
)

_FRAMEWORK_WRITES = {"write_orc": 3, "write_df": 4, "atomic_publish": 5}
"""Names of the framework's writers, and the place of `partitionBy` among their arguments."""
_MODE_AT = {"write_orc": 2, "write_df": 2, "atomic_publish": 3}
_APPENDS_BY_DEFAULT = {"write_orc", "write_df"}
_SAVES = {
    "save": 2,
    "orc": 1,
    "parquet": 1,
    "csv": 1,
    "json": 1,
    "saveAsTable": 2,
    "text": None,
    "insertInto": None,
}
"""What ends a chain of Spark's own writer, and the place of `mode` among its arguments."""
_NO_FOLDER = {"jdbc", "kudu", "org.apache.kudu.spark.kudu", "mongodb", "kafka", "console", "noop"}
"""Formats that write no folder: what happens there is none of the landing tables' business."""
_PARAMS_FILES = {"JOB_PARAMS_FILE", "KUDU_JOB_PARAMS_FILE"}
_PARAMS_FOLDER = re.compile(r"(^|[\\/])params[\\/]")
_WINDOWS = re.compile(r"(file:/*)?[A-Za-z]:[\\/]|\\\\[\w.$-]{2,}[\\/]")
"""A drive, or a host and its share; `\\\\d+` of a regular expression is neither."""

_USE_FRAMEWORK = (
    "call framework.write_orc(df, path, mode='overwrite', partitionBy=['biz_dt', …]): the platform publishes that, "
    "and replaces the dates written and no other"
)
Found = Callable[[ast.AST, str, Severity, str, str], LintFinding]


def given_to_hql(text: bytes) -> Given:
    """Of one script; of one that is no Python nothing is known."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return Given(is_all=False)
    texts = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    arguments = (k.arg for call in calls_in(tree) for k in call.keywords if k.arg)
    mappings = [argument(call, "params", 4) for call in calls_in(tree) if called(call) == "exec_hql"]
    is_all = all(m is None or isinstance(m, (ast.Dict, ast.Constant)) for m in mappings)
    return Given(frozenset(name.lower() for name in (*texts, *arguments)), is_all)


def lint_script(text: str | bytes, file: str) -> list[LintFinding]:
    """What will bite in a script, in order of line. Bytes are decoded as Python does."""
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
    inner = {id(node.func.value) for node in calls_in(tree) if isinstance(node.func, ast.Attribute)}
    written_by = writers(tree)
    for node in calls_in(tree):
        chain = chain_of(node, written_by)
        if id(node) in inner or called(node) not in _SAVES or "write" not in chain or _is_elsewhere(chain):
            continue
        mode = _of_mode(chain["mode"]) if "mode" in chain else argument(node, "mode", _SAVES[called(node)])
        inserts = argument(node, "overwrite", 1) if called(node) == "insertInto" else None
        overwrites = text_of(mode) == "overwrite" or is_true(inserts)
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
    for calls in _scopes(tree):
        written = {name: node.lineno for node in calls if (name := _written(node))}
        for node in calls:
            frame = receiver(node) if called(node) == "count" and not node.args else None
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
    for node in calls_in(tree):
        if called(node) in ("collect", "toPandas") and receiver(node) not in (None, "gc") and not node.args:
            message = f"{called(node)}() brings all rows into the driver's memory"
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
    """The parameters' file is each run's own: JOB_PARAMS_FILE names it, a path made up by the script another's."""
    for node in calls_in(tree):
        if called(node) not in ("open", "load_job_params_from_json") or not node.args:
            continue
        texts = {str(c.value) for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant)}
        if not texts & _PARAMS_FILES and any(_PARAMS_FOLDER.search(t) for t in texts):
            message = "opens a parameters' file by a path of its own: this run's is elsewhere"
            remedy = "call framework.params_loader.load_job_params_from_json(get_job_params_path(job_name))"
            yield found(node, "params-by-hand", "warn", message, remedy)


def _framework_writes(tree: ast.AST, found: Found) -> Iterator[LintFinding]:
    for node in calls_in(tree):
        writer = called(node)
        if writer not in _FRAMEWORK_WRITES:
            continue
        mode = argument(node, "mode", _MODE_AT[writer])
        is_said_elsewhere = any(k.arg is None for k in node.keywords)
        is_default = mode is None and writer in _APPENDS_BY_DEFAULT and not is_said_elsewhere
        if is_default or text_of(mode) == "append":
            message = f"{writer} appends: a date that is run again has its rows twice, as it always did"
            remedy = "write mode='overwrite', or set `append: replace` in the table.yaml that names this job"
            yield found(node, "append", "warn", message, remedy)
        elif not is_said_elsewhere and _is_without_date(
            node, argument(node, "partitionBy", _FRAMEWORK_WRITES[writer])
        ):
            message = "the output has no business date: each run replaces all of it"
            yield found(node, "no-biz-dt", "warn", message, "write partitionBy=['biz_dt', …]")


_RULES = (_plain_writes, _counts, _schemas, _collects, _constants, _parameters, _framework_writes)


def _scopes(tree: ast.AST) -> Iterator[list[ast.Call]]:
    """Calls that know one another's variables: of the module, of each function, and of a class those on `self.…`."""
    yield own_calls(tree)
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            yield own_calls(node)
        elif isinstance(node, ast.ClassDef):
            yield [c for c in calls_in(node) if (_written(c) or receiver(c) or "").startswith("self.")]


def _written(call: ast.Call) -> str | None:
    """The frame that a call writes: `df` of `df.write…` and of `write_orc(df, …)`."""
    if called(call) in _FRAMEWORK_WRITES:
        frame = argument(call, "df", 0)
        return ast.unparse(frame) if frame else None
    written = chain_of(call).get("write")
    return written if called(call) in _SAVES and isinstance(written, str) else None


def _is_elsewhere(chain: Links) -> bool:
    named = chain.get("format")
    return isinstance(named, ast.Call) and text_of(argument(named, "source", 0)) in _NO_FOLDER


def _is_dynamic(tree: ast.AST) -> bool:
    """The script asks Spark, somewhere, to overwrite the partitions that it writes and no others."""
    texts = {str(n.value).lower() for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    return "dynamic" in texts and any("partitionoverwritemode" in text for text in texts)


def _of_mode(call: ast.Call | str) -> ast.expr | None:
    return argument(call, "saveMode", 0) if isinstance(call, ast.Call) else None


def _infers(node: ast.AST) -> bool:
    """`inferSchema=True`, `.option("inferSchema", "true")`, `{"inferSchema": True}`, `opts["inferSchema"] = True`."""
    if isinstance(node, ast.keyword):
        return (node.arg or "").lower() == "inferschema" and is_true(node.value)
    if isinstance(node, ast.Call) and called(node) == "option" and len(node.args) > 1:
        return (text_of(node.args[0]) or "").lower() == "inferschema" and is_true(node.args[1])
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        return (text_of(node.targets[0].slice) or "").lower() == "inferschema" and is_true(node.value)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return any((text_of(k) or "").lower() == "inferschema" and is_true(v) for k, v in pairs)
    return False


def _is_without_date(call: ast.Call, partition_by: ast.expr | None) -> bool:
    """Neither the partition columns nor the path, as far as they are written out, have biz_dt."""
    parts = list(ast.walk(partition_by)) if partition_by is not None else []
    if any(isinstance(n, (ast.Name, ast.Attribute, ast.Call)) for n in parts):
        return False  # said elsewhere
    path = argument(call, "path", 1) or argument(call, "final_path", 1)
    if path is None or not any(isinstance(n, ast.Constant) for n in ast.walk(path)):
        return False
    texts = [str(n.value) for n in (*parts, *ast.walk(path)) if isinstance(n, ast.Constant)]
    return not any("biz_dt" in text.lower() for text in texts)
