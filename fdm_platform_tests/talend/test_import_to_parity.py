"""A Talend project comes over as a person brings it: import, seed, finish, validate, load, compare. Commands alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fdm_platform_tests.command import fdm
from fdm_platform_tests.deployment import DAYS, PROJECT, deploy

EXAMPLE = PROJECT / "examples" / "talend"
DAY = str(DAYS[-1])
WRITTEN = """\
-- tJavaRow_1: letters are no rows, and are left out.
SELECT policy_id, coalesce(trim(holder), 'unknown') AS holder, greatest(premium, 0) AS premium
FROM tMap_1_lapsed
"""
"""What a person writes in the place of the sample's one piece of Java."""


@pytest.mark.spark
@pytest.mark.embedded
def test_the_sample_project_imports_validates_loads_and_equals_what_was_worked_out_by_hand(
    tmp_path: Path,
) -> None:
    made = deploy(tmp_path / "home", rows=1, sql_root=tmp_path / "sql")
    home = tmp_path / "sql" / "gels" / "fpms"
    source = {"FDM_SOURCE_ROOT": str(EXAMPLE / "data")}

    imported = fdm(
        made, "talend", "import", str(EXAMPLE / "SAMPLE"), "--out", str(home), "--timezone", "UTC", "--json"
    )
    assert imported.returncode == 0, imported.stderr
    assert json.loads(imported.stdout)["is_written"]
    seeded = fdm(made, "control", "seed", str(home / "_talend/policy_load/seeds.yaml"))
    assert seeded.returncode == 0, seeded.stderr

    unfinished = fdm(made, "validate", "--no-parse")
    assert unfinished.returncode == 2
    assert "t_policy_load_lapsed/tJavaRow_1.hql:3:24: is not finished: TODO tJavaRow" in (
        unfinished.stdout + unfinished.stderr
    )
    (home / "t_policy_load_lapsed" / "tJavaRow_1.hql").write_text(WRITTEN)
    valid = fdm(made, "validate")
    assert valid.returncode == 0, valid.stdout + valid.stderr

    loaded = fdm(made, "materialize", "t_policy_load", "--biz-dt", DAY, **source)
    assert loaded.returncode == 0, loaded.stderr

    old = EXAMPLE / "expected" / "policy_20240515.csv"
    same = fdm(made, "parity", "t_policy_load", "--biz-dt", DAY, "--against", str(old), "--json")
    assert same.returncode == 0, same.stdout + same.stderr
    found = json.loads(same.stdout)["result"]
    assert found["matched"] == len(old.read_text().splitlines()) - 1
