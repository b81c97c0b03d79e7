"""The latent field given its hyperparameters: Newton's mode, a normal around it, draws, densities."""

import math
from dataclasses import dataclass

import numpy as np

from .field import LOG_2PI, Field, Precision
from .hyper import Hyper
from .sparse import colour, factor, solve

CLOSE = 0.5  # Newton stops where its last step promised to gain less than half of this in log density
STEPS = 60
TOGETHER = 3  # so many steps, a batch of which fewer than half are ready goes on as one: cheaper than parting it
WIDER, SHARE_WIDER = 1.5, 0.3  # part of the draws has standard deviations larger by a factor 1 + WIDER / √latents


@dataclass(frozen=True)
class Conditional:
    """Normals near p(x | y, hyperparameters), one per member of a batch (last axis).

    ``mode`` (latents, batch), ``low`` the factors of their precisions, ``log_det`` (batch,) of these,
    ``marginal`` (batch,): Laplace's log p(y | hyperparameters), ``prior``: the prior's precision
    (`Field.precision`).
    """

    mode: np.ndarray
    low: np.ndarray
    log_det: np.ndarray
    marginal: np.ndarray
    prior: Precision


@np.errstate(all="ignore")  # far-out hyperparameters overflow; what is not finite gets weight zero
def condition(field: Field, h: Hyper, start: np.ndarray) -> Conditional:
    """Return Laplace's approximation for every member of ``h`` (Rue, Martino & Chopin 2009, section 3).

    Newton's method starts at ``start`` (latents, batch) and halves steps that lose density. The
    precision is that of the point its last step was taken from: an inexact mode costs efficiency,
    never correctness, because draws are weighted by the exact density.
    """
    on, off, prior_det = prior = field.precision(h)
    cuts, shape, faded = h.cuts, h.shape, field.left(h)
    x, step = np.array(start), np.zeros_like(start)
    best = np.full(len(h), -np.inf)
    mode, low = np.full_like(x, np.nan), np.full((field.pattern.col_ptr[-1], len(h)), np.nan)
    log_det, marginal = np.full(len(h), np.nan), np.full(len(h), -np.inf)
    left = np.arange(len(h))
    for count in range(STEPS):
        value, slope, curvature = field.likelihood.slopes(
            field.eta(_some(x, left), _some(faded, left)), _some(cuts, left), _some(shape, left)
        )
        away = _some(x, left) - field.centre[:, None]
        pull = field.times(_some(on, left), _some(off, left), away)
        value = value - 0.5 * (away * pull).sum(0)
        better = value >= best[left] - 1e-6
        if not better.all():
            worse = left[~better]
            step[:, worse] *= 0.5
            x[:, worse] -= step[:, worse]
        now = left[better]
        if not len(now):
            continue
        best[now] = value[better]
        ascending = np.flatnonzero(better)
        there = _some(faded, now)
        entries = field.assembled(_some(curvature, ascending), there, _some(on, now), _some(off, now))
        factors, dets = factor(entries, field.pattern)
        gradient = field.slope(_some(slope, ascending), there) - _some(pull, ascending)
        newton = solve(factors, field.pattern, gradient)
        gain = (gradient * newton).sum(0)
        x[:, now] += newton
        step[:, now] = newton
        ready = ~(gain >= CLOSE)  # NaN is given up: its weight will be zero
        if count < TOGETHER and ready.sum() < 0.5 * len(left) and np.isfinite(gain).all():
            continue
        done = now[ready]
        log_det[done] = dets[ready]
        marginal[done] = (best[now] + 0.5 * gain)[ready] + 0.5 * (prior_det[done] - dets[ready])
        if len(done) == len(h):  # the common case: all at once
            mode, low = x, factors
            break
        mode[:, done], low[:, done] = x[:, done], factors[:, ready]
        left = np.setdiff1d(left, done, assume_unique=True)
        if not len(left):
            break
    flat = field.size - field.dimension
    marginal = marginal + 0.5 * flat * LOG_2PI
    return Conditional(mode, low, log_det, np.where(np.isfinite(marginal), marginal, -np.inf), prior)


@np.errstate(all="ignore")
def draw(field: Field, h: Hyper, given: Conditional, white: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return draws x (latents, batch) of the normals, and log p(y, x | hyperparameters) − log q(x), (batch,).

    The last members of the batch are drawn wider, which bounds the weights where the normal is too thin.
    """
    size = len(white)
    wider = 1 + WIDER / math.sqrt(size)
    white = white.copy()
    white[:, white.shape[1] - round(SHARE_WIDER * white.shape[1]) :] *= wider
    square = (white**2).sum(0)
    thin = math.log(1 - SHARE_WIDER) - 0.5 * square
    wide = math.log(SHARE_WIDER) - size * math.log(wider) - 0.5 * square / wider**2
    x = given.mode + colour(given.low, field.pattern, white)
    on, off, prior_det = given.prior
    away = x - field.centre[:, None]
    joint = field.likelihood.value(field.eta(x, field.left(h)), h.cuts, h.shape)
    joint = joint + 0.5 * prior_det - 0.5 * (away * field.times(on, off, away)).sum(0)
    proposal = 0.5 * given.log_det + np.logaddexp(thin, wide)
    return x, joint - proposal + 0.5 * (field.size - field.dimension) * LOG_2PI


def _some(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the members ``index`` (ascending) of a batch, without a copy where it is all of them."""
    return values if len(index) == values.shape[-1] else values[..., index]
