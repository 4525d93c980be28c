from collections.abc import Mapping
from dataclasses import replace

import pytest

from fdm_platform.errors import ParameterError
from fdm_platform.model.control import JobMasterRow, SysParamRow
from fdm_platform.model.plan import LaunchProfile, Setting
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.launch import resolve_launch

SPEC = TableSpec("GELS", "FPMS", "t_x", "t_x/table.yaml", (), (), job_name="etl_x")


def launch(
    config: Mapping[str, object] | None = None,
    *sys_params: tuple[str, str, str | None],
    declared: Mapping[str, object] | None = None,
) -> LaunchProfile:
    return resolve_launch(
        spec=replace(SPEC, launch=declared or {}),
        job=JobMasterRow("77", "etl_x", spark_config=config),
        sys_params=[SysParamRow(key, "DEV", name, value) for key, name, value in sys_params],
        environment="DEV",
    )


def test_defaults_are_local() -> None:
    profile = resolve_launch(spec=SPEC, job=None, sys_params=[], environment="DEV")
    assert profile == LaunchProfile(
        master=Setting("local[*]", "default"), driver_memory=Setting("2g", "default")
    )
    assert profile.is_local


def test_a_cluster_has_executor_memory_by_default() -> None:
    assert launch({"master": "yarn"}).executor_memory == Setting("2g", "default")
    assert launch({"master": "yarn", "executor_memory": "4g"}).executor_memory == Setting(
        "4g", "job_master.spark_config.executor_memory"
    )
    assert launch({"master": "local[2]"}).executor_memory is None


def test_each_place_wins_over_the_ones_before_it() -> None:
    for_all, for_job = ("spark.driver.memory", "ALL", "3g"), ("spark.driver.memory", "etl_x", "4g")
    config, declared = {"driver_memory": "5g"}, {"driver_memory": "6g"}
    assert launch(None, for_all).driver_memory == Setting("3g", "sys_params[DEV, ALL].spark.driver.memory")
    assert launch(None, for_job, for_all).driver_memory == Setting(
        "4g", "sys_params[DEV, etl_x].spark.driver.memory"
    )
    assert launch(config, for_job).driver_memory == Setting("5g", "job_master.spark_config.driver_memory")
    assert launch(config, for_job, declared=declared).driver_memory == Setting(
        "6g", "table.yaml launch.driver_memory"
    )


def test_spark_settings_with_a_field_of_their_own_go_there() -> None:
    values = {
        "spark.master": "yarn",
        "spark.submit.deployMode": "cluster",
        "spark.driver.memory": "1g",
        "spark.executor.memory": "3g",
        "spark.executor.instances": "4",
        "spark.executor.cores": "2",
        "spark.pyspark.python": "/opt/python",
        "spark.yarn.queue": "etl",
        "spark.archives": "env.tar.gz#env",
        "spark.sql.shuffle.partitions": "8",
    }
    profile = launch(None, *((k, "ALL", v) for k, v in values.items()))
    fields = (
        profile.master,
        profile.deploy_mode,
        profile.driver_memory,
        profile.executor_memory,
        profile.num_executors,
        profile.executor_cores,
        profile.python_executable,
        profile.queue,
        profile.archives,
    )
    assert [s and s.value for s in fields] == list(values.values())[:-1]
    key = "spark.sql.shuffle.partitions"
    assert profile.conf == {key: Setting("8", f"sys_params[DEV, ALL].{key}")}


def test_additional_conf_is_weaker_than_the_key_beside_it_and_stronger_than_sys_params() -> None:
    profile = launch(
        {
            "driver_memory": "4g",
            "additional_conf": {"spark.driver.memory": "9g", "spark.executor.cores": 3, "spark.x": True},
        },
        ("spark.executor.cores", "ALL", "1"),
        ("kudu.master.address", "ALL", "h:7051"),
        ("spark.gone", "ALL", None),
    )
    assert profile.driver_memory == Setting("4g", "job_master.spark_config.driver_memory")
    assert profile.executor_cores == Setting(
        "3", "job_master.spark_config.additional_conf.spark.executor.cores"
    )
    assert profile.conf == {"spark.x": Setting("true", "job_master.spark_config.additional_conf.spark.x")}


@pytest.mark.parametrize("given", [["a.zip", "b.py"], "a.zip, b.py", ("a.zip", "b.py")])
def test_py_files_are_a_list_or_one_string(given: object) -> None:
    origin = "job_master.spark_config.py_files"
    assert launch({"py_files": given}).py_files == (Setting("a.zip", origin), Setting("b.py", origin))


def test_nulls_say_nothing() -> None:
    config = {"driver_memory": None, "additional_conf": None, "py_files": None}
    assert launch(config) == launch(None)


@pytest.mark.parametrize(
    ("config", "field", "message"),
    [
        ({"driver_memroy": "2g"}, "driver_memroy", "did you mean driver_memory?"),
        ({"driver_memory": "1.5g"}, "driver_memory", "'1.5g' is not an amount of memory"),
        ({"executor_memory": "0g"}, "executor_memory", "'0g' is not an amount of memory"),
        ({"num_executors": "two"}, "num_executors", "'two' is not a whole number above 0"),
        ({"executor_cores": 0}, "executor_cores", "0 is not a whole number above 0"),
        ({"deploy_mode": "remote"}, "deploy_mode", "`client` or `cluster`"),
        ({"master": ""}, "master", "'' is not a value"),
        ({"queue": "a\n--conf x"}, "queue", "is not a text of one line"),
        ({"queue": {"a": 1}}, "queue", "is not a single value"),
        ({"py_files": [1]}, "py_files", "[1] is not a list of texts, or one text"),
        ({"additional_conf": "spark.x=1"}, "additional_conf", "is not an object of Spark settings"),
        ({"additional_conf": {"x": "1"}}, "additional_conf.x", "'x' is not a Spark setting"),
        ({"additional_conf": {"spark.x y": "1"}}, "additional_conf.spark.x y", "is not a Spark setting"),
        ({"additional_conf": {"spark.x": "a\0"}}, "additional_conf.spark.x", "is not a text of one line"),
    ],
)
def test_what_is_wrong_names_its_place(config: dict[str, object], field: str, message: str) -> None:
    with pytest.raises(ParameterError) as of_job:
        launch(config)
    assert of_job.value.field == f"job_master.spark_config.{field}"
    assert message in str(of_job.value)
    with pytest.raises(ParameterError) as of_table:
        launch(declared=config)
    assert (of_table.value.file, of_table.value.field) == ("t_x/table.yaml", f"launch.{field}")


def test_a_wrong_sys_param_names_its_row() -> None:
    with pytest.raises(ParameterError) as caught:
        launch(None, ("spark.executor.memory", "ALL", "lots"))
    assert caught.value.field == "sys_params[DEV, ALL].spark.executor.memory"


@pytest.mark.parametrize("master", [None, "local[4]", "spark://h:7077", "k8s://https://h:6443"])
def test_a_driver_on_a_node_that_nobody_could_end_is_refused(master: str | None) -> None:
    of_master = {"master": master} if master else {}
    with pytest.raises(ParameterError, match="deploy_mode is cluster, and master") as of_job:
        launch({**of_master, "additional_conf": {"spark.submit.deployMode": "cluster"}})
    place = "job_master.spark_config.additional_conf.spark.submit.deployMode"
    assert (of_job.value.field, of_job.value.file) == (place, None)
    with pytest.raises(ParameterError) as of_table:
        launch(of_master, declared={"deploy_mode": "cluster"})
    assert of_table.value.field == "launch.deploy_mode"
    assert of_table.value.file
    assert "cluster is for master yarn" in str(of_table.value.remedy)


def test_on_yarn_a_driver_may_be_on_a_node() -> None:
    mode = launch({"master": "yarn", "deploy_mode": "cluster"}).deploy_mode
    assert mode == Setting("cluster", "job_master.spark_config.deploy_mode")
