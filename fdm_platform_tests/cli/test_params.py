"""`fdm params show`: what a job is given, in the order of precedence, and where each value came from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fdm_platform.cli import cli
from fdm_platform.errors import ControlError, NoControlRowError, ParameterError
from fdm_platform_tests.deployment import deploy

Fdm = Callable[..., Result]
MASTER = "etl_lnd_gels_fpms_t_contract_master"


@pytest.fixture
def fdm(tmp_path: Path) -> Fdm:
    deployment = deploy(tmp_path / "home", rows=1)

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(cli, arguments, env=deployment.environ)
        if isinstance(result.exception, Exception):
            raise result.exception
        return result

    return run


def seed(fdm: Fdm, folder: Path, text: str) -> None:
    (folder / "seed.yaml").write_text(text)
    fdm("control", "seed", str(folder / "seed.yaml"))


def values(fdm: Fdm, *arguments: str) -> dict[str, tuple[Any, str]]:
    found = json.loads(fdm("params", "show", *arguments, "--json").output)
    return {p["name"]: (p["value"], p["origin"]) for p in (*found["parameters"], *found["settings"])}


def test_every_place_wins_over_those_before_it(fdm: Fdm, tmp_path: Path) -> None:
    seed(
        fdm,
        tmp_path,
        f"""
sys_params:
  - {{param_key: a, environment: DEV, key_name: ALL, param_value: all}}
  - {{param_key: b, environment: DEV, key_name: ALL, param_value: all}}
  - {{param_key: b, environment: DEV, key_name: {MASTER}, param_value: job}}
  - {{param_key: c, environment: DEV, key_name: {MASTER}, param_value: job}}
  - {{param_key: run_id, environment: DEV, key_name: {MASTER}, param_value: job}}
  - {{param_key: spark.x, environment: DEV, key_name: ALL, param_value: all}}
  - {{param_key: spark.y, environment: DEV, key_name: {MASTER}, param_value: job}}
  - {{param_key: spark.z, environment: DEV, key_name: {MASTER}, param_value: job}}
  - {{param_key: spark.z, environment: UAT, key_name: ALL, param_value: another environment}}
job_master:
  - job_id: JOB_1001
    job_name: {MASTER}
    spark_config: {{driver_memory: 1g, additional_conf: {{spark.y: config, spark.z: config}}}}
    context_params: {{c: context, run_id: context, spark.z: context}}
""",
    )
    found = values(fdm, MASTER, "--biz-dt", "2024-05-15")
    assert {
        n: found[n] for n in ("a", "b", "c", "run_id", "spark.x", "spark.y", "spark.z", "driver_memory")
    } == {
        "a": ("all", "sys_params[DEV, ALL].a"),
        "b": ("job", f"sys_params[DEV, {MASTER}].b"),
        "c": ("context", "job_master.context_params.c"),
        "run_id": ("20240515", "process_control.run_id"),
        "spark.x": ("all", "sys_params[DEV, ALL].spark.x"),
        "spark.y": ("config", "job_master.spark_config.additional_conf.spark.y"),
        "spark.z": ("context", "job_master.context_params.spark.z"),
        "driver_memory": ("1g", "job_master.spark_config.driver_memory"),
    }


@pytest.mark.parametrize("job", [MASTER, "JOB_1001", "t_contract_master", "gels/fpms/t_contract_master"])
def test_a_job_is_found_by_its_name_its_id_and_its_table(fdm: Fdm, job: str) -> None:
    found = json.loads(fdm("params", "show", job, "--env", "prod", "--json").output)
    assert (found["job_name"], found["job_id"], found["environment"]) == (MASTER, "JOB_1001", "PROD")
    assert found["biz_dt"] is None
    assert found["rows"]["job_master"] == "job_id=JOB_1001"


def test_a_legacy_job_needs_no_declared_table(fdm: Fdm, tmp_path: Path) -> None:
    seed(
        fdm,
        tmp_path,
        "job_master: [{job_id: JOB_9, job_name: legacy, entity: GELS, source_system: FPMS,"
        " context_params: {port: 7051}}]\n",
    )
    found = values(fdm, "JOB_9", "--biz-dt", "2024-05-14")
    assert found["port"] == (7051, "job_master.context_params.port")
    assert found["entity"] == ("GELS", "job_master.entity")
    assert found["process_from_date"] == ("2024-05-14", "process_control.process_from_date")


def test_secrets_are_not_shown(fdm: Fdm, tmp_path: Path) -> None:
    rows = [("db_password", "canary"), ("spark.x.token", "canary"), ("user", "env:CANARY_USER")]
    text = "".join(
        f'  - {{param_key: {key}, environment: DEV, key_name: ALL, param_value: "{value}"}}\n'
        for key, value in rows
    )
    text += (
        "  - {param_key: pin_token, environment: DEV, key_name: ALL, param_value: canary, param_type: int}\n"
    )
    text += (
        "job_master:\n  - {job_id: JOB_1001, job_name: "
        + MASTER
        + ", context_params: {db: {password: canary}}}\n"
    )
    seed(fdm, tmp_path, f"sys_params:\n{text}")
    found = values(fdm, "t_contract_master")
    assert [found[key][0] for key, _ in rows] == ["******"] * 3
    assert found["user"][1] == "sys_params[DEV, ALL].user"
    assert (found["pin_token"][0], found["db"][0]) == ("******", "******")
    for shown in (
        fdm("params", "show", "t_contract_master"),
        fdm("plan", "t_contract_master", "--biz-dt", "2024-05-15", "--json"),
        fdm("plan", "t_contract_master", "--biz-dt", "2024-05-15"),
        fdm("control", "show", "sys_params"),
        fdm("control", "show", "sys_params", "--json"),
    ):
        assert "canary" not in shown.output


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["nothing"], ControlError, "no job is called 'nothing'"),
        (
            ["t_contract_master", "--biz-dt", "2024-05-18"],
            NoControlRowError,
            "no row for GELS/FPMS on 2024-05-18",
        ),
        (["t_contract_master", "--biz-dt", "15.05.2024"], ParameterError, "is not a business date"),
    ],
)
def test_what_is_not_there_is_told(
    fdm: Fdm, arguments: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fdm("params", "show", *arguments)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "param_value: many, param_type: int",
            r"sys_params\[DEV, ALL\].limit: param_value: 'many' is not of type int",
        ),
        (
            "param_value: '1', param_type: blob",
            r"sys_params\[DEV, ALL\].limit: param_type: 'blob' is not a type",
        ),
    ],
)
def test_a_value_that_is_not_of_its_type_names_table_key_and_column(
    fdm: Fdm, tmp_path: Path, row: str, message: str
) -> None:
    seed(fdm, tmp_path, f"sys_params: [{{param_key: limit, environment: DEV, key_name: ALL, {row}}}]\n")
    with pytest.raises(ParameterError, match=message):
        fdm("params", "show", "t_contract_master")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            "{driver_memroy: 2g}",
            r"spark_config.driver_memroy: 'driver_memroy' is no key .* row job_id=JOB_1001",
        ),
        ("{additional_conf: [canary]}", r"spark_config.additional_conf: the value of additional_conf is not"),
        (
            '{additional_conf: {spark.x.token: ["canary"]}}',
            r"the value of spark.x.token is not a single value",
        ),
    ],
)
def test_what_is_wrong_in_spark_config_names_its_row_and_quotes_no_secret(
    fdm: Fdm, tmp_path: Path, config: str, message: str
) -> None:
    seed(
        fdm,
        tmp_path,
        f"job_master: [{{job_id: JOB_1001, job_name: {MASTER}, spark_config: {config}}}]\n",
    )
    with pytest.raises(ParameterError, match=message) as caught:
        fdm("params", "show", "t_contract_master")
    assert "canary" not in str(caught.value)
