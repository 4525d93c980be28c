"""What thousands of legacy jobs cost: a look at job_master and the folders, and definitions loaded anew.

    uv run python benchmarks/legacy_jobs.py [--sizes 300,3000] [--runs 5]

Makes deployments of N jobs (SQLite, a folder with a script, an HQL and a manifest for each) and, in turn, looks at all of
them where nothing has changed and loads the definitions in a fresh process, as a reload does, over those of a
deployment without jobs. CPU seconds, medians. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from definitions import load_in

from fdm_platform.control.schema import TABLES
from fdm_platform.control.store import open_store
from fdm_platform.defs.legacy_jobs import read_catalog, refresh_jobs
from fdm_platform.defs.platform import open_platform
from fdm_platform.model.settings import Settings

FILES = {
    "scripts/{}.py": "print('done')\n",
    "sql/out1.hql": "SELECT 1 AS id\n",
    "manifest/manifest.json": "{{}}\n",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="300,3000")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    taken: dict[tuple[int, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        sizes = [int(size) for size in options.sizes.split(",")]
        made = {n: generate(Path(folder) / str(n), n) for n in (0, *sizes)}
        for n, settings in made.items():
            taken[n, "first_look"].append(look(settings, is_new=n > 0))
        for _ in range(options.runs):
            for n, settings in made.items():
                taken[n, "quiet_look"].append(look(settings, is_new=False))
                taken[n, "catalog"].append(catalog(settings, n))
                taken[n, "definitions"].append(load_in(settings.project, n)["cpu"])
    report(taken, sizes)


def generate(project: Path, jobs: int) -> Settings:
    """A deployment of that many legacy jobs in sources of a hundred, and no declared table."""
    (project / "sql" / "landing").mkdir(parents=True)
    settings = Settings.from_environ({"FDM_PROJECT": str(project)})
    settings.home.mkdir(parents=True)
    rows = []
    for number in range(jobs):
        name = f"etl_lnd_gels_s{number // 100:02d}_t_{number:05d}"
        for file, text in FILES.items():
            path = project / "jobs" / name / file.format(name)
            path.parent.mkdir(parents=True)
            path.write_text(text.format())
        rows.append({"job_id": f"JOB_{number}", "job_name": name, "script_path": str(project / "jobs")})
    store = open_store(settings.control_url)
    store.create(TABLES)
    store.upsert("job_master", rows)
    store.close()
    return settings


def look(settings: Settings, *, is_new: bool) -> float:
    """The sensor's look, which has to find what is new and nothing else."""
    with open_platform(settings) as platform:
        begun = time.process_time()
        has_changed = refresh_jobs(platform)
        seconds = time.process_time() - begun
    assert has_changed or not is_new  # noqa: S101 - or the figure means nothing
    return seconds


def catalog(settings: Settings, jobs: int) -> float:
    """What each process that loads definitions reads."""
    begun = time.process_time()
    found = read_catalog(settings)
    seconds = time.process_time() - begun
    assert len(found.tables) == jobs  # noqa: S101
    return seconds


def report(taken: dict[tuple[int, str], list[float]], sizes: list[int]) -> None:
    """A table for people, then one line of JSON: what each size takes over no jobs at all."""
    result = {}
    for what in ("first_look", "quiet_look", "catalog", "definitions"):
        for n in sizes:
            over = statistics.median(a - b for a, b in zip(taken[n, what], taken[0, what], strict=True))
            print(f"{n:>6} jobs  {what:<12} {over:7.3f} s of CPU over none")
            result[f"cpu_seconds_{what}_{n}"] = round(over, 3)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
