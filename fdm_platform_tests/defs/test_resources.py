from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import ControlStore, open_store
from fdm_platform.defs.resources import ControlStoreResource, PlatformResource
from fdm_platform_tests.deployment import control_url, deploy


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = control_url(tmp_path)
    store = open_store(url)
    store.create(TABLES)
    store.insert("job_master", {"job_id": "1", "job_name": "load"})
    store.close()
    return url


def test_the_store_is_opened_when_it_is_asked_for(url: str) -> None:
    @dg.asset
    def of_the_store(control: ControlStoreResource) -> str:
        return str(next(control.store.scan("job_master"))["job_name"])

    @dg.asset
    def without_it(control: ControlStoreResource) -> None:
        return None

    run = dg.materialize([of_the_store], resources={"control": ControlStoreResource(url=url)})
    assert run.output_for_node("of_the_store") == "load"
    assert dg.materialize([without_it], resources={"control": ControlStoreResource(url="no store")}).success


def test_teardown_closes_it(url: str) -> None:
    seen: list[ControlStoreResource] = []
    stores: list[ControlStore] = []

    @dg.asset
    def first(control: ControlStoreResource) -> None:
        seen.append(control)
        stores.append(control.store)

    dg.materialize([first], resources={"control": ControlStoreResource(url=url)})
    assert seen[0].store is not stores[0]
    seen[0].close()


def test_threads_share_one_store(url: str) -> None:
    control = ControlStoreResource(url=url)
    with ThreadPoolExecutor(8) as threads:
        stores = list(threads.map(lambda _: control.store, range(32)))
    assert len({id(store) for store in stores}) == 1
    control.close()


def test_a_url_that_fits_no_store_fails_the_step_that_uses_it() -> None:
    @dg.asset
    def of_the_store(control: ControlStoreResource) -> None:
        control.store.existing()

    control = ControlStoreResource(url="sqllite:///x.db")
    with pytest.raises(Exception, match="did you mean sqlite"):
        dg.materialize([of_the_store], resources={"control": control})


def test_the_platform_takes_the_stores_url(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in deploy(tmp_path / "home").environ.items():
        monkeypatch.setenv(name, value)

    @dg.asset
    def jobs(platform: PlatformResource) -> list[str]:
        return [row["job_name"] for row in platform.platform.store.scan("job_master")]

    platform = PlatformResource(control=ControlStoreResource(url=url))
    assert dg.materialize([jobs], resources={"platform": platform}).output_for_node("jobs") == ["load"]
