"""Survey weights: one rule, counts scaled to the size of a simple random sample that would tell as much.

In each cell the weighted shares of the answers are taken for those of n_eff people, n_eff = (Σ w)² / Σ w² (Kish 1965,
Survey Sampling, section 11.7; 1992, Journal of Official Statistics 8, 183-200). Only ratios of weights within a cell
count. What comes of such counts is a pseudo-posterior: weights are no model of who was sampled, and intervals are as
good as n_eff is (Savitsky & Toth 2016; Williams & Savitsky 2021).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from .errors import Problem
from .labels import Coded, as_text, first_rows, shown
from .shares import number
from .sources import WEIGHT
from .terms import FACTORS

LARGE_EFFECT, LARGE_SHARE = 5.0, 0.05
LEAST, MOST = 1e-12, 1e12  # of a weight that is not 0; the sums of squares of others are none


def read_weights(
    series: pd.Series, column: str, times: np.ndarray, who: Coded | None = None
) -> tuple[np.ndarray, list[Problem]]:
    """Return a column of weights, 0 where there is none, and what is wrong with it.

    A value stands for ``times`` rows of the source; ``who`` is the population of each.

    Examples
    --------
    >>> read_weights(pd.Series([0.5, 1.5]), "w", np.array([1, 1]))
    (array([0.5, 1.5]), [])
    """
    texts = [as_text(v) for v in series.tolist()]
    values = np.array([np.nan if t is None else _number(t) for t in texts], dtype=float)
    problems = []
    empty = np.array([t is None for t in texts], dtype=bool)
    for what, where, remedy in (
        ("empty", empty, "everybody needs one: 1 if the whole sample is not weighted, else leave such rows out"),
        ("no number", ~empty & np.isnan(values), "a decimal point, as 1.25"),
        ("infinite", np.isinf(values), ""),
        ("negative", values < 0, ""),
        (f"above {MOST:g}", np.isfinite(values) & (values > MOST), "only their ratios count"),
        (f"between 0 and {LEAST:g}", (values > 0) & (values < LEAST), "0 for who is left out"),
    ):
        if where.any():
            seen = shown(list(dict.fromkeys(t for t, bad in zip(texts, where, strict=True) if bad and t is not None)))
            message = f"{int(times[where].sum())} weights are {what}" + (f": {seen}" if what != "empty" else "")
            problems.append(Problem("weight", column, message, first_rows(where), remedy))
    if who is not None and len(problems) == 1:
        problems = _by_population(problems[0], ~empty, who)
    if not problems and len(values):
        if not (values > 0).any():
            problems.append(Problem("weight", column, "all weights are 0"))
        elif (values == np.round(values)).all() and values.max() > 1:
            remedy = "Roles(count=…) if they do; if they are weights, divide them by their mean"
            problems.append(Problem("weight", column, "all are whole numbers: do they count people?", (), remedy))
    return np.where((values >= LEAST) & (values <= MOST), values, 0.0), problems


def _by_population(problem: Problem, known: np.ndarray, who: Coded) -> list[Problem]:
    """Return the problem, or that of whole populations without weights if that is all that is wrong."""
    have = np.bincount(who.codes[known & (who.codes >= 0)], minlength=len(who.labels)) > 0
    if not have.any() or have.all() or not known[have[who.codes] & (who.codes >= 0)].all():
        return [problem]
    names = [label for label, some in zip(who.labels, have, strict=True) if not some]
    message = f"weights are given for some populations, but not for {shown(names)}"
    remedy = "1 for everybody of a population that is not weighted, or read it as a source of its own"
    return [replace(problem, message=message, remedy=remedy)]


def _number(text: str) -> float:
    if text.strip().lstrip("+-").lower() in ("inf", "infinity"):
        return np.inf
    found = number(text)
    return np.nan if found is None else found


def effective_size(weight: np.ndarray, count: np.ndarray, cell: np.ndarray, cells: int) -> np.ndarray:
    """Return (Σ w)² / Σ w² of each cell, (cells,); ``count`` people have each weight.

    Examples
    --------
    >>> effective_size(np.array([1.0, 3.0]), np.array([1, 1]), np.array([0, 0]), 1)
    array([1.6])
    """
    total, square = (np.bincount(cell, count * weight**k, cells) for k in (1, 2))
    return np.asarray(total**2 / np.where(square > 0, square, 1.0))


def scaled_counts(tables: Sequence[pd.DataFrame], cells: pd.DataFrame, answers: int) -> np.ndarray:
    """Return weighted shares times effective sizes, (cells, answers), for the rows of ``cells`` (labels).

    Weights are scaled within what every analysis tells apart (country, ally, target, wave, population): between kinds
    of people, and arms of an experiment, they keep their ratios.

    Weights of one table (one sample) mean nothing beside those of another: each is scaled by itself, and counts add
    up. Tables without a column ``weight`` weigh everybody alike.
    """
    keys = list(cells.columns)
    place, out = cells.assign(cell=np.arange(len(cells))), np.zeros((len(cells), answers))
    stratum = cells.groupby(list(FACTORS), sort=False, dropna=False).ngroup().to_numpy()
    for sample in tables:
        table = sample.assign(**{WEIGHT: sample.get(WEIGHT, 1.0)}).merge(place, on=keys)
        cell, weight = table["cell"].to_numpy(), table[WEIGHT].to_numpy(dtype=float)
        people = table["count"].to_numpy(dtype=float)
        own = np.bincount(cell * answers + table["answer"].to_numpy(), people * weight, out.size).reshape(out.shape)
        whole = np.bincount(stratum, own.sum(1))
        size = effective_size(weight, people, stratum[cell], len(whole))
        out += own * (size / np.where(whole > 0, whole, 1.0))[stratum][:, None]
    return out


def weight_remarks(weight: np.ndarray, count: np.ndarray, country: Coded, keep: np.ndarray) -> Iterator[str]:
    """Yield which countries have weights so uneven that a few people speak for many."""
    code, size = country.codes[keep], len(country.labels)
    people = np.bincount(code, count, size)
    effect = people / np.maximum(effective_size(weight, count, code, size), 1e-300)
    if large := [
        f"{country.labels[i]} {effect[i]:.1f}" for i in np.flatnonzero((people > 0) & (effect > LARGE_EFFECT))
    ]:
        yield f"weights: design effects above {LARGE_EFFECT:g}: {', '.join(large)}"
    total = np.bincount(code, count * weight, size)
    heaviest = np.zeros(size)
    np.maximum.at(heaviest, code, weight)
    share = heaviest / np.where(total > 0, total, 1.0)
    if heavy := [f"{country.labels[i]} {share[i]:.0%}" for i in np.flatnonzero((people > 1) & (share > LARGE_SHARE))]:
        yield f"weights: one person weighs more than {LARGE_SHARE:.0%} of a country: {', '.join(heavy)}"


def weight_line(weight: np.ndarray, count: np.ndarray) -> str:
    """Return in words how uneven weights are."""
    one = np.zeros(len(weight), dtype=int)
    effect = count.sum() / effective_size(weight, count, one, 1)[0]
    return (
        f"weights from {weight.min():.3g} to {weight.max():.3g}; over all rows a design effect of {effect:.2f} (Kish); "
        "only their ratios within a cell count"
    )
