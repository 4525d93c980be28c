"""LoadPlans of one small table for tests of the driver: a contract CSV, a SELECT, two statuses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from fdm_platform.model.partition import folder_name
from fdm_platform.model.plan import (
    DatePlan,
    LaunchProfile,
    LoadPlan,
    OutputPlan,
    Parameter,
    Setting,
    SourceFile,
    SourcePlan,
    StepPlan,
)
from fdm_platform.model.table import ColumnSpec

DAY = date(2024, 5, 15)
COLUMNS = (
    ColumnSpec("contract_id", "string"),
    ColumnSpec("amount", "decimal(18,2)"),
    ColumnSpec("start_dt", "date"),
)
GOOD = "contract_id,amount,start_dt\nK1,10.50,2024-01-31\nK2,-3.00,\nK3,0.00,2023-12-01\n"
SELECT = """SELECT contract_id, amount, start_dt, '2024-05-15' AS biz_dt,
  CASE WHEN amount > 0 THEN 'ACTIVE' ELSE 'INACTIVE' END AS biz_status
FROM row1"""


def csv_source(file: Path, content: str | bytes, **changes: Any) -> SourcePlan:
    """A source `row1` of one CSV file, written now."""
    data = content.encode() if isinstance(content, str) else content
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    fields = {
        "view": "row1",
        "format": "csv",
        "path": str(file),
        "files": (SourceFile(str(file), len(data)),),
        "columns": COLUMNS,
    }
    return SourcePlan(**(fields | changes))


def date_plan(
    folder: Path,
    sources: Sequence[SourcePlan],
    sql: str = SELECT,
    *,
    day: date = DAY,
    folder_date_format: Any = "yyyyMMdd",
) -> DatePlan:
    return DatePlan(
        biz_dt=day,
        reason="asked for",
        control_version="1",
        run_id="20240515",
        base_version=0,
        folder=folder_name(day, folder_date_format),
        sources=tuple(sources),
        steps=(StepPlan("out1", "out1.hql", sql),) if sql else (),
        parameters=(Parameter("biz_dt", day.isoformat(), "date", "process_control.biz_dt"),),
        staging=str(folder / "t" / ".staging" / "load-1" / day.isoformat()),
    )


def load_plan(
    folder: Path, dates: Sequence[DatePlan], *, transform: str | None = None, **output: Any
) -> LoadPlan:
    fields: dict[str, Any] = {
        "root": str(folder / "t"),
        "columns": (),
        "partition_by": ("biz_dt", "biz_status"),
        "folder_date_format": "yyyyMMdd",
        "compression": "snappy",
        "target_file_bytes": 128 << 20,
        "checks": (),
        "allow_empty": False,
        "keep_versions": 1,
    }
    return LoadPlan(
        load_id="load-1",
        table="gels_fpms_t",
        file="table.yaml",
        entity="GELS",
        source_system="FPMS",
        environment="DEV",
        job_id="1",
        job_name="etl_lnd_gels_fpms_t",
        dates=tuple(dates),
        transform=transform,
        python_path=(str(folder),),
        output=OutputPlan(**(fields | output)),
        launch=LaunchProfile(master=Setting("local[2]", "test")),
    )
