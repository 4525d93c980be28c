"""Every version of every row is returned once, whatever the clocks do and wherever the reader dies."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from fdm_platform.control.changes import Changes, Watermark, changes, unstamped_dates
from fdm_platform.control.rows import readable_rows_of
from fdm_platform.control.store import ControlStore

NOON = datetime(2024, 5, 15, 12, 0, tzinfo=UTC)
FIRST = date(2024, 1, 1)
MINUTE = timedelta(minutes=1)


def write(store: ControlStore, *rows: tuple[int, datetime | None], **changed: Any) -> None:
    """Rows by their day, counted from 1 January, and their last_update_ts."""
    store.upsert(
        "process_control",
        [
            {
                "entity": "GELS",
                "source_system": "FPMS",
                "biz_dt": FIRST + timedelta(days=day),
                "last_update_ts": stamp,
                **changed,
            }
            for day, stamp in rows
        ],
    )


def look(store: ControlStore, watermark: Watermark, now: datetime = NOON, **limits: Any) -> Changes:
    return changes(store, "gels", "FPMS", watermark, now, **limits)


def days(found: Changes) -> list[int]:
    return [(row.biz_dt - FIRST).days for row in found.rows]


def test_the_first_look_returns_every_row_in_the_order_of_change(store: ControlStore) -> None:
    write(store, (0, NOON), (1, NOON - MINUTE), (2, NOON), (3, NOON - 9000 * MINUTE))
    found = look(store, Watermark())
    assert (days(found), found.has_more) == ([3, 1, 0, 2], False)


def test_only_what_changed_since_is_returned(store: ControlStore) -> None:
    write(store, (0, NOON), (1, NOON), (2, NOON))
    first = look(store, Watermark())
    write(store, (1, NOON + MINUTE))
    second = look(store, first.watermark, NOON + MINUTE)
    assert days(second) == [1]
    assert days(look(store, second.watermark, NOON + MINUTE)) == []


def test_rows_of_the_watermarks_own_microsecond_are_not_lost(store: ControlStore) -> None:
    write(store, (0, NOON))
    first = look(store, Watermark())
    write(store, (1, NOON), (2, NOON))
    assert days(look(store, first.watermark)) == [1, 2]


def test_a_row_that_becomes_visible_late_is_found(store: ControlStore) -> None:
    write(store, (0, NOON))
    first = look(store, Watermark())
    write(store, (1, NOON - 59 * MINUTE))
    assert days(look(store, first.watermark)) == [1]


def test_a_clock_that_is_ahead_hides_nothing(store: ControlStore) -> None:
    write(store, (0, NOON + timedelta(days=400)))
    first = look(store, Watermark())
    write(store, (1, NOON))
    second = look(store, first.watermark)
    assert (days(first), days(second), days(look(store, second.watermark))) == ([0], [1], [])


def test_a_reprocess_date_with_the_old_stamp_is_a_change(store: ControlStore) -> None:
    write(store, (0, NOON))
    first = look(store, Watermark())
    write(store, (0, NOON), reprocess_dt=date(2024, 6, 1))
    assert days(look(store, first.watermark)) == [0]


def test_the_same_watermark_returns_the_same_rows(store: ControlStore) -> None:
    write(store, (0, NOON), (1, NOON))
    first = look(store, Watermark())
    write(store, (2, NOON + MINUTE))
    died = look(store, first.watermark)
    again = look(store, first.watermark)
    assert died.rows == again.rows
    assert days(again) == [2]


def test_more_than_the_limit_comes_with_the_next_looks_in_order(store: ControlStore) -> None:
    stamps = [(day, NOON - timedelta(minutes=day * 37 % 101)) for day in range(101)]
    write(store, *stamps)
    found, watermark, sizes = list[int](), Watermark(), list[int]()
    while True:
        part = look(store, watermark, limit=7)
        found += days(part)
        sizes.append(len(part.rows))
        watermark = part.watermark
        if not part.has_more:
            break
    assert found == [day for day, _ in sorted(stamps, key=lambda s: (s[1], s[0]))]
    assert set(sizes[:-1]) == {7}


def test_many_rows_of_one_microsecond_come_in_parts_too(store: ControlStore) -> None:
    write(store, (200, NOON - MINUTE), *((day, NOON) for day in range(90)), (201, NOON + MINUTE))
    found, watermark = list[int](), Watermark()
    for _ in range(50):
        part = look(store, watermark, limit=4)
        found += days(part)
        watermark = part.watermark
        if not part.has_more:
            break
    assert found[0] == 200
    assert sorted(found) == [*range(90), 200, 201]


def test_the_watermark_forgets_what_no_look_reads_again(store: ControlStore) -> None:
    write(store, *((day, NOON - timedelta(days=30)) for day in range(50)), (50, NOON))
    watermark = look(store, Watermark()).watermark
    assert list(watermark.seen) == [FIRST + timedelta(days=50)]
    assert look(store, watermark, NOON + 61 * MINUTE).watermark.seen == {}


def test_a_watermark_is_kept_as_text(store: ControlStore) -> None:
    write(store, (0, NOON))
    watermark = look(store, Watermark()).watermark
    assert Watermark.from_json(watermark.to_json()) == watermark
    assert days(look(store, Watermark.from_json(watermark.to_json()))) == []


def test_rows_of_other_sources_are_not_seen(store: ControlStore) -> None:
    write(store, (0, NOON), source_system="OTHER")
    write(store, (1, NOON), source_system="fpms")
    assert days(look(store, Watermark())) == [1]


def test_a_date_in_two_spellings_is_a_problem_and_stops_no_other(store: ControlStore) -> None:
    write(store, (0, NOON), (1, NOON))
    write(store, (0, NOON), source_system="fpms")
    found = look(store, Watermark())
    assert days(found) == [1]
    ((day, error),) = [(p.biz_dt, p.error) for p in found.problems]
    assert day == FIRST
    assert error.message.startswith("two rows for 2024-01-01")
    rows, problems = readable_rows_of(store, "GELS", "FPMS", [FIRST, FIRST + timedelta(days=1)])
    assert ([r.biz_dt for r in rows], [p.biz_dt for p in problems]) == ([FIRST + timedelta(days=1)], [FIRST])


def test_a_row_whose_lists_are_none_is_a_problem_and_stops_no_other(store: ControlStore) -> None:
    write(store, (0, NOON), (1, NOON))
    key = {"entity": "GELS", "source_system": "FPMS", "biz_dt": FIRST}
    store.upsert("process_control", [{**key, "business_keys": "contract_id"}])
    found = look(store, Watermark())
    assert days(found) == [1]
    assert [(p.biz_dt, p.error.field) for p in found.problems] == [(FIRST, "process_control.business_keys")]
    store.upsert("process_control", [{**key, "business_keys": '["contract_id"]'}])
    rows, problems = readable_rows_of(store, "GELS", "FPMS", [FIRST])
    assert ([r.business_keys for r in rows], problems) == ([("contract_id",)], [])


def test_rows_without_a_stamp_are_told(store: ControlStore) -> None:
    write(store, (0, None), (1, NOON), (2, None))
    assert days(look(store, Watermark())) == [1]
    assert unstamped_dates(store, "GELS", "FPMS") == [FIRST, FIRST + timedelta(days=2)]
    assert unstamped_dates(store, "GELS", "FPMS", limit=1) == [FIRST]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_each_version_is_returned_once(store: ControlStore, seed: int) -> None:
    """Writers whose clocks differ by up to 20 minutes, rows late by up to 20, a reader that often dies."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    now, watermark = NOON, Watermark()
    pending: list[tuple[datetime, int, datetime]] = []
    written, returned = dict[int, datetime](), Counter[tuple[int, datetime]]()
    for _ in range(60):
        now += chance.choice([timedelta(0), MINUTE, 15 * MINUTE])
        for _ in range(chance.randrange(4)):
            stamp = now + timedelta(minutes=chance.randrange(-20, 20))
            pending.append((now + timedelta(minutes=chance.randrange(20)), chance.randrange(40), stamp))
        for entry in [p for p in pending if p[0] <= now]:
            pending.remove(entry)
            _, day, stamp = entry
            if written.get(day) != stamp:
                write(store, (day, stamp))
                written[day] = stamp
        found = look(store, watermark, now, limit=5)
        if chance.random() < 0.3:
            continue
        watermark = found.watermark
        returned.update(
            (day, row.last_update_ts)
            for day, row in zip(days(found), found.rows, strict=True)
            if row.last_update_ts
        )
    while True:
        found = look(store, watermark, now, limit=5)
        watermark = found.watermark
        returned.update(
            (day, row.last_update_ts)
            for day, row in zip(days(found), found.rows, strict=True)
            if row.last_update_ts
        )
        if not found.has_more:
            break
    assert set(returned.values()) == {1}
    assert {day: stamp for day, stamp in written.items() if (day, stamp) not in returned} == {}
