r"""Placeholders in HQL, bound by tokens and types, never by text replacement.

Forms, `name` in any letter case:

    '${name}'  'x_${name}_y'  "${name}"    inside a string literal: escaped, it stays that literal's text
    '" + context.name + "'                 the same, left over from Talend's Java
    ''" + context.name + "''  ''${name}''  a string literal of its own
    ${name}  " + context.name + "          a literal of the parameter's type: DATE'2024-05-15', 42, 'text'
    context.name                           the same, unless `context` is a view or alias of the statement
    FROM ${name}  ${name}.x  `${name}`     an identifier, as is any ${view_name}, ${…_view}, ${…_table}
    customer_${name}                       a part of an identifier

`\${name}` inside a literal is text. Placeholders in comments are left alone; hints are no comments.

Spark has a substitution of its own (`spark.sql.variable.substitute`), which would look for `${…}` in
the bound text too, comments included. The driver sets it to false; values are escaped against it anyway.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from fdm_platform.errors import SqlError
from fdm_platform.model.plan import Parameter
from fdm_platform.planning import literals
from fdm_platform.planning.names import suggest

Form = Literal["quoted", "embedded", "bare", "identifier", "part"]

_JAVA = r'"\s*+\+\s*+context\s*+\.\s*+(?P<{}>\w++)\s*+\+\s*+"'
_DOLLAR = r"\$\{{(?P<{}>[^{{}}'\"`\n]*+)\}}"
_TOKEN = re.compile(
    rf"""
      (?P<comment>--(?:\\\n|[^\r\n])*+ | /\*(?!\+))
    | (?P<quoted>''(?:{_JAVA.format("q1")}|{_DOLLAR.format("q2")})'')
    | (?P<java>{_JAVA.format("j1")})
    | (?P<raw>r(?:'[^']*+'|"[^"]*+"))
    | (?P<string>'[^'\\]*+(?:\\.[^'\\]*+)*+' | "[^"\\]*+(?:\\.[^"\\]*+)*+")
    | (?P<backtick>`[^`]*+(?:``[^`]*+)*+`)
    | (?P<dollar>{_DOLLAR.format("d1")})
    | (?P<context>\bcontext\s*+\.\s*+(?P<c1>[^\W\d]\w*+)(?!\s*+[(.]))
    | (?P<word>\w++)
    | (?P<space>\s++)
    | (?P<open>['"`]|\$\{{)
    | (?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_COMMENT_EDGE = re.compile(r"/\*(?!\+)|\*/")
_IN_SINGLE = re.compile(rf"\\.|{_JAVA.format('n1')}|{_DOLLAR.format('n2')}", re.DOTALL | re.IGNORECASE)
_IN_OTHER = re.compile(rf"\\.|{_DOLLAR.format('n1')}", re.DOTALL)
_IDENTIFIER_NAME = re.compile(r"view_name|\w+_(view|table)", re.IGNORECASE)
_TODO = re.compile(r"/\*\s*TODO\b\s*(?P<what>.*?)\s*\*/", re.DOTALL)
_NAME_GROUPS = ("q1", "q2", "j1", "d1", "c1")

_NAMES_FOLLOW = frozenset({"from", "join", "into", "table"})
_VALUE_FROM = frozenset({"extract", "trim", "substring", "substr", "overlay"})
_SILENT = frozenset({"space", "comment"})
_VALUES = frozenset({"dollar", "java"})
_ENDS_VALUE = _VALUES | {"quoted", "string", "raw", "backtick"}
_OPENED = {"'": "string literal", '"': "string literal", "`": "quoted identifier", "${": "placeholder"}


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A placeholder of an HQL text: its name as written, its place (1-based) and its form."""

    name: str
    line: int
    column: int
    form: Form


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    start: int
    end: int
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Slot:
    """A placeholder at `at`; the text from `start` to `end` makes room for its value."""

    name: str
    form: Form
    start: int
    end: int
    at: int


def placeholders(sql: str) -> list[Placeholder]:
    """Every placeholder in the order of the text; SqlError where a literal or comment has no end."""
    lines = _Lines(sql, file=None)
    slots = _slots(list(_tokens(sql, lines)), lines)
    return [Placeholder(s.name, *lines.place(s.at), s.form) for s in slots]


@dataclass(frozen=True, slots=True)
class Todo:
    """A comment `/* TODO … */`: its place (1-based), and what is left to a person there."""

    what: str
    line: int
    column: int


def todos(sql: str) -> list[Todo]:
    """Every such comment; one inside a string literal is text. SqlError where a literal or comment has no end."""
    if not _TODO.search(sql):
        return []
    lines = _Lines(sql, file=None)
    comments = [t for t in _tokens(sql, lines) if t.kind == "comment"]
    found = ((t, _TODO.match(t.text)) for t in comments)
    return [Todo(m["what"], *lines.place(t.start)) for t, m in found if m]


@dataclass(frozen=True, slots=True)
class StringLiteral:
    """A string literal of an HQL text as it is written between its quotes, and its place (1-based)."""

    text: str
    line: int
    column: int


def string_literals(sql: str) -> list[StringLiteral]:
    """Every string literal in the order of the text; SqlError where a literal or comment has no end."""
    lines = _Lines(sql, file=None)
    found = [t for t in _tokens(sql, lines) if t.kind in ("string", "raw")]
    return [StringLiteral(t.text.lstrip("rR")[1:-1], *lines.place(t.start)) for t in found]


def bind(sql: str, parameters: Mapping[str, Parameter], *, file: str) -> str:
    """The one statement of `sql` with its placeholders bound and its trailing `;` taken off.

    Keys of `parameters` are names in any letter case; `file` is for messages. Lines stay where they
    were, so that Spark's line numbers are the file's. SqlError: a placeholder that no parameter
    resolves or whose value does not fit its place, a second statement, no statement, a literal or
    comment without end.
    """
    lines = _Lines(sql, file)
    tokens = list(_tokens(sql, lines))
    edits = [(offset, offset + 1, "") for offset in _terminators(tokens, lines)]
    by_name = {name.lower(): p for name, p in parameters.items()}
    edits += [(s.start, s.end, _render(s, by_name, lines)) for s in _slots(tokens, lines)]
    bound, position = [], 0
    for start, end, text in sorted(edits):
        bound += [sql[position:start], text]
        position = end
    return "".join([*bound, sql[position:]])


class _Lines:
    """Turns offsets into lines and columns, and into errors that carry them."""

    def __init__(self, sql: str, file: str | None) -> None:
        self.sql = sql
        self._file = file
        self._ends = [m.start() for m in re.finditer("\n", sql)]

    def place(self, offset: int) -> tuple[int, int]:
        index = bisect_left(self._ends, offset)
        return index + 1, offset - (self._ends[index - 1] if index else -1)

    def error(self, offset: int, message: str, remedy: str | None = None) -> SqlError:
        line, column = self.place(offset)
        return SqlError(message, remedy=remedy, file=self._file, line=line, column=column)


def _tokens(sql: str, lines: _Lines) -> Iterator[_Token]:
    position = 0
    while match := _TOKEN.match(sql, position):
        kind = match.lastgroup or "symbol"
        start, position = match.span()
        if kind == "open":
            raise lines.error(start, f"this {_OPENED[match[0]]} has no end")
        if match[0] == "/*":
            position = _comment_end(sql, start, lines)
        name = next((v for g in _NAME_GROUPS if (v := match[g]) is not None), "")
        yield _Token(kind, start, position, sql[start:position], name.strip())


def _comment_end(sql: str, start: int, lines: _Lines) -> int:
    """The end of a block comment; Spark's nest."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise lines.error(start, "this comment has no end")


def _terminators(tokens: list[_Token], lines: _Lines) -> list[int]:
    """Offsets of the `;` after the one statement; SqlError if there is not exactly one statement."""
    spoken = [t for t in tokens if t.kind not in _SILENT]
    ends = [i for i, t in enumerate(spoken) if t.text == ";"]
    first = ends[0] if ends else len(spoken)
    if first == 0:
        raise lines.error(0, "there is no statement", "write one SELECT to a file")
    second = next((t for t in spoken[first:] if t.text != ";"), None)
    if second:
        raise lines.error(second.start, "a second statement begins here", "write one SELECT to a file")
    return [spoken[i].start for i in ends]


def _slots(tokens: list[_Token], lines: _Lines) -> Iterator[_Slot]:
    """The placeholders among the tokens, each with the form that its place asks for."""
    is_alias = any(t.kind == "word" and t.text.lower() == "context" for t in tokens)
    place = _Place()
    for token in tokens:
        if token.kind in _SILENT:
            continue
        _refuse_adjacent(place.before, token, lines)
        if token.kind in ("string", "backtick"):
            yield from _inside(token)
        elif token.kind == "raw" and "${" in token.text:
            raise lines.error(
                token.start, "a raw literal cannot hold a placeholder", "write it without the r"
            )
        elif token.kind == "quoted":
            yield _Slot(token.name, "quoted", token.start, token.end, token.start)
        elif token.kind in _VALUES or (token.kind == "context" and not (is_alias or place.is_after("."))):
            yield _Slot(token.name, place.form(token, lines.sql), token.start, token.end, token.start)
        place.advance(token)


class _Place:
    """What stands before a token: enough to tell a name's place from a value's."""

    def __init__(self) -> None:
        self.before: _Token | None = None
        self._words = ("", "")
        self._calls: list[str] = []

    def advance(self, token: _Token) -> None:
        """Go past a token that is neither space nor comment."""
        if token.text == "(":
            self._calls.append(self._words[-1])
        elif token.text == ")" and self._calls:
            self._calls.pop()
        self.before = token
        self._words = (self._words[-1], token.text.lower())

    def is_after(self, *texts: str) -> bool:
        """The token before is one of these."""
        return self._words[-1] in texts

    def form(self, token: _Token, sql: str) -> Form:
        """The form of a placeholder outside of literals."""
        following = sql[token.end : token.end + 1]
        preceding = sql[token.start - 1] if token.start else ""
        if _is_word(preceding) or _is_word(following):
            return "part"
        is_name = bool(_IDENTIFIER_NAME.fullmatch(token.name)) or following == "." or self.is_after(".")
        return "identifier" if is_name or self._is_table_place() else "bare"

    def _is_table_place(self) -> bool:
        """After FROM and its kin; not in `EXTRACT(YEAR FROM …)` or `IS DISTINCT FROM …`."""
        if not self.is_after(*_NAMES_FOLLOW):
            return False
        is_call = bool(self._calls) and self._calls[-1] in _VALUE_FROM
        return not (self.is_after("from") and (is_call or self._words[0] == "distinct"))


def _is_word(character: str) -> bool:
    return character == "_" or character.isalnum()


def _refuse_adjacent(before: _Token | None, token: _Token, lines: _Lines) -> None:
    """Two values without anything between them would run into one another."""
    if before is None or before.end != token.start:
        return
    kinds = (before.kind, token.kind)
    if any(k in _VALUES for k in kinds) and all(k in _ENDS_VALUE for k in kinds):
        raise lines.error(
            token.start,
            "a placeholder touches the value beside it",
            "put both into one string literal, '${a}${b}', or an operator between them",
        )


def _inside(token: _Token) -> Iterator[_Slot]:
    """The placeholders inside a string literal or a quoted identifier."""
    is_name = token.kind == "backtick"
    pattern = _IN_SINGLE if token.text[0] == "'" else _IN_OTHER
    for match in pattern.finditer(token.text, 1, len(token.text) - 1):
        if match.lastgroup is None:  # an escape
            continue
        at, end = token.start + match.start(), token.start + match.end()
        name = match[match.lastgroup].strip()
        if (at, end) == (token.start + 1, token.end - 1):
            yield _Slot(name, "identifier" if is_name else "quoted", token.start, token.end, at)
        else:
            yield _Slot(name, "part" if is_name else "embedded", at, end, at)


_RENDER: dict[Form, Callable[[Parameter], str]] = {
    "quoted": literals.quoted,
    "embedded": literals.embedded,
    "bare": literals.literal,
    "identifier": literals.identifier,
    "part": literals.identifier_part,
}


def _render(slot: _Slot, parameters: Mapping[str, Parameter], lines: _Lines) -> str:
    parameter = parameters.get(slot.name.lower())
    if parameter is None:
        raise lines.error(
            slot.at, f"nothing resolves the placeholder {slot.name!r}", suggest(slot.name, parameters)
        )
    try:
        text = _RENDER[slot.form](parameter)
    except ValueError as error:
        what = f"the value of {parameter.name} ({parameter.origin}) does not fit its place"
        raise lines.error(slot.at, f"{what}: {error}") from None
    # Without the space, `-${x}` and a negative value would begin a comment.
    return f" {text}" if text.startswith("-") and lines.sql.endswith("-", 0, slot.start) else text
