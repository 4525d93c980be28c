"""Legacy jobs beside declared tables, in one catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from fdm_platform.errors import DeclarationError
from fdm_platform.model.legacy import JobFinding, LegacyJob, LegacyJobs
from fdm_platform.model.settings import Settings
from fdm_platform.model.table import ColumnSpec
from fdm_platform.planning.catalog import Catalog, load_catalog
from fdm_platform.planning.legacy_tables import with_jobs
from fdm_platform.planning.places import Places, output_root

DECLARED = "entity: GELS\nsource_system: FPMS\ntable: t_a\nsources: {row1: {path: a.csv}}\nsteps: [a.hql]\n"
PLACES = Places("/project", prefixes=(("C:\\data", "/data"),))


def job(
    name: str, job_id: str = "", entity: str = "GELS", source: str = "FPMS", hql: bool = True
) -> LegacyJob:
    base = f"/jobs/{name}"
    return LegacyJob(
        job_id or f"JOB_{name}", name, entity, source, base, f"{base}/scripts/{name}.py",
        ("out1.hql",) if hql else (), "stamp", f"code of {name}", f"About {name}.",
    )  # fmt: skip


def declare(root: Path, text: str = DECLARED, folder: str = "gels/fpms/t_a") -> Path:
    place = root / folder
    place.mkdir(parents=True)
    (place / "table.yaml").write_text(text)
    (place / "a.hql").write_text("SELECT 1\n")
    return place / "table.yaml"


def joined(root: Path, *jobs: LegacyJob, findings: tuple[JobFinding, ...] = ()) -> Catalog:
    settings = Settings.from_environ({"FDM_PROJECT": "/project", "FDM_LANDING_ROOT": "/land"})
    return with_jobs(load_catalog(root), LegacyJobs(jobs, findings), PLACES, settings)


def test_a_job_is_a_table_by_its_row_and_its_folder(tmp_path: Path) -> None:
    declare(tmp_path)
    catalog = joined(tmp_path, job("etl_lnd_gels_fpms_t_x"), job("night-ly.2", hql=False))
    assert list(catalog.tables) == [
        "gels_fpms_etl_lnd_gels_fpms_t_x", "gels_fpms_night_ly_2", "gels_fpms_t_a",
    ]  # fmt: skip
    spec = catalog.get("etl_lnd_gels_fpms_t_x")
    assert (spec.key, spec.partition_set) == (("gels", "fpms", "etl_lnd_gels_fpms_t_x"), "gels_fpms")
    assert (spec.job_name, spec.sources, spec.steps, spec.dates_per_run) == (
        "etl_lnd_gels_fpms_t_x",
        (),
        (),
        1,
    )
    assert (spec.file, spec.description) == (
        spec.legacy and spec.legacy.script,
        "About etl_lnd_gels_fpms_t_x.",
    )
    assert spec.code_version == "code of etl_lnd_gels_fpms_t_x"
    assert spec.legacy
    assert (spec.legacy.sql_dir, spec.legacy.prefixes) == ("/jobs/etl_lnd_gels_fpms_t_x/sql", PLACES.prefixes)
    other = catalog.get("night_ly_2")
    assert (other.job_name, other.legacy and other.legacy.sql_dir) == ("night-ly.2", None)
    assert (catalog.errors, catalog.job_findings) == ((), ())


def test_a_declared_table_reads_what_a_job_makes(tmp_path: Path) -> None:
    declare(tmp_path, DECLARED.replace("path: a.csv", "table: t_x"))
    alone = load_catalog(tmp_path)
    assert [e.message for e in alone.errors] == ["there is no landing table 't_x'"]
    catalog = joined(tmp_path, job("t_x"))
    assert (catalog.errors, catalog.broken) == ((), {})
    assert catalog.get("t_a").parents == ("gels_fpms_t_x",)


def test_a_deployment_may_have_jobs_and_declare_nothing(tmp_path: Path) -> None:
    assert joined(tmp_path / "none", job("t_x")).errors == ()
    assert joined(tmp_path / "none").errors[0].message == "there is no such folder of declared tables"


def test_without_job_master_nothing_is_said_of_jobs(tmp_path: Path) -> None:
    declare(tmp_path, "legacy_job: JOB_9\n", "gels/fpms/other")
    catalog = load_catalog(tmp_path)
    assert with_jobs(catalog, None, PLACES, Settings.from_environ({})) is catalog


def test_a_yaml_refines_a_job_by_id_or_name_and_renames_nothing(tmp_path: Path) -> None:
    text = (
        "entity: gels\ntable: T_X\noutput: {}\nappend: replace\ncolumns: {{id: int, biz_dt: date}}\nretries: 3\n"
        "checks: [{{name: some, min_rows: 1}}]\nlegacy_job: "
    )
    file = declare(tmp_path, text.format("C:\\data\\out") + "job_1\n", "gels/fpms/one")
    declare(tmp_path, text.replace("T_X", "t_y").format("x/y") + "T_Y\n", "gels/fpms/two")
    catalog = joined(tmp_path, job("t_x", "JOB_1"), job("t_y"))
    assert catalog.errors == ()
    one, two = catalog.get("t_x"), catalog.get("t_y")
    assert one.file == str(file)
    assert one.columns == (ColumnSpec("id", "int"), ColumnSpec("biz_dt", "date"))
    assert (one.retries.limit, one.checks[0].name, one.description) == (3, "some", "About t_x.")
    assert one.legacy
    assert (one.legacy.output, one.legacy.append) == ("/data/out", "replace")
    assert output_root(Settings.from_environ({}), two) == "/land/x/y"
    assert one.code_version not in ("", "code of t_x")


def test_a_calendar_beside_a_refinement_is_its_jobs(tmp_path: Path) -> None:
    """In whatever folder; what it does not say is its source's."""
    declare(tmp_path)
    declare(tmp_path, "legacy_job: t_x\n", "gels/fpms/refined")
    declare(tmp_path, "legacy_job: t_y\n", "more/refined/other")
    for folder, text in (
        ("gels/fpms", "timezone: Asia/Singapore\n"),
        ("gels/fpms/refined", 'cutoff: "18:00"\n'),
        ("more/refined/other", "lag: 1\n"),
    ):
        (tmp_path / folder / "calendar.yaml").write_text(text)
    catalog = joined(tmp_path, job("t_x"), job("t_y"), job("t_z"))
    assert catalog.errors == ()
    files = {
        s.table: [f.parent.name for f in catalog.calendars.files(s.key)] for s in catalog.tables.values()
    }
    assert files == {"t_a": ["fpms"], "t_x": ["refined", "fpms"], "t_y": ["other", "fpms"], "t_z": ["fpms"]}
    assert catalog.calendars.of(catalog.get("t_y")).timezone == "Asia/Singapore"


def test_a_declared_tables_job_is_that_table_even_while_it_is_broken(tmp_path: Path) -> None:
    file = declare(tmp_path)
    row = job("etl_lnd_gels_fpms_t_a")
    assert list(joined(tmp_path, row).tables) == ["gels_fpms_t_a"]
    file.write_text(DECLARED + "x: 1\n")
    catalog = joined(tmp_path, row, findings=(JobFinding("J", "etl_lnd_gels_fpms_t_a", "no folder", ""),))
    assert (dict(catalog.tables), catalog.job_findings) == ({}, ())


@pytest.mark.parametrize(
    ("text", "place", "message", "remedy"),
    [
        ("legacy_job: JOB_1\ntable: t_z\n", (2, "table"), "'t_z' is not the job's, 't_x'", "remove it"),
        (
            "output: 'D:\\x'\nlegacy_job: JOB_1\n",
            (1, "output"),
            "on a machine that is not known",
            "add a prefix",
        ),
        *(
            (f"output: {output}\nlegacy_job: JOB_1\n", (1, "output"), "cannot be a table's", "of its own")
            for output in (".", "/land", "/", "x/.hidden", "_x")
        ),
        ("legacy_job: JOB_11\n", (1, "legacy_job"), "job_master has no job 'job_11'", "did you mean JOB_1?"),
        ("legacy_job: JOB_7\n", (1, "legacy_job"), "gone is no table: no folder", "copy it"),
        ("legacy_job: JOB_1\nsteps: [x]\n", (2, "steps"), "unknown key 'steps'", "known:"),
    ],
)
def test_what_is_wrong_with_a_refinement_leaves_its_job_out(
    tmp_path: Path, text: str, place: tuple[int, str], message: str, remedy: str
) -> None:
    file = declare(tmp_path, text, "gels/fpms/refined")
    catalog = joined(
        tmp_path,
        job("t_x", "JOB_1"),
        job("t_y"),
        findings=(JobFinding("JOB_7", "gone", "no folder", "copy it"),),
    )
    (error,) = catalog.errors
    assert (error.file, error.line, error.field) == (str(file), *place)
    assert message in error.message
    assert remedy in (error.remedy or "")
    is_of_a_job = "JOB_1\n" in text
    assert ("gels_fpms_t_x" in catalog.tables) is not is_of_a_job
    if is_of_a_job:
        with pytest.raises(DeclarationError, match=message):
            catalog.get("t_x")
    assert "gels_fpms_t_y" in catalog.tables


def test_a_name_that_gives_no_folder_takes_down_no_other_job(tmp_path: Path) -> None:
    catalog = joined(tmp_path, job("etl_lnd_"), job("etl_lnd__x"), job("t_y"))
    assert list(catalog.tables) == ["gels_fpms_t_y"]
    assert [f.message for f in catalog.job_findings] == [
        "the table '' would leave the landing root /land",
        "the table '_x' would leave the landing root /land",
    ]


def test_an_output_in_another_s_leaves_that_one_alone(tmp_path: Path) -> None:
    file = declare(tmp_path)
    declare(tmp_path, "legacy_job: inner\noutput: gels_fpms_t_a/part\n", "gels/fpms/inner")
    declare(tmp_path, "legacy_job: deep\noutput: /land/gels_fpms_outer/a/b\n", "gels/fpms/deep")
    catalog = joined(tmp_path, job("inner"), job("deep"), job("outer"))
    assert set(catalog.tables) == {"gels_fpms_t_a", "gels_fpms_outer"}
    assert {f.job_name: f.message for f in catalog.job_findings} == {
        "deep": "its output /land/gels_fpms_outer/a/b lies in that of JOB_outer",
        "inner": f"its output /land/gels_fpms_t_a/part lies in that of {file}",
    }


def test_a_job_that_two_files_refine_is_left_out(tmp_path: Path) -> None:
    for folder in ("gels/fpms/one", "gels/fpms/two"):
        declare(tmp_path, "legacy_job: JOB_1\n", folder)
    catalog = joined(tmp_path, job("t_x", "JOB_1"))
    assert (dict(catalog.tables), len(catalog.errors)) == ({}, 2)


def test_names_and_outputs_that_two_share_are_told(tmp_path: Path) -> None:
    file = declare(tmp_path)
    catalog = joined(
        tmp_path,
        job("t_a"),
        job("a.b", "JOB_1"),
        job("a-b", "JOB_2"),
        job("etl_lnd_gels_fpms_t_same", "JOB_3"),
        job("t_same", "JOB_4"),
        job("t_odd", "JOB_5", entity="G É"),
        job("t_good"),
    )
    assert set(catalog.tables) == {"gels_fpms_t_a", "gels_fpms_t_good"}
    told = {f.job_id: f.message for f in catalog.job_findings}
    assert told == {
        "JOB_t_a": f"its table gels_fpms_t_a is that of {file} too",
        "JOB_1": "its table gels_fpms_a_b is that of JOB_2 too",
        "JOB_2": "its table gels_fpms_a_b is that of JOB_1 too",
        "JOB_3": "its output /land/gels_fpms_t_same is that of JOB_4 too",
        "JOB_4": "its output /land/gels_fpms_t_same is that of JOB_3 too",
        "JOB_5": "'G É' is no part of an asset's name",
    }
    assert catalog.errors == ()
