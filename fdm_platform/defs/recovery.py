"""Recovery: what loads left whose process died is put in order, by whoever comes by. No Dagster here.

All of it may be repeated, be interrupted, and be done by several processes at once (docs/recovery.md).
"""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fdm_platform.control.loads import BEATS_PER_LEASE
from fdm_platform.defs.closing import close_orphans
from fdm_platform.defs.giving_up import OTHERS_WAIT_S, describe, give_up
from fdm_platform.defs.liveness import Watch, is_alive
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.pruning import prune
from fdm_platform.defs.roots import landed_roots, root_of
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.orphan import processes_of
from fdm_platform.engines.publishing import unfinished
from fdm_platform.errors import ControlUnavailableError, FdmError
from fdm_platform.model.claim import LoadRow
from fdm_platform.model.recovered import Recovered
from fdm_platform.processes import start_of, this_host

_KILLED_WAIT_S = 5.0
_POLL_S = 0.05

IsUnwanted = Callable[[str], bool]
"""Whether Dagster has ended the run of this load id."""


def recover(
    platform: Platform,
    tables: Collection[str] | None = None,
    *,
    is_dry_run: bool = False,
    is_patient: bool = False,
    is_unwanted: IsUnwanted = lambda _: False,
    watch: Watch | None = None,
    also: Collection[str] | None = None,
) -> list[Recovered]:
    """Put in order what dead loads left of these tables, or of all; what was done, or would be.

    Swaps are finished, what is staged is removed, attempts get their final line, dates are free. Living loads are
    never touched, but for one that stands still and whose run Dagster has ended. `is_patient` leaves a load that
    a process started again could still adopt. Loads of other machines are left but for those whose beat the `watch` has
    seen stand still. With `also`, of all tables only these are listed, and those that a row or a claim names:
    what is staged by a load that has neither stays for now. ControlUnavailableError where the store is away: nothing is
    lost by it, the next one goes on. What else fails is told as `left`.
    """
    work = _Recovery(platform, is_dry_run, is_patient, is_unwanted, watch or Watch(platform.settings.lease_s))
    work.run(tables, also)
    return work.done


def dead_loads(platform: Platform) -> list[LoadRow]:
    """The loads that were registered on this machine and whose process is gone; one short scan."""
    return [row for row in platform.loads.open_ones() if not is_alive(row)]


class _Recovery:
    def __init__(
        self,
        platform: Platform,
        is_dry_run: bool,
        is_patient: bool,
        is_unwanted: IsUnwanted,
        watch: Watch,
    ) -> None:
        self._platform = platform
        self._is_dry_run = is_dry_run
        self._is_patient = is_patient
        self._is_unwanted = is_unwanted
        self._watch = watch
        self._until = time.monotonic() + OTHERS_WAIT_S
        self.done: list[Recovered] = []

    def run(self, tables: Collection[str] | None, also: Collection[str] | None) -> None:
        # What is staged and claimed is read before the loads are: each load's row is written first and goes last,
        # so what has no row by then belongs to nobody.
        claims = self._platform.claims.all()
        listed = tables
        if tables is None and also is not None:
            named = {c.table_name for c in claims} | {r.table_name for r in self._platform.loads.open_ones()}
            listed = sorted({*also, *named})
        found = self._staged(listed)
        for claim in claims:
            if tables is None or claim.table_name in tables:
                found[claim.load_id].add(claim.table_name)
        rows = {row.load_id: row for row in self._platform.loads.open_ones()}
        for load_id, row in rows.items():
            if (tables is None or row.table_name in tables) and self._is_dead(row):
                self._give_up(load_id, row, found.get(load_id, set()))
        for load_id in sorted(found.keys() - rows.keys()):
            self._give_up(load_id, None, found[load_id])
        if tables is None:
            self._sweep(rows)
        if tables is None and also is None and not self._is_dry_run:
            prune(self._platform, rows)

    def _staged(self, tables: Collection[str] | None) -> defaultdict[str, set[str]]:
        """Tables in which each load has something staged."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        platform = self._platform
        try:
            by_root = landed_roots(platform) if tables is None else {root_of(platform, t): t for t in tables}
            for root, table in by_root.items():
                for staged in unfinished(root):
                    found[staged.load_id].add(staged.table or table)
        except OSError as error:
            what = f"{platform.settings.landing} cannot be listed: {error}"
            self.done.append(Recovered("left", "", detail=what))
        return found

    def _is_dead(self, row: LoadRow) -> bool:
        if not is_alive(row, self._watch):
            return not (self._is_patient and self._may_be_adopted(row))
        if row.host != this_host():
            return False
        if self._is_unwanted(row.load_id):
            return self._watch.has_stood(row.load_id, row.beat_at) and self._kill(row)
        if self._is_silent(row, BEATS_PER_LEASE):
            self._leave(row, f"it is registered by {describe(row)}, which lives; end it if it hangs")
        return False

    def _may_be_adopted(self, row: LoadRow) -> bool:
        """By a process started again: while its Spark goes on, or has only just ended."""
        is_submitted = row.host == this_host() and row.folder and row.plan_identity
        if self._platform.settings.on_restart != "adopt" or not row.folder or not is_submitted:
            return False
        if processes_of(LoadFolder(Path(row.folder))) or not self._is_silent(row, BEATS_PER_LEASE - 1):
            self._leave(row, "its Spark may still be adopted by a load of the same dates")
            return True
        return False

    def _is_silent(self, row: LoadRow, beats: int) -> bool:
        """It is of this machine, whose clock its beats were written by, and was not heard of for so many."""
        every = timedelta(seconds=self._platform.settings.lease_s / BEATS_PER_LEASE)
        return datetime.now(UTC) - row.beat_at > beats * every

    def _kill(self, row: LoadRow) -> bool:
        """True where the process is gone, or would be."""
        until = time.monotonic() + _KILLED_WAIT_S
        while not self._is_dry_run and start_of(row.pid) == row.process_start:
            if time.monotonic() > until:
                self._leave(row, f"{describe(row)} does not end; its run has ended: end it by hand")
                return False
            with suppress(ProcessLookupError, PermissionError):
                os.kill(row.pid, signal.SIGKILL)
            time.sleep(_POLL_S)
        self.done.append(Recovered("process killed", row.load_id, row.table_name, detail=describe(row)))
        return True

    def _give_up(self, load_id: str, row: LoadRow | None, tables: Collection[str]) -> None:
        # One that has no row is over, or another gives it up: there is nobody to wait for.
        left_s = max(0.0, self._until - time.monotonic()) if row else 0.0
        try:
            done = give_up(self._platform, load_id, row, tables, wait_s=left_s, is_dry_run=self._is_dry_run)
            if row and not done and self._platform.loads.find(load_id):
                self._leave(
                    row, "another process owns it: one that recovers, or its own Spark, which ends itself"
                )
            self.done += done
        except ControlUnavailableError:
            raise
        except (FdmError, OSError) as error:  # the others shall not wait for this one
            self.done.append(Recovered("left", load_id, row.table_name if row else None, detail=str(error)))

    def _sweep(self, rows: Mapping[str, LoadRow]) -> None:
        """What is of no load any more: attempts in the journal, and turns at breakers."""
        try:
            self.done += close_orphans(self._platform, is_dry_run=self._is_dry_run)
        except OSError as error:
            self.done.append(Recovered("left", "", detail=f"the journal: {error}"))
        breakers = self._platform.breakers
        for b in breakers.not_closed():
            # A load takes its turn just before it is registered, and says what came of it just after it has ended.
            if b.probe and b.probe not in rows and self._watch.has_stood(f"{b.scope} {b.name}", b.probe):
                self.done.append(Recovered("probe ended", b.probe, detail=f"{b.scope} {b.name}"))
                if not self._is_dry_run:
                    breakers.note_gone(b.scope, b.name, b.probe)

    def _leave(self, row: LoadRow, why: str) -> None:
        self.done.append(Recovered("left", row.load_id, row.table_name, detail=why))
