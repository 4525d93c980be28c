"""Rows of attempts in the control store, in either generation of execution_log.

Writing a row again changes nothing, in whatever order processes and time-outs let writes arrive: a start
row is inserted, so it never replaces a row; a final row stands for good. Where execution_log's key is
job_id alone (generation 2), every attempt is a row of fdm_execution_log, and execution_log holds the
row of each job's newest attempt. Source of the generations: the legacy framework's contract.
"""

from __future__ import annotations

from typing import Any

from fdm_platform.control.layout import TableLayout
from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.control.values import Row
from fdm_platform.errors import RowExistsError

TABLE = "execution_log"
HISTORY = "fdm_execution_log"
BY_DATE = "fdm_attempts"
"""The same attempts by landing table and business date, which execution_log does not know."""
STARTED = "Started"


class AttemptRows:
    """Writes and finds the rows of attempts. Threads may share it."""

    def __init__(self, store: ControlStore) -> None:
        self._store = store
        self._layouts: dict[str, TableLayout] = {}

    def write(self, row: Row) -> Row:
        """Bring the store to this state of the attempt; the row that stands there now.

        It is another than the one given where the attempt has a final row already.
        """
        table = self._history_table()
        standing = self._write_start(table, row) if row["status"] == STARTED else self._write_end(table, row)
        if table != TABLE and standing.get("job_id"):
            self._show_newest(standing)
        if row.get("table_name"):
            self._write_by_date({**row, **{k: v for k, v in standing.items() if v is not None}})
        return standing

    def _write_by_date(self, row: Row) -> None:
        """An open attempt's row never replaces a final one: `row` is as execution_log has it."""
        if row["status"] != STARTED:
            self._store.upsert(self._own(BY_DATE), [self._fitting(BY_DATE, row)])
            return
        try:
            self._store.insert(self._own(BY_DATE), self._fitting(BY_DATE, row))
        except RowExistsError:
            if row.get("spark_app_id"):
                key = {name: row[name] for name in ("table_name", "biz_dt", "load_id")}
                self._store.upsert(BY_DATE, [{**key, "id": row["id"], "spark_app_id": row["spark_app_id"]}])

    def find(self, attempt_id: str) -> Row | None:
        """The attempt's row, or None."""
        where = [Predicate("id", "=", attempt_id)]
        return next(self._store.scan(self._history_table(), where), None)

    def _write_start(self, table: str, row: Row) -> Row:
        try:
            self._store.insert(table, self._fitting(table, row))
        except RowExistsError:
            # Its status is not ours to write any more: only what the start row did not say yet.
            if row.get("spark_app_id"):
                self._store.upsert(table, [{"id": row["id"], "spark_app_id": row["spark_app_id"]}])
        return row

    def _write_end(self, table: str, row: Row) -> Row:
        stored = self.find(row["id"])
        if stored and stored["status"] and stored["status"] != STARTED:
            return stored
        self._store.upsert(table, [self._fitting(table, row)])
        return row

    def _show_newest(self, row: Row) -> None:
        """Write the job's newest attempt to execution_log, unless a newer one of another program is there.

        Two processes may be here at once with two attempts of one job. Each wrote its own to the history
        first, and looks there again after it wrote here: so the last of them leaves the newest.
        """
        written: Row | None = None
        since = [Predicate("job_id", "=", row["job_id"]), Predicate("id", ">=", row["id"])]
        job = [Predicate("job_id", "=", row["job_id"])]
        while True:
            newest = max(self._store.scan(HISTORY, since), key=_age, default=row)
            shown = next(self._store.scan(TABLE, job, ["id"]), None)
            if newest == written or (shown and _age(shown) > _age(newest)):
                return
            self._store.upsert(TABLE, [self._fitting(TABLE, newest)])
            written = newest

    def _history_table(self) -> str:
        """The table that has a row for each attempt; made where it is the platform's own and missing."""
        if self._layout(TABLE).key != ("job_id",):
            return TABLE
        return self._own(HISTORY)

    def _own(self, table: str) -> str:
        """One of the platform's own tables; made where it is missing."""
        if table not in self._layouts:
            self._store.create([table])
        self._layout(table)
        return table

    def _layout(self, table: str) -> TableLayout:
        if table not in self._layouts:
            self._layouts[table] = self._store.layout(table)
        return self._layouts[table]

    def _fitting(self, table: str, row: Row) -> Row:
        """The columns that the table has here."""
        return {name: row[name] for name in self._layout(table).columns if name in row}


def _age(row: Row) -> tuple[int, Any]:
    """What sorts attempts by their start. An id of another form is older than any of ours."""
    micros, _, rest = str(row["id"] or "").partition("_")
    return (int(micros), rest) if micros.isdecimal() else (-1, "")
