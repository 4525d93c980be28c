"""A job by its name through both doors, `fdm run` and run_kudu.py, as real processes: what they publish, how they end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fdm_platform.defs.registering import register
from fdm_platform_tests.deployment import DAYS, Deployment, deploy

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
        locked = door(deployment, OWN, *SOURCE)
        held.release(DAYS[-1])
    assert (locked.returncode, "is being loaded by load another" in locked.stderr) == (6, True), locked.stderr
    with deployment.platform() as platform:
        row = {"entity": "GELS", "source_system": "FPMS", "biz_dt": DAYS[-1], "business_keys": "no list"}
        platform.store.upsert("process_control", [row])
    data = door(deployment, OWN, *SOURCE)
    assert (data.returncode, "business_keys" in data.stderr) == (3, True), data.stderr
