import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import ControlStore, open_store


@dataclass
class SqliteFiles:
    """Stores in a file of their own."""

    request: pytest.FixtureRequest

    def empty_url(self) -> str:
        folder: Path = self.request.getfixturevalue("tmp_path")
        return f"sqlite:///{folder / 'control.db'}"

    def store(self) -> ControlStore:
        opened = open_store(self.empty_url())
        opened.create(TABLES)
        return opened


@dataclass
class KuduTables:
    """Stores in the cluster of the whole run: tables that every test finds empty, made once for each client."""

    request: pytest.FixtureRequest
    client: str

    def empty_url(self) -> str:
        if self.client == "native" and find_spec("kudu") is None:
            pytest.skip("kudu-python is not installed here: it has no wheel and needs Kudu's headers")
        address = self.request.getfixturevalue("kudu_servers").address
        # Whether a machine that does much beside keeps the default's 10 s is not what is tested here.
        return f"kudu+{self.client}://{address}?prefix=test_{secrets.token_hex(6)}.&timeout_s=60"

    def store(self) -> ControlStore:
        opened = open_store(_MADE.setdefault(self.client, self.empty_url()))
        opened.create(TABLES)
        for table in TABLES:
            opened.delete(table, list(opened.scan(table, columns=opened.layout(table).key)))
        return opened


_MADE: dict[str, str] = {}

# Another implementation joins every test of a `store` by one line here.
IMPLEMENTATIONS: dict[str, Callable[[pytest.FixtureRequest], SqliteFiles | KuduTables]] = {
    "sqlite": SqliteFiles,
    "kudu+java": lambda request: KuduTables(request, "java"),
    "kudu+native": lambda request: KuduTables(request, "native"),
}


@pytest.fixture(
    params=[pytest.param(n, marks=[pytest.mark.kudu] if "kudu" in n else []) for n in IMPLEMENTATIONS]
)
def implementation(request: pytest.FixtureRequest) -> SqliteFiles | KuduTables:
    return IMPLEMENTATIONS[request.param](request)


@pytest.fixture
def empty_url(implementation: SqliteFiles | KuduTables) -> str:
    """Of a store without tables."""
    return implementation.empty_url()


@pytest.fixture
def store(implementation: SqliteFiles | KuduTables) -> Iterator[ControlStore]:
    """All tables, without rows."""
    opened = implementation.store()
    yield opened
    opened.close()
