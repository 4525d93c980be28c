import re
from dataclasses import fields
from pathlib import Path

import pytest

from fdm_platform.control.schema import TABLES, find_table
from fdm_platform.model.control import (
    JobDependencyRow,
    JobMasterRow,
    ProcessControlRow,
    PublishRecord,
    SysParamRow,
)

PAGE = Path(__file__).parents[2] / "docs" / "control-tables.md"


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("job_master", JobMasterRow),
        ("process_control", ProcessControlRow),
        ("job_dependency", JobDependencyRow),
        ("sys_params", SysParamRow),
        ("fdm_publishes", PublishRecord),
    ],
)
def test_a_table_has_the_columns_of_its_value(table: str, value: type) -> None:
    assert set(find_table(table).names) == {field.name for field in fields(value)}


@pytest.mark.parametrize("table", TABLES)
def test_key_columns_come_first(table: str) -> None:
    spec = find_table(table)
    assert spec.names[: len(spec.key)] == spec.key
    assert not any(spec.column(name).is_nullable for name in spec.key)


def test_the_page_documents_every_table_column_type_and_key() -> None:
    documented = {}
    for section in re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        name, rows = (
            section.split("\n", 1)[0],
            re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]*)\|", section, re.MULTILINE),
        )
        documented[name] = [column for row in rows[1:] if "---" not in row[0] for column in _columns(*row)]
    assert documented == {t.name: [(c.name, c.type, c.is_key) for c in t.columns] for t in TABLES.values()}


def _columns(names: str, types: str, notes: str) -> list[tuple[str, str, bool]]:
    """A line of the page's tables: names that share a type, or as many types as names."""
    listed, of_each = names.split(", "), types.strip().split(", ")
    if len(of_each) == 1:
        of_each *= len(listed)
    return [(n.strip(), t, "●" in notes) for n, t in zip(listed, of_each, strict=True)]
