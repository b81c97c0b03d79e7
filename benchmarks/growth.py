"""How a fit grows: answers per cell, cells, groups and draws; prints a JSON line per fit.

    python benchmarks/growth.py laplace|nuts

Data are simulated: countries × allies × waves, a signal in the middle, one truth. The sampler only grows in cells.
"""

import json
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

start = time.perf_counter()
import datetime as dt

import numpy as np
import pandas as pd
from ours import LEVELS

import alliancecred as ac


@dataclass(frozen=True)
class Size:
    """One problem."""

    axis: str
    countries: int = 6
    allies: int = 8
    waves: int = 4
    people: int = 800
    draws: int = 1000


SIZES = (
    *(Size("answers", people=n) for n in (8, 80, 800, 80_000, 8_000_000)),
    *(Size("cells", c, a, w, 200) for c, a, w in ((6, 8, 4), (12, 10, 10), (20, 15, 15), (30, 20, 20))),
    *(Size("groups", c, 8, 4, 200) for c in (6, 12, 24, 48, 96)),
    *(Size("draws", draws=d) for d in (250, 1000, 4000, 16_000)),
)


def wave_dates(size: Size) -> list[dt.date]:
    """Fielding days, half a year apart."""
    return [dt.date(2000, 1, 1) + dt.timedelta(days=182 * i) for i in range(size.waves)]


def make_spec(size: Size) -> ac.Spec:
    """Levels and shifts of country, ally and dyad, correlated; levels of waves where there are many."""
    days = wave_dates(size)
    waves = tuple(ac.Wave(f"w{i:03d}", d, d + dt.timedelta(days=20)) for i, d in enumerate(days))
    by = [*LEVELS, ("wave",)] if size.waves > 4 else LEVELS
    terms = (
        ac.Fixed("us", (("ally", ("US",)),)),
        ac.Shift("post"),
        *(ac.Level(b) for b in by),
        *(ac.Shift("post", by=b, together=True, correlated=True) for b in LEVELS),
    )
    signal = ac.Signal("post", "US", days[size.waves // 2] - dt.timedelta(days=30))
    return ac.Spec(
        f"growth_{size.axis}", ("no", "yes"), ("yes",), terms, waves=waves, signals=(signal,), self_ratings="merged"
    )


def make_survey(size: Size, seed: int = 1) -> ac.Survey:
    """One survey with levels, shifts and their correlations as in the canonical problem."""
    rng = np.random.default_rng(seed)
    shape = (size.countries, size.allies, size.waves)
    c, a, w = (x.ravel() for x in np.meshgrid(*map(np.arange, shape), indexing="ij"))

    def pair(groups: int, level: float, shift: float, rho: float) -> tuple[np.ndarray, np.ndarray]:
        z = rng.standard_normal((2, groups))
        return level * z[0], shift * (rho * z[0] + np.sqrt(1 - rho**2) * z[1])

    dyad = c * size.allies + a
    groups = [
        (c, pair(size.countries, 0.5, 0.3, 0.3)),
        (a, pair(size.allies, 0.6, 0.2, 0.2)),
        (dyad, pair(size.countries * size.allies, 0.4, 0.25, -0.3)),
    ]
    after = w >= size.waves // 2
    eta = 0.2 + 0.8 * (a == 0) - 0.3 * after + (0.2 * rng.standard_normal(size.waves))[w] * (size.waves > 4)
    for index, (level, shift) in groups:
        eta = eta + level[index] + after * shift[index]
    yes = rng.binomial(size.people, 1 / (1 + np.exp(-eta)))
    table = pd.DataFrame(
        {
            "country": [f"C{i:02d}" for i in c],
            "ally": np.array(["US", *(f"A{i:02d}" for i in range(1, size.allies))])[a],
            "wave": [f"w{i:03d}" for i in w],
            "no": size.people - yes,
            "yes": yes,
        }
    )
    roles = ac.Roles(country="country", ally="ally", wave="wave")
    return ac.read_counts(table, roles=roles, counts={"no": "no", "yes": "yes"}, top=("yes",))


def measure(size: Size, method: str) -> dict[str, object]:
    """Fit once."""
    spec, survey = make_spec(size), make_survey(size)
    begin = time.perf_counter()
    fit = ac.fit(spec, survey, random_seed=1, draws=size.draws, method=method, progressbar=False)
    seconds = time.perf_counter() - begin
    table = fit.diagnosis.table
    return {
        "axis": size.axis,
        "method": method,
        "cells": len(fit.cells.counts),
        "answers": int(fit.cells.counts.sum()),
        "latents": len(fit.design.coefficients) + sum(int(np.prod(fit.design.shape(b))) for b in fit.design.pooled),
        "draws": 4 * size.draws,
        "seconds": round(seconds, 3),
        "ess_min": round(float(table.ess_bulk.min())),
        "k_hat_max": round(float(table.k_hat.max()), 2) if "k_hat" in table else None,
        "divergences": fit.diagnosis.divergences,
        "status": fit.diagnosis.status,
    }


def main(method: str) -> Iterator[dict[str, object]]:
    """Everything, after one fit that loads what has to be loaded."""
    warnings.simplefilter("ignore")
    measure(Size("warm", draws=100), method)
    for size in SIZES:
        if method == "laplace" or size.axis == "cells":
            yield measure(size, method)


if __name__ == "__main__":
    for line in main(sys.argv[1]):
        print(json.dumps(line), flush=True)
