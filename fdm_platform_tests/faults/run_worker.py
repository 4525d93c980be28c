"""A run worker: one date of a table, asked for by a sensor, on the deployment that the environment leads to."""

from __future__ import annotations

import sys

import dagster as dg
from dagster._core.storage.tags import SENSOR_NAME_TAG

from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.location import build_definitions
from fdm_platform.model.settings import Settings


def main() -> int:
    """The exit code says whether the run succeeded."""
    table, day = sys.argv[1:]
    settings = Settings.from_environ()
    with open_instance(settings) as instance:
        job = build_definitions(settings).resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(table.split("/"))],
            partition_key=day,
            tags={SENSOR_NAME_TAG: "process_control_gels_fpms"},
            raise_on_error=False,
        )
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main())
