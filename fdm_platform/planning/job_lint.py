"""What will bite in a legacy job's HQL: findings with line, rule and remedy. Nothing is run.

HQL is read by the tokenizer that binds it; scripts are read in script_lint.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fdm_platform.errors import SqlError
from fdm_platform.model.plan import Parameter
from fdm_platform.model.table import Severity
from fdm_platform.planning import sql
from fdm_platform.planning.fixed_dates import is_fixed_date
from fdm_platform.planning.names import suggest
from fdm_platform.planning.sample_parameters import sample

_SQL = re.compile(r"\s*('[^']*'|\d+)(\s*,\s*('[^']*'|\d+))+\s*|\s*'[^']*'\s*")
"""A list of literals, or a text in quotes of its own."""
VIEW_NAME = "view_name"
"""The placeholder that every step has a value for: its own view."""


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One place that will bite. An `error` loses data or cannot run; a `warn` runs as it always did."""

    file: str
    line: int
    rule: str
    severity: Severity
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Given:
    """What a job's scripts may give to exec_hql beside the job's own parameters (script_lint.given_to_hql)."""

    names: frozenset[str] = frozenset()
    """In lower case: every text and every argument's name that is written out in them."""
    is_all: bool = True
    """No call of exec_hql has a mapping whose names stand elsewhere."""

    def __or__(self, other: Given) -> Given:
        return Given(self.names | other.names, self.is_all and other.is_all)


NOTHING = Given()


def lint_hql(
    text: str,
    file: str,
    parameters: Mapping[str, Parameter] | None = None,
    by_script: Given = NOTHING,
) -> list[LintFinding]:
    """What is wrong with an HQL file, in order of line.

    `parameters` are what a run would bind, by name in any letter case; without them, no name is looked up.
    """
    try:
        samples = {p.name.lower(): sample(p.name) for p in sql.placeholders(text)}
        given = {name.lower(): p for name, p in (parameters or {}).items()}
        found = [
            *_fixed_dates(text, file),
            *(_unresolved(text, file, given, by_script) if parameters is not None else ()),
            *_sql_in_values(text, file, given),
        ]
        sql.bind(text, samples | given, file=file)
    except SqlError as error:
        remedy = error.remedy or "mend it: Spark would refuse it"
        return [LintFinding(file, error.line or 1, "syntax", "error", error.message, remedy)]
    return sorted(found, key=lambda f: f.line)


def _fixed_dates(text: str, file: str) -> Iterator[LintFinding]:
    for literal in sql.string_literals(text):
        if is_fixed_date(literal.text):
            yield LintFinding(
                file,
                literal.line,
                "fixed-date",
                "warn",
                f"{literal.text!r} stays the same whatever date is loaded",
                "write '${BIZ_DT}', '${PROCESS_FROM_DATE}' or '${PROCESS_TO_DATE}' where it is the run's",
            )


def _sql_in_values(text: str, file: str, given: Mapping[str, Parameter]) -> Iterator[LintFinding]:
    """`IN (${codes})` with `'A','B'` for codes: replaced as text it was a list, bound it is one text."""
    for placeholder in sql.placeholders(text):
        parameter = given.get(placeholder.name.lower())
        value = parameter.value if parameter and placeholder.form == "bare" else None
        if isinstance(value, str) and _SQL.fullmatch(value):
            yield LintFinding(
                file,
                placeholder.line,
                "sql-in-value",
                "warn",
                f"the value of {placeholder.name!r} has literals of SQL in it, and is bound as one text",
                "write array_contains(split('${…}', ','), column), with a value without quotes",
            )


def _unresolved(
    text: str, file: str, given: Mapping[str, Parameter], by_script: Given
) -> Iterator[LintFinding]:
    """An error only where the script cannot give a value either."""
    for placeholder in sql.placeholders(text):
        if placeholder.name.lower() not in {*given, VIEW_NAME, *by_script.names}:
            unless = "" if by_script.is_all else ", unless the script gives it to exec_hql"
            yield LintFinding(
                file,
                placeholder.line,
                "unresolved-placeholder",
                "error" if by_script.is_all else "warn",
                f"nothing resolves the placeholder {placeholder.name!r}{unless}",
                suggest(placeholder.name, sorted(p.name for p in given.values())),
            )
