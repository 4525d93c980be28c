from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.store import ControlStore
from fdm_platform.errors import PublishConflictError
from fdm_platform.model.control import PublishRecord
from fdm_platform.model.ledger import PublishLedger

DAY = date(2024, 5, 15)
FIRST = PublishRecord(
    table_name="gels_fpms_t",
    biz_dt=DAY,
    version=1,
    load_id="load-1",
    control_version="2024-05-15T00:00:00+00:00/",
    manifest='{"files": []}',
    published_at=datetime(2024, 5, 16, 1, 2, 3, 456789, tzinfo=UTC),
)


@pytest.fixture
def ledger(store: ControlStore) -> Ledger:
    return Ledger(store)


def test_a_date_that_was_never_published_has_no_version(ledger: PublishLedger) -> None:
    assert ledger.current("gels_fpms_t", DAY) is None


def test_the_current_version_is_the_highest_number(ledger: Ledger) -> None:
    records = [replace(FIRST, version=n, load_id=f"load-{n}") for n in (1, 2, 9, 10)]
    for record in [*records, replace(FIRST, table_name="another", version=11)]:
        ledger.commit(record)
    assert ledger.current("gels_fpms_t", DAY) == records[-1]
    assert ledger.history("gels_fpms_t", DAY) == records


def test_current_versions_of_the_dates_that_have_one(ledger: Ledger) -> None:
    for day, version in [(13, 1), (14, 1), (15, 1), (15, 2)]:
        ledger.commit(replace(FIRST, biz_dt=date(2024, 5, day), version=version))
    dates = [date(2024, 5, 13), date(2024, 5, 15), date(2024, 5, 16)]
    assert ledger.current_versions("gels_fpms_t", dates) == {date(2024, 5, 13): 1, DAY: 2}
    assert ledger.current_versions("gels_fpms_t", []) == {}


def test_the_second_load_of_a_version_is_told_who_came_first(ledger: Ledger) -> None:
    ledger.commit(FIRST)
    with pytest.raises(PublishConflictError) as caught:
        ledger.commit(replace(FIRST, load_id="load-2"))
    assert caught.value.message == (
        "gels_fpms_t 2024-05-15: version 1 was published by load load-1 at "
        "2024-05-16T01:02:03.456789+00:00; load load-2 came second"
    )
    assert ledger.history("gels_fpms_t", DAY) == [FIRST]


def test_a_load_may_repeat_its_own_commit(ledger: Ledger) -> None:
    ledger.commit(FIRST)
    ledger.commit(replace(FIRST, published_at=datetime(2030, 1, 1, tzinfo=UTC)))
    assert ledger.history("gels_fpms_t", DAY) == [FIRST]


def test_one_load_with_two_results_is_a_conflict(ledger: Ledger) -> None:
    ledger.commit(FIRST)
    with pytest.raises(PublishConflictError, match="published by load load-1"):
        ledger.commit(replace(FIRST, manifest='{"files": [1]}'))
