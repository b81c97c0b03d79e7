"""Marginal warps: each coordinate made nearly standard normal by a sinh–arcsinh transform.

x = sinh(δ · arsinh((u − ξ)/η) − ε): ε skews, δ < 1 makes tails heavy (Jones & Pewsey 2009).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

BOUNDS = ((-3.0, 3.0), (-3.0, 2.0), (-2.0, 2.0), (-1.2, 0.7))  # centre, log scale (in sd), skew, log tail
SKEW_SD, TAIL_SD = 0.5, 0.4  # of the normal priors of ε and log δ, which hold where draws are few


@dataclass(frozen=True)
class Warp:
    """One transform per coordinate, all arrays (d,)."""

    centre: np.ndarray
    scale: np.ndarray
    skew: np.ndarray
    tail: np.ndarray

    def forward(self, u: np.ndarray) -> np.ndarray:
        """Return x at u (n, d)."""
        return np.asarray(np.sinh(self.tail * np.arcsinh((u - self.centre) / self.scale) - self.skew))

    def inverse(self, x: np.ndarray) -> np.ndarray:
        """Return u at x (n, d)."""
        return np.asarray(self.centre + self.scale * np.sinh((np.arcsinh(x) + self.skew) / self.tail))

    def log_slope(self, u: np.ndarray) -> np.ndarray:
        """Return Σ log dx/du, (n,)."""
        z = (u - self.centre) / self.scale
        y = self.tail * np.arcsinh(z) - self.skew
        slope = np.log(self.tail / self.scale) + _log_cosh(y) - 0.5 * np.log1p(z**2)
        return np.asarray(slope.sum(-1))


def plain(centre: np.ndarray) -> Warp:
    """Return the warp that only moves ``centre`` to zero."""
    one = np.ones(len(centre))
    return Warp(centre, one, 0 * one, one)


def fit_warp(u: np.ndarray, weight: np.ndarray, size: float) -> Warp:
    """Return the likeliest warp of each coordinate for weighted draws.

    Parameters
    ----------
    u, weight
        Draws (n, d) and weights (n,) that sum to one.
    size
        Effective number of the draws; the priors of skew and tail count as one more.
    """
    columns = [_fit_one(v, weight, size) for v in u.T]
    return Warp(*(np.array(c) for c in zip(*columns, strict=True))) if columns else plain(np.zeros(0))


def _fit_one(v: np.ndarray, weight: np.ndarray, size: float) -> tuple[float, float, float, float]:
    mean = float(weight @ v)
    sd = math.sqrt(max(float(weight @ (v - mean) ** 2), 1e-12))
    z = (v - mean) / sd

    def loss(p: np.ndarray) -> tuple[float, np.ndarray]:
        centre, log_scale, skew, log_tail = p
        scale, tail = np.exp([log_scale, log_tail])
        t = (z - centre) / scale
        s = np.arcsinh(t)
        y = tail * s - skew
        value = -0.5 * np.sinh(y) ** 2 + _log_cosh(y) - 0.5 * np.log1p(t**2) + log_tail - log_scale
        by_y = np.tanh(y) - 0.5 * np.sinh(2 * y)
        by_t = by_y * tail / np.sqrt(1 + t**2) - t / (1 + t**2)
        slope = [-by_t / scale, -by_t * t - 1, -by_y, by_y * tail * s + 1]
        prior = 0.5 * ((skew / SKEW_SD) ** 2 + (log_tail / TAIL_SD) ** 2) / size
        shrink = np.array([0, 0, skew / SKEW_SD**2, log_tail / TAIL_SD**2]) / size
        return prior - float(weight @ value), shrink - np.array([weight @ g for g in slope])

    p = minimize(loss, np.zeros(4), jac=True, method="L-BFGS-B", bounds=BOUNDS, options={"gtol": 1e-2, "maxiter": 40}).x
    return mean + sd * p[0], sd * math.exp(p[1]), float(p[2]), math.exp(p[3])


def _log_cosh(y: np.ndarray) -> np.ndarray:
    size = np.abs(y)
    return np.asarray(size + np.log1p(np.exp(-2 * size)) - math.log(2))
