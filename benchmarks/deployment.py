"""A throw-away deployment for benchmarks: control tables seeded, sources generated."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
from pyarrow import orc

from fdm_platform.cli.sample import write_contracts, write_lookup
from fdm_platform.control.schema import TABLES
from fdm_platform.control.seed import compare, write
from fdm_platform.control.seed_file import read_seed
from fdm_platform.control.store import open_store
from fdm_platform.model.settings import Settings

PROJECT = Path(__file__).parent.parent
DAY = date(2024, 5, 15)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Folders of one deployment and the environment that points `fdm` at them."""

    settings: Settings
    environ: dict[str, str]

    @property
    def contracts(self) -> Path:
        """The contracts of the day, a CSV."""
        return self.settings.source_root / f"customer_contract_{DAY:%Y%m%d}.csv"

    @property
    def lookup(self) -> Path:
        """The lookup, a CSV."""
        return self.settings.source_root / "customer_contract_fallback_lkp.csv"

    @property
    def landed(self) -> Path:
        """Where `fdm materialize` publishes the day."""
        return self.settings.landing_root / "gels_fpms_t_contract_master" / f"biz_dt={DAY:%Y%m%d}"

    def fdm(self, *args: str) -> list[str]:
        """The `fdm` command of this environment."""
        return [str(Path(sys.executable).parent / "fdm"), *args]

    def hand_written(self, out: Path) -> list[str]:
        """What a team runs today: plain spark-submit of a script of the same work."""
        script = str(PROJECT / "benchmarks" / "contract_job.py")
        submit = [
            str(Path(sys.executable).parent / "spark-submit"),
            "--master",
            "local[2]",
            "--driver-memory",
            "1g",
        ]
        files = ["--contracts", str(self.contracts), "--lookup", str(self.lookup)]
        return [*submit, script, *files, "--biz-dt", DAY.isoformat(), "--out", str(out)]


def deploy(home: Path, rows: int) -> Deployment:
    """Make a deployment in `home` with that many contracts for the one day."""
    environ = {
        # Set in many images: each process would compile 1,700 modules anew, and the more Python the more so.
        **{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        "FDM_PROJECT": str(PROJECT),
        "FDM_HOME": str(home),
        "PYSPARK_PYTHON": sys.executable,
    }
    settings = Settings.from_environ(environ)
    store = open_store(settings.control_url)
    store.create(TABLES)
    write(
        store, compare(store, read_seed(PROJECT / "examples" / "control" / "sample.yaml")), datetime.now(UTC)
    )
    store.close()
    deployment = Deployment(settings, environ)
    settings.source_root.mkdir(parents=True, exist_ok=True)
    write_lookup(deployment.lookup)
    write_contracts(deployment.contracts, DAY, rows)
    return deployment


def rows_of(folder: Path) -> pa.Table:
    """The rows of a date folder, sorted, to hold two outputs against each other."""
    tables = []
    for file in sorted(folder.rglob("*.orc")):
        status = file.parent.name.removeprefix("biz_status=")
        table = orc.read_table(file)
        tables.append(table.append_column("biz_status", pa.array([status] * table.num_rows)))
    whole = pa.concat_tables(tables)
    return whole.select(sorted(whole.column_names)).sort_by("contract_id")
