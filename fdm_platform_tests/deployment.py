"""A deployment in a temporary folder: the project's sample tables, their control rows and sources."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import jpype

from fdm_platform import jvm
from fdm_platform.cli.sample import write_sources
from fdm_platform.control.kudu.opening import client_jars
from fdm_platform.control.schema import TABLES
from fdm_platform.control.seed import compare, write
from fdm_platform.control.seed_file import read_seed
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.model.settings import Settings

PROJECT = Path(__file__).parent.parent
KUDU = "FDM_TESTS_KUDU"
"""Environment variable: master of the Kudu that deployments keep their control tables in (`--store kudu`)."""
_PREFIXES: set[str] = set()
DAYS = (date(2024, 5, 13), date(2024, 5, 14), date(2024, 5, 15))


@dataclass(frozen=True, slots=True)
class Deployment:
    """Settings of a throw-away deployment, and the environment that leads a process to it."""

    settings: Settings
    environ: dict[str, str]

    @contextmanager
    def platform(self) -> Iterator[Platform]:
        with open_platform(self.settings) as platform:
            yield platform

    def source(self, name: str, day: date = DAYS[-1]) -> Path:
        return self.settings.source_root / name.format(day=f"{day:%Y%m%d}")


def control_url(home: Path) -> str:
    """An empty control store for a folder: a file in it, or tables of its own in the Kudu of the test run."""
    master = os.environ.get(KUDU)
    if master is None:
        return f"sqlite:///{home / 'control.db'}"
    prefix = f"{hashlib.blake2b(str(home).encode(), digest_size=6).hexdigest()}."
    _PREFIXES.add(prefix)
    # A machine that does much beside does not fail a test: the default is 10 s.
    return f"kudu://{master}?prefix={prefix}&timeout_s=60"


def drop_tables() -> None:
    """Drop the Kudu tables of all deployments made so far."""
    master = os.environ.get(KUDU)
    if master is None or not _PREFIXES:
        return
    jvm.start(client_jars())
    client = jpype.JClass("org.apache.kudu.client.KuduClient$KuduClientBuilder")(master).build()
    for table in map(str, client.getTablesList().getTablesList()):
        if table.startswith(tuple(_PREFIXES)):
            client.deleteTable(table)
    client.close()
    _PREFIXES.clear()


def without_others() -> dict[str, str]:
    """This process's environment without what leads to another deployment."""
    kept = (KUDU, "FDM_CACHE", "FDM_MAVEN_REPOSITORY")
    return {k: v for k, v in os.environ.items() if k in kept or not k.startswith(("FDM_", "DAGSTER_"))}


def project_in(home: Path) -> Deployment:
    """A project of its own: what is declared in the folder below `sql`, and empty control tables."""
    environ = {
        "FDM_PROJECT": str(home),
        "FDM_HOME": str(home),
        "FDM_SQL_ROOT": str(home / "sql"),
        "FDM_CONTROL_URL": control_url(home),
    }
    made = Deployment(Settings.from_environ(environ), environ)
    with made.platform() as platform:
        platform.store.create(TABLES)
        assert platform.catalog.errors == ()
    return made


def deploy(
    home: Path, *, rows: int = 60, sql_root: Path | None = None, store_url: str | None = None
) -> Deployment:
    """Control tables seeded with the sample rows; sources for each sample date, `rows` each."""
    environ = {
        **without_others(),
        "FDM_PROJECT": str(PROJECT),
        "FDM_HOME": str(home),
        "FDM_CONTROL_URL": store_url or control_url(home),
    }
    if sql_root:
        environ["FDM_SQL_ROOT"] = str(sql_root)
    settings = Settings.from_environ(environ)
    with open_platform(settings) as platform:
        platform.store.create(TABLES)
        rows_of_file = read_seed(PROJECT / "examples" / "control" / "sample.yaml")
        write(platform.store, compare(platform.store, rows_of_file), datetime.now(UTC))
    write_sources(settings.source_root, list(DAYS), rows)
    return Deployment(settings, environ)
