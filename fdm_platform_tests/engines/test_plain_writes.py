"""Writes that bypass the framework are found by two listings, and nobody else's are taken for them."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.engines.plain_writes import BESIDE, Listing, changed, listing
from fdm_platform.engines.publishing import PublishRequest, publish
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import STAGING

OLD, NEW = date(2024, 5, 14), date(2024, 5, 15)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "fdm_landing" / "gels_fpms_t"


@pytest.fixture
def store(tmp_path: Path) -> ControlStore:
    store = open_store(f"sqlite:///{tmp_path / 'control.db'}")
    store.create(["fdm_publishes"])
    return store


def land(root: Path, store: ControlStore, day: date, load_id: str, version: int = 1) -> None:
    staging = f"{root}/{STAGING}/{load_id}/{day}"
    area = StagingArea(load_id, "gels_fpms_t", day, staging, ("biz_dt",))
    manifest = stage_frame(pa.table({"v": [load_id]}), area)
    publish(PublishRequest(root, manifest, version, "", keep_versions=1), Ledger(store))


def write(root: Path, path: str, text: str = "rows") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_new_and_changed_files_are_found_by_date(root: Path, store: ControlStore) -> None:
    land(root, store, OLD, "load-1")
    write(root, "biz_dt=20240513/biz_status=A/part-0.orc")
    before = listing(root)
    write(root, "biz_dt=20240513/biz_status=A/part-0.orc", "others")
    write(root, "biz_dt=20240514/part-9.orc")
    for number in range(3):
        write(root, f"biz_dt=20240515/biz_status=B/part-{number}.orc")
    write(root, "_SUCCESS")
    found = changed(before, listing(root))
    assert found.files == {"biz_dt=20240513": 1, "biz_dt=20240514": 1, "biz_dt=20240515": 3}
    assert found.vanished == ()
    assert listing(root).files_of("biz_dt=20240515")[0] == "biz_status=B/part-0.orc"


def test_dates_that_others_publish_meanwhile_are_not_blamed(root: Path, store: ControlStore) -> None:
    land(root, store, OLD, "load-1")
    before = listing(root)
    land(root, store, OLD, "load-2", 2)
    land(root, store, NEW, "load-3")
    assert changed(before, listing(root)).files == {}


def test_an_overwrite_of_the_whole_output_shows_what_it_has_destroyed(
    root: Path, store: ControlStore
) -> None:
    land(root, store, OLD, "load-1")
    land(root, store, NEW, "load-2")
    before = listing(root)
    shutil.rmtree(root)
    write(root, "biz_dt=20240515/part-0.orc")
    found = changed(before, listing(root))
    assert (found.files, found.vanished) == ({"biz_dt=20240515": 1}, ("biz_dt=20240514",))


def test_an_output_without_dates_has_its_files_beside(root: Path) -> None:
    before = listing(root)
    write(root, "part-0.orc")
    assert changed(before, listing(root)).files == {BESIDE: 1}


def test_a_listing_outlives_its_process(root: Path, tmp_path: Path) -> None:
    write(root, "biz_dt=20240515/part-0.orc")
    listing(root).save(tmp_path / "before.json")
    assert Listing.saved(tmp_path / "before.json") == listing(root)
    (tmp_path / "before.json").write_text("{")
    assert Listing.saved(tmp_path / "before.json") is Listing.saved(tmp_path / "none.json") is None
