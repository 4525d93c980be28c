"""A small load for the class-data archive: what the JVM loads here is what a real load will find archived.

    python archive_training.py FOLDER       run by class_archive.py inside the JVM that makes the archive

It is the real driver on generated sources of every file format.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from pyspark.sql import SparkSession

from fdm_platform.engines import driver
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
from fdm_platform.model.report import DateDone, decode
from fdm_platform.model.table import CheckSpec, ColumnSpec, FileFormat

ROWS = 2000
DAY = date(2024, 5, 15)

CONTRACTS = (
    ColumnSpec("customer_id", "string"),
    ColumnSpec("contract_id", "string"),
    ColumnSpec("status", "string"),
    ColumnSpec("amount", "decimal(18,2)"),
    ColumnSpec("premium", "double"),
    ColumnSpec("entity", "string"),
    ColumnSpec("since", "date"),
    ColumnSpec("seen_at", "timestamp"),
    ColumnSpec("pieces", "int"),
)
LOOKUP = (ColumnSpec("contract_id", "string"), ColumnSpec("entity_new", "string"))

SQL = """
SELECT row1.customer_id, row1.contract_id, UPPER(TRIM(row1.status)) AS status, row1.amount, row1.since, row1.seen_at,
       CAST('2024-05-01' AS DATE) AS etl_start_dt, CAST(row1.pieces AS BIGINT) AS pieces,
       COALESCE(row2.entity_new, row3.entity_new, row1.entity) AS entity_new,
       COALESCE(row1.premium, CAST(0 AS DOUBLE)) AS premium, DATE'2024-05-15' AS biz_dt,
       CASE WHEN row1.status IN ('ACTIVE', 'A') THEN 'ACTIVE' ELSE 'INACTIVE' END AS biz_status
FROM row1
LEFT JOIN row2 ON row1.contract_id = row2.contract_id
LEFT JOIN row3 ON row1.contract_id = row3.contract_id
"""
TOTALS = "SELECT *, SUM(amount) OVER (PARTITION BY customer_id) AS total FROM joined"


def main(folder: Path) -> None:
    """Stage one date with the driver; fails if the driver did."""
    spark = SparkSession.builder.getOrCreate()
    sources = (_contracts(folder), *_lookups(spark, folder))
    plan_file, messages = folder / "plan.json", folder / "messages.jsonl"
    plan_file.write_text(_plan(folder, sources).to_json())
    code = driver.main([str(plan_file), str(messages)])
    answers = [decode(line) for line in messages.read_text().splitlines()]
    failures = [a.outcome.failure for a in answers if isinstance(a, DateDone)]
    if code != 0 or failures != [None]:
        sys.exit(f"the training load failed: {failures}")


def _contracts(folder: Path) -> SourcePlan:
    lines = [
        f"P{i % 97},C{i},{'ACTIVE' if i % 3 else 'LAPSED'},{i}.25,,SG,2024-05-1{i % 9},2024-05-15 10:00:00,{i}"
        for i in range(ROWS)
    ]
    file = folder / "contracts.csv"
    file.write_text("\n".join([",".join(c.name for c in CONTRACTS), *lines]) + "\n")
    return _source("row1", "csv", [file], CONTRACTS)


def _lookups(spark: SparkSession, folder: Path) -> tuple[SourcePlan, SourcePlan]:
    """The same lookup as ORC and as Parquet."""
    rows = [(f"C{i}", f"E{i % 7}") for i in range(0, ROWS, 2)]
    frame = spark.createDataFrame(rows, "contract_id string, entity_new string")
    frame.write.orc(str(folder / "orc"))
    frame.write.parquet(str(folder / "parquet"))
    return (
        _source("row2", "orc", sorted((folder / "orc").glob("part-*")), LOOKUP),
        _source("row3", "parquet", sorted((folder / "parquet").glob("part-*")), LOOKUP),
    )


def _source(view: str, kind: FileFormat, files: list[Path], columns: tuple[ColumnSpec, ...]) -> SourcePlan:
    listed = tuple(SourceFile(str(f), f.stat().st_size) for f in files)
    options = {"header": "true"} if kind == "csv" else {}
    return SourcePlan(view, kind, str(files[0].parent), files=listed, options=options, columns=columns)


def _plan(folder: Path, sources: tuple[SourcePlan, ...]) -> LoadPlan:
    checks = (
        CheckSpec("amounts", expect="amount >= 0"),
        CheckSpec("keys", not_null=("contract_id",)),
        CheckSpec("rows", min_rows=ROWS, max_rows=ROWS),
    )
    day = DatePlan(
        biz_dt=DAY,
        reason="training",
        control_version="",
        run_id=None,
        base_version=0,
        folder=folder_name(DAY, "yyyyMMdd"),
        sources=sources,
        steps=(StepPlan("joined", "joined.hql", SQL), StepPlan("totals", "totals.hql", TOTALS)),
        parameters=(),
        staging=str(folder / "landing" / ".staging" / "training"),
    )
    return LoadPlan(
        load_id="training",
        table="training",
        file=str(folder / "table.yaml"),
        entity="",
        source_system="",
        environment="DEV",
        job_id="",
        job_name="training",
        dates=(day,),
        transform=None,
        python_path=(),
        output=OutputPlan(
            root=str(folder / "landing"),
            columns=(),
            partition_by=("biz_dt", "biz_status"),
            folder_date_format="yyyyMMdd",
            compression="snappy",
            target_file_bytes=1 << 27,
            checks=checks,
            allow_empty=False,
            keep_versions=1,
        ),
        launch=LaunchProfile(Setting("local[2]", "training")),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
