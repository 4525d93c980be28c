"""Whether a table is there is not asked at each call: Kudu's answer is a list of all tables of its cluster."""

import secrets
from datetime import date
from typing import Any

import pytest

from fdm_platform.control.claims import Claims
from fdm_platform.control.kudu.address import parse
from fdm_platform.control.kudu.java import JavaClient
from fdm_platform.control.kudu.opening import client_jars
from fdm_platform.control.kudu.servers import Servers
from fdm_platform.control.kudu.store import KuduStore

pytestmark = pytest.mark.kudu


class Counting:
    """A client, and how often it was asked for all tables."""

    def __init__(self, client: JavaClient) -> None:
        self.client = client
        self.lists = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def tables(self) -> list[str]:
        self.lists += 1
        return self.client.tables()


def test_a_table_is_looked_for_until_it_is_seen(kudu_servers: Servers) -> None:
    url = f"kudu+java://{kudu_servers.address}?prefix=existence_{secrets.token_hex(4)}.&timeout_s=60"
    address = parse(url)
    client = Counting(JavaClient(address.masters, client_jars, address.timeout_s))
    store = KuduStore(url, address, client)
    assert (Claims(store).all(), client.lists) == ([], 1)
    store.create(["fdm_publishes"])
    assert Claims(store).all() == []
    claim = Claims(store).claim("t", date(2024, 5, 15), "load")
    seen = client.lists
    for _ in range(3):
        assert Claims(store).all() == [claim]
    Claims(store).release([claim])
    assert client.lists == seen
    store.close()
