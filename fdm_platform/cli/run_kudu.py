"""The legacy framework's commands, word for word: run_kudu.py, init_params_kudu.py, kudu_view.py.

A crontab or a DAG that calls them keeps working. What they do is what `fdm run`, `fdm control init` and
`fdm params show` do, and their exit codes are the same.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

from fdm_platform.cli import INTERRUPTED_EXIT, print_error
from fdm_platform.errors import ControlError, FdmError
from fdm_platform.model.settings import ENVIRONMENTS, Settings

_KUDU = "kudu://"


def run_kudu(arguments: Sequence[str] | None = None) -> None:
    """run_kudu.py: run a job for the newest business date."""
    from fdm_platform.cli.console import print_published  # noqa: PLC0415 - help needs no platform
    from fdm_platform.cli.run import Asked, run_job  # noqa: PLC0415

    parser = _parser("run_kudu.py", "Run a job of job_master.")
    parser.add_argument("--job_name", required=True, metavar="NAME")
    parser.add_argument("--entity", required=True, metavar="E")
    parser.add_argument("--source_system", required=True, metavar="S")
    parser.add_argument("--env", required=True, type=str.upper, choices=ENVIRONMENTS)
    parser.add_argument("--kudu_master", metavar="H:P", help="default: FDM_CONTROL_URL")
    parser.add_argument("--use_spark_submit", action="store_true", help="accepted; it is always used")
    parser.add_argument("--pretty", action="store_true", help="indent what --params_out writes")
    parser.add_argument("--params_out", type=Path, metavar="FILE", help="write the job's parameters here")
    given = parser.parse_args(arguments)
    _use(given.kudu_master)
    asked = Asked(
        job_name=given.job_name,
        entity=given.entity,
        source_system=given.source_system,
        environment=given.env,
        params_out=given.params_out,
        is_pretty=given.pretty,
    )
    loaded = run_job(asked, Settings.from_environ())
    if loaded.published:
        print_published(loaded.published)
    loaded.require_all()


def init_params(arguments: Sequence[str] | None = None) -> None:
    """init_params_kudu.py: create the control tables that are missing; with --verify, check them."""
    from fdm_platform.control.checking import check_tables  # noqa: PLC0415
    from fdm_platform.control.schema import TABLES, find_table  # noqa: PLC0415
    from fdm_platform.control.store import open_store  # noqa: PLC0415

    parser = _parser("init_params_kudu.py", "Create the control tables that are missing.")
    parser.add_argument("--tables", nargs="+", required=True, metavar="NAME", help="all, or names")
    parser.add_argument("--kudu-master", "--kudu_master", metavar="H:P", help="default: FDM_CONTROL_URL")
    parser.add_argument("--verify", action="store_true", help="check all columns afterwards")
    given = parser.parse_args(arguments)
    _use(given.kudu_master)
    names = list(TABLES) if given.tables == ["all"] else [find_table(name).name for name in given.tables]
    with closing(open_store(Settings.from_environ().control_url)) as store:
        created = set(store.create(names))
        checks = check_tables(store, names) if given.verify else []
    for name in names:
        _say(f"{'created' if name in created else 'exists '} {name}")
    wrong = [c for c in checks if not c.is_usable]
    for check in checks:
        _say(f"{'ok     ' if check.is_usable else 'wrong  '} {check.table}: {check.state}")
    if wrong:
        sys.exit(ControlError.exit_code)


def kudu_view(arguments: Sequence[str] | None = None) -> None:
    """kudu_view.py: what the control tables say of a job, as JSON; secrets are masked."""
    from fdm_platform.cli.run import Asked, find_job, params_of  # noqa: PLC0415
    from fdm_platform.defs.platform import open_platform  # noqa: PLC0415

    parser = _parser("kudu_view.py", "Show what the control tables say of a job.")
    parser.add_argument("--job_name", required=True, metavar="NAME")
    parser.add_argument("--kudu_master", metavar="H:P", help="default: FDM_CONTROL_URL")
    given = parser.parse_args(arguments)
    _use(given.kudu_master)
    with open_platform() as platform:
        document = params_of(platform, find_job(platform, Asked(given.job_name)))
    _say(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def main() -> NoReturn:
    """Entry point of run_kudu.py."""
    _main(run_kudu)


def init_params_main() -> NoReturn:
    """Entry point of init_params_kudu.py."""
    _main(init_params)


def kudu_view_main() -> NoReturn:
    """Entry point of kudu_view.py."""
    _main(kudu_view)


def _main(command: Callable[[], Any]) -> NoReturn:
    try:
        command()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(INTERRUPTED_EXIT)
    except FdmError as error:
        print_error(error)
        sys.exit(error.exit_code)
    sys.exit(0)


def _parser(name: str, what: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=name, description=what)


def _use(kudu_master: str | None) -> None:
    """The cluster whose control tables are meant, for this process and its children."""
    if kudu_master:
        is_url = "://" in kudu_master
        os.environ["FDM_CONTROL_URL"] = kudu_master if is_url else f"{_KUDU}{kudu_master}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
