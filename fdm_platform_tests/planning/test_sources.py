import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdm_platform.errors import DeclarationError, ParameterError
from fdm_platform.model.plan import Parameter
from fdm_platform.model.table import SourceSpec
from fdm_platform.planning.sources import resolve_path

PARAMETERS = {
    p.name: p
    for p in (
        Parameter("biz_dt", "2024-05-15", "date", "process_control.biz_dt"),
        Parameter("at", "2024-05-15T13:00:00", "timestamp", "sys_params[DEV, ALL].at"),
        Parameter("region", "SG", "string", "job_master.context_params.region"),
        Parameter("batch", 7, "integer", "job_master.context_params.batch"),
        Parameter("none", None, "date", "process_control.process_dt"),
    )
}


def resolve(path: str, root: str = "/data", **more: str) -> str:
    given_here = {n: Parameter(n, v, "string", f"job_master.context_params.{n}") for n, v in more.items()}
    return resolve_path(
        SourceSpec("row1", "csv", path), {**PARAMETERS, **given_here}, root, file="t_x/table.yaml"
    )


@pytest.mark.parametrize(
    ("path", "resolved"),
    [
        ("c_{biz_dt:%Y%m%d}.csv", "/data/c_20240515.csv"),
        ("{BIZ_DT:%Y/%m}/c_{biz_dt}.csv", "/data/2024/05/c_2024-05-15.csv"),
        ("c_{at:%H}_{region}_{batch}.csv", "/data/c_13_SG_7.csv"),
        ("./a//{{x}}*.csv", "/data/a/{x}*.csv"),
        ("/mnt/in/{region}.csv", "/mnt/in/SG.csv"),
        ("hdfs://nn:8020/in/{region}.csv", "hdfs://nn:8020/in/SG.csv"),
    ],
)
def test_templates(path: str, resolved: str) -> None:
    assert resolve(path) == resolved


def test_the_source_root_may_be_a_uri() -> None:
    assert resolve("in/{region}.csv", "hdfs://nn:8020/data") == "hdfs://nn:8020/data/in/SG.csv"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("{bizdt}.csv", "did you mean biz_dt?"),
        ("{biz_dt.__class__}.csv", "nothing resolves {biz_dt.__class__}"),
        ("{biz_dt[0]}.csv", "nothing resolves {biz_dt[0]}"),
        ("{}.csv", "nothing resolves {}"),
        ("{biz_dt!r}.csv", "has a conversion or a nested format"),
        ("{biz_dt:{region}}.csv", "has a conversion or a nested format"),
        ("{biz_dt.csv", "is no template"),
        ("{region:%Y}.csv", "region is of type string (job_master.context_params.region): '%Y' is for dates"),
        ("../other/{region}.csv", "'../other/SG.csv' is no path below the source root"),
        ("a/../../b.csv", "is no path below the source root"),
        ("..\\b.csv", "is no path below the source root"),
        ("", "'' is no path below the source root"),
    ],
)
def test_a_wrong_template_names_file_and_field(path: str, message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        resolve(path)
    assert message in str(caught.value)
    assert (caught.value.file, caught.value.field) == ("t_x/table.yaml", "sources.row1.path")


@pytest.mark.parametrize("value", ["../secret", "a/b", "a\\b", "..", "/etc/passwd", "a\0"])
def test_a_value_that_is_a_path_is_refused(value: str) -> None:
    with pytest.raises(ParameterError, match="is a path, not a part of one"):
        resolve("in/{value}.csv", value=value)


def test_a_value_cannot_make_the_path_absolute() -> None:
    assert resolve("{value}/x.csv", value="file:") == "/data/file:/x.csv"


def test_values_cannot_make_a_step_up_together() -> None:
    with pytest.raises(DeclarationError, match="no path below the source root"):
        resolve("{value}{value}/x.csv", value=".")


def test_a_value_that_is_null_names_its_origin() -> None:
    with pytest.raises(ParameterError) as caught:
        resolve("{none:%Y}.csv")
    assert "none has no value" in caught.value.message
    assert caught.value.remedy == "set process_control.process_dt"


@given(st.text(), st.sampled_from(["{value}", "in/{value}.csv", "a_{value}_b"]))
def test_whatever_the_value_the_path_stays_below_the_root(value: str, path: str) -> None:
    try:
        resolved = resolve(path, value=value)
    except (ParameterError, DeclarationError):
        return
    assert resolved == "/data" or resolved.startswith("/data/")
    assert ".." not in resolved.split("/")
