"""Adaptive importance sampling with warped Student t proposals.

Adaptive multiple importance sampling (Cornuet et al. 2012): all draws of all rounds count, each
weighted by the mixture of everything it could have been drawn from (Owen & Zhou 2000). Three fifths of
every round comes from a wider t, which bounds the weights where the narrow one is too thin.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

from .warp import Warp, fit_warp

FREEDOM = 8.0
WIDER, SHARE_WIDER = 1.6, 0.6
_STEPS = 5  # of maximum likelihood


@dataclass(frozen=True)
class Proposal:
    """A multivariate Student t of warped coordinates: centre (d,) and lower root (d, d) of its scale matrix."""

    warp: Warp
    centre: np.ndarray
    root: np.ndarray

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n draws, (n, d), the last three fifths of them wider."""
        z = rng.standard_normal((n, len(self.centre)))
        stretch = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, n))
        stretch[n - round(SHARE_WIDER * n) :] *= WIDER
        return self.warp.inverse(self.centre + stretch[:, None] * (z @ self.root.T))

    def distance(self, x: np.ndarray) -> np.ndarray:
        """Return the squared Mahalanobis distance of warped points (n, d), (n,)."""
        return np.asarray((((x - self.centre) @ np.linalg.inv(self.root).T) ** 2).sum(1))

    def log_density(self, at: np.ndarray) -> np.ndarray:
        """Return the log density of the mixture of both widths at points (n, d), (n,)."""
        d, distance = len(self.centre), self.distance(self.warp.forward(at))
        constant = gammaln(0.5 * (FREEDOM + d)) - gammaln(0.5 * FREEDOM) - 0.5 * d * math.log(FREEDOM * math.pi)
        narrow = math.log(1 - SHARE_WIDER) - 0.5 * (FREEDOM + d) * np.log1p(distance / FREEDOM)
        tail = 0.5 * (FREEDOM + d) * np.log1p(distance / (FREEDOM * WIDER**2))
        wide = math.log(SHARE_WIDER) - d * math.log(WIDER) - tail
        spread = np.log(np.diag(self.root)).sum()
        return np.asarray(constant - spread + np.logaddexp(narrow, wide) + self.warp.log_slope(at))


def mixture(proposals: Sequence[Proposal], counts: Sequence[int], at: np.ndarray) -> np.ndarray:
    """Return the log density of all proposals, each weighted by its number of draws."""
    terms = [p.log_density(at) + math.log(n / sum(counts)) for p, n in zip(proposals, counts, strict=True)]
    return np.asarray(logsumexp(terms, axis=0))


def refit(at: np.ndarray, log_weight: np.ndarray) -> Proposal:
    """Return the proposal closest to weighted draws: its warp, then the likeliest t (Liu & Rubin 1995)."""
    weight = np.exp(log_weight - logsumexp(log_weight))
    size, d = effective(log_weight), at.shape[1]
    warp = fit_warp(at, weight, size)
    x = warp.forward(at)
    few = d / size  # lean on independent standard normals where draws are few
    now = Proposal(warp, np.zeros(d), np.eye(d))
    for _ in range(_STEPS):
        pull = weight * (FREEDOM + d) / (FREEDOM + now.distance(x))
        centre = pull @ x / pull.sum()
        away = x - centre
        cov = (away * pull[:, None]).T @ away
        now = Proposal(warp, centre, np.linalg.cholesky((cov + few * np.eye(d)) / (1 + few)))
    return now


def effective(log_weight: np.ndarray) -> float:
    """Return Kish's effective size of importance weights.

    Examples
    --------
    >>> round(effective(np.zeros(10)), 9)
    10.0
    """
    return float(np.exp(2 * logsumexp(log_weight) - logsumexp(2 * log_weight)))


def resample(log_weight: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n indices drawn systematically with probabilities proportional to the weights, in random order."""
    total = np.cumsum(np.exp(log_weight - logsumexp(log_weight)))
    places = (rng.random() + np.arange(n)) / n * total[-1]
    return np.asarray(rng.permutation(np.minimum(np.searchsorted(total, places), len(total) - 1)))
