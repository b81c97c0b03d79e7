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
_PRIOR_K, _PRIOR_SIZE = 0.5, 10  # shape and weight of the prior that steadies small tails


def pareto_smooth(log_weight: np.ndarray) -> tuple[np.ndarray, float]:
    """Return Pareto-smoothed log weights (sum of weights 1) and k̂.

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
    size = _tail_size(len(log_weight), len(log_weight))
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


def pareto_k(log_values: np.ndarray, evaluated: int | None = None) -> np.ndarray:
    """Return k̂ of the right tail of every row of log values (quantities, draws).

    ``evaluated`` is how many draws those given are the heaviest of (all: None); the tail has three
    times its square root.

    Examples
    --------
    >>> values = np.random.default_rng(1).exponential(size=(1, 20_000)) * 0.4  # k = 0.4
    >>> pareto_k(values).round(1)
    array([0.4])
    """
    n = log_values.shape[1]
    if n < FEWEST:
        return np.full(len(log_values), np.inf)
    size = _tail_size(n, evaluated or n)
    out = []
    for start in range(0, len(log_values), AT_ONCE):
        tail = np.sort(np.partition(log_values[start : start + AT_ONCE], n - size - 1, axis=1)[:, n - size - 1 :])
        with np.errstate(invalid="ignore"):
            tail = np.exp(tail - tail[:, -1:])
            k_hat = fit_pareto(tail[:, 1:] - tail[:, :1])[0]
        equal = np.ptp(log_values[start : start + AT_ONCE], axis=1) < 1e-9
        out.append(np.where(equal, -np.inf, np.where(np.isfinite(k_hat), k_hat, np.inf)))
    return np.concatenate(out) if out else np.zeros(0)


def _tail_size(n: int, evaluated: int) -> int:
    return max(5, min(n // 5, math.floor(3 * math.sqrt(evaluated))))


@np.errstate(all="ignore")
def fit_pareto(excess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shape k and scale of generalised Pareto distributions, one per row of sorted excesses (rows, n).

    Not a number where a tail has no shape: a quarter of it or more at its lower end.
    """
    n = excess.shape[1]
    grid = 30 + int(math.sqrt(n))
    quartile, top = excess[:, int(n / 4 + 0.5) - 1], excess[:, -1]
    b = (1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3 * quartile[:, None]) + 1 / top[:, None]
    k = np.log1p(-b[:, :, None] * excess[:, None, :]).mean(-1)
    log_likelihood = n * (np.log(-b / k) - k - 1)
    weight = np.exp(log_likelihood - log_likelihood.max(1, keepdims=True))
    at = (b * weight).sum(1) / weight.sum(1)
    shape = np.log1p(-at[:, None] * excess).mean(1)
    found = quartile > excess[:, 0]
    steadied = (n * shape + _PRIOR_SIZE * _PRIOR_K) / (n + _PRIOR_SIZE)
    return np.where(found, steadied, np.nan), np.where(found, -shape / at, np.nan)


@np.errstate(invalid="ignore", divide="ignore")
def judge(
    draws: np.ndarray, ancestor: np.ndarray, log_weight: np.ndarray, tails: tuple[float, float]
) -> dict[str, np.ndarray]:
    """Return ``k_hat``, ``ess_bulk``, ``ess_tail`` and ``mcse_mean`` of every column of resampled draws.

    Parameters
    ----------
    draws
        (draws, quantities).
    ancestor, log_weight
        (draws,): which of the evaluated draws each is, and the log weight it had. Repetitions of one
        draw are one observation: the variance of a mean is that of a mean of clusters.
    tails
        Probabilities of the two quantiles whose effective size is the tail's.
    """
    _, once, count = np.unique(ancestor, return_index=True, return_counts=True)
    values, n = np.ascontiguousarray(draws[once].T), len(ancestor)
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
    weight = log_weight[once]
    evaluated = int(ancestor.max()) + 1
    shapes = pareto_k(weight + np.log(np.abs(away)), evaluated)
    sd = np.sqrt(away**2 @ count / (n - 1))
    return {
        "k_hat": np.maximum(pareto_k(weight[None], evaluated), shapes),
        "ess_bulk": size(ndtri((ranks - 0.375) / (n + 0.25))),
        "ess_tail": np.minimum(*(size((ranks <= q * n).astype(float)) for q in tails)),
        "mcse_mean": sd / np.sqrt(size(values)),
    }
