"""Importance weights and what they are worth: Pareto smoothing, Pareto k and effective size of every quantity.

Pareto-smoothed importance sampling after Vehtari, Simpson, Gelman, Yao & Gabry (2024), the generalised
Pareto fit after Zhang & Stephens (2009), for many quantities at once: one by one, a fit of nested
Laplace would spend a fifth of its time here.
"""

import math

import numpy as np
from scipy.special import logsumexp, ndtri

FEWEST = 25  # weights for which a tail can be fitted
AT_ONCE = 64  # quantities whose tails are fitted together, which bounds the memory
BLOCK = 256  # quantities judged together, for the same reason
_PRIOR_K, _PRIOR_SIZE = 0.5, 10  # shape and weight of the prior that steadies small tails


def pareto_smooth(log_weight: np.ndarray, efficiency: float = 1.0) -> tuple[np.ndarray, float]:
    """Return Pareto-smoothed log weights (sum of weights 1) and k̂.

    The tail holds three times the square root of the number of draws over their ``efficiency`` (the effective number
    of draws of a Markov chain as a share of all).

    k̂ is infinite where a weight is infinite or not a number, there are fewer than 25 weights or no
    tail can be fitted, and minus infinity where all are equal; the weights are then left as they are.

    Examples
    --------
    >>> pareto_smooth(np.zeros(100))[1]
    -inf
    """
    if len(log_weight) < FEWEST or np.isnan(log_weight).any() or not np.isfinite(log_weight.max()):
        return log_weight, math.inf
    if np.ptp(log_weight) < 1e-9:
        return log_weight, -math.inf
    size = _tail_size(len(log_weight), len(log_weight) / efficiency)
    order = np.argsort(log_weight)
    tail = np.exp(log_weight[order[-size - 1 :]] - log_weight.max())
    k_hat, scale = (float(v[0]) for v in fit_pareto((tail[1:] - tail[0])[None]))
    if not math.isfinite(k_hat):
        return log_weight, math.inf
    beyond = np.log1p(-(np.arange(size) + 0.5) / size)
    excess = -scale * beyond if k_hat == 0 else scale * np.expm1(-k_hat * beyond) / k_hat
    smooth = log_weight - log_weight.max()
    smooth[order[-size:]] = np.minimum(np.log(tail[0] + excess), 0.0)
    return smooth - logsumexp(smooth), k_hat


def pareto_k(log_values: np.ndarray, stands_for: np.ndarray | None = None) -> np.ndarray:
    """Return k̂ of the right tail of every row of log values (quantities, draws).

    ``stands_for`` (draws,) is how many evaluated draws each stands for (one: None). The tail holds
    three times the square root of their number.

    Examples
    --------
    >>> values = np.random.default_rng(1).exponential(size=(1, 20_000)) * 0.4  # k = 0.4
    >>> pareto_k(values).round(1)
    array([0.4])
    """
    n = log_values.shape[1]
    if n < FEWEST:
        return np.full(len(log_values), np.inf)
    each = np.ones(n) if stands_for is None else stands_for
    size = _tail_size(n, float(each.sum()))
    out = []
    for start in range(0, len(log_values), AT_ONCE):
        rows = log_values[start : start + AT_ONCE]
        top = np.argpartition(rows, n - size - 1, axis=1)[:, n - size - 1 :]
        top = np.take_along_axis(top, np.take_along_axis(rows, top, 1).argsort(1), 1)
        weight = each[top]
        beyond = np.cumsum(weight[:, ::-1], axis=1)[:, ::-1]  # evaluated draws at or above
        inside = beyond <= max(size, 5)
        inside[:, -5:] = True
        with np.errstate(invalid="ignore"):
            tail = np.exp(np.take_along_axis(rows, top, 1) - rows.max(1, keepdims=True))
            cutoff = np.where(inside, -np.inf, tail).max(1, keepdims=True)
            k_hat = fit_pareto(np.where(inside, tail - cutoff, 0.0), weight * inside)[0]
        equal = np.ptp(rows, axis=1) < 1e-9
        out.append(np.where(equal, -np.inf, np.where(np.isfinite(k_hat), k_hat, np.inf)))
    return np.concatenate(out) if out else np.zeros(0)


def _tail_size(n: int, evaluated: float) -> int:
    return max(5, min(n // 5, math.floor(3 * math.sqrt(evaluated))))


@np.errstate(all="ignore")
def fit_pareto(excess: np.ndarray, weight: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return shape k and scale of generalised Pareto distributions, one per row of sorted excesses (rows, n).

    Excesses of ``weight`` 0 are ignored. Not a number where a tail has no shape: a quarter of it or
    more at its lower end.
    """
    weight = np.ones_like(excess) if weight is None else weight
    used = weight > 0
    n = used.sum(1)
    share = weight / weight.sum(1, keepdims=True)
    grid = 30 + int(math.sqrt(excess.shape[1]))
    at_quartile = np.argmax(np.cumsum(share, axis=1) > 0.25 - 0.5 / n[:, None] + 1e-9, axis=1)
    quartile = np.take_along_axis(excess, at_quartile[:, None], 1)
    lowest, top = np.where(used, excess, np.inf).min(1), excess[:, -1:]
    b = (1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3 * quartile) + 1 / top
    k = np.einsum("qbn,qn->qb", np.log1p(-b[:, :, None] * excess[:, None, :]), share)
    log_likelihood = n[:, None] * (np.log(-b / k) - k - 1)
    trust = np.exp(log_likelihood - log_likelihood.max(1, keepdims=True))
    at = (b * trust).sum(1) / trust.sum(1)
    shape = (np.log1p(-at[:, None] * excess) * share).sum(1)
    found = quartile[:, 0] > lowest
    steadied = (n * shape + _PRIOR_SIZE * _PRIOR_K) / (n + _PRIOR_SIZE)
    return np.where(found, steadied, np.nan), np.where(found, -shape / at, np.nan)


@np.errstate(divide="ignore", over="ignore", invalid="ignore")
def largest_k(values: np.ndarray, log_weight: np.ndarray) -> float:
    """Return the largest Pareto k of weighted quantities (quantities, draws); −∞ where there is none."""
    used = np.isfinite(log_weight) & np.isfinite(values).all(0)
    weight = np.exp(log_weight[used])
    away = values[:, used] - (values[:, used] @ weight / weight.sum())[:, None]
    return float(pareto_k(log_weight[used] + np.log(np.abs(away))).max(initial=-math.inf))


def judge(
    draws: np.ndarray, ancestor: np.ndarray, log_weight: np.ndarray, tails: tuple[float, float]
) -> dict[str, np.ndarray]:
    """Return ``k_hat``, ``ess_bulk``, ``ess_tail`` and ``mcse_mean`` of every column of resampled draws.

    Parameters
    ----------
    draws
        (draws, quantities).
    ancestor, log_weight
        (draws,): which of the evaluated draws each is, and its log weight, all weights summing to one.
        Repetitions of one draw are one observation: the variance of a mean is that of a mean of
        clusters. A draw that was kept with probability p stands for 1/p evaluated ones.
    tails
        Probabilities of the two quantiles whose effective size is the tail's.
    """
    _, once, count = np.unique(ancestor, return_index=True, return_counts=True)
    blocks = [np.ascontiguousarray(draws[once, a : a + BLOCK].T) for a in range(0, draws.shape[1], BLOCK)]
    found = [_judge(values, count, log_weight[once], tails) for values in blocks]
    return {k: np.concatenate([f[k] for f in found]) for k in found[0]}


@np.errstate(invalid="ignore", divide="ignore")
def _judge(
    values: np.ndarray, count: np.ndarray, weight: np.ndarray, tails: tuple[float, float]
) -> dict[str, np.ndarray]:
    """The same for distinct draws (quantities, draws), each with how often it was kept and its log weight."""
    n = count.sum()
    mean = values @ count / n
    away = values - mean[:, None]

    def size(x: np.ndarray) -> np.ndarray:
        square = (x - (x @ count / n)[:, None]) ** 2
        return np.asarray(n * (square @ count) / (square @ count**2))

    order = np.argsort(values, axis=1)
    count_in_order = count[order]
    middle = np.cumsum(count_in_order, axis=1) - 0.5 * (count_in_order - 1)
    ranks = np.empty_like(values)
    np.put_along_axis(ranks, order, middle, axis=1)
    chance = np.minimum(1, n * np.exp(np.minimum(weight, 0)))
    stands_for = np.where(chance > 0, 1 / chance, 1.0)
    shapes = pareto_k(weight + np.log(np.abs(away)), stands_for)
    sd = np.sqrt(away**2 @ count / (n - 1))
    return {
        "k_hat": np.maximum(pareto_k(weight[None], stands_for), shapes),
        "ess_bulk": size(ndtri((ranks - 0.375) / (n + 0.25))),
        "ess_tail": np.minimum(*(size((ranks <= q * n).astype(float)) for q in tails)),
        "mcse_mean": sd / np.sqrt(size(values)),
    }
