"""Folders: what publishing asks of a file system, of this machine's own and of Hadoop's client alike."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import orc

from fdm_platform.engines.folders import Folders, open_folders


@pytest.fixture(params=["local", "hadoop", pytest.param("hdfs", marks=pytest.mark.hdfs)])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    system = request.getfixturevalue("hdfs") if request.param == "hdfs" else ""
    return f"{'file://' if request.param == 'hadoop' else system}{tmp_path.as_posix()}/landing"


@pytest.fixture
def folders(root: str) -> Folders:
    return open_folders(root)


def put(folders: Folders, file: str, text: str = "x") -> None:
    folders.make(file.rpartition("/")[0])
    folders.write_durably(file, text)


def test_data_files_below_a_folder(folders: Folders, root: str) -> None:
    for name in ("b/part-1", "a=%20 ü/part-0", "_SUCCESS", ".hidden/part-2", "b/_temporary/part-3"):
        put(folders, f"{root}/t/{name}", "four")
    assert folders.files(f"{root}/t") == {"a=%20 ü/part-0": 4, "b/part-1": 4}
    assert list(folders.files(f"{root}/t")) == ["a=%20 ü/part-0", "b/part-1"]
    with pytest.raises(FileNotFoundError):
        folders.files(f"{root}/none")


def test_a_stamp_is_of_one_state_of_a_file(folders: Folders, root: str) -> None:
    for name in ("b/part-1", "b/_mark", "_SUCCESS", ".hidden/part-2"):
        put(folders, f"{root}/t/{name}", "four")
    before = folders.stamps(f"{root}/t", also="_mark")
    assert list(before) == ["b/_mark", "b/part-1"]
    assert folders.stamps(f"{root}/t", also="_mark") == before
    put(folders, f"{root}/t/b/part-1", "other")
    after = folders.stamps(f"{root}/t", also="_mark")
    assert [name for name in after if after[name] != before[name]] == ["b/part-1"]
    assert folders.stamps(f"{root}/none", also="_mark") == {}


def test_children_are_folders_alone(folders: Folders, root: str) -> None:
    for name in ("b/x", "a/x", ".c/x", "file"):
        put(folders, f"{root}/{name}")
    assert folders.children(root) == [".c", "a", "b"]
    assert folders.children(f"{root}/none") == folders.children(f"{root}/file") == []


def test_folders_are_made_with_those_above_and_once_more(folders: Folders, root: str) -> None:
    for _ in range(2):
        folders.make(f"{root}/a/b")
    assert folders.exists(f"{root}/a/b")
    put(folders, f"{root}/file")
    with pytest.raises(OSError, match="file"):
        folders.make(f"{root}/file/b")


def test_a_small_file_is_written_in_place_of_another(folders: Folders, root: str) -> None:
    put(folders, f"{root}/f", "first, and longer")
    put(folders, f"{root}/f", "zweite Ä")
    assert folders.read_text(f"{root}/f") == "zweite Ä"
    assert folders.changed_at(f"{root}/f") > 1.7e9
    with pytest.raises(FileNotFoundError):
        folders.read_text(f"{root}/none")
    with pytest.raises(FileNotFoundError):
        folders.read_text(f"{root}/none/f")


def test_a_rename_takes_a_free_name(folders: Folders, root: str) -> None:
    put(folders, f"{root}/a/f")
    folders.make(f"{root}/other")
    folders.rename(f"{root}/a", f"{root}/other/b")
    assert not folders.exists(f"{root}/a")
    assert folders.files(f"{root}/other/b") == {"f": 1}


def test_a_rename_to_a_name_that_is_taken_is_refused(folders: Folders, root: str) -> None:
    put(folders, f"{root}/a/f")
    put(folders, f"{root}/full/g")
    folders.make(f"{root}/empty")
    for taken in ("full", "empty"):
        with pytest.raises(FileExistsError):
            folders.rename(f"{root}/a", f"{root}/{taken}")
    assert folders.files(root) == {"a/f": 1, "full/g": 1}


def test_a_rename_of_nothing_or_to_nowhere(folders: Folders, root: str) -> None:
    put(folders, f"{root}/a/f")
    with pytest.raises(FileNotFoundError):
        folders.rename(f"{root}/none", f"{root}/b")
    with pytest.raises(FileNotFoundError):
        folders.rename(f"{root}/a", f"{root}/none/b")
    assert folders.files(root) == {"a/f": 1}


def test_an_exchange_is_whole_or_not_done(folders: Folders, root: str) -> None:
    put(folders, f"{root}/a/f", "1")
    put(folders, f"{root}/b/f", "2")
    is_done = folders.exchange(f"{root}/a", f"{root}/b")
    assert [folders.read_text(f"{root}/{n}/f") for n in "ab"] == (["2", "1"] if is_done else ["1", "2"])


def test_a_copy_leaves_out_what_it_is_told(folders: Folders, root: str) -> None:
    put(folders, f"{root}/a/s=1/part-0", "12")
    put(folders, f"{root}/a/part-1", "1")
    put(folders, f"{root}/a/_mark")
    folders.copy(f"{root}/a", f"{root}/below/b", but="_mark")
    assert folders.files(f"{root}/below/b") == {"part-1": 1, "s=1/part-0": 2}
    assert not folders.exists(f"{root}/below/b/_mark")
    assert folders.files(f"{root}/a") == {"part-1": 1, "s=1/part-0": 2}


def test_what_is_removed_may_be_gone(folders: Folders, root: str) -> None:
    put(folders, f"{root}/a/b/f")
    folders.remove_if_empty(f"{root}/a")
    assert folders.exists(f"{root}/a/b/f")
    for _ in range(2):
        folders.remove(f"{root}/a/b")
        folders.remove_if_empty(f"{root}/a")
        assert not folders.exists(f"{root}/a")


def test_orc_goes_in_and_out(folders: Folders, root: str) -> None:
    folders.make(root)
    table = pa.table({"v": [str(n * n) for n in range(300_000)]})
    with folders.writing(f"{root}/f.orc") as stream:
        orc.write_table(table, stream, compression="uncompressed")
    with folders.reading(f"{root}/f.orc") as source:
        assert orc.ORCFile(source).nrows == 300_000
        assert orc.ORCFile(source).read()["v"].equals(table["v"])
    assert folders.files(root)["f.orc"] > 1_000_000
    with pytest.raises(FileExistsError), folders.writing(f"{root}/f.orc"):
        pass
    with pytest.raises(FileNotFoundError), folders.reading(f"{root}/none.orc") as source:
        orc.ORCFile(source)
