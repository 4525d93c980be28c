"""A file beside Dagster's that says what the control tables hold, for processes that open no control store."""

from __future__ import annotations

import os
from pathlib import Path


def write_changed(path: Path, text: str) -> bool:
    """Write the text in one step; False where the file says that already."""
    if path.exists() and path.read_bytes() == text.encode():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
    return True
