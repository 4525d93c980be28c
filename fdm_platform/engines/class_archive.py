"""Java's class-data archive of Spark: a second less for each cold start, made once per JDK and Spark.

    <cache>/class-data/<key>/classes.jsa    what the JVM maps
                             jars/          unsigned copies of Spark's few signed jars; LocalFiles, compiled
                             stamp.json     size and time of classes.jsa when it was finished
                             failed.json    the last attempt to make it failed

The key covers what the JVM compares: the JDK's build and the jars' names, sizes and times, in the
folder's own order; and the texts of what makes the archive, so that a new version of the platform makes
its own. An archive that differs from its stamp is damaged or foreign: it is ignored and made again.
Janino, which compiles Spark's generated code, comes in signed jars, and the JVM archives no class of a
signed jar; nothing checks these signatures, so copies without them stand in for them.

    python -m fdm_platform.engines.class_archive CACHE      makes it, if it is missing
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fdm_platform.engines import command
from fdm_platform.engines.command import ClassArchive, Machine
from fdm_platform.engines.java import Jdk, Spark, find_jdk, find_spark
from fdm_platform.errors import MachineError

TRAINING = Path(__file__).parent / "archive_training.py"
JAVA_COMPILER = Path(__file__).parent / "java_compiler.py"
LOCAL_FILES = Path(__file__).parent / "LocalFiles.java"
_MADE_WITH = (Path(__file__), TRAINING, JAVA_COMPILER, LOCAL_FILES)

_LOCK_EXPIRES_S = 600
_RETRY_AFTER_S = 3600
_BUILD_TIMEOUT_S = 300
_KEPT = 4
"""Archives kept in a cache, 120 MB each: those of the last few combinations of JDK and Spark."""

_builders: list[subprocess.Popen[bytes]] = []
"""Builders that this process started: they outlive it, and Python warns of a running process it forgets."""


def ready(cache: Path, jdk: Jdk, spark: Spark) -> ClassArchive | None:
    """The archive for this JDK and Spark, if it is there and whole. Costs a few milliseconds."""
    folder = _folder(cache, jdk, spark)
    archive = folder / "classes.jsa"
    try:
        stamp = json.loads((folder / "stamp.json").read_text())
        is_whole = stamp == _stamp(archive) and _local_files(folder).is_file()
    except (OSError, ValueError):
        return None
    return ClassArchive(archive, folder / "jars") if is_whole else None


def ensure(cache: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The archive's path if it is ready; None otherwise, and then it is being made in the background."""
    jdk, spark = find_jdk(environ), find_spark(environ)
    archive = ready(cache, jdk, spark)
    if archive is None:
        build_in_background(cache, jdk, spark)
    return archive.path if archive else None


def build_in_background(cache: Path, jdk: Jdk, spark: Spark) -> bool:
    """Start a process of its own, at the lowest priority, that makes the archive; False if there is no need."""
    folder = _folder(cache, jdk, spark)
    if ready(cache, jdk, spark) or _age_s(folder / "failed.json") < _RETRY_AFTER_S:
        return False
    if _age_s(_lock(folder)) < _LOCK_EXPIRES_S:
        return False
    nice = ["nice", "-n", "19"] if shutil.which("nice") else []
    environ = {**os.environ, "JAVA_HOME": str(jdk.home), "SPARK_HOME": str(spark.home)}
    environ["PYTHONPATH"] = _python_path()
    try:
        process = subprocess.Popen(
            [*nice, sys.executable, "-m", "fdm_platform.engines.class_archive", str(cache)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=environ,
        )
    except OSError:  # a load that is done must not fail for want of a faster next one
        return False
    _builders.append(process)
    return True


def build(cache: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Make the archive now if it is missing, in about half a minute; None if another process is at it.

    MachineError with the end of the JVM's log if it cannot be made; then it is left alone for an hour.
    """
    jdk, spark = find_jdk(environ), find_spark(environ)
    archive = ready(cache, jdk, spark)
    if archive:
        return archive.path
    folder = _folder(cache, jdk, spark)
    folder.mkdir(parents=True, exist_ok=True)
    if not _take(_lock(folder)):
        return None
    try:
        _make(folder, jdk, spark)
    finally:
        _lock(folder).unlink(missing_ok=True)
    _prune(folder.parent, keep=folder)
    return folder / "classes.jsa"


def _make(folder: Path, jdk: Jdk, spark: Spark) -> None:
    for old in ("stamp.json", "classes.jsa", "failed.json"):
        (folder / old).unlink(missing_ok=True)
    _copy_unsigned(spark.jars, folder / "jars")
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as work:
        unfinished = Path(work) / "classes.jsa"
        plain = Machine(jdk, spark, sys.executable)
        jar = _local_files(folder)
        _run(plain, command.compiler_argv(plain, JAVA_COMPILER, LOCAL_FILES, jar), folder, makes=jar)
        machine = replace(plain, archive=ClassArchive(unfinished, folder / "jars"))
        _run(machine, command.training_argv(machine, TRAINING, Path(work)), folder, makes=unfinished)
        unfinished.replace(folder / "classes.jsa")
    stamp = folder / "stamp.part"
    stamp.write_text(json.dumps(_stamp(folder / "classes.jsa")))
    stamp.replace(folder / "stamp.json")


def _run(machine: Machine, args: list[str], folder: Path, *, makes: Path) -> None:
    """Run one step of the making; MachineError with the end of its log, which is kept as `failed.json`."""
    environ = {**os.environ, "JAVA_HOME": str(machine.jdk.home), "SPARK_HOME": str(machine.spark.home)}
    environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONHASHSEED": "0"}
    environ |= {"PYTHONPATH": _python_path()}
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environ)
        try:
            code = process.wait(_BUILD_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        out.seek(0)
        log = out.read().decode(errors="replace")[-4000:]
    if code != 0 or not makes.is_file():
        (folder / "failed.json").write_text(json.dumps({"exit_code": code, "log": log}))
        raise MachineError(f"the class-data archive could not be made (exit code {code})\n{log}")


def _python_path() -> str:
    inherited = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(TRAINING.parents[2]), *([inherited] if inherited else [])])


def _copy_unsigned(jars: Path, copies: Path) -> None:
    """Copies of the signed jars without their signatures. Made anew, since their times are in the archive."""
    shutil.rmtree(copies, ignore_errors=True)
    copies.mkdir()
    for jar in jars.glob("*.jar"):
        with zipfile.ZipFile(jar) as signed:
            if any(_is_signature(n) for n in signed.namelist()):
                with zipfile.ZipFile(copies / jar.name, "w", zipfile.ZIP_DEFLATED) as copy:
                    for name in signed.namelist():
                        if not _is_signature(name):
                            copy.writestr(name, signed.read(name))


def _is_signature(name: str) -> bool:
    folder, _, file = name.upper().rpartition("/")
    return folder == "META-INF" and file.endswith((".SF", ".RSA", ".DSA", ".EC"))


def _local_files(folder: Path) -> Path:
    return folder / "jars" / "fdm-local-files.jar"


def _folder(cache: Path, jdk: Jdk, spark: Spark) -> Path:
    digest = hashlib.sha256(f"{jdk.home}\0{jdk.release}\0{spark.jars}".encode())
    for source in _MADE_WITH:
        digest.update(source.read_bytes())
    with os.scandir(spark.jars) as entries:  # in the order in which the JVM expands jars/*
        for entry in entries:
            stat = entry.stat()
            digest.update(f"\0{entry.name}\0{stat.st_size}\0{stat.st_mtime_ns}".encode())
    return cache / "class-data" / digest.hexdigest()[:16]


def _stamp(archive: Path) -> dict[str, int]:
    stat = archive.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _lock(folder: Path) -> Path:
    return folder / "lock"


def _take(lock: Path) -> bool:
    """Create the lock; one that is older than any build was left by a process that died."""
    if _age_s(lock) >= _LOCK_EXPIRES_S:
        lock.unlink(missing_ok=True)
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    return True


def _age_s(path: Path) -> float:
    """Seconds since the file was written; infinite if it is not there."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


def _prune(archives: Path, keep: Path) -> None:
    others = sorted((f for f in archives.iterdir() if f != keep), key=_age_s)
    for old in others[_KEPT - 1 :]:
        shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
