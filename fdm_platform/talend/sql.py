"""Prints selects and expressions as Spark SQL: quotes, parentheses and comments that no text can break out of.

What is printed is read again by planning.sql (placeholders) and by Spark's parser: text of a Talend job can become
neither a placeholder nor the end of a comment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from fdm_platform.errors import ImportRefusedError
from fdm_platform.planning.literals import escape
from fdm_platform.talend.expression import (
    Call,
    Case,
    Cast,
    Infix,
    IsNull,
    Number,
    Placeholder,
    Prefix,
    Ref,
    Sql,
    Text,
    Todo,
    Window,
    Word,
)
from fdm_platform.talend.plan import Join, Output, Relation, Select

WIDTH = 110
"""Columns of a line, as far as expressions can be broken."""
_ALIGNED = 48
"""Up to this width, the names after AS stand below one another."""

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words that cannot stand for a column or a view everywhere, by Spark's grammar; `context` is planning.sql's.
_WORDS = frozenset(
    """
    all and anti any array as asc between both by case cast check collate column context create cross cube current
    current_date current_time current_timestamp current_user date day desc describe distinct div drop else end
    escape except exists extract false fetch filter first following for foreign from full function grant group
    grouping having hour if in inner insert intersect interval into is join last lateral leading left like limit map
    minus minute month natural not null nulls of offset on only or order outer over overlaps overlay partition
    position preceding primary qualify range references right rlike rollup row rows second select semi session_user
    set setminus some struct substr substring table tablesample then time timestamp to trailing transform trim true
    truncate unbounded union unique unknown user using values view when where window with within year
    """.split()  # noqa: SIM905 - a list of 130 strings is read by nobody
)
_IDENTIFIER_PLACEHOLDER = re.compile(r"view_name|\w+_(view|table)", re.IGNORECASE)
_COMMENT_EDGE = re.compile(r"(?<=\*)(?=/)|(?<=/)(?=\*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]+")

# How tightly operators bind, by Spark's grammar (SqlBaseParser.g4); an operand that binds less is put in parentheses.
_LOOSEST, _OR, _AND, _NOT, _PREDICATE, _COMPARISON, _SUM, _UNARY, _PRIMARY = -1, 0, 1, 2, 3, 4, 8, 10, 11
_INFIX = {
    "OR": _OR, "AND": _AND,
    **dict.fromkeys(("LIKE", "RLIKE", "NOT LIKE", "NOT RLIKE", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"), _PREDICATE),
    **dict.fromkeys(("=", "<=>", "<>", "!=", "<", "<=", ">", ">="), _COMPARISON),
    "|": 5, "^": 6, "&": 7,
    **dict.fromkeys(("+", "-", "||"), _SUM),
    **dict.fromkeys(("*", "/", "%", "DIV"), 9),
}  # fmt: skip
_PREFIX = {"NOT": _NOT, "DISTINCT": _LOOSEST, "-": _UNARY, "+": _UNARY, "~": _UNARY}
_ASSOCIATIVE = frozenset({"AND", "OR", "||"})
_BREAKABLE = frozenset({"AND", "OR", "||", "+"})


def to_sql(select: Select) -> str:
    """The select as the text of an HQL file, with its comment above it and a line end after it."""
    return "\n".join(_lines(select, indent=0)) + "\n"


def render(expression: Sql) -> str:
    """The expression on one line."""
    return _text(expression, _LOOSEST, None)


def name(text: str) -> str:
    """A column's, view's or alias's name, in backticks where it needs them; ImportRefusedError where none help."""
    if _PLAIN_NAME.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if "${" in text or not text or _CONTROL.search(text):
        raise ImportRefusedError(
            f"{text!r} cannot name a column or view", remedy="rename it in Talend Studio and export it again"
        )
    return "`" + text.replace("`", "``") + "`"


def string(text: str) -> str:
    """A string literal."""
    return f"'{escape(text)}'"


def todo_comment(java: str, reason: str) -> str:
    """The mark of what a person has to write. `fdm validate` refuses a table that still has one."""
    said = f"{java}: {reason}" if java.strip() else reason
    return f"/* TODO {_one_line(said)} */"


def comment_lines(text: str) -> list[str]:
    """Text of any kind as `--` comments."""
    return [f"-- {line}" for part in text.splitlines() if (line := _ended(_one_line(part)))]


def _one_line(text: str) -> str:
    """Text that neither ends nor opens a block comment."""
    return _COMMENT_EDGE.sub(" ", _CONTROL.sub(" ", text)).strip()


def _ended(text: str) -> str:
    """To Spark, a backslash at the end of a `--` comment carries it on to the next line."""
    return f"{text}." if text.endswith("\\") else text


def _text(expression: Sql, least: int, indent: int | None) -> str:
    """The expression where at least `least` is to bind.

    Broken over lines where it is longer than what a line that begins at `indent` holds; None is never broken.
    """
    is_enclosed = _level(expression) < least
    flat = _PRINT[type(expression)](expression, None)
    if indent is not None and indent + len(flat) > WIDTH:
        flat = _PRINT[type(expression)](expression, indent + is_enclosed)
    return f"({flat})" if is_enclosed else flat


def _level(expression: Sql) -> int:
    """How tightly the expression binds."""
    match expression:
        case Infix(operator):
            return _INFIX[operator.upper()]
        case Prefix(operator):
            return _PREFIX[operator.upper()]
        case IsNull():
            return _PREDICATE
        case Number(value) if value < 0:
            return _UNARY
    return _PRIMARY


def _ref(ref: Ref, _: int | None) -> str:
    column = "*" if ref.column == "*" else name(ref.column)
    return f"{name(ref.relation)}.{column}" if ref.relation else column


def _number(number: Number, _: int | None) -> str:
    value = number.value
    if isinstance(value, float):
        if math.isfinite(value):
            return f"{value!r}{number.suffix}"
        word = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return f"CAST('{word}' AS {'FLOAT' if number.suffix == 'F' else 'DOUBLE'})"
    return f"{format(value, 'f') if isinstance(value, Decimal) else value}{number.suffix}"


def _placeholder(placeholder: Placeholder, _: int | None) -> str:
    """planning.sql takes some bare names for views: these are given as text."""
    is_quoted = placeholder.is_quoted or _IDENTIFIER_PLACEHOLDER.fullmatch(placeholder.name)
    return f"'${{{placeholder.name}}}'" if is_quoted else f"${{{placeholder.name}}}"


def _call(call: Call, indent: int | None) -> str:
    inner = None if indent is None else indent + 2
    arguments = [_text(a, _LOOSEST, inner) for a in call.arguments]
    if inner is None or not arguments:
        return f"{call.name}({', '.join(arguments)})"
    separator = f",\n{' ' * inner}"
    return f"{call.name}(\n{' ' * inner}{separator.join(arguments)})"


def _cast(cast: Cast, indent: int | None) -> str:
    inner = None if indent is None else indent + len("CAST(")
    return f"CAST({_text(cast.value, _LOOSEST, inner)} AS {cast.type.upper()})"


def _infix(infix: Infix, indent: int | None) -> str:
    operator = infix.operator.upper()
    level = _INFIX[operator]
    operands = list(_operands(infix, operator))
    # A comparison of a comparison is legal, and read wrongly by people.
    first = level + 1 if level in (_COMPARISON, _PREDICATE) else level
    if indent is not None and operator in _BREAKABLE:
        width = indent + len(operator) + 1
        texts = [_text(o, first if i == 0 else level + 1, width) for i, o in enumerate(operands)]
        return f"\n{' ' * indent}{operator} ".join(texts)
    texts = [_text(o, first if i == 0 else level + 1, indent) for i, o in enumerate(operands)]
    return f" {operator} ".join(texts)


def _operands(infix: Infix, operator: str) -> Iterator[Sql]:
    """The operands of a chain of one operator, from left to right; chains may be thousands long."""
    pending: list[Sql] = [infix]
    is_chain = _INFIX[operator] not in (_COMPARISON, _PREDICATE)
    at_left = True
    while pending:
        current = pending.pop()
        is_same = isinstance(current, Infix) and current.operator.upper() == operator
        if isinstance(current, Infix) and is_same and (
            current is infix or (is_chain and (at_left or operator in _ASSOCIATIVE))
        ):  # fmt: skip
            pending += [current.right, current.left]
            at_left = True
        else:
            yield current
            at_left = False


def _prefix(prefix: Prefix, indent: int | None) -> str:
    operator = prefix.operator.upper()
    level = _PREFIX[operator]
    space = " " if operator.isalpha() else ""
    # NOT NOT a may stand so; `--` would begin a comment.
    least = level if operator.isalpha() else level + 1
    inner = None if indent is None else indent + len(operator) + 1
    return f"{operator}{space}{_text(prefix.value, least, inner)}"


def _is_null(test: IsNull, indent: int | None) -> str:
    word = "IS NOT NULL" if test.is_negated else "IS NULL"
    return f"{_text(test.value, _COMPARISON + 1, indent)} {word}"


def _case(case: Case, indent: int | None) -> str:
    branches, otherwise = list(case.branches), case.otherwise
    while isinstance(otherwise, Case):  # ELSE CASE … END says the same as more branches
        branches += otherwise.branches
        otherwise = otherwise.otherwise
    if indent is None:
        whens = " ".join(f"WHEN {render(c)} THEN {render(v)}" for c, v in branches)
        return f"CASE {whens} ELSE {render(otherwise)} END"
    inner = indent + 2
    pad = "\n" + " " * inner
    lines = [f"WHEN {_branch(condition, value, inner)}" for condition, value in branches]
    lines.append(f"ELSE {_text(otherwise, _LOOSEST, inner + 5)}")
    return f"CASE{pad}{pad.join(lines)}\n{' ' * indent}END"


def _branch(condition: Sql, value: Sql, indent: int) -> str:
    flat = f"{render(condition)} THEN {render(value)}"
    if indent + len("WHEN ") + len(flat) <= WIDTH:
        return flat
    pad = " " * (indent + 2)
    return f"{_text(condition, _LOOSEST, indent + 5)}\n{pad}THEN {_text(value, _LOOSEST, indent + 7)}"


def _window(window: Window, _: int | None) -> str:
    parts = []
    if window.partition:
        parts.append(f"PARTITION BY {', '.join(map(render, window.partition))}")
    if window.order:
        parts.append(f"ORDER BY {_order(window.order)}")
    return f"{render(window.call)} OVER ({' '.join(parts)})"


def _todo(todo: Todo, _: int | None) -> str:
    return f"CAST(NULL AS {todo.type.upper()}) {todo_comment(todo.java, todo.reason)}"


_PRINT: dict[type, Callable[..., str]] = {
    Ref: _ref,
    Text: lambda text, _: string(text.value),
    Number: _number,
    Word: lambda word, _: str(word.word),
    Placeholder: _placeholder,
    Call: _call,
    Cast: _cast,
    Infix: _infix,
    Prefix: _prefix,
    IsNull: _is_null,
    Case: _case,
    Window: _window,
    Todo: _todo,
}


def _order(order: Sequence[tuple[Sql, bool]]) -> str:
    return ", ".join(render(by) + (" DESC" if is_descending else "") for by, is_descending in order)


def _lines(select: Select, indent: int) -> list[str]:
    """The select's lines, each with its indentation."""
    lines = _one_select(select, indent)
    for other in select.union:
        lines += [" " * indent + "UNION ALL", *_lines(other, indent)]
    if select.order_by:
        lines.append(f"{' ' * indent}ORDER BY {_order(select.order_by)}")
    return lines


def _one_select(select: Select, indent: int) -> list[str]:
    pad = " " * indent
    lines = [pad + line for line in comment_lines(select.comment)]
    lines.append(f"{pad}SELECT DISTINCT" if select.is_distinct else f"{pad}SELECT")
    lines += _columns(select.columns, indent + 2)
    if select.source:
        lines.append(f"{pad}FROM {_relation(select.source, indent)}")
    for join in select.joins:
        lines += _join(join, indent)
    if select.where:
        lines.append(f"{pad}WHERE {_text(select.where, _LOOSEST, indent + 6)}")
    if select.group_by:
        lines.append(f"{pad}GROUP BY {', '.join(map(render, select.group_by))}")
    if select.having:
        lines.append(f"{pad}HAVING {_text(select.having, _LOOSEST, indent + 7)}")
    return lines


def _columns(columns: Sequence[Output], indent: int) -> list[str]:
    values = [_text(o.value, _LOOSEST, indent) for o in columns]
    short = [len(v) for o, v in zip(columns, values, strict=True) if _has_name(o) and len(v) <= _ALIGNED]
    width = max(short, default=0)
    lines = []
    for i, (output, value) in enumerate(zip(columns, values, strict=True)):
        named = f"{value:<{width}} AS {name(output.name)}" if _has_name(output) else value
        comma = "," if i < len(columns) - 1 else ""
        said = "; ".join(line.removeprefix("-- ") for line in comment_lines(output.comment))
        lines.append(f"{' ' * indent}{named}{comma}" + (f"  -- {said}" if said else ""))
    return lines


def _has_name(output: Output) -> bool:
    """A column that keeps its name, and `*`, are printed without AS."""
    return not (isinstance(output.value, Ref) and output.value.column in ("*", output.name))


def _relation(relation: Relation, indent: int) -> str:
    if isinstance(relation.of, str):
        view = name(relation.of)
        if relation.columns:
            return f"{view} AS {name(relation.alias)}({', '.join(map(name, relation.columns))})"
        return view if relation.of == relation.alias else f"{view} AS {name(relation.alias)}"
    flat = _flat(relation.of)
    if flat and indent + len(flat) <= WIDTH:
        return f"({flat}) AS {name(relation.alias)}"
    inner = "\n".join(_lines(relation.of, indent + 2))
    return f"(\n{inner}\n{' ' * indent}) AS {name(relation.alias)}"


def _flat(select: Select) -> str:
    """A select without comments on one line; empty where it has some."""
    lines = [line.strip() for line in _lines(select, 0)]
    return "" if _has_comments(select) else " ".join(lines)


def _has_comments(select: Select) -> bool:
    relations = [r for r in (select.source, *(j.relation for j in select.joins)) if r]
    inner = [r.of for r in relations if isinstance(r.of, Select)]
    own = bool(select.comment) or any(o.comment for o in select.columns)
    return own or any(_has_comments(s) for s in (*inner, *select.union))


def _join(join: Join, indent: int) -> list[str]:
    lines = [f"{' ' * indent}{join.kind} {_relation(join.relation, indent)}"]
    if join.on is not None:
        lines.append(f"{' ' * indent}  ON {_text(join.on, _LOOSEST, indent + 5)}")
    return lines
