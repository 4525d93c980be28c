"""Jars from Maven Central or a mirror of it, by coordinates and checksum, without Maven.

    jar = resolve(KUDU_BINARY, settings.cache, settings.maven_repository)

A jar stands in `<cache>/maven` in Maven's own layout; beside it a note of the size and time of change at
which its checksum was right. While they are the same, a jar is found without being read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from fdm_platform.errors import MachineError

TIMEOUT_S = 30.0
"""Longest silence of a repository."""

_SCHEMES = ("https://", "http://", "file://")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A jar by its Maven coordinates, and the SHA-256 of what it must hold, in hexadecimal."""

    group: str
    name: str
    version: str
    sha256: str
    classifier: str | None = None

    @property
    def coordinates(self) -> str:
        """Gradle's way to write them: group:name:version[:classifier]."""
        return ":".join(filter(None, (self.group, self.name, self.version, self.classifier)))

    @property
    def path(self) -> str:
        """Where it stands in a repository of Maven's layout."""
        file = "-".join(filter(None, (self.name, self.version, self.classifier)))
        return f"{self.group.replace('.', '/')}/{self.name}/{self.version}/{file}.jar"


KUDU_VERSION = "1.18.0"

KUDU_BINARY = Artifact(
    "org.apache.kudu",
    "kudu-binary",
    KUDU_VERSION,
    "7245bf6322321ad47316920cc1b2499321f50391fcded450986be49fdd389e19",
    "linux-x86_64",
)
"""Kudu's servers and its command line."""

KUDU_CLIENT = Artifact(
    "org.apache.kudu",
    "kudu-client",
    KUDU_VERSION,
    "f581b3e2ca6b603fbbd705827d560ff8231ab23357dfb380dd9b863f3ad777f4",
)

CLIENT_JARS = (
    KUDU_CLIENT,
    # Version of kudu-client's POM, which does not shade it.
    Artifact(
        "com.stumbleupon",
        "async",
        "1.4.1",
        "118bce251e41b829459eb5a14124bd9edbc42ff554514c048395cc3c6830c73a",
    ),
    # Optional in the POM, needed at run time; the binding has to be of the same version.
    Artifact(
        "org.slf4j",
        "slf4j-api",
        "1.7.36",
        "d3ef575e3e4979678dc01bf1dcce51021493b4d11fb7f1be8ad982877c16a1c0",
    ),
    Artifact(
        "org.slf4j",
        "slf4j-simple",
        "1.7.36",
        "2f39bed943d624dfa8f4102d0571283a10870b6aa36f197a8a506f147010c10f",
    ),
)
"""What a JVM needs to speak to Kudu: the whole class path."""


def resolve(artifact: Artifact, cache: Path, repository: str) -> Path:
    """The jar in the cache: found there, taken from ~/.m2, or downloaded from the repository's URL.

    Proxies are those of the environment. Any number of processes may ask at once. MachineError when
    it cannot be had, or when what the repository gave has another checksum.
    """
    jar = cache / "maven" / artifact.path
    if _is_verified(jar, artifact):
        return jar
    if _digest(jar) != artifact.sha256:
        _place(artifact, jar, repository)
    _note(jar, artifact)
    return jar


def _is_verified(jar: Path, artifact: Artifact) -> bool:
    """The jar is as it was when its checksum was found right."""
    try:
        return _note_of(jar).read_text() == _state(jar, artifact)
    except OSError:
        return False


def _note(jar: Path, artifact: Artifact) -> None:
    # Without a note the next process reads the jar once more: a cache that is read only will do.
    with suppress(OSError):
        temporary = _note_of(jar).with_suffix(f".{os.getpid()}")
        temporary.write_text(_state(jar, artifact))
        temporary.replace(_note_of(jar))


def _note_of(jar: Path) -> Path:
    return jar.with_suffix(".jar.verified")


def _state(jar: Path, artifact: Artifact) -> str:
    stat = jar.stat()
    return f"{artifact.sha256} {stat.st_size} {stat.st_mtime_ns}"


def _digest(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def _place(artifact: Artifact, jar: Path, repository: str) -> None:
    """Bring the jar into the cache in one move, once it is whole and has the right checksum."""
    try:
        jar.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=jar.parent, prefix=f".{jar.name}.", suffix=".part")
    except OSError as error:
        raise MachineError(
            f"cannot write {jar.parent}: {error.strerror}",
            field="FDM_CACHE",
            remedy="set FDM_CACHE to a folder that can be written",
        ) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            _fill(stream, artifact, jar, repository)
        temporary.chmod(0o644)
        temporary.replace(jar)
    finally:
        temporary.unlink(missing_ok=True)


def _fill(stream: BinaryIO, artifact: Artifact, jar: Path, repository: str) -> None:
    at_home = Path.home() / ".m2" / "repository" / artifact.path
    if _digest(at_home) == artifact.sha256:
        with at_home.open("rb") as source:
            shutil.copyfileobj(source, stream)
        return
    url = f"{repository.rstrip('/')}/{artifact.path}"
    found = _download(url, stream, artifact, jar)
    if found != artifact.sha256:
        raise MachineError(
            f"{url} is not {artifact.coordinates}: its SHA-256 is {found}, expected {artifact.sha256}",
            field="FDM_MAVEN_REPOSITORY",
            remedy=f"mend that repository, or {_remedy(jar)}",
        )


def _download(url: str, stream: BinaryIO, artifact: Artifact, jar: Path) -> str:
    """Copy what the URL gives, and return its SHA-256."""
    digest = hashlib.sha256()
    try:
        if not url.startswith(_SCHEMES):
            raise ValueError(f"the URL begins with none of {', '.join(_SCHEMES)}")  # noqa: TRY301 - told as any other
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - schemes checked above
            while block := answer.read(1 << 20):
                digest.update(block)
                stream.write(block)
    except (OSError, ValueError, HTTPException) as error:
        raise MachineError(
            f"cannot fetch {artifact.coordinates} from {url}: {error}",
            field="FDM_MAVEN_REPOSITORY",
            remedy=_remedy(jar),
        ) from error
    return digest.hexdigest()


def _remedy(jar: Path) -> str:
    return f"set FDM_MAVEN_REPOSITORY to a mirror of Maven Central, or put the file at {jar} by hand"
