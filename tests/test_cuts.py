"""Cuts by country: the density, its gradient, predictions, priors and PyMC against formulas."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from test_kernel import all_or_none, by_formula, check_gradient, published
from test_respondents import TERMS, answers_of_people, prepared, spec_of, survey_of

from alliancecred import density
from alliancecred.cells import make_cells
from alliancecred.density import cut_group, data_arrays, own_cuts, parameter_count, structure
from alliancecred.design import CUTS_BY_COUNTRY, SD_CUTS
from alliancecred.engines.condense import condense
from alliancecred.engines.nuts import sample
from alliancecred.engines.reading import cuts_read
from alliancecred.engines.spacings import rough_cut_sd
from alliancecred.errors import SpecError
from alliancecred.fitting import beyond_laplace, prepare
from alliancecred.identify import make_design
from alliancecred.kernel import log_density
from alliancecred.lattice import lattice_loglik, make_lattice
from alliancecred.new_levels import extend
from alliancecred.origins import Fielding, Simulation
from alliancecred.outcome import cut_points, log_probs
from alliancecred.prediction import answer_probs
from alliancecred.predictor import linear_predictor
from alliancecred.priors import HalfNormal, Normal
from alliancecred.sampling import Sampling
from alliancecred.simulation import draw_prior, simulate
from alliancecred.sweep import sweep, swept_matrix
from alliancecred.terms import Cuts, Level
from models import RICH, make_spec, make_survey

FREE = Cuts(("country",), Normal(0.1, 0.7), HalfNormal(0.4))
FREED = (*RICH[:-1], FREE)


def everything(answers: int = 4):
    spec = make_spec(answers, FREED)
    cells = make_cells(spec, [make_survey(spec), published(spec), published(spec, 0.01)])
    return make_design(spec, cells), cells


def from_sampled(c, sd, given, common):
    """Log-spacings of countries: what is sampled, times its width, and of the common ones what the data leave."""
    v, away = 1 - c + c * sd**2, common - [0.4, -0.3]
    own = [0.4, -0.3] + given * sd / np.sqrt(v) + (1 - c * sd**2 / v) * away
    return own, given.size * np.log(sd / np.sqrt(v)).mean()


def parts(design, theta):
    """Split θ: before the log-spacings, common ones, those of countries, the rest."""
    start = len(design.scales) + len(design.correlated)
    inner, groups = design.answers - 2, design.cut_groups
    common = theta[start : start + inner]
    own = theta[start + inner : start + inner * (1 + groups)].reshape(groups, inner)
    return start, common, own, theta[start + inner * (1 + groups) :]


@pytest.mark.parametrize("centred", [1.0, 0.0, 0.6])
def test_density_is_the_formula(centred, monkeypatch):
    monkeypatch.setattr(density, "own_cuts", lambda *_: np.array([centred, 0.4, -0.3]))
    design, cells = everything()
    swept = sweep(design, cells.rows)
    arrays, data = structure(swept, cells, all_or_none(swept, True)), data_arrays(cells)
    scale, rng, got, want = list(design.scales).index(SD_CUTS), np.random.default_rng(0), [], []
    none = replace(cells, counts=cells.counts * 0, toplines=(), overdispersion=np.zeros(0))
    none = replace(none, rows=cells.rows.take(np.arange(len(cells.counts))))
    bare = replace(design, cut_scale=None)
    empty = sweep(bare, cells.rows)
    for _ in range(6):
        theta = rng.normal(0, 0.4, parameter_count(swept))
        start, common, own, rest = parts(design, theta)
        sd = math.exp(theta[scale])
        other = np.concatenate([np.delete(theta[:start], scale), common, rest])
        value = by_formula(empty, none, other)  # priors of all but the countries' cuts
        value += stats.halfnorm(scale=0.4).logpdf(sd) + theta[scale]
        own, jacobian = from_sampled(centred, sd, own, common)
        value += stats.norm(common, sd).logpdf(own).sum() + jacobian
        eta = swept_matrix(swept, cells.rows) @ rest
        cuts = cut_points(own)[cells.rows.codes["country"]]
        logp, n = log_probs(eta, cuts), len(cells.counts)
        value += (cells.counts * logp[:n]).sum()
        value += lattice_loglik(logp[n:], make_lattice(cells.toplines, cells.overdispersion, 4)).sum()
        want.append(value)
        got.append(log_density(theta, arrays, data)[0])
    np.testing.assert_allclose(np.diff(got), np.diff(want), rtol=1e-8, atol=1e-6)


@pytest.mark.parametrize("people", [False, True])
@pytest.mark.parametrize("centred", [1.0, 0.0, 0.6])
def test_gradient_is_the_finite_difference(centred, people, monkeypatch):
    monkeypatch.setattr(density, "own_cuts", lambda *_: np.array([centred, 0.4, -0.3]))
    if people:
        spec = spec_of(4, (*TERMS, FREE))
        cells = make_cells(spec, [survey_of(spec, answers_of_people(spec)), published(spec)])
        design = make_design(spec, cells)
    else:
        design, cells = everything()
    swept = sweep(design, cells.rows)
    check_gradient(swept, cells, all_or_none(swept, False))


def test_what_was_sampled_becomes_spacings_of_countries():
    design, _ = everything()
    rng = np.random.default_rng(2)
    spacing, sd = rng.normal(size=(2, 3, 2 * 5)), {SD_CUTS: np.exp(rng.normal(size=(2, 3)))}
    for centred in (1.0, 0.0, 0.6):
        found = cuts_read(design, spacing, sd, np.array([centred, 0.4, -0.3]))
        np.testing.assert_array_equal(found["cut_spacing"], spacing[..., :2])
        for c in range(4):
            own = spacing[..., 2 + 2 * c : 4 + 2 * c]
            want, _ = from_sampled(centred, sd[SD_CUTS][..., None], own, spacing[..., :2])
            np.testing.assert_allclose(found[CUTS_BY_COUNTRY][:, :, c], want)
    assert cuts_read(replace(design, cut_scale=None), spacing[..., :2], {}).keys() == {"cut_spacing"}


@pytest.mark.parametrize("people", [False, True])
def test_chances_have_the_cuts_of_the_country(people):
    spec = spec_of(4, (*TERMS, FREE) if people else (*TERMS[:-1], FREE))
    cells = make_cells(spec, [survey_of(spec, answers_of_people(spec))])
    design = make_design(spec, cells)
    draws = draw_prior(design, np.random.default_rng(3), 4)
    got, eta = answer_probs(design, cells.rows, draws), linear_predictor(design, cells.rows, draws)
    z, w = np.polynomial.hermite_e.hermegauss(120) if people else (np.zeros(1), np.ones(1))
    for s in range(4):
        sd = draws["sd_respondent"][s] if people else 0.0
        for i, c in enumerate(cells.rows.codes["country"]):
            cuts = cut_points(draws[CUTS_BY_COUNTRY][s, c])
            want = (np.exp(log_probs(eta[s, i] + sd * z, cuts)) * (w / w.sum())[:, None]).sum(0)
            np.testing.assert_allclose(got[s, i], want, atol=5e-6)


def test_spacings_of_countries_are_drawn_around_the_common_ones():
    design, _ = everything()
    draws = draw_prior(design, np.random.default_rng(4), 4000, {SD_CUTS: 0.25})
    away = draws[CUTS_BY_COUNTRY] - draws["cut_spacing"][:, None]
    assert away.shape == (4000, 4, 2)
    assert away.std() == pytest.approx(0.25, rel=0.02)
    assert abs(away.mean()) < 0.01
    assert abs(np.corrcoef(away[:, 0, 0], away[:, 1, 0])[0, 1]) < 0.06
    free = draw_prior(design, np.random.default_rng(5), 4000)
    assert np.sqrt((free[SD_CUTS] ** 2).mean()) == pytest.approx(0.4, rel=0.05)


def test_the_pymc_model_has_the_same_density():
    from alliancecred.model import plain_model

    spec = spec_of(4, (Level(("country",)), FREE))
    cells = make_cells(spec, [survey_of(spec, answers_of_people(spec)), published(spec)])
    design = make_design(spec, cells)
    model = plain_model(design, cells)
    draws = draw_prior(design, np.random.default_rng(6), 2)
    logp, values = model.compile_logp(jacobian=False), []
    for s in range(2):
        point = model.initial_point()
        for key in point:
            value = draws[key.removesuffix("_log__")][s]
            point[key] = np.log(value) if key.endswith("_log__") else np.asarray(value)
        eta = linear_predictor(design, cells.rows, draws)[s]
        logs = log_probs(eta, cut_points(draws[CUTS_BY_COUNTRY][s])[cells.rows.codes["country"]])
        n = len(cells.counts)
        want = (cells.counts * logs[:n]).sum() + lattice_loglik(logs[n:], cells.lattice).sum()
        sd = draws[SD_CUTS][s]
        want += stats.norm(draws["cut_spacing"][s], sd).logpdf(draws[CUTS_BY_COUNTRY][s]).sum()
        want += stats.halfnorm(scale=0.4).logpdf(sd) + stats.norm(0.1, 0.7).logpdf(draws["cut_spacing"][s]).sum()
        want += stats.norm(0, 1.5).logpdf(draws["intercept"][s])
        want += stats.halfnorm(scale=0.5).logpdf(draws["sd_level_country"][s])
        want += stats.norm(0, draws["sd_level_country"][s]).logpdf(draws["level_country"][s]).sum()
        values.append(float(logp(point)) - want)
    assert values[0] == pytest.approx(values[1], abs=1e-6)


def test_a_new_country_has_spacings_from_the_pool():
    import pandas as pd

    spec = spec_of(4, (*TERMS[:-1], FREE))
    sim = simulate(spec, fieldings=(Fielding("w1", 50), Fielding("w2", 50)), truth={SD_CUTS: 0.3}, random_seed=7)
    table = pd.DataFrame({"country": ["XX", "DE"], "ally": "US", "target": "", "wave": "w2", "population": "public"})
    many = replace(sim.truth, idata=sim.truth.idata.copy())
    design, draws = extend(many, table, "draw", 1)
    own = draws[CUTS_BY_COUNTRY]
    assert own.shape == (1, 4, 2)
    np.testing.assert_array_equal(own[:, :3], sim.truth.draws()[CUTS_BY_COUNTRY])
    away = [(extend(sim.truth, table, "draw", seed)[1][CUTS_BY_COUNTRY][0, 3] - draws["cut_spacing"][0]) / 0.3
            for seed in range(300)]  # fmt: skip
    assert np.std(away) == pytest.approx(1, rel=0.1)
    assert design.cut_groups == 4


def test_rows_of_countries_with_different_cuts_stay_apart():
    spec = spec_of(4, (Level(("ally",)), FREE))
    cells = make_cells(spec, [survey_of(spec, answers_of_people(spec, 20))])
    design = make_design(spec, cells)
    fewer, _ = condense(design, cells)
    assert len(fewer.rows) == 9  # three countries, three allies; the waves are one
    together, _ = condense(replace(design, cut_scale=None), cells)
    assert len(together.rows) == 3
    assert sorted(set(cut_group(design, fewer.rows))) == [0, 1, 2]


def test_what_cannot_vary_is_refused():
    with pytest.raises(SpecError, match="two answers have one cut"):
        prepared_with(2, FREE)
    with pytest.raises(SpecError, match="cuts are common or vary by country"):
        prepared_with(4, Cuts(("ally",)))
    spec = replace(spec_of(4, (Level(("ally",)), FREE)), countries=("DE",))
    table = answers_of_people(spec_of(4))
    with pytest.raises(SpecError, match="1 country: cuts cannot vary"):
        prepare(spec, survey_of(spec, table[table.country == "DE"]))
    design, _, _ = prepared(4)
    freed = replace(design, respondent=None, cut_scale=HalfNormal(0.3))
    assert beyond_laplace(freed) == "does not know cuts by country"


def test_a_scale_of_common_cuts_is_refused():
    with pytest.raises(SpecError, match="`scale` is of cuts by country"):
        prepared_with(4, Cuts(scale=HalfNormal(0.1)))


def test_a_grid_of_priors_varies_the_scale_of_free_cuts_too():
    from alliancecred.grids import prior_grid

    spec = spec_of(4, (Level(("country",)), FREE))
    assert prior_grid(spec, (2.0,))["sd of cuts by country × 2"].terms[-1] == Cuts(
        ("country",), Normal(0.1, 1.4), HalfNormal(0.8)
    )
    common = spec_of(4, (Level(("country",)), Cuts()))
    assert prior_grid(common, (2.0,))["sd of cuts × 2"].terms[-1] == Cuts(spacing=Normal(0.0, 2.0))


def prepared_with(answers: int, *terms):
    spec = spec_of(answers, (*TERMS[:-1], *terms))
    return prepare(spec, survey_of(spec, answers_of_people(spec)))


# --- does the answer survive? -------------------------------------------------------------------
def test_a_fit_is_asked_with_common_and_with_free_cuts(monkeypatch):
    """Both are fitted to the data of the fit; NUTS itself is left out here."""
    import alliancecred as ac
    from alliancecred import specifications

    spec = spec_of(4, (*TERMS[:-1], Cuts(("country",), Normal(0.2, 0.6), HalfNormal(0.25))))
    sim = simulate(replace(spec, estimands=()), fieldings=(Fielding("w1", 40), Fielding("w2", 40)), random_seed=8)
    seen = []

    def fake(design, cells, seed, *, draws, method):
        seen.append((design, cells))
        return "not fitted"

    monkeypatch.setattr(specifications, "refit", fake)
    monkeypatch.setattr(specifications, "run_study", lambda task, items, **_: {k: task(v, 1) for k, v in items.items()})
    table = ac.sensitivity(sim.truth, "cuts", estimands=[ac.Estimand("shift")])
    assert table["specification"].tolist() == ["common cuts", "cuts by country"]
    assert [d.cut_groups for d, _ in seen] == [0, 3]
    assert all(d.cuts == Normal(0.2, 0.6) for d, _ in seen)
    assert seen[1][0].cut_scale == HalfNormal(0.25)
    assert all(c is sim.truth.cells for _, c in seen)
    with pytest.raises(SpecError, match="'cuts' or 'weights' can be varied, got 'slopes'"):
        ac.sensitivity(sim.truth, "slopes")
    with pytest.raises(SpecError, match="said of a fit"):
        ac.sensitivity({"a": spec}, "cuts")
    with pytest.raises(SpecError, match="two answers have one cut"):
        ac.cuts_grid(spec_of(2))


def test_digests_of_cells_tell_data_apart():
    from alliancecred.studies import cells_digest

    _, cells, _ = prepared(3)
    other = replace(cells, counts=cells.counts + 1)
    alone = replace(cells, people=None)
    older = replace(cells, rows=replace(cells.rows, covariates={"age": np.arange(len(cells.rows)) / 10}))
    assert len({cells_digest(c) for c in (cells, other, alone, older, replace(cells))}) == 4


@pytest.mark.parametrize("sd", [0.0, 0.4])
def test_how_different_cuts_are_is_roughly_known_beforehand(sd):
    spec = replace(
        spec_of(4, (Level(("country",)), FREE)),
        countries=tuple(f"c{i}" for i in range(12)),
        allies=("US",),
        sources=(Simulation(0, (Fielding("w1", 2000),), ()),),
    )
    truth = {"sd_cut_spacing_country": sd, "cut_spacing[0]": 0.2, "cut_spacing[1]": 0.1, "sd_level_country": 0.3}
    found = [rough_cut_sd(simulate(spec, truth=truth, random_seed=s).truth.cells, 12) for s in range(8)]
    assert np.mean(found) == pytest.approx(sd, rel=0.2, abs=0.03)
    cells = simulate(spec, truth=truth, random_seed=1).truth.cells
    assert rough_cut_sd(replace(cells, counts=cells.counts[:1]), 12) == 0.3


def test_how_cuts_are_sampled_follows_the_answers_per_country():
    design, cells = everything()
    w = 0.3 * cells.size.sum() / 4
    np.testing.assert_allclose(own_cuts(design, cells), [w / (1 + w), design.cuts.mean, design.cuts.mean])
    np.testing.assert_allclose(own_cuts(design, cells, np.array([[0.1, 0.3], [0.5, 0.1]]))[1:], [0.3, 0.2])


def test_what_is_sampled_is_read_in_the_form_in_which_it_was_sampled():
    """Many answers, far from the prior's middle: spacings of countries are those of their own shares."""
    spec = replace(spec_of(4, (Level(("country",)), FREE)), allies=("US",))
    truth = {"sd_cut_spacing_country": 0.3, "cut_spacing[0]": -0.6, "cut_spacing[1]": 0.9, "sd_level_country": 0.3}
    sim = simulate(spec, fieldings=[Fielding("w1", 4000)], truth=truth, random_seed=2)
    cells, design = sim.truth.cells, sim.truth.design
    found = sample(design, cells, seed=1, draws=200, chains=1, sampling=Sampling(tune=200), progressbar=False)
    counts = np.zeros((design.cut_groups, 4))
    np.add.at(counts, cells.rows.codes["country"], cells.counts)
    below = counts.cumsum(1)[:, :-1] / counts.sum(1, keepdims=True)
    own = np.log(np.diff(np.log(below / (1 - below)), axis=1))
    assert np.abs(own).max() > 0.5
    np.testing.assert_allclose(found.variables[CUTS_BY_COUNTRY].mean((0, 1)), own, atol=0.06)
