"""`make bench`: the canonical problem, ours and every installed peer, then how a fit grows.

    python benchmarks/run.py [CELLS.csv] [REPEATS]

Writes ``benchmarks/results.json`` (every run, medians, ratios, date, machine), ``docs/figures/bench.png`` and
``docs/benchmarks.md``. Peers: NumPyro as a back end (the jax extra), bambi (the bench group) and what Rscript has of
rstanarm, brms, lme4 and glmmTMB.
"""

import datetime as dt
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from page import write_figure, write_page

HERE = Path(__file__).parent
CELLS = HERE.parents[1] / "shared" / "bench" / "canonical_cells.csv"
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
OURS, SAMPLER = "alliancecred, nested Laplace", "alliancecred, NUTS"
Facts = dict[str, float]


def run(*command: str) -> tuple[list[str], float]:
    """Return the lines a command printed and the seconds it took."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | THREADS, check=False, cwd=HERE)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout.strip().splitlines(), time.perf_counter() - start


def measure(*command: str) -> Facts:
    """Run one process that ends with a line of JSON; add the wall time of the whole process."""
    lines, seconds = run(*command)
    return json.loads(lines[-1].removeprefix("JSON ")) | {"process": seconds}


def contestants(cells: Path) -> dict[str, tuple[list[str], bool]]:
    """Name → command (the seed follows) and whether to repeat it; only what is installed."""
    found = {OURS: ([sys.executable, "ours.py", str(cells), "laplace"], True)}
    found[SAMPLER] = ([sys.executable, "ours.py", str(cells), "nuts"], True)
    if importlib.util.find_spec("numpyro"):
        found["alliancecred, NumPyro"] = ([sys.executable, "ours.py", str(cells), "numpyro"], False)
    if importlib.util.find_spec("bambi"):
        found["bambi, nutpie"] = ([sys.executable, "bambi_peer.py", str(cells)], True)
    if shutil.which("Rscript"):
        for package in ("rstanarm", "brms", "lme4", "glmmTMB"):
            asked = f"quit(status = !requireNamespace('{package}', quietly = TRUE))"
            if not subprocess.run(["Rscript", "-e", asked], capture_output=True, check=False).returncode:
                found[package] = (["Rscript", "r_peer.R", package, str(cells)], False)
    return found


def canonical(cells: Path, repeats: int) -> dict[str, list[Facts]]:
    """Alternate the contestants, so that a busy minute hits all of them."""
    runs: dict[str, list[Facts]] = {}
    for i in range(repeats):
        for name, (command, again) in contestants(cells).items():
            if i and not again:
                continue
            runs.setdefault(name, []).append(measure(*command, str(i + 1)))
            print(name, {k: round(v, 2) for k, v in runs[name][-1].items() if isinstance(v, float)}, flush=True)
    return runs


def start_up() -> Facts:
    """Seconds of a bare Python and of one that imports the library, medians of seven."""
    codes = ("pass", "import alliancecred")
    bare, full = (statistics.median(run(sys.executable, "-c", code)[1] for _ in range(7)) for code in codes)
    return {"python": bare, "import_alliancecred": full}


def main(cells: Path, repeats: int) -> int:
    """Measure, write and print."""
    if not cells.exists():
        print(f"the canonical cells are not at {cells.name}: give their path", file=sys.stderr)
        return 1
    runs = canonical(cells, repeats)
    medians = {
        name: {k: statistics.median(r[k] for r in several) for k, v in several[0].items() if isinstance(v, int | float)}
        for name, several in runs.items()
    }
    ratios = {
        name: {k: round(m[k] / medians[OURS][k], 1) for k in ("fit", "process")}
        | {"fit_over_second_fit": round(m["fit"] / medians[OURS]["second_fit"], 1)}
        for name, m in medians.items()
        if name != OURS
    }
    out: dict[str, Any] = {
        "date": dt.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "start_up": start_up(),
        "medians": medians,
        "ratios_to_nested_laplace": ratios,
        "study": measure(sys.executable, "study.py", "40"),
        "growth": [],
        "runs": runs,
    }
    for method in ("laplace", "nuts"):  # the last takes minutes: what is there is kept
        out["growth"] += [json.loads(line) for line in run(sys.executable, "growth.py", method)[0]]
        (HERE / "results.json").write_text(json.dumps(out, indent=1) + "\n")
        write_figure(out, HERE.parent / "docs" / "figures" / "bench.png")
        write_page(out, HERE.parent / "docs" / "benchmarks.md")
    print(json.dumps({"medians": medians, "ratios": ratios, "start_up": out["start_up"]}, indent=1))
    return 0


if __name__ == "__main__":
    path = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else CELLS
    sys.exit(main(path, int(sys.argv[2]) if len(sys.argv) > 2 else 3))
