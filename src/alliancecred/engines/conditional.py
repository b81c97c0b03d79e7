"""The latent field given its hyperparameters: Newton's mode, a normal around it, draws, densities."""

from dataclasses import dataclass

import numpy as np

from ..outcome import cut_points
from .field import LOG_2PI, Field
from .hyper import Hyper
from .sparse import colour, factor, solve

CLOSE = 1e-2  # Newton stops once the next step would gain less than half of this in log density
STEPS = 60


@dataclass(frozen=True)
class Conditional:
    """A normal near p(x | y, hyperparameters), one per row of a batch.

    ``mode`` (batch, latents), ``low``: factors of its precision, ``log_det`` of that precision;
    ``marginal`` (batch,): Laplace's log p(y | hyperparameters).
    """

    mode: np.ndarray
    low: np.ndarray
    log_det: np.ndarray
    marginal: np.ndarray


def condition(field: Field, h: Hyper, start: np.ndarray) -> Conditional:
    """Return Laplace's approximation for every row of ``h`` (Rue, Martino & Chopin 2009, section 3).

    Newton's last step is taken with the precision of the point before it, which is then that of the
    normal; an inexact mode costs efficiency, never correctness, because the draws are weighted.
    """
    on, off, prior_det = field.precision(h)
    cuts = cut_points(h.spacing)
    x = np.broadcast_to(start, (len(h), field.size)).copy()
    best, step = np.full(len(h), -np.inf), np.zeros_like(x)
    mode, low = np.empty_like(x), np.empty((len(h), field.pattern.col_ptr[-1]))
    log_det, marginal = np.full(len(h), np.nan), np.full(len(h), -np.inf)
    left = np.arange(len(h))
    for _ in range(STEPS):
        value, slope, curvature = field.likelihood.slopes(field.eta(x[left]), cuts[left])
        deviation = x[left] - field.centre
        pull = field.times(on[left], off[left], deviation)
        value = value - 0.5 * (deviation * pull).sum(1)
        worse = ~(value >= best[left] - 1e-6)
        if worse.any():  # halve the step that led here
            again = left[worse]
            step[again] *= 0.5
            x[again] -= step[again]
            good = ~worse
            left_now = left[good]
            if not len(left_now):
                continue
            value, slope, curvature, pull = value[good], slope[good], curvature[good], pull[good]
        else:
            left_now = left
        best[left_now] = value
        entries = np.hstack([curvature, on[left_now], off[left_now]])
        factors, dets = factor(np.ascontiguousarray((field.assembly @ entries.T).T), field.pattern)
        gradient = (field.matrix.T @ slope.T).T - pull
        step[left_now] = solve(factors, field.pattern, np.ascontiguousarray(gradient))
        gain = (gradient * step[left_now]).sum(1)
        x[left_now] += step[left_now]
        ready = (gain < CLOSE) | ~np.isfinite(gain)
        done = left_now[ready]
        mode[done], low[done], log_det[done] = x[done], factors[ready], dets[ready]
        marginal[done] = value[ready] + 0.5 * gain[ready] + 0.5 * (prior_det[done] - dets[ready])
        left = np.setdiff1d(left, done, assume_unique=True)
        if not len(left):
            break
    flat = field.size - field.dimension
    return Conditional(mode, low, log_det, np.where(np.isfinite(marginal), marginal + 0.5 * flat * LOG_2PI, -np.inf))


def draw(field: Field, h: Hyper, given: Conditional, white: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return draws x (batch, latents) from the normals, and log p(y, x | hyperparameters) − log q(x), (batch,)."""
    x = given.mode + colour(given.low, field.pattern, white)
    on, off, prior_det = field.precision(h)
    deviation = x - field.centre
    joint = field.likelihood.value(field.eta(x), cut_points(h.spacing))
    joint = joint + 0.5 * prior_det - 0.5 * (deviation * field.times(on, off, deviation)).sum(1)
    proposal = 0.5 * given.log_det - 0.5 * (white**2).sum(1)
    constant = 0.5 * (field.size - field.dimension) * LOG_2PI
    return x, joint - proposal + constant
