"""The zip of the platform's driver for clusters: `errors`, `crash`, `model` and `engines`, by content."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_SHIPPED = ("__init__.py", "errors.py", "crash.py", "processes.py", "model", "engines")


def bundle(cache: Path) -> Path:
    """The zip, made now if this content has none yet. Complete whenever it is there."""
    files = sorted(f for name in _SHIPPED for f in _python_files(_PACKAGE / name))
    contents = {f.relative_to(_PACKAGE.parent).as_posix(): f.read_bytes() for f in files}
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    made = cache / "bundle" / f"fdm_platform-{digest.hexdigest()[:16]}.zip"
    if not made.exists():
        _write(made, contents)
    return made


def _python_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else list(path.rglob("*.py"))


def _write(made: Path, contents: dict[str, bytes]) -> None:
    made.parent.mkdir(parents=True, exist_ok=True)
    unfinished = made.with_suffix(f".{os.getpid()}.part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    unfinished.replace(made)
