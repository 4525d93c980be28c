"""The platform's settings: where things are. The only reader of the environment."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fdm_platform.errors import ParameterError

ENVIRONMENTS = ("DEV", "QA", "UAT", "PROD")
SECRET_NAMES = (
    *("*password*", "*passwd*", "*pwd", "*secret*", "*token*", "*credential*"),
    *("*api_key*", "*apikey*", "*access_key*", "*access.key*", "*private_key*"),
)
"""Names of parameters, settings and options whose values are secrets, in any letter case."""
WITH_RENAME = ("file", "hdfs", "viewfs")
"""Schemes of file systems that rename a folder in one step and refuse a name that is taken, as publishing needs."""
MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"


@dataclass(frozen=True, slots=True)
class Settings:
    """Every path is absolute.

    Each field is an environment variable: `FDM_` and its name in capitals, if it does not say another.
    """

    project: Path
    """Root of the project (`FDM_PROJECT`, default the working folder)."""
    home: Path
    """State of this deployment (`FDM_HOME`, default `.fdm` in the project)."""
    sql_root: Path
    """Declared tables (`FDM_SQL_ROOT`, default `sql/landing` in the project)."""
    source_root: Path
    """Source files (`FDM_SOURCE_ROOT`, default `data` in the home)."""
    landing: str
    """Published tables: a folder, or a URI of Hadoop's (`FDM_LANDING_ROOT`, default `fdm_landing` in the home)."""
    control_url: str
    """The control store (`FDM_CONTROL_URL`, default `sqlite:///<home>/control.db`)."""
    environment: str
    """Which of sys_params' environments this is (`FDM_ENV`, default DEV)."""
    cache: Path
    """What can be rebuilt, such as the class-data archive (`FDM_CACHE`, default ~/.cache/fdm_platform)."""
    maven_repository: str
    """URL that Kudu's jars are fetched from (`FDM_MAVEN_REPOSITORY`, default Maven Central)."""
    commit_wait_s: float
    """Seconds that a staged date waits for a control store that is away (`FDM_COMMIT_WAIT_S`, default 3600)."""
    secret_names: tuple[str, ...]
    """Globs of names whose values are secrets (`FDM_SECRET_NAMES`, by commas; default SECRET_NAMES)."""

    sensors: str = "stopped"
    """What sensors and schedules do that nobody has switched on or off: `running` or `stopped`, the default."""
    lease_s: float = 60.0
    """Seconds after which a load of another host that was not heard of is taken for dead (`FDM_LEASE_S`)."""
    lock_wait_s: float = 3600.0
    """Seconds that a load waits for another that works on the same date (`FDM_LOCK_WAIT_S`)."""
    on_restart: str = "adopt"
    """What is done with the Spark of a load whose process died: `adopt`, the default, or `end` (`FDM_ON_RESTART`)."""
    envs_allowed: tuple[str, ...] = ()
    """Further environments that a job may be run for here (`FDM_ENVS_ALLOWED`, by commas)."""
    legacy: str = ""
    """Where paths of legacy jobs are on this machine (`FDM_LEGACY`, default `legacy.yaml` in the project)."""
    code_server: str = ""
    """`host:port`, or path of a socket, of `dagster code-server start` (`FDM_CODE_SERVER`): it reloads definitions."""
    ui_url: str = ""
    """Address of Dagster's webserver, which can ask for the same (`FDM_UI_URL`; `fdm ui start` sets it)."""
    reload_every_s: float = 300.0
    """Seconds between two reloads of the definitions, at least (`FDM_RELOAD_EVERY_S`)."""

    @property
    def landing_root(self) -> Path:
        """The folder of published tables on this machine. ParameterError where they are on another file system."""
        if is_uri(self.landing):
            raise ParameterError(
                f"{self.landing} is no folder of this machine, which this needs",
                field="FDM_LANDING_ROOT",
                remedy="set it to a path",
            )
        return Path(self.landing)

    def table_root(self, name: str) -> str:
        """The folder of a published table: a path of this machine, or a URI."""
        return f"{self.landing}/{name}"

    @property
    def legacy_file(self) -> Path:
        """legacy.yaml, whether or not it is there."""
        return self.project / (self.legacy or "legacy.yaml")

    @property
    def work(self) -> Path:
        """Plans, messages and logs of loads."""
        return self.home / "loads"

    @property
    def journal(self) -> Path:
        """execution_log's rows until the control store has them."""
        return self.home / "journal"

    @property
    def child_environ(self) -> dict[str, str]:
        """Variables that give these settings, and Dagster's, to a child process."""
        own = {f"FDM_{name.upper()}": str(getattr(self, name)) for name in _PASSED_ON}
        return {
            **own,
            "FDM_LANDING_ROOT": self.landing,
            "FDM_SECRET_NAMES": ",".join(self.secret_names),
            "FDM_ENV": self.environment,
            "DAGSTER_HOME": str(self.dagster_home),
            "FDM_DAGSTER_STORAGE": os.environ.get("FDM_DAGSTER_STORAGE") or str(self.home / "dagster"),
        }

    @property
    def dagster_home(self) -> Path:
        """The folder of dagster.yaml: DAGSTER_HOME, else the project. ParameterError if it has none."""
        home = Path(os.environ.get("DAGSTER_HOME") or self.project)
        if (home / "dagster.yaml").is_file():
            return home
        raise ParameterError(
            "there is no dagster.yaml here",
            file=str(home),
            remedy="run from the project's root, or set FDM_PROJECT or DAGSTER_HOME to it",
        )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from the process's environment, or from a mapping of the same form."""
        env = os.environ if environ is None else environ
        project = Path(env.get("FDM_PROJECT") or ".").resolve()
        home = _path(env, "FDM_HOME", project / ".fdm", project)
        cache_home = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cls(
            project=project,
            home=home,
            sql_root=_path(env, "FDM_SQL_ROOT", project / "sql" / "landing", project),
            source_root=_path(env, "FDM_SOURCE_ROOT", home / "data", project),
            landing=_landing(env.get("FDM_LANDING_ROOT"), home / "fdm_landing", project),
            control_url=env.get("FDM_CONTROL_URL") or f"sqlite:///{home / 'control.db'}",
            environment=_environment(env.get("FDM_ENV") or "DEV"),
            cache=_path(env, "FDM_CACHE", cache_home / "fdm_platform", project),
            secret_names=_names(env.get("FDM_SECRET_NAMES")) or SECRET_NAMES,
            maven_repository=env.get("FDM_MAVEN_REPOSITORY") or MAVEN_CENTRAL,
            commit_wait_s=_seconds(env, "FDM_COMMIT_WAIT_S", 3600.0),
            sensors=_one_of(env, "FDM_SENSORS", "stopped", "running"),
            lease_s=_seconds(env, "FDM_LEASE_S", 60.0),
            lock_wait_s=_seconds(env, "FDM_LOCK_WAIT_S", 3600.0),
            on_restart=_one_of(env, "FDM_ON_RESTART", "adopt", "end"),
            envs_allowed=tuple(name.upper() for name in _names(env.get("FDM_ENVS_ALLOWED"))),
            legacy=env.get("FDM_LEGACY") or "",
            code_server=env.get("FDM_CODE_SERVER") or "",
            ui_url=(env.get("FDM_UI_URL") or "").rstrip("/"),
            reload_every_s=_seconds(env, "FDM_RELOAD_EVERY_S", 300.0),
        )


_PASSED_ON = (
    "project",
    "home",
    "sql_root",
    "source_root",
    "control_url",
    "cache",
    "maven_repository",
    "commit_wait_s",
    "sensors",
    "lease_s",
    "lock_wait_s",
    "on_restart",
    "legacy",
    "code_server",
    "ui_url",
    "reload_every_s",
)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _path(env: Mapping[str, str], name: str, default: Path, project: Path) -> Path:
    value = env.get(name)
    return (project / value).resolve() if value else default


def is_uri(place: str) -> bool:
    """It names its file system: `hdfs://…`, `file:///…`."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", place) is not None


def _landing(value: str | None, default: Path, project: Path) -> str:
    if not value or not is_uri(value):
        return ((project / value).resolve() if value else default).as_posix()
    parts = urlsplit(value)
    if parts.scheme.lower() in WITH_RENAME and parts.path.strip("/") and not parts.query + parts.fragment:
        return value.rstrip("/")
    raise ParameterError(
        f"tables cannot be published below {value}",
        field="FDM_LANDING_ROOT",
        remedy=f"set it to a path, or to a folder of a file system whose rename serves: {', '.join(WITH_RENAME)}",
    )


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name)
    try:
        seconds = float(text) if text else default
    except ValueError:
        seconds = math.nan
    if 0 <= seconds < math.inf:
        return seconds
    raise ParameterError(
        f"{text!r} is no number of seconds", field=name, remedy="set it to 0 or more, such as 3600"
    )


def _one_of(env: Mapping[str, str], name: str, default: str, other: str) -> str:
    word = env.get(name) or default
    if word in (default, other):
        return word
    raise ParameterError(f"{word!r} is not known", field=name, remedy=f"set it to {default} or {other}")


def _environment(name: str) -> str:
    if name.upper() in ENVIRONMENTS:
        return name.upper()
    raise ParameterError(
        f"{name!r} is not an environment",
        field="FDM_ENV",
        remedy=f"set it to one of {', '.join(ENVIRONMENTS)}",
    )
