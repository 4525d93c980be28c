"""Footers of ORC files as Spark reads them.

Spark's own ORC reader opens the file; its footer comes over as one protobuf message, so that a table
of a hundred columns costs as many calls into the JVM as one of two.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from fdm_platform.engines.files import hadoop_configuration
from fdm_platform.engines.orc_footer import Footer, parse_footer


class FooterReader:
    """Reads footers with the Java classes of one Spark session."""

    def __init__(self, spark: SparkSession) -> None:
        jvm: Any = spark.sparkContext._jvm  # noqa: SLF001 - no public way
        self._path = jvm.org.apache.hadoop.fs.Path
        self._orc = jvm.org.apache.orc.OrcFile
        self._configuration = hadoop_configuration(spark)

    def read(self, path: str) -> Footer:
        """The footer of one file."""
        # New options for each file: ORC keeps the footer that it has read in them.
        options = self._orc.readerOptions(self._configuration)
        reader = self._orc.createReader(self._path(path), options)
        try:
            return parse_footer(reader.getFileTail().getFooter().toByteArray())
        finally:
            reader.close()
