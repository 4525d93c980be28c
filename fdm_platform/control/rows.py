"""The control tables' rows as the platform's values, from any control store."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise, product
from typing import Any

from fdm_platform.control.schema import find_table
from fdm_platform.control.store import MAX_IN_VALUES, ControlStore, Predicate, Snapshot
from fdm_platform.control.values import Row, json_description, json_matches
from fdm_platform.errors import ControlError
from fdm_platform.model.control import JobDependencyRow, JobMasterRow, ProcessControlRow, SysParamRow
from fdm_platform.planning.parameters import ALL_JOBS


def process_control_rows(
    store: ControlStore,
    entity: str,
    source_system: str,
    dates: Collection[date] | None = None,
    *,
    snapshot: Snapshot | None = None,
) -> list[ProcessControlRow]:
    """The source system's rows by date, of these dates or of all; dates without a row are left out.

    Names are matched as given and in capitals or small letters, since deployments differ. ControlError
    where that finds two rows for one date, or where a JSON column holds something else.
    """
    stored = stored_process_control(store, entity, source_system, dates, snapshot=snapshot)
    rows = [process_control_row(row) for row in stored]
    refuse_two_spellings(rows)
    return rows


def stored_process_control(
    store: ControlStore,
    entity: str,
    source_system: str,
    dates: Collection[date] | None = None,
    *,
    snapshot: Snapshot | None = None,
) -> list[Row]:
    """The same rows as they are stored, by date."""
    rows = [
        row
        for of_source in source_prefixes(entity, source_system)
        for of_dates in _any_date(dates)
        for row in store.scan("process_control", [*of_source, *of_dates], snapshot=snapshot)
    ]
    return sorted(rows, key=lambda row: row["biz_dt"])


def process_control_dates(
    store: ControlStore,
    entity: str,
    source_system: str,
    unreadable: Callable[[ControlError], object] | None = None,
) -> list[date]:
    """The source system's business dates, in order and once each; nothing else is read."""
    return sorted(
        {
            row["biz_dt"]
            for of_source in source_prefixes(entity, source_system)
            for row in store.scan("process_control", of_source, ["biz_dt"], unreadable=unreadable)
        }
    )


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row, or a date with two rows, that nothing can be done with until somebody corrects it."""

    biz_dt: date | None
    """None where that is what cannot be read."""
    error: ControlError


def readable_rows(
    scans: Iterable[Iterable[Row]], unreadable: list[ControlError]
) -> tuple[list[ProcessControlRow], list[RowProblem]]:
    """The rows of scans that can be used, by date, and what is wrong with the others.

    `unreadable` is what the scans' own `unreadable` was told; it may grow while they are read.
    """
    rows: dict[date, list[ProcessControlRow]] = {}
    problems: list[RowProblem] = []
    for stored in (row for scan in scans for row in scan):
        try:
            rows.setdefault(stored["biz_dt"], []).append(process_control_row(stored))
        except ControlError as error:
            problems.append(RowProblem(stored["biz_dt"], error))
    sound = []
    for day in sorted(rows):
        try:
            refuse_two_spellings(rows[day])
            sound += rows[day]
        except ControlError as error:
            problems.append(RowProblem(day, error))
    return sound, [*problems, *(RowProblem(None, error) for error in unreadable)]


def readable_rows_of(
    store: ControlStore, entity: str, source_system: str, dates: Collection[date]
) -> tuple[list[ProcessControlRow], list[RowProblem]]:
    """The source system's rows of these dates that can be used, by date, and what is wrong with the others."""
    unreadable: list[ControlError] = []
    scans = (
        store.scan("process_control", [*of_source, *of_dates], unreadable=unreadable.append)
        for of_source in source_prefixes(entity, source_system)
        for of_dates in _any_date(dates)
    )
    return readable_rows(scans, unreadable)


def source_prefixes(entity: str, source_system: str) -> list[list[Predicate]]:
    """The source's rows in process_control: one beginning of the key for each spelling of its names.

    Equalities, since Kudu turns those into a range of the key; for an `in` list it reads the whole tablet.
    """
    return [
        [Predicate("entity", "=", entity_name), Predicate("source_system", "=", source_name)]
        for entity_name, source_name in product(sorted(_cases(entity)), sorted(_cases(source_system)))
    ]


def job_master_row(
    store: ControlStore, job_name: str, *, snapshot: Snapshot | None = None
) -> JobMasterRow | None:
    """The job of this name, or None; ControlError if several ids have it."""
    row = stored_job(store, job_name, snapshot=snapshot)
    return parsed_job(row) if row else None


def find_job(store: ControlStore, name: str) -> JobMasterRow | None:
    """The job of this job_name or, if there is none, of this job_id; or None."""
    by_name = job_master_row(store, name)
    if by_name:
        return by_name
    row = next(store.scan("job_master", [Predicate("job_id", "=", name)]), None)
    return parsed_job(row) if row else None


def stored_job(store: ControlStore, job_name: str, *, snapshot: Snapshot | None = None) -> Row | None:
    """The same as it is stored."""
    rows = list(store.scan("job_master", [Predicate("job_name", "=", job_name)], snapshot=snapshot))
    if len(rows) > 1:
        ids = ", ".join(sorted(row["job_id"] for row in rows))
        raise ControlError(
            f"job_master has {len(rows)} jobs named {job_name!r}: {ids}",
            field="job_master.job_name",
            remedy="delete or rename all but one",
        )
    return rows[0] if rows else None


def sys_params_rows(
    store: ControlStore, environment: str, names: str | Iterable[str], *, snapshot: Snapshot | None = None
) -> list[SysParamRow]:
    """An environment's settings for a job's name (or several) and for the names that stand for all jobs.

    By key, then by name. A row is for all jobs where its key_name is none of the names given.
    """
    given = [names] if isinstance(names, str) else list(names)
    key_names = {spelt for name in (*given, *ALL_JOBS) for spelt in (*_cases(name), name.capitalize())}
    where = [_any_case("environment", environment), Predicate("key_name", "in", sorted(key_names))]
    rows = [SysParamRow(**row) for row in store.scan("sys_params", where, snapshot=snapshot)]
    return sorted(rows, key=lambda row: (row.param_key, row.key_name))


def job_dependencies(
    store: ControlStore, job_name: str, *, snapshot: Snapshot | None = None
) -> list[JobDependencyRow]:
    """What the job waits for, by level and then by the parent's name."""
    where = [Predicate("dependent_job_name", "=", job_name)]
    rows = [JobDependencyRow(**row) for row in store.scan("job_dependency", where, snapshot=snapshot)]
    return sorted(rows, key=lambda row: (row.dependency_level or 0, row.parent_job_name or ""))


def _any_date(dates: Collection[date] | None) -> list[list[Predicate]]:
    """Predicates for the dates: none for all of them, else lists short enough for a scan, in order."""
    if dates is None:
        return [[]]
    wanted = sorted(set(dates))
    chunks = (wanted[n : n + MAX_IN_VALUES] for n in range(0, len(wanted), MAX_IN_VALUES))
    return [[Predicate("biz_dt", "in", chunk)] for chunk in chunks]


def _any_case(column: str, name: str) -> Predicate:
    return Predicate(column, "in", sorted(_cases(name)))


def _cases(name: str) -> set[str]:
    return {name, name.upper(), name.lower()}


def refuse_two_spellings(rows: Sequence[ProcessControlRow]) -> None:
    """ControlError where rows, in order of date, have a date twice."""
    for one, other in pairwise(rows):
        if one.biz_dt == other.biz_dt:
            raise ControlError(
                f"two rows for {one.biz_dt}: {one.entity}/{one.source_system} and "
                f"{other.entity}/{other.source_system}",
                field="process_control",
                remedy="delete the one that nobody maintains",
            )


def process_control_row(row: Row) -> ProcessControlRow:
    """A stored row as a value; ControlError where a JSON column holds something else."""
    lists = {name: tuple(_parsed("process_control", name, row) or ()) for name in _LISTS}
    return ProcessControlRow(**{**row, **lists})


def parsed_job(row: Row) -> JobMasterRow:
    """A stored row as a value; ControlError where a JSON column holds something else."""
    objects = {name: _parsed("job_master", name, row) for name in _OBJECTS}
    return JobMasterRow(**{**row, **objects})


def _parsed(table: str, name: str, row: Row) -> Any:
    """The JSON of a column; None for NULL and for an empty text, which both occur."""
    text, spec = row[name], find_table(table)
    if text is None or not text.strip():
        return None
    try:
        value = json.loads(text)
        is_right = json_matches(spec.column(name), value)
    except json.JSONDecodeError:
        value, is_right = None, False
    if is_right:
        return value
    key = ", ".join(f"{k}={row[k]}" for k in spec.key)
    raise ControlError(
        f"{_quoted(name, text)} in the row {key} is not {json_description(spec.column(name))}",
        field=f"{table}.{name}",
        remedy="correct that row; `fdm control seed` checks what it writes",
    )


def _quoted(name: str, text: str) -> str:
    """The text, unless parameters and settings are in it, of which some may be secret."""
    return "the text" if name in _OBJECTS else repr(text)


_LISTS = ("business_keys", "compare_cols")
_OBJECTS = ("context_params", "spark_config")
