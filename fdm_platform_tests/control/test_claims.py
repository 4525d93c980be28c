"""One load to a date at a time, by a number that it alone may publish."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from fdm_platform.control.claims import Claims
from fdm_platform.control.ledger import Ledger
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.model.claim import Claim
from fdm_platform.model.control import PublishRecord
from fdm_platform_tests.control.workers import run_workers

TABLE = "gels_fpms_t"
DAYS = [date(2024, 5, day) for day in (13, 14, 15)]
DAY = DAYS[1]


@pytest.fixture
def claims(store: ControlStore) -> Claims:
    return Claims(store)


def publish(store: ControlStore, claim: Claim) -> None:
    record = PublishRecord(
        claim.table_name, claim.biz_dt, claim.version, claim.load_id, "", "{}", datetime.now(UTC)
    )
    Ledger(store).commit(record)


def told(claims: list[Claim]) -> list[tuple[date, int, str]]:
    return [(c.biz_dt, c.version, c.load_id) for c in claims]


def test_a_claim_is_the_next_version_and_others_are_told_who_has_it(claims: Claims) -> None:
    mine = claims.claim(TABLE, DAY, "first")
    assert (mine.version, mine.load_id) == (1, "first")
    assert claims.claim(TABLE, DAY, "second") == mine
    assert claims.holder(TABLE, DAY) == mine
    assert claims.claim("another", DAY, "second").load_id == "second"
    assert claims.claim(TABLE, DAYS[0], "second").load_id == "second"


def test_a_date_is_free_again_when_its_load_ends(store: ControlStore, claims: Claims) -> None:
    failed = claims.claim(TABLE, DAY, "failed")
    claims.release([failed])
    assert claims.holder(TABLE, DAY) is None
    published = claims.claim(TABLE, DAY, "published")
    assert published.version == 1
    publish(store, published)
    claims.release([published])
    assert claims.claim(TABLE, DAY, "next").version == 2


def test_claiming_and_releasing_again_changes_nothing(claims: Claims) -> None:
    mine = claims.claim(TABLE, DAY, "first")
    assert claims.claim(TABLE, DAY, "first") == mine
    for _ in range(2):
        claims.release([mine])
    assert claims.all() == []


def test_a_number_that_is_void_is_claimed_by_nobody(store: ControlStore, claims: Claims) -> None:
    dead = claims.claim(TABLE, DAY, "dead")
    Ledger(store).void(TABLE, DAY, dead.version, "dead", "its process died")
    claims.release([dead])
    mine = claims.claim(TABLE, DAY, "next")
    assert mine.version == 2
    claims.release([dead])  # the dead load comes back and tidies up
    assert claims.holder(TABLE, DAY) == mine


def test_who_published_has_the_date_until_it_is_released(store: ControlStore, claims: Claims) -> None:
    """Its swap may not be done: the next version's would overtake it."""
    first = claims.claim(TABLE, DAY, "first")
    publish(store, first)
    assert claims.claim(TABLE, DAY, "second") == first
    assert claims.all() == [first]
    claims.release([first])
    assert claims.claim(TABLE, DAY, "second").version == 2


def test_dates_are_claimed_in_order_up_to_the_first_that_another_has(claims: Claims) -> None:
    claims.claim(TABLE, DAYS[1], "first")
    assert told(claims.claim_dates(TABLE, reversed_days(), "second")) == [
        (DAYS[0], 1, "second"),
        (DAYS[1], 1, "first"),
    ]
    assert claims.holder(TABLE, DAYS[2]) is None
    claims.release(claims.of_load("first"))
    assert told(claims.claim_dates(TABLE, DAYS, "second")) == [(d, 1, "second") for d in DAYS]
    assert told(claims.of_load("second")) == [(d, 1, "second") for d in DAYS]


def reversed_days() -> list[date]:
    return DAYS[::-1]


def test_dates_behind_one_that_is_not_released_yet_are_not_claimed(
    store: ControlStore, claims: Claims
) -> None:
    first = claims.claim(TABLE, DAYS[1], "first")
    publish(store, first)
    assert told(claims.claim_dates(TABLE, DAYS, "second")) == [
        (DAYS[0], 1, "second"),
        (DAYS[1], 1, "first"),
    ]
    assert told(claims.all()) == [(DAYS[0], 1, "second"), (DAYS[1], 1, "first")]


def test_each_date_has_its_own_number(store: ControlStore, claims: Claims) -> None:
    first = claims.claim(TABLE, DAYS[1], "first")
    publish(store, first)
    claims.release([first])
    assert told(claims.claim_dates(TABLE, DAYS, "second")) == [
        (DAYS[0], 1, "second"),
        (DAYS[1], 2, "second"),
        (DAYS[2], 1, "second"),
    ]


def test_a_deployment_of_an_earlier_release_needs_no_new_table(empty_url: str) -> None:
    store = open_store(empty_url)
    store.create(["fdm_publishes"])
    claims = Claims(store)
    assert (claims.all(), claims.holder(TABLE, DAY)) == ([], None)
    assert store.existing() == {"fdm_publishes"}
    assert claims.claim(TABLE, DAY, "first").version == 1
    store.close()


def test_eight_processes_never_have_the_same_number(empty_url: str) -> None:
    store = open_store(empty_url)
    store.create(["fdm_publishes", "fdm_claims"])
    told = run_workers("claim_and_publish", empty_url, workers=8, rounds=5)
    numbers = sorted(n for w in told for n in w["published"])
    assert numbers == list(range(1, 41))
    assert sum(w["held"] for w in told) > 0, "nobody met anybody: nothing was tried"
    assert Claims(store).all() == []
    assert {r.load_id for r in Ledger(store).history("t", date(2024, 5, 15))} == {w["name"] for w in told}
    store.close()
