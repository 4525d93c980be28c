"""The command and environment of a load: decided here, from values alone; run by spark_submit.py.

There are two forms. `bin/spark-submit`, for every cluster and every customised Spark. And the lean one,
for Spark in local mode: SparkSubmit's JVM started directly, beside Python instead of before it
(lean_start.py), with settings that shorten a cold start and change no result.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fdm_platform.engines.java import Jdk, Spark
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.owner import ORPHAN_S, PATIENCE
from fdm_platform.engines.owner import VARIABLE as LOAD_FOLDER
from fdm_platform.engines.script_start import LEGACY_PLAN, MESSAGES
from fdm_platform.engines.secrets import REDACTION, redaction, secret_conf
from fdm_platform.errors import ParameterError
from fdm_platform.model.legacy import LegacyPlan
from fdm_platform.model.plan import LaunchProfile, LoadPlan, Setting

SMALL_INPUT_BYTES = 16 * 1024 * 1024
"""Up to here the JVM's start weighs more than its speed: C1 compiler, serial collector, no UI. CSV of 17 MB
took as long with either compiler (and 11 against 17 s of CPU); one of 64 MB took 1.5 times as long with C1."""

_LATE_C2 = (
    "-XX:Tier4InvocationThreshold=200000",
    "-XX:Tier4MinInvocationThreshold=120000",
    "-XX:Tier4CompileThreshold=200000",
    "-XX:Tier4BackEdgeThreshold=1000000",
)
"""C2 for code that is hot over many dates, not for what Spark generates for one small date and then drops.
30 dates of 5 MB, two cores: 53 and 56 s of CPU with these, 69 s without, 62 s at half of them, 68 s at 2.5 times."""

_ENGINES = Path(__file__).parent
DRIVER = _ENGINES / "driver.py"
LEAN_START = _ENGINES / "lean_start.py"
_LEGACY = _ENGINES.parent / "legacy"
LOG_SETTINGS = _ENGINES / "log4j2.properties"

# What Spark's own launcher gives a JVM from 17 on.
_OPENED = (
    "java.base/java.lang", "java.base/java.lang.invoke", "java.base/java.lang.reflect", "java.base/java.io",
    "java.base/java.net", "java.base/java.nio", "java.base/java.util", "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic", "java.base/jdk.internal.ref", "java.base/sun.nio.ch",
    "java.base/sun.nio.cs", "java.base/sun.security.action", "java.base/sun.util.calendar",
    "java.security.jgss/sun.security.krb5",
)  # fmt: skip
MODULE_OPTIONS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    *(f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED),
    "-Djdk.reflect.useDirectMethodHandle=false",
)

_QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For a JVM that ends before a better compiler and collector pay."""

LOCAL_FILES_CONF = {"spark.hadoop.fs.file.impl": "fdm_platform.LocalFiles"}
"""Files and folders without a process for the mode of each (LocalFiles.java); its jar stands with the archive."""

# As large loads have the UI and adaptive planning; what is archived costs a load without them nothing.
_TRAINING_CONF = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.adaptive.enabled": "true",
}

# Settings that only Spark's own launcher can turn into a JVM's command line.
_LAUNCHER_ONLY = ("spark.driver.extraClassPath", "spark.driver.extraLibraryPath")

_LONGEST_TAG = 100
"""YARN refuses longer ones: YarnConfiguration.APPLICATION_MAX_TAG_LENGTH of Hadoop 3.3."""
_LONGEST_LABEL = 63
"""Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/."""

# What cmd.exe, which runs spark-submit.cmd, would take as its own inside an argument.
_CMD_SPECIAL = re.compile(r'["&|<>^%!\r\n]')


@dataclass(frozen=True, slots=True)
class ClassArchive:
    """A class-data archive that is ready, and the jars that stood first on the class path when it was made.

    LocalFiles (see LOCAL_FILES_CONF) is in one of them.
    """

    path: Path
    jars: Path


@dataclass(frozen=True, slots=True)
class Machine:
    """What the command is made for."""

    jdk: Jdk
    spark: Spark
    python: str
    """The Python of this process."""
    archive: ClassArchive | None = None
    bundle: Path | None = None
    """A zip of the platform's driver, for nodes that do not have it."""
    conf_dirs: tuple[str, ...] = ()
    """Folders of Hadoop's configuration (HADOOP_CONF_DIR, YARN_CONF_DIR)."""
    is_windows: bool = False


def is_in_one_jvm(profile: LaunchProfile) -> bool:
    """Master `local` or `local[…]`; `local-cluster[…]` starts workers of its own."""
    return profile.master.value == "local" or profile.master.value.startswith("local[")


def is_lean(plan: LoadPlan, machine: Machine) -> bool:
    """The JVM can be started directly without losing anything that spark-submit would do."""
    profile = plan.launch
    return (
        is_in_one_jvm(profile)
        and not machine.spark.is_customised
        and not any(key in profile.conf for key in _LAUNCHER_ONLY)
    )


def is_small(plan: LoadPlan) -> bool:
    """The load reads little. What a script reads is not known."""
    return plan.legacy is None and plan.input_bytes <= SMALL_INPUT_BYTES


def argv(plan: LoadPlan, folder: LoadFolder, machine: Machine, *, driver: Path = DRIVER) -> list[str]:
    """The load's command, as a list for exec: no value is ever seen by a shell.

    ParameterError for a value that Windows' spark-submit.cmd cannot be handed safely.
    """
    program = [plan.legacy.script] if plan.legacy else [str(driver), str(folder.plan), str(folder.messages)]
    options = submit_options(plan, machine)
    if secret_conf(plan):
        options = ["--properties-file", str(folder.secret_properties), *options]
    if not is_lean(plan, machine):
        name = "spark-submit.cmd" if machine.is_windows else "spark-submit"
        command = [str(machine.spark.home / "bin" / name), *options, *program]
        return _checked_for_cmd(command) if machine.is_windows else command
    python = driver_python(plan.launch, machine.python)
    return [python, str(LEAN_START), *lean_jvm(plan, machine), *options, "pyspark-shell", "--", *program]


def compiler_argv(machine: Machine, script: Path, source: Path, jar: Path) -> list[str]:
    """The command that makes a jar of a Java file: a script beside a JVM that has Spark's jars."""
    jvm = [str(machine.jdk.java), "-cp", class_path(machine), *MODULE_OPTIONS, *_QUICK]
    main = ["org.apache.spark.deploy.SparkSubmit", "pyspark-shell", "--"]
    return [machine.python, str(LEAN_START), *jvm, *main, str(script), str(source), str(jar)]


def training_argv(machine: Machine, script: Path, work: Path) -> list[str]:
    """The command that makes `machine.archive`: the lean one, run on a script, archiving its classes at the end."""
    if machine.archive is None:
        raise ValueError("no archive to make")
    jvm = [
        str(machine.jdk.java),
        "-cp", class_path(machine),
        *MODULE_OPTIONS,
        "-Xmx1g", *_QUICK,
        f"-XX:ArchiveClassesAtExit={machine.archive.path}", "-Xlog:disable", "-Xlog:all=error:stderr",
        f"-Dlog4j2.configurationFile={LOG_SETTINGS.as_uri()}",
        "org.apache.spark.deploy.SparkSubmit",
    ]  # fmt: skip
    settings = [f"--conf={key}={value}" for key, value in {**_TRAINING_CONF, **LOCAL_FILES_CONF}.items()]
    options = ["--master", "local[2]", *settings, "pyspark-shell", "--"]
    return [machine.python, str(LEAN_START), *jvm, *options, str(script), str(work)]


def lean_jvm(plan: LoadPlan, machine: Machine) -> list[str]:
    """The java command with its options, and SparkSubmit as its main class."""
    profile = plan.launch
    memory = _value(profile.driver_memory) or _conf(profile, "spark.driver.memory") or "1g"
    extra = shlex.split(_conf(profile, "spark.driver.extraJavaOptions") or "")
    return [
        str(machine.jdk.java),
        "-cp", class_path(machine),
        *MODULE_OPTIONS,
        f"-Xmx{memory}",
        *_compiler_and_collector(plan),
        "-XX:-UsePerfData",
        *_archive_options(machine.archive),
        f"-Dlog4j2.configurationFile={LOG_SETTINGS.as_uri()}",
        *extra,
        "org.apache.spark.deploy.SparkSubmit",
    ]  # fmt: skip


def _compiler_and_collector(plan: LoadPlan) -> tuple[str, ...]:
    """By the bytes of all dates, and of the average one."""
    if is_small(plan):
        return _QUICK
    is_many_small = len(plan.dates) > 1 and plan.input_bytes <= SMALL_INPUT_BYTES * len(plan.dates)
    return "-XX:+UseParallelGC", *(_LATE_C2 if is_many_small else ())


def class_path(machine: Machine) -> str:
    """Spark's jars; before them, the archive's. An archive is used only if what it was made with stands first."""
    separator = ";" if machine.is_windows else ":"
    first = [str(machine.archive.jars / "*")] if machine.archive else []
    return separator.join([*first, str(machine.spark.jars / "*"), *machine.conf_dirs])


def _archive_options(archive: ClassArchive | None) -> list[str]:
    """An archive that does not fit is ignored (`-Xshare:auto`), and not a word about it on stdout."""
    if archive is None:
        return []
    return [
        "-Xshare:auto",
        f"-XX:SharedArchiveFile={archive.path}",
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
    ]


def submit_options(plan: LoadPlan, machine: Machine) -> list[str]:
    """spark-submit's options for the profile."""
    profile = plan.launch
    named = {
        "--master": profile.master,
        "--deploy-mode": profile.deploy_mode,
        "--driver-memory": profile.driver_memory,
        "--executor-memory": profile.executor_memory,
        "--num-executors": profile.num_executors,
        "--executor-cores": profile.executor_cores,
        "--queue": profile.queue,
        "--archives": profile.archives,
    }
    options = ["--name", plan.load_id]
    for name, setting in named.items():
        options += [name, setting.value] if setting else []
    options += _total_cores(profile)
    py_files = [f.value for f in profile.py_files] + [str(machine.bundle)] * (machine.bundle is not None)
    options += ["--py-files", ",".join(py_files)] if py_files else []
    for key, value in sorted(conf(plan, machine).items()):
        options += ["--conf", f"{key}={value}"]
    return options


def _total_cores(profile: LaunchProfile) -> list[str]:
    """Spark standalone knows no number of executors, only cores in all."""
    if not (profile.master.value.startswith("spark://") and profile.num_executors):
        return []
    cores = int(_value(profile.executor_cores) or 1)
    return ["--total-executor-cores", str(cores * int(profile.num_executors.value))]


def conf(plan: LoadPlan, machine: Machine) -> dict[str, str]:
    """Spark settings: our defaults for this kind of launch, then the profile's, which win."""
    profile = plan.launch
    settings = dict(_lean_conf(plan, machine)) if is_lean(plan, machine) else {}
    hidden = secret_conf(plan)
    settings |= {key: setting.value for key, setting in profile.conf.items() if key not in hidden}
    if hidden and REDACTION in settings:  # otherwise it stands in the secrets' own file, with the site's
        settings[REDACTION] = redaction(plan, settings[REDACTION])
    if is_yarn(profile.master.value):
        tags, own = settings.get("spark.yarn.tags"), yarn_tag(plan.load_id)
        settings["spark.yarn.tags"] = f"{tags},{own}" if tags else own
    if profile.master.value.startswith("k8s://"):
        settings["spark.kubernetes.executor.label.fdm-load"] = plan.load_id[:_LONGEST_LABEL].rstrip("-_.")
    return settings


def is_yarn(master: str | None) -> bool:
    """A load of this master is an application of YARN."""
    return bool(master and master.startswith("yarn"))


def yarn_tag(load_id: str) -> str:
    """The tag by which YARN knows a load's application."""
    return load_id[:_LONGEST_TAG]


def _lean_conf(plan: LoadPlan, machine: Machine) -> Iterator[tuple[str, str]]:
    if machine.archive:
        yield from LOCAL_FILES_CONF.items()
    yield "spark.driver.bindAddress", "127.0.0.1"
    yield "spark.driver.host", "127.0.0.1"
    yield "spark.ui.showConsoleProgress", "false"
    if is_small(plan):
        yield "spark.ui.enabled", "false"
        yield "spark.sql.adaptive.coalescePartitions.initialPartitionNum", "4"


def environment(
    plan: LoadPlan,
    folder: LoadFolder,
    machine: Machine,
    inherited: Mapping[str, str],
    *,
    has_params: bool,
    orphan_s: float = ORPHAN_S,
) -> dict[str, str]:
    """The load's environment: the inherited one, what Spark needs, and the legacy contract's variables.

    `orphan_s` is how long the driver goes on when its worker is gone.
    """
    table = Path(plan.file).parent.absolute()
    env = {k: v for k, v in inherited.items() if not k.startswith(("PYSPARK_", "_PYSPARK_"))}
    env |= {
        "JAVA_HOME": str(machine.jdk.home),
        "SPARK_HOME": str(machine.spark.home),
        "PYSPARK_DRIVER_PYTHON": driver_python(plan.launch, machine.python),
        "PYSPARK_PYTHON": _value(plan.launch.python_executable) or machine.python,
        "PYTHONPATH": os.pathsep.join(_python_path(plan, machine, inherited)),
        "PYTHONHASHSEED": "0",
        "JOB_BASE_DIR": str(table),
        "JOB_SQL_DIR": str(table),
        "LOG_FILE": str(folder.job_log),
        LOAD_FOLDER: str(folder.path),
        PATIENCE: str(orphan_s),
    }
    if plan.legacy:
        env |= _script_environment(plan.legacy, folder)
    if has_params:
        params = str(params_file(plan, folder))
        env |= {"JOB_PARAMS_FILE": params, "KUDU_JOB_PARAMS_FILE": params}
    if is_in_one_jvm(plan.launch):
        env.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    return env


def _script_environment(legacy: LegacyPlan, folder: LoadFolder) -> dict[str, str]:
    return {
        "JOB_BASE_DIR": legacy.base_dir,
        "JOB_SQL_DIR": legacy.sql_dir or os.path.join(legacy.base_dir, "sql"),  # noqa: PTH118 - text to text
        LEGACY_PLAN: str(folder.plan),
        MESSAGES: str(folder.messages),
    }


def params_file(plan: LoadPlan, folder: LoadFolder) -> Path:
    """Where the legacy contract's parameters file is."""
    return folder.params_of(plan.job_name) if plan.legacy else folder.params


def conf_dirs(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Folders of Hadoop's configuration."""
    return tuple(environ[n] for n in ("HADOOP_CONF_DIR", "YARN_CONF_DIR") if environ.get(n))


def driver_python(profile: LaunchProfile, own: str) -> str:
    """The driver's Python. A relative one, like `./env/bin/python`, is inside `archives`: on executors only."""
    named = _value(profile.python_executable)
    is_on_cluster = _value(profile.deploy_mode) == "cluster"
    if named is None or (named.startswith(".") and not is_on_cluster):
        return own
    return named


def _python_path(plan: LoadPlan, machine: Machine, inherited: Mapping[str, str]) -> Iterator[str]:
    yield str(_ENGINES.parent.parent)
    if plan.legacy:  # `import framework`, before what a job's folder may have of that name
        yield str(_LEGACY)
        yield str(Path(plan.legacy.script).parent)
        if not is_lean(plan, machine):
            yield str(_LEGACY / "started")
    yield from plan.python_path
    if not machine.spark.is_wheel or driver_python(plan.launch, machine.python) != machine.python:
        yield from sorted(str(z) for z in (machine.spark.home / "python" / "lib").glob("*.zip"))
    if inherited.get("PYTHONPATH"):
        yield inherited["PYTHONPATH"]


def _checked_for_cmd(command: list[str]) -> list[str]:
    """The command unless cmd.exe, which Windows runs a .cmd file with, would read more than text in it."""
    for argument in command:
        if _CMD_SPECIAL.search(argument):
            raise ParameterError(
                f"{argument!r} cannot be handed to spark-submit.cmd: it has a character that cmd.exe interprets",
                field="launch",
                remedy='leave out " & | < > ^ % ! and line breaks, or set it in spark-defaults.conf',
            )
    return command


def _value(setting: Setting | None) -> str | None:
    return setting.value if setting else None


def _conf(profile: LaunchProfile, key: str) -> str | None:
    return _value(profile.conf.get(key))
