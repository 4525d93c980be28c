from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.engines.command import (
    LOCAL_FILES_CONF,
    MODULE_OPTIONS,
    SMALL_INPUT_BYTES,
    ClassArchive,
    argv,
    environment,
    is_lean,
)
from fdm_platform.engines.java import find_jdk, find_spark
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.errors import ParameterError
from fdm_platform_tests.engines.launching import machine_of, plan_of, values_of

FOLDER = LoadFolder(Path("/work/run-1"))
PROGRAM = ["/work/run-1/plan.json", "/work/run-1/messages.jsonl"]


def confs(command: list[str]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in values_of(command, "--conf"))


def test_a_local_load_starts_sparksubmit_itself() -> None:
    command = argv(plan_of(driver_memory="3g"), FOLDER, machine_of())
    assert command[0] == "/venv/bin/python"
    assert command[1].endswith("lean_start.py")
    assert command[2] == "/jdk17/bin/java"
    assert values_of(command, "-cp") == ["/spark/jars/*"]
    assert "-Xmx3g" in command
    main = command.index("org.apache.spark.deploy.SparkSubmit")
    assert command[main + 1 : main + 5] == ["--name", "run-1.load", "--master", "local[1]"]
    assert command[-5:-3] == ["pyspark-shell", "--"]
    assert command[-2:] == PROGRAM


def test_the_jvm_options_of_a_small_load_are_not_those_of_a_large_one() -> None:
    small = argv(plan_of(input_bytes=SMALL_INPUT_BYTES), FOLDER, machine_of())
    large = argv(plan_of(input_bytes=SMALL_INPUT_BYTES + 1), FOLDER, machine_of())
    assert {"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"} <= set(small)
    assert confs(small)["spark.ui.enabled"] == "false"
    assert "-XX:+UseParallelGC" in large
    assert not any("TieredStopAtLevel" in word for word in large)
    assert "spark.ui.enabled" not in confs(large)
    assert "spark.sql.shuffle.partitions" not in confs(large)


def test_many_small_dates_leave_the_costly_compiler_to_what_is_hot_over_all_of_them() -> None:
    def late(input_bytes: int, dates: int) -> bool:
        plan = plan_of(input_bytes=input_bytes)
        command = argv(replace(plan, dates=plan.dates * dates), FOLDER, machine_of())
        return any(word.startswith("-XX:Tier4") for word in command)

    assert late(SMALL_INPUT_BYTES * 3, 3)
    assert not late(SMALL_INPUT_BYTES, 3)  # too small for C2 at all
    assert not late(SMALL_INPUT_BYTES * 3 + 1, 3)  # a date is worth compiling for
    assert not late(SMALL_INPUT_BYTES + 1, 1)


def test_the_profile_wins_over_every_lean_default() -> None:
    wanted = dict.fromkeys(confs(argv(plan_of(), FOLDER, machine_of())), "mine")
    assert wanted
    assert confs(argv(plan_of(conf=wanted), FOLDER, machine_of())) == wanted


def test_driver_memory_of_conf_and_options_for_java_reach_the_jvm() -> None:
    conf = {"spark.driver.memory": "5g", "spark.driver.extraJavaOptions": "-Da='x y' -Db=1"}
    command = argv(plan_of(conf=conf), FOLDER, machine_of())
    assert "-Xmx5g" in command
    assert {"-Da=x y", "-Db=1"} <= set(command)


def test_a_ready_archive_stands_first_on_the_class_path() -> None:
    archive = ClassArchive(Path("/cache/classes.jsa"), Path("/cache/jars"))
    machine = machine_of(archive=archive, conf_dirs=("/etc/hadoop",))
    command = argv(plan_of(), FOLDER, machine)
    assert "-XX:SharedArchiveFile=/cache/classes.jsa" in command
    assert values_of(command, "-cp") == ["/cache/jars/*:/spark/jars/*:/etc/hadoop"]
    assert LOCAL_FILES_CONF.items() <= confs(command).items()  # they are in one of its jars, and nowhere else
    assert not LOCAL_FILES_CONF.keys() & confs(argv(plan_of(), FOLDER, machine_of())).keys()


@pytest.mark.parametrize(
    "launch",
    [{"master": "yarn"}, {"master": "spark://h:7077"}, {"master": "local-cluster[1,1,1024]"}],
    ids=lambda launch: launch["master"],
)
def test_other_masters_go_through_spark_submit(launch: dict[str, Any]) -> None:
    command = argv(plan_of(**launch), FOLDER, machine_of())
    assert command[0] == "/spark/bin/spark-submit"
    assert not any(word.startswith("-X") for word in command)


def test_a_customised_spark_and_extra_class_paths_are_spark_submits_business() -> None:
    assert is_lean(plan_of(), machine_of())
    assert not is_lean(plan_of(), machine_of(is_customised=True))
    assert not is_lean(plan_of(conf={"spark.driver.extraClassPath": "/x.jar"}), machine_of())


def test_a_cluster_knows_a_load_by_its_id_within_its_own_limits() -> None:
    long = "x" * 62 + "-" + "y" * 80
    assert (
        confs(argv(plan_of(load_id=long, master="yarn"), FOLDER, machine_of()))["spark.yarn.tags"]
        == long[:100]
    )
    label = confs(argv(plan_of(load_id=long, master="k8s://h:443"), FOLDER, machine_of()))
    assert label["spark.kubernetes.executor.label.fdm-load"] == "x" * 62


def test_all_of_a_yarn_profile_is_on_the_command_line() -> None:
    plan = plan_of(
        master="yarn",
        deploy_mode="cluster",
        driver_memory="4g",
        executor_memory="6g",
        num_executors="8",
        executor_cores="3",
        queue="etl.night",
        archives="hdfs:///env.tar.gz#env",
        py_files=("/a.py", "/b.zip"),
        conf={"spark.yarn.tags": "fdm"},
    )
    command = argv(plan, FOLDER, machine_of(bundle=Path("/cache/fdm.zip")))
    expected = {
        "--master": "yarn",
        "--deploy-mode": "cluster",
        "--driver-memory": "4g",
        "--executor-memory": "6g",
        "--num-executors": "8",
        "--executor-cores": "3",
        "--queue": "etl.night",
        "--archives": "hdfs:///env.tar.gz#env",
        "--py-files": "/a.py,/b.zip,/cache/fdm.zip",
        "--name": "run-1.load",
    }
    assert {option: values_of(command, option) for option in expected} == {
        k: [v] for k, v in expected.items()
    }
    assert confs(command) == {"spark.yarn.tags": "fdm,run-1.load"}
    assert command[-2:] == PROGRAM


def test_standalone_is_told_its_cores_in_all() -> None:
    command = argv(
        plan_of(master="spark://h:7077", num_executors="4", executor_cores="2"), FOLDER, machine_of()
    )
    assert values_of(command, "--total-executor-cores") == ["8"]
    assert confs(command) == {}


def test_kubernetes_keeps_its_master_and_settings() -> None:
    conf = {"spark.kubernetes.container.image": "reg/spark:3.5", "spark.kubernetes.namespace": "etl"}
    command = argv(plan_of(master="k8s://https://h:6443", conf=conf), FOLDER, machine_of())
    assert values_of(command, "--master") == ["k8s://https://h:6443"]
    assert confs(command) == {**conf, "spark.kubernetes.executor.label.fdm-load": "run-1.load"}


@pytest.mark.parametrize("value", ["a b", 'say "hi"', "it's", "x; rm -rf /", "$(id)", "a=b,c", "ä\nö"])
@pytest.mark.parametrize("master", ["local[2]", "yarn"])
def test_a_value_stays_one_argument(value: str, master: str) -> None:
    command = argv(plan_of(master=master, queue=value, conf={"spark.x": value}), FOLDER, machine_of())
    assert values_of(command, "--queue") == [value]
    assert f"spark.x={value}" in command


def test_windows_runs_spark_submit_cmd() -> None:
    machine = machine_of(is_windows=True)
    assert argv(plan_of(master="yarn"), FOLDER, machine)[0].endswith("spark-submit.cmd")
    lean = argv(plan_of(), FOLDER, machine_of(is_windows=True, conf_dirs=("C:\\hadoop",)))
    assert values_of(lean, "-cp") == ["/spark/jars/*;C:\\hadoop"]


@pytest.mark.parametrize("value", ["a&calc", "%PATH%", 'a"b', "a|b", "x^y", "a\nb"])
def test_windows_refuses_what_cmd_would_interpret(value: str) -> None:
    with pytest.raises(ParameterError, match=r"a character that cmd[.]exe interprets") as raised:
        argv(plan_of(master="yarn", queue=value), FOLDER, machine_of(is_windows=True))
    assert raised.value.field == "launch"
    assert value in argv(plan_of(queue=value), FOLDER, machine_of(is_windows=True))  # no cmd.exe there


def test_the_environment_of_the_legacy_contract() -> None:
    inherited = {
        "PATH": "/bin",
        "PYTHONPATH": "/theirs",
        "PYSPARK_GATEWAY_PORT": "1",
        "PYSPARK_SUBMIT_ARGS": "x",
    }
    env = environment(plan_of(), FOLDER, machine_of(), inherited, has_params=True)
    package = str(Path(__file__).parents[2])
    assert env == {
        "PATH": "/bin",
        "PYTHONPATH": f"{package}:/project/transforms:/theirs",
        "JAVA_HOME": "/jdk17",
        "SPARK_HOME": "/spark",
        "PYSPARK_PYTHON": "/venv/bin/python",
        "PYSPARK_DRIVER_PYTHON": "/venv/bin/python",
        "PYTHONHASHSEED": "0",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "JOB_BASE_DIR": "/sql/landing/gels/fpms/t",
        "JOB_SQL_DIR": "/sql/landing/gels/fpms/t",
        "JOB_PARAMS_FILE": "/work/run-1/params.json",
        "KUDU_JOB_PARAMS_FILE": "/work/run-1/params.json",
        "LOG_FILE": "/work/run-1/job.log",
        "FDM_LOAD_FOLDER": "/work/run-1",
        "FDM_LOAD_ORPHAN_S": "2.0",
    }


def test_without_parameters_no_variable_names_a_file_that_is_not_there() -> None:
    env = environment(plan_of(), FOLDER, machine_of(), {}, has_params=False)
    assert not {"JOB_PARAMS_FILE", "KUDU_JOB_PARAMS_FILE"} & set(env)


@pytest.mark.parametrize(
    ("launch", "driver", "executors"),
    [
        ({"python_executable": "/opt/py/bin/python"}, "/opt/py/bin/python", "/opt/py/bin/python"),
        ({"python_executable": "./env/bin/python", "master": "yarn"}, "/venv/bin/python", "./env/bin/python"),
        (
            {"python_executable": "./env/bin/python", "master": "yarn", "deploy_mode": "cluster"},
            "./env/bin/python",
            "./env/bin/python",
        ),
    ],
)
def test_whose_python_runs_where(launch: dict[str, Any], driver: str, executors: str) -> None:
    env = environment(plan_of(**launch), FOLDER, machine_of(), {}, has_params=False)
    assert (env["PYSPARK_DRIVER_PYTHON"], env["PYSPARK_PYTHON"]) == (driver, executors)


def test_a_spark_of_its_own_brings_its_pyspark(tmp_path: Path) -> None:
    lib = tmp_path / "python" / "lib"
    lib.mkdir(parents=True)
    (lib / "pyspark.zip").touch()
    env = environment(plan_of(), FOLDER, machine_of(tmp_path, is_wheel=False), {}, has_params=False)
    assert env["PYTHONPATH"].endswith(f":{lib / 'pyspark.zip'}")


@pytest.mark.spark
def test_the_jvm_gets_what_sparks_own_launcher_gives_it() -> None:
    jdk, spark = find_jdk({"PATH": "/usr/bin"}), find_spark({})
    launcher = [str(jdk.java), "-cp", str(spark.jars / "*"), "org.apache.spark.launcher.Main"]
    answer = subprocess.run(
        [*launcher, "org.apache.spark.deploy.SparkSubmit", "--master", "local[1]", "job.py"],
        capture_output=True,
        check=True,
        env={"SPARK_HOME": str(spark.home), "JAVA_HOME": str(jdk.home), "SPARK_SCALA_VERSION": "2.12"},
    )
    words = answer.stdout.decode().replace("\n", "\0").split("\0")
    opened = [w for w in words if w.startswith(("--add-opens", "-Djdk", "-XX:+Ignore"))]
    assert sorted(opened) == sorted(MODULE_OPTIONS)
