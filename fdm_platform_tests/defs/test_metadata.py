"""What a materialization says of the rows that came in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.defs.metadata import date_metadata
from fdm_platform.engines.publishing import PublishReport
from fdm_platform.model.manifest import LoadReport, Manifest, StagedFile
from fdm_platform_tests.engines.plans import DAY, csv_source, date_plan, load_plan

STAGED = Manifest("load-1", "gels_fpms_t", DAY, "biz_dt=20240515", "/t", (StagedFile("a.orc", 100, 2),), ())


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (STAGED, {"rows_rejected": 0}),
        (
            replace(STAGED, rows_in={"row1": 5}, filtered=3),
            {"rows_in": 5, "rows_rejected": 0, "rows_filtered": 3},
        ),
        (
            replace(STAGED, rows_in={"row1": 5}, rejected=1, filtered=2),
            {"rows_in": 5, "rows_rejected": 1, "rows_filtered": 2},
        ),
        (
            replace(STAGED, rows_in={"row1": 5, "codes": 4}, rejected=2),
            {"rows_in": 9, "rows_in_by_source": {"row1": 5, "codes": 4}, "rows_rejected": 2},
        ),
    ],
)
def test_rows_in_are_rows_out_rejected_and_filtered_where_that_is_known(
    tmp_path: Path, manifest: Manifest, expected: dict[str, Any]
) -> None:
    day = date_plan(tmp_path, [csv_source(tmp_path / "c.csv", "")])
    plan = load_plan(tmp_path, [day])
    told = date_metadata(
        plan, day, manifest, PublishReport(1, "/t/biz_dt=20240515"), LoadReport("load-1", ())
    )
    counts = {k: getattr(v, "value", v) for k, v in told.items() if k.startswith("rows_")}
    assert counts == expected
    if "rows_filtered" in counts:
        assert counts["rows_in"] == told["rows"] + counts["rows_rejected"] + counts["rows_filtered"]
    assert ("rejected_path" in told) == bool(manifest.rejected)
