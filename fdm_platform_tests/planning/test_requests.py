"""What a sensor requests of the control rows that it found."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.model.control import ProcessControlRow
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.request import DateRequest
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.requests import Decision, Source, decide, repeated, settled

NOW = datetime(2024, 5, 20, 12, tzinfo=UTC)
DAYS = [date(2024, 5, 1) + timedelta(n) for n in range(20)]


def table(name: str, dates_per_run: int = 30) -> TableSpec:
    return TableSpec("E", "S", name, "table.yaml", (), (), dates_per_run=dates_per_run)


def row(day: date, version: int = 1, **changes: Any) -> ProcessControlRow:
    at = datetime(2024, 5, 1, tzinfo=UTC) + timedelta(hours=version)
    return replace(ProcessControlRow("E", "S", day, last_update_ts=at), **changes)


def source(*tables: TableSpec, **changes: Any) -> Source:
    made = Source("e_s", tables or (table("t"),), DAYS, date(2024, 5, 20))
    return replace(made, **changes)


def nothing(_table: str, _dates: Collection[date]) -> Mapping[date, str]:
    return {}


def request(
    of: Source,
    rows: Sequence[ProcessControlRow],
    requested: Sequence[DateRequest] = (),
    most_runs: int = 50,
) -> Decision:
    return decide(of, rows, requested, nothing, now=NOW, most_runs=most_runs)


def spans(decision: Decision) -> list[tuple[str, int, int]]:
    return [(run.table_name, run.dates[0].day, run.dates[-1].day) for run in decision.runs]


def test_neighbours_are_one_run_and_a_gap_makes_two_newest_first() -> None:
    decision = request(source(), [row(DAYS[n]) for n in (5, 3, 4, 8)])
    assert spans(decision) == [("e_s_t", 9, 9), ("e_s_t", 4, 6)]
    assert [(r.biz_dt.day, r.run_key) for r in decision.requests] == [
        (9, decision.runs[0].run_key),
        *((day, decision.runs[1].run_key) for day in (4, 5, 6)),
    ]


def test_neighbours_are_those_of_the_partition_set_not_of_the_week() -> None:
    friday, monday = date(2024, 5, 3), date(2024, 5, 6)
    decision = request(source(dates=[friday, monday]), [row(friday), row(monday)])
    assert spans(decision) == [("e_s_t", 3, 6)]


def test_a_run_has_at_most_the_tables_own_number_of_dates() -> None:
    decision = request(source(table("t", 4)), [row(d) for d in DAYS[:10]])
    assert sorted(spans(decision)) == [("e_s_t", 1, 4), ("e_s_t", 5, 8), ("e_s_t", 9, 10)]


def test_each_table_of_the_source_is_requested() -> None:
    decision = request(source(table("a"), table("b")), [row(DAYS[0])])
    assert sorted(run.table_name for run in decision.runs) == ["e_s_a", "e_s_b"]


def test_what_is_held_past_or_to_come_is_held_back_with_its_reason() -> None:
    rows = [
        row(DAYS[0]),
        row(DAYS[9], run_indicator="N"),
        row(DAYS[10], run_indicator=None),
        row(date(2030, 1, 1)),
    ]
    decision = request(source(start=DAYS[5]), rows)
    assert spans(decision) == [("e_s_t", 11, 11)]
    assert {h.reason: h.dates for h in decision.held} == {
        "before 2024-05-06, the start of the calendar": (DAYS[0],),
        "run_indicator is N": (DAYS[9],),
        "the date has not come": (date(2030, 1, 1),),
    }
    assert decision.later == (date(2030, 1, 1),)
    assert decision.again == ()


def test_beyond_the_cap_is_for_the_next_tick_and_the_newest_come_first() -> None:
    of = source(table("a", 1), table("b", 1))
    decision = request(of, [row(d) for d in DAYS[:3]], most_runs=3)
    assert [run.dates[0] for run in decision.runs] == [DAYS[2], DAYS[2], DAYS[1]]
    assert decision.again == (DAYS[0], DAYS[1])
    assert decision.held[0].reason == "beyond the 3 runs of one tick: at the next one"
    rest = request(of, [row(d) for d in decision.again], decision.requests, most_runs=3)
    assert [run.dates[0] for run in rest.runs] == [DAYS[1], DAYS[0], DAYS[0]]
    assert rest.again == ()


def test_a_version_is_requested_once_and_a_new_version_again() -> None:
    first = request(source(), [row(DAYS[0])])
    assert request(source(), [row(DAYS[0])], first.requests).runs == ()
    changed = request(source(), [row(DAYS[0], 2)], first.requests)
    reprocessed = request(source(), [row(DAYS[0], reprocess_dt=DAYS[9])], first.requests)
    keys = {d.runs[0].run_key for d in (first, changed, reprocessed)}
    assert len(keys) == 3


def test_a_version_that_somebody_has_loaded_already_is_not_requested() -> None:
    rows = [row(DAYS[n]) for n in range(3)]
    published = {DAYS[0]: rows[0].version, DAYS[1]: "an older one"}
    decision = decide(source(), rows, [], lambda _t, _d: published, now=NOW, most_runs=50)
    assert spans(decision) == [("e_s_t", 2, 3)]


def test_what_may_have_been_lost_is_repeated_as_it_was() -> None:
    decision = request(source(table("a", 2), table("b")), [row(d) for d in DAYS[:4]])
    again = repeated(decision.requests)
    assert sorted(again, key=str) == sorted(decision.runs, key=str)


@given(
    st.lists(st.tuples(st.integers(0, 19), st.integers(1, 3)), max_size=40),
    st.integers(1, 5),
    st.integers(1, 4),
)
def test_however_ticks_cut_it_every_version_is_requested_once(
    changes: list[tuple[int, int]], most_runs: int, dates_per_run: int
) -> None:
    """Rows change between ticks; a later version may come before an earlier one was requested."""
    of = source(table("a", dates_per_run), table("b", dates_per_run))
    remembered: list[DateRequest] = []
    now: dict[date, ProcessControlRow] = {}
    again: set[date] = set()
    seen: set[tuple[date, str]] = set()

    def tick(dates: set[date]) -> set[date]:
        rows = [now[d] for d in dates]
        seen.update((r.biz_dt, r.version) for r in rows)
        decision = decide(of, rows, remembered, nothing, now=NOW, most_runs=most_runs)
        remembered.extend(decision.requests)
        assert [r.biz_dt for r in decision.requests] == [d for run in decision.runs for d in run.dates]
        assert all(len(run.dates) <= dates_per_run for run in decision.runs)
        return set(decision.again)

    for day, version in changes:
        now[DAYS[day]] = row(DAYS[day], version)
        again = tick(again | {DAYS[day]})
    while again:
        again = tick(again)
    made = [(r.table_name, r.biz_dt, r.control_version) for r in remembered]
    assert len(made) == len(set(made))
    newest = {(t, d, r.version) for d, r in now.items() for t in ("e_s_a", "e_s_b")}
    assert newest <= set(made)


def test_the_ledger_is_asked_once_for_each_table() -> None:
    asked: list[tuple[str, int]] = []

    def published(table: str, dates: Collection[date]) -> Mapping[date, str]:
        asked.append((table, len(dates)))
        return {}

    of = source(table("a", 1), table("b", 2))
    decision = decide(of, [row(d) for d in DAYS], [], published, now=NOW, most_runs=50)
    assert len(decision.runs) == 30
    assert sorted(asked) == [("e_s_a", 20), ("e_s_b", 20)]


def test_requests_are_settled_when_their_dates_are_published_so_or_changed_and_with_their_whole_run() -> None:
    rows = [row(d) for d in DAYS[:6]]
    of = source(table("a", 1), table("b", 2))
    requests = request(of, rows).requests
    current = {r.biz_dt: {r.version} for r in rows[1:]} | {DAYS[1]: {"newer"}}
    done = {DAYS[2]: rows[2].version, DAYS[3]: "an older one", DAYS[4]: rows[4].version}

    def days_of(dates: Sequence[date]) -> list[tuple[str, int]]:
        found = settled(requests, current, dates, lambda _t, _d: done)
        return sorted((r.table_name, r.biz_dt.day) for r in found)

    # b's runs are of the 1st and 2nd, 3rd and 4th, 5th and 6th.
    assert days_of(DAYS) == [("e_s_a", 2), ("e_s_a", 3), ("e_s_a", 5)]
    without_the_first = [("e_s_a", 1), ("e_s_a", 2), ("e_s_a", 3), ("e_s_a", 5), ("e_s_b", 1), ("e_s_b", 2)]
    assert days_of(DAYS[1:]) == without_the_first


def test_a_parked_date_is_requested_when_its_row_changes_however_often_one_looks() -> None:
    of = source(table("t"), table("u"))
    letter = DeadLetter("e_s_t", DAYS[0], "load", row(DAYS[0]).version, 3, "data", "{}", NOW)
    parked = {"e_s_t": {DAYS[0]: letter}}

    def look(*rows: ProcessControlRow) -> Decision:
        return decide(of, rows, [], nothing, now=NOW, most_runs=50, parked=lambda name: parked.get(name, {}))

    for _ in range(100):
        found = look(row(DAYS[0]), row(DAYS[1]))
        assert {(r.table_name, r.dates) for r in found.runs} == {
            ("e_s_t", (DAYS[1],)),
            ("e_s_u", (DAYS[0], DAYS[1])),
        }
        (held,) = found.held
        assert (held.reason, held.dates) == ("e_s_t is parked, see `fdm dead-letters`", (DAYS[0],))
        assert found.again == ()
    changed = look(row(DAYS[0], version=2))
    assert {(r.table_name, r.dates) for r in changed.runs} == {
        ("e_s_t", (DAYS[0],)),
        ("e_s_u", (DAYS[0],)),
    }


def test_dates_of_a_table_that_waits_are_looked_at_again_and_others_are_requested() -> None:
    of = source(table("t"), table("u"))
    why = {"e_s_t": "the breaker of source e_s is open"}

    def look(*rows: ProcessControlRow) -> Decision:
        return decide(of, rows, [], nothing, now=NOW, most_runs=50, waiting=lambda name: why.get(name, ""))

    found = look(row(DAYS[0]), row(DAYS[1]))
    assert [(r.table_name, r.dates) for r in found.runs] == [("e_s_u", (DAYS[0], DAYS[1]))]
    assert [(h.reason, h.dates) for h in found.held] == [(why["e_s_t"], (DAYS[0], DAYS[1]))]
    assert found.again == (DAYS[0], DAYS[1])
    assert {r.table_name for r in found.requests} == {"e_s_u"}
    why.clear()
    assert len(look(row(DAYS[0]), row(DAYS[1])).runs) == 2
