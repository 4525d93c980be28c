from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.legacy import framework
from fdm_platform.legacy.framework import metrics
from fdm_platform.legacy.framework.orchestrator import Task, execute_jobs, resolve_dependencies, run
from fdm_platform.model.report import LogLine, Metric
from fdm_platform_tests.legacy.jobs import Inside, script_plan


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    return Inside(tmp_path, script_plan(tmp_path), monkeypatch)


def test_lines_go_to_the_log_file_and_to_the_run_once_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: Inside, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "logs" / "job.log"
    monkeypatch.setenv("LOG_FILE", str(log))
    for _ in range(2):
        logger = framework.get_logger("etl")
    logger.info("%d rows", 7)
    logger.debug("not this")
    logger.warning("odd\nlines")
    told = log.read_text().splitlines()
    assert [line.partition(" INFO ")[2] for line in told[:1]] == ["etl: 7 rows"]
    assert told[1].endswith("WARNING etl: odd")
    assert len(told) == 3
    assert capsys.readouterr().err == log.read_text()
    assert inside.told() == [LogLine("INFO", "7 rows"), LogLine("WARNING", "odd\nlines")]


def test_a_log_that_cannot_be_written_fails_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOG_FILE", str(tmp_path / "file" / "job.log"))
    framework.get_logger("unwritable").info("still here")
    assert "still here" in capsys.readouterr().err


def test_figures_are_logged_and_reported(inside: Inside) -> None:
    metrics.log_metrics({"rows": 7, "rate": 0.5, "name": "x", "none": None, "is_ok": True}, cpu=2)
    assert [m for m in inside.told() if isinstance(m, Metric)] == [
        Metric("rows", 7),
        Metric("rate", 0.5),
        Metric("cpu", 2),
    ]
    assert LogLine("INFO", "name = x") in inside.told()
    assert metrics.rows_processed(12, "in") == 12
    assert Metric("in", 12) in inside.told()
    assert metrics.rows_processed(object()) == 0


def test_a_job_s_start_and_end_with_any_arguments(inside: Inside) -> None:
    logger = logging.getLogger("mine")
    assert metrics.track_job_start("job", logger, run_id="7") > 0
    assert metrics.track_job_end("job", "Completed", run_id="7") >= 0
    assert metrics.track_job_end("never started") == 0.0
    metrics.track_job_start()
    metrics.track_job_end(status="Failed: boom")
    told = [m.message for m in inside.told() if isinstance(m, LogLine)]
    assert any(t.startswith("job: Completed after") and t.endswith("(run_id=7)") for t in told)
    assert any("Failed: boom" in t for t in told)


def test_a_block_and_a_function_are_timed(inside: Inside) -> None:
    @metrics.timed
    def one(x: int) -> int:
        return x + 1

    @metrics.timed("two", logger=logging.getLogger("mine"))  # type: ignore[untyped-decorator]
    def two() -> int:
        raise ValueError("as it was")

    assert one(1) == 2
    with pytest.raises(ValueError, match="as it was"):
        two()
    with metrics.timed("three") as clock:
        pass
    assert clock.seconds >= 0
    names = [m.name for m in inside.told() if isinstance(m, Metric)]
    assert names == ["one_seconds", "two_seconds", "three_seconds"]


def test_messages_of_threads_are_whole(inside: Inside) -> None:
    threads = [
        threading.Thread(target=metrics.log_metrics, args=({f"m{i}": i for i in range(50)},))
        for _ in range(4)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len([json.loads(line) for line in inside.messages.read_text().splitlines()]) == 4 * 50 * 2


def test_tasks_run_after_those_that_they_depend_on() -> None:
    done: list[str] = []
    tasks = [Task(n, done.append, after, args=(n,)) for n, after in [("c", "ab"), ("a", ""), ("b", "a")]]
    assert run(tasks) == {"a": None, "b": None, "c": None}
    assert done == ["a", "b", "c"]
    assert run(Task("one", lambda: 1)) == {"one": 1}
    rows = [
        {"dependent_job_name": "y", "parent_job_name": "x"},
        {"dependent_job_name": "x", "parent_job_name": "?"},
    ]
    assert execute_jobs(["y", "x"], str.upper, rows) == {"x": "X", "y": "Y"}
    assert execute_jobs([Task("t", lambda: 2)]) == {"t": 2}


@pytest.mark.parametrize(
    ("tasks", "says"),
    [
        ({"a": ["b"], "b": ["a"]}, "depend on each other"),
        ({"a": ["c"]}, "no task is called c"),
        ([Task("a"), Task("a")], "same name"),
    ],
)
def test_tasks_that_cannot_be_ordered_are_an_error(tasks: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        run(tasks) if isinstance(tasks, list) else resolve_dependencies(tasks)


def test_an_error_ends_a_run() -> None:
    done: list[str] = []

    def fail() -> None:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        run([Task("a", fail), Task("b", done.append, ["a"], args=("b",))])
    assert done == []
    with pytest.raises(ValueError, match="needs a function"):
        execute_jobs(["a"])
