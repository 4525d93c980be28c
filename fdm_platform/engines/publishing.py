"""From staging to live: verify, mark, commit, swap, keep. The protocol is in docs/publishing.md.

A reader of a date sees its old version or its new version, whole. The ledger's insert is the commit
point: before it the old version is the truth and staging is litter; after it the new version is the
truth, and whoever comes next finishes the swap (`settle`). The commit also fences: a load commits the
number that it has claimed, so it finds it taken where it came second, or was declared dead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from fdm_platform.crash import reached
from fdm_platform.engines.folders import Where, open_folders, refusal, text_of
from fdm_platform.engines.patience import patiently
from fdm_platform.engines.process_group import held_signals
from fdm_platform.engines.swapping import (
    STAGING,
    bring_live,
    discard,
    drop,
    keep,
    make_ready,
    mark,
    table_of,
)
from fdm_platform.engines.verifying import verify
from fdm_platform.errors import (
    ControlError,
    PublishConflictError,
    PublishError,
    UnknownOutcomeError,
)
from fdm_platform.model.causes import find_cause
from fdm_platform.model.control import UNMANAGED, VOID, PublishRecord
from fdm_platform.model.ledger import PublishLedger
from fdm_platform.model.manifest import Manifest


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """One staged date and where it goes. `root` is the live table's folder, a path or a URI."""

    root: Where
    manifest: Manifest
    version: int
    """The number that the load has claimed: what it publishes has this one or none."""
    control_version: str
    keep_versions: int
    commit_wait_s: float = 3600.0
    """How long to wait for a control store that is away: the date is staged, loading it again costs more."""
    code_version: str = ""
    settings_version: str = ""
    parents: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """As in the plan."""
    kind: str | None = None
    """As in PublishRecord."""
    settle_wait_s: float = 5.0
    """How long to wait for a store's word on a commit that it did not answer."""


@dataclass(frozen=True, slots=True)
class PublishReport:
    """A date that is live: its version and the seconds of each phase."""

    version: int
    path: str
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StagedDate:
    """What a load has staged of one date, or left of it."""

    load_id: str
    biz_dt: date | None
    """None for a load's folder that holds no date, and for what no load has put there."""
    folder: str
    root: str
    """The table's folder, in which it is staged."""
    table: str | None = None
    """As the ledger calls it, once its version was about to be committed."""


def publish(
    request: PublishRequest, ledger: PublishLedger, told: Callable[[PublishReport], object] | None = None
) -> PublishReport:
    """Make a staged date live. `told` is called as soon as it is, and no signal comes between.

    PublishConflictError: another load has published the date, or this one was declared dead (FencedError); what
    it staged is removed. UnknownOutcomeError: the store went away in the middle of the commit (the ledger will
    tell, and its cause is what ended the wait), or something ended the swap after it; recovery goes on from there.
    ControlUnavailableError, of a store that stayed away longer than the request waits for it, PublishError and
    whatever else ends it before the commit leave the old version as it was, and nothing staged, as far as the
    ledger can say so.
    """
    commit = _Commit(request, ledger, _record(request), told or _nobody)
    report = _carried_out(commit, commit.prepare)
    commit.clean_up()
    return report


def record_only(
    request: PublishRequest, ledger: PublishLedger, told: Callable[[PublishReport], object] | None = None
) -> PublishReport:
    """Commit as a version what a legacy script made live by itself: nothing is moved, and nothing is kept.

    Whatever the load has staged of the date leaves first: it would be exchanged for what the script wrote. Errors are
    those of `publish`.
    """
    of = replace(request, kind=UNMANAGED)
    commit = _Commit(of, ledger, _record(of), told or _nobody)
    return _carried_out(commit, lambda: discard(of.manifest.staging))


def _carried_out(commit: _Commit, prepare: Callable[[], object]) -> PublishReport:
    """Prepared, committed and live."""
    try:
        prepare()
        return commit.run()
    except OSError as error:
        raise _disk_error(commit, error) from error
    except BaseException as error:
        if not commit.is_half_done:
            raise
        raise _half_done(commit, f"was not brought to its end: {type(error).__name__}: {error}") from error


def settle(root: Where, record: PublishRecord) -> None:
    """Bring the newest version of a date to its end if its publisher died before it had.

    May be repeated, and done by two at once. OSError where the disk refuses.
    """
    bring_live(root, Manifest.from_json(record.manifest))


def unfinished(root: Where) -> Iterator[StagedDate]:
    """All that is staged below a table's folder, by living loads and by dead ones.

    Where the ledger's newest version of the date is this load's, its swap is to be finished (`settle`); else it is
    the litter of a dead load (`discard`, after its number is void), or a load is still at it.
    """
    folders, staging = open_folders(root), f"{text_of(root)}/{STAGING}"
    for load in folders.children(staging):
        dates = folders.children(f"{staging}/{load}")
        for name in dates:
            place = f"{staging}/{load}/{name}"
            yield StagedDate(load, _as_date(name), place, text_of(root), table_of(folders, place))
        if not dates:
            yield StagedDate(load, None, f"{staging}/{load}", text_of(root))


@dataclass(slots=True)
class _Commit:
    """A commit on its way, with the swap that belongs to it."""

    request: PublishRequest
    ledger: PublishLedger
    record: PublishRecord
    told: Callable[[PublishReport], object]
    is_sent: bool = False
    is_committed: bool = False
    report: PublishReport | None = None
    """As soon as the date is live and its end is told."""
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def is_half_done(self) -> bool:
        """Committed, and not told to be live."""
        return self.is_committed and self.report is None

    def prepare(self) -> None:
        """Hold what is staged against the manifest, and make and write what the commit and the swap need."""
        of, wait_s = self.request.manifest, self.request.commit_wait_s
        try:
            patiently(self.make_ready, f"prepare {of.table} {of.biz_dt}, which is staged", wait_s)
        except (OSError, PublishError):
            self.give_up()
            raise
        except BaseException:
            self.give_up_quietly()
            raise

    def make_ready(self) -> None:
        """May be repeated. StorageAwayError where the file system is away."""
        manifest, started = self.request.manifest, time.perf_counter()
        try:
            verify(manifest)
            reached("publish.verified")
            self.seconds["verify"] = round(time.perf_counter() - started, 4)
            started = time.perf_counter()
            make_ready(self.request.root, manifest.folder)
            mark(self.record, manifest)
            open_folders(manifest.staging).sync(manifest.staging)
            self.seconds["sync"] = round(time.perf_counter() - started, 4)
            reached("publish.marked")
        except ConnectionError as error:
            raise _disk_error(self, error) from error

    def run(self) -> PublishReport:
        """Commit and swap, asking again while the store is away; nothing is held meanwhile."""
        manifest, wait_s = self.request.manifest, self.request.commit_wait_s
        try:
            return patiently(
                self.commit, f"commit {manifest.table} {manifest.biz_dt}, which is staged", wait_s
            )
        except PublishConflictError:
            self.drop()
            raise
        except BaseException as error:
            if self.is_committed:
                raise
            if not self.is_sent:
                self.give_up_quietly()
                raise
            return self.settled(error)

    def commit(self) -> PublishReport:
        """May be repeated. A signal waits from the commit until the date's end is told."""
        started = time.perf_counter()
        self.require_base()
        with held_signals():
            self.is_sent = True
            self.ledger.commit(self.record)
            self.is_committed = True
            reached("publish.committed")
            self.seconds["commit"] = round(time.perf_counter() - started, 4)
            return self.swap()

    def require_base(self) -> None:
        """No other load has gone on from here, and the version before this one is swapped to its end."""
        request, record = self.request, self.record
        current = self.ledger.current(record.table_name, record.biz_dt)
        if current is None or current.load_id == record.load_id:
            return
        if current.version >= record.version:
            taken = self.ledger.find(record.table_name, record.biz_dt, record.version)
            if taken and taken.kind == VOID:
                self.ledger.commit(record)  # which says why
            raise PublishConflictError(
                f"{record.table_name} {record.biz_dt} was published as version {current.version} by load "
                f"{current.load_id} while load {record.load_id} ran to publish version {record.version}",
                remedy="run the date again if its newer sources matter",
            )
        try:
            bring_live(request.root, Manifest.from_json(current.manifest))
        except ConnectionError as error:  # which is waited for
            raise _disk_error(self, error) from error

    def give_up(self) -> None:
        """What is staged is not published: it leaves, for a full disk needs the room, unless its number is taken.

        Where it is gone, the likely reason is that somebody declared this load dead: then say so.
        """
        with suppress(ControlError, OSError):
            if self.ledger.find(self.record.table_name, self.record.biz_dt, self.record.version) is None:
                self.drop()
            elif not open_folders(self.request.manifest.staging).exists(self.request.manifest.staging):
                self.ledger.commit(self.record)  # which says whose the number is

    def give_up_quietly(self) -> None:
        """What ends the load, a signal it may be, is what is told."""
        with suppress(PublishConflictError):
            self.give_up()

    def swap(self) -> PublishReport:
        """What is left after the commit: renames and removals alone."""
        started = time.perf_counter()
        live = bring_live(self.request.root, self.request.manifest)
        self.seconds["swap"] = round(time.perf_counter() - started, 4)
        report = PublishReport(self.record.version, live, self.seconds)
        self.told(report)
        self.report = report
        return report

    def clean_up(self) -> None:
        """Once the date is told: what is removed may be large, and nobody waits for it."""
        started = time.perf_counter()
        keep(self.request.root, self.request.manifest.folder, self.request.keep_versions)
        self.seconds["clean_up"] = round(time.perf_counter() - started, 4)
        reached("publish.cleaned")

    def settled(self, error: BaseException) -> PublishReport:
        """The commit was sent and not answered: the ledger says what came of it. The error goes on where nothing did."""
        standing = self.standing(error)
        if standing is None:
            self.drop()
            raise error
        if (standing.load_id, standing.manifest) != (self.record.load_id, self.record.manifest):
            self.drop()
            if isinstance(error, Exception):
                self.ledger.commit(self.record)  # which says whose the number is
            raise error
        self.is_committed = True
        with held_signals():
            report = self.swap()
        if isinstance(error, ControlError):
            return report
        raise error

    def standing(self, error: BaseException) -> PublishRecord | None:
        """The ledger's row of the number; None where it is void now, so that no commit can come late."""
        of = (self.record.table_name, self.record.biz_dt, self.record.version)

        def decide() -> PublishRecord | None:
            found = self.ledger.find(*of)
            is_void = found is None and self.ledger.void(
                *of, self.record.load_id, "its commit was not answered, and had not arrived"
            )
            return None if is_void else found or self.ledger.find(*of)

        try:
            return patiently(decide, f"read what became of {of[0]} {of[1]}", self.request.settle_wait_s)
        except ControlError as away:
            raise UnknownOutcomeError(
                f"{of[0]} {of[1]}: the commit of version {of[2]} by load {self.record.load_id} was not answered, and "
                f"the ledger cannot be read: {away.message}",
                remedy="bring the control store back: recovery then brings the date live, or removes what was staged",
            ) from error

    def drop(self) -> None:
        """Remove what is staged, which can never be published."""
        drop(self.request.manifest.staging)


def _record(request: PublishRequest) -> PublishRecord:
    manifest = request.manifest
    return PublishRecord(
        table_name=manifest.table,
        biz_dt=manifest.biz_dt,
        version=request.version,
        load_id=manifest.load_id,
        control_version=request.control_version,
        manifest=manifest.to_json(),
        published_at=datetime.now(UTC),
        code_version=request.code_version,
        settings_version=request.settings_version,
        parents=json.dumps(request.parents) if request.parents else None,
        kind=request.kind,
    )


def _disk_error(commit: _Commit, error: OSError) -> PublishError:
    what = f"{commit.record.table_name} {commit.record.biz_dt}"
    cause = find_cause(str(error))
    mend = cause.remedy if cause else "free disk space or mend the permissions"
    if commit.is_committed:
        return _half_done(commit, f"not live yet: {error.strerror or error}", error.filename, f"{mend}: ")
    return refusal(f"cannot publish {what}", error, text_of(commit.request.root), ", then run the date again")


def _half_done(commit: _Commit, why: str, file: str | None = None, mend: str = "") -> UnknownOutcomeError:
    """It leaves all as it is: recovery goes on from here."""
    of = commit.record
    return UnknownOutcomeError(
        f"{of.table_name} {of.biz_dt} is committed as version {of.version} and {why}",
        file=file,
        remedy=f"{mend}recovery then brings it live, or the next load does",
    )


def _as_date(name: str) -> date | None:
    try:
        return date.fromisoformat(
            name.partition(".")[0]
        )  # of outputs without dates, their name stands behind
    except ValueError:
        return None


def _nobody(report: PublishReport) -> None:
    """No one has asked to be told."""
