"""The graph of job_dependency: what holds, what is left out, and what is told."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.model.control import JobDependencyRow
from fdm_platform.model.dependency import DependencyRows, ParentDates
from fdm_platform.model.table import SourceSpec, TableSpec
from fdm_platform.planning.job_dependency import Dependencies, dependencies

ID = {"a": "J1", "b": "J2", "c": "J3", "d": "J4"}


def table(letter: str, *reads: str, job: str | None = None, dates: str = "same") -> TableSpec:
    sources = tuple(
        SourceSpec(f"s_{r}", "orc", table=f"gels_fpms_t_{r}", biz_dt=ParentDates(dates))  # type: ignore[arg-type]
        for r in reads
    )
    return TableSpec(
        "GELS", "FPMS", f"t_{letter}", f"{letter}.yaml", sources, (), job_name=job or f"etl_{letter}"
    )


def row(child: str, parent: str | None, level: int | None = None, **columns: Any) -> JobDependencyRow:
    """`a` and so on are tables' jobs; a longer name is a job's own."""
    values = {
        "dependent_job_id": ID.get(child, "J9"),
        "dependent_job_name": f"etl_{child}" if len(child) == 1 else child,
        "parent_job_id": ID.get(parent or ""),
        "parent_job_name": f"etl_{parent}" if parent and len(parent) == 1 else parent,
        "dependency_level": level,
    }
    return JobDependencyRow(**{**values, **columns})


def graph(*rows: JobDependencyRow, tables: str | list[TableSpec] = "abcd", jobs: Any = ()) -> Dependencies:
    specs = [table(letter) for letter in tables] if isinstance(tables, str) else tables
    return dependencies({s.name: s for s in specs}, DependencyRows(rows, tuple(jobs)))


def edges(found: Dependencies) -> set[tuple[str, str]]:
    return {(d.child[-1], d.parent[-1]) for of in found.of.values() for d in of}


def told(found: Dependencies) -> list[str]:
    return [f.message for f in found.findings]


def test_a_row_is_an_edge_of_the_same_date() -> None:
    (edge,) = graph(row("b", "a")).of["gels_fpms_t_b"]
    assert (edge.parent, str(edge.dates), edge.is_read) == ("gels_fpms_t_a", "same", False)
    assert edge.origin == "job_dependency J2/etl_b"


def test_what_the_sql_reads_is_told_once_and_by_its_own_dates() -> None:
    found = graph(row("b", "a"), tables=[table("a"), table("b", "a", dates="previous")])
    (edge,) = found.of["gels_fpms_t_b"]
    assert (edge.origin, str(edge.dates), edge.is_read) == ("sources.s_a", "previous", True)
    assert [d.origin for d in found.told_twice["gels_fpms_t_b"]] == ["job_dependency J2/etl_b"]
    assert found.not_read_by("gels_fpms_t_b") == ()


def test_a_parent_may_be_named_by_its_id_alone() -> None:
    found = graph(row("b", None, parent_job_id="J1"), jobs=[("J1", "etl_a")])
    assert (edges(found), told(found)) == ({("b", "a")}, [])


def test_a_parent_that_is_no_declared_table_but_a_job_is_known_and_not_waited_for() -> None:
    found = graph(row("b", "etl_old"), jobs=[("J7", "etl_old")])
    assert (edges(found), told(found)) == (set(), [])
    assert [(d.child, d.parent) for d in found.jobs["gels_fpms_t_b"]] == [("gels_fpms_t_b", "etl_old")]


def test_a_parent_that_is_nowhere_is_told_with_the_nearest_and_the_other_rows_stand() -> None:
    found = graph(row("b", "etl_aa"), row("c", "a"))
    assert edges(found) == {("c", "a")}
    (error,) = found.findings
    assert error.message == (
        "job_dependency J2/etl_b: etl_aa is the job of no declared table, and job_master does not have it"
    )
    assert error.field == "job_dependency.parent_job_name"
    assert str(error.remedy).startswith("did you mean etl_a?")


def test_a_parent_without_a_name_and_with_an_unknown_id_is_told() -> None:
    found = graph(row("b", None, parent_job_id="J77"))
    assert told(found) == [
        "job_dependency J2/etl_b: no job is named: parent_job_name is empty, and job_master has no job_id 'J77'"
    ]


def test_a_dependent_that_is_nowhere_is_told() -> None:
    found = graph(row("etl_gone", "a"))
    assert edges(found) == set()
    assert "etl_gone is the job of no declared table" in told(found)[0]
    assert found.findings[0].field == "job_dependency.dependent_job_name"


def test_a_job_that_waits_for_itself_is_told_in_any_letter_case() -> None:
    found = graph(row("b", "ETL_B"))
    assert edges(found) == set()
    assert told(found)[-1] == "job_dependency J2/etl_b: etl_b waits for itself"


def test_another_letter_case_is_told_and_counts() -> None:
    found = graph(row("b", "ETL_A"))
    assert edges(found) == {("b", "a")}
    assert told(found) == ["job_dependency J2/etl_b: ETL_A is spelt etl_a elsewhere: letter case differs"]


def test_an_id_that_contradicts_the_name_is_told_and_the_name_counts() -> None:
    found = graph(row("b", "a", parent_job_id="J3"), jobs=[("J3", "etl_c")])
    assert edges(found) == {("b", "a")}
    assert told(found) == ["job_dependency J2/etl_b: etl_a is not the job J3: that is etl_c; the name counts"]


def test_a_cycle_through_three_jobs_is_named_in_full_and_the_rest_stands() -> None:
    found = graph(row("a", "c"), row("b", "a"), row("c", "b"), row("d", "c"))
    assert edges(found) == {("d", "c")}
    (error,) = found.findings
    assert error.message == (
        "a cycle of 3 jobs: etl_a waits for etl_c (job_dependency J1/etl_a), "
        "etl_c waits for etl_b (job_dependency J3/etl_c), "
        "etl_b waits for etl_a (job_dependency J2/etl_b); none of these rows counts"
    )
    assert error.remedy == "delete or correct one of these rows"


def test_a_cycle_of_sql_and_a_row_costs_the_row() -> None:
    found = graph(row("a", "b"), tables=[table("a"), table("b", "a")])
    assert edges(found) == {("b", "a")}
    assert told(found) == [
        (
            "a cycle of 2 jobs: etl_a waits for etl_b (job_dependency J1/etl_a), "
            "etl_b waits for etl_a (its sources.s_a); none of these rows counts"
        )
    ]


def test_a_cycle_goes_through_jobs_without_a_table_too() -> None:
    found = graph(row("b", "etl_old"), row("etl_old", "b", dependent_job_id="J7"), jobs=[("J7", "etl_old")])
    assert (edges(found), found.jobs) == (set(), {})
    assert "etl_old waits for etl_b (job_dependency J7/etl_old)" in told(found)[0]


def test_a_level_that_does_not_grow_is_told_and_the_row_counts() -> None:
    found = graph(row("b", "a", 2), row("c", "b", 1))
    assert edges(found) == {("b", "a"), ("c", "b")}
    assert told(found) == ["job_dependency J3/etl_c: dependency_level 1 of etl_c but its parent etl_b has 2"]


@pytest.mark.parametrize(("level", "count"), [(2, 1), (3, 0)])
def test_levels_are_compared_past_jobs_without_one(level: int, count: int) -> None:
    found = graph(row("b", "a", 2), row("c", "b"), row("d", "c", level))
    assert len(told(found)) == count
    assert all("but its ancestor etl_b has 2" in text for text in told(found))


def test_levels_are_compared_to_what_the_sql_reads() -> None:
    tables = [table("a"), table("b", "a"), table("c", "b")]
    found = graph(row("b", "a", 5), row("c", "a", 5), tables=tables)
    assert told(found) == ["job_dependency J3/etl_c: dependency_level 5 of etl_c but its parent etl_b has 5"]


def test_tables_of_one_job_all_wait() -> None:
    tables = [table("a"), table("b", job="etl_both"), table("c", job="etl_both")]
    assert edges(graph(row("etl_both", "a"), tables=tables)) == {("b", "a"), ("c", "a")}


LETTERS = st.sampled_from("abcd")


@given(st.lists(st.tuples(LETTERS, LETTERS, st.none() | st.integers(0, 3)), max_size=12))
def test_whatever_the_rows_the_graph_has_no_cycle_and_every_other_row_is_in_it(
    given_rows: list[tuple[str, str, int | None]],
) -> None:
    found = graph(
        *(row(*r) for r in given_rows), tables=[table("a"), table("b", "a"), table("c"), table("d", "c")]
    )
    before: dict[str, set[str]] = {}
    for child, parent in edges(found):
        before.setdefault(child, set()).add(parent)
    order = list(TopologicalSorter(before).static_order())
    cycles = " ".join(f for f in told(found) if f.startswith("a cycle"))
    for child, parent, _ in given_rows:
        is_left_out = child == parent or f"etl_{child} waits for etl_{parent} (job" in cycles
        assert ((child, parent) in edges(found)) != is_left_out
        assert is_left_out or order.index(parent) < order.index(child)
