"""A parent is replaced after its child was planned and before it is read: the child is loaded of the new version."""

from __future__ import annotations

from pathlib import Path

import pytest

from fdm_platform_tests.faults.comparing import attempts, leftovers, rows
from fdm_platform_tests.faults.counted import days, deploy_counted, offer, table_name
from fdm_platform_tests.faults.crashing import FDM, stopped
from fdm_platform_tests.faults.publisher import load

REPLACED, OTHER = days(2)
CHILD = table_name("t_child")
CHILD_YAML = """entity: GELS
source_system: CNT
table: t_child
sources: {up: {table: t_a}}
steps: [child.hql]
partition_by: [biz_dt]
retries: {limit: 1, delay_s: 0}
"""
CHILD_SQL = "SELECT n, load_no, of_rows, CAST('${biz_dt}' AS DATE) AS biz_dt FROM up"


@pytest.mark.spark
@pytest.mark.embedded
def test_a_child_whose_parent_is_replaced_is_tried_again_and_never_parked(tmp_path: Path) -> None:
    folder = tmp_path / "sql" / "gels" / "cnt" / "t_child"
    folder.mkdir(parents=True)
    (folder / "table.yaml").write_text(CHILD_YAML)
    (folder / "child.hql").write_text(CHILD_SQL)
    counted = deploy_counted(tmp_path)
    command = [FDM, "materialize", "t_child", "--from", str(REPLACED), "--to", str(OTHER)]
    with counted.deployment.platform() as platform:
        offer(platform, [REPLACED, OTHER], 1)
        for day in (REPLACED, OTHER):
            load(platform, "t_a", day, f"load-1-{day}")
        with stopped(command, counted.deployment.environ, "begin.planned") as child:
            offer(platform, [REPLACED], 2)
            load(platform, "t_a", REPLACED, "load-2")
        ended = child.ended()
        assert ended.code == 0, ended.said
        assert f"t_a, biz_dt={REPLACED:%Y%m%d}, was replaced while it was read" in ended.said
        assert attempts(platform, CHILD, REPLACED) == ["Failed", "Completed"]
        assert attempts(platform, CHILD, OTHER) == ["Completed"]
        assert platform.dead_letters.all() == {}
        assert leftovers(platform) == []
    seen = {(row["biz_dt"], row["load_no"], row["of_rows"]) for row in rows(counted.root("t_child"))}
    assert seen == {(REPLACED, 2, 18), (OTHER, 1, 17)}
