"""Jars by coordinates and checksum: from a repository on disk, from ~/.m2, and never a damaged one."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fdm_platform.control.kudu.maven import CLIENT_JARS, KUDU_BINARY, Artifact, resolve
from fdm_platform.errors import MachineError
from fdm_platform.model.settings import MAVEN_CENTRAL, Settings

CONTENT = b"a jar" * 100_000
ARTIFACT = Artifact("org.example", "thing", "1.2", hashlib.sha256(CONTENT).hexdigest(), "linux")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own: ~/.m2 of the machine must not answer."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def repository(tmp_path: Path) -> str:
    _put(tmp_path / "repository", CONTENT)
    return (tmp_path / "repository").as_uri()


def _put(root: Path, content: bytes) -> None:
    (root / ARTIFACT.path).parent.mkdir(parents=True, exist_ok=True)
    (root / ARTIFACT.path).write_bytes(content)


def test_a_jar_is_fetched_once_and_then_found_without_a_repository(tmp_path: Path, repository: str) -> None:
    jar = resolve(ARTIFACT, tmp_path / "cache", repository)
    assert jar == tmp_path / "cache/maven/org/example/thing/1.2/thing-1.2-linux.jar"
    assert jar.read_bytes() == CONTENT
    assert resolve(ARTIFACT, tmp_path / "cache", "file:///nowhere") == jar
    assert sorted(file.name for file in jar.parent.iterdir()) == [jar.name, f"{jar.name}.verified"]


def test_a_known_jar_is_not_read_again(tmp_path: Path, repository: str) -> None:
    jar = resolve(ARTIFACT, tmp_path / "cache", repository)
    changed_at = jar.stat().st_mtime_ns
    jar.write_bytes(CONTENT[:-1] + b"X")
    os.utime(jar, ns=(changed_at, changed_at))
    assert resolve(ARTIFACT, tmp_path / "cache", "file:///nowhere") == jar


def test_a_jar_damaged_in_the_cache_is_fetched_again(tmp_path: Path, repository: str) -> None:
    jar = resolve(ARTIFACT, tmp_path / "cache", repository)
    jar.write_bytes(CONTENT[:-1] + b"X")
    assert resolve(ARTIFACT, tmp_path / "cache", repository).read_bytes() == CONTENT


def test_a_version_that_expects_another_content_does_not_take_the_one_in_the_cache(
    tmp_path: Path, repository: str
) -> None:
    resolve(ARTIFACT, tmp_path / "cache", repository)
    other = dataclasses.replace(ARTIFACT, sha256="0" * 64)
    with pytest.raises(MachineError, match=f"expected {'0' * 64}"):
        resolve(other, tmp_path / "cache", repository)


def test_a_damaged_download_is_refused_and_leaves_nothing(tmp_path: Path, repository: str) -> None:
    _put(tmp_path / "repository", b"an error page of a proxy")
    with pytest.raises(MachineError) as caught:
        resolve(ARTIFACT, tmp_path / "cache", repository)
    assert f"{repository}/{ARTIFACT.path} is not org.example:thing:1.2:linux" in caught.value.message
    assert caught.value.remedy is not None
    assert "FDM_MAVEN_REPOSITORY" in caught.value.remedy
    assert [file for file in (tmp_path / "cache").rglob("*") if file.is_file()] == []


@pytest.mark.parametrize(
    "url",
    ["file:///nowhere", "/a/bare/path", "http://127.0.0.1:1/maven2", "https://[broken", "http://h:port"],
)
def test_a_repository_that_cannot_be_had_is_named_with_both_ways_out(tmp_path: Path, url: str) -> None:
    with pytest.raises(MachineError) as caught:
        resolve(ARTIFACT, tmp_path / "cache", url)
    assert f"cannot fetch org.example:thing:1.2:linux from {url}/org/example" in caught.value.message
    by_hand = tmp_path / "cache" / "maven" / ARTIFACT.path
    assert caught.value.remedy == (
        f"set FDM_MAVEN_REPOSITORY to a mirror of Maven Central, or put the file at {by_hand} by hand"
    )


def test_a_file_put_in_place_by_hand_is_taken_when_its_checksum_is_right(tmp_path: Path) -> None:
    _put(tmp_path / "cache" / "maven", CONTENT)
    assert resolve(ARTIFACT, tmp_path / "cache", "file:///nowhere").read_bytes() == CONTENT


def test_a_jar_of_maven_itself_is_taken_when_its_checksum_is_right(tmp_path: Path, home: Path) -> None:
    _put(home / ".m2" / "repository", CONTENT + b"!")
    with pytest.raises(MachineError, match="cannot fetch"):
        resolve(ARTIFACT, tmp_path / "cache", "file:///nowhere")
    _put(home / ".m2" / "repository", CONTENT)
    assert resolve(ARTIFACT, tmp_path / "cache", "file:///nowhere").read_bytes() == CONTENT


def test_a_cache_that_is_a_file_is_named_by_its_setting(tmp_path: Path, repository: str) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(MachineError, match="FDM_CACHE: cannot write"):
        resolve(ARTIFACT, tmp_path / "cache", repository)


def test_processes_that_fetch_at_once_all_get_the_jar(tmp_path: Path, repository: str) -> None:
    program = (
        "import sys; from pathlib import Path; from fdm_platform.control.kudu.maven import Artifact, resolve;"
        f"print(resolve({ARTIFACT!r}, Path(sys.argv[1]), sys.argv[2]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "cache"), repository]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = {process.communicate()[0].strip() for process in running}
    assert [process.returncode for process in running] == [0] * 4
    (jar,) = answers
    assert Path(jar).read_bytes() == CONTENT


def test_the_repository_is_a_setting_that_children_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "dagster.yaml").touch()
    environ = {"FDM_PROJECT": str(tmp_path)}
    assert Settings.from_environ(environ).maven_repository == MAVEN_CENTRAL
    settings = Settings.from_environ({**environ, "FDM_MAVEN_REPOSITORY": "https://mirror/maven"})
    assert settings.maven_repository == "https://mirror/maven"
    assert settings.child_environ["FDM_MAVEN_REPOSITORY"] == "https://mirror/maven"


def test_the_jars_of_the_client_are_those_of_one_version() -> None:
    assert [artifact.coordinates for artifact in CLIENT_JARS] == [
        "org.apache.kudu:kudu-client:1.18.0",
        "com.stumbleupon:async:1.4.1",
        "org.slf4j:slf4j-api:1.7.36",
        "org.slf4j:slf4j-simple:1.7.36",
    ]
    assert KUDU_BINARY.path.endswith("/kudu-binary/1.18.0/kudu-binary-1.18.0-linux-x86_64.jar")
