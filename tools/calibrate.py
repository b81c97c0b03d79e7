"""Simulation-based calibration of the retrenchment analysis at reduced size: `ac.calibrate`, kept in a file.

Results go to ``tests/calibration/FAMILY_METHOD.json`` with a numeric fingerprint of the model; finished simulations
are kept in ``out/calibration`` meanwhile, so that a stopped run goes on where it ended.

    python tools/calibrate.py [SIMULATIONS [FAMILY [METHOD]]]

Family: ordinal (four answers), binary, published (whole per cents), time (trends, a half-life); method: laplace (a
fit that misses its gates is run again by NUTS) or nuts.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from calibrated import FAMILIES, as_published, fingerprint, small_spec

import alliancecred as ac
from alliancecred.journal import canonical
from alliancecred.ranks import DRAWS


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
    path = ROOT / "tests" / "calibration" / f"{family}_{method}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(out, indent=1) + "\n")
    print(found)
    return 1 if found.rejected else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    size = int(given[0]) if given else 500
    wanted = [given[1]] if len(given) > 1 else FAMILIES
    by = given[2] if len(given) > 2 else "laplace"
    sys.exit(max(main(size, name, by) for name in wanted))
