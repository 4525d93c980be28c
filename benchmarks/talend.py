"""What importing a large Talend project costs: time and memory of `fdm talend import`.

    uv run python benchmarks/talend.py [--jobs 500] [--source FOLDER|ZIP]

Copies the sample project's largest job as often as asked (or takes your project), imports it into an empty folder in a
process of its own, and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAMPLE = Path(__file__).parents[1] / "examples" / "talend" / "SAMPLE" / "process" / "landing"
JOB = "policy_load_0.1"


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--source", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        source = options.source or generate(home / "project", options.jobs)
        print(json.dumps(measure(source, home)))


def generate(folder: Path, jobs: int) -> Path:
    """A project of copies of the sample's largest job, each under a label of its own."""
    place = folder / "process"
    place.mkdir(parents=True)
    texts = {suffix: (SAMPLE / f"{JOB}.{suffix}").read_text() for suffix in ("item", "properties")}
    for number in range(jobs):
        label = f"policy_load_{number:04}"
        (place / f"{label}_0.1.item").write_text(texts["item"])
        properties = texts["properties"].replace('label="policy_load"', f'label="{label}"')
        (place / f"{label}_0.1.properties").write_text(properties)
    return folder


def measure(source: Path, home: Path) -> dict[str, float]:
    """One import, by its own process."""
    command = [Path(sys.executable).with_name("fdm"), "talend", "import", source, "--entity", "E"]
    begun = time.perf_counter()
    told = home / "summary.json"
    with told.open("w") as out:
        child = subprocess.Popen(
            [str(c) for c in (*command, "--source-system", "S", "--json")],
            env={**os.environ, "FDM_PROJECT": str(home)},
            stdout=out,
        )
        _, _, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begun
    summary = json.loads(told.read_text())
    components = sum(summary["components"].values())
    print(f"{len(summary['jobs'])} jobs, {components} components, {len(summary['refused'])} refused")
    return {
        "jobs": len(summary["jobs"]),
        "components": components,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": round(usage.ru_maxrss / 1024, 1),
    }


if __name__ == "__main__":
    main()
