"""What a load tells of its table: the dates of the last years, read without those before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.store import ControlStore
from fdm_platform.control.values import Row
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.status import RECENT, Statuses
from fdm_platform.model.control import PublishRecord, row_version
from fdm_platform.model.table import TableSpec
from fdm_platform_tests.deployment import project_in

TODAY = date(2024, 5, 15)
NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CHILD = "e_s_t_child"


@dataclass
class CountingStore:
    """A control store that counts the rows that it gives."""

    store: ControlStore
    given: list[Row] = field(default_factory=list)

    def scan(self, *arguments: Any, **named: Any) -> Iterator[Row]:
        for row in self.store.scan(*arguments, **named):
            self.given.append(row)
            yield row

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@dataclass
class Archive:
    """A child and its parent, and their source's control rows."""

    store: CountingStore
    platform: Platform

    @property
    def child(self) -> TableSpec:
        return self.platform.catalog.tables[CHILD]

    def row(self, *days: date, **values: Any) -> None:
        key = {"entity": "E", "source_system": "S"}
        rows = [{**key, "biz_dt": d, "last_update_ts": NOON, **values} for d in days]
        self.store.store.upsert("process_control", rows)

    def publish(self, *days: date) -> None:
        """The parent, and the child from it."""
        version = row_version(NOON, None)
        for day in days:
            for name, parents in (("e_s_t_root", "{}"), (CHILD, f'{{"e_s_t_root": {{"{day}": 1}}}}')):
                self.platform.ledger.commit(
                    PublishRecord(name, day, 1, "load", version, "{}", NOON, parents=parents)
                )

    def recent(self, loaded: date, now: datetime = NOON) -> tuple[dict[str, int], date | None]:
        status = Statuses(self.platform, [self.child], now).recent(self.child, loaded)
        return {str(state): n for state, n in status.counts.items()}, status.last_published


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    sources = {"t_root": "row1: {path: a.csv, columns: {a: string}}", "t_child": "x: {table: t_root}"}
    for table, text in sources.items():
        folder = tmp_path / "sql" / "e" / "s" / table
        folder.mkdir(parents=True)
        (folder / "step.hql").write_text("SELECT 1 AS a, '${biz_dt}' AS biz_dt")
        declared = f"entity: E\nsource_system: S\ntable: {table}\nsources: {{{text}}}\nsteps: [step.hql]\n"
        (folder / "table.yaml").write_text(declared)
    (tmp_path / "sql/e/s/calendar.yaml").write_text('start: 2000-01-03\ncutoff: "06:00"\n')
    made = project_in(tmp_path)
    with made.platform() as platform:
        counting = CountingStore(platform.store)
        yield Archive(counting, Platform(made.settings, counting))


def test_what_is_told_of_recent_dates_is_what_the_whole_status_says(archive: Archive) -> None:
    days = [TODAY - n * DAY for n in range(30) if (TODAY - n * DAY).weekday() < 5]
    archive.row(*days)
    archive.row(days[4], run_indicator="N")
    archive.row(days[5], last_update_ts=NOON + DAY)
    archive.publish(*(d for d in days if d not in (days[3], days[4])))
    archive.store.delete("process_control", [{"entity": "E", "source_system": "S", "biz_dt": days[8]}])
    counts, last = archive.recent(TODAY)
    whole = Statuses(archive.platform, [archive.child], NOON).of(archive.child)
    shown = {str(s): n for s, n in whole.counts.items() if s not in ("gone", "overdue")}
    assert {state: n for state, n in counts.items() if state != "overdue"} == shown
    assert (counts["missing"], counts["held"], counts["stale"], last) == (1, 1, 1, TODAY)
    assert counts["overdue"] > 1000  # since the window began, four years ago


def test_what_a_load_reads_does_not_grow_with_history(archive: Archive) -> None:
    recent = [TODAY - n * DAY for n in range(100)]
    archive.row(*recent)
    archive.publish(*recent)
    archive.recent(TODAY)
    archive.store.given.clear()
    before = archive.recent(TODAY)
    read = len(archive.store.given)
    assert read > 100
    old = [TODAY - RECENT - n * DAY for n in range(1, 400)]
    archive.row(*old)
    archive.publish(*old)
    archive.store.given.clear()
    assert archive.recent(TODAY) == before
    assert archive.recent(old[-1]) == before
    assert len(archive.store.given) == 2 * read


def test_of_a_source_without_recent_dates_those_around_the_load_are_told(archive: Archive) -> None:
    days = [TODAY - n * DAY for n in range(5)]
    archive.row(*days)
    archive.publish(*days)
    counts, last = archive.recent(TODAY, datetime(2040, 1, 1, tzinfo=UTC))
    assert (counts["published"], last) == (5, TODAY)


def test_a_load_whose_control_row_is_gone_by_now_says_what_it_can(archive: Archive) -> None:
    archive.publish(TODAY)
    counts, last = archive.recent(TODAY)
    assert (counts["gone"], last) == (1, TODAY)
