"""Cells by themselves and in the model, side by side: what pooling does to a small sample."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from .check import lines_of
from .disclosure import LEAST, check_least, people_of_lines, small_lines
from .errors import SpecError, nearest
from .fitting import Fit
from .scoring import score_rows
from .summaries import check_interval
from .terms import FACTORS


def pooling(fit: Fit, *, population: str | None = None, ci_prob: float = 0.95, least: int = LEAST) -> pd.DataFrame:
    """Return each counted cell's share of the top answers, unpooled and pooled.

    Unpooled: Jeffreys' interval of the cell's own counts, Beta(y + ½, n − y + ½) (Brown, Cai & DasGupta 2001,
    Statistical Science 16, 101-133). Pooled: the posterior of the model.

    Parameters
    ----------
    population
        Only the cells of this population; default all.
    ci_prob
        Probability of both (equal-tailed) intervals.
    least
        Cells of fewer people keep what they answered for themselves: their own share and interval are empty.

    Returns
    -------
    pandas.DataFrame
        One row per combination of factors with counts: the factors, ``people``, ``observed`` and its ``own_lower,
        own_upper``; ``mean, lower, upper`` of the model (all per cent); ``narrower``: by how much, in per cent, the
        pooled interval is narrower than the cell's own; ``status`` of the fit.
        Weighted samples have effective sizes behind their intervals.

    Raises
    ------
    SpecError
        If there are no counts (of that population), or answers are not categories.

    Examples
    --------
    >>> import alliancecred as ac
    >>> simulated = ac.simulate("retrenchment_simulated")
    >>> table = ac.pooling(simulated.truth, population="elite")  # a truth has no width
    >>> float(table["narrower"].iloc[0])
    100.0
    """
    check_interval(ci_prob, "eti")
    check_least(least)
    n, spec = len(fit.cells.counts), fit.spec
    if not n:
        raise SpecError("nothing was counted: published shares have no sample of their own here")
    if population is not None and population not in fit.cells.levels["population"]:
        raise SpecError(f"no population {population!r}: {nearest(population, fit.cells.levels['population'])}")
    line = lines_of(fit)[:n]
    _, first = np.unique(line, return_index=True)
    top = np.isin(spec.answers, spec.top)
    size = np.bincount(line, fit.cells.counts.sum(1))
    high = np.bincount(line, fit.cells.counts[:, top].sum(1))
    tails = np.array([0.5 - ci_prob / 2, 0.5 + ci_prob / 2])
    own = 100 * stats.beta(high[:, None] + 0.5, (size - high)[:, None] + 0.5).ppf(tails)
    own = np.where(np.column_stack([high == 0, high == size]), [0.0, 100.0], own)  # as in section 4.1 there
    rows = fit.cells.rows.take(first)
    everybody = replace(rows, codes={f: c for f, c in rows.codes.items() if f in FACTORS})
    draws = score_rows(fit, everybody, "top")
    table = fit.cells.labels().iloc[first].reset_index(drop=True)[list(FACTORS)]
    lower, upper = np.quantile(draws, tails, axis=0)
    table = table.assign(
        people=people_of_lines(fit)[: len(first)].astype(int),
        observed=100 * high / size,
        own_lower=own[:, 0],
        own_upper=own[:, 1],
        mean=draws.mean(0),
        lower=lower,
        upper=upper,
    )
    table["narrower"] = 100 * (1 - (upper - lower) / (own[:, 1] - own[:, 0]))
    table.loc[small_lines(fit, least)[: len(first)], ["people", "observed", "own_lower", "own_upper", "narrower"]] = (
        np.nan
    )
    table["status"] = fit.diagnosis.status
    if population is not None:
        table = table[table["population"] == population]
    if table.empty:
        raise SpecError(f"nobody of the population {population!r} was asked")
    return table.reset_index(drop=True)
