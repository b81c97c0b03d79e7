"""An analysis whose labels attack whatever shows them: markup, formulas, mathematics, terminals, templates."""

import datetime as dt

import numpy as np
import pandas as pd

import alliancecred as ac
from alliancecred.fitting import Fit, fit_design, prepare
from alliancecred.sources import Survey

COUNTRIES = (
    "<script>alert(1)</script>",
    r"$\frac$",
    "=cmd|' /C calc'!A0",
    "ישראל والعربية",
    "🦊 fox",
    "w" * 300,
    "{{7*7}} {x.__class__.__mro__} %s",
    "\x1b]0;owned\x07\x1b[31m",
)
ALLIES = ('"><svg onload=alert(1)>', "</title><img src=x onerror=alert(1)>", r"\input{/etc/passwd} \write18{id}")
WAVES = ("javascript:alert(1)", "../../Germany")
ANSWERS = ("</style><b>no", "@SUM(1+1)*yes")


def spec() -> ac.Spec:
    """The analysis; every text in it is hostile that may be."""
    dates = (dt.date(2025, 1, 1), dt.date(2025, 4, 1))
    return ac.Spec(
        "hostile",
        ANSWERS,
        ANSWERS[1:],
        (ac.Level(("country",)), ac.Level(("ally",)), ac.Shift("act")),
        waves=tuple(ac.Wave(w, d, d + dt.timedelta(9)) for w, d in zip(WAVES, dates, strict=True)),
        signals=(ac.Signal("act", ALLIES[0], dt.date(2025, 3, 3)),),
        countries=COUNTRIES,
        allies=ALLIES,
        estimands=(
            ac.Estimand("levels", by=("country", "wave")),
            ac.Estimand("shift"),
            ac.Estimand("shift", by=("country",)),
        ),
        names=((ALLIES[1], "-2+3 {0}"),),
        title="</title><script>alert(2)</script> os.system('touch owned')",
        question="__import__('os').system('touch owned')",
        references=("[x](javascript:alert(1))",),
    )


def survey() -> Survey:
    """Thirty people in each cell."""
    rng = np.random.default_rng(0)
    rows = [(c, a, w) for c in COUNTRIES for a in ALLIES for w in WAVES]
    frame = pd.DataFrame(rows, columns=["country", "ally", "wave"])
    frame["low"] = rng.integers(5, 25, len(frame))
    frame["high"] = 30 - frame["low"]
    roles = ac.Roles(country="country", ally="ally", wave="wave")
    return ac.read_counts(frame, roles=roles, counts={ANSWERS[0]: "low", ANSWERS[1]: "high"}, top=ANSWERS[1:])


def fit() -> Fit:
    """A fit of it, by nested Laplace."""
    _, cells, design = prepare(spec(), survey())
    return fit_design(design, cells, random_seed=1, draws=500, method="laplace")
