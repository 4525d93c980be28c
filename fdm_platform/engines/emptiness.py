"""Whether a source has any row, from the files' own footers or first lines: no job, no pass."""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from fdm_platform.engines.files import hadoop_configuration, text_lines
from fdm_platform.engines.footers import FooterReader
from fdm_platform.model.plan import SourcePlan


def has_rows(spark: SparkSession, source: SourcePlan) -> bool:
    """Some file of the source (ORC, Parquet or JSON) holds a row; the first that does ends the search."""
    files = [f.path for f in source.files]
    if source.format == "orc":
        footers = FooterReader(spark)
        return any(footers.read(p).rows for p in files)
    if source.format == "parquet":
        return any(parquet_rows(spark, p) for p in files)
    return any(_has_text(spark, p) for p in files)


def _has_text(spark: SparkSession, path: str) -> bool:
    with text_lines(spark, path, "ISO-8859-1") as lines:
        return any(line.strip() for line in lines)


def parquet_rows(spark: SparkSession, path: str) -> int:
    """Rows of a Parquet file, as its footer says."""
    jvm: Any = spark.sparkContext._jvm  # noqa: SLF001 - no public way
    hadoop = jvm.org.apache.parquet.hadoop
    where = jvm.org.apache.hadoop.fs.Path(path)
    file = hadoop.util.HadoopInputFile.fromPath(where, hadoop_configuration(spark))
    reader = hadoop.ParquetFileReader.open(file)
    try:
        return int(reader.getRecordCount())
    finally:
        reader.close()
