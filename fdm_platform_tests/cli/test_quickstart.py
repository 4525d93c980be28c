from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FDM = str(Path(sys.executable).parent / "fdm")


@pytest.mark.parametrize(
    ("environ", "name"),
    [({"FDM_ENV": "PROD"}, "FDM_ENV"), ({"FDM_CONTROL_URL": "sqlite:////tmp/own.db"}, "FDM_CONTROL_URL")],
)
def test_the_sample_is_never_written_to_a_teams_own_deployment(
    tmp_path: Path, environ: dict[str, str], name: str
) -> None:
    env = {**os.environ, "FDM_HOME": str(tmp_path / "home"), **environ}
    done = subprocess.run([FDM, "quickstart"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"deployment of your own: {name} is set" in done.stderr
    assert not (tmp_path / "home" / "data").exists()


@pytest.mark.parametrize("option", [["--rows", "-5"], ["--port", "99999"]])
def test_options_out_of_range_are_refused(option: list[str]) -> None:
    done = subprocess.run([FDM, "quickstart", *option], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not in the range" in done.stderr
