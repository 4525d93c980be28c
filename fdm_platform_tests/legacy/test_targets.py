from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fdm_platform.errors import ContractError
from fdm_platform.legacy.framework import _paths
from fdm_platform.legacy.framework._targets import SNAPSHOT, Target, target_of
from fdm_platform_tests.legacy.jobs import script_plan

PREFIXES = ((r"C:\data\projects", "/data/projects"), (r"C:\data", "/data/c"), (r"\\files\etl", "/mnt/etl"))
BIZ = ["biz_dt", "biz_status"]


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        (r"C:\data\projects\a\b.csv", "/data/projects/a/b.csv"),
        (r"c:\DATA\Projects", "/data/projects"),
        ("C:/data/projects/a", "/data/projects/a"),
        (r"C:\data\projects2\a", "/data/c/projects2/a"),
        (r"\\files\etl\in.csv", "/mnt/etl/in.csv"),
        (r"\\FILES\etl", "/mnt/etl"),
        ("//files/etl/in", "/mnt/etl/in"),
        ("file:///C:/data/projects/a", "/data/projects/a"),
        (r"C:\data\projects\..\other\a", "/data/c/other/a"),
        ("file:///data/a", "file:///data/a"),
        ("/data/projects/a", "/data/projects/a"),
        ("a/b", "a/b"),
        ("hdfs://nn/a", "hdfs://nn/a"),
        (r"/data/a\[1\].csv", r"/data/a\[1\].csv"),
    ],
)
def test_prefixes(path: str, seen: str) -> None:
    assert _paths.mapped(path, PREFIXES) == seen


@pytest.mark.parametrize("path", [r"D:\x", r"\\other\share", r"C:\datas", "file:///D:/x", r"C:\data\..\x"])
def test_a_drive_that_no_prefix_names_is_an_error(path: str) -> None:
    with pytest.raises(ValueError, match=r"prefixes.*legacy\.yaml"):
        _paths.mapped(path, PREFIXES)


@pytest.mark.parametrize(
    ("path", "partitions", "seen"),
    [
        ("{landing}/t", BIZ, ("{landing}/t", None, "", None)),
        ("{landing}/t/", ["BIZ_DT"], ("{landing}/t", None, "", None)),
        ("file://{landing}/t", BIZ, ("{landing}/t", None, "", None)),
        (r"C:\data\landing\t", BIZ, ("{landing}/t", None, "", None)),
        ("{landing}/x/../t", BIZ, ("{landing}/t", None, "", None)),
        ("/elsewhere/t", BIZ, ("/elsewhere/t", None, "", None)),
        ("hdfs://nn/landing/t/", BIZ, ("hdfs://nn/landing/t", None, "", None)),
        ("{landing}/t/biz_dt=20240514", [], ("{landing}/t", "biz_dt=20240514", "", "2024-05-14")),
        (
            "{landing}/t/biz_dt=2024-05-14/biz_status=A",
            [],
            ("{landing}/t", "biz_dt=2024-05-14", "biz_status=A", "2024-05-14"),
        ),
        ("{landing}/codes", [], ("{landing}", "codes", "", "0001-01-01")),
        ("{landing}/codes", ["region"], ("{landing}", "codes", "", "0001-01-01")),
        ("{landing}/t", ["biz_status"], ("{landing}", "t", "", "0001-01-01")),
        ("{landing}", [], None),
        ("{landing}2/codes", [], None),
        ("/scratch/codes", ["region"], None),
    ],
)
def test_where_a_write_belongs(
    tmp_path: Path, path: str, partitions: list[str], seen: tuple[str, str | None, str, str | None] | None
) -> None:
    landing = str(tmp_path / "landing")
    target = target_of(script_plan(tmp_path), path.replace("{landing}", landing), partitions)
    if seen is None:
        assert target is None
        return
    root, folder, below, day = seen
    expected = Target(root.format(landing=landing), folder, below, date.fromisoformat(day) if day else None)
    assert target == expected


def test_a_relative_path_is_one_of_the_job_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert target_of(script_plan(tmp_path), "landing/t", BIZ) == Target(str(tmp_path / "landing" / "t"), None)


def test_a_link_that_leads_into_the_landing_root_is_a_path_in_it(tmp_path: Path) -> None:
    """The disk's own path of it, say, which scripts may have."""
    plan, landing = script_plan(tmp_path), tmp_path / "landing"
    landing.mkdir(exist_ok=True)
    (tmp_path / "alias").symlink_to(landing)
    assert target_of(plan, str(tmp_path / "alias" / "t"), BIZ) == Target(str(landing / "t"), None)
    landing.rename(tmp_path / "disk")
    landing.symlink_to(tmp_path / "disk")
    assert target_of(plan, str(tmp_path / "disk" / "t"), BIZ) == Target(str(landing / "t"), None)


@pytest.mark.parametrize(
    ("path", "partitions", "says"),
    [
        ("{landing}/t", ["biz_status", "biz_dt"], "first level"),
        ("{landing}/t/biz_dt=20240514", ["biz_dt"], "first level"),
        ("{landing}/t/biz_dt=yesterday", [], "no business date"),
    ],
)
def test_what_cannot_be_published_by_date_is_refused(
    tmp_path: Path, path: str, partitions: list[str], says: str
) -> None:
    with pytest.raises(ContractError, match=says):
        target_of(script_plan(tmp_path), path.format(landing=tmp_path / "landing"), partitions)


def test_no_date_of_process_control_is_that_of_an_output_without_dates() -> None:
    assert date(1, 1, 1) == SNAPSHOT
