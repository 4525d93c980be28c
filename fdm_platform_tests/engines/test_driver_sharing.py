"""Many dates in one submit: what does not depend on the date is read once, and each date is by itself."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow import orc
from pyspark import StorageLevel
from pyspark.sql import SparkSession

from fdm_platform.engines.load import run
from fdm_platform.engines.messages import MessageWriter
from fdm_platform.engines.progress import read_metrics
from fdm_platform.engines.sharing import IN_MEMORY_BYTES, ON_DISK_BYTES, level_for
from fdm_platform.model.manifest import DateOutcome
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.report import DateDone, decode
from fdm_platform.model.table import CheckSpec, ColumnSpec
from fdm_platform_tests.engines.plans import DAY, GOOD, csv_source, date_plan, load_plan

pytestmark = pytest.mark.spark

LOOKUP_COLUMNS = (
    ColumnSpec("contract_id", "string"),
    ColumnSpec("entity", "string"),
    ColumnSpec("fee", "int"),
)
LOOKUP = "contract_id,entity,fee\n" + "".join(f"K{n},E{n},{n}\n" for n in range(1000))
SQL = """SELECT row1.contract_id, row1.amount, row2.entity, '{day}' AS biz_dt, 'ACTIVE' AS biz_status
FROM row1 LEFT JOIN row2 ON row1.contract_id = row2.contract_id"""
ENTITIES = {"K1": "E1", "K2": "E2", "K3": "E3"}


@pytest.fixture
def session(spark: SparkSession) -> Iterator[SparkSession]:
    """A session of the test's own; whatever the load kept must be gone after it."""
    yield spark.newSession()
    kept: Any = spark.sparkContext._jsc.getPersistentRDDs()
    assert kept.isEmpty()


def many_dates(folder: Path, count: int, lookup: str | bytes = LOOKUP, **changes: Any) -> LoadPlan:
    """Dates from DAY on, each with a CSV of its own and all with one lookup."""
    dates = []
    for n in range(count):
        day = DAY + timedelta(n)
        own = csv_source(folder / "in" / f"{day}.csv", GOOD)
        fields = {"view": "row2", "columns": LOOKUP_COLUMNS} | changes
        dates.append(
            date_plan(
                folder,
                [own, csv_source(folder / "in" / "lookup.csv", lookup, **fields)],
                SQL.format(day=day),
                day=day,
            )
        )
    return load_plan(folder, dates)


def load(spark: SparkSession, plan: LoadPlan, folder: Path) -> dict[date, DateOutcome]:
    with MessageWriter(str(folder / "messages.jsonl")) as writer:
        # as the driver is given it: each date's sources are objects of their own
        run(spark, LoadPlan.from_json(plan.to_json()), writer)
    told = map(decode, (folder / "messages.jsonl").read_text().splitlines())
    return {m.outcome.biz_dt: m.outcome for m in told if isinstance(m, DateDone)}


def records_read(spark: SparkSession) -> int:
    return int(read_metrics(spark.sparkContext)["input_records"])


def entities(outcome: DateOutcome) -> dict[str, str | None]:
    assert outcome.manifest, outcome.failure
    files = Path(outcome.manifest.staging, outcome.manifest.folder).glob("*/*.orc")
    return {r["contract_id"]: r["entity"] for f in files for r in orc.read_table(f).to_pylist()}


def test_a_lookup_of_all_dates_is_read_once(session: SparkSession, tmp_path: Path) -> None:
    before = records_read(session)
    outcomes = load(session, many_dates(tmp_path, 4), tmp_path)
    read = records_read(session) - before
    assert [entities(outcomes[DAY + timedelta(n)]) for n in range(4)] == [ENTITIES] * 4
    # the lookup's thousand rows once, and its one kept batch and three rows by each date
    assert read == 1000 + 4 * (1 + 3)


def test_what_differs_is_read_by_each_date(session: SparkSession, tmp_path: Path) -> None:
    plan = many_dates(tmp_path, 2)
    first, second = plan.dates
    own, lookup = second.sources
    other = csv_source(
        tmp_path / "other.csv", LOOKUP.replace(",E", ",X"), view="row2", columns=LOOKUP_COLUMNS
    )
    outcomes = load(session, replace(plan, dates=(first, replace(second, sources=(own, other)))), tmp_path)
    assert entities(outcomes[first.biz_dt]) == ENTITIES
    assert entities(outcomes[second.biz_dt]) == {"K1": "X1", "K2": "X2", "K3": "X3"}
    assert lookup.view == other.view


def test_a_date_that_fails_leaves_the_others_staged(session: SparkSession, tmp_path: Path) -> None:
    plan = many_dates(tmp_path, 5)
    poisoned = Path(plan.dates[2].sources[0].files[0].path)
    poisoned.write_text(GOOD.replace("10.50", "ten"))
    outcomes = load(session, plan, tmp_path)
    assert [d for d, o in outcomes.items() if o.failure] == [plan.dates[2].biz_dt]
    failure = outcomes[plan.dates[2].biz_dt].failure
    assert failure
    assert failure.headline == "column amount: 'ten' is not of type decimal(18,2)"
    assert failure.file == str(poisoned)
    assert all(entities(o) == ENTITIES for o in outcomes.values() if not o.failure)


@pytest.mark.parametrize(
    ("content", "headline", "line"),
    [
        (LOOKUP.replace("K500,E500,500", "K500,E500,many"), "column fee: 'many' is not of type int", 502),
        (LOOKUP.replace("entity", "entitty"), "missing columns: entity (did the file mean entitty?)", 1),
        ("contract_id,entity,fee\n", "empty source: has no rows", None),
    ],
)
def test_a_shared_source_that_fails_fails_every_date_and_is_read_once(
    session: SparkSession, tmp_path: Path, content: str, headline: str, line: int | None
) -> None:
    plan = many_dates(tmp_path, 4, content)
    before = records_read(session)
    outcomes = load(session, plan, tmp_path)
    failures = [o.failure for o in outcomes.values()]
    assert len(failures) == 4
    assert len(set(map(str, failures))) == 1
    first = failures[0]
    assert first
    assert first.headline.startswith(headline)
    assert first.file == str(tmp_path / "in" / "lookup.csv")
    assert first.line == line
    assert records_read(session) - before <= 2 * 1000  # once, and once more to find the line
    assert not (tmp_path / "t").exists()


def test_a_value_that_no_step_uses_does_no_more_harm_than_in_one_date(
    session: SparkSession, tmp_path: Path
) -> None:
    columns = (*LOOKUP_COLUMNS[:2], ColumnSpec("fee", "decimal(18,2)"))
    bad = LOOKUP.replace("K500,E500,500", "K500,E500,many")
    outcomes = load(session, many_dates(tmp_path, 2, bad, columns=columns), tmp_path)
    assert [entities(o) for o in outcomes.values()] == [ENTITIES] * 2


def test_a_lookup_that_may_be_empty_is(session: SparkSession, tmp_path: Path) -> None:
    outcomes = load(session, many_dates(tmp_path, 2, "contract_id,entity,fee\n", allow_empty=True), tmp_path)
    assert [entities(o) for o in outcomes.values()] == [dict.fromkeys(ENTITIES)] * 2


def test_a_transform_is_given_the_shared_source_in_its_own_session(
    session: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "joined.py").write_text(
        "def join(spark, inputs, params):\n"
        "    assert inputs['row2'].sparkSession is spark\n"
        "    assert not [t for t in spark.catalog.listTables() if t.name == 'litter']\n"
        "    spark.range(1).createOrReplaceTempView('litter')\n"
        "    joined = inputs['row1'].join(spark.table('row2'), 'contract_id', 'left')\n"
        "    return joined.selectExpr('contract_id', 'entity', f\"'{params['biz_dt']}' biz_dt\", \"'A' biz_status\")\n"
    )
    plan = many_dates(tmp_path, 3)
    dates = tuple(replace(d, steps=()) for d in plan.dates)
    outcomes = load(session, replace(plan, dates=dates, transform="joined:join"), tmp_path)
    assert [entities(o) for o in outcomes.values()] == [ENTITIES] * 3


def test_many_dates_leave_no_more_behind_than_few(session: SparkSession, tmp_path: Path) -> None:
    """365 dates must not hold sessions, listeners and views that 30 would not."""
    before = listeners(session)
    for count, folder in ((3, tmp_path / "few"), (9, tmp_path / "many")):
        folder.mkdir()
        checks = (CheckSpec("small", "warn", expect="amount < 100"),)
        plan = many_dates(folder, count)
        load(session, replace(plan, output=replace(plan.output, checks=checks)), folder)
    assert listeners(session) - before <= 2 * 3  # one of each session: three dates at once, in two loads
    assert session.catalog.listTables("global_temp") == []
    assert session.catalog.listTables() == []


def listeners(spark: SparkSession) -> int:
    """Buses of query listeners that the application knows: one of each session that ran an observed query."""
    jvm: Any = spark.sparkContext._jvm
    kind = jvm.java.lang.Class.forName("org.apache.spark.sql.util.ExecutionListenerBus")
    tag = jvm.scala.reflect.ClassTag.apply(kind)
    bus: Any = spark.sparkContext._jsc.sc().listenerBus()
    return int(bus.findListenersByClass(tag).size())


@pytest.mark.parametrize(
    ("file_format", "size", "level"),
    [
        ("csv", 0, StorageLevel.MEMORY_AND_DISK),
        ("csv", IN_MEMORY_BYTES, StorageLevel.MEMORY_AND_DISK),
        ("csv", IN_MEMORY_BYTES + 1, StorageLevel.DISK_ONLY),
        ("json", ON_DISK_BYTES, StorageLevel.DISK_ONLY),
        ("csv", ON_DISK_BYTES + 1, None),
        ("orc", IN_MEMORY_BYTES, StorageLevel.MEMORY_AND_DISK),
        ("orc", IN_MEMORY_BYTES + 1, None),
        ("jdbc", 0, None),
    ],
)
def test_where_a_shared_source_is_kept(file_format: Any, size: int, level: StorageLevel | None) -> None:
    assert level_for(file_format, size) == level
