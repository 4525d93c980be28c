"""The part of dagster.yaml that is the platform's own: `run_coordinator: {config: {fdm: …}}`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from fdm_platform.errors import DeclarationError
from fdm_platform.model.limits import BreakerLimits, Limits, RetryLimits
from fdm_platform.planning.declaration import Count, Declared, Positive, Seconds

_DEFAULT = Limits()


class RetriesDefault(Declared):
    """Of tables that say nothing else."""

    limit: Count = _DEFAULT.retries.limit
    delay_s: Seconds = _DEFAULT.retries.delay_s
    longest_s: Seconds = _DEFAULT.retries.longest_s


class BreakerDeclaration(Declared):
    """Of every source system and cluster."""

    failures: Positive = _DEFAULT.breaker.failures
    cooldown_s: Seconds = _DEFAULT.breaker.cooldown_s
    longest_s: Seconds = _DEFAULT.breaker.longest_s


class LimitsDeclaration(Declared):
    """The keys below `fdm`."""

    retries: RetriesDefault = Field(default_factory=RetriesDefault)
    breaker: BreakerDeclaration = Field(default_factory=BreakerDeclaration)


def read_limits(dagster_yaml: Path) -> Limits:
    """What it says; the defaults where it says nothing, as where it names another run coordinator."""
    try:
        document = yaml.safe_load(dagster_yaml.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise _wrong(dagster_yaml, "", str(error).partition("\n")[0]) from None
    found: Any = document
    for key in ("run_coordinator", "config", "fdm"):
        found = found.get(key) if isinstance(found, dict) else None
    try:
        declared = LimitsDeclaration.model_validate({} if found is None else found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _wrong(dagster_yaml, ".".join(map(str, first["loc"])), first["msg"]) from None
    return Limits(
        retries=RetryLimits(**declared.retries.model_dump()),
        breaker=BreakerLimits(**declared.breaker.model_dump()),
    )


def _wrong(file: Path, place: str, message: str) -> DeclarationError:
    return DeclarationError(
        message,
        file=str(file),
        field=f"run_coordinator.config.fdm.{place}".rstrip("."),
        remedy="correct it, or remove the key: docs/retries.md lists the keys and their defaults",
    )
