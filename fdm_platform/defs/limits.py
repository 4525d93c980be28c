"""The limits of a deployment, by its dagster.yaml. No Dagster here: `fdm why` and `fdm status` tell them, too."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from fdm_platform.errors import ParameterError
from fdm_platform.model.limits import Limits
from fdm_platform.model.settings import Settings
from fdm_platform.planning.limits import read_limits


def limits_of(settings: Settings) -> Limits:
    """What dagster.yaml says; read again when the file changed. DeclarationError where it is wrong.

    Where there is none, as in a deployment that has no Dagster, the defaults.
    """
    try:
        file = settings.dagster_home / "dagster.yaml"
    except ParameterError:
        return Limits()
    return _read(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(file: Path, _changed: int) -> Limits:
    return read_limits(file)
