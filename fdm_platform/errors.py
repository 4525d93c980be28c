"""Every error the platform raises on purpose.

    FdmError
    ├── DeclarationError        table.yaml or HQL is wrong             exit 2
    │   ├── UnknownTableError       no such table                      exit 2
    │   └── SqlError                syntax or placeholder in an HQL    exit 2
    ├── ParameterError          a parameter is missing or badly typed  exit 2
    ├── ControlError            control tables                         exit 3
    │   ├── NoControlRowError       no process_control row for a date  exit 2
    │   ├── RowExistsError          insert of a key that is there      exit 3
    │   └── ControlUnavailableError the store cannot be reached        exit 4, retryable
    ├── SourceError             a source is missing, empty, malformed  exit 5
    ├── LoadError               Spark failed while loading a date      exit 5
    │   ├── ContractError           the result breaks its declaration  exit 5
    │   ├── ConnectionLostError     a database, host or executor went  exit 5, retryable
    │   ├── TimedOutError           it took longer than its table says exit 5
    │   └── CancelledError          somebody stopped the load          exit 130
    ├── PublishError            staging could not be made live         exit 6
    │   ├── LockedError             another load works on that date    exit 6, retryable
    │   ├── UnknownOutcomeError     nobody knows yet whether it is     exit 6
    │   └── PublishConflictError    another load published that date   exit 6
    │       └── FencedError             the load was declared dead     exit 6
    └── MachineError            JDK, port, disk, folder of the machine exit 4

An exit code says who has to act: 2 the author of a declaration or command, 3 and 4 the
operator of the control tables or the machine, 5 the owner of the data, 6 the platform's operator.
"""

from __future__ import annotations

from typing import Any, ClassVar


class FdmError(Exception):
    """The base: what happened, where, and what to do.

    `message` says what is wrong; `remedy` what to do about it; `file`, `line` (1-based) and
    `field` (a dotted path) say where, as far as known.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        remedy: str | None = None,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        field: str | None = None,
    ) -> None:
        self.message = message
        self.remedy = remedy
        self.file = file
        self.line = line
        self.column = column
        self.field = field
        super().__init__(str(self))

    def __str__(self) -> str:
        place = self._place()
        text = f"{place}: {self.message}" if place else self.message
        return f"{text}\n  remedy: {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.to_json()))

    def _place(self) -> str:
        numbers = [str(n) for n in (self.line, self.column) if n is not None]
        parts = [":".join([self.file, *numbers])] if self.file else []
        if self.field:
            parts.append(self.field)
        return ": ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """The error's fields as plain JSON, for `--json` and for the driver's messages."""
        names = ("message", "remedy", "file", "line", "column", "field")
        return {n: getattr(self, n) for n in names}


def _rebuild(cls: type[FdmError], fields: dict[str, Any]) -> FdmError:
    return cls(fields.pop("message"), **fields)


class DeclarationError(FdmError):
    """A table's YAML or HQL is wrong."""

    exit_code = 2


class UnknownTableError(DeclarationError):
    """No declared table has this name."""


class SqlError(DeclarationError):
    """An HQL file has a syntax error or a placeholder that nothing resolves."""


class ParameterError(FdmError):
    """A parameter or setting is missing or has the wrong type."""

    exit_code = 2


class ControlError(FdmError):
    """The control tables refuse or lack something."""

    exit_code = 3


class NoControlRowError(ControlError):
    """A business date has no process_control row."""

    exit_code = 2


class RowExistsError(ControlError):
    """An insert met a row with the same key."""


class ControlUnavailableError(ControlError):
    """The control store cannot be reached."""

    exit_code = 4
    retryable = True


class SourceError(FdmError):
    """A source is missing, empty or malformed."""

    exit_code = 5


class LoadError(FdmError):
    """Spark failed while it loaded a date."""

    exit_code = 5


class ContractError(LoadError):
    """The result breaks what its table declares: a column, a type, NOT NULL, a check."""


class ConnectionLostError(LoadError):
    """A database, a host or an executor could not be reached, or went away while the date was loaded."""

    retryable = True


class TimedOutError(LoadError):
    """The load took longer than its table allows, and was stopped."""


class CancelledError(LoadError):
    """The load was stopped before it was published: Ctrl-C, SIGTERM, or Terminate in the UI."""

    exit_code = 130


class PublishError(FdmError):
    """A staged date could not be made live; the old version stands."""

    exit_code = 6


class LockedError(PublishError):
    """Another load that lives is at work on the same date."""

    retryable = True


class UnknownOutcomeError(PublishError):
    """The commit was sent and nobody answered: the ledger tells, when it is back, whether the date is live.

    Whatever was staged stays where it is until then.
    """


class PublishConflictError(PublishError):
    """Another load published the same date first; the old version stands."""


class FencedError(PublishConflictError):
    """The load was declared dead while it slept: its version is void, and it may not publish any more."""


class MachineError(FdmError):
    """The machine lacks what the platform needs: a JDK, a free port, disk, a writable folder."""

    exit_code = 4
