"""Hyperparameters as normal scores of their priors.

Score u of a hyperparameter: the standard normal value at its prior's cumulative probability. All
scores have independent standard normal priors, so where the data say little their posterior is
normal too, and a scale that the data cannot keep away from zero has a normal left tail instead of
the long one of a log scale.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy.special import betaincinv, ndtr, ndtri

from ..design import Design
from ..outcome import cut_points
from ..priors import Normal

CLOSEST = 9.0  # atanh of a correlation is cut off here, where 1 - |ρ| is 3e-8: nearer, 1 - ρ² loses its digits
FAR = 8.0  # scores are cut off here: Φ(−8) = 6e-16


@dataclass(frozen=True)
class Hyper:
    """Values of the hyperparameters, each (how many, batch).

    One ``sd`` per block, ``atanh_rho`` per correlated block, ``spacing`` per inner answer, ``half`` (half-life in
    weeks) per fading signal; ``extra``: the further scalars of the answers (`Spec.extra`).
    """

    sd: np.ndarray
    atanh_rho: np.ndarray
    spacing: np.ndarray
    half: np.ndarray
    extra: np.ndarray

    @property
    def cuts(self) -> np.ndarray:
        """The cuts, (answers - 1, batch)."""
        return cut_points(self.spacing.T).T + self.extra[:-1].sum(0)  # of a slider they have a middle of their own

    @property
    def shape(self) -> np.ndarray:
        """φ of a slider or σ of normal answers, (batch,); 0 where answers are categories."""
        return np.asarray(self.extra[-1:].sum(0))

    def __len__(self) -> int:
        return self.sd.shape[1]

    def __getitem__(self, index: slice | np.ndarray) -> "Hyper":
        return Hyper(*(getattr(self, f.name)[:, index] for f in fields(self)))


def score_count(design: Design) -> int:
    """Return the number of hyperparameters."""
    return len(design.pooled) + len(design.correlated) + design.inner + len(design.fading) + len(design.spec.extra)


def from_scores(design: Design, scores: np.ndarray) -> Hyper:
    """Return the hyperparameters at scores (batch, hyperparameters).

    Half-normal scales: sd = s Φ⁻¹((1 + Φ(u)) / 2). Correlations under LKJ(η): (1 + ρ) / 2 is
    Beta(η, η) (Lewandowski, Kurowicka & Joe 2009). Cut spacings and their middle: normal. Half-lives, precision
    and sigma: log-normal.
    """
    u = np.clip(scores.T, -FAR, FAR)
    b, r = len(design.pooled), len(design.correlated)
    sd = -ndtri(0.5 * ndtr(-u[:b])) * np.array([p.scale.sd for p in design.pooled])[:, None]
    eta = np.array([p.correlation.eta for p in design.correlated])[:, None]
    upper, lower = (betaincinv(eta, eta, ndtr(s * u[b : b + r])) for s in (1, -1))
    atanh_rho = np.clip(0.5 * np.log(upper / lower), -CLOSEST, CLOSEST)
    last = b + r + design.inner
    times = last + len(design.fading)
    half = [p.median * np.exp(p.sd * v) for p, v in zip(design.fading.values(), u[last:times], strict=True)]
    spacing = design.cuts.mean + design.cuts.sd * scores.T[b + r : last]
    extra = [
        p.mean + p.sd * v if isinstance(p, Normal) else p.median * np.exp(p.sd * v)
        for p, v in zip(design.spec.extra.values(), u[times:], strict=True)
    ]
    return Hyper(sd, atanh_rho, spacing, *(np.array(v).reshape(-1, u.shape[1]) for v in (half, extra)))
