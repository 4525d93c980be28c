"""Applications of a real ResourceManager, found and killed by the tag of their load."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fdm_platform.engines.command import yarn_tag
from fdm_platform.engines.java import find_spark
from fdm_platform.engines.spark_submit import Submission, start
from fdm_platform.engines.yarn import applications, end_applications
from fdm_platform.errors import ConnectionLostError, MachineError
from fdm_platform_tests.engines.launching import plan_of
from fdm_platform_tests.mini_yarn import fetch_jars, mini_yarn

WAITS = "import time\ntime.sleep(600)\n"
SITE = """<configuration><property>
<name>yarn.resourcemanager.address</name><value>{}</value>
</property></configuration>"""


@pytest.fixture(scope="module")
def yarn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that leads to a cluster."""
    try:
        jars = fetch_jars()
    except MachineError as error:
        pytest.skip(str(error))
    with mini_yarn(tmp_path_factory.mktemp("yarn"), jars) as conf:
        yield {**os.environ, "HADOOP_CONF_DIR": str(conf)}


def submit(folder: Path, environ: dict[str, str], load_id: str, deploy_mode: str) -> Submission:
    folder.mkdir()
    driver = folder / "driver.py"
    driver.write_text(WAITS)
    jars = find_spark(environ).jars
    conf = {
        "spark.yarn.jars": f"local:{jars}/*",
        "spark.yarn.stagingDir": (folder / "staging").as_uri(),
        "spark.yarn.am.memory": "512m",
    }
    plan = plan_of(
        load_id=load_id,
        master="yarn",
        deploy_mode=deploy_mode,
        driver_memory="512m",
        executor_memory="512m",
        conf=conf,
    )
    return start(
        plan,
        work=folder / "loads",
        cache=folder / "cache",
        environ=environ,
        driver=driver,
        build_archive=False,
    )


def wait_for(condition: Callable[[], object], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.yarn
@pytest.mark.spark
def test_a_load_that_is_stopped_is_ended_on_the_cluster_too(yarn: dict[str, str], tmp_path: Path) -> None:
    load_id = "0a1b2c-gels_Fpms_T"  # YARN keeps tags in small letters
    other = submit(tmp_path / "other", yarn, "other", "cluster")
    submission = submit(tmp_path / "mine", yarn, load_id, "cluster")
    wait_for(lambda: applications(load_id, environ=yarn) and applications("other", environ=yarn))
    submission.terminate()
    assert applications(load_id, environ=yarn) == []
    (left,) = applications("other", environ=yarn)
    other.wait(0)
    assert end_applications("other", environ=yarn) == [left]
    assert applications("other", environ=yarn) == []
    assert end_applications("other", environ=yarn) == []
    other.terminate()


@pytest.mark.parametrize(
    ("backlog", "why"), [(None, "ConnectException: "), (16, "SocketTimeoutException: .* 500 millis")]
)
def test_a_resource_manager_that_is_away_is_an_error_of_its_own(
    tmp_path: Path, backlog: int | None, why: str
) -> None:
    """Nobody listens, or nobody answers what is sent: a connection is taken by the system itself."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if backlog is not None:
            server.listen(backlog)
        address = f"127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "yarn-site.xml").write_text(SITE.format(address))
        with pytest.raises(
            ConnectionLostError, match=f"YARN does not say whether an application of x lives: {why}"
        ) as error:
            applications("x", wait_s=0, environ={"HADOOP_CONF_DIR": str(tmp_path)})
    assert "HADOOP_CONF_DIR" in str(error.value.remedy)


@pytest.mark.parametrize("site", ["<configuration><property>", SITE.format("rm:no-port")])
def test_a_configuration_that_cannot_be_used_is_told_with_its_folder(tmp_path: Path, site: str) -> None:
    (tmp_path / "yarn-site.xml").write_text(site)
    with pytest.raises(MachineError, match="YARN's client does not start") as error:
        end_applications("x", wait_s=0, environ={"HADOOP_CONF_DIR": str(tmp_path)})
    assert error.value.field == "HADOOP_CONF_DIR"


def test_where_no_resource_manager_is_named_nobody_is_asked(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="nothing says where YARN's ResourceManager is"):
        applications("x", environ={"HADOOP_CONF_DIR": str(tmp_path)})


def test_a_tag_is_never_longer_than_yarn_takes() -> None:
    assert yarn_tag("run-1.load") == "run-1.load"
    assert len(yarn_tag("x" * 150)) == 100
