"""The storage that dagster.yaml names: date order in what Dagster reads, pages and makes runs of."""

# Annotations stay real here: Dagster reads those of an asset's function, and takes no strings.

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import deserialize_value, serialize_value
from hypothesis import given, settings
from hypothesis import strategies as st

from fdm_platform.defs.instance import open_instance
from fdm_platform.defs.partitions import add_dates, partitions_of
from fdm_platform_tests.deployment import deploy

DAYS = [date(2024, 1, d) for d in range(1, 29)]
SORTED = {"module": "fdm_platform.defs.storage", "class": "SortedSqliteStorage"}


@contextmanager
def opened(folder: Path, **storage: Any) -> Iterator[dg.DagsterInstance]:
    """An instance on files in a folder; with the platform's storage unless another is given."""
    storage = storage or {"custom": {**SORTED, "config": {"base_dir": str(folder)}}}
    with dg.instance_for_test(overrides={"storage": storage}, temp_dir=str(folder)) as instance:
        yield instance


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with opened(tmp_path) as instance:
        yield instance


def pages(instance: dg.DagsterInstance, name: str, size: int, *, ascending: bool) -> list[str]:
    """The keys of a set as the UI reads them, page by page."""
    keys: list[str] = []
    cursor: str | None = None
    while True:
        page = instance.get_paginated_dynamic_partitions(name, size, ascending, cursor)
        keys += page.results
        assert len(page.results) == size or not page.has_more
        if not page.has_more:
            return keys
        cursor = page.cursor


def test_a_late_date_stands_before_later_ones(instance: dg.DagsterInstance) -> None:
    add_dates(instance, "s", [DAYS[0], DAYS[2]])
    instance.report_runless_asset_event(dg.AssetMaterialization("a", partition="2024-01-03"))
    assert add_dates(instance, "s", DAYS[:3]) == ["2024-01-02"]
    assert instance.get_dynamic_partitions("s") == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert instance.get_materialized_partitions(dg.AssetKey("a")) == {"2024-01-03"}


def test_a_backfill_of_a_range_over_a_late_date_is_one_run_for_its_dates(
    instance: dg.DagsterInstance,
) -> None:
    seen: list[list[str]] = []

    @dg.asset(partitions_def=partitions_of("s"), backfill_policy=dg.BackfillPolicy.single_run())
    def a(context: dg.AssetExecutionContext) -> None:
        seen.append(list(context.partition_keys))

    add_dates(instance, "s", [DAYS[0], DAYS[2], DAYS[3]])
    add_dates(instance, "s", [DAYS[1]])
    tags = {
        "dagster/asset_partition_range_start": "2024-01-01",
        "dagster/asset_partition_range_end": "2024-01-03",
    }
    assert dg.materialize([a], instance=instance, tags=tags).success
    assert seen == [["2024-01-01", "2024-01-02", "2024-01-03"]]


def test_pages_are_in_date_order_and_whole(instance: dg.DagsterInstance) -> None:
    @settings(max_examples=10)
    @given(order=st.permutations(DAYS[:9]), size=st.integers(1, 10), ascending=st.booleans())
    def hold(order: list[date], size: int, *, ascending: bool) -> None:
        name = str(uuid.uuid4())
        for day in order:
            add_dates(instance, name, [day])
        in_order = [d.isoformat() for d in sorted(order, reverse=not ascending)]
        assert pages(instance, name, size, ascending=ascending) == in_order

    hold()


def test_a_date_that_comes_or_goes_between_pages_disturbs_none(instance: dg.DagsterInstance) -> None:
    add_dates(instance, "s", [*DAYS[:4], *DAYS[5:7]])
    page = instance.get_paginated_dynamic_partitions("s", 4, ascending=True)
    add_dates(instance, "s", [DAYS[4]])
    instance.delete_dynamic_partition("s", page.results[-1])
    rest = instance.get_paginated_dynamic_partitions("s", 4, ascending=True, cursor=page.cursor)
    assert rest.results == ["2024-01-05", "2024-01-06", "2024-01-07"]
    assert not rest.has_more


def test_an_empty_set_has_an_empty_page(instance: dg.DagsterInstance) -> None:
    assert instance.get_dynamic_partitions("s") == []
    assert pages(instance, "s", 10, ascending=True) == []


def test_sets_of_other_keys_stay_as_they_were_added(instance: dg.DagsterInstance) -> None:
    for key in ("2024-01-02", "2024-01-01", "all"):
        instance.add_dynamic_partitions("s", [key])
    assert instance.get_dynamic_partitions("s") == ["2024-01-02", "2024-01-01", "all"]
    assert pages(instance, "s", 2, ascending=False) == ["all", "2024-01-01", "2024-01-02"]


def test_files_of_dagsters_own_sqlite_storage_are_taken_over(tmp_path: Path) -> None:
    with opened(tmp_path, sqlite={"base_dir": str(tmp_path)}) as own:
        own.add_dynamic_partitions("s", ["2024-01-02"])
        own.add_dynamic_partitions("s", ["2024-01-01"])
        own.report_runless_asset_event(dg.AssetMaterialization("a", partition="2024-01-02"))
        assert own.get_dynamic_partitions("s") == ["2024-01-02", "2024-01-01"]
    with opened(tmp_path) as instance:
        assert instance.get_dynamic_partitions("s") == ["2024-01-01", "2024-01-02"]
        assert instance.get_materialized_partitions(dg.AssetKey("a")) == {"2024-01-02"}


def test_an_index_whose_maker_was_killed_is_made_to_its_end(tmp_path: Path) -> None:
    index = tmp_path / "history" / "runs" / "index.db"
    index.parent.mkdir(parents=True)
    index.touch()
    with opened(tmp_path) as instance:
        assert instance.get_dynamic_partitions("s") == []


def test_another_process_that_is_given_the_instance_reads_in_date_order(instance: dg.DagsterInstance) -> None:
    add_dates(instance, "s", [DAYS[1]])
    add_dates(instance, "s", [DAYS[0]])
    ref = deserialize_value(serialize_value(instance.get_ref()), InstanceRef)
    with dg.DagsterInstance.from_ref(ref) as other:
        assert other.get_dynamic_partitions("s") == ["2024-01-01", "2024-01-02"]


def test_the_projects_dagster_yaml_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FDM_DAGSTER_STORAGE", raising=False)
    deployed = deploy(tmp_path / "home")
    with open_instance(deployed.settings) as instance:
        add_dates(instance, "s", [DAYS[1]])
        add_dates(instance, "s", [DAYS[0]])
        assert instance.get_dynamic_partitions("s") == ["2024-01-01", "2024-01-02"]
    assert (tmp_path / "home" / "dagster" / "history" / "runs" / "index.db").is_file()


def test_seventy_years_of_dates_are_one_set(instance: dg.DagsterInstance) -> None:
    dates = [date(1970, 1, 1) + timedelta(days=n) for n in range(25_000)]
    shuffled = random.Random(5).sample(dates, len(dates))  # noqa: S311 - any order will do
    add_dates(instance, "s", shuffled)
    assert instance.get_dynamic_partitions("s") == [d.isoformat() for d in dates]
    last = instance.get_paginated_dynamic_partitions("s", 2, ascending=False)
    assert last.results == [dates[-1].isoformat(), dates[-2].isoformat()]
