"""Plans of many dates: those that can be loaded are planned, the others told one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform_tests.deployment import DAYS, Deployment, deploy


def test_dates_that_are_missing_are_told_with_the_nearest_and_the_rest_is_planned(tmp_path: Path) -> None:
    deployment = deploy(tmp_path / "home", rows=1)
    early, late = date(2024, 5, 1), date(2024, 6, 1)
    asked = [early, *DAYS, late]
    with deployment.platform() as platform:
        spec = platform.catalog.get("t_contract_master")
        plan, refused = platform.plan_each(spec, asked, "load-1", platform.job_rows(spec, asked))
        known = sorted(row.biz_dt for row in platform.control_rows(spec))
    assert plan
    assert [d.biz_dt for d in plan.dates] == list(DAYS)
    told = {o.biz_dt: o.failure.headline for o in refused if o.failure}
    assert set(told) == {early, late}
    assert told[early].endswith(", ".join(map(str, known[:3])))
    assert told[late].endswith(", ".join(map(str, known[-3:])))


class Counted:
    """A control store that remembers its scans: the table, and the landing table where a predicate names one."""

    def __init__(self, store: ControlStore) -> None:
        self.store, self.scans = store, list[tuple[str, str]]()

    def scan(self, table: str, where: Sequence[Predicate] = (), *args: Any, **kwargs: Any) -> Any:
        of = next((p.value for p in where if p.column == "table_name"), "")
        self.scans.append((table, of))
        return self.store.scan(table, where, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def scans_of(deployment: Deployment, table: str) -> Counter[tuple[str, str]]:
    """What planning the sample's dates reads, none of which can be loaded where there is a parent."""
    with deployment.platform() as platform:
        spec = platform.catalog.get(table)
        counted = Counted(platform.store)
        watched = replace(platform, store=counted)
        rows = watched.job_rows(spec, DAYS)
        counted.scans.clear()
        watched.plan_each(spec, DAYS, "load-1", rows)
        return Counter(counted.scans)


def test_a_parent_is_looked_up_once_for_all_dates_and_not_at_all_without_one(tmp_path: Path) -> None:
    deployment = deploy(tmp_path / "home", rows=1)
    parent = "gels_fpms_t_contract_master"
    assert scans_of(deployment, "t_contract_summary")["fdm_publishes", parent] == 1
    assert set(scans_of(deployment, "t_payment")) == {("fdm_publishes", "gels_fpms_t_payment")}
