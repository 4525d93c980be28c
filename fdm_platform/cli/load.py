"""`fdm plan` and `fdm materialize`."""

from __future__ import annotations

import json
import signal
import socket
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import click

from fdm_platform.cli.console import RunLog, human_bytes, print_published, ranges_text
from fdm_platform.defs.load import begin, error_of
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.errors import FdmError, NoControlRowError, ParameterError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.control import PublishRecord
from fdm_platform.model.manifest import Manifest
from fdm_platform.model.partition import parse_biz_dt
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.backfill import chunks, per_submit

SIGTERM_EXIT = 143
"""What a shell reports of a command that SIGTERM ended."""
_ENDING = (signal.SIGINT, signal.SIGTERM)
_MOST_SIGNALS = 64
"""So many are looked through for the first that ends a command."""


def date_options(command: Any) -> Any:
    """The options that choose business dates."""
    for option in (
        click.option("--to", "last", metavar="DATE", help="Last business date of a range."),
        click.option("--from", "first", metavar="DATE", help="First business date of a range."),
        click.option(
            "--biz-dt", "single", metavar="DATE", multiple=True, help="A business date; may be repeated."
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("table")
@date_options
@click.option("--json", "as_json", is_flag=True, help="Print the LoadPlan as JSON.")
def plan(table: str, single: tuple[str, ...], first: str | None, last: str | None, as_json: bool) -> None:
    """Print what a load of TABLE would do. Runs nothing.

    \b
    Examples:
      fdm plan t_contract_master --biz-dt 2024-05-15
      fdm plan gels/fpms/t_contract_master --from 2024-05-13 --to 2024-05-15 --json
    """  # noqa: D301 - click wants the backspace itself
    with open_platform() as platform:
        spec = platform.find(table)
        dates = _dates(platform, spec, single, first, last)
        planned = platform.plan(spec, dates, load_id="not-started")
    click.echo(json.dumps(to_plain(planned), indent=2) if as_json else plan_text(planned))


@click.command()
@click.argument("table")
@date_options
@click.option("--json", "as_json", is_flag=True, help="Print what was published as JSON.")
def materialize(
    table: str, single: tuple[str, ...], first: str | None, last: str | None, as_json: bool
) -> None:
    """Load business dates of TABLE and publish them, as a run in Dagster.

    \b
    Examples:
      fdm materialize t_contract_master --biz-dt 2024-05-15
      fdm materialize t_contract_master --from 2024-05-13 --to 2024-05-15
    """  # noqa: D301 - click wants the backspace itself
    with open_platform() as platform:
        spec = platform.find(table)
        dates = _dates(platform, spec, single, first, last)
        loaded = load_dates(platform, spec, dates)
    if as_json:
        click.echo(json.dumps(loaded.to_json(), indent=2))
    elif loaded.published:
        print_published(loaded.published)
    loaded.require_all()


@dataclass(frozen=True, slots=True)
class LoadedDates:
    """What came of the dates of a command: those that are live now, and why others are not."""

    published: list[PublishRecord]
    failed: dict[date, FdmError]

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        failed = [
            {"biz_dt": str(d), "error": type(e).__name__, **e.to_json()} for d, e in self.failed.items()
        ]
        return {"published": [_record_json(r) for r in self.published], "failed": failed}

    def require_all(self) -> None:
        """Print why dates failed, and exit with the code of the first, if any did."""
        for biz_dt, error in self.failed.items():
            click.secho(f"{biz_dt} failed: {error}", fg="red", err=True)
        if self.failed:
            sys.exit(next(iter(self.failed.values())).exit_code)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for a load, and how Dagster's runs of it are tagged."""

    by: str = "hand"
    """For the attempts' rows."""
    tags: Mapping[str, str] = field(default_factory=dict)
    is_always_run: bool = False
    """Dagster shows a run even where no date could be planned; it costs seconds."""


HAND = Asked()


def load_dates(
    platform: Platform,
    spec: TableSpec,
    dates: Sequence[date],
    per_run: int | None = None,
    asked: Asked = HAND,
) -> LoadedDates:
    """Load and publish dates, at most `per_run` in one submit, neighbours or not; every submit is tried."""
    failed: dict[date, FdmError] = {}
    submits = chunks(dates, per_submit(spec, per_run))
    with ended_by_signals() as raise_again:
        for number, chunk in enumerate(submits, 1):
            if len(submits) > 1:
                click.secho(f"submit {number} of {len(submits)}", err=True)
            failed |= _submit(platform, spec, chunk, asked, raise_again)
    good = [d for d in dates if d not in failed]
    return LoadedDates([r for d in good if (r := platform.ledger.current(spec.name, d))], failed)


def _submit(
    platform: Platform,
    spec: TableSpec,
    dates: Sequence[date],
    asked: Asked,
    raise_again: Callable[[], None],
) -> dict[date, FdmError]:
    """One submit, as runs of Dagster. Spark is started first: its JVM boots while Dagster is imported."""
    load_id = f"{uuid.uuid4()}-{spec.name}"
    click.secho(f"  {spec.name} {ranges_text(dates)}: load {load_id}", err=True)
    load = begin(platform, spec, dates, load_id, asked.by, tell=_tell)
    try:  # at once: a signal between the two would leave a load that nobody ends
        if load.plan is None and not asked.is_always_run:  # nothing to run: the outcomes say why
            for outcome in load.outcomes:
                load.close(outcome.biz_dt, error_of(outcome))
            return load.failed
        from fdm_platform.defs.instance import open_instance  # noqa: PLC0415 - imports Dagster
        from fdm_platform.defs.run import run_load  # noqa: PLC0415

        with open_instance(platform.settings) as instance:
            run_load(instance, load, spec, RunLog(), raise_if_stopped=raise_again, tags=asked.tags)
        raise_again()
    except BaseException as error:
        load.abandon(error)
        raise_again()  # what the signal came out of may have made another error of it
        raise
    return load.all_failed


def _tell(text: str) -> None:
    click.secho(f"  {text}", err=True)


@contextmanager
def ended_by_signals() -> Iterator[Callable[[], None]]:
    """SIGTERM ends the command as Ctrl-C does, by an exception: so Spark is ended and attempts are closed.

    Dagster may take it for a failure of what it was about to do, and has handlers of its own while a step runs:
    what is yielded raises the first signal that came again, whoever handled it.
    """

    def end(number: int, _frame: object) -> None:
        raise _exit_by(number)

    seen, writer = socket.socketpair()
    with seen, writer:
        for end_of_pair in (seen, writer):
            end_of_pair.setblocking(False)

        def raise_again() -> None:
            with suppress(BlockingIOError):
                for number in seen.recv(_MOST_SIGNALS, socket.MSG_PEEK):
                    if number in _ENDING:
                        raise _exit_by(number)

        before = {number: signal.signal(number, end) for number in _ENDING}
        told_before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield raise_again
        finally:
            signal.set_wakeup_fd(told_before)
            for number, handler in before.items():
                signal.signal(number, handler)


def _exit_by(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(SIGTERM_EXIT)


def _dates(
    platform: Platform, spec: TableSpec, single: Sequence[str], first: str | None, last: str | None
) -> list[date]:
    """The chosen dates in order: those named, and those of process_control within the range."""
    chosen = {parse_biz_dt(d) for d in single}
    if first or last:
        low = parse_biz_dt(first) if first else date.min
        high = parse_biz_dt(last) if last else date.max
        if low > high:
            raise ParameterError(f"--from {low} is after --to {high}", field="--from", remedy="swap the two")
        chosen |= {r.biz_dt for r in platform.control_rows(spec) if low <= r.biz_dt <= high and not r.is_held}
    if not chosen and (first or last):
        raise NoControlRowError(
            f"process_control has no date of {spec.entity} {spec.source_system} from {first} to {last}",
            remedy="look with `fdm control show process_control`",
        )
    if not chosen:
        raise ParameterError("no business date given", field="--biz-dt", remedy="add --biz-dt 2024-05-15")
    return sorted(chosen)


def _record_json(record: PublishRecord) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(record)
    return {**plain, "manifest": to_plain(Manifest.from_json(record.manifest))}


def plan_text(planned: LoadPlan) -> str:
    """The plan for people: dates and why, sources and sizes, SQL, Spark settings and their origin, target."""
    output = planned.output
    target = f"{output.root}, partitioned by {', '.join(output.partition_by)}, {output.compression}"
    lines = [f"{planned.table}  ({planned.file})", f"target  {target}", ""]
    for d in planned.dates:
        lines += [
            f"{d.biz_dt}  {d.reason}",
            f"  replaces version {d.base_version}" if d.base_version else "  first version",
        ]
        lines += [
            f"  {s.view:<12} {s.format:<8} {human_bytes(s.bytes):>9}  {s.path or ''}" for s in d.sources
        ]
        lines += [f"  -- {s.view}: {s.file}\n{s.sql.rstrip()}" for s in d.steps]
    lines += [f"  transform {planned.transform}"] if planned.transform else []
    return "\n".join([*lines, "", "spark-submit", *_launch_lines(planned)])


def _launch_lines(planned: LoadPlan) -> list[str]:
    launch = planned.launch
    names = (
        "master",
        "deploy_mode",
        "driver_memory",
        "executor_memory",
        "num_executors",
        "executor_cores",
        "python_executable",
        "queue",
        "archives",
    )
    settings = [(n, s) for n in names if (s := getattr(launch, n))]
    settings += [("py_files", s) for s in launch.py_files] + sorted(launch.conf.items())
    return [f"  {name:<28} {s.value:<20} from {s.origin}" for name, s in settings]
