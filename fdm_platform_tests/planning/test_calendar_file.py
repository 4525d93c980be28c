"""calendar.yaml as it is read: merged, refused with place and remedy, and found for the right tables."""

from __future__ import annotations

import json
import re
from datetime import date, time
from pathlib import Path

import pytest
from dagster._utils.schedules import is_valid_cron_schedule
from hypothesis import given, settings
from hypothesis import strategies as st

from fdm_platform.errors import DeclarationError
from fdm_platform.model.calendar import Calendar
from fdm_platform.planning.calendar_declaration import (
    CalendarDeclaration,
    HolidayDeclaration,
    calendar_schema,
)
from fdm_platform.planning.calendar_file import read_calendar
from fdm_platform.planning.calendar_places import place_of
from fdm_platform.planning.catalog import Catalog, load_catalog
from fdm_platform.planning.cron import is_cron

ROOT = Path(__file__).resolve().parents[2]
TABLE = """\
entity: {entity}
source_system: {source}
table: {table}
sources: {{row1: {{path: x.csv}}}}
steps: [x.hql]
"""


def declare(root: Path, folder: str, entity: str = "GELS", source: str = "FPMS") -> Path:
    place = root / folder
    place.mkdir(parents=True)
    (place / "x.hql").write_text("SELECT 1\n")
    (place / "table.yaml").write_text(TABLE.format(entity=entity, source=source, table=place.name))
    return place


def write(folder: Path, text: str, name: str = "calendar.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text)
    return file


def of(catalog: Catalog, table: str) -> Calendar:
    return catalog.calendars.of(catalog.get(table))


def test_every_key_is_read(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """\
timezone: Europe/Zurich
weekend: [Friday, Saturday]
holidays: [2024-12-25, {date: 2024-12-26, name: Boxing Day}]
extra_days: [2024-06-29]
month_ends: include
cutoff: 6:30
lag: 1
start: 2024-01-01
end: 2030-12-31
schedule: "30 6 * * MON-FRI"
control_rows: false
""",
    )
    assert read_calendar(file) == (
        Calendar(
            timezone="Europe/Zurich",
            weekend=("Friday", "Saturday"),
            holidays={date(2024, 12, 25): "", date(2024, 12, 26): "Boxing Day"},
            extra_days=frozenset({date(2024, 6, 29)}),
            month_ends="include",
            cutoff=time(6, 30),
            lag=1,
            start=date(2024, 1, 1),
            end=date(2030, 12, 31),
            schedule="30 6 * * MON-FRI",
            control_rows=False,
            file=str(file),
        ),
        [],
    )


@pytest.mark.parametrize(
    ("text", "line", "field", "message", "remedy"),
    [
        ("timezone: Europe/Zurick", 1, "timezone", "unknown time zone 'Europe/Zurick'", "did you mean Europe/Zurich?"),
        ("timezone: ../../etc/passwd", 1, "timezone", "unknown time zone", "IANA"),
        ("timezone: Europe", 1, "timezone", "unknown time zone", "IANA"),
        ("timezone: localtime", 1, "timezone", "unknown time zone", "IANA"),
        ('timezone: ""', 1, "timezone", "unknown time zone", "IANA"),
        ("lag: 0\nholidays:\n  - 2024-12-25\n  - 2024-02-30", 4, "holidays[1]", "'2024-02-30' is no date", "2024-12-26"),
        ("holidays: ['20241225']", 1, "holidays[0]", "'20241225' is no date", "2024-12-26"),
        ("holidays: [2024-W01-1]", 1, "holidays[0]", "'2024-W01-1' is no date", "2024-12-26"),
        ("holidays: ['']", 1, "holidays[0]", "'' is no date", "2024-12-26"),
        ("holidays: [{name: x}]", 1, "holidays.x.date", "'date' is missing", "date"),
        ("holidays: [{date: 2024-01-01, nam: x}]", 1, "holidays[0].nam", "unknown key 'nam'", "did you mean name?"),
        ("holidays:\n- 2024-12-25\n- 2024-12-25", 3, "holidays[1]", "2024-12-25 stands twice, first on line 2", "remove"),
        ("holidays: 2024-12-25", 1, "holidays", "where a list, like [a, b] is expected", "list"),
        ("extra_days: [2024-6-29]", 1, "extra_days[0]", "'2024-6-29' is no date", "2024-12-26"),
        ("extra_days: [2024-06-29, 2024-06-29]", 1, "extra_days[1]", "stands twice", "remove"),
        ("holidays: [2024-12-25]\nextra_days: [2024-12-25]", 2, "extra_days", "both a holiday and an extra day", "remove"),
        ("start: 2024-02-01\nend: 2024-01-01", 2, "end", "start 2024-02-01 is after end 2024-01-01", "swap"),
        ('cutoff: "25:00"', 1, "cutoff", "'25:00' is no time of day", "18:00"),
        ("cutoff: 18", 1, "cutoff", "number 18 where text is expected", "quotes"),
        ("lag: -1", 1, "lag", "greater than or equal to 0", ""),
        ("lag: 100000", 1, "lag", "more than a year", "250"),
        ("weekend: [saturday]", 1, "weekend[0]", "unknown weekend 'saturday'", "did you mean 'Saturday'?"),
        (
            "weekend: [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday]",
            *(1, "weekend", "every day is weekend", "leave out"),
        ),
        ("month_ends: never", 1, "month_ends", "unknown month_ends 'never'", "include, only"),
        ("lag: 0\nholiday: []", 2, "holiday", "unknown key 'holiday'", "did you mean holidays?"),
        ("start: 2024-01-01\ncontrol_rows: false\nschedule: at six", 3, "schedule", "no cron expression", "30 6"),
        ('schedule: "30 6 * * *"', 1, "schedule", "a source with control rows", "control_rows: false"),
        ("control_rows: false", 1, "control_rows", "needs a start", "add start"),
        ("lag: 1\nlag: 2", 2, "lag", "'lag' is declared twice", "remove"),
        ("", 1, None, "is empty", "docs/calendars.md"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_place_and_remedy(
    tmp_path: Path, text: str, line: int, *, field: str | None, message: str, remedy: str
) -> None:
    file = write(tmp_path, text)
    calendar, (error,) = read_calendar(file)
    assert calendar is None
    assert (error.file, error.line, error.field) == (str(file), line, field)
    assert message in error.message
    assert remedy in (error.remedy or "")


def test_a_table_takes_from_its_source_what_it_does_not_say(tmp_path: Path) -> None:
    write(
        tmp_path / "gels/fpms",
        "timezone: Europe/Zurich\ncutoff: '18:00'\nholidays: [2024-12-25]\nextra_days: [2024-06-29]\nend: 2024-12-31",
    )
    own = declare(tmp_path, "gels/fpms/t_own")
    file = write(own, "cutoff: '20:00'\nholidays: [2024-06-29]\nend:")
    declare(tmp_path, "gels/fpms/t_other")
    catalog = load_catalog(tmp_path)
    assert catalog.errors == ()
    source = catalog.calendars.of_source("gels", "FPMS")
    assert of(catalog, "t_other") == source
    assert of(catalog, "t_own") == Calendar(
        timezone="Europe/Zurich",
        cutoff=time(20),
        holidays={date(2024, 6, 29): ""},
        file=str(file),
    )
    assert catalog.calendars.files(("gels", "fpms", "t_own")) == (file, tmp_path / "gels/fpms/calendar.yaml")


def test_a_tables_extra_day_counts_for_more_than_its_sources_holiday(tmp_path: Path) -> None:
    write(tmp_path / "gels/fpms", "holidays: [2024-12-25]")
    write(declare(tmp_path, "gels/fpms/t_own"), "extra_days: [2024-12-25]")
    assert of(load_catalog(tmp_path), "t_own").is_business_day(date(2024, 12, 25))


def test_start_and_end_are_checked_across_the_two_files(tmp_path: Path) -> None:
    write(tmp_path / "gels/fpms", "end: 2024-12-31")
    file = write(declare(tmp_path, "gels/fpms/t_own"), "lag: 1\nstart: 2025-01-01")
    (error,) = load_catalog(tmp_path).errors
    assert (error.file, error.line, error.field) == (str(file), 2, "start")


def test_control_rows_and_schedule_are_the_sources(tmp_path: Path) -> None:
    write(tmp_path / "gels/fpms", "start: 2024-01-01\ncontrol_rows: false\nschedule: 0 6 * * *")
    write(declare(tmp_path, "gels/fpms/t_own"), "control_rows: true\nschedule: 0 7 * * *")
    errors = load_catalog(tmp_path).errors
    assert [e.field for e in errors] == ["control_rows", "schedule"]


def test_a_broken_calendar_takes_nothing_else_down(tmp_path: Path) -> None:
    write(tmp_path / "gels/fpms", "holidays: [2024-02-30]")
    declare(tmp_path, "gels/fpms/t_a")
    write(tmp_path / "gels/other", "lag: 2")
    declare(tmp_path, "gels/other/t_b", source="OTHER")
    catalog = load_catalog(tmp_path)
    assert list(catalog.tables) == ["gels_fpms_t_a", "gels_other_t_b"]
    assert of(catalog, "t_b").lag == 2
    assert of(catalog, "t_a").file is None
    assert catalog.calendars.errors(("gels", "fpms", "t_a")) == catalog.errors
    assert catalog.calendars.errors(("gels", "fpms")) == catalog.errors
    assert catalog.calendars.errors(("gels", "other", "t_b")) == ()


def test_a_sources_calendar_is_that_of_the_tables_below_whatever_the_folders_are_called(
    tmp_path: Path,
) -> None:
    declare(tmp_path, "a/b/c/t_x")
    write(tmp_path / "a/b/c", "lag: 3")
    catalog = load_catalog(tmp_path)
    assert (of(catalog, "t_x").lag, catalog.errors) == (3, ())


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        (".", "neither in a source system's folder"),
        ("gels", "neither in a source system's folder"),
        ("gels/fpms/t_nothing", "neither in a source system's folder"),
        ("mixed/folder", "tables of several source systems: gels/fpms, gels/other"),
        ("gels/second", "gels/fpms has another calendar"),
    ],
)
def test_a_calendar_that_is_nobodys_is_told(tmp_path: Path, folder: str, message: str) -> None:
    declare(tmp_path, "gels/fpms/t_a")
    declare(tmp_path, "mixed/folder/t_b")
    declare(tmp_path, "mixed/folder/t_c", source="OTHER")
    declare(tmp_path, "gels/second/t_d")
    write(tmp_path / "gels/fpms", "lag: 1")
    file = write(tmp_path / folder, "lag: 2")
    catalog = load_catalog(tmp_path)
    (error,) = catalog.errors
    assert error.file == str(file)
    assert message in error.message
    assert of(catalog, "t_a").lag == 1


def test_a_misnamed_calendar_is_told(tmp_path: Path) -> None:
    declare(tmp_path, "gels/fpms/t_a")
    write(tmp_path / "gels/fpms", "lag: 1", "calendar.yml")
    (error,) = load_catalog(tmp_path).errors
    assert (error.message, error.remedy) == ("is not read", "rename it to calendar.yaml")


def test_a_rule_is_found_in_the_file_that_decides(tmp_path: Path) -> None:
    source = write(tmp_path / "gels", "lag: 1\nholidays:\n  - 2024-12-25\n  - {date: 2024-12-26, name: x}\n")
    own = write(tmp_path / "gels/t", "cutoff: '18:00'\nweekend: [Sunday]\n")
    found = place_of((own, source), "holidays", date(2024, 12, 26))
    assert found is not None
    assert (found.file, found.line, found.field) == (str(source), 4, "holidays[1]")
    weekend = place_of((own, source), "weekend", date(2024, 12, 28))
    assert weekend is not None
    assert (weekend.file, weekend.line, weekend.field) == (str(own), 2, "weekend")
    assert place_of((own, source), "start", date(1960, 1, 1)) is None


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 4,6 *", "60 * * * *", "* * * *", "@daily", "1-0 * * * *",
                                  "*/0 * * * *", "0 0 0 * *", "a b c d e", "", "0 6 * * MUN", "², * * * *"])  # fmt: skip
def test_what_is_no_cron_expression_is_refused(text: str) -> None:
    assert not is_cron(text)


FIELD = st.lists(
    st.sampled_from(["*", "*/5", "0", "1", "5", "7", "12", "29", "31", "1-5", "1-5/2", "0-7", "MON", "mon-fri", "FEB"]),
    min_size=1,
    max_size=3,
).map(",".join)  # fmt: skip


@settings(max_examples=500)
@given(st.lists(FIELD, min_size=5, max_size=5).map(" ".join))
def test_what_is_taken_for_cron_dagster_takes_too(text: str) -> None:
    if is_cron(text):
        assert is_valid_cron_schedule(text), text


def test_the_usual_schedules_are_taken() -> None:
    for text in ("30 6 * * *", "0 6 * * MON-FRI", "*/15 6-9 1,15 * *", "0 0 29 2 *", "0 6 * * 0-5/2"):
        assert is_cron(text), text


def test_the_committed_schema_is_the_models() -> None:
    committed = json.loads((ROOT / "docs" / "calendar.schema.json").read_text(encoding="utf-8"))
    assert committed == calendar_schema(), "run: uv run fdm calendar schema > docs/calendar.schema.json"


@pytest.mark.parametrize("model", [CalendarDeclaration, HolidayDeclaration])
def test_every_key_is_documented(model: type[CalendarDeclaration | HolidayDeclaration]) -> None:
    text = (ROOT / "docs" / "calendars.md").read_text(encoding="utf-8")
    section = re.search(rf"<!-- keys: {model.__name__} -->(.*?)<!-- end -->", text, re.DOTALL)
    assert section
    assert re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE) == list(model.model_fields)


def test_the_documentations_examples_are_sound(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "calendars.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(examples) >= 3
    for n, example in enumerate(examples):
        errors: list[DeclarationError] = read_calendar(write(tmp_path / str(n), example))[1]
        assert errors == []


def test_the_defaults_are_the_calendars() -> None:
    declared, default = CalendarDeclaration(), Calendar()
    assert tuple(declared.weekend) == default.weekend
    for key in ("timezone", "month_ends", "cutoff", "lag", "schedule", "control_rows"):
        assert getattr(declared, key) == getattr(default, key)
