"""Which values are secrets. A plan holds `secret:<name>` in their place; what it stands for never leaves memory.

A value is a secret where its name matches one of the configured patterns, or where it says where the secret
is: `env:NAME`, a variable of the process that starts Spark, or `file:/path`, the text of a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from fdm_platform.errors import SqlError
from fdm_platform.model.plan import SECRET_MARK, Parameter, Setting
from fdm_platform.planning import sql

MASK = "******"

_REFERENCE = re.compile(r"env:[A-Za-z_]\w*|file:/.*")


@dataclass(slots=True)
class Secrets:
    """Tells secrets by name and form, and keeps those that were met, by name."""

    patterns: Sequence[str]
    """Globs, in any letter case, matched with the whole name and with what follows its last dot."""
    found: dict[str, str] = field(default_factory=dict, repr=False)

    def is_secret(self, name: str, value: object) -> bool:
        """The value of this name must not be seen."""
        lower = name.lower()
        names = (lower, lower.rpartition(".")[2])
        return (isinstance(value, str) and _REFERENCE.fullmatch(value) is not None) or (
            value is not None and any(fnmatchcase(n, p.lower()) for n in names for p in self.patterns)
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


def masked(row: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    """A row of job_master or sys_params, as it is stored, with secrets masked: in JSON columns, too."""
    plain = {name: _masked_text(value, secrets) for name, value in row.items()}
    if "param_key" in row and secrets.is_secret(str(row["param_key"]), row.get("param_value")):
        plain["param_value"] = MASK
    return plain


def _masked_text(value: Any, secrets: Secrets) -> Any:
    """JSON objects as they were written, unless they hold a secret."""
    try:
        parsed = json.loads(value) if isinstance(value, str) and value.lstrip().startswith("{") else None
    except ValueError:
        return value
    hidden = _masked_json(parsed, secrets)
    return value if hidden == parsed else json.dumps(hidden, ensure_ascii=False)


def _masked_json(value: Any, secrets: Secrets) -> Any:
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
