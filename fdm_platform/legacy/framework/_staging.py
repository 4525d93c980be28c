"""Writes of a script into staging: one write of Spark's, split by business date, each date with its manifest.

<root>/.staging/<load id>/.write-1/biz_dt=20240515/…    as Spark writes it
<root>/.staging/<load id>/2024-05-15/biz_dt=20240515/…  as the publisher takes it

Only the dates that were written are replaced. Appending takes along what is live of them, by links where the file
system has such; a later write of the same run adds to, or replaces, what an earlier one staged.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as f

from fdm_platform.crash import reached
from fdm_platform.engines.checks import evaluate, observe, require_not_null
from fdm_platform.engines.failure import to_failure
from fdm_platform.engines.swapping import MARKER, STAGING
from fdm_platform.errors import ContractError
from fdm_platform.model.manifest import CheckResult, DateOutcome, Manifest, OutputStaged, digest_of_names
from fdm_platform.model.partition import BIZ_DT, folder_name
from fdm_platform.model.report import DateDone

from ._manifests import SAYS_ROWS, Staged, Write, read_manifest
from ._options import How
from ._platform import Context, Part, send
from ._store import Store, merge, store_of
from ._targets import SNAPSHOT, Target, date_of, place_of, target_of


class Run:
    """What one script has staged."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.staged: dict[str, Staged] = {}
        """By live folder."""
        self.writes = 0
        self.lock = threading.RLock()

    def staging_of(self, root: str, name: str) -> str:
        return f"{root}/{STAGING}/{self.context.plan.load_id}/{name}"

    def begin(self, root: str) -> str:
        """A folder for Spark to write into."""
        with self.lock:
            self.writes += 1
            return self.staging_of(root, f".write-{self.writes}")


_runs: dict[str, Run] = {}


def run_of(context: Context) -> Run:
    """This process's: a script is one run."""
    return _runs.setdefault(str(context.messages), Run(context))


def stage(context: Context, df: DataFrame, path: str, how: How) -> bool:
    """Stage one write and tell of it. False where it is none of the platform's business.

    What goes wrong is told as the load's failure, and raised: a script that goes on, and writes again, mends it.
    """
    target = target_of(context.plan, path, how.partition_by)
    if target is None:
        return False
    run, store = run_of(context), store_of(df.sparkSession, target.root)
    if how.mode in ("ignore", "error") and _is_there(run, store, target):
        if how.mode == "error":
            raise ContractError(
                f"{path} exists, and this write is to make it",
                file=context.plan.file,
                remedy="write with mode append or overwrite",
            )
        return True
    try:
        _stage(run, store, df, Write(target, path, how))
    except Exception as error:
        folder = run.staging_of(target.root, "")
        send(DateDone(DateOutcome(context.date.biz_dt, failure=to_failure(error, [folder]))))
        raise
    return True


def staged_under(context: Context, spark: SparkSession, path: str) -> list[Part]:
    """What to read in place of a path: of a table its live dates without the staged ones, and these."""
    staged, legacy = list(run_of(context).staged.values()), context.plan.legacy
    place = place_of(legacy, path) if staged and legacy else ""
    for one in staged:
        if place == one.live or place.startswith(one.live + "/"):
            return [Part([one.place + place.removeprefix(one.live)])]
    dates = [s for s in staged if s.root == place and s.biz_dt != SNAPSHOT]
    parts = [Part([s.place], s.staging) for s in dates]
    folders = {s.folder for s in dates}
    if parts and folders < {n for n in _shown(store_of(spark, place), place) if "=" in n} | folders:
        parts.insert(0, Part([place], but=sorted(n.partition("=")[2] for n in folders)))
    return parts


@dataclass(frozen=True)
class _Counts:
    """Of one write: its rows, where its files do not say them, and those that break each `expect`."""

    rows: int | None
    broken: Mapping[str, int]


def _stage(run: Run, store: Store, df: DataFrame, write: Write) -> None:
    context, touched = run.context, list[Staged]()
    written = run.begin(write.target.root)
    _tell(write)  # whoever ends this load looks there
    try:
        store.remove(written)
        counts = _write(df, write, run, written)
        reached("script.written")
        with run.lock:
            for staged in _take(run, store, write, written):
                touched.append(staged)
                reached("script.moved")
            _count(touched, counts)
            manifests = [read_manifest(df, write, context, s) for s in touched]
            for staged, manifest in zip(touched, manifests, strict=True):
                staged.total = manifest.rows
            checks = [c for s, m in zip(touched, manifests, strict=True) for c in _judged(run, s, m)]
    except BaseException:
        for staged in touched:
            run.staged.pop(staged.live, None)
            store.remove(staged.staging)
        raise
    finally:
        store.remove(written)
    _tell(write, manifests, checks)
    reached("script.staged")


def _tell(write: Write, manifests: Sequence[Manifest] = (), checks: Sequence[CheckResult] = ()) -> None:
    send(OutputStaged(write.target.root, write.path, write.how.mode, tuple(manifests), tuple(checks)))


def _write(df: DataFrame, write: Write, run: Run, written: str) -> _Counts:
    """Spark's one write, into a folder that is not there, counting what it is to count as the rows go by."""
    plan = run.context.plan
    checks = plan.output.checks if write.target.root == plan.output.root else ()
    observed, expected = observe(df, checks, plan.file)
    rows = None if write.how.format in SAYS_ROWS else Observation()
    if rows:
        observed = observed.observe(rows, f.count(f.lit(1)).alias("rows"))
    write.how.save_new(observed, written)
    return _Counts(rows.get["rows"] if rows else None, dict(expected.get) if expected else {})


def _take(run: Run, store: Store, write: Write, written: str) -> Iterator[Staged]:
    """What was written goes to where the publisher takes it; each place is named when it has all of its files."""
    if write.target.folder and write.target.biz_dt:
        for name in ("_SUCCESS", "._SUCCESS.crc"):
            store.remove(f"{written}/{name}")
        yield _move(run, store, write, written, (write.target.folder, write.target.biz_dt))
        return
    found = {n: date_of(n, write.path) for n in _shown(store, written)}
    for folder, biz_dt in (found or _no_rows(run, store, write, written)).items():
        yield _move(run, store, write, f"{written}/{folder}", (folder, biz_dt))


def _no_rows(run: Run, store: Store, write: Write, written: str) -> dict[str, date]:
    """Overwriting the job's own table with nothing leaves the load's date empty; appending nothing leaves it as it is."""
    context = run.context
    if write.how.mode != "overwrite" or write.target.root != context.plan.output.root:
        return {}
    biz_dt = context.date.biz_dt
    spellings = {folder_name(biz_dt, "yyyyMMdd"), folder_name(biz_dt, "yyyy-MM-dd")}
    live = [n for n in store.children(write.target.root) if n in spellings]
    folder = live[0] if live else context.date.folder
    store.make(f"{written}/{folder}")
    return {folder: biz_dt}


def _move(run: Run, store: Store, write: Write, source: str, of: tuple[str, date]) -> Staged:
    (folder, biz_dt), root, below = of, write.target.root, write.target.below
    _refuse_two_spellings(run, write, folder, biz_dt)
    live = f"{root}/{folder}"
    is_first = live not in run.staged
    staged = run.staged.get(live) or Staged(root, folder, biz_dt, run.staging_of(root, _name(folder, biz_dt)))
    legacy = run.context.plan.legacy
    is_added = write.how.mode != "overwrite" and not (is_first and legacy and legacy.append == "replace")
    if is_first:
        store.remove(staged.staging)
        if is_added or below:
            is_there = store.exists(live)
            staged.added_to = digest_of_names(store.files(live) if is_there else ())
            if is_there:
                store.copy(live, staged.place)
                store.remove(f"{staged.place}/{MARKER}")
                staged.rows = None
    if not is_added:
        store.remove(f"{staged.place}/{below}" if below else staged.place)
        staged.rows, staged.broken = (None if below else 0), {}
        staged.added_to = staged.added_to if below else None
    run.staged[live] = staged
    merge(store, source, f"{staged.place}/{below}" if below else staged.place)
    return staged


def _name(folder: str, biz_dt: date) -> str:
    """Of a staging folder. Outputs without dates are told apart by their own."""
    return f"{biz_dt.isoformat()}.{folder}" if biz_dt == SNAPSHOT else biz_dt.isoformat()


def _refuse_two_spellings(run: Run, write: Write, folder: str, biz_dt: date) -> None:
    other = [
        s.folder
        for s in run.staged.values()
        if (s.root, s.biz_dt) == (write.target.root, biz_dt) and s.folder != folder and biz_dt != SNAPSHOT
    ]
    if other:
        raise ContractError(
            f"{write.path}: one date is written as {other[0]} and as {folder}",
            field=BIZ_DT,
            remedy="write it in one of the two forms, the one that the table's folders have",
        )


def _count(touched: Sequence[Staged], counts: _Counts) -> None:
    """Spark counts a write as a whole: its rows are known of one date, what breaks an `expect` is held against all."""
    for staged in touched:
        is_alone = len(touched) == 1 and counts.rows is not None and staged.rows is not None
        staged.rows = staged.rows + counts.rows if is_alone else None  # type: ignore[operator]
        for name, broken in counts.broken.items():
            staged.broken[name] = staged.broken.get(name, 0) + broken


def _judged(run: Run, staged: Staged, manifest: Manifest) -> tuple[CheckResult, ...]:
    """The declared checks and columns of the job's own table; other outputs have none."""
    plan = run.context.plan
    if staged.root != plan.output.root or staged.biz_dt == SNAPSHOT:
        return ()
    if not manifest.rows and not plan.output.allow_empty and staged.biz_dt == run.context.date.biz_dt:
        raise ContractError(
            "the result has no rows",
            file=plan.file,
            field="allow_empty",
            remedy="look at the sources and the filters, or set `allow_empty: true` if that can be right",
        )
    require_not_null(manifest, plan.output.columns, plan.file)
    return evaluate(staged.biz_dt, manifest, plan.output.checks, staged.broken)


def _is_there(run: Run, store: Store, target: Target) -> bool:
    """The place of a write holds something, live or staged by this run."""
    staged = any(live == target.place or live.startswith(target.place + "/") for live in run.staged)
    return staged or (store.exists(target.place) if target.folder else bool(_shown(store, target.root)))


def _shown(store: Store, folder: str) -> list[str]:
    return [n for n in store.children(folder) if not n.startswith((".", "_"))]
