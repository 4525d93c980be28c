"""The keys of calendar.yaml, as pydantic models: what they are called, their types and defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from fdm_platform.planning.declaration import SCHEMA_DIALECT, Count, Declared

Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class HolidayDeclaration(Declared):
    """A day that is no business day, with its name."""

    date: str = Field(description="E.g. 2024-12-26.")
    name: str = Field(default="", description="E.g. Boxing Day.")


def _with_names(holidays: Any) -> Any:
    """`2024-12-26` says the same as `{date: 2024-12-26}`."""
    if isinstance(holidays, list):
        return [{"date": entry} if isinstance(entry, str) else entry for entry in holidays]
    return holidays


Holidays = Annotated[
    list[HolidayDeclaration],
    BeforeValidator(_with_names, json_schema_input_type=list[str | HolidayDeclaration]),
]


class CalendarDeclaration(Declared):
    """The business calendar of a source system or a table."""

    timezone: str = Field(default="UTC", description="IANA zone of the cutoff, e.g. Europe/Zurich.")
    weekend: list[Weekday] = Field(
        default=["Saturday", "Sunday"], description="Days of the week without business."
    )
    holidays: Holidays = Field(
        default_factory=list, description="Days without business: dates, or date and name."
    )
    extra_days: list[str] = Field(
        default_factory=list, description="Business days in spite of a weekend, e.g. catch-up Saturdays."
    )
    month_ends: Literal["include", "only"] | None = Field(
        default=None,
        description="include: a month's last day is a business day on a weekend too; "
        "only: the last working day of each month alone.",
    )
    cutoff: str | None = Field(default=None, description='By when data must be there, e.g. "18:00".')
    lag: Count = Field(default=0, description="T+n: working days after the date until it is due.")
    start: str | None = Field(
        default=None, description="First date, e.g. 2024-01-01; those before are history."
    )
    end: str | None = Field(default=None, description="Last date.")
    schedule: str | None = Field(
        default=None, description='Cron times of a source without control rows, e.g. "30 6 * * *".'
    )
    control_rows: bool = Field(
        default=True, description="false: the dates come from this calendar, not from process_control."
    )


def calendar_schema() -> dict[str, Any]:
    """The JSON Schema of calendar.yaml, for editors; committed as docs/calendar.schema.json."""
    schema = CalendarDeclaration.model_json_schema()
    return {"$schema": SCHEMA_DIALECT, **schema, "title": "calendar.yaml"}
