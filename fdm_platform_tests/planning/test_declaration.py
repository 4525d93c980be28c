from __future__ import annotations

import json
import re
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.model.limits import DeclaredRetries
from fdm_platform.model.parity import ParitySpec
from fdm_platform.model.table import CheckSpec, ColumnSpec, SourceSpec, TableSpec
from fdm_platform.planning.catalog import load_catalog
from fdm_platform.planning.declaration import (
    MODELS,
    CheckDeclaration,
    ColumnDeclaration,
    Declared,
    LaunchDeclaration,
    LegacyJobDeclaration,
    OutputDeclaration,
    ParityDeclaration,
    RetriesDeclaration,
    SourceDeclaration,
    TableDeclaration,
    table_schema,
)

ROOT = Path(__file__).resolve().parents[2]
PAIRS: list[tuple[type[Declared], type[Any]]] = [
    (TableDeclaration, TableSpec),
    (SourceDeclaration, SourceSpec),
    (ColumnDeclaration, ColumnSpec),
    (CheckDeclaration, CheckSpec),
    (RetriesDeclaration, DeclaredRetries),
    (ParityDeclaration, ParitySpec),
]
# Where the declaration says "not given" and the catalog fills in what the rest implies.
FILLED_IN = {"format", "job_name", "biz_dt"}


@pytest.mark.parametrize(("declaration", "spec"), PAIRS)
def test_keys_are_the_specs_fields_with_the_specs_defaults(
    declaration: type[Declared], spec: type[Any]
) -> None:
    known = {f.name: f for f in fields(spec)}
    assert set(known) - set(declaration.model_fields) <= {"file", "view", "code_version", "legacy"}
    assert set(declaration.model_fields) <= set(known)
    for name, key in declaration.model_fields.items():
        field = known[name]
        if name in FILLED_IN or key.is_required() or (field.default, field.default_factory) == (MISSING,) * 2:
            continue
        expected = field.default_factory() if field.default_factory is not MISSING else field.default
        assert _plain(key.get_default(call_default_factory=True)) == _plain(expected), name


def _plain(value: Any) -> Any:
    if isinstance(value, LaunchDeclaration):
        return value.model_dump(exclude_none=True)
    if isinstance(value, RetriesDeclaration):
        return value.model_dump()
    if isinstance(value, DeclaredRetries):
        return asdict(value)
    return list(value) if isinstance(value, tuple) else value


def test_launch_has_the_keys_of_the_legacy_spark_config() -> None:
    assert set(LaunchDeclaration.model_fields) == {
        "master", "driver_memory", "executor_memory", "num_executors", "executor_cores", "python_executable",
        "additional_conf", "py_files", "archives", "deploy_mode", "queue",
    }  # fmt: skip


def test_the_committed_schema_is_the_models() -> None:
    committed = json.loads((ROOT / "docs" / "table.schema.json").read_text(encoding="utf-8"))
    assert committed == table_schema(), "run: uv run fdm validate --schema > docs/table.schema.json"


def test_the_schema_knows_both_forms_of_columns_and_refuses_unknown_keys() -> None:
    schema = table_schema()
    table, job = (schema["$defs"][schema[way]["$ref"].rpartition("/")[2]] for way in ("else", "then"))
    assert table["additionalProperties"] is job["additionalProperties"] is False
    assert {form["type"] for form in table["properties"]["columns"]["anyOf"]} == {"array", "object"}
    assert table["required"] == ["entity", "source_system", "table", "sources"]
    assert (schema["if"], job["required"]) == ({"required": ["legacy_job"]}, ["legacy_job"])


@pytest.mark.parametrize("model", MODELS)
def test_every_key_is_documented(model: type[Declared]) -> None:
    text = (ROOT / "docs" / "declaring-a-table.md").read_text(encoding="utf-8")
    section = re.search(rf"<!-- keys: {model.__name__} -->(.*?)<!-- end -->", text, re.DOTALL)
    assert section
    documented = re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE)
    own = set(model.model_fields)
    if model is LegacyJobDeclaration:
        rest = text.partition("Besides these it may have ")[2].partition(", as above")[0]
        assert set(re.findall(r"`(\w+)`", rest)) == set(OutputDeclaration.model_fields)
        own -= set(OutputDeclaration.model_fields)
    assert sorted(documented) == sorted(own)


def test_the_documentations_examples_are_valid(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "declaring-a-table.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(entity:.*?)```", text, re.DOTALL)
    assert len(examples) == 2
    for i, example in enumerate(examples):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / "table.yaml").write_text(example, encoding="utf-8")
        for step in re.findall(r"\w+\.hql", example):
            (folder / step).write_text("SELECT 1\n")
    catalog = load_catalog(tmp_path)
    assert catalog.errors == ()
    assert list(catalog.tables) == ["gels_fpms_t_claim", "gels_fpms_t_contract_master"]


def test_the_sample_tables_are_sound() -> None:
    catalog = load_catalog(ROOT / "sql" / "landing")
    assert catalog.errors == ()
    assert {"gels_fpms_t_contract_master", "gels_fpms_t_contract_summary", "gels_fpms_t_payment"} <= set(
        catalog.tables
    )
    assert catalog.get("t_contract_summary").parents == ("gels_fpms_t_contract_master",)
    assert [c.name for c in catalog.get("t_contract_master").columns] == [
        "customer_id", "contract_id", "status", "amount", "biz_dt", "etl_start_dt", "etl_end_dt",
        "biz_status", "change_indicator", "entity_new", "premium_amt",
    ]  # fmt: skip
