"""`fdm test` as a person runs it, in its own process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.spark

TABLE = """entity: GELS
source_system: FPMS
table: t_x
sources: {row1: {path: x.csv, columns: {id: string, amount: int}}}
steps: [out1.hql]
"""
FIXTURE = """name: doubles
biz_dt: 2024-05-15
sources: {row1: [{id: A, amount: 1}]}
expected: [{id: A, doubled: %s}]
"""


def fdm(*arguments: str, sql_root: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "FDM_SQL_ROOT": str(sql_root), "COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(
        [str(Path(sys.executable).with_name("fdm")), *arguments],
        env=environ, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip


@pytest.fixture
def sql_root(tmp_path: Path) -> Path:
    folder = tmp_path / "gels" / "fpms" / "t_x"
    (folder / "tests").mkdir(parents=True)
    (folder / "table.yaml").write_text(TABLE)
    (folder / "out1.hql").write_text("SELECT id, amount * 2 AS doubled, '${biz_dt}' AS biz_dt FROM row1")
    (folder / "tests" / "good.yaml").write_text(FIXTURE % 2)
    (folder / "tests" / "wrong.yaml").write_text((FIXTURE % 3).replace("doubles", "trebles"))
    return tmp_path


def test_a_difference_is_shown_and_is_exit_code_1(sql_root: Path) -> None:
    done = fdm("test", sql_root=sql_root)
    assert done.returncode == 1, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "passed gels_fpms_t_x: doubles" in lines
    assert "failed gels_fpms_t_x: trebles" in lines
    assert lines[lines.index("id doubled") + 1 :][:2] == ["- A 3", "+ A 2"]
    assert lines[-1] == "1 passed, 1 failed"


def test_json_has_the_same(sql_root: Path) -> None:
    (sql_root / "gels" / "fpms" / "t_x" / "tests" / "wrong.yaml").unlink()
    done = fdm("test", "t_x", "--json", sql_root=sql_root)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert (result["name"], result["is_passed"], result["missing"]) == ("doubles", True, [])


def test_no_tests_and_no_such_table(tmp_path: Path, sql_root: Path) -> None:
    missing = fdm("test", "t_y", sql_root=sql_root)
    assert missing.returncode == 2
    assert "did you mean gels_fpms_t_x?" in missing.stderr
    (tmp_path / "empty").mkdir()
    none = fdm("test", sql_root=tmp_path / "empty")
    assert none.returncode == 0
    assert "no fixture tests" in none.stdout
