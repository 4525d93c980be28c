"""Plans and machines for the tests of launching: values, as the planner makes them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from fdm_platform.engines.command import Machine
from fdm_platform.engines.java import Jdk, Spark
from fdm_platform.model.plan import (
    DatePlan,
    LaunchProfile,
    LoadPlan,
    OutputPlan,
    Setting,
    SourceFile,
    SourcePlan,
)

DAY = date(2024, 5, 15)
QUICK_JAVA = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
"""Environment for a spark-submit that is not ours: half the processor time, for JVMs that live a moment."""


def plan_of(
    *,
    load_id: str = "run-1.load",
    input_bytes: int = 1000,
    conf: dict[str, str] | None = None,
    py_files: tuple[str, ...] = (),
    **launch: str,
) -> LoadPlan:
    """A plan that reads so many bytes, with this launch profile."""
    profile: dict[str, Any] = {name: Setting(value, "test") for name, value in launch.items()}
    profile.setdefault("master", Setting("local[1]", "test"))
    profile["conf"] = {k: Setting(v, "test") for k, v in (conf or {}).items()}
    profile["py_files"] = tuple(Setting(f, "test") for f in py_files)
    source = SourcePlan("row1", "csv", "/data/in.csv", files=(SourceFile("/data/in.csv", input_bytes),))
    day = DatePlan(DAY, "due", "v1", "1", 0, "biz_dt=20240515", (source,), (), (), "/landing/.staging/run-1")
    output = OutputPlan(
        "/landing/t", (), ("biz_dt",), "yyyyMMdd", "snappy", 1 << 27, (), allow_empty=False, keep_versions=1
    )
    return LoadPlan(
        load_id=load_id,
        table="t",
        file="/sql/landing/gels/fpms/t/table.yaml",
        entity="GELS",
        source_system="FPMS",
        environment="DEV",
        job_id="1",
        job_name="etl_t",
        dates=(day,),
        transform=None,
        python_path=("/project/transforms",),
        output=output,
        launch=LaunchProfile(**profile),
    )


def machine_of(
    home: Path = Path("/spark"), *, is_wheel: bool = True, is_customised: bool = False, **more: Any
) -> Machine:
    """A machine with JDK 17 and this Spark."""
    jdk = Jdk(Path("/jdk17"), 17, 'JAVA_VERSION="17.0.15"')
    return Machine(jdk, Spark(home, is_wheel, is_customised), "/venv/bin/python", **more)


def values_of(command: list[str], option: str) -> list[str]:
    """The values of an option that may be given more than once."""
    return [command[i + 1] for i, word in enumerate(command) if word == option]


def a_jdk(home: Path, version: str | None) -> Path:
    """A folder that looks like a JDK of this version, whose java does nothing and fails."""
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("#!/bin/sh\necho 'no Java at all' >&2; exit 3\n")
    (home / "bin" / "java").chmod(0o755)
    if version:
        (home / "release").write_text(f'IMPLEMENTOR="Test"\nJAVA_VERSION="{version}"\n')
    return home
