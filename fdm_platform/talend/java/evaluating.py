"""What Java answers for an expression: an interpreter of the tree in plain Python, which shares nothing with the SQL.

It tells fixtures what a step has to give, and tests whether the SQL is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation

from fdm_platform.talend.expression import Cast, Number, Placeholder, Text, Word
from fdm_platform.talend.java import computing
from fdm_platform.talend.java.answers import CONSTANTS, CONSTRUCTED, OF_CLASSES, OF_VALUES, Answer, Key
from fdm_platform.talend.java.ast import (
    Binary,
    Conversion,
    Field,
    Index,
    Invocation,
    Literal,
    Name,
    New,
    Node,
    Ternary,
    Unary,
    chain,
    dotted,
)
from fdm_platform.talend.java.parsing import parse
from fdm_platform.talend.java.typed import Scope, Typed, Untranslated
from fdm_platform.talend.java.types import (
    BOOLEAN,
    INTEGRAL,
    NUMERIC,
    STRING,
    JavaType,
    Kind,
    java_type,
    named,
    promoted,
    spelled,
)
from fdm_platform.talend.java.values import CannotEvaluate, Held, JavaError, assigned, cast, held, narrowed
from fdm_platform.talend.model import ContextVariable

Values = Mapping[str, Mapping[str, object]]
"""Of columns by flow: `values["row1"]["amount"]`."""


def evaluate(
    text: str,
    values: Values,
    scope: Scope | None = None,
    want: JavaType | None = None,
    now: datetime | None = None,
) -> object:
    """What the expression is for one row.

    Types of columns, values of the context and of globalMap are the scope's; a column that it does not have is of the
    boxed type that its Python value suggests. `now` is what the clock says. JavaError: Java would have thrown.
    CannotEvaluate: it is not known what Java would answer.
    """
    node = parse(text)
    if isinstance(node, Untranslated):
        raise CannotEvaluate(node.reason)
    value = Interpreter(values, scope or Scope(), now).value(node)
    return (value if want is None else assigned(value, want)).value


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Of expressions over one row."""

    values: Values
    scope: Scope = field(default_factory=Scope)
    now: datetime | None = None

    def value(self, node: Node) -> Held:  # noqa: PLR0911 - one case a kind of node
        """What a node is."""
        match node:
            case Literal(kind, value):
                return held(value, named("String" if kind == "string" else kind))
            case Name() | Field():
                return self._named(node)
            case Binary():
                return self._binary(node)
            case Unary(operator, operand):
                return computing.unary(operator, self.value(operand))
            case Ternary(condition, then, otherwise):
                is_true = computing.truth(self.value(condition))
                chosen = self.value(then if is_true else otherwise)
                return self._of_ternary(chosen, node)
            case Conversion(type_name, operand):
                return cast(self.value(operand), _type(type_name))
            case New():
                return self._new(node).give([self.value(a) for a in node.arguments], self.now)
            case Index():
                return self._element(node)
            case Invocation():
                return self._invocation(node)

    def _binary(self, node: Binary) -> Held:
        first, links = chain(node)
        left = self.value(first)
        for link in links:
            if link.operator in ("&&", "||"):
                is_decided = computing.truth(left) == (link.operator == "||")
                left = left if is_decided else Held(BOOLEAN, computing.truth(self.value(link.right)))
            else:
                left = computing.binary(link.operator, left, self.value(link.right))
        return left

    def _of_ternary(self, chosen: Held, node: Ternary) -> Held:
        type_ = self._ternary_type(node)
        if type_.kind in NUMERIC and chosen.type.kind in NUMERIC and type_.kind != chosen.type.kind:
            return narrowed(chosen, type_.kind)
        return assigned(chosen, type_)

    def _ternary_type(self, node: Ternary) -> JavaType:
        one, other = self.type(node.then), self.type(node.otherwise)
        if "null" in (one.kind, other.kind):
            return JavaType(other.kind if one.kind == "null" else one.kind)
        if one.kind == other.kind:
            return JavaType(one.kind, is_boxed=one.is_boxed and other.is_boxed)
        if one.kind in NUMERIC and other.kind in NUMERIC:
            return JavaType(promoted(one.kind, other.kind), is_boxed=False)
        return JavaType("object")

    def type(self, node: Node) -> JavaType:  # noqa: PLR0911 - one case a kind of node
        """The type that the compiler gives a node, which is not evaluated."""
        match node:
            case Binary(operator, left, right):
                return self._binary_type(operator, self.type(left), self.type(right))
            case Unary(operator, operand):
                kind = self.type(operand).kind
                return BOOLEAN if operator == "!" else JavaType(promoted(kind, "int"), is_boxed=False)
            case Ternary():
                return self._ternary_type(node)
            case Conversion(type_name, _):
                return _type(type_name)
            case New():
                return self._new(node).type([self.type(a) for a in node.arguments])
            case Index():
                return STRING
            case Invocation(target) if target is not None and dotted(target) in ("globalMap", "context"):
                return self.value(node).type
            case Invocation(target, name, arguments) if target is not None:
                given = [*([target] * self._is_value(target)), *arguments]
                return self._answer_of(target, name, arguments).type([self.type(a) for a in given])
            case _:
                return self.value(node).type

    def _binary_type(self, operator: str, left: JavaType, right: JavaType) -> JavaType:
        if operator in ("&&", "||", "==", "!=", "<", "<=", ">", ">=") or left.kind == "boolean":
            return STRING if "string" in (left.kind, right.kind) and operator == "+" else BOOLEAN
        if operator == "+" and "string" in (left.kind, right.kind):
            return STRING
        if not {left.kind, right.kind} <= NUMERIC:
            raise CannotEvaluate(f"{spelled(left)} {operator} {spelled(right)}")
        kind = promoted(left.kind, "int" if operator in ("<<", ">>", ">>>") else right.kind)
        return JavaType(kind, is_boxed=False)

    def _named(self, node: Name | Field) -> Held:
        path = dotted(node) or ""
        flow, _, column = path.partition(".")
        if column in self.values.get(flow, {}):
            typed = self.scope.flows.get(flow, {}).get(column)
            return held(self.values[flow][column], None if typed is None else typed.type)
        if flow == "context" and column in self.scope.context:
            return context_value(self.scope.context[column])
        short = ".".join(path.split(".")[-2:])
        if short in CONSTANTS:
            return CONSTANTS[short]
        raise CannotEvaluate(f"{path or node.name} has no value here")

    def _is_value(self, node: Node) -> bool:
        path = dotted(node)
        return path is None or path.partition(".")[0] in {*self.scope.flows, *self.values, "context", "Var"}

    def _invocation(self, node: Invocation) -> Held:
        if node.target is None:
            raise CannotEvaluate(f"{node.name} is the job's own Java")
        if dotted(node.target) in ("globalMap", "context"):
            return self._looked_up(node)
        answer = self._answer_of(node.target, node.name, node.arguments)
        if not self._is_value(node.target):
            return answer.give([self.value(a) for a in node.arguments], self.now)
        receiver = self.value(node.target)
        arguments = [self.value(a) for a in node.arguments]
        if receiver.value is None:
            raise JavaError("NullPointerException", f"{node.name} of null")
        return answer.give([receiver, *arguments], self.now)

    def _answer_of(self, target: Node, name: str, arguments: Sequence[Node]) -> Answer:
        if dotted(target) in ("globalMap", "context"):
            raise CannotEvaluate("a type that is known only when the job runs")
        if not self._is_value(target):
            class_name = (dotted(target) or "").rpartition(".")[2]
            return _found(OF_CLASSES, (class_name, name, len(arguments)))
        class_name = spelled(JavaType(self.type(target).kind))
        key = (class_name, name, len(arguments))
        return _found(OF_VALUES, key if key in OF_VALUES else ("Object", name, len(arguments)))

    def _new(self, node: New) -> Answer:
        return _found(CONSTRUCTED, (node.type.rpartition(".")[2], "new", len(node.arguments)))

    def _element(self, node: Index) -> Held:
        array, index = self.value(node.target).value, self.value(node.index).value
        if not isinstance(array, list) or not isinstance(index, int):
            raise CannotEvaluate("an array of other things than text")
        if not 0 <= index < len(array):
            raise JavaError("ArrayIndexOutOfBoundsException", f"{index} of {len(array)}")
        return Held(STRING, array[index])

    def _looked_up(self, node: Invocation) -> Held:
        key = node.arguments[0] if len(node.arguments) == 1 else None
        name = key.value if isinstance(key, Literal) else None
        of = dotted(node.target or node)
        if isinstance(name, str) and of == "context" and name in self.scope.context:
            return Held(STRING, self.scope.context[name].value)
        if isinstance(name, str) and of == "globalMap" and name in self.scope.global_map:
            return self._constant(self.scope.global_map[name], name)
        written = f'"{name}"' if isinstance(name, str) else "…"
        raise CannotEvaluate(
            f"{dotted(node.target or node)}.{node.name}({written}) is known only when the job runs"
        )

    def _constant(self, typed: Typed, key: str) -> Held:
        """What tSetGlobalVar has put: a literal, or a variable of the context."""
        match typed.sql:
            case Text(value) | Number(value):
                return held(value, typed.type)
            case Word("TRUE" | "FALSE" as word):
                return Held(typed.type, word == "TRUE")
            case Placeholder(name) | Cast(Placeholder(name)) if name in self.scope.context:
                return context_value(self.scope.context[name])
        raise CannotEvaluate(f'what globalMap has for "{key}" is computed')


def _found(table: Mapping[Key, Answer], key: Key) -> Answer:
    if key not in table:
        class_name, name, count = key
        raise CannotEvaluate(f"{class_name}.{name} with {count} arguments is not known")
    return table[key]


def _type(name: str) -> JavaType:
    type_ = named(name)
    if type_ is None:
        raise CannotEvaluate(f"the type {name}")
    return type_


def context_value(variable: ContextVariable) -> Held:
    """A context variable's value by its type; an empty one is null unless it is text."""
    type_ = java_type(variable.type, nullable=True)
    written = variable.value
    if variable.is_secret:
        raise CannotEvaluate(f"context.{variable.name} is a secret")
    if type_.kind == "string":
        return Held(type_, written)
    if not written:
        return Held(type_, None)
    try:
        return held(_READ[type_.kind](written), type_)
    except (KeyError, ValueError, InvalidOperation):
        raise CannotEvaluate(f"context.{variable.name} is {written!r}, which is no {variable.type}") from None


_READ: dict[Kind, Callable[[str], object]] = {
    **dict.fromkeys(INTEGRAL, int),
    "float": float,
    "double": float,
    "decimal": Decimal,
    "boolean": lambda written: written.lower() == "true",
    "date": datetime.fromisoformat,
    "char": str,
}
