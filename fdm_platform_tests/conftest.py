"""What all tests share: one Spark session for a whole run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One quiet local session; a test that registers views takes `spark.newSession()`."""
    from fdm_platform.engines.sessions import local_session  # noqa: PLC0415 - only Spark tests pay for pyspark

    session = local_session("fdm tests")
    yield session
    session.stop()
