"""How a table follows its parents: its automation condition, and the sensors that evaluate it.

A date is requested when a parent's date that it reads was published anew, or its own control row changed, and
the control tables say that it is due: its row may run, every parent is there, and none of them is due itself
(planning/due.py). It is requested once for each such change, and again for one that came after it was requested; a run that
fails is not repeated by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import dagster as dg

from fdm_platform.control.changes import OVERLAP, Watermark, changes
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.defs.facts import StoreFacts
from fdm_platform.defs.partitions import dates_of
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.run_requests import SECONDS_BETWEEN_TICKS, status
from fdm_platform.model.dependency import Dependency, ParentDates
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.dependencies import affected_dates
from fdm_platform.planning.due import State, Verdicts

MOST_TABLES = 200
"""Of one sensor. Dagster takes 500, and a tick has 60 s: when 2,500 dates of each are due at once, a table costs
40 ms of CPU, or 100 ms where all of them are published already (docs/sensors.md)."""
AssetContext = dg.AutomationContext[dg.AssetKey]
AssetResult = dg.AutomationResult[dg.AssetKey]


def following(
    spec: TableSpec, parents: Mapping[Dependency, TableSpec], evaluations: Evaluations
) -> dg.AutomationCondition[Any]:
    """The condition of a table with parents; `parents` by what it reads of them."""
    condition = dg.AutomationCondition
    changed = ParentUpdated(spec, evaluations, parents) | ControlRowChanged(spec, evaluations)
    # A table that was loaded by hand meanwhile is done, unless it was planned before its parent was published.
    done = condition.newly_updated() & InState(spec, evaluations, "current")
    # What changed since it was requested is not handled: its run may have read its parent as it was before.
    handled = (condition.newly_requested() & ~changed) | done
    due = InState(spec, evaluations, "due")
    return (changed.since(handled) & ~condition.in_progress() & due).with_label("follows its parents")


def dependents_sensor(
    name: str, tables: Sequence[TableSpec], *, is_running: bool
) -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates the tables' conditions; at most MOST_TABLES of one source system."""
    return dg.AutomationConditionSensorDefinition(
        name=name,
        target=[dg.AssetKey(spec.key) for spec in tables],
        use_user_code_server=True,
        minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
        default_status=status(is_running=is_running),
        description=f"Loads tables of {tables[0].partition_set} after their parents.",
    )


@dataclass
class Evaluation:
    """What one evaluation of a sensor reads of the control tables, once for all its tables."""

    name: str
    """The sensor's."""
    platform: Platform
    instance: dg.DagsterInstance
    now: datetime
    verdicts: Verdicts
    changed: dict[datetime | None, list[date]] = field(default_factory=dict)
    _sets: dict[str, list[date]] = field(default_factory=dict)
    _ledgers: dict[str, Sequence[date]] = field(default_factory=dict)
    _affected: dict[tuple[str, ParentDates, str, int | None], set[date]] = field(default_factory=dict)

    def dates(self, partition_set: str) -> list[date]:
        """The dates of a set, in order; read once."""
        if partition_set not in self._sets:
            self._sets[partition_set] = dates_of(self.instance, partition_set)
        return self._sets[partition_set]

    def affected(
        self,
        dependency: Dependency,
        parent: TableSpec,
        updated: Iterable[str],
        since: int | None,
        partition_set: str,
    ) -> set[date]:
        """Dates of a set that dates of a parent updated since an event lead to; once for all that read it alike."""
        key = (parent.name, dependency.dates, partition_set, since)
        if key not in self._affected:
            known, mine = self.dates(parent.partition_set), self.dates(partition_set)
            published = self._published(dependency)
            self._affected[key] = {
                d
                for p in map(date.fromisoformat, updated)
                for d in affected_dates(dependency.dates, p, mine, known, published)
            }
        return self._affected[key]

    def _published(self, dependency: Dependency) -> Sequence[date]:
        """The parent's published dates, where they matter."""
        if dependency.dates.rule != "latest":
            return ()
        if dependency.parent not in self._ledgers:
            self._ledgers[dependency.parent] = list(self.platform.ledger.published(dependency.parent))
        return self._ledgers[dependency.parent]

    def changed_dates(self, spec: TableSpec, previous: datetime | None) -> list[date]:
        """Dates of the source whose control row changed since the evaluation before; at first, within the hour.

        How far changes are known is kept beside Dagster's cursor, once for all tables, under the time of the
        evaluation that knew it: an evaluation whose answer was lost has not been there.
        """
        if previous not in self.changed:
            storage, key = self.instance.daemon_cursor_storage, f"fdm/{self.name}"
            marks: dict[str, str] = json.loads(storage.get_cursor_values({key}).get(key) or "{}")
            before = {at: text for at, text in marks.items() if previous and at == previous.isoformat()}
            mark = Watermark.from_json(*before.values()) if before else Watermark(self.now - OVERLAP)
            found = changes(self.platform.store, spec.entity, spec.source_system, mark, self.now)
            if previous or not marks:
                after = {**before, self.now.isoformat(): found.watermark.to_json()}
                storage.set_cursor_values({key: json.dumps(after)})
            self.changed[previous] = [row.biz_dt for row in found.rows]
        return self.changed[previous]


class Evaluations:
    """The evaluations of one sensor, in turn, on one control store that stays open."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._store: ControlStore | None = None
        self._current: Evaluation | None = None

    def of(self, context: AssetContext) -> Evaluation:
        """The evaluation that the context belongs to: its conditions see one state of what was read."""
        moment = context.evaluation_time
        if self._current is None or self._current.now != moment:
            self._store = self._store or open_store(self._settings.control_url)
            platform = Platform(self._settings, self._store)
            verdicts = Verdicts(StoreFacts(platform, moment))
            instance = context.asset_graph_view.instance
            self._current = Evaluation(self._name, platform, instance, moment, verdicts)
        return self._current


class Following(dg.AutomationCondition[dg.AssetKey]):
    """A condition on a landing table that asks the control tables."""

    def __init__(self, spec: TableSpec, evaluations: Evaluations) -> None:
        self.spec = spec
        self.evaluations = evaluations

    @property
    def name(self) -> str:
        """What the UI shows."""
        return self.description

    def _true_for(self, context: AssetContext, dates: Iterable[date]) -> Any:
        keys = {d.isoformat() for d in dates}
        assert context.partitions_def is not None  # noqa: S101 - every landing table has one
        return context.asset_graph_view.get_subset_from_partition_keys(
            context.key, context.partitions_def, keys
        )


class ParentUpdated(Following):
    """A parent's date that the date reads was materialized since the last evaluation."""

    description = "a parent was published anew"

    def __init__(
        self,
        spec: TableSpec,
        evaluations: Evaluations,
        parents: Mapping[Dependency, TableSpec],
    ) -> None:
        super().__init__(spec, evaluations)
        self.parents = parents

    async def evaluate(self, context: AssetContext) -> AssetResult:  # type: ignore[override]
        """Dates that an updated date of a parent leads to."""
        since = context.previous_temporal_context
        if since is None or context.candidate_subset.is_empty:
            return dg.AutomationResult(context, context.get_empty_subset())
        view, dates = context.asset_graph_view, set[date]()
        for dependency, parent in self.parents.items():
            key = dg.AssetKey(parent.key)
            updated = await view.compute_updated_since_temporal_context_subset(
                key=key, temporal_context=since
            )
            if not updated.is_empty:
                keys = updated.expensively_compute_partition_keys()
                dates |= self.evaluations.of(context).affected(
                    dependency, parent, keys, since.last_event_id, self.spec.partition_set
                )
        return dg.AutomationResult(context, self._true_for(context, dates))


class ControlRowChanged(Following):
    """The table's own control row is new or changed since the last evaluation."""

    description = "the control row changed"

    def evaluate(self, context: AssetContext) -> AssetResult:
        """Dates whose row changed, but those that the partition set does not have."""
        previous = context.previous_temporal_context
        since = previous.effective_dt if previous else None
        evaluation = self.evaluations.of(context)
        dates = set(evaluation.changed_dates(self.spec, since))
        known = dates.intersection(evaluation.dates(self.spec.partition_set)) if dates else dates
        return dg.AutomationResult(context, self._true_for(context, known))


class InState(Following):
    """The control tables' verdict on the date is this one."""

    def __init__(self, spec: TableSpec, evaluations: Evaluations, state: State) -> None:
        super().__init__(spec, evaluations)
        self.state = state

    @property
    def description(self) -> str:
        """What the UI shows."""
        return f"the control tables say: {self.state}"

    def evaluate(self, context: AssetContext) -> AssetResult:
        """Those of the candidates."""
        dates = [date.fromisoformat(k) for k in context.candidate_subset.expensively_compute_partition_keys()]
        if not dates:
            return dg.AutomationResult(context, context.get_empty_subset())
        verdicts = self.evaluations.of(context).verdicts.of(self.spec.name, dates)
        true = {d for d, verdict in verdicts.items() if verdict.state == self.state}
        if first := min(verdicts.keys() - true, default=None):
            others, of = len(verdicts) - len(true), verdicts[first]
            text = "%s: %d dates are not %s; the first, %s, is %s: %s"
            context.log.debug(text, self.spec.name, others, self.state, first, of.state, of.reason)
        return dg.AutomationResult(context, self._true_for(context, true))
