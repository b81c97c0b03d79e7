"""Are ranks uniform? Simultaneous bands of their distribution function, and Holm's procedure over quantities."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

DRAWS = 99  # posterior draws a truth is ranked among: ranks are 0…99
_REPEATS = 4000


def thin(draws: np.ndarray) -> np.ndarray:
    """Return `DRAWS` evenly spaced draws, along the first axis."""
    return np.asarray(draws[np.linspace(0, len(draws) - 1, DRAWS).astype(int)])


def uniformity(ranks: Sequence[int] | np.ndarray) -> float:
    """Return the p-value of ranks being uniform on 0…99, simultaneous over their distribution function.

    The statistic is the smallest two-sided binomial tail over all points of the empirical distribution function
    (Säilynoja, Bürkner & Vehtari 2022, eq. 7); its distribution is simulated (4,000 sets, fixed seed).

    Examples
    --------
    >>> uniformity(range(100)) > 0.9, uniformity([50] * 100) < 0.001
    (True, True)
    """
    null = _null(len(ranks))
    found = _extreme(np.asarray(ranks), _tails(len(ranks)))
    return float((1 + np.searchsorted(null, found, side="right")) / (1 + len(null)))


def holm(p: Mapping[str, float], level: float) -> list[str]:
    """Return the names whose p-values Holm's (1979) procedure rejects, smallest first.

    Examples
    --------
    >>> holm({"a": 1e-6, "b": 0.4, "c": 0.004}, 0.01)
    ['a', 'c']
    """
    out: list[str] = []
    for i, name in enumerate(sorted(p, key=lambda n: p[n])):
        if p[name] > level / (len(p) - i):
            break
        out.append(name)
    return out


@lru_cache(maxsize=8)
def _tails(size: int) -> np.ndarray:
    """Two-sided binomial tails, (counts 0…size, points)."""
    from scipy import stats

    count = np.arange(size + 1)[:, None]
    z = np.arange(1, DRAWS + 1) / (DRAWS + 1)
    return np.minimum(stats.binom.cdf(count, size, z), stats.binom.sf(count - 1, size, z))


@lru_cache(maxsize=8)
def _null(size: int) -> np.ndarray:
    rng, tails = np.random.default_rng(0), _tails(size)
    return np.sort([_extreme(rng.integers(0, DRAWS + 1, size), tails) for _ in range(_REPEATS)])


def _extreme(ranks: np.ndarray, tails: np.ndarray) -> float:
    count = np.cumsum(np.bincount(ranks, minlength=DRAWS + 1))[:DRAWS]  # ranks below 1, 2, …, DRAWS
    return float(tails[count, np.arange(DRAWS)].min())
