"""A program: a table of Hive's, in a metastore of its own in the working folder, is made and compared; prints JSON.

In a process of its own, for which catalog a session has is settled when its JVM starts.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

from fdm_platform.engines.old_output import find_old, read_old
from fdm_platform.engines.parity import compare
from fdm_platform.engines.sessions import session_of
from fdm_platform.model.parity import ParitySpec
from fdm_platform.model.plan import SECRET_MARK, LaunchProfile, Setting
from fdm_platform_tests.processes import command_lines

DAY = date(2024, 5, 15)
HIDDEN = "spark.hadoop.canary.password"


def main(canary: str) -> None:
    """`canary` is a secret setting's value, which no command line may have."""
    here = Path.cwd()
    conf = {
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={here}/metastore;create=true",
        "spark.sql.warehouse.dir": f"{here}/warehouse",
        HIDDEN: f"{SECRET_MARK}canary",
    }
    profile = LaunchProfile(
        Setting("local[1]", "test"), conf={k: Setting(v, "test") for k, v in conf.items()}
    )
    spark = session_of(profile, "hive", bytes_read=0, hive=True, secrets={"canary": canary})
    spark.sql("CREATE DATABASE fdm")
    spark.sql(
        "CREATE TABLE fdm.pay (contract CHAR(5), kind VARCHAR(9), amount DECIMAL(18,4))"
        " PARTITIONED BY (dt STRING) STORED AS ORC"
    )
    spark.sql("INSERT INTO fdm.pay PARTITION (dt='20240514') VALUES ('A1', 'x', 1), ('A2', 'y', 7)")
    spark.sql("INSERT INTO fdm.pay PARTITION (dt='20240515') VALUES ('A1', 'x', 10.0049), ('A2', 'y', 7)")
    new = spark.sql(
        "SELECT * FROM VALUES ('A1', 'x', 10.00BD), ('A2', 'y', 7.00BD) AS t(contract, kind, amount)"
    )
    old = find_old("fdm.pay", None, DAY)
    frame, scope = read_old(spark, old, ParitySpec(renamed={"DT": "biz_dt"}), DAY)
    found = compare(new, frame, ParitySpec(keys=("contract",)))
    shown = [line.decode(errors="replace") for line in command_lines()]
    spark.range(1).write.orc(f"{here}/old/branch=007")
    told = {
        "branch": read_old(spark, find_old(f"{here}/old", None, DAY), ParitySpec(), DAY)[0]
        .schema["branch"]
        .dataType.simpleString(),
        "scope": scope,
        "counts": found.counts,
        "by_column": dict(found.by_column),
        "secret": spark.sparkContext.getConf().get(HIDDEN),
        "command lines": sum("canary.password" in line and canary in line for line in shown),
        "hidden in the UI": "canary" in str(spark.conf.get("spark.redaction.regex")),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.stdin.readline().strip())
