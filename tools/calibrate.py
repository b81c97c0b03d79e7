"""Simulation-based calibration of the retrenchment analysis at reduced size: `ac.calibrate`, kept in a file.

Results go to ``tests/calibration/FAMILY_METHOD.json`` with a numeric fingerprint of the model; finished simulations
are kept in ``out/calibration`` meanwhile, so that a stopped run goes on where it ended.

    python tools/calibrate.py [SIMULATIONS [FAMILY [METHOD]]]

Family: ordinal (four answers), binary, published (whole per cents), time (trends, a half-life), panel (people who
come back; nuts only, and what an analysis covers that takes every answer for somebody else's), slider, means
(of a rating scale), slopes (covariates), cuts (by country; nuts only), gaussian (normal answers), vignette (an
experiment), choices (of one of two profiles), tasks (several profiles for each person; nuts only); method: laplace (a
fit that misses its gates is run again by NUTS) or nuts.
"""

import json
import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import pandas as pd
from calibrated import FAMILIES, as_published, fingerprint, naive, small_spec

import alliancecred as ac
from alliancecred.journal import canonical
from alliancecred.uniform_ranks import DRAWS, thin


def main(simulations: int, family: str, method: str) -> int:
    """Run one calibration and write it down; 1 if a quantity is rejected."""
    start, model = time.perf_counter(), fingerprint(family)
    found = ac.calibrate(
        small_spec(family),
        simulations=simulations,
        publish=as_published if family == "published" else None,
        draws=1000 if method == "nuts" else 500,
        method="nuts" if method == "nuts" else "auto",
        path=ROOT / "out" / "calibration" / f"{family}_{method}_{canonical({'model': model})[:12]}.jsonl",
    )
    table = found.table.sort_index()
    informed = table["sd_ratio"].dropna()
    out = {
        "family": family,
        "method": method,
        "simulations": simulations,
        "thinned_draws": DRAWS,
        "failed_gates_at_last": found.failed,
        "second_attempts": found.retried,
        "refitted_by_nuts": found.refitted,
        "seconds": round(time.perf_counter() - start),
        "fingerprint": model,
        "p_value": table["p_value"].round(4).to_dict(),
        "rejected": list(found.rejected),
        "posterior_over_prior_sd": informed.round(3).to_dict(),
        "uninformed": [n for n, ok in table["informed"].items() if not ok],
        "ranks": {n: found.ranks[n].tolist() for n in table.index},
    }
    if family == "panel":
        out["coverage_90"] = {"people": _covered(found.ranks), "naive": _naive(simulations)}
    path = ROOT / "tests" / "calibration" / f"{family}_{method}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(out, indent=1) + "\n")
    print(found)
    return 1 if found.rejected else 0


def _covered(ranks: pd.DataFrame) -> dict[str, float]:
    """Share of the truths within the middle nine tenths of the thinned draws, per cent."""
    inside = (ranks > 0.05 * DRAWS) & (ranks < 0.95 * DRAWS)
    return {str(n): round(100 * float(inside[n].mean()), 1) for n in sorted(ranks)}


def _naive(simulations: int) -> dict[str, float]:
    """Fit the same panels as if every answer came from somebody else; what its 90 % intervals cover."""
    spec, ranks = small_spec("panel"), []
    for seed in range(1, simulations + 1):
        sim = ac.simulate(spec, truth={}, random_seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = ac.fit(naive(spec), sim.survey, draws=500, random_seed=seed, progressbar=False)
        rows: dict[str, int] = {}
        for asked in fit.spec.estimands:
            true, found = ac.evaluate(sim.truth, asked), ac.evaluate(fit, asked)
            for i in range(len(found)):
                labels = [v for v in found.labels(i).values() if v]
                truth = float(true.draws.values[..., i].squeeze())
                rows[", ".join(labels)] = int((thin(found.draws.values[..., i].ravel()) < truth).sum())
        ranks.append(rows)
    return _covered(pd.DataFrame(ranks))


if __name__ == "__main__":
    given = sys.argv[1:]
    size = int(given[0]) if given else 500
    wanted = [given[1]] if len(given) > 1 else FAMILIES
    by = given[2] if len(given) > 2 else "laplace"
    sys.exit(max(main(size, name, "nuts" if name == "panel" else by) for name in wanted))
