"""The YAML files that an import writes: table.yaml, fixture tests, seeds. Short values on one line, long ones below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from fdm_platform.talend.sql import comment_lines

_WIDTH = 110
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def to_yaml(values: Mapping[str, Any], comment: str = "") -> str:
    """The mapping as a YAML file, with a comment above it."""
    head = [line.replace("--", "#", 1) for line in comment_lines(comment)]
    return "\n".join([*head, *_mapping(values, 0), ""])


def inline(value: Any) -> str:
    """The value on one line, quoted where it must be."""
    text: str = yaml.dump(
        [value], Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False
    )
    return text.strip()[1:-1]


def _mapping(values: Mapping[str, Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    for key, value in values.items():
        name, plain = _name(str(key)), _plain(value)
        text = inline(plain)
        if not _is_nested(plain) or (len(pad + name + text) < _WIDTH and not _is_list_of_mappings(plain)):
            yield f"{pad}{name}: {text}"
            continue
        yield f"{pad}{name}:"
        if isinstance(plain, dict):
            yield from _mapping(plain, indent + 2)
        else:
            yield from (f"{pad}  - {inline(item)}" for item in plain)


@cache
def _name(key: str) -> str:
    """A key; the same ones stand in every file."""
    return inline(key)


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _is_list_of_mappings(value: Any) -> bool:
    """Rows and columns: one a line, however few."""
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _plain(value: Any) -> Any:
    """Mappings and tuples as YAML's own."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
