"""What all tests of faults share."""

from __future__ import annotations

from typing import Any

import pytest

from fdm_platform_tests.faults.comparing import rows
from fdm_platform_tests.faults.counted import days, deploy_counted, offer
from fdm_platform_tests.faults.publisher import load


@pytest.fixture(autouse=True)
def each_test_ends_what_it_starts(processes_of_a_test: None) -> None:
    """However it ended: a process that was stopped would stay for ever, and Spark as long as it works."""


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The rows of one date after two loads in which nothing went wrong."""
    counted, (day,) = deploy_counted(tmp_path_factory.mktemp("undisturbed")), days(1)
    with counted.deployment.platform() as platform:
        for load_no in (1, 2):
            offer(platform, [day], load_no)
            load(platform, "t_a", day, f"load-{load_no}")
    return rows(counted.root("t_a"))
