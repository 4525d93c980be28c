"""What a legacy script staged, and what it wrote by itself, as the step that ends publishes it. No Spark: staged by hand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from pyarrow import orc

from fdm_platform.control.execution_log.log import DateAttempt
from fdm_platform.defs.io_manager import OrcIOManager
from fdm_platform.defs.load import Load
from fdm_platform.defs.partitions import add_dates, partitions_of
from fdm_platform.defs.platform import Platform, use_catalog
from fdm_platform.defs.recovery import recover
from fdm_platform.defs.registering import register
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.engines.landed import LandedDates
from fdm_platform.engines.load_folder import folder_of
from fdm_platform.engines.plain_writes import listing
from fdm_platform.engines.staging import StagingArea, stage_frame
from fdm_platform.engines.swapping import STAGING, mark
from fdm_platform.errors import ContractError, LockedError, PublishError
from fdm_platform.model.control import UNMANAGED, PublishRecord
from fdm_platform.model.legacy import LegacyPlan, LegacySpec
from fdm_platform.model.manifest import (
    CheckResult,
    DateOutcome,
    LoadReport,
    Manifest,
    OutputStaged,
    StagedFile,
    digest_of_names,
)
from fdm_platform.model.report import encode
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import CheckSpec, TableSpec
from fdm_platform.planning.catalog import load_catalog
from fdm_platform_tests.deployment import DAYS, Deployment, deploy
from fdm_platform_tests.engines.plans import date_plan, load_plan

JOB = "etl_lnd_gels_fpms_t_old"
TABLE = f"gels_fpms_{JOB}"
DAY, OTHER = DAYS[2], DAYS[1]
SNAPSHOT = date(1, 1, 1)


class Script:
    """A legacy job whose script has just ended, of which a step is to publish what it staged."""

    def __init__(self, deployment: Deployment, platform: Platform) -> None:
        self.platform = platform
        self.landing = deployment.settings.landing_root
        self.main = self.landing / "gels_fpms_t_old"
        self.number = 0

    def staged(self, root: Path, day: date, *values: str) -> Manifest:
        staging = f"{root}/{STAGING}/load-{self.number}/{day}"
        area = StagingArea(f"load-{self.number}", "x", day, staging, ("biz_dt",))
        return stage_frame(pa.table({"v": list(values)}), area)

    def snapshot(self, name: str, *values: str) -> Manifest:
        """An output without business dates, below the landing root."""
        staging = self.landing / STAGING / f"load-{self.number}" / str(SNAPSHOT)
        file = staging / name / "part-0.orc"
        file.parent.mkdir(parents=True)
        orc.write_table(pa.table({"v": list(values)}), file)
        files = (StagedFile(file.name, file.stat().st_size, len(values)),)
        return Manifest(f"load-{self.number}", "x", SNAPSHOT, name, str(staging), files, ())

    def load(
        self,
        *staged: tuple[Path, Manifest],
        checks: Sequence[CheckResult] = (),
        declared: tuple[CheckSpec, ...] = (),
    ) -> Load:
        """As `begin` and the launcher leave it: claimed, logged, and followed to its end."""
        load_id = f"load-{self.number}"
        place = register(self.platform, TABLE, [DAY], load_id, asked_by="hand")
        planned = replace(
            date_plan(self.main, (), ""),
            staging=f"{self.main}/{STAGING}/{load_id}/{DAY}",
            claimed=place.versions[DAY],
            control_version="row-1",
        )
        plan = replace(
            load_plan(self.main, [planned], root=str(self.main)),
            load_id=load_id,
            table=TABLE,
            job_name=JOB,
            legacy=LegacyPlan("s.py", "base", None, str(self.main), str(self.landing)),
        )
        plan = replace(plan, output=replace(plan.output, checks=declared))
        outputs = tuple(OutputStaged(str(root), str(root), "overwrite", (m,)) for root, m in staged)
        report = LoadReport(load_id, (DateOutcome(DAY, checks=tuple(checks)),), extra=outputs)
        attempt = self.platform.execution_log.start(
            job_id="JOB", job_name=JOB, run_id=None, of=DateAttempt(TABLE, DAY, load_id, None, "hand")
        )
        load = Load(self.platform, load_id, (DAY,), report, plan, open={DAY: attempt}, place=place)
        load.is_followed = True
        self.number += 1
        return load

    def dies_after_commit(self, load: Load) -> None:
        """As a worker that dies right after it has committed the date, staged last, and before it has claimed the other."""
        manifest = replace(load.report.extra[1].manifests[0], table=TABLE)
        record = PublishRecord(TABLE, DAY, 1, load.load_id, "", manifest.to_json(), datetime.now(UTC))
        mark(record, manifest)
        self.platform.ledger.commit(record)
        assert load.place
        load.place.end()

    def listed(self) -> None:
        """What the output holds now is what it held before the next script."""
        folder = folder_of(self.platform.settings.work, f"load-{self.number}")
        folder.path.mkdir(parents=True, exist_ok=True)
        listing(self.main).save(folder.listing)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    deployment = deploy(tmp_path / "home", rows=1)
    for name, value in deployment.environ.items():
        monkeypatch.setenv(name, value)
    spec = TableSpec("GELS", "FPMS", JOB, "", (), (), job_name=JOB, legacy=LegacySpec("JOB", "base", "s.py"))
    declared = load_catalog(deployment.settings.sql_root)
    use_catalog(replace(declared, tables={**declared.tables, TABLE: spec}))
    with deployment.platform() as platform:
        yield Script(deployment, platform)
    use_catalog(declared)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        add_dates(made, "gels_fpms", DAYS)
        yield made


def publish(load: Load, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    @dg.asset(key=["gels", "fpms", JOB], partitions_def=partitions_of("gels_fpms"))
    def job() -> Any:
        return load

    platform = PlatformResource()
    resources = {"platform": platform, "io_manager": OrcIOManager(platform=platform)}
    return dg.materialize(
        [job], partition_key=str(DAY), instance=instance, resources=resources, raise_on_error=False
    )


def values(root: Path, *days: date) -> list[str]:
    return sorted(LandedDates(root, "yyyyMMdd", days or None).to_arrow()["v"].to_pylist())


def kinds(script: Script) -> dict[tuple[str, str], list[str | None]]:
    """The versions in the ledger: their kinds, by table and date."""
    found: dict[tuple[str, str], list[str | None]] = {}
    for row in script.platform.store.scan("fdm_publishes"):
        found.setdefault((row["table_name"], str(row["biz_dt"])), []).append(row["kind"])
    return found


def left(script: Script) -> list[str]:
    """What a load leaves that is over: nothing staged, no claim, no row."""
    staged = [str(p) for p in script.landing.glob("**/.staging/*")]
    claims = [c.load_id for c in script.platform.claims.all()]
    return [*staged, *claims, *(row.load_id for row in script.platform.loads.open_ones())]


def error_in(result: dg.ExecuteInProcessResult) -> str:
    (failed,) = [e for e in result.all_events if e.is_step_failure]
    return str(failed.step_failure_data.error_display_string)


def by_hand(root: Path, path: str, *values: str) -> None:
    """As Spark's own writer leaves it."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    orc.write_table(pa.table({"v": list(values)}), root / path)


def test_other_dates_and_other_folders_are_published_beside_the_date(
    script: Script, instance: dg.DagsterInstance
) -> None:
    side = script.landing / "side_output"
    load = script.load(
        (script.main, script.staged(script.main, OTHER, "old")),
        (script.main, script.staged(script.main, DAY, "a", "b")),
        (side, script.staged(side, DAY, "s")),
        (script.landing, script.snapshot("codes", "code")),
    )
    result = publish(load, instance)
    assert result.success
    assert (values(script.main, DAY), values(script.main, OTHER)) == (["a", "b"], ["old"])
    assert values(side, DAY) == ["s"]
    assert orc.read_table(script.landing / "codes" / "part-0.orc")["v"].to_pylist() == ["code"]
    assert kinds(script) == {
        (TABLE, str(DAY)): [None],
        (TABLE, str(OTHER)): [None],
        (":side_output", str(DAY)): [None],
        (":|codes", str(SNAPSHOT)): [None],
    }
    events = result.asset_materializations_for_node(f"gels__fpms__{JOB}")
    assert {e.partition for e in events} == {str(DAY), str(OTHER)}
    (own,) = [e for e in events if e.partition == str(DAY)]
    others: Any = own.metadata["other_outputs"].value
    assert set(others) == {
        f"{script.main} {OTHER}",
        f"{side} {DAY}",
        f"{script.landing}/codes, which has no dates",
    }
    assert left(script) == []


def test_a_date_that_was_not_asked_for_stands_for_the_control_row_it_stood_for(
    script: Script, instance: dg.DagsterInstance
) -> None:
    for number in range(2):
        load = script.load(
            (script.main, script.staged(script.main, OTHER, f"old {number}")),
            (script.main, script.staged(script.main, DAY, "a")),
        )
        assert publish(load, instance).success
    versions = script.platform.ledger.published(TABLE, [DAY, OTHER])
    assert {d: (p.version, p.control_version) for d, p in versions.items()} == {
        DAY: (2, "row-1"),
        OTHER: (2, ""),
    }
    assert values(script.main, OTHER) == ["old 1"]


def test_dates_are_not_lost_to_a_write_without_dates_nor_doubled_by_another_spelling(
    script: Script, instance: dg.DagsterInstance
) -> None:
    """The folder of the table as a snapshot; then the date that is live as biz_dt=20240515."""
    by_hand(script.main, "biz_dt=20240513/part-0.orc", "before")
    by_hand(script.main, "biz_dt=20240515/part-0.orc", "live")
    script.listed()
    load = script.load((script.landing, script.snapshot("gels_fpms_t_old", "all")))
    assert "holds 2 business dates, which a write without biz_dt would replace" in error_in(
        publish(load, instance)
    )
    staged = script.staged(script.main, DAY, "new")
    (Path(staged.staging) / staged.folder).rename(Path(staged.staging) / "biz_dt=2024-05-15")
    load = script.load((script.main, replace(staged, folder="biz_dt=2024-05-15")))
    assert "has 2024-05-15 as biz_dt=20240515" in error_in(publish(load, instance))
    assert values(script.main) == ["before", "live"]
    assert kinds(script) == {}
    assert left(script) == []


def test_what_two_loads_add_to_one_folder_at_once_is_not_lost(
    script: Script, instance: dg.DagsterInstance
) -> None:
    """Both have taken along what was live when they wrote: nothing."""
    side, nothing = script.landing / "audit", digest_of_names([])
    added = [replace(script.staged(side, DAY, "first"), added_to=nothing)]
    load = script.load((side, added[0]), (script.main, script.staged(script.main, DAY, "a")))
    assert publish(load, instance).success
    load = script.load((side, replace(script.staged(side, DAY, "second"), added_to=nothing)))
    result = publish(load, instance)
    assert isinstance(load.failed[DAY], LockedError), "which is tried again"
    assert "was changed by another load while load-1 added to it" in error_in(result)
    assert (values(side), values(script.main)) == (["first"], ["a"])
    assert left(script) == []


def test_a_date_of_another_table_is_a_version_of_that_table(
    script: Script, instance: dg.DagsterInstance
) -> None:
    """It takes turns with that table's own loads, and stands for the control row that it stood for."""
    name = "gels_fpms_t_payment"
    theirs = script.landing / name
    load = script.load(
        (theirs, script.staged(theirs, DAY, "p")), (script.main, script.staged(script.main, DAY, "a"))
    )
    result = publish(load, instance)
    assert result.success
    assert kinds(script) == {(TABLE, str(DAY)): [None], (name, str(DAY)): [None]}
    keys = {tuple(e.asset_key.path) for e in result.all_events if e.is_step_materialization and e.asset_key}
    assert keys == {("gels", "fpms", JOB), ("gels", "fpms", "t_payment")}
    place = register(script.platform, name, [DAY], "their-load", asked_by="hand")
    assert place.versions == {DAY: 2}
    place.release(DAY)


def test_an_output_that_another_load_is_at_fails_the_date_and_tells_what_is_live(
    script: Script, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FDM_LOCK_WAIT_S", "0")
    platform = replace(script.platform, settings=Settings.from_environ())
    script.platform = platform
    register(platform, TABLE, [DAYS[0]], "another", asked_by="hand")
    load = script.load(
        (script.main, script.staged(script.main, OTHER, "old")),
        (script.main, script.staged(script.main, DAYS[0], "held")),
        (script.main, script.staged(script.main, DAY, "a")),
    )
    result = publish(load, instance)
    assert not result.success
    assert "is being loaded by load another" in error_in(result)
    assert f"live already: {script.main} {OTHER} (version 1)" in error_in(result)
    assert values(script.main) == ["old"]
    assert isinstance(load.failed[DAY], LockedError)
    assert not list(script.landing.glob("**/.staging/*"))


def test_of_two_runs_that_have_each_other_s_date_the_later_one_gives_way(
    script: Script, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would wait for the earlier one, which waits for it: here 20 seconds, by default an hour."""
    monkeypatch.setenv("FDM_LOCK_WAIT_S", "20")
    script.platform = replace(script.platform, settings=Settings.from_environ())
    register(script.platform, TABLE, [OTHER], "earlier", asked_by="hand")
    own = script.staged(script.main, DAY, "a")
    messages = folder_of(script.platform.settings.work, "earlier").messages
    messages.parent.mkdir(parents=True, exist_ok=True)
    messages.write_text(f"{encode(OutputStaged(str(script.main), '', 'overwrite', (own,)))}\n")
    load = script.load((script.main, script.staged(script.main, OTHER, "old")), (script.main, own))
    told = error_in(publish(load, instance))
    assert isinstance(load.failed[DAY], LockedError)
    assert "is being loaded by load earlier" in told
    assert "waited" not in told


def test_nothing_is_live_of_a_script_whose_check_said_no(
    script: Script, instance: dg.DagsterInstance
) -> None:
    refused = CheckResult("has_rows", DAY, is_passed=False, severity="error", description="none")
    side = script.landing / "side_output"
    load = script.load(
        (script.main, script.staged(script.main, DAY, "a")),
        (side, script.staged(side, OTHER, "s")),
        checks=[refused],
    )
    assert "check has_rows failed: none" in error_in(publish(load, instance))
    assert not list(script.landing.glob("**/*.orc"))
    assert left(script) == []


def test_what_is_live_already_is_told_where_the_date_itself_cannot_be(
    script: Script, instance: dg.DagsterInstance
) -> None:
    own = script.staged(script.main, DAY, "a")
    load = script.load((script.main, script.staged(script.main, OTHER, "old")), (script.main, own))
    next(Path(own.staging).glob("**/*.orc")).write_bytes(b"damaged")
    result = publish(load, instance)
    assert isinstance(load.failed[DAY], PublishError)
    assert "staged files differ from the manifest" in error_in(result)
    assert f"live already: {script.main} {OTHER} (version 1)" in error_in(result)
    assert values(script.main) == ["old"]
    assert left(script) == []


def test_what_a_script_wrote_by_itself_is_recorded_and_told(
    script: Script, instance: dg.DagsterInstance
) -> None:
    by_hand(script.main, "biz_dt=20240513/part-0.orc", "before")
    script.listed()
    load = script.load()
    by_hand(script.main, "biz_dt=20240515/part-0.orc", "x", "y", "z")
    result = publish(load, instance)
    assert result.success
    assert values(script.main, DAY) == ["x", "y", "z"]
    assert kinds(script) == {(TABLE, str(DAY)): [UNMANAGED]}
    (own,) = result.asset_materializations_for_node(f"gels__fpms__{JOB}")
    assert (own.metadata["rows"].value, own.metadata["files_past_the_framework"].value) == (3, 1)
    (said,) = result.asset_observations_for_node(f"gels__fpms__{JOB}")
    assert "1 files were written" in (said.description or "")
    assert "biz_dt=20240515 (1)" in (said.description or "")
    assert "framework.write_orc(df, path, mode='overwrite'" in str(said.metadata["remedy"].value)
    assert left(script) == []


def test_a_date_whose_checks_had_nothing_to_look_at_is_not_published(
    script: Script, instance: dg.DagsterInstance
) -> None:
    """The script wrote a fixed date; then the date itself, past the framework."""
    script.listed()
    check = CheckSpec("has_rows", "error", min_rows=1)
    load = script.load((script.main, script.staged(script.main, OTHER, "x")), declared=(check,))
    assert "nothing of 2024-05-15 was written by the framework" in error_in(publish(load, instance))
    assert not list(script.main.glob("biz_dt=*"))
    script.listed()
    load = script.load(declared=(check,))
    by_hand(script.main, "biz_dt=20240515/part-0.orc", "x")
    assert "nobody could check has_rows; what the script wrote by itself is live all the same" in error_in(
        publish(load, instance)
    )
    assert kinds(script) == {}
    assert left(script) == []


def test_a_date_that_was_written_both_ways_is_not_published(
    script: Script, instance: dg.DagsterInstance
) -> None:
    script.listed()
    load = script.load((script.main, script.staged(script.main, DAY, "staged")))
    by_hand(script.main, "biz_dt=20240515/part-0.orc", "by itself")
    assert "wrote biz_dt=20240515 by the framework and by itself" in error_in(publish(load, instance))
    assert (values(script.main), kinds(script), left(script)) == (["by itself"], {}, [])


def test_an_output_without_dates_has_its_rows_on_the_date(
    script: Script, instance: dg.DagsterInstance
) -> None:
    script.listed()
    load = script.load((script.landing, script.snapshot("gels_fpms_t_old", "a", "b")))
    result = publish(load, instance)
    (own,) = result.asset_materializations_for_node(f"gels__fpms__{JOB}")
    assert own.metadata["rows"].value == 2


def test_a_job_that_writes_no_file_is_recorded_with_none(
    script: Script, instance: dg.DagsterInstance
) -> None:
    script.listed()
    result = publish(script.load(), instance)
    assert result.success
    assert result.asset_observations_for_node(f"gels__fpms__{JOB}") == []
    assert kinds(script) == {(TABLE, str(DAY)): [UNMANAGED]}
    assert not script.main.exists()


def test_dates_that_the_script_deleted_fail_it_with_the_way_back(
    script: Script, instance: dg.DagsterInstance
) -> None:
    for value in ("one", "two"):
        staged = script.staged(script.main, OTHER, value)
        assert publish(
            script.load((script.main, staged), (script.main, script.staged(script.main, DAY, "a"))), instance
        )
    script.listed()
    load = script.load((script.main, script.staged(script.main, DAY, "b")))
    shutil.rmtree(script.main / "biz_dt=20240514")
    result = publish(load, instance)
    assert isinstance(load.failed[DAY], ContractError)
    assert "the script deleted 1 business dates" in error_in(result)
    assert f"`fdm rollback {TABLE} --biz-dt {OTHER}`" in error_in(result)
    assert values(script.main) == ["a"], "what it staged is not published"


def test_recovery_finishes_what_was_committed_in_a_folder_of_another_name(
    script: Script, instance: dg.DagsterInstance
) -> None:
    side = script.landing / "side_output"
    load = script.load(
        (side, script.staged(side, DAY, "s")), (script.main, script.staged(script.main, DAY, "a"))
    )
    script.dies_after_commit(load)
    done = recover(script.platform)
    assert {(r.what, r.table) for r in done if r.biz_dt} >= {
        ("swap finished", TABLE),
        ("staging removed", "side_output"),
    }
    assert values(script.main) == ["a"]
    assert not list(side.glob("biz_dt=*"))


def test_recovery_goes_by_what_a_load_said_where_its_job_has_left_job_master(
    script: Script, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """Dead right after it has committed its date, with another staged outside the landing root."""
    far = tmp_path / "elsewhere" / "t_far"
    load = script.load(
        (far, script.staged(far, DAY, "f")), (script.main, script.staged(script.main, DAY, "a"))
    )
    folder = folder_of(script.platform.settings.work, load.load_id)
    folder.path.mkdir(parents=True, exist_ok=True)
    assert load.plan
    folder.plan.write_text(load.plan.to_json())
    folder.messages.write_text("".join(f"{encode(output)}\n" for output in load.report.extra))
    script.dies_after_commit(load)
    use_catalog(load_catalog(script.platform.settings.sql_root))
    done = recover(Platform(script.platform.settings, script.platform.store))
    assert {(r.what, r.table) for r in done if r.biz_dt} >= {
        ("swap finished", TABLE),
        ("staging removed", f":{far}"),
    }
    assert values(script.main) == ["a"]
    assert not list(tmp_path.glob("**/.staging/*"))
