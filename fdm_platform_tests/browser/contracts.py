"""What t_contract_master must hold, worked out from the CSV files with pandas alone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from fdm_platform_tests.deployment import Deployment

ROWS = 2500
"""Contracts of a date: more than the lookup knows, so that some find nothing there."""
COLUMNS = [
    "contract_id",
    "customer_id",
    "status",
    "amount",
    "etl_start_dt",
    "etl_end_dt",
    "change_indicator",
    "entity_new",
    "premium_amt",
    "biz_status",
]


def expected(deployment: Deployment, day: date) -> pd.DataFrame:
    """The rows of a business date: contracts, left-joined to the lookup."""
    contracts = pd.read_csv(deployment.source("customer_contract_{day}.csv", day), dtype=str)
    lookup = pd.read_csv(deployment.source("customer_contract_fallback_lkp.csv"), dtype=str)
    rows = contracts.merge(lookup, on="contract_id", how="left")
    rows["etl_start_dt"] = rows["etl_end_dt"] = day.isoformat()
    rows["change_indicator"] = "Y"
    rows["biz_status"] = np.where(rows["status"].isin(["Active", "Inforce", "A"]), "ACTIVE", "INACTIVE")
    rows["entity_new"] = rows["entity_new"].fillna(rows["entity"])
    rows["premium_amt"] = rows["premium_amt"].fillna(rows["premium_fallback"])
    return plain(rows)


def plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Text alone, in one order of rows and columns: engines differ in the types they hand out."""
    return rows[COLUMNS].map(_text).sort_values("contract_id", ignore_index=True).astype(object)


def _text(value: Any) -> str | None:
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)
