"""Contexts and the order of jobs as rows of the control tables: a seed file for each job.

Context groups become sys_params, one environment each, under the names of the job's tables. No secret is written: its
row says in which variable of the environment it is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from fdm_platform.model.settings import ENVIRONMENTS, SECRET_NAMES
from fdm_platform.planning.secrets import Secrets
from fdm_platform.talend.contexts import environments
from fdm_platform.talend.model import Component, ContextVariable, TalendJob
from fdm_platform.talend.naming import password_parameter
from fdm_platform.talend.plan import Residue

_OWN = frozenset(
    """
    biz_dt process_from_date process_to_date start_dt end_dt process_dt reprocess_dt run_indicator change_indicator
    run_id env entity source_system job_name job_id script_path comments business_keys compare_cols
    """.split()  # noqa: SIM905 - a list of names is read by nobody
)
"""Parameters that the platform gives every load: a row of sys_params would have no say."""
_KINDS = {
    **dict.fromkeys(("id_Integer", "id_Long", "id_Short", "id_Byte"), "integer"),
    **dict.fromkeys(("id_Float", "id_Double", "id_BigDecimal"), "decimal"),
    "id_Boolean": "boolean",
    "id_Date": "timestamp",
}
_NOT_A_NAME = re.compile(r"\W+", re.ASCII)


@dataclass(slots=True)
class Seeds:
    """Rows by control table, and what is to be known of them."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    residues: list[Residue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, table: str, **row: Any) -> None:
        """One row."""
        self.rows.setdefault(table, []).append(row)

    def set(
        self, jobs: Iterable[str], environment: str, key: str, value: str | None, kind: str = "string"
    ) -> None:
        """A row of sys_params for each of these jobs."""
        for job in jobs:
            self.add(
                "sys_params",
                param_key=key,
                environment=environment,
                key_name=job,
                param_value=value,
                param_type=kind,
            )

    def say(self, note: str) -> None:
        """Something to be known, once."""
        if note not in self.notes:
            self.notes.append(note)


def job_seeds(
    job: TalendJob,
    name: str,
    job_names: Mapping[str, frozenset[str]],
    parents: Sequence[str] = (),
    contexts: Mapping[str, str] | None = None,
) -> Seeds:
    """The rows of a job whose tables have these job names, the main one first, with the names that each reads.

    The main table has the variables that none reads, too, but for secrets: a load would ask for them in vain.
    `name` is its slug, `parents` are job names of tables for which it waits, `contexts` says whose
    environment a context is, where its name does not.
    """
    seeds = Seeds()
    found = dict(_environments(job, contexts or {}, seeds))
    for context, environment in found.items():
        for variable in job.contexts[context]:
            readers = _readers(job_names, variable.name)
            rest = [job for job in list(job_names)[:1] if job not in readers and not _is_secret(variable)]
            _add_variable(seeds, variable, name, [*rest, *readers], environment)
    for component in job.components:
        _add_own_password(seeds, component, name, job_names, tuple(found.values()) or ENVIRONMENTS)
    if job_names and parents:
        _add_parents(seeds, next(iter(job_names)), parents)
    return seeds


def _readers(job_names: Mapping[str, frozenset[str]], parameter: str) -> list[str]:
    return [job for job, read in job_names.items() if parameter in read]


def _add_own_password(
    seeds: Seeds,
    component: Component,
    name: str,
    job_names: Mapping[str, frozenset[str]],
    environments: Sequence[str],
) -> None:
    """A password that a component has in itself, where a table asks for it."""
    parameter = password_parameter(component)
    readers = _readers(job_names, parameter)
    if readers and not any(r["param_key"] == parameter for r in seeds.rows.get("sys_params", ())):
        place = f"{component.unique_name}'s password, {parameter}"
        value = _secret(seeds, place, parameter, name)
        for environment in environments:
            seeds.set(readers, environment, parameter, value)


def _secret(seeds: Seeds, place: str, parameter: str, name: str) -> str:
    """What stands for it in the control tables; a person is told what to set."""
    reference = _NOT_A_NAME.sub("_", f"{name}_{parameter}").upper()
    todo = f"Set the variable {reference} in the environment in which loads are started."
    _once(seeds, place, "a secret, whose value is not written anywhere", todo)
    return f"env:{reference}"


def _environments(job: TalendJob, given: Mapping[str, str], seeds: Seeds) -> Iterator[tuple[str, str]]:
    """Each context with its environment; one that has none, or another's, is left to a person."""
    # `Default` is what Studio calls a context that nobody named: one that is called DEV comes before it.
    names = sorted(job.contexts, key=lambda name: name.lower() == "default")
    found = environments(names, given)
    yield from found.items()
    for context in names:
        if context not in found and job.contexts[context]:
            seeds.residues.append(_without_environment(context))
    rest = [e for e in ENVIRONMENTS if e not in found.values()]
    if found and rest and any(job.contexts.values()):
        seeds.notes.append(f"No context is that of {', '.join(rest)}: sys_params has no rows for it.")


def _without_environment(context: str) -> Residue:
    return Residue(
        "",
        f"context {context}",
        "",
        f"no environment, or another context's, is that of the context {context}: its values are not seeded",
        f"Import with --context {context}=ENV, one of {', '.join(ENVIRONMENTS)}.",
    )


def _add_variable(
    seeds: Seeds, variable: ContextVariable, name: str, job_names: Sequence[str], environment: str
) -> None:
    if variable.name.lower() in _OWN:
        seeds.say(
            f"`context.{variable.name}` is the load's own `{variable.name.lower()}`; its value in Talend is not seeded."
        )
        return
    if not job_names and _is_secret(variable):
        seeds.say(f"`context.{variable.name}` is a secret that no table reads: it is not seeded.")
        return
    value, kind = _value(seeds, variable, name)
    seeds.set(job_names, environment, variable.name, value, kind)


def _is_secret(variable: ContextVariable) -> bool:
    return variable.is_secret or Secrets(SECRET_NAMES).is_secret(variable.name, variable.value)


def _value(seeds: Seeds, variable: ContextVariable, name: str) -> tuple[str | None, str]:
    place = f"context.{variable.name}"
    if _is_secret(variable):
        return _secret(seeds, place, variable.name, name), "string"
    kind = _KINDS.get(variable.type, "string")
    try:
        return _PARSE[kind](variable.value), kind
    except (ValueError, InvalidOperation):
        if variable.value.strip():
            reason = f"its value is no {kind}: it is NULL"
            _once(seeds, place, reason, "Correct param_value in the seed file.", variable.value)
        return None, kind


def _once(seeds: Seeds, place: str, reason: str, todo: str, expression: str = "") -> None:
    found = Residue("", place, expression, reason, todo)
    if found not in seeds.residues:
        seeds.residues.append(found)


def _boolean(text: str) -> str:
    if text.strip().lower() not in ("true", "false"):
        raise ValueError(text)
    return text.strip().lower()


def _timestamp(text: str) -> str:
    """Studio writes `yyyy-MM-dd HH:mm:ss;2024-05-15 00:00:00`, or the date alone."""
    return datetime.fromisoformat(text.rpartition(";")[2].strip()).isoformat(" ")


_PARSE: dict[str, Callable[[str], str]] = {
    "string": str,
    "integer": lambda text: str(int(text)),
    "decimal": lambda text: format(Decimal(text.strip()), "f"),
    "boolean": _boolean,
    "timestamp": _timestamp,
}


def _add_parents(seeds: Seeds, job_name: str, parents: Sequence[str]) -> None:
    """job_dependency has one parent for each job: the key is the dependent alone."""
    first, *others = parents
    seeds.add(
        "job_dependency",
        dependent_job_id=job_name,
        dependent_job_name=job_name,
        parent_job_id=first,
        parent_job_name=first,
    )
    for other in others:
        seeds.residues.append(
            Residue(
                "", "job_dependency", "", f"it runs after {other}, too, and job_dependency has one parent for a job",
                "Read that table as a source, or let the parent wait for it.",
            )
        )  # fmt: skip
