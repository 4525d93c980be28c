"""Bad rows through the whole of a load: beside the table once, whatever dies; beside it too when they are too many."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from pyarrow import orc

from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy
from fdm_platform_tests.faults.crashing import FDM, Ended, run

pytestmark = [pytest.mark.spark, pytest.mark.embedded]

TABLE = "gels_fpms_t_contract_master"
DAY = DAYS[-1]
FOLDER = f"biz_dt={DAY:%Y%m%d}"
BAD = "C9,K9,A,much,1.00,E9"
ROWS = 60


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """The sample tables; the contracts' one allows one bad row, and its source has one."""
    sql = shutil.copytree(PROJECT / "sql" / "landing", tmp_path / "sql")
    with (sql / "gels/fpms/t_contract_master/table.yaml").open("a") as file:
        file.write("\nmax_rejected: 1\n")
    made = deploy(tmp_path / "home", sql_root=sql, rows=ROWS)
    spoil(made)
    return made


def spoil(deployment: Deployment) -> None:
    with deployment.source("customer_contract_{day}.csv").open("a") as file:
        file.write(f"{BAD}\n")


def materialize(deployment: Deployment, at: str | None = None) -> Ended:
    return run([FDM, "materialize", TABLE, "--biz-dt", DAY.isoformat()], deployment.environ, at)


def root(deployment: Deployment) -> Path:
    return deployment.settings.landing_root / TABLE


def rejected(deployment: Deployment) -> dict[str, list[dict[str, Any]]]:
    """The rejected rows of the date by load."""
    loads = (root(deployment) / "_rejected" / FOLDER).glob("load_id=*")
    return {p.name: [r for f in p.glob("*.orc") for r in orc.read_table(f).to_pylist()] for p in loads}


def live(deployment: Deployment) -> dict[str, int]:
    """Rows of each load that is live, by the load's id."""
    found = {}
    for marker in root(deployment).glob(f"{FOLDER}/_fdm_version.json"):
        files = marker.parent.rglob("*.orc")
        found[json.loads(marker.read_text())["load_id"]] = sum(orc.ORCFile(f).nrows for f in files)
    return found


def row(deployment: Deployment, line: int = ROWS + 2) -> dict[str, Any]:
    return {
        "source": "row1",
        "raw": BAD,
        "reason": "column amount: 'much' is not of type decimal(18,2)",
        "file": str(deployment.source("customer_contract_{day}.csv")),
        "line": line,
    }


def said(deployment: Deployment) -> str:
    """What Spark's drivers wrote."""
    logs = (
        p for p in deployment.settings.work.rglob("*") if p.is_file() and p.suffix in (".log", ".err", ".txt")
    )
    return "".join(p.read_text(errors="replace") for p in logs)


def die_and_load_again(deployment: Deployment, point: str) -> int:
    """Each load that has kept rejected rows has kept the one there is; how many they are."""
    died = materialize(deployment, point)
    assert died.code != 0
    assert f"reached {point}" in died.said + said(deployment)
    again = materialize(deployment)
    assert again.code == 0, again.said
    ((load_id, rows),) = live(deployment).items()
    assert rows == ROWS
    kept = rejected(deployment)
    assert kept[f"load_id={load_id}"] == [row(deployment)]
    assert all(rows == [row(deployment)] for rows in kept.values())
    return len(kept)


def test_rejected_rows_lie_beside_the_table_once(deployment: Deployment) -> None:
    assert die_and_load_again(deployment, "publish.moved_in") == 2, "both loads were committed"


def test_a_date_with_too_many_bad_rows_stays_as_it_was_and_shows_them(deployment: Deployment) -> None:
    assert die_and_load_again(deployment, "driver.rejected") == 1, (
        "what a load has staged that died is kept by nobody"
    )
    before = live(deployment)
    spoil(deployment)
    failed = materialize(deployment)
    assert failed.code == 5
    assert re.search(r"\b2 of \d+ rows are bad, max_rejected allows 1", failed.err)
    assert live(deployment) == before
    assert sorted(map(len, rejected(deployment).values())) == [1, 2]
    assert not list((root(deployment) / ".staging").glob("*/*"))
