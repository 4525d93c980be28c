"""Tables follow their parents: evaluated by Dagster itself, on a real ledger and without Spark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.partitions import add_dates
from fdm_platform.defs.platform import Platform
from fdm_platform.model.control import PublishRecord
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.planning.dependencies import versions_read
from fdm_platform_tests.deployment import project_in
from fdm_platform_tests.records import empty_manifest

D13, D14, D15 = (date(2024, 5, d) for d in (13, 14, 15))
ROOT = "sources: {row1: {path: a.csv, columns: {a: string}}}"
CHILD = "sources: {x: {table: t_root}}"
TABLES_OF: dict[str, tuple[str, str]] = {
    "t_root": ("S", ROOT),
    "t_other": ("S", ROOT),
    "t_child": ("S", CHILD),
    "t_grandchild": ("S", "sources: {x: {table: t_child}}"),
    "t_both": ("S", "sources: {x: {table: t_root}, y: {table: t_other}}"),
    "t_previous": ("S", "sources: {x: {table: t_root, biz_dt: previous}}"),
    "t_window": ("S", "sources: {x: {table: t_root, biz_dt: {window: 2}}}"),
    "t_elsewhere": ("DM", CHILD),
}


@dataclass
class Market:
    """Tables of two source systems, and a daemon that evaluates who follows whom."""

    platform: Platform
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    cursor: Any = None
    minutes: int = 0

    def row(self, *days: date, source: str = "S", **changes: Any) -> None:
        self.minutes += 1
        stamp = datetime.now(UTC) + timedelta(seconds=self.minutes)
        rows = [
            {"entity": "E", "source_system": source, "biz_dt": d, "last_update_ts": stamp, **changes}
            for d in days
        ]
        self.platform.store.upsert("process_control", rows)
        add_dates(self.instance, f"e_{source.lower()}", days)

    def publish(self, table: str, *days: date) -> None:
        """As a load does: it reads its parents as they stand, commits, and tells Dagster."""
        spec = self.platform.catalog.get(table)
        for day in days:
            rows = self.platform.job_rows(spec, [day])
            parents = self.platform.parents_of(spec, [day], rows)
            read = versions_read(self.platform.dependencies.of.get(spec.name, ()), day, parents.states)
            version = self.platform.ledger.current_versions(spec.name, [day]).get(day, 0) + 1
            self.platform.ledger.commit(
                PublishRecord(
                    table_name=spec.name,
                    biz_dt=day,
                    version=version,
                    load_id=f"load-{version}",
                    control_version=rows.control[0].version,
                    manifest=empty_manifest(self.platform, table, day),
                    published_at=datetime.now(UTC),
                    parents=json.dumps(read),
                )
            )
            event = dg.AssetMaterialization(dg.AssetKey(spec.key), partition=day.isoformat())
            self.instance.report_runless_asset_event(event)

    def evaluate(self) -> list[tuple[str, str]]:
        """One evaluation: what is requested."""
        result = dg.evaluate_automation_conditions(self.definitions, self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        return sorted(
            (r.key.path[-1], key)
            for r in result.results
            if isinstance(r.key, dg.AssetKey)
            for key in r.true_subset.expensively_compute_partition_keys()
        )


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    for table, (source, text) in TABLES_OF.items():
        folder = tmp_path / "sql" / "e" / source.lower() / table
        folder.mkdir(parents=True)
        (folder / "step.hql").write_text("SELECT 1 AS a, '${biz_dt}' AS biz_dt")
        (folder / "table.yaml").write_text(
            f"entity: E\nsource_system: {source}\ntable: {table}\n{text}\nsteps: [step.hql]\n"
        )
    project = project_in(tmp_path)
    with project.platform() as platform, dg.DagsterInstance.ephemeral() as instance:
        made = Market(platform, instance, build_definitions(project.settings))
        made.row(D13, D14, D15)
        made.row(D13, D14, D15, source="DM")
        yield made


def everything_published(market: Market) -> None:
    for table in TABLES_OF:
        days = (D14, D15) if table in ("t_previous", "t_window") else (D13, D14, D15)
        market.publish(table, *days)
    market.evaluate()
    assert market.evaluate() == []


def test_a_child_follows_its_parent_for_that_date(market: Market) -> None:
    market.evaluate()
    market.publish("t_root", D15)
    requested = market.evaluate()
    assert requested == [("t_child", "2024-05-15"), ("t_elsewhere", "2024-05-15")]
    assert market.evaluate() == []
    market.publish("t_child", D15)
    assert market.evaluate() == [("t_grandchild", "2024-05-15")]


def test_a_table_of_two_parents_waits_for_both(market: Market) -> None:
    market.evaluate()
    market.publish("t_root", D15)
    assert ("t_both", "2024-05-15") not in market.evaluate()
    market.publish("t_other", D15)
    assert market.evaluate() == [("t_both", "2024-05-15")]


def test_a_reprocessed_parent_leads_to_its_children_for_that_date_once(market: Market) -> None:
    everything_published(market)
    market.row(D14, reprocess_dt=D15)
    # Its own row changed as well, and the date that it reads, the 13th, is not due.
    assert market.evaluate() == [("t_previous", "2024-05-14")]
    market.publish("t_root", D14)
    first = market.evaluate()
    assert first == [
        ("t_child", "2024-05-14"),
        ("t_elsewhere", "2024-05-14"),
        ("t_previous", "2024-05-15"),
        ("t_window", "2024-05-14"),
        ("t_window", "2024-05-15"),
    ]
    assert market.evaluate() == []
    market.publish("t_other", D14)
    assert market.evaluate() == [("t_both", "2024-05-14")]


def test_a_parent_that_is_replaced_right_after_its_child_was_requested_has_it_requested_again(
    market: Market,
) -> None:
    everything_published(market)
    market.publish("t_root", D15)
    assert ("t_child", "2024-05-15") in market.evaluate()
    market.publish("t_root", D15)  # the child's run may have read the version before, or failed of this
    assert ("t_child", "2024-05-15") in market.evaluate()
    market.publish("t_root", D15)
    market.publish("t_child", D15)
    assert ("t_child", "2024-05-15") not in market.evaluate()
    assert ("t_child", "2024-05-15") not in market.evaluate()


def test_a_child_never_comes_before_a_parent_that_is_due(market: Market) -> None:
    everything_published(market)
    market.row(D15)
    market.publish("t_other", D15)
    assert market.evaluate() == [("t_previous", "2024-05-15")]
    market.publish("t_root", D15)
    assert ("t_both", "2024-05-15") in market.evaluate()


def test_a_window_is_due_for_every_date_that_reads_the_parents(market: Market) -> None:
    everything_published(market)
    market.publish("t_root", D14)
    requested = market.evaluate()
    assert [d for t, d in requested if t == "t_window"] == ["2024-05-14", "2024-05-15"]
    assert [d for t, d in requested if t == "t_previous"] == ["2024-05-15"]


def test_a_held_date_waits_until_its_own_row_is_released(market: Market) -> None:
    everything_published(market)
    market.row(D15, source="DM", run_indicator="N")
    market.publish("t_root", D15)
    assert ("t_elsewhere", "2024-05-15") not in market.evaluate()
    market.row(D15, source="DM", run_indicator="Y")
    assert ("t_elsewhere", "2024-05-15") in market.evaluate()
    assert market.evaluate() == []


def test_a_childs_own_row_that_changes_makes_it_due_without_its_parents(market: Market) -> None:
    everything_published(market)
    market.row(D14, source="DM", reprocess_dt=D15)
    assert market.evaluate() == [("t_elsewhere", "2024-05-14")]
    assert market.evaluate() == []


def test_what_was_loaded_by_hand_meanwhile_is_not_requested(market: Market) -> None:
    everything_published(market)
    market.publish("t_root", D15)
    market.publish("t_child", D15)
    assert "t_child" not in {t for t, _ in market.evaluate()}
    assert "t_child" not in {t for t, _ in market.evaluate()}


def test_an_evaluation_whose_answer_was_lost_is_made_again(market: Market) -> None:
    everything_published(market)
    market.row(D14, source="DM", reprocess_dt=D15)
    market.publish("t_root", D13)
    before = market.cursor
    lost = market.evaluate()
    assert ("t_elsewhere", "2024-05-14") in lost
    assert ("t_child", "2024-05-13") in lost
    market.cursor = before
    assert market.evaluate() == lost
    assert market.evaluate() == []


def test_without_a_cursor_what_is_current_is_not_requested(market: Market) -> None:
    everything_published(market)
    market.cursor = None
    assert market.evaluate() == []
    assert market.evaluate() == []


def test_a_row_that_cannot_be_used_stops_no_other_date(market: Market) -> None:
    everything_published(market)
    market.row(D13, source="DM", business_keys="no list")
    market.publish("t_root", D13, D14)
    requested = market.evaluate()
    assert ("t_elsewhere", "2024-05-14") in requested
    assert ("t_elsewhere", "2024-05-13") not in requested
    market.row(D13, source="DM", business_keys=None)
    assert market.evaluate() == [("t_elsewhere", "2024-05-13")]


def test_a_parked_child_is_not_requested_until_its_row_changes(market: Market) -> None:
    market.evaluate()
    spec = market.platform.catalog.get("t_child")
    (row,) = market.platform.control_rows(spec, [D15])
    letter = DeadLetter(
        spec.name, D15, "load", row.version, 1, "code", '{"message": "no such column"}', datetime.now(UTC)
    )
    market.platform.dead_letters.park([letter])
    market.publish("t_root", D15)
    assert market.evaluate() == [("t_elsewhere", "2024-05-15")]
    for _ in range(5):
        market.publish("t_root", D15)
        assert ("t_child", "2024-05-15") not in market.evaluate()
    market.row(D15)
    market.publish("t_root", D15)
    market.publish("t_other", D15)
    assert ("t_child", "2024-05-15") in market.evaluate()


def test_what_is_due_waits_for_the_breaker_of_its_source(market: Market) -> None:
    market.evaluate()
    breakers = market.platform.breakers
    for n in range(5):
        breakers.note_failure("source", "e_s", f"load-{n}", "no route to host")
    market.publish("t_root", D15)
    assert market.evaluate() == [("t_elsewhere", "2024-05-15")], "it is of another source"
    assert market.evaluate() == []
    breakers.note_success("source", "e_s", "probe")
    assert market.evaluate() == [("t_child", "2024-05-15")]
    assert market.evaluate() == []
