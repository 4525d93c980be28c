"""Paths of Windows machines and of control tables, as they are on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fdm_platform.errors import DeclarationError, ParameterError
from fdm_platform.model.legacy import LegacySpec
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.places import Places, output_root, read_places

PLACES = Places(
    "/project",
    "/project/legacy.yaml",
    prefixes=(
        ("C:\\data\\projects", "/data/projects"),
        ("C:\\data\\projects\\old", "/archive"),
        ("\\\\files\\etl", "/mnt/etl"),
        ("/export/home/", "/home"),
        ("E:", "/e"),
    ),
    roots=("/data/projects", "/home/etl"),
    variables={"PROJECT_HOME": "C:\\data\\projects", "SUB": "etl"},
)

LOCAL = {
    "C:\\data\\projects": "/data/projects",
    "C:\\data\\projects\\": "/data/projects",
    "C:/data/projects": "/data/projects",
    "c:\\Data\\PROJECTS\\Jobs": "/data/projects/Jobs",
    "C:\\data\\projects\\a\\b": "/data/projects/a/b",
    "C:\\data/projects\\a/b": "/data/projects/a/b",
    "C:\\\\data\\\\projects\\\\a": "/data/projects/a",
    "C:\\data\\projects\\.\\a": "/data/projects/a",
    "C:\\data\\projects\\a\\..\\b": "/data/projects/b",
    "C:\\data\\projects\\old\\x": "/archive/x",
    "C:\\data\\projects\\older": "/data/projects/older",
    "C:\\data\\projects  ": "/data/projects",
    "\\\\?\\C:\\data\\projects\\long": "/data/projects/long",
    "\\\\files\\etl\\in": "/mnt/etl/in",
    "\\\\FILES\\ETL\\In": "/mnt/etl/In",
    "//files/etl/in": "/mnt/etl/in",
    "\\\\?\\UNC\\files\\etl\\in": "/mnt/etl/in",
    "E:\\x": "/e/x",
    "E:": "/e",
    "/data/projects": "/data/projects",
    "/data//projects///a/": "/data/projects/a",
    "///data/projects": "/data/projects",
    "/data/projects/a/../b": "/data/projects/b",
    "/export/home/etl": "/home/etl",
    "/export/homes/etl": "/export/homes/etl",
    "/EXPORT/home/etl": "/EXPORT/home/etl",
    "file:///data/x": "/data/x",
    "file:/data/x": "/data/x",
    "file:///C:/data/projects/a": "/data/projects/a",
    "FILE:C:\\data\\projects\\a": "/data/projects/a",
    "jobs": "/project/jobs",
    "./jobs/a": "/project/jobs/a",
    "jobs\\a": "/project/jobs/a",
    "jobs/../other": "/project/other",
    "${PROJECT_HOME}\\a": "/data/projects/a",
    "%PROJECT_HOME%\\a": "/data/projects/a",
    "${project_home}/a": "/data/projects/a",
    "${FDM_PROJECT}/jobs": "/project/jobs",
    "/data/${SUB}_x/%SUB%": "/data/etl_x/etl",
    "/data/100%/x": "/data/100%/x",
    "/data/x y/é": "/data/x y/é",
}
REFUSED = {
    "": "is empty",
    "   ": "is empty",
    "D:\\data": "is on a machine that is not known here",
    "C:\\data": "is on a machine that is not known here",
    "C:\\data\\projects\\..\\..\\Windows": "is on a machine that is not known here",
    "\\\\other\\etl": "is on a machine that is not known here",
    "\\\\files\\etl2\\x": "is on a machine that is not known here",
    "C:foo": "is relative to a drive's current folder",
    "C:\\..\\x": "leaves the folder",
    "/..": "leaves the folder",
    "../x": "leaves the folder",
    "jobs/../../x": "leaves the folder",
    "\\\\files\\etl\\..\\x": "leaves the folder",
    "${HOME}/x": "${HOME} is not known",
    "%TEMP%\\x": "%TEMP% is not known",
    "${}/x": "${} is not known",
    "/a\0b": "control character",
    "/a\nb": "control character",
    "hdfs://nn/x": "is no folder of this machine",
    "s3://bucket/x": "is no folder of this machine",
}


@pytest.mark.parametrize("path", LOCAL)
def test_where_it_is_here(path: str) -> None:
    assert PLACES.local(path, what="job_master.script_path") == LOCAL[path]


@pytest.mark.parametrize("path", REFUSED)
def test_what_is_nowhere_is_refused(path: str) -> None:
    with pytest.raises(ParameterError) as caught:
        PLACES.local(path, what="job_master.script_path")
    assert REFUSED[path] in caught.value.message
    assert caught.value.field == "job_master.script_path"
    assert caught.value.remedy


def test_the_remedy_is_the_prefix_to_add() -> None:
    with pytest.raises(ParameterError) as caught:
        PLACES.local("D:\\jobs\\a", what="script_path")
    assert caught.value.remedy == (
        "add a prefix for it to /project/legacy.yaml, such as prefixes: {'D:': /a/folder}"
    )


@pytest.mark.parametrize(
    ("path", "is_held"),
    [("/data/projects", True), ("/data/projects/a", True), ("/data/projects2", False), ("/project", False)],
)
def test_roots(path: str, is_held: bool) -> None:
    assert PLACES.holds(path) is is_held
    assert replace(PLACES, roots=()).holds(path) is (path == "/project")


def test_legacy_yaml(tmp_path: Path) -> None:
    file = tmp_path / "legacy.yaml"
    assert read_places(file, tmp_path) == Places(str(tmp_path), str(file))
    given = {"FDM_SOURCE_ROOT": "/in"}
    assert read_places(file, tmp_path, given).local("${FDM_SOURCE_ROOT}/a.csv", what="x") == "/in/a.csv"
    given = {"FDM_SOURCE_ROOT": "/in", "FDM_LANDING_ROOT": "hdfs://ns/landing"}
    file.write_text("prefixes: {'D:\\in': '${FDM_SOURCE_ROOT}/daily', 'D:\\out': '${FDM_LANDING_ROOT}'}\n")
    assert read_places(file, tmp_path, given).prefixes[1] == ("D:\\out", "hdfs://ns/landing")
    assert read_places(file, tmp_path, given).local("D:\\in\\a.csv", what="x") == "/in/daily/a.csv"
    file.write_text(
        "prefixes: {'C:\\data': /data, '\\\\files\\etl': mnt}\nroots: [jobs, '${FDM_PROJECT}/more', '${D}']\n"
        "variables: {D: '${FDM_PROJECT}/d'}\ndefaults: {entity: GELS}\n"
    )
    places = read_places(file, tmp_path)
    assert places.prefixes == (("C:\\data", "/data"), ("\\\\files\\etl", f"{tmp_path}/mnt"))
    assert places.roots == (f"{tmp_path}/jobs", f"{tmp_path}/more", f"{tmp_path}/d")
    assert places.defaults == {"entity": "GELS"}


@pytest.mark.parametrize(
    ("text", "line", "field", "message"),
    [
        ("prefix: {}\n", 1, "prefix", "unknown key 'prefix'"),
        ("roots: []\nprefixes: {data: /x}\n", 2, "prefixes.data", "'data' is relative"),
        ("roots:\n  - 'D:\\x'\n", 2, "roots[0]", "is on a machine that is not known here"),
        ("defaults: {entiti: X}\n", 1, "defaults.entiti", "unknown key 'entiti'"),
        ("roots: 5\n", 1, "roots", "where a list"),
    ],
)
def test_what_is_wrong_in_it(tmp_path: Path, text: str, line: int, field: str, message: str) -> None:
    file = tmp_path / "legacy.yaml"
    file.write_text(text)
    with pytest.raises(DeclarationError) as caught:
        read_places(file, tmp_path)
    assert (caught.value.file, caught.value.line, caught.value.field) == (str(file), line, field)
    assert message in caught.value.message
    assert caught.value.remedy


def test_the_folder_that_a_table_is_published_in() -> None:
    settings = Settings.from_environ({"FDM_LANDING_ROOT": "/land"})
    declared = TableSpec("GELS", "FPMS", "t_x", "", (), ())
    legacy = LegacySpec("JOB_1", "/jobs/a", "/jobs/a/scripts/a.py")
    roots = {
        spec.table: output_root(settings, spec)
        for spec in (
            declared,
            replace(declared, table="etl_lnd_gels_fpms_t_Y", legacy=legacy),
            replace(declared, table="nightly", legacy=legacy),
            replace(declared, table="other", legacy=replace(legacy, output="/data/out")),
        )
    }
    assert roots == {
        "t_x": "/land/gels_fpms_t_x",
        "etl_lnd_gels_fpms_t_Y": "/land/gels_fpms_t_y",
        "nightly": "/land/gels_fpms_nightly",
        "other": "/data/out",
    }
