"""The linear family: its density against scipy, least squares and conjugate posteriors, estimands, refusals."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp
from test_kernel import all_or_none, check_gradient
from test_sweep import swept_covariance

import alliancecred as ac
from alliancecred import gaussian
from alliancecred.calibration import quantities
from alliancecred.cells import make_cells
from alliancecred.check import leave_one_out, ppc
from alliancecred.density import data_arrays, parameter_count, structure
from alliancecred.engines.condense import condense
from alliancecred.engines.conditional import condition
from alliancecred.engines.field import make_field
from alliancecred.engines.hyper import from_scores, score_count
from alliancecred.engines.metric import row_information
from alliancecred.errors import FitError, SpecError
from alliancecred.estimands import levels, shift
from alliancecred.fitting import fit_design, prepare
from alliancecred.gaussian import Gaussian
from alliancecred.identify import make_design
from alliancecred.kernel import log_density
from alliancecred.origins import Fielding, MeanFile, Simulation, ToplineFile
from alliancecred.prediction import log_likelihood, row_log_likelihood, row_scores
from alliancecred.predictor import linear_predictor
from alliancecred.priors import Flat, HalfNormal, LogNormal, Normal
from alliancecred.ratings import Rating
from alliancecred.report.words import model_words, priors_table
from alliancecred.scoring import score_rows
from alliancecred.simulation import draw_prior, prior_predictive, replicate, simulate
from alliancecred.sliders import Slider
from alliancecred.sources import DataReport, Toplines
from alliancecred.spec import Estimand, Variant
from alliancecred.spec_check import check_spec
from alliancecred.spec_file import spec_from_table, spec_to_toml
from alliancecred.summaries.words import quantity
from alliancecred.sweep import sweep, swept_matrix
from alliancecred.terms import Cuts, Fixed, Level, Respondent, Shift
from models import ALLIES, COUNTRIES, FADING, LONG, RICH, RISING, TIMED, make_spec, make_survey

NUMBERS = (-2.0, 0.5, 1.0, 4.0)
FAMILY = Gaussian(NUMBERS, LogNormal(1.5, 0.6))


def make(terms=RICH[:-1], family=FAMILY, answers=4, **more):
    spec = replace(make_spec(answers, terms, **more), gaussian=family)
    survey = make_survey(spec)
    cells = make_cells(spec, [survey])
    return survey, cells, make_design(spec, cells)


@pytest.fixture(scope="module")
def made():
    return make()


def answers_of(survey, cells, scores=NUMBERS):
    """Row of the cells and number, one entry per person."""
    labels = cells.labels()
    place = {tuple(r): i for i, r in enumerate(labels.itertuples(index=False))}
    table = survey.table.loc[survey.table.index.repeat(survey.table["count"])]
    row = np.array([place[tuple(r)] for r in table[list(labels.columns)].itertuples(index=False)])
    numbers = table["value"].to_numpy() if "value" in table else np.array(scores)[table["answer"]]
    return row, numbers


# --- the family ---------------------------------------------------------------------------------
def test_numbers_of_the_answers():
    assert Gaussian().numbers(2) == (0.0, 1.0)
    assert Gaussian().numbers(4) == (1.0, 2.0, 3.0, 4.0)
    assert Gaussian(NUMBERS).numbers(4) == NUMBERS
    assert [Gaussian().has_shares(k) for k in (2, 3)] == [True, False]
    assert not Gaussian((1.0, 2.0)).has_shares(2)


def test_log_density_and_slopes_are_those_of_scipy_and_of_differences():
    rng = np.random.default_rng(0)
    counts, eta, sigma = rng.integers(0, 9, (5, 4)), rng.normal(0, 1, (3, 5)), np.array([[0.4], [1.0], [2.5]])
    counts[2] = 0
    sums = gaussian.sums_of(counts, NUMBERS)
    value, slope, curvature = gaussian.slopes(eta, sigma, sums)
    each = stats.norm(eta[..., None], sigma[..., None]).logpdf(np.array(NUMBERS))
    np.testing.assert_allclose(value, (counts * each).sum(-1), rtol=1e-10)
    np.testing.assert_allclose(value, gaussian.log_density(eta, sigma, sums))
    low, high = (gaussian.log_density(eta + x, sigma, sums) for x in (-1e-3, 1e-3))
    np.testing.assert_allclose(slope, (high - low) / 2e-3, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(curvature, -(high - 2 * value + low) / 1e-6, rtol=1e-3, atol=1e-3)


def test_sigma_is_roughly_known_beforehand():
    rng = np.random.default_rng(1)
    y = np.repeat(rng.normal(0, 3, 50), 40).reshape(50, 40) + rng.normal(0, 0.7, (50, 40))
    within = np.column_stack([np.full(50, 40.0), y.sum(1), (y**2).sum(1)])
    assert gaussian.rough_sigma(within) == pytest.approx(0.7, rel=0.05)
    single = np.column_stack([np.ones(50), y[:, 0], y[:, 0] ** 2])
    assert gaussian.rough_sigma(single) == pytest.approx(y[:, 0].std(ddof=1))
    assert gaussian.rough_sigma(single[:1]) == 1.0


def test_sums_are_of_scores_or_of_numbers_where_there_are_any(made):
    survey, cells, design = made
    row, y = answers_of(survey, cells)
    want = np.column_stack([np.bincount(row, y**k, len(cells.rows)) for k in range(3)])
    np.testing.assert_allclose(cells.sums, want)
    assert cells.valued is None
    numbers = survey.table["answer"] * 1.7 - 0.3
    mixed = make_cells(design.spec, [replace(survey, table=survey.table.assign(value=numbers)), survey])
    other = 1.7 * np.arange(4) - 0.3
    assert mixed.sums[:, 1] == pytest.approx(cells.counts @ other + want[:, 1])
    assert mixed.sums[:, 2] == pytest.approx(cells.counts @ other**2 + want[:, 2])


# --- the posterior density ----------------------------------------------------------------------
def by_formula(survey, cells, swept, theta):
    """Log density of the centred form: people one by one, and multivariate normals."""
    design = swept.design
    sizes = np.cumsum((len(design.pooled), len(design.correlated), 1))
    log_sd, rho, (log_sigma,), x = np.split(theta, sizes)
    scales = {p.sd_name: np.exp(v) for p, v in zip(design.pooled, log_sd, strict=True)}
    scales |= {p.corr_name: np.tanh(v) for p, v in zip(design.correlated, rho, strict=True)}
    total = sum(
        stats.halfnorm(scale=p.scale.sd).logpdf(np.exp(v)) + v for p, v in zip(design.pooled, log_sd, strict=True)
    )
    for p, v in zip(design.correlated, np.tanh(rho), strict=True):
        eta = p.correlation.eta
        total += stats.beta(eta, eta).logpdf((v + 1) / 2) + np.log(1 - v**2)
    centre = np.zeros(len(x))
    centre[: len(design.coefficients)] = [k.prior.mean for k in design.coefficients]
    total += stats.multivariate_normal(centre, swept_covariance(swept, scales)).logpdf(x)
    total += stats.norm(np.log(1.5), 0.6).logpdf(log_sigma)
    row, y = answers_of(survey, cells)
    return total + stats.norm((swept_matrix(swept, cells.rows) @ x)[row], np.exp(log_sigma)).logpdf(y).sum()


def test_density_is_the_formula(made):
    survey, cells, design = made
    swept = sweep(design, cells.rows)
    arrays, data = structure(swept, cells, all_or_none(swept, True)), data_arrays(cells)
    rng = np.random.default_rng(2)
    points = [rng.normal(0, 0.4, parameter_count(swept)) for _ in range(25)]
    got = np.array([log_density(t, arrays, data)[0] for t in points])
    want = np.array([by_formula(survey, cells, swept, t) for t in points])
    np.testing.assert_allclose(got - got[0], want - want[0], rtol=1e-8, atol=1e-7)


@pytest.mark.parametrize("centred", [True, False])
def test_gradient_is_the_finite_difference(made, centred):
    _, cells, design = made
    swept = sweep(design, cells.rows)
    check_gradient(swept, cells, all_or_none(swept, centred))


def test_gradient_where_a_signal_fades():
    _, cells, design = make(TIMED, waves=LONG, signals=(FADING, RISING))
    swept = sweep(design, cells.rows)
    check_gradient(swept, cells, all_or_none(swept, False))


def test_the_pymc_model_has_the_same_density(made):
    from alliancecred.model import plain_model

    terms = (Level(("country",), HalfNormal(0.4)), Shift("act", prior=Normal(-0.2, 1.5)))
    survey, cells, design = make(terms)
    model = plain_model(design, cells)
    draws = draw_prior(design, np.random.default_rng(6), 3)
    logp, row_y = model.compile_logp(jacobian=False), answers_of(survey, cells)
    for s in range(3):
        point = model.initial_point()
        for key in point:
            value = draws[key.removesuffix("_log__")][s]
            point[key] = np.log(value) if key.endswith("_log__") else np.asarray(value)
        sd, sigma = draws["sd_level_country"][s], draws["sigma"][s]
        eta = linear_predictor(design, cells.rows, draws)[s]
        want = stats.norm(eta[row_y[0]], sigma).logpdf(row_y[1]).sum() + stats.lognorm(0.6, scale=1.5).logpdf(sigma)
        want += stats.halfnorm(scale=0.4).logpdf(sd) + stats.norm(0, sd).logpdf(draws["level_country"][s]).sum()
        want += stats.norm(0, 1.5).logpdf(draws["intercept"][s])
        want += stats.norm(-0.2, 1.5).logpdf(draws["shift_act"][s]).sum()
        assert float(logp(point)) == pytest.approx(want, abs=1e-6)


def test_log_likelihood_of_rows_and_of_all(made):
    survey, cells, design = made
    draws = draw_prior(design, np.random.default_rng(3), 3)
    eta, (row, y) = linear_predictor(design, cells.rows, draws), answers_of(survey, cells)
    each = stats.norm(eta[:, row], draws["sigma"][:, None]).logpdf(y)
    want = np.array([np.bincount(row, e, len(cells.rows)) for e in each])
    np.testing.assert_allclose(row_log_likelihood(design, cells, draws), want, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(log_likelihood(design, cells, draws), want.sum(1))
    assert "sigma" in quantities(ac.simulate(simple_spec(), random_seed=1).truth, make_simple().truth.cells)


def test_held_out_rows_and_rows_added_up_lose_no_answer(made):
    survey, cells, design = made
    mask = np.ones(len(cells.rows))
    mask[[3, 8]] = 0
    sums = data_arrays(cells, mask).sums
    assert sums[[3, 8]].tolist() == [[0, 0, 0]] * 2
    np.testing.assert_allclose(np.delete(sums, [3, 8], 0), np.delete(cells.sums, [3, 8], 0))
    likelihood = make_field(design, cells, mask).likelihood
    eta, sigma = np.random.default_rng(4).normal(0, 1, (len(likelihood.keep), 1)), np.array([1.3])
    row, y = answers_of(survey, cells)
    full = np.zeros(len(cells.rows))
    full[likelihood.keep] = eta[:, 0]
    want = stats.norm(full[row], 1.3).logpdf(y)[mask[row] > 0].sum()
    assert likelihood.value(eta, np.zeros((1, 1)), sigma)[0] == pytest.approx(want)
    numbers = make_cells(design.spec, [replace(survey, table=survey.table.assign(value=survey.table["answer"] * 0.3))])
    for some in (cells, numbers):
        fewer, _ = condense(replace(design, coefficients=design.coefficients[:1], pooled=design.pooled[:1]), some)
        assert len(fewer.counts) == len(COUNTRIES)
        np.testing.assert_allclose(fewer.sums.sum(0), some.sums.sum(0))


def test_information_is_n_over_variance(made):
    _, cells, _ = made
    sigma = gaussian.rough_sigma(cells.sums)
    np.testing.assert_allclose(row_information(cells), cells.counts.sum(1) / sigma**2)


# --- closed forms -------------------------------------------------------------------------------
FLAT = Flat()


def unpooled_spec(prior=FLAT, intercept=Normal(0.0, 1000.0), **more):
    terms = [Fixed(f"in_{c.lower()}", (("country", (c,)),), prior) for c in COUNTRIES[1:]]
    terms += [Fixed(f"of_{a.lower()}", (("ally", (a,)),), prior) for a in ALLIES[1:]]
    spec = make_spec(4, tuple(terms))
    return replace(spec, intercept=intercept, gaussian=FAMILY, signals=(), **more)


def with_columns(spec):
    """Cells, design, and a line of the design matrix and a number for each person."""
    survey = make_survey(spec, seed=5, n=14)
    cells = make_cells(spec, [survey])
    row, y = answers_of(survey, cells)
    labels = cells.labels().iloc[row]
    columns = [np.ones(len(y))]
    columns += [(labels.country == c).to_numpy(float) for c in COUNTRIES[1:]]
    columns += [(labels.ally == a).to_numpy(float) for a in ALLIES[1:]]
    return cells, make_design(spec, cells), np.column_stack(columns), y


def coefficients(fit):
    return np.column_stack([fit.draws()[c.name] for c in fit.design.coefficients])


def test_with_flat_priors_it_is_least_squares():
    cells, design, X, y = with_columns(unpooled_spec())
    ols, squares, rank, _ = np.linalg.lstsq(X, y)
    error = np.sqrt(np.diag(np.linalg.inv(X.T @ X)) * squares[0] / (len(y) - rank))
    field = make_field(design, cells)
    h = from_scores(design, np.array([[-0.8], [0.0], [1.1]]))
    found = condition(field, h, np.zeros((field.size, 3)))
    assert np.abs((found.mode - ols[:, None]) / error[:, None]).max() < 1e-3
    fit = fit_design(design, cells, random_seed=1, draws=2000, method="laplace")
    assert fit.diagnosis.passed
    draws = coefficients(fit)
    assert (np.abs(draws.mean(0) - ols) / error < 4 / np.sqrt(3200)).all()
    np.testing.assert_allclose(draws.std(0), error, rtol=0.03)
    np.testing.assert_allclose(fit.draws()["sigma"].mean(), np.sqrt(squares[0] / (len(y) - rank)), rtol=0.01)


def test_laplace_is_exact_given_sigma_and_integrates_over_it():
    spec = unpooled_spec(Normal(0.3, 0.5), Normal(1.0, 2.0))
    cells, design, X, y = with_columns(spec)
    centre, prior = np.r_[1.0, [0.3] * 5], np.diag(np.r_[4.0, [0.25] * 5])
    u = np.linspace(-1.5, 1.5, 61)
    sigma = 1.5 * np.exp(0.6 * u)
    exact = [stats.multivariate_normal(X @ centre, s**2 * np.eye(len(y)) + X @ prior @ X.T).logpdf(y) for s in sigma]
    field = make_field(design, cells)
    found = condition(field, from_scores(design, u[:, None]), np.zeros((field.size, len(u))))
    np.testing.assert_allclose(found.marginal, exact, rtol=1e-9)

    means, variances = [], []
    for s in sigma:
        cov = np.linalg.inv(X.T @ X / s**2 + np.linalg.inv(prior))
        means.append(cov @ (X.T @ y / s**2 + np.linalg.solve(prior, centre)))
        variances.append(np.diag(cov))
    weight = np.exp(exact - logsumexp(exact) - 0.5 * u**2)
    mean, sd = posterior(np.array(means), np.array(variances), weight)
    fit = fit_design(design, cells, random_seed=2, draws=2000, method="laplace")
    draws = coefficients(fit)
    assert (np.abs(draws.mean(0) - mean) / sd < 4 / np.sqrt(3200)).all()
    np.testing.assert_allclose(draws.std(0), sd, rtol=0.03)
    evidence = logsumexp(exact + stats.norm.logpdf(u)) + np.log(u[1] - u[0])
    assert fit.idata.attrs["log_marginal_likelihood"] == pytest.approx(evidence, abs=0.05)


def posterior(means, variances, weight):
    """Mean and sd of a mixture."""
    weight = weight / weight.sum()
    mean = weight @ means
    return mean, np.sqrt(weight @ (variances + (means - mean) ** 2))


def test_one_pooled_block_integrated_over_its_scale():
    spec = replace(
        make_spec(4, (Level(("country",), HalfNormal(0.8)),)), signals=(), intercept=Normal(0.5, 1.0), gaussian=FAMILY
    )
    survey = make_survey(spec, seed=7, n=3)
    cells = make_cells(spec, [survey])
    design = make_design(spec, cells)
    row, y = answers_of(survey, cells)
    Z = (cells.rows.codes["country"][row][:, None] == np.arange(len(COUNTRIES))).astype(float)
    X = np.column_stack([np.ones(len(y)), Z])
    u, v = np.meshgrid(np.linspace(-3.5, 3.5, 29), np.linspace(-1.5, 1.5, 25))
    u, v = u.ravel(), v.ravel()
    scale, sigma = 0.8 * stats.halfnorm.ppf(stats.norm.cdf(u)), 1.5 * np.exp(0.6 * v)
    exact, means, variances = [], [], []
    for t, s in zip(scale, sigma, strict=True):
        prior = np.r_[1.0, np.full(len(COUNTRIES), t**2)]
        exact.append(stats.multivariate_normal(np.full(len(y), 0.5), s**2 * np.eye(len(y)) + X * prior @ X.T).logpdf(y))
        cov = np.linalg.inv(X.T @ X / s**2 + np.diag(1 / prior))
        means.append(cov @ (X.T @ y / s**2 + np.r_[0.5, np.zeros(len(COUNTRIES))]))
        variances.append(np.diag(cov))
    field = make_field(design, cells)
    found = condition(field, from_scores(design, np.column_stack([u, v])), np.zeros((field.size, len(u))))
    np.testing.assert_allclose(found.marginal, exact, rtol=1e-7)
    weight = np.exp(exact - logsumexp(exact) - 0.5 * (u**2 + v**2))
    mean, sd = posterior(np.array(means), np.array(variances), weight)
    fit = fit_design(design, cells, random_seed=3, draws=2000, method="laplace")
    draws = np.column_stack([fit.draws()["intercept"], fit.draws()["level_country"]])
    assert (np.abs(draws.mean(0) - mean) / sd < 4 / np.sqrt(3200)).all()
    np.testing.assert_allclose(draws.std(0), sd, rtol=0.03)
    for name, grid in (("sd_level_country", scale), ("sigma", sigma)):
        at, width = posterior(grid[:, None], np.zeros((len(grid), 1)), weight)
        assert fit.draws()[name].mean() == pytest.approx(at[0], abs=4 * width[0] / np.sqrt(3200))


@pytest.mark.slow
def test_nuts_and_laplace_agree():
    _, cells, design = make()
    fits = [fit_design(design, cells, random_seed=4, draws=1000, method=m) for m in ("laplace", "nuts")]
    assert all(f.diagnosis.passed for f in fits)
    one, two = (quantities(f, cells) for f in fits)
    for name in one:
        error = 4 * np.hypot(one[name].std(), two[name].std()) / np.sqrt(400)
        assert one[name].mean() == pytest.approx(two[name].mean(), abs=error), name


def test_laplace_with_many_answers_finds_its_way():
    """The posterior of sigma is hundreds of times narrower than its prior."""
    spec = replace(simple_spec(), gaussian=Gaussian((0.0, 25.0, 50.0, 100.0), LogNormal(1.0, 2.0)), estimands=())
    spec = replace(spec, intercept=Normal(50.0, 30.0), terms=(Level(("country",), HalfNormal(10.0)),))
    sim = simulate(spec, fieldings=(Fielding("w1", 20_000),), truth={"sigma": 22.0}, random_seed=1)
    _, cells, design = prepare(spec, sim.survey)
    fit = fit_design(design, cells, random_seed=5, draws=500, method="laplace")
    assert fit.diagnosis.passed
    sigma = fit.draws()["sigma"]
    assert sigma.std() == pytest.approx(22 / np.sqrt(2 * cells.counts.sum()), rel=0.1)
    assert sigma.mean() == pytest.approx(22, abs=5 * sigma.std())


# --- simulation ---------------------------------------------------------------------------------
def simple_spec(**more):
    terms = (Level(("country",), HalfNormal(0.3)), Level(("ally",), HalfNormal(0.3)), Shift("act"))
    plan = Simulation(3, (Fielding("w1", 40), Fielding("w2", 30)), ())
    spec = replace(make_spec(4, terms), gaussian=FAMILY, sources=(plan,), estimands=(Estimand("shift", answer="mean"),))
    return replace(spec, **more)


def make_simple():
    return simulate(simple_spec(), truth={"sigma": 0.8}, random_seed=8)


def test_simulated_answers_are_normal_numbers_beside_the_nearest_answers():
    sim = make_simple()
    cells, table = sim.truth.cells, sim.survey.table
    row, y = answers_of(sim.survey, cells)
    eta = linear_predictor(sim.truth.design, cells.rows, sim.truth.draws())[0]
    assert stats.kstest((y - eta[row]) / 0.8, "norm").pvalue > 0.001
    nearest = np.abs(y[:, None] - np.array(NUMBERS)).argmin(1)
    assert table["answer"].tolist() == nearest.tolist()
    assert cells.sums[:, 1] == pytest.approx(np.bincount(row, y))
    assert cells.counts.sum() == len(y)


def test_priors_reach_the_draws():
    _, _, design = make()
    draws = np.log(draw_prior(design, np.random.default_rng(0), 20_000)["sigma"])
    assert draws.mean() == pytest.approx(np.log(1.5), abs=0.02)
    assert draws.std() == pytest.approx(0.6, rel=0.03)
    assert from_scores(design, np.ones((1, score_count(design)))).shape[0] == pytest.approx(1.5 * np.exp(0.6))


# --- answers to questions -----------------------------------------------------------------------
@pytest.fixture(scope="module")
def fitted():
    sim = make_simple()
    _, cells, design = prepare(simple_spec(), sim.survey)
    return sim, fit_design(design, cells, random_seed=1, draws=500, method="laplace")


def test_means_are_in_points_of_the_scale(fitted):
    sim, fit = fitted
    draws = fit.draws()
    np.testing.assert_allclose(
        row_scores(fit.design, fit.cells.rows, draws, "mean"), linear_predictor(fit.design, fit.cells.rows, draws)
    )
    effect, truth = shift(fit, by=(), answer="mean"), shift(sim.truth, by=(), answer="mean")
    assert effect.unit == "scale points"
    assert quantity(effect) == "mean answer (-2 = “a0” to 4 = “a3”)"
    error = effect.draws.mean(("chain", "draw")) - truth.draws.values.ravel()
    assert (abs(error) < 4 * effect.draws.std(("chain", "draw"))).all()
    for answer in ("top", "a0"):
        with pytest.raises(SpecError, match="have a mean, but no shares → answer='mean'"):
            levels(fit, answer=answer)
    with pytest.raises(SpecError, match="not means or sliders"):
        score_rows(fit, fit.cells.rows, "mean", {"public": 1000})


def test_two_answers_are_a_linear_probability_model():
    _, cells, design = make(family=Gaussian(), answers=2)
    draws = draw_prior(design, np.random.default_rng(1), 4)
    eta = linear_predictor(design, cells.rows, draws)
    np.testing.assert_allclose(row_scores(design, cells.rows, draws, "top"), 100 * eta)
    np.testing.assert_allclose(row_scores(design, cells.rows, draws, "a0"), 100 - 100 * eta)
    np.testing.assert_allclose(row_scores(design, cells.rows, draws, "mean"), eta)
    _, cells, design = make(family=Gaussian((1.0, 2.0)), answers=2)
    with pytest.raises(SpecError, match="no shares"):
        row_scores(design, cells.rows, draws, "top")


def test_replications_are_means_of_cells(fitted):
    _, fit = fitted
    draws = {k: np.repeat(v[:1], 4000, axis=0) for k, v in fit.draws().items()}
    found = replicate(fit.design, fit.cells, draws, np.random.default_rng(0), 1)
    eta = linear_predictor(fit.design, fit.cells.rows, draws)[0]
    np.testing.assert_allclose(found["expected"].values[0, 0], eta)
    sd = draws["sigma"][0] / np.sqrt(fit.cells.counts.sum(1))
    np.testing.assert_allclose(found["mean"].values[0].std(0), sd, rtol=0.06)
    assert (np.abs(found["mean"].values[0].mean(0) - eta) < 5 * sd / np.sqrt(4000)).all()
    assert found["mean"].dims == ("chain", "draw", "cell")
    before = prior_predictive(simple_spec(), make_simple().survey, draws=50, random_seed=1)
    assert before["prior_predictive"]["mean"].sizes["draw"] == 50


def test_checks_are_of_mean_answers(fitted):
    sim, fit = fitted
    frame = ppc(fit)
    row, y = answers_of(sim.survey, fit.cells)
    assert set(frame["answer"]) == {"mean"}
    np.testing.assert_allclose(frame["observed_lower"], np.bincount(row, y) / np.bincount(row))
    np.testing.assert_allclose(frame["observed_lower"], frame["observed_upper"])
    inside = (frame["lower"] <= frame["observed_lower"]) & (frame["observed_lower"] <= frame["upper"])
    assert inside.mean() > 0.8
    out = leave_one_out(fit, rows=[2], method="laplace", draws=250)
    assert out["upper"][0] - out["lower"][0] > frame["upper"][2] - frame["lower"][2]
    page = ac.plot_ppc(frame, spec=fit.spec)
    assert "Mean answer (points of the scale)" in [a.get_xlabel() for a in page.axes]
    with pytest.raises(ac.errors.SchemaError, match="must lie between"):
        ac.plot_ppc(frame)


def test_the_report_speaks_of_points(fitted):
    _, fit = fitted
    words, table = str(model_words(fit.design)), str(priors_table(fit.design))
    assert "-2 for “a0”" in words
    assert "normal around a sum of terms" in words
    assert "Prior (points of the scale)" in table
    assert "sd of answers (sigma)" in table
    assert "logit" not in words + table


def test_weights_scale_the_sums():
    spec = simple_spec()
    survey = make_survey(spec)
    weight = 0.5 + np.arange(len(survey.table)) % 3
    cells = make_cells(spec, [replace(survey, table=survey.table.assign(weight=weight))])
    np.testing.assert_allclose(cells.sums, gaussian.sums_of(cells.counts, NUMBERS))
    assert (cells.sums[:, 0] < cells.unweighted.sum(1) - 0.1).any()
    numbers = survey.table.assign(weight=weight, value=0.5)
    with pytest.raises(SpecError, match="weights do not go with numbers instead of answers"):
        make_cells(spec, [replace(survey, table=numbers)])


# --- what is refused ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"gaussian": Gaussian((1.0, 2.0))}, "2 numbers for 4 answers"),
        ({"gaussian": Gaussian((1.0, 2.0, 2.0, 3.0))}, "finite, increasing numbers are needed"),
        ({"gaussian": Gaussian((1.0, 2.0, 3.0, float("inf")))}, "finite, increasing numbers are needed"),
        ({"gaussian": Gaussian(sd=LogNormal(0.0, 1.0))}, "a positive median and sd"),
        ({"gaussian": Gaussian(sd=LogNormal(1.0, 0.0))}, "a positive median and sd"),
        ({"slider": Slider()}, "not together with a slider or a rating scale"),
        ({"rating": Rating(0.0, 10.0)}, "not together with a slider or a rating scale"),
        ({"terms": (Level(("country",)), Cuts())}, "cuts: not for normal answers"),
        ({"terms": (Level(("country",)), Respondent())}, "respondent: not for normal answers"),
        ({"variants": (Variant("x", 0.01),)}, "not for normal answers"),
        ({"sources": (ToplineFile("a.csv"),)}, "toplines: normal answers are counted, not published"),
        ({"sources": (MeanFile("a.csv"),)}, "means: normal answers are counted, not published"),
        ({"estimands": (Estimand("shift"),)}, "have a mean, but no shares"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(more, message):
    with pytest.raises(SpecError, match=message):
        check_spec(replace(simple_spec(), **more))


def test_sources_and_engines_that_do_not_know_it(made):
    survey, cells, design = made
    published = Toplines((), survey.answers, survey.top, 0.0, DataReport("figures", ()))
    with pytest.raises(SpecError, match="normal answers are counted, figures was published"):
        make_cells(design.spec, [survey, published])
    with pytest.raises(SpecError, match="cuts: not for normal answers"):
        ac.cuts_grid(simple_spec())
    with pytest.raises(SpecError, match="in points of the scale"):
        ac.unsure_spec(simple_spec())
    pytest.importorskip("jax")
    with pytest.raises(FitError, match="does not know normal answers"):
        fit_design(design, cells, random_seed=1, method="numpyro")


def test_round_trip():
    for family in (FAMILY, Gaussian(), Gaussian(sd=LogNormal(2.0, 0.5))):
        spec = simple_spec(gaussian=family)
        check_spec(spec)
        text = spec_to_toml(spec)
        assert "[gaussian" in text
        assert spec_from_table(tomllib.loads(text)) == spec
    assert simple_spec(gaussian=None, estimands=()).digest != simple_spec(gaussian=Gaussian(), estimands=()).digest
