"""Dates that are not loaded again by themselves, in a control store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from fdm_platform.control.dead_letters import MOST_CHARACTERS, DeadLetters
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.model.control import Published
from fdm_platform.model.dead_letter import DeadLetter

NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
DAYS = [date(2024, 5, day) for day in (13, 14, 15)]


def letter(table: str = "a", day: date = DAYS[0], **changes: Any) -> DeadLetter:
    made = DeadLetter(
        table,
        day,
        "run-1-a",
        "v1/",
        3,
        "infrastructure",
        '{"error": "ConnectionLostError", "message": "no route\\nto host"}',
        NOON,
        '[{"name": "limit"}]',
        "last line",
    )
    return replace(made, **changes)


def test_a_letter_is_read_as_it_was_written(store: ControlStore) -> None:
    letters = DeadLetters(store)
    written = [letter(), letter(day=DAYS[2], parameters=None, log_tail=None), letter("b")]
    letters.park(written)
    assert letters.of_table("a") == {DAYS[0]: written[0], DAYS[2]: written[1]}
    assert letters.of_table("a", [DAYS[1], DAYS[2]]) == {DAYS[2]: written[1]}
    assert letters.of_table("a", []) == {}
    short = replace(written[0], parameters=None, log_tail=None)
    assert letters.all() == {
        "a": {DAYS[0]: short, DAYS[2]: written[1]},
        "b": {DAYS[0]: replace(short, table_name="b")},
    }


def test_the_newest_letter_of_a_date_is_kept_and_clearing_may_be_repeated(store: ControlStore) -> None:
    letters = DeadLetters(store)
    letters.park([letter(), letter(day=DAYS[1])])
    newer = letter(load_id="run-2-a", log_tail=None, parameters=None)
    letters.park([newer])
    assert letters.of_table("a", [DAYS[0]]) == {DAYS[0]: newer}
    for _ in range(2):
        letters.clear("a", [DAYS[0], DAYS[2]])
    assert list(letters.of_table("a")) == [DAYS[1]]


def test_a_long_log_keeps_its_end_and_fits_into_a_cell(store: ControlStore) -> None:
    DeadLetters(store).park([letter(log_tail="€" * 50_000 + "end", parameters="[" + "€" * 50_000)])
    found = DeadLetters(store).of_table("a")[DAYS[0]]
    assert (len(found.log_tail or ""), (found.log_tail or "")[-3:]) == (MOST_CHARACTERS, "end")
    assert (found.parameters or "")[:1] == "["


def test_a_deployment_of_an_earlier_release_needs_no_new_table(empty_url: str) -> None:
    store = open_store(empty_url)
    letters = DeadLetters(store)
    letters.clear("a", DAYS)
    letters.park([])
    assert (letters.all(), letters.of_table("a"), store.existing()) == ({}, {}, set())
    letters.park([letter()])
    assert list(letters.all()) == ["a"]
    store.close()


@pytest.mark.parametrize(
    ("version", "published_after", "holds"),
    [
        ("v1/", None, True),
        ("v2/", None, False),
        (None, None, False),
        ("v1/", -1, True),
        ("v1/", 0, False),
        ("v1/", 1, False),
    ],
)
def test_a_letter_holds_until_the_row_changes_or_the_date_is_published(
    version: str | None, published_after: int | None, *, holds: bool
) -> None:
    published = None
    if published_after is not None:
        at = NOON + timedelta(seconds=published_after)
        published = Published(DAYS[0], 1, "load", "v1/", "", "", {}, at)
    assert letter().holds(version, published) == holds


def test_it_says_why_in_one_line() -> None:
    assert letter().reason == "parked after 3 attempts: no route"
    assert letter(attempts=1).reason == "parked after 1 attempt: no route"
