"""From a sound declaration to a TableSpec: defaults filled in, HQL read."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

from fdm_platform.errors import DeclarationError, SqlError
from fdm_platform.model.dependency import SAME, ParentDates
from fdm_platform.model.legacy import Append
from fdm_platform.model.limits import DeclaredRetries
from fdm_platform.model.parity import ParitySpec
from fdm_platform.model.table import CheckSpec, ColumnSpec, SourceSpec, StepSpec, TableSpec
from fdm_platform.planning.declaration import (
    CheckDeclaration,
    ColumnDeclaration,
    LaunchDeclaration,
    LegacyJobDeclaration,
    OutputDeclaration,
    ParityDeclaration,
    Scalar,
    SourceDeclaration,
    TableDeclaration,
)
from fdm_platform.planning.document import read_text
from fdm_platform.planning.findings import Findings
from fdm_platform.planning.names import suggest
from fdm_platform.planning.rules import guess_format, is_tolerance, leaves_folder
from fdm_platform.planning.sql import todos

_OF_OUTPUT = (
    *("keep_versions", "allow_empty", "folder_date_format", "on_conflict", "timeout_s"),
    *("owner", "description"),
)
_OF_TABLE = (
    *("entity", "source_system", "table", "transform"),
    *("compression", "target_file_mb", "max_rejected", "dates_per_run"),
)


@dataclass(frozen=True, slots=True)
class Refinement:
    """What a table.yaml with `legacy_job` says of that job's table. Paths are as written."""

    file: str
    text: str
    job: str
    """job_id or job_name of its job_master row."""
    entity: str | None
    source_system: str | None
    table: str | None
    output: str | None
    append: Append
    settings: Mapping[str, Any]
    """Fields of TableSpec."""


def build_spec(table: TableDeclaration, file: Path, findings: Findings) -> TableSpec:
    """The table with its steps' SQL; what is wrong with its other files becomes findings."""
    steps = [_read_step(step, i, file.parent, findings) for i, step in enumerate(table.steps)]
    if table.transform is not None:
        _check_transform(table.transform, file.parent, findings)
    return TableSpec(
        file=str(file),
        sources=tuple(_source(view, s) for view, s in table.sources.items()),
        steps=tuple(s for s in steps if s),
        job_name=table.job_name or default_job_name(table.entity, table.source_system, table.table),
        **{key: getattr(table, key) for key in _OF_TABLE},
        **_output(table),
    )


def build_refinement(job: LegacyJobDeclaration, file: Path, text: str) -> Refinement:
    """What the declaration says; it is joined with the job when job_master is known."""
    return Refinement(
        file=str(file),
        text=text,
        job=job.legacy_job,
        entity=job.entity,
        source_system=job.source_system,
        table=job.table,
        output=job.output,
        append=job.append,
        settings=_output(job),
    )


def _output(table: OutputDeclaration) -> dict[str, Any]:
    """The fields of TableSpec that a legacy job's table has too."""
    return {
        "columns": _columns(table.columns),
        "partition_by": tuple(table.partition_by),
        "business_keys": tuple(table.business_keys),
        "compare_cols": tuple(table.compare_cols),
        "checks": tuple(_check(c) for c in table.checks),
        "retries": DeclaredRetries(**table.retries.model_dump()),
        "launch": _launch(table.launch),
        "parity": _parity(table.parity) if table.parity else None,
        "tags": _texts(table.tags),
        **{key: getattr(table, key) for key in _OF_OUTPUT},
    }


def default_job_name(entity: str, source_system: str, table: str) -> str:
    """The legacy job's name, e.g. etl_lnd_gels_fpms_t_contract_master."""
    return f"etl_lnd_{entity}_{source_system}_{table}".lower()


def _read_step(step: str, index: int, folder: Path, findings: Findings) -> StepSpec | None:
    place = ("steps", index)
    if leaves_folder(step):
        findings.add(place, f"{step!r} leaves the table's folder", "move the file beside table.yaml")
        return None
    path = folder / step
    if not path.is_file():
        known = [p.relative_to(folder).as_posix() for p in folder.rglob("*.hql")]
        findings.add(place, f"there is no file {step!r}", suggest(step, known))
        return None
    try:
        sql = read_text(path)
    except DeclarationError as error:
        findings.errors.append(error)
        return None
    if not sql.strip():
        findings.add(place, f"{step!r} is empty", "write one SELECT")
    findings.errors += _unfinished(sql, str(path))
    return StepSpec(PurePosixPath(step).stem, str(path), sql)


def _unfinished(sql: str, file: str) -> list[DeclarationError]:
    """What a migration left to a person. What is no SQL at all is found when it is bound."""
    try:
        found = todos(sql)
    except SqlError:
        return []
    remedy = "write the SQL in its place and remove the comment"
    return [
        DeclarationError(
            f"is not finished: TODO {t.what}".strip(), file=file, line=t.line, column=t.column, remedy=remedy
        )
        for t in found
    ]


def _check_transform(transform: str, folder: Path, findings: Findings) -> None:
    """Where the module stands beside table.yaml, the function must be in it. Nothing is imported."""
    module, _, function = transform.partition(":")
    file = folder / f"{module.replace('.', '/')}.py"
    if not file.is_file():
        return
    try:
        tree = ast.parse(read_text(file), filename=str(file))
    except DeclarationError as error:
        findings.errors.append(error)
        return
    except SyntaxError as error:
        findings.errors.append(
            DeclarationError(
                f"not Python: {error.msg}",
                file=str(file),
                line=error.lineno,
                column=error.offset,
                remedy="mend the transform",
            )
        )
        return
    names = _defined(tree)
    if function not in names:
        findings.add(("transform",), f"{file.name} defines no {function!r}", suggest(function, names))


def _defined(tree: ast.Module) -> list[str]:
    """Names of the module's functions and of what it imports or assigns, which may be functions too."""
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.Assign):
            names += [t.id for t in node.targets if isinstance(t, ast.Name)]
    return names


def _source(view: str, source: SourceDeclaration) -> SourceSpec:
    guessed = "orc" if source.table is not None else guess_format(source.path or "")
    return SourceSpec(
        view=view,
        # A path whose format is neither given nor guessed is a finding: the spec is then not used.
        format=source.format or guessed or "csv",
        path=source.path,
        table=source.table,
        options=_texts(source.options),
        columns=_columns(source.columns),
        allow_empty=source.allow_empty,
        biz_dt=_parent_dates(source.biz_dt),
        match=source.match,
    )


def _parent_dates(value: Any) -> ParentDates:
    """What is neither a word nor a window is a finding: the spec is then not used."""
    match value:
        case {"window": int(size)}:
            return ParentDates("window", size)
        case "same" | "previous" | "latest":
            return ParentDates(value)
    return SAME


def _columns(columns: list[ColumnDeclaration]) -> tuple[ColumnSpec, ...]:
    return tuple(ColumnSpec(c.name, c.type, c.nullable, c.key, c.sensitivity, c.description) for c in columns)


def _check(check: CheckDeclaration) -> CheckSpec:
    return CheckSpec(
        name=check.name,
        severity=check.severity,
        expect=check.expect,
        not_null=tuple(check.not_null),
        min_rows=check.min_rows,
        max_rows=check.max_rows,
        description=check.description,
    )


def _parity(parity: ParityDeclaration) -> ParitySpec:
    return ParitySpec(
        keys=tuple(parity.keys),
        # What is no number is a finding: the spec is then not used.
        tolerance={c: Decimal(str(v)) for c, v in parity.tolerance.items() if is_tolerance(v)},
        ignore=tuple(parity.ignore),
        against=parity.against,
        format=parity.format,
        options=_texts(parity.options),
        renamed=dict(parity.renamed),
    )


def _launch(launch: LaunchDeclaration) -> dict[str, object]:
    """The keys that are set, as job_master.spark_config holds them."""
    keys: dict[str, object] = launch.model_dump(exclude_none=True)
    if launch.additional_conf:
        keys["additional_conf"] = _texts(launch.additional_conf)
    return keys


def _texts(values: Mapping[str, Scalar]) -> dict[str, str]:
    """Options as Spark takes them: `true`, not `True`."""
    return {k: _text(v) for k, v in values.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
