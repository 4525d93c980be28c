"""A YAML file as plain values that remember their lines.

YAML is composed into nodes by libyaml and turned into values here, which costs less than PyYAML's own
constructor, keeps the lines, and refuses a key that stands twice (PyYAML keeps the last one silently).
Keys are always text (`no: string` declares the column `no`); dates stay text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from fdm_platform.errors import DeclarationError

Place = tuple[str | int, ...]
"""Keys and indices that lead to a value."""

_BOOLEANS = yaml.constructor.SafeConstructor.bool_values
_NUMBERS = yaml.constructor.SafeConstructor()
_RESOLVER: Any = yaml.resolver.Resolver()


class _Loader(yaml.CSafeLoader):
    """libyaml's parser; what an unquoted scalar is (text, number, …) is remembered by its text."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        if kind is yaml.ScalarNode and implicit[0]:
            return _unquoted_tag(value)
        return _RESOLVER.resolve(kind, value, implicit)


@lru_cache(maxsize=4096)
def _unquoted_tag(text: str) -> Any:
    return _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML mapping: its values and the node that knows their lines."""

    file: str
    value: dict[str, Any]
    node: yaml.Node
    text: str

    def line(self, place: Place) -> int:
        """The 1-based line of the key or item at the place, or of the nearest one above it."""
        node, mark = self.node, self.node.start_mark
        for part in place:
            step = _step(node, part)
            if step is None:
                break
            mark, node = step
        return int(mark.line) + 1

    def field(self, place: Place) -> str:
        """The place for people, `sources.row1.format`; items of a list go by their `name`."""
        text, value = "", self.value
        for part in place:
            key, value = _named(value, part)
            text += f"[{key}]" if isinstance(key, int) else f".{key}"
        return text.lstrip(".")


def read_document(
    file: Path, first_keys: str = "entity, source_system, table, sources and steps"
) -> Document:
    """Read a YAML file that holds one mapping; a DeclarationError says where it is broken."""
    text = read_text(file)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise _broken(file, error) from None
    except yaml.reader.ReaderError as error:
        raise DeclarationError(
            f"not YAML: {error.reason}",
            file=str(file),
            line=text.count("\n", 0, error.position) + 1,
            remedy="remove the control character",
        ) from None
    if not isinstance(node, yaml.MappingNode):
        raise DeclarationError(
            "holds no keys" if node else "is empty",
            file=str(file),
            line=1,
            remedy=f"begin with {first_keys}",
        )
    try:
        return Document(str(file), _mapping(node, str(file), ()), node, text)
    except RecursionError:
        raise DeclarationError(
            "an alias contains itself", file=str(file), remedy="write the value out"
        ) from None


def read_text(file: Path) -> str:
    """The file's text; a DeclarationError if it is not UTF-8 or cannot be read."""
    try:
        data = file.read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DeclarationError(
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            file=str(file),
            line=line,
            remedy="save the file as UTF-8",
        ) from None
    except OSError as error:
        raise DeclarationError(
            f"cannot be read: {error.strerror}", file=str(file), remedy="check that it is a readable file"
        ) from None


def _broken(file: Path, error: yaml.MarkedYAMLError) -> DeclarationError:
    mark = error.problem_mark or error.context_mark
    return DeclarationError(
        f"not YAML: {error.problem or error.context}",
        file=str(file),
        line=mark.line + 1 if mark else None,
        column=mark.column + 1 if mark else None,
        remedy="close every bracket and quote, indent by spaces, and quote text that holds ': ', '{' or '#'",
    )


def _plain(node: yaml.Node, file: str, place: Place) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, file)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, file, place)
    return [_plain(item, file, place) for item in node.value]


def _mapping(node: yaml.MappingNode, file: str, place: Place) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise DeclarationError(
                "a key is a list or mapping",
                file=file,
                line=key_node.start_mark.line + 1,
                remedy="put quotes around text that begins with '[' or '{'",
            )
        key = key_node.value
        if key in values:
            raise _twice(node, key, key_node, file, place)
        values[key] = _plain(value_node, file, (*place, key))
    return values


def _twice(
    node: yaml.MappingNode, key: str, second: yaml.ScalarNode, file: str, place: Place
) -> DeclarationError:
    first = next(k for k, _ in node.value if k.value == key)
    return DeclarationError(
        f"{key!r} is declared twice, first on line {first.start_mark.line + 1}",
        file=file,
        line=second.start_mark.line + 1,
        field=".".join(map(str, (*place, key))),
        remedy="remove or rename one of them",
    )


def _scalar(node: yaml.ScalarNode, file: str) -> Any:
    tag = node.tag.rpartition(":")[2]
    if tag in {"str", "timestamp", "value", "merge"}:
        return node.value
    if tag == "null":
        return None
    if tag == "bool":
        return _BOOLEANS[node.value.lower()]
    if tag in {"int", "float"}:
        return _number(node, tag)
    raise DeclarationError(
        f"the YAML tag {node.tag!r} is not supported",
        file=file,
        line=node.start_mark.line + 1,
        remedy="write the value without a tag",
    )


def _number(node: yaml.ScalarNode, tag: str) -> int | float | str:
    """A number; `12:30`, which YAML 1.1 takes for 750, and `0x_`, which it cannot read, are text."""
    if ":" in node.value:
        return str(node.value)
    try:
        number: int | float = (
            _NUMBERS.construct_yaml_int(node) if tag == "int" else _NUMBERS.construct_yaml_float(node)
        )
    except ValueError:
        return str(node.value)
    return number


def _step(node: yaml.Node, part: str | int) -> tuple[Any, yaml.Node] | None:
    """The mark and value of a child; an index into a mapping means its n-th entry."""
    if isinstance(node, yaml.MappingNode):
        for i, (key, value) in enumerate(node.value):
            if part in (key.value, i):
                return key.start_mark, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark, item
    return None


def _named(value: Any, part: str | int) -> tuple[str | int, Any]:
    """How a child is called, and the child."""
    if isinstance(part, int) and isinstance(value, dict) and part < len(value):
        name = list(value)[part]
        return name, value[name]
    if isinstance(part, int) and isinstance(value, list) and part < len(value):
        item = value[part]
        name = item.get("name") if isinstance(item, dict) else None
        return (name if isinstance(name, str) else part), item
    return part, value.get(part) if isinstance(value, dict) else None
