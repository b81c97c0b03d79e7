"""Choices between two profiles: read, fitted by both engines, simulated, and turned into marginal means."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import binom

import alliancecred as ac
from alliancecred.cells import make_cells
from alliancecred.density import data_arrays, structure
from alliancecred.engines.field import make_field
from alliancecred.identify import make_design
from alliancecred.kernel import log_density
from alliancecred.opponents import Opponents, opponents_of
from alliancecred.predictor import linear_predictor
from alliancecred.report.words import model_words
from alliancecred.spec_check import check_spec
from alliancecred.sweep import sweep, swept_matrix
from alliancecred.terms import Effect, Level, Respondent

pytestmark = pytest.mark.filterwarnings("ignore::alliancecred.IdentificationWarning")
REGIME, POWER = ("democracy", "autocracy"), ("weak", "middling", "strong")
ANSWERS = ("not chosen", "chosen")
ATTRIBUTES = (ac.Attribute("regime", REGIME, "autocracy"), ac.Attribute("power", POWER, "weak"))
TERMS = (Effect(("regime",)), Level(("power",)), Level(("country", "power")))


def spec_of(terms=TERMS, **changes) -> ac.Spec:
    waves = (ac.Wave("w1", pd.Timestamp("2024-01-01").date(), pd.Timestamp("2024-01-09").date()),)
    given = {"countries": ("PL", "DE"), "allies": ("ally",), "populations": ("public",), "waves": waves} | changes
    return ac.Spec("choices", ANSWERS, ANSWERS[1:], terms, attributes=ATTRIBUTES, forced_choice=True, **given)


def frame_of(sets: int = 60, seed: int = 1) -> pd.DataFrame:
    """Two profiles per task, the democratic and strong ones chosen more often."""
    rng = np.random.default_rng(seed)
    n = 2 * sets
    frame = pd.DataFrame(
        {"regime": rng.choice(REGIME, n), "power": rng.choice(POWER, n), "task": np.repeat(np.arange(sets), 2)}
    )
    frame["country"] = np.repeat(rng.choice(["PL", "DE"], sets), 2)
    frame["wave"] = "w1"
    worth = 0.8 * (frame["regime"] == "democracy") + frame["power"].map({"weak": 0, "middling": 0.3, "strong": 0.9})
    worth = worth.to_numpy().reshape(-1, 2)
    first = rng.random(sets) < expit(worth[:, 0] - worth[:, 1])
    return frame.assign(y=np.where(np.column_stack([first, ~first]).ravel(), "chosen", "not chosen"))


def read(frame: pd.DataFrame, **roles) -> ac.Survey:
    roles = ac.Roles(country="country", wave="wave", answer="y", choice_set="task", **roles)
    return ac.read_survey(frame, roles=roles, answers=ANSWERS, top=ANSWERS[1:], constants={"ally": "ally"},
                          traits={"regime": "regime", "power": "power"})  # fmt: skip


@pytest.fixture(scope="module")
def fitted() -> ac.Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ac.fit(spec_of(), read(frame_of(400)), random_seed=1, draws=500, method="laplace", progressbar=False)


# --- what is read ---------------------------------------------------------------------------------
def test_choices_are_counted_by_pair_and_keep_who_won():
    frame = frame_of()
    cells = make_cells(spec_of(), [read(frame)])
    labels = cells.labels()[["country", "regime", "power"]].agg("|".join, axis=1)
    found = {}
    for left, right, (lost, won) in zip(cells.choices.left, cells.choices.right, cells.choices.counts, strict=True):
        assert left <= right
        found[labels[left], labels[right]] = (int(lost), int(won))
    wanted: dict = {}
    profile = frame[["country", "regime", "power"]].agg("|".join, axis=1).to_numpy().reshape(-1, 2)
    first = frame["y"].to_numpy()[::2] == "chosen"
    order = {label: i for i, label in enumerate(labels)}
    for (a, b), a_won in zip(profile, first, strict=True):
        if order[a] > order[b]:
            a, b, a_won = b, a, not a_won
        lost, won = wanted.get((a, b), (0, 0))
        # a profile against its twin: which of the two was chosen says nothing
        wanted[a, b] = (lost + (not a_won), won + a_won)
    for key in wanted:
        if key[0] == key[1]:
            assert sum(found[key]) == sum(wanted[key])
        else:
            assert found[key] == wanted[key]
    assert found.keys() == wanted.keys()
    assert cells.counts.sum() == len(frame)
    np.testing.assert_array_equal(cells.choices.by_row(len(cells.rows)), cells.counts)


def test_a_set_that_loses_a_profile_is_left_out_and_reported():
    frame = frame_of()
    frame.loc[0, "regime"] = None
    survey = read(frame)
    assert len(survey) == len(frame) - 2
    assert survey.report.total("excluded") == 2
    assert "1  its choice set is not complete" in str(survey.report)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.assign(task=np.arange(len(f)) // 3), "do not have two profiles"),
        (
            lambda f: f.assign(y=np.where(np.arange(len(f)) < 2, "chosen", f["y"])),
            "do not have one profile that was chosen",
        ),
        (lambda f: f.assign(country=["PL", "DE"] * (len(f) // 2)), "differ in more than attributes"),
    ],
)
def test_what_is_no_choice_is_refused(spoil, words):
    with pytest.raises(ac.SpecError, match=words):
        make_cells(spec_of(), [read(spoil(frame_of()))])


def test_respondents_number_their_tasks_themselves():
    frame = frame_of()
    whose = frame.assign(person=[f"{c}{t // 6}" for c, t in zip(frame["country"], frame["task"], strict=True)])
    own = whose.assign(task=whose["task"] % 6)
    a, b = (make_cells(spec_of(), [read(f, respondent="person")]) for f in (whose, own))
    np.testing.assert_array_equal(a.choices.counts, b.choices.counts)


def test_choices_need_sets_and_sets_do_not_lie_elsewhere():
    frame = frame_of()
    roles = ac.Roles(country="country", wave="wave", answer="y")
    plain = ac.read_survey(frame, roles=roles, answers=ANSWERS, top=ANSWERS[1:], constants={"ally": "ally"},
                           traits={"regime": "regime", "power": "power"})  # fmt: skip
    with pytest.raises(ac.SpecError, match="has no choice sets"):
        make_cells(spec_of(), [plain])


def test_choice_sets_that_a_spec_does_not_use_are_pointed_out():
    rows = replace(spec_of(), forced_choice=False)
    with pytest.warns(ac.DataWarning, match="stood side by side, and profiles are taken one by one"):
        ac.fit(rows, read(frame_of()), random_seed=1, draws=500, method="laplace", progressbar=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"terms": (*TERMS, Level(("country",)))}, "cancels"),
        ({"terms": (*TERMS, Respondent())}, "cancels"),
        ({"gaussian": ac.Gaussian()}, "one family"),
    ],
)
def test_specs_of_choices_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(ac.SpecError, match=words):
        check_spec(spec_of(**changes))


# --- the likelihood -------------------------------------------------------------------------------
def brute(spec: ac.Spec, frame: pd.DataFrame, worth) -> float:
    """log likelihood choice by choice, from labels."""
    total = 0.0
    for _, both in frame.groupby("task"):
        a, b = (worth(row) for _, row in both.iterrows())
        total += np.log(expit(a - b if both["y"].iloc[0] == "chosen" else b - a))
    return total


def test_likelihood_is_that_of_every_choice():
    frame, spec = frame_of(), spec_of()
    cells = make_cells(spec, [read(frame)])
    design = make_design(spec, cells)
    rng = np.random.default_rng(3)
    field = make_field(design, cells)
    x = rng.normal(size=(field.size, 2))
    eta = field.eta(x, np.zeros((0, 0, 2)))
    value, slope, _ = field.likelihood.slopes(eta, np.zeros((1, 2)))
    names = {b.variable: s for b, s in ((b, field.slices[b.variable]) for b in design.pooled)}
    for k in range(2):
        power = dict(zip(POWER, x[names["level_power"], k], strict=True))
        both = x[names["level_country_power"], k].reshape(2, 3)

        def worth(row, power=power, both=both, k=k):
            i, j = ("PL", "DE").index(row["country"]), POWER.index(row["power"])
            return x[0, k] * (row["regime"] == "democracy") + power[row["power"]] + both[i, j]

        constant = field.likelihood.constant
        assert value[k] - constant == pytest.approx(brute(spec, frame, worth), abs=1e-9)
    step = 1e-6
    direction = rng.normal(size=x.shape)
    moved = field.likelihood.value(field.eta(x + step * direction, np.zeros((0, 0, 2))), np.zeros((1, 2)))
    by_latent = field.slope(slope, np.zeros((0, 0, 2)))
    np.testing.assert_allclose((moved - value) / step, (by_latent * direction).sum(0), rtol=1e-4)


def test_the_kernel_has_the_same_likelihood_and_its_gradient():
    spec, cells = spec_of(), make_cells(spec_of(), [read(frame_of())])
    swept = sweep(make_design(spec, cells), cells.rows)
    centred = [[True] * len(s.carriers) for s in swept.strata]
    s, d = structure(swept, cells, centred), data_arrays(cells)
    empty = d._replace(counts=np.zeros_like(d.counts))
    rng = np.random.default_rng(5)
    theta = 0.3 * rng.standard_normal(2 + swept.size)
    value, gradient = log_density(theta, s, d)
    direction, step = rng.standard_normal(len(theta)), 1e-6
    ahead, behind = (log_density(theta + k * step * direction, s, d)[0] for k in (1, -1))
    assert (ahead - behind) / (2 * step) == pytest.approx(gradient @ direction, rel=1e-5)
    eta = swept_matrix(swept, cells.rows) @ theta[2:]
    more = eta[cells.choices.left] - eta[cells.choices.right]
    lost, won = cells.choices.counts.T
    wanted = (won * np.log(expit(more)) + lost * np.log(expit(-more))).sum()
    assert value - log_density(theta, s, empty)[0] == pytest.approx(wanted, abs=1e-9)


def test_held_out_rows_take_their_choices_with_them():
    cells = make_cells(spec_of(), [read(frame_of())])
    mask = np.ones(len(cells.rows))
    mask[2] = 0
    gone = (cells.choices.left == 2) | (cells.choices.right == 2)
    assert data_arrays(cells, mask).counts.sum() == cells.choices.counts[~gone].sum()
    field = make_field(make_design(spec_of(), cells), cells, mask)
    assert field.likelihood.counts.sum() == cells.choices.counts[~gone].sum()
    assert field.parts[0].shape[0] == (~gone).sum()


# --- what is made of it -----------------------------------------------------------------------------
def worth_in(fit, country, regime, power):
    draws, i, j = fit.draws(), ("PL", "DE").index(country), POWER.index(power)
    own = draws["level_power"][:, j] + draws["level_country_power"][:, i, j]
    return own + draws["effect_regime"][:, 0] * (regime == "democracy")


def chance_in(fit, country, regime, power):
    """Per cent, against every profile as often as it was shown."""
    shown = fit.cells.labels().assign(times=fit.cells.counts.sum(1)).groupby(["regime", "power"])["times"].sum()
    own = worth_in(fit, country, regime, power)
    return sum(100 * t * expit(own - worth_in(fit, country, *other)) for other, t in (shown / shown.sum()).items())


def test_marginal_means_are_averages_over_opponents(fitted):
    shown = fitted.cells.labels().assign(times=fitted.cells.counts.sum(1))
    means = ac.marginal_means(fitted, "power", by="country")
    for row in range(means.draws.sizes["row"]):
        own = means.draws.isel(row=row)
        country, level = str(own["country"].values), str(own["level"].values)
        here = shown[(shown["country"] == country) & (shown["power"] == level)].groupby("regime")["times"].sum()
        wanted = sum(s * chance_in(fitted, country, regime, level) for regime, s in (here / here.sum()).items())
        np.testing.assert_allclose(own.values.ravel(), wanted, atol=1e-9)


def test_every_profile_meets_the_opponents_of_its_place(fitted):
    found = ac.levels(fitted, by=("country", "regime", "power"))
    assert len(found) == 12
    for i in range(len(found)):
        own = found.labels(i)
        wanted = chance_in(fitted, own["country"], own["regime"], own["power"])
        np.testing.assert_allclose(found.draws.isel(row=i).values.ravel(), wanted, atol=1e-9)


def test_everybody_against_everybody_is_even(fitted):
    whole = ac.levels(fitted, by=()).draws.values
    assert abs(whole - 50).max() < 2  # the two countries were not shown profiles equally often
    one = fitted.spec.countries[0]
    alone = read(frame_of(200).query("country == @one"))
    terms = (Effect(("regime",)), Level(("power",)))
    fit = ac.fit(spec_of(terms, countries=(one,)), alone, random_seed=1, draws=100, method="laplace", progressbar=False)
    np.testing.assert_allclose(ac.levels(fit, by=()).draws.values, 50, atol=1e-9)


def test_many_opponents_in_bins_are_nearly_all_of_them():
    rng = np.random.default_rng(1)
    codes = {f: rng.integers(0, 10, 5000) for f in "abc"}
    found = opponents_of(codes, np.ones(5000))
    assert len(found.share) == 512
    against = rng.normal(0, 1.5, (20, 512))
    for rows in (7, 300):  # one by one, and interpolated
        eta = rng.normal(0, 2, (20, rows))
        exact = expit(eta[:, :, None] - against[:, None, :]).mean(-1)
        assert abs(found.curve(against).at(eta) - exact).max() < 2e-5
    few = Opponents({}, np.array([0.25, 0.75]))
    np.testing.assert_allclose(
        few.curve(np.array([[1.0, -1.0]])).at(np.zeros((1, 1))), [[0.25 * expit(-1) + 0.75 * expit(1)]]
    )


def test_observed_and_replicated_shares_agree(fitted):
    table = ac.ppc(fitted, random_seed=2)
    power = table[(table["power"] != "") & (table["observed_lower"].notna())]
    shown = fitted.cells.labels().assign(n=fitted.cells.counts.sum(1), y=fitted.cells.counts[:, 1])
    for _, line in power.iterrows():
        own = shown[(shown["power"] == line["power"]) & (shown["country"] == line["country"])]
        assert line["observed_lower"] == pytest.approx(100 * own["y"].sum() / own["n"].sum())
        assert abs(line["mean"] - line["observed_lower"]) < 8
    counts = ac.posterior_predictive(fitted, random_seed=1)["posterior_predictive"]["counts"].values
    assert (counts.sum(-1) == fitted.cells.counts.sum(1)).all()
    assert (counts[..., 1].sum(-1) == len(fitted.cells.choices.counts) * 0 + fitted.cells.choices.counts.sum()).all()


def test_simulated_choices_are_found_again():
    spec = spec_of(countries=("PL", "DE", "FR", "US"))
    truth = {"effect_regime[democracy]": 0.8, "sd_level_power": 0.5, "sd_level_country_power": 0.1}
    simulated = ac.simulate(spec, fieldings=(ac.Fielding("w1", 400, tasks=3),), truth=truth, random_seed=4)
    table = simulated.survey.table
    assert len(table) == 4 * 400 * 3 * 2
    assert table.groupby("choice_set")["answer"].sum().eq(1).all()
    fit = ac.fit(spec, simulated.survey, random_seed=1, method="laplace", progressbar=False)
    assert fit.diagnosis.passed
    estimate = fit.posterior["effect_regime"].values.ravel()
    assert abs(estimate.mean() - 0.8) < 4 * estimate.std()
    assert estimate.std() < 0.06
    found, true = (ac.marginal_means(f, "power") for f in (fit, simulated.truth))
    away = found.draws.mean(("chain", "draw")).values - true.draws.values.ravel()
    assert (abs(away) < 4 * found.draws.std(("chain", "draw")).values).all()
    assert found.draws.std(("chain", "draw")).values.max() < 1.5


def test_log_likelihood_stands_at_the_first_profile(fitted):
    from alliancecred.prediction import row_log_likelihood

    draws = {k: v[:3] for k, v in fitted.draws().items()}
    by_row = row_log_likelihood(fitted.design, fitted.cells, draws)
    choices = fitted.cells.choices
    eta = linear_predictor(fitted.design, fitted.cells.rows, draws)
    more = eta[:, choices.left] - eta[:, choices.right]
    mass = binom.logpmf(choices.counts[:, 1], choices.counts.sum(1), expit(more))
    wanted = np.zeros(by_row.shape)
    np.add.at(wanted.T, choices.left, mass.T)
    np.testing.assert_allclose(by_row, wanted, atol=1e-9)


def test_a_saved_fit_of_choices_is_the_same(fitted, tmp_path):
    same = ac.load(ac.save(fitted, tmp_path / "fit.nc"))
    for name, values in vars(fitted.cells.choices).items():
        np.testing.assert_array_equal(getattr(same.cells.choices, name), values)
    np.testing.assert_array_equal(ac.marginal_means(same).draws.values, ac.marginal_means(fitted).draws.values)


def test_reports_and_estimates_say_what_a_choice_is(fitted):
    assert "the first of two profiles is chosen" in str(model_words(fitted.design))
    for estimate in (ac.marginal_means(fitted, "power"), ac.levels(fitted, by=("country", "power"))):
        assert "against the profiles that were shown" in " ".join(estimate.notes)


@pytest.mark.slow
def test_engines_agree_on_choices(fitted):
    other = ac.fit(fitted.spec, read(frame_of(400)), random_seed=2, method="nuts", progressbar=False,
                   sampling=ac.Sampling(target_accept=0.995, tune=2000))  # fmt: skip
    assert other.diagnosis.passed, other.diagnosis.problems
    a, b = (ac.summary(ac.marginal_means(f)) for f in (fitted, other))
    error = np.hypot(a["mcse_mean"], b["mcse_mean"])
    assert (abs(a["mean"] - b["mean"]) < 4 * error).all()
    np.testing.assert_allclose(a["sd"], b["sd"], rtol=0.12)
