"""What must hold between the keys of one table.yaml, beyond their types. Each rule adds its findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import PurePosixPath
from string import Formatter

from fdm_platform.model.partition import BIZ_DT
from fdm_platform.model.rejected import is_limit
from fdm_platform.model.table import PASSED_THROUGH, FileFormat
from fdm_platform.planning.declaration import (
    DATE_WORDS,
    MOST_DATES,
    CheckDeclaration,
    ColumnDeclaration,
    LegacyJobDeclaration,
    OutputDeclaration,
    ParityDeclaration,
    SourceDeclaration,
    TableDeclaration,
)
from fdm_platform.planning.document import Place
from fdm_platform.planning.findings import Findings
from fdm_platform.planning.names import nearest, suggest
from fdm_platform.planning.spark_types import type_problem

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
VIEW = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TRANSFORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
JOB_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
ABSOLUTE = re.compile(r"/|[A-Za-z][A-Za-z0-9+.-]*:")
MEMORY = re.compile(r"0*[1-9]\d*(b|[kmgtp]b?)?", re.IGNORECASE)
SPARK_SETTING = re.compile(r"spark\.[^\s=]+")
# The next three are Dagster's own: it refuses all definitions of a project for one that breaks them.
OWNER = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}|team:.+")
TAG_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")

FORMATS: dict[str, FileFormat] = {".csv": "csv", ".orc": "orc", ".parquet": "parquet", ".json": "json"}
_COMPRESSED = frozenset({".gz", ".bz2", ".zst", ".deflate"})


def check_table(table: TableDeclaration, findings: Findings) -> None:
    """All rules that need nothing but the declaration itself."""
    _check_names(table, findings)
    _check_body(table, findings)
    for view, source in table.sources.items():
        _check_source(view, source, findings)
    _check_rejected(table, findings)
    _check_output(table, findings)


def check_legacy_job(job: LegacyJobDeclaration, findings: Findings) -> None:
    """The same of what refines a legacy job's table."""
    if not JOB_NAME.fullmatch(job.legacy_job):
        findings.add(
            ("legacy_job",),
            f"{job.legacy_job!r} is no job",
            "write the job_id or job_name of its job_master row",
        )
    if job.output is not None and (not job.output.strip() or ".." in re.split(r"[/\\]", job.output)):
        findings.add(
            ("output",),
            f"{job.output!r} is no folder",
            "write a name below the landing root, or an absolute path",
        )
    _check_output(job, findings)


def _check_output(table: OutputDeclaration, findings: Findings) -> None:
    _check_columns(table.columns, ("columns",), findings)
    _check_partitions(table, findings)
    for key in ("business_keys", "compare_cols"):
        _check_known_columns(getattr(table, key), (key,), table, findings)
    _check_checks(table, findings)
    _check_launch(table, findings)
    if table.parity is not None:
        _check_parity(table.parity, table, findings)
    _check_labels(table, findings)


def _check_rejected(table: TableDeclaration, findings: Findings) -> None:
    if not is_limit(table.max_rejected):
        findings.add(
            ("max_rejected",),
            f"{table.max_rejected!r} is neither a number of rows nor a share of them",
            "write a whole number such as 100, or a share such as 1% or 0.5%",
        )


def guess_format(path: str) -> FileFormat | None:
    """The format that a path's extension names; a compressed file's is the one before, as in x.csv.gz."""
    suffixes = [s.lower() for s in PurePosixPath(path).suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return FORMATS.get(suffixes[-1]) if suffixes else None


def leaves_folder(path: str) -> bool:
    """The path goes up or is absolute, in POSIX's or in Windows' spelling."""
    parts = re.split(r"[/\\]", path)
    return ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", path) is not None


def _check_names(table: TableDeclaration, findings: Findings) -> None:
    for key in ("entity", "source_system", "table"):
        value = getattr(table, key)
        if NAME.fullmatch(value):
            continue
        if leaves_folder(value) or "/" in value or "\\" in value:
            message = f"{value!r} is a path: the table would leave the landing root"
        else:
            message = f"{value!r} is not a name"
        findings.add((key,), message, "use letters, digits and _, beginning with a letter or digit")
    if table.job_name is not None and not JOB_NAME.fullmatch(table.job_name):
        findings.add(
            ("job_name",), f"{table.job_name!r} is not a job name", "use letters, digits, _, . and -"
        )


def _check_body(table: TableDeclaration, findings: Findings) -> None:
    if table.steps and table.transform is not None:
        findings.add(("transform",), "both steps and transform are given", "keep one of them")
    if not table.steps and table.transform is None:
        findings.add((), "neither steps nor transform is given", "add `steps: [<file>.hql]`")
    if table.transform is not None and not TRANSFORM.fullmatch(table.transform):
        findings.add(
            ("transform",), f"{table.transform!r} names no function", "write it as package.module:function"
        )
    views: list[tuple[Place, str]] = [(("sources", v), v) for v in table.sources]
    steps = [(i, s) for i, s in enumerate(table.steps) if not leaves_folder(s)]
    views += [(("steps", i), PurePosixPath(s).stem) for i, s in steps]
    _check_views(views, findings)


def _check_views(views: Iterable[tuple[Place, str]], findings: Findings) -> None:
    seen: dict[str, Place] = {}
    for place, view in views:
        if not VIEW.fullmatch(view):
            findings.add(place, f"{view!r} cannot name a view", "use letters, digits and _")
        elif view.lower() in seen:
            first = seen[view.lower()]
            where = f"{findings.document.field(first)} on line {findings.document.line(first)}"
            findings.add(place, f"two views are called {view!r}, see {where}", "rename one of them")
        seen.setdefault(view.lower(), place)


def _check_source(view: str, source: SourceDeclaration, findings: Findings) -> None:
    place: Place = ("sources", view)
    kinds = [k for k in ("path", "table") if getattr(source, k) is not None]
    if source.format in PASSED_THROUGH:
        _check_passed_through(source, kinds, place, findings)
    elif len(kinds) != 1:
        given = "both path and table are given" if kinds else "neither path nor table is given"
        findings.add(place, given, f"give one of them, or format: {_or_words(PASSED_THROUGH)} with options")
    elif source.path is not None:
        _check_path(source.path, source.format, (*place, "path"), findings)
    elif source.format not in (None, "orc"):
        findings.add(
            (*place, "format"), f"a landing table is ORC, not {source.format}", "remove the key format"
        )
    _check_columns(source.columns, (*place, "columns"), findings)
    _check_dates(source, (*place, "biz_dt"), findings)
    _check_match(source, (*place, "match"), findings)


def _check_dates(source: SourceDeclaration, place: Place, findings: Findings) -> None:
    """`biz_dt`: which dates of a landing table are read."""
    if source.table is None and "biz_dt" in source.model_fields_set:
        findings.add(
            place, "biz_dt is for landing tables", "remove it; a path has its date in it: {biz_dt:%Y%m%d}"
        )
        return
    match source.biz_dt:
        case str(word) if word in DATE_WORDS:
            return
        case {"window": int(size), **others} if (
            not others and not isinstance(size, bool) and 0 < size <= MOST_DATES
        ):
            return
        case {"window": _}:
            findings.add(
                place,
                f"{source.biz_dt} is no window",
                f"write {{window: 5}} for the newest five dates, at most {MOST_DATES}",
            )
            return
    close = nearest(str(source.biz_dt), DATE_WORDS)
    hint = f"did you mean {close}? " if close else ""
    findings.add(
        place,
        f"{source.biz_dt!r} says no dates of {source.table}",
        f"{hint}write one of {', '.join(DATE_WORDS)}, or {{window: 5}} for the newest five",
    )


_NAMED_BY: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "jdbc": (("url",), ("dbtable", "query")),
    "hive": (("table", "query"),),
    "kudu": (("kudu.master",), ("kudu.table",)),
}
"""Options without which nothing is named: one of each group."""


def _check_passed_through(
    source: SourceDeclaration, kinds: list[str], place: Place, findings: Findings
) -> None:
    groups = _NAMED_BY[str(source.format)]
    wanted = " and ".join(" or ".join(group) for group in groups)
    if kinds:
        findings.add(
            (*place, kinds[0]), f"{source.format} takes no {kinds[0]}", f"give {wanted} below options"
        )
    if any(not set(group) & set(source.options) for group in groups):
        findings.add(
            (*place, "options"), f"{source.format} needs the options {wanted}", "add them below options"
        )


def _check_match(source: SourceDeclaration, place: Place, findings: Findings) -> None:
    if source.match == "name":
        return
    is_csv = (source.format or guess_format(source.path or "")) == "csv"
    if not is_csv:
        findings.add(place, "only a CSV is read by position", "remove it")
    elif not source.columns:
        findings.add(place, "no columns are declared whose position could count", "declare the columns")


def _check_path(path: str, declared: FileFormat | None, place: Place, findings: Findings) -> None:
    try:
        names = [name for _, name, _, _ in Formatter().parse(path)]
    except ValueError as error:
        findings.add(
            place, f"{path!r} is no template: {error}".lower(), "write the date as {biz_dt:%Y%m%d}, { as {{"
        )
        return
    if "" in names:
        findings.add(place, f"{path!r} has empty braces", "write the date as {biz_dt:%Y%m%d}")
    if ".." in re.split(r"[/\\]", path) and not ABSOLUTE.match(path):
        findings.add(place, f"{path!r} leaves the source root", "write an absolute path")
    if not path.strip():
        findings.add(place, "the path is empty", "name a file or folder below the source root")
    elif declared is None and guess_format(path) is None:
        findings.add(place, f"{path!r} does not tell its format", f"add `format:` {_or_words(FORMATS)}")


def _check_columns(columns: Sequence[ColumnDeclaration], place: Place, findings: Findings) -> None:
    seen: dict[str, int] = {}
    for i, column in enumerate(columns):
        if not column.name.strip():
            findings.add((*place, i), "a column's name is empty", "give it a name")
        elif (first := seen.setdefault(column.name.lower(), i)) != i:
            line = findings.document.line((*place, first))
            findings.add(
                (*place, i),
                f"two columns are called {column.name!r}, the first on line {line}",
                "rename or remove one; letter case does not distinguish columns",
            )
        if problem := type_problem(column.type):
            findings.add((*place, i, "type"), *problem)


def _check_partitions(table: OutputDeclaration, findings: Findings) -> None:
    names = table.partition_by
    if names[:1] != [BIZ_DT]:
        findings.add(
            ("partition_by",), f"begins with {names[0]!r}, not biz_dt" if names else "is empty",
            "put biz_dt first",
        )  # fmt: skip
    for i, name in enumerate(names):
        if name.lower() in [n.lower() for n in names[:i]]:
            findings.add(("partition_by", i), f"{name!r} stands twice", "remove one")
        elif not VIEW.fullmatch(name):
            findings.add(("partition_by", i), f"{name!r} cannot name a folder", "use letters, digits and _")
    _check_known_columns(names, ("partition_by",), table, findings)
    if table.columns and {c.name.lower() for c in table.columns} <= {n.lower() for n in names}:
        findings.add(("partition_by",), "every column is a partition column", "keep one column for the files")


def _check_known_columns(
    names: Sequence[str], place: Place, table: OutputDeclaration, findings: Findings
) -> None:
    """The names are declared columns, where columns are declared."""
    known = {c.name.lower(): c.name for c in table.columns}
    for i, name in enumerate(names):
        if known and name.lower() not in known:
            findings.add((*place, i), f"{name!r} is no declared column", suggest(name, known.values()))


def _check_checks(table: OutputDeclaration, findings: Findings) -> None:
    seen: set[str] = set()
    for i, check in enumerate(table.checks):
        place: Place = ("checks", i)
        if not NAME.fullmatch(check.name):
            findings.add((*place, "name"), f"{check.name!r} is not a name", "use letters, digits and _")
        if check.name in seen:
            findings.add((*place, "name"), f"two checks are called {check.name!r}", "rename one of them")
        seen.add(check.name)
        _check_rule(check, place, findings)
        _check_known_columns(check.not_null, (*place, "not_null"), table, findings)


def _check_rule(check: CheckDeclaration, place: Place, findings: Findings) -> None:
    """Exactly one rule is set, so that a check's outcome says what failed; the row limits are one."""
    low, high = check.min_rows, check.max_rows
    has_limits = low is not None or high is not None
    rules = {"expect": check.expect is not None, "not_null": bool(check.not_null), "row limits": has_limits}
    given = [rule for rule, is_given in rules.items() if is_given]
    if not given:
        findings.add(place, "the check has no rule", "add one of expect, not_null, min_rows, max_rows")
    if len(given) > 1:
        findings.add(place, f"the check has {len(given)} rules: {', '.join(given)}", "make a check of each")
    if check.expect is not None and not check.expect.strip():
        findings.add((*place, "expect"), "the condition is empty", "write a SQL condition")
    if low is not None and high is not None and low > high:
        findings.add((*place, "max_rows"), f"max_rows {high} is below min_rows {low}", "swap them")


def _check_parity(parity: ParityDeclaration, table: OutputDeclaration, findings: Findings) -> None:
    named: dict[str, Sequence[str]] = {
        "keys": parity.keys,
        "tolerance": list(parity.tolerance),
        "renamed": list(parity.renamed.values()),
    }
    for key, names in named.items():
        _check_known_columns(names, ("parity", key), table, findings)
    for column, value in parity.tolerance.items():
        if not is_tolerance(value):
            findings.add(
                ("parity", "tolerance", column), f"{value!r} is no tolerance", "write a number such as 0.01"
            )
    if parity.against is not None and not _is_template(parity.against):
        findings.add(
            ("parity", "against"),
            f"{parity.against!r} is no path",
            "write the date as {biz_dt:%Y%m%d}, a brace as {{",
        )


def is_tolerance(value: object) -> bool:
    """A finite number of 0 or more, also as text."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return False
    return not isinstance(value, bool) and number.is_finite() and number >= 0


def _is_template(path: str) -> bool:
    try:
        return bool(path.strip()) and "" not in [name for _, name, _, _ in Formatter().parse(path)]
    except ValueError:
        return False


def _check_launch(table: OutputDeclaration, findings: Findings) -> None:
    for key in ("driver_memory", "executor_memory"):
        value = getattr(table.launch, key)
        if value is not None and not MEMORY.fullmatch(value):
            findings.add(("launch", key), f"{value!r} is no amount of memory", "write it like 2g or 512m")
    for setting in table.launch.additional_conf or {}:
        if not SPARK_SETTING.fullmatch(setting):
            findings.add(
                ("launch", "additional_conf", setting),
                f"{setting!r} is no Spark setting",
                "its name begins with `spark.`",
            )


def _check_labels(table: OutputDeclaration, findings: Findings) -> None:
    if table.owner is not None and not OWNER.fullmatch(table.owner):
        findings.add(("owner",), f"{table.owner!r} is no owner", "write an e-mail address or team:<name>")
    for key, value in table.tags.items():
        if not TAG_KEY.fullmatch(key) or not TAG_VALUE.fullmatch(str(value)):
            findings.add(
                ("tags", key),
                f"{key}: {value} is no label",
                "use at most 63 letters, digits, _, . and - in each",
            )


def _or_words(words: Iterable[str]) -> str:
    names = [w.lstrip(".") for w in words]
    return f"{', '.join(names[:-1])} or {names[-1]}"
