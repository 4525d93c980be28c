from __future__ import annotations

from pathlib import Path

import pytest

from fdm_platform.engines.java import find_jdk, find_spark
from fdm_platform.errors import MachineError
from fdm_platform_tests.engines.launching import a_jdk


def test_java_home_is_first(tmp_path: Path) -> None:
    home = a_jdk(tmp_path / "jdk", "17.0.15")
    jdk = find_jdk({"JAVA_HOME": str(home), "PATH": str(a_jdk(tmp_path / "other", "21.0.1") / "bin")})
    assert (jdk.home, jdk.version, jdk.java) == (home, 17, home / "bin" / "java")


def test_links_on_the_path_are_followed(tmp_path: Path) -> None:
    home = a_jdk(tmp_path / "jdk", "21.0.1")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    assert find_jdk({"PATH": str(tmp_path / "bin")}).home == home


@pytest.mark.parametrize("version", ["1.8.0_412", "11.0.2", "25.0.3"])
def test_a_wrong_version_is_named_with_its_place(tmp_path: Path, version: str) -> None:
    home = a_jdk(tmp_path, version)
    major = version.removeprefix("1.").split(".")[0]
    with pytest.raises(
        MachineError, match=f"found Java {major} in {home} .JAVA_HOME., but Spark 3.5 needs JDK 17"
    ) as raised:
        find_jdk({"JAVA_HOME": str(home)})
    assert "JAVA_HOME" in str(raised.value.remedy)
    assert raised.value.exit_code == 4


def test_no_java_at_all(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="JAVA_HOME is not set and there is no java on the PATH"):
        find_jdk({"PATH": str(tmp_path)})


def test_a_java_home_without_java(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=f"JAVA_HOME is {tmp_path}, which has no bin/java"):
        find_jdk({"JAVA_HOME": str(tmp_path)})


def test_a_jdk_that_does_not_tell_its_version(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot tell the Java version"):
        find_jdk({"JAVA_HOME": str(a_jdk(tmp_path, None))})


def test_without_a_release_file_java_is_asked(tmp_path: Path) -> None:
    home = a_jdk(tmp_path, None)
    (home / "bin" / "java").write_text("#!/bin/sh\necho 'openjdk version \"17.0.9\" 2023-10-17' >&2\n")
    assert find_jdk({"JAVA_HOME": str(home)}).version == 17


def test_the_wheels_spark_is_the_default() -> None:
    spark = find_spark({})
    assert spark.is_wheel
    assert not spark.is_customised
    assert list(spark.jars.glob("spark-core_*.jar"))


def test_a_spark_with_settings_of_its_site_is_customised(tmp_path: Path) -> None:
    (tmp_path / "jars").mkdir()
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-env.sh.template").touch()
    assert not find_spark({"SPARK_HOME": str(tmp_path)}).is_customised
    (tmp_path / "conf" / "spark-defaults.conf").touch()
    spark = find_spark({"SPARK_HOME": str(tmp_path)})
    assert spark.is_customised
    assert not spark.is_wheel


def test_a_spark_home_without_jars(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=f"SPARK_HOME is {tmp_path}, which has no jars folder"):
        find_spark({"SPARK_HOME": str(tmp_path)})
