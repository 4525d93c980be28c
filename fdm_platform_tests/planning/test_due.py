"""Whether a table's date is to be loaded, by its control row, its ledger and its parents."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest

from fdm_platform.model.control import ProcessControlRow, Published
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.dependency import SAME, Dependency, ParentDates, ParentState
from fdm_platform.planning.due import Verdicts

D13, D14, D15 = (date(2024, 5, d) for d in (13, 14, 15))
NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)


@dataclass
class Tables:
    """Facts about tables of one source system."""

    rows_: dict[date, ProcessControlRow] = field(default_factory=dict)
    ledger: dict[tuple[str, date], Published] = field(default_factory=dict)
    links: list[Dependency] = field(default_factory=list)
    letters: dict[tuple[str, date], DeadLetter] = field(default_factory=dict)
    breaker: str = ""
    without_rows: set[str] = field(default_factory=set)
    reads: int = 0
    looks: int = 0

    def row(self, day: date, **changes: object) -> None:
        at = datetime(2024, 5, day.day, tzinfo=UTC)
        values = {"entity": "E", "source_system": "S", "biz_dt": day, "last_update_ts": at, **changes}
        self.rows_[day] = ProcessControlRow(**values)  # type: ignore[arg-type]

    def publish(self, table: str, day: date, version: int = 1, **parents: int) -> None:
        """As made from the date's row as it is now, and of these versions of parents on the same date."""
        read = {name: {day.isoformat(): v} for name, v in parents.items()}
        row = self.rows_[day]
        self.ledger[table, day] = Published(
            day, version, f"load-{version}", row.version, "c", "s", read, NOON
        )

    def depend(self, child: str, parent: str, dates: ParentDates = SAME, *, is_read: bool = True) -> None:
        self.links.append(Dependency(child, parent, dates, "test", is_read=is_read))

    def today(self, _table: str) -> date:
        return date(2024, 6, 1)

    def start(self, _table: str) -> date:
        return date(2024, 5, 1)

    def dependencies(self, table: str) -> Sequence[Dependency]:
        return [link for link in self.links if link.child == table]

    def rows(self, table: str, dates: Collection[date]) -> Mapping[date, ProcessControlRow]:
        self.reads += 1
        return {d: self.rows_[d] for d in dates if d in self.rows_ and table not in self.without_rows}

    def published(self, table: str, dates: Collection[date]) -> Mapping[date, Published]:
        return {d: self.ledger[table, d] for d in dates if (table, d) in self.ledger}

    def parked(self, table: str) -> Mapping[date, DeadLetter]:
        return {d: letter for (t, d), letter in self.letters.items() if t == table}

    def waiting(self, _table: str) -> str:
        return self.breaker

    def parent(self, dependency: Dependency, _dates: Collection[date]) -> ParentState:
        self.looks += 1
        of = {d: p.version for (t, d), p in self.ledger.items() if t == dependency.parent}
        return ParentState(of, sorted(self.rows_))


@pytest.fixture
def tables() -> Tables:
    made = Tables()
    for day in (D13, D14, D15):
        made.row(day)
    return made


def verdict(tables: Tables, table: str, day: date = D15) -> tuple[str, str]:
    found = Verdicts(tables).of(table, [day])[day]
    return found.state, found.reason


def test_a_date_that_was_never_published_is_due(tables: Tables) -> None:
    assert verdict(tables, "a") == ("due", "not published yet")


def test_a_date_is_current_until_its_control_row_changes(tables: Tables) -> None:
    tables.publish("a", D15, 3)
    assert verdict(tables, "a") == ("current", "version 3")
    tables.row(D15, reprocess_dt=date(2024, 5, 20))
    assert verdict(tables, "a") == ("due", "its control row changed after it was published")


def test_no_row_a_held_row_and_a_date_to_come_are_not_loaded(tables: Tables) -> None:
    tables.row(D15, run_indicator="n")
    tables.row(date(2024, 6, 2))
    assert verdict(tables, "a") == ("stopped", "held: run_indicator is N")
    assert verdict(tables, "a", date(2024, 6, 2)) == ("stopped", "the date has not come")
    assert verdict(tables, "a", date(2024, 5, 18)) == (
        "absent",
        "process_control has no row that can be used",
    )


def test_a_child_waits_for_a_parent_that_is_due_and_then_is_due_itself(tables: Tables) -> None:
    tables.depend("b", "a")
    assert verdict(tables, "b") == ("waiting", "a 2024-05-15 comes first: not published yet")
    tables.publish("a", D15)
    assert verdict(tables, "b") == ("due", "not published yet")
    tables.publish("b", D15, a=1)
    assert verdict(tables, "b")[0] == "current"


def test_a_newer_parent_makes_its_child_due_for_that_date_alone(tables: Tables) -> None:
    tables.depend("b", "a")
    for day in (D14, D15):
        tables.publish("a", day)
        tables.publish("b", day, a=1)
    tables.publish("a", D14, 2)
    assert verdict(tables, "b", D14) == ("due", "a 2024-05-14 is version 2, version 1 was read")
    assert verdict(tables, "b", D15)[0] == "current"


def test_of_a_diamond_the_lowest_waits_for_both_sides(tables: Tables) -> None:
    for child, parent in (("left", "top"), ("right", "top"), ("low", "left"), ("low", "right")):
        tables.depend(child, parent)
    tables.publish("top", D15)
    tables.publish("left", D15, top=1)
    tables.publish("right", D15, top=1)
    tables.publish("low", D15, left=1, right=1)
    tables.publish("top", D15, 2)
    tables.publish("left", D15, 2, top=2)
    state, reason = verdict(tables, "low")
    assert state == "waiting"
    assert reason.startswith("right 2024-05-15 comes first: top 2024-05-15 is version 2")
    tables.publish("right", D15, 2, top=2)
    assert verdict(tables, "low")[0] == "due"


def test_a_long_line_of_parents_holds_back_its_end(tables: Tables) -> None:
    for n in range(9):
        tables.depend(f"t{n + 1}", f"t{n}")
    assert verdict(tables, "t9")[0] == "waiting"
    for n in range(9):
        tables.publish(f"t{n}", D15, **({f"t{n - 1}": 1} if n else {}))
    assert verdict(tables, "t9")[0] == "due"


def test_a_parent_that_is_held_and_unpublished_is_waited_for(tables: Tables) -> None:
    tables.depend("b", "a", ParentDates("previous"))
    tables.row(D14, run_indicator="N")
    assert verdict(tables, "b") == (
        "waiting",
        "a 2024-05-14 is not published: held: run_indicator is N",
    )


def test_a_held_parent_that_is_published_is_read_as_it_is(tables: Tables) -> None:
    tables.depend("b", "a", ParentDates("previous"))
    tables.publish("a", D14)
    tables.row(D14, run_indicator="N")
    assert verdict(tables, "b")[0] == "due"


def test_a_window_is_due_when_any_of_its_dates_is_newer(tables: Tables) -> None:
    tables.depend("b", "a", ParentDates("window", 3))
    for day in (D13, D14, D15):
        tables.publish("a", day)
    tables.publish("b", D15, a=1)
    state, reason = verdict(tables, "b")
    assert (state, reason) == ("due", "a 2024-05-13 was not read yet")


def test_the_first_dates_of_all_wait_for_what_was_never_there(tables: Tables) -> None:
    tables.depend("b", "a", ParentDates("previous"))
    tables.depend("c", "a", ParentDates("window", 2))
    tables.publish("a", D13)
    assert verdict(tables, "b", D13) == ("waiting", "a has 0 of the dates that are read (previous)")
    assert verdict(tables, "c", D13) == ("waiting", "a has 1 of the dates that are read (window of 2)")
    tables.links = [replace(link, may_be_empty=True) for link in tables.links]
    assert [verdict(tables, t, D13)[0] for t in ("b", "c")] == ["due", "due"]


def test_a_parent_that_is_only_waited_for_may_lack_the_date(tables: Tables) -> None:
    tables.depend("b", "elsewhere", is_read=False)
    tables.without_rows.add("elsewhere")
    assert verdict(tables, "b")[0] == "due"


def test_many_dates_cost_as_many_reads_as_one(tables: Tables) -> None:
    tables.depend("b", "a")
    Verdicts(tables).of("b", [D13, D14, D15])
    assert tables.reads == 2


def test_of_latest_a_newer_date_that_is_due_comes_first(tables: Tables) -> None:
    tables.depend("b", "a", ParentDates("latest"))
    assert verdict(tables, "b", D13) == ("waiting", "a 2024-05-13 comes first: not published yet")
    tables.publish("a", D13)
    assert verdict(tables, "b", D13)[0] == "due"
    assert verdict(tables, "b", D14) == ("waiting", "a 2024-05-14 comes first: not published yet")
    tables.row(D14, run_indicator="N")
    tables.row(D15, run_indicator="N")
    assert verdict(tables, "b", D15) == ("stopped", "held: run_indicator is N")
    tables.row(D15)
    assert verdict(tables, "b", D15)[1].startswith("a 2024-05-15 comes first")


def test_of_latest_without_any_published_date_there_is_nothing_to_read(tables: Tables) -> None:
    tables.depend("b", "a", ParentDates("latest"))
    for day in (D13, D14):
        tables.row(day, run_indicator="N")
    tables.without_rows.add("a")
    assert verdict(tables, "b") == ("waiting", "a has nothing published")


def test_a_parents_date_before_its_calendar_is_said_to_be_history(tables: Tables) -> None:
    april = date(2024, 4, 30)
    tables.row(april)
    assert verdict(tables, "a", april)[0] == "stopped"
    tables.depend("b", "a", ParentDates("window", 4))
    for day in (D13, D14, D15):
        tables.publish("a", day)
    state, reason = verdict(tables, "b")
    assert state == "waiting"
    assert reason == (
        "a 2024-04-30 is not published: before 2024-05-01, the start of the calendar: for `fdm backfill`"
    )


def test_a_hundred_children_of_a_parent_look_at_it_once(tables: Tables) -> None:
    verdicts = Verdicts(tables)
    for n in range(100):
        tables.depend(f"c{n}", "p")
        assert {v.state for v in verdicts.of(f"c{n}", [D13, D14]).values()} == {"waiting"}
    assert tables.looks == 1
    tables.depend("other", "p", ParentDates("latest"))
    tables.depend("more", "p")
    verdicts.of("other", [D14])
    verdicts.of("more", [D14, D15])
    assert tables.looks == 3


def test_children_that_read_a_parent_in_other_ways_have_verdicts_of_their_own(tables: Tables) -> None:
    tables.publish("p", D14)
    tables.depend("same", "p")
    tables.depend("previous", "p", ParentDates("previous"))
    verdicts = Verdicts(tables)
    assert verdicts.of("same", [D15])[D15].state == "waiting"
    assert verdicts.of("previous", [D15])[D15].state == "due"


def test_a_parked_date_is_stopped_and_its_child_waits_until_the_row_changes(tables: Tables) -> None:
    version = tables.rows_[D15].version
    error = '{"message": "no such column"}'
    tables.letters["a", D15] = DeadLetter("a", D15, "load-1", version, 2, "code", error, NOON)
    tables.depend("b", "a")
    assert verdict(tables, "a") == ("stopped", "parked after 2 attempts: no such column")
    assert verdict(tables, "a", D14)[0] == "due"
    assert verdict(tables, "b") == (
        "waiting",
        f"a {D15} is not published: parked after 2 attempts: no such column",
    )
    tables.row(D15, last_update_ts=NOON)
    assert verdict(tables, "a") == ("due", "not published yet")


def test_a_letter_of_a_date_that_was_published_since_is_of_no_account(tables: Tables) -> None:
    letter = DeadLetter("b", D15, "load-1", tables.rows_[D15].version, 1, "data", "{}", NOON)
    tables.letters["b", D15] = letter
    tables.depend("b", "a")
    tables.publish("a", D15, 2)
    tables.publish("b", D15, a=1)
    assert verdict(tables, "b")[0] == "due"
    tables.letters["b", D15] = replace(letter, parked_at=NOON.replace(hour=13))
    assert verdict(tables, "b")[0] == "stopped"


def test_what_is_due_waits_while_a_breaker_is_open_and_nothing_else_changes(tables: Tables) -> None:
    tables.publish("a", D14)
    tables.row(D13, run_indicator="N")
    tables.breaker = "the breaker of source s is open"
    assert verdict(tables, "a", D13)[0] == "stopped"
    assert verdict(tables, "a", D14)[0] == "current"
    assert verdict(tables, "a", D15) == ("waiting", "the breaker of source s is open")
