"""Rows that jobs hand on by a file or a table of a database: an import parts them, and says so."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fdm_platform.talend.chains import chain_of, chains
from fdm_platform.talend.model import Component, ContextVariable, TalendJob

_DATABASE = {"HOST": '"db"', "DBNAME": "context.dwh"}
_SHARED = {"USE_EXISTING_CONNECTION": "true", "CONNECTION": "tMysqlConnection_1"}


def _job(label: str, *components: Component) -> TalendJob:
    context = {
        "Default": (ContextVariable("dir", "id_Directory", "/data"), ContextVariable("dwh", "id_String", "d"))
    }
    return TalendJob(label, "0.1", f"{label}.item", components=components, contexts=context)


def _component(name: str, params: Mapping[str, str], *, is_active: bool = True) -> Component:
    return Component(name, name.rpartition("_")[0], params=params, is_active=is_active)


_FILE = _component("tFileOutputDelimited_1", {"FILENAME": 'context.dir + "/a.csv"'})
_TABLE = _component("tMysqlOutput_1", {**_DATABASE, "TABLE": '"stg_orders"'})
_CONNECTION = _component("tMysqlConnection_1", _DATABASE)


@pytest.mark.parametrize(
    ("writer", "reader", "read"),
    [
        (_FILE, _component("tFileInputDelimited_2", {"FILENAME": '"/data/a.csv"'}), "/data/a.csv"),
        (_FILE, _component("tFileInputDelimited_2", {"FILENAME": '"/data/b.csv"'}), ""),
        (_FILE, _component("tFileInputDelimited_2", {"FILENAME": '"/data/a.csv"'}, is_active=False), ""),
        (
            _TABLE,
            _component("tMysqlInput_2", {**_SHARED, "QUERY": '"SELECT x FROM d.STG_ORDERS o"'}),
            "stg_orders",
        ),
        (_TABLE, _component("tMysqlInput_2", {**_SHARED, "QUERY": '"SELECT x FROM stg_orders_2"'}), ""),
        (
            _TABLE,
            _component("tMysqlInput_2", {**_DATABASE, "HOST": '"other"', "QUERY": '"FROM stg_orders"'}),
            "",
        ),
    ],
)
def test_an_input_that_reads_what_an_output_writes_is_told(
    writer: Component, reader: Component, read: str
) -> None:
    own = chains([chain_of(_job("one", writer, _CONNECTION, reader), "one")])
    others = chains([chain_of(_job("one", writer), "one"), chain_of(_job("two", _CONNECTION, reader), "two")])

    told = [(r.component, r.expression, r.todo.split(" in ")[0]) for r in own.residues.get("one", [])]
    assert told == ([(reader.unique_name, read, f"Read the table of {writer.unique_name}")] if read else [])
    assert [(r.component, r.expression, r.todo.split(" in ")[0]) for r in others.residues.get("two", [])] == [
        (name, target, f"{todo} of one") for name, target, todo in told
    ]
