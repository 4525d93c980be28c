"""What watches over the tables: sensors and schedules of each source system, and who follows whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from fdm_platform.defs.automation import MOST_TABLES, Evaluations, dependents_sensor, following
from fdm_platform.defs.dead_runs import dead_run_sensors
from fdm_platform.defs.jobs_sensor import jobs_sensor
from fdm_platform.defs.recovery_sensor import recovery_sensor
from fdm_platform.defs.schedules import calendar_schedule
from fdm_platform.defs.sensors import SourceSystem, process_control_sensor
from fdm_platform.model.dependency import Dependency
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import TableSpec
from fdm_platform.planning.catalog import Catalog

Graph = Mapping[str, Sequence[Dependency]]
"""What each table waits for, by TableSpec.name."""


@dataclass(slots=True)
class Watched:
    """Sensors and schedules, and the conditions by which tables follow their parents, by name."""

    sensors: list[dg.SensorDefinition] = field(default_factory=list)
    schedules: list[dg.ScheduleDefinition] = field(default_factory=list)
    follow: dict[str, dg.AutomationCondition[Any]] = field(default_factory=dict)


def watch(settings: Settings, catalog: Catalog, graph: Graph) -> Watched:
    """For all tables: those without parents are requested for their source, the others follow their parents."""
    watched = Watched(sensors=[*dead_run_sensors(), recovery_sensor(), jobs_sensor()])
    by_source: dict[str, list[TableSpec]] = defaultdict(list)
    for spec in catalog.tables.values():
        by_source[spec.partition_set].append(spec)
    for specs in by_source.values():
        _watch_source(watched, specs, settings, catalog, graph)
    return watched


def _watch_source(
    watched: Watched, specs: Sequence[TableSpec], settings: Settings, catalog: Catalog, graph: Graph
) -> None:
    first, is_running = specs[0], settings.sensors == "running"
    children = [spec for spec in specs if graph.get(spec.name)]
    # Without a sound calendar nobody knows which dates are history: its sensor goes on when it is mended.
    is_sound = not catalog.calendars.errors(first.key[:2])
    roots = tuple(spec for spec in specs if is_sound and not graph.get(spec.name))
    calendar = catalog.calendars.of_source(first.entity, first.source_system)
    source = SourceSystem(first.entity, first.source_system, roots, calendar)
    if roots and calendar.control_rows:
        watched.sensors.append(process_control_sensor(source, is_running=is_running))
    if roots and calendar.schedule and not calendar.control_rows:
        watched.schedules.append(calendar_schedule(source, is_running=is_running))
    for n, some in enumerate(children[i : i + MOST_TABLES] for i in range(0, len(children), MOST_TABLES)):
        name = f"dependents_{first.partition_set}" + (f"_{n}" if n else "")
        evaluations = Evaluations(settings, name)
        for spec in some:
            parents = {x: catalog.tables[x.parent] for x in graph[spec.name]}
            watched.follow[spec.name] = following(spec, parents, evaluations)
        watched.sensors.append(dependents_sensor(name, some, is_running=is_running))
