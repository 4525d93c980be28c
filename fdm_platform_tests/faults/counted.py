"""Tables whose rows say of which load they are: who reads them can tell a whole version from a mix or a half.

Version `k` of a date has the rows `n` = 0 … `of_rows` - 1, each with `load_no` = k. The number is the date's `run_id`
in process_control, so what a load writes follows from the control row that it finds, and from nothing else. Versions
differ in their number of rows, and in the table's folders: one in three has all of STATUSES, the next the first
alone, the next two. So what a reader has listed of one version, and reads of another, lacks some.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from fdm_platform.control.schema import TABLES
from fdm_platform.defs.platform import Platform
from fdm_platform.model.settings import Settings
from fdm_platform_tests.deployment import PROJECT, Deployment, control_url, without_others

ENTITY, SYSTEM = "GELS", "CNT"
SOURCE_ROWS = 24
FIRST = date(2024, 6, 3)
STATUSES = ("ACTIVE", "INACTIVE", "PENDING")
SQL = """SELECT n, CAST('${run_id}' AS INT) AS load_no, 16 + CAST('${run_id}' AS INT) % 8 AS of_rows,
  CAST('${biz_dt}' AS DATE) AS biz_dt, ELEMENT_AT(ARRAY('ACTIVE', 'INACTIVE', 'PENDING'),
    1 + (n + CAST('${run_id}' AS INT)) % (1 + CAST('${run_id}' AS INT) % 3)) AS biz_status
FROM row1 WHERE n < 16 + CAST('${run_id}' AS INT) % 8
"""
TABLE_YAML = """entity: GELS
source_system: CNT
table: {name}
sources:
  row1: {{path: "{source}", columns: {{n: int}}}}
steps: [counted.hql]
partition_by: [biz_dt, biz_status]
"""


def table_name(name: str) -> str:
    """The whole name of a counted table."""
    return f"{ENTITY}_{SYSTEM}_{name}".lower()


def days(count: int) -> list[date]:
    """So many business dates."""
    return [FIRST + timedelta(n) for n in range(count)]


def rows_of(load_no: int) -> pa.Table:
    """The rows of a version, without the date: what SQL selects."""
    count = 16 + load_no % 8
    status = [STATUSES[(n + load_no) % (1 + load_no % len(STATUSES))] for n in range(count)]
    return pa.table(
        {
            "n": pa.array(range(count), pa.int32()),
            "load_no": pa.array([load_no] * count, pa.int32()),
            "of_rows": pa.array([count] * count, pa.int32()),
            "biz_status": status,
        }
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """A deployment of counted tables."""

    deployment: Deployment

    @property
    def landing(self) -> Path:
        """Where its tables are."""
        return self.deployment.settings.landing_root

    def root(self, table: str) -> Path:
        """A table's folder, by its short name."""
        return self.landing / table_name(table)


def offer(platform: Platform, dates: Iterable[date], load_no: int) -> None:
    """Somebody writes the control rows of these dates anew, for this version."""
    now = datetime.now(UTC)
    rows = [
        {
            "entity": ENTITY,
            "source_system": SYSTEM,
            "biz_dt": day,
            "process_from_date": day,
            "process_to_date": day,
            "run_indicator": "Y",
            "change_indicator": "Y",
            "run_id": str(load_no),
            "last_update_ts": now,
        }
        for day in dates
    ]
    platform.store.upsert("process_control", rows)


def offered(platform: Platform, table: str, biz_dt: date) -> int:
    """Which version the date's control row asks for."""
    (row,) = platform.control_rows(platform.catalog.get(table_name(table)), [biz_dt])
    return int(row.run_id or 0)


def deploy_counted(home: Path, tables: Iterable[str] = ("t_a",), *, rejecting: Iterable[str] = ()) -> Counted:
    """Declare the tables below `home`, with sources, control tables and job settings; no control row.

    `rejecting` are tables whose source has one bad row, which they may leave out.
    """
    for name in tables:
        _declare(home, name, "numbers.csv", "")
    for name in rejecting:
        _declare(home, name, "broken.csv", "max_rejected: 1\n")
    environ = {
        **without_others(),
        "FDM_PROJECT": str(PROJECT),
        "FDM_HOME": str(home),
        "FDM_SQL_ROOT": str(home / "sql"),
        "FDM_CONTROL_URL": control_url(home),
    }
    made = Deployment(Settings.from_environ(environ), environ)
    source = made.settings.source_root
    source.mkdir(parents=True, exist_ok=True)
    numbers = "n\n" + "".join(f"{n}\n" for n in range(SOURCE_ROWS))
    (source / "numbers.csv").write_text(numbers)
    (source / "broken.csv").write_text(f"{numbers}none\n")
    with made.platform() as platform:
        platform.store.create(TABLES)
        assert platform.catalog.errors == (), platform.catalog.errors
        platform.store.upsert(
            "sys_params",
            [
                {"param_key": key, "environment": "DEV", "key_name": "ALL", "param_value": value}
                for key, value in (("spark.sql.shuffle.partitions", "1"), ("spark.master", "local[1]"))
            ],
        )
    return Counted(made)


def _declare(home: Path, name: str, source: str, more: str) -> None:
    folder = home / "sql" / ENTITY.lower() / SYSTEM.lower() / name
    folder.mkdir(parents=True)
    (folder / "table.yaml").write_text(TABLE_YAML.format(name=name, source=source) + more)
    (folder / "counted.hql").write_text(SQL)
