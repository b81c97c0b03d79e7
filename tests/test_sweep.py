"""Swept coordinates are the same model: same prior of the predictor, same blocks back."""

import numpy as np
import pytest
from scipy import stats

from alliancecred.design import half_life
from alliancecred.predictor import fixed_matrix, linear_predictor, pooled_matrix
from alliancecred.priors import Flat, Normal
from alliancecred.recover import recover
from alliancecred.sweep import cholesky, covariance, mean_covariance, sweep, swept_matrix
from alliancecred.terms import Level, Shift
from models import FADING, LONG, MERGED, RICH, RISING, TIMED, make

CASES = {
    "rich": (3, RICH, "apart"),
    "merged": (2, MERGED, "merged"),
    "levels only": (2, (Level(("country",)),), "apart"),
    "timed": (2, TIMED, "apart", LONG, (FADING, RISING)),
}


def scales_of(design, seed=0):
    rng = np.random.default_rng(seed)
    out = {b.sd_name: float(rng.uniform(0.1, 0.8)) for b in design.pooled}
    return out | {b.corr_name: float(rng.uniform(-0.9, 0.9)) for b in design.correlated}


def unswept_covariance(design, cells, scales):
    """Prior covariance of η, written from the blocks: fixed part + each block + its cross terms."""
    X = fixed_matrix(design, cells.rows)
    out = X @ np.diag([c.prior.sd**2 for c in design.coefficients]) @ X.T
    Z = {b.variable: pooled_matrix(design, b, cells.rows).toarray() for b in design.pooled}
    for b in design.pooled:
        out = out + scales[b.sd_name] ** 2 * Z[b.variable] @ Z[b.variable].T
        if b.partner:
            cross = scales[b.corr_name] * scales[b.sd_name] * scales[f"sd_{b.partner}"] * Z[b.variable] @ Z[b.partner].T
            out = out + cross + cross.T
    return out


def swept_covariance(swept, scales):
    size = swept.size
    out = np.zeros((size, size))
    k = len(swept.loadings)
    out[:k, :k] = np.array(mean_covariance(swept, scales), dtype=float)
    for s in swept.strata:
        m = len(s.carriers)
        out[k : k + m * s.size, k : k + m * s.size] = np.kron(
            np.array(covariance(s, scales), dtype=float), np.eye(s.size)
        )
        k += m * s.size
    assert k == size
    return out


@pytest.mark.parametrize("case", CASES)
def test_swept_prior_of_the_predictor_is_the_unswept_one(case):
    design, cells = make(*CASES[case])
    swept, scales = sweep(design, cells.rows), scales_of(design)
    M = swept_matrix(swept, cells.rows)
    got = M @ swept_covariance(swept, scales) @ M.T
    np.testing.assert_allclose(got, unswept_covariance(design, cells, scales), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("case", CASES)
def test_fewer_coordinates_than_effects(case):
    design, cells = make(*CASES[case])
    effects = len(design.coefficients) + sum(int(np.prod(design.shape(b))) for b in design.pooled)
    assert sweep(design, cells.rows).size < effects


def test_a_mean_no_coefficient_spans_keeps_a_coordinate_of_its_own():
    design, cells = make(2, (Level(("country",)), Shift("act", by=("country",), together=True)), "apart")
    swept = sweep(design, cells.rows)
    assert swept.extra
    assert len(swept.loadings) == len(design.coefficients) + 1
    scales = scales_of(design)
    M = swept_matrix(swept, cells.rows)
    got = M @ swept_covariance(swept, scales) @ M.T
    np.testing.assert_allclose(got, unswept_covariance(design, cells, scales), rtol=1e-9, atol=1e-11)


def _draw_coordinates(swept, scales, size, rng):
    centre = np.zeros(swept.size)
    centre[: len(swept.design.coefficients)] = [c.prior.mean for c in swept.design.coefficients]
    root = np.linalg.cholesky(swept_covariance(swept, scales))
    return centre + rng.standard_normal((size, swept.size)) @ root.T


@pytest.mark.parametrize("case", CASES)
def test_recovered_blocks_give_back_the_same_predictor(case):
    design, cells = make(*CASES[case])
    swept, scales = sweep(design, cells.rows), scales_of(design)
    rng = np.random.default_rng(1)
    x = _draw_coordinates(swept, scales, 5, rng)
    draws = recover(swept, x, {k: np.full(5, v) for k, v in scales.items()}, rng)
    draws |= {half_life(k): np.full(5, p.median) for k, p in design.fading.items()}
    np.testing.assert_allclose(
        linear_predictor(design, cells.rows, draws), x @ swept_matrix(swept, cells.rows).T, rtol=1e-8, atol=1e-8
    )


@pytest.mark.parametrize("case", ["rich", "merged", "timed"])
def test_recovered_blocks_have_their_prior_distribution(case):
    """Coordinates drawn from their prior must give back blocks with the prior's covariance, entry by entry."""
    design, cells = make(*CASES[case])
    swept, scales = sweep(design, cells.rows), scales_of(design, 2)
    rng, size = np.random.default_rng(2), 20_000
    x = _draw_coordinates(swept, scales, size, rng)
    draws = recover(swept, x, {k: np.full(size, v) for k, v in scales.items()}, rng)
    for b in design.pooled:
        flat = draws[b.variable].reshape(size, -1)
        sd = scales[b.sd_name]
        corr = (flat.T @ flat) / size / sd**2
        assert np.abs(corr - np.eye(len(corr))).max() < 5.5 * np.sqrt(2 / size)
        if b.partner:
            other = draws[b.partner].reshape(size, -1) / scales[f"sd_{b.partner}"]
            cross = (flat / sd).T @ other / size
            assert np.abs(cross - scales[b.corr_name] * np.eye(len(cross))).max() < 5.5 * np.sqrt(2 / size)
    for c in design.coefficients:
        value = draws[c.variable]
        value = (
            value[:, [design.coefficients[j].label for j in design.variables[c.variable]].index(c.label)]
            if c.label
            else value
        )
        assert stats.kstest((value - c.prior.mean) / c.prior.sd, stats.norm.cdf).pvalue > 1e-5
        block = draws["level_country"].reshape(size, -1)[:, 0]
        assert abs(np.corrcoef(value, block)[0, 1]) < 5.5 / np.sqrt(size)


def test_flat_coefficients_are_recovered_without_a_prior():
    terms = (Level(("country",)), Shift("act", prior=Flat()), Shift("act", by=("country",), roles=("sender",)))
    design, cells = make(2, terms)
    swept, scales = sweep(design, cells.rows), scales_of(design)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4, swept.size))
    draws = recover(swept, x, {k: np.full(4, v) for k, v in scales.items()}, rng)
    np.testing.assert_allclose(
        linear_predictor(design, cells.rows, draws), x @ swept_matrix(swept, cells.rows).T, rtol=1e-8, atol=1e-8
    )
    assert isinstance(design.coefficients[0].prior, Normal)


def test_cholesky_of_scalars():
    a = [[4.0, 2.0, 0], [2.0, 5.0, 0], [0, 0, 9.0]]
    low = np.array(cholesky(a, np.sqrt), dtype=float)
    np.testing.assert_allclose(low @ low.T, np.array(a, dtype=float))
