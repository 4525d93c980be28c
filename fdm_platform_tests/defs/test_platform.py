"""Plans of many dates: those that can be loaded are planned, the others told one by one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from fdm_platform_tests.deployment import DAYS, deploy


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
