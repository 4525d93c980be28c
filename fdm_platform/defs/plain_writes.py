"""What a legacy script wrote past the framework: a warning beside its date, and an error where dates are gone."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from fdm_platform.defs.load import Load
from fdm_platform.engines.folders import refusal
from fdm_platform.engines.load_folder import folder_of
from fdm_platform.engines.plain_writes import BESIDE, Listing, PlainWrites, changed, listing
from fdm_platform.engines.swapping import kept_versions
from fdm_platform.engines.verifying import rows_of
from fdm_platform.errors import ContractError
from fdm_platform.model.manifest import Manifest, StagedFile
from fdm_platform.model.partition import date_in_name
from fdm_platform.model.plan import DatePlan, LoadPlan

HOW = (
    "call framework.write_orc(df, path, mode='overwrite', partitionBy=['biz_dt', …]) instead: readers then see each "
    "date whole, a failed run leaves the old one, and other dates are never touched"
)
_FORMATS = ("parquet", "csv", "json")


@dataclass(frozen=True, slots=True)
class PlainWritesFound:
    """What changed below the job's own output while its script ran, and nobody published."""

    writes: PlainWrites
    after: Listing

    @property
    def count(self) -> int:
        """New and changed files."""
        return sum(self.writes.files.values())

    def require_whole(self, plan: LoadPlan) -> None:
        """ContractError where dates that were there are gone: the script deleted them."""
        gone = [f for f in self.writes.vanished if date_in_name(f)]
        if not gone:
            return
        raise ContractError(
            f"the script deleted {len(gone)} business dates of {self.after.root}: {', '.join(gone[:10])}",
            file=plan.file,
            remedy=f"{_commands(plan, gone)}; then {HOW}",
        )

    def manifest(self, plan: LoadPlan, planned: DatePlan) -> Manifest:
        """Of the load's own date as the script left it; without files, where it wrote none that the platform saw."""
        folder = next((f for f in self.after.dates if date_in_name(f) == planned.biz_dt), planned.folder)
        files = tuple(self._file(folder, path) for path in self.after.files_of(folder))
        return Manifest(
            load_id=plan.load_id,
            table=plan.table,
            biz_dt=planned.biz_dt,
            folder=folder,
            staging=planned.staging,
            files=files,
            schema=(),
            control_version=planned.control_version,
            code_version=plan.code_version,
            parameter_hash=plan.parameter_hash(planned.biz_dt),
            format=next((f for f in _FORMATS if files and files[0].path.endswith(f".{f}")), "orc"),
        )

    def _file(self, folder: str, path: str) -> StagedFile:
        size = int(self.after.dates[folder][f"{folder}/{path}"].partition(" ")[0])
        return StagedFile(path, size, rows_of(f"{self.after.root}/{folder}/{path}") or 0)


def find_plain_writes(load: Load, plan: LoadPlan) -> PlainWritesFound:
    """What the script wrote past the framework, by the listing that was made before it ran."""
    root = plan.legacy.main_output if plan.legacy else plan.output.root
    try:
        after = listing(root)
    except OSError as error:
        raise refusal(
            "what the script wrote cannot be listed", error, root, ", then run the date again"
        ) from error
    before = Listing.saved(folder_of(load.platform.settings.work, load.load_id).listing)
    return PlainWritesFound(changed(before, after) if before else PlainWrites({}, ()), after)


def show(
    context: dg.OutputContext | dg.AssetExecutionContext,
    plan: LoadPlan,
    planned: DatePlan,
    found: PlainWritesFound,
) -> None:
    """A warning in the run's log and beside the date, which says how to gain the guarantee."""
    if not found.count:
        return
    where = ", ".join(
        f"{'no date' if f == BESIDE else f} ({n})" for f, n in sorted(found.writes.files.items())
    )
    text = f"{found.count} files were written to {found.after.root} past the framework, and were live at once: {where}"
    context.log.warning("%s; %s", text, HOW)
    context.log_event(
        dg.AssetObservation(
            context.asset_key,
            partition=planned.biz_dt.isoformat(),
            description=text,
            metadata={"files": found.count, "remedy": HOW, "load_id": plan.load_id},
        )
    )


def _commands(plan: LoadPlan, gone: list[str]) -> str:
    """How each date comes back: the version before, where one is kept, or its rows from their sources."""
    lines = []
    for folder in gone[:10]:
        is_kept = any(version for version in kept_versions(plan.output.root, folder))
        verb = "rollback" if is_kept else "materialize"
        lines.append(f"`fdm {verb} {plan.table} --biz-dt {date_in_name(folder)}`")
    return ", ".join(lines)
