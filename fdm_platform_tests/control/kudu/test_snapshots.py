"""What the store does where a cluster refuses to read at a time."""

import secrets
from collections.abc import Iterator

import pytest

from fdm_platform.control.kudu.servers import Servers
from fdm_platform.control.kudu.store import KuduSnapshot, KuduStore
from fdm_platform.control.store import open_store
from fdm_platform.errors import ControlUnavailableError

pytestmark = pytest.mark.kudu

DAY = (24 * 60 * 60 * 1_000_000) << 12
"""In Kudu's hybrid time: microseconds, and twelve bits that count."""


@pytest.fixture
def store(kudu_servers: Servers) -> Iterator[KuduStore]:
    opened = open_store(f"kudu+java://{kudu_servers.address}?prefix=snapshots_{secrets.token_hex(4)}.")
    assert isinstance(opened, KuduStore)
    opened.create(["job_master"])
    opened.insert("job_master", {"job_id": "1", "job_name": "load"})
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "shift", [DAY, -30 * DAY], ids=["ahead of the servers' clocks", "behind their history"]
)
def test_a_time_that_the_cluster_refuses_is_an_error_that_may_be_tried_again(
    store: KuduStore, shift: int
) -> None:
    with store.snapshot() as now:
        assert len(list(store.scan("job_master", snapshot=now))) == 1
        with pytest.raises(
            ControlUnavailableError, match="does not read at the time of this snapshot"
        ) as caught:
            store.scan("job_master", snapshot=KuduSnapshot(store, now.at + shift))
    assert "clocks" in str(caught.value.remedy)
    assert caught.value.kind == "infrastructure"
