"""A load that was begun, as a run of Dagster in this process."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import dagster as dg
import pytest

from fdm_platform.defs.load import Load
from fdm_platform.defs.run import run_load
from fdm_platform.model.manifest import LoadReport
from fdm_platform_tests.deployment import DAYS, deploy

DAY = DAYS[-1]
LOAD_ID = "6d3cf4ad-5d3f-4d0a-9a39-95a0e9a6ff9d-gels_fpms_t_payment"


class Interrupter(logging.Handler):
    """Ctrl-C when a run starts, whose step has not begun then."""

    def emit(self, record: logging.LogRecord) -> None:
        if "RUN_START" in record.getMessage():
            os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_that_dagster_catches_before_the_step_is_the_reason_and_not_the_run(tmp_path: Path) -> None:
    handlers = {"interrupter": {"class": f"{__name__}.Interrupter", "level": "DEBUG"}}
    logs = {"python_log_level": "DEBUG", "dagster_handler_config": {"handlers": handlers}}
    with (
        deploy(tmp_path / "home").platform() as platform,
        dg.instance_for_test(overrides={"python_logs": logs}) as instance,
    ):
        load = Load(platform, LOAD_ID, (DAY,), LoadReport(LOAD_ID, ()))
        load.open[DAY] = "attempt"
        with pytest.raises(KeyboardInterrupt):
            run_load(instance, load, platform.catalog.get("t_payment"), logging.NullHandler())
        assert load.error is None
        assert load.open == {DAY: "attempt"}, "whoever began the load ends it, and says why"
