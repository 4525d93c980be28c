"""The driver as spark-submit runs it: its own process, a real plan, its messages."""

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

import fdm_platform
from fdm_platform.engines import driver
from fdm_platform.engines.bundle import bundle
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.report import (
    ApplicationStarted,
    DateDone,
    DriverDone,
    LogLine,
    Message,
    Progress,
    decode,
)
from fdm_platform_tests.engines.launching import QUICK_JAVA
from fdm_platform_tests.engines.plans import GOOD, SELECT, csv_source, date_plan, load_plan

PACKAGE = Path(fdm_platform.__file__).parent
DAYS = (date(2024, 5, 13), date(2024, 5, 14), date(2024, 5, 15))


def submit(
    plan: str, folder: Path, script: Path, *options: str
) -> tuple[subprocess.CompletedProcess[str], list[Message]]:
    """The driver under the wheel's own spark-submit; it finds the package by itself or in `options`."""
    (folder / "plan.json").write_text(plan)
    spark_submit = Path(sys.executable).with_name("spark-submit")
    arguments = [str(folder / "plan.json"), str(folder / "messages.jsonl")]
    done = subprocess.run(
        [
            str(spark_submit),
            "--master",
            "local[2]",
            "--conf",
            "spark.ui.enabled=false",
            *options,
            str(script),
            *arguments,
        ],
        cwd=folder,
        env={**os.environ, **QUICK_JAVA, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    lines = (folder / "messages.jsonl").read_text().splitlines()
    return done, [m for line in lines if (m := decode(line))]


@pytest.mark.spark
def test_each_date_stands_or_falls_by_itself(tmp_path: Path) -> None:
    plan = three_dates(tmp_path)
    cluster = ("--conf", "spark.sql.parser.escapedStringLiterals=true")  # values are bound for false
    done, messages = submit(plan.to_json(), tmp_path, PACKAGE / "engines" / "driver.py", *cluster)
    assert done.returncode == 0, done.stderr[-2000:]
    first, *middle, last = messages
    assert isinstance(first, ApplicationStarted)
    assert first.application_id.startswith("local-")
    assert first.ui_url is None
    outcomes = {m.outcome.biz_dt: m.outcome for m in middle if isinstance(m, DateDone)}
    assert sorted(outcomes) == list(DAYS)
    assert all(isinstance(m, (DateDone, Progress, LogLine)) for m in middle)
    bad = outcomes[DAYS[1]].failure
    assert bad
    assert bad.headline == "column amount: 'ten' is not of type decimal(18,2)"
    for day in (DAYS[0], DAYS[2]):
        manifest = outcomes[day].manifest
        assert manifest
        assert manifest.rows == 3
        assert manifest.folder == f"biz_dt={day:%Y%m%d}"
        assert len(list((Path(manifest.staging) / manifest.folder).glob("*/*.orc"))) == 2
    assert isinstance(last, DriverDone)
    assert last.failure is None
    assert last.metrics["output_records"] == 6
    assert last.metrics["input_records"] >= 6
    assert last.metrics["tasks"] >= 3
    assert set(last.seconds) == {"session", "dates"}


@pytest.mark.spark
def test_from_an_archive_alone_and_a_plan_that_is_none(tmp_path: Path) -> None:
    """As on a cluster: the script is copied somewhere, the package comes with --py-files."""
    archive = bundle(tmp_path)
    script = Path(shutil.copy(PACKAGE / "engines" / "driver.py", tmp_path / "elsewhere.py"))
    done, messages = submit("{}", tmp_path, script, "--py-files", str(archive))
    assert done.returncode == 1
    (last,) = messages
    assert isinstance(last, DriverDone)
    assert last.failure
    assert "missing" in last.failure.headline
    assert last.failure.error == "LoadError"


def test_the_driver_imports_pyspark_and_nothing_else() -> None:
    code = (
        "import sys, json; from fdm_platform.engines import driver; driver.import_without_numpy();"
        "import fdm_platform.engines.load; print(json.dumps(sorted(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    modules = json.loads(out)
    # typing_extensions is an optional import of PySpark's own
    allowed = {*sys.stdlib_module_names, "fdm_platform", "pyspark", "py4j", "__main__", "typing_extensions"}
    tops = {m.partition(".")[0] for m in modules}
    assert {m for m in tops - allowed if not m.startswith("_")} == set()
    ours = {m.split(".")[1] for m in modules if m.startswith("fdm_platform.")}
    assert ours == {"crash", "engines", "errors", "model"}


def test_wrong_arguments_tell_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert driver.main(["only-one"]) == 2
    assert capsys.readouterr().err.strip() == driver.USAGE


def three_dates(folder: Path) -> LoadPlan:
    bad = GOOD.replace("10.50", "ten")
    dates = [
        date_plan(
            folder,
            [csv_source(folder / f"{day}.csv", bad if day == DAYS[1] else GOOD)],
            SELECT.replace("2024-05-15", day.isoformat()) + r''' WHERE 'O\'Brien' = "O'Brien"''',
            day=day,
        )
        for day in DAYS
    ]
    return load_plan(folder, dates)
