"""HQL through Spark's own parser, without a Spark session: syntax alone, with line and column; nothing is run.

The parser is a class of Spark's jars in the JVM of this process. Starting that takes seconds, so what it said is kept
by the hash of the text and Spark's version: what has not changed is not parsed again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import jpype

from fdm_platform import jvm
from fdm_platform.engines.failure import sql_error_of
from fdm_platform.engines.java import Spark, find_spark
from fdm_platform.errors import SqlError

_FIRST = (
    "spark-catalyst_",
    "spark-sql_",
    "spark-sql-api_",
    "spark-common-utils_",
    "scala-library-",
    "antlr4-runtime-",
)
"""The jars that nearly all of the parser is in: a class is looked for in one jar after the other."""
_MOST_KEPT = 50_000
_SOUND = ""


def parse_all(
    statements: Mapping[str, str], cache: Path, environ: Mapping[str, str] = os.environ
) -> list[SqlError]:
    """What Spark's parser finds in bound SQL, by file, in the order of the files; none where all is sound.

    MachineError where there is no Java or no Spark, unless all of it was parsed before.
    """
    spark = find_spark(environ)
    file = cache / "parsed" / f"{_version(spark)}.json"
    kept = _read(file)
    keys = {name: hashlib.sha256(sql.encode()).hexdigest() for name, sql in statements.items()}
    if new := {key: statements[name] for name, key in keys.items() if key not in kept}:
        kept |= _parsed(spark, new)
        _write(file, kept if len(kept) <= _MOST_KEPT else {k: kept[k] for k in keys.values()})
    return [sql_error_of(said, name) for name, key in keys.items() if (said := kept[key])]


def _parsed(spark: Spark, statements: Mapping[str, str]) -> dict[str, str]:
    """What the parser said of each statement, by its key."""
    parser = _parser(spark)
    return {key: _said(parser, sql) for key, sql in statements.items()}


def _parser(spark: Spark) -> Any:
    jvm.start(sorted(spark.jars.glob("*.jar"), key=lambda jar: (not jar.name.startswith(_FIRST), jar.name)))
    jpype.JClass("java.lang.System").setProperty("log4j2.level", "OFF")  # what it logs would come on stdout
    jvm.attach()
    made = jpype.JClass("org.apache.spark.sql.execution.SparkSqlParser")
    loader = made.class_.getClassLoader()
    jpype.JClass("java.lang.Thread").currentThread().setContextClassLoader(loader)
    return made()


def _said(parser: Any, sql: str) -> str:
    try:
        parser.parsePlan(sql)
    except jpype.JException as error:
        return str(error.getMessage() or error)
    return _SOUND


def _version(spark: Spark) -> str:
    """Of the jar that holds the grammar, such as `spark-catalyst_2.12-3.5.8`."""
    names: Iterable[str] = (jar.stem for jar in spark.jars.glob("spark-catalyst_*.jar"))
    return next(iter(sorted(names)), "unknown")


def _read(file: Path) -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(file: Path, kept: Mapping[str, str]) -> None:
    """Whole, in place of what is there; of two who write at once one's verdicts are found again later."""
    part = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(kept), encoding="utf-8")
        part.replace(file)
    except OSError:  # a cache that cannot be written makes nothing wrong, only slow
        with suppress(OSError):
            part.unlink()
