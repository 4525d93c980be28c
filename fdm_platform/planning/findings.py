"""What is wrong with one table.yaml or calendar.yaml: every finding with its line, field and remedy."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fdm_platform.errors import DeclarationError
from fdm_platform.planning.calendar_declaration import CalendarDeclaration, HolidayDeclaration
from fdm_platform.planning.declaration import (
    CheckDeclaration,
    ColumnDeclaration,
    Declared,
    LaunchDeclaration,
    LegacyJobDeclaration,
    ParityDeclaration,
    RetriesDeclaration,
    SourceDeclaration,
    TableDeclaration,
)
from fdm_platform.planning.document import Document, Place
from fdm_platform.planning.names import nearest, suggest


class Nested(NamedTuple):
    """Where a model is found below a key: at once, or one name or index further down."""

    model: type[Declared]
    is_item: bool


_OF_OUTPUT: dict[str, Nested] = {
    "columns": Nested(ColumnDeclaration, is_item=True),
    "checks": Nested(CheckDeclaration, is_item=True),
    "launch": Nested(LaunchDeclaration, is_item=False),
    "retries": Nested(RetriesDeclaration, is_item=False),
    "parity": Nested(ParityDeclaration, is_item=False),
}
_NESTED: dict[tuple[type[Declared], str | int], Nested] = {
    **{(kind, key): n for kind in (TableDeclaration, LegacyJobDeclaration) for key, n in _OF_OUTPUT.items()},
    (TableDeclaration, "sources"): Nested(SourceDeclaration, is_item=True),
    (SourceDeclaration, "columns"): Nested(ColumnDeclaration, is_item=True),
    (CalendarDeclaration, "holidays"): Nested(HolidayDeclaration, is_item=True),
}
_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list, like [a, b]",
    "dict_type": "keys with values, like {a: b}",
    "model_type": "keys with values, like {a: b}",
}
_MOST_SHOWN = 60
_BRANCHES = {
    ("string_type", "str"),
    ("bool_type", "bool"),
    ("int_type", "int"),
    ("float_type", "float"),
    ("list_type", "list[str]"),
}


class Findings:
    """Collects the errors of one document."""

    def __init__(self, document: Document, model: type[Declared] = TableDeclaration) -> None:
        self.document = document
        self.model = model
        self.errors: list[DeclarationError] = []

    def add(self, place: Place, message: str, remedy: str) -> None:
        """An error at the place."""
        self.errors.append(
            DeclarationError(
                message,
                remedy=remedy,
                file=self.document.file,
                line=self.document.line(place),
                field=self.document.field(place) or None,
            )
        )

    def add_validation(self, error: ValidationError) -> None:
        """Every error that pydantic found, in our words and without repeats from a union's branches."""
        seen: set[str] = set()
        for detail in error.errors(include_url=False, include_context=True):
            place = self._within(_place(detail))
            if (field := self.document.field(place)) not in seen:
                seen.add(field)
                self.add(place, *_explain(detail, place, self.model))

    def _within(self, place: Place) -> Place:
        """`retries: -1` is written without the key that pydantic finds wrong."""
        is_short = place == ("retries", "limit") and not isinstance(self.document.value.get("retries"), dict)
        return place[:-1] if is_short else place


def known_keys(place: Place, root: type[Declared] = TableDeclaration) -> list[str]:
    """The keys that are allowed beside the one at the place."""
    return sorted(_model_at(place[:-1], root).model_fields)


def _model_at(place: Place, root: type[Declared]) -> type[Declared]:
    model = root
    parts = iter(place)
    for part in parts:
        nested = _NESTED.get((model, part))
        if nested:
            model = nested.model
            if nested.is_item:
                next(parts, None)
    return model


def _place(detail: ErrorDetails) -> Place:
    """The error's place; pydantic adds the branch of a union, such as `str`, where the value is a scalar."""
    loc = detail["loc"]
    return loc[:-1] if (detail["type"], loc[-1]) in _BRANCHES and len(loc) > 1 else loc


def _explain(detail: ErrorDetails, place: Place, root: type[Declared]) -> tuple[str, str]:
    """The message and the remedy."""
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return f"unknown key {place[-1]!r}", suggest(str(place[-1]), known_keys(place, root))
    if kind == "missing":
        return f"{place[-1]!r} is missing", f"add `{place[-1]}: …`"
    if kind == "literal_error":
        return _explain_literal(value, place, root)
    if kind in _EXPECTED:
        return _explain_type(_EXPECTED[kind], value)
    return detail["msg"].removeprefix("Input ").lower(), "change the value"


def _explain_literal(value: Any, place: Place, root: type[Declared]) -> tuple[str, str]:
    key = place[:-1] if isinstance(place[-1], int) else place  # an item of a list of words
    choices = _choices(_model_at(key[:-1], root), str(key[-1]))
    match = nearest(str(value), choices)
    remedy = f"write one of {', '.join(choices)}"
    return f"unknown {key[-1]} {_shown(value)}", f"did you mean {match!r}? {remedy}" if match else remedy


def _choices(model: type[Declared], key: str) -> list[str]:
    """The words that a Literal field allows, whether or not it may be left out."""
    annotation = model.model_fields[key].annotation
    words = get_args(annotation)
    return [w for arg in words for w in (get_args(arg) or [arg]) if isinstance(w, str)]


def _explain_type(expected: str, value: Any) -> tuple[str, str]:
    if value is None:
        return f"is empty; {expected} is expected", "give a value or remove the key"
    message = f"{_kind(value)} {_shown(value)} where {expected} is expected"
    if expected == "text" and isinstance(value, (bool, int, float)):
        return message, "put it in quotes"
    return message, f"write {expected}"


def _kind(value: Any) -> str:
    names = {bool: "truth value", int: "number", float: "number", str: "text", list: "list", dict: "mapping"}
    return names.get(type(value), type(value).__name__)


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
