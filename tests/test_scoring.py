"""Averages over very many kinds in single precision equal those of every row, one after the other."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

import alliancecred as ac
from alliancecred import scoring
from alliancecred.priors import LKJ
from alliancecred.terms import Cuts, Level, Shift, Slope

pytestmark = pytest.mark.filterwarnings("ignore::alliancecred.IdentificationWarning")
NAMES = {"age": ("young", "old"), "educ": ("school", "college", "other")}


def spec_of(answers: tuple[str, ...], **changes) -> ac.Spec:
    terms = (
        Level(("country",)), Level(("age",)), Level(("age", "educ")), Slope("income"), Shift("aid"),
        Slope("income", by=("educ",), correlated=True, correlation=LKJ(2.0)), Level(("educ",)),
        *((Cuts(),) if len(answers) > 2 else ()),
    )  # fmt: skip
    waves = ac.Wave("w1", date(2024, 1, 1), date(2024, 1, 9)), ac.Wave("w2", date(2025, 1, 1), date(2025, 1, 9))
    return ac.Spec(
        "many", answers, answers[-1:], terms, countries=("PL", "DE"), allies=("US",), populations=("public",),
        waves=waves,
        signals=(ac.Signal("aid", "US", date(2024, 6, 1), "aid"),),
        groups=tuple(ac.Group(k, v) for k, v in NAMES.items()), covariates=(ac.Covariate("income", ("person",), ()),),
        **changes,
    )  # fmt: skip


def prior_fit(answers: tuple[str, ...], **changes) -> ac.Fit:
    rng = np.random.default_rng(3)
    n = 400
    frame = pd.DataFrame({k: rng.choice(v, n) for k, v in NAMES.items()})
    frame = frame.assign(income=rng.integers(0, 9, n), country=rng.choice(["PL", "DE"], n),
                         wave=rng.choice(["w1", "w2"], n), answer=rng.choice(answers, n))  # fmt: skip
    roles = ac.Roles(country="country", wave="wave", answer="answer")
    survey = ac.read_survey(frame, roles=roles, answers=answers, top=answers[-1:], constants={"ally": "US"},
                            traits={k: k for k in (*NAMES, "income")})  # fmt: skip
    return ac.fit(spec_of(answers, **changes), survey, random_seed=1, draws=250, progressbar=False, method="laplace")


@pytest.mark.parametrize("answers", [("no", "yes"), ("no", "rather no", "rather yes", "yes")])
@pytest.mark.parametrize("answer", ["top", "mean", "no"])
@pytest.mark.parametrize("looked_up", [7, 8_192])  # summands of the linear predictor apart, and joined
def test_many_kinds_are_averaged_as_few_are(answers, answer, looked_up, monkeypatch):
    fit = fits(answers)
    few = ac.shift(fit, answer=answer), ac.levels(fit, by=("country", "educ"), answer=answer)
    monkeypatch.setattr(scoring, "MANY", 0)
    monkeypatch.setattr(scoring, "_LOOKED_UP", looked_up)
    monkeypatch.setattr(scoring, "_AT_ONCE", 3)
    many = ac.shift(fit, answer=answer), ac.levels(fit, by=("country", "educ"), answer=answer)
    for a, b in zip(few, many, strict=True):
        scale = 1 if answer == "mean" else 100
        np.testing.assert_allclose(b.draws.values, a.draws.values, atol=3e-6 * scale)


def fits(answers, kept={}):  # noqa: B006  (a fit for each set of answers, made once)
    if answers not in kept:
        kept[answers] = prior_fit(answers)
    return kept[answers]


def test_what_cannot_be_streamed_is_not():
    fit = fits(("no", "yes"))
    assert scoring.can_stream(fit.design, "top")
    linear = prior_fit(("no", "yes"), gaussian=ac.Gaussian())
    assert not scoring.can_stream(linear.design, "top")
