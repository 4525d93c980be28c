"""The header of a CSV file against its declared columns, without a pass over the data."""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import SparkSession

from fdm_platform.engines.files import text_lines
from fdm_platform.errors import SourceError
from fdm_platform.model.plan import SourcePlan
from fdm_platform.model.table import ColumnSpec

DATE_FORMAT = "yyyy-MM-dd"
"""Of dates in text. It is Spark's own default, which unless it is named ignores what follows the date."""
_BOM = "\ufeff"
_NOT_VALID = "is not valid "


@dataclass(frozen=True, slots=True)
class Header:
    """A CSV file's column names in the file's order, and whether a row follows them."""

    file: str
    names: tuple[str, ...]
    has_rows: bool


def read_header(spark: SparkSession, file: str, options: Mapping[str, str]) -> Header:
    """The header line and whether a row follows; no names for an empty file. `options` are Spark's.

    SourceError: the file cannot be opened, or its header's bytes are not of the declared encoding.
    """
    encoding = encoding_of(options)
    errors = "replace" if is_lenient(options) else "strict"
    try:
        with text_lines(spark, file, encoding, errors) as lines:
            rows = _rows(lines, options)
            names = next(rows, ()) if has_header(options) else ()
            has_rows = next(rows, None) is not None
    except UnicodeDecodeError as error:
        raise encoding_error(file, encoding, f"byte 0x{error.object[error.start]:02x}") from error
    except LookupError as error:
        raise SourceError(
            f"unknown encoding {encoding!r}",
            file=file,
            remedy="write a name that Python and Java know, for example UTF-8 or windows-1252",
        ) from error
    return Header(file, tuple(n.strip().removeprefix(_BOM) for n in names), has_rows)


def columns_in_file(header: Header, source: SourcePlan) -> Sequence[ColumnSpec]:
    """The declared columns in the file's order: by its header's names, or as declared where position counts.

    SourceError as of `match_header`.
    """
    if source.match == "position" or not has_header(source.options):
        return source.columns
    return match_header(header, source.columns, source.view)


def match_header(header: Header, columns: Sequence[ColumnSpec], view: str) -> list[ColumnSpec]:
    """The declared columns in the file's order; names match in any letter case, as in Spark SQL.

    SourceError: a declared column is missing, one stands there that is not declared, or twice.
    """
    require_unique(header, view)
    declared = {c.name.lower(): c for c in columns}
    present = {n.lower() for n in header.names}
    missing = [c.name for c in columns if c.name.lower() not in present]
    surplus = [n for n in header.names if n.lower() not in declared]
    if missing or surplus:
        raise SourceError(
            "; ".join(_differences(missing, surplus)),
            file=header.file,
            line=1,
            field=f"sources.{view}.columns",
            remedy=f"declare the columns that the file has ({', '.join(header.names)}), or mend the file",
        )
    return [declared[n.lower()] for n in header.names]


def require_unique(header: Header, view: str) -> None:
    """SourceError if two columns of the file have one name; Spark would rename them silently."""
    counts = Counter(n.lower() for n in header.names)
    twice = [n for n, count in counts.items() if count > 1]
    if twice:
        places = {n: [i + 1 for i, h in enumerate(header.names) if h.lower() == n] for n in twice}
        told = "; ".join(f"{n} (columns {', '.join(map(str, p))})" for n, p in places.items())
        raise SourceError(
            f"duplicate column names in the header: {told}",
            file=header.file,
            line=1,
            field=f"sources.{view}",
            remedy="give each column of the file its own name",
        )


def encoding_error(
    file: str, encoding: str, what: str, *, line: int | None = None, field: str | None = None
) -> SourceError:
    """The error for bytes that the declared encoding does not know."""
    return SourceError(
        f"{_NOT_VALID}{encoding.upper()}: {what}",
        file=file,
        line=line,
        field=field,
        remedy="set the source's `options: {encoding: …}` to what the file really is, e.g. windows-1252, "
        "or have it delivered again; `encodingErrors: replace` accepts it as it is",
    )


def is_encoding_error(error: SourceError) -> bool:
    """It came from `encoding_error`."""
    return error.message.startswith(_NOT_VALID)


def has_header(options: Mapping[str, str]) -> bool:
    """The file's first line is a header: the platform's default, unlike Spark's."""
    return option(options, "header", default="true").lower() == "true"


def encoding_of(options: Mapping[str, str]) -> str:
    """The declared encoding of the file, UTF-8 if none is."""
    return option(options, "encoding", "charset", default="UTF-8")


def is_lenient(options: Mapping[str, str]) -> bool:
    """Bytes that the encoding does not know are accepted as U+FFFD."""
    return option(options, "encodingerrors") == "replace"


def option(options: Mapping[str, str], *names: str, default: str = "") -> str:
    """A reader's option by any of its names; their letter case does not matter to Spark."""
    lower = {k.lower(): v for k, v in options.items()}
    return next((str(lower[n]) for n in names if n in lower), default)


def parse_rows(lines: Iterator[str], options: Mapping[str, str]) -> Iterator[list[str]]:
    """CSV rows of text lines, by the separator, quote and escape that Spark is given."""
    separator = option(options, "sep", "delimiter", default=",").replace("\\t", "\t")
    escape = option(options, "escape", default="\\")
    quote = option(options, "quote", default='"')
    return csv.reader(
        lines,
        delimiter=separator[0],
        quotechar=quote[:1] or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        doublequote=escape == quote,
        escapechar=None if escape == quote else escape[:1] or None,
    )


def _rows(lines: Iterator[str], options: Mapping[str, str]) -> Iterator[list[str]]:
    """Rows that Spark would see: it skips blank lines and, if told, comments."""
    comment = option(options, "comment")
    seen = (x for x in lines if x.strip() and not (comment and x.startswith(comment)))
    return parse_rows(seen, options)


def _differences(missing: list[str], surplus: list[str]) -> list[str]:
    told = []
    if missing:
        near = {m: difflib.get_close_matches(m, surplus, n=1) for m in missing}
        shown = (f"{m} (did the file mean {n[0]}?)" if n else m for m, n in near.items())
        told.append(f"missing columns: {', '.join(shown)}")
    if surplus:
        told.append(f"surplus columns: {', '.join(surplus)}")
    return told
