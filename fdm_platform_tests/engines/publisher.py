"""A process that publishes or recovers one date, for tests that kill or stop it at a crash point.

    python publisher.py <renames> publish <root> <store> <value> <load id> <version>
    python publisher.py <renames> recover <root> <store>

`renames` is `exchange`, or `two` for a kernel that has no renameat2: seccomp answers ENOSYS for it. The root may be a
URI of Hadoop's.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import signal
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pyarrow as pa

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.store import open_store
from fdm_platform.engines.folders import Where, text_of
from fdm_platform.engines.publishing import PublishReport, PublishRequest, publish, settle, unfinished
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import STAGING, discard
from fdm_platform.errors import PublishError

DAY = date(2024, 5, 15)
TABLE = "gels_fpms_t"
_RENAMEAT2 = {"x86_64": 316, "aarch64": 276}
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _FILTER = 22, 38, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def forbid_renameat2() -> None:
    """From here on this process's kernel does not know renameat2.

    https://docs.kernel.org/userspace-api/seccomp_filter.html
    """
    code = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (0x20, 0, 0, 0),  # load the system call's number
            (0x15, 0, 1, _RENAMEAT2[platform.machine()]),  # is it this one?
            (0x06, 0, 0, 0x00050000 | errno.ENOSYS),  # answer with an error
            (0x06, 0, 0, 0x7FFF0000),  # let it pass
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(code) // 8, code)
    assert libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0


def staged(root: Where, value: str, load_id: str, version: int) -> PublishRequest:
    table = pa.table({"v": [value, value], "biz_status": ["ACTIVE", "INACTIVE"]})
    staging = f"{text_of(root)}/{STAGING}/{load_id}/{DAY}"
    area = StagingArea(load_id, TABLE, DAY, staging, ("biz_dt", "biz_status"))
    return PublishRequest(root, stage_frame(table, area), version, "row-1", keep_versions=1)


def recover(root: Where, ledger: Ledger) -> None:
    """What recovery does with the folders, where no load lives."""
    current = ledger.current(TABLE, DAY)
    for left in unfinished(root):
        if left.biz_dt and current and current.load_id == left.load_id:
            settle(root, current)
        else:
            discard(left.folder)


def main(renames: str, action: str, root: Where, store_url: str, *of: str) -> None:
    if renames == "two":
        forbid_renameat2()
    ledger = Ledger(open_store(store_url))
    if action == "recover":
        recover(root, ledger)
    elif action == "race":
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: recover(root, ledger), range(8)))
    else:
        value, load_id, version = of
        publish(staged(root, value, load_id, int(version)), ledger, told)


def told(report: PublishReport) -> None:
    sys.stdout.write(f"told {report.version}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main(sys.argv[1], sys.argv[2], *sys.argv[3:])
    except PublishError as error:
        sys.stdout.write(f"{type(error).__name__} {error}\n")
        sys.exit(error.exit_code)
