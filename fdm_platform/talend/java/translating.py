"""A tree of Java in Spark SQL, with the condition under which Java would have thrown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fdm_platform.talend.expression import Cast, Number, Placeholder, Sql, Text, Word
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
from fdm_platform.talend.java.conversions import cast_to, null_of
from fdm_platform.talend.java.logic import Facts
from fdm_platform.talend.java.operators import binary, chosen, logical, unary
from fdm_platform.talend.java.routines import CONSTRUCTORS, FIELDS, METHODS, SHAPES, STATICS, Builder
from fdm_platform.talend.java.typed import RefusedError, Scope, Typed
from fdm_platform.talend.java.types import (
    NULL_TYPE,
    JavaType,
    Kind,
    described,
    java_type,
    named,
    spark_type,
    spelled,
)
from fdm_platform.talend.model import ContextVariable

_SUFFIXES: dict[str, str] = {"int": "", "long": "L", "float": "F", "double": "D"}
_RUNTIME = "is a value of the run, which SQL does not have"
_JOB = ("jobName", "projectName", "this", "pid", "rootPid", "fatherPid", "globalMap", "currentComponent")


class Translation:
    """Of one expression, in its scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def typed(self, node: Node, facts: Facts) -> Typed:
        """The SQL of a node where these facts hold. RefusedError, with its place, where there is none."""
        try:
            return facts.applied(self._dispatched(node, facts))
        except RefusedError as refused:
            if refused.untranslated.offset:
                raise
            raise RefusedError(refused.untranslated.reason, node.offset) from None

    def _dispatched(self, node: Node, facts: Facts) -> Typed:  # noqa: PLR0911 - one case a kind of node
        match node:
            case Literal():
                return _literal(node)
            case Name() | Field():
                return self._named(node)
            case Binary():
                return self._binary(node, facts)
            case Unary(operator, operand):
                return unary(operator, self.typed(operand, facts))
            case Ternary():
                return self._ternary(node, facts)
            case Conversion(type_name, operand):
                return cast_to(self.typed(operand, facts), _type(type_name))
            case Invocation():
                return self._invocation(node, facts)
            case New(type_name, arguments):
                name = type_name.rpartition(".")[2]
                build = CONSTRUCTORS.get((name, len(arguments)))
                return self._shaped(node, facts) or self._built(build, f"new {name}", arguments, facts)
            case Index():
                return self._shaped(node, facts) or _refuse("an array has no translation")

    def _binary(self, node: Binary, facts: Facts) -> Typed:
        first, links = chain(node)
        shaped = self._shaped(links[0], facts)
        left = shaped or self.typed(first, facts)
        for link in links[1:] if shaped else links:
            if link.operator in ("&&", "||"):
                reached = facts.given(left, truth=link.operator == "&&")
                left = logical(link.operator, left, self.typed(link.right, reached))
            else:
                left = binary(link.operator, left, self.typed(link.right, facts.after(left)))
            left = facts.applied(left)
        return left

    def _ternary(self, node: Ternary, facts: Facts) -> Typed:
        condition = self.typed(node.condition, facts)
        then = self.typed(node.then, facts.given(condition, truth=True))
        otherwise = self.typed(node.otherwise, facts.given(condition, truth=False))
        return chosen(condition, then, otherwise)

    def _named(self, node: Name | Field) -> Typed:
        path = dotted(node)
        if path is None:
            raise RefusedError(f"the field {node.name} of a value has no translation")
        value = self._value(path) or FIELDS.get(".".join(path.split(".")[-2:]))
        if value is not None:
            return value
        flow, _, column = path.partition(".")
        if flow in self._scope.flows:
            raise RefusedError(f"{flow} has no column {column}")
        if flow == "context":
            raise RefusedError(f"the job has no context variable {column}")
        what = _RUNTIME if flow in _JOB else "is no column, context variable or constant that is known here"
        raise RefusedError(f"{path} {what}")

    def _value(self, path: str) -> Typed | None:
        flow, _, column = path.partition(".")
        if flow == "context" and column in self._scope.context:
            return _context(self._scope.context[column])
        return self._scope.flows.get(flow, {}).get(column)

    def _is_value(self, node: Node) -> bool:
        path = dotted(node)
        return path is None or path.partition(".")[0] in {*self._scope.flows, "context", "Var"}

    def _invocation(self, node: Invocation, facts: Facts) -> Typed:
        shaped = self._shaped(node, facts)
        if shaped is not None:
            return shaped
        if node.target is None:
            raise RefusedError(f"{node.name} is a method of the job's own Java")
        path = dotted(node.target)
        if path in ("globalMap", "context"):
            return self._looked_up(path, node)
        if self._is_value(node.target):
            receiver = self.typed(node.target, facts)
            class_name = spelled(JavaType(receiver.type.kind))
            if not receiver.type.is_boxed:
                raise RefusedError(f"{described(receiver.type)} has no methods: the job would not compile")
            build = METHODS.get((class_name, node.name, len(node.arguments))) or METHODS.get(
                ("Object", node.name, len(node.arguments))
            )
            return self._built(build, f"{class_name}.{node.name}", node.arguments, facts, receiver)
        class_name = (path or "").rpartition(".")[2]
        if class_name in self._scope.routines:
            raise RefusedError(f"{class_name}.{node.name} is a routine of this project")
        build = STATICS.get((class_name, node.name, len(node.arguments)))
        return self._built(build, f"{class_name}.{node.name}", node.arguments, facts)

    def _built(
        self,
        build: Builder | None,
        name: str,
        arguments: Sequence[Node],
        facts: Facts,
        receiver: Typed | None = None,
    ) -> Typed:
        if build is None:
            count = f"{len(arguments)} argument{'s' * (len(arguments) != 1)}"
            raise RefusedError(f"there is no translation for {name} with {count}")
        values = [] if receiver is None else [receiver]
        for argument in arguments:
            before = facts.after(values[-1]) if values else facts
            values.append(self.typed(argument, before))
            facts = before
        return build(values)

    def _shaped(self, node: Node, facts: Facts) -> Typed | None:
        """What is translated by the shape of several nodes, as `a.split(",")[0]`."""
        for shape in SHAPES:
            found = shape(node)
            if found is not None:
                build, parts = found
                return self._built(build, "it", parts, facts)
        return None

    def _looked_up(self, of: str, node: Invocation) -> Typed:
        key = node.arguments[0] if len(node.arguments) == 1 else None
        if not isinstance(key, Literal) or not isinstance(key.value, str):
            raise RefusedError(f"{of}.{node.name} of a key that is computed {_RUNTIME}")
        if of == "globalMap" and node.name == "get":
            if key.value in self._scope.global_map:
                return self._scope.global_map[key.value]
            raise RefusedError(f'globalMap.get("{key.value}") {_RUNTIME}')
        if of == "context" and node.name == "getProperty" and key.value in self._scope.context:
            return _context(replace(self._scope.context[key.value], type="id_String"))
        raise RefusedError(f'{of}.{node.name}("{key.value}") {_RUNTIME}')


def _refuse(reason: str) -> Typed:
    raise RefusedError(reason)


def _type(name: str) -> JavaType:
    type_ = named(name)
    if type_ is None:
        raise RefusedError(f"no column is a {name}, which it is cast to")
    return type_


def _literal(node: Literal) -> Typed:
    if node.kind == "null":
        return null_of(NULL_TYPE)
    type_ = _type("String" if node.kind == "string" else node.kind)
    return Typed(type_, _literal_sql(node), spark_type(type_.kind))


def _literal_sql(node: Literal) -> Sql:
    if isinstance(node.value, str):
        return Text(node.value)
    if isinstance(node.value, bool):
        return Word("TRUE" if node.value else "FALSE")
    assert node.value is not None  # noqa: S101 - null has been told apart
    return Number(node.value, _SUFFIXES[node.kind])


_CONTEXT_KINDS: frozenset[Kind] = frozenset(
    {"boolean", "byte", "short", "int", "long", "float", "double", "decimal", "date", "string", "char"}
)


def _context(variable: ContextVariable) -> Typed:
    """A parameter of the job; an empty value is null unless it is text."""
    if variable.is_secret:
        raise RefusedError(f"context.{variable.name} is a secret, which stays out of SQL")
    type_ = java_type(variable.type, nullable=True)
    if type_.kind not in _CONTEXT_KINDS:
        raise RefusedError(f"context.{variable.name} is of the type {variable.type}, which no column has")
    spark = spark_type(type_.kind)
    if spark == "string":
        return Typed(type_, Placeholder(variable.name), spark)
    return Typed(type_, Cast(Placeholder(variable.name), spark), spark, is_nullable=not variable.value)
