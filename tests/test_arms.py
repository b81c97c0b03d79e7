"""Balance of arms and the correction by a repeated task, against formulas written out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import alliancecred as ac
from alliancecred.errors import DataWarning, SpecError
from alliancecred.figures.example import example_estimate

pytestmark = pytest.mark.filterwarnings("ignore::alliancecred.IdentificationWarning")
ARMS = {"regime": ("autocracy", "democracy"), "act": ("none", "arms", "troops")}


def fitted(frame: pd.DataFrame) -> ac.Fit:
    survey = ac.read_survey(
        frame, roles=ac.Roles(country="country", answer="answer"), answers=("no", "yes"), top=("yes",),
        constants={"ally": "x"}, traits={k: k for k in ("regime", "act", "educ", "age")},
    )  # fmt: skip
    spec = ac.Spec(
        "arms", ("no", "yes"), ("yes",), (ac.Level(("act",)), ac.Level(("educ",)), ac.Slope("age")),
        attributes=tuple(ac.Attribute(k, v) for k, v in ARMS.items()), groups=(ac.Group("educ", ("low", "high")),),
        covariates=(ac.Covariate("age", ("person",), (), 40.0, 10.0),), countries=("PL", "DE"), allies=("x",),
    )  # fmt: skip
    return ac.fit(spec, survey, random_seed=1, draws=250, method="laplace", progressbar=False)


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(4)
    n = 900
    made = {k: rng.choice(v, n) for k, v in (*ARMS.items(), ("educ", ("low", "high")), ("country", ("PL", "DE")))}
    return pd.DataFrame({**made, "age": rng.integers(18, 90, n), "answer": rng.choice(["no", "yes"], n)})


def chi_square(a, b):
    table = pd.crosstab(a, b).to_numpy(dtype=float)
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    return ((table - expected) ** 2 / expected).sum(), table


def test_balance_is_the_chi_square_written_out(frame):
    table = ac.balance(fitted(frame)).set_index(["attribute", "with"])
    for arm in ARMS:
        for other in ("country", "educ"):
            statistic, counts = chi_square(frame[arm], frame[other])
            row = table.loc[(arm, other)]
            assert row["statistic"] == pytest.approx(statistic)
            assert row["df"] == (counts.shape[0] - 1) * (counts.shape[1] - 1)
            assert row["cramers_v"] == pytest.approx(np.sqrt(statistic / 900 / (min(counts.shape) - 1)))
    shown = frame["act"].value_counts().to_numpy()
    assert table.loc[("act", "levels"), "statistic"] == pytest.approx(((shown - 300) ** 2 / 300).sum())
    assert table.loc[("act", "age"), "df"] == 2 * 9
    p = table["p_value"][table.index.get_level_values("with") != "levels"].to_numpy()
    holm = [min(1, max((len(p) - (p < q).sum()) * q for q in p[p <= x])) for x in p]
    np.testing.assert_allclose(table["p_holm"].dropna().to_numpy(), holm)


@pytest.mark.bad(77)
def test_arms_that_go_with_people_are_warned_of(frame):
    wrong = frame.assign(educ=np.where(frame["regime"] == "democracy", "high", frame["educ"]))
    with pytest.warns(DataWarning, match="regime goes with educ"):
        ac.balance(fitted(wrong))


def test_without_attributes_there_is_nothing_to_balance(frame):
    fit = fitted(frame)
    bare = replace(fit, spec=replace(fit.spec, attributes=()))
    with pytest.raises(SpecError, match="nothing that was assigned"):
        ac.balance(bare)


def test_careless_answers_are_divided_out():
    raw = example_estimate("amce")
    better = ac.corrected(raw, agreed=90_000_000, repeated=100_000_000)
    tau = (1 - np.sqrt(2 * 0.9 - 1)) / 2
    assert tau**2 + (1 - tau) ** 2 == pytest.approx(0.9)
    np.testing.assert_allclose(better.draws.values, raw.draws.values / (1 - 2 * tau), rtol=1e-3)
    means = example_estimate("marginal_means")
    there = ac.corrected(means, agreed=90_000_000, repeated=100_000_000)
    np.testing.assert_allclose(tau + (1 - 2 * tau) * there.draws.values / 100, means.draws.values / 100, rtol=1e-3)
    assert "swapped with probability 5.3 %" in there.notes[-1]


def test_agreement_by_chance_corrects_nothing():
    with pytest.raises(SpecError, match="at least half"):
        ac.corrected(example_estimate("amce"), agreed=4, repeated=10)
    points = replace(example_estimate("amce"), unit="scale points")
    with pytest.raises(SpecError, match="only shares"):
        ac.corrected(points, agreed=9, repeated=10)
