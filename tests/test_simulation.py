"""Forward draws against theory: priors, given values, counts, predictive distributions, and PyMC."""

import datetime as dt
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alliancecred.cells import Cells, make_cells
from alliancecred.design import Design
from alliancecred.errors import SpecError
from alliancecred.estimands import levels, shift
from alliancecred.events import Signal, Wave
from alliancecred.identify import make_design
from alliancecred.model import plain_model
from alliancecred.origins import Fielding, Simulation
from alliancecred.priors import LKJ, Flat, HalfNormal, Normal
from alliancecred.simulation import draw_prior, posterior_predictive, prior_predictive, simulate
from alliancecred.sources import DataReport, Survey, Topline, Toplines
from alliancecred.spec import Spec
from alliancecred.spec_file import models_dir, read_spec
from alliancecred.terms import FACTORS, Cuts, Fixed, Gap, Level, Shift

D = dt.date
SIZE = 4000
ANSWERS = ("no", "rather no", "rather yes", "yes")
SPEC = Spec(
    "forward", ANSWERS, ("rather yes", "yes"),
    (
        Level(("country",), HalfNormal(0.7)), Level(("ally",)), Level(("country", "ally"), HalfNormal(0.2)),
        Fixed("self_rating", (("self", ("yes",)),), Normal(0.4, 0.3)), Shift("aid", prior=Normal(-0.5, 0.8)),
        Shift("aid", ("country",), ("sender",), scale=HalfNormal(0.3), correlated=True, correlation=LKJ(3.0)),
        Shift("aid", ("ally",), ("other",), scale=HalfNormal(0.4), correlated=True, correlation=LKJ(1.0)),
        Gap(prior=Normal(-0.2, 0.6)), Cuts(spacing=Normal(0.3, 0.5)),
    ),
    waves=(Wave("w10", D(2025, 1, 1), D(2025, 1, 9)), Wave("w2", D(2025, 4, 1), D(2025, 4, 9))),
    signals=(Signal("aid", "US", D(2025, 3, 3)),), countries=("PL", "DE", "US"), allies=("US", "UK", "PL"),
    intercept=Normal(0.5, 1.2),
)  # fmt: skip
FIELDINGS = (
    Fielding("w10", 300), Fielding("w2", 200), Fielding("w2", 50, countries=("PL",)),
    Fielding("w10", 40, "elite", ("PL",)), Fielding("w2", 30, "elite", ("PL",)),
)  # fmt: skip


def survey(of: Spec, each: int = 5) -> Survey:
    asked = [*product(of.countries, of.allies, ("",), ("w10", "w2"), ("public",)),
             *product(("PL",), of.allies, ("",), ("w10", "w2"), ("elite",))]  # fmt: skip
    rows = [(*a, k, each) for a in asked for k in range(len(of.answers))]
    table = pd.DataFrame(rows, columns=[*FACTORS, "answer", "count"]).assign(respondent="")
    return Survey(table, of.answers, of.top, DataReport("made", ()))


def toplines(of: Spec, overdispersion: float = 0.0) -> Toplines:
    labels = dict(zip(FACTORS, ("DE", "PL", "", "w2", "public"), strict=True))
    half = tuple(range(len(of.answers) // 2)), tuple(range(len(of.answers) // 2, len(of.answers)))
    one = Topline(labels, half[::-1], (0.365,), (0.375,), np.array([800, 1200]), np.array([0.5, 0.5]), ("37",), "x")
    two = replace(one, labels=labels | {"country": "US"}, n=np.array([10**6]), n_weight=np.array([1.0]))
    return Toplines((one, two), of.answers, of.top, overdispersion, DataReport("figures", ()))


@cache
def structure() -> tuple[Cells, Design]:
    cells = make_cells(SPEC, [survey(SPEC)])
    return cells, make_design(SPEC, cells)


@cache
def prior() -> dict[str, np.ndarray]:
    return draw_prior(structure()[1], np.random.default_rng(8), SIZE)


def near(x: np.ndarray, mean: float, sd: float | None = None) -> None:
    """The mean (and sd) of ``x`` along its first axis are the given ones, within 4 Monte Carlo errors."""
    x = np.asarray(x, dtype=float).reshape(len(x), -1).mean(1) if sd is None else np.asarray(x, dtype=float).ravel()
    assert abs(x.mean() - mean) < 4 * x.std() / np.sqrt(x.size)
    if sd is not None:
        spread = (x - x.mean()) ** 2
        assert abs(spread.mean() - sd**2) < 4 * spread.std() / np.sqrt(x.size)


# --- the prior ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "column", "mean", "sd"),
    [("intercept", None, 0.5, 1.2), ("fixed_self_rating", None, 0.4, 0.3), ("shift_aid", 0, -0.5, 0.8),
     ("shift_aid", 1, -0.5, 0.8), ("shift_aid", 2, -0.5, 0.8), ("gap_elite", None, -0.2, 0.6),
     ("cut_spacing", 0, 0.3, 0.5), ("cut_spacing", 1, 0.3, 0.5)],
)  # fmt: skip
def test_unpooled_priors(name, column, mean, sd):
    draws = prior()[name]
    assert draws.shape == ((SIZE,) if column is None else (SIZE, {"shift_aid": 3, "cut_spacing": 2}[name]))
    near(draws if column is None else draws[:, column], mean, sd)


def test_unpooled_priors_are_independent():
    parts = [
        prior()[v].reshape(SIZE, -1)
        for v in ("intercept", "fixed_self_rating", "shift_aid", "gap_elite", "cut_spacing")
    ]
    off = np.corrcoef(np.hstack(parts).T)[np.triu_indices(8, 1)]
    assert np.abs(off).max() < 4 / np.sqrt(SIZE)


SCALES = {
    "level_country": 0.7, "level_ally": 0.5, "level_country_ally": 0.2, "shift_aid_sender_country": 0.3,
    "shift_aid_other_ally": 0.4,
}  # fmt: skip


@pytest.mark.parametrize(("block", "scale"), SCALES.items(), ids=SCALES)
def test_scales_are_half_normal_and_effects_normal_given_them(block, scale):
    sd, x = prior()[f"sd_{block}"], prior()[block]
    assert sd.min() > 0
    near(sd, scale * np.sqrt(2 / np.pi), scale * np.sqrt(1 - 2 / np.pi))
    near((sd / scale) ** 4, 3.0)  # fourth moment of a standard normal
    z = x / sd.reshape(-1, *[1] * (x.ndim - 1))
    assert z.shape == (SIZE, *[{"country": 3, "ally": 3}[f] for f in structure()[1].block(block).by])
    for column in z.reshape(SIZE, -1).T:
        near(column, 0.0, 1.0)
        near(column**4, 3.0)
    off = np.corrcoef(z.reshape(SIZE, -1).T)[np.triu_indices(z[0].size, 1)]
    assert np.abs(off).max() < 4 / np.sqrt(SIZE)


@pytest.mark.parametrize(
    ("shifted", "level", "eta"),
    [("shift_aid_sender_country", "level_country", 3.0), ("shift_aid_other_ally", "level_ally", 1.0)],
)
def test_correlation_of_level_and_shift(shifted, level, eta):
    rho = prior()[f"corr_{shifted}"]
    assert np.abs(rho).max() <= 1
    near(rho, 0.0, 1 / np.sqrt(2 * eta + 1))  # variance of 2·Beta(η, η) − 1
    near(rho**4, 3 / ((2 * eta + 1) * (2 * eta + 3)))
    z, y = (prior()[v] / prior()[f"sd_{v}"][:, None] for v in (level, shifted))
    near((z * y - rho[:, None]).mean(1), 0.0)
    near(((z * y - rho[:, None]) * rho[:, None]).mean(1), 0.0)  # ρ draw by draw, not on average only
    near((z * y).mean(1) * rho, 1 / (2 * eta + 1))
    for i, j in combinations(range(3), 2):  # other groups are independent
        near(z[:, i] * y[:, j], 0.0)


def test_given_values_are_held_and_the_others_drawn():
    given = {
        "intercept": 2.0, "shift_aid[sender]": -3.0, "sd_level_country": 0.05, "corr_shift_aid_other_ally": -0.999,
        "cut_spacing[1]": 1.25,
    }  # fmt: skip
    draws = draw_prior(structure()[1], np.random.default_rng(1), 2000, given)
    assert set(draws["intercept"]) == {2.0}
    assert set(draws["shift_aid"][:, 0]) == {-3.0}
    near(draws["shift_aid"][:, 1], -0.5, 0.8)
    near(draws["level_country"][:, 1], 0.0, 0.05)
    assert set(draws["cut_spacing"][:, 1]) == {1.25}
    near(draws["cut_spacing"][:, 0], 0.3, 0.5)
    z, y = (draws[v] / draws[f"sd_{v}"][:, None] for v in ("level_ally", "shift_aid_other_ally"))
    assert np.corrcoef(z[:, 0], y[:, 0])[0, 1] < -0.99


def test_given_values_that_are_no_scalar_of_the_model_are_listed():
    with pytest.raises(SpecError) as caught:
        draw_prior(structure()[1], np.random.default_rng(1), 2, {"intercpt": 1.0, "shift_aid": 0.0, "sd_gap": 1.0})
    assert len(caught.value.problems) == 3
    assert "no scalar 'intercpt'" in str(caught.value)
    assert "did you mean 'intercept'" in str(caught.value)


def test_a_flat_prior_is_refused_by_name_unless_its_value_is_given():
    of = replace(SPEC, terms=(Level(("country",)), Shift("aid", prior=Flat()), Gap(prior=Flat())))
    design = make_design(of, make_cells(of, [survey(of)]))
    with pytest.raises(SpecError) as caught:
        draw_prior(design, np.random.default_rng(1), 2, {"shift_aid[self]": 0.5})
    assert str(caught.value).endswith(
        "flat priors cannot be simulated from: shift_aid[sender], shift_aid[other], gap_elite"
    )
    with pytest.raises(SpecError, match="flat priors"):
        prior_predictive(of, survey(of), draws=2)
    with pytest.raises(SpecError, match="flat priors"):
        simulate(of, fieldings=FIELDINGS)
    given = {"shift_aid[sender]": -1.0, "shift_aid[other]": 0.0, "shift_aid[self]": 0.0, "gap_elite": 0.5}
    assert draw_prior(design, np.random.default_rng(1), 2, given)["gap_elite"].tolist() == [0.5, 0.5]


def test_a_scale_of_zero_makes_groups_alike_also_where_the_block_has_a_partner():
    # Once wrong (simulation.draw_prior): the partner's standardised effects are found by dividing by its sd: 0/0.
    with np.errstate(invalid="ignore"):
        draws = draw_prior(structure()[1], np.random.default_rng(1), 5, {"sd_level_ally": 0.0})
    assert not draws["level_ally"].any()
    assert np.isfinite(draws["shift_aid_other_ally"]).all()


# --- simulate -------------------------------------------------------------------------------------
TRUTH = {"intercept": 0.4, "shift_aid[sender]": -1.2, "gap_elite": -0.3, "sd_level_country": 0.2, "cut_spacing[0]": 0.1}


def test_simulated_counts_add_to_n_and_truth_is_as_given():
    made = simulate(SPEC, fieldings=FIELDINGS, truth=TRUTH, random_seed=3)
    total = made.survey.table.groupby([*FACTORS])["count"].sum()
    wanted = {("w10", "public"): 300, ("w2", "public"): 200, ("w10", "elite"): 40, ("w2", "elite"): 30}
    assert len(total) == 3 * 3 * 2 + 2 * 3
    for (country, _, _, wave, population), n in total.items():
        assert n == wanted[wave, population] + (50 if (country, wave, population) == ("PL", "w2", "public") else 0)
    p = made.truth.posterior
    assert (p.sizes["chain"], p.sizes["draw"]) == (1, 1)
    assert p["intercept"].item() == 0.4
    assert p["shift_aid"].sel(shift_aid_role="sender").item() == -1.2
    assert p["gap_elite"].item() == -0.3
    assert p["sd_level_country"].item() == 0.2
    assert p["cut_spacing"].values[0, 0, 0] == 0.1
    assert made.truth.diagnosis.passed


def test_simulated_shares_are_those_of_the_truth():
    big = tuple(replace(f, n=10**6) for f in FIELDINGS[:2])
    made = simulate(replace(SPEC, terms=SPEC.terms[:4] + SPEC.terms[4:7]), fieldings=big, random_seed=5)
    table = made.survey.table.assign(top=lambda t: t["count"] * (t["answer"] >= 2))
    seen = table.groupby(["country", "ally", "wave"])[["top", "count"]].sum()
    for row in range(len(found := levels(made.truth, by=("country", "ally", "wave")))):
        at = found.labels(row)
        p = found.draws.values[0, 0, row] / 100
        top, n = seen.loc[at["country"], at["ally"], at["wave"]]
        assert abs(top / n - p) < 4.5 * np.sqrt(p * (1 - p) / n) + 1e-12
    assert shift(made.truth, by=()).draws.shape == (1, 1, 3)


def test_one_seed_one_survey():
    a, b, c = (simulate(SPEC, fieldings=FIELDINGS, truth=TRUTH, random_seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(a.survey.table, b.survey.table)
    assert a.truth.posterior.equals(b.truth.posterior)
    assert not a.survey.table["count"].equals(c.survey.table["count"])


def test_the_plan_of_a_spec_is_the_default():
    planned = replace(SPEC, sources=(Simulation(7, FIELDINGS, tuple(TRUTH.items())),))
    a, b = simulate(planned), simulate(SPEC, fieldings=FIELDINGS, truth=TRUTH, random_seed=7)
    pd.testing.assert_frame_equal(a.survey.table, b.survey.table)
    assert simulate(planned, truth={}).truth.posterior["intercept"].item() != 0.4
    fewer = simulate(planned, fieldings=(*FIELDINGS[:2], *FIELDINGS[3:]))
    poles = fewer.survey.table.query("country == 'PL' and wave == 'w2' and ally == 'US' and population == 'public'")
    assert poles["count"].sum() == 200


def test_a_survey_that_was_simulated_reads_as_the_same_cells():
    made = simulate(SPEC, fieldings=FIELDINGS, truth=TRUTH, random_seed=3)
    cells = make_cells(SPEC, [made.survey])
    np.testing.assert_array_equal(cells.counts, made.truth.cells.counts)
    assert make_design(SPEC, cells) == make_design(SPEC, made.truth.cells)


def test_plans_that_cannot_be_carried_out_are_listed():
    wrong = (Fielding("w3", 10), Fielding("w2", 0), Fielding("w2", 5, "experts"), Fielding("w2", 5, countries=("XX",)))
    with pytest.raises(SpecError) as caught:
        simulate(SPEC, fieldings=wrong)
    assert len(caught.value.problems) == 4
    for words in (
        "unknown wave 'w3'",
        "n must be positive, got 0",
        "unknown population 'experts'",
        "unknown countries ['XX']",
    ):
        assert words in str(caught.value)
    with pytest.raises(SpecError, match="nothing to field"):
        simulate(SPEC)
    with pytest.raises(SpecError, match="countries must be declared to simulate"):
        simulate(replace(SPEC, countries=()), fieldings=FIELDINGS)
    with pytest.raises(SpecError, match="no scalar 'shift'"):
        simulate(SPEC, fieldings=FIELDINGS, truth={"shift": 1.0})


# --- predictive -----------------------------------------------------------------------------------
@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("overdispersion", [0.0, 0.01])
def test_prior_predictive(k, overdispersion):
    of = replace(SPEC, answers=ANSWERS[:k], top=ANSWERS[k // 2 : k])
    tree = prior_predictive(of, survey(of, 7), toplines(of, overdispersion), draws=60, random_seed=2)
    found = tree["prior_predictive"].to_dataset()
    assert dict(found.sizes) == {"chain": 1, "draw": 60, "row": 26, "cell": 24, "answer": k, "topline": 2}
    assert found["counts"].dims == ("chain", "draw", "cell", "answer")
    assert (found["counts"].sum("answer") == 7 * k).all()
    assert found["counts"].min() >= 0
    assert found["published"].dims == ("chain", "draw", "topline")
    assert 0 <= found["published"].min() <= found["published"].max() <= 100
    assert found["top"].dims == ("chain", "draw", "row")
    assert 0 <= found["top"].min() <= found["top"].max() <= 100
    assert set(tree["prior"].data_vars) == set(prior()) - (set() if k == 4 else {"cut_spacing"})
    again = prior_predictive(of, survey(of, 7), toplines(of, overdispersion), draws=60, random_seed=2)
    assert again["prior_predictive"].to_dataset().equals(found)


def test_published_shares_scatter_about_the_probability_as_declared():
    rho = 0.02
    tree = prior_predictive(SPEC, survey(SPEC), toplines(SPEC, rho), draws=3000, random_seed=4)
    found = tree["prior_predictive"].to_dataset()
    p, share = found["top"].values[0, :, 24:] / 100, found["published"].values[0] / 100
    inside = p[:, 1] * (1 - p[:, 1]) > 1e-4
    z = ((share - p) / np.sqrt(p * (1 - p)))[inside]
    near(z[:, 0], 0.0)
    near(z[:, 1], 0.0)
    near(z[:, 0] ** 2, 0.5 * ((1 + 799 * rho) / 800 + (1 + 1199 * rho) / 1200))
    near(z[:, 1] ** 2, (1 + (10**6 - 1) * rho) / 10**6)


def test_posterior_predictive_keeps_chains_and_predicts_about_its_own_probabilities():
    made = simulate(SPEC, fieldings=FIELDINGS, truth=TRUTH, random_seed=3).truth
    p = made.posterior
    many = p.isel(chain=[0] * 2, draw=[0] * 500).assign_coords(chain=[0, 1], draw=np.arange(500))
    of = replace(made, idata=made.idata.assign(posterior=type(made.idata)(many)))
    found = posterior_predictive(of, random_seed=1)["posterior_predictive"].to_dataset()
    n = made.cells.counts.sum(1)
    assert found["counts"].shape == (2, 500, len(n), 4)
    assert (found["counts"].sum("answer").values == n).all()
    top = found["top"].values[0, 0] / 100
    share = (found["counts"].values[..., 2:].sum(-1) / n).reshape(1000, -1)
    z = (share - top) / np.sqrt(top * (1 - top) / n)
    near(z.mean(1), 0.0)
    near((z**2).mean(1), 1.0)
    wanted = levels(made, by=("country", "ally", "wave", "population")).draws.values[0, 0] / 100
    np.testing.assert_allclose(top, wanted, atol=1e-12)
    assert "published" not in found


# --- PyMC -----------------------------------------------------------------------------------------
def test_forward_draws_of_the_pymc_model_agree():
    """Two independent programs of one prior: mean and sd of every scalar within 4 Monte Carlo errors."""
    import pymc as pm

    cells, design = structure()
    model = plain_model(design, cells)
    names = sorted(prior())
    assert set(names) <= set(model.named_vars)
    size = 1500
    drawn = pm.draw([model[n] for n in names], draws=size, random_seed=3, mode="FAST_COMPILE")
    for name, theirs in zip(names, drawn, strict=True):
        mine = prior()[name].reshape(SIZE, -1)
        theirs = np.asarray(theirs).reshape(size, -1)
        assert theirs.shape[1] == mine.shape[1]
        for a, b in zip(mine.T, theirs.T, strict=True):
            for f in (lambda x: x, lambda x: (x - x.mean()) ** 2):
                error = np.sqrt(f(a).var() / SIZE + f(b).var() / size)
                assert abs(f(a).mean() - f(b).mean()) < 4 * error, name
    mine, theirs = prior(), dict(zip(names, drawn, strict=True))

    def products(x: dict[str, Any]) -> np.ndarray:
        return np.asarray(x["level_ally"] * x["shift_aid_other_ally"] * x["corr_shift_aid_other_ally"][:, None])

    a, b = products(mine).mean(1), products(theirs).mean(1)
    assert a.mean() > 4 * a.std() / np.sqrt(SIZE)
    assert abs(a.mean() - b.mean()) < 4 * np.sqrt(a.var() / SIZE + b.var() / size)


@pytest.mark.parametrize("name", ["retrenchment_simulated", "panel_simulated", "slider_simulated"])
def test_other_fieldings_keep_what_of_the_plans_truth_they_can(name):
    planned = read_spec(models_dir() / f"{name}.toml")
    (plan,) = planned.sources
    fieldings = [Fielding(wave.name, 50) for wave in planned.waves]
    one = simulate(planned, fieldings=fieldings, random_seed=1).truth.posterior
    held = {k: v for k, v in plan.truth if k in one and one[k].size == 1}
    assert {k: float(one[k].squeeze()) for k in held} == held
    assert {"intercept", "sd_level_country", "sd_level_ally"} <= set(held)
    with pytest.raises(SpecError, match="no scalar"):
        simulate(planned, fieldings=fieldings, truth={"gap_elite_of_nobody": 1.0})


def test_a_plan_that_names_nothing_of_its_own_model_is_refused():
    planned = read_spec(models_dir() / "retrenchment_simulated.toml")
    (plan,) = planned.sources
    wrong = replace(planned, sources=(replace(plan, truth=(*plan.truth, ("gap_elite_of_nobody", 1.0))),))
    fieldings = [Fielding(wave.name, 50) for wave in planned.waves]
    for given in ({}, {"fieldings": fieldings}):
        with pytest.raises(SpecError, match="no scalar 'gap_elite_of_nobody'"):
            simulate(wrong, **given)
