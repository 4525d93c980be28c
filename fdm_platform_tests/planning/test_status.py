"""The state of each business date of a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.model.attempt import Attempt
from fdm_platform.model.calendar import AbsentDate, Calendar
from fdm_platform.model.control import ProcessControlRow, Published
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.dependency import SAME, Dependency, ParentDates, ParentState
from fdm_platform.planning.due import Verdicts
from fdm_platform.planning.status import (
    STATES,
    Basis,
    DateStatus,
    Expectations,
    State,
    TableStatus,
    table_status,
)

D13, D14, D15 = (date(2024, 5, d) for d in (13, 14, 15))
NINE = datetime(2024, 5, 15, 9, tzinfo=UTC)
ROW = ProcessControlRow("E", "S", D15, last_update_ts=NINE)
PUBLISHED = Published(D15, 1, "load-1", ROW.version, "code", "settings", {"p": {"2024-05-15": 3}}, NINE)
BASIS = Basis("code", "settings")
STARTED = Attempt(D15, "load-2", "Started", NINE + timedelta(hours=1), control_version=ROW.version)
FAILED = replace(STARTED, status="Failed: no such column", end_time=NINE + timedelta(hours=2))


def states(
    row: ProcessControlRow | None = ROW,
    published: Published | None = None,
    attempt: Attempt | None = None,
    basis: Basis = BASIS,
    expectations: Expectations | None = None,
) -> TableStatus:
    return table_status(
        "t",
        rows=[row] if row else [],
        published={D15: published} if published else {},
        attempts={D15: attempt} if attempt else {},
        basis=basis,
        expectations=expectations,
    )


def state(**given_: object) -> tuple[State, str]:
    found = states(**given_).dates[D15]  # type: ignore[arg-type]
    return found.state, found.reason


def test_a_date_with_a_row_is_missing_until_it_is_published() -> None:
    assert state() == ("missing", "never published")
    assert state(published=PUBLISHED) == ("published", "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"control_version": "older/"}, "its control row changed"),
        ({"code_version": "older"}, "its table.yaml or SQL changed"),
        ({"settings_version": "older"}, "its parameters changed"),
        (
            {"code_version": "older", "control_version": "older/"},
            "its control row changed; its table.yaml or SQL changed",
        ),
    ],
)
def test_a_date_is_stale_when_it_was_made_from_something_else(change: Mapping[str, str], reason: str) -> None:
    assert state(published=replace(PUBLISHED, **change)) == ("stale", reason)  # type: ignore[arg-type]


def test_what_an_older_platform_did_not_note_makes_nothing_stale() -> None:
    before = replace(PUBLISHED, code_version="", settings_version="")
    assert state(published=before)[0] == "published"
    assert state(published=PUBLISHED, basis=Basis())[0] == "published"


@pytest.mark.parametrize(
    ("dates", "versions", "is_stale"),
    [
        (SAME, {D15: 3}, False),
        (SAME, {D15: 4}, True),
        (SAME, {D14: 9}, False),
        (ParentDates("previous"), {D14: 1}, True),
        (ParentDates("latest"), {D13: 1, D15: 3}, False),
        (ParentDates("window", 2), {D13: 9, D15: 3}, False),
        (ParentDates("window", 2), {D14: 1, D15: 3}, True),
    ],
)
def test_a_parent_that_is_newer_makes_stale_what_reads_it(
    dates: ParentDates, versions: dict[date, int], is_stale: bool
) -> None:
    parents = {Dependency("t", "p", dates, "x", is_read=True): ParentState(versions, [D13, D14, D15])}
    found = state(published=PUBLISHED, basis=replace(BASIS, parents=parents))
    assert found == (("stale", "p is newer") if is_stale else ("published", ""))


def test_a_failure_counts_until_something_is_published_after_it() -> None:
    assert state(attempt=FAILED) == ("failed", "no such column")
    assert state(attempt=FAILED, published=PUBLISHED) == ("failed", "no such column")
    later = replace(PUBLISHED, published_at=NINE + timedelta(hours=3))
    assert state(attempt=FAILED, published=later)[0] == "published"
    assert state(attempt=replace(FAILED, status="Completed"), published=PUBLISHED)[0] == "published"


def test_an_attempt_without_an_end_runs_until_its_version_is_there() -> None:
    assert state(attempt=STARTED) == ("running", "since 2024-05-15 10:00:00, load load-2")
    assert state(attempt=STARTED, published=PUBLISHED)[0] == "running"
    assert state(attempt=STARTED, published=replace(PUBLISHED, load_id="load-2"))[0] == "published"
    assert state(attempt=STARTED, row=None)[0] == "running"


def test_what_is_held_is_not_failed_and_not_missing() -> None:
    held = replace(ROW, run_indicator=" n")
    assert state(row=held) == ("held", "run_indicator is N")
    assert state(row=held, attempt=FAILED) == ("held", "run_indicator is N; failed before: no such column")
    assert state(row=held, published=PUBLISHED)[0] == "published"
    before = replace(PUBLISHED, control_version="older/")
    assert state(row=held, published=before) == ("held", "run_indicator is N; stale: its control row changed")


def test_dates_beyond_today_and_before_the_start_are_not_missing() -> None:
    assert state(expectations=Expectations(today=D14))[0] == "future"
    assert state(expectations=Expectations(today=D15))[0] == "missing"
    assert state(expectations=Expectations(start=date(2024, 5, 16)))[0] == "history"
    assert state(expectations=Expectations(start=D15))[0] == "missing"
    assert state(expectations=Expectations(start=date(2024, 5, 16)), published=PUBLISHED)[0] == "published"


def test_a_row_that_is_gone_is_told_when_its_date_was_loaded() -> None:
    assert state(row=None, published=PUBLISHED) == (
        "gone",
        "it is published, and process_control has no row any more",
    )
    assert state(row=None, attempt=FAILED)[0] == "gone"
    in_vain = replace(FAILED, control_version=None)
    assert states(row=None, attempt=in_vain).dates == {}, "there never was a row"


def test_without_control_rows_the_ledger_and_the_calendar_tell() -> None:
    calendar = Expectations(has_control_rows=False)
    assert state(row=None, published=PUBLISHED, expectations=calendar)[0] == "published"
    older = replace(PUBLISHED, code_version="older")
    assert state(row=None, published=older, expectations=calendar)[0] == "stale"
    assert state(row=None, attempt=FAILED, expectations=calendar)[0] == "failed"


@pytest.mark.parametrize(("is_overdue", "expected"), [(True, "overdue"), (False, "expected")])
def test_a_date_that_the_calendar_expects_is_told(is_overdue: bool, expected: str) -> None:
    absent = AbsentDate(D15, NINE, is_overdue)
    calendar = Expectations(absent=[absent], next=absent)
    found = states(row=None, expectations=calendar)
    assert found.dates[D15].state == expected
    assert found.is_alarming == is_overdue
    assert found.next_expected == absent
    assert states(row=None, attempt=STARTED, expectations=calendar).dates[D15].state == "running"


def test_the_last_date_published_and_the_counts() -> None:
    rows = [replace(ROW, biz_dt=d) for d in (D13, D14, D15)]
    published = {d: replace(PUBLISHED, biz_dt=d) for d in (D14, D13)}
    found = table_status("t", rows=rows, published=published, attempts={}, basis=BASIS)
    assert found.last_published == D14
    assert dict(found.counts) == {"published": 2, "missing": 1}
    assert not found.is_alarming
    assert found.in_states(["missing", "published"]) == {
        DateStatus("published"): [D13, D14],
        DateStatus("missing", "never published"): [D15],
    }


def test_a_table_of_which_nothing_is_known_has_no_dates() -> None:
    found = table_status("t", rows=[], published={}, attempts={})
    assert (found.last_published, dict(found.dates), dict(found.counts)) == (None, {}, {})


@pytest.mark.parametrize(
    ("known", "absent", "following"),
    [
        ({D13}, {D14: True, D15: False}, D15),
        ({D13, D15}, {D14: True}, date(2024, 5, 16)),
        ({D13, D14, D15, date(2024, 5, 16), date(2024, 5, 17)}, {}, date(2024, 5, 20)),
    ],
)
def test_a_declared_calendar_expects_its_dates(
    known: set[date], absent: dict[date, bool], following: date
) -> None:
    found = Expectations.by(Calendar(file="calendar.yaml"), known, NINE)
    assert {a.biz_dt: a.is_overdue for a in found.absent} == absent
    assert found.next
    assert found.next.biz_dt == following


def test_the_default_calendar_expects_nothing() -> None:
    assert Expectations.by(Calendar(), {D13}, NINE) == Expectations(D15, date(1970, 1, 1))


def test_the_calendars_zone_says_what_day_it_is() -> None:
    late = datetime(2024, 5, 15, 23, tzinfo=UTC)
    assert Expectations.by(Calendar(timezone="Europe/Zurich"), (), late).today == date(2024, 5, 16)


DAYS = st.dates(date(2024, 1, 1), date(2024, 1, 20))
TIMES = st.datetimes(datetime(2024, 2, 1), datetime(2024, 2, 3), timezones=st.just(UTC))  # noqa: DTZ001
ATTEMPTS = st.builds(
    Attempt, DAYS, st.just("a"), st.sampled_from(["Started", "Completed", "Failed: x"]), TIMES
)
VERSIONS = st.builds(
    Published,
    DAYS,
    st.integers(1, 3),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["/", "older"]),
    st.sampled_from(["", "code", "older"]),
    st.just("settings"),
    st.just({}),
    TIMES,
)
ROWS = st.builds(ProcessControlRow, st.just("E"), st.just("S"), DAYS, run_indicator=st.sampled_from("YN"))


@given(
    rows=st.lists(ROWS, unique_by=lambda r: r.biz_dt),
    published=st.lists(VERSIONS),
    attempts=st.lists(ATTEMPTS),
    absent=st.lists(DAYS, unique=True),
    today=DAYS,
    start=DAYS,
)
def test_every_date_has_one_state(
    *,
    rows: list[ProcessControlRow],
    published: list[Published],
    attempts: list[Attempt],
    absent: list[date],
    today: date,
    start: date,
) -> None:
    expected = [AbsentDate(d, NINE, d < today) for d in absent]
    found = table_status(
        "t",
        rows=rows,
        published={p.biz_dt: p for p in published},
        attempts={a.biz_dt: a for a in attempts},
        basis=BASIS,
        expectations=Expectations(today, start, expected),
    )
    loaded = {p.biz_dt for p in published}
    assert {r.biz_dt for r in rows} | loaded | set(absent) <= set(found.dates)
    assert list(found.dates) == sorted(found.dates)
    assert sum(found.counts.values()) == len(found.dates)
    for d, status in found.dates.items():
        assert status.state in STATES
        assert (status.state in ("published", "stale")) <= (d in loaded)
        assert (status.state in ("missing", "future", "history")) <= (d not in loaded)
        assert bool(status.reason) == (status.state != "published")


RULES = st.sampled_from([SAME, ParentDates("previous"), ParentDates("latest"), ParentDates("window", 2)])
THREE = st.sampled_from([D13, D14, D15])


@given(
    rule=RULES,
    rows=st.dictionaries(THREE, st.sampled_from(["Y", "N"]), min_size=1),
    parent=st.dictionaries(THREE, st.integers(1, 3)),
    child=st.dictionaries(THREE, st.dictionaries(THREE, st.integers(1, 3))),
    older=st.sets(THREE),
)
def test_status_and_automation_agree(
    *,
    rule: ParentDates,
    rows: dict[date, str],
    parent: dict[date, int],
    child: dict[date, dict[date, int]],
    older: set[date],
) -> None:
    """What the automation calls current is published, and what it loads or lets wait is not, or is about to change."""
    control = {d: replace(ROW, biz_dt=d, run_indicator=indicator) for d, indicator in rows.items()}
    link = Dependency("t", "p", rule, "test", is_read=True)
    versions = {
        d: replace(
            PUBLISHED,
            biz_dt=d,
            control_version="older/" if d in older else ROW.version,
            parents={"p": {day.isoformat(): v for day, v in read.items()}},
        )
        for d, read in child.items()
    }
    of_parent = ParentState(parent, sorted(control))
    facts = _Facts(control, versions, parent, link)
    verdicts = Verdicts(facts).of("t", list(control))
    basis = replace(BASIS, parents={link: of_parent})
    found = table_status("t", rows=control.values(), published=versions, attempts={}, basis=basis)
    for d, verdict in verdicts.items():
        state_ = found.dates[d].state
        if verdict.state == "current":
            assert state_ == "published"
        elif verdict.state == "due":
            assert state_ == ("stale" if d in versions else "missing")
        elif verdict.state == "stopped":
            assert state_ in ("held", "published")


@dataclass
class _Facts:
    """Two tables of one source system: `t` reads `p`, whose dates are all made from their control rows."""

    control: dict[date, ProcessControlRow]
    child: dict[date, Published]
    parents: dict[date, int]
    link: Dependency

    def start(self, _table: str) -> date:
        return date.min

    def today(self, _table: str) -> date:
        return date(2024, 6, 1)

    def dependencies(self, table: str) -> list[Dependency]:
        return [self.link] if table == "t" else []

    def rows(self, _table: str, dates: Collection[date]) -> dict[date, ProcessControlRow]:
        return {d: self.control[d] for d in dates if d in self.control}

    def published(self, table: str, dates: Collection[date]) -> dict[date, Published]:
        of_parent = {d: replace(PUBLISHED, biz_dt=d, version=v, parents={}) for d, v in self.parents.items()}
        return {d: p for d, p in (self.child if table == "t" else of_parent).items() if d in dates}

    def parked(self, _table: str) -> dict[date, DeadLetter]:
        return {}

    def waiting(self, _table: str) -> str:
        return ""

    def parent(self, _dependency: Dependency, _dates: Collection[date]) -> ParentState:
        return ParentState(self.parents, sorted(self.control))
