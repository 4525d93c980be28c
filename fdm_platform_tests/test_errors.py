"""The tree of errors is drawn as it is."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from typing import cast

import pytest

from fdm_platform import errors
from fdm_platform.errors import ConnectionLostError, FdmError, KilledError, Kind, LoadError, MachineError
from fdm_platform.model.causes import CAUSES, FULL_DISK, find_cause
from fdm_platform.model.limits import RetryLimits
from fdm_platform.planning.retrying import next_step


def below(error: type[FdmError], depth: int = 0) -> Iterator[tuple[int, str, int, str]]:
    for child in error.__subclasses__():
        yield depth, child.__name__, child.exit_code, child.kind
        yield from below(child, depth + 1)


def test_every_error_stands_in_the_tree_with_its_exit_code_and_kind() -> None:
    lines = re.findall(r"^    ([│ ]*)[├└]── (\w+) .* (\d+)   (\w+)$", errors.__doc__ or "", re.MULTILINE)
    drawn = [(len(indent) // 4, name, int(code), kind) for indent, name, code, kind in lines]
    assert sorted(drawn) == sorted(below(FdmError))


def test_another_try_is_for_what_was_away_or_taken() -> None:
    limits = RetryLimits(limit=1)
    kinds = {name: kind for _, name, _, kind in below(FdmError)}
    retried = {name for name, kind in kinds.items() if next_step(cast("Kind", kind), 0, limits) == "retry"}
    away = {"ControlUnavailableError", "StorageAwayError", "ConnectionLostError", "KilledError"}
    assert retried == away | {"LockedError", "ReplacedError"}


def test_exit_codes_tell_what_was_away_from_a_job_that_failed() -> None:
    codes = {name: code for _, name, code, kind in below(FdmError) if kind == "infrastructure"}
    assert codes == {
        "ControlUnavailableError": 4,
        "ConnectionLostError": 4,
        "KilledError": 5,
        "StorageAwayError": 6,
    }
    assert (LoadError.exit_code, MachineError.exit_code) == (5, 4)


def test_a_full_disk_is_no_lost_connection() -> None:
    text = "FetchFailed: java.io.IOException: No space left on device"
    found = find_cause(text)
    assert found is FULL_DISK
    assert find_cause("nothing of note") is None


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (str(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x")), "free space, or inodes"),
        (str(OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/x")), "have the quota raised"),
        (str(OSError(errno.EROFS, os.strerror(errno.EROFS), "/x")), "mount it writable"),
        (str(OSError(errno.EACCES, os.strerror(errno.EACCES), "/x")), "give the user"),
        ("java.io.IOException: Disk quota exceeded", "have the quota raised"),
        (
            "org.apache.hadoop.hdfs.protocol.DSQuotaExceededException: The DiskSpace quota of /t",
            "quota raised",
        ),
        ("NSQuotaExceededException: The NameSpace quota (directories and files) of /t", "quota raised"),
        ("java.io.FileNotFoundException: /t/x.orc (Read-only file system)", "mount it writable"),
        ("java.io.IOException: Mkdirs failed to create file:/t/.staging/l/_temporary/0", "inodes left"),
        ("AccessControlException: Permission denied: user=etl, access=WRITE", "give the user"),
    ],
)
def test_what_a_disk_refuses_is_the_machines_matter(text: str, remedy: str) -> None:
    found = find_cause(text)
    assert found is not None
    assert found.error is MachineError
    assert remedy in found.remedy


SAMPLES: dict[str, type[FdmError]] = {
    "IOException: No space left on device": MachineError,
    "java.io.IOException: Disk quota exceeded": MachineError,
    "java.io.FileNotFoundException: /t/x.orc (Read-only file system)": MachineError,
    "AccessControlException: Permission denied: user=etl, access=WRITE": MachineError,
    "java.io.IOException: Mkdirs failed to create file:/t/.staging/l/_temporary/0": MachineError,
    "java.lang.OutOfMemoryError: Java heap space": LoadError,
    "Invalid maximum heap size: -Xmx2gb": MachineError,
    "Error occurred during initialization of VM": MachineError,
    "java.net.SocketException: Address already in use": MachineError,
    "java.net.BindException: Cannot assign requested address: Service 'sparkDriver' failed": MachineError,
    "SparkException: Could not parse Master URL: 'yarm'": MachineError,
    "java.net.ConnectException: Connection refused (Connection refused)": ConnectionLostError,
    "org.postgresql.util.PSQLException: Connection to db:5432 refused.\nCaused by: java.net.ConnectException": ConnectionLostError,
    "java.sql.SQLRecoverableException: IO Error: The Network Adapter could not establish the connection": ConnectionLostError,
    "CommunicationsException: Communications link failure": ConnectionLostError,
    "java.sql.SQLTransientConnectionException: pool - Connection is not available": ConnectionLostError,
    "ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: Container was preempted": ConnectionLostError,
    "FetchFailed(BlockManagerId(2, host, 7337, None), shuffleId=0": ConnectionLostError,
    "RemoteException(SafeModeException): Cannot create file. Name node is in safe mode.": ConnectionLostError,
    "BlockMissingException: Could not obtain block: BP-1 file=/t/x.orc": ConnectionLostError,
    "TimeoutError: timed out": ConnectionLostError,
    "ConnectionResetError: [Errno 104] Connection reset by peer": ConnectionLostError,
    "gaierror: [Errno -3] Temporary failure in name resolution": ConnectionLostError,
    "http.client.RemoteDisconnected: Remote end closed connection without response": ConnectionLostError,
    "was killed by SIGKILL": KilledError,
}


@pytest.mark.parametrize("text", SAMPLES)
def test_what_messages_mean(text: str) -> None:
    found = find_cause(text)
    assert found is not None
    assert found.error is SAMPLES[text]
    assert found.remedy


def test_every_cause_has_a_sample() -> None:
    assert {find_cause(text) for text in SAMPLES} == set(CAUSES)


@pytest.mark.parametrize(
    "text",
    [
        "AnalysisException: [UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `amount` cannot be resolved",
        'PSQLException: ERROR: relation "payments" does not exist',
        "PSQLException: FATAL: password authentication failed for user",
        "KeyError: 'nobody'",
        "ArithmeticException: [DIVIDE_BY_ZERO] Division by zero",
    ],
)
def test_what_is_wrong_of_itself_is_not_tried_again(text: str) -> None:
    assert find_cause(text) is None
    assert next_step(LoadError(text).kind, 0, RetryLimits(limit=3)) == "park"
