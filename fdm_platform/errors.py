"""Every error the platform raises on purpose.

    FdmError                                                           exit  kind
    ├── DeclarationError        table.yaml or HQL is wrong               2   code
    │   ├── UnknownTableError       no such table                        2   code
    │   ├── SqlError                syntax or placeholder in an HQL      2   code
    │   ├── JobFolderError          a legacy job's folder lacks a part   2   code
    │   └── ImportRefusedError      what cannot be read of Talend's      2   code
    ├── ParameterError          a parameter is missing or badly typed    2   code
    ├── ControlError            control tables                           3   data
    │   ├── NoControlRowError       no process_control row for a date    2   data
    │   ├── RowExistsError          insert of a key that is there        3   data
    │   └── ControlUnavailableError the store cannot be reached          4   infrastructure
    ├── SourceError             a source is missing, empty, malformed    5   data
    │   └── ReplacedError           a parent was replaced while read     5   contended
    ├── LoadError               Spark failed while loading a date        5   code
    │   ├── ContractError           the result breaks its declaration    5   data
    │   ├── ConnectionLostError     a database, host or executor went    4   infrastructure
    │   ├── KilledError             somebody killed Spark                5   infrastructure
    │   ├── TimedOutError           it took longer than its table says   5   stopped
    │   └── CancelledError          somebody stopped the load          130   stopped
    ├── PublishError            staging could not be made live           6   machine
    │   ├── StorageAwayError        the tables' file system is away      6   infrastructure
    │   ├── LockedError             another load works on that date      6   contended
    │   ├── UnknownOutcomeError     nobody knows yet whether it is       6   stopped
    │   └── PublishConflictError    another load published that date     6   stopped
    │       └── FencedError             the load was declared dead       6   stopped
    └── MachineError            JDK, port, disk, folder of the machine   4   machine

An exit code says who has to act: 2 the author of a declaration or command, 3 and 4 the
operator of the control tables or of the machines, 5 the owner of the job or its data, 6 the platform's operator.

A kind says whether another try can help: `infrastructure` (something was away; it counts for the circuit breaker) and
`contended` (another load was at work there; it does not) are tried again, `data`, `code` and `machine` wait for somebody
to mend something, and `stopped` is over. What Spark's own messages mean is in model/causes.py.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

Kind = Literal["infrastructure", "contended", "data", "code", "machine", "stopped"]
"""What sort of error it is."""


class FdmError(Exception):
    """The base: what happened, where, and what to do.

    `message` says what is wrong; `remedy` what to do about it; `file`, `line` (1-based) and
    `field` (a dotted path) say where, as far as known.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[Kind] = "code"

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


class JobFolderError(DeclarationError):
    """A legacy job's folder, its scripts folder or its script is missing, or lies outside the configured roots."""


class ImportRefusedError(DeclarationError):
    """A file of a Talend project is damaged, dangerous, or no job: nothing of it is imported."""


class ParameterError(FdmError):
    """A parameter or setting is missing or has the wrong type."""

    exit_code = 2


class ControlError(FdmError):
    """The control tables refuse or lack something."""

    exit_code = 3
    kind: ClassVar[Kind] = "data"


class NoControlRowError(ControlError):
    """A business date has no process_control row."""

    exit_code = 2


class RowExistsError(ControlError):
    """An insert met a row with the same key."""


class ControlUnavailableError(ControlError):
    """The control store cannot be reached."""

    exit_code = 4
    kind: ClassVar[Kind] = "infrastructure"


class SourceError(FdmError):
    """A source is missing, empty or malformed."""

    exit_code = 5
    kind: ClassVar[Kind] = "data"


class ReplacedError(SourceError):
    """A published date was replaced, by a load of its table, while it was listed or read."""

    kind: ClassVar[Kind] = "contended"


class LoadError(FdmError):
    """Spark failed while it loaded a date."""

    exit_code = 5
    kind: ClassVar[Kind] = "code"


class ContractError(LoadError):
    """The result breaks what its table declares: a column, a type, NOT NULL, a check."""

    kind: ClassVar[Kind] = "data"


class ConnectionLostError(LoadError):
    """A database, a host or an executor could not be reached, or went away while the date was loaded."""

    exit_code = 4
    kind: ClassVar[Kind] = "infrastructure"


class KilledError(LoadError):
    """Spark was killed from outside: by the kernel that ran out of memory, a cluster that took its container back."""

    kind: ClassVar[Kind] = "infrastructure"


class TimedOutError(LoadError):
    """The load took longer than its table allows, and was stopped."""

    kind: ClassVar[Kind] = "stopped"


class CancelledError(LoadError):
    """The load was stopped before it was published: Ctrl-C, SIGTERM, or Terminate in the UI."""

    exit_code = 130
    kind: ClassVar[Kind] = "stopped"


class PublishError(FdmError):
    """A staged date could not be made live; the old version stands."""

    exit_code = 6
    kind: ClassVar[Kind] = "machine"


class StorageAwayError(PublishError):
    """The file system of the published tables cannot be reached, or takes no changes just now."""

    kind: ClassVar[Kind] = "infrastructure"


class LockedError(PublishError):
    """Another load that lives is at work on the same date."""

    kind: ClassVar[Kind] = "contended"


class UnknownOutcomeError(PublishError):
    """The commit was sent and nobody answered, or the disk refused what follows it: the ledger tells what is to be live.

    Whatever was staged stays where it is until recovery has read it.
    """

    kind: ClassVar[Kind] = "stopped"


class PublishConflictError(PublishError):
    """Another load published the same date first; the old version stands."""

    kind: ClassVar[Kind] = "stopped"


class FencedError(PublishConflictError):
    """The load was declared dead while it slept: its version is void, and it may not publish any more."""


class MachineError(FdmError):
    """The machine lacks what the platform needs: a JDK, a free port, disk, a writable folder."""

    exit_code = 4
    kind: ClassVar[Kind] = "machine"
