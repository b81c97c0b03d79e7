"""From the linear predictor to probabilities of answers.

Ordered logit (McCullagh 1980): ``P(y ≤ k) = logit⁻¹(cut[k] − η)``. The cuts are centred (mean
zero) and given by their log-spacings; with two answers the one cut is 0 and the model is the
ordinary logit.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln, log_expit


def cut_points(log_spacing: np.ndarray) -> np.ndarray:
    """Return cuts (…, K-1), mean zero, from log-spacings (…, K-2).

    Examples
    --------
    >>> cut_points(np.log([2.0]))
    array([-1.,  1.])
    """
    gaps = np.exp(np.asarray(log_spacing, dtype=float))
    zero = np.zeros((*gaps.shape[:-1], 1))
    cuts = np.concatenate([zero, np.cumsum(gaps, axis=-1)], axis=-1)
    return np.asarray(cuts - cuts.mean(axis=-1, keepdims=True))


def log_probs(eta: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Return log P(answer = k), shape (…, K), for ``eta`` (…) and ``cuts`` (…, K-1).

    Uses σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b−a)), exact far in the tails.

    Examples
    --------
    >>> np.exp(log_probs(np.array(0.0), np.array([0.0])))
    array([0.5, 0.5])
    """
    below = log_expit(cuts - eta[..., None])
    above = log_expit(eta[..., None] - cuts)
    inner = np.log(-np.expm1(-np.diff(cuts, axis=-1)))
    middle = below[..., 1:] + above[..., :-1] + inner
    return np.concatenate([below[..., :1], middle, above[..., -1:]], axis=-1)


def multinomial_constant(counts: np.ndarray) -> np.ndarray:
    """Return log n! − Σ log y_k! of counts (…, K)."""
    return np.asarray(gammaln(counts.sum(-1) + 1.0) - gammaln(counts + 1.0).sum(-1))


def scores(answers: int, top: Sequence[int], answer: str, names: Sequence[str]) -> np.ndarray:
    """Return the weight of each answer in an estimand: ``top``, ``mean`` or one answer.

    Examples
    --------
    >>> scores(3, (2,), "mean", ("a", "b", "c"))
    array([1., 2., 3.])
    """
    match answer:
        case "top":
            return np.isin(np.arange(answers), list(top)).astype(float)
        case "mean":
            return np.arange(1.0, answers + 1.0)
        case _:
            return (np.arange(answers) == list(names).index(answer)).astype(float)
