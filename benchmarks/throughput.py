"""Ten million contracts, CSV to partitioned ORC with the lookup join, on local[2].

    uv run python benchmarks/throughput.py [--rows 10000000] [--runs 5]

In turn: `fdm materialize`, the hand-written script (contract_job.py) under plain spark-submit, and DuckDB
writing Parquet from the same files, as the limit of the machine. The two ORC outputs are held equal.
Ends with one line of JSON: `ratio_to_hand_written` is rows per second of ours to the script's, the median
of the pairs' ratios (1.0 and more: not slower). Also the peak memory of the Dagster side, for 10 thousand
rows and for all of them: it must not grow with the data.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from deployment import DAY, Deployment, deploy, rows_of
from overhead import COLUMNS, TABLE
from pairs import Run, in_turn, median_s, ratio, timed

from fdm_platform.engines import class_archive

DUCKDB = """
import duckdb, sys
contracts, lookup, out = sys.argv[1:]
duckdb.sql("SET threads = 2")
duckdb.sql(f'''
COPY (
  SELECT c.customer_id, c.contract_id, c.status, c.amount, 'Y' AS change_indicator,
    COALESCE(l.entity_new, c.entity, 'GELS') AS entity_new,
    COALESCE(c.premium_amt, l.premium_fallback) AS premium_amt,
    CASE WHEN upper(trim(c.status)) IN ('ACTIVE', 'A', 'INFORCE') THEN 'ACTIVE' ELSE 'INACTIVE' END AS biz_status
  FROM read_csv('{contracts}', types={{'amount': 'DECIMAL(18,2)', 'premium_amt': 'DECIMAL(18,2)'}}) c
  LEFT JOIN read_csv('{lookup}', types={{'premium_fallback': 'DECIMAL(18,2)'}}) l USING (contract_id)
) TO '{out}' (FORMAT parquet, COMPRESSION snappy, PARTITION_BY (biz_status), OVERWRITE_OR_IGNORE)''')
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fdm-bench-") as folder:
        small = deploy(Path(folder) / "small", 10_000)
        class_archive.build(small.settings.cache)
        report(deploy(Path(folder) / "large", args.rows), materialize(small), args.rows, args.runs)


def materialize(deployment: Deployment) -> Run:
    """One `fdm materialize` of the day."""
    return timed(deployment.fdm("materialize", TABLE, "--biz-dt", DAY.isoformat()), deployment.environ)


def report(deployment: Deployment, small: Run, rows: int, runs: int) -> None:
    """All runs, the comparison of outputs, the table and the JSON."""
    plain, limit = deployment.settings.home / "plain", deployment.settings.home / "limit"
    duckdb = [sys.executable, "-c", DUCKDB, str(deployment.contracts), str(deployment.lookup), str(limit)]
    pairs = in_turn(
        runs,
        lambda: materialize(deployment),
        lambda: timed(deployment.hand_written(plain), deployment.environ),
        lambda: timed(duckdb, deployment.environ),
    )
    ours, theirs = rows_of(deployment.landed), rows_of(plain / f"biz_dt={DAY:%Y%m%d}")
    if not ours.select(COLUMNS).equals(theirs.select(COLUMNS)):
        sys.exit("the outputs differ")
    print(
        f"\n{rows:,} contracts ({deployment.contracts.stat().st_size / 1e6:,.0f} MB of CSV), {runs} runs in turn\n"
    )
    for name, which in (
        ("fdm materialize", 0),
        ("hand-written, plain spark-submit", 1),
        ("DuckDB to Parquet", 2),
    ):
        seconds = median_s(pairs, which)
        print(f"{name:<34} {seconds:8.1f} s {rows / seconds:12,.0f} rows/s")
    large = statistics.median(p[0].peak_mib for p in pairs)
    files = sorted(f.stat().st_size / 1e6 for f in deployment.landed.rglob("*.orc"))
    print(f"\nfiles written: {len(files)}, {files[0]:.0f} to {files[-1]:.0f} MB")
    print(
        f"peak memory of the Dagster side: {small.peak_mib:.0f} MiB for 10,000 rows, {large:.0f} MiB for {rows:,}\n"
    )
    print(
        json.dumps(
            {
                "ratio_to_hand_written": round(1 / ratio(pairs, 0, 1), 3),
                "ratio_to_duckdb": round(1 / ratio(pairs, 0, 2), 3),
                "rows_per_second": round(rows / median_s(pairs, 0)),
                "mib_dagster_side_10k": round(small.peak_mib),
                "mib_dagster_side": round(large),
            }
        )
    )


if __name__ == "__main__":
    main()
