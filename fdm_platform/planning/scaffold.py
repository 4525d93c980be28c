"""The files of a new table, as `fdm new table` writes them."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

VIEW = "row1"


def new_table_files(
    entity: str, source_system: str, table: str, sources: Mapping[str, str]
) -> dict[str, str]:
    """Text by path below the table's folder: a declaration, a first HQL and a fixture test that passes.

    `sources` is the path template of each view; none means one CSV file a date, named after the table.
    """
    paths = dict(sources) or {VIEW: f"{table.lower().removeprefix('t_')}_{{biz_dt:%Y%m%d}}.csv"}
    step = f"{table.lower().removeprefix('t_')}.hql"
    return {
        "table.yaml": _declaration(entity, source_system, table, paths, step),
        step: _select(next(iter(paths))),
        "tests/first.yaml": _fixture(list(paths)),
    }


def _declaration(entity: str, source_system: str, table: str, paths: Mapping[str, str], step: str) -> str:
    lines = [
        f"entity: {_inline(entity)}",
        f"source_system: {_inline(source_system)}",
        f"table: {_inline(table)}",
        "description: What does the table hold?",
        "sources:",
        *(f"  {_inline(view)}: {_inline({'path': path})}" for view, path in paths.items()),
        f"steps: {_inline([step])}",
        "partition_by: [biz_dt]",
    ]
    return "\n".join([*lines, ""])


def _inline(value: object) -> str:
    """The value as YAML on one line, quoted where it must be."""
    text: str = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=1000)
    return text.strip()[1:-1]


def _select(view: str) -> str:
    return f"SELECT\n  {view}.*,\n  CAST('${{BIZ_DT}}' AS DATE) AS biz_dt\nFROM {view}\n"


def _fixture(views: list[str]) -> str:
    sources = "".join(f"  {view}:\n    - {{id: A1}}\n" for view in views)
    return (
        "name: every row of the source is loaded\n"
        "biz_dt: 2024-05-15\n"
        f"sources:\n{sources}"
        "expected:\n"
        "  - {id: A1, biz_dt: 2024-05-15}\n"
    )
