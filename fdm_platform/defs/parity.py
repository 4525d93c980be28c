"""Holding a published date against the old system's output, and keeping what came of it."""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fdm_platform.defs.platform import Platform
from fdm_platform.engines.folders import open_folders, refusal
from fdm_platform.engines.published import list_published
from fdm_platform.engines.replaced import replaced
from fdm_platform.engines.secrets import looked_up
from fdm_platform.engines.swapping import version_of
from fdm_platform.errors import ContractError, FdmError, ParameterError, SourceError
from fdm_platform.model.codec import to_plain
from fdm_platform.model.control import UNMANAGED, Published
from fdm_platform.model.manifest import Manifest
from fdm_platform.model.parity import ParityFormat, ParityResult, ParitySample, ParitySpec
from fdm_platform.model.partition import BIZ_DT, folder_name
from fdm_platform.model.plan import Parameter
from fdm_platform.model.table import SECRET, SourceSpec, TableSpec
from fdm_platform.planning.launch import resolve_launch
from fdm_platform.planning.places import output_root
from fdm_platform.planning.secrets import Secrets
from fdm_platform.planning.sources import resolve_path

if TYPE_CHECKING:
    from fdm_platform.engines.landed import LandedDates
    from fdm_platform.engines.old_output import OldOutput

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
    asked = replace(asked, keys=asked.keys or _keys(platform, spec, biz_dt))
    root = output_root(platform.settings, spec)
    folder = f"{root}/{CERTIFICATES}/{folder_name(biz_dt, spec.folder_date_format)}"
    with _reported(folder):
        open_folders(root).make(folder)
    made = _compare(platform, spec, asked, published, samples=samples, tell=tell)
    return _keep(folder, made)


def _keys(platform: Platform, spec: TableSpec, biz_dt: date) -> tuple[str, ...]:
    """The table's own: its key columns, else its business keys, else those of the control row."""
    if keys := tuple(c.name for c in spec.columns if c.key) or spec.business_keys:
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
    from fdm_platform.engines.landed import LandedDates  # noqa: PLC0415 - with the next, imports pyspark
    from fdm_platform.engines.old_output import find_old  # noqa: PLC0415

    biz_dt = published.biz_dt
    root, kind = output_root(platform.settings, spec), _format(platform, spec, published)
    landed = LandedDates(root, spec.folder_date_format, (biz_dt,), kind)
    place = _place(asked, spec, biz_dt, str(platform.settings.source_root))
    old = find_old(place, asked.format, biz_dt)
    tell(f"comparing {spec.name} {biz_dt}, version {published.version}, with {place} ({old.format})")
    (folder,) = landed.folders()
    _require_live(platform, spec, folder, published)
    files = list_published(folder)
    if not files:
        raise ContractError(
            f"{spec.name} {biz_dt} has no file, so nobody knows its columns", remedy="load the date again"
        )
    size = max(old.bytes, sum(file.bytes for file in files))
    spark = _session(platform, spec, biz_dt, bytes_read=2 * size, hive=old.format == "hive")
    try:
        asked, scope, result = _held_against(spark, landed, old, asked, biz_dt, samples=samples)
    finally:  # of a read that failed this says why, if it was that
        _require_live(platform, spec, folder, published)
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
        made_by=_user(),
        platform=version("fdm-platform"),
    )


def _held_against(
    spark: Any, landed: LandedDates, old: OldOutput, asked: ParitySpec, biz_dt: date, *, samples: int
) -> tuple[ParitySpec, str, ParityResult]:
    """How the date was compared in the end, with what of the old output, and what came of it."""
    from fdm_platform.engines.old_output import explain, read_old  # noqa: PLC0415 - with the next two, imports pyspark
    from fdm_platform.engines.parity import compare  # noqa: PLC0415
    from fdm_platform.engines.parity_columns import by_position  # noqa: PLC0415

    frame, scope = read_old(spark, old, asked, biz_dt)
    new = landed.to_spark(spark).drop(BIZ_DT)
    if positions := by_position(new.columns, frame.columns, asked.renamed):
        asked, scope = replace(asked, renamed={**asked.renamed, **positions}), f"{scope}, columns by position"
    is_csv = old.format == "csv"
    try:
        result = compare(new, frame, _without_date(asked), samples=samples, empty_is_null=is_csv)
    except FdmError as error:
        raise (explain(error, old) if is_csv else error) from error
    return asked, scope, result


def _require_live(platform: Platform, spec: TableSpec, folder: str, published: Published) -> None:
    """ReplacedError where the version that the certificate will name is not, or no more, what the folder holds."""
    newest = platform.ledger.published(spec.name, [published.biz_dt]).get(published.biz_dt)
    is_live = published.kind == UNMANAGED or version_of(folder) == published.version
    if newest is None or newest.version != published.version or not is_live:
        raise replaced(folder)


def _session(platform: Platform, spec: TableSpec, biz_dt: date, *, bytes_read: int, hive: bool) -> Any:
    from fdm_platform.engines.sessions import session_of  # noqa: PLC0415 - imports pyspark

    rows, secrets = platform.job_rows(spec, [biz_dt]), Secrets(platform.settings.secret_names)
    profile = secrets.conceal_launch(
        resolve_launch(
            spec=spec, job=rows.job, sys_params=rows.sys_params, environment=platform.settings.environment
        )
    )
    told = looked_up(secrets.found, os.environ)
    return session_of(profile, f"fdm parity {spec.name}", bytes_read=bytes_read, hive=hive, secrets=told)


def _format(platform: Platform, spec: TableSpec, published: Published) -> str:
    """What the version's files are: a legacy script may write any."""
    history = platform.ledger.history(spec.name, published.biz_dt) if spec.legacy else []
    manifests = (Manifest.from_json(r.manifest) for r in history if r.version == published.version)
    kind = next((manifest.format for manifest in manifests), "orc")
    if kind not in ("orc", "parquet"):
        raise ContractError(
            f"{spec.name} {published.biz_dt} is {kind.upper()}, whose columns have no types",
            remedy="have the script write ORC or Parquet: framework.write_orc(df, path, …)",
        )
    return kind


def _without_date(asked: ParitySpec) -> ParitySpec:
    """The business date chose the rows, on both sides, and is compared no more."""
    return replace(
        asked,
        keys=tuple(c for c in asked.keys if c.lower() != BIZ_DT),
        ignore=tuple(c for c in asked.ignore if c.lower() != BIZ_DT),
        renamed={old: new for old, new in asked.renamed.items() if new.lower() != BIZ_DT},
    )


def _user() -> str:
    """Also in a container whose user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _place(asked: ParitySpec, spec: TableSpec, biz_dt: date, source_root: str) -> str:
    """A path with the date filled in, below the source root unless it is absolute; a Hive table's name as it is."""
    against = asked.against or ""
    is_name = _TABLE.fullmatch(against) is not None and not against.lower().endswith(_FILES)
    if asked.format == "hive" or (asked.format is None and is_name):
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


def _keep(folder: str, made: Certificate) -> Certificate:
    """Whole or not at all, and never in place of another."""
    name = f"{made.made_at:%Y%m%dT%H%M%S.%fZ}-v{made.version}.json"
    kept, of, part = replace(made, path=f"{folder}/{name}"), open_folders(folder), f"{folder}/.{name}.part"
    with _reported(folder):
        of.write_durably(part, json.dumps(kept.to_json(), indent=2, sort_keys=True))
        of.rename(part, kept.path)
    return kept


@contextmanager
def _reported(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refusal("the certificate cannot be kept", error, folder, ", then compare again") from error
