from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

import pytest

from fdm_platform.control.lookup import rows_by_key
from fdm_platform.control.store import ControlStore
from fdm_platform.control.values import Row

KEY = ("entity", "source_system", "biz_dt")
FIRST = date(2000, 1, 1)


def row(source: int, day: int) -> dict[str, Any]:
    return {"entity": "GELS", "source_system": f"S{source}", "biz_dt": FIRST + timedelta(days=day)}


def key(source: int, day: int) -> tuple[Any, ...]:
    return tuple(row(source, day).values())


@pytest.mark.parametrize("sources", [2, 30], ids=["few beginnings of keys", "many"])
def test_the_rows_of_the_keys_and_no_others(store: ControlStore, sources: int) -> None:
    store.upsert("process_control", [row(s, d) for s in range(sources) for d in range(40)])
    wanted = [key(s, d) for s in range(sources) for d in (3, 17, 99)]
    found = dict(rows_by_key(store, "process_control", KEY, wanted))
    assert sorted(found) == sorted(key(s, d) for s in range(sources) for d in (3, 17))
    assert all(tuple(found[k][name] for name in KEY) == k for k in found)


def test_more_keys_than_one_scan_takes(store: ControlStore) -> None:
    store.upsert("process_control", [row(1, d) for d in range(1203)])
    found = list(rows_by_key(store, "process_control", KEY, [key(1, d) for d in range(0, 1203, 2)]))
    assert len(found) == len({k for k, _ in found}) == 602


def test_no_keys_ask_nothing(store: ControlStore) -> None:
    store.close()
    assert list(rows_by_key(store, "process_control", KEY, [])) == []


@dataclass
class Watched:
    """A store that counts the rows that it hands out."""

    store: ControlStore
    rows: int = 0

    def scan(self, *arguments: Any, **options: Any) -> Iterator[Row]:
        for found in self.store.scan(*arguments, **options):
            self.rows += 1
            yield found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_what_is_between_the_keys_stays_where_it_is(store: ControlStore) -> None:
    store.upsert("process_control", [row(s, d) for s in range(30) for d in range(100)])
    watched = Watched(store)
    far_apart = [key(0, 0), key(0, 99), key(29, 50)]
    assert len(list(rows_by_key(cast("ControlStore", watched), "process_control", KEY, far_apart))) == 3
    assert watched.rows == 3
    of_many = [key(s, 7) for s in range(30)]
    assert len(list(rows_by_key(cast("ControlStore", watched), "process_control", KEY, of_many))) == 30
    assert watched.rows == 33
