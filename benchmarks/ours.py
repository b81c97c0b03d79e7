"""One process: our fit of the canonical problem; prints a JSON line with times and effective sizes."""

import json
import sys
import time

start = time.perf_counter()
import datetime as dt
from pathlib import Path

import pandas as pd

import alliancecred as ac
from alliancecred import gates

WAVES = ("2025-01", "2025-03", "2025-06", "2026-01")
LEVELS = [("country",), ("ally",), ("country", "ally")]


def canonical_spec() -> ac.Spec:
    """post·us + elite·us + (1 + post | country) + (1 + post | ally) + (1 + post | country:ally)."""
    us = ("ally", ("US",))
    return ac.Spec(
        "canonical",
        ("no", "yes"),
        ("yes",),
        (
            ac.Fixed("us", (us,)),
            ac.Shift("post"),
            ac.Gap("elite", prior=ac.Normal(0, 1.5)),
            ac.Fixed("us_elite", (us, ("population", ("elite",)))),
            *[ac.Level(by) for by in LEVELS],
            *[ac.Shift("post", by=by, together=True, correlated=True) for by in LEVELS],
        ),
        waves=tuple(ac.Wave(w, dt.date.fromisoformat(f"{w}-02"), dt.date.fromisoformat(f"{w}-20")) for w in WAVES),
        signals=(ac.Signal("post", "US", dt.date(2025, 2, 15)),),
        self_ratings="merged",
    )


def canonical_survey(path: str | Path) -> ac.Survey:
    """The cells of the canonical problem (columns country, ally, wave, pop, n, k)."""
    table = pd.read_csv(path, keep_default_na=False)
    table["no"] = table.n - table.k
    return ac.read_counts(
        table,
        roles=ac.Roles(country="country", ally="ally", wave="wave", population="pop"),
        counts={"no": "no", "yes": "k"},
        top=("yes",),
    )


def main(path: str, method: str, seed: int) -> dict[str, object]:
    """Fit twice; the second fit shows what is left when everything is loaded."""
    survey = canonical_survey(path)
    imported = time.perf_counter()
    fit = ac.fit(canonical_spec(), survey, random_seed=seed, method=method, progressbar=False)
    first = time.perf_counter()
    gates.diagnosis(fit.posterior, fit.idata["sample_stats"].to_dataset())
    judged = time.perf_counter()
    again = ac.fit(canonical_spec(), survey, random_seed=seed + 1, method=method, progressbar=False)
    end = time.perf_counter()
    table = fit.diagnosis.table
    scales = table[table.variable.str.startswith(("sd_", "corr_"))]
    return {
        "what": f"alliancecred, {method}",
        "import_and_read": imported - start,
        "fit": first - imported,
        "judging": judged - first,
        "second_fit": end - judged,
        "first_sampling": float(fit.idata.attrs["sampling_time"]),
        "sampling": float(again.idata.attrs["sampling_time"]),
        "whole": first - start,
        "ess_min": float(table.ess_bulk.min()),
        "ess_min_scales": float(scales.ess_bulk.min()),
        "divergences": again.diagnosis.divergences + fit.diagnosis.divergences,
        "r_hat_max": float(table.r_hat.max()) if "r_hat" in table else 1.0,
        "k_hat_max": float(table.k_hat.max()) if "k_hat" in table else 0.0,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
