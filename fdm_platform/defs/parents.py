"""The parents of a load as they stand now: what the ledger says, and that it is live. No Dagster here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.parents import read_parents
from fdm_platform.control.store import ControlStore
from fdm_platform.engines.folders import refusal
from fdm_platform.engines.publishing import settle
from fdm_platform.engines.replaced import replaced
from fdm_platform.engines.swapping import version_of
from fdm_platform.model.dependency import Dependency, ParentState
from fdm_platform.model.partition import folder_name
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.dependencies import parent_dates
from fdm_platform.planning.places import output_root


@dataclass(frozen=True, slots=True)
class Parents:
    """What a load's dates wait for."""

    waits_for: tuple[Dependency, ...]
    """What job_dependency adds to what the SQL reads."""
    states: Mapping[str, ParentState]
    """Of all its parents, by name."""


@dataclass(frozen=True, slots=True)
class ParentTables:
    """Where parents are declared, looked up and live."""

    store: ControlStore
    tables: Mapping[str, TableSpec]
    settings: Settings

    def look_up(
        self, reads: Collection[Dependency], waits_for: tuple[Dependency, ...], dates: Collection[date]
    ) -> Parents:
        """The state of all parents. A table without any costs no look-up.

        A version that was committed by a publisher who died before it was live is brought live: else its number
        would be remembered for the data of the version before. PublishError where the disk refuses that,
        ReplacedError where others are in the way.
        """
        of = (*reads, *waits_for)
        states = read_parents(self.store, self.tables, of, dates) if of else {}
        for dependency in reads:
            for day, version in _read(dependency, states.get(dependency.parent), dates):
                self._settle(self.tables[dependency.parent], day, version)
        return Parents(waits_for, states)

    def _settle(self, parent: TableSpec, day: date, version: int) -> None:
        root = output_root(self.settings, parent)
        folder = f"{root}/{folder_name(day, parent.folder_date_format)}"
        try:
            if version_of(folder) < version:
                # where it has nothing staged, what is live was put there by something else
                record = Ledger(self.store).current(parent.name, day)
                if record:
                    settle(root, record)
        except (FileExistsError, FileNotFoundError) as error:  # others were at it, and faster, each time
            raise replaced(folder) from error
        except OSError as error:
            what = f"version {version} of {parent.name} {day} is published and cannot be brought live"
            raise refusal(what, error, root, ", then load again") from error


def _read(
    dependency: Dependency, state: ParentState | None, dates: Collection[date]
) -> Iterator[tuple[date, int]]:
    """The published dates that are read, once each, with their versions."""
    if state is None:
        return
    known, published = state.known or (), state.published_dates
    wanted = {p for d in dates for p in parent_dates(dependency.dates, d, known, published)}
    yield from ((day, state.published[day]) for day in sorted(wanted) if day in state.published)
