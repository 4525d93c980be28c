"""What publishing needs of the ledger. The control store implements it; `defs` hands it in."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from fdm_platform.model.control import PublishRecord


class PublishLedger(Protocol):
    """The published versions of every date. A version is never changed once it is there."""

    def current(self, table_name: str, biz_dt: date) -> PublishRecord | None:
        """The newest version of a date, or None."""
        ...

    def find(self, table_name: str, biz_dt: date, version: int) -> PublishRecord | None:
        """Who has taken a number: a version of a date, or its being void."""
        ...

    def commit(self, record: PublishRecord) -> None:
        """Insert a version; PublishConflictError if that version is there already."""
        ...

    def void(self, table_name: str, biz_dt: date, version: int, load_id: str, why: str) -> bool:
        """Take a number from its load for good; False where it is published."""
        ...
