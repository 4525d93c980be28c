"""Which JDK and which Spark this machine offers. Looks at files only: starting a JVM to ask costs 0.1 s."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fdm_platform.errors import MachineError

OLDEST, NEWEST = 17, 21
"""Java versions that are accepted. Spark 3.5 is released for 17 and runs on 21; from 23 on Hadoop's
`Subject.getSubject` throws, and class-data archives of 8 and 11 are of another kind."""

_JDK_FOLDERS = "/usr/lib/jvm"


@dataclass(frozen=True, slots=True)
class Jdk:
    """A Java installation; `home` has its links resolved. `release` tells builds of a version apart."""

    home: Path
    version: int
    release: str

    @property
    def java(self) -> Path:
        """Its java program."""
        return self.home / "bin" / _program("java")


@dataclass(frozen=True, slots=True)
class Spark:
    """A Spark installation: the pyspark wheel's own folder, or SPARK_HOME."""

    home: Path
    is_wheel: bool
    is_customised: bool
    """Its conf folder has settings of the site, which only its own spark-submit honours in full."""

    @property
    def jars(self) -> Path:
        """The folder of its jars."""
        return self.home / "jars"


def find_jdk(environ: Mapping[str, str]) -> Jdk:
    """The JDK of JAVA_HOME, else of `java` on the PATH. MachineError if there is none that Spark can use."""
    home, origin = _java_home(environ)
    release = _release(home)
    version = _major(release)
    if version is None:
        raise MachineError(
            f"cannot tell the Java version of {home} ({origin})", field=origin, remedy=_remedy()
        )
    if not OLDEST <= version <= NEWEST:
        raise MachineError(
            f"found Java {version} in {home} ({origin}), but Spark 3.5 needs JDK {OLDEST}",
            field=origin,
            remedy=_remedy(),
        )
    return Jdk(home, version, release)


def _java_home(environ: Mapping[str, str]) -> tuple[Path, str]:
    named = environ.get("JAVA_HOME")
    if named:
        home = Path(named)
        if not (home / "bin" / _program("java")).is_file():
            raise MachineError(
                f"JAVA_HOME is {named}, which has no bin/java", field="JAVA_HOME", remedy=_remedy()
            )
        return home.resolve(), "JAVA_HOME"
    found = shutil.which("java", path=environ.get("PATH", os.defpath))
    if found is None:
        raise MachineError(
            "no Java found: JAVA_HOME is not set and there is no java on the PATH",
            field="JAVA_HOME",
            remedy=_remedy(),
        )
    return Path(found).resolve().parent.parent, "PATH"


def _release(home: Path) -> str:
    """The text of the JDK's release file; of `java -version` where a packager left the file out."""
    try:
        return (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        pass
    try:
        answer = subprocess.run(
            [home / "bin" / _program("java"), "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stderr


def _major(release: str) -> int | None:
    """17 from `JAVA_VERSION="17.0.15"` or `openjdk version "17.0.15"`; 8 from 1.8.0."""
    match = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', release)
    return int(match.group(1)) if match else None


def _remedy() -> str:
    """What to do, naming a fitting JDK that is already there."""
    for folder in sorted(Path(_JDK_FOLDERS).glob("*/release")):
        version = _major(folder.read_text(encoding="utf-8", errors="replace"))
        if version == OLDEST:
            return f"set JAVA_HOME={folder.parent}"
    return (
        f"install a JDK {OLDEST} (Debian: apt install openjdk-{OLDEST}-jre-headless) and set JAVA_HOME to it"
    )


def find_spark(environ: Mapping[str, str]) -> Spark:
    """SPARK_HOME's Spark, else the pyspark wheel's. MachineError if there is neither."""
    wheel = _wheel()
    home = Path(environ["SPARK_HOME"]) if environ.get("SPARK_HOME") else wheel
    if home is None:
        raise MachineError("pyspark is not installed and SPARK_HOME is not set", remedy="install pyspark 3.5")
    if not (home / "jars").is_dir():
        raise MachineError(
            f"SPARK_HOME is {home}, which has no jars folder",
            field="SPARK_HOME",
            remedy="set it to a Spark 3.5 installation, or unset it to use the pyspark package's",
        )
    conf = Path(environ.get("SPARK_CONF_DIR") or home / "conf")
    settings = [f for f in conf.glob("*") if f.suffix != ".template"]
    return Spark(home, is_wheel=home == wheel, is_customised=bool(settings))


def _wheel() -> Path | None:
    """The folder of the installed pyspark package, found without importing it."""
    spec = find_spec("pyspark")
    return Path(spec.origin).parent if spec and spec.origin else None


def _program(name: str) -> str:
    return f"{name}.exe" if sys.platform == "win32" else name
