"""Paths of sources: templates such as `customer_contract_{biz_dt:%Y%m%d}.csv`, resolved for one date.

`{name}` is any parameter, in any letter case; a format after the colon is strftime's and for dates and
timestamps only; `{{` is a brace. A path is relative to the source root unless it is absolute or a URI.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from string import Formatter

from fdm_platform.errors import DeclarationError, ParameterError
from fdm_platform.model.plan import Parameter
from fdm_platform.model.table import SourceSpec
from fdm_platform.planning.literals import as_text
from fdm_platform.planning.names import suggest

_ABSOLUTE = re.compile(r"/|[A-Za-z][A-Za-z0-9+.-]*:")
_LEAVES = re.compile(r"[/\\\0]|\.\.")


@dataclass(frozen=True, slots=True)
class _Place:
    file: str | None
    field: str

    def declaration(self, message: str, remedy: str) -> DeclarationError:
        return DeclarationError(message, remedy=remedy, file=self.file, field=self.field)

    def parameter(self, message: str, remedy: str) -> ParameterError:
        return ParameterError(message, remedy=remedy, file=self.file, field=self.field)


def resolve_path(
    source: SourceSpec, parameters: Mapping[str, Parameter], source_root: str, *, file: str | None = None
) -> str:
    """The source's path with its parameters filled in, below `source_root` unless absolute or a URI.

    Keys of `parameters` are names in any letter case; `file`, the table.yaml, is for messages.
    DeclarationError: an unknown parameter, a template that is none, a path that leaves the source root.
    ParameterError: a value that is NULL, or that is a path and not a part of one.
    """
    place = _Place(file, f"sources.{source.view}.path")
    template = source.path or ""
    by_name = {name.lower(): p for name, p in parameters.items()}
    path = "".join(
        literal + ("" if name is None else _fill(name, spec or "", conversion, by_name, place))
        for literal, name, spec, conversion in _parse(template, place)
    )
    if _ABSOLUTE.match(template):
        return path
    if not path.strip() or ".." in re.split(r"[/\\]", path):
        raise place.declaration(f"{path!r} is no path below the source root", "write an absolute path")
    return posixpath.join(source_root, posixpath.normpath(path))


_IS_SQL = ("query", "dbtable", "sessioninitstatement", "preparequery")


def resolve_options(
    source: SourceSpec, parameters: Mapping[str, Parameter], *, file: str | None = None
) -> dict[str, str]:
    """A database source's options with `{name}` filled in; what is SQL is left as it is, since a value is no part of it.

    DeclarationError: an unknown parameter, or a secret that is only a part of an option.
    """
    by_name = {name.lower(): p for name, p in parameters.items()}
    filled: dict[str, str] = {}
    for key, text in source.options.items():
        place = _Place(file, f"sources.{source.view}.options.{key}")
        is_text = isinstance(text, str) and key.lower() not in _IS_SQL
        filled[key] = "".join(_pieces(text, by_name, place)) if is_text else text
    return filled


def _pieces(template: str, parameters: Mapping[str, Parameter], place: _Place) -> Iterator[str]:
    parts = _parse(template, place)
    for literal, name, spec, _ in parts:
        yield literal
        if name is None:
            continue
        parameter = parameters.get(name.strip().lower())
        if parameter is None:
            raise place.declaration(f"nothing resolves {{{name}}}", suggest(name, parameters))
        if parameter.is_secret and template != f"{{{name}}}":
            raise place.declaration(
                f"{{{name}}} is a secret and stands beside other text",
                f"give it an option of its own, such as password: '{{{name}}}'",
            )
        text = _text(parameter, place)
        yield _formatted(parameter, text, spec, place) if spec else text


def _parse(template: str, place: _Place) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(Formatter().parse(template))
    except ValueError as error:
        raise place.declaration(
            f"{template!r} is no template: {error}", "write the date as {biz_dt:%Y%m%d}, a brace as {{"
        ) from None


def _fill(
    name: str, spec: str, conversion: str | None, parameters: Mapping[str, Parameter], place: _Place
) -> str:
    parameter = parameters.get(name.strip().lower())
    if parameter is None:
        raise place.declaration(f"nothing resolves {{{name}}}", suggest(name, parameters))
    if parameter.is_secret:
        raise place.parameter(
            f"{parameter.name} is a secret ({parameter.origin})", "keep secrets out of paths"
        )
    if conversion or "{" in spec:
        raise place.declaration(
            f"{{{name}}} has a conversion or a nested format", "write {name}, or {name:%Y%m%d} for a date"
        )
    text = _text(parameter, place)
    if spec:
        return _formatted(parameter, text, spec, place)
    if _LEAVES.search(text):
        raise place.parameter(
            f"{parameter.name} is {text!r} ({parameter.origin}), which is a path, not a part of one",
            "write folders into the table's path, not into the parameter",
        )
    return text


def _formatted(parameter: Parameter, text: str, spec: str, place: _Place) -> str:
    if parameter.type == "date":
        return date.fromisoformat(text).strftime(spec)
    if parameter.type == "timestamp":
        return datetime.fromisoformat(text).strftime(spec)
    raise place.declaration(
        f"{parameter.name} is of type {parameter.type} ({parameter.origin}): {spec!r} is for dates",
        f"write {{{parameter.name}}}",
    )


def _text(parameter: Parameter, place: _Place) -> str:
    if parameter.value is None:
        raise place.parameter(f"{parameter.name} has no value", f"set {parameter.origin}")
    try:
        return as_text(parameter)
    except ValueError as error:
        raise place.parameter(f"{parameter.name}: {error}", f"mend {parameter.origin}") from None
