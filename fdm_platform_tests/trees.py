"""A published date as it lies on disk, to hold it against itself later."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path


def tree(root: Path, day: date) -> dict[str, str]:
    """Every file of a date, its marker too, with the hash of what it holds."""
    folder = root / f"biz_dt={day:%Y%m%d}"
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
