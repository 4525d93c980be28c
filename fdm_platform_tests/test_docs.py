"""The documentation is held against what is there."""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import fields
from pathlib import Path

import click
import pytest

from fdm_platform.cli import cli
from fdm_platform.model.settings import Settings

PROJECT = Path(__file__).parent.parent
PAGES = [
    PROJECT / "README.md",
    *sorted((PROJECT / "docs").rglob("*.md")),
    PROJECT / "benchmarks" / "README.md",
]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(PROJECT).as_posix())
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert missing == []


def test_ci_runs_the_commands_of_the_readme_as_written() -> None:
    readme = (PROJECT / "README.md").read_text()
    setup, tests = re.findall(r"```sh\n(.+?)\n```", readme, re.DOTALL)[:2]
    assert (setup, tests) == ("uv run fdm quickstart", "uv run pytest")
    lines = (PROJECT / ".ci" / "run").read_text().splitlines()
    assert lines.index(setup) < lines.index(tests)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(PROJECT).as_posix())
def test_every_fdm_command_in_the_pages_exists(page: Path) -> None:
    for line in re.findall(r"^(?:uv run )?(fdm .+)$", page.read_text(), re.MULTILINE):
        words = shlex.split(line, comments=True)[1:]
        command: click.Command = cli
        context = click.Context(cli)
        while words and isinstance(command, click.Group):
            found = command.get_command(context, words.pop(0))
            assert found is not None, line
            command = found
        known = {o for p in command.params for o in p.opts}
        assert {w for w in words if w.startswith("--")} <= known, line


def test_every_setting_is_documented() -> None:
    page = (PROJECT / "docs" / "operating.md").read_text()
    names = {f"FDM_{f.name.upper()}" for f in fields(Settings)}
    names = names - {"FDM_ENVIRONMENT", "FDM_LANDING"} | {"FDM_ENV", "FDM_LANDING_ROOT"}
    assert names <= set(re.findall(r"FDM_\w+", page))


def test_every_command_has_help_with_an_example() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        assert "Examples:" in (command.help or ""), name


def test_what_the_readme_says_of_faults_is_held_by_tests() -> None:
    section = (
        (PROJECT / "README.md")
        .read_text()
        .partition("## What happens when it dies\n")[2]
        .partition("\n## ")[0]
    )
    _head, _rule, *rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", row.split("|")[-2])
        assert named, row
        for file, test in named:
            tree = ast.parse((PROJECT / "fdm_platform_tests" / file).read_text())
            assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (
                f"{file}::{test}"
            )
