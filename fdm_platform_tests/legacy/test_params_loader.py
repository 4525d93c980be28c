from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fdm_platform.legacy.framework import kudu_fetch_params as fetch
from fdm_platform.legacy.framework import params_loader as loader
from fdm_platform.legacy.framework.json_utils import dump_json_atomic
from fdm_platform_tests.legacy.jobs import DOCUMENT, NAME


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The parameters file of this process's job."""
    file = tmp_path / "params" / f"{NAME}.json"
    loader.save_job_params_to_json(DOCUMENT, str(file))
    monkeypatch.setenv("JOB_PARAMS_FILE", str(file))
    monkeypatch.delenv("KUDU_JOB_PARAMS_FILE", raising=False)
    return file


def test_flattened_keys_are_the_contract_s_and_control_values_win() -> None:
    assert loader.flatten_job_params(DOCUMENT) == {
        "env": "DEV",
        "entity": "GELS",
        "source_system": "FPMS",
        "job_name": NAME,
        "job_id": "JOB_2001",
        "script_path": "C:\\data\\projects",
        "comments": None,
        "biz_dt": "2024-05-15",
        "process_from_date": "2024-05-01",
        "process_to_date": "2024-05-15",
        "run_indicator": "Y",
        "run_id": "20240515",
        "change_indicator": None,
        "region": "O'Hare",
        "min_amount": 10,
        "context_params": {"region": "O'Hare", "ENTITY": "not this one", "min_amount": 10},
    }


@pytest.mark.parametrize(
    ("job_master", "row", "seen"),
    [
        ({"context_params": {"region": "N"}}, {}, {"region": "N"}),
        ({"context_params": ""}, {}, {"biz_dt": None}),
        ({"context_params": None, "job_id": "7"}, {}, {"job_id": "7"}),
        ({"context_params": '{"comments": "of context"}'}, {}, {"comments": "of context"}),
        ({}, {"start_dt": "2024-05-02", "end_dt": "2024-05-03"}, {"process_from_date": "2024-05-02"}),
    ],
)
def test_what_a_control_row_lacks(job_master: dict[str, Any], row: Any, seen: dict[str, Any]) -> None:
    flat = loader.flatten_job_params({"job_master": job_master, "process_control": [row] if row else []})
    assert seen.items() <= flat.items()


@pytest.mark.parametrize("context", ["{broken", "[1]", "7"])
def test_context_params_that_are_no_object_are_an_error(context: str) -> None:
    with pytest.raises(ValueError, match=r"job_master\.context_params"):
        loader.flatten_job_params({"job_master": {"context_params": context}})


def test_the_file_of_the_own_job_and_of_others(own: Path, tmp_path: Path) -> None:
    assert loader.get_job_params_path() == str(own)
    assert loader.get_job_params_path(NAME) == str(own)
    assert loader.get_job_params_path(NAME, "/elsewhere") == str(own)
    assert loader.get_job_params_path("other", "/base") == "/base/params/other.json"
    assert loader.get_job_params_path("other") == str(Path.cwd() / "params" / "other.json")
    assert loader.load_job_params_from_json(loader.get_job_params_path(NAME)) == DOCUMENT
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "torn.json").write_text('{"metadata": ')
    for name in ("list", "torn"):
        with pytest.raises(ValueError, match=f"{name}.json"):
            loader.load_job_params_from_json(tmp_path / f"{name}.json")


def test_a_job_s_context_file_is_below_the_control_tables(own: Path, tmp_path: Path) -> None:
    context = tmp_path / "context.json"
    context.write_text(
        json.dumps({"REGION": "file", "only_here": 1, "comments": "file", "biz_dt": "1999-01-01"})
    )
    merged = loader.load_and_merge_params(own, context)
    assert (merged["region"], merged["only_here"], merged["comments"]) == ("O'Hare", 1, "file")
    assert merged["biz_dt"] == "2024-05-15"
    assert "REGION" not in merged
    assert loader.load_and_merge_params() == loader.flatten_job_params(DOCUMENT)


def test_a_summary_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    loader.print_params_summary({"db_password": "hunter2", "region": "N"})
    told = capsys.readouterr().out
    assert "hunter2" not in told
    assert "region      = N" in told
    loader.print_params_summary(
        {"metadata": {}, "job_master": {"context_params": {"db_password": "hunter2"}}}
    )
    told = capsys.readouterr().out
    assert "hunter2" not in told
    assert "db_password" in told


def test_json_is_written_whole_and_for_this_user(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.json"
    assert dump_json_atomic({"d": date(2024, 5, 15), "ä": 1}, file) == str(file)
    assert file.read_text() == '{"d": "2024-05-15", "ä": 1}\n'
    assert file.stat().st_mode & 0o777 == 0o600
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="Circular"):
        dump_json_atomic(loop, file)
    assert json.loads(file.read_text())["ä"] == 1
    assert [f.name for f in file.parent.iterdir()] == ["b.json"]
    loader.save_job_params_to_json({"a": 1}, file, pretty=True)
    assert file.read_text() == '{\n  "a": 1\n}\n'


@pytest.mark.parametrize(
    "arguments", [(NAME,), ("kudu-1:7051,kudu-2:7051, kudu-3", NAME), (object(), NAME), ()]
)
def test_rows_of_the_own_job_are_those_of_its_file(own: Path, arguments: tuple[Any, ...]) -> None:
    assert fetch.fetch_job_master(*arguments) == DOCUMENT["job_master"]
    assert fetch.fetch_job_dependency(*arguments) == DOCUMENT["job_dependency"]
    assert fetch.fetch_sys_params(*arguments) == DOCUMENT["sys_params"]
    assert fetch.fetch_all_job_params(*arguments) == DOCUMENT
    assert fetch.fetch_job_params(*arguments)["run_id"] == "20240515"
    assert fetch.fetch_process_control("GELS", "FPMS") == DOCUMENT["process_control"]
    assert fetch.fetch_process_control() == DOCUMENT["process_control"]


def test_rows_of_another_job_are_the_control_tables(own: Path, tmp_path: Path, monkeypatch: Any) -> None:
    from fdm_platform.control.store import open_store  # noqa: PLC0415

    url = f"sqlite:///{tmp_path / 'control.db'}"
    monkeypatch.setenv("FDM_CONTROL_URL", url)
    store = open_store(url)
    store.create(["job_master", "process_control", "sys_params", "job_dependency"])
    store.upsert("job_master", [{"job_id": "JOB_9", "job_name": "other", "script_path": "/jobs"}])
    store.close()
    assert fetch.fetch_job_master("other")["job_id"] == "JOB_9"
    assert fetch.fetch_all_job_params("other", "GELS", "OTHER", "DEV")["process_control"] == []
    with pytest.raises(LookupError, match="nobody"):
        fetch.fetch_job_master("nobody")


def test_where_the_platform_is_not_there_only_the_own_job_is_known(own: Path, tmp_path: Path) -> None:
    """As on a cluster's node, with nothing of ours but this package."""
    shutil.copytree(Path(fetch.__file__).parent, tmp_path / "lone" / "framework")
    text = "from framework.kudu_fetch_params import *\nprint(fetch_job_master()['job_id'])\n"
    for ask in (
        "fetch_job_master('other')",
        "fetch_process_control('A', 'B')",
        "fetch_all_job_params('other')",
    ):
        text += f"try: {ask}\nexcept RuntimeError as e: print('platform\\'s own machine' in str(e))\n"
    command = [sys.executable, "-P", "-S", "-c", text]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "lone")}
    ended = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.stdout.split() == ["JOB_2001", "True", "True", "True"], ended.stderr
