"""The zip for clusters, by content: the platform's driver, and the `framework` that legacy scripts import."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_SHIPPED = (
    *("__init__.py", "errors.py", "crash.py", "processes.py", "model", "engines"),
    *(f"planning/{name}.py" for name in ("__init__", "sql", "literals", "names")),
)
_TOP_LEVEL = "legacy"
"""Its packages stand beside fdm_platform in the zip: `framework`."""


def bundle(cache: Path) -> Path:
    """The zip, made now if this content has none yet. Complete whenever it is there."""
    contents = {f.relative_to(_PACKAGE.parent).as_posix(): f.read_bytes() for f in _files(_SHIPPED)}
    for file in _files([f"{_TOP_LEVEL}/framework"]):
        contents[file.relative_to(_PACKAGE / _TOP_LEVEL).as_posix()] = file.read_bytes()
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    made = cache / "bundle" / f"fdm_platform-{digest.hexdigest()[:16]}.zip"
    if not made.exists():
        _write(made, contents)
    return made


def _files(names: Iterable[str]) -> list[Path]:
    places = [_PACKAGE / name for name in names]
    return sorted(f for p in places for f in ([p] if p.is_file() else p.rglob("*.py")))


def _write(made: Path, contents: dict[str, bytes]) -> None:
    made.parent.mkdir(parents=True, exist_ok=True)
    unfinished = made.with_suffix(f".{os.getpid()}.part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    unfinished.replace(made)
