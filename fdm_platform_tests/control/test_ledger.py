import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from fdm_platform.control.ledger import Ledger
from fdm_platform.control.manifests import PART_BYTES
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.errors import ControlError, FencedError, PublishConflictError
from fdm_platform.model.control import VOID, Published, PublishRecord
from fdm_platform.model.ledger import PublishLedger
from fdm_platform_tests.control.workers import run_workers

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


def test_what_is_published_of_some_dates_or_of_all(ledger: Ledger) -> None:
    made_from: dict[str, Any] = {
        "code_version": "c1",
        "settings_version": "s1",
        "parents": '{"t_p": {"2024-05-14": 3}}',
    }
    for day, version in [(13, 1), (14, 1), (15, 1), (15, 2)]:
        ledger.commit(replace(FIRST, biz_dt=date(2024, 5, day), version=version, **made_from))
    ledger.commit(replace(FIRST, table_name="another"))
    newest = ledger.published("gels_fpms_t", {DAY, date(2024, 5, 20)})
    assert newest == {
        DAY: Published(
            biz_dt=DAY,
            version=2,
            load_id="load-1",
            control_version=FIRST.control_version,
            code_version="c1",
            settings_version="s1",
            parents={"t_p": {"2024-05-14": 3}},
            published_at=FIRST.published_at,
        )
    }
    assert [(p.biz_dt.day, p.version) for p in ledger.published("gels_fpms_t").values()] == [
        (13, 1),
        (14, 1),
        (15, 2),
    ]
    assert ledger.published("gels_fpms_t", []) == {}


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


KUDU_CELL_BYTES = 64 * 1024
LONG = json.dumps({"files": [f"Übergröße-{n}.orc €𝄞" for n in range(9000)]}, ensure_ascii=False)
"""A manifest of some 250 KiB, with characters of 1 to 4 bytes for the parts to end in."""


def test_a_long_manifest_comes_back_whole_and_no_cell_is_too_long(
    store: ControlStore, ledger: Ledger
) -> None:
    record = replace(FIRST, manifest=LONG)
    ledger.commit(FIRST)
    ledger.commit(replace(record, version=2))
    assert ledger.current("gels_fpms_t", DAY) == replace(record, version=2)
    assert [r.manifest for r in ledger.history("gels_fpms_t", DAY)] == [FIRST.manifest, LONG]
    texts = [row["text"] for row in store.scan("fdm_manifest_parts")]
    cells = [row["manifest"] for row in store.scan("fdm_publishes")]
    assert max(len(text.encode()) for text in texts + cells) < KUDU_CELL_BYTES
    assert len(texts) == len(LONG.encode()) // PART_BYTES


@pytest.mark.parametrize(
    ("manifest", "parts"),
    [("x" * PART_BYTES, 0), ("x" * (PART_BYTES + 1), 1), ("€" * (PART_BYTES // 3 + 1), 1)],
)
def test_parts_begin_where_a_cell_ends(
    store: ControlStore, ledger: Ledger, manifest: str, parts: int
) -> None:
    ledger.commit(replace(FIRST, manifest=manifest))
    assert len(list(store.scan("fdm_manifest_parts"))) == parts
    current = ledger.current("gels_fpms_t", DAY)
    assert current
    assert current.manifest == manifest


def test_a_load_may_repeat_its_own_long_commit(store: ControlStore, ledger: Ledger) -> None:
    ledger.commit(replace(FIRST, manifest=LONG))
    parts = sorted(row["part"] for row in store.scan("fdm_manifest_parts"))
    ledger.commit(replace(FIRST, manifest=LONG))
    assert sorted(row["part"] for row in store.scan("fdm_manifest_parts")) == parts


def test_the_parts_of_a_commit_that_failed_touch_no_other_manifest(ledger: Ledger) -> None:
    """Also those of the same load: what it had committed stays as it was."""
    ledger.commit(replace(FIRST, manifest=LONG))
    with pytest.raises(PublishConflictError):
        ledger.commit(replace(FIRST, manifest=LONG.replace("files", "FILES") + "longer" * PART_BYTES))
    assert [r.manifest for r in ledger.history("gels_fpms_t", DAY)] == [LONG]


def test_a_lost_part_is_told(store: ControlStore, ledger: Ledger) -> None:
    ledger.commit(replace(FIRST, manifest=LONG))
    (lost,) = (row for row in store.scan("fdm_manifest_parts") if row["part"] == 2)
    del lost["text"]
    store.delete("fdm_manifest_parts", [lost])
    with pytest.raises(ControlError, match="of gels_fpms_t 2024-05-15 by load load-1 is not whole"):
        ledger.current("gels_fpms_t", DAY)
    assert ledger.current_versions("gels_fpms_t", [DAY]) == {DAY: 1}


def test_parts_find_a_table_where_there_is_none_yet(empty_url: str) -> None:
    store = open_store(empty_url)
    store.create(["fdm_publishes"])
    Ledger(store).commit(replace(FIRST, manifest=LONG))
    (record,) = Ledger(store).history("gels_fpms_t", DAY)
    assert record.manifest == LONG
    store.close()


def void(ledger: Ledger, version: int) -> bool:
    return ledger.void("gels_fpms_t", DAY, version, f"load-{version}", "its process died")


def test_who_was_declared_dead_can_never_publish(ledger: Ledger) -> None:
    assert void(ledger, 1)
    with pytest.raises(FencedError) as caught:
        ledger.commit(FIRST)
    assert caught.value.message.startswith("gels_fpms_t 2024-05-15: load load-1 was declared dead at 20")
    assert caught.value.message.endswith("its version 1 is void: its process died")
    assert ledger.current("gels_fpms_t", DAY) is None


def test_what_is_published_is_not_made_void(ledger: Ledger) -> None:
    ledger.commit(FIRST)
    assert not void(ledger, 1)
    assert ledger.history("gels_fpms_t", DAY) == [FIRST]


def test_a_number_may_be_declared_void_again(store: ControlStore, ledger: Ledger) -> None:
    assert void(ledger, 1)
    rows = list(store.scan("fdm_publishes"))
    assert void(ledger, 1)
    assert list(store.scan("fdm_publishes")) == rows
    assert [row["kind"] for row in rows] == [VOID]


def test_a_void_number_is_no_version_and_is_not_used_again(ledger: Ledger) -> None:
    ledger.commit(FIRST)
    assert ledger.next_versions("gels_fpms_t", [DAY]) == {DAY: 2}
    void(ledger, 2)
    assert ledger.next_versions("gels_fpms_t", [DAY, date(2024, 5, 16)]) == {DAY: 3, date(2024, 5, 16): 1}
    assert ledger.next_versions("gels_fpms_t", []) == {}
    assert ledger.current("gels_fpms_t", DAY) == FIRST
    assert ledger.current_versions("gels_fpms_t", [DAY]) == {DAY: 1}
    assert [p.version for p in ledger.versions("gels_fpms_t", DAY)] == [1]
    assert [p.version for p in ledger.published("gels_fpms_t").values()] == [1]
    assert ledger.history("gels_fpms_t", DAY) == [FIRST]


def test_one_of_the_dead_load_and_its_undertaker_wins(empty_url: str) -> None:
    store = open_store(empty_url)
    store.create(["fdm_publishes"])
    told = run_workers("publish_or_void", empty_url, workers=4, rounds=20)
    for version in range(20):
        published = [w["name"] for w in told if version in w["published"]]
        declared = [w["name"] for w in told if version in w["void"]]
        assert len(published) + bool(declared) == 1, version
    rows = {row["version"]: row["kind"] for row in store.scan("fdm_publishes")}
    assert {n for n, kind in rows.items() if kind is None} == {n for w in told for n in w["published"]}
    store.close()


def test_a_rollback_is_a_version_like_another(ledger: Ledger) -> None:
    ledger.commit(FIRST)
    again = replace(FIRST, version=2, load_id="load-2", kind="rollback of 1")
    ledger.commit(again)
    assert ledger.current("gels_fpms_t", DAY) == again
    assert ledger.published("gels_fpms_t")[DAY].kind == "rollback of 1"
