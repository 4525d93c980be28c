"""Which dates of a parent are read, the inverse, and what a plan makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.errors import SourceError
from fdm_platform.model.control import ProcessControlRow
from fdm_platform.model.dependency import SAME, Dependency, ParentDates, ParentState
from fdm_platform.model.plan import DatePlan, LoadPlan, SourceFile
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import ColumnSpec, SourceSpec, TableSpec
from fdm_platform.planning.dependencies import affected_dates, newer_parents, parent_dates
from fdm_platform.planning.planner import plan

PREVIOUS, LATEST = ParentDates("previous"), ParentDates("latest")
FRIDAY, SATURDAY, MONDAY, TUESDAY = (date(2024, 5, day) for day in (10, 11, 13, 14))
WEEK = [FRIDAY, MONDAY, TUESDAY]

EVERY_DAY = [date(2024, 1, 1) + timedelta(days=n) for n in range(40)]
SOME_DAYS = st.sets(st.sampled_from(EVERY_DAY)).map(sorted)
RULES = st.sampled_from([SAME, PREVIOUS, LATEST]) | st.integers(1, 8).map(lambda n: ParentDates("window", n))


def window(size: int) -> ParentDates:
    return ParentDates("window", size)


@pytest.mark.parametrize(
    ("rule", "biz_dt", "read"),
    [
        (SAME, SATURDAY, [SATURDAY]),
        (PREVIOUS, MONDAY, [FRIDAY]),
        (PREVIOUS, SATURDAY, [FRIDAY]),
        (PREVIOUS, FRIDAY, []),
        (LATEST, MONDAY, [FRIDAY]),
        (LATEST, FRIDAY, [FRIDAY]),
        (LATEST, date(2024, 5, 9), []),
        (window(2), TUESDAY, [MONDAY, TUESDAY]),
        (window(2), SATURDAY, [FRIDAY]),
        (window(9), TUESDAY, WEEK),
    ],
)
def test_the_dates_that_a_rule_reads(rule: ParentDates, biz_dt: date, read: list[date]) -> None:
    assert list(parent_dates(rule, biz_dt, WEEK, [FRIDAY, TUESDAY])) == read


@given(RULES, SOME_DAYS, SOME_DAYS, SOME_DAYS)
def test_a_date_is_affected_by_exactly_the_dates_that_it_reads(
    rule: ParentDates, children: list[date], known: list[date], published: list[date]
) -> None:
    for parent_date in published:
        reading = [c for c in children if parent_date in parent_dates(rule, c, known, published)]
        assert list(affected_dates(rule, parent_date, children, known, published)) == reading


@given(RULES, SOME_DAYS, SOME_DAYS, SOME_DAYS, st.sampled_from(EVERY_DAY))
def test_whose_input_changes_with_a_first_publication_is_affected(
    rule: ParentDates, children: list[date], known: list[date], published: list[date], new: date
) -> None:
    """Before the ledger is read again or after it: the answer is the same."""
    after = sorted({*published, new})
    affected = list(affected_dates(rule, new, children, known, [d for d in published if d != new]))
    assert affected == list(affected_dates(rule, new, children, known, after))
    assert affected == [c for c in children if new in parent_dates(rule, c, known, after)]


class Counted(Sequence[date]):
    """Dates that know how often one of them was looked at."""

    def __init__(self, dates: list[date]) -> None:
        self.dates, self.looks = dates, 0

    def __len__(self) -> int:
        return len(self.dates)

    def __getitem__(self, at: Any) -> Any:
        self.looks += 1
        return self.dates[at]


@pytest.mark.parametrize("rule", [SAME, PREVIOUS, LATEST, window(5)])
def test_of_25000_dates_a_few_are_looked_at(rule: ParentDates) -> None:
    dates = Counted([date(1960, 1, 1) + timedelta(days=n) for n in range(25_000)])
    for biz_dt in dates.dates[::1000]:
        dates.looks = 0
        parent_dates(rule, biz_dt, dates, dates)
        assert affected_dates(rule, biz_dt, dates, dates, dates)
        assert dates.looks < 120


def test_what_is_newer_than_what_was_read_is_told() -> None:
    read = {"t_a": {"2024-05-13": 1, "2024-05-14": 2}}
    assert newer_parents(read, read) == []
    assert newer_parents(read, {"t_a": {"2024-05-14": 3}}) == [
        "t_a 2024-05-14 is version 3, version 2 was read"
    ]
    assert newer_parents(read, {"t_b": {"2024-05-14": 1}}) == ["t_b 2024-05-14 was not read yet"]


SETTINGS = Settings.from_environ({"FDM_PROJECT": "/p", "FDM_LANDING_ROOT": "/land"})
PARENT = TableSpec("GELS", "FPMS", "t_up", "/p/up.yaml", (), (), columns=(ColumnSpec("id", "string"),))
CHILD = TableSpec("GELS", "FPMS", "t_down", "/p/down.yaml", (), (), job_name="etl_down")
UP = PARENT.name
ALL_PUBLISHED = ParentState({d: n for n, d in enumerate(WEEK, 1)}, WEEK)


def plan_of(
    *sources: SourceSpec,
    dates: Sequence[date] = (TUESDAY,),
    state: ParentState = ALL_PUBLISHED,
    waits_for: Sequence[Dependency] = (),
    empty: Sequence[str] = (),
) -> LoadPlan:
    def list_files(path: str) -> tuple[SourceFile, ...]:
        return () if path in empty else (SourceFile(f"{path}/part-0.orc", 1),)

    return plan(
        spec=replace(CHILD, sources=sources),
        catalog_tables={UP: PARENT},
        dates=dates,
        rows=[ProcessControlRow("GELS", "FPMS", d) for d in WEEK],
        job=None,
        sys_params=[],
        settings=SETTINGS,
        load_id="load-1",
        list_files=list_files,
        list_published=list_files,
        published={},
        waits_for=waits_for,
        parents={UP: state},
    )


def reading(rule: ParentDates, *, allow_empty: bool = False, view: str = "prev") -> SourceSpec:
    return SourceSpec(view, "orc", table=UP, biz_dt=rule, allow_empty=allow_empty)


def day_of(*sources: SourceSpec, **more: object) -> DatePlan:
    return plan_of(*sources, **more).dates[0]  # type: ignore[arg-type]


def files_of(day: DatePlan) -> list[str]:
    return [f.path.removeprefix(f"/land/{UP}/") for f in day.sources[0].files]


@pytest.mark.parametrize(
    ("rule", "folders", "versions"),
    [
        (SAME, ["20240514"], {"2024-05-14": 3}),
        (PREVIOUS, ["20240513"], {"2024-05-13": 2}),
        (LATEST, ["20240514"], {"2024-05-14": 3}),
        (window(2), ["20240513", "20240514"], {"2024-05-13": 2, "2024-05-14": 3}),
    ],
)
def test_a_plan_lists_the_dates_of_the_rule_and_remembers_their_versions(
    rule: ParentDates, folders: list[str], versions: Mapping[str, int]
) -> None:
    day = day_of(reading(rule))
    assert files_of(day) == [f"biz_dt={f}/part-0.orc" for f in folders]
    assert day.parents == {UP: versions}
    assert day.sources[0].base_path == f"/land/{UP}"
    assert LoadPlan.from_json(plan_of(reading(rule)).to_json()) == plan_of(reading(rule))


def test_several_dates_are_read_with_the_columns_of_all() -> None:
    """Spark takes those of one file otherwise, and says nothing."""
    assert day_of(reading(PREVIOUS)).sources[0].options == {}
    assert day_of(reading(window(2))).sources[0].options == {"mergeSchema": "true"}
    chosen = replace(reading(window(2)), options={"mergeschema": "false"})
    assert day_of(chosen).sources[0].options == {"mergeschema": "false"}


def test_two_sources_of_one_parent_are_remembered_together() -> None:
    day = day_of(reading(SAME, view="now"), reading(PREVIOUS))
    assert day.parents == {UP: {"2024-05-13": 2, "2024-05-14": 3}}


def test_a_date_whose_parent_is_not_published_names_it_and_the_command() -> None:
    with pytest.raises(SourceError) as caught:
        day_of(reading(PREVIOUS), state=ParentState({TUESDAY: 1}, WEEK))
    assert str(caught.value) == (
        f"/p/down.yaml: sources.prev: {UP} has no data of 2024-05-13, which prev reads for 2024-05-14 "
        "(biz_dt: previous): it is not published\n"
        f"  remedy: fdm materialize {UP} --biz-dt 2024-05-13"
    )


def test_one_unpublished_date_of_a_window_is_enough_to_fail() -> None:
    with pytest.raises(SourceError, match="no data of 2024-05-13") as caught:
        day_of(reading(window(3), allow_empty=True), state=ParentState({FRIDAY: 1, TUESDAY: 1}, WEEK))
    assert caught.value.remedy == f"fdm materialize {UP} --biz-dt 2024-05-13"


@pytest.mark.parametrize(
    ("rule", "message", "files"),
    [
        (
            PREVIOUS,
            "has no business date before 2024-05-10 in process_control, and prev reads for 2024-05-10",
            0,
        ),
        (window(2), "has 1 of 2 business dates up to 2024-05-10 in process_control", 1),
    ],
)
def test_the_very_beginning_needs_allow_empty(rule: ParentDates, message: str, files: int) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        day_of(reading(rule), dates=[FRIDAY])
    assert "allow_empty: true on sources.prev" in str(caught.value.remedy)
    source = day_of(reading(rule, allow_empty=True), dates=[FRIDAY]).sources[0]
    assert len(source.files) == files
    assert source.columns == (PARENT.columns if files == 0 else ())


def test_nothing_published_yet_is_no_latest_date() -> None:
    unpublished = ParentState({}, None)
    with pytest.raises(SourceError, match="no published date up to 2024-05-14") as caught:
        day_of(reading(LATEST), state=unpublished)
    assert caught.value.remedy == f"fdm materialize {UP} --biz-dt 2024-05-14"
    assert day_of(reading(LATEST, allow_empty=True), state=unpublished).parents == {}


def test_a_date_that_was_published_without_rows_is_not_called_unpublished() -> None:
    folder = f"/land/{UP}/biz_dt=20240514"
    with pytest.raises(SourceError, match="it is empty there") as caught:
        day_of(reading(SAME), empty=[folder])
    assert "allow_empty" in str(caught.value.remedy)
    assert day_of(reading(SAME, allow_empty=True), empty=[folder]).parents == {UP: {"2024-05-14": 3}}


def test_a_long_window_is_shown_by_its_ends() -> None:
    days = [FRIDAY + timedelta(days=n) for n in range(-20, 5)]
    state = ParentState(dict.fromkeys(days, 1), days)
    day = day_of(reading(window(25)), state=state)
    assert len(day.sources[0].files) == 25
    assert day.sources[0].path == f"/land/{UP}/biz_dt={{20240420,…,20240514}}"
    assert day_of(reading(window(2))).sources[0].path == f"/land/{UP}/biz_dt={{20240513,20240514}}"


ROW = Dependency(CHILD.name, UP, SAME, "job_dependency 7/etl_down", is_read=False)
FILE = SourceSpec("row1", "csv", path="/in/a.csv")


def test_what_is_only_waited_for_is_remembered_too() -> None:
    assert day_of(FILE, waits_for=[ROW]).parents == {UP: {"2024-05-14": 3}}


def test_a_date_waits_for_what_its_job_runs_after() -> None:
    with pytest.raises(SourceError) as caught:
        day_of(FILE, waits_for=[ROW], state=ParentState({MONDAY: 1}))
    assert str(caught.value) == (
        "/p/down.yaml: job_dependency: gels_fpms_t_down runs after gels_fpms_t_up, which is not published for "
        "2024-05-14: job_dependency 7/etl_down\n"
        "  remedy: fdm materialize gels_fpms_t_up --biz-dt 2024-05-14, or correct that row"
    )


def test_nobody_waits_for_a_date_that_the_parent_does_not_have() -> None:
    assert day_of(FILE, waits_for=[ROW], state=ParentState({}, [MONDAY])).parents == {}
