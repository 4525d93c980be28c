"""What the Kudu store asks of a client library. One implementation for each: the Java client, kudu-python.

Values are those of Kudu's types: str for STRING and VARCHAR, date for DATE, int for the integers and for
UNIXTIME_MICROS (microseconds since 1970), float for DOUBLE and FLOAT, None for NULL. Names of tables and
columns are the cluster's own. Which column stands for which, and what a value means, is store.py's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from fdm_platform.control.layout import StoredColumn

ScanOperator = Literal["=", "<", "<=", ">", ">=", "in", "is_null", "is_not_null"]
WriteKind = Literal["insert", "upsert", "delete"]

TIMEOUT_S = 10.0
"""Most time of one operation, retries of the client's own among it: an error is told within 15 seconds."""


@dataclass(frozen=True, slots=True)
class ScanPredicate:
    """A condition that the tablet servers apply; `value` is a list for `in` and None for the null tests."""

    column: str
    op: ScanOperator
    value: Any = None


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table as the cluster has it."""

    columns: tuple[StoredColumn, ...]
    comment: str


@dataclass(frozen=True, slots=True)
class NewTable:
    """A table to be made: key columns first; hashed by some of them, and by range on the one of `range_by`.

    `ranges` are (lower, upper) values of that column, lower included, upper not, None for no bound.
    """

    name: str
    columns: tuple[StoredColumn, ...]
    hash_by: tuple[str, ...]
    hash_buckets: int
    comment: str
    replicas: int
    range_by: str | None = None
    ranges: tuple[tuple[str | None, str | None], ...] = ()


class KuduFailure(Exception):  # noqa: N818 - the word of Kudu's documents is status
    """What a client library reported. `status` is Kudu's own name, such as `Not found` or `Timed out`."""

    def __init__(self, status: str, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(f"{status}: {message}")


class KuduClient(Protocol):
    """A connection to a cluster; safe for threads. Every method raises KuduFailure."""

    @property
    def name(self) -> str:
        """The client library and its version, for the log."""
        ...

    def tables(self) -> list[str]:
        """Names of all tables of the cluster."""
        ...

    def servers(self) -> int:
        """How many tablet servers the cluster has."""
        ...

    def describe(self, table: str) -> StoredTable:
        """The table's own schema, read now."""
        ...

    def create(self, table: NewTable) -> None:
        """Make a table, and wait until it can be used. Status `Already present` where there is one."""
        ...

    def add_range(self, table: str, column: str, lower: str, upper: str) -> None:
        """Add a range partition; no error where there is one already."""
        ...

    def scan(
        self,
        table: str,
        columns: Sequence[str],
        where: Sequence[ScanPredicate],
        *,
        at: int | None,
        limit: int | None,
    ) -> Iterator[tuple[Any, ...]]:
        """Rows as tuples in the order of `columns`, all of one state of the table.

        The state is that at the timestamp `at` (from `timestamp`), or one of now that holds what this client
        wrote. The scan is open when this returns: faults of its making are raised at once.
        """
        ...

    def write(
        self, kind: WriteKind, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Apply rows, in batches; returns when all are durable. A column that is not given is not set.

        The first row that was refused is raised (`Already present` for an insert's key, `Not found` for a
        value that no range partition covers); a delete of a key that is not there is no error.
        """
        ...

    def timestamp(self) -> int:
        """A timestamp of now for `scan`, in Kudu's own form, behind every write that this client has seen."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
