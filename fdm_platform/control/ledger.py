"""The ledger of published versions. Its insert is the commit point of publishing.

A version's number is taken once and for all: by the load that publishes it, or by `void`, which declares that
load dead. Whichever inserts first has decided, whatever anybody's clock says.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from datetime import UTC, date, datetime

from fdm_platform.control.manifests import read_whole, store_parts
from fdm_platform.control.store import MAX_IN_VALUES, ControlStore, Predicate
from fdm_platform.control.values import Row
from fdm_platform.errors import ControlError, FencedError, PublishConflictError, RowExistsError
from fdm_platform.model.control import VOID, Published, PublishRecord

TABLE = "fdm_publishes"
_WITHOUT_MANIFEST = tuple(f.name for f in fields(Published))


class Ledger:
    """The published versions of every date, in a control store. A PublishLedger.

    Void rows are no versions: only `next_versions` counts them.
    """

    def __init__(self, store: ControlStore) -> None:
        self._store = store

    def current(self, table_name: str, biz_dt: date) -> PublishRecord | None:
        """The newest version of a date, or None."""
        version = self.current_versions(table_name, [biz_dt]).get(biz_dt)
        return None if version is None else self._record(table_name, biz_dt, version)

    def find(self, table_name: str, biz_dt: date, version: int) -> PublishRecord | None:
        """Who has taken a number: a version of a date, or its being void."""
        return self._record(table_name, biz_dt, version)

    def current_versions(self, table_name: str, dates: Collection[date]) -> dict[date, int]:
        """The newest version of each of the dates that has one, in one scan."""
        return _newest(row for row in self._numbers(table_name, dates) if row["kind"] != VOID)

    def next_versions(self, table_name: str, dates: Collection[date]) -> dict[date, int]:
        """For each of the dates the first number that nobody has taken, in one scan."""
        taken = _newest(self._numbers(table_name, dates))
        return {day: taken.get(day, 0) + 1 for day in dates}

    def published(self, table_name: str, dates: Collection[date] | None = None) -> dict[date, Published]:
        """The newest version of each of the dates that has one, or of all dates, in one scan; without manifests."""
        if dates is not None and not dates:
            return {}
        where = [Predicate("table_name", "=", table_name)]
        if dates is not None:
            bounds = (Predicate("biz_dt", ">=", min(dates)), Predicate("biz_dt", "<=", max(dates)))
            where += [*bounds, *_one_of(dates)]
        newest: dict[date, Row] = {}
        wanted = None if dates is None else set(dates)
        for row in self._scan(where, _WITHOUT_MANIFEST):
            if (wanted is None or row["biz_dt"] in wanted) and (
                row["biz_dt"] not in newest or row["version"] > newest[row["biz_dt"]]["version"]
            ):
                newest[row["biz_dt"]] = row
        return {day: _published(newest[day]) for day in sorted(newest)}

    def versions(self, table_name: str, biz_dt: date) -> list[Published]:
        """All versions of a date, newest first, in one scan; without manifests."""
        where = [Predicate("table_name", "=", table_name), Predicate("biz_dt", "=", biz_dt)]
        found = [_published(row) for row in self._scan(where, _WITHOUT_MANIFEST)]
        return sorted(found, key=lambda p: p.version, reverse=True)

    def history(self, table_name: str, biz_dt: date) -> list[PublishRecord]:
        """All versions of a date, oldest first."""
        where = [Predicate("table_name", "=", table_name), Predicate("biz_dt", "=", biz_dt)]
        records = [self._whole(row) for row in self._scan(where)]
        return sorted(records, key=lambda record: record.version)

    def commit(self, record: PublishRecord) -> None:
        """Insert a version. PublishConflictError if another load has published that version; FencedError if it is void.

        A repeat of the same load's own commit is none: a load whose first answer was lost may ask again.
        The insert alone commits: what of the manifest does not fit into its row is there before it.
        """
        cell = store_parts(self._store, record.table_name, record.biz_dt, record.load_id, record.manifest)
        try:
            self._store.insert(TABLE, {**asdict(record), "manifest": cell})
        except RowExistsError as error:
            winner = self._record(record.table_name, record.biz_dt, record.version)
            if winner and (winner.load_id, winner.manifest) == (record.load_id, record.manifest):
                return
            raise _conflict(record, winner) from error

    def void(self, table_name: str, biz_dt: date, version: int, load_id: str, why: str) -> bool:
        """Declare that the load, which is dead, never publishes this version: it could not, if it came back.

        True where the number is void now, also where it was before; False where the version is published. May be
        repeated. ControlError where the table is of an earlier release, which cannot say that a row is void.
        """
        self._require_kind()
        row = PublishRecord(
            table_name=table_name,
            biz_dt=biz_dt,
            version=version,
            load_id=load_id,
            control_version="",
            manifest=json.dumps({"void": why}),
            published_at=datetime.now(UTC),
            kind=VOID,
        )
        try:
            self._store.insert(TABLE, asdict(row))
        except RowExistsError:
            standing = self._record(table_name, biz_dt, version)
            return standing is not None and standing.kind == VOID
        return True

    def _require_kind(self) -> None:
        if "kind" not in self._store.layout(TABLE).columns:
            raise ControlError(
                f"{TABLE} has no column kind, so a load that is dead cannot be kept from publishing",
                file=self._store.url,
                field=f"{TABLE}.kind",
                remedy="add it (`fdm control init` in SQLite; `kudu table add_column <masters> <table> kind STRING` "
                "in Kudu), then restart what runs",
            )

    def _numbers(self, table_name: str, dates: Collection[date]) -> Iterator[Row]:
        """Date, number and kind of every row of these dates."""
        if not dates:
            return
        wanted = set(dates)
        where = [
            Predicate("table_name", "=", table_name),
            Predicate("biz_dt", ">=", min(wanted)),
            Predicate("biz_dt", "<=", max(wanted)),
        ]
        for row in self._store.scan(TABLE, where, ["biz_dt", "version", "kind"]):
            if row["biz_dt"] in wanted:
                yield row

    def _scan(self, where: Sequence[Predicate], columns: Sequence[str] | None = None) -> Iterator[Row]:
        """Rows of versions, not of void numbers."""
        return (row for row in self._store.scan(TABLE, where, columns) if row["kind"] != VOID)

    def _record(self, table_name: str, biz_dt: date, version: int) -> PublishRecord | None:
        where = [
            Predicate("table_name", "=", table_name),
            Predicate("biz_dt", "=", biz_dt),
            Predicate("version", "=", version),
        ]
        return next((self._whole(row) for row in self._store.scan(TABLE, where)), None)

    def _whole(self, row: Row) -> PublishRecord:
        manifest = read_whole(self._store, row["table_name"], row["biz_dt"], row["load_id"], row["manifest"])
        return PublishRecord(**{**row, "manifest": manifest})


def _newest(rows: Iterable[Row]) -> dict[date, int]:
    newest: dict[date, int] = {}
    for row in rows:
        newest[row["biz_dt"]] = max(row["version"], newest.get(row["biz_dt"], 0))
    return newest


def _one_of(dates: Collection[date]) -> list[Predicate]:
    few = len(dates) <= MAX_IN_VALUES
    return [Predicate("biz_dt", "in", sorted(dates))] if few else []


def _published(row: Row) -> Published:
    return Published(**{**row, "parents": json.loads(row["parents"] or "{}")})


def _conflict(record: PublishRecord, winner: PublishRecord | None) -> PublishConflictError:
    if winner and winner.kind == VOID:
        return FencedError(
            f"{record.table_name} {record.biz_dt}: load {record.load_id} was declared dead at "
            f"{winner.published_at.isoformat()}, and its version {record.version} is void: "
            f"{json.loads(winner.manifest)['void']}",
            remedy="nothing was published by it; load the date again if nobody has since",
        )
    by = f"load {winner.load_id} at {winner.published_at.isoformat()}" if winner else "another load"
    return PublishConflictError(
        f"{record.table_name} {record.biz_dt}: version {record.version} was published by {by}; "
        f"load {record.load_id} came second",
        remedy="run the date again if its newer sources matter",
    )
