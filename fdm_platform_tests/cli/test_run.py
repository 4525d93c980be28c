"""A job by its name through both doors, `fdm run` and run_kudu.py, as real processes: what they publish, how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from pyarrow import orc

from fdm_platform.defs.registering import register
from fdm_platform.engines.landed import LandedDates
from fdm_platform_tests.deployment import DAYS, Deployment, deploy
from fdm_platform_tests.trees import tree

BIN = Path(sys.executable).parent
SAMPLE = "etl_lnd_gels_fpms_t_contract_legacy"
OWN = "etl_lnd_gels_fpms_t_own"
TABLE = f"gels_fpms_{OWN}"
SOURCE = ("GELS", "FPMS", "DEV")

Ended = subprocess.CompletedProcess[str]
Door = Callable[..., Ended]


def by_fdm(deployment: Deployment, job: str, entity: str, source: str, env: str, **environ: str) -> Ended:
    asked = ["--job-name", job, "--entity", entity, "--source-system", source, "--env", env]
    return call(deployment, ["fdm", "run", *asked], environ)


def by_old_name(
    deployment: Deployment, job: str, entity: str, source: str, env: str, **environ: str
) -> Ended:
    asked = ["--job_name", job, "--entity", entity, "--source_system", source, "--env", env]
    return call(deployment, ["run_kudu.py", *asked, "--use_spark_submit"], environ)


def call(deployment: Deployment, command: list[str], environ: dict[str, str] | None = None) -> Ended:
    command[0] = str(BIN / command[0])
    env = {**deployment.environ, "FDM_LOCK_WAIT_S": "0", **(environ or {})}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=600, check=False)


DOORS = pytest.mark.parametrize("door", [by_fdm, by_old_name], ids=["fdm run", "run_kudu.py"])


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """The sample, and a job without dependencies whose script a test writes."""
    jobs = tmp_path / "jobs"
    (jobs / OWN / "scripts").mkdir(parents=True)
    (jobs / OWN / "scripts" / f"{OWN}.py").write_text("print('ran')\n")
    (tmp_path / "legacy.yaml").write_text(
        f"prefixes: {{'D:\\jobs': {jobs}, 'C:\\data\\projects': '${{FDM_PROJECT}}/examples/legacy/jobs',\n"
        "  'C:\\data\\sources': '${FDM_SOURCE_ROOT}', 'C:\\data\\fdm_landing': '${FDM_LANDING_ROOT}'}\n"
        f"roots: ['{jobs}', '${{FDM_PROJECT}}/examples/legacy/jobs']\n"
    )
    made = deploy(tmp_path / "home", rows=40)
    made.environ["FDM_LEGACY"] = str(tmp_path / "legacy.yaml")
    row = {
        "job_id": "JOB_9",
        "job_name": OWN,
        "entity": "GELS",
        "source_system": "FPMS",
        "script_path": "D:\\jobs",
    }
    with made.platform() as platform:
        platform.store.insert("job_master", row)
    return made


def script(deployment: Deployment) -> Path:
    return deployment.settings.home.parent / "jobs" / OWN / "scripts" / f"{OWN}.py"


@DOORS
def test_validation_ends_with_2(deployment: Deployment, door: Door) -> None:
    for asked, said in (
        (("no_such_job", *SOURCE), "no job is called 'no_such_job'"),
        ((OWN, "GELM", "FPMS", "DEV"), "is of GELS, not of GELM"),
        ((OWN, "GELS", "FPMS", "PROD"), "this deployment is for DEV, and PROD was asked for"),
        ((OWN, "GELS", "FPMS", "TEST"), "TEST"),
    ):
        ended = door(deployment, *asked)
        assert (ended.returncode, said in ended.stderr) == (2, True), ended.stderr
    script(deployment).unlink()
    ended = door(deployment, OWN, *SOURCE)
    assert (ended.returncode, f"the main script {script(deployment)} is missing" in ended.stderr) == (2, True)


@DOORS
def test_control_tables_infrastructure_and_publishing_end_with_numbers_of_their_own(
    deployment: Deployment, door: Door
) -> None:
    no_java = door(deployment, OWN, *SOURCE, JAVA_HOME="/nowhere", PATH="/nowhere")
    assert (no_java.returncode, "JAVA_HOME" in no_java.stderr) == (4, True), no_java.stderr
    with deployment.platform() as platform:
        held = register(platform, TABLE, [DAYS[-1]], "another", asked_by="hand")
        locked = door(deployment, OWN, "GELS", "FPMS", "PROD", FDM_ENVS_ALLOWED="QA,PROD")
        held.release(DAYS[-1])
    assert (locked.returncode, "is being loaded by load another" in locked.stderr) == (6, True), locked.stderr
    with deployment.platform() as platform:
        row = {"entity": "GELS", "source_system": "FPMS", "biz_dt": DAYS[-1], "business_keys": "no list"}
        platform.store.upsert("process_control", [row])
    data = door(deployment, OWN, *SOURCE)
    assert (data.returncode, "business_keys" in data.stderr) == (3, True), data.stderr


def test_the_other_old_commands(deployment: Deployment) -> None:
    with deployment.platform() as platform:
        (job,) = (r for r in platform.store.scan("job_master") if r["job_name"] == OWN)
        secret = json.dumps({"db_password": "hunter2", "region": "north"})
        platform.store.upsert("job_master", [{**job, "context_params": secret}])
    made = call(deployment, ["init_params_kudu.py", "--tables", "job_master", "sys_params", "--verify"])
    assert (made.returncode, made.stdout.split()[:4]) == (0, ["exists", "job_master", "exists", "sys_params"])
    wrong = call(deployment, ["init_params_kudu.py", "--tables", "job_mster"])
    assert (wrong.returncode, "job_mster" in wrong.stderr) == (3, True), wrong.stderr
    shown = call(deployment, ["kudu_view.py", "--job_name", OWN])
    found = json.loads(shown.stdout)
    assert list(found) == ["metadata", "job_master", "job_dependency", "process_control", "sys_params"]
    assert [r["biz_dt"] for r in found["process_control"]] == [str(d) for d in reversed(DAYS)]
    assert json.loads(found["job_master"]["context_params"]) == {"db_password": "******", "region": "north"}


@pytest.mark.spark
@DOORS
def test_a_job_that_fails_ends_with_5(deployment: Deployment, door: Door) -> None:
    script(deployment).write_text("def main():\n    raise ValueError('broken on purpose')\n\nmain()\n")
    failed = door(deployment, OWN, *SOURCE)
    assert (failed.returncode, "ValueError: broken on purpose" in failed.stderr) == (5, True), failed.stderr
    script(deployment).write_text("import os\nos.kill(os.getpid(), 9)\n")
    killed = door(deployment, OWN, *SOURCE)
    assert killed.returncode == 5, killed.stderr
    with deployment.platform() as platform:
        assert platform.ledger.published(TABLE) == {}


@pytest.mark.spark
def test_the_sample_runs_twice_for_two_dates_and_neither_touches_the_other(deployment: Deployment) -> None:
    first, second = DAYS[1:]
    loaded = call(deployment, ["fdm", "materialize", "t_contract_master", "--from", str(first)])
    assert loaded.returncode == 0, loaded.stderr
    root = deployment.settings.landing_root / "gels_fpms_t_contract_legacy"
    params = deployment.settings.home / "params.json"
    asked = ["--entity", "GELS", "--source-system", "FPMS", "--env", "DEV", "--params-out", str(params)]
    for version in (1, 2):
        for day, other in ((first, second), (second, first)):
            before = tree(root, other)
            command = ["fdm", "run", "--job-name", SAMPLE, *asked, "--biz-dt", str(day), "--json"]
            ended = call(deployment, command)
            assert ended.returncode == 0, ended.stderr
            (record,) = json.loads(ended.stdout)["published"]
            assert (record["biz_dt"], record["version"]) == (str(day), version)
            assert tree(root, other) == before
            rows = json.loads(params.read_text())["process_control"]
            assert rows[0]["biz_dt"] == str(day), "the date that is loaded stands first"
    newest = by_old_name(deployment, SAMPLE, *SOURCE)
    assert newest.returncode == 0, newest.stderr
    with deployment.platform() as platform:
        published = platform.ledger.published(f"gels_fpms_{SAMPLE}")
    assert {d: p.version for d, p in published.items()} == {first: 2, second: 3}
    check_rows(deployment, root, second)


def check_rows(deployment: Deployment, root: Path, day: date) -> None:
    """What a person would have computed from the files."""
    table = LandedDates(root, "yyyyMMdd", (day,)).to_arrow().to_pandas()
    contracts = pd.read_csv(deployment.source("customer_contract_{day}.csv", day))
    wanted = contracts[(contracts.amount >= 100) & (contracts.amount < 900000.5)]
    assert sorted(table.contract_id) == sorted(wanted.contract_id)
    assert set(table.region) == {"O'Hara's \"North\" -- ${other}"}, "a value stays a value"
    payments = orc.read_table(deployment.source("payments_{day}.orc", day)).to_pandas()
    paid = payments[(payments.currency == "SGD") & payments.contract_id.isin(wanted.contract_id)]
    assert (table.paid.sum(), table.payments.sum()) == (paid.amount.sum(), len(paid))
    statuses = {r.contract_id: str(r.status).strip().upper() for r in wanted.itertuples()}
    active = {"ACTIVE", "A", "INFORCE"}
    assert {c: s == "ACTIVE" for c, s in zip(table.contract_id, table.biz_status, strict=True)} == {
        c: s in active for c, s in statuses.items()
    }
