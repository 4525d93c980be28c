"""The sentence that explains a business date."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from fdm_platform.model.attempt import Attempt
from fdm_platform.model.calendar import EPOCH
from fdm_platform.model.control import ProcessControlRow, Published
from fdm_platform.model.request import DateRequest
from fdm_platform.planning.due import Verdict
from fdm_platform.planning.evidence import (
    CalendarDay,
    DagsterFacts,
    Evidence,
    ParentDate,
    Pool,
    RunOfDate,
    SensorFacts,
)
from fdm_platform.planning.explanation import Explanation, explain
from fdm_platform.planning.status import DateStatus

D14, D15, D16 = (date(2024, 5, d) for d in (14, 15, 16))
NINE = datetime(2024, 5, 15, 9, tzinfo=UTC)
TEN = NINE + timedelta(hours=1)
RUN_ID = "0" * 36
ROW = ProcessControlRow("E", "S", D15, last_update_ts=NINE)
CALENDAR = CalendarDay(
    is_declared=True,
    is_business_day=True,
    why="Wednesday, a business day",
    due_at=NINE,
    is_overdue=True,
    today=D15,
    start=date(2024, 1, 1),
    timezone="UTC",
    file="sql/e/s/calendar.yaml",
)
VERSION = Published(D15, 2, f"{RUN_ID}-t", ROW.version, "c", "s", {"p": {"2024-05-15": 3}}, TEN)
MISSING, FAILED = DateStatus("missing", "never published"), DateStatus("failed", "no such column")
ATTEMPT = Attempt(D15, f"{RUN_ID}-t", "Started", NINE, asked_by="sensor", control_version=ROW.version)
REQUEST = DateRequest("e_s", D15, "t", ROW.version, "t 2024-05-15 key", NINE)
SENSOR = SensorFacts("process_control_e_s", True, TEN, "SKIPPED", "nothing to load changed")
DAGSTER = DagsterFacts((), SENSOR, Pool("e_s", 2, 0), TEN, is_daemon_alive=True)
RUN = RunOfDate(RUN_ID, "QUEUED", TEN, priority=10, position=3, queue_length=12)
DUE = Verdict("due", "not published yet")
EVIDENCE = Evidence(
    table="t",
    biz_dt=D15,
    at=TEN,
    watcher="sensor",
    retries=0,
    status=MISSING,
    row=ROW,
    nearest=(),
    calendar=CALENDAR,
    parents=(),
    verdict=DUE,
    requests=(),
    attempts=(),
    versions=(),
)


def told(**changes: object) -> Explanation:
    return explain(replace(EVIDENCE, **changes))  # type: ignore[arg-type]


def without_row(**changes: object) -> Explanation:
    calendar = replace(CALENDAR, **changes)  # type: ignore[arg-type]
    return told(status=None, row=None, verdict=None, nearest=[D14], calendar=calendar)


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        (
            {},
            "overdue",
            "expected and absent: process_control has no row for it, and it was due at 2024-05-15",
        ),
        ({"is_overdue": False}, "expected", "expected and not yet due"),
        ({"is_business_day": False, "why": "holiday Easter"}, "never", "not a business day: holiday Easter"),
        ({"start": D16}, "never", "before the calendar's start, 2024-05-16"),
        ({"today": D14}, "never", "the date has not come: it is 2024-05-14 in UTC"),
        ({"is_declared": False}, "never", "no calendar says whether one is expected"),
    ],
)
def test_a_date_without_a_control_row(changes: dict[str, object], state: str, words: str) -> None:
    found = without_row(**changes)
    assert found.state == state
    assert words in found.verdict


def test_a_date_before_the_sources_first_is_not_expected() -> None:
    calendar = replace(CALENDAR, start=EPOCH)
    found = told(status=None, row=None, verdict=None, nearest=[D16], calendar=calendar)
    assert (found.state, found.todo) == ("never", "nothing")
    assert "the source begins later" in found.verdict
    assert told(status=None, row=None, verdict=None, nearest=[D16]).state == "overdue", (
        "its start is declared"
    )


def test_a_source_without_control_rows_waits_for_its_schedule() -> None:
    assert without_row(has_control_rows=False).verdict.startswith("due since 2024-05-15 09:00:00 UTC")
    assert without_row(has_control_rows=False, is_overdue=False).state == "expected"
    assert without_row(has_control_rows=False, is_business_day=False).state == "never"


def test_a_held_date_says_how_to_let_it_run() -> None:
    found = told(status=DateStatus("held", "run_indicator is N"), verdict=Verdict("stopped", "held"))
    assert found.verdict == "held: run_indicator is N"
    assert "with a new last_update_ts" in found.todo


def test_a_running_date_says_since_when_and_where() -> None:
    running = {"status": DateStatus("running", "since"), "attempts": [replace(ATTEMPT, spark_app_id="app-1")]}
    found = told(**running)
    assert found.verdict == (
        f"running since 2024-05-15 09:00:00 UTC, load {RUN_ID}-t, asked for by sensor, Spark application app-1"
    )
    started = replace(DAGSTER, runs=[replace(RUN, status="STARTED")])
    assert told(**running, dagster=started).verdict == found.verdict
    dead = replace(DAGSTER, runs=[replace(RUN, status="FAILURE", ended_at=TEN)])
    assert (
        "its run in Dagster ended as FAILURE at 2024-05-15 10:00:00 UTC"
        in told(**running, dagster=dead).verdict
    )


@pytest.mark.parametrize(
    ("retries", "load_id", "run", "words", "waits"),
    [
        (0, f"{RUN_ID}-t", None, "the table has no retries", False),
        (2, f"{RUN_ID}-t-r2", None, "all 2 retries are used", False),
        (2, f"{RUN_ID}-t-r1", None, "1 of 2 retries are left, if its run goes on", False),
        (2, f"{RUN_ID}-t", "STARTED", "2 of 2 retries are left, and its run goes on", True),
        (2, f"{RUN_ID}-t", "FAILURE", "2 of 2 retries are left, but its run ended", False),
    ],
)
def test_a_failed_date_says_why_and_what_is_left_of_its_retries(
    retries: int, load_id: str, run: str | None, words: str, *, waits: bool
) -> None:
    attempt = replace(ATTEMPT, load_id=load_id, status="Failed: no such column", end_time=TEN)
    dagster = replace(DAGSTER, runs=[replace(RUN, status=run)]) if run else None
    found = told(status=FAILED, attempts=[attempt], retries=retries, dagster=dagster)
    assert found.state == "failed"
    assert found.verdict == f"failed at 2024-05-15 10:00:00 UTC: no such column; {words}"
    assert ("wait for the retry" in found.todo) == waits
    assert ("fdm materialize t --biz-dt 2024-05-15" in found.todo) != waits


@pytest.mark.parametrize(
    ("watcher", "words"),
    [("sensor", "nothing repeats it by itself"), ("schedule", "the schedule requests it again")],
)
def test_a_failed_date_is_repeated_by_a_schedule_alone(watcher: str, words: str) -> None:
    attempt = replace(ATTEMPT, status="Failed: x", end_time=TEN)
    assert words in told(status=FAILED, attempts=[attempt], watcher=watcher).todo


def test_a_failed_date_whose_row_changed_is_requested_anew() -> None:
    attempt = replace(ATTEMPT, status="Failed: x", end_time=TEN, control_version="older/")
    found = told(status=FAILED, attempts=[attempt], dagster=DAGSTER)
    assert "its control row changed since; the sensor has not requested it yet" in found.verdict


def test_a_queued_date_says_its_place_and_what_is_in_its_way() -> None:
    full = replace(DAGSTER, runs=[RUN], pool=Pool("e_s", 2, 2))
    found = told(dagster=full, requests=[REQUEST])
    assert found.state == "queued"
    assert found.verdict == (
        "requested, and queued since 2024-05-15 10:00:00 UTC: place 3 of 12, priority 10; "
        "the pool e_s is full, 2 of 2 runs (the date is missing: never published)"
    )
    alone = told(dagster=replace(full, is_daemon_alive=False))
    assert alone.todo == "start the daemon with `fdm ui start`"
    assert told(dagster=replace(full, runs=[replace(RUN, status="STARTING")])).state == "requested"


def test_a_date_that_waits_names_its_parent_and_what_is_wrong_with_it() -> None:
    waiting = Verdict("waiting", "p 2024-05-15 comes first: not published yet")
    parent = ParentDate("p", D15, "same", "sources.p", MISSING)
    found = told(verdict=waiting, parents=[parent])
    assert found.state == "waiting"
    assert found.verdict == "never published; it waits: p 2024-05-15 comes first: not published yet"
    assert found.todo == "`fdm why p --biz-dt 2024-05-15` tells what its parent waits for"
    failed = replace(parent, table="q", status=FAILED)
    assert told(verdict=waiting, parents=[parent, failed]).verdict == (
        "never published; it waits for its parent q 2024-05-15: failed, no such column"
    )


def test_a_published_date_whose_parents_are_about_to_change_waits() -> None:
    waiting = Verdict("waiting", "p 2024-05-15 comes first: its control row changed")
    found = told(status=DateStatus("published"), versions=[VERSION], verdict=waiting)
    assert found.state == "waiting"
    assert "version 2" in found.verdict


def test_a_published_date_is_current_and_says_who_asked_for_it() -> None:
    done = replace(ATTEMPT, status="Completed", end_time=TEN)
    found = told(
        status=DateStatus("published"), versions=[VERSION], attempts=[done], verdict=Verdict("current", "v")
    )
    assert found.verdict == (
        f"published and current: version 2 of 2024-05-15 10:00:00 UTC, load {RUN_ID}-t, asked for by sensor"
    )
    assert found.todo == "nothing"


def test_a_stale_date_says_which_version_of_which_parent_is_newer() -> None:
    parent = ParentDate("p", D15, "same", "sources.p", DateStatus("published"), 4, 3, TEN)
    found = told(
        status=DateStatus("stale", "p is newer"), versions=[VERSION], parents=[parent], dagster=DAGSTER
    )
    assert "p 2024-05-15 is version 4, version 3 was read" in found.verdict
    assert "the sensor has not requested it yet" in found.verdict


def test_what_is_stale_by_its_sql_is_loaded_by_nobody_unless_asked() -> None:
    found = told(
        status=DateStatus("stale", "its table.yaml or SQL changed"),
        versions=[VERSION],
        verdict=Verdict("current", "version 2"),
    )
    assert found.state == "stale"
    assert "`fdm backfill t --stale`" in found.todo


@pytest.mark.parametrize(
    ("sensor", "words"),
    [
        (replace(SENSOR, is_running=False), "process_control_e_s is stopped"),
        (replace(SENSOR, is_running=None), "Dagster has never evaluated process_control_e_s"),
        (
            replace(SENSOR, last_tick="FAILURE", words="no such table"),
            "the last tick of process_control_e_s failed at 2024-05-15 10:00:00 UTC: no such table",
        ),
    ],
)
def test_a_sensor_that_does_not_work_is_the_reason(sensor: SensorFacts, words: str) -> None:
    found = told(dagster=replace(DAGSTER, sensor=sensor))
    assert found.state == "missing"
    assert found.verdict.startswith(f"never published; not requested: {words}")
    requested = told(dagster=replace(DAGSTER, sensor=sensor), requests=[REQUEST])
    assert requested.state == "requested"
    assert words in requested.verdict


def test_a_daemon_that_is_away_is_the_reason() -> None:
    found = told(dagster=replace(DAGSTER, is_daemon_alive=False))
    assert "the daemon that evaluates process_control_e_s is not there" in found.verdict
    assert "fdm ui start" in found.todo


def test_a_sensor_that_has_not_looked_yet_is_told() -> None:
    early = replace(SENSOR, last_tick_at=NINE - timedelta(seconds=20))
    found = told(dagster=replace(DAGSTER, sensor=early))
    assert "looked last at 2024-05-15 08:59:40 UTC, before the control row changed" in found.verdict
    assert "looked last at 2024-05-15 10:00:00 UTC: nothing to load" in told(dagster=DAGSTER).verdict


def test_a_request_of_an_older_version_of_the_row_is_none() -> None:
    older = replace(REQUEST, control_version="older/")
    assert told(requests=[older], dagster=DAGSTER).state == "missing"
    found = told(requests=[older, REQUEST], dagster=DAGSTER)
    assert found.verdict == (
        "never published; requested at 2024-05-15 09:00:00 UTC as t 2024-05-15 key, and not attempted since"
    )


@pytest.mark.parametrize("state", ["future", "history", "gone", "broken"])
def test_dates_that_nobody_loads_say_so(state: str) -> None:
    found = told(status=DateStatus(state, "because"), verdict=Verdict("stopped", ""))  # type: ignore[arg-type]
    assert found.state == state
    assert found.todo
