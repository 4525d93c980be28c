"""The files of a table that a Talend job becomes: table.yaml, an HQL for each step, a test for each HQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fdm_platform.planning.specification import default_job_name
from fdm_platform.talend.conversion import ConversionOptions, JobPlan, TablePlan
from fdm_platform.talend.documents import to_yaml
from fdm_platform.talend.fixtures import StepTest, last_test
from fdm_platform.talend.java import SESSION_CONF
from fdm_platform.talend.naming import slug, unused
from fdm_platform.talend.plan import SqlColumn, Step
from fdm_platform.talend.sql import to_sql

TABLE_FILE = "table.yaml"
TAG = "talend_job"
"""The tag of a table that says of which job it is."""
_MOST_OF_A_TAG = 63
"""Characters of a tag's value."""


def job_files(
    plan: JobPlan, options: ConversionOptions, tests: Mapping[str, StepTest]
) -> dict[str, dict[str, str]]:
    """By table, text by path below the table's folder. What several tables have is printed once."""
    where = f"{plan.job.label} {plan.job.version}, {plan.job.file}"
    printed = {view: _test_text(test) for view, test in tests.items()}
    steps = {id(step): _step_text(step, plan) for table in plan.tables for step in table.steps}
    files: dict[str, dict[str, str]] = {}
    for table in plan.tables:
        last = last_test(table)
        own = printed | ({last.view: _test_text(last)} if last else {})
        comment = f"{table.sink.component} of {where}"
        files[table.name] = {TABLE_FILE: to_yaml(declaration(plan, table, options), comment)}
        for step in table.steps:
            files[table.name][f"{step.view}.hql"] = steps[id(step)]
            if step.view in own:
                files[table.name][f"tests/{step.view}.yaml"] = own[step.view]
    return files


def _step_text(step: Step, plan: JobPlan) -> str:
    """The step's HQL; above it, where it does not say so itself, whose it is."""
    comment = step.select.comment or f"{step.component}, from {plan.job.label} {plan.job.version}"
    return to_sql(replace(step.select, comment=comment))


def tag_of(plan: JobPlan) -> str:
    """What the tables of one job have in common."""
    return plan.name[:_MOST_OF_A_TAG]


def job_name(table: TablePlan, options: ConversionOptions) -> str:
    """The table's job in the control tables."""
    return default_job_name(options.entity, options.source_system, table.name)


def declaration(plan: JobPlan, table: TablePlan, options: ConversionOptions) -> dict[str, Any]:
    """The keys of table.yaml."""
    keys = list(table.sink.keys) or [c.name for c in table.columns if c.key]
    said = "\n\n".join(t for t in (plan.job.purpose.strip(), plan.job.description.strip()) if t)
    conf: dict[str, Any] = {**SESSION_CONF}
    if options.timezone:
        conf["spark.sql.session.timeZone"] = options.timezone
    values: dict[str, Any] = {
        "entity": options.entity,
        "source_system": options.source_system,
        "table": table.name,
        "description": said,
        "sources": {s.view: dict(s.spec) for s in table.sources},
        "steps": [f"{step.view}.hql" for step in table.steps],
        "columns": [_column(c) for c in table.columns],
        "partition_by": ["biz_dt"],
        "business_keys": keys,
        "checks": _checks(table),
        # What is rejected or left over is none on a good day.
        "allow_empty": not table.is_main,
        "launch": {"additional_conf": conf},
        "parity": {"keys": keys},
        "tags": {TAG: tag_of(plan)},
    }
    is_empty = {"description": not said, "allow_empty": table.is_main, "parity": not keys}
    needed = ("sources", "steps")
    return {k: v for k, v in values.items() if k in needed or (v not in ([], {}) and not is_empty.get(k))}


def _column(column: SqlColumn) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": column.name, "type": column.spark_type}
    if not column.nullable:
        plain["nullable"] = False
    if column.key:
        plain["key"] = True
    return plain


def _checks(table: TablePlan) -> list[dict[str, Any]]:
    """Under names of their own: two components may have chosen one name."""
    checks: list[dict[str, Any]] = []
    for check in table.checks:
        name = unused(str(check.spec.get("name") or slug(check.component)), [c["name"] for c in checks])
        checks.append({**check.spec, "name": name})
    return checks


def _test_text(test: StepTest) -> str:
    comment = f"TODO: say what is expected. {test.todo}" if test.todo else ""
    return to_yaml(test.document, comment)
