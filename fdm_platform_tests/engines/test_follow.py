from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fdm_platform.engines.follow import describe_end, diagnose, follow, headline, tail
from fdm_platform.errors import ConnectionLostError, KilledError, LoadError, MachineError
from fdm_platform.model.report import LogLine, Progress, encode


def test_messages_appear_while_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    file.touch()
    over = threading.Event()
    messages = follow(file, over.is_set)
    with file.open("a", buffering=1) as out:
        out.write(encode(LogLine("INFO", "one")) + "\n")
        assert next(messages) == LogLine("INFO", "one")
        half = encode(Progress(1, 2)) + "\n"
        out.write(half[:20])
        out.flush()

        def finish() -> None:
            out.write(half[20:])
            over.set()

        threading.Timer(0.1, finish).start()
        assert list(messages) == [Progress(1, 2)]


def test_a_line_that_was_cut_off_is_no_message(tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    file.write_text(encode(LogLine("INFO", "one")) + "\n" + encode(LogLine("INFO", "two")))
    assert list(follow(file, lambda: True)) == [LogLine("INFO", "one")]


def test_a_line_of_garbage_is_shown_and_the_rest_still_read(tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    lines = [
        "{nonsense",
        "",
        "[]",
        '{"method": "later_version", "params": {}}',
        encode(LogLine("INFO", "end")),
    ]
    file.write_text("\n".join(lines) + "\n")
    first, second, last = follow(file, lambda: True)
    assert first == LogLine("WARNING", "unreadable message from the driver: b'{nonsense'")
    assert second == LogLine("WARNING", "unreadable message from the driver: b'[]'")
    assert last == LogLine("INFO", "end")


def test_following_stops_when_told(tmp_path: Path) -> None:
    (tmp_path / "m").touch()
    assert list(follow(tmp_path / "m", lambda: False, stop=lambda: True)) == []


def test_the_tail_of_a_long_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\n".join(f"line {i}" for i in range(100_000)))
    assert tail(tmp_path / "log", 2) == ["line 99998", "line 99999"]
    assert tail(tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            [
                "Traceback (most recent call last):",
                "py4j.protocol.Py4JJavaError: An error occurred while calling o1.orc.",
                "Caused by: org.apache.spark.SparkException: Job aborted.",
                "\tat a.b",
                "Caused by: java.io.IOException: disk is gone",
            ],
            "java.io.IOException: disk is gone",
        ),
        (
            ["Exception in thread \"main\" org.apache.spark.SparkException: Could not parse Master URL: 'x'"],
            "org.apache.spark.SparkException: Could not parse Master URL: 'x'",
        ),
        (["x", "ImportError: No module named a"], "ImportError: No module named a"),
        (
            ["Invalid maximum heap size: -Xmxlots", "Error: Could not create the JVM."],
            "Invalid maximum heap size: -Xmxlots",
        ),
        (["nothing of note"], None),
    ],
)
def test_the_headline_is_the_cause(log: list[str], expected: str | None) -> None:
    assert headline(log) == expected


def test_how_it_ended() -> None:
    assert describe_end(3) == "ended with exit code 3"
    assert describe_end(137) == "ended with exit code 137: what it ran was killed by SIGKILL"
    assert describe_end(-9) == "was killed by SIGKILL"
    assert describe_end(-99) == "was killed by signal 99"


def test_known_causes_have_remedies() -> None:
    assert diagnose("java.io.IOException: No space left on device")[0] is MachineError
    assert "driver_memory" in diagnose("java.lang.OutOfMemoryError: Java heap space")[1]
    assert diagnose("something else")[0] is LoadError
    assert diagnose("something else", "was killed by SIGKILL")[0] is KilledError
    assert diagnose("java.net.ConnectException: Connection refused")[0] is ConnectionLostError
