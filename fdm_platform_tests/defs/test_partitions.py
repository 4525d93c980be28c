from __future__ import annotations

import uuid
from datetime import date

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fdm_platform.defs.partitions import add_dates

DAYS = [date(2024, 1, d) for d in range(1, 29)]


def test_dates_are_added_in_order_and_told() -> None:
    with dg.instance_for_test() as instance:
        assert add_dates(instance, "s", [DAYS[2], DAYS[0]]) == ["2024-01-01", "2024-01-03"]
        assert instance.get_dynamic_partitions("s") == ["2024-01-01", "2024-01-03"]


def test_a_late_date_stands_before_later_ones_and_their_history_is_kept() -> None:
    with dg.instance_for_test() as instance:
        add_dates(instance, "s", [DAYS[0], DAYS[2]])
        instance.report_runless_asset_event(dg.AssetMaterialization("a", partition="2024-01-03"))
        assert add_dates(instance, "s", DAYS[:3]) == ["2024-01-02"]
        assert instance.get_dynamic_partitions("s") == ["2024-01-01", "2024-01-02", "2024-01-03"]
        assert instance.get_materialized_partitions(dg.AssetKey("a")) == {"2024-01-03"}


@pytest.fixture(scope="module")
def instance() -> object:
    with dg.instance_for_test() as instance:
        yield instance


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.sets(st.sampled_from(DAYS)), max_size=5))
def test_any_order_of_arrival_ends_in_date_order(
    instance: dg.DagsterInstance, batches: list[set[date]]
) -> None:
    name = str(uuid.uuid4())
    for batch in batches:
        add_dates(instance, name, batch)
    assert instance.get_dynamic_partitions(name) == sorted({d.isoformat() for b in batches for d in b})
