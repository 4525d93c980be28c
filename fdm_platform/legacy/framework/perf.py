"""Spark settings of a running session, several at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._logs import get_logger

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROFILES: Mapping[str, Mapping[str, str]] = {
    "default": {},
    "small": {"spark.sql.shuffle.partitions": "4"},
    "medium": {"spark.sql.shuffle.partitions": "64", "spark.sql.adaptive.enabled": "true"},
    "large": {
        "spark.sql.shuffle.partitions": "400",
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.adaptive.skewJoin.enabled": "true",
    },
}
"""The contract names no profile: these are ours."""


def apply_profile(
    spark: SparkSession, profile: str | Mapping[str, Any] | None = None, **settings: Any
) -> dict[str, str]:
    """Set a profile's settings, or those of a mapping, and what is given by name; those that were set.

    Static settings, which a running session no longer takes, are logged and left. ValueError: no such profile.
    """
    if isinstance(profile, str) and profile.lower() not in PROFILES:
        raise ValueError(
            f"{profile!r} is no profile: use one of {', '.join(PROFILES)}, or a mapping of settings"
        )
    chosen = PROFILES[profile.lower()] if isinstance(profile, str) else profile or {}
    wanted = {
        n: str(v) for n, v in {**chosen, **{n.replace("__", "."): v for n, v in settings.items()}}.items()
    }
    done = {}
    for name, value in wanted.items():
        if spark.conf.isModifiable(name):
            spark.conf.set(name, value)
            done[name] = value
        else:
            get_logger("framework.perf").warning("%s is set before Spark starts: it is left as it is", name)
    return done
