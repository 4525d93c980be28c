"""Java over rows of flows, for `simulate`: what expressions answer, by the interpreter that shares nothing with the SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fdm_platform.talend.components.flows import called, fields
from fdm_platform.talend.components.global_map import global_constants
from fdm_platform.talend.components.handler import Around
from fdm_platform.talend.java import JavaError, evaluate, translate
from fdm_platform.talend.java.typed import Scope, Typed, Untranslated
from fdm_platform.talend.java.types import JavaType, java_type
from fdm_platform.talend.model import Column
from fdm_platform.talend.plan import SqlColumn, View

__all__ = ["Java", "JavaError"]

Row = Mapping[str, object]
_BOOLEAN = JavaType("boolean", is_boxed=False)


@dataclass(slots=True)
class Java:
    """Expressions over rows of these flows; rows have SQL's column names."""

    around: Around
    views: Mapping[str, View] = field(default_factory=dict)
    further: Mapping[str, Mapping[str, Typed]] = field(default_factory=dict)
    """Flows that are no views, such as `Var`; their rows have Talend's names."""
    _known: dict[tuple[str, JavaType | None], bool] = field(default_factory=dict)

    @property
    def scope(self) -> Scope:
        """Types of all that expressions may refer to."""
        flows = {name: fields(view, name) for name, view in self.views.items()}
        context = self.around.context
        constants = global_constants(self.around.job, context)
        return Scope(flows={**flows, **self.further}, context=context, global_map=constants)

    def value(self, java: str, rows: Mapping[str, Row], want: SqlColumn | Column) -> object:
        """Its value in a column; None where the SQL has a TODO. JavaError: Java would have thrown."""
        kind = want.talend_type if isinstance(want, SqlColumn) else want.type
        return self._value(java, rows, java_type(kind, nullable=want.nullable))

    def boolean(self, java: str, rows: Mapping[str, Row]) -> bool:
        """Whether a condition holds."""
        return bool(self._value(java, rows, _BOOLEAN))

    def anything(self, java: str, rows: Mapping[str, Row]) -> object:
        """Its value, of whatever type."""
        return self._value(java, rows, None)

    def _value(self, java: str, rows: Mapping[str, Row], want: JavaType | None) -> object:
        if not self._is_known(java, want):
            return None
        return evaluate(java, {name: self._named(name, row) for name, row in rows.items()}, self.scope, want)

    def _named(self, flow: str, row: Row) -> Row:
        view = self.views.get(flow)
        return row if view is None else {called(c): row.get(c.name) for c in view.columns}

    def _is_known(self, java: str, want: JavaType | None) -> bool:
        if (java, want) not in self._known:
            self._known[java, want] = not isinstance(translate(java, self.scope, want), Untranslated)
        return self._known[java, want]
