"""A Python asset that reads a landing table for its own business date, and lands what it returns.

    uv run dagster dev -f examples/downstream_asset.py

(with DAGSTER_HOME and the FDM_ variables as docs/operating.md lists them).
"""

import dagster as dg
import pandas as pd

from fdm_platform.defs.io_manager import OrcIOManager
from fdm_platform.defs.partitions import partitions_of
from fdm_platform.defs.resources import PlatformResource


@dg.asset(
    key=["gels", "marts", "premium_by_entity"],
    ins={"contracts": dg.AssetIn(["gels", "fpms", "t_contract_master"])},
    partitions_def=partitions_of("gels_fpms"),
    io_manager_key="orc_io_manager",
)
def premium_by_entity(contracts: pd.DataFrame) -> pd.DataFrame:
    """Premiums summed by entity: pandas because the annotation says so."""
    return contracts.groupby("entity_new", as_index=False)["premium_amt"].sum()


platform = PlatformResource()
defs = dg.Definitions(
    assets=[premium_by_entity],
    resources={"platform": platform, "orc_io_manager": OrcIOManager(platform=platform)},
)
