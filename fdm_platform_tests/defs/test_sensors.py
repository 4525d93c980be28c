"""The sensor of process_control: each version of a control row is requested once, whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fdm_platform.control.requests import Requests
from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.defs import sensors
from fdm_platform.defs.partitions import dates_of
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.sensors import SourceSystem, Tick
from fdm_platform.model.calendar import Calendar
from fdm_platform.model.control import PublishRecord, row_version
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform_tests.deployment import control_url

NOON = datetime(2024, 6, 3, 12, tzinfo=UTC)
FIRST = date(2024, 5, 1)


@dataclass
class Desk:
    """A source system, its sensor's daemon, and somebody who writes control rows."""

    platform: Platform
    instance: dg.DagsterInstance
    source: SourceSystem
    now: datetime = NOON
    cursor: str | None = None
    started: float = 1.0
    runs: dict[str, dg.RunRequest] = field(default_factory=dict)
    """What Dagster made of requests: a run for each key."""

    def write(self, *days: int, source_system: str = "FPMS", **changes: Any) -> None:
        stamp = changes.pop("at", self.now)
        rows = [
            {
                "entity": "GELS",
                "source_system": source_system,
                "biz_dt": FIRST + timedelta(days=n),
                "last_update_ts": stamp,
                **changes,
            }
            for n in days
        ]
        self.platform.store.upsert("process_control", rows)

    def evaluate(self) -> dg.SensorResult:
        """The code server's part of a tick: what it returns may never reach the daemon."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, last_sensor_start_time=self.started
        )
        result = Tick(context, self.platform, self.source, self.now).evaluate()
        self.now += timedelta(seconds=30)
        return result

    def tick(self, *, submit: bool = True) -> list[tuple[str, int, int]]:
        """A whole tick: cursor kept, runs made for keys that have none; the new ones."""
        result = self.evaluate()
        self.cursor = result.cursor
        return self.submit(result) if submit else []

    def submit(self, result: dg.SensorResult) -> list[tuple[str, int, int]]:
        """New runs as table, first day and last day of May."""
        new = [r for r in result.run_requests or () if r.run_key not in self.runs]
        self.runs |= {str(r.run_key): r for r in new}
        return [_shown(r) for r in new]

    def loaded(self) -> list[tuple[str, str]]:
        """Every table and date that runs were made for."""
        found = []
        for r in self.runs.values():
            table, first, last = _span(r)
            days = dates_of(self.instance, "gels_fpms")
            found += [(table, d.isoformat()) for d in days if first <= d <= last]
        return sorted(found)


def _span(r: dg.RunRequest) -> tuple[str, date, date]:
    assert r.asset_selection
    first = r.partition_key or r.tags["dagster/asset_partition_range_start"]
    last = r.partition_key or r.tags["dagster/asset_partition_range_end"]
    return r.asset_selection[0].path[-1], date.fromisoformat(first), date.fromisoformat(last)


def _shown(r: dg.RunRequest) -> tuple[str, int, int]:
    table, first, last = _span(r)
    return table, (first - FIRST).days, (last - FIRST).days


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ControlStore]:
    made = open_store(control_url(tmp_path))
    made.create(TABLES)
    yield made
    made.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def source_of(*names: str, dates_per_run: int = 30, **calendar: Any) -> SourceSystem:
    tables = tuple(
        TableSpec("GELS", "FPMS", name, "table.yaml", (), (), dates_per_run=dates_per_run) for name in names
    )
    return SourceSystem("GELS", "FPMS", tables, Calendar(**calendar))


@pytest.fixture
def desk(store: ControlStore, instance: dg.DagsterInstance, tmp_path: Path) -> Desk:
    settings = Settings.from_environ({"FDM_HOME": str(tmp_path), "FDM_PROJECT": str(tmp_path)})
    return Desk(Platform(settings, store), instance, source_of("t_a"))


def test_a_new_row_is_requested_once(desk: Desk) -> None:
    desk.write(0)
    assert desk.tick() == [("t_a", 0, 0)]
    assert desk.tick() == []
    assert dates_of(desk.instance, "gels_fpms") == [FIRST]


def test_a_changed_row_and_a_reprocessed_one_are_requested_again(desk: Desk) -> None:
    desk.write(0, 1)
    desk.tick()
    desk.write(0)
    assert desk.tick() == [("t_a", 0, 0)]
    desk.write(1, reprocess_dt=FIRST, at=NOON)
    assert desk.tick() == [("t_a", 1, 1)]
    assert desk.tick() == []


def test_a_late_date_stands_in_its_place_and_its_neighbours_are_one_run(desk: Desk) -> None:
    desk.write(0, 2)
    desk.tick()
    desk.write(1)
    desk.tick()
    desk.write(0, 1, 2)
    assert desk.tick() == [("t_a", 0, 2)]


def test_every_table_of_the_source_is_requested(desk: Desk) -> None:
    desk.source = source_of("t_a", "t_b")
    desk.write(0, 1)
    assert sorted(desk.tick()) == [("t_a", 0, 1), ("t_b", 0, 1)]


def test_what_is_held_is_said_and_requested_when_it_is_released(desk: Desk) -> None:
    desk.write(0, run_indicator="N")
    result = desk.evaluate()
    assert result.skip_reason is not None
    assert result.skip_reason.skip_message == "held back, run_indicator is N: 2024-05-01"
    desk.cursor = result.cursor
    desk.write(0, run_indicator="Y")
    assert desk.tick() == [("t_a", 0, 0)]


def test_a_date_to_come_is_requested_when_it_has_come(desk: Desk) -> None:
    desk.write(40)
    assert desk.tick() == []
    desk.now = datetime(2024, 6, 9, 23, 59, tzinfo=UTC)
    assert desk.tick() == []
    desk.now = datetime(2024, 6, 10, 0, 1, tzinfo=UTC)
    assert desk.tick() == [("t_a", 40, 40)]
    assert desk.tick() == []


def test_a_burst_is_cut_into_ticks_and_nothing_of_it_is_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.source = source_of("t_a", "t_b", dates_per_run=1)
    desk.write(*range(60))
    desk.now += timedelta(days=90)
    sizes = []
    while new := desk.tick():
        sizes.append(len(new))
    assert sizes == [sensors.MOST_RUNS, sensors.MOST_RUNS, 20]
    assert len(desk.loaded()) == len(set(desk.loaded())) == 120


def test_a_tick_whose_answer_was_lost_is_answered_again_under_the_same_keys(desk: Desk) -> None:
    desk.write(0, 1)
    lost = desk.evaluate()
    desk.write(2)
    again = desk.evaluate()
    assert [r.run_key for r in lost.run_requests or ()] == [r.run_key for r in (again.run_requests or ())[:1]]
    desk.cursor = again.cursor
    assert desk.submit(again) == [("t_a", 0, 1)]
    assert desk.tick() == [("t_a", 2, 2)]
    assert desk.tick() == []


def test_however_many_answers_are_lost_one_tick_is_answered_again(desk: Desk) -> None:
    desk.source = source_of("t_a", dates_per_run=1)
    desk.now += timedelta(days=90)
    desk.write(*range(sensors.MOST_RUNS + 10))
    sizes = [len(desk.evaluate().run_requests or ()) for _ in range(5)]
    assert sizes == [sensors.MOST_RUNS] * 5
    assert [len(desk.tick()) for _ in range(3)] == [sensors.MOST_RUNS, 10, 0]


def test_a_daemon_that_made_some_of_the_runs_before_it_died_doubles_none(desk: Desk) -> None:
    desk.source = source_of("t_a", "t_b")
    desk.write(0)
    died = desk.evaluate()
    assert died.run_requests
    desk.runs = {str(died.run_requests[0].run_key): died.run_requests[0]}
    assert len(desk.tick()) == 1
    assert desk.loaded() == [("t_a", "2024-05-01"), ("t_b", "2024-05-01")]


@pytest.mark.parametrize("cursor", [None, "", "{}", '{"floor": "2024-05-01"}', "not json", "[1]"])
def test_a_cursor_that_was_reset_or_replaced_doubles_nothing_and_loses_nothing(
    desk: Desk, cursor: str | None
) -> None:
    desk.write(0, 1, 5)
    desk.tick()
    desk.now += timedelta(days=2)
    desk.cursor = cursor
    desk.write(7)
    assert desk.tick() == [("t_a", 7, 7)]
    assert desk.tick() == []


def test_a_clock_that_was_set_back_loses_and_doubles_nothing(desk: Desk) -> None:
    desk.write(0)
    desk.tick()
    desk.now -= timedelta(minutes=50)
    desk.write(1)
    assert desk.tick() == [("t_a", 1, 1)]
    desk.write(2)
    assert desk.tick() == [("t_a", 2, 2)]
    assert desk.tick() == []


def test_a_sensor_that_was_switched_off_amid_its_requests_makes_them_when_it_is_on_again(desk: Desk) -> None:
    desk.source = source_of("t_a", "t_b")
    desk.write(0)
    desk.tick(submit=False)
    assert desk.tick() == []
    desk.started = 2.0
    assert sorted(desk.tick()) == [("t_a", 0, 0), ("t_b", 0, 0)]
    assert desk.tick() == []


def test_what_somebody_loaded_at_this_version_is_not_requested(desk: Desk) -> None:
    desk.write(0, 1)
    spec = desk.source.tables[0]
    row = desk.platform.control_rows(spec, [FIRST])[0]
    desk.platform.ledger.commit(PublishRecord(spec.name, FIRST, 1, "by-hand", row.version, "{}", NOON))
    assert desk.tick() == [("t_a", 1, 1)]


def test_a_date_with_two_rows_waits_until_one_is_deleted_and_stops_no_other(desk: Desk) -> None:
    desk.write(0, 1)
    desk.write(0, source_system="fpms")
    assert desk.tick() == [("t_a", 1, 1)]
    desk.now += timedelta(days=3)
    assert desk.tick() == []
    key = {"entity": "GELS", "source_system": "fpms", "biz_dt": FIRST}
    desk.platform.store.delete("process_control", [key])
    assert desk.tick() == [("t_a", 0, 0)]
    assert desk.tick() == []


def test_many_rows_that_cannot_be_used_do_not_keep_others_from_being_seen(desk: Desk) -> None:
    desk.source = source_of(*(f"t_{n}" for n in range(sensors.MOST_CHOICES // sensors.FEWEST_ROWS)))
    broken = range(sensors.FEWEST_ROWS + 5)
    desk.write(*broken, business_keys="no list")
    desk.tick()
    desk.tick()
    desk.write(80)
    desk.now += timedelta(days=60)
    found = desk.tick()
    assert {(first, last) for _, first, last in found} == {(80, 80)}


def test_reprocess_dt_alone_is_seen_at_the_next_comparison(desk: Desk) -> None:
    old = NOON - timedelta(days=9)
    desk.write(0, 1, at=old)
    desk.tick()
    desk.write(1, at=old, reprocess_dt=FIRST)
    desk.now += timedelta(hours=2)
    assert desk.tick() == [("t_a", 1, 1)]
    desk.now += timedelta(hours=2)
    assert desk.tick() == []


def test_a_row_that_was_copied_with_its_old_time_is_seen_at_the_next_comparison(desk: Desk) -> None:
    desk.write(0)
    desk.tick()
    desk.now += timedelta(hours=3)
    desk.write(1, at=NOON - timedelta(days=9))
    assert desk.tick() == [("t_a", 1, 1)]
    assert desk.tick() == []


def test_a_clock_that_was_days_ahead_hides_nothing_when_it_is_right_again(desk: Desk) -> None:
    desk.write(0)
    desk.now += timedelta(days=2)
    desk.tick()
    desk.now = NOON + timedelta(minutes=5)
    desk.write(1)
    assert desk.tick() == [("t_a", 1, 1)]
    assert desk.tick() == []


def test_a_row_that_disappears_is_reported_and_its_date_stays(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write(0, 1)
    desk.tick()
    key = {"entity": "GELS", "source_system": "FPMS", "biz_dt": FIRST}
    desk.platform.store.delete("process_control", [key])
    desk.now += timedelta(hours=2)
    assert desk.tick() == []
    assert (
        "no row of process_control any more, nothing is done about it: 2024-05-01" in capsys.readouterr().err
    )
    assert len(dates_of(desk.instance, "gels_fpms")) == 2


def test_rows_without_a_stamp_are_reported(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write(0, at=None)
    assert desk.tick() == []
    assert "last_update_ts is NULL" in capsys.readouterr().err


def test_dates_before_the_calendar_are_history(desk: Desk) -> None:
    desk.source = source_of("t_a", start=date(2024, 5, 3))
    desk.write(0, 2)
    assert desk.tick() == [("t_a", 2, 2)]


def test_the_newest_date_goes_before_what_is_caught_up(desk: Desk) -> None:
    desk.source = source_of("t_a", dates_per_run=1)
    desk.write(0, 1)
    runs = desk.evaluate().run_requests or []
    assert [(r.partition_key, r.tags.get("dagster/priority")) for r in runs] == [
        ("2024-05-02", "10"),
        ("2024-05-01", None),
    ]


def test_requests_are_remembered_by_date(desk: Desk) -> None:
    desk.write(0, 1)
    desk.tick()
    (one,) = Requests(desk.platform.store).of_date("gels_fpms", "gels_fpms_t_a", FIRST)
    assert one.run_key == next(iter(desk.runs))


def test_the_cursor_is_a_few_words_however_many_rows_changed_within_the_hour(desk: Desk) -> None:
    desk.source = source_of("t_a", dates_per_run=1000)
    desk.now += timedelta(days=5000)
    desk.write(*range(2500))
    sizes = []
    while desk.tick():
        sizes.append(len(str(desk.cursor)))
    assert len(sizes) == 3
    assert max(sizes) < 500
    assert desk.tick() == []
    assert len(desk.loaded()) == len(set(desk.loaded())) == 2500


def _place(desk: Desk) -> str:
    """Where Dagster's storage has what the cursor names."""
    return f"fdm/process_control_gels_fpms/{json.loads(str(desk.cursor))['place']}"


def test_a_tick_in_which_nothing_changed_writes_nothing(desk: Desk) -> None:
    desk.write(0)
    desk.tick()
    desk.tick()
    storage = desk.instance.daemon_cursor_storage
    places = {f"fdm/process_control_gels_fpms/{n}" for n in (0, 1)}
    before = storage.get_cursor_values(places)
    storage.set_cursor_values(dict.fromkeys(places - {_place(desk)}, "nobody wrote here"))
    desk.tick()
    after = storage.get_cursor_values(places)
    assert sorted(after.values()) == sorted([before[_place(desk)], "nobody wrote here"])


def test_answers_that_are_lost_one_after_the_other_overwrite_nothing(desk: Desk) -> None:
    desk.write(0, 40)
    desk.tick()
    for n in (1, 2, 3):
        desk.write(n)
        desk.evaluate()  # its answer is lost, and so is what it knew of this row
    assert desk.tick() == [("t_a", 1, 1)]
    assert desk.tick() == [("t_a", 2, 3)]
    desk.now = datetime(2024, 6, 10, 0, 1, tzinfo=UTC)
    assert desk.tick() == [("t_a", 40, 40)]
    assert desk.tick() == []


def test_a_cursor_whose_rest_was_overwritten_doubles_nothing_and_loses_nothing(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write(0, 40)
    desk.tick()
    desk.now += timedelta(minutes=10)
    desk.instance.daemon_cursor_storage.set_cursor_values({_place(desk): "of another tick"})
    desk.write(1)
    assert desk.tick() == [("t_a", 1, 1)]
    assert "is not kept any more, it begins anew" in capsys.readouterr().err
    desk.now = datetime(2024, 6, 10, 0, 1, tzinfo=UTC)
    assert desk.tick() == [("t_a", 40, 40)]
    assert len(desk.loaded()) == len(set(desk.loaded())) == 3


def _requested(desk: Desk) -> list[int]:
    """Days of May that fdm_requests has."""
    rows = desk.platform.store.scan("fdm_requests", columns=["biz_dt"])
    return sorted((row["biz_dt"] - FIRST).days for row in rows)


def _load(desk: Desk, *days: int) -> None:
    """As a run does, from the control rows as they are."""
    (spec,), ledger = desk.source.tables, desk.platform.ledger
    dates = [FIRST + timedelta(days=n) for n in days]
    versions = ledger.current_versions(spec.name, dates)
    for row in desk.platform.control_rows(spec, dates):
        version = versions.get(row.biz_dt, 0) + 1
        load = f"load-{version}"
        ledger.commit(PublishRecord(spec.name, row.biz_dt, version, load, row.version, "{}", desk.now))


def test_requests_that_can_no_longer_matter_are_forgotten_and_nothing_is_doubled(desk: Desk) -> None:
    desk.source = source_of("t_a", dates_per_run=1)
    desk.write(0, 1, 2, 3)
    desk.tick()
    _load(desk, 0, 1)
    desk.now += sensors.KEPT_FOR
    desk.write(1, 2)
    assert desk.tick() == [("t_a", 2, 2), ("t_a", 1, 1)]
    assert _requested(desk) == [1, 2, 3]  # of 1 and 2 the new versions; 3 was never loaded
    desk.cursor = None
    desk.now += timedelta(hours=2)
    assert desk.tick() == []
    assert len(desk.runs) == 6


def test_a_run_is_forgotten_as_a_whole(desk: Desk) -> None:
    desk.write(0, 1)
    desk.tick()
    _load(desk, 0)
    desk.now += sensors.KEPT_FOR
    desk.tick()
    assert _requested(desk) == [0, 1]
    _load(desk, 1)
    desk.now += sensors.SYNC_EVERY
    desk.tick()
    assert _requested(desk) == []


def test_what_is_young_or_has_no_row_just_now_is_not_forgotten(desk: Desk) -> None:
    desk.source = source_of("t_a", dates_per_run=1)
    desk.write(0, 1)
    desk.tick()
    _load(desk, 0, 1)
    desk.now += sensors.SYNC_EVERY
    desk.tick()
    assert _requested(desk) == [0, 1]
    key = {"entity": "GELS", "source_system": "FPMS", "biz_dt": FIRST}
    desk.platform.store.delete("process_control", [key])
    desk.now += sensors.KEPT_FOR
    desk.tick()
    assert _requested(desk) == [0]
    desk.instance.delete_dynamic_partition("gels_fpms", FIRST.isoformat())
    desk.now += sensors.SYNC_EVERY
    desk.tick()
    assert _requested(desk) == []


def test_a_reprocessed_date_whose_request_is_forgotten_is_not_looked_at_for_ever(desk: Desk) -> None:
    desk.write(*range(3), reprocess_dt=FIRST)
    desk.tick()
    _load(desk, *range(3))
    desk.now += sensors.KEPT_FOR
    desk.tick()
    assert _requested(desk) == []
    desk.now += sensors.SYNC_EVERY
    tick = Tick(
        dg.build_sensor_context(instance=desk.instance, cursor=desk.cursor, last_sensor_start_time=1.0),
        *(desk.platform, desk.source, desk.now),
    )
    assert tick._unrequested_reprocessing() == set()  # else it would crowd out others
    desk.write(1, at=NOON, reprocess_dt=FIRST + timedelta(days=9))
    assert desk.tick() == [("t_a", 1, 1)]


def test_a_parked_date_is_not_requested_over_a_hundred_ticks_until_its_row_changes(desk: Desk) -> None:
    desk.write(0, 1)
    version = row_version(desk.now, None)
    letter = DeadLetter(
        "gels_fpms_t_a", FIRST, "load", version, 1, "data", '{"message": "no such column"}', NOON
    )
    desk.platform.dead_letters.park([letter])
    assert desk.tick() == [("t_a", 1, 1)]
    for _ in range(50):
        desk.started += 1  # a sensor that is switched off and on looks at everything again
        assert desk.tick() == []
        desk.cursor = None
        assert desk.tick() == []
    desk.write(0)
    assert desk.tick() == [("t_a", 0, 0)]
    assert desk.tick() == []


def test_while_a_breaker_is_open_what_is_due_waits_and_comes_when_it_closes(desk: Desk) -> None:
    breakers = desk.platform.breakers
    for n in range(5):
        breakers.note_failure("source", "gels_fpms", f"load-{n}", "no route to host")
    desk.write(0, 1)
    for _ in range(3):
        result = desk.evaluate()
        desk.cursor = result.cursor
        assert desk.submit(result) == []
        assert result.skip_reason
        said = str(result.skip_reason.skip_message)
        assert said.startswith("held back, the breaker of source gels_fpms is open since")
        assert said.endswith(": 2024-05-01, 2024-05-02")
    breakers.note_success("source", "gels_fpms", "probe")
    assert desk.tick() == [("t_a", 0, 1)]
    assert desk.tick() == []
