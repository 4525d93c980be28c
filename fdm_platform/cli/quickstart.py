"""`fdm quickstart`: from nothing to published sample tables and the UI."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from fdm_platform.cli.console import print_published
from fdm_platform.cli.load import load_dates
from fdm_platform.cli.sample import write_sources
from fdm_platform.cli.ui import DEFAULT_PORT, start_ui
from fdm_platform.control.schema import TABLES
from fdm_platform.control.seed import compare, write
from fdm_platform.control.seed_file import read_seed
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.engines.java import find_jdk
from fdm_platform.errors import MachineError, ParameterError
from fdm_platform.model.control import PublishRecord
from fdm_platform.model.settings import Settings

SAMPLE_CONTROL = Path("examples") / "control" / "sample.yaml"
SAMPLE_TABLES = ("gels_fpms_t_contract_master", "gels_fpms_t_payment", "gels_fpms_t_contract_summary")
"""Parents before children."""


@click.command()
@click.option(
    "--rows",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="Contracts and payments of each business date.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="The UI's port; another free one if it is taken.",
)
@click.option("--no-ui", is_flag=True, help="Do not start the UI.")
def quickstart(rows: int, port: int, no_ui: bool) -> None:
    """Load the sample tables on the embedded defaults, and start the UI.

    Creates the control tables (SQLite), seeds them, makes sample sources, loads three tables for three
    business dates through spark-submit, and starts Dagster's UI. May be run again.

    \b
    Examples:
      fdm quickstart
      fdm quickstart --rows 1000000 --no-ui
    """  # noqa: D301 - click wants the backspace itself
    settings = Settings.from_environ()
    _require_sample_deployment(settings)
    find_jdk(os.environ)
    with open_platform(settings) as platform:
        _prepare(platform, rows)
        records = [r for name in SAMPLE_TABLES for r in _load(platform, name)]
    url = None if no_ui else _start_ui(settings, port)
    print_published(records)
    click.echo(f"The tables are ORC files below {settings.landing}")
    if url:
        click.echo(f"The UI is at {url} (stop it with `fdm ui stop`)")


def _require_sample_deployment(settings: Settings) -> None:
    """The sample's rows and files go to the defaults alone, never to a team's own."""
    own = {name for name in ("FDM_CONTROL_URL", "FDM_SOURCE_ROOT") if os.environ.get(name)}
    own |= {"FDM_ENV"} if settings.environment != "DEV" else set()
    if own:
        raise ParameterError(
            f"the sample would be written to a deployment of your own: {', '.join(sorted(own))} is set",
            field=min(own),
            remedy="unset it, or choose an empty folder with FDM_HOME",
        )


def _prepare(platform: Platform, rows: int) -> None:
    """Control tables, their sample rows, and the sources of the dates in them."""
    click.secho("control tables and sample sources", bold=True, err=True)
    settings = platform.settings
    platform.store.create(TABLES)
    rows_of_file = read_seed(settings.project / SAMPLE_CONTROL)
    write(platform.store, compare(platform.store, rows_of_file), datetime.now(UTC))
    dates = [r.biz_dt for r in platform.control_rows(platform.catalog.get(SAMPLE_TABLES[0]))]
    write_sources(settings.source_root, dates, rows)


def _load(platform: Platform, name: str) -> list[PublishRecord]:
    spec = platform.catalog.get(name)
    dates = [r.biz_dt for r in platform.control_rows(spec) if not r.is_held]
    click.secho(f"{name}: {', '.join(map(str, dates))}", bold=True, err=True)
    loaded = load_dates(platform, spec, dates)
    loaded.require_all()
    return loaded.published


def _start_ui(settings: Settings, port: int) -> str:
    try:
        return start_ui(settings, "127.0.0.1", port).url
    except MachineError as error:
        if error.field != "--port":
            raise
        return start_ui(settings, "127.0.0.1", 0).url
