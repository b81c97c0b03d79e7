"""What the countries' own answers say of how different their cuts are, before anything is sampled."""

import numpy as np

from ..cells import Cells

UNKNOWN = 0.3  # where fewer than two countries have counts


def rough_cut_sd(cells: Cells, countries: int) -> float:
    """Return the sd over countries of the log-spacings of cuts, by moments.

    Spacings are differences of cumulative logits of a country's answers; their scatter over countries less what that
    many answers scatter by chance, by the delta method.
    """
    counts = np.zeros((countries, cells.counts.shape[1]))
    np.add.at(counts, cells.rows.codes["country"][: len(cells.counts)], cells.counts)
    asked = counts[counts.sum(1) > 0] + 0.5
    if len(asked) < 2:
        return UNKNOWN
    n = asked.sum(1, keepdims=True)
    below = asked.cumsum(1)[:, :-1] / n
    logits = np.log(below / (1 - below))
    gap = np.diff(logits, axis=1)
    one = 1 / (n * below * (1 - below))
    chance = (one[:, :-1] + one[:, 1:] - 2 / (n * (1 - below[:, :-1]) * below[:, 1:])) / gap**2
    scatter = np.log(gap).var(axis=0, ddof=1).mean()
    return float(np.sqrt(max(scatter - chance.mean(), 0.1 * chance.mean())))
