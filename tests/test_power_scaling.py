"""Power scaling: densities of priors written by hand, slopes against refits with scaled priors, planted conflicts."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import alliancecred as ac
from alliancecred.identify import make_design
from alliancecred.power_scaling import log_priors
from alliancecred.priors import LKJ, HalfNormal, Normal
from alliancecred.report.reliance import _line
from alliancecred.simulation import draw_prior
from alliancecred.terms import Cuts, Fixed, Level, Shift

pytestmark = pytest.mark.filterwarnings("ignore::alliancecred.IdentificationWarning")
WAVES = (ac.Wave("w1", date(2024, 1, 1), date(2024, 1, 9)), ac.Wave("w2", date(2025, 1, 1), date(2025, 1, 9)))
SIGNAL = ac.Signal("aid", "US", date(2024, 6, 1), "aid")
COUNTS = {("PL", "w1"): (8, 32), ("PL", "w2"): (20, 20), ("DE", "w1"): (24, 16), ("DE", "w2"): (28, 12),
          ("FR", "w1"): (12, 28), ("FR", "w2"): (24, 16)}  # fmt: skip


def spec_of(**changes) -> ac.Spec:
    terms = (Level(("country",), HalfNormal(0.5)), Shift("aid", prior=Normal(0.0, 0.5)))
    given = {"terms": terms, "intercept": Normal(0.0, 0.8)} | changes
    return ac.Spec("demo", ("no", "yes"), ("yes",), given.pop("terms"), countries=("PL", "DE", "FR"), allies=("US",),
                   populations=("public",), waves=WAVES, signals=(SIGNAL,), **given)  # fmt: skip


def survey_of(times: int = 4) -> ac.Survey:
    rows = [{"country": c, "wave": w, "no": n * times // 4, "yes": y * times // 4} for (c, w), (n, y) in COUNTS.items()]
    return ac.read_counts(pd.DataFrame(rows), roles=ac.Roles(country="country", wave="wave"),
                          counts={"no": "no", "yes": "yes"}, top=("yes",), constants={"ally": "US"})  # fmt: skip


def fit_of(spec: ac.Spec, survey: ac.Survey, seed: int = 1) -> ac.Fit:
    return ac.fit(spec, survey, random_seed=seed, draws=5000, method="laplace", progressbar=False)


@pytest.fixture(scope="module")
def fit() -> ac.Fit:
    return fit_of(spec_of(), survey_of())


def test_densities_of_priors_are_those_declared():
    spec = ac.Spec(
        "all", ("no", "maybe", "yes"), ("yes",),
        (Level(("country",), HalfNormal(0.7)), Shift("aid", prior=Normal(0.2, 1.1)),
         Shift("aid", by=("country",), roles=("sender",), correlated=True, correlation=LKJ(3.0), scale=HalfNormal(0.4)),
         Cuts(spacing=Normal(0.3, 0.9)), Fixed("poles", (("country", ("PL",)),), Normal(-0.1, 0.6))),
        countries=("PL", "DE", "FR"), allies=("US", "UK"), populations=("public",), waves=WAVES, signals=(SIGNAL,),
        intercept=Normal(0.4, 1.3),
    )  # fmt: skip
    cells = ac.simulate(spec, fieldings=(ac.Fielding("w1", 50), ac.Fielding("w2", 50)), random_seed=1).truth.cells
    draws = draw_prior(make_design(spec, cells), np.random.default_rng(2), 20)
    found = log_priors(make_design(spec, cells), draws)
    normal, half = stats.norm.logpdf, lambda x, sd: np.log(2) + stats.norm.logpdf(x, 0, sd)
    wanted = {
        "intercept": normal(draws["intercept"], 0.4, 1.3),
        "shift_aid": normal(draws["shift_aid"], 0.2, 1.1).sum(1),
        "fixed_poles": normal(draws["fixed_poles"], -0.1, 0.6),
        "sd_level_country": half(draws["sd_level_country"], 0.7),
        "sd_shift_aid_sender_country": half(draws["sd_shift_aid_sender_country"], 0.4),
        "corr_shift_aid_sender_country": 2 * np.log(1 - draws["corr_shift_aid_sender_country"] ** 2),
        "cut_spacing": normal(draws["cut_spacing"], 0.3, 0.9).sum(1),
    }
    assert found.keys() == wanted.keys()
    for name, density in wanted.items():
        away = found[name] - density  # LKJ: up to its constant
        np.testing.assert_allclose(away, away[0] if name.startswith("corr") else 0.0, atol=1e-12)


def powered(spec: ac.Spec, name: str, alpha: float) -> ac.Spec:
    """The same analysis with one prior raised to a power: sd / √α."""
    level, shift = spec.terms
    match name:
        case "intercept":
            return replace(spec, intercept=Normal(0.0, 0.8 / alpha**0.5))
        case "shift_aid":
            return replace(spec, terms=(level, replace(shift, prior=Normal(0.0, 0.5 / alpha**0.5))))
    return replace(spec, terms=(replace(level, scale=HalfNormal(0.5 / alpha**0.5)), shift))


@pytest.mark.parametrize("name", ["intercept", "shift_aid", "sd_level_country", "likelihood"])
def test_slopes_are_those_of_refits(fit, name):
    table = ac.powerscale_sensitivity(fit, [ac.shift(fit), ac.levels(fit, by=("country", "wave"))])
    own = table[table["component"] == name]
    low, high = 0.75, 1.25
    refits = [
        fit_of(spec_of(), survey_of(round(4 * alpha))) if name == "likelihood" else
        fit_of(powered(spec_of(), name, alpha), survey_of())
        for alpha in (low, high)
    ]  # fmt: skip
    summaries = [ac.summary([ac.shift(f), ac.levels(f, by=("country", "wave"))]) for f in refits]
    moved = (summaries[1]["mean"] - summaries[0]["mean"]).to_numpy() / np.log2(high / low)
    error = np.hypot(*(s["mcse_mean"].to_numpy() for s in summaries)) / np.log2(high / low)
    away = own["per_doubling"].to_numpy() - moved
    assert (abs(away) < 4 * np.hypot(error, own["mcse"].to_numpy()) + 0.05 * abs(moved) + 0.02).all()
    assert abs(moved).max() > 0.2


def test_all_priors_are_the_sum_of_each(fit):
    table = ac.powerscale_sensitivity(fit, ac.levels(fit, by=("country", "wave")))
    wide = table.pivot(index=["country", "wave"], columns="component", values="per_doubling")
    assert wide.shape == (6, 5)
    np.testing.assert_allclose(wide["all priors"], wide[["intercept", "shift_aid", "sd_level_country"]].sum(axis=1))


def test_repeated_draws_count_once_in_the_error(fit):
    """Of every fourth draw four copies: half the effective size's root, not that of as many draws."""
    tree = fit.idata.copy()
    posterior = tree["posterior"].to_dataset()
    size = posterior.sizes["chain"] * posterior.sizes["draw"]
    ancestor = np.random.default_rng(1).permutation(np.repeat(np.arange(0, size, 4), 4))
    values = {
        k: (v.dims, v.values.reshape(size, *v.shape[2:])[ancestor].reshape(v.shape)) for k, v in posterior.items()
    }
    coords = {"ancestor": (("chain", "draw"), ancestor.reshape(4, -1)),
              "log_weight": (("chain", "draw"), np.full((4, size // 4), -np.log(size / 4)))}  # fmt: skip
    tree["posterior"] = posterior.assign(values).assign_coords(coords)
    copies = replace(fit, idata=tree)
    once, four = (ac.powerscale_sensitivity(f, ac.shift(f))["mcse"].to_numpy() for f in (fit, copies))
    assert (four > 1.6 * once).all()


def test_reports_show_each_number_in_its_column(fit):
    estimate = ac.levels(fit, by=("country", "wave"))
    found = ac.powerscale_sensitivity(fit, estimate)
    by = {name: part.reset_index(drop=True) for name, part in found.groupby("component", sort=False)}
    for i in range(len(estimate)):
        label, data, priors, name, twice, words = _line("here", by, i, "percent")
        alone = {k: v["per_doubling"][i] for k, v in by.items() if k not in ("likelihood", "all priors")}
        assert name == max(alone, key=lambda k: abs(alone[k]))
        shown = [float(x.replace("\N{MINUS SIGN}", "-")) for x in (data, priors, twice)]
        wanted = [by["likelihood"]["sensitivity"][i], by["all priors"]["sensitivity"][i], alone[name]]
        np.testing.assert_allclose(shown, wanted, atol=0.0051)
        assert abs(wanted[0] - wanted[1]) > 0.02
        assert (label, words) == ("here", by["all priors"]["diagnosis"][i])


def test_conflict_and_strong_priors_are_named():
    def diagnosis(survey, **changes):
        found = fit_of(spec_of(**changes), survey)
        table = ac.powerscale_sensitivity(found, ac.shift(found))
        assert (table.loc[table["component"] != "all priors", "diagnosis"] == "").all()
        return set(table.loc[table["component"] == "all priors", "diagnosis"])

    level, shift = spec_of().terms
    terms = (level, replace(shift, prior=Normal(3.0, 0.15)))
    assert diagnosis(survey_of(4), terms=terms) == {"prior-data conflict"}
    assert diagnosis(survey_of(400), terms=(level, replace(shift, prior=Normal(0.0, 2.0)))) == {""}


def test_estimates_of_another_fit_are_refused(fit):
    other = ac.fit(spec_of(), survey_of(), random_seed=1, draws=1000, method="laplace", progressbar=False)
    with pytest.raises(ac.SpecError, match="not made from the draws"):
        ac.powerscale_sensitivity(fit, ac.shift(other))
