"""What the messages of Spark, Hadoop, JDBC drivers and the JVM mean: which of our errors it is, and what to do.

Whether another try can help follows from the error's kind (fdm_platform/errors.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from fdm_platform.errors import ConnectionLostError, FdmError, KilledError, LoadError, MachineError


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause that is known by a text in its message."""

    texts: tuple[str, ...]
    error: type[FdmError]
    remedy: str


FULL_DISK = Cause(
    ("No space left on device",),
    MachineError,
    "free space, or inodes, on the disks of the landing root and of spark.local.dir",
)
CAUSES = (
    FULL_DISK,
    Cause(
        ("Disk quota exceeded", "DSQuotaExceededException", "NSQuotaExceededException"),
        MachineError,
        "remove what is not needed there, or have the quota raised",
    ),
    Cause(
        ("Read-only file system",),
        MachineError,
        "mount it writable; Linux mounts a file system read-only by itself when its disk fails (see dmesg)",
    ),
    Cause(
        ("Mkdirs failed to create",),  # Hadoop does not say why
        MachineError,
        "see whether the disk has room and inodes left (df, df -i), is mounted writable, and may be written by Spark's user",
    ),
    Cause(
        ("Permission denied", "AccessControlException"),
        MachineError,
        "give the user that runs the platform, and the one that runs Spark, the right to read and write there",
    ),
    Cause(
        ("OutOfMemoryError",),
        LoadError,
        "raise launch.driver_memory (or executor_memory on a cluster) of the table",
    ),
    Cause(
        ("Invalid maximum heap size", "Invalid initial heap size"),
        MachineError,
        "write launch.driver_memory as Spark does, e.g. 2g",
    ),
    Cause(
        ("initialization of VM",), MachineError, "lower launch.driver_memory, or free memory on this machine"
    ),
    Cause(("Address already in use",), MachineError, "end what uses the port, or set spark.port.maxRetries"),
    Cause(("BindException",), MachineError, "end what uses the port, or set spark.driver.bindAddress"),
    Cause(
        ("Could not parse Master URL",),
        MachineError,
        "set launch.master to local[*], yarn, spark://… or k8s://…",
    ),
    Cause(
        (
            *("ConnectException", "SocketTimeoutException", "SocketException", "NoRouteToHostException"),
            *("UnknownHostException", "Connection refused", "Connection reset", "ExecutorLostFailure"),
            *("FetchFailed", "Executor heartbeat timed out", "SparkContext was shut down"),
            *("stopped SparkContext", "Py4JNetworkError", "ConnectTimeoutException", "Connection timed out"),
            *("SQLRecoverableException", "SQLTransientConnectionException", "Communications link failure"),
            *("SafeModeException", "StandbyException", "BlockMissingException", "TTransportException"),
            *("TimeoutError", "RemoteDisconnected", "Broken pipe", "Name or service not known"),
            *("Temporary failure in name resolution",),
        ),
        ConnectionLostError,
        "see whether what it names is up; a table with `retries` is tried again by itself",
    ),
    Cause(
        ("was killed by SIGKILL",),
        KilledError,
        "see whether the machine's memory ran out; lower launch.driver_memory",
    ),
)
"""In the order in which they are looked for: a full disk also loses connections."""


def find_cause(text: str) -> Cause | None:
    """The first known cause that a text names."""
    return next((c for c in CAUSES if any(t in text for t in c.texts)), None)
