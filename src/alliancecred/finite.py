"""Shares of a finite population, some of whom were observed."""

from collections.abc import Mapping

import numpy as np

from .cells import Rows, labels_of
from .errors import PredictError
from .fitting import Fit
from .new_levels import key_of


def finite_shares(fit: Fit, rows: Rows, probs: np.ndarray, sizes: Mapping[str, int]) -> np.ndarray:
    """Replace probabilities by shares of a finite population of which some were observed."""
    if fit.cells.unweighted is not None:
        raise PredictError("people observed are known only where they have no weights → read without the weight")
    n = len(fit.cells.counts)
    known: dict[tuple[int, ...], np.ndarray] = {}
    for i in range(n):
        key = tuple(fit.cells.rows.codes[f][i] for f in rows.codes)
        known[key] = known.get(key, 0) + fit.cells.counts[i]
    names = np.array(fit.cells.levels["population"], dtype=object)[rows.codes["population"]]
    seed = int(fit.idata.attrs["random_seed"])
    labels = labels_of(rows, fit.cells.levels).to_numpy(dtype=str)
    out = probs.copy()
    for i, name in enumerate(names):
        if name not in sizes:
            continue
        seen = known.get(tuple(c[i] for c in rows.codes.values()), np.zeros(fit.design.answers))
        left = sizes[name] - int(seen.sum())
        if left < 0:
            raise PredictError(
                f"{int(seen.sum())} {name} answers were observed, more than the population of {sizes[name]}"
            )
        p = probs[:, i] / probs[:, i].sum(1, keepdims=True)
        rng = np.random.default_rng([seed, key_of("finite population", labels[i])])
        out[:, i] = (seen + rng.multinomial(left, p)) / sizes[name]
    return out
