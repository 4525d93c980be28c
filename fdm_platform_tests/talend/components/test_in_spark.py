"""The SQL of every case in Spark gives what was worked out by hand, and with it what `simulate` answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fdm_platform.talend.components.flows import hidden
from fdm_platform.talend.java import SESSION_CONF
from fdm_platform.talend.plan import View
from fdm_platform.talend.sql import name, to_sql
from fdm_platform_tests.talend.components import all_cases, jobs
from fdm_platform_tests.talend.components.cases import Case, Row, shown

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def talend_session(spark: SparkSession) -> SparkSession:
    session = spark.newSession()
    for key, value in {**SESSION_CONF, "spark.sql.shuffle.partitions": "1"}.items():
        session.conf.set(key, value)
    return session


@pytest.mark.parametrize("case", all_cases.CASES, ids=lambda case: case.name)
def test_spark_gives_what_talend_does(talend_session: SparkSession, case: Case) -> None:
    for flow, rows in case.rows().items():
        source = replace(case.flows[flow].view(flow), name=flow)
        _register(talend_session, case.around().inputs.get(flow, source), rows)

    for step in jobs.convert(case.component, case.around()).steps:
        talend_session.sql(to_sql(step.select)).createOrReplaceTempView(step.view)

    views = case.views()
    simulated = jobs.simulate(case.component, case.around(), case.rows())
    for made, view in views.items():
        frame = talend_session.table(name(made))
        found = [row.asDict() for row in frame.collect()]
        assert shown(view, found) == shown(view, simulated[made])
        assert {c.name: c.spark_type for c in view.columns}.items() <= dict(frame.dtypes).items()


def _register(session: SparkSession, view: View, rows: list[Row]) -> None:
    """Rows as a view, with the types that it says."""
    columns = [(c.name, c.spark_type) for c in view.columns] + [(n, "bigint") for n in hidden(view)]
    schema = ", ".join(f"{name(n)} {kind}" for n, kind in columns)
    values = [tuple(row[n] for n, _ in columns) for row in rows]
    session.createDataFrame(values, schema).createOrReplaceTempView(name(view.name))
