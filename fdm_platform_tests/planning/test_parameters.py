from dataclasses import replace
from datetime import date, datetime

import pytest

from fdm_platform.errors import ParameterError
from fdm_platform.model.control import JobMasterRow, ProcessControlRow, SysParamRow
from fdm_platform.model.plan import Parameter
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.parameters import job_params_document, resolve_parameters

SPEC = TableSpec("GELS", "FPMS", "t_x", "t_x/table.yaml", (), (), job_name="etl_x")
ROW = ProcessControlRow("GELS", "FPMS", date(2024, 5, 15))


def resolve(
    *sys_params: SysParamRow,
    context: dict[str, object] | None = None,
    row: ProcessControlRow = ROW,
    spec: TableSpec = SPEC,
) -> dict[str, Parameter]:
    job = None if context is None else JobMasterRow("77", "etl_x", context_params=context)
    found = resolve_parameters(spec=spec, row=row, job=job, sys_params=sys_params, environment="DEV")
    assert [p.name.lower() for p in found] == sorted(p.name.lower() for p in found)
    return {p.name: p for p in found}


def param(key: str, name: str, value: str | None, kind: str | None = None, env: str = "DEV") -> SysParamRow:
    return SysParamRow(key, env, name, value, kind)


def test_each_place_wins_over_the_ones_before_it() -> None:
    layers = [
        param("region", "*", "1"),
        param("region", "default", "2"),
        param("region", "GLOBAL", "3"),
        param("region", "Common", "4"),
        param("region", "ALL", "5"),
        param("region", "ETL_X", "6"),
    ]
    for count, row in enumerate(layers, start=1):
        won = resolve(*reversed(layers[:count]))["region"]
        assert won == Parameter("region", str(count), "string", f"sys_params[DEV, {row.key_name}].region")
    assert resolve(*layers, context={"region": 7})["region"] == Parameter(
        "region", 7, "integer", "job_master.context_params.region"
    )


def test_identity_and_control_row_win_over_context() -> None:
    row = replace(ROW, run_id="20240516")
    found = resolve(context={"Entity": "X", "RUN_ID": "1", "ENV": "PROD", "biz_dt": "1999-01-01"}, row=row)
    assert found["entity"] == Parameter("entity", "GELS", "string", "table.yaml entity")
    assert found["run_id"] == Parameter("run_id", "20240516", "string", "process_control.run_id")
    assert found["env"] == Parameter("env", "DEV", "string", "settings.environment")
    assert found["biz_dt"] == Parameter("biz_dt", "2024-05-15", "date", "process_control.biz_dt")
    assert found["job_id"] == Parameter("job_id", "77", "string", "job_master.job_id")
    assert not {"Entity", "RUN_ID", "ENV"} & set(found)


def test_a_null_column_has_no_say_over_a_value_and_is_null_without_one() -> None:
    found = resolve(context={"run_id": "1"})
    assert found["run_id"].origin == "job_master.context_params.run_id"
    assert found["process_dt"] == Parameter("process_dt", None, "date", "process_control.process_dt")


def test_the_window_has_two_names() -> None:
    found = resolve(row=replace(ROW, process_from_date=date(2024, 5, 1), process_to_date=date(2024, 5, 14)))
    assert (found["start_dt"].value, found["end_dt"].value) == ("2024-05-01", "2024-05-14")
    assert (
        found["start_dt"].origin == found["process_from_date"].origin == "process_control.process_from_date"
    )


def test_other_environments_other_jobs_and_settings_are_not_parameters() -> None:
    found = resolve(
        param("a", "ALL", "1", env="PROD"),
        param("b", "etl_y", "1"),
        param("spark.executor.memory", "ALL", "4g"),
        param("kudu.master.address", "ALL", "h:7051"),
        param("c", "ALL", "1", env="dev"),
    )
    assert "c" in found
    assert not {"a", "b", "spark.executor.memory", "kudu.master.address"} & set(found)


@pytest.mark.parametrize(
    ("kind", "text", "parameter_type", "value"),
    [
        (None, " as is ", "string", " as is "),
        ("String", "x", "string", "x"),
        ("int", "42", "integer", 42),
        ("decimal", "1.50", "decimal", "1.50"),
        ("boolean", "Y", "boolean", True),
        ("date", "2024-05-15", "date", "2024-05-15"),
        ("timestamp", "2024-05-15 01:02:03", "timestamp", "2024-05-15T01:02:03"),
        ("int", None, "integer", None),
    ],
)
def test_param_type_gives_the_type(
    kind: str | None, text: str | None, parameter_type: str, value: object
) -> None:
    found = resolve(param("x", "ALL", text, kind))["x"]
    assert (found.type, found.value) == (parameter_type, value)


@pytest.mark.parametrize(
    ("kind", "text", "sentence", "column"),
    [
        ("int", "4x", "'4x' is not of type int", "param_value"),
        ("decimal", "inf", "'inf' is not of type decimal", "param_value"),
        ("boolean", "perhaps", "'perhaps' is not of type boolean", "param_value"),
        ("date", "15/05/2024", "'15/05/2024' is not of type date", "param_value"),
        ("integr", "4", "did you mean integer?", "param_type"),
    ],
)
def test_a_badly_typed_value_names_table_key_and_column(
    kind: str, text: str, sentence: str, column: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        resolve(param("max_rows", "ALL", text, kind))
    assert caught.value.field == f"sys_params[DEV, ALL].max_rows: {column}"
    assert sentence in str(caught.value)


def test_context_keeps_the_types_of_its_json() -> None:
    found = resolve(context={"s": "a", "i": 1, "f": 0.1, "b": True, "n": None, "o": {"k": [1]}})
    assert {n: (found[n].type, found[n].value) for n in "sifbno"} == {
        "s": ("string", "a"),
        "i": ("integer", 1),
        "f": ("decimal", "0.1"),
        "b": ("boolean", True),
        "n": ("string", None),
        "o": ("string", '{"k": [1]}'),
    }


def test_declared_keys_win_over_the_control_row() -> None:
    row = replace(ROW, business_keys=("a", "b"), compare_cols=("c",))
    found = resolve(row=row, spec=replace(SPEC, business_keys=("id",)))
    assert found["business_keys"] == Parameter(
        "business_keys", '["id"]', "string", "table.yaml business_keys"
    )
    assert found["compare_cols"] == Parameter(
        "compare_cols", '["c"]', "string", "process_control.compare_cols"
    )


def test_the_document_is_the_legacy_one_with_newest_control_rows_first() -> None:
    document = job_params_document(
        environment="DEV",
        entity="GELS",
        source_system="FPMS",
        job_name="etl_x",
        job_master={"job_id": "77", "job_name": "etl_x", "context_params": "{}"},
        job_dependency=[{"parent_job_id": "1"}],
        process_control=[
            {"biz_dt": date(2024, 5, 14), "last_update_ts": datetime(2024, 5, 20, 1, 2, 3)},  # noqa: DTZ001 - Kudu's are UTC without a zone
            {"biz_dt": date(2024, 5, 15), "last_update_ts": None},
            {"biz_dt": "2024-05-13"},
        ],
        sys_params=[{"param_key": "a"}],
    )
    assert document == {
        "metadata": {
            "env": "DEV",
            "entity": "GELS",
            "source_system": "FPMS",
            "job_name": "etl_x",
            "job_id": "77",
        },
        "job_master": {"job_id": "77", "job_name": "etl_x", "context_params": "{}"},
        "job_dependency": [{"parent_job_id": "1"}],
        "process_control": [
            {"biz_dt": "2024-05-15", "last_update_ts": None},
            {"biz_dt": "2024-05-14", "last_update_ts": "2024-05-20T01:02:03"},
            {"biz_dt": "2024-05-13"},
        ],
        "sys_params": [{"param_key": "a"}],
    }


def test_a_job_without_a_row_has_no_id() -> None:
    document = job_params_document(
        environment="DEV",
        entity="GELS",
        source_system="FPMS",
        job_name="etl_x",
        job_master=None,
        job_dependency=[],
        process_control=[],
        sys_params=[],
    )
    assert document["metadata"]["job_id"] is None
    assert document["job_master"] == {}
