"""The compiled density against formulas, finite differences and PyMC."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from test_sweep import swept_covariance

from alliancecred.cells import make_cells
from alliancecred.density import data_arrays, parameter_count, structure
from alliancecred.design import half_life
from alliancecred.engines.metric import make_metric
from alliancecred.events import Decay
from alliancecred.identify import make_design
from alliancecred.kernel import (
    callbacks,
    decay,
    digamma,
    gather,
    log_density,
    pack,
    spread,
    unpack,
)
from alliancecred.lattice import lattice_loglik, make_lattice
from alliancecred.outcome import cut_points, log_probs
from alliancecred.priors import Flat, LogNormal
from alliancecred.sources import DataReport, Topline, Toplines
from alliancecred.sweep import sweep, swept_matrix
from alliancecred.terms import Cuts, Level, Shift
from models import FADING, LONG, MERGED, RICH, RISING, TIMED, make, make_spec, make_survey

TIME = (3, (*TIMED, Cuts()), "apart", LONG, (FADING, RISING))


def published(spec, overdispersion=0.0):
    n, w = np.array([300, 320]), np.array([0.4, 0.6])
    last = len(spec.answers) - 1
    rest = tuple(range(last))
    cells = [("DE", "US", "w1", 0.55, 0.6), ("PL", "US", "w3", 0.2, 0.31), ("UK", "FR", "w2", 0.485, 0.495)]
    rows = tuple(
        Topline(
            {"country": c, "ally": a, "target": "", "wave": v, "population": "public"},
            ((last,), rest),
            (lo,),
            (hi,),
            n,
            w,
            ("x",),
            "made up",
        )
        for c, a, v, lo, hi in cells
    )
    if last > 1:
        groups = tuple((k,) for k in range(last + 1))
        labels = {"country": "UK", "ally": "DE", "target": "", "wave": "w2", "population": "public"}
        bounds = [(0.05, 0.1 + 1 / (last + 1)) for _ in range(last)] + [(0.0, 0.9)]
        lo, hi = zip(*bounds, strict=True)
        rows += (Topline(labels, groups, lo, hi, np.array([23, 25]), w, ("x",), "made up"),)
    return Toplines(rows, spec.answers, spec.top, overdispersion, DataReport("published", ()))


def everything(answers, terms=RICH, self_ratings="apart", *time):
    """Microdata, toplines and overdispersed toplines in one set of cells."""
    spec = make_spec(answers, terms, self_ratings, *time)
    cells = make_cells(spec, [make_survey(spec), published(spec), published(spec, 0.01)])
    return make_design(spec, cells), cells


def all_or_none(swept, value):
    return [[value] * len(s.carriers) for s in swept.strata]


def by_formula(swept, cells, theta):
    """Log density of the centred form, from multivariate normals, scipy and `outcome` alone."""
    design = swept.design
    sizes = (len(design.pooled), len(design.correlated), design.answers - 2, len(design.fading))
    sd, rho, spacing, log_half, x = np.split(theta, np.cumsum(sizes))
    sd, rho = np.exp(sd), np.tanh(rho)
    scales = {p.sd_name: s for p, s in zip(design.pooled, sd, strict=True)}
    scales |= {p.corr_name: v for p, v in zip(design.correlated, rho, strict=True)}
    total = sum(
        stats.halfnorm(scale=p.scale.sd).logpdf(s) + math.log(s) for p, s in zip(design.pooled, sd, strict=True)
    )
    for p, v in zip(design.correlated, rho, strict=True):
        eta = p.correlation.eta
        total += stats.beta(eta, eta).logpdf((v + 1) / 2) - math.log(2) + math.log(1 - v**2)
    total += stats.norm(design.cuts.mean, design.cuts.sd).logpdf(spacing).sum()
    centre = np.zeros(len(x))
    centre[: len(design.coefficients)] = [k.prior.mean for k in design.coefficients]
    total += stats.multivariate_normal(centre, swept_covariance(swept, scales)).logpdf(x)
    half = dict(zip(design.fading, np.exp(log_half), strict=True))
    for prior, value in zip(design.fading.values(), log_half, strict=True):
        total += stats.norm(math.log(prior.median), prior.sd).logpdf(value)
    # effects at these half-lives are those of half-lives that are known
    forms = {k: Decay(LogNormal(v, 0.0)) for k, v in half.items()}
    signals = tuple(replace(s, form=forms.get(s.name, s.form)) for s in design.spec.signals)
    known = replace(swept, design=replace(design, spec=replace(design.spec, signals=signals)))
    eta = swept_matrix(known, cells.rows) @ x
    logp = log_probs(eta, cut_points(spacing))
    n = len(cells.counts)
    total += (cells.counts * logp[:n]).sum()
    if cells.toplines:
        total += lattice_loglik(logp[n:], make_lattice(cells.toplines, cells.overdispersion, design.answers)).sum()
    return total


@pytest.mark.parametrize(
    "case", [(2, RICH[:-1]), (4, RICH), (2, MERGED, "merged"), TIME], ids=["binary", "ordered", "merged", "timed"]
)
def test_density_is_the_formula(case):
    design, cells = everything(*case)
    swept = sweep(design, cells.rows)
    arrays, data = structure(swept, cells, all_or_none(swept, True)), data_arrays(cells)
    rng = np.random.default_rng(0)
    points = [rng.normal(0, 0.4, parameter_count(swept)) for _ in range(20)]
    got = np.array([log_density(t, arrays, data)[0] for t in points])
    want = np.array([by_formula(swept, cells, t) for t in points])
    np.testing.assert_allclose(got - got[0], want - want[0], rtol=1e-8, atol=1e-7)


def width(c, d):
    """By how much a coordinate moves with its parameter: d / √(1 − c + c d²), 1 where it is centred."""
    return d / math.sqrt(1 - c + c * d**2)


def check_gradient(swept, cells, flags):
    """The gradient of the density is its central finite difference."""
    arrays, data = structure(swept, cells, flags), data_arrays(cells)
    theta = np.random.default_rng(1).normal(0, 0.4, parameter_count(swept))
    _, gradient = log_density(theta, arrays, data)
    step = 1e-5 * np.eye(len(theta))
    numeric = [(log_density(theta + e, arrays, data)[0] - log_density(theta - e, arrays, data)[0]) / 2e-5 for e in step]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("case", [(2, RICH[:-1]), (3, RICH), (5, RICH), TIME], ids=["2", "3", "5", "timed"])
@pytest.mark.parametrize("centring", ["centred", "not centred", "mixed", "between"])
def test_gradient_is_the_finite_difference(case, centring):
    design, cells = everything(*case)
    swept = sweep(design, cells.rows)
    flags = all_or_none(swept, centring == "centred")
    if centring == "mixed":
        flags = [[(i + j) % 2 == 0 for i in range(len(s.carriers))] for j, s in enumerate(swept.strata)]
    if centring == "between":
        flags = [[(0.3, 0.9)[(i + j) % 2] for i in range(len(s.carriers))] for j, s in enumerate(swept.strata)]
    check_gradient(swept, cells, flags)


@pytest.mark.parametrize("pattern", [(True, False), (False, True), (0.4, 0.97), (0.0, 0.6)])
def test_centring_is_only_a_change_of_variables(pattern):
    """Density in mixed form = density in centred form + log Jacobian, at the same point of the model."""
    from alliancecred.engines.reading import coordinates_of
    from alliancecred.sweep import cholesky, covariance

    design, cells = everything(3)
    swept = sweep(design, cells.rows)
    flags = [[pattern[i % 2] for i in range(len(s.carriers))] for s in swept.strata]
    mixed, whole = (structure(swept, cells, f) for f in (flags, all_or_none(swept, True)))
    data = data_arrays(cells)
    theta = np.random.default_rng(2).normal(0, 0.4, parameter_count(swept))
    b, r, c = len(design.pooled), len(design.correlated), design.answers - 2
    scales = {p.sd_name: np.exp(theta[None, None, i]) for i, p in enumerate(design.pooled)}
    scales |= {p.corr_name: np.tanh(theta[None, None, b + i]) for i, p in enumerate(design.correlated)}
    same, jacobian = theta.copy(), 0.0
    at = b + r + c + len(swept.loadings)
    for s, f in zip(swept.strata, flags, strict=True):
        stop = at + s.size * len(s.carriers)
        same[at:stop] = coordinates_of(s, f, scales, theta[at:stop].reshape(1, 1, -1, s.size)).ravel()
        low = cholesky(covariance(s, scales), np.sqrt)
        jacobian += sum(s.size * math.log(width(c, low[i][i][0, 0])) for i, c in enumerate(f))
        at = stop
    left = log_density(theta, mixed, data)[0]
    assert left == pytest.approx(log_density(same, whole, data)[0] + jacobian, rel=1e-10)


def test_flat_priors_add_nothing():
    terms = (Level(("country",)), Shift("act", prior=Flat()), Shift("act", by=("country",), roles=("sender",)))
    design, cells = make(2, terms)
    swept = sweep(design, cells.rows)
    arrays, data = structure(swept, cells, all_or_none(swept, True)), data_arrays(cells, np.zeros(len(cells.rows)))
    theta = np.zeros(parameter_count(swept))
    place = len(design.pooled) + 1
    moved = theta.copy()
    moved[place] = 50.0
    assert design.coefficients[1].prior == Flat()
    assert log_density(theta, arrays, data)[0] == pytest.approx(log_density(moved, arrays, data)[0], rel=1e-14)


def test_masked_rows_do_not_count():
    design, cells = everything(3)
    swept = sweep(design, cells.rows)
    arrays = structure(swept, cells, all_or_none(swept, True))
    theta = np.random.default_rng(3).normal(0, 0.3, parameter_count(swept))
    whole = log_density(theta, arrays, data_arrays(cells))[0]
    parts = 0.0
    empty = log_density(theta, arrays, data_arrays(cells, np.zeros(len(cells.rows))))[0]
    for i in range(len(cells.rows)):
        mask = np.zeros(len(cells.rows))
        mask[i] = 1.0
        part = log_density(theta, arrays, data_arrays(cells, mask))[0] - empty
        assert abs(part) > 1e-6, i
        parts += part
    assert whole == pytest.approx(empty + parts, rel=1e-10)


@pytest.mark.parametrize("case", [(4,), TIME], ids=["ordered", "timed"])
def test_the_c_callback_is_the_kernel(case):
    design, cells = everything(*case)
    swept = sweep(design, cells.rows)
    centred = all_or_none(swept, False)
    arrays, data = structure(swept, cells, centred), data_arrays(cells)
    rng = np.random.default_rng(4)
    scales = {b.sd_name: rng.lognormal(-1, 0.3, 50) for b in design.pooled}
    scales |= {b.corr_name: rng.uniform(-0.5, 0.5, 50) for b in design.correlated}
    scales |= {half_life(name): rng.lognormal(3, 0.3, 50) for name in design.fading}
    metric = make_metric(swept, cells, centred, scales)
    buffer = pack(arrays, metric, data)
    for a, b in zip((*arrays, *metric, *data), [f for part in unpack(buffer) for f in part], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    z = rng.normal(0, 0.5, parameter_count(swept))
    gradient, value, theta = np.empty(len(z)), np.empty(1), np.empty(len(z))

    def at(array):
        import ctypes

        return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))

    log_density_c, spread_c = callbacks()
    assert spread_c.ctypes(len(z), len(z), at(z), at(theta), at(buffer)) == 0
    np.testing.assert_array_equal(theta, spread(arrays, metric, z))
    status = log_density_c.ctypes(len(z), at(z), at(gradient), at(value), at(buffer))
    want, slope = log_density.py_func(theta, arrays, data)
    slope = gather(arrays, metric, slope)
    assert status == 0
    assert value[0] == pytest.approx(want, rel=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-8, atol=1e-8)


def test_digamma():
    from scipy.special import psi

    x = np.concatenate([np.geomspace(1e-8, 1, 20), np.linspace(1, 2000, 50)])
    np.testing.assert_allclose([digamma(v) for v in x], psi(x), rtol=1e-11)


def test_decay_is_the_exponential():
    a = np.concatenate([[0.0, -0.0], np.geomspace(1e-12, 699, 4000), -np.geomspace(1e-12, 699, 4001)])
    out, scratch = np.empty(len(a)), np.empty(len(a))
    decay(a, out, scratch)
    np.testing.assert_allclose(out, np.exp(-np.abs(a)), rtol=4e-16 * 2, atol=0)
    far = np.array([750.0, -1e4, np.inf, np.nan])
    decay(far, out[:4], scratch[:4])
    assert (out[:3] < 1e-300).all()
    assert np.isnan(out[3])


@pytest.mark.parametrize("case", [(3,), TIME], ids=["ordered", "timed"])
def test_pymc_model_is_the_same_density(case):
    """`build` (plain form) = prior densities by scipy + likelihood by `outcome`, at fixed points."""
    import pytensor

    from alliancecred.model import plain_model
    from alliancecred.outcome import multinomial_constant
    from alliancecred.predictor import linear_predictor
    from alliancecred.simulation import draw_prior

    design, cells = everything(*case)
    model = plain_model(design, cells)
    with pytensor.config.change_flags(mode="FAST_COMPILE", cxx=""):
        logp = model.compile_logp(mode="FAST_COMPILE", jacobian=False)
    draws = draw_prior(design, np.random.default_rng(5), 3)
    for i in range(3):
        one = {k: v[i] for k, v in draws.items()}
        point = {}
        for rv in model.free_RVs:
            transform = model.rvs_to_transforms[rv]
            value = np.asarray(one[rv.name.removesuffix("_unit")], dtype=float)
            value = (value + 1) / 2 if rv.name.endswith("_unit") else value
            name = model.rvs_to_values[rv].name
            point[name] = (
                np.asarray(transform.forward(value, *rv.owner.inputs).eval()) if transform is not None else value
            )
        want = sum(stats.norm(c.prior.mean, c.prior.sd).logpdf(_scalar(design, one, c)) for c in design.coefficients)
        for b in design.pooled:
            want += stats.halfnorm(scale=b.scale.sd).logpdf(one[b.sd_name])
            mean, sd = 0.0, one[b.sd_name]
            if b.partner:
                rho, eta = one[b.corr_name], b.correlation.eta
                want += stats.beta(eta, eta).logpdf((rho + 1) / 2) - (math.log(2) if eta == 1 else 0.0)
                mean = rho * sd / one[f"sd_{b.partner}"] * one[b.partner]
                sd = sd * math.sqrt(1 - rho**2)
            want += stats.norm(mean, sd).logpdf(one[b.variable]).sum()
        want += stats.norm(design.cuts.mean, design.cuts.sd).logpdf(one["cut_spacing"]).sum()
        for name, prior in design.fading.items():
            want += stats.lognorm(prior.sd, scale=prior.median).logpdf(one[f"half_life_{name}"])
        logs = log_probs(
            linear_predictor(design, cells.rows, {k: v[None] for k, v in one.items()})[0],
            cut_points(one["cut_spacing"]),
        )
        n = len(cells.counts)
        want += (cells.counts * logs[:n]).sum() + multinomial_constant(cells.counts).sum()
        want += lattice_loglik(logs[n:], make_lattice(cells.toplines, cells.overdispersion, 3)).sum()
        assert float(logp(point)) == pytest.approx(want, rel=1e-8)


def _scalar(design, one, c):
    labels = [design.coefficients[j].label for j in design.variables[c.variable]]
    return one[c.variable][labels.index(c.label)] if c.label else one[c.variable]


def test_ten_rows_are_one_count_of_ten():
    spec = make_spec(3)
    survey = make_survey(spec)
    table = survey.table[survey.table["count"] > 0]
    rows = table.loc[table.index.repeat(table["count"])].assign(count=1).sample(frac=1, random_state=2)
    one, two = (make_cells(spec, [replace(survey, table=t)]) for t in (table, rows))
    np.testing.assert_array_equal(one.counts, two.counts)
    assert one.labels().equals(two.labels())


def test_two_ordered_answers_are_the_binary_logit():
    design, cells = make(2, RICH[:-1])
    swept = sweep(design, cells.rows)
    arrays, data = structure(swept, cells, all_or_none(swept, True)), data_arrays(cells)
    rng = np.random.default_rng(6)
    values = []
    for _ in range(2):
        theta = rng.normal(0, 0.3, parameter_count(swept))
        eta = swept_matrix(swept, cells.rows) @ theta[len(design.pooled) + len(design.correlated) :]
        n, k = cells.counts.sum(1), cells.counts[:, 1]
        binary = (k * eta - n * np.logaddexp(0, eta)).sum()
        empty = log_density(theta, arrays, data_arrays(cells, np.zeros(len(cells.rows))))[0]
        values.append((log_density(theta, arrays, data)[0] - empty, binary))
    for got, want in values:
        assert got == pytest.approx(want, rel=1e-12)
