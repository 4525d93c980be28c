"""Secrets of a load reach Spark and nothing else: not its plan, its logs, its command line, nor Dagster."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.control.seed import compare, write
from fdm_platform.control.seed_file import read_seed
from fdm_platform.control.values import EPOCH
from fdm_platform.engines.secrets import SPARKS_OWN_REDACTION, take, values_of, write_files
from fdm_platform.errors import ParameterError
from fdm_platform.model.plan import LoadPlan, Setting
from fdm_platform_tests.deployment import DAYS, Deployment, deploy
from fdm_platform_tests.engines.launching import QUICK_JAVA
from fdm_platform_tests.engines.plans import load_plan
from fdm_platform_tests.processes import command_lines

FDM = str(Path(sys.executable).parent / "fdm")
CANARY = "canary-ü $\\ '\"#!= end"


def plan_with(secrets: dict[str, str]) -> LoadPlan:
    return replace(load_plan(Path("/landing"), []), secrets=secrets)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_is_looked_up_where_it_says(tmp_path: Path, end: str) -> None:
    (tmp_path / "secret").write_bytes((CANARY + end).encode())
    plan = plan_with({"a": "env:MY_SECRET", "b": f"file:{tmp_path}/secret", "c": "as it is"})
    assert values_of(plan, {"MY_SECRET": "x"}) == {"a": "x", "b": CANARY, "c": "as it is"}


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ("env:NOT_SET", "NOT_SET is not set"),
        ("file:/nowhere/secret", "/nowhere/secret: db_password: the file of this"),
    ],
)
def test_a_secret_that_is_not_there_names_its_place(kept: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        values_of(plan_with({"db_password": kept}), {})
    assert caught.value.field == "db_password"


def test_files_of_secrets_are_the_users_alone_and_go_when_they_are_read(tmp_path: Path) -> None:
    files = (tmp_path / "secrets.json", tmp_path / "secrets.properties")
    write_files(plan_with({"db_password": "x"}), {"db_password": CANARY}, *files, tmp_path / "none")
    assert oct(files[0].stat().st_mode & 0o777) == "0o600"
    assert not files[1].exists()
    _, hidden = take(plan_with({}), tmp_path)
    assert hidden == (CANARY,)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("site", "base"),
    [
        ("spark.ui.enabled false\n", SPARKS_OWN_REDACTION),
        ("spark.redaction.regex  (?i)pin|a\\\\.b\nspark.x y\n", "(?i)pin|a\\.b"),
    ],
)
def test_what_the_site_hides_stays_hidden(tmp_path: Path, site: str, base: str) -> None:
    plan = plan_with({"spark.x.pin": "env:PIN"})
    conf = {"spark.x.pin": Setting("secret:spark.x.pin", "here")}
    plan = replace(plan, launch=replace(plan.launch, conf=conf))
    (tmp_path / "defaults").write_text(site)
    files = (tmp_path / "secrets.json", tmp_path / "secrets.properties")
    write_files(plan, {"spark.x.pin": CANARY}, *files, tmp_path / "defaults")
    text = files[1].read_text()
    assert text.startswith(site)
    pattern = (base + r"|spark\.x\.pin").replace("\\", "\\\\")  # as properties are written
    assert text.splitlines()[-1] == f"spark.redaction.regex={pattern}"


SECRETS = f"""
sys_params:
  - {{param_key: db_password, environment: DEV, key_name: ALL, param_value: {json.dumps(CANARY)}}}
  - {{param_key: spark.hadoop.fdm.secret, environment: DEV, key_name: ALL, param_value: "env:FDM_TEST_CANARY"}}
"""
TRANSFORM = """
def contracts(spark, inputs, params):
    conf = spark.sparkContext._jsc.hadoopConfiguration()
    assert conf.get("fdm.secret") == CANARY, "the setting's secret did not arrive"
    assert params["db_password"] == CANARY, "the parameter's secret did not arrive"
    raise ValueError("a message that quotes " + params["db_password"])
"""


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A table whose transform checks the secrets that it is given, and fails with one of them in its message."""
    folder = tmp_path / "sql" / "gels" / "fpms" / "t_secret"
    folder.mkdir(parents=True)
    (folder / "table.yaml").write_text(
        "entity: GELS\nsource_system: FPMS\ntable: t_secret\n"
        'sources:\n  row1: {path: "customer_contract_{biz_dt:%Y%m%d}.csv"}\n'
        "transform: secret_transform:contracts\npartition_by: [biz_dt]\n"
    )
    (folder / "secret_transform.py").write_text(f"CANARY = {CANARY!r}\n{TRANSFORM}")
    made = deploy(tmp_path / "home", sql_root=tmp_path / "sql")
    seed = tmp_path / "seed.yaml"
    seed.write_text(SECRETS)
    with made.platform() as platform:
        write(platform.store, compare(platform.store, read_seed(seed)), EPOCH)
    return made


@pytest.mark.spark
@pytest.mark.parametrize("is_lean", [True, False], ids=["lean start", "spark-submit"])
def test_a_load_leaves_no_trace_of_its_secrets(deployment: Deployment, tmp_path: Path, is_lean: bool) -> None:
    environ: dict[str, Any] = {**deployment.environ, "FDM_TEST_CANARY": CANARY}
    if not is_lean:  # a Spark with settings of its site is started by its own spark-submit
        (tmp_path / "conf").mkdir()
        (tmp_path / "conf" / "spark-defaults.conf").write_text("spark.ui.enabled false\n")
        environ |= {"SPARK_CONF_DIR": str(tmp_path / "conf"), **QUICK_JAVA}
    command = [FDM, "materialize", "t_secret", "--biz-dt", DAYS[0].isoformat()]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seen = set[bytes]()
    while process.poll() is None:
        seen |= {line for line in command_lines() if str(tmp_path).encode() in line}
        time.sleep(0.05)
    assert process.stdout
    output = process.stdout.read()
    assert b"a message that quotes ******" in output, output.decode()
    assert any(b"SparkSubmit" in line for line in seen)
    marks = [CANARY.encode(), json.dumps(CANARY)[1:-1].encode(), b"canary-"]
    assert not [line for line in (*seen, output) for mark in marks if mark in line]
    left = [f for f in deployment.settings.home.rglob("*") if f.is_file() and f.suffix not in (".db", ".csv")]
    assert any(f.name == "plan.json" for f in left)
    named = {f.name for f in left if any(mark in f.read_bytes() for mark in marks)}
    assert named - {"control.db-wal"} == set()
    assert not [f for f in left if f.name.startswith("secrets.")]
    events = [f for f in (deployment.settings.home / "dagster").rglob("*.db") if b"canary-" in f.read_bytes()]
    assert events == []
