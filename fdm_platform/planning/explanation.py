"""Why a business date was loaded, was not, or waits: one sentence from the evidence, and what to do. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from fdm_platform.model.calendar import EPOCH
from fdm_platform.planning.due import Verdict
from fdm_platform.planning.evidence import Evidence, RunOfDate
from fdm_platform.planning.status import DateStatus

_RETRY = re.compile(r"-r(\d+)$")
"""How a load id names the retry that it is."""
_NOTHING = "nothing"
_BLOCKING = ("failed", "running", "held", "broken", "gone")
"""States of a parent that say more than that it is not published."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is the matter with a date, and what to do about it."""

    state: str
    """One of planning.status.STATES, or `queued`, `waiting`, `requested`, `never` (nothing is known of the date)."""
    verdict: str
    todo: str


def explain(e: Evidence) -> Explanation:
    """The explanation of what was found."""
    status, run = e.status, e.open_run
    if run and (status is None or status.state != "running") and not _is_of_newest_attempt(e, run):
        return _requested(e, run)
    return _BY_STATE[status.state](e, status) if status else _without_row(e)


def moment(at: datetime | None) -> str:
    """A time for people, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "a time that is not known"


_NO_ROW = "process_control has no row for it"


def _without_row(e: Evidence) -> Explanation:
    calendar = e.calendar
    if not calendar.has_control_rows:
        return _without_control_rows(e)
    if e.biz_dt < calendar.start:
        return Explanation(
            "never", f"{_NO_ROW}, and it is before the calendar's start, {calendar.start}", _NOTHING
        )
    if e.biz_dt > calendar.today:
        day = f"{calendar.today} in {calendar.timezone}"
        return Explanation("never", f"{_NO_ROW}, and the date has not come: it is {day}", _NOTHING)
    if not calendar.is_declared:
        return Explanation(
            "never",
            f"{_NO_ROW}, and no calendar says whether one is expected",
            "if the date should be there, add its row: it is loaded then",
        )
    return _by_calendar(e)


def _by_calendar(e: Evidence) -> Explanation:
    calendar = e.calendar
    if not calendar.is_business_day:
        todo = f"{_NOTHING}; a row would be loaded all the same"
        return Explanation("never", f"not a business day: {calendar.why}; {_NO_ROW}", todo)
    if calendar.start <= EPOCH and not any(day < e.biz_dt for day in e.nearest):
        return Explanation(
            "never", f"{_NO_ROW}, nor for any date before it: the source begins later", _NOTHING
        )
    due = moment(calendar.due_at)
    if calendar.is_overdue:
        return Explanation(
            "overdue",
            f"expected and absent: {_NO_ROW}, and it was due at {due}",
            "ask the source's operator for it, or declare the date a holiday in "
            f"{calendar.file or 'calendar.yaml'}",
        )
    return Explanation(
        "expected",
        f"expected and not yet due: {_NO_ROW} yet, and it is due at {due}",
        f"{_NOTHING}: it is loaded when its row comes",
    )


def _without_control_rows(e: Evidence) -> Explanation:
    if not e.calendar.is_business_day:
        return Explanation("never", f"not a business day: {e.calendar.why}", _NOTHING)
    due = moment(e.calendar.due_at)
    if not e.calendar.is_overdue:
        return Explanation("expected", f"not yet due: that is at {due}", _NOTHING)
    trouble = _watcher_trouble(e) or "the schedule has not requested it yet"
    return Explanation("missing", f"due since {due} and never published: {trouble}", _load(e))


def _running(e: Evidence, status: DateStatus) -> Explanation:
    attempt = e.newest_attempt
    if attempt is None:
        return Explanation("running", f"running {status.reason}", "wait for it")
    spark = f", Spark application {attempt.spark_app_id}" if attempt.spark_app_id else ""
    asked = f", asked for by {attempt.asked_by}" if attempt.asked_by else ""
    text = f"running since {moment(attempt.start_time)}, load {attempt.load_id}{asked}{spark}"
    run = _run_of(e, attempt.load_id)
    if run and run.is_ended:
        return Explanation(
            "running",
            f"{text}; but its run in Dagster ended as {run.status} at {moment(run.ended_at)}, so nobody has "
            "closed the attempt yet",
            f"see that nothing of it runs any more, then {_load(e)}",
        )
    return Explanation("running", text, "wait for it; if its process is gone, load the date again")


def _requested(e: Evidence, run: RunOfDate) -> Explanation:
    """A run of the date is queued, or begins."""
    is_so = f" (the date is {e.status.state}: {e.status.reason})" if e.status and e.status.reason else ""
    if not run.is_queued:
        text = f"its run {run.run_id} is {run.status}, created at {moment(run.created_at)}"
        return Explanation("requested", text + is_so, "wait for it")
    place = f"place {run.position} of {run.queue_length}, priority {run.priority}"
    text = f"requested, and queued since {moment(run.created_at)}: {place}"
    pool = e.dagster.pool if e.dagster else None
    if pool and pool.slots is not None and pool.in_use >= pool.slots:
        text += f"; the pool {pool.name} is full, {pool.in_use} of {pool.slots} runs"
    if e.dagster and not e.dagster.is_daemon_alive:
        text += "; the daemon, which starts queued runs, is not there"
        return Explanation("queued", text + is_so, "start the daemon with `fdm ui start`")
    return Explanation("queued", text + is_so, "wait for it")


def _failed(e: Evidence, status: DateStatus) -> Explanation:
    attempt = e.newest_attempt
    at = moment(attempt.end_time if attempt else None)
    text = f"failed at {at}: {status.reason}"
    if e.versions:
        text += f"; version {e.versions[0].version} of {moment(e.versions[0].published_at)} stays published"
    if letter := e.dead_letter:
        text = text.replace(f"failed at {at}: ", f"{letter.kind} error at {at}; ", 1)
        again = f"`fdm retry {e.table} --biz-dt {e.biz_dt}`"
        todo = f"correct the cause, then {again}; a change of its control row has it loaded, too"
        return Explanation("failed", text, todo)
    retries, is_to_come = _retries(e)
    if is_to_come:
        return Explanation("failed", text + retries, "wait for the retry")
    if e.row and attempt and attempt.control_version not in (None, e.row.version):
        return _to_load(e, text + f"{retries}; its control row changed since")
    again = (
        "the schedule requests it again, too" if e.watcher == "schedule" else "nothing repeats it by itself"
    )
    return Explanation("failed", text + retries, f"correct the cause, then {_load(e)}: {again}")


def _retries(e: Evidence) -> tuple[str, bool]:
    """What is left of the declared retries, and whether one is to come for sure."""
    attempt = e.newest_attempt
    if not e.retries or attempt is None:
        return "; the table has no retries", False
    found = _RETRY.search(attempt.load_id)
    left = e.retries - (int(found[1]) if found else 0)
    if left <= 0:
        return f"; all {e.retries} retries are used", False
    run, text = _run_of(e, attempt.load_id), f"; {left} of {e.retries} retries are left"
    if run is None:
        return f"{text}, if its run goes on", False
    return (f"{text}, but its run ended", False) if run.is_ended else (f"{text}, and its run goes on", True)


def _held(e: Evidence, status: DateStatus) -> Explanation:
    standing = f"; version {e.versions[0].version} stays published" if e.versions else ""
    return Explanation(
        "held",
        f"held: {status.reason}{standing}",
        "to let it run, set run_indicator to Y in its process_control row, with a new last_update_ts",
    )


def _missing(e: Evidence, _status: DateStatus) -> Explanation:
    return _to_load(e, "never published")


def _stale(e: Evidence, status: DateStatus) -> Explanation:
    newest = e.versions[0] if e.versions else None
    text = (
        f"version {newest.version} of {moment(newest.published_at)} is published and stale: "
        if newest
        else ""
    )
    details = "; ".join(
        f"{p.table} {p.biz_dt} is version {p.version}, version {p.version_read} was read"
        if p.version_read
        else f"{p.table} {p.biz_dt} was not read yet"
        for p in e.parents
        if p.version and p.version > (p.version_read or 0)
    )
    text += status.reason + (f" ({details})" if details else "")
    if e.verdict and e.verdict.state == "current":  # the sensors do not look at SQL and parameters
        return Explanation(
            "stale", text, f"{_load(e)}, or `fdm backfill {e.table} --stale` for all such dates"
        )
    return _to_load(e, text)


def _to_load(e: Evidence, text: str) -> Explanation:
    """A date that is to be loaded and is not yet: what it waits for."""
    if e.verdict and e.verdict.state == "waiting":
        return _waiting(e, e.verdict, text)
    state = e.status.state if e.status else "missing"
    trouble = _watcher_trouble(e)
    if (request := e.request) is not None:
        asked = f"{text}; requested at {moment(request.requested_at)} as {request.run_key}, and not attempted since"
        return Explanation("requested", f"{asked}{_and(trouble)}", _todo_for_watcher(e, trouble))
    if trouble:
        return Explanation(state, f"{text}; not requested: {trouble}", _todo_for_watcher(e, trouble))
    by = {"sensor": "the sensor has", "automation": "the automation has", "schedule": "the schedule has"}
    return Explanation(
        state, f"{text}; {by[e.watcher]} not requested it yet{_last_words(e)}", _load(e) + ", or wait"
    )


def _waiting(e: Evidence, verdict: Verdict, text: str) -> Explanation:
    """For a parent: one that failed, runs or is held has its own words, others those of the verdict."""
    open_parents = [p for p in e.parents if p.biz_dt and (p.status is None or p.status.state != "published")]
    if verdict.reason.startswith("the breaker"):
        todo = f"see whether it is up again; {_load(e)} does not wait"
        return Explanation("waiting", f"{text}; it waits: {verdict.reason}", todo)
    if not open_parents:
        return Explanation("waiting", f"{text}; it waits: {verdict.reason}", "load the parent first")
    parent = min(open_parents, key=lambda p: p.status is None or p.status.state not in _BLOCKING)
    todo = f"`fdm why {parent.table} --biz-dt {parent.biz_dt}` tells what its parent waits for"
    if parent.status and parent.status.state in _BLOCKING:
        why = f"its parent {parent.table} {parent.biz_dt}: {parent.status.state}, {parent.status.reason}"
        return Explanation("waiting", f"{text}; it waits for {why}", todo)
    return Explanation("waiting", f"{text}; it waits: {verdict.reason}", todo)


def _todo_for_watcher(e: Evidence, trouble: str) -> str:
    if not trouble:
        return f"wait for it, or {_load(e)}"
    if e.dagster and e.dagster.sensor.is_running and not e.dagster.is_daemon_alive:
        return f"start the daemon with `fdm ui start`, or {_load(e)}"
    return f"see to it in the UI, under Automation, or {_load(e)}"


def _watcher_trouble(e: Evidence) -> str:
    """Why what requests the date does not work; empty where it does, or is not known."""
    if e.dagster is None:
        return ""
    sensor = e.dagster.sensor
    if sensor.is_running is None:
        return (
            f"Dagster has never evaluated {sensor.name}; nobody has switched it on, or the daemon never ran"
        )
    if not sensor.is_running:
        return f"{sensor.name} is stopped"
    if not e.dagster.is_daemon_alive:
        return f"the daemon that evaluates {sensor.name} is not there, last seen at {moment(e.dagster.daemon_seen_at)}"
    if sensor.last_tick == "FAILURE":
        return f"the last tick of {sensor.name} failed at {moment(sensor.last_tick_at)}: {sensor.words}"
    return ""


def _last_words(e: Evidence) -> str:
    if e.dagster is None or e.dagster.sensor.last_tick_at is None:
        return ""
    sensor, at = e.dagster.sensor, e.dagster.sensor.last_tick_at
    if e.row and e.row.last_update_ts and at < e.row.last_update_ts:
        return f"; {sensor.name} looked last at {moment(at)}, before the control row changed"
    return f"; {sensor.name} looked last at {moment(at)}" + (f": {sensor.words}" if sensor.words else "")


def _future(e: Evidence, _status: DateStatus) -> Explanation:
    return Explanation(
        "future",
        f"the date has not come: it is {e.calendar.today} in {e.calendar.timezone}",
        f"{_NOTHING}: it is loaded when it has come",
    )


def _history(e: Evidence, _status: DateStatus) -> Explanation:
    return Explanation(
        "history",
        f"before the calendar's start, {e.calendar.start}: the sensor does not request it",
        f"if it is wanted, {_load(e)}",
    )


def _gone(_e: Evidence, status: DateStatus) -> Explanation:
    return Explanation(
        "gone",
        f"{status.reason}; nothing was done about it",
        "restore its process_control row; or, if the date is no more, take it out of the partition set with "
        "`fdm partitions remove`",
    )


def _broken(_e: Evidence, status: DateStatus) -> Explanation:
    return Explanation(
        "broken", f"its control row cannot be used: {status.reason}", "correct process_control"
    )


def _published(e: Evidence, _status: DateStatus) -> Explanation:
    if not e.versions:
        return Explanation("published", "published", _NOTHING)
    newest = e.versions[0]
    by = next((a.asked_by for a in e.attempts if a.load_id == newest.load_id and a.asked_by), None)
    asked = f", asked for by {by}" if by else ""
    text = f"published and current: version {newest.version} of {moment(newest.published_at)}, load {newest.load_id}{asked}"
    if e.verdict and e.verdict.state in ("waiting", "due"):
        return _to_load(e, f"{text}, but about to change")
    return Explanation("published", text, _NOTHING)


_BY_STATE = {
    "published": _published,
    "stale": _stale,
    "missing": _missing,
    "failed": _failed,
    "running": _running,
    "held": _held,
    "future": _future,
    "history": _history,
    "gone": _gone,
    "broken": _broken,
}


def _is_of_newest_attempt(e: Evidence, run: RunOfDate) -> bool:
    return bool(e.attempts) and e.attempts[0].load_id.startswith(run.run_id)


def _run_of(e: Evidence, load_id: str) -> RunOfDate | None:
    """Dagster's run of a load: its id begins the load's."""
    runs = e.dagster.runs if e.dagster else ()
    return next((r for r in runs if load_id.startswith(r.run_id)), None)


def _load(e: Evidence) -> str:
    return f"`fdm materialize {e.table} --biz-dt {e.biz_dt}`"


def _and(trouble: str) -> str:
    return f"; {trouble}" if trouble else ""
