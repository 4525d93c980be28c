"""Giving a load up whose process is gone: its Spark ended, its numbers void, its dates free. No Dagster here.

The order is what makes it safe. First the numbers are made void in the ledger: from then on the load could publish
nothing if it came back, nor could a write of its that is still on its way. Only then is anything of it removed, and
its row goes last: who dies in between is followed by another who does all of it again, and two may do it at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from fdm_platform.crash import reached
from fdm_platform.defs.closing import GONE, attempts_of_load, close_attempts
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.roots import root_of, table_at
from fdm_platform.engines.command import is_yarn, yarn_tag
from fdm_platform.engines.load_folder import LoadFolder, folder_of
from fdm_platform.engines.orphan import end_orphan, processes_of
from fdm_platform.engines.owner import Owner
from fdm_platform.engines.publishing import StagedDate, settle, unfinished
from fdm_platform.engines.script_submission import outputs_told
from fdm_platform.engines.secrets import secret_files
from fdm_platform.engines.swapping import discard
from fdm_platform.model.claim import Claim, LoadRow
from fdm_platform.model.control import VOID
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.recovered import Recovered, What
from fdm_platform.processes import this_host

log = logging.getLogger(__name__)

OTHERS_WAIT_S = 10.0
"""How long to wait for another process that is giving the same load up, or for its Spark that is ending itself."""
_POLL_S = 0.05


def give_up(
    platform: Platform,
    load_id: str,
    row: LoadRow | None,
    tables: Collection[str] = (),
    *,
    wait_s: float = OTHERS_WAIT_S,
    is_dry_run: bool = False,
) -> list[Recovered]:
    """Declare a load dead, and put in order what it left; `row` is its own of fdm_loads, if it has one.

    `tables` are where something of it is staged, as far as it is known. What was done, or would be with `is_dry_run`;
    nothing where another process of this machine has been at it for `wait_s`, or owns the load by now. A date whose
    number it had committed stays published, and its swap is finished. ControlError where the store cannot be
    reached, or is of a release that knows no void numbers; ConnectionLostError where YARN does not say within `wait_s`
    that its application has ended: then nothing was removed.
    """
    found = {*tables, *([row.table_name] if row else [])}
    dead = _DeadLoad(platform, load_id, row, found, is_dry_run, wait_s)
    with _alone(dead.folder, wait_s) as is_alone:
        if is_alone:
            dead.put_in_order()
    return dead.done


def describe(row: LoadRow) -> str:
    """A load's process, for people."""
    host = row.host.partition("/")[0]
    return f"process {row.pid} on {host}, last heard of at {row.beat_at:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(slots=True)
class _DeadLoad:
    platform: Platform
    load_id: str
    row: LoadRow | None
    tables: set[str]
    is_dry_run: bool
    wait_s: float
    done: list[Recovered] = field(default_factory=list)

    @property
    def folder(self) -> LoadFolder | None:
        """Its folder on this machine, where it may have had one."""
        if self.row is None:
            return folder_of(self.platform.settings.work, self.load_id)
        is_here = self.row.host == this_host() and self.row.folder
        return LoadFolder(Path(self.row.folder)) if is_here and self.row.folder else None

    @property
    def why(self) -> str:
        of = describe(self.row) if self.row else "it is not registered any more"
        return f"{GONE}: {of}"

    @property
    def is_another_s(self) -> bool:
        """Since its row was read another process has taken the load over, or given it up."""
        row = self.platform.loads.find(self.load_id)
        return _process(row) != _process(self.row)

    def put_in_order(self) -> None:
        if self.is_another_s:
            return
        self.end_spark()
        reached("recover.spark_ended")
        claims = self.platform.claims.of_load(self.load_id)
        self.tables |= {claim.table_name for claim in claims}
        roots = self.roots_told() | {root_of(self.platform, t): t for t in self.tables}
        staged = {
            s.folder: (table, s) for root, table in sorted(roots.items()) for s in self.staged(root, table)
        }
        if self.is_another_s:  # what is staged may be of a new try of the same name
            return
        for claim in claims:
            self.void(claim)
        if self.row:
            self.find_published({(claim.table_name, claim.biz_dt) for claim in claims})
        reached("recover.voided")
        for table, left in staged.values():
            self.settle(left.table or table, left)
        reached("recover.settled")
        self.close_attempts()
        reached("recover.closed")
        self.free(claims)
        reached("recover.freed")
        self.sweep()
        reached("recover.swept")
        self.end()

    def note(
        self, what: What, table: str | None = None, biz_dt: date | None = None, detail: str = ""
    ) -> None:
        self.done.append(Recovered(what, self.load_id, table, biz_dt, detail))

    def end_spark(self) -> None:
        self.end_on_cluster()
        if self.folder is None:
            return
        count = len(processes_of(self.folder)) if self.is_dry_run else end_orphan(self.folder)
        if count:
            self.note("Spark ended", detail=f"{count} processes")
            log.warning("load %s: ended %d processes of Spark that its worker had left", self.load_id, count)

    def end_on_cluster(self) -> None:
        """Its application, wherever it runs. ConnectionLostError where YARN does not say that it has ended."""
        if self.row and is_yarn(self.row.master):
            from fdm_platform.engines.yarn import applications, end_applications  # noqa: PLC0415 - imports JPype

            ask = applications if self.is_dry_run else end_applications
            for application in ask(yarn_tag(self.load_id), self.wait_s):
                self.note("Spark ended", detail=application)

    def roots_told(self) -> dict[str, str]:
        """Where it publishes by its own word, and whose folders those are.

        A job may have left job_master since, and with it what is known of its output; a script writes where it likes.
        """
        if self.folder is None:
            return {}
        told = {o.root: table_at(self.platform, o.root) for o in outputs_told(self.folder)}
        with suppress(OSError, ValueError, TypeError, KeyError):  # it died before it had a whole plan
            plan = LoadPlan.from_json(self.folder.plan.read_text(encoding="utf-8"))
            told[plan.output.root] = plan.table
        return told

    def staged(self, root: str, table: str) -> list[StagedDate]:
        try:
            return [s for s in unfinished(root) if s.load_id == self.load_id]
        except OSError as error:
            self.note("left", table, detail=f"its staging cannot be listed: {error}")
            return []

    def void(self, claim: Claim) -> None:
        """The claimed number is void now, or was published."""
        ledger, of = self.platform.ledger, (claim.table_name, claim.biz_dt)
        standing = ledger.find(*of, claim.version)
        is_void = standing is not None and standing.kind == VOID
        if standing is None:
            is_void = self.is_dry_run or ledger.void(*of, claim.version, self.load_id, self.why)
            if is_void:
                self.note("version voided", *of, f"version {claim.version}")
        if not is_void:
            self.note("found published", *of, f"version {claim.version}")

    def find_published(self, claimed: Collection[tuple[str, date]]) -> None:
        """Dates that were over before it died, and that it may not have lived to tell of."""
        for table in sorted(self.tables):
            tried = {row["biz_dt"] for row in attempts_of_load(self.platform, table, self.load_id)}
            for biz_dt, published in self.platform.ledger.published(table, tried).items():
                if published.load_id == self.load_id and (table, biz_dt) not in claimed:
                    self.note("found published", table, biz_dt, f"version {published.version}")

    def settle(self, table: str, left: StagedDate) -> None:
        """What is staged is brought live if the ledger's newest version is this load's, else removed.

        A disk that refuses is asked again by the next one who recovers: staging that nobody has a row for.
        """
        current = self.platform.ledger.current(table, left.biz_dt) if left.biz_dt else None
        is_published = current is not None and current.load_id == self.load_id
        try:
            if current and is_published and not self.is_dry_run:
                settle(left.root, current)
            elif not self.is_dry_run:
                discard(left.folder)
        except OSError as error:
            log.warning("load %s left %s: %s", self.load_id, left.folder, error)
            self.note("left", table, left.biz_dt, f"{left.folder}: {error.strerror or error}")
        else:
            self.note("swap finished" if is_published else "staging removed", table, left.biz_dt, left.folder)

    def close_attempts(self) -> None:
        for table in sorted(self.tables):
            self.done += close_attempts(
                self.platform,
                lambda table=table: attempts_of_load(self.platform, table, self.load_id),  # type: ignore[misc]
                self.why,
                is_dry_run=self.is_dry_run,
            )

    def free(self, claims: Collection[Claim]) -> None:
        if not self.is_dry_run:
            self.platform.claims.release(claims)
        for claim in claims:
            self.note("claim freed", claim.table_name, claim.biz_dt)

    def sweep(self) -> None:
        """The turn that it had at a breaker, and files with secrets."""
        breakers = self.platform.breakers
        for breaker in breakers.not_closed():
            if breaker.probe == self.load_id:
                self.note("probe ended", detail=f"{breaker.scope} {breaker.name}")
                if not self.is_dry_run:
                    breakers.note_gone(breaker.scope, breaker.name, self.load_id)
        for file in secret_files(self.folder) if self.folder else ():
            if file.exists():
                self.note("secrets removed", detail=str(file))
                if not self.is_dry_run:
                    file.unlink(missing_ok=True)

    def end(self) -> None:
        if self.row:
            self.note("load ended", self.row.table_name, detail=describe(self.row))
        if not self.is_dry_run:
            self.platform.loads.end(self.load_id)


def _process(row: LoadRow | None) -> tuple[str, int, int] | None:
    return (row.host, row.pid, row.process_start) if row else None


@contextmanager
def _alone(folder: LoadFolder | None, wait_s: float) -> Iterator[bool]:
    """While the block runs this process owns the load's folder, where there is one; False where another keeps it."""
    owner, until = None, time.monotonic() + wait_s
    while folder and owner is None:
        with suppress(BlockingIOError):
            try:
                owner = Owner(folder.path)
            except FileNotFoundError:
                break
        if owner is None:
            if time.monotonic() >= until:
                yield False
                return
            time.sleep(_POLL_S)
    try:
        yield True
    finally:
        if owner:
            owner.let_go()
