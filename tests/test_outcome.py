"""The likelihood against scipy and brute force."""

import math
import tracemalloc
from itertools import product

import numpy as np
import pytest
from scipy import stats

from alliancecred.errors import OutcomeError
from alliancecred.lattice import _gauss_integers, lattice_loglik, make_lattice, publish
from alliancecred.outcome import cut_points, log_probs, scores
from alliancecred.sources import Topline


def topline(groups, lower, upper, n, weight=None):
    n = np.atleast_1d(n)
    weight = np.full(len(n), 1 / len(n)) if weight is None else np.asarray(weight, dtype=float)
    return Topline({}, groups, lower, upper, n, weight, ("",), "made up")


def logistic(x):
    return 1 / (1 + math.exp(-x))


@pytest.mark.bad(35)
@pytest.mark.parametrize("answers", [2, 3, 5])
def test_probabilities_are_differences_of_the_logistic(answers):
    spacing = np.linspace(-0.4, 0.6, answers - 2)
    cuts = cut_points(spacing)
    assert abs(cuts.sum()) < 1e-12
    np.testing.assert_allclose(np.diff(cuts), np.exp(spacing))
    for eta in (-3.0, 0.2, 2.5):
        below = [0.0, *[logistic(c - eta) for c in cuts], 1.0]
        expected = [below[k + 1] - below[k] for k in range(answers)]
        np.testing.assert_allclose(np.exp(log_probs(np.array(eta), cuts)), expected, rtol=1e-12)


def test_two_answers_are_the_ordinary_logit():
    eta = np.linspace(-5, 5, 11)
    np.testing.assert_allclose(np.exp(log_probs(eta, np.zeros(1)))[:, 1], 1 / (1 + np.exp(-eta)), rtol=1e-13)


def test_higher_eta_means_higher_answers():
    low, high = (np.exp(log_probs(np.array(e), cut_points(np.zeros(2)))) for e in (-1.0, 1.0))
    assert low[0] > high[0]
    assert high[-1] > low[-1]


def test_tails_do_not_underflow():
    value = log_probs(np.array([-800.0, 800.0]), cut_points(np.array([0.0])))
    assert np.isfinite(value).all()
    np.testing.assert_allclose(value[0, 2], -800.5, rtol=1e-12)
    np.testing.assert_allclose(value[0, 1], -799.5 + math.log1p(-math.exp(-1)), rtol=1e-9)


@pytest.mark.parametrize(
    ("lower", "upper", "n"), [(0.445, 0.455, 651), (0.71, 0.79, 1004), (0.0, 0.005, 400), (0.2, 0.9, 40)]
)
@pytest.mark.parametrize("p", [0.05, 0.47, 0.76])
def test_topline_mass_is_the_binomial_between_the_bounds(lower, upper, n, p):
    lattice = make_lattice([topline(((1,), (0,)), (lower,), (upper,), n)], np.zeros(1), 2)
    k = np.arange(n + 1)
    inside = (k / n >= lower - 1e-12) & (k / n <= upper + 1e-12)
    expected = stats.binom(n, p).logpmf(k[inside])
    expected = np.logaddexp.reduce(expected)
    got = lattice_loglik(np.log([[1 - p, p]]), lattice)[0]
    assert got == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_topline_averages_over_n():
    sizes, weight, p = np.array([500, 1000, 1500]), [0.2, 0.5, 0.3], 0.5
    lattice = make_lattice([topline(((1,), (0,)), (0.525,), (0.535,), sizes, weight)], np.zeros(1), 2)
    total = 0.0
    for n, w in zip(sizes, weight, strict=True):
        k = np.arange(math.ceil(0.525 * n), math.floor(0.535 * n) + 1)
        total += w * stats.binom(n, p).pmf(k).sum()
    assert lattice_loglik(np.log([[0.5, 0.5]]), lattice)[0] == pytest.approx(math.log(total), rel=1e-9)


def test_overdispersed_topline_is_the_beta_binomial():
    n, p, rho = 651, 0.4, 0.01
    lattice = make_lattice([topline(((1,), (0,)), (0.36,), (0.38,), n)], np.array([rho]), 2)
    a = (1 - rho) / rho
    k = np.arange(math.ceil(0.36 * n), math.floor(0.38 * n) + 1)
    expected = math.log(stats.betabinom(n, a * p, a * (1 - p)).pmf(k).sum())
    assert lattice_loglik(np.log([[1 - p, p]]), lattice)[0] == pytest.approx(expected, rel=1e-9)


def test_declared_overdispersion_is_the_stated_variance():
    n, rho, p = 100, 0.05, np.array([0.7, 0.3])
    row, rng = topline(((1,), (0,)), (0.0,), (1.0,), n), np.random.default_rng(1)
    shares = publish(row, (1 - rho) / rho, np.tile(p, (4000, 1)), rng)[:, 0]
    expected = 0.21 / n * (1 + (n - 1) * rho)
    assert shares.mean() == pytest.approx(0.3, abs=4 * math.sqrt(expected / 4000))
    assert shares.var() == pytest.approx(expected, rel=4 * math.sqrt(2 / 4000))


def test_all_answers_published_is_the_multinomial_over_the_box():
    n, p = 60, np.array([0.2, 0.5, 0.3])
    lower, upper = (0.18, 0.46, 0.28), (0.25, 0.52, 0.33)
    lattice = make_lattice([topline(((0,), (1,), (2,)), lower, upper, n)], np.zeros(1), 3)
    total = 0.0
    for a, b in product(range(n + 1), repeat=2):
        y = (a, b, n - a - b)
        if all(lo - 1e-12 <= v / n <= hi + 1e-12 for v, lo, hi in zip(y, lower, upper, strict=True)):
            total += stats.multinomial(n, p).pmf(y)
    assert lattice_loglik(np.log(p)[None], lattice)[0] == pytest.approx(math.log(total), rel=1e-9)


def test_a_share_of_several_answers_uses_their_sum():
    p = np.array([0.1, 0.2, 0.3, 0.4])
    pair = make_lattice([topline(((2, 3), (0, 1)), (0.68,), (0.72,), 200)], np.zeros(1), 4)
    single = make_lattice([topline(((1,), (0,)), (0.68,), (0.72,), 200)], np.zeros(1), 2)
    left = lattice_loglik(np.log(p)[None], pair)[0]
    assert left == pytest.approx(lattice_loglik(np.log([[0.3, 0.7]]), single)[0], rel=1e-12)


def test_padding_adds_nothing():
    rows = [
        topline(((1,), (0,)), (0.4,), (0.6,), 50),
        topline(((0,), (1,), (2,)), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), 20),
    ]
    p = np.log(np.array([[0.3, 0.5, 0.2], [0.3, 0.4, 0.3]]))
    rows[0] = topline(((1,), (0, 2)), (0.4,), (0.6,), 50)
    both = lattice_loglik(p, make_lattice(rows, np.zeros(2), 3))
    alone = [lattice_loglik(p[i : i + 1], make_lattice(rows[i : i + 1], np.zeros(1), 3))[0] for i in range(2)]
    np.testing.assert_allclose(both, alone, rtol=1e-12)


def test_impossible_bounds_are_refused():
    with pytest.raises(OutcomeError, match="no integer count"):
        make_lattice([topline(((1,), (0,)), (0.501,), (0.502,), 10)], np.zeros(1), 2)


@pytest.mark.parametrize(("low", "high"), [(3, 9), (0, 100), (700, 2100)])
def test_gauss_rule_sums_over_integers(low, high):
    nodes, weights = _gauss_integers(low, high)
    k = np.arange(low, high + 1, dtype=float)
    middle, width = (low + high) / 2, high - low + 1
    for degree in range(8):
        scaled = ((k - middle) / width) ** degree
        assert weights @ ((nodes - middle) / width) ** degree == pytest.approx(scaled.sum(), rel=1e-9, abs=1e-9)


def test_scores():
    names = ("no", "maybe", "yes")
    assert scores(3, (1, 2), "top", names).tolist() == [0, 1, 1]
    assert scores(3, (2,), "mean", names).tolist() == [1, 2, 3]
    assert scores(3, (2,), "maybe", names).tolist() == [0, 1, 0]


def test_many_draws_of_many_counts_are_those_of_each_and_fill_no_memory():
    sizes, weight = tuple(range(1_000, 1_100)), tuple(np.full(100, 1 / 100))
    rows = [topline(((1,), (0,)), (lower,), (lower + 0.01,), sizes, weight) for lower in np.linspace(0.1, 0.6, 10)]
    lattice = make_lattice(rows, np.zeros(10), 2)
    p = np.random.default_rng(1).uniform(0.2, 0.8, (1_000, 10))
    assert 8 * lattice.constant.size * len(p) > 80e6
    logs = np.log(np.stack([1 - p, p], axis=-1))
    tracemalloc.start()
    together = lattice_loglik(logs, lattice)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    for i in (0, 499, 999):
        assert together[i] == pytest.approx(lattice_loglik(logs[i], lattice), rel=1e-12)
