"""Two at one swap, their steps in every order with two changes between them: the date ends live, whole, nothing lost."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.engines.folders import LocalFolders
from fdm_platform.engines.publishing import PublishRequest
from fdm_platform.engines.swapping import MARKER, bring_live, make_ready
from fdm_platform_tests.engines.publisher import staged

FOLDER = "biz_dt=20240515"
MOST_STEPS = 20
"""More than either takes by himself."""


class Turns:
    """Who makes the next step: the first so many, the second so many, the first to his end, the second to his."""

    def __init__(self, first: int, second: int) -> None:
        self._plan = [0] * first + [1] * second
        self._ended: set[int] = set()
        self._changed = threading.Condition()
        self.taken = 0

    def step(self, actor: int, call: Callable[[], Any]) -> Any:
        with self._changed:
            self._changed.wait_for(lambda: self._next() == actor)
            try:
                return call()
            finally:
                self.taken += 1
                del self._plan[:1]
                self._changed.notify_all()

    def end(self, actor: int) -> None:
        with self._changed:
            self._ended.add(actor)
            self._changed.notify_all()

    def _next(self) -> int:
        while self._plan and self._plan[0] in self._ended:
            del self._plan[0]
        return self._plan[0] if self._plan else min({0, 1} - self._ended)


class Stepped:
    """Local folders that cannot be exchanged, as on HDFS; each call is a step."""

    def __init__(self, actor: int, turns: Turns) -> None:
        self._actor, self._turns, self._folders = actor, turns, LocalFolders()

    def exchange(self, _a: str, _b: str) -> bool:
        return False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._folders, name)
        return lambda *of: self._turns.step(self._actor, lambda: call(*of))


def swap(request: PublishRequest, turns: Turns) -> list[OSError]:
    errors: list[OSError] = []

    def work(actor: int) -> None:
        folders: Any = Stepped(actor, turns)
        try:
            bring_live(request.root, request.manifest, folders)
        except OSError as error:
            errors.append(error)
        finally:
            turns.end(actor)

    threads = [threading.Thread(target=work, args=(actor,)) for actor in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def commit(root: Path, value: str, load_id: str, version: int) -> PublishRequest:
    request = staged(root, value, load_id, version)
    marker = Path(request.manifest.staging) / FOLDER / MARKER
    marker.write_text(json.dumps({"load_id": load_id, "version": str(version)}))
    make_ready(root, FOLDER)
    return request


def held(root: Path) -> dict[str, str]:
    """Where which load's version is."""
    return {
        p.parent.relative_to(root).as_posix(): json.loads(p.read_text())["load_id"]
        for p in root.rglob(MARKER)
    }


@pytest.mark.parametrize("is_first", [True, False])
def test_two_at_one_swap_come_to_one_end(tmp_path: Path, is_first: bool) -> None:
    for n, (first, second) in enumerate(itertools.product(range(MOST_STEPS), repeat=2)):
        root, turns = tmp_path / str(n) / "t", Turns(first, second)
        if not is_first:
            bring_live(root, commit(root, "a", "load-1", 1).manifest)
        request = commit(root, "b", "load-2", 2)
        errors = swap(request, turns)
        assert not errors, (first, second)
        kept = {} if is_first else {f".versions/{FOLDER}/v1/replaced": "load-1"}
        assert held(root) == {FOLDER: "load-2", **kept}, (first, second)
        assert not list(root.glob(".staging/*")), (first, second)


class TakenMeanwhile(LocalFolders):
    """Right after the folders were exchanged, another takes what is staged in hand: it has a new name then."""

    is_exchanged = False

    def exchange(self, a: str, b: str) -> bool:
        self.is_exchanged = super().exchange(a, b)
        return self.is_exchanged

    def children(self, folder: str) -> list[str]:
        found = super().children(folder)
        if self.is_exchanged:
            self.is_exchanged = False
            for name in found:
                self.rename(f"{folder}/{name}", f"{folder}/incoming-another")
        return found


def test_what_another_takes_in_hand_is_kept_under_its_number(tmp_path: Path) -> None:
    root = tmp_path / "t"
    bring_live(root, commit(root, "a", "load-1", 1).manifest)
    bring_live(root, commit(root, "b", "load-2", 2).manifest, TakenMeanwhile())
    assert held(root) == {FOLDER: "load-2", f".versions/{FOLDER}/v1/incoming-another": "load-1"}
