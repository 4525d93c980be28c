from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.errors import (
    ControlError,
    DeclarationError,
    NoControlRowError,
    ParameterError,
    SourceError,
    SqlError,
    UnknownTableError,
)
from fdm_platform.model.control import JobMasterRow, ProcessControlRow, SysParamRow
from fdm_platform.model.dependency import ParentState
from fdm_platform.model.legacy import LegacyPlan, LegacySpec
from fdm_platform.model.plan import LoadPlan, Parameter, Setting, SourceFile, SourcePlan, StepPlan
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import CheckSpec, ColumnSpec, SourceSpec, StepSpec, TableSpec
from fdm_platform.planning.planner import due, plan

D13, D14, D15, D16 = (date(2024, 5, day) for day in (13, 14, 15, 16))
SETTINGS = Settings.from_environ(
    {"FDM_PROJECT": "/p", "FDM_SOURCE_ROOT": "/data", "FDM_LANDING_ROOT": "/land"}
)
PARENT = TableSpec(
    "GELS",
    "FPMS",
    "t_contract",
    "/p/sql/t_contract/table.yaml",
    (),
    (),
    columns=(ColumnSpec("id", "string"),),
    folder_date_format="yyyy-MM-dd",
)
SPEC = TableSpec(
    "GELS",
    "FPMS",
    "t_summary",
    "/p/sql/t_summary/table.yaml",
    sources=(
        SourceSpec(
            "row1", "csv", path="c_{biz_dt:%Y%m%d}.csv", columns=(ColumnSpec("id", "string", key=True),)
        ),
        SourceSpec("row2", "csv", path="lookup.csv", options={"delimiter": ";"}),
        SourceSpec("contracts", "orc", table="gels_fpms_t_contract"),
        SourceSpec("rates", "jdbc", options={"dbtable": "rates"}),
    ),
    steps=(
        StepSpec(
            "tMap_1", "/p/sql/t_summary/tMap_1.hql", "SELECT '${BIZ_DT}' AS d, ${region} AS r FROM row1;"
        ),
        StepSpec("out1", "/p/sql/t_summary/out1.hql", "SELECT '${VIEW_NAME}' AS v FROM tMap_1"),
    ),
    columns=(ColumnSpec("d", "date", nullable=False, sensitivity="internal"),),
    partition_by=("biz_dt", "status"),
    checks=(CheckSpec("enough", severity="warn", min_rows=1, not_null=("d",)),),
    target_file_mb=64,
    job_name="etl_summary",
)
FILES = {
    "/data/c_20240514.csv": 10,
    "/data/c_20240515.csv": 20,
    "/data/lookup.csv": 5,
    "/land/gels_fpms_t_contract/biz_dt=2024-05-14": 7,
    "/land/gels_fpms_t_contract/biz_dt=2024-05-15": 8,
}


def control_row(biz_dt: date, **columns: Any) -> ProcessControlRow:
    return ProcessControlRow("GELS", "FPMS", biz_dt, **{"run_indicator": "Y", **columns})


ROWS = tuple(control_row(d, run_id=f"run{d.day}") for d in (D13, D14, D15))


def plan_of(
    spec: TableSpec = SPEC,
    dates: Sequence[date] = (D15,),
    files: Mapping[str, int] = FILES,
    rows: Sequence[ProcessControlRow] = ROWS,
    load_id: str = "load-1",
    **more: Any,
) -> LoadPlan:
    def list_files(path: str) -> tuple[SourceFile, ...]:
        return (SourceFile(path, files[path]),) if path in files else ()

    return plan(
        spec=spec,
        catalog_tables={PARENT.name: PARENT, spec.name: spec},
        dates=dates,
        rows=rows,
        job=more.pop("job", JobMasterRow("77", "etl_summary", context_params={"region": "it's"})),
        sys_params=[SysParamRow("spark.driver.memory", "DEV", "ALL", "3g")],
        settings=more.pop("settings", SETTINGS),
        load_id=load_id,
        list_files=list_files,
        list_published=list_files,
        published=more.pop("published", {}),
        parents=more.pop("parents", {PARENT.name: ParentState({D13: 1, D14: 2, D15: 3})}),
        **more,
    )


def with_source(source: SourceSpec) -> TableSpec:
    return replace(SPEC, sources=(source,), steps=())


def test_a_plan_says_everything_that_the_driver_needs() -> None:
    planned = plan_of(dates=[D15, D14, D15], published={D15: 3})
    assert (planned.table, planned.job_id, planned.job_name) == ("gels_fpms_t_summary", "77", "etl_summary")
    assert planned.python_path == ("/p/sql/t_summary", "/p")
    assert planned.launch.driver_memory == Setting("3g", "sys_params[DEV, ALL].spark.driver.memory")
    assert [d.biz_dt for d in planned.dates] == [D14, D15]
    assert [d.base_version for d in planned.dates] == [0, 3]
    day = planned.dates[1]
    assert day.folder == "biz_dt=20240515"
    assert day.run_id == "run15"
    assert day.staging == "/land/gels_fpms_t_summary/.staging/load-1/2024-05-15"
    assert day.reason == "asked for; control row says run_indicator=Y, run_id=run15"
    assert Parameter("biz_dt", "2024-05-15", "date", "process_control.biz_dt") in day.parameters
    assert planned.output.root == "/land/gels_fpms_t_summary"
    assert planned.output.target_file_bytes == 64 * 1024 * 1024
    assert planned.output.partition_by == ("biz_dt", "status")
    assert planned.input_bytes == 10 + 20 + 5 + 7 + 8


def test_sources_are_resolved_for_their_date() -> None:
    row1, row2, contracts, rates = plan_of().dates[0].sources
    assert row1 == SourcePlan(
        "row1",
        "csv",
        "/data/c_20240515.csv",
        (SourceFile("/data/c_20240515.csv", 20),),
        columns=(ColumnSpec("id", "string", key=True),),
    )
    assert row2.options == {"delimiter": ";"}
    folder = "/land/gels_fpms_t_contract/biz_dt=2024-05-15"
    assert contracts == SourcePlan(
        "contracts", "orc", folder, (SourceFile(folder, 8),), base_path="/land/gels_fpms_t_contract"
    )
    assert rates == SourcePlan("rates", "jdbc", None, options={"dbtable": "rates"})


def test_a_table_of_another_system_is_named_by_its_options_and_nothing_is_listed() -> None:
    kudu = SourceSpec(
        "k", "kudu", options={"kudu.master": "{kudu.master.address}", "kudu.table": "crm.{region}"}
    )
    job = JobMasterRow("77", "etl_summary", context_params={"kudu.master.address": "h:7051", "region": "sg"})
    (source,) = plan_of(with_source(kudu), files={}, job=job).dates[0].sources
    assert source == SourcePlan("k", "kudu", None, options={"kudu.master": "h:7051", "kudu.table": "crm.sg"})


LEGACY = replace(
    SPEC,
    table="etl_lnd_gels_fpms_t_old",
    file="/jobs/a/scripts/a.py",
    sources=(),
    steps=(),
    legacy=LegacySpec("J1", "/jobs/a", "/jobs/a/scripts/a.py", "/jobs/a/sql", prefixes=(("C:\\x", "/x"),)),
)


def test_a_legacy_job_is_planned_as_its_script_and_where_its_writes_belong() -> None:
    planned = plan_of(LEGACY, files={})
    assert planned.legacy == LegacyPlan(
        script="/jobs/a/scripts/a.py",
        base_dir="/jobs/a",
        sql_dir="/jobs/a/sql",
        main_output="/land/gels_fpms_t_old",
        landing="/land",
        prefixes=(("C:\\x", "/x"),),
    )
    assert (planned.file, planned.python_path) == ("/jobs/a/scripts/a.py", ("/jobs/a/scripts", "/p"))
    assert (planned.output.root, planned.dates[0].sources, planned.dates[0].steps) == (
        "/land/gels_fpms_t_old", (), ()
    )  # fmt: skip
    assert planned.dates[0].staging == "/land/gels_fpms_t_old/.staging/load-1/2024-05-15"
    assert LoadPlan.from_json(planned.to_json()).legacy == planned.legacy


def test_a_legacy_job_runs_for_one_date() -> None:
    with pytest.raises(ParameterError, match="runs for one business date; 2 were asked for"):
        plan_of(LEGACY, dates=[D14, D15], files={})


def test_steps_are_bound_with_their_own_view_name() -> None:
    tmap, out = plan_of().dates[0].steps
    assert tmap == StepPlan(
        "tMap_1", "/p/sql/t_summary/tMap_1.hql", r"SELECT '2024-05-15' AS d, 'it\'s' AS r FROM row1"
    )
    assert out.sql == "SELECT 'out1' AS v FROM tMap_1"


def test_a_file_shared_by_dates_is_listed_once() -> None:
    asked: list[str] = []

    def list_files(path: str) -> tuple[SourceFile, ...]:
        asked.append(path)
        return (SourceFile(path, 1),)

    plan(
        spec=with_source(SPEC.sources[1]),
        catalog_tables={},
        dates=[D13, D14, D15],
        rows=ROWS,
        job=None,
        sys_params=[],
        settings=SETTINGS,
        load_id="l",
        list_files=list_files,
        list_published=list_files,
        published={},
    )
    assert asked == ["/data/lookup.csv"]


def test_a_plan_goes_through_json_unchanged() -> None:
    full = plan_of(dates=[D14, D15], rows=[*ROWS[:2], control_row(D15, last_update_ts=datetime.now(UTC))])
    again = LoadPlan.from_json(full.to_json())
    assert again == full
    assert isinstance(again.dates[0].biz_dt, date)


FINITE = st.floats(allow_nan=False, allow_infinity=False)
PARAMETERS = st.builds(
    Parameter,
    st.text(),
    st.none() | st.booleans() | st.integers() | st.text() | FINITE,
    st.just("string"),
    st.text(),
)


@given(st.lists(PARAMETERS), st.dates(), st.text(), st.dictionaries(st.text(), st.builds(Setting)))
def test_any_text_in_a_plan_goes_through_json(
    parameters: list[Parameter], biz_dt: date, text: str, conf: dict[str, Setting]
) -> None:
    full = plan_of()
    day = replace(full.dates[0], parameters=tuple(parameters), biz_dt=biz_dt, reason=text, run_id=text)
    changed = replace(full, dates=(day, day), launch=replace(full.launch, conf=conf), transform=text)
    assert LoadPlan.from_json(changed.to_json()) == changed


def test_a_missing_file_names_path_date_and_remedy() -> None:
    with pytest.raises(SourceError) as caught:
        plan_of(files={})
    assert str(caught.value) == (
        "/p/sql/t_summary/table.yaml: sources.row1.path: the source row1 of gels_fpms_t_summary for 2024-05-15 "
        "is missing: /data/c_20240515.csv\n"
        "  remedy: deliver the file, or correct the path or FDM_SOURCE_ROOT"
    )


def test_a_file_of_no_bytes_is_empty_unless_allowed() -> None:
    source = SPEC.sources[0]
    empty = {"/data/c_20240515.csv": 0}
    with pytest.raises(
        SourceError, match=r"row1 of .* for 2024-05-15 is empty \(0 bytes\): /data/c_20240515.csv"
    ):
        plan_of(with_source(source), files=empty)
    allowed = plan_of(with_source(replace(source, allow_empty=True)), files=empty)
    assert allowed.dates[0].sources[0].bytes == 0
    assert allowed.dates[0].sources[0].allow_empty


def test_a_remote_file_of_unknown_size_is_not_empty() -> None:
    path = "hdfs://nn:8020/in/c.csv"
    planned = plan_of(with_source(SourceSpec("row1", "csv", path=path)), files={path: 0})
    assert planned.dates[0].sources[0].path == path


def test_a_missing_parent_date_names_the_command_that_makes_it() -> None:
    with pytest.raises(SourceError) as caught:
        plan_of(with_source(SPEC.sources[2]), parents={})
    assert "gels_fpms_t_contract has no data of 2024-05-15, which contracts reads" in caught.value.message
    assert caught.value.remedy == "fdm materialize gels_fpms_t_contract --biz-dt 2024-05-15"


def test_a_parent_that_may_be_empty_is_read_by_its_declared_columns() -> None:
    planned = plan_of(with_source(replace(SPEC.sources[2], allow_empty=True)), files={}, parents={})
    source = planned.dates[0].sources[0]
    assert (source.files, source.columns) == ((), (ColumnSpec("id", "string"),))


def test_an_unknown_parent_names_the_nearest() -> None:
    with pytest.raises(UnknownTableError, match="did you mean gels_fpms_t_contract"):
        plan_of(with_source(SourceSpec("c", "orc", table="gels_fpms_t_contracts")))


def test_an_unresolved_placeholder_names_its_file() -> None:
    spec = replace(SPEC, steps=(StepSpec("a", "/p/a.hql", "SELECT 1,\n '${biz_date}'"),))
    with pytest.raises(SqlError) as caught:
        plan_of(spec)
    assert (caught.value.file, caught.value.line, caught.value.column) == ("/p/a.hql", 2, 3)
    assert str(caught.value.remedy).startswith("did you mean biz_dt?")


@pytest.mark.parametrize("entity", ["../x", "a/b", ".hidden", ""])
def test_a_table_that_would_leave_the_landing_root_is_refused(entity: str) -> None:
    spec = replace(SPEC, entity=entity)
    rows = [replace(r, entity=entity) for r in ROWS]
    with pytest.raises(DeclarationError, match="would leave the landing root /land"):
        plan_of(replace(spec, sources=(), steps=()), rows=rows)


@pytest.mark.parametrize("load_id", ["../x", "a/b", ".x", "", "a..b"])
def test_a_load_id_that_is_no_folder_name_is_refused(load_id: str) -> None:
    with pytest.raises(ParameterError, match="is not a load id"):
        plan_of(load_id=load_id)


def test_a_date_without_a_control_row_names_the_nearest_dates() -> None:
    rows = [control_row(d) for d in (date(2024, 1, 1), D13, D14, D15)]
    with pytest.raises(NoControlRowError) as caught:
        due(rows, [D16], entity="GELS", source_system="FPMS")
    assert caught.value.message == (
        "process_control has no row for GELS/FPMS on 2024-05-16; "
        "the nearest dates there are 2024-05-13, 2024-05-14, 2024-05-15"
    )
    assert "fdm control seed" in str(caught.value.remedy)


def test_rows_of_other_source_systems_are_not_mistaken() -> None:
    with pytest.raises(NoControlRowError, match="it has no date at all"):
        due(ROWS, [D15], entity="GELS", source_system="OTHER")
    assert due(ROWS, [D15], entity="gels", source_system="fpms")[0].row == ROWS[2]


def test_a_held_date_needs_force() -> None:
    rows = [control_row(D15, run_indicator="n")]
    with pytest.raises(ControlError, match="2024-05-15 of GELS/FPMS is held: run_indicator is N") as caught:
        due(rows, [D15], entity="GELS", source_system="FPMS")
    assert caught.value.remedy == "set run_indicator to Y in that row"
    (forced,) = due(rows, [D15], entity="GELS", source_system="FPMS", force=True)
    assert forced.reason == "asked for by force although held; control row says run_indicator=n"


def test_the_reason_tells_what_the_control_row_says() -> None:
    rows = [
        control_row(D15, change_indicator="Y", reprocess_dt=D16, run_id="9"),
        control_row(D14, run_indicator=None),
    ]
    reasons = [d.reason for d in due(rows, [D15, D14], entity="GELS", source_system="FPMS")]
    assert reasons == [
        "asked for; control row says run_indicator=NULL",
        "asked for; control row says run_indicator=Y, change_indicator=Y, reprocess_dt=2024-05-16, run_id=9",
    ]


def test_the_landing_root_is_absolute_in_every_path() -> None:
    planned = plan_of()
    assert Path(planned.output.root).is_absolute()
    assert all(Path(d.staging).is_relative_to(planned.output.root) for d in planned.dates)


@pytest.mark.parametrize("root", ["hdfs://nameservice/land", "file:///land", "viewfs://cluster/a/land/"])
def test_a_landing_root_may_be_on_a_file_system_of_hadoop(root: str) -> None:
    settings = Settings.from_environ(
        {"FDM_PROJECT": "/p", "FDM_SOURCE_ROOT": "/data", "FDM_LANDING_ROOT": root}
    )
    planned = plan_of(replace(SPEC, sources=(), steps=()), settings=settings)
    table = f"{root.rstrip('/')}/gels_fpms_t_summary"
    assert planned.output.root == settings.table_root("gels_fpms_t_summary") == table
    assert [d.staging for d in planned.dates] == [f"{table}/.staging/load-1/2024-05-15"]
    with pytest.raises(ParameterError, match=f"{settings.landing} is no folder of this machine"):
        _ = settings.landing_root


@pytest.mark.parametrize(
    "root", ["s3a://bucket/land", "hdfs://nameservice", "hdfs://nameservice/", "gs://b/land"]
)
def test_a_landing_root_without_an_atomic_rename_is_refused(root: str) -> None:
    with pytest.raises(ParameterError, match="cannot be published below") as caught:
        Settings.from_environ({"FDM_LANDING_ROOT": root})
    assert caught.value.field == "FDM_LANDING_ROOT"
    assert "hdfs" in str(caught.value.remedy)
