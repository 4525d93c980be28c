"""Talend's XML read safely: one pass, no DOCTYPE, bounded in size, depth and number of elements.

Studio never writes a DOCTYPE. Refusing every one of them refuses entity bombs, external entities and external DTDs
before anything of them is expanded or fetched. Bytes are decoded here, strictly: expat knows no multi-byte encodings
but Unicode's, and a byte that is no character is an error with its line.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, NoReturn
from xml.parsers import expat

from fdm_platform.errors import ImportRefusedError

MOST_BYTES = 256 << 20
"""Of one file. The largest job seen in public projects has 445 kB."""
MOST_ELEMENTS = 5_000_000
MOST_DEPTH = 200
MOST_TAG_CHARACTERS = 16 << 20
"""Of one tag with its attributes; a job's screenshot is one attribute of some megabytes."""

_CHUNK = 1 << 20
_NEVER_KEPT = frozenset({"subjob", "note", "screenshots"})
_NEVER_KEPT_ATTRIBUTES = frozenset(
    {"screenshot", "offsetLabelX", "offsetLabelY", "posX", "posY", "show", "contextMode"}
)
_SHORT = 40
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WITHOUT_BOM = ((b"<\0?\0", "utf-16-le"), (b"\0<\0?", "utf-16-be"))
_DECLARED = re.compile(rb"""\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_WIDE = frozenset({"utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"})
_NO_TEXT = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7"})
"""Python's codecs that no editor saves XML in; some take quadratic time."""


_CUT_OFF = "the file is cut off: copy it anew"
_REMEDIES = {
    "no element found": _CUT_OFF,
    "unclosed token": _CUT_OFF,
    "unclosed CDATA section": _CUT_OFF,
    "partial character": _CUT_OFF,
    "reference to invalid character number": "XML has no such character: delete it in Talend Studio, or in the file",
}


class Node(NamedTuple):
    """An element. `tag` is its local name; attributes are as written, prefix included (`xmi:id`). Text is not kept.

    A tuple, since a file has up to five million of them: a frozen dataclass takes three times as long to make.
    """

    tag: str
    attributes: Mapping[str, str]
    children: tuple[Node, ...]
    line: int

    def get(self, name: str, default: str = "") -> str:
        """An attribute, or the default that EMF leaves out."""
        return self.attributes.get(name, default)

    def flag(self, name: str) -> bool:
        """An attribute that is `true`; EMF leaves false out."""
        return self.attributes.get(name) == "true"

    def all(self, tag: str) -> Iterator[Node]:
        """Its children of one local name, in order."""
        return (child for child in self.children if child.tag == tag)


def parse(data: bytes, file: str) -> Node:
    """The document's root. ImportRefusedError with line and column: damaged, dangerous, or beyond a limit."""
    if len(data) > MOST_BYTES:
        raise ImportRefusedError(
            f"{len(data):,} bytes are more than any Talend file has ({MOST_BYTES:,})",
            remedy="export the project anew from Talend Studio",
            file=file,
        )
    builder = _Builder(file)
    _feed(builder, data, file)
    return builder.root()


def outline(head: bytes, file: str) -> tuple[str, str]:
    """Local names of the root and of its first child, from the first bytes of a file; empty where there is none.

    ImportRefusedError as for `parse`, so far as the head shows it.
    """
    builder = _Outline(file)
    with contextlib.suppress(_EnoughError):
        _feed(builder, head, file, is_whole=False)
    return builder.names[0], builder.names[1]


class _EnoughError(Exception):
    """The outline is known."""


class _Handlers:
    """Expat with the handlers that refuse."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.expat = expat.ParserCreate("utf-8")
        self.expat.buffer_text = True
        self.expat.StartElementHandler = self.start
        self.expat.EndElementHandler = self.end
        self.expat.StartDoctypeDeclHandler = self._doctype
        self._depth = 0
        self._elements = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > MOST_DEPTH:
            self.refuse(f"elements lie more than {MOST_DEPTH} deep", "export the job anew from Talend Studio")
        if self._elements > MOST_ELEMENTS:
            self.refuse(f"more than {MOST_ELEMENTS:,} elements", "export the job anew from Talend Studio")

    def end(self, tag: str) -> None:
        self._depth -= 1

    def refuse(self, message: str, remedy: str) -> NoReturn:
        line, column = self.expat.CurrentLineNumber, self.expat.CurrentColumnNumber + 1
        raise refused(message, remedy, self.file, line, column)

    def _doctype(self, *_: object) -> None:
        self.refuse(
            "a DOCTYPE: Talend Studio writes none, and entities and external files hang on it",
            "remove the DOCTYPE if you trust the file's origin",
        )


class _Builder(_Handlers):
    """Builds nodes; what no reader needs, and short values that come again and again, take no memory."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self._open: list[tuple[str, dict[str, str], list[Node], int]] = [("", {}, [], 0)]
        self._skipped = 0
        self._known: dict[str, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        super().start(tag, attributes)
        name = _local(tag)
        if self._skipped or name in _NEVER_KEPT:
            self._skipped += 1
            return
        self._open.append((name, self._kept(attributes), [], self.expat.CurrentLineNumber))

    def end(self, tag: str) -> None:
        super().end(tag)
        if self._skipped:
            self._skipped -= 1
            return
        name, attributes, children, line = self._open.pop()
        self._open[-1][2].append(Node(name, attributes, tuple(children), line))

    def root(self) -> Node:
        return self._open[0][2][0]

    def _kept(self, attributes: dict[str, str]) -> dict[str, str]:
        known = self._known
        return {
            key: known.setdefault(value, value) if len(value) < _SHORT else value
            for key, value in attributes.items()
            if key not in _NEVER_KEPT_ATTRIBUTES
        }


class _Outline(_Handlers):
    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.names = ["", ""]

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        super().start(tag, attributes)
        if self._depth > 1:
            self.names[1] = _local(tag)
            raise _EnoughError
        self.names[0] = _local(tag)

    def end(self, tag: str) -> None:
        raise _EnoughError


def refused(
    message: str, remedy: str, file: str, line: int | None = None, column: int | None = None
) -> ImportRefusedError:
    """The error, with the column in its text: errors have a field for the line alone."""
    where = f" (line {line}, column {column})" if column is not None else ""
    return ImportRefusedError(message + where, remedy=remedy, file=file, line=line)


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def _feed(to: _Handlers, data: bytes, file: str, *, is_whole: bool = True) -> None:
    """Decode and parse chunk by chunk. A tag that is not yet over is scanned anew with each, hence its limit."""
    fed = 0
    try:
        for text in _decoded(data, file, is_whole=is_whole):
            part = text.encode()
            fed += len(part)
            to.expat.Parse(part, False)
            if fed - max(to.expat.CurrentByteIndex, 0) > MOST_TAG_CHARACTERS + _CHUNK * 4:
                to.refuse(
                    f"a tag of more than {MOST_TAG_CHARACTERS:,} bytes",
                    "export the job anew from Talend Studio",
                )
        if is_whole:
            to.expat.Parse(b"", True)
    except expat.ExpatError as error:
        raise _damaged(error, file) from None


def _damaged(error: expat.ExpatError, file: str) -> ImportRefusedError:
    text = expat.ErrorString(error.code)
    return refused(
        f"not well-formed XML: {text}",
        _REMEDIES.get(text, "export the job anew from Talend Studio"),
        file,
        error.lineno,
        error.offset + 1,
    )


def _decoded(data: bytes, file: str, *, is_whole: bool) -> Iterator[str]:
    """The text in chunks, without its XML declaration's encoding being believed again by expat."""
    name = _encoding(data, file)
    decoder = codecs.getincrementaldecoder(name)("strict")
    for start in range(0, len(data) or 1, _CHUNK):
        chunk = data[start : start + _CHUNK]
        try:
            yield decoder.decode(chunk, is_whole and start + _CHUNK >= len(data))
        except UnicodeError as error:
            raise _undecodable(data, start, error, name, file) from None


def _undecodable(data: bytes, start: int, error: UnicodeError, name: str, file: str) -> ImportRefusedError:
    at = start + (error.start if isinstance(error, UnicodeDecodeError) else 0)
    return refused(
        f"a byte that is no character in {name}, the encoding that the file names",
        "save it in the encoding that its first line names, or name the one that it has",
        file,
        data.count(b"\n", 0, at) + 1,
    )


def _encoding(data: bytes, file: str) -> str:
    """By the byte order mark, else by the declaration, else UTF-8."""
    for mark, name in _BOMS + _WITHOUT_BOM:
        if data.startswith(mark):
            return name
    declared = _DECLARED.match(data)
    if declared is None:
        return "utf-8"
    name = declared[1].decode("ascii")
    try:
        found = codecs.lookup(name).name
        b"<\0\0\0".decode(found, "replace")
    except (LookupError, UnicodeError):
        found = ""
    if not found or found in _NO_TEXT or found in _WIDE:
        raise refused(
            f"the file says that its encoding is {name!r}, which it cannot be",
            "name the encoding that it has in its first line",
            file,
            1,
        )
    return found
