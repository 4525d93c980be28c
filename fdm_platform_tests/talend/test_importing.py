"""Projects become tables: what is written, and what is left when something is wrong."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from fdm_platform.control.seed_file import read_seed
from fdm_platform.errors import ImportRefusedError, MachineError
from fdm_platform.planning.catalog import load_catalog
from fdm_platform.talend.conversion import ConversionOptions
from fdm_platform.talend.importing import ImportOptions, ImportSummary, Progress, import_project
from fdm_platform.talend.project import open_project
from fdm_platform.talend.writing import staging
from fdm_platform_tests.talend.jobs import (
    COLUMNS,
    CSV,
    OUTPUT,
    item,
    link,
    node,
    whole_job,
    write_project,
)

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "talend" / "SAMPLE"
OPTIONS = ConversionOptions("GELS", "FPMS")
FDM = Path(sys.executable).with_name("fdm")
JAVA = node("tJavaRow_1", COLUMNS, CODE="output_row.id = */ input_row.id;")


def run(source: Path, out: Path, **options: object) -> ImportSummary:
    return import_project(open_project(source), ImportOptions(OPTIONS, out, **options))  # type: ignore[arg-type]


def tree(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_job_that_comes_over_whole_is_a_sound_table(tmp_path: Path) -> None:
    source = write_project(tmp_path / "in", {"load": whole_job()})
    summary = run(source, tmp_path / "out")
    (job,) = summary.jobs
    assert (job.verdict, job.tables, job.components) == ("whole", ("gels_fpms_t_load",), {"whole": 3})
    assert tree(tmp_path / "out" / "gels" / "fpms") == [
        "_talend/load/MIGRATION.md",
        "t_load/tFileInputDelimited_1.hql",
        "t_load/tFileOutputDelimited_1.hql",
        "t_load/tFilterRow_1.hql",
        "t_load/table.yaml",
        "t_load/tests/tFileInputDelimited_1.yaml",
        "t_load/tests/tFileOutputDelimited_1.yaml",
        "t_load/tests/tFilterRow_1.yaml",
    ]
    catalog = load_catalog(tmp_path / "out")
    assert catalog.errors == ()
    spec = catalog.get("t_load")
    assert [s.view for s in spec.steps] == ["tFileInputDelimited_1", "tFilterRow_1", "tFileOutputDelimited_1"]
    assert [(c.name, c.type, c.key) for c in spec.columns] == [
        ("id", "string", True),
        ("amount", "int", False),
        ("biz_dt", "date", False),
    ]
    assert spec.parity is not None
    assert (spec.parity.keys, spec.business_keys) == (("id",), ("id",))
    assert (spec.job_name, spec.launch["additional_conf"]["spark.sql.ansi.enabled"]) == (  # type: ignore[index]
        "etl_lnd_gels_fpms_t_load",
        "false",
    )


def test_the_test_of_a_step_expects_what_talend_answers(tmp_path: Path) -> None:
    """The rows are those that the filter's constant tells apart; NULL is greater than nothing."""
    run(write_project(tmp_path / "in", {"load": whole_job()}), tmp_path / "out")
    text = (tmp_path / "out/gels/fpms/t_load/tests/tFilterRow_1.yaml").read_text()
    test = yaml.safe_load(text)
    given = [r["amount"] for r in test["sources"]["tFileInputDelimited_1"]]
    assert {10, 11, None} <= set(given)
    assert [r["amount"] for r in test["expected"]] == [a for a in given if a and a > 10]
    assert test["columns"] == {"tFileInputDelimited_1": {"id": "string", "amount": "int"}}


@pytest.mark.parametrize("job", ["policy_load", "premium", "run_all"])
def test_every_component_of_the_sample_stands_in_its_migration_md(tmp_path: Path, job: str) -> None:
    run(SAMPLE, tmp_path, labels=(job,))
    text = (tmp_path / f"gels/fpms/_talend/{job}/MIGRATION.md").read_text()
    (file,) = SAMPLE.rglob(f"{job}_0.1.item")
    names = [
        line.partition('name="UNIQUE_NAME" value="')[2].partition('"')[0]
        for line in file.read_text().splitlines()
        if 'name="UNIQUE_NAME"' in line
    ]
    components = {n for n in names if n.startswith("t")}
    told = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| t")]
    assert set(told) == components
    assert len(told) == len(components)


def test_what_is_left_to_a_person_breaks_its_table_at_the_line_that_is_told(tmp_path: Path) -> None:
    flows = (
        link("row1", "tFileInputDelimited_1", "tJavaRow_1"),
        link("row2", "tJavaRow_1", "tFileOutputDelimited_1"),
    )
    source = write_project(tmp_path / "in", {"load": item(CSV, JAVA, OUTPUT, *flows)})
    (job,) = run(source, tmp_path / "out").jobs
    assert (job.verdict, job.components) == ("partly", {"whole": 2, "left": 1})
    home = tmp_path / "out/gels/fpms"
    text = (home / "_talend/load/MIGRATION.md").read_text()
    (place,) = [line.split("`")[1] for line in text.splitlines() if line.startswith("1. **tJavaRow")]
    file, _, number = place.partition(":")
    line = (home / file).read_text().splitlines()[int(number) - 1]
    assert "/* TODO tJavaRow: it is Java code of the job */" in line
    assert "output_row.id = */ input_row.id;" in text
    catalog = load_catalog(tmp_path / "out")
    assert catalog.tables == {}
    assert {Path(e.file or "").name for e in catalog.errors} == {"tJavaRow_1.hql"}
    test = (home / "t_load/tests/tJavaRow_1.yaml").read_text()
    assert test.startswith("# TODO: say what is expected")


def test_a_routine_of_the_project_is_told_as_one_and_those_of_studio_are_translated(tmp_path: Path) -> None:
    columns = {"greeting": "id_String", "upper": "id_String"}
    entries = {"greeting": "Letters.salutation(row1.id)", "upper": "StringHandling.UPCASE(row1.id)"}
    rows = "".join(
        f"<mapperTableEntries name='{n}' expression='{e}' type='id_String' nullable='true'/>"
        for n, e in entries.items()
    )
    tmap = node("tMap_1").replace(
        "  </node>",
        "<metadata connector='FLOW' name='out'>"
        + "".join(f"<column name='{n}' type='id_String' nullable='true'/>" for n in columns)
        + "</metadata><nodeData xsi:type='MapperData'>"
        "<inputTables name='row1' matchingMode='UNIQUE_MATCH' lookupMode='LOAD_ONCE'>"
        "<mapperTableEntries name='id' type='id_String' nullable='true'/></inputTables>"
        f"<outputTables name='out'>{rows}</outputTables></nodeData></node>",
    )
    output = node("tFileOutputDelimited_1", columns, FILENAME='"out/good.csv"')
    flows = (link("row1", "tFileInputDelimited_1", "tMap_1"), link("out", "tMap_1", "tFileOutputDelimited_1"))
    text = item(CSV, tmap, output, *flows).replace(
        "<talendfile:ProcessType", '<talendfile:ProcessType xmlns:xsi="x"', 1
    )
    source = write_project(tmp_path / "in", {"load": text})
    for place in ("Letters", "system/StringHandling"):
        file = source / f"code/routines/{place}_0.1.item"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("public class X {}")

    summary = run(source, tmp_path / "out")

    assert dict(summary.residues) == {"tMap: Letters.salutation is a routine of this project": 1}
    assert dict(summary.others) == {".item: routine": 2}


def test_contexts_are_seeds_without_secrets(tmp_path: Path) -> None:
    values = {
        "limit": ("id_Integer", "5"),
        "biz_dt": ("id_Date", "2024-05-15 00:00:00"),
        "since": ("id_Date", "yyyy-MM-dd HH:mm:ss;2024-01-02 03:04:05"),
        "none": ("id_Integer", ""),
        "odd": ("id_Integer", "five"),
        "password": ("id_Password", "enc:system.encryption.key.v1:c2VjcmV0"),
        "api_token": ("id_String", "s3cr3t"),
    }
    text = item(
        CSV, OUTPUT, link("row1", "tFileInputDelimited_1", "tFileOutputDelimited_1"),
        contexts={"Default": values, "PROD": values, "weird": values},
    )  # fmt: skip
    run(write_project(tmp_path / "in", {"load": text}), tmp_path / "out")
    home = tmp_path / "out/gels/fpms/_talend/load"
    rows = [r.values for r in read_seed(home / "seeds.yaml")]
    assert {r["environment"] for r in rows} == {"DEV", "PROD"}
    assert {r["key_name"] for r in rows} == {"etl_lnd_gels_fpms_t_load"}
    of_dev = {r["param_key"]: (r["param_value"], r["param_type"]) for r in rows if r["environment"] == "DEV"}
    assert of_dev == {
        "limit": ("5", "integer"),
        "since": ("2024-01-02 03:04:05", "timestamp"),
        "none": (None, "integer"),
        "odd": (None, "integer"),
    }
    everything = "".join((tmp_path / "out" / f).read_text() for f in tree(tmp_path / "out"))
    assert "s3cr3t" not in everything
    assert "c2VjcmV0" not in everything
    migration = (home / "MIGRATION.md").read_text()
    unread = "is a secret that no table reads"
    for told in (
        f"context.password` {unread}",
        f"context.api_token` {unread}",
        "context.odd",
        "context weird",
    ):
        assert told in migration
    assert "the load's own `biz_dt`" in migration


def test_a_secret_is_asked_for_where_a_table_reads_it_and_nowhere_else(tmp_path: Path) -> None:
    summary = run(SAMPLE, tmp_path)
    home = tmp_path / "gels/fpms/_talend"
    read = {
        job: {r.values["param_value"] for r in read_seed(home / job / "seeds.yaml") if r.values.get("param_key") == "db_password"}
        for job in ("policy_load", "premium")
    }  # fmt: skip
    assert read == {"policy_load": set(), "premium": {"env:PREMIUM_DB_PASSWORD"}}
    to_do = (home / "premium/MIGRATION.md").read_text().partition("## What a person has to do")[2]
    assert to_do.strip().startswith("1. **the job**, context.db_password: a secret, whose")
    assert "Set the variable PREMIUM_DB_PASSWORD in the environment" in to_do
    assert [(j.label, j.verdict, j.settings) for j in summary.jobs] == [
        ("policy_load", "partly", 0),
        ("premium", "whole", 1),
        ("run_all", "whole", 0),
    ]


def test_a_context_that_only_the_project_s_group_has_is_told(tmp_path: Path) -> None:
    text = item(
        CSV,
        OUTPUT,
        link("row1", "tFileInputDelimited_1", "tFileOutputDelimited_1"),
        contexts={"DEV": {"x": ("id_String", "1")}},
    )
    source = write_project(
        tmp_path / "in",
        {"load": text.replace("<contextParameter", "<contextParameter repositoryContextId='_g'")},
    )
    group = source / "context/ctx_0.1.item"
    group.parent.mkdir()
    one = "<t:ContextType name='{}'><contextParameter name='x' type='id_String' value='1'/></t:ContextType>"
    group.write_text(f"<?xml version='1.0'?><XMI>{''.join(map(one.format, ('DEV', 'PROD')))}</XMI>")
    group.with_suffix(".properties").write_text(
        "<?xml version='1.0'?><XMI><Property id='_g' label='ctx'/></XMI>"
    )

    run(source, tmp_path / "out")

    told = (tmp_path / "out/gels/fpms/_talend/load/MIGRATION.md").read_text()
    assert "The context group `ctx` of the project has `PROD`, too, of which the job has no values" in told


def test_a_password_is_a_parameter_whose_secret_is_told(tmp_path: Path) -> None:
    """One that a component has in itself, encrypted; one in a variable that is not called a secret."""
    database = {
        "DB_VERSION": "MYSQL_8",
        "HOST": '"h"',
        "PORT": '"1"',
        "DBNAME": '"d"',
        "USER": '"u"',
        "QUERY": '"select 1"',
    }
    passwords = {"tMysqlInput_1": "enc:system.encryption.key.v1:c2VjcmV0", "tMysqlInput_2": "context.db_key"}
    text = item(
        *(
            node(name, COLUMNS, **database).replace(
                "    <metadata", f"    <elementParameter field='PASSWORD' name='PASS' value='{java}'/>\n    <metadata"
            )
            for name, java in passwords.items()
        ),
        node("tUnite_1", COLUMNS), OUTPUT,
        link("row1", "tMysqlInput_1", "tUnite_1"), link("row2", "tMysqlInput_2", "tUnite_1"),
        link("row3", "tUnite_1", "tFileOutputDelimited_1"),
        contexts={"Default": {"db_key": ("id_String", "in-clear")}, "PROD": {"db_key": ("id_String", "in-clear")}},
    )  # fmt: skip

    (job,) = run(write_project(tmp_path / "in", {"load": text}), tmp_path / "out").jobs

    assert (job.verdict, job.residues, job.settings) == ("whole", 0, 2)
    home = tmp_path / "out/gels/fpms/_talend/load"
    rows = {
        (r.values["param_key"], r.values["environment"], r.values["param_value"])
        for r in read_seed(home / "seeds.yaml")
    }
    assert rows == {
        (key, environment, f"env:LOAD_{key.upper()}")
        for key in ("tmysqlinput_1_password", "db_key")
        for environment in ("DEV", "PROD")
    }
    told = (home / "MIGRATION.md").read_text()
    assert "Set the variable LOAD_TMYSQLINPUT_1_PASSWORD in the environment" in told
    everything = "".join((tmp_path / "out" / f).read_text() for f in tree(tmp_path / "out"))
    assert "c2VjcmV0" not in everything
    assert "in-clear" not in everything


def test_a_damaged_job_is_refused_and_the_others_are_imported(tmp_path: Path) -> None:
    jobs: dict[str, str | bytes] = {"good": whole_job(), "cut": whole_job().encode()[:900], "evil": _BOMB}
    source = write_project(tmp_path / "in", jobs)
    summary = run(source, tmp_path / "out")
    assert [j.label for j in summary.jobs] == ["good"]
    assert sorted(Path(e.file or "").name for e in summary.refused) == ["cut_0.1.item", "evil_0.1.item"]
    assert all(e.line for e in summary.refused)
    assert list(load_catalog(tmp_path / "out").tables) == ["gels_fpms_t_good"]
    strict = run(source, tmp_path / "strict", is_strict=True)
    assert not strict.is_written
    assert not (tmp_path / "strict").exists()
    damaged = write_project(tmp_path / "damaged", {"cut": jobs["cut"]})
    assert not run(damaged, tmp_path / "none").is_written
    assert not (tmp_path / "none").exists()


_BOMB = b'<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "c">]>\n<ProcessType>&b;</ProcessType>'


def test_what_is_there_stays_unless_it_is_to_be_replaced_and_then_is_kept(tmp_path: Path) -> None:
    source = write_project(tmp_path / "in", {"load": whole_job()})
    out, home = tmp_path / "out", tmp_path / "out/gels/fpms"
    run(source, out)
    step = home / "t_load/tFilterRow_1.hql"
    made = step.read_text()
    step.write_text("mine")
    (home / "t_load/notes.txt").write_text("mine")
    again = run(source, out)
    assert [type(e) for e in again.refused] == [ImportRefusedError]
    assert step.read_text() == "mine"
    replaced = run(source, out, may_replace=True)
    assert (replaced.refused, step.read_text()) == ((), made)
    (told,) = replaced.warnings
    kept = home / "_talend/_replaced/t_load"
    assert f"{home / 't_load'} was replaced; what was there differs and is kept as {kept}" in told
    assert {f: (kept / f).read_text() for f in ("tFilterRow_1.hql", "notes.txt")} == {
        "tFilterRow_1.hql": "mine",
        "notes.txt": "mine",
    }
    assert run(source, out, may_replace=True).warnings == ()
    assert [p.name for p in (home / "_talend/_replaced").iterdir()] == ["t_load"]
    assert not [p for p in out.iterdir() if p.name.startswith(".")]


def test_a_table_of_an_output_that_is_gone_is_told(tmp_path: Path) -> None:
    second = node("tFileOutputDelimited_2", COLUMNS, FILENAME='"out/side.csv"')
    flows = (
        link("row1", "tFileInputDelimited_1", "tReplicate_1"),
        link("row2", "tReplicate_1", "tFileOutputDelimited_1"),
    )
    both = item(
        CSV,
        node("tReplicate_1", COLUMNS),
        OUTPUT,
        second,
        *flows,
        link("row3", "tReplicate_1", "tFileOutputDelimited_2"),
    )
    one = item(CSV, node("tReplicate_1", COLUMNS), OUTPUT, *flows)
    run(write_project(tmp_path / "two", {"load": both, "other": whole_job()}), tmp_path / "out")
    home = tmp_path / "out/gels/fpms"
    assert (home / "t_load_side").exists()

    told = run(
        write_project(tmp_path / "one", {"load": one, "other": whole_job()}),
        tmp_path / "out",
        may_replace=True,
    )

    assert [(j.label, j.residues) for j in told.jobs] == [("load", 1), ("other", 0)]
    assert (
        "table t_load_side: an import before this one made it"
        in (home / "_talend/load/MIGRATION.md").read_text()
    )


_DIES = """
import os, sys
from pathlib import Path
from fdm_platform.talend.conversion import ConversionOptions
from fdm_platform.talend.importing import ImportOptions, import_project
from fdm_platform.talend.project import open_project
from fdm_platform.talend.writing import staging
from fdm_platform.talend.writing import Staging, staging

where, source, out = sys.argv[1], *map(Path, sys.argv[2:])


def die(*_):
    os.kill(os.getpid(), 9)


class Order(list):
    def __iter__(self):
        for number, folder in enumerate(super().__iter__()):
            if number == 2:
                die()
            yield folder


if where == "converting":
    options = ImportOptions(ConversionOptions("GELS", "FPMS"), out, may_replace=True)
    import_project(open_project(source), options, die)
with staging(out) as stage:
    for name in ("t_a", "t_b", "t_c"):
        stage.stage(f"gels/fpms/{name}", {"table.yaml": "new"}, may_replace=True)
    stage.folders = Order(stage.folders)
    stage.place()
"""


def dies(where: str, source: Path, out: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _DIES, where, source, out], check=False)
    assert done.returncode == -signal.SIGKILL


def test_an_import_that_is_killed_while_it_writes_leaves_nothing_that_anybody_reads(tmp_path: Path) -> None:
    source, out = write_project(tmp_path / "in", {"load": whole_job()}), tmp_path / "out"
    dies("converting", source, out)
    assert (load_catalog(out).tables, load_catalog(out).errors) == ({}, ())
    assert run(source, out).refused == ()
    assert list(load_catalog(out).tables) == ["gels_fpms_t_load"]
    assert [p.name for p in out.iterdir()] == ["gels"]


def test_what_an_import_had_wholly_staged_when_it_was_killed_is_moved_by_the_next(tmp_path: Path) -> None:
    """Killed before the third of three: of the first two, what a person had written is kept; so is the third's."""
    source, out = write_project(tmp_path / "in", {"load": whole_job()}), tmp_path / "out"
    home = out / "gels/fpms"
    for name in ("t_a", "t_c"):
        (home / name).mkdir(parents=True)
        (home / name / "table.yaml").write_text(f"{name} of a person")
    dies("placing", source, out)
    assert [(home / name / "table.yaml").read_text() for name in ("t_a", "t_b", "t_c")] == [
        "new",
        "new",
        "t_c of a person",
    ]

    warnings = run(source, out).warnings

    assert "had died while it moved tables: the rest was moved now" in warnings[0]
    assert [(home / name / "table.yaml").read_text() for name in ("t_a", "t_b", "t_c")] == ["new"] * 3
    kept = home / "_talend/_replaced"
    assert {p.name: (p / "table.yaml").read_text() for p in kept.iterdir()} == {
        "t_a": "t_a of a person",
        "t_c": "t_c of a person",
    }
    assert (home / "t_load/table.yaml").exists()
    assert [p.name for p in out.iterdir()] == ["gels"]


def test_two_imports_at_once_do_not_write_into_one_another(tmp_path: Path) -> None:
    source, out = write_project(tmp_path / "in", {"load": whole_job()}), tmp_path / "out"
    with staging(out), pytest.raises(ImportRefusedError, match="another import"):
        run(source, out)
    assert run(source, out).is_written


def test_a_dry_run_writes_nothing_and_tells_its_progress(tmp_path: Path) -> None:
    told: list[Progress] = []
    options = ImportOptions(OPTIONS, tmp_path / "out", is_dry=True)
    summary = import_project(open_project(SAMPLE), options, told.append)
    assert (len(summary.jobs), summary.is_written) == (3, False)
    assert [(p.done, p.total) for p in told] == [(1, 3), (2, 3), (3, 3)]
    assert not (tmp_path / "out").exists()


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path) -> None:
    """A file that may not grow beyond 700 bytes is refused by the kernel as by a full disk, at some job of many."""
    source = write_project(tmp_path / "in", {f"load{i}": whole_job() for i in range(3)})
    out = tmp_path / "sql" / "landing"
    command = [
        Path(sys.executable).with_name("fdm"),
        "talend",
        "import",
        source,
        "--entity",
        "E",
        "--source-system",
        "S",
    ]
    done = subprocess.run(
        [str(c) for c in command],
        env={**os.environ, "FDM_PROJECT": str(tmp_path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == MachineError.exit_code, done.stderr
    assert "nothing was imported" in done.stderr
    assert not out.exists()


def test_a_folder_that_cannot_be_moved_takes_back_those_before_it(tmp_path: Path) -> None:
    """Of a job with two tables, the place of the second one's papers is taken by a file that nobody can move away."""
    source = write_project(tmp_path / "in", {"load": whole_job()})
    out = tmp_path / "out"
    (out / "gels" / "fpms").mkdir(parents=True)
    (out / "gels" / "fpms" / "_talend").write_text("a file where a folder is to be")
    with pytest.raises(MachineError):
        run(source, out)
    assert tree(out) == ["gels/fpms/_talend"]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["a/Load", "b/load"], ["t_a_load", "t_b_load"]),
        (["Père..:1"], ["t_pere_1"]),
        (["t_x", "etl_lnd_gels_fpms_t_y"], ["t_x", "t_y"]),
        (["a-b", "a b"], ["t_a_b", "t_a_b_2"]),
        (["x", "t_x"], ["t_x", "t_x_2"]),
        (["one/process/load", "two/process/load"], ["t_load", "t_load_2"]),
    ],
)
def test_names_of_tables(tmp_path: Path, labels: list[str], names: list[str]) -> None:
    source = write_project(tmp_path / "in", {label: whole_job() for label in labels})
    summary = run(source, tmp_path / "out")
    assert summary.refused == ()
    assert sorted(t.removeprefix("gels_fpms_") for j in summary.jobs for t in j.tables) == sorted(names)


def runs(name: str, target: str) -> str:
    return node(name, PROCESS=target, DIE_ON_CHILD_ERROR="true")


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        ({"a": item(runs("tRunJob_1", "a"))}, {"a": "the job runs itself"}),
        (
            {
                "a": item(runs("tRunJob_1", "b")),
                "b": item(runs("tRunJob_1", "c")),
                "c": item(runs("tRunJob_1", "a")),
            },
            {
                "a": "a → b → c → a",
                "b": "b → c → a → b",
                "c": "c → a → b → c",
            },
        ),
        ({"a": item(runs("tRunJob_1", "lost"))}, {"a": "lost, is not in the project"}),
    ],
)
def test_jobs_in_a_circle_are_told(tmp_path: Path, jobs: Mapping[str, str], told: Mapping[str, str]) -> None:
    run(write_project(tmp_path / "in", jobs), tmp_path / "out")
    for label, text in told.items():
        assert text in (tmp_path / f"out/gels/fpms/_talend/{label}/MIGRATION.md").read_text()


def test_a_job_that_runs_others_orders_their_tables(tmp_path: Path) -> None:
    """One that writes nothing stands for those that it runs; of a second parent a person is told."""
    after = link("OnSubjobOk", "tRunJob_1", "tRunJob_2", "SUBJOB_OK")
    jobs = {
        "all": item(runs("tRunJob_1", "inner"), runs("tRunJob_2", "last"), after),
        "inner": item(runs("tRunJob_1", "first"), runs("tRunJob_2", "second")),
        "first": whole_job(),
        "second": whole_job(),
        "last": whole_job(),
    }
    run(write_project(tmp_path / "in", jobs), tmp_path / "out")
    home = tmp_path / "out/gels/fpms/_talend"
    (row,) = [r.values for r in read_seed(home / "last" / "seeds.yaml")]
    assert (row["dependent_job_name"], row["parent_job_name"]) == (
        "etl_lnd_gels_fpms_t_last",
        "etl_lnd_gels_fpms_t_first",
    )
    assert "it runs after etl_lnd_gels_fpms_t_second, too" in (home / "last" / "MIGRATION.md").read_text()
    assert not (home / "first" / "seeds.yaml").exists()


def test_500_jobs_take_less_than_2_gib(tmp_path: Path) -> None:
    source = write_project(tmp_path / "in", {f"load_{i:03}": whole_job() for i in range(500)})
    command = ["talend", "import", source, "--entity", "E", "--source-system", "S", "--json"]
    child = subprocess.Popen(
        [str(c) for c in (FDM, *command)],
        env={**os.environ, "FDM_PROJECT": str(tmp_path)},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    assert len(list((tmp_path / "sql/landing/e/s").glob("t_load_*/table.yaml"))) == 500
    assert usage.ru_maxrss < 2 * 1024 * 1024, "kilobytes"
