"""Other landing tables as sources of a business date: which of their dates are read, and that they are published."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from fdm_platform.errors import SourceError
from fdm_platform.model.dependency import UNPUBLISHED, Dependency, ParentDates, ParentState
from fdm_platform.model.partition import folder_name
from fdm_platform.model.plan import SourceFile, SourcePlan
from fdm_platform.model.table import SourceSpec, TableSpec
from fdm_platform.planning.dependencies import parent_dates

_MOST_SHOWN = 4
"""Dates that a message or a path names one by one."""


@dataclass(frozen=True, slots=True)
class ParentSource:
    """A source of `child` that is the landing table `parent`, below `root`, as it stands now."""

    child: TableSpec
    source: SourceSpec
    parent: TableSpec
    root: str
    state: ParentState

    def plan(self, biz_dt: date, list_published: Callable[[str], tuple[SourceFile, ...]]) -> SourcePlan:
        """The files of its dates. SourceError for a date that is missing, not published, or published empty.

        `list_published` answers with the files of a date's folder, all of one version.
        """
        source = self.source
        dates = [d for d in self._dates(biz_dt) if self._is_published(d, biz_dt)]
        folders = [folder_name(d, self.parent.folder_date_format) for d in dates]
        files = tuple(f for folder in folders for f in list_published(posixpath.join(self.root, folder)))
        if not files and not source.allow_empty:
            raise self._error(
                f"{self.parent.name} has no data of {_listed(dates)}, which {self._reads(biz_dt)}: it is empty there",
                f"set allow_empty: true on {self._field}, if no rows are right",
            )
        return SourcePlan(
            view=source.view,
            format="orc",
            path=posixpath.join(self.root, _pattern(folders)) if folders else self.root,
            files=files,
            base_path=self.root,
            options=_options(source.options, len(dates)),
            # Without files there is nothing to read the schema from: the parent's declaration has it.
            columns=() if files else self.parent.columns,
            allow_empty=source.allow_empty,
        )

    def _dates(self, biz_dt: date) -> Sequence[date]:
        """The dates to read. Fewer than the rule asks for, at the very beginning, need allow_empty."""
        rule, known = self.source.biz_dt, self.state.known or ()
        dates = parent_dates(rule, biz_dt, known, self.state.published_dates)
        if len(dates) < rule.window and not self.source.allow_empty:
            raise self._too_few(rule, biz_dt, len(dates))
        return dates

    def _too_few(self, rule: ParentDates, biz_dt: date, found: int) -> SourceError:
        name = self.parent.name
        if rule.rule == "latest":
            return self._error(
                f"{name} has no published date up to {biz_dt}, which {self._reads(biz_dt)}",
                f"fdm materialize {name} --biz-dt {biz_dt}",
            )
        of = (
            f"{found} of {rule.window} business dates up to"
            if rule.rule == "window"
            else "no business date before"
        )
        return self._error(
            f"{name} has {of} {biz_dt} in process_control, and {self._reads(biz_dt)}",
            f"set allow_empty: true on {self._field} for the first dates of all, or add the earlier control rows",
        )

    def _is_published(self, day: date, biz_dt: date) -> bool:
        """Else SourceError, unless the same date's data may be missing by declaration."""
        if day in self.state.published:
            return True
        if self.source.allow_empty and self.source.biz_dt.rule == "same":
            return False
        raise self._error(
            f"{self.parent.name} has no data of {day}, which {self._reads(biz_dt)}: it is not published",
            f"fdm materialize {self.parent.name} --biz-dt {day}",
        )

    def _reads(self, biz_dt: date) -> str:
        rule = self.source.biz_dt
        said = "" if rule.rule == "same" else f" for {biz_dt} (biz_dt: {rule})"
        return f"{self.source.view} reads{said}"

    @property
    def _field(self) -> str:
        return f"sources.{self.source.view}"

    def _error(self, message: str, remedy: str) -> SourceError:
        return SourceError(message, file=self.child.file, field=self._field, remedy=remedy)


def require_parent(
    dependency: Dependency, child: TableSpec, biz_dt: date, parents: Mapping[str, ParentState]
) -> None:
    """SourceError unless a parent that is only waited for is published, or does not have the date at all."""
    state = parents.get(dependency.parent, UNPUBLISHED)
    if biz_dt in state.published or (state.known is not None and biz_dt not in state.known):
        return
    raise SourceError(
        f"{child.name} runs after {dependency.parent}, which is not published for {biz_dt}: {dependency.origin}",
        file=child.file,
        field="job_dependency",
        remedy=f"fdm materialize {dependency.parent} --biz-dt {biz_dt}, or correct that row",
    )


def _options(given: Mapping[str, str], dates: int) -> Mapping[str, str]:
    """Of several dates Spark would take the columns of one file, and drop those that only others have."""
    if dates <= 1 or any(name.lower() == "mergeschema" for name in given):
        return given
    return {**given, "mergeSchema": "true"}


def _listed(dates: Sequence[date]) -> str:
    if len(dates) <= _MOST_SHOWN:
        return ", ".join(map(str, dates)) or "any date"
    return f"{dates[0]} to {dates[-1]} ({len(dates)} dates)"


def _pattern(folders: Sequence[str]) -> str:
    """The folders for people, as a shell would write them."""
    if len(folders) <= 1:
        return "".join(folders)
    name, values = folders[0].partition("=")[0], [f.partition("=")[2] for f in folders]
    shown = values if len(values) <= _MOST_SHOWN else [values[0], "…", values[-1]]
    return f"{name}={{{','.join(shown)}}}"
