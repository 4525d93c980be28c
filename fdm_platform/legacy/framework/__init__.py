"""What legacy job scripts import: readers, writers, HQL, logs. The contract is that of the framework it replaces.

With the platform (`FDM_LEGACY_PLAN` in the environment) what is written to the landing root is staged, and published
when the script has ended with exit code 0. Without it this is a plain library on pyspark and the standard library.
docs/legacy-jobs.md says what is as it was, and which faults are mended.
"""

from __future__ import annotations

from ._hql import exec_hql
from ._logs import get_logger, set_spark_log_level
from ._reading import read_csv, read_json, read_orc, read_parquet
from ._writing import atomic_publish, write_df, write_orc

__all__ = [
    "atomic_publish",
    "exec_hql",
    "get_logger",
    "read_csv",
    "read_json",
    "read_orc",
    "read_parquet",
    "set_spark_log_level",
    "write_df",
    "write_orc",
]
