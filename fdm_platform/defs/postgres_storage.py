"""Dagster's PostgreSQL storage with partition sets of business dates in date order, for several machines.

Needs the extra `postgres`. dagster.yaml names it with the configuration of Dagster's own:

    storage:
      custom:
        module: fdm_platform.defs.postgres_storage
        class: SortedPostgresStorage
        config: {postgres_url: {env: DAGSTER_PG_URL}}

The URL names its driver, `postgresql+psycopg2://...`: SQLAlchemy 2.1 takes another one by default.
The tables are those of Dagster's own storage: one may be put in the other's place at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from fdm_platform.defs.storage import DateOrder


class SortedPostgresEventLog(DateOrder, PostgresEventLogStorage):  # type: ignore[misc]
    """Dagster's PostgreSQL event log in date order."""


class SortedPostgresStorage(DagsterPostgresStorage):  # type: ignore[misc]
    """Dagster's PostgreSQL storage in date order, with the same tables."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
        token_provider: Any = None,
    ) -> None:
        """As Dagster's own."""
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)
        event_log: Any = SortedPostgresEventLog
        self._event_log_storage = event_log(
            postgres_url,
            should_autocreate_tables,
            token_provider=token_provider,
        )

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> SortedPostgresStorage:
        """As Dagster makes it from dagster.yaml."""
        return cls(
            inst_data=inst_data,
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            token_provider=get_token_provider_from_config(config_value),
        )
