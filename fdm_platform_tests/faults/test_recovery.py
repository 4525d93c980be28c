"""Recovery: killed at each of its points, done twice at once, tried dry, and beside loads that live."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from fdm_platform.control.schema import TABLES
from fdm_platform.crash import POINTS
from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.recovery import recover
from fdm_platform.engines.load_folder import folder_of
from fdm_platform.engines.orphan import processes_of
from fdm_platform.engines.swapping import STAGING
from fdm_platform.model.claim import LoadRow
from fdm_platform_tests.clock import seen_silent
from fdm_platform_tests.deployment import Deployment
from fdm_platform_tests.faults.comparing import leftovers, live_errors, log_errors, rows
from fdm_platform_tests.faults.counted import Counted, days, deploy_counted, offer, table_name
from fdm_platform_tests.faults.crashing import FDM, PROJECT, Ended, die, run, stopped
from fdm_platform_tests.faults.publisher import load

TABLE = table_name("t_a")
DAYS = days(3)
WORKER = [sys.executable, "-m", "fdm_platform_tests.faults.dates_worker"]
AT = "publish.committed#2"
"""Of three dates the first is live by then, the second is committed and not swapped, the third is staged."""
ALL_OF_IT = {
    *("Spark ended", "version voided", "found published", "swap finished", "staging removed"),
    *("attempt closed", "claim freed", "secrets removed", "load ended"),
}
IN_ORDER: dict[str, list[str]] = {"lost": [], "doubled": [], "wrong": []}


def deployed(home: Path) -> Counted:
    """Version 1 of each date is live, version 2 is asked for."""
    counted = deploy_counted(home)
    with counted.deployment.platform() as platform:
        offer(platform, DAYS, 1)
        for day in DAYS:
            load(platform, "t_a", day, f"first-{day}")
        offer(platform, DAYS, 2)
    return counted


def kill_load(deployment: Deployment, load_id: str = "dead", at: str = AT) -> None:
    die([*WORKER, "load", "t_a", load_id, *map(str, DAYS)], deployment.environ, at)


def state(counted: Counted) -> dict[str, Any]:
    """What a deployment has come to, times left out."""
    landing = counted.landing
    with counted.deployment.platform() as platform:
        ledger = [
            (str(r["biz_dt"]), r["version"], r["load_id"], r["kind"])
            for r in platform.store.scan("fdm_publishes")
        ]
        attempts = [
            (str(r["biz_dt"]), r["load_id"], str(r["status"]).partition(": process")[0])
            for r in platform.store.scan("fdm_attempts")
        ]
        assert live_errors(platform, TABLE, DAYS) == []
        assert log_errors(platform) == IN_ORDER
        assert leftovers(platform) == []
    names = (p.relative_to(landing).as_posix() for p in landing.rglob("*"))
    tree = sorted(re.sub("incoming-[0-9a-f]+", "incoming", name) for name in names)
    work = counted.deployment.settings.work
    assert not [p for folder in work.iterdir() for p in processes_of(folder_of(work, folder.name))]
    return {
        "ledger": sorted(ledger),
        "attempts": sorted(attempts),
        "tree": tree,
        "rows": rows(counted.root("t_a")),
    }


def things(ended: Ended) -> list[dict[str, Any]]:
    """What `fdm recover --json` did, without its warnings."""
    found: list[dict[str, Any]] = json.loads(ended.out)
    return found


def digest(counted: Counted) -> str:
    """Of every file below the deployment's home, but for the store's own, and of every row of every control table."""
    home, found = counted.deployment.settings.home, hashlib.blake2b()
    for path in sorted(home.rglob("*")):
        if not path.name.startswith("control.db"):
            found.update(f"{path} {path.is_file() and path.read_bytes()!r}\n".encode())
    with counted.deployment.platform() as platform:
        for table in sorted(platform.store.existing() & TABLES.keys()):
            of_table = sorted(str(sorted(row.items())) for row in platform.store.scan(table))
            found.update(f"{table} {of_table}\n".encode())
    return found.hexdigest()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a recovery that nobody disturbs comes to."""
    counted = deployed(tmp_path_factory.mktemp("undisturbed"))
    kill_load(counted.deployment)
    assert run([FDM, "recover"], counted.deployment.environ).code == 0
    found = state(counted)
    assert [(day, version, kind) for day, version, of, kind in found["ledger"] if of == "dead"] == [
        (str(DAYS[0]), 2, None),
        (str(DAYS[1]), 2, None),
        (str(DAYS[2]), 2, "void"),
    ]
    assert [status for _, of, status in found["attempts"] if of == "dead"] == [
        "Completed",
        "Completed",
        "Failed: its process is gone",
    ]
    return found


@pytest.mark.parametrize("point", [p for p in POINTS if p.startswith("recover.")])
def test_a_recovery_that_is_killed_is_done_by_the_next_one(
    tmp_path: Path, undisturbed: dict[str, Any], point: str
) -> None:
    counted = deployed(tmp_path)
    kill_load(counted.deployment)
    die([FDM, "recover"], counted.deployment.environ, point)
    for _ in range(2):
        with counted.deployment.platform() as platform:
            recover(platform)
        assert state(counted) == undisturbed


@dataclass
class Recoverer:
    """A process that recovers when it is told to."""

    process: subprocess.Popen[str]

    def tell(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def answer(self) -> list[dict[str, Any]]:
        assert self.process.stdout
        done: list[dict[str, Any]] = json.loads(self.process.stdout.readline())
        return done


@contextmanager
def recoverer(counted: Counted) -> Iterator[Recoverer]:
    process = subprocess.Popen(
        [*WORKER, "recover"],
        env=counted.deployment.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    try:
        yield Recoverer(process)
    finally:
        process.kill()
        process.wait()


def test_two_that_recover_at_once_do_each_thing_once(tmp_path: Path) -> None:
    counted = deployed(tmp_path)
    with recoverer(counted) as first, recoverer(counted) as second:
        for number in range(5):
            load_id = f"dead-{number}"
            kill_load(counted.deployment, load_id)
            first.tell()
            second.tell()
            both = [*first.answer(), *second.answer()]
            done = [d for d in both if d["what"] != "left"]  # to the other, who takes his time
            what = Counter((d["what"], d["biz_dt"], d["detail"]) for d in done)
            assert set(what.values()) == {1}, what
            assert {w for w, _, _ in what} == ALL_OF_IT
            assert {d["load_id"] for d in done} == {load_id}
            state(counted)


@pytest.mark.parametrize("at", ["begin.registered", "publish.marked"])
def test_a_load_that_lives_is_never_touched(tmp_path: Path, at: str) -> None:
    """It is stopped, and has not been heard of for long."""
    counted = deployed(tmp_path)
    environ = counted.deployment.environ
    with stopped([*WORKER, "load", "t_a", "alive", *map(str, DAYS)], environ, at) as process:
        before = digest(counted)
        ended = run([FDM, "recover", "--json"], {**environ, "FDM_LEASE_S": "0.01"})
        assert [d["what"] for d in things(ended)] == ["left"]
        assert f"process {process.pid} on " in ended.said
        assert run([FDM, "recover"], environ).said == "no load has left anything\n"
        assert digest(counted) == before
    assert process.ended().code == 0, process.said()
    with counted.deployment.platform() as platform:
        assert platform.ledger.current_versions(TABLE, DAYS) == dict.fromkeys(DAYS, 2)
        end_spark_of(platform, "alive")


def end_spark_of(platform: Platform, load_id: str) -> None:
    for pid in processes_of(folder_of(platform.settings.work, load_id)):
        os.kill(pid, signal.SIGKILL)


def test_what_a_load_of_another_host_has_staged_stays_until_its_beat_was_seen_to_stand_still(
    tmp_path: Path,
) -> None:
    counted = deployed(tmp_path)
    staged = counted.root("t_a") / STAGING / "far" / str(DAYS[0])
    staged.mkdir(parents=True)
    with counted.deployment.platform() as platform:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        row = LoadRow("far", TABLE, "elsewhere", 1, 1, long_ago, long_ago)
        platform.loads.open(row)
        assert recover(platform) == [], "its clock may say anything"
        watch = seen_silent(platform.loads, "far")
        platform.loads.beat(row)
        assert recover(platform, watch=watch) == [], "it was heard of at last"
        assert staged.exists()
    ended = run([FDM, "recover", "--json"], {**counted.deployment.environ, "FDM_LEASE_S": "0.5"})
    assert [d["what"] for d in things(ended)] == ["staging removed", "load ended"]
    assert "waiting for a sign of load far of gels_cnt_t_a, process 1 on elsewhere" in ended.said
    assert not staged.exists()


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(tmp_path: Path) -> None:
    counted = deployed(tmp_path)
    environ = counted.deployment.environ
    kill_load(counted.deployment)
    before = digest(counted)
    told = run([FDM, "recover", "--dry-run", "--json"], environ)
    assert told.code == 0
    assert digest(counted) == before
    died = f"1 load of {TABLE} died: `fdm recover` puts in order what is left"
    assert died in run([FDM, "status"], environ).said
    done = run([FDM, "recover", "--json"], environ)
    assert died not in run([FDM, "status"], environ).said
    assert things(told) == things(done) != []
    assert digest(counted) != before


def test_staging_that_nobody_has_a_row_for_goes(tmp_path: Path) -> None:
    counted = deployed(tmp_path)
    (counted.root("t_a") / STAGING / "over" / str(DAYS[0])).mkdir(parents=True)
    (counted.landing / "t_undeclared" / STAGING / "other" / "what is it").mkdir(parents=True)
    (counted.landing / "t_undeclared" / STAGING / "empty").mkdir()
    with counted.deployment.platform() as platform:
        assert [r.table for r in recover(platform, [TABLE])] == [TABLE]
        assert {r.load_id for r in recover(platform)} == {"other", "empty"}
        assert recover(platform) == []
        assert leftovers(platform) == []


def test_the_command_takes_tables_by_their_short_names_and_those_that_are_not_declared(
    tmp_path: Path,
) -> None:
    counted = deploy_counted(tmp_path)
    environ = counted.deployment.environ
    for table in (TABLE, "t_undeclared"):
        (counted.landing / table / STAGING / "over" / str(DAYS[0])).mkdir(parents=True)
    assert run([FDM, "recover", "t_b"], environ).code == 2
    for name, table in (("t_a", TABLE), ("t_undeclared", "t_undeclared")):
        told = things(run([FDM, "recover", name, "--json"], environ))
        assert [(d["what"], d["table"]) for d in told] == [("staging removed", table)]


def test_a_swap_that_nobody_has_a_row_for_is_finished(tmp_path: Path) -> None:
    counted = deployed(tmp_path)
    kill_load(counted.deployment)
    with counted.deployment.platform() as platform:
        for claim in platform.store.scan("fdm_claims"):
            platform.store.delete("fdm_claims", [{k: claim[k] for k in ("table_name", "biz_dt", "version")}])
        platform.loads.end("dead")
        what = Counter(r.what for r in recover(platform))
        assert (what["swap finished"], what["staging removed"]) == (1, 1)
        assert live_errors(platform, TABLE, DAYS) == []
        assert leftovers(platform) == []
        assert log_errors(platform) == IN_ORDER


def materialized(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The dates that Dagster has been told of."""
    monkeypatch.delenv("FDM_DAGSTER_STORAGE", raising=False)
    for name, value in platform.settings.child_environ.items():
        monkeypatch.setenv(name, value)
    with open_instance(platform.settings) as instance:
        return set(instance.get_materialized_partitions(dg.AssetKey(["gels", "cnt", "t_a"])))


def versions(platform: Platform, day: date) -> list[int]:
    return [v.version for v in platform.ledger.versions(TABLE, day)]


@pytest.mark.spark
@pytest.mark.parametrize(("at", "by"), [("launch.told", "recover"), ("publish.committed", "load")])
def test_a_killed_command_is_recovered_without_a_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, by: str
) -> None:
    """By `fdm recover`, or by the load of another date."""
    counted = deploy_counted(tmp_path)
    environ = {**counted.deployment.environ, "FDM_ON_RESTART": "end"}
    with counted.deployment.platform() as platform:
        offer(platform, DAYS, 1)
    materialize = [FDM, "materialize", TABLE, "--biz-dt"]
    die([*materialize, str(DAYS[0])], environ, at)
    (folder,) = counted.deployment.settings.work.iterdir()
    ended = run([FDM, "recover"] if by == "recover" else [*materialize, str(DAYS[1])], environ)
    assert ended.code == 0, ended.said
    live = [*([DAYS[0]] if at == "publish.committed" else []), *([DAYS[1]] if by == "load" else [])]
    with counted.deployment.platform() as platform:
        assert leftovers(platform) == []
        assert log_errors(platform) == IN_ORDER
        assert live_errors(platform, TABLE, DAYS) == []
        assert [day for day in DAYS if versions(platform, day)] == live
        assert processes_of(folder_of(platform.settings.work, folder.name)) == set()
        assert materialized(platform, monkeypatch) == {str(day) for day in live}
