"""The YAML files that an import writes: table.yaml, fixture tests, seeds. Short values on one line, long ones below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import yaml

from fdm_platform.talend.sql import comment_lines

_WIDTH = 110
_LONGEST_KEY = 120
"""Of a mapping on one line; a longer one has a question mark before it."""
_LINE_END = re.compile(r"[\n\r\x85\u2028\u2029]")
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def to_yaml(values: Mapping[str, Any], comment: str = "") -> str:
    """The mapping as a YAML file, with a comment above it."""
    head = [line.replace("--", "#", 1) for line in comment_lines(comment)]
    return "\n".join([*head, *_mapping(values, 0), ""])


def inline(value: Any) -> str:
    """The value on one line, quoted where it must be."""
    if isinstance(value, dict):
        return "{" + ", ".join(_entry(str(key), each) for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return _scalar(type(value).__name__, repr(value), value)


def _entry(key: str, value: Any) -> str:
    name = inline(key)
    return f"{'? ' if len(name) > _LONGEST_KEY else ''}{name}: {inline(value)}"


@lru_cache(maxsize=1 << 14)
def _scalar(_kind: str, _shown: str, value: Any) -> str:
    """Most come again and again, and the library takes its time. Equal values of two kinds are written apart."""
    style = '"' if isinstance(value, str) and _LINE_END.search(value) else None
    text: str = yaml.dump(
        [value],
        Dumper=_Dumper,
        default_flow_style=True,
        default_style=style,
        allow_unicode=True,
        width=10**9,
    )
    return text.strip()[1:-1]


def _mapping(values: Mapping[str, Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    for key, value in values.items():
        name, plain = inline(str(key)), _plain(value)
        text = "" if _is_list_of_mappings(plain) else inline(plain)
        if text and (not _is_nested(plain) or len(pad + name + text) < _WIDTH):
            yield f"{pad}{name}: {text}"
            continue
        yield f"{pad}{name}:"
        if isinstance(plain, dict):
            yield from _mapping(plain, indent + 2)
        else:
            yield from (f"{pad}  - {inline(item)}" for item in plain)


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
