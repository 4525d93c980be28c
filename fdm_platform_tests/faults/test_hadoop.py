"""Tables on a file system of Hadoop's: loaded, replaced, killed between two renames, recovered, rolled back, read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jpype
import pytest
from pyarrow import orc

from fdm_platform.engines.folders import open_folders
from fdm_platform.engines.landed import LandedDates
from fdm_platform.engines.publishing import unfinished
from fdm_platform.engines.swapping import kept_versions, version_of
from fdm_platform.errors import SourceError
from fdm_platform_tests.deployment import DAYS, PROJECT, Deployment, deploy
from fdm_platform_tests.faults.crashing import FDM, Ended, die, run
from fdm_platform_tests.hdfs import operator_of, safe_mode
from fdm_platform_tests.processes import end_all_of

pytestmark = [pytest.mark.spark, pytest.mark.hdfs, pytest.mark.embedded]

MASTER, SUMMARY = "gels_fpms_t_contract_master", "gels_fpms_t_contract_summary"
DAY = DAYS[-1]
BAD = "C9,K9,A,much,1.00,E9"
LOAD = ("materialize", MASTER, "--biz-dt", str(DAY))


@dataclass(frozen=True, slots=True)
class OnHadoop:
    """A deployment whose tables are at a URI."""

    deployment: Deployment
    landing: str

    @property
    def environ(self) -> dict[str, str]:
        # so short a wait for what is away that a test can see it end
        return {**self.deployment.environ, "FDM_LANDING_ROOT": self.landing, "FDM_COMMIT_WAIT_S": "1"}

    def fdm(self, *args: str) -> Ended:
        return run([FDM, *args], self.environ)

    def answer(self, *args: str) -> Any:
        done = self.fdm(*args, "--json")
        assert done.code == 0, done.said
        return json.loads(done.out)

    def rows(self, table: str = MASTER) -> int:
        """Of the date; 0 where there is nothing of it."""
        try:
            return int(LandedDates(f"{self.landing}/{table}", "yyyyMMdd", (DAY,)).to_arrow().num_rows)
        except SourceError:
            return 0

    def source_of(self, rows: int) -> None:
        """The date's source has so many rows, and a bad one."""
        source = self.deployment.source("customer_contract_{day}.csv", DAY)
        lines = source.read_text().splitlines(keepends=True)
        source.write_text("".join([*lines[: rows + 1], f"{BAD}\n"]))

    def rejected(self) -> list[str]:
        """What was put aside of the date."""
        root = f"{self.landing}/{MASTER}/_rejected/biz_dt={DAY:%Y%m%d}"
        folders, found = open_folders(root), []
        for load in folders.children(root):
            for path in folders.files(f"{root}/{load}"):
                with folders.reading(f"{root}/{load}/{path}") as file:
                    found += orc.ORCFile(file).read()["raw"].to_pylist()
        return found

    def is_tidy(self, *kept: int) -> bool:
        root = f"{self.landing}/{MASTER}"
        return not list(unfinished(root)) and list(kept_versions(root, f"biz_dt={DAY:%Y%m%d}")) == list(kept)


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnHadoop]:
    """On HDFS; where there is none, on local disks by Hadoop's client, which renames and lists as on HDFS."""
    try:
        system = request.getfixturevalue("hdfs")
    except pytest.skip.Exception:
        system = "file://"
    folder = tmp_path_factory.mktemp("hadoop")
    sql = shutil.copytree(PROJECT / "sql" / "landing", folder / "sql")
    with (sql / "gels/fpms/t_contract_master/table.yaml").open("a") as file:
        file.write("\nmax_rejected: 1\n")
    made = deploy(folder / "home", sql_root=sql)
    yield OnHadoop(made, f"{system}{folder.as_posix()}/landing")
    end_all_of(folder)


def test_a_table_lives_there(place: OnHadoop) -> None:
    (first,) = place.answer(*LOAD)["published"]
    of_all = first["manifest"]
    all_rows = place.rows()
    assert all_rows == sum(f["rows"] for f in of_all["files"]) > 20
    assert of_all["staging"].startswith(place.landing)

    place.source_of(20)
    die([FDM, *LOAD], place.environ, "publish.moved_aside")
    assert place.rows() == 0
    assert place.rejected() == [BAD]
    done = place.answer("recover")
    assert [r["what"] for r in done if r["what"] == "swap finished"] == ["swap finished"]
    new_rows = place.rows()
    assert 0 < new_rows < all_rows
    assert place.is_tidy(1)

    assert place.answer("rollback", MASTER, "--biz-dt", str(DAY))["restored"] == 1
    assert place.rows() == all_rows
    assert place.is_tidy(2)

    (child,) = place.answer("materialize", SUMMARY, "--biz-dt", str(DAY))["published"]
    assert json.loads(child["parents"]) == {MASTER: {str(DAY): 3}}
    summary = LandedDates(f"{place.landing}/{SUMMARY}", "yyyyMMdd", (DAY,)).to_arrow()
    assert sum(summary["contracts"].to_pylist()) == all_rows


def test_a_quota_and_a_safe_mode_are_told_and_keep_the_old_date(place: OnHadoop, hdfs: str) -> None:
    if not place.rows():
        assert place.fdm(*LOAD).code == 0
    before, live = place.rows(), version_of(f"{place.landing}/{MASTER}/biz_dt={DAY:%Y%m%d}")
    path = jpype.JClass("org.apache.hadoop.fs.Path")(place.landing)
    with operator_of(hdfs) as system:
        names = system.getContentSummary(path)
        system.setQuota(path, names.getFileCount() + names.getDirectoryCount() + 3, -1)
        full = place.fdm(*LOAD)
        system.setQuota(path, -1, -1)
        assert full.code == 4, full.said
        assert "quota" in full.err
        assert "have the quota raised" in full.err
        assert place.rows() == before

        with safe_mode(system):
            safe = place.fdm(*LOAD)
    assert safe.code == 6, safe.said
    assert "SafeModeException" in safe.err
    assert "Traceback" not in full.err + safe.err
    assert place.rows() == before
    assert place.fdm(*LOAD).code == 0
    assert place.is_tidy(live)
