"""Kudu's programs, unpacked once into the cache, and what they need from the machine."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fdm_platform.control.kudu.maven import KUDU_BINARY, KUDU_VERSION, resolve
from fdm_platform.errors import MachineError
from fdm_platform.model.settings import Settings

SASL_FOLDERS = (
    Path("/usr/lib/x86_64-linux-gnu/sasl2"),
    Path("/usr/lib64/sasl2"),
    Path("/usr/lib/sasl2"),
)
"""Where Debian, Red Hat and others put the plugins of Cyrus SASL."""

_PROGRAMS = ("kudu", "kudu-master", "kudu-tserver")


@dataclass(frozen=True, slots=True)
class Binaries:
    """Kudu's programs and the environment that they run in."""

    home: Path
    environ: dict[str, str]

    def program(self, name: str) -> str:
        """Path of kudu, kudu-master or kudu-tserver."""
        return str(self.home / "bin" / name)


def find_binaries(settings: Settings) -> Binaries:
    """Kudu's programs for this machine, fetched and unpacked where they are not yet.

    MachineError where they cannot run, lack a SASL plugin, or cannot be fetched.
    """
    require_platform(platform.system(), platform.machine())
    sasl = find_sasl(os.environ)
    home = _unpacked(settings)
    paths = {"LD_LIBRARY_PATH": str(home / "lib"), "SASL_PATH": str(sasl)}
    return Binaries(home, {**os.environ, **paths})


def require_platform(system: str, machine: str) -> None:
    """MachineError unless Apache Kudu publishes programs for this system and processor."""
    if (system, machine) != ("Linux", "x86_64"):
        raise MachineError(
            f"Kudu's programs are published for Linux on x86_64, and this is {system} on {machine}",
            remedy="set FDM_CONTROL_URL to a cluster elsewhere, kudu://host:7051, or leave it unset for"
            " SQLite; or run `fdm kudu` in a Linux x86_64 container or virtual machine",
        )


def find_sasl(environ: Mapping[str, str], folders: Sequence[Path] = SASL_FOLDERS) -> Path:
    """Folder of the SASL plugin PLAIN: one of SASL_PATH, else of the system's. MachineError if there is none."""
    own = [Path(part) for part in environ.get("SASL_PATH", "").split(":") if part]
    for folder in (*own, *folders):
        if any(folder.glob("libplain.so*")):
            return folder
    looked = ", ".join(map(str, (*own, *folders)))
    raise MachineError(
        f"Kudu needs the SASL plugin PLAIN: there is no libplain.so in {looked}",
        field="SASL_PATH",
        remedy="apt-get install libsasl2-modules (Debian, Ubuntu) or dnf install cyrus-sasl-plain (RHEL);"
        " set SASL_PATH if it is elsewhere",
    )


def _unpacked(settings: Settings) -> Path:
    home = settings.cache / "kudu" / KUDU_VERSION
    if (home / "bin" / "kudu").is_file():
        return home
    jar = resolve(KUDU_BINARY, settings.cache, settings.maven_repository)
    home.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=home.parent, prefix=f".{KUDU_VERSION}."))
    try:
        _extract(jar, temporary)
        # Another process may have been quicker: its folder is as good as this one.
        with suppress(OSError):
            (temporary / f"kudu-binary-{KUDU_VERSION}-linux-x86_64").rename(home)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return home


def _extract(jar: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(jar) as archive:
            archive.extractall(folder)  # members' names cannot leave the folder, and the checksum was right
    except OSError as error:
        raise MachineError(
            f"cannot unpack {jar} into {folder.parent}: {error.strerror}",
            field="FDM_CACHE",
            remedy="make room there (200 MB), or set FDM_CACHE to another folder",
        ) from error
    for name in _PROGRAMS:
        next(folder.glob(f"*/bin/{name}")).chmod(0o755)
