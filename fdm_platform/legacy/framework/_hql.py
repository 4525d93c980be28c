"""HQL files of a job: placeholders bound by tokens and types, the result a view.

The one thing of this package that needs `fdm_platform.planning` without the platform, too: it stands beside it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _platform
from .params_loader import flatten_job_params, get_job_params_path, load_job_params_from_json

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from fdm_platform.model.plan import Parameter, ParameterType

_ESCAPED = "spark.sql.parser.escapedStringLiterals"
_SUBSTITUTE = "spark.sql.variable.substitute"
"""Spark's own substitution of `${…}` would look into what was bound; the script's own statements keep it."""
_TYPES: tuple[tuple[type, ParameterType], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "decimal"),
    (Decimal, "decimal"),
    (datetime, "timestamp"),
    (date, "date"),
)
_DATES = (
    *("biz_dt", "process_from_date", "process_to_date", "start_dt", "end_dt", "process_dt", "reprocess_dt"),
)
"""Of process_control: dates, whose values a parameters file has as text."""


def exec_hql(
    spark: SparkSession,
    view_name: str,
    hql_path: str,
    logger: Logger | None = None,
    params: Mapping[str, Any] | None = None,
) -> DataFrame:
    """Run the file's SELECT, register its result as a temporary view and return it.

    Placeholders are resolved by `params`, then by the job's own parameters, and `${VIEW_NAME}`; names in any letter
    case. A relative path is one of JOB_SQL_DIR where the file is there. SqlError, with file and line: nothing
    resolves a placeholder, there is not one statement, or Spark does not understand it.
    """
    _make_importable()
    from fdm_platform.engines.session_settings import set_meanwhile  # noqa: PLC0415 - importable only now
    from fdm_platform.planning.sql import bind  # noqa: PLC0415 - importable only now

    file = _find(hql_path)
    known = {**_of_the_job(), **(params or {}), "VIEW_NAME": view_name}
    text, values = _read(file), _of_the_load() | parameters(known)
    _refuse_escapes(spark, text, values, str(file))
    with set_meanwhile(spark, _SUBSTITUTE, "false"):
        result = _run(spark, bind(text, values, file=str(file)), str(file))
    result.createOrReplaceTempView(view_name)
    if logger:
        logger.info("%s: view %s has columns %s", file.name, view_name, ", ".join(result.columns))
    return result


def parameters(values: Mapping[str, Any]) -> dict[str, Parameter]:
    """Plain values as typed parameters, the last of those whose names differ by letter case; text stays text.

    But for process_control's dates: a parameters file has them as text, in ISO form.
    """
    _make_importable()
    from fdm_platform.model.plan import Parameter  # noqa: PLC0415 - importable only now

    found = {}
    for name, value in values.items():
        kind, plain = _typed(name, value)
        found[name.lower()] = Parameter(name, plain, kind, "params")
    return found


def _typed(name: str, value: Any) -> tuple[ParameterType, Any]:
    if value is None or isinstance(value, str):
        return ("date" if value and name.lower() in _DATES and _is_date(value) else "string"), value
    if isinstance(value, dict | list | tuple):
        return "string", json.dumps(value, default=str)  # as a declared table has it
    kind: ParameterType = next((k for of, k in _TYPES if isinstance(value, of)), "string")
    if kind in ("date", "timestamp"):
        return kind, value.isoformat()
    return kind, value if kind in ("boolean", "integer") else str(value)


def _is_date(text: str) -> bool:
    try:
        return len(text) == len("2024-05-15") and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _of_the_job() -> dict[str, Any]:
    if "JOB_PARAMS_FILE" not in os.environ:
        return {}
    return flatten_job_params(load_job_params_from_json(get_job_params_path()))


def _of_the_load() -> dict[str, Parameter]:
    """What the load was planned with: sys_params and further columns of process_control are among it."""
    context = _platform.current()
    known = context.date.parameters if context else ()
    return {p.name.lower(): p for p in known if not p.is_secret}  # whose values only the parameters file has


def _read(file: Path) -> str:
    from fdm_platform.errors import SqlError  # noqa: PLC0415 - importable only now

    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SqlError(f"is no UTF-8: {error}", file=str(file), remedy="save it as UTF-8") from error


def _refuse_escapes(spark: SparkSession, text: str, values: Mapping[str, Parameter], file: str) -> None:
    """Where a session takes backslashes literally, what has to be escaped would become another value."""
    if str(spark.conf.get(_ESCAPED, "false")).lower() != "true":
        return
    from fdm_platform.errors import SqlError  # noqa: PLC0415 - importable only now
    from fdm_platform.planning import literals, sql  # noqa: PLC0415 - importable only now

    for placeholder in sql.placeholders(text):
        value = getattr(values.get(placeholder.name.lower()), "value", None)
        if isinstance(value, str) and literals.escape(value) != value:
            raise SqlError(
                f"the value of {placeholder.name} has quotes, backslashes or line breaks, which cannot be written "
                f"where {_ESCAPED} is true",
                remedy="leave that setting out, and double the backslashes of the file's own literals",
                file=file,
                line=placeholder.line,
                column=placeholder.column,
            )


def _find(hql_path: str) -> Path:
    path = Path(_platform.local_path(str(hql_path)))
    beside = Path(os.environ.get("JOB_SQL_DIR", "")) / path
    found = beside if not path.is_absolute() and beside.is_file() else path
    if not found.is_file():
        raise FileNotFoundError(f"there is no HQL file {found}")
    return found


def _run(spark: SparkSession, text: str, file: str) -> DataFrame:
    from pyspark.errors import AnalysisException, ParseException  # noqa: PLC0415 - slow

    try:
        return spark.sql(text)
    except (AnalysisException, ParseException) as error:
        from fdm_platform.engines.failure import sql_error  # noqa: PLC0415 - importable only now

        raise sql_error(error, file) from error


def _make_importable() -> None:
    """`fdm_platform`, where this package lies in it and nothing else has made it importable."""
    root = str(Path(__file__).resolve().parents[3])
    if "fdm_platform" not in sys.modules and root not in sys.path and (Path(root) / "fdm_platform").is_dir():
        sys.path.append(root)
