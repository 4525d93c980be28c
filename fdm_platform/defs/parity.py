"""Holding a published date against the old system's output, and keeping what came of it."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import Any

from fdm_platform.defs.platform import Platform
from fdm_platform.engines.folders import open_folders
from fdm_platform.errors import ParameterError, SourceError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.control import Published
from fdm_platform.model.parity import ParityFormat, ParityResult, ParitySample, ParitySpec
from fdm_platform.model.partition import BIZ_DT, folder_name
from fdm_platform.model.plan import Parameter
from fdm_platform.model.table import SECRET, SourceSpec, TableSpec
from fdm_platform.planning.launch import resolve_launch
from fdm_platform.planning.places import output_root
from fdm_platform.planning.sources import resolve_path

CERTIFICATES = ".parity"
"""Folder of a table's certificates, one below it for each date; invisible to readers."""
MASKED = "***"
_TABLE = re.compile(r"\w+(\.\w+){0,2}")
_FILES = (".csv", ".txt", ".orc", ".parquet", ".gz", ".bz2", ".zst")


@dataclass(frozen=True, slots=True)
class Certificate:
    """One comparison, as it is kept: `<table>/.parity/biz_dt=…/<UTC>-v<version>.json`."""

    table: str
    biz_dt: date
    version: int
    load_id: str
    against: str
    format: ParityFormat
    files: int
    bytes: int
    scope: str
    """What of the old output was compared."""
    spec: ParitySpec
    result: ParityResult
    made_at: datetime
    made_by: str
    platform: str
    """Version of fdm-platform."""
    path: str = ""
    """Where it is kept."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, with what the result says in sum."""
        plain = to_plain(replace(self, spec=replace(self.spec, tolerance={})))
        plain["spec"]["tolerance"] = {c: str(t) for c, t in self.spec.tolerance.items()}
        return {**plain, "is_equal": self.result.is_equal}


def certify(
    platform: Platform,
    spec: TableSpec,
    biz_dt: date,
    asked: ParitySpec,
    *,
    samples: int,
    tell: Callable[[str], object],
) -> Certificate:
    """Compare the live version of a date with the old output, and keep what came of it.

    SourceError: the date is not published, or the old output cannot be read or has no row of it. ContractError and
    ParameterError as of `compare`.
    """
    if not asked.against:
        raise ParameterError(
            f"{spec.name} does not say what it is compared with",
            file=spec.file or None,
            field="parity.against",
            remedy="declare it, or say --against PATH or --against TABLE",
        )
    published = platform.ledger.published(spec.name, [biz_dt]).get(biz_dt)
    if published is None:
        raise SourceError(
            f"{spec.name} has not published {biz_dt}", remedy=f"fdm materialize {spec.name} --biz-dt {biz_dt}"
        )
    asked = replace(asked, keys=asked.keys or _keys(platform, spec, biz_dt), ignore=(*asked.ignore, BIZ_DT))
    made = _compare(platform, spec, asked, published, samples=samples, tell=tell)
    return _keep(output_root(platform.settings, spec), spec, made)


def _keys(platform: Platform, spec: TableSpec, biz_dt: date) -> tuple[str, ...]:
    """The table's own: its key columns, else its business keys, else those of the control row."""
    if (
        keys := tuple(c.name for c in spec.columns if c.key and c.name.lower() != BIZ_DT)
        or spec.business_keys
    ):
        return keys
    return next((row.business_keys for row in platform.control_rows(spec, [biz_dt])), ())


def _compare(
    platform: Platform,
    spec: TableSpec,
    asked: ParitySpec,
    published: Published,
    *,
    samples: int,
    tell: Callable[[str], object],
) -> Certificate:
    from fdm_platform.engines.landed import LandedDates  # noqa: PLC0415 - with the next three, imports pyspark
    from fdm_platform.engines.old_output import find_old, read_old  # noqa: PLC0415
    from fdm_platform.engines.parity import compare  # noqa: PLC0415
    from fdm_platform.engines.sessions import session_of  # noqa: PLC0415

    settings, biz_dt = platform.settings, published.biz_dt
    rows = platform.job_rows(spec, [biz_dt])
    place = _place(asked.against or "", spec, biz_dt, str(settings.source_root))
    old = find_old(place, asked.format)
    profile = resolve_launch(
        spec=spec, job=rows.job, sys_params=rows.sys_params, environment=settings.environment
    )
    tell(f"comparing {spec.name} {biz_dt}, version {published.version}, with {place} ({old.format})")
    spark = session_of(
        profile, f"fdm parity {spec.name}", bytes_read=2 * old.bytes, hive=old.format == "hive"
    )
    frame, scope = read_old(spark, old, asked.options, biz_dt)
    new = LandedDates(output_root(settings, spec), spec.folder_date_format, (biz_dt,)).to_spark(spark)
    result = compare(new.drop(BIZ_DT), frame, asked, samples=samples, empty_is_null=old.format == "csv")
    return Certificate(
        table=spec.name,
        biz_dt=biz_dt,
        version=published.version,
        load_id=published.load_id,
        against=place,
        format=old.format,
        files=old.files,
        bytes=old.bytes,
        scope=scope,
        spec=asked,
        result=replace(result, samples=tuple(_masked(s, spec) for s in result.samples)),
        made_at=datetime.now(UTC),
        made_by=getpass.getuser(),
        platform=version("fdm-platform"),
    )


def _place(against: str, spec: TableSpec, biz_dt: date, source_root: str) -> str:
    """A path with the date filled in, below the source root unless it is absolute; a Hive table's name as it is."""
    if _TABLE.fullmatch(against) and not against.lower().endswith(_FILES):
        return against
    day = Parameter(BIZ_DT, biz_dt.isoformat(), "date", "--biz-dt")
    old = SourceSpec(view="old", format="csv", path=against)
    return resolve_path(old, {BIZ_DT: day}, source_root, file=spec.file or None)


def _masked(sample: ParitySample, spec: TableSpec) -> ParitySample:
    """Without values of columns that are declared confidential or restricted."""
    secret = {c.name.lower() for c in spec.columns if c.sensitivity in SECRET}
    keys = {c: MASKED if c.lower() in secret else v for c, v in sample.keys.items()}
    values = {c: (MASKED, MASKED) if c.lower() in secret else v for c, v in sample.values.items()}
    return replace(sample, keys=keys, values=values)


def _keep(root: str, spec: TableSpec, made: Certificate) -> Certificate:
    folder = f"{root}/{CERTIFICATES}/{folder_name(made.biz_dt, spec.folder_date_format)}"
    path = f"{folder}/{made.made_at:%Y%m%dT%H%M%S.%fZ}-v{made.version}.json"
    kept, of = replace(made, path=path), open_folders(root)
    of.make(folder)
    of.write_durably(path, json.dumps(kept.to_json(), indent=2, sort_keys=True))
    return kept
