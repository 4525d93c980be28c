from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import ControlStore, open_store

# Another implementation joins every test of a `store` by one line: how to make the URL of an empty one.
EMPTY_STORES: dict[str, Callable[[Path], str]] = {
    "sqlite": lambda folder: f"sqlite:///{folder / 'control.db'}",
}


@pytest.fixture(params=EMPTY_STORES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return EMPTY_STORES[request.param](tmp_path)


@pytest.fixture
def store(empty_url: str) -> Iterator[ControlStore]:
    opened = open_store(empty_url)
    opened.create(TABLES)
    yield opened
    opened.close()
