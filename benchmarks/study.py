"""Many fits of the canonical size: simulated data sets, nested Laplace, 4 × 1,000 draws, one fit a core.

    python benchmarks/study.py N [loky|dask] [FOLDER] [given|prior]

Truth: ``given`` holds the scalars near their posterior means on the canonical data and draws the group effects;
``prior`` draws everything from the priors.
With a FOLDER, results are kept in ``FOLDER/canonical_TRUTH.jsonl`` and a second call goes on where the first ended.
Prints a JSON line.
"""

import json
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
start = time.perf_counter()
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib
from ours import canonical_spec

import alliancecred as ac
from alliancecred.simulation import Layout, lay_out, simulate_on
from alliancecred.studies import refit

COUNTRIES = ("CA", "DE", "PL", "RU", "UK", "US")
ALLIES = ("CA", "DE", "FR", "IT", "PL", "TR", "UK", "US")
SIZES = (1004, 651, 900, 800)
TRUTH = {
    "intercept": 0.31,
    "fixed_us": 0.53,
    "shift_post[sender]": -1.04,
    "shift_post[other]": 0.19,
    "gap_elite": 0.11,
    "fixed_us_elite": -0.45,
    "sd_level_country": 0.35,
    "sd_level_ally": 0.3,
    "sd_level_country_ally": 0.15,
    "sd_shift_post_all_country": 0.15,
    "sd_shift_post_all_ally": 0.15,
    "sd_shift_post_all_country_ally": 0.1,
}


def canonical_layout() -> Layout:
    """200 cells: 6 countries, 8 allies, 4 waves, British elites in the third."""
    spec = replace(canonical_spec(), countries=COUNTRIES, allies=ALLIES)
    waves = [w.name for w in spec.waves]
    public = [ac.Fielding(w, n) for w, n in zip(waves, SIZES, strict=True)]
    return lay_out(spec, (*public, ac.Fielding(waves[2], 100, "elite", ("UK",))))


def fit_facts(truth: dict[str, float], seed: int, *, layout: Layout) -> dict[str, object]:
    """One data set, one fit: verdict, cost, and the effects with their truth."""
    simulated = simulate_on(layout, truth, seed)
    began = time.process_time()
    fit = refit(layout.design, simulated.truth.cells, seed, draws=1000, method="laplace")
    if isinstance(fit, str):
        return {"status": fit}
    fitted = time.process_time()
    estimate = ac.shift(fit, by=())
    mean = estimate.draws.mean(("chain", "draw")).values
    true = ac.shift(simulated.truth, by=()).draws.values.ravel()
    return {
        "status": fit.diagnosis.status,
        "evaluations": int(fit.idata.attrs["evaluations"]),
        "mean": mean,
        "truth": true,
        "_cpu": {"fit": round(fitted - began, 3), "estimand": round(time.process_time() - fitted, 3)},
    }


def main(fits: int, backend: str, folder: Path | None, truth: str) -> dict[str, object]:
    """Run the study and say what it cost."""
    layout = canonical_layout()
    items = {f"data set {i}": TRUTH if truth == "given" else {} for i in range(1, fits + 1)}
    path = folder / f"canonical_{truth}.jsonl" if folder else None
    with ExitStack() as stack:
        if backend == "dask":
            import dask
            from dask.distributed import Client, LocalCluster

            # Dask's defaults stop the workers a hundred times a second, and give back every page a fit lets go of
            dask.config.set(
                {
                    "distributed.worker.profile.enabled": False,
                    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**27,
                    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 2**25,
                }
            )
            cluster = stack.enter_context(
                LocalCluster(n_workers=os.cpu_count(), threads_per_worker=1, dashboard_address=None)
            )
            stack.enter_context(Client(cluster))
            stack.enter_context(joblib.parallel_config(backend="dask"))
        began = time.perf_counter()
        facts = ac.run_study(
            partial(fit_facts, layout=layout),
            items,
            identity={"study": "canonical", "truth": truth},
            path=path,
        )
        seconds = time.perf_counter() - began
    cpu = [f["_cpu"]["fit"] for f in facts.values() if "_cpu" in f]
    return {
        "backend": backend,
        "fits": fits,
        "cells": len(layout.cells.rows),
        "failed_gates": sum(f["status"] != "passed" for f in facts.values()),
        "seconds": round(seconds, 1),
        "seconds_per_fit": round(seconds / fits, 3),
        "cpu_seconds_in_a_fit": round(sum(cpu) / len(cpu), 3),
        "minutes_for_1000": round(1000 * seconds / fits / 60, 1),
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    given = sys.argv[1:]
    kind = given[1] if len(given) > 1 else "loky"
    where = Path(given[2]) if len(given) > 2 else None
    print(json.dumps(main(int(given[0]), kind, where, given[3] if len(given) > 3 else "given")))
