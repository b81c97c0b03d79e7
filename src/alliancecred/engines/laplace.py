"""Nested Laplace, corrected by importance weights against the exact density.

Given the few hyperparameters the latent field is nearly normal (`conditional`), so their posterior
can be had up to a constant (Rue, Martino & Chopin 2009). They are drawn from adapted proposals on
the scale of their normal scores (`hyper`, `importance`; Berild et al. 2022), the field is drawn from
its normal, and every joint draw is weighted by the exact joint density of the same model over the
density it was drawn from. Pareto-smoothed weights (Vehtari et al. 2024) say how far to believe it.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import minimize
from scipy.special import logsumexp

from ..cells import Cells
from ..design import SPACING, Design, half_life
from ..outcome import multinomial_constant
from ..weights import BLOCK, largest_k, pareto_smooth
from .condense import condense
from .conditional import condition, draw
from .draws import Draws
from .field import LOG_2PI, Field, make_field
from .hyper import Hyper, from_scores, score_count
from .importance import Proposal, effective, mixture, refit, resample
from .memory import demand
from .warp import plain

ROUNDS = (300, 400, 600, 1000)  # of adaptation
LEAST, MOST = 1.25, 3  # evaluations per draw asked for: before the first look, and in all
MORE = 0.25  # evaluations per draw asked for in each round after the first look
GROWN = 1.5  # times the draws of the last fit of a proposal make another worth its time
HOPELESS = 1.0  # Pareto k after adaptation at which more draws are a waste
LOST = 0.01  # share of the weighted draws that may fail to be evaluated: more could hide a part of the posterior
GOOD_K, GOOD_SHARE = 0.47, 0.4  # enough: Pareto k of every quantity, effective size as a share of the draws asked for
_DIFFERENCE, _HESSIAN = 1e-3, 0.1
LANES = 96  # hyperparameters worked on at once


@dataclass(frozen=True)
class _Pool:
    """Joint draws: scores (n, hyperparameters), latents and their modes (latents, n).

    ``marginal`` (n,) is Laplace's log density of the scores and the data, ``joint`` (n,) the exact one
    of all, minus that of the latents' proposal.
    """

    scores: np.ndarray
    latents: np.ndarray
    marginal: np.ndarray
    joint: np.ndarray
    modes: np.ndarray


def sample(
    design: Design,
    cells: Cells,
    *,
    seed: int,
    draws: int,
    chains: int,
    cores: int | None = None,
    mask: np.ndarray | None = None,
) -> Draws:
    """Return draws from the posterior by nested Laplace with importance correction.

    The draws are independent up to repetition: a joint draw of large weight appears more than once
    (``ancestor`` in the statistics says which belong together). Chains only divide them.
    """
    begin = time.perf_counter()
    field = make_field(design, *condense(design, cells, mask))
    rng = np.random.default_rng(seed)
    total = draws * chains
    demand(_floats(field, total, cores or os.cpu_count() or 1))
    with _mapper(cores) as mapped:
        evaluate = _Evaluator(field, mapped)
        proposals, drawn, fitted = [_first(evaluate)], [0], 0
        pools: list[_Pool] = []
        for n in _sizes(total):
            scores = proposals[-1].draw(n, rng)
            pools.append(evaluate.pool(scores, rng.standard_normal((field.size, n))))
            drawn[-1] += n
            at = np.concatenate([p.scores for p in pools])
            density = mixture(proposals, drawn, at)
            log_weight = np.concatenate([p.joint for p in pools]) - density
            smooth, k_hat = pareto_smooth(log_weight)
            marginal = np.concatenate([p.marginal for p in pools]) - density
            hopeless = k_hat > HOPELESS and len(pools) >= len(ROUNDS)
            enough = len(at) >= LEAST * total and k_hat < GOOD_K and effective(smooth) > GOOD_SHARE * total
            if (enough and _worst(design, pools, smooth) < GOOD_K) or hopeless or not np.isfinite(marginal).any():
                break
            if len(at) >= GROWN * fitted:
                proposals.append(refit(at, marginal))
                drawn.append(0)
                fitted = len(at)
            if len(pools) <= len(ROUNDS):
                evaluate.learn(pools[-1], np.exp(marginal[-n:] - marginal[-n:].max()))
            pools[-1] = replace(pools[-1], modes=pools[-1].modes[:, :0])  # of no further use, and large
    evaluated = np.isfinite(log_weight)
    picked = resample(smooth if evaluated.any() else np.zeros(len(smooth)), total, rng)
    lost = 1 - evaluated.mean()
    problems = (f"{100 * lost:.0f} % of the weighted draws could not be evaluated",) if lost > LOST else ()
    normed = log_weight[picked] - (logsumexp(log_weight) if evaluated.any() else 0.0)
    stats = xr.Dataset({"ancestor": _by_chain(picked, chains), "log_weight": _by_chain(normed, chains)})
    latents = np.concatenate([p.latents for p in pools], axis=1)[:, picked].T
    flat = any(field.fixed_precision[: len(design.coefficients)] == 0)
    constant = (
        multinomial_constant(cells.parts[cells.kept(mask)]).sum() - field.likelihood.constant
    )  # of the cells before they were added up
    return Draws(
        _variables(field, at[picked], latents, chains),
        {},
        stats,
        {
            "inference_library": "alliancecred",
            "k_hat": k_hat,
            "evaluations": len(at),
            "sampling_time": time.perf_counter() - begin,
            "log_marginal_likelihood": math.nan
            if flat
            else float(logsumexp(log_weight) - math.log(len(at)) + constant),
        },
        problems,
    )


def rough_scales(
    design: Design, cells: Cells, *, seed: int, cores: int | None = None, mask: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return draws of scales, correlations and half-lives from Laplace's marginal, name → (draws,).

    Uncorrected, as if no person answered twice and cuts were common: for choices that need only an order of magnitude.
    Where cuts vary by country, log-spacings (draws, …) too.
    """
    rng = np.random.default_rng(seed)
    with _mapper(cores) as mapped:
        evaluate = _Evaluator(make_field(design, *condense(design, cells, mask)), mapped)
        proposal = _first(evaluate)
        scores = proposal.draw(sum(ROUNDS[:2]), rng)
        log_weight = evaluate.marginal(scores) - proposal.log_density(scores)
    if (found := np.isfinite(log_weight)).any():
        scores = scores[found][resample(log_weight[found], len(scores), rng)]
    h = from_scores(design, scores)
    return _scales(design, h) | ({SPACING: h.spacing.T} if design.cut_groups else {})


def _sizes(total: int) -> Iterator[int]:
    """Sizes of the rounds: adaptation, the evaluations asked for in two parts, then further rounds."""
    yield from ROUNDS
    done = sum(ROUNDS)
    if (rest := round(LEAST * total) - done) > 1:
        yield from (part := round(0.4 * rest), rest - part)
        done += rest
    while done < MOST * total:
        yield (n := max(round(MORE * total), 1))
        done += n


def _floats(field: Field, total: int, cores: int) -> dict[str, int]:
    """Numbers held at the same time, at most."""
    rows, pattern = field.parts[0].shape[0], field.pattern
    lane = 2 * len(pattern.col_idx) + 2 * len(pattern.idx) + 20 * rows + 15 * field.size
    return {
        "evaluated draws": 2 * field.size * (MOST * total + sum(ROUNDS)),
        "kept draws": 4 * field.size * total,
        "factors and predictors": cores * LANES * lane,
    }


def _worst(design: Design, pools: list[_Pool], log_weight: np.ndarray) -> float:
    """The largest Pareto k of all hyperparameters and latents."""
    h = from_scores(design, np.concatenate([p.scores for p in pools]))
    latents = pools[0].latents.shape[0]
    blocks = (slice(a, a + BLOCK) for a in range(0, latents, BLOCK))
    parts = (np.concatenate([p.latents[s] for p in pools], axis=1) for s in blocks)
    hyper = np.vstack([h.sd, np.tanh(h.atanh_rho), h.spacing, h.half, h.extra])
    return max(largest_k(values, log_weight) for values in (hyper, *parts))


@contextmanager
def _mapper(cores: int | None) -> Iterator[Callable[..., Iterator[Any]]]:
    """Yield what maps a function over batches: threads, or the plain loop where one core is all there is."""
    if (size := cores or os.cpu_count() or 1) == 1:
        yield map
    else:
        with ThreadPoolExecutor(size) as threads:
            yield threads.map


class _Evaluator:
    """Batches of hyperparameters → Laplace's marginal and joint draws."""

    def __init__(self, field: Field, mapped: Callable[..., Iterator[Any]]) -> None:
        self.field, self.mapped = field, mapped
        self.origin, self.start = np.zeros(score_count(field.design)), field.centre
        self.slope, self.height = np.zeros((len(self.origin), field.size)), -np.inf

    def marginal(self, scores: np.ndarray) -> np.ndarray:
        """Return log p(y | scores) + log prior of the scores, by Laplace, up to a constant."""
        h, start = from_scores(self.field.design, scores), self._start(scores)
        parts = self.mapped(lambda s: condition(self.field, h[s], start[:, s]), _lanes(len(scores)))
        return np.concatenate([p.marginal for p in parts]) - 0.5 * (scores**2).sum(1)

    def pool(self, scores: np.ndarray, white: np.ndarray) -> _Pool:
        """Return joint draws at the scores, from standard normal numbers (latents, batch)."""
        h, start = from_scores(self.field.design, scores), self._start(scores)

        def one(s: slice) -> tuple[np.ndarray, ...]:
            given = condition(self.field, h[s], start[:, s])
            x, joint = draw(self.field, h[s], given, np.ascontiguousarray(white[:, s]))
            return x, given.mode, given.marginal, joint

        parts = zip(*self.mapped(one, _lanes(len(scores))), strict=True)
        x, modes, marginal, joint = (np.concatenate(p, axis=-1) for p in parts)
        prior = -0.5 * (scores**2).sum(1) - 0.5 * scores.shape[1] * LOG_2PI
        return _Pool(scores, x, marginal + prior, np.where(np.isfinite(joint), joint + prior, -np.inf), modes)

    def recentre(self, scores: np.ndarray) -> None:
        """Let Newton's method start at the mode for these scores, if they are the best: a wild step has no way back."""
        given = condition(self.field, from_scores(self.field.design, scores[None]), self._start(scores[None]))
        height = given.marginal[0] - 0.5 * (scores**2).sum()
        if height > self.height:
            self.origin, self.start, self.height = scores, given.mode[:, 0], height

    def learn(self, pool: _Pool, weight: np.ndarray) -> None:
        """Let Newton's method start where a linear regression on these modes puts it from now on."""
        found = np.isfinite(pool.marginal)
        if not found.any():
            return
        modes, scores, weight = pool.modes[:, found], pool.scores[found], weight[found] / weight[found].sum()
        self.origin, self.start = weight @ scores, modes @ weight
        away = scores - self.origin
        weighted = away * weight[:, None]
        ridge = 1e-6 * np.eye(len(self.origin))
        self.slope = np.linalg.solve(away.T @ weighted + ridge, ((modes - self.start[:, None]) @ weighted).T)

    def _start(self, scores: np.ndarray) -> np.ndarray:
        return np.asarray(self.start[:, None] + self.slope.T @ (scores - self.origin).T)


def _lanes(n: int) -> list[slice]:
    return [slice(a, min(a + LANES, n)) for a in range(0, n, LANES)]


def _first(evaluate: _Evaluator) -> Proposal:
    """A t at the mode of the hyperparameters, its shape from second differences there."""
    evaluate.recentre(np.zeros(size := score_count(evaluate.field.design)))
    if not size:
        return Proposal(plain(np.zeros(0)), np.zeros(0), np.zeros((0, 0)))
    steps = _DIFFERENCE * np.eye(size)

    def objective(at: np.ndarray) -> tuple[float, np.ndarray]:
        evaluate.recentre(at)
        value = np.maximum(evaluate.marginal(np.vstack([at, at + steps, at - steps])), -1e10)
        return -value[0], (value[1 + size :] - value[1 : 1 + size]) / (2 * _DIFFERENCE)

    mode = minimize(objective, np.zeros(size), jac=True, method="BFGS", options={"gtol": 0.1, "maxiter": 50}).x
    evaluate.recentre(mode)
    (i, j), wide = np.tril_indices(size), _HESSIAN * np.eye(size)
    corners = [mode + a * wide[i] + b * wide[j] for a in (1, -1) for b in (1, -1)]
    value = evaluate.marginal(np.vstack(corners)).reshape(4, -1)
    hessian = np.zeros((size, size))
    if not np.isfinite(value).all():
        return Proposal(plain(mode), np.zeros(size), np.eye(size))
    hessian[i, j] = hessian[j, i] = -(value[0] - value[1] - value[2] + value[3]) / (4 * _HESSIAN**2)
    values, vectors = np.linalg.eigh(hessian)
    cov = (vectors / np.maximum(values, 0.7)) @ vectors.T  # the prior alone has 1
    return Proposal(plain(mode), np.zeros(size), np.linalg.cholesky(cov))


def _by_chain(values: np.ndarray, chains: int) -> tuple[tuple[str, str], np.ndarray]:
    return ("chain", "draw"), values.reshape(chains, -1)


def _variables(field: Field, scores: np.ndarray, latents: np.ndarray, chains: int) -> dict[str, np.ndarray]:
    design, h = field.design, from_scores(field.design, scores)
    out: dict[str, np.ndarray] = {}
    for variable, index in design.variables.items():
        labelled = bool(design.coefficients[index[0]].label)
        out[variable] = latents[:, list(index)] if labelled else latents[:, index[0]]
    for block in design.pooled:
        out[block.variable] = latents[:, field.slices[block.variable]].reshape(-1, *design.shape(block))
    out |= _scales(design, h)
    out |= {SPACING: h.spacing.T} if design.inner else {}
    out |= dict(zip(design.spec.extra, h.extra, strict=True))
    return {k: v.reshape(chains, -1, *v.shape[1:]) for k, v in out.items()}


def _scales(design: Design, h: Hyper) -> dict[str, np.ndarray]:
    scales = {b.sd_name: h.sd[i] for i, b in enumerate(design.pooled)}
    scales |= {b.corr_name: np.tanh(h.atanh_rho[i]) for i, b in enumerate(design.correlated)}
    return scales | {half_life(name): h.half[i] for i, name in enumerate(design.fading)}
