"""What all tests share: one Spark session for a whole run, and the store of the deployments under test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from fdm_platform.errors import MachineError
from fdm_platform_tests import deployment
from fdm_platform_tests.faults import crashing
from fdm_platform_tests.processes import end_all_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from fdm_platform.control.kudu.servers import Servers

# Time decides no test: one example takes as long as the machine lets it.
settings.register_profile("fdm", deadline=None)
settings.load_profile("fdm")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store",
        choices=("sqlite", "kudu"),
        default="sqlite",
        help="where deployments keep their control tables; kudu runs the tests to which it makes a difference",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On Kudu, the tests that make a deployment: the others would do the same again."""
    if config.getoption("--store") == "sqlite":
        return
    chosen = [item for item in items if isinstance(item, pytest.Function) and _uses_deployments(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def _uses_deployments(item: pytest.Function) -> bool:
    """The test's module took something from deployment.py, and the store makes a difference."""
    if item.get_closest_marker("embedded"):
        return False
    of_module = vars(item.module).values()
    return any(getattr(value, "__module__", None) == deployment.__name__ for value in of_module)


@pytest.fixture(autouse=True)
def environment_of_a_test() -> Iterator[None]:
    """What a command says to this process's children (`open_instance`) is not for the next test."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def processes_of_a_test(tmp_path: Path) -> Iterator[None]:
    """All that a test has started ends with it, however it ended: found by its folder."""
    yield
    crashing.end_started()
    end_all_of(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def store_of_deployments(request: pytest.FixtureRequest) -> Iterator[None]:
    """With `--store kudu`, one cluster for the whole run."""
    if request.config.getoption("--store") == "sqlite":
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(deployment.KUDU, request.getfixturevalue("kudu_servers").address)
        yield


@pytest.fixture(scope="module", autouse=True)
def tables_of_deployments(store_of_deployments: None) -> Iterator[None]:
    """The module's deployments take their tables with them: a tablet server is full after some thousands."""
    yield
    deployment.drop_tables()


@pytest.fixture(scope="session")
def kudu_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One Kudu for a whole run, without fsync; a test that kills servers starts its own."""
    from fdm_platform.control.kudu import servers  # noqa: PLC0415 - only tests of Kudu need it

    folder = tmp_path_factory.mktemp("kudu")
    yield servers.start(folder, fsync=False)
    servers.stop(folder)


@pytest.fixture(scope="session")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of one small HDFS for a whole run."""
    from fdm_platform_tests.hdfs import fetch_jars, mini_hdfs  # noqa: PLC0415 - only tests of HDFS need it

    try:
        jars = fetch_jars()
    except MachineError as error:
        pytest.skip(f"Hadoop's mini cluster cannot be had: {error.message}")
    with mini_hdfs(tmp_path_factory.mktemp("hdfs"), jars) as address:
        yield address


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One quiet local session; a test that registers views takes `spark.newSession()`."""
    from fdm_platform.engines.sessions import local_session  # noqa: PLC0415 - only Spark tests pay for pyspark

    session = local_session("fdm tests")
    yield session
    session.stop()
