"""Small analyses that use every term, for the tests of design, sweep and density."""

import datetime as dt
from itertools import product

import numpy as np
import pandas as pd

from alliancecred.cells import Cells, make_cells
from alliancecred.design import Design
from alliancecred.events import Decay, Ramp, Signal, Wave
from alliancecred.identify import make_design
from alliancecred.priors import LKJ, HalfNormal, LogNormal, Normal
from alliancecred.sources import DataReport, Survey
from alliancecred.spec import Spec
from alliancecred.terms import Cuts, Fixed, Gap, Level, Shift, Trend

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
# six waves, unevenly spaced; the second signal fades, the third builds up
LONG = tuple(
    Wave(f"w{i}", dt.date(y, m, d), dt.date(y, m, d + 6))
    for i, (y, m, d) in enumerate(
        [(2023, 1, 9), (2023, 6, 5), (2024, 3, 4), (2025, 3, 10), (2025, 5, 5), (2025, 12, 1)], start=1
    )
)
FADING = Signal("fading", "US", dt.date(2025, 3, 3), form=Decay(LogNormal(20.0, 0.6)))
RISING = Signal("rising", "DE", dt.date(2025, 4, 1), form=Ramp(26.0), countries=("DE", "PL"))
TIMED = (
    Level(("country",), HalfNormal(0.4)),
    Level(("country", "ally"), HalfNormal(0.2)),
    Level(("wave",), HalfNormal(0.25)),
    Trend(scale=HalfNormal(0.35)),
    Trend(("ally",), HalfNormal(0.25)),
    Trend(("country",), HalfNormal(0.15)),
    Shift("fading", prior=Normal(-0.2, 1.5)),
    Shift("fading", by=("country",), roles=("sender",), scale=HalfNormal(0.35)),
    Shift("fading", by=("ally",), together=True, scale=HalfNormal(0.45)),
    Shift("rising"),
    Gap(),
    Gap(signal="fading"),
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


def make_spec(
    answers: int = 3,
    terms: tuple = RICH,
    self_ratings: str = "apart",
    waves: tuple = WAVES,
    signals: tuple = (SIGNAL,),
) -> Spec:
    names = tuple(f"a{k}" for k in range(answers))
    return Spec(
        "small",
        names,
        names[-1:],
        terms,
        waves=waves,
        signals=signals,
        countries=COUNTRIES,
        allies=ALLIES,
        self_ratings=self_ratings,
    )


def make_survey(spec: Spec, seed: int = 0, n: int = 30) -> Survey:
    """Public everywhere; elites in the UK in the first waves; a few cells missing."""
    rng = np.random.default_rng(seed)
    rows = []
    waves = [w.name for w in spec.waves]
    for c, a, w in product(COUNTRIES, ALLIES, waves):
        if (c, w) == ("PL", "w3"):
            continue
        for g in ("public", "elite"):
            if g == "elite" and (c != "UK" or w == waves[-1]):
                continue
            for k, y in enumerate(rng.multinomial(n if g == "public" else 12, rng.dirichlet([2] * len(spec.answers)))):
                rows.append((c, a, "", w, g, k, int(y), ""))
    columns = ["country", "ally", "target", "wave", "population", "answer", "count", "respondent"]
    return Survey(pd.DataFrame(rows, columns=columns), spec.answers, spec.top, DataReport("made up", ()))


def make(answers: int = 3, terms: tuple = RICH, self_ratings: str = "apart", *time: tuple) -> tuple[Design, Cells]:
    """``time``: waves and signals, if not those of the small spec."""
    spec = make_spec(answers, terms, self_ratings, *time)
    cells = make_cells(spec, [make_survey(spec)])
    return make_design(spec, cells), cells
