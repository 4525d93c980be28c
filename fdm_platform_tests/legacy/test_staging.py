"""What framework stages of a script's writes: which dates, which files, and what a reader of the run sees of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.script_submission import current, drop_staged
from fdm_platform.engines.verifying import verify
from fdm_platform.errors import ContractError
from fdm_platform.legacy import framework
from fdm_platform.legacy.framework.metrics import rows_processed
from fdm_platform.model.manifest import Manifest, digest_of_names
from fdm_platform.model.report import DateDone
from fdm_platform.model.table import CheckSpec, ColumnSpec
from fdm_platform_tests.legacy.jobs import DAY, Inside, script_plan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark
PARTS = ["biz_dt", "biz_status"]
OTHER = date(2024, 5, 14)


class Job(Inside):
    """A script's process, with its table."""

    def __init__(self, spark: SparkSession, folder: Path, patch: pytest.MonkeyPatch, **plan: Any) -> None:
        super().__init__(folder, script_plan(folder, **plan), patch)
        self.spark = spark
        self.root = Path(self.plan.output.root)
        self.table = str(self.root)

    def frame(self, *rows: tuple[str, str, int]) -> DataFrame:
        return self.spark.createDataFrame(list(rows), "biz_dt string, biz_status string, amount int")

    def write(self, *rows: tuple[str, str, int], mode: str = "overwrite", **more: Any) -> None:
        framework.write_orc(self.frame(*rows), self.table, mode, PARTS, **more)

    def manifests(self) -> dict[tuple[str, date], Manifest]:
        """What the host is left with, by root."""
        return {(s.root, m.biz_dt): m for s in current(self.staged()) for m in s.manifests}

    def read(self, manifest: Manifest) -> list[tuple[Any, ...]]:
        read = self.spark.read.format(manifest.format).option("basePath", manifest.staging)
        frame = read.option("header", "true").load(f"{manifest.staging}/{manifest.folder}")
        return sorted(tuple(r) for r in frame.select(*sorted(frame.columns)).collect())

    def go_live(self) -> None:
        """As the publisher would, of tables that were not there."""
        for manifest in self.manifests().values():
            folder = Path(manifest.staging, manifest.folder)
            folder.rename(Path(manifest.staging).parents[2] / manifest.folder)


@pytest.fixture
def job(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    return Job(spark, tmp_path, monkeypatch)


def live(root: Path) -> dict[str, bytes]:
    """All of a table but what is staged."""
    files = (p for p in root.rglob("*") if p.is_file())
    return {n: p.read_bytes() for p in files if not (n := str(p.relative_to(root))).startswith(".staging/")}


def test_a_write_is_split_by_date_and_nothing_is_live(job: Job) -> None:
    job.write(("20240515", "A", 1), ("20240515", "B", 2), ("2024-05-14", "A", 3))
    assert live(job.root) == {}
    (told,) = job.staged()
    assert (told.root, told.path, told.mode) == (job.table, job.table, "overwrite")
    found = job.manifests()
    assert set(found) == {(job.table, DAY), (job.table, OTHER)}
    own = found[job.table, DAY]
    assert own.staging == job.plan.dates[0].staging
    assert (own.folder, own.rows, own.format, own.row_count) == ("biz_dt=20240515", 2, "orc", None)
    assert (own.load_id, own.table, own.control_version) == ("run-1.load", "gels_fpms_t", "v1")
    assert [c.name for c in own.schema] == ["amount", *PARTS]
    assert (own.columns["amount"].min, own.columns["amount"].max) == (1, 2)
    assert found[job.table, OTHER].folder == "biz_dt=2024-05-14"
    for manifest in found.values():
        verify(manifest)
    assert job.read(own) == [(1, 20240515, "A"), (2, 20240515, "B")]
    left = (job.root / ".staging" / "run-1.load").iterdir()
    assert sorted(f.name for f in left) == ["2024-05-14", "2024-05-15"]
    assert rows_processed() == 3


def test_overwriting_replaces_a_date_and_appending_adds_to_it(
    job: Job, tmp_path: Path, monkeypatch: Any
) -> None:
    job.write(("20240515", "A", 1), ("20240514", "A", 5))
    job.go_live()
    (job.root / "biz_dt=20240515" / "_fdm_version.json").write_text("{}")
    before = live(job.root)
    again = Job(job.spark, tmp_path, monkeypatch, load_id="run-2.load")
    again.write(("20240515", "B", 2), mode="append")
    added = again.manifests()[job.table, DAY]
    assert again.read(added) == [(1, 20240515, "A"), (2, 20240515, "B")]
    assert added.rows == 2
    assert added.added_to == digest_of_names(
        n.partition("/")[2] for n in before if n.startswith(added.folder)
    )
    assert not (Path(added.staging) / added.folder / "_fdm_version.json").exists()
    verify(added)
    again.write(("20240515", "C", 3), mode="append")
    assert again.manifests()[job.table, DAY].rows == 3
    again.write(("20240515", "D", 4))
    replaced = again.manifests()[job.table, DAY]
    assert (again.read(replaced), replaced.added_to) == ([(4, 20240515, "D")], None)
    again.write(("20240601", "A", 1), mode="append")
    assert again.manifests()[job.table, date(2024, 6, 1)].added_to == digest_of_names([])
    assert live(job.root) == before
    replacing = Job(job.spark, tmp_path, monkeypatch, load_id="run-3.load", append="replace")
    replacing.write(("20240515", "E", 5), mode="append")
    replacing.write(("20240515", "F", 6), mode="append")
    assert replacing.read(replacing.manifests()[job.table, DAY]) == [(5, 20240515, "E"), (6, 20240515, "F")]


def test_a_run_reads_what_it_has_staged_and_others_what_is_live(
    job: Job, tmp_path: Path, monkeypatch: Any
) -> None:
    job.write(("20240515", "A", 1), ("20240514", "A", 5))
    job.go_live()
    again = Job(job.spark, tmp_path, monkeypatch, load_id="run-2.load")

    def seen(path: str, *columns: str) -> list[tuple[Any, ...]]:
        return sorted(tuple(r) for r in framework.read_orc(job.spark, path).select(*columns).collect())

    assert seen(job.table, "biz_dt", "amount") == [(20240514, 5), (20240515, 1)]
    again.write(("20240515", "A", 2), ("20240513", "A", 7))
    assert seen(job.table, "biz_dt", "amount") == [(20240513, 7), (20240514, 5), (20240515, 2)]
    assert seen(r"C:\data\landing\t", "amount") == [(2,), (5,), (7,)]
    assert seen(f"{job.table}/biz_dt=20240515", "amount") == [(2,)]
    assert seen(f"{job.table}/biz_dt=20240515/biz_status=A", "amount") == [(2,)]
    assert seen(f"{job.table}/biz_dt=20240514", "amount") == [(5,)]
    assert job.spark.read.orc(job.table).count() == 2, "plain Spark reads what is live"


def test_an_output_without_dates_is_a_snapshot(job: Job, tmp_path: Path, monkeypatch: Any) -> None:
    codes, rates = (str(tmp_path / "landing" / n) for n in ("codes", "rates"))
    framework.write_orc(job.spark.range(3), codes, "overwrite")
    framework.write_df(job.spark.range(2), rates, "overwrite", "parquet")
    assert not Path(codes).exists()
    found = {m.folder: m for m in job.manifests().values()} | {
        m.folder: m for s in job.staged() for m in s.manifests
    }
    assert {n: (m.rows, m.biz_dt) for n, m in found.items()} == {
        "codes": (3, date(1, 1, 1)),
        "rates": (2, date(1, 1, 1)),
    }
    assert {s.root for s in job.staged()} == {str(tmp_path / "landing")}
    assert found["codes"].staging != found["rates"].staging
    assert framework.read_parquet(job.spark, rates).count() == 2
    Path(found["codes"].staging, "codes").rename(codes)
    again = Job(job.spark, tmp_path, monkeypatch, load_id="run-2.load")
    framework.write_orc(job.spark.range(3, 4), codes, "append")
    (added,) = again.manifests().values()
    assert again.read(added) == [(0,), (1,), (2,), (3,)]
    framework.atomic_publish(
        job.spark.range(9, 10), codes, str(tmp_path / "tmp"), "overwrite", "orc", None, None
    )
    assert again.read(next(iter(again.manifests().values()))) == [(9,)]


def test_a_date_s_own_folder_and_a_part_of_it(job: Job, tmp_path: Path, monkeypatch: Any) -> None:
    job.write(("20240515", "A", 1), ("20240515", "B", 2))
    job.go_live()
    again = Job(job.spark, tmp_path, monkeypatch, load_id="run-2.load")
    amounts = job.spark.createDataFrame([(7,)], "amount int")
    framework.write_orc(amounts, f"{job.table}/biz_dt=20240515/biz_status=B", "overwrite")
    assert again.read(again.manifests()[job.table, DAY]) == [(1, 20240515, "A"), (7, 20240515, "B")]
    framework.write_orc(
        again.frame(("x", "C", 3)).drop("biz_dt"), f"{job.table}/biz_dt=20240515", "overwrite", "biz_status"
    )
    own = again.manifests()[job.table, DAY]
    assert again.read(own) == [(3, 20240515, "C")]
    assert [c.name for c in own.schema] == ["amount", "biz_dt", "biz_status"]


@pytest.mark.parametrize("fmt", ["csv", "json", "parquet"])
def test_rows_of_other_formats(job: Job, fmt: str) -> None:
    header = {"header": "true"} if fmt == "csv" else None
    one = job.frame(("20240515", "A", 1), ("20240515", "B", 2))
    framework.write_df(one, job.table, "overwrite", fmt, PARTS, header)
    own = job.manifests()[job.table, DAY]
    assert (own.format, own.rows, len(own.files)) == (fmt, 2, 2)
    assert own.row_count == (None if fmt == "parquet" else 2)
    framework.write_df(one, job.table, "append", fmt, PARTS, header)
    assert job.manifests()[job.table, DAY].rows == 4
    two = job.frame(("20240515", "A", 1), ("20240514", "A\nB", 2), ("20240514", "C", 3))
    framework.write_df(two, job.table, "overwrite", fmt, PARTS, header)
    assert {d: m.rows for (_, d), m in job.manifests().items()} == {DAY: 1, OTHER: 2}


def test_modes_that_look_whether_there_is_something(job: Job, tmp_path: Path, monkeypatch: Any) -> None:
    job.root.joinpath(".staging", "run-1.load").mkdir(parents=True)  # as the host makes it
    job.write(("20240515", "A", 1), mode="error")
    job.write(("20240515", "A", 2), mode="ignore")
    assert job.read(job.manifests()[job.table, DAY]) == [(1, 20240515, "A")]
    job.go_live()
    again = Job(job.spark, tmp_path, monkeypatch, load_id="run-2.load")
    with pytest.raises(ContractError, match="exists"):
        again.write(("20240515", "A", 3), mode="error")
    assert again.told() == []


def test_no_rows(job: Job, tmp_path: Path, monkeypatch: Any) -> None:
    with pytest.raises(ContractError, match="no rows"):
        job.write()
    assert isinstance(job.told()[-1], DateDone)
    assert job.staged() == []
    job.write(mode="append")
    assert job.staged() == []
    allowed = Job(job.spark, tmp_path, monkeypatch, load_id="run-2.load", allow_empty=True)
    allowed.write()
    own = allowed.manifests()[job.table, DAY]
    assert (own.rows, own.files, own.folder) == (0, (), "biz_dt=20240515")
    verify(own)


def test_declared_columns_and_checks_hold(job: Job, tmp_path: Path, monkeypatch: Any) -> None:
    checks = (
        CheckSpec("positive", expect="amount > 0", severity="warn"),
        CheckSpec("enough", min_rows=3),
    )
    columns = (ColumnSpec("amount", "int", nullable=False, sensitivity="restricted"),)
    checked = Job(job.spark, tmp_path, monkeypatch, load_id="run-2.load", checks=checks, columns=columns)
    checked.write(("20240515", "A", 1), ("20240515", "B", -2))
    (told,) = checked.staged()
    assert [(c.name, c.biz_dt, c.is_passed) for c in told.checks] == [
        ("positive", DAY, False),
        ("enough", DAY, False),
    ]
    assert told.checks[0].metadata["broken"] == 1
    own = told.manifests[0]
    assert own.columns["amount"].min is None, "nobody may see it"
    checked.write(("20240515", "A", 5), ("20240515", "A", 6), mode="append")
    assert [c.is_passed for c in checked.staged()[-1].checks] == [False, True]
    null = job.spark.sql("SELECT '20240515' biz_dt, 'A' biz_status, cast(NULL AS int) amount")
    with pytest.raises(ContractError, match="NOT NULL"):
        framework.write_orc(null, checked.table, "overwrite", PARTS)


@pytest.mark.parametrize(
    ("value", "says"),
    [("NULL", "no business date"), ("'soon'", "no business date"), ("raise_error('boom')", "boom")],
)
def test_a_write_that_fails_leaves_nothing_and_may_be_repeated(job: Job, value: str, says: str) -> None:
    bad = job.spark.sql(f"SELECT cast({value} AS string) biz_dt, 'A' biz_status, 1 amount")
    with pytest.raises(Exception, match=says):
        framework.write_orc(bad, job.table, "overwrite", PARTS)
    last = job.told()[-1]
    assert isinstance(last, DateDone)
    assert last.outcome.failure
    assert says in last.outcome.failure.headline
    assert not list((job.root / ".staging").rglob("*.orc"))
    job.write(("20240515", "A", 1))
    assert job.manifests()[job.table, DAY].rows == 1


def test_one_date_in_two_spellings_is_refused(job: Job) -> None:
    job.write(("20240515", "A", 1))
    with pytest.raises(ContractError, match="biz_dt=20240515 and as biz_dt=2024-05-15"):
        job.write(("2024-05-15", "A", 1), mode="append")


def test_scratch_is_written_where_the_script_says(job: Job, tmp_path: Path) -> None:
    framework.write_df(job.spark.range(2), r"\\files\etl\scratch", "overwrite", "csv")
    assert len(list((tmp_path / "etl" / "scratch").glob("part-*"))) >= 1
    assert job.told() == []


def test_all_of_it_goes_with_a_load_that_is_given_up(job: Job, tmp_path: Path) -> None:
    job.write(("20240515", "A", 1))
    framework.write_orc(job.spark.range(3), str(tmp_path / "landing" / "codes"), "overwrite")
    folder = tmp_path / "load"
    folder.mkdir()
    job.messages.rename(folder / "messages.jsonl")
    drop_staged(LoadFolder(folder), "run-1.load")
    assert not list((tmp_path / "landing").rglob("*.orc"))
    assert not (job.root / ".staging").exists()
