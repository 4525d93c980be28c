"""Tasks and files by input size."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from fdm_platform.engines.load import run_date
from fdm_platform.engines.sizing import count_tasks, dates_at_once
from fdm_platform.model.plan import SourceFile, SourcePlan
from fdm_platform_tests.engines.plans import csv_source, date_plan, load_plan

MB = 1 << 20


@pytest.mark.parametrize(
    ("input_mb", "cores", "tasks"),
    [
        (1, 2, 1),  # a small date is one file
        (50, 2, 1),
        (300, 2, 2),
        (1000, 2, 2),  # whole waves, each task near a file's worth of input
        (1600, 2, 4),
        (10_000, 2, 26),
        (200, 100, 6),  # many cores do not make tiny files
        (100_000, 100, 300),
    ],
)
def test_tasks_come_in_whole_waves_near_the_target_size(input_mb: int, cores: int, tasks: int) -> None:
    assert count_tasks(input_mb * MB, cores, 3 * 128 * MB) == tasks


@pytest.mark.parametrize(
    ("input_mb", "cores", "dates"),
    [
        (1, 2, 3),  # one date's SQL is analysed while others' tasks run
        (1, 100, 8),  # small dates share a cluster, within the driver's memory
        (200, 100, 8),
        (1_000, 100, 4),
        (100_000, 100, 2),
        (0, 100, 2),  # of unknown size: each may need every core
    ],
)
def test_dates_at_once_keep_the_cores_busy(input_mb: int, cores: int, dates: int, tmp_path: Path) -> None:
    source = SourcePlan("row1", "csv", "in", (SourceFile("in", input_mb * MB),))
    plan = load_plan(tmp_path, [date_plan(tmp_path, [source])] * 3)
    assert dates_at_once(plan, cores) == dates


@pytest.mark.spark
def test_many_tasks_do_not_make_many_files(spark: SparkSession, tmp_path: Path) -> None:
    """Twelve tasks that each meet both statuses would write 24 files."""
    rows = "".join(f"K{i},{i % 2}.00,2024-01-01\n" for i in range(1200))
    parts = [
        csv_source(tmp_path / "in" / f"{n:02}.csv", f"contract_id,amount,start_dt\n{rows}") for n in range(12)
    ]
    # sizes as if each file were as large as a task's share
    files = tuple(SourceFile(f.path, 64 * MB) for p in parts for f in p.files)
    source = SourcePlan("row1", "csv", str(tmp_path / "in"), files, columns=parts[0].columns)
    day = date_plan(tmp_path, [source])
    outcome = run_date(spark.newSession(), load_plan(tmp_path, [day], target_file_bytes=16 * MB), day)
    assert outcome.failure is None
    assert outcome.manifest
    assert outcome.manifest.rows == 14_400
    assert [f.path.split("/")[0] for f in outcome.manifest.files] == [
        "biz_status=ACTIVE",
        "biz_status=INACTIVE",
    ]
