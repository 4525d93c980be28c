"""Long manifests in the ledger: a cell of Kudu holds 64 KiB, so what is longer is kept in parts.

The cell then holds a line that names the parts, and the first part. The others are rows of
fdm_manifest_parts, keyed by what they contain: two manifests of one load never mix, writing one again
changes nothing, and parts without a cell that names them (of a commit that failed) are litter that nobody reads.
"""

from __future__ import annotations

import hashlib
from datetime import date

from fdm_platform.control.store import ControlStore, Predicate
from fdm_platform.control.values import Row
from fdm_platform.errors import ControlError

TABLE = "fdm_manifest_parts"
PART_BYTES = 48 * 1024
"""Most bytes of UTF-8 in a part: with the cell's first line well below Kudu's 65,536."""
_MARK = "#parts"
_AT_ONCE = 64
_LATER_BYTE = 0x80
"""Upper two bits of a byte that is not the first of its character."""


def store_parts(store: ControlStore, table_name: str, biz_dt: date, load_id: str, text: str) -> str:
    """Write all of the manifest that its cell cannot hold; what the cell has to hold."""
    encoded = text.encode()
    if len(encoded) <= PART_BYTES:
        return text
    parts, digest = _split(encoded), hashlib.blake2b(encoded, digest_size=16).hexdigest()
    store.create([TABLE])  # a deployment of an earlier release has none
    rows: list[Row] = [
        {
            "table_name": table_name,
            "biz_dt": biz_dt,
            "load_id": f"{load_id}#{digest}",
            "part": n,
            "text": part,
        }
        for n, part in enumerate(parts[1:], 1)
    ]
    for first in range(0, len(rows), _AT_ONCE):
        store.upsert(TABLE, rows[first : first + _AT_ONCE])
    return f"{_MARK} {len(parts)} {digest}\n{parts[0]}"


def read_whole(store: ControlStore, table_name: str, biz_dt: date, load_id: str, cell: str) -> str:
    """The manifest of a cell. ControlError where a part is missing or is another's."""
    if not cell.startswith(_MARK):
        return cell
    head, _, text = cell.partition("\n")
    digest = head.split()[-1]
    where = [
        Predicate("table_name", "=", table_name),
        Predicate("biz_dt", "=", biz_dt),
        Predicate("load_id", "=", f"{load_id}#{digest}"),
    ]
    rows = sorted(store.scan(TABLE, where, ["part", "text"]), key=lambda row: int(row["part"]))
    text += "".join(row["text"] for row in rows)
    if hashlib.blake2b(text.encode(), digest_size=16).hexdigest() == digest:
        return text
    raise ControlError(
        f"the manifest of {table_name} {biz_dt} by load {load_id} is not whole: "
        f"{len(rows) + 1} parts of {head.split()[1]}",
        field=f"{TABLE}.text",
        remedy="restore fdm_manifest_parts from a backup, or load the date again after its ledger row is gone",
    )


def _split(encoded: bytes) -> list[str]:
    """Parts of at most PART_BYTES that break no character."""
    parts, start = [], 0
    while start < len(encoded):
        end = min(start + PART_BYTES, len(encoded))
        while end < len(encoded) and encoded[end] & 0xC0 == _LATER_BYTE:
            end -= 1
        parts.append(encoded[start:end].decode())
        start = end
    return parts
