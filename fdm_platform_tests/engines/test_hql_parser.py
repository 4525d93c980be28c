"""Spark's own parser without a session, in a JVM that another client may have started."""

from __future__ import annotations

from pathlib import Path

import pytest

from fdm_platform import jvm
from fdm_platform.engines.hql_parser import parse_all

pytestmark = pytest.mark.spark

SOUND = {
    "cte.hql": "WITH `out1` AS (SELECT a FROM b) SELECT DATE'2024-05-15', \"text\", 1.5BD FROM `out1`",
    "view.hql": "SELECT /*+ BROADCAST(a) */ * FROM a LATERAL VIEW explode(b) t AS c WHERE x <=> y -- ;",
}


def test_syntax_is_told_with_line_and_column(tmp_path: Path) -> None:
    jvm.start([])  # as Kudu's client has started it
    broken = {"join.hql": "SELECT a\nFROM b JION c ON b.x = c.x", "two.hql": "SELECT a b c"}
    found = parse_all({**SOUND, **broken}, tmp_path)
    assert [(e.file, e.line, e.column) for e in found] == [("join.hql", 2, 13), ("two.hql", 1, 12)]
    assert found[0].message == "[PARSE_SYNTAX_ERROR] Syntax error at or near 'c'."


def test_what_was_parsed_before_is_not_parsed_again(tmp_path: Path) -> None:
    statements = {**SOUND, "bad.hql": "SELECT a b c"}
    first = parse_all(statements, tmp_path)
    assert [e.file for e in first] == ["bad.hql"]
    (file,) = (tmp_path / "parsed").iterdir()
    file.write_text(file.read_text().replace("Syntax error", "Kept error"))
    (again,) = parse_all({"renamed.hql": "SELECT a b c", **SOUND}, tmp_path)
    assert (again.file, "Kept error" in again.message) == ("renamed.hql", True)
    assert parse_all({**SOUND, "new.hql": "SELECT a AS b"}, tmp_path) == []


def test_a_cache_that_is_damaged_or_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    parse_all(SOUND, tmp_path)
    (file,) = (tmp_path / "parsed").iterdir()
    file.write_text("{")
    assert parse_all(SOUND, tmp_path) == []
    (tmp_path / "none").write_text("a file")
    assert parse_all(SOUND, tmp_path / "none") == []
