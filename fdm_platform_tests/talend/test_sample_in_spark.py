"""The sample project imported, planned and loaded by Spark: what it gives is what was worked out by hand."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyarrow import dataset
from pyspark.sql import SparkSession

from fdm_platform.control.schema import TABLES
from fdm_platform.control.seed import compare, write
from fdm_platform.control.seed_file import read_seed
from fdm_platform.defs.platform import Platform, open_platform
from fdm_platform.engines.fixtures import run_fixtures
from fdm_platform.engines.load import run_date
from fdm_platform.engines.parity import compare as compare_outputs
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.settings import Settings
from fdm_platform.talend.conversion import ConversionOptions
from fdm_platform.talend.importing import ImportOptions, import_project
from fdm_platform.talend.project import open_project
from fdm_platform_tests.deployment import PROJECT, control_url, without_others

EXAMPLE = PROJECT / "examples" / "talend"
DAY = date(2024, 5, 15)
EXPECTED = {
    "t_policy_load": "policy",
    "t_policy_load_agent_summary": "agent_summary",
    "t_policy_load_rejects": "rejects",
}

JOINED = ("t_policy_load", "t_policy_load_agent_summary", "t_policy_load_rejects")
"""Tables in which tMap_1 is two steps, of which the second one has the test of both."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A project of the imported tables alone, with the control rows of the sample and of the import."""
    home = tmp_path_factory.mktemp("talend")
    options = ImportOptions(ConversionOptions("GELS", "FPMS", timezone="UTC"), home / "sql")
    assert import_project(open_project(EXAMPLE / "SAMPLE"), options).refused == ()
    settings = Settings.from_environ(
        {
            **without_others(),
            "FDM_PROJECT": str(home),
            "FDM_HOME": str(home),
            "FDM_SQL_ROOT": str(home / "sql"),
            "FDM_SOURCE_ROOT": str(EXAMPLE / "data"),
            "FDM_CONTROL_URL": control_url(home),
        }
    )
    with open_platform(settings) as opened:
        opened.store.create(TABLES)
        seeds = sorted((home / "sql").rglob("seeds.yaml"))
        assert [file.parent.name for file in seeds] == ["policy_load", "premium"]
        for file in (PROJECT / "examples/control/sample.yaml", *seeds):
            write(opened.store, compare(opened.store, read_seed(file)), datetime.now(UTC))
        yield opened


@pytest.mark.embedded
def test_the_imported_tables_are_sound_but_for_what_is_left_to_a_person(platform: Platform) -> None:
    assert set(platform.catalog.tables) == {f"gels_fpms_{name}" for name in (*EXPECTED, "t_premium")}
    assert {Path(error.file or "").name for error in platform.catalog.errors} == {"tJavaRow_1.hql"}


@pytest.mark.spark
@pytest.mark.embedded
@pytest.mark.parametrize("table", EXPECTED)
def test_a_load_gives_what_was_worked_out_by_hand(
    spark: SparkSession, platform: Platform, table: str
) -> None:
    plan = platform.plan(platform.catalog.get(table), [DAY], "load-1")
    old = EXAMPLE / f"expected/{EXPECTED[table]}_20240515.csv"
    with old.open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))

    outcome = run_date(_session(spark, plan), plan, plan.dates[0])

    assert outcome.failure is None
    assert outcome.manifest is not None
    folder = Path(outcome.manifest.staging) / outcome.manifest.folder
    found = [
        _written(row, expected[0]) for row in dataset.dataset(folder, format="orc").to_table().to_pylist()
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)
    parity = platform.catalog.get(table).parity
    assert parity is not None
    result = compare_outputs(spark.read.orc(str(folder)), spark.read.csv(str(old), header=True), parity)
    assert (result.is_equal, result.matched, result.only_old_columns) == (True, len(expected), ())


@pytest.mark.spark
@pytest.mark.embedded
def test_the_tests_that_were_written_with_the_tables_pass(spark: SparkSession, platform: Platform) -> None:
    """Each step's SQL against what the handlers, which share nothing with it, make of the same rows."""
    tables = platform.catalog.tables
    results = [r for spec in tables.values() for r in run_fixtures(spec, spark, tables)]
    assert len(results) == sum(len(spec.steps) for spec in tables.values()) - len(JOINED)
    assert [r for r in results if not r.is_passed] == []


def _session(spark: SparkSession, plan: LoadPlan) -> SparkSession:
    """A session with what spark-submit would be told."""
    session = spark.newSession()
    for name, setting in plan.launch.conf.items():
        if name.startswith("spark.sql."):
            session.conf.set(name, setting.value)
    return session


def _written(row: Mapping[str, object], columns: Mapping[str, str]) -> dict[str, str]:
    return {name: "" if row[name] is None else str(row[name]) for name in columns}
