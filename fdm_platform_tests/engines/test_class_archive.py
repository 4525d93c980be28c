"""One archive serves all of these tests, the machine's own where it has one; those that damage it put it back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fdm_platform.engines import class_archive
from fdm_platform.engines.command import ClassArchive
from fdm_platform.engines.java import find_jdk, find_spark
from fdm_platform.engines.spark_submit import start
from fdm_platform.errors import MachineError
from fdm_platform.model.settings import Settings
from fdm_platform_tests.engines.launching import a_jdk, plan_of
from fdm_platform_tests.faults.crashing import wait_for

DRIVER = """
import sys
from pyspark.sql import SparkSession
from fdm_platform.engines.messages import MessageWriter
from fdm_platform.model.report import DriverDone
spark = SparkSession.builder.getOrCreate()
spark.range(3).write.orc(OUT)
MessageWriter(sys.argv[2]).write(DriverDone({}, {"rows": 3}))
spark.stop()
"""

JDK, SPARK = find_jdk(os.environ), find_spark(os.environ)
MODES = {"out": 0o40755, "_SUCCESS": 0o100644, ".crc": 0o100644, ".orc": 0o100644}
"""Of what a load has written, by suffix or name: Hadoop's own, whatever the process's umask."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the archive that the machine has from what makes it now, as `fdm quickstart` leaves it; else a new one.

    To make it takes a minute of both cores. The JVM takes an archive whose jars are the same files under another name.
    """
    cache, machines = tmp_path_factory.mktemp("first"), Settings.from_environ().cache
    ready = class_archive.ready(machines, JDK, SPARK)
    if ready is None:
        class_archive.build(cache)
        return cache
    home = class_archive._folder(cache, JDK, SPARK)
    home.mkdir(parents=True)
    for name in ("classes.jsa", "stamp.json"):
        shutil.copy2(ready.path.with_name(name), home)
    (home / "jars").symlink_to(ready.jars)
    return cache


@pytest.fixture
def archive(built: Path) -> Iterator[Path]:
    """The archive, whose file times and content are put back after the test."""
    ready = class_archive.ready(built, JDK, SPARK)
    assert ready is not None
    stat = ready.path.stat()
    with ready.path.open("rb") as file:
        head = file.read(4096)
    yield ready.path
    ready.path.chmod(0o644)
    with ready.path.open("r+b") as file:
        file.write(head)
        file.truncate(stat.st_size)
    os.utime(ready.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def written(cache: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, int], list[str]]:
    """The modes of what a load with this cache has written, as MODES has them; and the calls of chmod that it took."""
    calls, bin_, out = folder / "calls", folder / "bin", folder / "out"
    bin_.mkdir()
    (bin_ / "chmod").write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec /bin/chmod "$@"\n')
    (bin_ / "chmod").chmod(0o755)
    monkeypatch.setenv("PATH", str(bin_), prepend=os.pathsep)
    driver = folder / "driver.py"
    driver.write_text(f"OUT = {str(out)!r}\n{DRIVER}")
    submission = start(plan_of(), work=folder, cache=cache, driver=driver)
    assert submission.report().metrics == {"rows": 3}
    assert submission.wait(180) == 0
    modes = {f.suffix or f.name: f.stat().st_mode for f in [out, *out.iterdir()]}
    return modes, calls.read_text().splitlines() if calls.exists() else []


def loaded_from_archive(archive: ClassArchive) -> set[str]:
    """Names of the classes that a JVM takes from the archive, of those it loads to say its usage."""
    java = [str(JDK.java), "-cp", f"{archive.jars}/*:{SPARK.jars}/*", "-Xlog:class+load"]
    shared = [f"-XX:SharedArchiveFile={archive.path}", "-Xshare:auto"]
    answer = subprocess.run(
        [*java, *shared, "org.apache.spark.deploy.SparkSubmit", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in answer.stdout.splitlines() if "shared objects file (top)" in line]
    return {words[words.index("source:") - 1] for words in lines}


@pytest.mark.spark
def test_a_load_ignores_a_damaged_one_and_has_it_made_again_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    home = class_archive._folder(cache, JDK, SPARK)
    home.mkdir(parents=True)
    (home / "classes.jsa").write_bytes(b"not an archive")
    (home / "stamp.json").write_text('{"size": 1, "mtime_ns": 1}')
    assert class_archive.ready(cache, JDK, SPARK) is None
    modes, calls = written(cache, tmp_path, monkeypatch)
    builder = class_archive._builders[-1]
    try:
        assert modes == MODES
        assert calls, "without the archive's LocalFiles Hadoop runs chmod"
        wait_for((home / "jars" / "fdm-local-files.jar").exists)
        assert not (home / "stamp.json").exists()
    finally:  # the minute that it takes to the end is for whoever has no archive yet, see `built`
        os.killpg(builder.pid, signal.SIGKILL)
        builder.wait()


@pytest.mark.spark
def test_java_takes_sparks_classes_from_it(built: Path) -> None:
    ready = class_archive.ready(built, JDK, SPARK)
    assert ready is not None
    assert "org.apache.spark.deploy.SparkSubmit" in loaded_from_archive(ready)


@pytest.mark.spark
def test_signed_jars_stand_in_it_without_their_signatures(built: Path) -> None:
    ready = class_archive.ready(built, JDK, SPARK)
    assert ready is not None
    copies = {jar.name.rpartition("-")[0]: jar for jar in ready.jars.iterdir()}
    assert set(copies) == {"janino", "commons-compiler", "fdm-local"}
    names = zipfile.ZipFile(copies["janino"]).namelist()
    assert "org/codehaus/janino/SimpleCompiler.class" in names
    assert not [n for n in names if n.endswith((".SF", ".RSA"))]


@pytest.mark.spark
def test_files_get_their_modes_without_a_process_for_each(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Hadoop's own file system gives them, which runs chmod."""
    assert written(built, tmp_path, monkeypatch) == (MODES, [])


@pytest.mark.spark
def test_a_second_build_has_nothing_to_do(built: Path, archive: Path) -> None:
    before = archive.stat().st_mtime_ns
    assert class_archive.build(built) == archive
    assert class_archive.ensure(built) == archive
    assert archive.stat().st_mtime_ns == before
    assert not class_archive.build_in_background(built, JDK, SPARK)


@pytest.mark.spark
def test_a_truncated_one_is_ignored(built: Path, archive: Path) -> None:
    archive.chmod(0o644)
    os.truncate(archive, 1_000_000)
    assert class_archive.ready(built, JDK, SPARK) is None


@pytest.mark.spark
def test_an_overwritten_one_is_ignored(built: Path, archive: Path) -> None:
    archive.chmod(0o644)
    with archive.open("r+b") as file:
        file.write(b"\0" * 4096)
    assert class_archive.ready(built, JDK, SPARK) is None


@pytest.mark.spark
def test_one_of_another_jdk_is_not_found(built: Path, tmp_path: Path) -> None:
    other = find_jdk({"JAVA_HOME": str(a_jdk(tmp_path, "17.0.1"))})
    assert class_archive.ready(built, other, SPARK) is None


@pytest.mark.spark
def test_one_copied_from_elsewhere_is_ignored(built: Path, archive: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "class-data" / archive.parent.name
    elsewhere.mkdir(parents=True)
    shutil.copyfile(archive.with_name("stamp.json"), elsewhere / "stamp.json")
    shutil.copyfile(archive, elsewhere / "classes.jsa")
    assert class_archive.ready(tmp_path, JDK, SPARK) is None


def test_a_jdk_that_cannot_make_one_is_left_alone(tmp_path: Path) -> None:
    jdk = a_jdk(tmp_path / "jdk", "17.0.1")
    environ = {"JAVA_HOME": str(jdk)}
    with pytest.raises(MachineError, match="the class-data archive could not be made"):
        class_archive.build(tmp_path / "cache", environ)
    folder = next((tmp_path / "cache" / "class-data").iterdir())
    assert json.loads((folder / "failed.json").read_text())["exit_code"] != 0
    assert not (folder / "lock").exists()
    assert class_archive.ready(tmp_path / "cache", find_jdk(environ), SPARK) is None
    assert not class_archive.build_in_background(tmp_path / "cache", find_jdk(environ), SPARK)


def test_only_one_process_builds(tmp_path: Path) -> None:
    folder = class_archive._folder(tmp_path, JDK, SPARK)
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    assert class_archive.build(tmp_path) is None
    assert not class_archive.build_in_background(tmp_path, JDK, SPARK)
    assert (folder / "lock").exists()


def test_old_archives_make_room(tmp_path: Path) -> None:
    for n in range(6):
        (tmp_path / str(n)).mkdir()
        os.utime(tmp_path / str(n), (n * 1000, n * 1000))
    class_archive._prune(tmp_path, keep=tmp_path / "0")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["0", "3", "4", "5"]
