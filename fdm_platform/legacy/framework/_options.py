"""What readers and writers are asked for, as Spark has it, whichever of the contract's ways it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class How:
    """How a frame is to be written. `mode` is `append`, `overwrite`, `error` or `ignore`."""

    mode: str
    partition_by: tuple[str, ...]
    format: str
    options: Mapping[str, str]

    def save(self, df: DataFrame, path: str) -> None:
        """Let Spark write it."""
        writer = df.write.mode(self.mode).format(self.format).options(**self.options)
        (writer.partitionBy(*self.partition_by) if self.partition_by else writer).save(path)

    def save_new(self, df: DataFrame, path: str) -> None:
        """Let Spark write it to a place that must not exist yet."""
        replace(self, mode="errorifexists").save(df, path)


def options(*given: Mapping[str, Any] | None) -> dict[str, str]:
    """All options as text, a later one for an earlier one of the same name in any letter case; None says nothing."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in ((str(n), v) for of in given for n, v in (of or {}).items()):
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            found[name.lower()] = (name, text)
    return dict(found.values())


def columns(names: str | Sequence[str] | None) -> list[str]:
    """Names of columns, one of them or a list."""
    if names is None:
        return []
    return [names] if isinstance(names, str) else list(names)
