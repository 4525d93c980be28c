"""Loads that wait where a source system or a cluster is away, and what they say of it."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from fdm_platform.cli import cli
from fdm_platform.defs.breaking import await_turn, note_dates, note_spark
from fdm_platform.defs.load import Load
from fdm_platform.defs.platform import Platform, refused
from fdm_platform.errors import (
    ConnectionLostError,
    ControlUnavailableError,
    FdmError,
    KilledError,
    SourceError,
    StorageAwayError,
)
from fdm_platform.model.manifest import DateOutcome, LoadReport, Manifest
from fdm_platform.model.table import TableSpec
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy

SOURCE, CLUSTER = ("source", "gels_fpms"), ("cluster", "default")
LIMITS = "{failures: 2, cooldown_s: %s, longest_s: 600}"
log = logging.getLogger(__name__)


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    (tmp_path / "dagster").mkdir()
    made = deploy(tmp_path / "home", rows=1)
    return replace(made, environ={**made.environ, "DAGSTER_HOME": str(tmp_path / "dagster")})


@pytest.fixture
def platform(deployment: Deployment, tmp_path: Path) -> Iterator[Platform]:
    cool_down(tmp_path, 3600)
    with deployment.platform() as opened:
        yield opened


def cool_down(tmp_path: Path, seconds: int) -> None:
    shutil.copy(PROJECT / "dagster.yaml", tmp_path / "dagster" / "dagster.yaml")
    file = tmp_path / "dagster" / "dagster.yaml"
    shipped = "{failures: 5, cooldown_s: 60, longest_s: 1800}"
    assert shipped in file.read_text()
    file.write_text(file.read_text().replace(shipped, LIMITS % seconds))


@pytest.fixture
def spec(platform: Platform) -> TableSpec:
    return platform.catalog.get("t_payment")


def states(platform: Platform) -> tuple[str, str]:
    breakers = platform.breakers
    return breakers.of("source", "gels_fpms").state, breakers.of("cluster", "default").state


def ended(platform: Platform, load_id: str, *results: FdmError | None) -> Load:
    """A load whose dates failed so, or were staged."""
    outcomes = [
        refused(day, e)
        if e
        else DateOutcome(day, Manifest(load_id, "gels_fpms_t_payment", day, "", "", (), ()))
        for day, e in zip(DAYS, results, strict=False)
    ]
    return Load(platform, load_id, tuple(o.biz_dt for o in outcomes), LoadReport(load_id, tuple(outcomes)))


AWAY = ConnectionLostError("no route to host")


def test_dates_that_reach_nobody_open_the_breaker_of_their_source(
    platform: Platform, spec: TableSpec
) -> None:
    note_dates(log, ended(platform, "a", AWAY), spec)
    assert states(platform) == ("closed", "closed")
    note_dates(log, ended(platform, "b", AWAY, AWAY, SourceError("no file")), spec)
    assert states(platform) == ("open", "closed")
    assert platform.breakers.of("source", "gels_fpms").failures == 2, "one of a load, not of a date"


def test_a_load_that_was_served_closes_it(platform: Platform, spec: TableSpec) -> None:
    for load in ("a", "b"):
        note_dates(log, ended(platform, load, AWAY), spec)
    note_dates(log, ended(platform, "c", AWAY, None), spec)
    assert states(platform) == ("closed", "closed")


@pytest.mark.parametrize("error", [SourceError("no file"), ControlUnavailableError("kudu is away")])
def test_what_is_no_sources_fault_opens_nothing(platform: Platform, spec: TableSpec, error: FdmError) -> None:
    for n in range(5):
        note_dates(log, ended(platform, f"load-{n}", error), spec)
        note_spark(log, platform, spec, f"load-{n}", error)
    assert states(platform) == ("closed", "closed")


def test_what_ends_spark_is_the_clusters(platform: Platform, spec: TableSpec) -> None:
    for n in range(2):
        note_spark(log, platform, spec, f"load-{n}", KilledError("was killed by SIGKILL"))
    assert states(platform) == ("closed", "open")


@pytest.mark.parametrize("is_staged", [True, False])
def test_a_file_system_of_the_tables_that_is_away_is_the_clusters_and_not_the_sources(
    platform: Platform, spec: TableSpec, *, is_staged: bool
) -> None:
    away = StorageAwayError("the name node is in safe mode")
    for n in range(2):
        load = ended(platform, f"load-{n}", None if is_staged else away)
        load.failed[DAYS[0]] = away
        note_dates(log, load, spec)
    assert states(platform) == ("closed", "open")


def test_one_load_tries_the_others_wait_for_it_and_a_hand_does_not(
    platform: Platform, spec: TableSpec, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for load in ("a", "b"):
        note_dates(log, ended(platform, load, AWAY), spec)
    await_turn(log, platform, spec, "by-hand", "hand")
    assert "asked for by hand, it begins though the breaker of source gels_fpms is open" in caplog.text
    cool_down(tmp_path, 0)
    await_turn(log, platform, spec, "probe", "sensor")
    assert platform.breakers.of("source", "gels_fpms").probe == "probe"
    await_turn(log, platform, spec, "probe", "sensor")  # asked again, it is still the one

    begun = threading.Event()

    def wait() -> None:
        await_turn(Told(), platform, spec, "other", "sensor")
        begun.set()

    class Told(logging.LoggerAdapter[logging.Logger]):
        """When the other load says that it waits, the probe is served."""

        def __init__(self) -> None:
            super().__init__(log)

        def warning(self, msg: object, *args: object, **kwargs: object) -> None:
            assert not begun.is_set()
            assert "load probe tries" in str(args[0])
            note_dates(log, ended(platform, "probe", None), spec)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join(timeout=60)
    assert begun.is_set()
    assert states(platform) == ("closed", "closed")


def test_status_and_why_say_what_waits_and_why(
    platform: Platform, spec: TableSpec, deployment: Deployment
) -> None:
    for load in ("a", "b"):
        note_dates(log, ended(platform, load, AWAY), spec)

    def fdm(*arguments: str) -> str:
        result = CliRunner().invoke(cli, arguments, env=deployment.environ)
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "the breaker of source gels_fpms is open since" in fdm("status").splitlines()[0]
    (table,) = json.loads(fdm("status", "t_payment", "--json"))
    assert [(b["scope"], b["name"], b["state"], b["error"]) for b in table["breakers"]] == [
        (*SOURCE, "open", "no route to host")
    ]
    found = json.loads(fdm("why", "t_payment", "--biz-dt", str(DAYS[0]), "--no-dagster", "--json"))
    assert found["state"] == "waiting"
    assert "the breaker of source gels_fpms is open" in found["verdict"]
    note_dates(log, ended(platform, "c", None), spec)
    assert "breaker" not in fdm("status")
