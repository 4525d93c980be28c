"""Output components: each is a sink, which becomes a table of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import (
    REJECT,
    called,
    main_input,
    output_view,
    relation,
    schema_of,
    sql_columns,
)
from fdm_platform.talend.components.handler import Around, Handler
from fdm_platform.talend.expression import FALSE, NULL, Cast
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Action, Check, Converted, Outcome, Output, Select, Sink, SqlColumn, View
from fdm_platform.talend.sql import name as quoted

_DATABASES = [
    "Mysql",
    "MSSql",
    "Oracle",
    "Postgresql",
    "PostgresPlus",
    "DB",
    "DB2",
    "JDBC",
    "Teradata",
    "Sybase",
    "SQLite",
    "HSQLDb",
    "Informix",
    "Netezza",
    "Vertica",
    "Redshift",
    "Greenplum",
    "Snowflake",
    "SAPHana",
    "Access",
    "AS400",
    "Firebird",
    "Ingres",
    "AmazonOracle",
    "AmazonMysql",
    "AmazonAurora",
]
_ACTIONS: Mapping[str, Action] = {
    "": "insert",
    "INSERT": "insert",
    "INSERT_IGNORE": "upsert",
    "INSERT_OR_UPDATE": "upsert",
    "UPDATE_OR_INSERT": "upsert",
    "INSERT_ON_DUPLICATE_KEY_UPDATE": "upsert",
    "INSERT_OR_UPDATE_WITH_INDEX": "upsert",
    "UPSERT": "upsert",
    "REPLACE": "upsert",
    "UPDATE": "update",
    "DELETE": "delete",
}
"""By DATA_ACTION; another one is an update for all that is known."""
_EMPTIES = frozenset(
    [
        "CLEAR",
        "TRUNCATE",
        "TRUNCATE_REUSE_STORAGE",
        "DROP_CREATE",
        "DROP_IF_EXISTS_AND_CREATE",
        "DELETE",
        "OVERWRITE",
    ]
)
_TARGETS = ("FILENAME", "FILE", "TABLE", "TABLE_NAME", "TABLENAME", "FOLDER", "FOLDER_PATH", "OUTPUT_FOLDER")
_TIME = re.compile(r"[HhKkmsSa]")
_QUOTED = re.compile(r"'[^']*'")


def stored(column: SqlColumn) -> SqlColumn:
    """A column as a table keeps it: a date whose pattern shows no time is a date."""
    pattern = (column.pattern or "").strip().strip('"')
    if column.spark_type == "timestamp" and pattern and not _TIME.search(_QUOTED.sub("", pattern)):
        return replace(column, spark_type="date")
    return column


def _target(component: Component) -> str:
    """The file or table, by whatever name the parameter has: those of Spark jobs differ by release."""
    for name in _TARGETS:
        for param in component.params:
            if param.upper().split(".")[-1].replace("_", "") == name.replace("_", "") and component.text(
                param
            ):
                return component.text(param)
    return ""


def _written(component: Component, view: View) -> Iterator[SqlColumn]:
    """Columns of the component that come in, under the view's names."""
    known = {called(c): c for c in view.columns}
    places = {c.name: c.precision for c in schema_of(component, None)}
    for column in sql_columns(schema_of(component, None)) or view.columns:
        if incoming := known.get(called(column)):
            spark_type = _rounded(incoming.spark_type, places.get(called(column)))
            yield stored(replace(column, name=incoming.name, spark_type=spark_type))


def _rounded(spark_type: str, places: int | None) -> str:
    """Talend writes a BigDecimal rounded half up to its column's places, as a cast does; its length it leaves to the target."""
    is_decimal = spark_type.startswith("decimal(")
    if not is_decimal or places is None or spark_type.endswith(f",{places})"):
        return spark_type
    return f"decimal(38,{min(places, 38)})"


def _keys(component: Component, columns: tuple[SqlColumn, ...]) -> tuple[str, ...]:
    if component.flag("USE_FIELD_OPTIONS"):
        rows = component.rows("FIELD_OPTIONS")
        chosen = {
            r.get("SCHEMA_COLUMN") for r in rows if "true" in (r.get("UPDATE_KEY"), r.get("DELETE_KEY"))
        }
        return tuple(c.name for c in columns if called(c) in chosen)
    return tuple(c.name for c in columns if c.key)


def _write(component: Component, around: Around, action: Action, text: str) -> Converted:
    incoming = main_input(around)
    if incoming is None:
        return left_to_a_person(component, around, "no flow comes in")
    flow, view = incoming
    draft, columns = Draft(component, around), tuple(_written(component, view))
    for column in sql_columns(schema_of(component, None)):
        if called(column) not in {called(c) for c in columns}:
            draft.residue(
                called(column), "", "no such column comes in", "Say what it holds, or leave it out."
            )
    _further(draft, view)
    _says(draft, action, text)
    outcome: Outcome = "residue" if action in ("update", "delete") else "output"
    made = draft.done(outcome, _target(component) or component.kind)
    keys = _keys(component, columns)
    sink = Sink(component.unique_name, flow, view, columns, action, keys, _target(component))
    return replace(made, sink=sink, checks=tuple(_one_row_a_key(sink)))


def _one_row_a_key(sink: Sink) -> Iterator[Check]:
    """Of rows of one key Talend keeps the last that comes; which that is, a table cannot tell: it has none of them."""
    keys = frozenset(sink.keys)
    if sink.action != "upsert" or not keys or any(unique <= keys for unique in sink.view.unique):
        return
    columns = ", ".join(quoted(key) for key in sink.keys)
    several = f"SELECT {columns} FROM {quoted(sink.view.name)} GROUP BY {columns} HAVING count(*) > 1"  # noqa: S608 - names, quoted
    spec = {
        "name": f"{sink.component}_keys",
        "severity": "error",
        "expect": f"(SELECT count(*) FROM ({several})) = 0",  # noqa: S608 - as above
        "description": "One row a key: of several Talend's table keeps the last, which nothing here tells.",
    }
    yield Check(spec, sink.component, reads=(sink.view.name,))


def _further(draft: Draft, view: View) -> None:
    """What comes out of an output: the rows again, and those that a database refused."""
    component, around = draft.component, draft.around
    for link in around.outputs:
        if link.connector != REJECT:
            draft.views[link.name] = view
            continue
        columns = sql_columns(schema_of(component, link))
        nothing = tuple(Output(c.name, Cast(NULL, c.spark_type)) for c in columns)
        draft.note("the rows that the database refused were its reject flow; a table refuses none")
        source = relation(*next(iter(around.inputs.items())))
        draft.add(
            View(output_view(around, component, link), columns), Select(nothing, source, where=FALSE), link
        )


def _says(draft: Draft, action: Action, text: str) -> None:
    component = draft.component
    draft.note(text)
    if action in ("update", "delete"):
        reason = (
            f"it {action}s rows of a table by their keys; a date of a landing table holds the rows of its run"
        )
        draft.residue(
            "DATA_ACTION", component.text("DATA_ACTION"), reason, "Decide what the table is to hold."
        )
    if action == "upsert":
        draft.note("rows of the same key are replaced in Talend's table; here each date keeps its own")
    if action == "append":
        draft.note(
            "Talend appends to what is there; here a date that is loaded again replaces its own rows alone"
        )
    if component.text("TABLE_ACTION") in _EMPTIES:
        draft.note("Talend empties the table first; here a load replaces the rows of its own date alone")
    for row in component.rows("ADD_COLS"):
        place, todo = row.get("COLNAME", "ADD_COLS"), "Add the column to the last step."
        draft.residue(place, row.get("SQL", ""), "a column that the database makes", todo)


def _file(component: Component, around: Around) -> Converted:
    if component.flag("USESTREAM"):
        return left_to_a_person(component, around, "it writes to a stream of the job's Java")
    text = "the rows are kept as ORC, NULL as NULL; Talend writes a text file, NULL as nothing"
    return _write(component, around, "append" if component.flag("APPEND") else "insert", text)


def _orc(component: Component, around: Around) -> Converted:
    action: Action = (
        "append" if component.text("ACTION", "OVERWRITE") in ("APPEND", "CREATE_APPEND") else "insert"
    )
    return _write(component, around, action, "the rows are kept as ORC below biz_dt")


def _table(component: Component, around: Around) -> Converted:
    written = component.text("DATA_ACTION") or component.text("ACTION_ON_DATA") or component.text("OPERATION")
    action = _ACTIONS.get(written.strip().upper(), "update")
    return _write(component, around, action, "the rows are kept as ORC below biz_dt, not in that database")


HANDLERS: Mapping[str, Handler] = {
    "tFileOutputDelimited": Handler(_file),
    **dict.fromkeys(("tFileOutputORC", "tFileOutputParquet", "tHiveOutput"), Handler(_orc)),
    **dict.fromkeys(("tKuduOutput", "tApacheKuduOutput"), Handler(_table)),
    **{f"t{name}Output": Handler(_table) for name in _DATABASES},
}
