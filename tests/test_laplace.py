"""Nested Laplace against formulas, quadrature and dense linear algebra."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import xarray as xr
from scipy import stats
from scipy.special import logsumexp
from test_kernel import everything

import alliancecred as ac
from alliancecred import fitting
from alliancecred.cells import make_cells
from alliancecred.design import half_life
from alliancecred.engines import importance, laplace
from alliancecred.engines.condense import condense
from alliancecred.engines.conditional import condition, draw
from alliancecred.engines.draws import Draws
from alliancecred.engines.field import make_field
from alliancecred.engines.hyper import from_scores, score_count
from alliancecred.engines.importance import Proposal, effective, mixture, refit, resample
from alliancecred.engines.likelihood import interpolate
from alliancecred.engines.sparse import analyse, colour, factor, solve
from alliancecred.engines.warp import Warp, fit_warp, plain
from alliancecred.identify import make_design
from alliancecred.lattice import lattice_loglik
from alliancecred.outcome import cut_points, log_probs, multinomial_constant
from alliancecred.predictor import linear_predictor
from alliancecred.priors import Flat, HalfNormal, Normal
from alliancecred.sampling import Sampling
from alliancecred.sources import DataReport, Topline, Toplines
from alliancecred.terms import Cuts, Level
from models import FADING, LONG, MERGED, RICH, RISING, TIMED, make, make_spec, make_survey

TIME = (LONG, (FADING, RISING))
DESIGNS = {"rich": (RICH, "apart"), "merged": (MERGED, "merged"), "timed": ((*TIMED, Cuts()), "apart", *TIME)}


def designed(name, answers=3):
    terms, *rest = DESIGNS[name]
    return make(answers, tuple(t for t in terms if answers > 2 or not isinstance(t, Cuts)), *rest)


def hyper_at(design, seed=0, batch=3):
    return from_scores(design, np.random.default_rng(seed).normal(size=(batch, score_count(design))))


def variables_of(field, h, x):
    """Latents (latents, batch) and half-lives as the variables `linear_predictor` takes."""
    design = field.design
    out = {half_life(name): h.half[i] for i, name in enumerate(design.fading)}
    for name, index in design.variables.items():
        out[name] = x[list(index)].T if design.coefficients[index[0]].label else x[index[0]]
    return out | {b.variable: x[field.slices[b.variable]].T.reshape(-1, *design.shape(b)) for b in design.pooled}


# --- sparse factors -------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(3))
def test_sparse_factors_are_those_of_the_dense_matrices(seed):
    rng = np.random.default_rng(seed)
    n = 40
    half = sp.random_array((n, n), density=0.06, rng=rng)
    one = (half @ half.T + sp.diags_array(np.full(n, 0.5))).tocsr()
    pattern = analyse(one)
    dense = np.stack([one.toarray(), 3 * one.toarray() + np.eye(n)])
    row = np.repeat(np.arange(n), np.diff(pattern.ptr))
    values = dense[:, pattern.perm[row], pattern.perm[pattern.idx]].T
    low, log_det = factor(np.ascontiguousarray(values), pattern)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(dense)[1], rtol=1e-10)
    right = rng.normal(size=(n, 2))
    want = np.stack([np.linalg.solve(m, r) for m, r in zip(dense, right.T, strict=True)], -1)
    np.testing.assert_allclose(solve(low, pattern, right), want, rtol=1e-8, atol=1e-10)
    for k in range(2):
        roots = colour(np.repeat(low[:, [k]], n, axis=1), pattern, np.eye(n))
        np.testing.assert_allclose(roots @ roots.T, np.linalg.inv(dense[k]), rtol=1e-8, atol=1e-10)


def test_a_matrix_that_is_not_positive_definite_has_no_determinant():
    pattern = analyse(sp.csr_array(np.array([[1.0, 0.5], [0.5, 1.0]])))
    low, log_det = factor(np.array([[1.0, 1.0], [2.0, 0.5], [1.0, 1.0]]), pattern)
    assert np.isnan(log_det[0])
    assert log_det[1] == pytest.approx(math.log(1 - 0.25))
    assert np.isnan(low[:, 0]).any()


# --- the field ------------------------------------------------------------------------------------
def covariance_by_hand(field, h, b):
    """Prior covariance of the latents at member b: sd² on the diagonal, ρ · sd · sd between partners."""
    design = field.design
    cov = np.zeros((field.size, field.size))
    for i, c in enumerate(design.coefficients):
        cov[i, i] = c.prior.sd**2
    sd = {p.variable: h.sd[i, b] for i, p in enumerate(design.pooled)}
    rho = {p.variable: np.tanh(h.atanh_rho[i, b]) for i, p in enumerate(design.correlated)}
    for p in design.pooled:
        mine = np.arange(field.size)[field.slices[p.variable]]
        cov[mine, mine] = sd[p.variable] ** 2
        if p.partner:
            theirs = np.arange(field.size)[field.slices[p.partner]]
            cov[mine, theirs] = cov[theirs, mine] = rho[p.variable] * sd[p.variable] * sd[p.partner]
    return cov


@pytest.mark.parametrize("name", DESIGNS)
def test_precision_is_the_inverse_of_the_prior_covariance(name):
    design, cells = designed(name)
    field, h = make_field(design, cells), hyper_at(design)
    on, off, log_det = field.precision(h)
    x = np.random.default_rng(1).normal(size=(field.size, len(h)))
    for b in range(len(h)):
        cov = covariance_by_hand(field, h, b)
        assert log_det[b] == pytest.approx(-np.linalg.slogdet(cov)[1], rel=1e-10)
        np.testing.assert_allclose(cov @ field.times(on, off, x)[:, b], x[:, b], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", DESIGNS)
def test_predictor_of_the_field_is_that_of_the_design(name):
    design, cells = designed(name)
    field, h = make_field(design, cells), hyper_at(design, batch=4)
    x = np.random.default_rng(2).normal(size=(field.size, 4))
    want = linear_predictor(design, cells.rows, variables_of(field, h, x))
    np.testing.assert_allclose(field.eta(x, field.left(h)).T, want, atol=1e-12)


def test_held_out_rows_are_gone():
    design, cells = everything(3)
    mask = np.ones(len(cells.rows))
    mask[[0, 5, len(cells.counts) + 1]] = 0.0
    field = make_field(design, cells, mask)
    eta = np.random.default_rng(3).normal(size=(len(cells.rows), 2))
    cuts = cut_points(np.zeros((2, 1)))
    kept = np.flatnonzero(mask)
    assert sorted(field.likelihood.keep) == list(kept)
    got = field.likelihood.value(eta[field.likelihood.keep], cuts.T)
    want = loglik_by_hand(cells, eta, cuts)[:, kept].sum(1)
    np.testing.assert_allclose(got, want, rtol=1e-7)


# --- the likelihood -------------------------------------------------------------------------------
def loglik_by_hand(cells, eta, cuts):
    """(batch, rows): multinomial log mass, then the log mass of what was published."""
    logp = log_probs(eta.T, cuts[:, None, :])
    n = len(cells.counts)
    counts = multinomial_constant(cells.counts) + (cells.counts * logp[:, :n]).sum(-1)
    return np.hstack([counts, lattice_loglik(logp[:, n:], cells.lattice)])


@pytest.mark.parametrize("answers", [2, 3, 5])
def test_log_likelihood_and_its_slopes(answers):
    design, cells = everything(answers, RICH if answers > 2 else RICH[:-1])
    likelihood = make_field(design, cells).likelihood
    rng = np.random.default_rng(4)
    eta, spacing = rng.normal(size=(len(cells.rows), 3)), 0.3 * rng.normal(size=(3, answers - 2))
    cuts = cut_points(spacing)
    kept = eta[likelihood.keep]
    want = loglik_by_hand(cells, eta, cuts).sum(1)
    value, slope, curvature = likelihood.slopes(kept, cuts.T)
    np.testing.assert_allclose(value, want, rtol=1e-7)
    np.testing.assert_allclose(likelihood.value(kept, cuts.T), value, rtol=1e-12)
    h = 1e-4
    for i in range(len(kept)):
        step = np.zeros_like(kept)
        step[i] = h
        low, high = (likelihood.value(kept + s, cuts.T) for s in (-step, step))
        np.testing.assert_allclose(slope[i], (high - low) / (2 * h), rtol=1e-4, atol=2e-4)
        bend = -(high - 2 * value + low) / h**2  # negative where an overdispersed share is far off: floored
        np.testing.assert_allclose(curvature[i], np.maximum(bend, 1e-6), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("answers", [2, 4])
def test_shares_of_the_lower_answers_and_of_one_in_the_middle(answers):
    """Published: the lowest answer, all but the highest, and (of four) the second alone."""
    spec = make_spec(answers, RICH if answers > 2 else RICH[:-1])
    kinds = [(0,), tuple(range(answers - 1))] + ([(1,)] if answers > 2 else [])
    rows = tuple(
        Topline(
            {"country": "DE", "ally": a, "target": "", "wave": "w1", "population": "public"},
            (g, tuple(k for k in range(answers) if k not in g)),
            (0.3,),
            (0.36,),
            np.array([200, 240]),
            np.array([0.5, 0.5]),
            ("x",),
            "made up",
        )
        for g, a in zip(kinds, ("DE", "FR", "US"), strict=False)
    )
    published = Toplines(rows, spec.answers, spec.top, 0.0, DataReport("published", ()))
    cells = make_cells(spec, [make_survey(spec), published])
    likelihood = make_field(make_design(spec, cells), cells).likelihood
    assert len(likelihood.table) == 2
    assert len(likelihood.rest) == len(kinds) - 2
    rng = np.random.default_rng(15)
    eta, cuts = rng.normal(size=(len(cells.rows), 3)), cut_points(0.3 * rng.normal(size=(3, answers - 2)))
    kept = eta[likelihood.keep]
    np.testing.assert_allclose(likelihood.value(kept, cuts.T), loglik_by_hand(cells, eta, cuts).sum(1), rtol=1e-7)
    value, slope, _ = likelihood.slopes(kept, cuts.T)
    step = np.zeros_like(kept)
    step[len(cells.counts) :] = 1e-4
    high, low = likelihood.value(kept + step, cuts.T), likelihood.value(kept - step, cuts.T)
    np.testing.assert_allclose(slope[len(cells.counts) :].sum(0), (high - low) / 2e-4, rtol=1e-3, atol=1e-3)
    assert np.isfinite(value).all()


def test_the_table_goes_on_in_a_straight_line():
    knots = (2 * 14 * 80) + 1
    z = np.linspace(-14, 14, knots)
    value, first, second = interpolate(np.stack([z**3, 3 * z**2])[None], np.array([[-20.0, 0.503, 15.0]]))
    np.testing.assert_allclose(value[0], [-(14**3) - 6 * 3 * 14**2, 0.503**3, 14**3 + 3 * 14**2], rtol=1e-9)
    np.testing.assert_allclose(first[0], [588, 3 * 0.503**2, 588], rtol=1e-9)
    np.testing.assert_allclose(second[0], [0, 6 * 0.503, 0], rtol=1e-6)


# --- hyperparameters ------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["rich", "timed"])
def test_scores_have_the_priors_of_the_hyperparameters(name):
    design, _ = designed(name, 4)
    scores = np.random.default_rng(5).normal(size=(4000, score_count(design)))
    h = from_scores(design, scores)
    for i, block in enumerate(design.pooled):
        assert stats.kstest(h.sd[i], stats.halfnorm(scale=block.scale.sd).cdf).pvalue > 1e-3
    for i, block in enumerate(design.correlated):
        eta = block.correlation.eta
        assert stats.kstest((np.tanh(h.atanh_rho[i]) + 1) / 2, stats.beta(eta, eta).cdf).pvalue > 1e-3
    for half, prior in zip(h.half, design.fading.values(), strict=True):
        assert stats.kstest(half, stats.lognorm(prior.sd, scale=prior.median).cdf).pvalue > 1e-3
    for spacing in h.spacing:
        assert stats.kstest(spacing, stats.norm(design.cuts.mean, design.cuts.sd).cdf).pvalue > 1e-3
    assert len({b.correlation.eta for b in design.correlated}) == 2 * (name == "rich")
    assert len(design.fading) == (name == "timed")


def test_scores_stay_finite_far_out():
    design, _ = designed("rich")
    h = from_scores(design, np.array([[-40.0] * score_count(design), [40.0] * score_count(design)]))
    assert np.isfinite(h.sd).all()
    assert np.isfinite(h.atanh_rho).all()
    assert (h.sd[:, 0] >= 0).all()


def test_a_prior_precision_stays_a_precision_where_a_correlation_is_one():
    """Once wrong: its determinant and its entries were cut off at different correlations."""
    design, cells = designed("rich")
    scores = np.zeros((2, score_count(design)))
    scores[:, len(design.pooled) : len(design.pooled) + len(design.correlated)] = [[-40.0], [40.0]]
    field, h = make_field(design, cells), from_scores(design, scores)
    on, off, log_det = field.precision(h)
    for b in range(2):
        eye = np.eye(field.size)
        precision = np.stack([field.times(on[:, [b]], off[:, [b]], eye[:, [j]])[:, 0] for j in range(field.size)])
        sign, value = np.linalg.slogdet(precision)
        assert sign == 1
        assert value == pytest.approx(log_det[b], abs=1e-3)


# --- the conditional ------------------------------------------------------------------------------
@pytest.mark.parametrize("case", [(2, RICH[:-1]), (3, RICH), (3, (*TIMED, Cuts()), "apart", *TIME)])
def test_weights_are_the_exact_density_over_the_proposals(case):
    design, cells = everything(*case)
    field, h = make_field(design, cells), hyper_at(design, 6)
    given = condition(field, h, np.repeat(field.centre[:, None], len(h), axis=1))
    white = np.random.default_rng(7).normal(size=given.mode.shape)
    x, ratio = draw(field, h, given, white)
    cuts = cut_points(h.spacing.T)
    eta = linear_predictor(design, cells.rows, variables_of(field, h, x))
    likelihood = loglik_by_hand(cells, eta.T, cuts).sum(1)
    for b in range(len(h)):
        prior = stats.multivariate_normal(field.centre, covariance_by_hand(field, h, b)).logpdf(x[:, b])
        root = colour(np.repeat(given.low[:, [b]], field.size, axis=1), field.pattern, np.eye(field.size))
        widths = (0.7, 1.0), (0.3, 1 + 1.5 / np.sqrt(field.size))
        normals = [(c, stats.multivariate_normal(given.mode[:, b], f**2 * root @ root.T)) for c, f in widths]
        proposal = np.log(sum(c * normal.pdf(x[:, b]) for c, normal in normals))
        assert ratio[b] == pytest.approx(likelihood[b] + prior - proposal, abs=1e-5)


def test_a_part_of_the_field_is_drawn_wider():
    design, cells = everything(2, RICH[:-1])
    field, h = make_field(design, cells), hyper_at(design, 10)
    given = condition(field, h, np.repeat(field.centre[:, None], len(h), axis=1))
    white = np.random.default_rng(7).normal(size=given.mode.shape)
    away = draw(field, h, given, white)[0] - given.mode
    plainly = colour(given.low, field.pattern, white)
    last = len(h) - round(0.3 * len(h))
    np.testing.assert_allclose(away[:, :last], plainly[:, :last])
    np.testing.assert_allclose(away[:, last:], (1 + 1.5 / np.sqrt(field.size)) * plainly[:, last:])


@pytest.mark.parametrize("case", [(3, RICH), (3, (*TIMED, Cuts()), "apart", *TIME)], ids=["rich", "timed"])
def test_the_mode_has_no_slope_and_the_precision_is_the_curvature(case):
    design, cells = everything(*case)
    field, h = make_field(design, cells), hyper_at(design, 8)
    mode = np.repeat(field.centre[:, None], len(h), axis=1)
    for _ in range(4):
        given = condition(field, h, mode)
        mode = given.mode
    on, off, _ = field.precision(h)
    _, slope, bend = field.likelihood.slopes(field.eta(mode, field.left(h)), cut_points(h.spacing.T).T)
    for b in range(len(h)):
        # the rows of the design matrix, one latent at a time, at these half-lives
        one = h[np.full(field.size, b)]
        matrix = linear_predictor(design, cells.rows, variables_of(field, one, np.eye(field.size))).T
        kept = field.likelihood.keep
        gradient = matrix[kept].T @ slope[:, b] - field.times(on, off, mode - field.centre[:, None])[:, b]
        assert np.abs(gradient).max() < 1e-3
        prior = np.linalg.inv(covariance_by_hand(field, h, b))
        want = np.linalg.inv(prior + matrix[kept].T @ (bend[:, [b]] * matrix[kept]))
        root = colour(np.repeat(given.low[:, [b]], field.size, axis=1), field.pattern, np.eye(field.size))
        np.testing.assert_allclose(root @ root.T, want, atol=1e-4 * want.max())


# --- proposals ------------------------------------------------------------------------------------
def proposal():
    warp = Warp(np.array([1.0, 0.0]), np.array([0.5, 2.0]), np.array([0.4, -0.3]), np.array([0.7, 1.2]))
    return Proposal(warp, np.array([0.2, -0.1]), np.array([[1.0, 0.0], [0.5, 0.8]]))


def test_a_warp_is_undone_and_its_slope_is_its_derivative():
    warp, x = proposal().warp, np.random.default_rng(9).normal(size=(50, 2))
    u = warp.inverse(x)
    np.testing.assert_allclose(warp.forward(u), x, atol=1e-12)
    h = 1e-6
    numeric = np.log((warp.forward(u + h) - warp.forward(u - h)) / (2 * h)).sum(1)
    np.testing.assert_allclose(warp.log_slope(u), numeric, atol=1e-7)


def test_a_fitted_warp_makes_its_data_normal():
    rng = np.random.default_rng(10)
    u = np.column_stack([rng.gamma(2.0, size=20_000), rng.standard_t(4, size=20_000)])
    x = fit_warp(u, np.full(len(u), 1 / len(u)), len(u)).forward(u)
    np.testing.assert_allclose(x.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(x.std(0), 1, atol=0.05)
    np.testing.assert_allclose((x**3).mean(0), 0, atol=0.2)
    np.testing.assert_allclose((x**4).mean(0), 3, atol=0.5)


@pytest.mark.parametrize("leader", [0.5, 0.999999])
def test_a_warp_of_draws_that_one_weight_rules_is_finite(leader):
    rng = np.random.default_rng(14)
    weight = np.full(400, (1 - leader) / 399)
    weight[0] = leader
    warp = fit_warp(rng.normal(size=(400, 3)), weight, 1 / (weight**2).sum())
    assert all(np.isfinite(v).all() for v in (warp.centre, warp.scale, warp.skew, warp.tail))
    assert (warp.scale > 0).all()
    assert np.isfinite(warp.inverse(3 * rng.normal(size=(50, 3)))).all()


def test_the_density_of_a_proposal_is_that_of_its_draws():
    p = proposal()
    rng = np.random.default_rng(11)
    at = p.draw(200_000, rng)
    grid = [np.linspace(*np.quantile(at[:, j], [0.3, 0.7]), 3) for j in range(2)]
    inside = (at[:, 0] > grid[0][0]) & (at[:, 0] < grid[0][2]) & (at[:, 1] > grid[1][0]) & (at[:, 1] < grid[1][2])
    fine = np.stack(np.meshgrid(*[np.linspace(g[0], g[2], 81) for g in grid], indexing="ij"), -1)
    density = np.exp(p.log_density(fine.reshape(-1, 2))).reshape(81, 81)
    area = np.trapezoid(np.trapezoid(density, fine[0, :, 1], axis=1), fine[:, 0, 0])
    assert inside.mean() == pytest.approx(area, rel=0.02)


def test_weights_by_the_mixture_of_all_rounds_are_unbiased():
    """Two proposals, one far too narrow: the mean and the integral of a normal density come out right."""
    rng = np.random.default_rng(12)
    target = stats.multivariate_normal([1.0, -1.0], [[1.0, 0.6], [0.6, 2.0]])
    proposals = [Proposal(plain(np.zeros(2)), np.zeros(2), 0.25 * np.eye(2)), proposal()]
    counts = [20_000, 20_000]
    at = np.concatenate([p.draw(n, rng) for p, n in zip(proposals, counts, strict=True)])
    log_weight = target.logpdf(at) - mixture(proposals, counts, at)
    assert np.exp(logsumexp(log_weight)) / len(at) == pytest.approx(1.0, abs=0.03)
    weight = np.exp(log_weight - logsumexp(log_weight))
    np.testing.assert_allclose(weight @ at, [1.0, -1.0], atol=0.06)
    better = refit(at, log_weight)
    fresh = better.draw(4000, rng)
    share = effective(target.logpdf(fresh) - better.log_density(fresh)) / 4000
    assert share > 0.8
    assert share > 2 * effective(log_weight) / len(at)


def test_resampling_is_in_proportion_to_the_weights():
    weight = np.array([0.5, 0.25, 0.125, 0.125, 0.0])
    with np.errstate(divide="ignore"):
        picked = resample(np.log(weight), 1000, np.random.default_rng(0))
    counts = np.bincount(picked, minlength=5)
    assert np.abs(counts - 1000 * weight).max() <= 1
    assert counts[4] == 0
    assert (np.diff(picked) < 0).any()  # shuffled over the chains


# --- the engine -----------------------------------------------------------------------------------
def coin():
    """Three countries and one pooled level: everything can be integrated one dimension at a time."""
    spec = replace(
        make_spec(2, (Level(("country",), HalfNormal(0.7)),)),
        signals=(),
        allies=("US",),
        countries=("DE", "PL", "UK"),
        intercept=Normal(0.2, 1.0),
    )
    rows = [(c, "US", w, "public", n - k, k) for c, w, n, k in
            (("DE", "w1", 30, 21), ("PL", "w1", 12, 3), ("UK", "w1", 50, 30), ("UK", "w2", 8, 5))]  # fmt: skip
    import pandas as pd

    table = pd.DataFrame(rows, columns=["country", "ally", "wave", "population", "a0", "a1"])
    survey = ac.read_counts(
        table,
        roles=ac.Roles(country="country", ally="ally", wave="wave", population="population"),
        counts={"a0": "a0", "a1": "a1"},
        top=("a1",),
    )
    return fitting.prepare(spec, survey)


def coin_by_quadrature(cells):
    """Log marginal likelihood, and posterior mean and sd of intercept and scale, by nested quadrature."""
    z, w = np.polynomial.hermite_e.hermegauss(60)
    w = w / w.sum()
    u, v = np.polynomial.hermite_e.hermegauss(80)
    v = v / v.sum()
    scale = stats.halfnorm(scale=0.7).isf(stats.norm.sf(u))
    alpha = 0.2 + 1.0 * z
    country = cells.rows.codes["country"]
    log = np.zeros((len(u), len(z)))
    for g in range(3):
        eta = alpha[None, :, None] + scale[:, None, None] * z[None, None, :]
        inner = np.zeros_like(eta)
        for n0, n1 in cells.counts[country == g]:
            inner += stats.binom(n0 + n1, 1 / (1 + np.exp(-eta))).logpmf(n1)
        log += logsumexp(inner, b=w, axis=2)
    joint = np.exp(log) * v[:, None] * w
    total = joint.sum()
    post = joint / total
    moments = {}
    for name, grid in (("intercept", alpha[None]), ("sd_level_country", scale[:, None])):
        mean = (post * grid).sum()
        moments[name] = (mean, math.sqrt((post * grid**2).sum() - mean**2))
    return math.log(total), moments


def test_posterior_and_evidence_are_those_of_quadrature():
    _, cells, design = coin()
    found = laplace.sample(design, cells, seed=1, draws=2500, chains=4)
    evidence, moments = coin_by_quadrature(cells)
    assert found.attrs["log_marginal_likelihood"] == pytest.approx(evidence, abs=0.02)
    for name, (mean, sd) in moments.items():
        assert found.variables[name].mean() == pytest.approx(mean, abs=0.06 * sd), name
        assert found.variables[name].std() == pytest.approx(sd, rel=0.05), name


def test_without_hyperparameters_it_is_importance_sampling_from_one_normal():
    spec, cells, _ = coin()
    design = replace(fitting.make_design(spec, cells), pooled=())
    found = laplace.sample(design, cells, seed=1, draws=500, chains=2)
    n0, n1 = cells.counts.sum(0)
    grid = np.linspace(-2, 2, 4001)
    log = stats.norm(0.2, 1.0).logpdf(grid) + n1 * grid - (n0 + n1) * np.logaddexp(0, grid)
    weight = np.exp(log - log.max())
    assert set(found.variables) == {"intercept"}
    assert found.variables["intercept"].mean() == pytest.approx((weight @ grid) / weight.sum(), abs=0.02)


def test_same_seed_same_bits_whatever_the_cores():
    design, cells = designed("rich", 2)
    one, two = (laplace.sample(design, cells, seed=3, draws=50, chains=2, cores=c) for c in (1, 2))
    for name, values in one.variables.items():
        np.testing.assert_array_equal(values, two.variables[name])
    other = laplace.sample(design, cells, seed=4, draws=50, chains=2)
    assert not np.array_equal(one.variables["intercept"], other.variables["intercept"])


def test_a_flat_prior_has_no_evidence():
    _, cells, design = coin()
    flat = replace(design, coefficients=(replace(design.coefficients[0], prior=Flat()),))
    found = laplace.sample(flat, cells, seed=1, draws=500, chains=2)
    assert math.isnan(found.attrs["log_marginal_likelihood"])
    proper = laplace.sample(design, cells, seed=1, draws=500, chains=2)
    assert found.variables["intercept"].mean() == pytest.approx(proper.variables["intercept"].mean(), abs=0.1)


# --- which engine ---------------------------------------------------------------------------------
def fake_nuts(design, cells, *, seed, draws, chains, sampling, progressbar, mask, back_end, rough=None):
    rng = np.random.default_rng(seed)
    found = laplace.sample(design, cells, seed=seed, draws=draws, chains=chains, mask=mask)
    variables = {k: np.asarray(v)[:, rng.permutation(draws)] for k, v in found.variables.items()}
    return Draws(variables, {}, xr.Dataset({"diverging": (("chain", "draw"), np.zeros((chains, draws), bool))}), {})


def test_auto_takes_laplace_where_it_passes_and_says_so():
    _, cells, design = coin()
    result = fitting.fit_design(design, cells, random_seed=1)
    assert (result.idata.attrs["method"], result.idata.attrs["method_reason"]) == ("laplace", "it passed its gates")
    assert result.diagnosis.passed
    assert set(result.diagnosis.table) == {"variable", "k_hat", "ess_bulk", "ess_tail", "mcse_mean"}


def test_auto_falls_back_where_a_gate_fails_and_says_why(monkeypatch):
    from alliancecred import gates
    from alliancecred.engines import nuts

    _, cells, design = coin()
    monkeypatch.setattr(gates, "PARETO_K", -1.0)
    monkeypatch.setattr(nuts, "sample", fake_nuts)
    result = fitting.fit_design(design, cells, random_seed=1, sampling=Sampling(retries=0))
    assert result.idata.attrs["method"] == "nuts"
    assert result.idata.attrs["method_reason"].startswith("nested Laplace failed: Pareto k")
    kept = fitting.fit_design(design, cells, random_seed=1, method="laplace")
    assert kept.idata.attrs["method"] == "laplace"
    assert not kept.diagnosis.passed


@pytest.mark.parametrize(("trouble", "second"), [("mixing", (600, 0.9, 2)), ("divergence", (1200, 0.99, 1))])
def test_a_second_attempt_is_longer_or_more_careful(monkeypatch, trouble, second):
    from alliancecred.engines import nuts

    asked, rough = [], []

    def troubled(design, cells, **options):
        found = fake_nuts(design, cells, **options)
        rough.append(options["rough"])
        asked.append((options["sampling"].tune, round(options["sampling"].target_accept, 6), options["sampling"].thin))
        if len(asked) == 1 and trouble == "divergence":
            found.stats["diverging"][0, 3] = True
        if len(asked) == 1 and trouble == "mixing":
            next(iter(found.variables.values()))[0] += 1.0
        return found

    _, cells, design = coin()
    monkeypatch.setattr(nuts, "sample", troubled)
    result = fitting.fit_design(design, cells, random_seed=1, method="nuts")
    assert asked == [(600, 0.9, 1), second]
    assert rough[0] is None
    assert {name: v.shape for name, v in rough[1].items()} == {name: (4000,) for name in design.scales}
    assert result.diagnosis.passed
    assert (result.idata.attrs["attempts"], result.idata.attrs["thin"]) == (2, second[2])


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_draws_that_cannot_be_evaluated_are_not_dropped_in_silence(monkeypatch, share):
    """A part of the posterior where nothing can be evaluated leaves weights that look fine: the share itself fails."""

    def broken(field, h, given, white):
        x, joint = draw(field, h, given, white)
        return x, np.where(h.sd[0] <= np.quantile(h.sd[0], share), np.nan, joint)

    _, cells, design = coin()
    monkeypatch.setattr(laplace, "draw", broken)
    result = fitting.fit_design(design, cells, random_seed=1, method="laplace")
    assert not result.diagnosis.passed
    assert f"{100 * share:.0f} % of the weighted draws could not be evaluated" in result.diagnosis.status


@pytest.mark.slow
def test_kept_draws_stand_for_all_that_were_evaluated():
    """Each distinct draw stands for the inverse of its chance to be kept; together that is every evaluation."""
    _, cells, design = coin()
    ratio = []
    for seed in range(6):
        fit = fitting.fit_design(design, cells, random_seed=seed, method="laplace")
        drawn = fit.posterior
        once, at = np.unique(drawn.ancestor.values, return_index=True)
        chance = np.minimum(1, drawn.ancestor.size * np.exp(drawn.log_weight.values.ravel()[at]))
        assert fit.idata.attrs["evaluations"] > 1.2 * len(once)
        ratio.append((1 / chance).sum() / fit.idata.attrs["evaluations"])
    assert np.mean(ratio) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(("k", "share"), [(0.0, laplace.LEAST), (0.6, laplace.MOST)])
def test_rounds_go_on_until_every_quantity_is_known_well(monkeypatch, k, share):
    _, cells, design = coin()
    monkeypatch.setattr(laplace, "largest_k", lambda values, log_weight: k if len(values) == 4 else -1.0)  # the latents
    fit = fitting.fit_design(design, cells, random_seed=1, method="laplace")
    assert fit.idata.attrs["evaluations"] == share * 4000


def test_the_search_finds_back_from_a_wild_step():
    """Without one country its second step is a spacing of 5.8 sd, from whose mode Newton's method finds no way back."""
    survey = ac.simulate("retrenchment_simulated", random_seed=1).survey
    less = ac.without_grid("retrenchment_simulated", survey)["without United States"]
    _, cells, design = fitting.prepare(less.spec, *less.sources)
    evaluate = laplace._Evaluator(make_field(design, *condense(design, cells, None)), map)
    proposal = laplace._first(evaluate)
    scores = proposal.draw(50, np.random.default_rng(1))
    assert np.abs(evaluate.origin).max() < 3
    assert np.isfinite(evaluate.marginal(scores)).all()


def test_rough_scales_are_near_the_posterior():
    _, cells, design = coin()
    fit = fitting.fit_design(design, cells, random_seed=1, method="laplace")
    rough = laplace.rough_scales(design, cells, seed=2)
    assert list(rough) == ["sd_level_country"]
    for q in (0.1, 0.5, 0.9):
        want = np.quantile(fit.posterior.sd_level_country, q)
        assert np.quantile(rough["sd_level_country"], q) == pytest.approx(want, rel=0.2)


@pytest.mark.slow
def test_what_is_made_of_weighted_draws_is_judged_as_weighted():
    _, cells, design = coin()
    one, two = (fitting.fit_design(design, cells, random_seed=s, method="laplace", draws=3000) for s in (1, 2))
    levels = ac.levels(one, by=("country",))
    predicted = ac.predict(one, levels_table(cells))
    for estimate in (levels, predicted, ac.contrast(levels, levels.at(country="DE"))):
        table = ac.summary(estimate.at(country="PL") if estimate is levels else estimate)
        assert table.r_hat.isna().all()
        moving = table[table["sd"] > 0]
        assert moving.k_hat.notna().all()
        assert (moving.ess_bulk < 12_000).all()
        assert "k_hat" in ac.diagnose(levels).table
    with pytest.raises(ac.SpecError, match="these come from two fits"):
        ac.contrast(levels, ac.levels(two, by=("country",)))


def levels_table(cells):
    return cells.labels()[["country", "ally", "wave", "population"]]


def test_an_unknown_method_is_refused():
    with pytest.raises(ac.SpecError, match="method must be one of auto, laplace, nuts"):
        ac.fit(make_spec(), make_survey(make_spec()), method="gibbs")


def test_proposals_lean_on_independence_where_draws_are_few():
    rng = np.random.default_rng(13)
    at = rng.normal(size=(12, 6))
    found = refit(at, np.zeros(12))
    assert np.isfinite(found.root).all()
    assert np.linalg.cond(found.root) < 50
    assert importance.effective(np.array([0.0, -np.inf, -np.inf])) == pytest.approx(1.0)
