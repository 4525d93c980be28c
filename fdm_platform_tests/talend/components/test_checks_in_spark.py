"""The check that tDie becomes counts rows of another view than the table's, in the pass that writes the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fdm_platform.model.table import CheckSpec
from fdm_platform_tests.talend.components.jobs import around, component, convert, view

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(("rejected", "broken"), [(0, 0), (2, 3)])
def test_rows_that_reach_the_end_of_a_job_break_its_check(
    spark: SparkSession, rejected: int, broken: int
) -> None:
    from fdm_platform.engines.checks import observe  # noqa: PLC0415 - only Spark tests pay for pyspark

    session = spark.newSession()
    session.range(rejected).createOrReplaceTempView("tFilterRow_1_reject")
    some = component("tDie", params={"MESSAGE": '"bad rows"'})
    (made,) = convert(some, around(some, {"row1": view("tFilterRow_1_reject", "id:Long")}, [])).checks
    spec: dict[str, Any] = dict(made.spec)
    check = CheckSpec(name=spec["name"], expect=spec["expect"])

    observed, observation = observe(session.range(3), [check], "table.yaml")

    observed.write.format("noop").mode("overwrite").save()
    assert observation
    assert observation.get == {"tDie_1": broken}
