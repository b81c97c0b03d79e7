"""What was published instead of counts: the mass of the counts, or of the mean, that it allows.

A published share is the mass of the binomial (multinomial) over the counts that its rounding, or its bounds, allow,
averaged over the n that are possible; a published mean that of a normal (`ratings`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import product

import numpy as np
from scipy.special import digamma, expit, gammaln, log_expit, logsumexp

from .errors import OutcomeError, Problem
from .outcome import multinomial_constant
from .ratings import log_mass, mean_table
from .sources import Topline, count_range

NODES = 24
TABLE_EDGE, TABLE_STEP = 14.0, 1.0 / 80.0
LATTICE_LIMIT = 200_000
MOST_AT_ONCE = 2**20  # masses of single counts: 8 MB, and a few times that on the way


@dataclass(frozen=True)
class Lattice:
    """The counts a set of toplines allows, padded to rectangles.

    Parameters
    ----------
    counts
        (toplines, points, groups): counts of the published groups, 0 where padded.
    constant
        (toplines, points): log of multinomial coefficient × quadrature weight × prior of n,
        ``-inf`` where padded.
    groups
        (toplines, groups, answers): 1 where an answer belongs to a group. A padded group holds
        every answer, so that it has probability 1 and, with count 0, adds nothing.
    concentration
        (toplines,): a = (1−ρ)/ρ of the Dirichlet-multinomial, or ``inf`` for the multinomial.
    bounds
        (toplines, 2): of published means, as shares of the scale (`ratings`).
    se, log_se_weight
        (toplines, possible standard errors): of published means; nan for shares.
    """

    counts: np.ndarray
    constant: np.ndarray
    groups: np.ndarray
    concentration: np.ndarray
    bounds: np.ndarray
    se: np.ndarray
    log_se_weight: np.ndarray

    @property
    def is_mean(self) -> np.ndarray:
        """Which are published means, (toplines,)."""
        return np.isfinite(self.se).any(axis=1)

    def of(self, index: np.ndarray) -> "Lattice":
        """Return these toplines."""
        return Lattice(*(getattr(self, f.name)[index] for f in fields(self)))

    def __len__(self) -> int:
        return len(self.counts)


@lru_cache(maxsize=4096)
def _gauss_integers(low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights that sum a smooth function over the integers low…high.

    Gauss quadrature of the uniform measure on integers (discrete Chebyshev polynomials,
    Golub & Welsch 1969): exact for polynomials up to degree 2·NODES−1.
    """
    width = high - low + 1
    if width <= NODES:
        return np.arange(low, high + 1, dtype=float), np.ones(width)
    k = np.arange(1, NODES)
    off = np.sqrt(k**2 * (width**2 - k**2) / (4.0 * (4.0 * k**2 - 1.0)))
    nodes, vectors = np.linalg.eigh(np.diag(off, 1) + np.diag(off, -1))
    return nodes + (low + high) / 2.0, width * vectors[0] ** 2


def _points(topline: Topline, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts (points, groups) and log quadrature weights (points,) for one n."""
    ranges = [count_range(lo, hi, n) for lo, hi in zip(topline.lower, topline.upper, strict=True)]
    open_end = len(topline.groups) > len(topline.lower)
    empty = np.zeros((0, len(topline.groups))), np.zeros(0)
    if any(lo > hi for lo, hi in ranges):
        return empty
    if open_end and len(ranges) == 1:
        nodes, weights = _gauss_integers(*ranges[0])
        return np.column_stack([nodes, n - nodes]), np.log(weights)
    free = ranges if open_end else ranges[:-1]
    if np.prod([hi - lo + 1.0 for lo, hi in free]) > LATTICE_LIMIT:
        raise OutcomeError(
            [
                Problem(
                    "outcome",
                    "pct",
                    f"{topline.source}: too many answer counts fit these bounds",
                    (),
                    "publish fewer answers per cell (the top share alone), or tighten the bounds",
                )
            ]
        )
    grid = np.array(list(product(*[range(lo, hi + 1) for lo, hi in free])), dtype=float)
    last = n - grid.sum(1)
    low, high = (0, n) if open_end else ranges[-1]
    keep = (last >= low) & (last <= high)
    return np.column_stack([grid, last])[keep], np.zeros(int(keep.sum()))


def make_lattice(toplines: Sequence[Topline], overdispersion: np.ndarray, answers: int) -> Lattice:
    """Return the `Lattice` of toplines with their declared intraclass correlations.

    Raises
    ------
    OutcomeError
        If no count meets a topline's bounds at any of its n.
    """
    points, constants = [], []
    concentration = np.where(overdispersion > 0, (1 - overdispersion) / np.maximum(overdispersion, 1e-300), np.inf)
    for topline, a in zip(toplines, concentration, strict=True):
        if topline.se is not None:
            points.append(np.zeros((1, 2)))
            constants.append(np.zeros(1))
            continue
        pieces = [
            (c, w + np.log(p))
            for n, p in zip(topline.n, topline.n_weight, strict=True)
            for c, w in [_points(topline, int(n))]
        ]
        counts = np.concatenate([c for c, _ in pieces])
        if not len(counts):
            raise OutcomeError(
                [
                    Problem(
                        "outcome",
                        "pct",
                        f"no integer count fits {topline.published} ({dict(topline.labels)}) at any n",
                        (),
                        "check bounds and n",
                    )
                ]
            )
        constant = np.concatenate([w for _, w in pieces]) + multinomial_constant(counts)
        if np.isfinite(a):
            constant = constant + gammaln(a) - gammaln(counts.sum(1) + a)
        points.append(counts)
        constants.append(constant)
    return _pad(toplines, points, constants, concentration, answers)


def _pad(
    toplines: Sequence[Topline], points: list[np.ndarray], constants: list[np.ndarray], a: np.ndarray, answers: int
) -> Lattice:
    size = len(toplines), max((len(p) for p in points), default=0), max((p.shape[1] for p in points), default=0)
    counts, constant = np.zeros(size), np.full(size[:2], -np.inf)
    groups = np.ones((size[0], size[2], answers))
    for i, (topline, c, w) in enumerate(zip(toplines, points, constants, strict=True)):
        counts[i, : len(c), : c.shape[1]] = c
        constant[i, : len(w)] = w
        for g, members in enumerate(topline.groups):
            groups[i, g] = np.isin(np.arange(answers), members)
    most = max((len(t.se) for t in toplines if t.se is not None), default=0)
    bounds, se, log_weight = np.zeros((size[0], 2)), np.full((size[0], most), np.nan), np.full((size[0], most), -np.inf)
    for i, topline in enumerate(toplines):
        if topline.se is not None:
            own = len(topline.se)
            bounds[i] = topline.lower[0], topline.upper[0]
            se[i] = topline.se[0]  # of weight 0 where padded
            se[i, :own], log_weight[i, :own] = topline.se, np.log(topline.n_weight)
    return Lattice(counts, constant, groups, a, bounds, se, log_weight)


def group_log_probs(logp: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return log P(group), (…, toplines, groups), from log P(answer) (…, toplines, answers)."""
    with np.errstate(divide="ignore"):
        mask = np.log(groups)
    return np.asarray(logsumexp(logp[..., None, :] + mask, axis=-1))


def lattice_loglik(logp: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Return the log mass of each topline, (…, toplines), from log P(answer) (…, toplines, answers)."""
    at_once = max(1, MOST_AT_ONCE // max(1, lattice.constant.size))
    if logp.ndim > 2 and len(logp) > at_once:  # many draws times many counts would fill the memory
        return np.concatenate([lattice_loglik(logp[i : i + at_once], lattice) for i in range(0, len(logp), at_once)])
    q = group_log_probs(logp, lattice.groups)
    flat = np.einsum("tmg,...tg->...tm", lattice.counts, q)
    finite = np.isfinite(lattice.concentration)
    if finite.any():
        a = np.where(finite, lattice.concentration, 1.0)[:, None] * np.exp(q)
        rising = (gammaln(lattice.counts + a[..., :, None, :]) - gammaln(a)[..., :, None, :]).sum(-1)
        flat = np.where(finite[:, None], rising, flat)
    out = np.asarray(logsumexp(lattice.constant + flat, axis=-1))
    if (mean := lattice.is_mean).any():
        own = lattice.of(mean)
        out[..., mean] = log_mass(np.exp(q[..., mean, 0]), own.bounds, own.se, own.log_se_weight)
    return out


def tabulate(lattice: Lattice, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the log mass of toplines with two groups as a table over z = logit P(first group).

    Parameters
    ----------
    groups
        Number of groups a topline must have to be tabulated.

    Returns
    -------
    table
        (toplines, 2, knots): value and derivative by z at -14, -14 + 1/80, …, 14. Cubic Hermite
        interpolation between knots is exact to about 1e-8 at n = 1,000; outside, the log mass is
        linear in z.
    tabulated
        (toplines,): 1 where the row has two groups, 0 where it has more.
    """
    size = round(2 * TABLE_EDGE / TABLE_STEP) + 1
    z = np.linspace(-TABLE_EDGE, TABLE_EDGE, size)
    table, two = np.zeros((len(lattice), 2, size)), np.zeros(len(lattice))
    for t in np.flatnonzero(lattice.is_mean):
        two[t] = 1.0
        table[t] = mean_table(z, lattice.bounds[t], lattice.se[t], lattice.log_se_weight[t])
    for t in np.flatnonzero(~lattice.is_mean):
        own = [g for g in range(lattice.groups.shape[1]) if not lattice.groups[t, g].all()]
        if len(own) == groups:
            two[t] = 1.0
            keep = np.isfinite(lattice.constant[t])
            table[t] = _two_group_mass(z, lattice.counts[t, keep], lattice.constant[t, keep], lattice.concentration[t])
    return table, two


def _two_group_mass(z: np.ndarray, counts: np.ndarray, constant: np.ndarray, a: float) -> np.ndarray:
    """Log mass and its derivative by z, (2, knots)."""
    first, second = counts[:, 0], counts[:, 1]
    p, q = expit(z)[:, None], expit(-z)[:, None]
    if np.isfinite(a):
        terms = constant + gammaln(first + a * p) - gammaln(a * p) + gammaln(second + a * q) - gammaln(a * q)
        slope = a * p * q * (digamma(first + a * p) - digamma(a * p) - digamma(second + a * q) + digamma(a * q))
    else:
        terms = constant + first * log_expit(z)[:, None] + second * log_expit(-z)[:, None]
        slope = first * q - second * p
    value = logsumexp(terms, axis=1)
    return np.stack([value, (np.exp(terms - value[:, None]) * slope).sum(1)])


def publish(topline: Topline, concentration: float, probs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the shares (draws, groups) a source like ``topline`` would publish, before rounding.

    Per draw, n comes from its grid and the counts from the (Dirichlet-)multinomial with answer
    probabilities ``probs`` (draws, answers); a mean, as a share of the scale, comes from its normal.
    """
    if topline.se is not None:
        se = rng.choice(topline.se, size=len(probs), p=topline.n_weight)
        mean = probs[:, list(topline.groups[0])].sum(1) + se * rng.standard_normal(len(probs))
        mean = np.clip(mean, 0.0, 1.0)
        return np.column_stack([mean, 1 - mean])
    n = rng.choice(topline.n, size=len(probs), p=topline.n_weight)
    grouped = np.column_stack([probs[:, list(g)].sum(1) for g in topline.groups])
    if np.isfinite(concentration):
        grouped = rng.standard_gamma(np.maximum(concentration * grouped / grouped.sum(1, keepdims=True), 1e-12))
        grouped = np.maximum(grouped, 1e-300)
    grouped = grouped / grouped.sum(1, keepdims=True)
    return np.asarray(rng.multinomial(n, grouped) / n[:, None])
