from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.engines.bundle import bundle
from fdm_platform.engines.command import MODULE_OPTIONS, argv, environment, params_file
from fdm_platform.engines.load_folder import LoadFolder
from fdm_platform.engines.script_submission import current
from fdm_platform.engines.secrets import revealed
from fdm_platform.legacy import framework
from fdm_platform.model.manifest import Manifest, OutputStaged
from fdm_platform_tests.engines.launching import machine_of
from fdm_platform_tests.legacy.jobs import DAY, NAME, script_plan

FOLDER = LoadFolder(Path("/work/run-1"))
PACKAGE = Path(framework.__file__).parents[1]


def environment_of(folder: Path, **machine: Any) -> dict[str, str]:
    return environment(
        script_plan(folder), FOLDER, machine_of(**machine), {"PYTHONPATH": "/own"}, has_params=True
    )


def test_the_script_is_the_program(tmp_path: Path) -> None:
    plan = script_plan(tmp_path)
    assert plan.legacy
    lean = argv(plan, FOLDER, machine_of())
    assert lean[lean.index("pyspark-shell") + 1 :] == ["--", plan.legacy.script]
    assert "-XX:TieredStopAtLevel=1" not in lean, "what a script reads is not known"
    assert set(MODULE_OPTIONS) <= set(lean)
    plain = argv(plan, FOLDER, machine_of(is_customised=True))
    assert plain[0].endswith("spark-submit")
    assert plain[-1] == plan.legacy.script


def test_the_environment_is_the_contract_s(tmp_path: Path) -> None:
    base = tmp_path / "jobs" / NAME
    env = environment_of(tmp_path)
    params = f"/work/run-1/params/{NAME}.json"
    assert {
        "JOB_PARAMS_FILE": params,
        "KUDU_JOB_PARAMS_FILE": params,
        "JOB_SQL_DIR": str(base / "sql"),
        "JOB_BASE_DIR": str(base),
        "LOG_FILE": "/work/run-1/job.log",
        "FDM_LEGACY_PLAN": "/work/run-1/plan.json",
        "FDM_MESSAGES": "/work/run-1/messages.jsonl",
    }.items() <= env.items()
    own = [str(PACKAGE.parents[1]), str(PACKAGE), str(base / "scripts")]
    assert env["PYTHONPATH"].split(os.pathsep) == [*own, "/own"]
    by_spark_submit = environment_of(tmp_path, is_customised=True)["PYTHONPATH"].split(os.pathsep)
    assert by_spark_submit == [*own, str(PACKAGE / "started"), "/own"]


@pytest.mark.parametrize(
    ("name", "file"), [("etl_t", "etl_t.json"), ("a/../b", "a_.._b.json"), ("ä b", "ä b.json")]
)
def test_a_parameters_file_is_named_after_its_job(tmp_path: Path, name: str, file: str) -> None:
    assert params_file(replace(script_plan(tmp_path), job_name=name), FOLDER) == FOLDER.path / "params" / file


def test_secrets_are_in_place_of_where_they_are_kept() -> None:
    context = '{"password": "env:PW", "region": "N", "deep": [{"token": "file:/t"}]}'
    params = {
        "job_master": {"context_params": context, "comments": "env:PW is kept"},
        "sys_params": [{"param_value": "env:PW"}, {"param_value": "{ not json"}, {"param_value": None}],
    }
    told = revealed(params, {"env:PW": 'a"b', "file:/t": "t"})
    assert json.loads(told["job_master"]["context_params"]) == {
        "password": 'a"b',
        "region": "N",
        "deep": [{"token": "t"}],
    }
    assert told["job_master"]["comments"] == "env:PW is kept"
    assert told["sys_params"] == [
        {"param_value": 'a"b'},
        {"param_value": "{ not json"},
        {"param_value": None},
    ]
    assert revealed({"a": context}, {})["a"] is context


def test_the_zip_for_executors_has_framework_on_top(tmp_path: Path) -> None:
    """Imported from the zip alone, by a Python that sees nothing else of the platform."""
    made = bundle(tmp_path)
    names = zipfile.ZipFile(made).namelist()
    assert {"framework/__init__.py", "framework/metrics.py", "fdm_platform/planning/sql.py"} <= set(names)
    assert "fdm_platform/planning/catalog.py" not in names
    program = (
        f"import sys; sys.path[:0] = [{str(made)!r}]; sys.modules['pyspark'] = None\n"
        "import framework, framework.metrics, framework.params_loader, framework.perf, framework.orchestrator\n"
        "import framework.kudu_fetch_params, framework.json_utils, framework._hql\n"
        "assert not [m for m in sys.modules if m.startswith('fdm_platform')]\n"
        "framework.get_logger('worker').info('%s', framework._hql.parameters({'a': 1})['a'].type)\n"
        "from fdm_platform.planning.sql import bind\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("INFO worker: integer\n")


def staged(*folders: str, root: str = "/t") -> OutputStaged:
    found = tuple(Manifest("l", "t", DAY, f, f"{root}/.staging/l/1", (), ()) for f in folders)
    return OutputStaged(root, root, "append", found)


def test_a_later_write_of_a_date_takes_the_place_of_an_earlier_one() -> None:
    writes = [staged(), staged("a", "b"), staged("a", root="/u"), staged("a"), staged("c")]
    seen = [(s.root, [m.folder for m in s.manifests]) for s in current(writes)]
    assert seen == [("/t", ["b"]), ("/u", ["a"]), ("/t", ["a"]), ("/t", ["c"])]
