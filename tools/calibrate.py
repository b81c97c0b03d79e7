"""Simulation-based calibration of the retrenchment analysis at reduced size.

Truths are drawn from the prior (seeds 1…N), data are simulated, the posterior is sampled, and the
rank of each truth among thinned posterior draws is kept (Talts et al. 2018). The ranks of every
quantity must lie within 99 % simultaneous bands (Säilynoja et al. 2022), Holm over quantities. A
fit that fails its gates is run again if it was by NUTS (more tuning); none is dropped. Results go to
``tests/calibration/FAMILY_METHOD.json`` with a numeric fingerprint of the model.

    python tools/calibrate.py [SIMULATIONS [FAMILY [METHOD]]]

Family: ordinal (four answers), binary, published (whole per cents); method: laplace or nuts.
"""

import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import numpy as np
from calibrated import FAMILIES, fingerprint, fit_once, holm, prior_sds, uniformity


def main(simulations: int, family: str, method: str) -> int:
    """Run one calibration and write it down; 1 if a quantity is rejected."""
    once = partial(fit_once, family=family, method=method)
    start = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        results = []
        for i, result in enumerate(pool.map(once, range(1, simulations + 1)), 1):
            results.append(result)
            if i % 10 == 0:
                print(f"{i} of {simulations}, {time.perf_counter() - start:.0f} s", flush=True)
    names = sorted(results[0]["ranks"])
    p = {name: uniformity([r["ranks"][name] for r in results if name in r["ranks"]]) for name in names}
    rejected = holm(p, 0.01)
    prior = prior_sds(family)
    shrink = {n: float(np.mean([r["sd"][n] for r in results]) / prior[n]) for n in names if n in prior}
    out = {
        "family": family,
        "method": method,
        "simulations": simulations,
        "thinned_draws": 99,
        "failed_gates_at_last": sum(not r["passed"] for r in results),
        "second_attempts": sum(r["attempts"] > 1 for r in results),
        "seconds": round(time.perf_counter() - start),
        "fingerprint": fingerprint(),
        "p_value": {n: round(p[n], 4) for n in names},
        "rejected": rejected,
        "posterior_over_prior_sd": {n: round(v, 3) for n, v in shrink.items()},
        "uninformed": sorted(n for n, v in shrink.items() if v > 0.5),
        "ranks": {n: [r["ranks"][n] for r in results] for n in names},
    }
    path = ROOT / "tests" / "calibration" / f"{family}_{method}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(out, indent=1) + "\n")
    for n in names:
        print(f"{n:45s} p = {p[n]:.3f}   posterior/prior sd {shrink.get(n, float('nan')):.2f}")
    print(f"{len(results)} fits, {out['failed_gates_at_last']} failed their gates to the last; rejected: {rejected}")
    return 1 if rejected else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    size = int(given[0]) if given else 500
    wanted = [given[1]] if len(given) > 1 else FAMILIES
    by = given[2] if len(given) > 2 else "laplace"
    sys.exit(max(main(size, name, by) for name in wanted))
