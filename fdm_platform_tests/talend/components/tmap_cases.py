"""Cases of tMap and tJoin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fdm_platform.talend.model import Component, MapData, MapEntry, MapInput, MapOutput
from fdm_platform_tests.talend.components.cases import Case, Incoming
from fdm_platform_tests.talend.components.jobs import columns, component

Schema = dict[str, str]


def entries(text: str) -> tuple[MapEntry, ...]:
    """`id = row1.id; name = row2.name`; a type after a colon, `x:Integer! = row1.a + 1`."""
    return tuple(_entry(part) for part in text.split(";") if part.strip())


def _entry(text: str) -> MapEntry:
    left, _, java = text.partition("=")
    name, _, kind = left.strip().partition(":")
    return MapEntry(name, java.strip(), f"id_{kind.rstrip('!')}" if kind else None, nullable="!" not in kind)


def tmap(
    inputs: Sequence[MapInput],
    outputs: Sequence[tuple[MapOutput, str]],
    *,
    variables: str = "",
    dies: bool = True,
) -> Component:
    """A tMap; each output with its schema."""
    made = component("tMap", params={"DIE_ON_ERROR": str(dies).lower()})
    data = MapData(tuple(inputs), entries(variables), tuple(table for table, _ in outputs))
    return replace(made, map=data, schemas={table.name: columns(schema) for table, schema in outputs})


def looked_up(name: str, key: str, matching: str | None = None, **further: object) -> MapInput:
    """A lookup; `key` is `id = row1.id`."""
    made = MapInput(name, entries(key), matching)
    return replace(made, **further)  # type: ignore[arg-type]


OUT = MapOutput("out1", entries("id = row1.id; name = row2.name; n = row2.n"))
OUT_SCHEMA = "id:Integer name:String n:Integer!"
MAIN = Incoming("id:Integer a:Integer!", [(1, 10), (2, 20), (None, 30), (9, 40)])
LOOKUP = Incoming(
    "id:Integer name n:Integer!",
    [(1, "first", 1), (2, "two", 2), (1, "last", 3), (None, "none", 4)],
)
UNORDERED = Incoming(
    LOOKUP.schema, [(1, "one", 1), (1, "one", 1), (2, "two", 2), (7, "seven", 7)], is_ordered=False
)
ID = "id = row1.id"


def _lookup_case(
    name: str, lookup: MapInput, expected: Sequence[tuple[object, ...]], other: Incoming = LOOKUP
) -> Case:
    some = tmap([MapInput("row1"), lookup], [(OUT, OUT_SCHEMA)])
    return Case(f"tMap: {name}", some, {"row1": MAIN, "row2": other}, ["out1"], {"tMap_1_out1": expected})


LOOKUPS = [
    _lookup_case(
        "the last match, null with null, 0 where there is none",
        looked_up("row2", ID),
        [(1, "last", 3), (2, "two", 2), (None, "none", 4), (9, None, 0)],
    ),
    _lookup_case(
        "the first match",
        looked_up("row2", ID, "FIRST_MATCH"),
        [(1, "first", 1), (2, "two", 2), (None, "none", 4), (9, None, 0)],
    ),
    _lookup_case(
        "inner",
        looked_up("row2", ID, "UNIQUE_MATCH", is_inner=True),
        [(1, "last", 3), (2, "two", 2), (None, "none", 4)],
    ),
    _lookup_case(
        "all matches",
        looked_up("row2", ID, "ALL_MATCHES"),
        [(1, "first", 1), (1, "last", 3), (2, "two", 2), (None, "none", 4), (9, None, 0)],
    ),
    _lookup_case(
        "a filter after the match is picked, never the next candidate",
        looked_up("row2", ID, "UNIQUE_MATCH", filter="row2.n < 3"),
        [(1, None, 0), (2, "two", 2), (None, None, 0), (9, None, 0)],
    ),
    _lookup_case(
        "all matches of which a filter drops some are rows all the same",
        looked_up("row2", ID, "ALL_MATCHES", filter="row2.n < 3"),
        [(1, "first", 1), (1, None, 0), (2, "two", 2), (None, None, 0), (9, None, 0)],
    ),
    _lookup_case(
        "a filter is not asked of a row without a match, though Java would throw",
        looked_up("row2", ID, "ALL_MATCHES", filter="row2.m < 3"),
        [(1, "one", 1), (2, None, 0), (None, None, 0), (9, None, 0)],
        Incoming("id:Integer name n:Integer! m:Integer", [(1, "one", 1, 1), (2, "two", 2, 7)]),
    ),
    _lookup_case(
        "all matches, inner, with a filter",
        looked_up("row2", ID, "ALL_MATCHES", filter="row2.n < 3", is_inner=True),
        [(1, "first", 1), (2, "two", 2)],
    ),
    _lookup_case(
        "without keys each row with each that the filter leaves",
        looked_up("row2", "", "ALL_ROWS", filter="row2.n > row1.a / 10 + 1"),
        [(1, "last", 3), (1, "none", 4), (2, "none", 4)],
    ),
    _lookup_case(
        "without keys and rows to look up",
        looked_up("row2", "", "ALL_ROWS", filter="row2.n > 1"),
        [(1, None, 0), (2, None, 0), (None, None, 0), (9, None, 0)],
        Incoming(LOOKUP.schema, []),
    ),
    _lookup_case(
        "rows in no order, those with one key alike",
        looked_up("row2", ID),
        [(1, "one", 1), (2, "two", 2), (None, None, 0), (9, None, 0)],
        UNORDERED,
    ),
    _lookup_case(
        "one row a key, known to be so",
        looked_up("row2", ID, is_inner=True),
        [(2, "two", 2)],
        Incoming(LOOKUP.schema, [(2, "two", 2), (7, "seven", 7)], is_ordered=False, unique="id"),
    ),
    _lookup_case(
        "a key of a primitive matches no null",
        looked_up("row2", "n = row1.id"),
        [(1, "first", 1), (2, "two", 2), (None, None, 0), (9, None, 0)],
    ),
]

_REJECTS = tmap(
    [
        MapInput("row1", filter="row1.a > 10"),
        looked_up("row2", ID, is_inner=True),
        looked_up("row3", "k = row2.name"),
    ],
    [
        (
            MapOutput("low", entries("id = row1.id; v = row3.v"), filter="row1.a < 30"),
            "id:Integer v:Integer!",
        ),
        (MapOutput("two", entries("id = row1.id"), filter="row2.n == 2"), "id:Integer"),
        (MapOutput("left", entries("id = row1.id; n = row2.n"), is_reject=True), "id:Integer n:Integer!"),
        (
            MapOutput("missed", entries("id = row1.id; n = row2.n; v = row3.v"), is_inner_reject=True),
            "id:Integer n:Integer! v:Integer!",
        ),
        (MapOutput("both", entries("id = row1.id"), is_reject=True, is_inner_reject=True), "id:Integer"),
    ],
)
REJECTS = Case(
    "tMap: rejects of outputs and of inner lookups",
    _REJECTS,
    {"row1": MAIN, "row2": LOOKUP, "row3": Incoming("k v:Integer!", [("two", 22), (None, 5)])},
    ["low", "two", "left", "missed", "both"],
    {
        "tMap_1_low": [(2, 22)],
        "tMap_1_two": [(2,)],
        "tMap_1_left": [(None, 4)],
        # After a lookup has missed no further one is asked: v is 0, not the 5 of the row without a key.
        "tMap_1_missed": [(9, 0, 0)],
        "tMap_1_both": [(None,), (9,)],
    },
)

MATCHES_MISSED = Case(
    "tMap: each match that an inner lookup's filter drops is a reject of its own",
    tmap(
        [
            MapInput("row1"),
            looked_up("row2", ID, "ALL_MATCHES", is_inner=True, filter="row2.n < 3"),
            looked_up("row3", "k = row2.name"),
        ],
        [
            (
                MapOutput("out1", entries("id = row1.id; n = row2.n; v = row3.v")),
                "id:Integer n:Integer! v:Integer!",
            ),
            (
                MapOutput("missed", entries("id = row1.id; n = row2.n; v = row3.v"), is_inner_reject=True),
                "id:Integer n:Integer! v:Integer!",
            ),
        ],
    ),
    {"row1": MAIN, "row2": LOOKUP, "row3": Incoming("k v:Integer!", [("two", 22), ("last", 33), (None, 5)])},
    ["out1", "missed"],
    {
        "tMap_1_out1": [(1, 1, 0), (2, 2, 22)],
        "tMap_1_missed": [(1, 0, 0), (None, 0, 0), (9, 0, 0)],
    },
)
UNCONNECTED = Case(
    "tMap: an output without a flow keeps no row from the rejects",
    tmap(
        [MapInput("row1")],
        [
            (MapOutput("out1", entries("a = row1.a"), filter="row1.a < 20"), "a:Integer!"),
            (MapOutput("out2", entries("a = row1.a"), filter="row1.a > 30"), "a:Integer!"),
            (MapOutput("left", entries("a = row1.a"), is_reject=True), "a:Integer!"),
        ],
    ),
    {"row1": MAIN},
    ["out1", "left"],
    {"tMap_1_out1": [(10,)], "tMap_1_left": [(20,), (30,), (40,)]},
)

VARIABLES = Case(
    "tMap: variables use those before them",
    tmap(
        [MapInput("row1")],
        [
            (
                MapOutput(
                    "out1",
                    entries('id = row1.id; twice = Var.twice; text = Var.text + "!"; none = '),
                    filter="Var.twice > 20",
                ),
                "id:Integer twice:Integer! text none:Integer!",
            )
        ],
        variables='one:Integer! = row1.a + 1; twice:Integer! = Var.one * 2; text:String = "x" + row1.id',
    ),
    {"row1": MAIN},
    ["out1"],
    {"tMap_1_out1": [(1, 22, "x1!", 0), (2, 42, "x2!", 0), (None, 62, "xnull!", 0), (9, 82, "x9!", 0)]},
)

ERRORS = Case(
    "tMap: what Java throws drops the row from all outputs",
    tmap(
        [MapInput("row1")],
        [
            (MapOutput("out1", entries("q = 100 / row1.a")), "q:Integer!"),
            (MapOutput("out2", entries("a = row1.a")), "a:Integer!"),
            (
                MapOutput("bad", entries("a = row1.a; errorMessage = "), is_error_reject=True),
                "a:Integer! errorMessage",
            ),
        ],
        dies=False,
    ),
    {"row1": Incoming("a:Integer!", [(5,), (0,), (-3,)])},
    ["out1", "out2", "bad"],
    {
        "tMap_1_out1": [(20,), (-33,)],
        "tMap_1_out2": [(5,), (-3,)],
        "tMap_1_bad": [(0, "Java would have failed here")],
    },
)

JOINED = Case(
    "tMap: two outputs into one flow",
    tmap(
        [MapInput("row1")],
        [
            (MapOutput("out1", entries("a = row1.a"), filter="row1.a > 10"), "a:Integer!"),
            (MapOutput("out2", entries("a = -row1.a"), filter="row1.a > 20", joined_to="out1"), "a:Integer!"),
        ],
    ),
    {"row1": MAIN},
    ["out1"],
    {"tMap_1_out1": [(20,), (30,), (40,), (-30,), (-40,)]},
)


def _tjoin(**params: str) -> Component:
    keys = ({"INPUT_COLUMN": "id", "LOOKUP_COLUMN": "id"},)
    looked = ({"OUTPUT_COLUMN": "label", "LOOKUP_COLUMN": "name"},)
    return component(
        "tJoin",
        {"FLOW": "key:Integer a:Integer! label", "REJECT": "key:Integer a:Integer! label"},
        {"JOIN_KEY": keys, "LOOKUP_COLS": looked, "USE_LOOKUP_COLS": "true", **params},
    )


JOINS = [
    Case(
        "tJoin: outer, columns by position",
        _tjoin(),
        {"row1": MAIN, "row2": LOOKUP},
        ["row3"],
        {"tJoin_1_row3": [(1, 10, "last"), (2, 20, "two"), (None, 30, "none"), (9, 40, None)]},
    ),
    Case(
        "tJoin: inner, with rejects",
        _tjoin(USE_INNER_JOIN="true"),
        {"row1": MAIN, "row2": LOOKUP},
        ["row3", "row4 REJECT"],
        {
            "tJoin_1_row3": [(1, 10, "last"), (2, 20, "two"), (None, 30, "none")],
            "tJoin_1_row4": [(9, 40, None)],
        },
    ),
]

REPLACED = Case(
    "tJoin: a looked-up column in the place of one of the main flow is empty in rejects",
    component(
        "tJoin",
        {"FLOW": "key:Integer label", "REJECT": "key:Integer label"},
        {
            "JOIN_KEY": ({"INPUT_COLUMN": "id", "LOOKUP_COLUMN": "id"},),
            "LOOKUP_COLS": ({"OUTPUT_COLUMN": "label", "LOOKUP_COLUMN": "name"},),
            "USE_LOOKUP_COLS": "true",
            "USE_INNER_JOIN": "true",
        },
    ),
    {"row1": Incoming("id:Integer code", [(2, "b"), (9, "i")]), "row2": LOOKUP},
    ["row3", "row4 REJECT"],
    {"tJoin_1_row3": [(2, "two")], "tJoin_1_row4": [(9, None)]},
)

CASES = [*LOOKUPS, REJECTS, MATCHES_MISSED, UNCONNECTED, VARIABLES, ERRORS, JOINED, *JOINS, REPLACED]
