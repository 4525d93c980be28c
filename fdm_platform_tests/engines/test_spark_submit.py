from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from fdm_platform.control.execution_log.delivery import CLOSE_WAIT_S
from fdm_platform.defs.step_launcher import SparkSubmitStepLauncher
from fdm_platform.engines import class_archive, owner, process_group, submission
from fdm_platform.engines.bundle import bundle
from fdm_platform.engines.java import find_jdk, find_spark
from fdm_platform.engines.load_folder import LoadFolder, folder_of
from fdm_platform.engines.messages import MessageWriter
from fdm_platform.engines.owner import VARIABLE, Owner
from fdm_platform.engines.spark_submit import Submission, adopt, start
from fdm_platform.errors import LoadError, MachineError, SourceError
from fdm_platform.model.manifest import DateOutcome, LoadFailure
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.report import ApplicationStarted, DateDone, DriverDone, LogLine, Message
from fdm_platform.model.settings import Settings
from fdm_platform_tests.engines.launching import QUICK_JAVA, plan_of

PROLOGUE = """
import os, sys, time, signal
from fdm_platform.engines.messages import MessageWriter
from fdm_platform.model.manifest import DateOutcome, LoadFailure
from fdm_platform.model.plan import LoadPlan
from fdm_platform.model.report import *
plan = LoadPlan.from_json(open(sys.argv[1]).read())
writer = MessageWriter(sys.argv[2])
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
writer.write(ApplicationStarted(spark.sparkContext.applicationId, spark.sparkContext.uiWebUrl))
"""


@pytest.fixture(scope="module")
def cache() -> Path:
    """The machine's own, whose archive makes each start cheaper; without one it is test_class_archive's."""
    return Settings.from_environ().cache


def submit(folder: Path, cache: Path, body: str, plan: LoadPlan | None = None, **more: object) -> Submission:
    driver = folder / "driver.py"
    driver.write_text(PROLOGUE + body)
    plan = plan or plan_of()
    return start(plan, work=folder / "loads", cache=cache, driver=driver, build_archive=False, **more)  # type: ignore[arg-type]


def members(group: int) -> list[str]:
    """Command lines of the living processes of a group."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, _, pgrp = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(pgrp) == group and state != "Z":
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.spark
def test_a_load_from_start_to_report(tmp_path: Path, cache: Path) -> None:
    body = """
rows = spark.range(7).count()
print("on stdout", os.environ["JOB_PARAMS_FILE"])
writer.log("INFO", f"{plan.load_id}: {rows} rows, {spark.conf.get('spark.app.name')}, {spark.conf.get('spark.mine')}")
writer.write(DateDone(DateOutcome(plan.dates[0].biz_dt)))
writer.write(DriverDone({"session": 1.5}, {"rows": rows}))
spark.stop()
"""
    plan = plan_of(conf={"spark.mine": "it's; $(mine)"})
    submission = submit(tmp_path, cache, body, plan, job_params={"metadata": {"env": "DEV"}})
    seen = list(submission.messages())
    report = submission.report()
    assert submission.wait(180) == 0
    assert LogLine("INFO", "run-1.load: 7 rows, run-1.load, it's; $(mine)") in seen
    assert isinstance(seen[0], ApplicationStarted)
    assert isinstance(seen[-1], DriverDone)
    assert report.application_id == seen[0].application_id
    assert report.ui_url is None
    assert [o.biz_dt for o in report.outcomes] == [plan.dates[0].biz_dt]
    assert report.metrics == {"rows": 7}
    assert report.seconds["session"] == 1.5
    assert 0 < report.seconds["start"] <= report.seconds["total"]
    assert LoadPlan.from_json((submission.folder / "plan.json").read_text()) == plan
    params = submission.folder / "params.json"
    assert json.loads(params.read_text()) == {"metadata": {"env": "DEV"}}
    assert (submission.folder / "stdout.log").read_text() == f"on stdout {params}\n"
    assert members(submission.pid) == []


@pytest.mark.spark
def test_termination_leaves_no_process(tmp_path: Path, cache: Path) -> None:
    submission = submit(tmp_path, cache, "time.sleep(600)")
    next(submission.messages())
    before = members(submission.pid)
    assert any("SparkSubmit" in line and "lean_start" not in line for line in before)
    assert len(before) == 2
    submission.terminate(grace_s=10)
    assert members(submission.pid) == []


@pytest.mark.spark
def test_a_driver_that_ignores_sigterm_is_killed(tmp_path: Path, cache: Path) -> None:
    body = "signal.signal(signal.SIGTERM, signal.SIG_IGN); writer.log('INFO', 'deaf'); time.sleep(600)"
    submission = submit(tmp_path, cache, body)
    messages = submission.messages()
    assert [type(next(messages)), next(messages)] == [ApplicationStarted, LogLine("INFO", "deaf")]
    submission.terminate(grace_s=0.5)
    assert members(submission.pid) == []
    with pytest.raises(LoadError, match="was killed by SIGKILL"):
        submission.report()


@pytest.mark.spark
def test_a_driver_that_is_killed_midway(tmp_path: Path, cache: Path) -> None:
    body = """
print("almost there", file=sys.stderr, flush=True)
writer._file.write('{"half a mess'); writer._file.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    submission = submit(tmp_path, cache, body)
    with pytest.raises(LoadError) as raised:
        submission.report()
    lines = str(raised.value).splitlines()
    assert lines[0] == "spark-submit was killed by SIGKILL"
    assert f"  end of {submission.folder / 'stderr.log'}:" in lines
    assert "    almost there" in lines
    assert "memory" in str(raised.value.remedy)
    assert submission.wait(180) == -9  # and the JVM has followed it
    assert members(submission.pid) == []


@pytest.mark.spark
def test_sparks_own_words_are_the_headline(tmp_path: Path, cache: Path) -> None:
    submission = submit(tmp_path, cache, "spark.sql(\"SELECT raise_error('bad premium')\").collect()")
    with pytest.raises(LoadError) as raised:
        submission.report()
    assert str(raised.value).splitlines()[0] == "java.lang.RuntimeException: bad premium"
    assert submission.wait(180) == 1


@pytest.mark.spark
def test_the_drivers_own_failure_keeps_its_class_and_place(tmp_path: Path, cache: Path) -> None:
    body = """
writer.write(DriverDone(failure=LoadFailure("no such source", "", "SourceError", file="t.yaml", line=3, remedy="bring it")))
"""
    submission = submit(tmp_path, cache, body)
    with pytest.raises(SourceError, match=r"t[.]yaml:3: no such source") as raised:
        submission.report()
    assert raised.value.remedy == "bring it"
    submission.terminate()
    assert submission.wait(180) is not None


@pytest.mark.spark
def test_a_heap_that_java_refuses(tmp_path: Path, cache: Path) -> None:
    submission = submit(tmp_path, cache, "", plan_of(driver_memory="lots"))
    with pytest.raises(MachineError, match="Invalid maximum heap size: -Xmxlots") as raised:
        submission.report()
    assert raised.value.remedy == "write launch.driver_memory as Spark does, e.g. 2g"


@pytest.mark.spark
def test_an_archive_that_java_cannot_read_is_no_reason_to_fail(tmp_path: Path) -> None:
    jdk, spark = find_jdk(os.environ), find_spark({})
    folder = class_archive._folder(tmp_path, jdk, spark)
    (folder / "jars").mkdir(parents=True)
    (folder / "classes.jsa").write_bytes(b"\x01\x02" * 100_000)
    (folder / "stamp.json").write_text(json.dumps(class_archive._stamp(folder / "classes.jsa")))
    submission = submit(
        tmp_path, tmp_path, "writer.write(DriverDone({}, {'n': spark.range(3).count()})); spark.stop()"
    )
    assert submission.report().metrics == {"n": 3}
    assert submission.wait(180) == 0
    assert (submission.folder / "stdout.log").read_text() == ""


@pytest.mark.spark
def test_a_cluster_gets_the_platforms_driver_in_a_zip(tmp_path: Path, cache: Path) -> None:
    body = """
found = spark.sparkContext.parallelize([1], 1).map(lambda _: __import__("fdm_platform.model.plan").__path__[0]).collect()
writer.log("INFO", found[0])
writer.write(DriverDone()); spark.stop()
"""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | QUICK_JAVA
    plan = plan_of(
        master="local-cluster[1,1,512]", conf={"spark.executor.memory": "512m", "spark.ui.enabled": "false"}
    )
    submission = submit(tmp_path, cache, body, plan, environ=env)
    logged = [m.message for m in submission.messages() if isinstance(m, LogLine)]
    submission.report()
    submission.wait(180)
    assert len(logged) == 1
    assert bundle(cache).name in logged[0] or "fdm_platform" in logged[0]
    assert members(submission.pid) == []


def test_the_zip_holds_the_driver_and_no_dagster(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    names = zipfile.ZipFile(made).namelist()
    assert {"fdm_platform/__init__.py", "fdm_platform/errors.py", "fdm_platform/model/plan.py"} <= set(names)
    assert not [n for n in names if "/defs/" in n or "/control/" in n]
    stamp = made.stat().st_mtime_ns
    assert bundle(tmp_path) == made
    assert made.stat().st_mtime_ns == stamp


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    folder = tmp_path / "loads" / "run-1.load"
    folder.mkdir(parents=True)
    (folder / "plan.part").symlink_to(full)
    with pytest.raises(MachineError, match="no space left on the disk of the loads' folder") as raised:
        start(plan_of(), work=tmp_path / "loads", cache=tmp_path)
    assert "FDM_HOME" in str(raised.value.remedy)


def test_a_work_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "loads").write_text("")
    with pytest.raises(MachineError, match="cannot write the load's folder: Not a directory"):
        start(plan_of(), work=tmp_path / "loads", cache=tmp_path)


def test_a_python_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot run /no/python: No such file") as raised:
        start(plan_of(python_executable="/no/python"), work=tmp_path, cache=tmp_path)
    assert "python_executable" in str(raised.value.remedy)


def test_a_load_id_never_leaves_the_work_folder(tmp_path: Path) -> None:
    plan = plan_of(load_id="../../etc/x y", python_executable="/no/python")
    with pytest.raises(MachineError):
        start(plan, work=tmp_path / "loads", cache=tmp_path)
    assert [f.name for f in (tmp_path / "loads").iterdir()] == [".._.._etc_x_y"]


def test_an_orphan_in_the_group_counts_as_alive(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    process.wait()
    assert process_group.is_alive(process)
    assert not process_group.wait(process, 0.1)
    process_group.end(process, grace_s=5)
    assert not process_group.is_alive(process)
    assert members(process.pid) == []


def abandoned(folder: Path, plan: LoadPlan, *messages: Message) -> LoadFolder:
    """The folder of a load whose worker is gone, with what its driver had told."""
    left = folder_of(folder, plan.load_id)
    left.path.mkdir(parents=True)
    with MessageWriter(str(left.messages)) as writer:
        for message in messages:
            writer.write(message)
    return left


def adopted(plan: LoadPlan, left: LoadFolder) -> Submission | None:
    return adopt(plan, left, Owner(left.path))


def test_a_load_that_was_done_is_adopted_with_all_that_it_told(tmp_path: Path) -> None:
    plan = plan_of()
    day = DateDone(DateOutcome(plan.dates[0].biz_dt))
    left = abandoned(tmp_path, plan, ApplicationStarted("local-1", None), day, DriverDone({"dates": 2.0}))
    submission = adopted(plan, left)
    assert submission
    report = submission.report()
    assert (report.application_id, report.outcomes) == ("local-1", (day.outcome,))
    assert submission.is_over
    submission.terminate()


def test_a_load_that_failed_or_is_gone_or_works_elsewhere_is_not_adopted(tmp_path: Path) -> None:
    failed = abandoned(tmp_path / "1", plan_of(), DriverDone(failure=LoadFailure("x", "", "LoadError")))
    assert adopted(plan_of(), failed) is None
    gone = abandoned(tmp_path / "2", plan_of(), ApplicationStarted("local-1", None))
    assert adopted(plan_of(), gone) is None
    cluster = plan_of(master="yarn", deploy_mode="cluster")
    assert adopted(cluster, abandoned(tmp_path / "3", cluster, DriverDone())) is None


def test_a_load_that_works_is_adopted_and_dies_as_ones_own(tmp_path: Path) -> None:
    plan = plan_of()
    left = abandoned(tmp_path, plan, ApplicationStarted("local-1", None))
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"],
        env={**os.environ, VARIABLE: str(left.path)},
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline() == b"here\n"
    submission = adopted(plan, left)
    assert submission
    assert (submission.pid, submission.is_over) == (process.pid, False)
    assert isinstance(next(submission.messages()), ApplicationStarted)
    submission.terminate(5)
    assert process.wait(180) == -signal.SIGTERM
    with pytest.raises(LoadError, match="spark-submit has ended"):
        submission.report()


def test_a_plan_is_the_same_whichever_load_has_it() -> None:
    one = plan_of()
    day = replace(one.dates[0], staging="/elsewhere", reason="asked for")
    assert replace(one, load_id="other", dates=(day,)).identity() == one.identity()
    assert LoadPlan.from_json(one.to_json()).identity() == one.identity()
    assert plan_of(input_bytes=1001).identity() != one.identity()
    assert plan_of(master="yarn").identity() != one.identity()


def test_a_stop_is_within_15_seconds_and_an_orphan_s_end_within_30() -> None:
    """All that either waits for, each as long as it may take, whatever hangs."""
    of_spark = submission.GRACE_S + process_group.KILLED_WAIT_S + submission.YARN_WAIT_S
    assert of_spark <= submission.STOP_S
    assert submission.STOP_S + CLOSE_WAIT_S <= 15
    with pytest.raises(ValidationError):
        SparkSubmitStepLauncher(grace_s=submission.GRACE_S + 1)
    looks = (
        2 * owner.EVERY_S
    )  # that it is gone is seen at the next look, and that it was long enough at another
    assert owner.ADOPTABLE_S + looks + owner.GRACE_S <= 30
