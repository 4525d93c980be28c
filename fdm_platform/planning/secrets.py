"""Which values are secrets. A plan holds `secret:<name>` in their place; what it stands for never leaves memory.

A value is a secret where its name matches one of the configured patterns, or where it says where the secret
is: `env:NAME`, a variable of the process that starts Spark, or `file:/path`, the text of a file. Of Spark
settings `file:/path` is a place of the setting's own (`spark.eventLog.dir`) unless the name matches, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import Any

from fdm_platform.errors import ParameterError, SqlError
from fdm_platform.model.plan import SECRET_MARK, LaunchProfile, Parameter, Setting
from fdm_platform.planning import sql

MASK = "******"

_VARIABLE = re.compile(r"env:[A-Za-z_]\w*")
_FILE = re.compile(r"file:/.*")
_SPARK = re.compile(r"spark\.", re.IGNORECASE)
_ON_COMMAND_LINE = re.compile(r"spark\.(driver|executor)\.(extra|default)JavaOptions")


@dataclass(slots=True)
class Secrets:
    """Tells secrets by name and form, and keeps those that were met, by name."""

    patterns: Sequence[str]
    """Globs, in any letter case, matched with the whole name and with what follows its last dot."""
    found: dict[str, str] = field(default_factory=dict, repr=False)

    def is_secret(self, name: str, value: object) -> bool:
        """The value of this name must not be seen."""
        if value is None:
            return False
        lower = name.lower()
        names = (lower, lower.rpartition(".")[2])
        is_named_so = any(fnmatchcase(n, p.lower()) for n in names for p in self.patterns)
        return is_named_so or _is_reference(name, value) or self._is_within(_parsed(value))

    def _is_within(self, parsed: Any) -> bool:
        """An object or a list holds a secret at some depth."""
        if isinstance(parsed, list):
            return any(self._is_within(v) for v in parsed)
        return isinstance(parsed, dict) and any(
            self._is_within(v) if isinstance(v, dict | list) else self.is_secret(k, v)
            for k, v in parsed.items()
        )

    def conceal(self, name: str, value: str) -> str:
        """What stands for the value in a plan: the value itself, unless it is a secret."""
        is_concealed = value.startswith(SECRET_MARK) and value.removeprefix(SECRET_MARK) in self.found
        if is_concealed or not self.is_secret(name, value):
            return value
        self.found[name] = value
        return SECRET_MARK + name

    def conceal_parameters(self, parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
        """The parameters, marked and without their value where they are secret."""
        return tuple(
            replace(p, value=self.conceal(p.name, str(p.value)), type="string", is_secret=True)
            if self.is_secret(p.name, p.value)
            else p
            for p in parameters
        )

    def conceal_setting(self, name: str, setting: Setting) -> Setting:
        """The Spark setting, without its value where it is secret."""
        return replace(setting, value=self.conceal(name, setting.value))

    def conceal_launch(self, launch: LaunchProfile) -> LaunchProfile:
        """The profile with its secret settings concealed; ParameterError for one that a command line would show."""
        options = ((f.name, getattr(launch, f.name)) for f in fields(launch))
        own = [(name, s) for name, s in options if isinstance(s, Setting) and _VARIABLE.fullmatch(s.value)]
        java = [(k, s) for k, s in launch.conf.items() if _ON_COMMAND_LINE.fullmatch(k)]
        for name, setting in (*own, *((k, s) for k, s in java if self.is_secret(k, s.value))):
            raise ParameterError(
                f"{name} says where a secret is, and would stand on a command line that every user can read",
                field=setting.origin,
                remedy="give it as text, or move what is secret in it to a Spark setting of its own",
            )
        conf = {name: self.conceal_setting(name, setting) for name, setting in launch.conf.items()}
        return replace(launch, conf=conf)


def _is_reference(name: str, value: object) -> bool:
    if not isinstance(value, str):
        return False
    is_place_of_file = _FILE.fullmatch(value) is not None and not _SPARK.match(name)
    return is_place_of_file or _VARIABLE.fullmatch(value) is not None


def masked(row: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    """A row of job_master or sys_params, as it is stored, with secrets masked: in JSON columns, too."""
    plain = {name: _masked_text(value, secrets) for name, value in row.items()}
    if "param_key" in row and secrets.is_secret(str(row["param_key"]), row.get("param_value")):
        plain["param_value"] = MASK
    return plain


def _masked_text(value: Any, secrets: Secrets) -> Any:
    """JSON as it was written, unless it holds a secret."""
    parsed = _parsed(value)
    hidden = _masked_json(parsed, secrets)
    return value if hidden == parsed else json.dumps(hidden, ensure_ascii=False)


def _parsed(value: Any) -> Any:
    """What a text that is a JSON object or list says; None for any other value."""
    try:
        return json.loads(value) if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") else None
    except ValueError:
        return None


def _masked_json(value: Any, secrets: Secrets) -> Any:
    if isinstance(value, list):
        return [_masked_json(v, secrets) for v in value]
    if not isinstance(value, dict):
        return value
    return {
        k: MASK if not isinstance(v, dict | list) and secrets.is_secret(k, v) else _masked_json(v, secrets)
        for k, v in value.items()
    }


def refuse_in_sql(text: str, parameters: Iterable[Parameter], file: str) -> None:
    """SqlError where a placeholder of the HQL stands for a secret: it would be seen in plans and logs."""
    secret = {p.name.lower(): p for p in parameters if p.is_secret}
    for placeholder in sql.placeholders(text) if secret else ():
        if placeholder.name.lower() in secret:
            raise SqlError(
                f"{placeholder.name} is a secret ({secret[placeholder.name.lower()].origin}) and would stand in the SQL",
                file=file,
                line=placeholder.line,
                column=placeholder.column,
                remedy="use it in a source's options, such as password: '{" + placeholder.name + "}'",
            )
