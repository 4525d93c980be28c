import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex

import pytest
from click.testing import CliRunner, Result

from fdm_platform.cli import cli
from fdm_platform.control.kudu.servers import Servers
from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import open_store
from fdm_platform.control.values import to_micros
from fdm_platform.errors import ControlError

SAMPLE = Path(__file__).parents[2] / "examples" / "control" / "sample.yaml"
Fdm = Callable[..., Result]


@pytest.fixture
def fdm(tmp_path: Path) -> Fdm:
    def run(*arguments: str, url: str = "") -> Result:
        environ = {"FDM_PROJECT": str(tmp_path), "FDM_HOME": "", "FDM_CONTROL_URL": url}
        result = CliRunner().invoke(cli, ["control", *arguments], env=environ)
        if isinstance(result.exception, Exception):
            raise result.exception
        return result

    return run


@pytest.fixture
def seeded(fdm: Fdm) -> Fdm:
    fdm("init")
    fdm("seed", str(SAMPLE))
    return fdm


def test_init_says_what_it_created_and_what_it_kept(fdm: Fdm, tmp_path: Path) -> None:
    first = fdm("init", "--tables", "job_master, sys_params").output.splitlines()
    assert first == [
        f"control store sqlite:///{tmp_path}/.fdm/control.db",
        "  created  job_master: one row per job: its parameters and Spark configuration",
        "  created  sys_params: settings per environment and job",
    ]
    second = [line.split(":")[0].split() for line in fdm("init").output.splitlines()[1:]]
    kept = {"job_master", "sys_params"}
    assert second == [["kept" if name in kept else "created", name] for name in TABLES]


def test_init_of_an_unknown_table_names_the_nearest(fdm: Fdm, tmp_path: Path) -> None:
    with pytest.raises(ControlError, match=r"did you mean job_master\?"):
        fdm("init", "--tables", "job_mster")
    assert not (tmp_path / ".fdm").exists()


@pytest.mark.parametrize(
    "command",
    [["show", "job_master"], ["seed", str(SAMPLE)], ["import", str(SAMPLE)], ["export", "--out", "x"]],
)
def test_before_init_the_remedy_is_init(fdm: Fdm, command: list[str]) -> None:
    with pytest.raises(ControlError, match="run `fdm control init`"):
        fdm(*command)


def test_a_dry_run_shows_changes_by_key_and_writes_nothing(seeded: Fdm, tmp_path: Path) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(
        "process_control:\n"
        "- {entity: GELS, source_system: FPMS, biz_dt: 2024-05-14, run_indicator: N}\n"
        "- {entity: GELS, source_system: FPMS, biz_dt: 2024-05-15, run_indicator: Y}\n"
        "- {entity: GELS, source_system: FPMS, biz_dt: 2024-05-16, run_indicator: Y}\n"
    )
    before = seeded("show", "process_control", "--json").output
    assert seeded("seed", str(changed), "--dry-run").output.splitlines() == [
        "~ changed  process_control  GELS/FPMS/2024-05-14",
        "             run_indicator: Y -> N",
        "= same     process_control  GELS/FPMS/2024-05-15",
        "+ new      process_control  GELS/FPMS/2024-05-16",
        "process_control: 1 new, 1 changed, 1 same",
        "dry run: nothing was written",
    ]
    assert seeded("show", "process_control", "--json").output == before
    assert seeded("seed", str(changed)).output == "process_control: 1 new, 1 changed, 1 same\n"
    assert seeded("seed", str(changed)).output == "process_control: 0 new, 0 changed, 3 same\n"


def test_seed_of_a_csv_file(seeded: Fdm, tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("job_id,job_name\nJOB_1001,renamed\nJOB_2000,new\n")
    assert seeded("seed", str(path), "--table", "job_master").output == (
        "job_master: 1 new, 1 changed, 0 same\n"
    )
    shown = json.loads(seeded("show", "job_master", "--where", "job_id=JOB_1001", "--json").output)
    assert [(row["job_name"], row["entity"]) for row in shown] == [("renamed", "GELS")]


def test_show_prints_the_last_rows_in_order_of_the_key(seeded: Fdm) -> None:
    lines = seeded("show", "process_control", "--limit", "2").output.splitlines()
    assert lines[0].split()[:4] == ["entity", "source_system", "biz_dt", "process_from_date"]
    assert [line.split()[2] for line in lines[2:4]] == ["2024-05-14", "2024-05-15"]
    assert '["contract_id"]' in lines[2]
    assert lines[4] == "3 rows, the last 2 shown"


def test_show_leaves_out_columns_that_are_null_everywhere(seeded: Fdm) -> None:
    header = seeded("show", "job_dependency").output.splitlines()[0].split()
    assert "dependency_level" in header
    assert "reprocess_dt" not in seeded("show", "process_control").output


@pytest.mark.parametrize(
    ("conditions", "days"),
    [
        (["biz_dt=2024-05-14"], [14]),
        (["biz_dt > 20240513".replace(" > ", ">")], [14, 15]),
        (["biz_dt>=2024-05-14", "biz_dt<2024-05-15"], [14]),
        (["biz_dt<=2024-05-14", "entity=GELS"], [13, 14]),
        (["entity=gels"], []),
        (["reprocess_dt="], [13, 14, 15]),
        (["run_id="], []),
        (['business_keys=["contract_id"]'], [13, 14, 15]),
        (["last_update_ts<2000-01-01"], []),
    ],
)
def test_show_where(seeded: Fdm, conditions: list[str], days: list[int]) -> None:
    options = [part for condition in conditions for part in ("--where", condition)]
    rows = json.loads(seeded("show", "process_control", *options, "--json").output)
    assert [int(row["biz_dt"][-2:]) for row in rows] == days


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("biz_date=2024-05-15", r"did you mean biz_dt\?"),
        ("biz_dt=yesterday", "'yesterday' is not a date such as 2024-05-15"),
        ("biz_dt", "write it as biz_dt=2024-05-15"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(seeded: Fdm, condition: str, message: str) -> None:
    with pytest.raises(ControlError, match=message):
        seeded("show", "process_control", "--where", condition)


def test_show_of_an_empty_table(seeded: Fdm) -> None:
    assert seeded("show", "execution_log").output == "0 rows\n"
    assert json.loads(seeded("show", "execution_log", "--json").output) == []


@pytest.mark.parametrize("command", [[], ["init"], ["check"], ["seed"], ["show"], ["export"], ["import"]])
def test_help_shows_examples_line_by_line(fdm: Fdm, command: list[str]) -> None:
    output = fdm(*command, "--help").output
    name = " ".join(["fdm control", *command])
    assert any(line.startswith(f"    {name}") for line in output.splitlines())
    assert "\\b" not in output


def test_check_says_what_is_missing_and_what_is_right(fdm: Fdm) -> None:
    fdm("init", "--tables", "job_master")
    result = fdm("check", "--tables", "job_master,sys_params")
    assert result.exit_code == 3
    assert result.output.splitlines()[1:] == [
        "  ok     job_master: as expected, generation 1",
        "  wrong  sys_params: missing: run `fdm control init`",
    ]
    fdm("init")
    whole = fdm("check", "--json")
    assert whole.exit_code == 0
    assert [(t["table"], t["state"], t["is_usable"]) for t in json.loads(whole.output)] == [
        (name, "as expected", True) for name in TABLES
    ]


def test_init_as_json(fdm: Fdm) -> None:
    fdm("init", "--tables", "job_master")
    found = json.loads(fdm("init", "--replicas", "3", "--json").output)
    assert (found["kept"], set(found["created"])) == (["job_master"], set(TABLES) - {"job_master"})
    assert fdm("init", "--replicas", "2").exit_code == 2


def test_an_export_is_imported_elsewhere_and_refused_over_newer_rows(seeded: Fdm, tmp_path: Path) -> None:
    out = tmp_path / "control.yaml"
    counts = json.loads(seeded("export", "--out", str(out), "--json").output)
    assert counts == {"job_master": 5, "process_control": 3, "job_dependency": 2, "sys_params": 4}
    change = tmp_path / "change.yaml"
    change.write_text(
        "process_control: [{entity: GELS, source_system: FPMS, biz_dt: 2024-05-14, run_id: new}]\n"
    )
    seeded("seed", str(change))
    with pytest.raises(
        ControlError, match=r"1 row here may be newer(.|\n)*process_control GELS/FPMS/2024-05-14"
    ):
        seeded("import", str(out))
    where = ("show", "process_control", "--where", "biz_dt=2024-05-14", "--json")
    assert json.loads(seeded(*where).output)[0]["run_id"] == "new"
    dry = seeded("import", str(out), "--force", "--dry-run").output
    assert "process_control: 0 new, 1 changed, 2 same" in dry
    assert json.loads(seeded(*where).output)[0]["run_id"] == "new"
    seeded("import", str(out), "--force")
    assert json.loads(seeded(*where).output)[0]["run_id"] == "20240514"


def test_a_condition_needs_its_table(seeded: Fdm, tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="--where is for one table"):
        seeded("export", "--where", "biz_dt=2024-05-14", "--out", str(tmp_path / "x.yaml"))


def test_a_dry_run_of_an_import_shows_its_changes_and_what_speaks_against_it(
    seeded: Fdm, tmp_path: Path
) -> None:
    out = tmp_path / "control.yaml"
    seeded("export", "job_master", "--out", str(out))
    path = tmp_path / "jobs.csv"
    path.write_text("job_id,job_name\nJOB_1001,renamed\n")
    seeded("seed", str(path), "--table", "job_master")
    assert seeded("import", str(out), "--force", "--dry-run").output.splitlines() == [
        "~ changed  job_master  JOB_1001",
        "             job_name: renamed -> etl_lnd_gels_fpms_t_contract_master",
        "job_master: 0 new, 1 changed, 4 same",
        "dry run: nothing was written",
    ]
    with pytest.raises(ControlError, match="1 row here may be newer"):
        seeded("import", str(out), "--dry-run")


def test_seed_counts_as_json(seeded: Fdm) -> None:
    found = json.loads(seeded("seed", str(SAMPLE), "--json").output)
    assert found["tables"]["process_control"] == {"new": 0, "changed": 0, "same": 3}


def log_row(days_ago: int) -> dict[str, str]:
    micros = to_micros(datetime.now(UTC) - timedelta(days=days_ago))
    return {"id": f"{micros}_{days_ago}", "job_name": f"{days_ago} days ago"}


@pytest.mark.parametrize(
    ("limit", "names", "end"),
    [
        ("2", ["2 days ago", "0 days ago"], "the last 2 rows"),
        ("3", ["40 days ago", "2 days ago", "0 days ago"], "the last 3 rows"),
        ("9", ["900 days ago", "400 days ago", "40 days ago", "2 days ago", "0 days ago"], "5 rows"),
    ],
)
def test_the_last_rows_of_the_log_are_found_without_reading_all_of_it(
    fdm: Fdm, tmp_path: Path, *, limit: str, names: list[str], end: str
) -> None:
    fdm("init")
    with closing(open_store(f"sqlite:///{tmp_path}/.fdm/control.db")) as store:
        store.upsert("execution_log", [log_row(days) for days in (900, 0, 40, 2, 400)])
    shown = json.loads(fdm("show", "execution_log", "--limit", limit, "--json").output)
    assert [row["job_name"] for row in shown] == names
    assert fdm("show", "execution_log", "--limit", limit).output.splitlines()[-1] == end


def test_the_log_is_imported_only_by_force(seeded: Fdm, tmp_path: Path) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/.fdm/control.db")) as store:
        store.upsert("execution_log", [log_row(1)])
        for out in (tmp_path / "log.yaml", tmp_path / "log"):
            assert seeded("export", "execution_log", "--out", str(out)).output == "execution_log: 1 row\n"
            store.delete("execution_log", list(store.scan("execution_log", columns=["id"])))
            with pytest.raises(ControlError, match=r"written by loads alone(.|\n)*--force"):
                seeded("import", str(out))
            assert list(store.scan("execution_log")) == []
            seeded("import", str(out), "--force")
            assert len(list(store.scan("execution_log"))) == 1


def test_an_export_of_all_takes_the_tables_that_are_there(fdm: Fdm, tmp_path: Path) -> None:
    fdm("init", "--tables", "sys_params")
    out = tmp_path / "all.yaml"
    assert fdm("export", "--out", str(out)).output == "sys_params: 0 rows\n"
    assert out.read_text() == "sys_params: []\n"
    assert out.stat().st_mode & 0o777 == 0o600


def test_secrets_are_masked_unless_revealed(seeded: Fdm, tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    text = """
job_master:
- {job_id: J, job_name: j, context_params: {db_password: canary-1, region: SG}}
sys_params:
- {param_key: crm_password, environment: DEV, key_name: ALL, param_value: canary-2}
- {param_key: crm_user, environment: DEV, key_name: ALL, param_value: "env:canary_3"}
"""
    path.write_text(text)
    seeded("seed", str(path))
    shown = [seeded("show", t, *json) for t in ("job_master", "sys_params") for json in ((), ("--json",))]
    path.write_text(text.replace("canary", "canarynew"))
    shown += [seeded(*c, str(path), "--dry-run") for c in (("seed",), ("import", "--force"))]
    assert all("******" in result.output and "canary" not in result.output for result in shown)
    assert "SG" in shown[0].output
    assert "param_value: ****** -> ******" in shown[-1].output
    revealed = seeded("show", "sys_params", "--reveal").output
    assert "canary-2" in revealed
    assert "env:canary_3" in revealed


@pytest.mark.kudu
def test_all_of_it_on_kudu(fdm: Fdm, tmp_path: Path, kudu_servers: Servers) -> None:
    url = f"kudu+java://{kudu_servers.address}?prefix=cli_{token_hex(6)}."
    run = partial(fdm, url=url)
    with pytest.raises(ControlError, match=r"too few tablet servers(.|\n)*--replicas 1"):
        run("init", "--replicas", "3")
    assert run("check").exit_code == 3
    assert set(json.loads(run("init", "--json").output)["created"]) == set(TABLES)
    assert run("check").exit_code == 0
    run("seed", str(SAMPLE))
    exported, moved = tmp_path / "control", tmp_path / "moved.yaml"
    run("export", "--out", str(exported))
    fdm("init")
    fdm("import", str(exported))
    fdm("export", "--out", str(moved))
    assert "0 new, 0 changed, 3 same" in run("import", str(moved)).output
    where = ("--where", "entity=GELS", "--where", "biz_dt>=2024-05-14")
    assert run("show", "process_control", *where, "--json").output == (
        fdm("show", "process_control", *where, "--json").output
    )
    assert run("show", "process_control", *where).output.splitlines()[-1] == "2 rows"
    assert run("show", "execution_log").output == "0 rows\n"
