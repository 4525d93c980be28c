"""A deployment in a temporary folder: the project's sample tables, their control rows and sources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from fdm_platform.cli.sample import write_sources
from fdm_platform.control.schema import TABLES
from fdm_platform.control.seed import compare, write
from fdm_platform.control.seed_file import read_seed
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.model.settings import Settings

PROJECT = Path(__file__).parent.parent
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


def deploy(home: Path, *, rows: int = 60, sql_root: Path | None = None) -> Deployment:
    """Control tables seeded with the sample rows; sources for each sample date, `rows` each."""
    environ = {**os.environ, "FDM_PROJECT": str(PROJECT), "FDM_HOME": str(home)}
    if sql_root:
        environ["FDM_SQL_ROOT"] = str(sql_root)
    settings = Settings.from_environ(environ)
    with open_platform(settings) as platform:
        platform.store.create(TABLES)
        rows_of_file = read_seed(PROJECT / "examples" / "control" / "sample.yaml")
        write(platform.store, compare(platform.store, rows_of_file), datetime.now(UTC))
    write_sources(settings.source_root, list(DAYS), rows)
    return Deployment(settings, environ)
