"""MIGRATION.md of a job: every component, what became of it, and what a person still has to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from fdm_platform.talend.conversion import ConversionOptions, JobPlan
from fdm_platform.talend.declaring import TABLE_FILE
from fdm_platform.talend.plan import Fate, Outcome, Residue
from fdm_platform.talend.seeds import Seeds
from fdm_platform.talend.sql import todo_comment

Verdict = Literal["whole", "partly", "left", "note", "off"]
"""How much of a component came over: all, all but residues, nothing; or there was nothing to bring over."""

_SAYS: Mapping[Outcome, str] = {
    "source": "source", "step": "step", "check": "check", "dependency": "dependency", "seed": "seed",
    "output": "table", "note": "note", "off": "off", "residue": "**left to you**",
}  # fmt: skip
_BY_DESIGN = (
    "A table has no order of rows; a step that depends on one names it.",
    "A load replaces what its business date had; a date without rows fails unless table.yaml says `allow_empty: true`.",
    "Java counts UTF-16 units, Spark characters: lengths and positions differ behind characters beyond U+FFFF.",
    "A date that does not exist, such as 2024-02-30, is none; Java's lenient patterns make the next one of it.",
    "Subjobs ran one after the other; here each table is loaded by itself, after the tables that it reads.",
)
_PRODUCT = re.compile(r"^\D*-(?=\d)")
"""Before a version of talend.project: `Talend Open Studio for Data Integration-`."""
_MARKUP = re.compile(r"([\\`*_\[\]<>|#])")


def verdicts(plan: JobPlan) -> Mapping[str, Verdict]:
    """How much of each component came over."""
    touched = {r.component for r in plan.residues}
    return {f.component: _verdict(f, is_touched=f.component in touched) for f in plan.fates}


def _verdict(fate: Fate, *, is_touched: bool) -> Verdict:
    if fate.outcome == "residue":
        return "left"
    if fate.outcome == "off":
        return "off"
    if is_touched:
        return "partly"
    return "note" if fate.outcome == "note" else "whole"


def migration(plan: JobPlan, options: ConversionOptions, seeds: Seeds, files: Mapping[str, str]) -> str:
    """The file's text. `files` are those of the job's tables, by path below the folder of its source system."""
    parts = [
        *_head(plan, options),
        *_components(plan),
        *_to_do(plan, (*plan.residues, *seeds.residues), files),
        *_differences(plan),
        *_settings(seeds),
    ]
    return "\n".join([*parts, ""])


def _head(plan: JobPlan, options: ConversionOptions) -> Iterator[str]:
    job = plan.job
    product = _PRODUCT.sub("", job.product_version)
    version = f"Talend {product}" if product else "Talend version unknown"
    yield f"# {plain_text(job.label)} {job.version} ({plain_text(version)}, {plain_text(job.file)})"
    yield ""
    counts = Counter(verdicts(plan).values())
    yield (
        f"{_count(len(plan.fates), 'component')}: {counts['whole']} came over, {counts['partly']} in part, "
        f"{_count(counts['note'] + counts['off'], 'note')}, {counts['left']} left to a person."
    )
    prefix = f"{options.entity}_{options.source_system}_".lower()
    names = ", ".join(f"`{prefix}{t.name}`" for t in plan.tables)
    writes = any("Output" in fate.kind and fate.outcome != "off" for fate in plan.fates)
    without = "nothing that it writes could be told" if writes else "it has no output of its own"
    yield f"Tables: {names}." if names else f"No table: {without}."
    yield ""


def _components(plan: JobPlan) -> Iterator[str]:
    said = verdicts(plan)
    reasons = {r.component: r.reason for r in reversed(plan.residues)}
    yield "| component | kind | became | where |"
    yield "| --- | --- | --- | --- |"
    for fate in plan.fates:
        became = _SAYS[fate.outcome] + (", **in part**" if said[fate.component] == "partly" else "")
        where = _where(plan, fate.component)
        detail = reasons.get(fate.component, fate.detail) if fate.outcome == "residue" else fate.detail
        if detail and (not where or fate.outcome in ("residue", "check")):
            became += f": {plain_text(detail)}"
        yield f"| {plain_text(fate.component)} | {plain_text(fate.kind)} | {became} | {where or '-'} |"
    yield ""


def _where(plan: JobPlan, component: str) -> str:
    """Its files in one table, and the tables that have copies of its steps."""
    files: list[str] = []
    copies: list[str] = []
    for table, steps in plan.tables_of(component):
        others = {s.component for s in table.sources} | {c.component for c in table.checks}
        has_declared = component in {table.sink.component, *others}
        own = [TABLE_FILE] if has_declared else []
        own += [f"{step.view}.hql" for step in steps]
        if files and not any(f"/{name}`" not in " ".join(files) for name in own):
            copies.append(f"`{table.name}`")
        else:
            files += [f"`{table.name}/{name}`" for name in own]
    return ", ".join(files) + (f", copied in {', '.join(copies)}" if copies else "")


def _to_do(plan: JobPlan, residues: Sequence[Residue], files: Mapping[str, str]) -> Iterator[str]:
    yield "## What a person has to do"
    yield ""
    if not residues:
        yield "Nothing: all of it came over." if plan.tables else "Nothing: none of it writes rows."
        yield ""
    for number, residue in enumerate(residues, 1):
        places = _places(plan, residue, files)
        at = f" at `{places[0]}`" if places else ""
        if others := [f"`{p.partition('/')[0]}`" for p in places[1:]]:
            at += f" and in the copies of {', '.join(others)}"
        place = f", {plain_text(residue.place)}" if residue.place else ""
        yield f"{number}. **{plain_text(residue.component) or 'the job'}**{place}{at}: {plain_text(residue.reason)}."
        yield f"   {plain_text(residue.todo)}"
        yield from code_lines(residue.expression)
    if residues:
        yield ""


def _places(plan: JobPlan, residue: Residue, files: Mapping[str, str]) -> list[str]:
    """`t_policy/tMap_1_out1.hql:7`, wherever its TODO stands."""
    found = []
    comment = todo_comment(residue.expression, residue.reason)
    ending = todo_comment("", residue.reason).removeprefix("/* TODO ")
    for table, steps in plan.tables_of(residue.component):
        for step in steps:
            file = f"{table.name}/{step.view}.hql"
            lines = files.get(file, "").splitlines()
            for wanted in (comment, ending):
                hits = [n for n, line in enumerate(lines, 1) if wanted in line and "/* TODO " in line]
                if hits:
                    found.append(f"{file}:{hits[0]}")
                    break
    return found


def _differences(plan: JobPlan) -> Iterator[str]:
    yield "## What differs by design"
    yield ""
    by_text: dict[str, list[str]] = {}
    for note in plan.notes:
        by_text.setdefault(note.text, []).append(note.component)
    for text, components in by_text.items():
        yield f"- {plain_text(', '.join(dict.fromkeys(components)))}: {plain_text(text)}."
    yield from (f"- {text}" for text in _BY_DESIGN)
    yield ""


def _settings(seeds: Seeds) -> Iterator[str]:
    yield "## Settings and secrets"
    yield ""
    rows = seeds.rows.get("sys_params", [])
    if seeds.rows:
        counted = ", ".join(f"{_count(len(r), 'row')} of {table}" for table, r in seeds.rows.items())
        yield f"- `seeds.yaml` beside this file has {counted}: `fdm control seed` brings them in."
    environments = ", ".join(dict.fromkeys(str(r["environment"]) for r in rows))
    if environments:
        yield f"- Values of contexts are those of {environments}."
    yield from (f"- {note}" for note in seeds.notes)
    if seeds.residues:
        yield "- What is to be set or looked at is listed above."
    elif not (seeds.rows or seeds.notes):
        yield "None: the job has no context variables."


def code_lines(expression: str) -> Iterator[str]:
    """An expression as it was: on one line in a code span, else in a block that nothing in it closes."""
    text = expression.strip("\r\n")
    if not text.strip():
        return
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    if "\n" not in text:
        fence = "`" * (longest + 1)
        pad = " " if text.startswith("`") or text.endswith("`") else ""
        yield f"   {fence}{pad}{text}{pad}{fence}"
        return
    fence = "`" * max(longest + 1, 3)
    yield f"   {fence}java"
    yield from (f"   {line}" for line in text.splitlines())
    yield f"   {fence}"


def plain_text(text: str) -> str:
    """Text of a job as Markdown's plain text, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split())).replace("\\_", "_")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
