"""Small analyses that use every term, for the tests of design, sweep and density."""

import datetime as dt
from itertools import product

import numpy as np
import pandas as pd

from alliancecred.cells import Cells, make_cells
from alliancecred.design import Design
from alliancecred.identify import make_design
from alliancecred.sources import DataReport, Survey
from alliancecred.spec import Spec
from alliancecred.terms import LKJ, Cuts, Fixed, Gap, HalfNormal, Level, Normal, Shift, Signal, Wave

COUNTRIES, ALLIES = ("DE", "PL", "UK", "US"), ("DE", "FR", "US")
WAVES = (
    Wave("w1", dt.date(2025, 1, 6), dt.date(2025, 1, 10)),
    Wave("w2", dt.date(2025, 3, 6), dt.date(2025, 3, 12)),
    Wave("w3", dt.date(2025, 6, 2), dt.date(2025, 6, 9)),
)
SIGNAL = Signal("act", "US", dt.date(2025, 3, 3))

RICH = (
    Level(("country",), HalfNormal(0.4)),
    Level(("ally",), HalfNormal(0.3)),
    Level(("country", "ally"), HalfNormal(0.2)),
    Level(("wave",), HalfNormal(0.25)),
    Fixed("self_rating", (("self", ("yes",)),), Normal(0.5, 1.0)),
    Shift("act", prior=Normal(-0.2, 1.5)),
    Shift("act", by=("country",), roles=("sender",), scale=HalfNormal(0.35)),
    Shift("act", by=("ally",), roles=("other",), correlated=True, scale=HalfNormal(0.45)),
    Shift("act", by=("country", "ally"), roles=("other",), correlated=True, correlation=LKJ(2.0)),
    Gap(prior=Normal(-0.3, 1.0)),
    Gap(by=("ally",), scale=HalfNormal(0.15)),
    Gap(signal="act"),
    Cuts(spacing=Normal(0.1, 0.7)),
)
MERGED = (
    Level(("country",)),
    Level(("ally",)),
    Level(("country", "ally")),
    Fixed("us", (("ally", ("US",)),)),
    Shift("act"),
    Shift("act", by=("country",), together=True, correlated=True),
    Shift("act", by=("ally",), together=True, correlated=True),
    Shift("act", by=("country", "ally"), together=True, correlated=True),
    Gap(),
)


def make_spec(answers: int = 3, terms: tuple = RICH, self_ratings: str = "apart") -> Spec:
    names = tuple(f"a{k}" for k in range(answers))
    return Spec(
        "small",
        names,
        names[-1:],
        terms,
        waves=WAVES,
        signals=(SIGNAL,),
        countries=COUNTRIES,
        allies=ALLIES,
        self_ratings=self_ratings,
    )


def make_survey(spec: Spec, seed: int = 0, n: int = 30) -> Survey:
    """Public everywhere; elites in the UK in the first two waves; a few cells missing."""
    rng = np.random.default_rng(seed)
    rows = []
    for c, a, w in product(COUNTRIES, ALLIES, ("w1", "w2", "w3")):
        if (c, w) == ("PL", "w3"):
            continue
        for g in ("public", "elite"):
            if g == "elite" and (c != "UK" or w == "w3"):
                continue
            for k, y in enumerate(rng.multinomial(n if g == "public" else 12, rng.dirichlet([2] * len(spec.answers)))):
                rows.append((c, a, "", w, g, k, int(y), ""))
    columns = ["country", "ally", "target", "wave", "population", "answer", "count", "respondent"]
    return Survey(pd.DataFrame(rows, columns=columns), spec.answers, spec.top, DataReport("made up", ()))


def make(answers: int = 3, terms: tuple = RICH, self_ratings: str = "apart") -> tuple[Design, Cells]:
    spec = make_spec(answers, terms, self_ratings)
    cells = make_cells(spec, [make_survey(spec)])
    return make_design(spec, cells), cells
