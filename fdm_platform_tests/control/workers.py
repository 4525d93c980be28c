"""Processes that use one control store at the same time.

`python workers.py` says `ready` for each line that it is given: it has opened that store. With the next line it
works, prints JSON, and waits for another store. Its processes stay for the whole run of the tests: of one that
starts Java the start is most of the time.
"""

import atexit
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from fdm_platform.control.breakers import Breakers
from fdm_platform.control.claims import Claims
from fdm_platform.control.ledger import Ledger
from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.errors import PublishConflictError, RowExistsError
from fdm_platform.model.control import PublishRecord
from fdm_platform.model.limits import BreakerLimits

_workers: list[subprocess.Popen[str]] = []


def run_workers(work: str, url: str, *, workers: int, rounds: int) -> list[dict[str, Any]]:
    """What each of the processes did; they start their work together."""
    chosen = [_worker(n) for n in range(workers)]
    for n, process in enumerate(chosen):
        _tell(process, json.dumps([work, url, f"w{n}", rounds]))
    for process in chosen:
        assert _hear(process) == "ready"
    for process in chosen:
        _tell(process, "go")
    return [json.loads(_hear(process)) for process in chosen]


def _worker(n: int) -> subprocess.Popen[str]:
    """The n-th process; another in its place where a test that failed has ended it."""
    while len(_workers) <= n or _workers[n].poll() is not None:
        process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        _workers[n : n + 1] = [process]
    return _workers[n]


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().rstrip("\n")


@atexit.register
def end_workers() -> None:
    """A worker ends when it is given no more lines."""
    for process in _workers:
        process.communicate()
    _workers.clear()


def insert_ledger_rows(store: ControlStore, name: str, rounds: int) -> dict[str, Any]:
    won, lost = [], []
    for version in range(rounds):
        row = {
            "table_name": "t",
            "biz_dt": date(2024, 5, 15),
            "version": version,
            "load_id": name,
            "control_version": "",
            "code_version": "",
            "settings_version": "",
            "manifest": "{}",
            "published_at": datetime.now(UTC),
        }
        try:
            store.insert("fdm_publishes", row)
            won.append(version)
        except RowExistsError:
            lost.append(version)
    return {"name": name, "won": won, "lost": lost}


def upsert_jobs(store: ControlStore, name: str, rounds: int) -> dict[str, Any]:
    for n in range(rounds):
        own = {"job_id": f"{name}-{n}", "job_name": name, "comments": str(n)}
        shared = {"job_id": "shared", "job_name": f"{name}-{n}", "comments": f"{name}-{n}"}
        store.upsert("job_master", [own, shared])
    return {"name": name}


def create_tables(store: ControlStore, name: str, rounds: int) -> dict[str, Any]:
    return {"name": name, "created": [t for _ in range(rounds) for t in store.create(TABLES)]}


def publish_or_void(store: ControlStore, name: str, rounds: int) -> dict[str, Any]:
    """Each version: the even workers publish it, the odd ones declare it void."""
    ledger, day = Ledger(store), date(2024, 5, 15)
    published, void = [], []
    for version in range(rounds):
        if int(name[1:]) % 2:
            void += [version] if ledger.void("t", day, version, name, "test") else []
            continue
        try:
            ledger.commit(PublishRecord("t", day, version, name, "", "{}", datetime.now(UTC)))
            published.append(version)
        except PublishConflictError:
            continue
    return {"name": name, "published": published, "void": void}


def claim_and_publish(store: ControlStore, name: str, rounds: int) -> dict[str, Any]:
    """Each round: claim the date, publish what was claimed, free it; the numbers, and how often another had it.

    Every third claim is freed without publishing, as by a load that failed.
    """
    claims, ledger, day = Claims(store), Ledger(store), date(2024, 5, 15)
    published: list[int] = []
    held = tries = 0
    while len(published) < rounds:
        claim = claims.claim("t", day, name)
        if claim.load_id != name:
            held += 1
            continue
        tries += 1
        if tries % 3:  # another load with the same number would make this a conflict
            ledger.commit(PublishRecord("t", day, claim.version, name, "", "{}", datetime.now(UTC)))
            published.append(claim.version)
        claims.release([claim])
    return {"name": name, "published": published, "held": held}


def fail_and_probe(store: ControlStore, name: str, rounds: int) -> dict[str, Any]:
    """Note a failure in each round; when all workers have, and the breaker is open, try to be the probe."""
    breakers = Breakers(store, lambda: BreakerLimits(failures=8 * rounds, cooldown_s=0, longest_s=600))
    for _ in range(rounds):
        breakers.note_failure("source", "s", name, "away")
    while (breaker := breakers.of("source", "s")).state == "closed":
        time.sleep(0.1)
    return {"name": name, "noted": rounds, "probes": breakers.take_probe(breaker, name)}


WORKS: dict[str, Callable[[ControlStore, str, int], dict[str, Any]]] = {
    f.__name__: f
    for f in (
        insert_ledger_rows,
        upsert_jobs,
        create_tables,
        publish_or_void,
        claim_and_publish,
        fail_and_probe,
    )
}

if __name__ == "__main__":
    for line in sys.stdin:
        chosen, store_url, worker_name, round_count = json.loads(line)
        opened = open_store(store_url)
        opened.existing()  # connects
        print("ready", flush=True)  # noqa: T201 - the protocol with run_workers
        sys.stdin.readline()
        answer = WORKS[chosen](opened, worker_name, round_count)
        print(json.dumps(answer), flush=True)  # noqa: T201 - its answer
        opened.close()
