"""What a component's module offers, and what it is told of the job around the component."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fdm_platform.talend.model import Component, ContextVariable, Link, TalendJob
from fdm_platform.talend.plan import Converted, View

Rows = Sequence[Mapping[str, object]]
"""Rows as Python has them: str, int, float, Decimal, bool, datetime, None."""


@dataclass(frozen=True, slots=True)
class Around:
    """A component's surroundings. Inputs come before it: what they became is known."""

    job: TalendJob
    inputs: Mapping[str, View] = field(default_factory=dict)
    """Incoming flows by name, the main one first, then lookups or merged ones in their order."""
    links: tuple[Link, ...] = ()
    """Incoming flows, in the same order."""
    outputs: tuple[Link, ...] = ()
    """Outgoing flows that are connected and active."""
    context: Mapping[str, ContextVariable] = field(default_factory=dict)
    """Of the context that is imported."""
    on_java_error: Literal["raise", "null"] = "raise"
    """What SQL does where Java would have ended the job: fail the date, or give NULL with a note."""
    timezone: str | None = None
    routines: frozenset[str] = frozenset()
    """Names of the project's own Java classes."""


@dataclass(frozen=True, slots=True)
class Handler:
    """One kind of component.

    `simulate` answers in plain Python what the component does to rows, after Talend's rules and without the SQL: the
    rows of each view that `convert` makes, by view, from the rows of each incoming flow, by flow. Fixtures expect its
    answers. None where the component makes no view. An input component is given the rows of its source, by the
    source's view. JavaError: the job would have died of these rows. CannotEvaluate: what it would do is not known.
    """

    convert: Callable[[Component, Around], Converted]
    simulate: Callable[[Component, Around, Mapping[str, Rows]], Mapping[str, Rows]] | None = None
