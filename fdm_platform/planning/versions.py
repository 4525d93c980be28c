"""What a published date was made from, as short hashes: when one differs from today's, the date is stale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from fdm_platform.model.codec import to_plain
from fdm_platform.model.control import JobMasterRow, SysParamRow
from fdm_platform.model.table import StepSpec, TableSpec
from fdm_platform.planning.parameters import resolve_parameters
from fdm_platform.planning.secrets import Secrets

_NOT_OF_ROWS = ("comments", "script_path")
"""Parameters that say something about the job and nothing about a table's rows."""


def code_version(table_yaml: str, steps: Iterable[StepSpec]) -> str:
    """Hash of what a table's rows depend on in its folder: the text of its YAML, and its HQL."""
    return _digest("\0".join([table_yaml, *(step.sql for step in steps)]))


def legacy_code_version(code: str, declared: str) -> str:
    """The same of a legacy job's table: of its script and HQL, and of the text of a table.yaml that refines it."""
    return _digest(f"{code}\0{declared}") if declared else code


def settings_version(
    *,
    spec: TableSpec,
    job: JobMasterRow | None,
    sys_params: Sequence[SysParamRow],
    environment: str,
    secrets: Secrets,
) -> str:
    """Hash of the parameters that job_master and sys_params give to every date. A secret's value is no part of it."""
    parameters = resolve_parameters(
        spec=spec, row=None, job=job, sys_params=sys_params, environment=environment, secrets=secrets
    )
    chosen = [p for p in secrets.conceal_parameters(parameters) if p.name not in _NOT_OF_ROWS]
    return _digest(json.dumps(to_plain([(p.name, p.type, p.value) for p in chosen])))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
