"""Loggers of scripts: the job's own log file, standard error, and with the platform the run's log."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import _platform

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def get_logger(name: str) -> logging.Logger:
    """The logger of this name: level INFO, lines to LOG_FILE (where that is set) and standard error, once each."""
    logger = logging.getLogger(name)
    if not any(isinstance(h, _Ours) for h in logger.handlers):
        logger.addHandler(_Ours())
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return logger


def set_spark_log_level(spark: SparkSession, level: str) -> None:
    """Spark's own log level from now on, e.g. `WARN`."""
    spark.sparkContext.setLogLevel(level.upper())


class _Ours(logging.Handler):
    """To wherever a line belongs just then; a script that is told to log elsewhere meanwhile does so."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(_FORM))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; what goes wrong with it is no reason for a job to fail."""
        try:
            line = self.format(record)
            sys.stderr.write(line + "\n")
            if file := os.environ.get("LOG_FILE"):
                _append(Path(file), line)
            _platform.send_log(record.levelname, record.getMessage())
        except Exception:  # noqa: BLE001 - as logging itself does
            self.handleError(record)


def _append(file: Path, line: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as log:
        log.write(line + "\n")
