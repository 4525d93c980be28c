"""`fdm backfill` as its user calls it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fdm_platform.cli.sample import write_sources
from fdm_platform.control.execution_log.log import DateAttempt
from fdm_platform.defs.instance import open_instance
from fdm_platform.model.report import ApplicationStarted, decode
from fdm_platform_tests.command import fdm
from fdm_platform_tests.deployment import DAYS, Deployment, deploy

MASTER = "gels_fpms_t_contract_master"
KEY = dg.AssetKey(["gels", "fpms", "t_contract_master"])
MORE = (date(2024, 5, 16), date(2024, 5, 17))


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """The sample's three dates and two more, with sources."""
    made = deploy(tmp_path / "home")
    with made.platform() as platform:
        (row,) = (r for r in platform.store.scan("process_control") if r["biz_dt"] == DAYS[-1])
        again = [{**row, "biz_dt": d, "run_id": f"{d:%Y%m%d}"} for d in MORE]
        platform.store.upsert("process_control", again)
    write_sources(made.settings.source_root, [*DAYS, *MORE], 60)
    return made


def poison(deployment: Deployment, day: date) -> str:
    """A line that is no contract in a date's source; the source as it was."""
    source = deployment.source("customer_contract_{day}.csv", day)
    before = source.read_text()
    source.write_text(before + "C1,K999999999,Active,a lot,1.00,GELS\n")
    return before


def applications(deployment: Deployment) -> int:
    """How many Spark applications were started."""
    logs = deployment.settings.work.glob("*/messages.jsonl")
    lines = [line for log in logs for line in log.read_text().splitlines()]
    return sum(isinstance(decode(line), ApplicationStarted) for line in lines)


def published(deployment: Deployment) -> dict[str, int]:
    with deployment.platform() as platform:
        return {str(d): p.version for d, p in platform.ledger.published(MASTER).items()}


def attempts(deployment: Deployment) -> list[tuple[str, str, str]]:
    with deployment.platform() as platform:
        rows = sorted(platform.store.scan("fdm_attempts"), key=lambda r: (r["start_time"], r["biz_dt"]))
    return [(str(r["biz_dt"]), r["status"].partition(":")[0], r["asked_by"]) for r in rows]


def plan(deployment: Deployment, *args: str) -> dict[str, Any]:
    done = fdm(deployment, "backfill", "t_contract_master", *args, "--plan", "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def dates_of(answer: dict[str, Any]) -> list[str]:
    return [d["biz_dt"] for d in answer["dates"]]


def partitions(deployment: Deployment) -> tuple[set[str], list[tuple[Sequence[str], str]]]:
    """What Dagster shows: materialized dates, and the dates and outcome of each run, oldest first."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in deployment.settings.child_environ.items():
            patch.setenv(name, value)  # open_instance leaves them set
        with open_instance(deployment.settings) as instance:
            runs = [(_dates_of_run(r), r.status.value) for r in reversed(instance.get_runs())]
            return set(instance.get_materialized_partitions(KEY)), runs


def _dates_of_run(run: dg.DagsterRun) -> Sequence[str]:
    if "dagster/partition" in run.tags:
        return [run.tags["dagster/partition"]]
    return [run.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")]


@pytest.mark.spark
def test_one_poisoned_date_fails_alone_and_is_loaded_again_alone(deployment: Deployment) -> None:
    declared = poison(deployment, DAYS[1])
    done = fdm(deployment, "backfill", "t_contract_master", "--from", "2024-05-13", "--to", "2024-05-17")
    assert done.returncode == 5, done.stderr
    assert "1 of 5 dates failed, the others are live" in done.stderr
    assert applications(deployment) == 1
    good = {"2024-05-13", "2024-05-15", "2024-05-16", "2024-05-17"}
    assert published(deployment) == dict.fromkeys(good, 1)
    assert partitions(deployment) == (good, [(["2024-05-13", "2024-05-17"], "FAILURE")])

    deployment.source("customer_contract_{day}.csv", DAYS[1]).write_text(declared)
    again = fdm(deployment, "backfill", "t_contract_master", "--failed", "--json")
    assert again.returncode == 0, again.stderr
    assert published(deployment) == dict.fromkeys({*good, "2024-05-14"}, 1)
    shown, runs = partitions(deployment)
    assert shown == {*good, "2024-05-14"}
    assert runs[1:] == [(["2024-05-14"], "SUCCESS")]
    assert plan(deployment, "--failed")["dates"] == []


@pytest.mark.spark
def test_dates_with_gaps_are_one_submit_and_nothing_between_is_touched(deployment: Deployment) -> None:
    poison(deployment, DAYS[2])
    dates = "2024-05-17,2024-05-13,2024-05-15"
    done = fdm(deployment, "backfill", "t_contract_master", "--dates", dates, "--json")
    assert done.returncode == 5, done.stderr
    answer = json.loads(done.stdout)
    assert [r["biz_dt"] for r in answer["published"]] == ["2024-05-13", "2024-05-17"]
    assert [f["biz_dt"] for f in answer["failed"]] == ["2024-05-15"]
    assert applications(deployment) == 1
    assert partitions(deployment) == (
        {"2024-05-13", "2024-05-17"},
        [(["2024-05-13"], "SUCCESS"), (["2024-05-15"], "FAILURE"), (["2024-05-17"], "SUCCESS")],
    )
    assert attempts(deployment) == [
        ("2024-05-13", "Completed", "backfill"),
        ("2024-05-15", "Failed", "backfill"),
        ("2024-05-17", "Completed", "backfill"),
    ]
    assert dates_of(plan(deployment, "--all-missing")) == ["2024-05-14", "2024-05-15", "2024-05-16"]
    assert dates_of(plan(deployment, "--failed")) == ["2024-05-15"]
    assert dates_of(plan(deployment, "--failed", "--to", "2024-05-14")) == []

    assert dates_of(plan(deployment, "--stale")) == []
    with deployment.platform() as platform:
        (row,) = (r for r in platform.store.scan("process_control") if r["biz_dt"] == MORE[-1])
        platform.store.upsert("process_control", [{**row, "reprocess_dt": date(2024, 6, 1)}])
        platform.execution_log.start(
            job_id="j", job_name="j", run_id=None, of=DateAttempt(MASTER, DAYS[1], "elsewhere")
        )
    stale = plan(deployment, "--all-missing", "--stale")
    assert {d["biz_dt"]: d["reason"].partition(":")[0] for d in stale["dates"]} == {
        "2024-05-15": "failed",
        "2024-05-16": "never published",
        "2024-05-17": "stale",
    }
    assert [(r["biz_dt"], r["load_id"]) for r in stale["running"]] == [("2024-05-14", "elsewhere")]
    assert stale["estimated_output_bytes"] > 0
    assert (stale["estimated_seconds"] > 0, stale["past_loads"]) == (True, 1)


def test_the_plan_tells_dates_reasons_what_is_missing_and_what_it_costs(deployment: Deployment) -> None:
    source = deployment.source("customer_contract_{day}.csv", DAYS[1])
    source.unlink()
    done = fdm(deployment, "backfill", "t_contract_master", "--all-missing", "--dates-per-run", "2", "--plan")
    assert done.returncode == 0, done.stderr
    for text in (
        f"{MASTER}: 5 dates into {deployment.settings.landing_root / MASTER}",
        "  never published: 2024-05-13 … 2024-05-17 (5 dates)",
        "1 date cannot be loaded as things are:",
        f"  2024-05-14  the source row1 of {MASTER} for 2024-05-14 is missing: {source}",
        "submits  3 of spark-submit (2, 2, 1 dates)",
        "takes    unknown: no past load",
    ):
        assert text in done.stdout
    assert attempts(deployment) == []
    assert not deployment.settings.work.exists()


def test_a_range_leaves_out_what_is_on_hold_and_names_do_not(deployment: Deployment) -> None:
    with deployment.platform() as platform:
        (row,) = (r for r in platform.store.scan("process_control") if r["biz_dt"] == DAYS[1])
        platform.store.upsert("process_control", [{**row, "run_indicator": "N"}])
    assert dates_of(plan(deployment, "--to", "2024-05-15")) == ["2024-05-13", "2024-05-15"]
    assert dates_of(plan(deployment, "--dates", "2024-05-14")) == ["2024-05-14"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "no business date is chosen"),
        (["--from", "2024-05-15", "--to", "2024-05-13"], "--from 2024-05-15 is after --to 2024-05-13"),
        (["--dates", "2024-05-15", "--failed"], "nothing else can choose them"),
        (["--dates", "2024-05-15,15.5."], "'15.5.' is not a business date"),
    ],
)
def test_what_chooses_no_dates_is_told_with_a_remedy(
    deployment: Deployment, args: list[str], message: str
) -> None:
    done = fdm(deployment, "backfill", "t_contract_master", *args)
    assert done.returncode == 2
    assert message in done.stderr
    assert "remedy: " in done.stderr


def test_no_date_to_load_is_no_error(deployment: Deployment) -> None:
    done = fdm(deployment, "backfill", "t_contract_master", "--failed", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"published": [], "failed": []})


def test_dates_that_cannot_be_planned_are_failed_runs_in_the_ui(deployment: Deployment) -> None:
    for day in DAYS[:2]:
        deployment.source("customer_contract_{day}.csv", day).unlink()
    done = fdm(deployment, "backfill", "t_contract_master", "--to", "2024-05-14")
    assert done.returncode == 5
    assert "2 of 2 dates failed, none is new" in done.stderr
    assert partitions(deployment) == (set(), [(["2024-05-13", "2024-05-14"], "FAILURE")])
    assert [a[1:] for a in attempts(deployment)] == [("Failed", "backfill")] * 2
