"""Which client library serves a control store in Kudu."""

from __future__ import annotations

import logging
from pathlib import Path

from fdm_platform.control.kudu.address import KuduAddress, parse
from fdm_platform.control.kudu.client import KuduClient
from fdm_platform.control.kudu.maven import CLIENT_JARS, resolve
from fdm_platform.control.kudu.store import KuduStore
from fdm_platform.errors import MachineError
from fdm_platform.model.settings import Settings

log = logging.getLogger(__name__)
_told: set[tuple[str, str]] = set()


def open_kudu(url: str) -> KuduStore:
    """The store of a `kudu://`, `kudu+java://` or `kudu+native://` URL. Nothing is reached yet.

    `kudu://` takes kudu-python where it can be imported, else the Java client. Which one is logged once.
    ControlError for a URL that is none; MachineError where kudu-python is asked for and missing.
    """
    address = parse(url)
    client = _client(address)
    if (client.name, address.text) not in _told:
        _told.add((client.name, address.text))
        log.info("control store in Kudu at %s, by %s", address.text, client.name)
    return KuduStore(url, address, client)


def _client(address: KuduAddress) -> KuduClient:
    if address.client != "java":
        try:
            from fdm_platform.control.kudu.native import NativeClient  # noqa: PLC0415 - needs kudu-python

            return NativeClient(address.masters, address.timeout_s)
        except ImportError as error:  # it is missing, or the libraries that it was compiled against are
            if address.client == "native":
                raise MachineError(
                    f"kudu-python cannot be imported: {error}",
                    field="FDM_CONTROL_URL",
                    remedy="install fdm-platform[kudu] where Kudu's client library is, or write kudu+java://",
                ) from error
    from fdm_platform.control.kudu.java import JavaClient  # noqa: PLC0415 - needs JPype

    return JavaClient(address.masters, client_jars, address.timeout_s)


def client_jars() -> list[Path]:
    """The Java client's jars, fetched where the cache lacks them."""
    settings = Settings.from_environ()
    return [resolve(jar, settings.cache, settings.maven_repository) for jar in CLIENT_JARS]
