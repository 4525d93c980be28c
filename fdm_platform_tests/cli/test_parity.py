"""fdm parity: exit codes, what it prints, the certificate, and the check in Dagster."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from fdm_platform.defs.instance import open_instance
from fdm_platform.engines.publishing import PublishRequest, publish
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import MARKER
from fdm_platform_tests.command import fdm
from fdm_platform_tests.deployment import DAYS, Deployment, deploy

pytestmark = [pytest.mark.spark, pytest.mark.embedded]

DAY = DAYS[-1]
TABLE = "gels_fpms_t_parity"
DECLARED = """\
entity: GELS
source_system: FPMS
table: T_PARITY
sources: {row1: {path: "x_{biz_dt}.csv"}}
steps: [out1.hql]
columns:
  - {name: contract_no, type: string, key: true}
  - {name: holder, type: string, sensitivity: confidential}
  - {name: amount, type: "decimal(18,2)"}
  - {name: biz_dt, type: date}
parity:
  against: "old_{biz_dt:%Y%m%d}.csv"
  options: {sep: ";"}
"""


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A date of two rows that is live, and the old system's CSV of it, which is equal."""
    folder = tmp_path / "sql" / "gels" / "fpms" / "t_parity"
    folder.mkdir(parents=True)
    (folder / "table.yaml").write_text(DECLARED)
    (folder / "out1.hql").write_text("SELECT * FROM row1\n")
    made = deploy(tmp_path / "home", rows=1, sql_root=tmp_path / "sql")
    (made.settings.source_root / f"old_{DAY:%Y%m%d}.csv").write_text(
        "contract_no;holder;amount\nA1;Ada;10.5\nA2;;7\n"
    )
    with made.platform() as platform:
        root = Path(platform.settings.table_root(TABLE))
        area = StagingArea("load-1", TABLE, DAY, root / ".staging" / "load-1" / str(DAY), ("biz_dt",))
        rows = {"contract_no": ["A1", "A2"], "holder": ["Ada", None], "amount": [10.5, 7.0]}
        manifest = stage_frame(pd.DataFrame(rows), area)
        publish(PublishRequest(root, manifest, 1, "", 1), platform.ledger)
    return made


def certificates(made: Deployment) -> list[Path]:
    return sorted(Path(made.settings.table_root(TABLE), ".parity", f"biz_dt={DAY:%Y%m%d}").iterdir())


def test_what_the_table_declares_is_compared_and_kept(deployment: Deployment) -> None:
    """Equal: exit 0. Then the new side is asked for with other rows: exit 1, secrets masked, in Dagster too."""
    equal = fdm(deployment, "parity", TABLE, "--biz-dt", str(DAY), "--json")
    assert equal.returncode == 0, equal.stderr
    told = json.loads(equal.stdout)
    assert (told["is_equal"], told["result"]["matched"], told["spec"]["keys"]) == (True, 2, ["contract_no"])
    assert json.loads(certificates(deployment)[0].read_text()) == told

    old = deployment.settings.home / "other.csv"
    old.write_text("no,who,amount\nA1,Eve,10.51\nA3,Bob,1\n")
    words = ["--against", str(old), "--option", "sep=,", "--map", "no=contract_no", "--map", "who=holder"]
    differ = fdm(deployment, "parity", TABLE, "--biz-dt", str(DAY), *words)
    assert differ.returncode == 1, differ.stderr
    assert "they differ" in differ.stdout
    assert "holder differs in 1" in differ.stdout
    assert "***" in differ.stdout
    for secret in ("Eve", "Bob", "Ada"):
        assert secret not in differ.stdout + certificates(deployment)[1].read_text()
    tolerant = fdm(
        deployment, "parity", TABLE, "--biz-dt", str(DAY), *words, "--tolerance", "amount=0.01", "--ignore", "holder",
        "--keys", "contract_no,biz_dt", "--json",
    )  # fmt: skip
    found = json.loads(tolerant.stdout)["result"]
    assert (found["matched"], found["changed"], found["missing"], found["extra"]) == (1, 0, 1, 1)
    assert len(certificates(deployment)) == 3

    with open_instance(deployment.settings) as instance:
        key = dg.AssetCheckKey(dg.AssetKey(["gels", "fpms", "t_parity"]), "parity")
        seen = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
        outcomes = [record.evaluation.passed for record in seen if record.evaluation]
    assert outcomes == [False, False, True]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--biz-dt", "2024-05-01"], 5, "fdm materialize"),
        (["--biz-dt", str(DAY), "--against", "/nowhere/old.csv"], 5, "nothing to compare with"),
        (["--biz-dt", str(DAY), "--keys", "contract_nr"], 2, "did you mean"),
        (["--biz-dt", str(DAY), "--tolerance", "amount"], 2, "COLUMN=0.01"),
    ],
)
def test_what_cannot_be_compared_says_what_to_do(
    deployment: Deployment, words: list[str], code: int, says: str
) -> None:
    done = fdm(deployment, "parity", TABLE, *words)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr


def test_a_version_that_is_not_what_is_live_is_not_compared(deployment: Deployment) -> None:
    """Its certificate would name a version whose rows nobody has looked at."""
    live = Path(deployment.settings.table_root(TABLE), f"biz_dt={DAY:%Y%m%d}")
    (live / MARKER).write_text('{"version": "2", "load_id": "load-2"}')

    done = fdm(deployment, "parity", TABLE, "--biz-dt", str(DAY))

    assert (done.returncode, "was replaced" in done.stderr, certificates(deployment)) == (5, True, [])
