"""Rejected rows beside their table: moved once, by load, the newest loads' kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fdm_platform.engines.folders import Where
from fdm_platform.engines.rejected import keep_rejected, rejected_folder
from fdm_platform.errors import PublishError

FOLDER = "biz_dt=20240515"


As = Callable[[Path], Where]
"""A path of this machine as the platform is to see it."""


@pytest.fixture(params=["local", "hadoop"])
def seen(request: pytest.FixtureRequest) -> As:
    return Path.as_uri if request.param == "hadoop" else Path.as_posix


def stage(table: Path, load_id: str, age: int = 0) -> Path:
    """A date's staging folder with one file of rejected rows; `age` in seconds."""
    staging = table / ".staging" / load_id / "2024-05-15"
    rows = staging / rejected_folder(FOLDER, load_id)
    rows.mkdir(parents=True)
    (rows / "part-0.orc").write_text(load_id)
    os.utime(rows, (10_000 - age, 10_000 - age))
    return staging


def kept(table: Path) -> dict[str, str]:
    """What each file holds, by its path below the table's rejected rows of the date."""
    place = table / "_rejected" / FOLDER
    return {p.relative_to(place).as_posix(): p.read_text() for p in sorted(place.rglob("*.orc"))}


def test_they_lie_beside_the_dates_by_load(tmp_path: Path, seen: As) -> None:
    staging = stage(tmp_path, "a")
    where = keep_rejected(seen(tmp_path), seen(staging), FOLDER, "a", 2)
    assert where == f"{seen(tmp_path)}/_rejected/{FOLDER}/load_id=a"
    assert kept(tmp_path) == {"load_id=a/part-0.orc": "a"}
    assert list(staging.iterdir()) == []


def test_doing_it_again_changes_nothing(tmp_path: Path, seen: As) -> None:
    staging = stage(tmp_path, "a")
    first = keep_rejected(seen(tmp_path), seen(staging), FOLDER, "a", 2)
    assert keep_rejected(seen(tmp_path), seen(staging), FOLDER, "a", 2) == first
    assert kept(tmp_path) == {"load_id=a/part-0.orc": "a"}


def test_a_load_without_bad_rows_leaves_nothing(tmp_path: Path, seen: As) -> None:
    (tmp_path / ".staging" / "a" / "2024-05-15").mkdir(parents=True)
    staging = seen(tmp_path / ".staging" / "a" / "2024-05-15")
    assert keep_rejected(seen(tmp_path), staging, FOLDER, "a", 2) is None
    assert not (tmp_path / "_rejected").exists()


def test_the_newest_loads_are_kept(tmp_path: Path, seen: As) -> None:
    for age, load_id in ((30, "c"), (20, "a"), (10, "b")):
        keep_rejected(seen(tmp_path), seen(stage(tmp_path, load_id, age)), FOLDER, load_id, 2)
    assert sorted(kept(tmp_path).values()) == ["a", "b"]


def test_a_disk_that_refuses_is_told(tmp_path: Path, seen: As) -> None:
    staging = stage(tmp_path, "a")
    (tmp_path / "_rejected").write_text("a file where the folder should be")
    with pytest.raises(PublishError, match="cannot keep the rejected rows of load a") as caught:
        keep_rejected(seen(tmp_path), seen(staging), FOLDER, "a", 2)
    assert caught.value.remedy
    assert (staging / rejected_folder(FOLDER, "a") / "part-0.orc").exists()
