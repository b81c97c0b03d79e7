"""`make bench`: the canonical problem, ours and the installed peers, alternating in one run.

    python benchmarks/run.py [CELLS.csv] [REPEATS]

Writes ``benchmarks/results.json`` (medians, every run, date, machine) and prints ratios.
"""

import datetime as dt
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
CELLS = HERE.parents[1] / "shared" / "bench" / "canonical_cells.csv"


def measure(script: str, cells: Path, seed: int, *more: str) -> dict[str, float]:
    """Run one script in a process of its own; add the wall time of the whole process."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(HERE / script), str(cells), str(seed), *more],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{script} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1]) | {"process": time.perf_counter() - start}


def main(cells: Path, repeats: int) -> int:
    """Measure, print and write."""
    if not cells.exists():
        print(f"the canonical cells are not at {cells.name}: give their path", file=sys.stderr)
        return 1
    scripts = {
        "alliancecred, nested Laplace": ("ours.py", "laplace"),
        "alliancecred, NUTS": ("ours.py", "nuts"),
    }
    if importlib.util.find_spec("bambi"):
        scripts["bambi with nutpie"] = ("bambi_peer.py",)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in scripts}
    for i in range(repeats):
        for name, script in scripts.items():
            runs[name].append(measure(script[0], cells, i + 1, *script[1:]))
            print(name, {k: round(v, 2) for k, v in runs[name][-1].items() if isinstance(v, float)}, flush=True)
    medians = {
        n: {k: statistics.median(r[k] for r in rs) for k, v in rs[0].items() if isinstance(v, int | float)}
        for n, rs in runs.items()
    }
    for m in medians.values():
        m["scale_ess_per_second_of_sampling"] = m["ess_min_scales"] / m["sampling"]
        m["scale_ess_per_second_of_process"] = m["ess_min_scales"] / m["whole"]
    first, *others = medians
    ratios = {n: {k: medians[n][k] / medians[first][k] for k in ("fit", "whole", "sampling")} for n in others}
    out = {
        "date": dt.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "medians": medians,
        "ratios_to_nested_laplace": ratios,
        "runs": runs,
    }
    (HERE / "results.json").write_text(json.dumps(out, indent=1) + "\n")
    print(json.dumps({"medians": medians, "ratios": ratios}, indent=1))
    return 0


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else CELLS
    sys.exit(main(path, int(sys.argv[2]) if len(sys.argv) > 2 else 3))
