"""The `fdm` command: parse, call, print. Each command's module is imported when it is called."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import click

from fdm_platform.errors import FdmError

COMMANDS = {
    "quickstart": "fdm_platform.cli.quickstart:quickstart",
    "list": "fdm_platform.cli.tables:list_tables",
    "show": "fdm_platform.cli.tables:show",
    "new": "fdm_platform.cli.tables:new",
    "validate": "fdm_platform.cli.tables:validate",
    "test": "fdm_platform.cli.fixtures:test",
    "dependencies": "fdm_platform.cli.dependencies:show_dependencies",
    "status": "fdm_platform.cli.status:status",
    "why": "fdm_platform.cli.why:why",
    "dead-letters": "fdm_platform.cli.dead_letters:dead_letters",
    "calendar": "fdm_platform.cli.calendar:calendar",
    "plan": "fdm_platform.cli.load:plan",
    "materialize": "fdm_platform.cli.load:materialize",
    "run": "fdm_platform.cli.run:run",
    "job": "fdm_platform.cli.job:job",
    "retry": "fdm_platform.cli.dead_letters:retry",
    "rollback": "fdm_platform.cli.rollback:rollback",
    "recover": "fdm_platform.cli.recover:recover",
    "backfill": "fdm_platform.cli.backfill:backfill",
    "partitions": "fdm_platform.cli.partitions:partitions",
    "params": "fdm_platform.cli.params:params",
    "control": "fdm_platform.cli.control:control",
    "talend": "fdm_platform.cli.talend:talend",
    "parity": "fdm_platform.cli.parity:parity",
    "kudu": "fdm_platform.cli.kudu:kudu",
    "ui": "fdm_platform.cli.ui:ui",
}

INTERRUPTED_EXIT = 130
"""What a shell reports of a command that Ctrl-C ended."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are looked up: `fdm plan` never pays for Dagster."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if there is no such command."""
        target = COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _, attribute = target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="fdm-platform")
def cli() -> None:
    """Landing tables of a financial data mart, by business date.

    \b
    Examples:
      fdm quickstart                                 the sample tables, loaded, and the UI
      fdm list                                       declared tables
      fdm plan t_contract_master --biz-dt 2024-05-15 what a load would do
      fdm materialize t_contract_master --biz-dt 2024-05-15
    """  # noqa: D301 - click wants the backspace itself


def main() -> None:
    """Entry point: an FdmError becomes one clear message on stderr and its own exit code."""
    try:
        # What a command gave to `context.exit` comes back as a value here.
        sys.exit(cli(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.secho("interrupted", fg="red", err=True)
        sys.exit(INTERRUPTED_EXIT)
    except FdmError as error:
        print_error(error)
        sys.exit(error.exit_code)


def print_error(error: FdmError) -> None:
    """The error on stderr; as one JSON object where the command was asked for `--json`."""
    if "--json" in sys.argv:
        plain: dict[str, Any] = {"error": type(error).__name__, **error.to_json()}
        click.echo(json.dumps(plain), err=True)
    else:
        click.secho(f"error: {error}", fg="red", err=True)
