"""What NUTS is told before it starts: how far to sample blocks centred, and the shape of the posterior.

Both follow from the information in the rows and rough values of the scales (docs/decisions/011, 035).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import expit, zeta

from ..cells import Cells
from ..choices import Choices
from ..density import extra_prior, own_cuts, parameter_count
from ..design import SD_RESPONDENT, half_life
from ..events import Decay
from ..gaussian import rough_sigma
from ..kernel import Metric
from ..priors import Flat, LogNormal
from ..sliders import rough_precision
from ..sources import Topline
from ..sweep import (
    Incidence,
    Stratum,
    Swept,
    cholesky,
    covariance,
    incidence,
    mean_columns,
    mean_covariance,
    stratum_columns,
)
from .people import shared_information

# So many leading parameters get a full covariance; of the rest, each coordinate's carriers get one.
DENSE = 300
SMALLEST, CLOSEST = 1e-6, 0.999  # scales and correlations beyond these are taken for these
NARROWEST = 0.1  # sd of a log scale or atanh correlation, where the rough draws hardly differ
Centred = tuple[tuple[float, ...], ...]
Scales = Mapping[str, np.ndarray]


def row_information(cells: Cells) -> np.ndarray:
    """Return the Fisher information about η in every row, (rows,).

    Of choices it is the sum over a row's pairs, as if the other profiles were known. For an ordered logit
    with shares p and cumulative shares F (McCullagh 1980):
    n Σ_k (F_k(1−F_k) − F_{k−1}(1−F_{k−1}))² / p_k. For normal answers: n / σ².
    """
    if cells.scores:
        return np.asarray(cells.sums[:, 0] / rough_sigma(cells.sums) ** 2)
    if cells.choices is not None:
        pairs = _of_pairs(cells.choices)
        both = np.concatenate([cells.choices.left, cells.choices.right])
        return np.bincount(both, np.tile(pairs, 2), len(cells.rows))
    n = len(cells.counts)
    groups = [_two_groups(t) for t in cells.toplines]
    shares = [(c + 0.5) / (c + 0.5).sum() for c in cells.parts] + groups
    out = np.empty(len(cells.rows))
    for i, p in enumerate(shares):
        below = np.cumsum(p)[:-1]
        slope = np.diff(np.concatenate([[0.0], below * (1 - below), [0.0]]))
        out[i] = (slope**2 / p).sum()
    rho = np.concatenate([np.zeros(n), cells.overdispersion])
    for i, t in enumerate(cells.toplines):
        if t.se is not None:  # a mean: (p (1 − p) / se)², of which the product below is to give
            out[n + i] = (np.prod(_two_groups(t)) / (t.n_weight @ t.se)) ** 2 / cells.size[n + i]
    out = np.asarray(out * cells.size / (1 + (cells.size - 1) * rho))
    return out if cells.inside is None else out + _between(cells)


def _of_pairs(choices: Choices) -> np.ndarray:
    """Return the information of each pair about its difference in η, (pairs,): n p (1 − p)."""
    share = (choices.counts[:, 1] + 0.5) / (choices.counts.sum(1) + 1)
    return np.asarray(choices.counts.sum(1) * share * (1 - share))


def _between(cells: Cells) -> np.ndarray:
    """Return the information of slider answers between the ends: n φ² (ψ'(μφ) + ψ'((1 − μ)φ)) (μ(1 − μ))²."""
    assert cells.inside is not None
    n, logs, rest = cells.inside.sums(len(cells.rows)).T
    mean = expit((logs - rest) / np.maximum(n, 1))
    phi = rough_precision(cells.inside, len(cells.rows))
    return np.asarray(n * (phi * mean * (1 - mean)) ** 2 * (zeta(2, mean * phi) + zeta(2, (1 - mean) * phi)))


def _two_groups(topline: Topline) -> np.ndarray:
    share = min(max(0.5 * (topline.lower[0] + topline.upper[0]), 0.005), 0.995)
    return np.array([1 - share, share])


def information(found: Incidence, by_row: np.ndarray) -> np.ndarray:
    """Return, per coordinate of a stratum, the information about its carriers, (size, carriers, carriers)."""
    products = [[np.bincount(found.place, by_row * a * b, len(found.basis)) for b in found.carriers]
                for a in found.carriers]  # fmt: skip
    return np.asarray(np.moveaxis(np.array(products) @ found.basis**2, 2, 0))


def choose_centring(swept: Swept, cells: Cells, scales: Scales) -> Centred:
    """Return how far to sample each carrier centred, from 0 to 1 (`kernel._forward`), given draws of the scales.

    It is w / (1 + w), where w is what the answers say about a coordinate, the median over coordinates, while the other
    carriers of the same coordinate are known by the answers and by their prior.
    """
    swept, by_row, typical = _faded(swept, scales), row_information(cells), _typical(scales)
    out = []
    for stratum in swept.strata:
        known = np.median(information(incidence(swept, stratum, cells.rows), by_row), axis=0)
        prior = _precision(stratum, typical)
        w = [_left_over(known, known + prior, i) for i in range(len(known))]
        out.append(tuple(v / (1 + v) for v in w))
    return tuple(out)


def _left_over(known: np.ndarray, whole: np.ndarray, i: int) -> float:
    """Return the information about one of several quantities when ``whole`` is all there is about the others."""
    others = np.arange(len(known)) != i
    shared = known[i, others] @ np.linalg.solve(whole[np.ix_(others, others)], known[others, i])
    return max(float(known[i, i] - shared), 0.0)


def make_metric(swept: Swept, cells: Cells, centred: Centred, scales: Scales) -> Metric:
    """Return the map under which the posterior is roughly a standard normal, given draws of the scales.

    Scales and correlations: mean and sd of the draws, on the scale they are sampled on. Coordinates: the inverse
    of Fisher's information plus the prior's precision at the median scales.
    """
    design, rows, by_row = swept.design, cells.rows, row_information(cells)
    middle, width = _hyper(swept, cells, scales)
    size, swept, typical = parameter_count(swept), _faded(swept, scales), _typical(scales)
    full, at = [], len(middle) + len(swept.loadings)
    for stratum in swept.strata:
        if (at := at + stratum.size * len(stratum.carriers)) > DENSE:
            break
        full.append(stratum)

    columns = np.hstack([mean_columns(swept, rows), *(stratum_columns(incidence(swept, s, rows)) for s in full)])
    if cells.choices is not None:
        columns, by_row = cells.choices.contrast(columns), _of_pairs(cells.choices)
    precision = columns.T @ (by_row[:, None] * columns)
    if cells.people is not None:
        precision -= shared_information(cells, by_row, float(np.median(scales[SD_RESPONDENT])), columns)
    proper = [i for i in range(len(swept.loadings)) if not _flat(swept, i)]
    prior = np.array(mean_covariance(swept, typical), dtype=float)[np.ix_(proper, proper)]
    precision[np.ix_(proper, proper)] += np.linalg.inv(prior)
    turn, start = np.eye(len(precision)), len(swept.loadings)
    for stratum, centre in zip(full, centred, strict=False):
        block = slice(start, start := start + stratum.size * len(stratum.carriers))
        precision[block, block] += np.kron(_precision(stratum, typical), np.eye(stratum.size))
        turn[block, block] = np.kron(_turn(stratum, centre, typical), np.eye(stratum.size))
    dense = np.zeros((len(middle) + len(precision),) * 2)
    dense[np.diag_indices(len(middle))] = width
    dense[len(middle) :, len(middle) :] = turn @ _root(precision)

    small = []
    for stratum, centre in list(zip(swept.strata, centred, strict=True))[len(full) :]:
        known = information(incidence(swept, stratum, rows), by_row) + _precision(stratum, typical)
        low = _turn(stratum, centre, typical) @ _root(known)
        small += [low[:, i, j] for i in range(len(stratum.carriers)) for j in range(i + 1)]
    coefficients = np.zeros(size - len(middle))
    coefficients[: len(design.coefficients)] = [getattr(k.prior, "mean", 0.0) for k in design.coefficients]
    return Metric(
        np.concatenate([middle, coefficients]),
        np.ascontiguousarray(dense.T),
        np.concatenate([np.zeros(0), *small]),
    )


def _faded(swept: Swept, scales: Scales) -> Swept:
    """Return the same coordinates with half-lives known to be their median draws."""
    design = swept.design
    known = {k: Decay(LogNormal(float(np.median(scales[half_life(k)])), 0.0)) for k in design.fading}
    signals = tuple(replace(s, form=known.get(s.name, s.form)) for s in design.spec.signals)
    return replace(swept, design=replace(design, spec=replace(design.spec, signals=signals)))


def _typical(scales: Scales) -> dict[str, float]:
    """Median scales and correlations, kept off the edges where covariances lose their rank: this shapes, no more."""
    out = {}
    for name, values in scales.items():
        if not name.startswith(("sd_", "corr_")):
            continue
        median = float(np.median(values))
        out[name] = max(median, SMALLEST) if name.startswith("sd_") else float(np.clip(median, -CLOSEST, CLOSEST))
    return out


def _hyper(swept: Swept, cells: Cells, scales: Scales) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of log scales, atanh correlations, the prior's log-spacings of the cuts, log half-lives."""
    design = swept.design
    values = [np.log(np.maximum(scales[name], SMALLEST)) for name in design.scales]
    values += [np.arctanh(np.clip(scales[b.corr_name], -CLOSEST, CLOSEST)) for b in design.correlated]
    inner = np.ones(design.inner)
    own = np.ones(design.inner * design.cut_groups)
    extra = extra_prior(design)
    if cells.scores:  # n answers tell log sigma to 1 / √(2 n)
        known = 2 * cells.sums[:, 0].sum() + extra[0, 1] ** -2
        extra = np.array([[np.log(rough_sigma(cells.sums)), known**-0.5]])
    own_width = math.sqrt(1 - own_cuts(design, cells)[0])
    half = [np.log(scales[half_life(name)]) for name in design.fading]
    middle = np.concatenate(
        [[v.mean() for v in values], design.cuts.mean * inner, 0.0 * own, extra[:, 0], [v.mean() for v in half]]
    )
    width = np.array([max(v.std(), NARROWEST) for v in (*values, *half)])
    cuts = [design.cuts.sd * inner, own_width * own, extra[:, 1]]
    return middle, np.concatenate([width[: len(values)], *cuts, width[len(values) :]])


def _flat(swept: Swept, i: int) -> bool:
    coefficients = swept.design.coefficients
    return i < len(coefficients) and isinstance(coefficients[i].prior, Flat)


def _precision(stratum: Stratum, typical: Mapping[str, float]) -> np.ndarray:
    return np.linalg.inv(np.array(covariance(stratum, typical), dtype=float))


def _turn(stratum: Stratum, centred: Sequence[float], typical: Mapping[str, float]) -> np.ndarray:
    """Matrix (carriers, carriers) from coordinates to what is sampled (see `kernel._forward`)."""
    low = np.array(cholesky(covariance(stratum, typical), np.sqrt), dtype=float)
    c, d = np.array(centred)[:, None], np.diag(low)[:, None]
    return np.asarray((c * d * np.eye(len(low)) + (1 - c) * np.linalg.inv(low)) / np.sqrt(1 - c + c * d**2))


def _root(precision: np.ndarray) -> np.ndarray:
    """Return a lower triangular P with P Pᵀ = precision⁻¹; leading axes are batches.

    With J the reversal of the order and J precision J = L Lᵀ, it is P = J L⁻ᵀ J.
    """
    low = np.linalg.cholesky(precision[..., ::-1, ::-1])
    return np.asarray(np.swapaxes(np.linalg.inv(low), -1, -2)[..., ::-1, ::-1])
