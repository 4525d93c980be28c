"""The `fdm` command as its user calls it, to its end: all of it but what a process takes to import its libraries."""

from __future__ import annotations

import subprocess

from fdm_platform_tests.deployment import Deployment
from fdm_platform_tests.faults import crashing


def fdm(deployment: Deployment, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """What a command on a deployment ended with and said, in a process of its own (faults/crashing.py)."""
    ended = crashing.run([crashing.FDM, *args], {**deployment.environ, **environ})
    return subprocess.CompletedProcess(args, ended.code, ended.out, ended.err)
