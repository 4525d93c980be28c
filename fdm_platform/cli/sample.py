"""Source files of the sample tables, made anew from a seed: contracts, their lookup, payments."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

CHUNK_ROWS = 500_000
LOOKUP_ROWS = 2_000
"""Contracts that the lookup knows."""


def write_sources(root: Path, dates: list[date], rows: int) -> None:
    """Write the sources of some business dates below the source root, `rows` contracts and payments each."""
    root.mkdir(parents=True, exist_ok=True)
    write_lookup(root / "customer_contract_fallback_lkp.csv")
    for biz_dt in dates:
        write_contracts(root / f"customer_contract_{biz_dt:%Y%m%d}.csv", biz_dt, rows)
        write_payments(root / f"payments_{biz_dt:%Y%m%d}.orc", biz_dt, rows)


def write_contracts(path: Path, biz_dt: date, rows: int) -> None:
    """A CSV of contracts; one in ten has no premium of its own, one in four is not active."""
    import pyarrow as pa  # noqa: PLC0415 - half a second that only the generator pays
    from pyarrow import csv  # noqa: PLC0415

    writer = None
    for first in range(0, rows, CHUNK_ROWS):
        table = pa.table(_contracts(biz_dt, first, min(CHUNK_ROWS, rows - first)))
        writer = writer or csv.CSVWriter(path, table.schema, write_options=_plain())
        writer.write_table(table)
    if writer:
        writer.close()


def write_lookup(path: Path, rows: int = LOOKUP_ROWS) -> None:
    """The lookup: entity and premium for the first contracts."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    numbers = np.arange(rows)
    table = pa.table(
        {
            "contract_id": [f"K{n:09d}" for n in numbers],
            "entity_new": pa.array(np.where(numbers % 3 == 0, "GELM", "GELS")),
            "premium_fallback": pa.array(_money(numbers % 10_000)),
        }
    )
    csv.write_csv(table, path, write_options=_plain())


def write_payments(path: Path, biz_dt: date, rows: int) -> None:
    """An ORC file of payments, three in four in SGD."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import orc  # noqa: PLC0415

    random = np.random.default_rng(biz_dt.toordinal())
    amounts = pa.array(_money(random.integers(100, 1_000_000, rows)))
    table = pa.table(
        {
            "payment_id": [f"P{n:09d}" for n in range(rows)],
            "contract_id": [f"K{n:09d}" for n in random.integers(0, max(rows // 5, 1), rows)],
            "currency": pa.array(np.where(random.integers(0, 4, rows) > 0, "SGD", "USD")),
            "amount": amounts.cast(pa.decimal128(18, 2)),
        }
    )
    orc.write_table(table, path, compression="SNAPPY")


def _contracts(biz_dt: date, first: int, rows: int) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    random = np.random.default_rng([biz_dt.toordinal(), first])
    numbers = np.arange(first, first + rows)
    statuses = np.array(["Active", "Inforce", "A", "Lapsed"])
    has_premium = random.integers(0, 10, rows) > 0
    return {
        "customer_id": [f"C{n:08d}" for n in random.integers(0, max(rows // 2, 1), rows)],
        "contract_id": [f"K{n:09d}" for n in numbers],
        "status": statuses[random.integers(0, 4, rows)],
        "amount": pa.array(_money(random.integers(0, 100_000_000, rows))),
        "premium_amt": pa.array(_money(random.integers(0, 1_000_000, rows)), mask=~has_premium),
        "entity": np.where(random.integers(0, 20, rows) > 0, "GELS", "GELI"),
    }


def _money(cents: Any) -> Any:
    """Cents as text with two decimals, for CSV."""
    import numpy as np  # noqa: PLC0415

    return np.char.add(
        np.char.add((cents // 100).astype(str), "."), np.char.zfill((cents % 100).astype(str), 2)
    )


def _plain() -> Any:
    from pyarrow import csv  # noqa: PLC0415

    return csv.WriteOptions(quoting_style="none")
