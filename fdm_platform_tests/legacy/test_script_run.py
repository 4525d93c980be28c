"""Scripts as spark-submit runs them: what they are given, what their end means, and that nothing of them outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.crash import VARIABLE as CRASH
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.orphan import processes_of
from fdm_platform.engines.submission import Submission
from fdm_platform.errors import ConnectionLostError, ContractError, FdmError, KilledError, LoadError, SqlError
from fdm_platform.model.report import DriverDone, LogLine, Metric
from fdm_platform_tests.legacy.jobs import DAY, NAME, script_plan, submit

pytestmark = pytest.mark.spark

SESSION = "from pyspark.sql import SparkSession\nspark = SparkSession.builder.appName('mine').getOrCreate()\n"
WRITE = """
import os
from framework import write_orc
day = os.environ["JOB_PARAMS_FILE"] and __import__("framework.params_loader", fromlist=["x"])
params = day.flatten_job_params(day.load_job_params_from_json(os.environ["JOB_PARAMS_FILE"]))
frame = spark.range(3).selectExpr("id", f"'{params['biz_dt'].replace('-', '')}' AS biz_dt")
write_orc(frame, LANDING + "/t", mode="overwrite", partitionBy=["biz_dt"])
"""


def script(folder: Path, text: str) -> str:
    return SESSION + f"LANDING = {str(folder / 'landing')!r}\n" + text


def run(folder: Path, text: str, **plan: Any) -> Submission:
    """Run a script to its end."""
    submission = submit(folder, script_plan(folder, script(folder, text), **plan))
    list(submission.messages())
    assert submission.wait(180) is not None or submission.is_over
    return submission


def orc_files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*.orc"))


def wait_for(what: Callable[[], object], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_script_is_given_the_contract_and_its_end_is_told(tmp_path: Path) -> None:
    text = """
import json, os, sys
import helper, numpy
import framework
from framework import get_logger, exec_hql, read_csv
from framework.metrics import log_metrics
from framework.params_loader import load_job_params_from_json, flatten_job_params

assert sys.argv == [__file__] and __name__ == "__main__"
assert os.getcwd() == os.environ["JOB_BASE_DIR"]
params = load_job_params_from_json(os.environ["KUDU_JOB_PARAMS_FILE"])
flat = flatten_job_params(params)
assert oct(os.stat(os.environ["JOB_PARAMS_FILE"]).st_mode)[-3:] == "600"
log = get_logger("etl")
log.info("secret %s", params["sys_params"][0]["param_value"])
read_csv(spark, helper.SOURCE, "contract_id string, amount int").createOrReplaceTempView("row1")
out = exec_hql(spark, "out1", os.path.join(os.environ["JOB_SQL_DIR"], "out1.hql"), log)

def on_an_executor(rows):
    import framework.params_loader
    from framework import get_logger
    where = framework.__file__
    yield from ((where, framework.params_loader.flatten_job_params({})["biz_dt"]) for _ in rows)

where = out.rdd.map(lambda r: framework.metrics.rows_processed.__module__).collect()
assert where == ["framework.metrics"] * 2, where
assert out.rdd.mapPartitions(on_an_executor).distinct().count() == 1
framework.write_orc(out, LANDING + "/t", mode="overwrite", partitionBy=["biz_dt"])
framework.write_orc(out.drop("biz_dt"), LANDING + "/codes", mode="overwrite")
log_metrics({"rows_in": 2})
print("on stdout", file=sys.stdout)
"""
    secrets = {"threads": "env:FDM_TEST_SECRET"}
    plan = script_plan(tmp_path, script(tmp_path, text), secrets=secrets)
    base = Path(str(plan.legacy and plan.legacy.base_dir))
    (base / "scripts" / "helper.py").write_text("SOURCE = 'in.csv'\n")
    (base / "in.csv").write_text("contract_id,amount\nK1,1\nK2,2\n")
    (base / "sql" / "out1.hql").write_text(
        "SELECT contract_id, amount, ${biz_dt} AS biz_dt, '${region}' AS region FROM row1;"
    )
    params = {
        "metadata": {"job_name": NAME, "env": "DEV"},
        "job_master": {"context_params": '{"region": "O\'Hare"}'},
        "process_control": [{"biz_dt": "2024-05-15"}],
        "sys_params": [{"param_value": "env:FDM_TEST_SECRET"}],
    }
    environ = {**os.environ, "FDM_TEST_SECRET": "hunter2-and-more"}
    submission = submit(tmp_path, plan, job_params=params, environ=environ)
    told = list(submission.messages())
    report = submission.report()
    assert submission.wait(180) == 0
    (own,) = report.outcomes
    assert own.manifest
    assert (own.biz_dt, own.manifest.rows, own.manifest.folder) == (DAY, 2, "biz_dt=2024-05-15")
    assert [(Path(s.root).name, [m.rows for m in s.manifests]) for s in report.extra] == [
        ("t", [2]),
        ("landing", [2]),
    ]
    assert report.application_id
    assert report.application_id.startswith("local-")
    assert report.metrics == {"rows_in": 2}
    assert LogLine("INFO", "secret ******") in told
    assert isinstance(told[-1], DriverDone)
    assert told[-1].seconds["script"] > 0
    assert any(isinstance(m, Metric) for m in told)
    files = submission.files
    assert files.stdout.read_text() == "on stdout\n"
    assert "INFO etl: secret hunter2-and-more" in files.job_log.read_text(), "the script's own log is its own"
    assert not list(files.params_folder.iterdir())
    assert not files.secrets.exists()
    assert "hunter2" not in files.messages.read_text() + files.plan.read_text()
    assert processes_of(files) == set()


def test_a_script_that_knows_nothing_of_framework(tmp_path: Path) -> None:
    text = """
rows = spark.range(5).selectExpr("id", "'20240515' AS biz_dt")
rows.write.mode("append").partitionBy("biz_dt").orc(LANDING + "/t")
spark.stop()
import sys; sys.exit(0)
"""
    submission = run(tmp_path, text)
    report = submission.report()
    assert report.outcomes == ()
    assert report.extra == ()
    assert report.with_outcomes([DAY], ()).outcomes[0].manifest is None
    assert len(orc_files(tmp_path / "landing" / "t" / "biz_dt=20240515")) > 0


def test_a_script_may_stop_spark_after_its_writes(tmp_path: Path) -> None:
    submission = run(tmp_path, WRITE + "spark.stop()\nprint('then', open(__file__).name != '')\n")
    (outcome,) = submission.report().outcomes
    assert outcome.manifest
    assert outcome.manifest.rows == 3


def test_a_script_s_threads_and_exit_functions_have_spark_to_their_end(tmp_path: Path) -> None:
    text = """
import atexit, threading
from framework import write_orc
def late(name):
    write_orc(spark.range(3), LANDING + "/" + name, mode="overwrite")
def after_the_script():
    threading.main_thread().join()
    late("by_thread")
threading.Thread(target=after_the_script).start()
atexit.register(late, "at_exit")
"""
    report = run(tmp_path, text).report()
    assert [m.folder for s in report.extra for m in s.manifests] == ["by_thread", "at_exit"]


def test_two_dates_at_once_have_each_their_own_parameters(tmp_path: Path) -> None:
    """Each waits until the other has read its file, so that both are there together."""
    text = """
import os, time
params = os.environ["JOB_PARAMS_FILE"]
open(LANDING + ".read." + str(os.getpid()), "w").close()
import glob
end = time.monotonic() + 180
while len(glob.glob(LANDING + ".read.*")) < 2 and time.monotonic() < end: time.sleep(0.05)
assert len(glob.glob(LANDING + ".read.*")) == 2
"""
    days = [DAY, date(2024, 5, 14)]
    plans = [script_plan(tmp_path, script(tmp_path, text + WRITE), day=d, load_id=f"run-{d}") for d in days]
    submissions = [submit(tmp_path, p) for p in plans]
    for day, submission in zip(days, submissions, strict=True):
        assert [o.biz_dt for o in submission.report().outcomes] == [day]
        assert submission.wait(180) == 0


FAILURES = [
    ("raise ValueError('boom')", LoadError, "ValueError: boom", 5),
    ("import sys\nsys.exit(1)", LoadError, "exit code 1", None),
    ("import sys\nsys.exit('no such region')", LoadError, "no such region", None),
    ("import os\nos._exit(137)", KilledError, "exit code 137", None),
    ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", KilledError, "SIGKILL", None),
    ("def f(:", LoadError, "SyntaxError", None),
    ("import nothing_there", LoadError, "ModuleNotFoundError: No module named 'nothing_there'", 5),
    ("open('/nowhere/x')", LoadError, "FileNotFoundError", 5),
    ("raise ConnectionError('Connection refused by db-1')", ConnectionLostError, "Connection refused", None),
    ("spark.sql('SELECT nowhere')", LoadError, "UNRESOLVED_COLUMN", 5),
    ("spark.range(1).selectExpr('raise_error(\"boom\")').collect()", LoadError, "boom", None),
]


@pytest.mark.parametrize(("text", "kind", "says", "line"), FAILURES, ids=[f[2] for f in FAILURES])
def test_the_end_of_a_script_decides(
    tmp_path: Path, text: str, kind: type[FdmError], says: str, line: int | None
) -> None:
    submission = run(tmp_path, "\n" + text)
    with pytest.raises(FdmError) as raised:
        submission.report()
    assert says in raised.value.message
    assert type(raised.value) is kind
    if line:
        assert (raised.value.file, raised.value.line) == (submission.plan.file, line)
    assert not list(submission.files.params_folder.iterdir())


def test_what_was_staged_before_a_script_failed_is_gone(tmp_path: Path) -> None:
    text = WRITE + "write_orc(spark.range(1), LANDING + '/codes')\nraise SystemExit(3)\n"
    submission = run(tmp_path, text)
    with pytest.raises(LoadError, match="exit code 3"):
        submission.report()
    assert orc_files(tmp_path / "landing") == []
    assert processes_of(submission.files) == set()


def test_errors_of_the_platform_s_own_keep_their_kind(tmp_path: Path) -> None:
    submission = run(
        tmp_path, "import framework\nframework.write_orc(spark.range(1), LANDING + '/t/biz_dt=soon')"
    )
    with pytest.raises(ContractError, match="no business date"):
        submission.report()
    hql = "open('x.hql', 'w').write('SELECT\\n${nothing}')\nfrom framework import exec_hql\n"
    submission = run(tmp_path, hql + "exec_hql(spark, 'v', 'x.hql', None)", load_id="run-2")
    with pytest.raises(SqlError, match="nothing resolves") as raised:
        submission.report()
    assert raised.value.line == 2


def test_termination_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    text = (
        WRITE
        + "from framework import get_logger\nget_logger('x').info('staged')\nimport time; time.sleep(600)\n"
    )
    submission = submit(tmp_path, script_plan(tmp_path, script(tmp_path, text)))
    assert any(m == LogLine("INFO", "staged") for m in submission.messages())
    assert orc_files(tmp_path / "landing")
    submission.terminate()
    assert processes_of(submission.files) == set()
    assert orc_files(tmp_path / "landing") == []
    assert not list(submission.files.params_folder.iterdir())


@pytest.mark.parametrize("point", ["script.written", "script.moved", "script.staged"])
def test_a_script_killed_within_a_write_leaves_nothing(tmp_path: Path, point: str) -> None:
    two = WRITE.replace("'{params['biz_dt'].replace('-', '')}' AS", "concat('2024051', 4 + id % 2) AS")
    plan = script_plan(tmp_path, script(tmp_path, two))
    submission = submit(tmp_path, plan, environ={**os.environ, CRASH: point})
    with pytest.raises(KilledError):
        submission.report()
    submission.wait(180)
    assert f"reached {point}" in submission.files.stderr.read_text()
    assert orc_files(tmp_path / "landing") == []


WORKER = """
import json, os, sys, time
from pathlib import Path
from fdm_platform_tests.legacy.jobs import script_plan, submit
folder = Path(sys.argv[1])
submission = submit(folder, script_plan(folder, Path(sys.argv[2]).read_text(), **json.loads(sys.argv[3])))
for message in submission.messages():
    print(type(message).__name__, flush=True)
"""


@pytest.mark.parametrize(
    "plan", [{}, {"conf": {"spark.driver.extraClassPath": "/nowhere"}}], ids=["lean", "spark-submit"]
)
def test_a_script_whose_worker_is_killed_ends_by_itself(tmp_path: Path, plan: dict[str, Any]) -> None:
    file = tmp_path / "script.py"
    file.write_text(SESSION + "import time\ntime.sleep(600)\n")
    command = [sys.executable, "-c", WORKER, str(tmp_path), str(file), json.dumps(plan)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout
    assert worker.stdout.readline() == "ApplicationStarted\n", "told though the script has nothing of ours"
    (folder,) = (tmp_path / "loads").iterdir()
    assert processes_of(LoadFolder(folder))
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    wait_for(lambda: not processes_of(LoadFolder(folder)))


def test_executors_that_are_processes_find_framework(tmp_path: Path) -> None:
    """Spark's own workers and bin/spark-submit: --py-files brings it, and the exit code is Spark's."""
    text = """
import framework
def seen(rows):
    import framework
    yield framework.__file__, framework.params_loader.flatten_job_params({})["env"]
import framework.params_loader
found = spark.sparkContext.parallelize(range(2), 2).mapPartitions(seen).collect()
framework.get_logger("etl").info("%s", sorted({f.rpartition("/framework/")[0].rpartition("/")[2] for f, _ in found}))
raise KeyError("after that")
"""
    submission = submit(
        tmp_path, script_plan(tmp_path, script(tmp_path, text), master="local-cluster[1,1,1024]")
    )
    told = [m.message for m in submission.messages() if isinstance(m, LogLine)]
    with pytest.raises(LoadError, match="KeyError: 'after that'"):
        submission.report()
    assert submission.wait(180) == 1
    assert submission.application_id
    assert len(told) == 1
