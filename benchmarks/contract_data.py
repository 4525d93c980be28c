"""Contracts for the benchmarks: the CSV files of a business date, and the plan that loads them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from fdm_platform.model.partition import folder_name
from fdm_platform.model.plan import (
    DatePlan,
    LaunchProfile,
    LoadPlan,
    OutputPlan,
    Setting,
    SourceFile,
    SourcePlan,
    StepPlan,
)
from fdm_platform.model.table import ColumnSpec

BIZ_DT = date(2024, 5, 15)

_STATUSES = ("ACTIVE", "LAPSED", "A", " inforce ", "CLOSED")
_CHUNK = 100_000


def write_contracts(path: Path, rows: int) -> Path:
    """Write so many contracts; the same rows every time."""
    with path.open("w", encoding="utf-8") as file:
        file.write("customer_id,contract_id,status,amount,premium_amt,entity\n")
        for first in range(0, rows, _CHUNK):
            file.writelines(_contract(i) for i in range(first, min(rows, first + _CHUNK)))
    return path


def _contract(i: int) -> str:
    mixed = i * 2654435761 % 4294967296  # Knuth's multiplicative hash: cheap, and the same everywhere
    premium = f"{mixed % 90000 / 100:.2f}" if mixed % 3 else ""
    entity = ("SG", "MY", "")[mixed % 7 % 3]
    return f"P{mixed % 500_000:07d},C{i:09d},{_STATUSES[mixed % 5]},{mixed % 10_000_000 / 100:.2f},{premium},{entity}\n"


def write_lookup(path: Path, contracts: int, rows: int = 20_000) -> Path:
    """Write a lookup for so many of the contracts, spread evenly."""
    step = max(1, contracts // rows)
    with path.open("w", encoding="utf-8") as file:
        file.write("contract_id,entity_new,premium_fallback\n")
        file.writelines(f"C{i:09d},E{i % 17:02d},{i % 1000}.50\n" for i in range(0, contracts, step))
    return path


def contract_plan(
    load_id: str,
    contracts: Path,
    lookup: Path,
    root: Path,
    *,
    master: str = "local[2]",
    conf: Mapping[str, str] = {},
) -> LoadPlan:
    """The plan of one business date of contracts, as the planner makes it from the sample table."""
    staging = root / ".staging" / load_id
    launch = LaunchProfile(
        Setting(master, "benchmark"), conf={k: Setting(v, "benchmark") for k, v in conf.items()}
    )
    contract_columns = _columns(
        "customer_id string, contract_id string, status string, amount decimal(18;2),"
        "premium_amt decimal(18;2), entity string"
    )
    lookup_columns = _columns("contract_id string, entity_new string, premium_fallback decimal(18;2)")
    day = DatePlan(
        biz_dt=BIZ_DT,
        reason="benchmark",
        control_version="",
        run_id=None,
        base_version=0,
        folder=folder_name(BIZ_DT, "yyyyMMdd"),
        sources=(_csv("row1", contracts, contract_columns), _csv("row2", lookup, lookup_columns)),
        steps=(StepPlan("tMap_1_out1", "tMap_1_out1.hql", _SQL),),
        parameters=(),
        staging=str(staging),
    )
    output = OutputPlan(
        root=str(root),
        columns=(),
        partition_by=("biz_dt", "biz_status"),
        folder_date_format="yyyyMMdd",
        compression="snappy",
        target_file_bytes=128 * 1024 * 1024,
        checks=(),
        allow_empty=False,
        keep_versions=1,
    )
    return LoadPlan(
        load_id=load_id,
        table=root.name,
        file=str(Path(__file__).parent / "table.yaml"),
        entity="GELS",
        source_system="FPMS",
        environment="DEV",
        job_id="bench",
        job_name="bench",
        dates=(day,),
        transform=None,
        python_path=(),
        output=output,
        launch=launch,
    )


_SQL = f"""
SELECT row1.customer_id, row1.contract_id, row1.status, row1.amount,
       DATE'{BIZ_DT}' AS biz_dt, DATE'{BIZ_DT}' AS etl_start_dt, DATE'{BIZ_DT}' AS etl_end_dt,
       CASE WHEN UPPER(TRIM(row1.status)) IN ("ACTIVE", "A", "INFORCE") THEN "ACTIVE" ELSE "INACTIVE" END AS biz_status,
       'Y' AS change_indicator,
       COALESCE(row2.entity_new, row1.entity, 'GELS') AS entity_new,
       COALESCE(row1.premium_amt, row2.premium_fallback) AS premium_amt
FROM row1 LEFT JOIN row2 ON row1.contract_id = row2.contract_id
"""  # noqa: S608 - a constant


def _columns(text: str) -> tuple[ColumnSpec, ...]:
    pairs = (c.split() for c in text.split(","))
    return tuple(ColumnSpec(name, kind.replace(";", ",")) for name, kind in pairs)


def _csv(view: str, path: Path, columns: tuple[ColumnSpec, ...]) -> SourcePlan:
    file = SourceFile(str(path), path.stat().st_size)
    return SourcePlan(view, "csv", str(path), files=(file,), options={"header": "true"}, columns=columns)


def plain_spark_submit(contracts: Path, lookup: Path, out: Path, master: str = "local[2]") -> list[str]:
    """The command that a team types today."""
    submit = Path(sys.executable).with_name("spark-submit")
    job = Path(__file__).with_name("contract_job.py")
    arguments = ["--contracts", contracts, "--lookup", lookup, "--biz-dt", BIZ_DT, "--out", out]
    return [str(submit), "--master", master, str(job), *map(str, arguments)]


def plain_environment() -> dict[str, str]:
    """The environment for it: this Python, first on the PATH."""
    folder = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": os.pathsep.join([folder, os.environ["PATH"]]),
        "PYSPARK_PYTHON": sys.executable,
    }
