"""Shares side by side: as people answered, weighted, in the model, and poststratified to a population."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from .asked import By, factors_of
from .design_effect import effective_size
from .disclosure import LEAST, check_least
from .errors import SpecError
from .estimands import levels
from .estimate import Estimate
from .fitting import Fit
from .populations import Population
from .sources import WEIGHT, Survey
from .summaries import check_interval, summary
from .terms import FACTORS


def populations_side_by_side(
    fit: Fit,
    population: Population | None = None,
    *,
    by: By = "country",
    weighted: Survey | None = None,
    ci_prob: float = 0.95,
    least: int = LEAST,
) -> pd.DataFrame:
    """Return the share of the top answers four ways: raw, weighted, modelled, poststratified.

    Raw: Jeffreys' interval of the counts, Beta(y + ½, n − y + ½) (Brown, Cai & DasGupta 2001). Weighted: the same of
    the weighted share and Kish's effective size, n = (Σ w)² / Σ w² of each row's people.

    Parameters
    ----------
    fit
        A fitted analysis of counted answers.
    population
        The people to poststratify to; without them that column is empty.
    by
        Country, population, a group, or several. What else varies (country, ally, target, wave) must be among them:
        shares of people who were asked different things are not added up.
    weighted
        The survey read with its weights, which gives each row's effective size; default the weights the fit has
        (their effective size is then that of the sample, shared out in proportion to weight).
    ci_prob
        Probability of all (equal-tailed) intervals.
    least
        Rows of fewer people keep what they answered for themselves, as in `pooling`.

    Returns
    -------
    pandas.DataFrame
        One row per combination of ``by``, in declared order: its labels, ``people``, ``effective`` (the size behind
        the weighted share), ``raw, weighted, model, poststratified`` (per cent), each with ``_lower`` and ``_upper``,
        and ``status`` of the model's columns. Empty where there is nothing to say.

    Raises
    ------
    SpecError
        If nothing was counted, a factor is unknown or left out of ``by``, or ``weighted`` has no weights or other
        answers.

    Examples
    --------
    >>> import alliancecred as ac
    >>> simulated = ac.simulate("retrenchment_simulated")
    >>> table = ac.populations_side_by_side(simulated.truth, by=("country", "ally", "wave"))
    >>> bool((table["raw_lower"] < table["raw"]).all())
    True
    """
    check_interval(ci_prob, "eti")
    check_least(least)
    by = factors_of(fit.spec.factors, by) or ("country",)
    keys = list(by)
    table = (
        _counted(fit, by).groupby(keys, sort=False)[["people", "top", "effective", "weighted_top"]].sum().reset_index()
    )
    table = _in_order(fit, table, by)
    tails = (0.5 - ci_prob / 2, 0.5 + ci_prob / 2)
    out = table[[*keys, "people"]].assign(effective=np.nan)
    out = _with_shares(out, "raw", table["top"] / table["people"], table["people"], tails)
    sizes = _weighted_sizes(fit, table, by, weighted)
    out["effective"] = sizes["effective"]
    out = _with_shares(out, "weighted", sizes["share"], sizes["effective"], tails)
    small = out["people"] < least
    hidden = ["people", "effective", *(f"{c}{end}" for c in ("raw", "weighted") for end in ("", "_lower", "_upper"))]
    out = out.astype({"people": float})
    out.loc[small, hidden] = np.nan
    model = levels(fit, by=by)
    out = _with_estimate(out, "model", model, ci_prob)
    if population is None:
        return out.assign(poststratified=np.nan, poststratified_lower=np.nan, poststratified_upper=np.nan,
                          status=model.status)  # fmt: skip
    over = levels(fit, by=by, population=population)
    status = model.status if model.status != "passed" else over.status
    return _with_estimate(out, "poststratified", over, ci_prob).assign(status=status)


def _counted(fit: Fit, by: Sequence[str]) -> pd.DataFrame:
    """Return labels and counts of what was asked of those `levels` is about."""
    counts, n = fit.cells.counts, len(fit.cells.counts)
    if not n:
        raise SpecError("nothing was counted: published shares have no sample of their own here")
    people = counts if fit.cells.unweighted is None else fit.cells.unweighted
    top = np.isin(fit.spec.answers, fit.spec.top)
    table = fit.cells.labels().iloc[:n].reset_index(drop=True)
    table = table.assign(
        people=people.sum(1), top=people[:, top].sum(1), effective=counts.sum(1), weighted_top=counts[:, top].sum(1)
    )
    if "population" not in by and fit.spec.reference in set(table["population"]):
        table = table[table["population"] == fit.spec.reference]
    if open_ := [f for f in FACTORS if f not in by and table[f].nunique() > 1]:
        raise SpecError(f"answers differ in {' and '.join(open_)}: break down by that too, by={(*by, *open_)!r}")
    return table


def _weighted_sizes(fit: Fit, table: pd.DataFrame, by: Sequence[str], survey: Survey | None) -> pd.DataFrame:
    """Return the weighted share and the effective size of each row; empty without weights."""
    if survey is None:
        known = fit.cells.unweighted is not None
        share = table["weighted_top"] / table["effective"].where(table["effective"] > 0)
        frame = pd.DataFrame({"share": share, "effective": table["effective"].astype(float)})
        return frame if known else frame * np.nan
    if not survey.weighted:
        raise SpecError("the survey has no weights: read it with Roles(weight=…)")
    if (survey.answers, survey.top) != (fit.spec.answers, fit.spec.top):
        raise SpecError(f"the weighted survey has answers {survey.answers}, the analysis {fit.spec.answers}")
    if strange := [f for f in by if f not in survey.table]:
        raise SpecError(f"the weighted survey has no {strange[0]!r}: read_survey(…, traits=…)")
    rows = survey.table
    if "population" not in by and fit.spec.reference in set(rows["population"]):
        rows = rows[rows["population"] == fit.spec.reference]
    rows = rows.merge(table[list(by)].assign(_row=range(len(table))), on=list(by))
    row, weight, count = (rows[c].to_numpy() for c in ("_row", WEIGHT, "count"))
    top = np.isin(rows["answer"], [i for i, a in enumerate(survey.answers) if a in survey.top])
    whole = np.bincount(row, weight * count, len(table))
    part = np.bincount(row, weight * count * top, len(table)) / np.where(whole > 0, whole, np.nan)
    size = effective_size(weight, count, row, len(table))
    return pd.DataFrame({"share": part, "effective": np.where(whole > 0, size, np.nan)})


def _with_shares(
    out: pd.DataFrame, name: str, share: pd.Series, size: pd.Series, tails: tuple[float, float]
) -> pd.DataFrame:
    """Return the table with a share of so many people in per cent, and Jeffreys' interval."""
    p, n = share.to_numpy(dtype=float), size.to_numpy(dtype=float)
    lower, upper = (100 * stats.beta(p * n + 0.5, n - p * n + 0.5).ppf(t) for t in tails)
    out = out.copy()
    out[name] = 100 * p
    out[f"{name}_lower"] = np.where(p == 0, 0.0, lower)  # as in section 4.1 there
    out[f"{name}_upper"] = np.where(p == 1, 100.0, upper)
    return out


def _with_estimate(out: pd.DataFrame, name: str, estimate: Estimate, ci_prob: float) -> pd.DataFrame:
    keys = list(out.columns[: list(out.columns).index("people")])
    found = summary(estimate, ci_prob=ci_prob)[[*keys, "mean", "lower", "upper"]]
    found.columns = pd.Index([*keys, name, f"{name}_lower", f"{name}_upper"])
    return out.merge(found, on=keys, how="left")


def _in_order(fit: Fit, table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    place = [table[f].map({x: i for i, x in enumerate(fit.cells.levels[f])}).to_numpy() for f in reversed(by)]
    return table.iloc[np.lexsort(place)].reset_index(drop=True)
