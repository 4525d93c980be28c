"""The harness finds what is wrong: readers that meet a mix or a gap say so, and plain Spark does not pass."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fdm_platform_tests.deployment import PROJECT
from fdm_platform_tests.faults.counted import rows_of
from fdm_platform_tests.faults.reading import GoneError, Judge, Rows

ROOT = "/landing/t"


def rows(load_no: int, day: str = "20240603", *, half: str = "") -> list[tuple[str, int, int, int]]:
    """The rows of a version, or those in one of its folders."""
    return [
        (day, r["load_no"], r["n"], r["of_rows"])
        for r in rows_of(load_no).to_pylist()
        if half in ("", r["biz_status"])
    ]


def judged(*reads: Rows) -> dict[str, int]:
    judge = Judge(io.StringIO())
    for read in reads:
        judge.take(ROOT, lambda read=read: read)  # type: ignore[misc]
    return judge.problems


def test_whole_versions_one_after_the_other_are_in_order() -> None:
    assert judged([], rows(1), rows(1), rows(3), rows(3) + rows(4, "20240604")) == {}


@pytest.mark.parametrize(
    ("reads", "problem"),
    [
        ([rows(1, half="ACTIVE")], "mixed"),
        ([rows(1, half="ACTIVE") + rows(2, half="INACTIVE")], "mixed"),
        ([rows(1) + rows(1)], "mixed"),
        ([rows(2), rows(1)], "backwards"),
        ([rows(1), []], "missing"),
    ],
)
def test_a_reader_tells_what_is_no_whole_version(reads: list[Rows], problem: str) -> None:
    assert judged(*reads) == {problem: 1}


def test_a_file_that_is_gone_is_read_again_and_any_other_error_is_told() -> None:
    def fail(error: Exception) -> Rows:
        raise error

    judge = Judge(io.StringIO())
    judge.take(ROOT, lambda: fail(GoneError("no such file")))
    assert (judge.repeated, judge.problems) == (1, {})
    judge.take(ROOT, lambda: fail(ValueError("no ORC")))
    assert judge.problems == {"unreadable": 1}


def test_a_date_that_was_replaced_while_it_was_read_is_counted_and_not_judged() -> None:
    judge, markers = Judge(io.StringIO()), {"20240603": "load-1", "20240604": "load-1"}
    whole = [*rows(1), *rows(1, "20240604")]
    judge.take(ROOT, lambda: whole, lambda: markers)

    def replaced() -> Rows:
        markers["20240603"] = "load-2"
        return [*rows(2, half="ACTIVE"), *rows(1, "20240604", half="ACTIVE")]

    judge.take(ROOT, replaced, lambda: dict(markers))
    assert (judge.replaced, judge.problems) == (1, {"mixed": 1}), "of the date whose marker is the same"
    judge.take(ROOT, lambda: [*rows(2), *rows(1, "20240604")], lambda: markers)
    assert (judge.replaced, judge.problems) == (1, {"mixed": 1})
    assert judge.seen == {ROOT: {"20240603": 2, "20240604": 1}}


def test_each_version_has_a_folder_more_or_less_than_the_one_before() -> None:
    folders = [frozenset(rows_of(k)["biz_status"].to_pylist()) for k in range(1, 8)]
    assert {len(of) for of in folders} == {1, 2, 3}
    assert all(a != b for a, b in itertools.pairwise(folders))


def trials(folder: Path, *options: str) -> dict[str, Any]:
    """The last line of benchmarks/faults.py."""
    command = [sys.executable, str(PROJECT / "benchmarks" / "faults.py"), "--keep", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.spark
def test_plain_spark_does_not_pass(tmp_path: Path) -> None:
    told = trials(tmp_path / "kept", "--target", "spark-overwrite", "--trials", "1", "--readers", "1")
    assert told["trials"] == told["killed"]["driver"] == 1
    assert told["violations"] > 0


@pytest.mark.spark
def test_random_kills_of_the_platform_violate_nothing(tmp_path: Path) -> None:
    told = trials(tmp_path / "kept", "--readers", "1", "--trials", "3", "--seed", "7")
    assert told["trials"] == 3
    assert told["reads"] > told["trials"]
    victims = ("worker", "driver", "jvm", "recovery", "daemon")
    assert sum(told["killed"].get(victim, 0) for victim in victims) >= 2, told["killed"]
    found = ("violations", "lost_log_rows", "doubled_log_rows", "leftovers")
    assert [told[name] for name in found] == [0, 0, 0, 0]
