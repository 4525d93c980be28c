"""Exceptions as people read them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from fdm_platform.engines.failure import to_failure
from fdm_platform.engines.raised import find_raised, quote, raising
from fdm_platform.errors import ContractError, ControlUnavailableError, SourceError
from fdm_platform.model.manifest import LoadFailure


def caught(action: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as info:
        action()
    return info.value


def test_an_error_of_the_platform_keeps_its_fields() -> None:
    error = SourceError("bad row", file="a.csv", line=3, field="sources.row1", remedy="mend it")
    assert to_failure(error) == LoadFailure(
        "bad row", "", "SourceError", "a.csv", 3, None, "sources.row1", "mend it"
    )
    assert to_failure(ControlUnavailableError("gone")).error == "ControlUnavailableError"


def test_no_space_names_the_disk(tmp_path: Path) -> None:
    told = to_failure(OSError(28, "No space left on device"), [str(tmp_path / "t" / ".staging")])
    assert (told.headline, told.error) == ("No space left on device", "MachineError")
    assert told.file is not None
    assert told.remedy is not None
    assert told.remedy.startswith(f"free space on the disk that holds {told.file} (")
    assert "MB free" in told.remedy


@pytest.mark.spark
def test_sparks_own_error_class_leads_and_no_java_stack_follows(spark: SparkSession) -> None:
    told = to_failure(caught(lambda: spark.sql("SELECT element_at(array(1), 0)").collect()))
    assert told.headline.startswith("[INVALID_INDEX_OF_ZERO] The index 0 is invalid.")
    assert told.error == "LoadError"
    assert "\tat " not in told.detail


@pytest.mark.spark
def test_an_error_in_a_python_worker_is_told_by_its_last_line(spark: SparkSession) -> None:
    divide = f.udf(lambda n: 1 // n)
    told = to_failure(caught(lambda: spark.range(1).select(divide("id")).collect()))
    assert told.headline == "PythonException: ZeroDivisionError: integer division or modulo by zero"


@pytest.mark.spark
def test_a_lost_connection_is_told_as_one(spark: SparkSession) -> None:
    jvm: Any = spark.sparkContext._jvm
    told = to_failure(caught(lambda: jvm.java.net.Socket("127.0.0.1", 1)))
    assert told.headline.startswith("ConnectException: Connection refused")
    assert told.error == "ConnectionLostError"
    assert to_failure(ConnectionRefusedError(111, "Connection refused")).error == "ConnectionLostError"


@pytest.mark.spark
def test_a_database_that_is_down_is_a_lost_connection(spark: SparkSession) -> None:
    """A real JDBC driver, of those that Spark itself has, at a port where nobody listens."""
    options = {"url": "jdbc:hive2://127.0.0.1:1/default", "driver": "org.apache.hive.jdbc.HiveDriver"}
    read = spark.read.format("jdbc").options(**options, dbtable="payments")
    told = to_failure(caught(read.load))
    assert told.error == "ConnectionLostError"
    assert "Connection refused" in told.headline


@pytest.mark.spark
def test_an_error_travels_through_spark_whatever_its_text(spark: SparkSession) -> None:
    error = ContractError('it\'s {value} \\ "so" | é', file="a'b.hql", line=2, field="x", remedy="r\nn")
    sql = "SELECT " + raising(error, quote("v'1"))
    found = find_raised(str(caught(lambda: spark.sql(sql).collect())))
    assert isinstance(found, ContractError)
    assert found.message == "it's v'1 \\ \"so\" | é"
    assert (found.file, found.line, found.field, found.remedy) == ("a'b.hql", 2, "x", "r\nn")
