"""A calendar's dates: which are expected and why, when they are due, and which are absent."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fdm_platform.model.calendar import EPOCH, NEVER, WEEKDAYS, Calendar, absent

DAY = timedelta(days=1)
CHRISTMAS = {date(2024, 12, 25): "Christmas", date(2024, 12, 26): ""}


def days(*texts: str) -> list[date]:
    return [date.fromisoformat(text) for text in texts]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_by_default_monday_to_friday_are_business_days() -> None:
    found = Calendar().expected(date(2024, 5, 9), date(2024, 5, 14))
    assert found == days("2024-05-09", "2024-05-10", "2024-05-13", "2024-05-14")


def test_a_weekend_may_be_any_days_or_none() -> None:
    gulf = Calendar(weekend=("Friday", "Saturday"))
    assert gulf.expected(date(2024, 5, 9), date(2024, 5, 12)) == days("2024-05-09", "2024-05-12")
    assert len(Calendar(weekend=()).expected(date(2024, 5, 1), date(2024, 5, 31))) == 31


def test_leap_days_are_days() -> None:
    assert Calendar(weekend=()).expected(date(2024, 2, 28), date(2024, 3, 1)) == days(
        "2024-02-28", "2024-02-29", "2024-03-01"
    )
    include = Calendar(month_ends="include")
    assert include.is_business_day(date(2020, 2, 29))  # a Saturday
    assert not include.is_business_day(date(2021, 2, 27))
    assert include.is_business_day(date(2021, 2, 28))  # a Sunday


@pytest.mark.parametrize(
    ("keys", "day", "is_business_day", "rule", "text"),
    [
        ({}, "2024-05-15", True, "weekend", "Wednesday, a business day"),
        ({}, "2024-05-18", False, "weekend", "Saturday, weekend"),
        ({"holidays": CHRISTMAS}, "2024-12-25", False, "holidays", "holiday Christmas"),
        ({"holidays": CHRISTMAS}, "2024-12-26", False, "holidays", "holiday"),
        ({"extra_days": {date(2024, 6, 29)}}, "2024-06-29", True, "extra_days", "Saturday, an extra day"),
        (
            {"holidays": CHRISTMAS, "extra_days": {date(2024, 12, 25)}},
            *("2024-12-25", True, "extra_days", "Wednesday, an extra day"),
        ),
        ({"month_ends": "include"}, "2024-08-31", True, "month_ends", "Saturday, the last day of its month"),
        ({"month_ends": "include"}, "2024-07-31", True, "weekend", "Wednesday, a business day"),
        (
            {"month_ends": "include", "holidays": {date(2024, 8, 31): "x"}},
            *("2024-08-31", False, "holidays", "holiday x"),
        ),
        ({"month_ends": "only"}, "2024-08-31", False, "weekend", "Saturday, weekend"),
        ({"month_ends": "only"}, "2024-08-30", True, "month_ends", "the last working day of its month"),
        ({"month_ends": "only"}, "2024-08-29", False, "month_ends", "not the last working day of its month"),
        (
            {"month_ends": "only", "holidays": {date(2024, 8, 30): "x"}},
            *("2024-08-29", True, "month_ends", "the last working day of its month"),
        ),
        (
            {"month_ends": "only", "extra_days": {date(2024, 8, 31)}},
            *("2024-08-30", False, "month_ends", "not the last working day of its month"),
        ),
        (
            {"start": date(2024, 1, 1)},
            *("2023-12-29", False, "start", "before 2024-01-01, the start of the calendar"),
        ),
        (
            {"end": date(2024, 1, 1)},
            *("2024-01-02", False, "end", "after 2024-01-01, the end of the calendar"),
        ),
    ],
)
def test_every_date_is_told_with_its_rule(
    keys: dict[str, Any], day: str, is_business_day: bool, rule: str, text: str
) -> None:
    calendar, asked = Calendar(**keys), date.fromisoformat(day)
    assert calendar.verdict(asked) == (is_business_day, rule, text)
    assert calendar.why(asked) == text
    assert calendar.is_business_day(asked) is is_business_day


def test_a_cutoff_is_a_time_of_the_zone() -> None:
    zurich = Calendar(timezone="Europe/Zurich", cutoff=time(18))
    assert zurich.due_at(date(2024, 7, 15)) == utc("2024-07-15T16:00")
    assert zurich.due_at(date(2024, 1, 15)) == utc("2024-01-15T17:00")
    assert Calendar(timezone="Pacific/Kiritimati", cutoff=time(1)).due_at(date(2024, 1, 15)) == utc(
        "2024-01-14T11:00"
    )


def test_without_a_cutoff_a_date_is_due_at_its_end() -> None:
    assert Calendar(timezone="Europe/Zurich").due_at(date(2024, 7, 15)) == utc("2024-07-15T22:00")
    assert Calendar(lag=1).due_at(date(2024, 7, 12)) == utc("2024-07-16T00:00")


def test_a_cutoff_that_the_clocks_skip_or_repeat_is_one_moment() -> None:
    zurich = Calendar(timezone="Europe/Zurich", weekend=(), cutoff=time(2, 30))
    assert zurich.due_at(date(2024, 3, 30)) == utc("2024-03-30T01:30")
    assert zurich.due_at(date(2024, 3, 31)) == utc("2024-03-31T01:30")  # 3:30 there: 2:30 is skipped
    assert zurich.due_at(date(2024, 10, 27)) == utc("2024-10-27T00:30")  # the first of two
    assert zurich.due_at(date(2024, 10, 28)) == utc("2024-10-28T01:30")


def test_the_lag_counts_working_days() -> None:
    calendar = Calendar(lag=2, cutoff=time(6), holidays=CHRISTMAS)
    assert calendar.due_at(date(2024, 12, 24)) == utc("2024-12-30T06:00")
    monthly = Calendar(lag=3, cutoff=time(6), month_ends="only")
    assert monthly.due_at(date(2024, 8, 30)) == utc("2024-09-04T06:00")
    catching_up = Calendar(lag=1, cutoff=time(6), extra_days=frozenset(days("2024-06-29")))
    assert catching_up.due_at(date(2024, 6, 28)) == utc("2024-06-29T06:00")
    assert Calendar(lag=1, cutoff=time(6), month_ends="include").due_at(date(2024, 8, 30)) == utc(
        "2024-09-02T06:00"
    )


def test_the_end_of_time_is_a_date_like_others() -> None:
    for calendar in (Calendar(), Calendar(lag=3, cutoff=time(18)), Calendar(month_ends="only")):
        assert calendar.due_at(date.max) == NEVER
        assert calendar.next(date.max) is None
        assert calendar.previous(date.max) is not None
        assert calendar.is_business_day(date.max) is (date.max.weekday() < 5)
    assert Calendar().previous(EPOCH) is None
    assert not Calendar().is_business_day(date.min)


def test_the_newest_due_date_moves_at_the_cutoff() -> None:
    calendar = Calendar(timezone="Europe/Zurich", cutoff=time(18), lag=1)
    assert calendar.latest_due(utc("2024-07-15T15:59:59")) == date(2024, 7, 11)
    assert calendar.latest_due(utc("2024-07-15T16:00")) == date(2024, 7, 12)
    assert Calendar(start=date(2024, 7, 15), cutoff=time(18)).latest_due(utc("2024-07-15T17:00")) is None
    ended = Calendar(end=date(2024, 7, 15))
    assert ended.latest_due(utc("2030-01-01T00:00")) == date(2024, 7, 15)


def test_what_is_absent_is_told_with_its_time() -> None:
    calendar = Calendar(cutoff=time(18), holidays=CHRISTMAS, file="calendar.yaml")
    found = absent(calendar, days("2024-12-23", "2024-12-28"), utc("2024-12-30T12:00"))
    assert [(a.biz_dt, a.due_at, a.is_overdue) for a in found] == [
        (date(2024, 12, 24), utc("2024-12-24T18:00"), True),
        (date(2024, 12, 27), utc("2024-12-27T18:00"), True),
        (date(2024, 12, 30), utc("2024-12-30T18:00"), False),
    ]


def test_absent_dates_are_counted_from_the_start_or_from_the_first_row() -> None:
    now = utc("2024-05-15T12:00")
    declared = Calendar(start=date(2024, 5, 13), file="calendar.yaml")
    assert [a.biz_dt for a in absent(declared, [], now)] == days("2024-05-13", "2024-05-14", "2024-05-15")
    unlimited = Calendar(file="calendar.yaml")
    assert [a.biz_dt for a in absent(unlimited, [], now)] == days("2024-05-15")
    rows = days("1900-01-01", "2024-05-14", "9999-12-31")
    assert [a.biz_dt for a in absent(unlimited, rows, now)] == days("2024-05-15")


def test_a_calendar_that_nobody_declared_expects_nothing() -> None:
    assert absent(Calendar(), days("2024-05-13"), utc("2024-05-15T12:00")) == []


def test_today_is_the_zones() -> None:
    tokyo = Calendar(timezone="Asia/Tokyo", start=date(2024, 5, 15), file="calendar.yaml")
    assert absent(tokyo, [], utc("2024-05-14T14:59")) == []
    assert [a.biz_dt for a in absent(tokyo, [], utc("2024-05-14T15:00"))] == days("2024-05-15")


SOME_DAY = st.dates(date(2023, 12, 1), date(2025, 2, 1))
CALENDARS = st.builds(
    Calendar,
    weekend=st.sets(st.sampled_from(WEEKDAYS), max_size=6).map(tuple),
    holidays=st.dictionaries(SOME_DAY, st.just(""), max_size=40),
    extra_days=st.frozensets(SOME_DAY, max_size=10),
    month_ends=st.sampled_from([None, "include", "only"]),
    timezone=st.sampled_from(["UTC", "Europe/Zurich", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"]),
    cutoff=st.none() | st.times(),
    lag=st.integers(0, 5),
    start=st.dates(date(2023, 12, 1), date(2024, 3, 1)),
    end=st.dates(date(2024, 10, 1), date(2025, 2, 1)),
)


@settings(max_examples=150)
@given(CALENDARS, SOME_DAY, SOME_DAY)
def test_expected_dates_are_the_business_days_in_order(calendar: Calendar, one: date, other: date) -> None:
    first, last = sorted((one, other))
    every = [first + n * DAY for n in range((last - first).days + 1)]
    assert calendar.expected(first, last) == [d for d in every if calendar.verdict(d).is_business_day]
    assert [calendar.is_business_day(d) for d in every] == [calendar.verdict(d)[0] for d in every]


@settings(max_examples=150)
@given(CALENDARS, SOME_DAY)
def test_next_and_previous_undo_each_other(calendar: Calendar, day: date) -> None:
    following = calendar.next(day)
    if following is not None:
        assert following > day
        assert calendar.is_business_day(following)
        assert calendar.expected(day + DAY, following) == [following]
        before = calendar.previous(following)
        assert before == (day if calendar.is_business_day(day) else calendar.previous(day))
    else:
        assert calendar.expected(day + DAY, date(2026, 1, 1)) == []


@settings(max_examples=100)
@given(CALENDARS, SOME_DAY, st.integers(1, 30))
def test_the_nth_next_date_is_n_steps_away(calendar: Calendar, day: date, count: int) -> None:
    stepped: date | None = day
    for _ in range(count):
        stepped = calendar.next(stepped) if stepped else None
    assert calendar.next(day, count) == stepped


@settings(max_examples=100)
@given(CALENDARS, st.datetimes(datetime(2023, 11, 1), datetime(2025, 3, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the zone is the strategy's
def test_dates_fall_due_in_order_and_the_newest_one_is_found(calendar: Calendar, now: datetime) -> None:
    every = calendar.expected(calendar.start, calendar.end)
    due = [calendar.due_at(d) for d in every]
    assert all(one <= other for one, other in pairwise(due))
    passed = [d for d, at in zip(every, due, strict=True) if at <= now]
    assert calendar.latest_due(now) == (passed[-1] if passed else None)
