"""Rows of the control tables for a script. Of its own job they are those of its parameters file, with which it was
started; of another one they are read where the platform's control tables can be.

The contract names these functions; their arguments are our reading. Clients, sessions and addresses of Kudu may be among
them, and are not needed: the platform knows where its tables are.
"""  # noqa: D205 - one sentence

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .params_loader import flatten_job_params, get_job_params_path, load_job_params_from_json

_ADDRESS = re.compile(r"kudu://\S+|[\w.-]+:\d+(\s*,\s*[\w.-]+(:\d+)?)*")
"""Of one Kudu master, or of several."""


def fetch_job_master(*given: Any, **named: Any) -> dict[str, Any]:
    """The row of `job_name`. LookupError: there is none."""
    job_name = _arguments(given, named, "job_name")["job_name"]
    own = _own(job_name)
    if own is not None:
        return dict(own.get("job_master") or {})
    with _store() as store:
        from fdm_platform.control.rows import stored_job  # noqa: PLC0415 - with the platform only

        row = stored_job(store, str(job_name))
    if row is None:
        raise LookupError(f"job_master has no row of {job_name}")
    return _plain([row])[0]


def fetch_job_dependency(*given: Any, **named: Any) -> list[dict[str, Any]]:
    """The rows that say what `job_name` waits for."""
    job_name = _arguments(given, named, "job_name")["job_name"]
    own = _own(job_name)
    if own is not None:
        return list(own.get("job_dependency") or [])
    with _store() as store:
        from fdm_platform.control.store import Predicate  # noqa: PLC0415 - with the platform only

        return _plain(store.scan("job_dependency", [Predicate("dependent_job_name", "=", job_name)]))


def fetch_process_control(*given: Any, **named: Any) -> list[dict[str, Any]]:
    """The rows of `entity` and `source_system`, newest first; of the own job's, those of this load."""
    asked = _arguments(given, named, "entity", "source_system")
    own = _own(None)
    metadata = (own or {}).get("metadata") or {}
    is_own = own is not None and all(v in (None, metadata.get(n)) for n, v in asked.items())
    if own is not None and is_own:
        return list(own.get("process_control") or [])
    with _store() as store:
        from fdm_platform.control.rows import stored_process_control  # noqa: PLC0415 - with the platform only

        rows = stored_process_control(store, str(asked["entity"]), str(asked["source_system"]), None)
    return sorted(_plain(rows), key=lambda row: str(row.get("biz_dt")), reverse=True)


def fetch_sys_params(*given: Any, **named: Any) -> list[dict[str, Any]]:
    """The rows that apply to `job_name` in `env`."""
    asked = _arguments(given, named, "job_name", "env")
    own = _own(asked["job_name"])
    if own is not None and asked["env"] in (None, (own.get("metadata") or {}).get("env")):
        return list(own.get("sys_params") or [])
    with _store() as store:
        from fdm_platform.control.rows import sys_params_rows  # noqa: PLC0415 - with the platform only

        return _plain(
            list(sys_params_rows(store, str(asked["env"] or _environment()), str(asked["job_name"])))
        )


def fetch_all_job_params(*given: Any, **named: Any) -> dict[str, Any]:
    """All of `job_name`, `entity`, `source_system` and `env`, as in a parameters file."""
    asked = _arguments(given, named, "job_name", "entity", "source_system", "env")
    own = _own(asked["job_name"])
    if own is not None:
        return own
    job = fetch_job_master(asked["job_name"])  # first: it says where the control tables cannot be read
    env = asked["env"] or _environment()
    identity = {n: asked[n] or job.get(n) for n in ("entity", "source_system")}
    return {
        "metadata": {"env": env, **identity, "job_name": asked["job_name"], "job_id": job.get("job_id")},
        "job_master": job,
        "job_dependency": fetch_job_dependency(asked["job_name"]),
        "process_control": fetch_process_control(**identity),
        "sys_params": fetch_sys_params(asked["job_name"], env),
    }


def fetch_job_params(*given: Any, **named: Any) -> dict[str, Any]:
    """The same, flat: see params_loader.flatten_job_params."""
    return flatten_job_params(fetch_all_job_params(*given, **named))


def _arguments(given: tuple[Any, ...], named: dict[str, Any], *names: str) -> dict[str, Any]:
    """The texts among the arguments that are no address, in order, and those that are named so."""
    texts = iter([v for v in given if isinstance(v, str) and not _ADDRESS.fullmatch(v)])
    return {n: named[n] if n in named else next(texts, None) for n in names}


def _own(job_name: str | None) -> dict[str, Any] | None:
    """This process's own parameters, where they are of this job."""
    if "JOB_PARAMS_FILE" not in os.environ:
        return None
    own = load_job_params_from_json(get_job_params_path())
    return own if job_name in (None, (own.get("metadata") or {}).get("job_name")) else None


@contextmanager
def _store() -> Iterator[Any]:
    try:
        from fdm_platform.control.store import open_store  # noqa: PLC0415 - with the platform only
        from fdm_platform.model.settings import Settings  # noqa: PLC0415 - with the platform only
    except ImportError as error:
        raise RuntimeError(
            "the control tables can be read on the platform's own machine only: of its own job a script has all rows in "
            "JOB_PARAMS_FILE"
        ) from error
    store = open_store(Settings.from_environ().control_url)
    try:
        yield store
    finally:
        store.close()


def _environment() -> str:
    """The load's own, else the deployment's."""
    own = (_own(None) or {}).get("metadata") or {}
    if own.get("env"):
        return str(own["env"])
    from fdm_platform.model.settings import Settings  # noqa: PLC0415 - with the platform only

    return Settings.from_environ().environment


def _plain(rows: Iterable[Any]) -> list[dict[str, Any]]:
    from fdm_platform.model.codec import to_plain  # noqa: PLC0415 - with the platform only

    return [to_plain(row) for row in rows]
