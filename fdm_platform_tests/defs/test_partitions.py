from __future__ import annotations

import logging
import subprocess
import sys
from datetime import date

import dagster as dg
import pytest

from fdm_platform.defs.partitions import add_dates

DAYS = [date(2024, 1, d) for d in range(1, 29)]


def test_dates_are_added_in_order_and_told() -> None:
    with dg.instance_for_test() as instance:
        assert add_dates(instance, "s", [DAYS[2], DAYS[0]]) == ["2024-01-01", "2024-01-03"]
        assert instance.get_dynamic_partitions("s") == ["2024-01-01", "2024-01-03"]
        assert add_dates(instance, "s", [DAYS[0]]) == []


def test_a_storage_that_does_not_sort_is_told_of_when_a_date_comes_late(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with dg.instance_for_test() as instance, caplog.at_level(logging.WARNING):
        add_dates(instance, "s", [DAYS[2]])
        add_dates(instance, "s", [DAYS[3]])
        assert not caplog.records
        assert add_dates(instance, "s", [DAYS[0]]) == ["2024-01-01"]
    (record,) = caplog.records
    assert "partition set s is not in date order" in record.message
    assert "module: fdm_platform.defs.storage" in record.message


ADDING = """
import sys
from datetime import date, timedelta
import dagster as dg
from fdm_platform.defs.partitions import add_dates
with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    sys.stdin.read()
    for n in range(200):
        add_dates(instance, "s", [date(2024, 1, 1) + timedelta(days=n)])
"""


def test_processes_that_add_the_same_dates_at_once_all_succeed() -> None:
    with dg.instance_for_test() as instance:
        command = [sys.executable, "-c", ADDING, instance.root_directory]
        adding = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
        for process in adding:
            assert process.stdin
            process.stdin.close()
        assert [process.wait() for process in adding] == [0, 0]
        assert len(instance.get_dynamic_partitions("s")) == 200
