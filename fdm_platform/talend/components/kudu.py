"""Kudu inputs: a source of the Kudu connector. Columns go by their names.

No job that has one was at hand: its parameters are told by how their names end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fdm_platform.talend.components.drafting import Draft, left_to_a_person
from fdm_platform.talend.components.flows import main_outputs, schema_of, sql_columns, view_name
from fdm_platform.talend.components.handler import Around, Handler, Rows
from fdm_platform.talend.components.settings import template
from fdm_platform.talend.expression import Cast, Ref
from fdm_platform.talend.model import Component
from fdm_platform.talend.plan import Converted, Output, Relation, Select, SourceInput, View

_TABLE = ("table", "tablename", "table_name")
_MASTER = ("master", "masters", "kudumaster", "server", "masteraddresses")


def _parameter(component: Component, endings: tuple[str, ...]) -> str:
    """The first parameter whose name, after its last dot, is one of these in any letter case."""
    for ending in endings:
        for name in component.params:
            if name.rsplit(".", 1)[-1].lower() == ending and component.text(name).strip(' "'):
                return name
    return ""


def _convert(component: Component, around: Around) -> Converted:
    table = _parameter(component, _TABLE)
    if not table:
        known = ", ".join(sorted(component.params)) or "none"
        return left_to_a_person(component, around, f"no parameter names its table; it has {known}")
    draft, outputs = Draft(component, around), main_outputs(around)
    todo = "Write it into table.yaml."
    master = _parameter(component, _MASTER)
    options = {
        "kudu.master": (template(draft, master, todo=todo) if master else None) or "{kudu.master.address}",
        "kudu.table": template(draft, table, todo=todo) or "TODO",
    }
    source = view_name(around.job, outputs[0].name if outputs else f"{component.unique_name}_source")
    columns = sql_columns(schema_of(component, next(iter(outputs), None)))
    values = tuple(Output(c.name, Cast(Ref(c.name, source), c.spark_type)) for c in columns)
    draft.add(View(draft.name(), columns), Select(values, Relation(source, source)), *outputs)
    draft.note("Kudu is read by its connector: set spark.jars.packages below launch")
    made = draft.done("source", f"{source} of table.yaml, {draft.name()}.hql")
    spec = {"format": "kudu", "options": options, "allow_empty": True}
    return replace(made, sources=(SourceInput(source, spec, component.unique_name),))


def _simulate(component: Component, around: Around, rows: Mapping[str, Rows]) -> Mapping[str, Rows]:
    outputs = main_outputs(around)
    source = view_name(around.job, outputs[0].name) if outputs else ""
    return {view_name(around.job, component.unique_name): list(rows[source])} if source in rows else {}


HANDLERS: Mapping[str, Handler] = {
    kind: Handler(_convert, _simulate) for kind in ("tKuduInput", "tApacheKuduInput", "KuduInput")
}
