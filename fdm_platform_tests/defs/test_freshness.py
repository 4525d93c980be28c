"""The freshness policy that a table has from its calendar's cutoff, as Dagster evaluates it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.freshness import CronFreshnessPolicy, FreshnessState
from dagster._core.definitions.freshness_evaluator import CronFreshnessPolicyEvaluator
from dagster._core.loader import LoadingContext
from dagster._core.test_utils import freeze_time

from fdm_platform.defs.freshness import freshness_policy
from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.partitions import add_dates, partitions_of
from fdm_platform.model.calendar import Calendar
from fdm_platform.model.settings import Settings
from fdm_platform_tests.deployment import PROJECT

TODAY = date(2024, 5, 15)
EVENING = time(18, 0)


def cron(**calendar: Any) -> tuple[str, timedelta, str] | None:
    policy = freshness_policy(Calendar(**calendar), TODAY)
    if policy is None:
        return None
    assert isinstance(policy, CronFreshnessPolicy)
    return policy.deadline_cron, policy.lower_bound_delta, policy.timezone


def test_a_date_due_on_its_own_day_is_loaded_between_midnight_and_the_cutoff() -> None:
    found = cron(cutoff=time(18, 30), timezone="Europe/Zurich")
    assert found == ("30 18 * * 1,2,3,4,5", timedelta(hours=18, minutes=30), "Europe/Zurich")


def test_with_a_lag_the_day_after_a_weekend_has_no_deadline() -> None:
    assert cron(cutoff=EVENING, lag=1) == ("0 18 * * 2,3,4,5", timedelta(days=1), "UTC")


def test_the_calendars_own_weekend_counts() -> None:
    assert cron(cutoff=EVENING, weekend=("Friday",)) == (
        "0 18 * * 0,1,2,3,4,6",
        timedelta(hours=18),
        "UTC",
    )
    assert cron(cutoff=EVENING, weekend=(), lag=1) == ("0 18 * * 0,1,2,3,4,5,6", timedelta(days=1), "UTC")


def test_a_cutoff_at_midnight_looks_back_a_day() -> None:
    assert cron(cutoff=time(0, 0)) == ("0 0 * * 1,2,3,4,5", timedelta(days=1), "UTC")


@pytest.mark.parametrize(
    "calendar",
    [{}, {"cutoff": EVENING, "month_ends": "only"}, {"cutoff": EVENING, "end": TODAY - timedelta(days=1)}],
    ids=["no cutoff", "month-ends only", "ended"],
)
def test_no_policy(calendar: dict[str, Any]) -> None:
    assert cron(**calendar) is None


def test_a_deadline_for_each_time_zone_and_change_of_clocks_is_one_that_dagster_takes() -> None:
    for zone in ("America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"):
        for lag in (0, 1):
            assert cron(cutoff=time(2, 30), lag=lag, timezone=zone)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two tables of a source with a cutoff, one of which has a calendar of its own."""
    for table in ("t_a", "t_b"):
        folder = tmp_path / "sql" / "e" / "s" / table
        folder.mkdir(parents=True)
        (folder / "step.hql").write_text("SELECT 1 AS a, '${biz_dt}' AS biz_dt")
        sources = "sources: {row1: {path: a.csv, columns: {a: string}}}"
        (folder / "table.yaml").write_text(
            f"entity: E\nsource_system: S\ntable: {table}\n{sources}\nsteps: [step.hql]\n"
        )
    (tmp_path / "sql/e/s/calendar.yaml").write_text('cutoff: "18:00"\n')
    (tmp_path / "sql/e/s/t_b/calendar.yaml").write_text("month_ends: only\n")
    home, sql = str(tmp_path), str(tmp_path / "sql")
    return Settings.from_environ({"FDM_PROJECT": home, "FDM_HOME": home, "FDM_SQL_ROOT": sql})


def test_the_assets_have_their_tables_policies(settings: Settings) -> None:
    graph = build_definitions(settings).resolve_asset_graph()
    policy = graph.get(dg.AssetKey(["e", "s", "t_a"])).freshness_policy_or_from_metadata
    assert isinstance(policy, CronFreshnessPolicy)
    assert policy.deadline_cron == "0 18 * * 1,2,3,4,5"
    assert graph.get(dg.AssetKey(["e", "s", "t_b"])).freshness_policy_or_from_metadata is None


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


class Loading(LoadingContext):
    """What the daemon's evaluator reads through."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._loaders: dict[Any, Any] = {}

    @property
    def instance(self) -> dg.DagsterInstance:
        return self._instance

    @property
    def loaders(self) -> dict[Any, Any]:
        return self._loaders


def state(instance: dg.DagsterInstance, now: datetime) -> FreshnessState:
    """Of a table of dynamic partitions, by Dagster's own evaluator."""
    policy = freshness_policy(Calendar(cutoff=EVENING), TODAY)
    spec = dg.AssetSpec("t_a", partitions_def=partitions_of("e_s"), freshness_policy=policy)
    node = dg.Definitions(assets=[spec]).resolve_asset_graph().get(dg.AssetKey("t_a"))

    async def evaluate() -> FreshnessState:
        return await CronFreshnessPolicyEvaluator().evaluate_freshness(Loading(instance), node)

    with freeze_time(now):
        return asyncio.run(evaluate())


def load(instance: dg.DagsterInstance, at: datetime) -> None:
    add_dates(instance, "e_s", [at.date()])
    with freeze_time(at):
        event = dg.AssetMaterialization("t_a", partition=at.date().isoformat())
        instance.report_runless_asset_event(event)


def test_dagster_evaluates_it_on_dynamic_partitions(instance: dg.DagsterInstance) -> None:
    tuesday, wednesday = datetime(2024, 5, 14, 17, tzinfo=UTC), datetime(2024, 5, 15, 19, tzinfo=UTC)
    assert state(instance, tuesday) == FreshnessState.UNKNOWN
    load(instance, tuesday)
    assert state(instance, tuesday + timedelta(hours=2)) == FreshnessState.PASS
    assert state(instance, wednesday - timedelta(hours=2)) == FreshnessState.PASS
    assert state(instance, wednesday) == FreshnessState.FAIL
    load(instance, wednesday)
    assert state(instance, wednesday) == FreshnessState.PASS


def test_a_weekend_misses_nothing_and_a_late_load_of_the_day_before_does_not_count(
    instance: dg.DagsterInstance,
) -> None:
    friday = datetime(2024, 5, 17, 20, tzinfo=UTC)
    load(instance, friday)
    assert state(instance, friday + timedelta(days=2)) == FreshnessState.PASS
    assert state(instance, friday + timedelta(days=3)) == FreshnessState.FAIL


def test_the_daemon_of_the_projects_instance_evaluates_freshness() -> None:
    plain = cast("dict[str, Any]", yaml.safe_load((PROJECT / "dagster.yaml").read_text()))
    assert plain["freshness"] == {"enabled": True}
