"""Sources without control rows: their calendar's dates are requested at its times, by Dagster's own evaluation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml

from fdm_platform.defs import sensors
from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.open_runs import dates_of_open_runs
from fdm_platform.defs.partitions import add_dates, dates_of
from fdm_platform.defs.platform import Platform
from fdm_platform.defs.resuming import LOAD
from fdm_platform.engines.landed import LandedDates
from fdm_platform.model.control import PublishRecord, row_version
from fdm_platform.model.dead_letter import DeadLetter
from fdm_platform.model.settings import Settings
from fdm_platform_tests.deployment import PROJECT, deploy, project_in

FRIDAY = date(2024, 5, 17)
MORNING = datetime(2024, 5, 17, 6, 30, tzinfo=UTC)
"""Of Friday: with T+1, Thursday the 16th is due."""
CALENDAR = {
    "control_rows": False,
    "schedule": "30 6 * * *",
    "start": date(2024, 5, 16),
    "lag": 1,
    "cutoff": "06:00",
}
ROOT = "sources: {row1: {path: a.csv, columns: {a: string}}}"
TABLES_OF = {"t_a": ROOT, "t_b": ROOT, "t_child": "sources: {x: {table: t_a}}"}


@dataclass
class Office:
    """A source system without control rows."""

    settings: Settings
    platform: Platform
    instance: dg.DagsterInstance

    @property
    def folder(self) -> Path:
        return self.settings.sql_root / "e" / "s"

    def declare(self, calendar: Mapping[str, object], table: str = "") -> None:
        (self.folder / table / "calendar.yaml").write_text(yaml.safe_dump(dict(calendar)))

    def evaluate(self, at: datetime) -> dg.RunRequest | list[dg.RunRequest] | str:
        """The schedule at one of its times, in a code location that is loaded anew."""
        repository = build_definitions(self.settings).get_repository_def()
        context = dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=at,
            repository_def=repository,
            resources=repository.get_top_level_resources(),
        )
        with context:
            data = repository.get_schedule_def("calendar_e_s").evaluate_tick(context)
        return list(data.run_requests or ()) or str(data.skip_message)

    def requests(self, at: datetime) -> list[dg.RunRequest]:
        found = self.evaluate(at)
        assert isinstance(found, list), found
        return found

    def requested(self, at: datetime) -> list[tuple[str, str, str]]:
        """Table, first and last date of each run."""
        return [_shown(r) for r in self.requests(at)]

    def publish(self, table: str, *days: date) -> None:
        spec = self.platform.catalog.get(table)
        add_dates(self.instance, spec.partition_set, days)
        version = row_version(None, None)  # of a date without a control row
        for day in days:
            self.platform.ledger.commit(PublishRecord(spec.name, day, 1, "load", version, "{}", MORNING))
            event = dg.AssetMaterialization(dg.AssetKey(spec.key), partition=day.isoformat())
            self.instance.report_runless_asset_event(event)


def _shown(request: dg.RunRequest) -> tuple[str, str, str]:
    assert request.asset_selection
    one, tags = request.partition_key, request.tags
    first = one or tags["dagster/asset_partition_range_start"]
    return request.asset_selection[0].path[-1], first, one or tags["dagster/asset_partition_range_end"]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    for table, sources in TABLES_OF.items():
        folder = tmp_path / "sql" / "e" / "s" / table
        folder.mkdir(parents=True)
        (folder / "step.hql").write_text("SELECT 1 AS a, '${biz_dt}' AS biz_dt")
        (folder / "table.yaml").write_text(
            f"entity: E\nsource_system: S\ntable: {table}\n{sources}\nsteps: [step.hql]\ndates_per_run: 3\n"
        )
    (tmp_path / "sql/e/s/calendar.yaml").write_text(yaml.safe_dump(CALENDAR))
    made = project_in(tmp_path)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    with made.platform() as platform, dg.instance_for_test() as instance:
        yield Office(made.settings, platform, instance)


SINCE_MAY_6 = {**CALENDAR, "start": date(2024, 5, 6)}


def test_a_new_table_is_requested_from_the_start_of_its_calendar_on(office: Office) -> None:
    assert sorted(office.requested(MORNING)) == [
        ("t_a", "2024-05-16", "2024-05-16"),
        ("t_b", "2024-05-16", "2024-05-16"),
    ]
    assert dates_of(office.instance, "e_s") == [date(2024, 5, 16)]


def test_dates_are_due_by_cutoff_and_lag_as_of_the_time_that_the_schedule_is_for(office: Office) -> None:
    early = datetime(2024, 5, 17, 5, 59, tzinfo=UTC)
    assert office.evaluate(early) == "every date of E/S that is due is published"
    sunday = MORNING + timedelta(days=2)
    assert {last for _, _, last in office.requested(sunday)} == {"2024-05-16"}
    monday = MORNING + timedelta(days=3)
    assert {last for _, _, last in office.requested(monday)} == {"2024-05-17"}


def test_what_is_missing_is_requested_in_runs_of_neighbours_newest_first(office: Office) -> None:
    office.declare(SINCE_MAY_6)
    office.publish("t_b", *(date(2024, 5, d) for d in (6, 7, 8, 9, 10, 13, 14, 15, 16)))
    office.publish("t_a", date(2024, 5, 6), date(2024, 5, 9))
    runs = office.requests(MORNING)
    assert [_shown(r) for r in runs] == [
        ("t_a", "2024-05-15", "2024-05-16"),
        ("t_a", "2024-05-10", "2024-05-14"),
        ("t_a", "2024-05-07", "2024-05-08"),
    ]
    assert [r.tags.get("dagster/priority") for r in runs] == ["10", None, None]


def test_an_old_date_that_was_loaded_by_hand_is_no_beginning(office: Office) -> None:
    office.publish("t_a", date(2020, 1, 2))
    assert ("t_a", "2024-05-16", "2024-05-16") in office.requested(MORNING)
    office.publish("t_a", date(2019, 1, 2), date(2024, 5, 16))
    office.publish("t_b", date(2024, 5, 16))
    assert office.evaluate(MORNING) == "every date of E/S that is due is published"


def test_it_begins_at_the_start_whichever_date_was_loaded_first(office: Office) -> None:
    office.declare({**CALENDAR, "start": date(2024, 5, 13)})
    office.publish("t_a", date(2024, 5, 15))
    assert [r for r in office.requested(MORNING) if r[0] == "t_a"] == [
        ("t_a", "2024-05-16", "2024-05-16"),
        ("t_a", "2024-05-13", "2024-05-14"),
    ]


def test_a_tables_own_start_is_its_beginning(office: Office) -> None:
    office.declare(SINCE_MAY_6)
    office.declare({"start": date(2024, 5, 15)}, "t_b")
    found = office.requested(MORNING)
    assert min(first for table, first, _ in found if table == "t_a") == "2024-05-06"
    assert [r for r in found if r[0] == "t_b"] == [("t_b", "2024-05-15", "2024-05-16")]


def test_run_keys_are_of_the_time_so_that_a_failed_date_is_requested_again_at_the_next(
    office: Office,
) -> None:
    first, again = (sorted(str(r.run_key) for r in office.requests(MORNING)) for _ in range(2))
    assert first == again
    hour = timedelta(hours=1)
    assert not {str(r.run_key) for r in office.requests(MORNING + hour)} & set(first)


def test_a_new_tables_first_date_that_failed_is_not_given_up_when_the_next_comes(office: Office) -> None:
    monday = office.requested(MORNING + timedelta(days=3))
    assert sorted(monday) == [("t_a", "2024-05-16", "2024-05-17"), ("t_b", "2024-05-16", "2024-05-17")]


def test_a_holiday_that_is_declared_afterwards_is_not_requested(office: Office) -> None:
    since = {**CALENDAR, "start": date(2024, 5, 15)}
    office.declare(since)
    assert ("t_a", "2024-05-15", "2024-05-16") in office.requested(MORNING)
    office.declare({**since, "holidays": [{"date": date(2024, 5, 15), "name": "Declared"}]})
    assert ("t_a", "2024-05-16", "2024-05-16") in office.requested(MORNING)


def test_nothing_is_requested_when_all_is_published(office: Office) -> None:
    office.publish("t_a", date(2024, 5, 16))
    office.publish("t_b", date(2024, 5, 16))
    assert office.evaluate(MORNING) == "every date of E/S that is due is published"


def test_a_parked_date_is_not_requested_until_it_is_published(office: Office) -> None:
    office.publish("t_a", date(2024, 5, 16))
    day, version = date(2024, 5, 16), row_version(None, None)
    letter = DeadLetter("e_s_t_b", day, "load", version, 3, "infrastructure", '{"message": "away"}', MORNING)
    letters = office.platform.dead_letters
    letters.park([letter])
    told = "every date of E/S that is due is published or parked: see `fdm dead-letters`"
    assert [office.evaluate(MORNING + timedelta(minutes=n)) for n in range(3)] == [told] * 3
    letters.clear("e_s_t_b", [day])
    assert office.requested(MORNING) == [("t_b", "2024-05-16", "2024-05-16")]


def test_nothing_is_requested_of_a_source_whose_breaker_is_open(office: Office) -> None:
    breakers = office.platform.breakers
    for n in range(5):
        breakers.note_failure("source", "e_s", f"load-{n}", "no route to host")
    for minutes in range(3):
        told = office.evaluate(MORNING + timedelta(minutes=minutes))
        assert isinstance(told, str)
        assert told.startswith("the breaker of source e_s is open since")
        assert "after 5 failures in a row: no route to host" in told
    breakers.note_success("source", "e_s", "load-6")
    assert len(office.requested(MORNING + timedelta(minutes=3))) == 2


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_what_is_under_way_is_not_requested_again(office: Office, status: dg.DagsterRunStatus) -> None:
    runs = office.requests(MORNING)
    for number, r in enumerate(runs):
        run = dg.DagsterRun(
            job_name="__ASSET_JOB",
            run_id=f"{number:036}",
            status=status,
            asset_selection=frozenset(r.asset_selection or ()),
            tags={**r.tags, "dagster/partition": str(r.partition_key)},
        )
        office.instance.add_run(run)
    later = MORNING + timedelta(hours=1)
    assert office.evaluate(later) == "every date of E/S that is due and not published is under way"
    monday = office.requested(MORNING + timedelta(days=3))
    assert {first for _, first, _ in monday} == {"2024-05-17"}


def test_a_commands_run_is_known_by_its_load(office: Office) -> None:
    office.requests(MORNING)
    tags = {LOAD: f"{0:036}-e_s_t_a", "dagster/partition": "2024-05-16"}
    run = dg.DagsterRun("__ASSET_JOB", run_id=f"{1:036}", status=dg.DagsterRunStatus.STARTED, tags=tags)
    office.instance.add_run(run)
    tables = office.platform.catalog.tables
    found = dates_of_open_runs(office.instance, [tables["e_s_t_a"], tables["e_s_t_b"]])
    assert found == {"e_s_t_a": {date(2024, 5, 16)}, "e_s_t_b": set()}


def test_a_time_requests_so_many_runs_at_most_and_the_newest_of_all_tables(office: Office) -> None:
    office.declare({**CALENDAR, "start": date(2023, 1, 3)})
    found = office.requested(MORNING)
    assert len(found) == sensors.MOST_RUNS
    assert {table for table, _, last in found if last == "2024-05-16"} == {"t_a", "t_b"}


def test_a_tables_own_calendar_chooses_among_its_sources_dates(office: Office) -> None:
    office.declare({**CALENDAR, "start": date(2024, 4, 29)})
    office.declare({"month_ends": "only"}, "t_b")
    found = office.requested(MORNING)
    assert [r for r in found if r[0] == "t_b"] == [("t_b", "2024-04-30", "2024-04-30")]
    assert len([r for r in found if r[0] == "t_a"]) > 1


def test_a_child_follows_by_automation_though_no_table_has_a_control_row(office: Office) -> None:
    office.requests(MORNING)
    definitions = build_definitions(office.settings)
    cursor, requested = None, []
    for day in (None, date(2024, 5, 16)):
        if day:
            office.publish("t_a", day)
        result = dg.evaluate_automation_conditions(definitions, office.instance, cursor=cursor)
        cursor = result.cursor
        requested.append(
            [
                (r.key.path[-1], key)
                for r in result.results
                if isinstance(r.key, dg.AssetKey)
                for key in r.true_subset.expensively_compute_partition_keys()
            ]
        )
    assert requested == [[], [("t_child", "2024-05-16")]]


@pytest.mark.spark
def test_a_date_without_a_control_row_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `fdm materialize`, and no row of process_control is there before or after."""
    from click.testing import CliRunner  # noqa: PLC0415 - this test alone

    from fdm_platform.cli import cli  # noqa: PLC0415

    sql = shutil.copytree(PROJECT / "sql" / "landing", tmp_path / "sql")
    begins = CALENDAR | {"start": date(2024, 5, 15)}
    (sql / "gels" / "fpms" / "calendar.yaml").write_text(yaml.safe_dump(begins))
    deployment = deploy(tmp_path / "home", sql_root=sql)
    for name, value in deployment.environ.items():
        monkeypatch.setenv(name, value)
    with deployment.platform() as platform:
        rows = list(platform.store.scan("process_control", (), ["entity", "source_system", "biz_dt"]))
        platform.store.delete("process_control", rows)
    arguments = ["materialize", "gels_fpms_t_contract_master", "--biz-dt", "2024-05-15", "--json"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    (record,) = json.loads(done.stdout[done.stdout.index("{") :])["published"]
    assert (record["version"], record["biz_dt"]) == (1, "2024-05-15")
    root = deployment.settings.landing_root / "gels_fpms_t_contract_master"
    assert LandedDates(root, "yyyyMMdd", (date(2024, 5, 15),)).to_arrow().num_rows > 0
    with deployment.platform() as platform:
        assert list(platform.store.scan("process_control")) == []
