"""Published means of rating scales: normal around a mean that is a logistic share of the scale.

A mean answer on a scale from ``low`` to ``high`` has expectation low + (high − low) · logit⁻¹(η), the logistic
regression of a share (Papke & Wooldridge 1996, Journal of Applied Econometrics 11, 619-632); its standard error is
published, or that of an average over people whose sd is published, or declared by a prior over which it is averaged.
What was rounded for print enters by the mass between the bounds that rounding allows.

The engines look that mass up in a table over η (`lattice.tabulate`): its log is good to 0.005 for standard errors from
0.2 % of the scale on (some 15,000 people), to 0.1 for a quarter of that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_ndtr, logsumexp, roots_hermite

from .errors import Problem
from .priors import LogNormal

SD_NODES = 9


@dataclass(frozen=True)
class Rating:
    """Data are published means of answers from ``low`` to ``high``.

    The spec then declares two answers, names of the ends of the scale; its ``top`` is the high end, and shares are
    those of the way from the low to the high end.

    Parameters
    ----------
    low, high
        The ends of the scale.
    sd
        Prior of the sd of people's answers, as a share of the scale, for means whose source gives only n.

    Examples
    --------
    >>> Rating(0.0, 10.0).share(2.5)
    0.25
    """

    low: float
    high: float
    sd: LogNormal = LogNormal(0.25, 0.3)

    def share(self, value: float) -> float:
        """Return a value as a share of the scale."""
        return (value - self.low) / (self.high - self.low)


def rating_problems(rating: Rating, answers: Sequence[str], top: Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with a rating scale and the ends of it that are declared as answers."""
    if not (np.isfinite([rating.low, rating.high]).all() and rating.low < rating.high):
        yield Problem("outcome", "rating", f"low < high is needed, got {rating.low}, {rating.high}")
    if len(answers) != 2 or tuple(top) != tuple(answers[1:]):
        remedy = 'answers=("not at all", "completely"), top=("completely",)'
        yield Problem("outcome", "answers", "of a rating scale: its two ends, the high one top", (), remedy)
    if not (0 < rating.sd.median < 1 and 0 <= rating.sd.sd < np.inf):
        yield Problem("outcome", "rating.sd", f"a median between 0 and 1 and an sd from 0 are needed, got {rating.sd}")


def possible_sds(prior: LogNormal) -> tuple[np.ndarray, np.ndarray]:
    """Return sds of people that stand for their prior, with weights (Gauss-Hermite).

    Examples
    --------
    >>> sds, weight = possible_sds(LogNormal(0.25, 0.3))
    >>> round(float(np.exp(weight @ np.log(sds))), 3)
    0.25
    """
    if prior.sd == 0:
        return np.array([prior.median]), np.ones(1)
    nodes, weight = roots_hermite(SD_NODES)
    return prior.median * np.exp(np.sqrt(2.0) * prior.sd * nodes), weight / weight.sum()


def log_mass(share: np.ndarray, bounds: np.ndarray, se: np.ndarray, log_weight: np.ndarray) -> np.ndarray:
    """Return the log mass between ``bounds`` (…, 2) (density where they are the same) of normals around ``share``.

    Averaged over the possible standard errors, the last axis of ``se`` and ``log_weight``; all are shares of the scale.
    """
    logs = _log_masses(share[..., None], bounds[..., :1], bounds[..., 1:], se)
    return np.asarray(logsumexp(logs + log_weight, axis=-1))


def _log_masses(share: np.ndarray, lower: np.ndarray, upper: np.ndarray, se: np.ndarray) -> np.ndarray:
    low, high = (lower - share) / se, (upper - share) / se
    flip = low + high > 0  # in the upper tail, by symmetry
    near, far = np.where(flip, -low, high), np.where(flip, -high, low)
    with np.errstate(divide="ignore"):
        between = log_ndtr(near) + np.log(-np.expm1(log_ndtr(far) - log_ndtr(near)))
    density = -0.5 * low**2 - np.log(se) - 0.5 * np.log(2 * np.pi)
    return np.where(upper > lower, between, density)


def mean_table(z: np.ndarray, bounds: np.ndarray, se: np.ndarray, log_weight: np.ndarray) -> np.ndarray:
    """Return the log mass of a mean and its derivative at z = logit of the share, (2, knots)."""
    (lower, upper), share, other = bounds, expit(z)[:, None], expit(-z)[:, None]
    logs = _log_masses(share, np.full((1, 1), lower), np.full((1, 1), upper), se) + log_weight
    total = logsumexp(logs, axis=1)
    if upper > lower:
        low, high = (lower - share) / se, (upper - share) / se
        log_phi = [-0.5 * x**2 - 0.5 * np.log(2 * np.pi) - np.log(se) + log_weight for x in (low, high)]
        by_share = sum(sign * np.exp(p - total[:, None]) for sign, p in zip((1, -1), log_phi, strict=True)).sum(1)
    else:
        by_share = (np.exp(logs - total[:, None]) * (lower - share) / se**2).sum(1)
    return np.stack([total, by_share * (share * other)[:, 0]])
