"""Rows of a source with what is wrong with each, instead of an error at the first bad one.

Three columns follow the source's own: REASON, RAW (the row as its file has it) and FILE. What the reader
itself refuses is told here, what it lets pass and a guard refuses by `guarding`. Spark converts only
those columns of a text file that a query uses, and calls a row malformed by those alone: whoever asks twice
must keep the rows first (`rejecting.split`), or a row may be good in one answer and bad in the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, DataFrameReader
from pyspark.sql import functions as f
from pyspark.sql import types as t

from fdm_platform.engines.guarding import FILE, RAW, REASON
from fdm_platform.engines.headers import DATE_FORMAT, option
from fdm_platform.engines.raised import name
from fdm_platform.model.plan import SourcePlan
from fdm_platform.model.table import PASSED_THROUGH

_RECORD = "_fdm_record"
_OWN_OPTIONS = frozenset({"mode", "columnnameofcorruptrecord", "encodingerrors", "multiline"})
_MAX_SHOWN = 200
_PATH = "regexp_replace(url_decode(replace(_metadata.file_path, '+', '%2B')), '^file:/+', '/')"


def judge_text(
    reader: DataFrameReader, source: SourcePlan, schema: t.StructType, files: Sequence[str]
) -> DataFrame:
    """CSV or JSON files of that schema. A source that asks for a `mode` of its own is read as it asks."""
    is_own = option(source.options, "mode", default="FAILFAST").upper() != "FAILFAST"
    columns = [f.col(name(c)) for c in schema.names]
    if is_own:
        df = reader.schema(schema).load(list(files))
        return df.select(*columns, _nothing(REASON), _as_text(columns, source).alias(RAW), _file(source))
    recorded = t.StructType([*schema.fields, t.StructField(_RECORD, t.StringType())])
    permissive = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _RECORD}
    df = reader.options(**permissive).schema(recorded).load(list(files))
    raw = f.coalesce(f.col(_RECORD), _as_text(columns, source)).alias(RAW)
    return df.select(*columns, _fault(source, schema).alias(REASON), raw, _file(source))


def judge_rows(df: DataFrame, source: SourcePlan, columns: Sequence[Column]) -> DataFrame:
    """The columns of ORC, Parquet or a database; the reader itself refuses none of these rows."""
    raw = f.to_json(f.struct(*columns)).alias(RAW)
    return df.select(*columns, _nothing(REASON), raw, _file(source))


def _fault(source: SourcePlan, schema: t.StructType) -> Column:
    """Why the reader refuses a row; NULL where it does not."""
    tokens = _tokens(source, schema)
    types = {c.name: c.type for c in source.columns}
    told = [
        f.when(
            f.col(name(c.name)).isNull() & tokens.getField(c.name).isNotNull(),
            f.concat(
                f.lit(f"column {c.name}: '"),
                f.substring(tokens.getField(c.name), 1, _MAX_SHOWN),
                f.lit(f"' is not of type {types[c.name]}"),
            ),
        )
        for c in schema.fields
        if not isinstance(c.dataType, t.StringType)
    ]
    count = f"row does not have the {len(schema)} values of its columns"
    counted = f.when(tokens.getField(_RECORD).isNotNull(), f.lit(count if source.format == "csv" else None))
    faults = f.concat_ws("; ", *told) if told else f.lit("")
    said = f.when(faults != "", faults)
    return f.when(f.col(_RECORD).isNotNull(), f.coalesce(counted, said, f.lit("malformed row")))


def _tokens(source: SourcePlan, schema: t.StructType) -> Column:
    """The row's values as text."""
    fields = [*schema.names, _RECORD]
    ddl = ", ".join(f"{name(c)} string" for c in fields)
    parse = f.from_csv if source.format == "csv" else f.from_json
    return parse(f.col(_RECORD), ddl, {**_options(source), "columnNameOfCorruptRecord": _RECORD})


def _as_text(columns: Sequence[Column], source: SourcePlan) -> Column:
    """A row as its file would have it, if it were written now."""
    write = f.to_csv if source.format == "csv" else f.to_json
    return write(f.struct(*columns), _options(source))


def _options(source: SourcePlan) -> dict[str, str]:
    given = {k: str(v) for k, v in source.options.items() if k.lower() not in _OWN_OPTIONS}
    return given if option(given, "dateformat") else {"dateFormat": DATE_FORMAT, **given}


def _file(source: SourcePlan) -> Column:
    return _nothing(FILE) if source.format in PASSED_THROUGH else f.expr(_PATH).alias(FILE)


def _nothing(column: str) -> Column:
    return f.lit(None).cast("string").alias(column)
