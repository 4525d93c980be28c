"""Secrets of a load: looked up just before Spark starts, and handed over in files that this user alone can read.

The files stand in the load's folder until the driver has read them, or the load has ended. Standard library
only: the driver imports this.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.errors import ParameterError
from fdm_platform.model.plan import SECRET_MARK, DatePlan, LoadPlan

REDACTION = "spark.redaction.regex"
SPARKS_OWN_REDACTION = "(?i)secret|password|token|access[.]?key"
"""Default of spark.redaction.regex in Spark 3.5: settings that Spark hides in its UI and logs."""


def values_of(plan: LoadPlan, environ: Mapping[str, str]) -> dict[str, str]:
    """The plan's secrets by name. ParameterError for a variable or file that is not there."""
    return looked_up(plan.secrets, environ)


def looked_up(secrets: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Secrets by name, given where each is. ParameterError for a variable or file that is not there."""
    return {name: _look_up(name, kept, environ) for name, kept in secrets.items()}


def _look_up(name: str, kept: str, environ: Mapping[str, str]) -> str:
    kind, _, place = kept.partition(":")
    if kind == "env" and re.fullmatch(r"[A-Za-z_]\w*", place):
        if place in environ:
            return environ[place]
        raise ParameterError(
            f"the environment variable {place} is not set",
            field=name,
            remedy=f"set {place} where Dagster's runs are started, or correct the value of {name}",
        )
    if kind == "file" and place.startswith("/"):
        try:
            return Path(place).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
            raise ParameterError(
                f"the file of this secret cannot be read: {reason}",
                file=place,
                field=name,
                remedy=f"put the secret there, readable by this user, or correct the value of {name}",
            ) from error
    return kept


def secret_conf(plan: LoadPlan) -> dict[str, str]:
    """Spark settings of the plan that are secret, and the names of what they stand for."""
    marked = ((key, setting.value) for key, setting in plan.launch.conf.items())
    named = ((key, value.removeprefix(SECRET_MARK)) for key, value in marked if value.startswith(SECRET_MARK))
    return {key: name for key, name in named if name in plan.secrets}


def write_files(
    plan: LoadPlan, values: Mapping[str, str], secrets: Path, properties: Path, defaults: Path
) -> None:
    """Write the secrets for the driver, and the secret settings for spark-submit's `--properties-file`.

    That option takes the place of the site's `spark-defaults.conf`, which is therefore copied. OSError.
    """
    if not values:
        return
    write_private(secrets, json.dumps(values))
    conf = secret_conf(plan)
    if conf:
        site = defaults.read_text(encoding="utf-8") if defaults.is_file() else ""
        settings = {key: values[name] for key, name in conf.items()}
        if REDACTION not in plan.launch.conf:
            settings[REDACTION] = redaction(plan, _redaction_of(site))
        lines = [f"{key}={_escaped(value)}" for key, value in settings.items()]
        write_private(properties, "\n".join([site, *lines, ""]))


def redaction(plan: LoadPlan, base: str = SPARKS_OWN_REDACTION) -> str:
    """A pattern for spark.redaction.regex: what it was, and the names of the secret settings."""
    return "|".join([base, *(re.escape(key) for key in secret_conf(plan))])


def _redaction_of(site: str) -> str:
    """The pattern of a spark-defaults.conf, else Spark's own. In such a file a backslash is written twice."""
    found = re.findall(rf"(?m)^[ \t]*{re.escape(REDACTION)}[ \t]*[=: \t][ \t]*(.+?)[ \t]*$", site)
    return found[-1].replace("\\\\", "\\") if found else SPARKS_OWN_REDACTION


def take(plan: LoadPlan, folder: Path) -> tuple[LoadPlan, tuple[str, ...]]:
    """For the driver: the plan with its secrets, and their values. Their files are gone when this returns."""
    kept = folder / "secrets.json"
    try:
        values: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return plan, ()
    finally:
        for file in (kept, folder / "secrets.properties"):
            file.unlink(missing_ok=True)
    return replace(plan, dates=tuple(_revealed(d, values) for d in plan.dates)), tuple(values.values())


def secret_files(folder: LoadFolder) -> list[Path]:
    """The files of a load that may hold secrets, whether they are there or not; none may outlive it."""
    return [folder.secrets, folder.secret_properties, *folder.params_folder.glob("*")]


def values_in(folder: Path) -> tuple[str, ...]:
    """For a script's process, whose parameters file has them, too: the secrets that no message may quote."""
    try:
        values: dict[str, str] = json.loads((folder / "secrets.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    return tuple(values.values())


def _revealed(date: DatePlan, values: Mapping[str, str]) -> DatePlan:
    def reveal(text: Any) -> Any:
        if isinstance(text, str) and text.startswith(SECRET_MARK):
            return values.get(text.removeprefix(SECRET_MARK), text)
        return text

    sources = [replace(s, options={k: reveal(v) for k, v in s.options.items()}) for s in date.sources]
    parameters = [replace(p, value=reveal(p.value)) if p.is_secret else p for p in date.parameters]
    return replace(date, sources=tuple(sources), parameters=tuple(parameters))


def revealed(params: Any, kept: Mapping[str, str]) -> Any:
    """The legacy contract's parameters with secrets in place of where they are kept, in JSON columns, too.

    `kept`: the secrets by what the control tables have in their place, such as `env:PASSWORD`.
    """
    if isinstance(params, Mapping):
        return {k: revealed(v, kept) for k, v in params.items()}
    if isinstance(params, list | tuple):
        return [revealed(v, kept) for v in params]
    if not isinstance(params, str) or params in kept:
        return kept.get(params, params) if isinstance(params, str) else params
    return _revealed_json(params, kept)


def _revealed_json(text: str, kept: Mapping[str, str]) -> str:
    """A text as it was written, unless it is JSON that says where a secret is."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        parsed = json.loads(text)
    except ValueError:
        return text
    told = revealed(parsed, kept)
    return text if told == parsed else json.dumps(told, ensure_ascii=False)


def write_private(path: Path, text: str) -> None:
    """Write a file that this user alone can read, in place of one that is there."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _escaped(value: str) -> str:
    """As java.util.Properties reads it; Spark trims what is not escaped."""
    plain = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    ascii_only = "".join(c if c.isascii() else "".join(f"\\u{unit:04x}" for unit in _units(c)) for c in plain)
    return re.sub(r"^ ", r"\\ ", ascii_only)


def _units(character: str) -> list[int]:
    """UTF-16 units of a character."""
    encoded = character.encode("utf-16-be")
    return [int.from_bytes(encoded[i : i + 2]) for i in range(0, len(encoded), 2)]
