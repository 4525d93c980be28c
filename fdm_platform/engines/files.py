"""Files as the driver sees them: plain ones through Python, all others through Hadoop's file systems."""

from __future__ import annotations

import bz2
import gzip
import os
import re
import shutil
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import unquote, urlsplit

from pyspark.sql import SparkSession

from fdm_platform.errors import SourceError

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")
_GLOB = re.compile(r"([\\{}\[\]*?])")
_CODECS = (".zst", ".lz4", ".snappy", ".deflate")


def literal_path(path: str) -> str:
    """The path with its glob characters escaped: Spark would take `a[1].csv` for a pattern."""
    return _GLOB.sub(r"\\\1", path)


def local_path(spark: SparkSession, path: str) -> Path | None:
    """The path on this machine's file system, or None where Hadoop would look elsewhere."""
    scheme = _SCHEME.match(path)
    if scheme is None:
        return Path(path) if _default_is_local(spark) else None
    return Path(unquote(urlsplit(path).path)) if scheme[1].lower() == "file" else None


@contextmanager
def text_lines(
    spark: SparkSession, path: str, encoding: str, errors: str = "strict"
) -> Iterator[Iterator[str]]:
    """The lines of a text file with their ends, decompressed by the file's extension.

    `errors` is Python's word for what happens to bytes that are not of the encoding.
    SourceError: the file cannot be opened. UnicodeDecodeError: its bytes are not of this encoding.
    """
    local = local_path(spark, path)
    if local is None or local.suffix in _CODECS:
        with closing(_hadoop_lines(spark, path, encoding, errors)) as lines:
            yield lines
        return
    try:
        file = _open_local(local, encoding, errors)
    except OSError as error:
        raise SourceError(
            f"cannot be opened: {error.strerror or error}", file=path, remedy="check the file"
        ) from error
    with file:
        yield file


def list_files(spark: SparkSession, folder: str) -> list[tuple[str, int]]:
    """Data files below a folder: path relative to it with forward slashes, and bytes; sorted.

    Names that begin with `.` or `_` are no data, as for every reader of the table.
    """
    local = local_path(spark, folder)
    found = _list_local(local) if local is not None else _list_hadoop(spark, folder)
    return sorted((p, n) for p, n in found if not any(part[0] in "._" for part in p.split("/")))


def exists(spark: SparkSession, path: str) -> bool:
    """Spark finds a file or folder of this name: to Hadoop, `%25` in the path of a URI is three characters."""
    there = _hadoop_path(spark, path)
    return bool(there.getFileSystem(hadoop_configuration(spark)).exists(there))


def make_folder(spark: SparkSession, folder: str) -> None:
    """Make a folder and those above it, if they are not there."""
    local = local_path(spark, folder)
    if local is not None:
        local.mkdir(parents=True, exist_ok=True)
    else:
        path = _hadoop_path(spark, folder)
        path.getFileSystem(hadoop_configuration(spark)).mkdirs(path)


def remove_folder(spark: SparkSession, folder: str) -> None:
    """Remove a folder and all below it, if it is there."""
    local = local_path(spark, folder)
    if local is not None:
        shutil.rmtree(local, ignore_errors=not local.exists())
    else:
        path = _hadoop_path(spark, folder)
        path.getFileSystem(hadoop_configuration(spark)).delete(path, True)


def hadoop_configuration(spark: SparkSession) -> Any:
    """Hadoop's Configuration of this application, a Java object."""
    context: Any = spark.sparkContext._jsc  # noqa: SLF001 - no public way
    return context.hadoopConfiguration()


def _default_is_local(spark: SparkSession) -> bool:
    return str(hadoop_configuration(spark).get("fs.defaultFS", "file:///")).startswith("file:")


def _open_local(path: Path, encoding: str, errors: str) -> TextIO:
    # newline="" leaves line ends inside quoted values to the CSV reader
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding=encoding, errors=errors, newline="")
    if path.suffix == ".bz2":
        return bz2.open(path, "rt", encoding=encoding, errors=errors, newline="")
    return path.open(encoding=encoding, errors=errors, newline="")


def _hadoop_lines(spark: SparkSession, path: str, encoding: str, errors: str) -> Generator[str]:
    """Lines through Hadoop; read as Latin-1, which keeps every byte, so that Python decodes strictly."""
    jvm: Any = spark.sparkContext._jvm  # noqa: SLF001 - no public way
    configuration = hadoop_configuration(spark)
    where = _hadoop_path(spark, path)
    stream = where.getFileSystem(configuration).open(where)
    codec = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(configuration).getCodec(where)
    if codec is not None:
        stream = codec.createInputStream(stream)
    charset = "ISO-8859-1" if encoding.lower().replace("_", "-") in _BYTEWISE else encoding
    reader = jvm.java.io.BufferedReader(jvm.java.io.InputStreamReader(stream, charset))
    try:
        while (line := reader.readLine()) is not None:
            text = line.encode("latin-1").decode(encoding, errors) if charset == "ISO-8859-1" else line
            yield text + "\n"
    finally:
        reader.close()


_BYTEWISE = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1"})


def _list_local(folder: Path) -> Iterator[tuple[str, int]]:
    for parent, _, names in os.walk(folder):
        for file in (Path(parent, n) for n in names):
            yield file.relative_to(folder).as_posix(), file.stat().st_size


def _list_hadoop(spark: SparkSession, folder: str) -> Iterator[tuple[str, int]]:
    root = _hadoop_path(spark, folder)
    system = root.getFileSystem(hadoop_configuration(spark))
    if not system.exists(root):
        return
    prefix = system.makeQualified(root).toUri().getPath().rstrip("/") + "/"
    found = system.listFiles(root, True)
    while found.hasNext():
        status = found.next()
        yield status.getPath().toUri().getPath().removeprefix(prefix), status.getLen()


def _hadoop_path(spark: SparkSession, path: str) -> Any:
    jvm: Any = spark.sparkContext._jvm  # noqa: SLF001 - no public way
    return jvm.org.apache.hadoop.fs.Path(path)
