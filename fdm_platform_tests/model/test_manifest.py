"""A manifest as the ledger keeps it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

from fdm_platform.model.codec import to_plain
from fdm_platform.model.manifest import ColumnStatistics, Manifest, StagedFile
from fdm_platform.model.table import ColumnSpec

MANIFEST = Manifest(
    load_id="load-7",
    table="gels_fpms_t",
    biz_dt=date(2024, 5, 15),
    folder="biz_dt=20240515",
    staging="/landing/gels_fpms_t/.staging/load-7/2024-05-15",
    files=(StagedFile("biz_status=ACTIVE/part-0.snappy.orc", 812, 3),),
    schema=(
        ColumnSpec("contract_id", "string", nullable=False, key=True),
        ColumnSpec("amount", "decimal(18,2)", sensitivity="confidential"),
        ColumnSpec("biz_status", "string"),
    ),
    columns={
        "contract_id": ColumnStatistics(0, "C1", "C3"),
        "amount": ColumnStatistics(1),
    },
    seconds={"write": 1.25},
    rows_in={"row1": 4},
    filtered=0,
    control_version="2024-05-15T06:00:00/",
    code_version="abc",
    parameter_hash="def",
)
EARLIER = """
{"biz_dt": "2024-05-15", "files": [{"bytes": 812, "path": "part-0.snappy.orc", "rows": 3}], "filtered": null,
 "folder": "biz_dt=20240515", "load_id": "load-1", "nulls": {"id": 2}, "rejected": 0, "rows_in": {},
 "schema": [{"description": null, "key": false, "name": "id", "nullable": true, "sensitivity": null,
             "type": "bigint"}],
 "seconds": {"read": 0.1}, "staging": "/landing/gels_fpms_t/.staging/load-1/2024-05-15", "table": "gels_fpms_t"}
"""


def test_it_comes_back_from_json_as_it_was() -> None:
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST
    assert Manifest.from_json(json.dumps(to_plain(MANIFEST))) == MANIFEST


def test_what_is_so_by_default_is_not_written() -> None:
    """False, 0 and NULL are told apart: a column that is declared NOT NULL, and 0 rows that the SQL left out."""
    written = json.loads(MANIFEST.to_json())
    assert written["schema"] == [
        {"name": "contract_id", "type": "string", "nullable": False, "key": True},
        {"name": "amount", "type": "decimal(18,2)", "sensitivity": "confidential"},
        {"name": "biz_status", "type": "string"},
    ]
    assert written["columns"]["amount"] == {"nulls": 1}
    assert written["filtered"] == 0
    assert "rejected" not in written
    assert "filtered" not in json.loads(replace(MANIFEST, filtered=None).to_json())


def test_statistics_do_not_make_the_ledger_larger() -> None:
    """Of 20 columns with statistics a manifest is no longer than it was with their NULLs alone."""
    columns = tuple(ColumnSpec(f"column_{n:02}", "decimal(18,2)") for n in range(20))
    statistics = {c.name: ColumnStatistics(12, "-12345.67", "9876543.21", "1234567890.12") for c in columns}
    wide = replace(MANIFEST, schema=columns, columns=statistics)
    before = {**to_plain(replace(wide, columns={})), "nulls": wide.nulls}
    assert len(wide.to_json()) <= len(json.dumps(before, sort_keys=True))


def test_a_manifest_of_an_earlier_release_is_read() -> None:
    """Written by the platform before columns had statistics; rollback reads such."""
    manifest = Manifest.from_json(EARLIER)
    assert manifest.columns == {"id": ColumnStatistics(2)}
    assert manifest.nulls == {"id": 2}
    assert (manifest.rows, manifest.control_version, manifest.parameter_hash) == (3, "", "")
    assert manifest.schema == (ColumnSpec("id", "bigint"),)
