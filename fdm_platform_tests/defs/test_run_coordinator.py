"""The queue that dagster.yaml names, on a real code server: what asks it for a run, and how the run is tagged."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster import DagsterInvalidConfigError
from dagster._core.execution.submit_asset_runs import submit_asset_run
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget

from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.limits import limits_of
from fdm_platform.defs.partitions import add_dates
from fdm_platform.defs.run_coordinator import TaggingRunCoordinator
from fdm_platform.errors import DeclarationError
from fdm_platform.model.limits import BreakerLimits, DeclaredRetries, Limits, RetryLimits
from fdm_platform.model.settings import Settings
from fdm_platform_tests.deployment import DAYS, PROJECT, deploy

MASTER = dg.AssetKey(["gels", "fpms", "t_contract_master"])
SUMMARY = dg.AssetKey(["gels", "fpms", "t_contract_summary"])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspaceProcessContext]:
    """The project's own dagster.yaml and tables, one of which names a cluster."""
    home = tmp_path_factory.mktemp("home")
    sql = shutil.copytree(PROJECT / "sql" / "landing", home / "sql")
    with (sql / "gels" / "fpms" / "t_contract_summary" / "table.yaml").open("a") as declared:
        declared.write("launch: {master: yarn}\n")
    made = deploy(home, sql_root=sql)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**made.environ, **made.settings.child_environ}.items():
            patch.setenv(name, value)
        target = ModuleTarget("fdm_platform.definitions", None, str(PROJECT), "tables")
        with (
            open_instance(made.settings) as instance,
            WorkspaceProcessContext(instance, target) as context,
        ):
            add_dates(instance, "gels_fpms", DAYS)
            yield context


def submitted(workspace: WorkspaceProcessContext, key: dg.AssetKey, **tags: str) -> dict[str, str]:
    """The tags of a run after it was asked for as sensors and backfills do."""
    request = dg.RunRequest(asset_selection=[key], partition_key="2024-05-15", tags=tags)
    asked = asyncio.run(
        submit_asset_run(
            None,
            request,
            0,
            workspace.instance,
            workspace,
            workspace.create_request_context(),
            {},
            {},
            logging.getLogger(),
        )
    )
    run = workspace.instance.get_run_by_id(asked.run_id)
    assert run
    assert run.status == dg.DagsterRunStatus.QUEUED
    return dict(run.tags)


def test_a_run_says_where_it_works_whoever_asks_for_it(workspace: WorkspaceProcessContext) -> None:
    tags = submitted(workspace, MASTER)
    assert (tags["fdm/source_system"], tags["fdm/cluster"]) == ("gels_fpms", "default")
    assert "dagster/priority" not in tags
    assert submitted(workspace, SUMMARY)["fdm/cluster"] == "yarn"


@pytest.mark.parametrize(
    ("tags", "priority"),
    [
        ({"dagster/backfill": "b"}, "-10"),
        ({"dagster/backfill": "b", "dagster/priority": "3"}, "3"),
        ({"dagster/backfill": "b", "dagster/from_automation_condition": "true"}, None),
        ({"dagster/priority": "10"}, "10"),
    ],
)
def test_a_backfill_waits_behind_what_is_due_today(
    workspace: WorkspaceProcessContext, tags: dict[str, str], priority: str | None
) -> None:
    assert submitted(workspace, MASTER, **tags).get("dagster/priority") == priority


def test_runs_are_limited_by_cluster(workspace: WorkspaceProcessContext) -> None:
    config = workspace.instance.get_concurrency_config().run_queue_config
    assert config
    (limit,) = config.tag_concurrency_limits
    assert (limit["key"], limit["value"]) == ("fdm/cluster", {"applyLimitPerUniqueValue": True})
    assert config.max_concurrent_runs == 10


def test_the_platforms_own_limits_stand_in_its_configuration(workspace: WorkspaceProcessContext) -> None:
    assert isinstance(workspace.instance.run_coordinator, TaggingRunCoordinator)
    assert limits_of(Settings.from_environ()) == Limits()


def test_what_dagster_yaml_says_holds_for_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path, monkeypatch, "{retries: {limit: 4, delay_s: 2}, breaker: {failures: 7}}")
    assert limits_of(settings) == Limits(RetryLimits(4, 2.0, 600.0), BreakerLimits(7, 60.0, 1800.0))
    with open_instance(settings) as instance:
        assert isinstance(instance.run_coordinator, TaggingRunCoordinator)
    settings = settings_in(tmp_path, monkeypatch, "{retries: {limit: 5}}")
    assert limits_of(settings).retries.limit == 5
    assert limits_of(settings).retries.of(DeclaredRetries(limit=1)).limit == 1, "a table's own word holds"


@pytest.mark.parametrize(
    "fdm", ["{retry: {limit: 1}}", "{breaker: {failures: many}}", "{retries: {limit: 1.5}}"]
)
def test_dagster_refuses_what_it_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fdm: str
) -> None:
    settings = settings_in(tmp_path, monkeypatch, fdm)
    with open_instance(settings) as instance, pytest.raises(DagsterInvalidConfigError):
        _ = instance.run_coordinator
    with pytest.raises(DeclarationError):
        limits_of(settings)


def settings_in(folder: Path, monkeypatch: pytest.MonkeyPatch, fdm: str) -> Settings:
    """Of a deployment whose dagster.yaml is the project's, but for the platform's own limits."""
    document = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    document["run_coordinator"]["config"]["fdm"] = yaml.safe_load(fdm)
    (folder / "dagster.yaml").write_text(yaml.safe_dump(document))
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.setenv("FDM_DAGSTER_STORAGE", str(folder / "storage"))
    return Settings.from_environ({"FDM_HOME": str(folder), "FDM_PROJECT": str(PROJECT)})
