"""Legacy jobs as assets, kept in step with job_master."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dagster as dg
import pytest

from fdm_platform.cli.backfill import plan_text
from fdm_platform.control.dependencies import refresh
from fdm_platform.control.legacy_jobs import FILE
from fdm_platform.defs.backfill import plan_backfill
from fdm_platform.defs.jobs_sensor import jobs_sensor
from fdm_platform.defs.legacy_jobs import read_catalog, refresh_jobs
from fdm_platform.defs.location import build_definitions
from fdm_platform.defs.reloading import is_outdated, reloader
from fdm_platform.defs.resources import PlatformResource
from fdm_platform.errors import JobFolderError, MachineError, ParameterError
from fdm_platform.planning.backfill import Choice, per_submit
from fdm_platform_tests.deployment import Deployment, project_in
from fdm_platform_tests.legacy_jobs import DAYS, add_dates, add_row, make_job

A, B, C = (f"etl_lnd_gels_fpms_t_{x}" for x in "abc")
KEY_A, KEY_B, KEY_C = (dg.AssetKey(["gels", "fpms", name]) for name in (A, B, C))
REFINED = (
    "legacy_job: JOB_2\noutput: out_of_b\ncolumns: {id: int, biz_dt: date}\n"
    "checks: [{name: some, min_rows: 1}]\nretries: 2\n"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Two jobs, of which B runs after A and is refined."""
    (tmp_path / "sql").mkdir()
    made = project_in(tmp_path)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    jobs = tmp_path / "jobs"
    with made.platform() as platform:
        for job_id, name in (("JOB_1", A), ("JOB_2", B)):
            make_job(jobs, name)
            add_row(platform, job_id, name, jobs, comments=f"About {name}.")
        platform.store.upsert(
            "job_dependency",
            [
                {
                    "dependent_job_id": "JOB_2",
                    "dependent_job_name": B,
                    "parent_job_id": "JOB_1",
                    "parent_job_name": A,
                }
            ],
        )
        add_dates(platform)
        refresh(platform.store, made.settings.home)
        refresh_jobs(platform)
    declare(tmp_path, REFINED)
    return made


def declare(root: Path, text: str) -> None:
    folder = root / "sql" / "gels" / "fpms" / "b"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.yaml").write_text(text)


def graph_of(project: Deployment) -> dg.AssetGraph:
    return build_definitions(project.settings).resolve_asset_graph()


def test_jobs_have_what_declared_tables_have(project: Deployment) -> None:
    graph = graph_of(project)
    assert set(graph.materializable_asset_keys) == {KEY_A, KEY_B}
    a, b = graph.get(KEY_A), graph.get(KEY_B)
    assert (a.group_name, b.group_name) == ("gels_fpms", "gels_fpms")
    assert isinstance(a.partitions_def, dg.DynamicPartitionsDefinition)
    assert a.partitions_def.name == "gels_fpms"
    assert set(b.parent_keys) == {KEY_A}
    assert [key.name for key in graph.asset_check_keys if key.asset_key == KEY_B] == ["some"]
    assert a.backfill_policy
    assert a.backfill_policy.max_partitions_per_run == 1
    assert a.pools == {"gels_fpms"}
    assert "About etl_lnd_gels_fpms_t_a." in (a.description or "")
    assert a.metadata["dagster/uri"].endswith("/fdm_landing/gels_fpms_t_a")
    assert b.metadata["dagster/uri"].endswith("/fdm_landing/out_of_b")
    sensors = {s.name for s in build_definitions(project.settings).sensors or ()}
    assert {"legacy_jobs", "process_control_gels_fpms", "dependents_gels_fpms"} <= sensors


def test_a_job_comes_and_goes_with_its_row_and_its_folder(project: Deployment) -> None:
    home = project.settings.home
    build_definitions(project.settings)
    with project.platform() as platform:
        assert not refresh_jobs(platform)
        make_job(home / "jobs", C)
        assert not refresh_jobs(platform)
        add_row(platform, "JOB_3", C, home / "jobs")
        assert refresh_jobs(platform)
        assert is_outdated(project.settings)
        assert KEY_C in graph_of(project).materializable_asset_keys
        assert not is_outdated(project.settings)
        platform.store.delete("job_master", [{"job_id": "JOB_3"}])
        shutil.rmtree(home / "jobs" / B)
        assert refresh_jobs(platform)
        catalog = read_catalog(project.settings)
        assert [s.job_name for s in catalog.tables.values()] == [A]
        assert [(f.job_id, f.message) for f in catalog.job_findings] == [
            ("JOB_2", f"the folder {home}/jobs/{B} is missing")
        ]
        assert [e.message for e in catalog.errors] == [
            f"{B} is no table: the folder {home}/jobs/{B} is missing"
        ]


def test_a_file_that_was_only_touched_asks_for_no_reload(project: Deployment) -> None:
    build_definitions(project.settings)
    script = project.settings.home / "jobs" / A / "scripts" / f"{A}.py"
    with project.platform() as platform:
        script.touch()
        assert refresh_jobs(platform)
        assert not is_outdated(project.settings)
        script.write_text("print('another')\n")
        assert refresh_jobs(platform)
        assert is_outdated(project.settings)


def test_a_command_sees_a_job_that_is_new_and_a_daemon_need_not_run(project: Deployment) -> None:
    (project.settings.home / FILE).unlink()
    with project.platform() as platform:
        assert platform.find("JOB_1").job_name == A
        make_job(project.settings.home / "jobs", C)
        add_row(platform, "JOB_3", C, project.settings.home / "jobs")
        assert platform.find(C).legacy
        assert platform.dependencies.of[platform.find(B).name][0].parent == platform.find(A).name


def test_what_a_load_of_a_job_is(project: Deployment) -> None:
    with project.platform() as platform:
        spec = platform.find(A)
        rows = platform.job_rows(spec, [DAYS[1]])
        plan, refused = platform.plan_each(spec, [DAYS[1]], "load-1", rows)
        assert refused == ()
        assert plan
        assert plan.legacy
        assert plan.legacy.main_output == f"{project.settings.landing}/gels_fpms_t_a"
        assert (plan.job_id, plan.file, plan.code_version) == ("JOB_1", plan.legacy.script, spec.code_version)
        document = platform.job_params(plan, rows)
        assert [row["biz_dt"] for row in document["process_control"]] == ["2024-05-15", "2024-05-14"]  # type: ignore[attr-defined]
        assert per_submit(spec, 30) == 1
        nothing, both = platform.plan_each(spec, DAYS, "load-1", platform.job_rows(spec, DAYS))
        assert nothing is None
        assert [o.failure and o.failure.error for o in both] == [ParameterError.__name__] * 2
        older = platform.plan(spec, [DAYS[0]], "load-2")
        dated = platform.job_params(older, platform.job_rows(spec, [DAYS[0]]))["process_control"]
        assert [row["biz_dt"] for row in dated] == ["2024-05-14"]  # type: ignore[attr-defined]


def test_what_is_not_known_of_a_job_is_not_said(project: Deployment) -> None:
    """What its script reads; that a table.yaml which refines it would say whose it is."""
    declare(project.settings.home, REFINED.replace("JOB_2", "JOB_1"))
    with project.platform() as platform:
        spec = platform.find(A)
        backfill = plan_backfill(platform, spec, Choice(named=(DAYS[1],)), None)
        assert (backfill.input_bytes, [o.failure for o in backfill.refused]) == (None, [])
        assert "reads    unknown" in plan_text(backfill)
        (day,) = platform.plan(spec, [DAYS[1]], "load-1").dates
        origins = {p.name: p.origin for p in day.parameters}
    assert (origins["entity"], origins["job_name"]) == ("job_master.entity", "job_master.job_name")


def test_a_script_that_changed_or_went_is_seen_when_it_is_planned(project: Deployment) -> None:
    declare(project.settings.home, REFINED.replace("JOB_2", "JOB_1"))
    with project.platform() as platform:
        spec = platform.find(A)
        assert spec.file.endswith("table.yaml")
        script = Path(spec.legacy.script) if spec.legacy else Path()
        assert platform.plan(spec, [DAYS[1]], "load-1").code_version == spec.code_version
        script.write_text("print('another')\n")
        assert platform.plan(spec, [DAYS[1]], "load-1").code_version != spec.code_version
        script.unlink()
        with pytest.raises(JobFolderError, match=f"the main script {script} is missing"):
            platform.plan(spec, [DAYS[1]], "load-1")


def test_secrets_of_a_job_are_in_no_file_of_definitions(project: Deployment) -> None:
    with project.platform() as platform:
        add_row(
            platform, "JOB_1", A, project.settings.home / "jobs", context_params='{"db_password": "s3cr3t"}'
        )
        refresh_jobs(platform)
        assert "s3cr3t" not in (project.settings.home / FILE).read_text()


def tick(cursor: str | None = None) -> tuple[str, str | None]:
    resources = {"platform": PlatformResource()}
    with (
        dg.instance_for_test() as instance,
        dg.build_sensor_context(instance=instance, resources=resources, cursor=cursor) as context,
    ):
        result = jobs_sensor()(context)
        assert isinstance(result, dg.SkipReason)
        return result.skip_message or "", context.cursor


def test_the_sensor_tells_what_it_finds_and_what_it_has_loaded_anew(
    project: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_definitions(project.settings)
    assert tick()[0] == "2 jobs, 0 that are none"
    shutil.rmtree(project.settings.home / "jobs" / A)
    assert tick()[0].startswith("1 jobs, 1 that are none; the definitions are not those of now: reload")
    monkeypatch.setenv("FDM_CODE_SERVER", "127.0.0.1:1")
    asked_at = {"asked_at": time.time() - 100}
    told, cursor = tick(json.dumps(asked_at))
    left = re.search(r"the definitions are loaded anew in (\d+) s", told)
    assert left
    assert 0 < int(left[1]) <= 200
    assert json.loads(cursor or "")["asked_at"] == asked_at["asked_at"]
    told, cursor = tick(json.dumps({"asked_at": time.time() - 301}))
    assert told.endswith("the definitions are loaded anew")
    assert json.loads(cursor or "")["asked_at"] > time.time() - 60
    # a server that was asked and is still the same did not do it
    again = {**json.loads(cursor or ""), "asked_at": time.time() - 301}
    assert "the last time nothing came of it" in tick(json.dumps(again))[0]


@pytest.mark.parametrize("setting", [{"code_server": "127.0.0.1:1"}, {"ui_url": "http://127.0.0.1:1"}])
def test_a_server_that_is_not_there_is_told(project: Deployment, setting: dict[str, str]) -> None:
    reload = reloader(replace(project.settings, **setting), "fdm_platform")  # type: ignore[arg-type]
    assert reload
    with pytest.raises(MachineError, match="did not reload"):
        reload()
    assert reloader(project.settings, "fdm_platform") is None


class _Webserver(BaseHTTPRequestHandler):
    """It answers every request as Dagster's does that has reloaded."""

    def do_POST(self) -> None:
        entry = {"__typename": "WorkspaceLocationEntry", "locationOrLoadError": {"__typename": "R"}}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"data": {"reloadRepositoryLocation": entry}}).encode())


def test_the_webserver_is_asked_past_a_proxy(project: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with HTTPServer(("127.0.0.1", 0), _Webserver) as server:
        server.timeout = 20
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        reload = reloader(replace(project.settings, ui_url=f"http://127.0.0.1:{server.server_port}"), "x")
        assert reload
        try:
            reload()
        finally:
            server.server_close()
            answering.join(timeout=30)


def test_a_broken_legacy_yaml_leaves_all_as_it_was(project: Deployment) -> None:
    (project.settings.home / "legacy.yaml").write_text("prefixs: {}\n")
    catalog = read_catalog(project.settings)
    assert [e.message for e in catalog.errors] == ["unknown key 'prefixs'"]
    assert [s.job_name for s in catalog.tables.values()] == [A, B]
    with pytest.raises(dg.DagsterError, match="unknown key 'prefixs'"):
        tick()


def test_what_dagster_refuses_of_one_job_takes_down_no_other(project: Deployment) -> None:
    entity = "E" * 70  # more than a tag may have
    with project.platform() as platform:
        make_job(project.settings.home / "jobs", "nightly")
        add_row(
            platform, "JOB_4", "nightly", project.settings.home / "jobs", entity=entity, source_system="S"
        )
        refresh_jobs(platform)
    assert set(graph_of(project).materializable_asset_keys) == {KEY_A, KEY_B}


def test_three_thousand_jobs_cost_a_tick_little(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    project = project_in(tmp_path)
    with project.platform() as platform:
        names = [f"etl_lnd_gels_fpms_t_{n:04}" for n in range(3000)]
        for name in names:
            make_job(tmp_path / "jobs", name)
        platform.store.upsert(
            "job_master",
            [
                {"job_id": f"J{n}", "job_name": name, "script_path": str(tmp_path / "jobs")}
                for n, name in enumerate(names)
            ],
        )
        seconds = {"first look": _seconds(lambda: refresh_jobs(platform))}
        seconds["look at what is as it was"] = _seconds(lambda: refresh_jobs(platform))
        seconds["catalog"] = _seconds(lambda: read_catalog(project.settings))
        assert len(read_catalog(project.settings).tables) == 3000
        print({what: round(s, 2) for what, s in seconds.items()}, (tmp_path / FILE).stat().st_size)  # noqa: T201
        # a tick comes each minute; this many times what it takes on a quiet machine
        assert seconds["look at what is as it was"] < 30


def _seconds(do: object) -> float:
    begun = time.perf_counter()
    do()  # type: ignore[operator]
    return time.perf_counter() - begun
