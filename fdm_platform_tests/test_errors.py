"""The tree of errors is drawn as it is."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator

import pytest

from fdm_platform import errors
from fdm_platform.errors import FdmError, MachineError
from fdm_platform.model.causes import CAUSES, find_cause


def below(error: type[FdmError], depth: int = 0) -> Iterator[tuple[int, str, int, str]]:
    for child in error.__subclasses__():
        yield depth, child.__name__, child.exit_code, child.kind
        yield from below(child, depth + 1)


def test_every_error_stands_in_the_tree_with_its_exit_code_and_kind() -> None:
    lines = re.findall(r"^    ([│ ]*)[├└]── (\w+) .* (\d+)   (\w+)$", errors.__doc__ or "", re.MULTILINE)
    drawn = [(len(indent) // 4, name, int(code), kind) for indent, name, code, kind in lines]
    assert sorted(drawn) == sorted(below(FdmError))


def test_another_try_is_for_what_was_away_or_taken() -> None:
    retried = {name for _, name, _, _ in below(FdmError) if getattr(errors, name)("x").retryable}
    assert retried == {"ControlUnavailableError", "ConnectionLostError", "KilledError", "LockedError"}


def test_a_full_disk_is_no_lost_connection() -> None:
    text = "FetchFailed: java.io.IOException: No space left on device"
    found = find_cause(text)
    assert found is CAUSES[0]
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
        ("AccessControlException: Permission denied: user=etl, access=WRITE", "give the user"),
    ],
)
def test_what_a_disk_refuses_is_the_machines_matter(text: str, remedy: str) -> None:
    found = find_cause(text)
    assert found is not None
    assert found.error is MachineError
    assert remedy in found.remedy
