"""A published date is listed in one version, whatever its publisher does between two steps of the listing."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from fdm_platform.engines.filesystem import list_files
from fdm_platform.engines.folders import LocalFolders
from fdm_platform.engines.landed import LandedDates
from fdm_platform.engines.published import list_published
from fdm_platform.engines.publishing import PublishRequest
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import MARKER, STAGING, bring_live, make_ready
from fdm_platform.errors import PublishError, ReplacedError, SourceError
from fdm_platform_tests.deployment import PROJECT
from fdm_platform_tests.engines.publisher import DAY, TABLE

FOLDER = "biz_dt=20240515"
MOST_STEPS = 12
"""More than one look takes."""


class Listed:
    """Local folders that are listed as HDFS is, a call for each folder; before its n-th call something happens."""

    def __init__(self, happens: Mapping[int, Callable[[], Any]]) -> None:
        self._folders, self._happens, self.calls = LocalFolders(), happens, 0

    def files(self, folder: str, below: str = "") -> dict[str, int]:
        children = self._at_turn(self._folders.children, f"{folder}/{below}")
        found = {} if children else self._at_turn(self._folders.files, f"{folder}/{below}")
        found = {f"{below}{path}": size for path, size in found.items()}
        for name in children:
            found |= self.files(folder, f"{below}{name}/")
        return found

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *of: self._at_turn(getattr(self._folders, name), *of)

    def _at_turn(self, call: Callable[..., Any], *of: Any) -> Any:
        self._happens.get(self.calls, lambda: None)()
        self.calls += 1
        return call(*of)


def committed(root: Path, statuses: str, version: int) -> PublishRequest:
    """A version with a folder for each of the statuses, staged."""
    table = pa.table({"v": list(range(len(statuses))), "biz_status": list(statuses)})
    staging = root / STAGING / f"load-{version}" / str(DAY)
    area = StagingArea(f"load-{version}", TABLE, DAY, staging, ("biz_dt", "biz_status"))
    request = PublishRequest(root, stage_frame(table, area), version, "row-1", keep_versions=1)
    (staging / FOLDER / MARKER).write_text(f'{{"load_id": "load-{version}", "version": "{version}"}}')
    make_ready(root, FOLDER)
    return request


def names(request: PublishRequest) -> set[str]:
    live = Path(str(request.root)) / FOLDER
    return {str(live / file.path) for file in request.manifest.files}


def is_part(root: Path, statuses: tuple[str, str], n: int) -> bool:
    """A listing that looks at no marker is of no one version, where the exchange comes before its n-th call."""
    versions = [committed(root, s, k) for k, s in enumerate(statuses, 1)]
    bring_live(root, versions[0].manifest)
    folders = Listed({n: partial(bring_live, root, versions[1].manifest)})
    try:
        listed = {f"{root}/{FOLDER}/{path}" for path in folders.files(f"{root}/{FOLDER}")}
    except FileNotFoundError:
        return False
    return listed not in [names(version) for version in versions]


def test_a_date_that_is_exchanged_while_it_is_listed_is_listed_whole(tmp_path: Path) -> None:
    parts = 0
    for n, statuses in itertools.product(range(MOST_STEPS), [("AB", "ABC"), ("ABC", "AB")]):
        root = tmp_path / f"{n}-{statuses[0]}" / TABLE
        versions = [committed(root, s, k) for k, s in enumerate(statuses, 1)]
        bring_live(root, versions[0].manifest)
        folders: Any = Listed({n: partial(bring_live, root, versions[1].manifest)})
        listed = {file.path for file in list_published(f"{root}/{FOLDER}", folders)}
        assert listed in [names(version) for version in versions], (n, statuses)
        parts += is_part(root.with_name("plain"), statuses, n)
    assert parts, "a plain listing is whole each time: this would have proved nothing"


def test_a_date_between_two_renames_is_waited_for(tmp_path: Path) -> None:
    for n in range(MOST_STEPS):
        root = tmp_path / str(n) / TABLE
        version = committed(root, "AB", 1)
        live, aside = Path(bring_live(root, version.manifest)), root / ".aside"
        folders: Any = Listed({n: partial(live.rename, aside), n + 3: partial(aside.rename, live)})
        assert {file.path for file in list_published(str(live), folders)} == names(version), n


def test_a_date_that_is_not_there_or_not_readable_is_told(tmp_path: Path) -> None:
    gone = tmp_path / TABLE / FOLDER
    with pytest.raises(ReplacedError, match=f"{TABLE}, {FOLDER}, was replaced while it was read"):
        list_published(str(gone))
    gone.parent.mkdir()
    gone.write_text("no folder")
    with pytest.raises(PublishError, match="cannot be listed: Not a directory"):
        list_published(str(gone))


def test_a_folder_without_a_version_is_listed_as_it_is(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "part-0.orc").write_text("four")
    (file,) = list_published(str(tmp_path / FOLDER))
    assert (Path(file.path).name, file.bytes) == ("part-0.orc", 4)


@contextmanager
def replaced_without_pause(root: Path) -> Iterator[threading.Thread]:
    """Versions with the folders A, AB and ABC in turn, while the block runs."""
    stop = threading.Event()
    bring_live(root, committed(root, "A", 1).manifest)

    def replace() -> None:
        for version in itertools.count(2):
            if stop.is_set():
                return
            bring_live(root, committed(root, "ABC"[: 1 + (version - 1) % 3], version).manifest)

    publisher = threading.Thread(target=replace)
    publisher.start()
    try:
        yield publisher
    finally:
        stop.set()
        publisher.join()


def test_reads_while_a_date_is_replaced_are_of_one_version(tmp_path: Path) -> None:
    documented = (
        (PROJECT / "docs" / "publishing.md").read_text().partition("```python\n")[2].partition("```")[0]
    )
    root, names = tmp_path / TABLE, {"Path": Path, "dataset": ds.dataset, "table": str(tmp_path / TABLE)}
    rows, folders = set[int](), set[str]()
    with replaced_without_pause(root) as publisher:
        while publisher.is_alive() and min(len(rows), len(folders)) < len("ABC"):
            with suppress(ReplacedError):  # the publisher was faster each time
                rows.add(LandedDates(root, "yyyyMMdd", (DAY,)).to_arrow().num_rows)
            with suppress(FileNotFoundError):  # as in the documentation: run it again
                exec(documented, names)  # noqa: S102 - our own page
                listed = [Path(str(file)) for file in cast("list[str]", names["files"])]
                folders.add("".join(sorted(file.parent.name.partition("=")[2] for file in listed)))
                assert len({file.name.partition("-load-")[2] for file in listed}) == 1
    assert rows == {1, 2, 3}
    assert folders == {"A", "AB", "ABC"}


def test_what_goes_while_a_source_is_listed_is_a_fault_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "part-0.csv").symlink_to(tmp_path / "gone")
    with pytest.raises(SourceError, match="files go while it is listed"):
        list_files(str(tmp_path))
