"""Publishing: a reader sees the old version or the new one, wherever the publisher dies."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv, orc, parquet

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.engines.folders import Where, text_of
from fdm_platform.engines.landed import LandedDates
from fdm_platform.engines.publishing import PublishRequest, publish, record_only, unfinished
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import STAGING, kept_versions, mark, version_of
from fdm_platform.errors import PublishConflictError, PublishError
from fdm_platform.model.control import UNMANAGED, PublishRecord
from fdm_platform.model.manifest import Manifest, StagedFile

DAY = date(2024, 5, 15)
TABLE = "gels_fpms_t"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "fdm_landing" / TABLE


@pytest.fixture(params=["local", "hadoop"])
def place(request: pytest.FixtureRequest, root: Path) -> str:
    """The table's folder, of this machine and by Hadoop's client."""
    return root.as_uri() if request.param == "hadoop" else root.as_posix()


@pytest.fixture
def store(tmp_path: Path) -> ControlStore:
    store = open_store(f"sqlite:///{tmp_path / 'control.db'}")
    store.create(["fdm_publishes"])
    return store


def path_of(place: str) -> Path:
    return Path(place.removeprefix("file://"))


def staged(
    root: Where, value: str, load_id: str, *, base: int = 0, day: date = DAY, keep: int = 1
) -> PublishRequest:
    table = pa.table({"v": [value, value], "biz_status": ["ACTIVE", "INACTIVE"]})
    staging = f"{text_of(root)}/{STAGING}/{load_id}/{day}"
    area = StagingArea(load_id, TABLE, day, staging, ("biz_dt", "biz_status"))
    return PublishRequest(root, stage_frame(table, area), base + 1, "row-1", keep)


def values(root: Where, day: date = DAY) -> list[str]:
    return sorted(LandedDates(root, "yyyyMMdd", (day,)).to_arrow()["v"].to_pylist())


def hidden(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.glob(".*/*"))


def test_first_version_is_live_with_all_its_folders(root: Path, place: str, store: ControlStore) -> None:
    report = publish(staged(place, "a", "load-1"), Ledger(store))
    assert report.version == 1
    assert values(place) == ["a", "a"]
    assert sorted(p.name for p in (root / "biz_dt=20240515").iterdir() if "=" in p.name) == [
        "biz_status=ACTIVE",
        "biz_status=INACTIVE",
    ]
    assert hidden(root) == []


def test_second_version_replaces_the_first_and_keeps_it(place: str, store: ControlStore) -> None:
    publish(staged(place, "a", "load-1"), Ledger(store))
    publish(staged(place, "b", "load-2", base=1), Ledger(store))
    assert values(place) == ["b", "b"]
    kept = kept_versions(place, "biz_dt=20240515")[1]
    assert version_of(kept) == 1
    assert orc.ORCFile(next(path_of(kept).glob("*/*.orc"))).read()["v"].to_pylist() == ["a"]


def test_only_so_many_versions_are_kept_as_asked_for(root: Path, place: str, store: ControlStore) -> None:
    for number, value in enumerate("abcd"):
        publish(staged(place, value, f"load-{number}", base=number, keep=2), Ledger(store))
    assert sorted(p.name for p in (root / ".versions" / "biz_dt=20240515").iterdir()) == ["v2", "v3"]
    publish(staged(place, "e", "load-5", base=4, keep=0), Ledger(store))
    assert hidden(root) == []


def test_another_date_is_not_touched(root: Path, place: str, store: ControlStore) -> None:
    other = date(2024, 5, 14)
    publish(staged(place, "old", "load-0", day=other), Ledger(store))
    before = {p: p.stat().st_mtime_ns for p in (root / "biz_dt=20240514").rglob("*")}
    publish(staged(place, "a", "load-1"), Ledger(store))
    publish(staged(place, "b", "load-2", base=1), Ledger(store))
    assert {p: p.stat().st_mtime_ns for p in (root / "biz_dt=20240514").rglob("*")} == before


def test_of_two_loads_on_one_version_the_second_is_refused(place: str, store: ControlStore) -> None:
    first, second = staged(place, "a", "load-1"), staged(place, "b", "load-2")
    publish(first, Ledger(store))
    with pytest.raises(PublishConflictError, match="version 1 by load load-1 while load load-2"):
        publish(second, Ledger(store))
    assert values(place) == ["a", "a"]


def test_data_that_the_platform_did_not_write_is_kept_as_version_0(
    root: Path, place: str, store: ControlStore
) -> None:
    legacy = root / "biz_dt=20240515" / "biz_status=ACTIVE"
    legacy.mkdir(parents=True)
    orc.write_table(pa.table({"v": ["legacy"]}), legacy / "part-0.orc")
    publish(staged(place, "a", "load-1"), Ledger(store))
    assert values(place) == ["a", "a"]
    kept = path_of(kept_versions(place, "biz_dt=20240515")[0])
    assert (kept / "biz_status=ACTIVE" / "part-0.orc").exists()


def damage_size(folder: Path) -> None:
    file = next(folder.rglob("*.orc"))
    file.write_bytes(file.read_bytes()[:-1])


def damage_missing(folder: Path) -> None:
    next(folder.rglob("*.orc")).unlink()


def damage_surplus(folder: Path) -> None:
    (folder / "biz_status=ACTIVE" / "part-9.orc").write_bytes(b"x")


@pytest.mark.parametrize("damage", [damage_size, damage_missing, damage_surplus])
def test_staging_that_differs_from_its_manifest_is_refused(
    place: str, store: ControlStore, damage: object
) -> None:
    publish(staged(place, "a", "load-1"), Ledger(store))
    request = staged(place, "b", "load-2", base=1)
    damage(path_of(request.manifest.staging) / request.manifest.folder)  # type: ignore[operator]
    with pytest.raises(PublishError, match="differ from the manifest of load load-2"):
        publish(request, Ledger(store))
    assert values(place) == ["a", "a"]


def test_a_footer_that_counts_other_rows_is_refused(root: Path, place: str, store: ControlStore) -> None:
    request = staged(place, "a", "load-1")
    files = tuple(replace(f, rows=f.rows + 1) for f in request.manifest.files)
    with pytest.raises(PublishError, match="holds 1 rows, the manifest of load load-1 says 2"):
        publish(replace(request, manifest=replace(request.manifest, files=files)), Ledger(store))
    assert not (root / "biz_dt=20240515").exists()


@pytest.mark.parametrize("at", [1, 20])
def test_a_damaged_file_of_the_right_size_is_refused_as_such(
    place: str, root: Path, store: ControlStore, at: int
) -> None:
    request = staged(place, "a", "load-1")
    file = next(path_of(request.manifest.staging).rglob("*.orc"))
    whole = bytearray(file.read_bytes())
    whole[-at] ^= 0xFF  # the length of the postscript, or the footer itself
    file.write_bytes(whole)
    with pytest.raises(PublishError, match="cannot be read as ORC") as told:
        publish(request, Ledger(store))
    assert (told.value.file, told.value.remedy) == (
        f"{request.manifest.staging}/{request.manifest.folder}/{file.relative_to(file.parents[1])}",
        "something else wrote here, or the disk lost data; run the date again",
    )
    assert not (root / "biz_dt=20240515").exists()


def test_a_read_only_target_keeps_the_old_version(root: Path, store: ControlStore) -> None:
    publish(staged(root, "a", "load-1"), Ledger(store))
    request = staged(root, "b", "load-2", base=1)
    (root / ".versions" / "biz_dt=20240515").write_text("what cannot be a folder, even for root")
    with pytest.raises(PublishError, match=r"cannot publish gels_fpms_t 2024-05-15: (File exists|Not a dir)"):
        publish(request, Ledger(store))
    assert values(root) == ["a", "a"]
    assert Ledger(store).current_versions(TABLE, [DAY]) == {DAY: 1}


READER = """
import sys
from datetime import date
from pathlib import Path
from fdm_platform.engines.landed import LandedDates
landed = LandedDates(Path(sys.argv[1]), "yyyyMMdd", (date(2024, 5, 15),))
print("ready", flush=True)
while True:
    try:
        seen = landed.to_arrow()["v"].to_pylist()
    except (FileNotFoundError, OSError):
        continue  # its listing was of the version before: it reads again
    if len(seen) != 2 or len(set(seen)) != 1:
        print("MIX", seen, flush=True)
        break
"""


def test_a_reader_without_pause_never_sees_a_mix(root: Path, store: ControlStore) -> None:
    publish(staged(root, "0", "load-0"), Ledger(store))
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(root)], stdout=subprocess.PIPE, env=os.environ
    )
    try:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"ready\n"
        for number in range(1, 60):
            publish(staged(root, str(number), f"load-{number}", base=number), Ledger(store))
        assert reader.poll() is None, reader.stdout.read()
    finally:
        reader.kill()
        reader.wait()


def by_hand(root: Path, kind: str, *, told: int) -> PublishRequest:
    """A date in a format that a legacy script may write, of which the manifest tells so many rows."""
    staging = root / STAGING / "load-1" / str(DAY)
    folder, table = staging / "biz_dt=20240515", pa.table({"v": ["a", "b"]})
    folder.mkdir(parents=True)
    file = folder / f"part-0.{kind}"
    {"parquet": parquet.write_table, "csv": csv.write_csv}[kind](table, file)
    rows = told if kind == "parquet" else 0
    files = (StagedFile(file.name, file.stat().st_size, rows),)
    counted = None if kind == "parquet" else told
    of = Manifest("load-1", TABLE, DAY, folder.name, str(staging), files, (), format=kind, row_count=counted)
    return PublishRequest(root, of, 1, "row-1", keep_versions=1)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_other_formats_are_published_too(root: Path, store: ControlStore, kind: str) -> None:
    publish(by_hand(root, kind, told=2), Ledger(store))
    assert (root / "biz_dt=20240515" / f"part-0.{kind}").is_file()
    record = Ledger(store).current(TABLE, DAY)
    assert record
    assert Manifest.from_json(record.manifest).rows == 2


def test_parquet_that_holds_other_rows_is_refused(root: Path, store: ControlStore) -> None:
    with pytest.raises(PublishError, match="holds 2 rows, the manifest of load load-1 says 3"):
        publish(by_hand(root, "parquet", told=3), Ledger(store))
    assert not (root / "biz_dt=20240515").exists()


def test_what_a_script_wrote_by_itself_is_recorded_and_never_exchanged(
    root: Path, store: ControlStore
) -> None:
    own = root / "biz_dt=20240515" / "part-0.orc"
    own.parent.mkdir(parents=True)
    orc.write_table(pa.table({"v": ["by hand"]}), own)
    staging = f"{root}/{STAGING}/load-1/{DAY}"
    (Path(staging) / "biz_dt=20240515").mkdir(parents=True)  # an empty one would take its place
    of = Manifest("load-1", TABLE, DAY, "biz_dt=20240515", staging, (), ())
    report = record_only(PublishRequest(root, of, 1, "row-1", keep_versions=1), Ledger(store))
    assert (report.version, values(root)) == (1, ["by hand"])
    record = Ledger(store).current(TABLE, DAY)
    assert record
    assert record.kind == UNMANAGED
    assert hidden(root) == []
    publish(staged(root, "b", "load-2", base=1), Ledger(store))
    assert values(root) == ["b", "b"]
    (kept,) = kept_versions(root, "biz_dt=20240515").values()
    assert orc.ORCFile(Path(kept) / "part-0.orc").read()["v"].to_pylist() == ["by hand"]


def test_who_finds_a_date_half_done_is_told_of_which_table_it_is(root: Path, store: ControlStore) -> None:
    request = staged(root, "a", "load-1")
    assert [s.table for s in unfinished(root)] == [None], "not to be committed yet"
    record = PublishRecord(TABLE, DAY, 1, "load-1", "", request.manifest.to_json(), datetime.now(UTC))
    mark(record, request.manifest)
    assert [(s.load_id, s.table) for s in unfinished(root)] == [("load-1", TABLE)]
