"""What being safe costs a load on which nothing goes wrong: claims, registration, journal, heartbeat, recovery.

    uv run python benchmarks/steady.py [--rows 1500000] [--runs 5] [--against PATH]

`fdm materialize` of one date, with `--rows` such that it takes about ten seconds. The functions that do this work are
wrapped by the benchmark, and their seconds summed: on the load's own path, and in the thread of the heartbeat, beside
it. `share_of_load` is the median of the first sums' share of the load's wall time.

With `--against`, the clone or worktree of a commit before there was any of this (`git worktree add PATH ee9fd7c`), the
same load runs by its code and by ours in turn: `ratio_overhead` is the median of the pairs' ratios, and
`ratio_spread` the distance of its quartiles, for a per cent is less than these machines' noise. `ratio_cpu` is the
same of the processor time of all processes, which other work disturbs less. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import atexit
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from deployment import DAY
from pairs import Run, in_turn, ratio, timed

HERE = Path(__file__).parent
TABLE = "gels_fpms_t_contract_master"
CLASSES = {
    "claims": ("fdm_platform.control.claims:Claims",),
    "loads": ("fdm_platform.control.loads:Loads",),
    "journal": ("fdm_platform.control.execution_log.log:ExecutionLog",),
    "breakers": ("fdm_platform.control.breakers:Breakers",),
    "owner": ("fdm_platform.engines.owner:Owner",),
}
"""Whose public methods are timed, by what the figure is called."""
FUNCTIONS = {
    "recovery": ("fdm_platform.defs.load:recover", "fdm_platform.defs.load:_adopt"),
    "disk": ("fdm_platform.defs.load:require_writable", "fdm_platform.engines.filesystem:sync"),
}
"""Functions that are timed where their callers find them."""
DEPLOY = """
import sys
from pathlib import Path
from deployment import deploy
from fdm_platform.engines import class_archive
deployment = deploy(Path(sys.argv[1]), int(sys.argv[2]))
class_archive.build(deployment.settings.cache)
"""


def main() -> None:
    """Measure and print; with `--inside` as the first argument, be the load that is measured."""
    if sys.argv[1:2] == ["--inside"]:
        run_timed(Path(sys.argv[2]), sys.argv[3:])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_500_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--against", type=Path, help="a clone at a commit before all this")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fdm-bench-") as folder:
        figures = shares(Tree(HERE.parent, Path(folder) / "ours", args.rows), args.runs)
        if args.against:
            figures |= compared(Path(folder), args.against.resolve(), args.rows, args.runs)
    sys.stdout.write(f"{json.dumps(figures)}\n")


class Tree:
    """A tree of the platform's code, and a deployment that it has made."""

    def __init__(self, code: Path, home: Path, rows: int) -> None:
        """Make the deployment, with that many contracts."""
        self.home = home
        own = {k: v for k, v in os.environ.items() if not k.startswith(("FDM_", "DAGSTER_"))}
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        paths = os.pathsep.join(map(str, (code, code / "benchmarks")))
        self.environ = {**own, "PYTHONPATH": paths, "FDM_PROJECT": str(code), "FDM_HOME": str(home)}
        command = [sys.executable, "-c", DEPLOY, str(home), str(rows)]
        subprocess.run(command, env=self.environ, cwd=code, check=True)
        self._code = code
        self.cpu: list[float] = []
        """Processor seconds of each load, its Spark's among them."""

    def load(self) -> Run:
        """Load the date."""
        command = [sys.executable, "-c", "from fdm_platform.cli import main; main()", *materialize()]
        before = cpu_of_children()
        run = timed(command, self.environ, self._code)
        self.cpu.append(cpu_of_children() - before)
        return run

    def load_timed(self) -> tuple[Run, dict[str, float]]:
        """Load the date, and what was timed in it."""
        out = self.home / "seconds.json"
        command = [sys.executable, str(HERE / "steady.py"), "--inside", str(out), *materialize()]
        run = timed(command, self.environ, self._code)
        seconds: dict[str, float] = json.loads(out.read_text())
        return run, seconds


def cpu_of_children() -> float:
    """Processor seconds of all processes that have ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def materialize() -> list[str]:
    """The command's arguments."""
    return ["materialize", TABLE, "--biz-dt", DAY.isoformat()]


def shares(ours: Tree, runs: int) -> dict[str, Any]:
    """The wrapped functions' seconds as a share of the load, after one unmeasured load."""
    ours.load_timed()
    measured = [ours.load_timed() for _ in range(runs)]
    beside = statistics.median(seconds.pop("beat", 0.0) for _, seconds in measured)
    share = statistics.median(sum(seconds.values()) / run.wall_s for run, seconds in measured)
    wall = statistics.median(run.wall_s for run, _ in measured)
    names = sorted({name for _, seconds in measured for name in seconds})
    by_name = {name: statistics.median(s.get(name, 0.0) for _, s in measured) for name in names}
    print(f"fdm materialize, {wall:.1f} s, median of {runs}; of these")
    for name, seconds in by_name.items():
        print(f"  {name:10} {seconds * 1000:8.1f} ms")
    print(f"  in all     {share:8.2%}; the heartbeat, beside it, {beside * 1000:.1f} ms")
    return {
        "share_of_load": round(share, 4),
        "seconds_of_load": round(wall, 2),
        **{f"ms_{name}": round(seconds * 1000, 1) for name, seconds in by_name.items()},
        "ms_beat_beside": round(beside * 1000, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


def compared(folder: Path, against: Path, rows: int, runs: int) -> dict[str, Any]:
    """The same load by our code and by the other tree's, in turn."""
    ours, theirs = Tree(HERE.parent, folder / "paired", rows), Tree(against, folder / "theirs", rows)
    pairs = in_turn(runs, ours.load, theirs.load)
    ratios = sorted(a.wall_s / b.wall_s for a, b in pairs)
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
    cpu = statistics.median(a / b for a, b in zip(ours.cpu[1:], theirs.cpu[1:], strict=True))
    print(f"against {against}: {', '.join(f'{r:.3f}' for r in ratios)}; of processor time {cpu:.3f}")
    return {
        "ratio_overhead": round(ratio(pairs), 3),
        "ratio_spread": round(high - low, 3),
        "ratio_cpu": round(cpu, 3),
        "pairs": runs,
    }


def run_timed(out: Path, arguments: list[str]) -> None:
    """Be `fdm` with these arguments; what was timed is in the file when the process ends."""
    clock = Clock()
    for name, target in targets(CLASSES):
        for method, function in list(vars(target).items()):
            if callable(function) and (method == "__init__" or not method.startswith("_")):
                setattr(target, method, clock.around(name, function))
    for name, paths in FUNCTIONS.items():
        for path in paths:
            module, _, function = path.partition(":")
            found = importlib.import_module(module)
            setattr(found, function, clock.around(name, getattr(found, function)))
    atexit.register(lambda: out.write_text(json.dumps(clock.seconds)))
    sys.argv = ["fdm", *arguments]
    importlib.import_module("fdm_platform.cli").main()


def targets(paths: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, Any]]:
    """The objects of `module:name` paths."""
    for name, of in paths.items():
        for path in of:
            module, _, attribute = path.partition(":")
            yield name, getattr(importlib.import_module(module), attribute)


class Clock:
    """Seconds spent in wrapped functions, by name; what one calls of another counts once."""

    def __init__(self) -> None:
        """Nothing so far."""
        self.seconds: Counter[str] = Counter()
        self._inside = threading.local()

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        @wraps(function)
        def timed_function(*args: Any, **kwargs: Any) -> Any:
            if getattr(self._inside, "is_timed", False):
                return function(*args, **kwargs)
            self._inside.is_timed, begun = True, time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._inside.is_timed = False
                is_main = threading.current_thread() is threading.main_thread()
                self.seconds[name if is_main else "beat"] += time.perf_counter() - begun

        return timed_function


if __name__ == "__main__":
    main()
