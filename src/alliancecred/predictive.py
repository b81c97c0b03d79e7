"""Sums of log predictive densities, and the weights with which models predict best together."""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, minimize
from scipy.special import logsumexp

from .spec import Spec

_POLISH = 100  # steps after the search; none of them loses


def log_predictive(log_likelihood: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log mean exp over draws (draws, rows), and the effective number of draws behind it, each (rows,).

    Examples
    --------
    >>> log_predictive(np.log([[0.2], [0.4]]))[0].round(4)
    array([-1.204])
    """
    total = logsumexp(log_likelihood, axis=0)
    return total - np.log(len(log_likelihood)), np.exp(2 * total - logsumexp(2 * log_likelihood, axis=0))


def elpd(lpd: np.ndarray, times: np.ndarray | None = None) -> tuple[float, float]:
    """Return the sum of log predictive densities and its standard error; NaN for the latter of a single one.

    Parameters
    ----------
    lpd
        (units,).
    times
        How often there is each of them, (units,); None: once.

    Examples
    --------
    >>> elpd(np.array([-1.0, -3.0]))
    (-4.0, 2.0)
    >>> elpd(np.array([-1.0, -3.0]), np.array([2, 1]))
    (-5.0, 2.0)
    """
    each = np.ones(len(lpd)) if times is None else np.asarray(times, dtype=float)
    size, total = each.sum(), float(each @ lpd)
    if not np.isfinite(total) or size <= 1:
        return total, np.nan
    variance = each @ (lpd - total / size) ** 2 / (size - 1)
    return total, float(np.sqrt(size * variance))


def family_of(spec: Spec) -> str:
    """Return what a log predictive density is of: ``answers`` (their chance), ``normal`` or ``slider`` (a density).

    Examples
    --------
    >>> family_of(Spec("demo", ("no", "yes"), ("yes",), ()))
    'answers'
    """
    return "normal" if spec.gaussian is not None else "slider" if spec.slider is not None else "answers"


def stacked_weights(lpd: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
    """Return the weights of models whose mixture predicts best (stacking, Yao, Vehtari, Simpson & Gelman 2018).

    They maximise Σ_i times_i log Σ_k w_k exp(lpd_ik) over the simplex, a concave function: a search with gradients,
    then steps of expectation maximisation, none of which can lose.

    Parameters
    ----------
    lpd
        Log predictive densities, (units, models).
    times
        As in `elpd`.

    Returns
    -------
    numpy.ndarray
        (models,), summing to 1; NaN if a density is not finite.

    Examples
    --------
    >>> stacked_weights(np.log([[0.8, 0.2], [0.2, 0.8]])).round(3)
    array([0.5, 0.5])
    """
    units, models = lpd.shape
    if not np.isfinite(lpd).all():
        return np.full(models, np.nan)
    each = np.ones(units) if times is None else np.asarray(times, dtype=float)
    each = each / each.sum()
    chance = np.exp(lpd - lpd.max(1, keepdims=True))

    def loss(weight: np.ndarray) -> float:
        return float(-each @ np.log(np.maximum(chance @ weight, 1e-300)))

    def slope(weight: np.ndarray) -> np.ndarray:
        return np.asarray(-(each / np.maximum(chance @ weight, 1e-300)) @ chance)

    start = np.full(models, 1 / models)
    on_simplex = LinearConstraint(np.ones((1, models)), 1.0, 1.0)
    found = minimize(
        loss, start, jac=slope, method="SLSQP", bounds=Bounds(0.0, 1.0), constraints=on_simplex,
        options={"ftol": 1e-14, "maxiter": 500},
    ).x  # fmt: skip
    weight = np.clip(found, 0.0, 1.0)
    weight = weight / weight.sum() if np.isfinite(found).all() and weight.any() else start
    weight = weight if loss(weight) < loss(start) else start
    for _ in range(_POLISH):
        weight = weight * ((each / (chance @ weight)) @ chance)
    return np.asarray(weight / weight.sum())
