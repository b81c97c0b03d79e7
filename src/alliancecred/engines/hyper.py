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

CLOSEST = 9.0  # atanh of a correlation is cut off here, where 1 - |ρ| is 3e-8: nearer, 1 - ρ² loses its digits
FAR = 8.0  # scores are cut off here: Φ(−8) = 6e-16


@dataclass(frozen=True)
class Hyper:
    """Values of the hyperparameters, each (how many, batch).

    One ``sd`` per block, ``atanh_rho`` per correlated block, ``spacing`` per inner answer, ``half`` (half-life in
    weeks) per fading signal; of a slider, ``location`` of the cuts and ``precision`` (0 or 1 of each).
    """

    sd: np.ndarray
    atanh_rho: np.ndarray
    spacing: np.ndarray
    half: np.ndarray
    location: np.ndarray
    precision: np.ndarray

    @property
    def cuts(self) -> np.ndarray:
        """The cuts, (answers - 1, batch)."""
        return cut_points(self.spacing.T).T + self.location.sum(0)

    def __len__(self) -> int:
        return self.sd.shape[1]

    def __getitem__(self, index: slice | np.ndarray) -> "Hyper":
        return Hyper(*(getattr(self, f.name)[:, index] for f in fields(self)))


def score_count(design: Design) -> int:
    """Return the number of hyperparameters."""
    slider = 0 if design.slider is None else 2
    return len(design.pooled) + len(design.correlated) + design.inner + len(design.fading) + slider


def from_scores(design: Design, scores: np.ndarray) -> Hyper:
    """Return the hyperparameters at scores (batch, hyperparameters).

    Half-normal scales: sd = s Φ⁻¹((1 + Φ(u)) / 2). Correlations under LKJ(η): (1 + ρ) / 2 is
    Beta(η, η) (Lewandowski, Kurowicka & Joe 2009). Cut spacings and their middle: normal. Half-lives and precision:
    log-normal.
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
    location, precision = np.zeros((2, 0, u.shape[1]))
    if (slider := design.slider) is not None:
        location = slider.location.mean + slider.location.sd * scores.T[times : times + 1]
        precision = slider.precision.median * np.exp(slider.precision.sd * u[times + 1 :])
    return Hyper(sd, atanh_rho, spacing, np.array(half).reshape(-1, u.shape[1]), location, precision)
