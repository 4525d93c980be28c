"""A control store that is away when a staged date is to be committed: the date waits for it."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.engines.patience import patiently
from fdm_platform.engines.publishing import PublishReport, PublishRequest, publish, settle
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import version_of
from fdm_platform.errors import ControlError, ControlUnavailableError, FencedError, UnknownOutcomeError
from fdm_platform.model.control import PublishRecord

DAY = date(2024, 5, 15)
TABLE = "gels_fpms_t"


@pytest.fixture
def store(tmp_path: Path) -> ControlStore:
    store = open_store(f"sqlite:///{tmp_path / 'control.db'}")
    store.create(["fdm_publishes"])
    return store


def staged(tmp_path: Path, commit_wait_s: float) -> PublishRequest:
    root = tmp_path / "fdm_landing" / TABLE
    area = StagingArea("load-1", TABLE, DAY, root / ".staging" / "load-1" / "2024-05-15", ("biz_dt",))
    manifest = stage_frame(pa.table({"v": ["a", "b"]}), area)
    return PublishRequest(root, manifest, 1, "row-1", 1, commit_wait_s, settle_wait_s=0)


def live_of(request: PublishRequest) -> Path:
    return Path(request.root, request.manifest.folder)


class AwayLedger:
    """A ledger whose store is away for some of the first calls, or whose answers are lost on the way."""

    def __init__(
        self,
        store: ControlStore,
        *,
        away_calls: int = 0,
        lost_answers: int = 0,
        away_afterwards: bool = False,
    ) -> None:
        self.ledger = Ledger(store)
        self.away_calls = away_calls
        self.lost_answers = lost_answers
        self.away_afterwards = away_afterwards

    def current(self, table_name: str, biz_dt: date) -> PublishRecord | None:
        self._be_away()
        return self.ledger.current(table_name, biz_dt)

    def find(self, table_name: str, biz_dt: date, version: int) -> PublishRecord | None:
        self._be_away()
        return self.ledger.find(table_name, biz_dt, version)

    def commit(self, record: PublishRecord) -> None:
        self._be_away()
        self.ledger.commit(record)
        if self.lost_answers:
            self.lost_answers -= 1
            self.away_calls = 99 if self.away_afterwards else 0
            raise ControlUnavailableError("the answer was lost")

    def void(self, table_name: str, biz_dt: date, version: int, load_id: str, why: str) -> bool:
        self._be_away()
        return self.ledger.void(table_name, biz_dt, version, load_id, why)

    def _be_away(self) -> None:
        if self.away_calls:
            self.away_calls -= 1
            raise ControlUnavailableError("the server is away")


def test_the_waits_grow_to_half_a_minute_and_each_is_told(caplog: pytest.LogCaptureFixture) -> None:
    waits: list[float] = []

    def ask() -> str:
        if len(waits) < 7:
            raise ControlUnavailableError("the server is away")
        return "answer"

    assert patiently(ask, "commit it", 3600, waits.append) == "answer"
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(told) == len(waits)
    assert told[0].startswith("waiting 1 s to commit it, for ")
    assert told[0].endswith("at most: the server is away")


def test_patience_ends_with_the_error_of_the_store() -> None:
    waits: list[float] = []

    def ask() -> None:
        raise ControlUnavailableError("the server is away")

    with pytest.raises(ControlUnavailableError, match="the server is away"):
        patiently(ask, "commit it", 0, waits.append)
    assert waits == []


def test_another_error_is_not_waited_out() -> None:
    waits: list[float] = []

    def ask() -> None:
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        patiently(ask, "commit it", 3600, waits.append)
    assert waits == []


def test_a_store_that_comes_back_fails_no_publish(tmp_path: Path, store: ControlStore) -> None:
    request = staged(tmp_path, 3600)
    report = publish(request, AwayLedger(store, away_calls=1))
    assert report.version == version_of(report.path) == 1


def test_a_commit_whose_answer_was_lost_is_asked_for_again(tmp_path: Path, store: ControlStore) -> None:
    report = publish(staged(tmp_path, 3600), AwayLedger(store, lost_answers=1))
    assert report.version == version_of(report.path) == 1
    assert len(Ledger(store).history(TABLE, DAY)) == 1


def test_an_answer_lost_for_good_is_settled_by_the_ledger(tmp_path: Path, store: ControlStore) -> None:
    told: list[int] = []
    request = staged(tmp_path, 0)
    report = publish(request, AwayLedger(store, lost_answers=1), lambda r: told.append(r.version))
    assert report.version == version_of(report.path) == 1
    assert told == [1]
    assert not Path(request.manifest.staging).exists()


def test_an_outcome_that_nobody_can_tell_is_one_of_its_own(tmp_path: Path, store: ControlStore) -> None:
    request = staged(tmp_path, 0)
    with pytest.raises(
        UnknownOutcomeError, match="commit of version 1 by load load-1 was not answered"
    ) as told:
        publish(request, AwayLedger(store, lost_answers=1, away_afterwards=True))
    assert isinstance(told.value.__cause__, ControlUnavailableError)
    record = Ledger(store).current(TABLE, DAY)
    assert record
    assert not (live_of(request)).exists()
    settle(request.root, record)
    assert version_of(live_of(request)) == 1


class RefusingLedger(AwayLedger):
    """The answer to the commit is lost, and from then on the store answers that the process is nobody."""

    def _be_away(self) -> None:
        if self.away_calls:
            raise ControlError("Not authorized: the ticket has expired")


@pytest.mark.parametrize("commit_wait_s", [0, 3600])
def test_a_store_that_refuses_to_say_what_it_committed_leaves_the_outcome_unknown(
    tmp_path: Path, store: ControlStore, commit_wait_s: float
) -> None:
    request = staged(tmp_path, commit_wait_s)
    with pytest.raises(UnknownOutcomeError, match="the ledger cannot be read: Not authorized"):
        publish(request, RefusingLedger(store, lost_answers=1, away_afterwards=True))
    record = Ledger(store).current(TABLE, DAY)
    assert record
    settle(request.root, record)
    assert version_of(live_of(request)) == 1


class AwayAtCommit(AwayLedger):
    """The commit is on its way for so long that the store can be read again before."""

    late: PublishRecord

    def commit(self, record: PublishRecord) -> None:
        self.late = record
        raise ControlUnavailableError("the server is away")


class InterruptedLedger(AwayLedger):
    """Ctrl-C comes while the store commits."""

    def commit(self, record: PublishRecord) -> None:
        self.ledger.commit(record)
        raise KeyboardInterrupt


def test_an_interrupt_of_the_commit_ends_the_load_when_the_date_is_live(
    tmp_path: Path, store: ControlStore
) -> None:
    told: list[int] = []
    request = staged(tmp_path, 0)
    with pytest.raises(KeyboardInterrupt):
        publish(request, InterruptedLedger(store), lambda r: told.append(r.version))
    assert told == [1]
    assert version_of(live_of(request)) == 1


def test_a_commit_that_the_ledger_has_not_is_none_and_cannot_arrive_late(
    tmp_path: Path, store: ControlStore
) -> None:
    request, ledger = staged(tmp_path, 0), AwayAtCommit(store)
    with pytest.raises(ControlUnavailableError, match="the server is away"):
        publish(request, ledger)
    assert Ledger(store).current(TABLE, DAY) is None
    with pytest.raises(FencedError, match="its commit was not answered, and had not arrived"):
        Ledger(store).commit(ledger.late)
    assert not Path(request.manifest.staging).exists()


def test_a_store_that_stays_away_leaves_the_old_version_and_the_staged_files(
    tmp_path: Path, store: ControlStore
) -> None:
    request = staged(tmp_path, 0)
    with pytest.raises(ControlUnavailableError):
        publish(request, AwayLedger(store, away_calls=99))
    assert not (live_of(request)).exists()
    assert Path(request.manifest.staging).exists()


class StoppedLedger(AwayLedger):
    """Ctrl-C comes before the commit."""

    def current(self, table_name: str, biz_dt: date) -> PublishRecord | None:
        raise KeyboardInterrupt


def test_an_interrupt_before_the_commit_leaves_nothing_staged(tmp_path: Path, store: ControlStore) -> None:
    request = staged(tmp_path, 3600)
    with pytest.raises(KeyboardInterrupt):
        publish(request, StoppedLedger(store))
    assert Ledger(store).current(TABLE, DAY) is None
    assert not Path(request.manifest.staging).exists()


def test_what_ends_a_swap_leaves_the_date_to_recovery(tmp_path: Path, store: ControlStore) -> None:
    request = staged(tmp_path, 3600)

    def told(_: PublishReport) -> None:
        raise ValueError("a fault")

    with pytest.raises(UnknownOutcomeError, match="version 1 and was not brought to its end: ValueError"):
        publish(request, Ledger(store), told)


WAITING = """
import signal, sys, time
from fdm_platform.engines.patience import patiently
from fdm_platform.errors import ControlUnavailableError, UnknownOutcomeError

def ask():
    raise ControlUnavailableError("the server is away")

def wait(seconds):
    print("waits", flush=True)
    time.sleep(1e6)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
patiently(ask, "commit it", 3600, wait)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_signal_ends_the_wait(number: signal.Signals, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "waits\n"
    process.send_signal(number)
    process.communicate()
    assert process.returncode == code
