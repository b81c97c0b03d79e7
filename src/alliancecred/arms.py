"""Were the arms of an experiment assigned as they should be? Balance over levels, and over who was asked."""

import warnings

import numpy as np
import pandas as pd
from scipy import stats

from .errors import DataWarning, SpecError
from .fitting import Fit
from .terms import FACTORS

FEWEST = 1e-3  # Holm-adjusted p below which an imbalance is warned of


def balance(fit: Fit) -> pd.DataFrame:
    """Return how arms are spread: over their own levels, and over what is known of people.

    Parameters
    ----------
    fit
        A fitted analysis with attributes.

    Returns
    -------
    DataFrame
        A row per attribute and what it is compared ``with``: ``levels`` (are levels shown equally often? not to be
        expected where the design weighs or restricts them), each group and covariate of people, the country and the
        population (chi-square test of independence; covariates with more than ten values in ten groups of like size).
        ``people``, ``cramers_v`` (0: none, 1: one tells the other), ``statistic``, ``df``, ``p_value``, and ``p_holm``,
        adjusted over all rows but those of ``levels``.

    Warns
    -----
    DataWarning
        Where an assignment goes with something about people, adjusted p below 0.001.

    Raises
    ------
    SpecError
        If the spec declares no attributes.

    Notes
    -----
    A person who is shown several profiles counts as often.
    """
    spec, cells = fit.spec, fit.cells
    if not spec.attributes:
        raise SpecError("the spec declares no attributes: there is nothing that was assigned")
    n = len(cells.counts)
    people = (cells.counts if cells.unweighted is None else cells.unweighted).sum(1).astype(float)
    codes = {f: c[:n] for f, c in cells.rows.codes.items()}
    known = {f: codes[f] for f in (*FACTORS, *(g.name for g in spec.groups))}
    known |= {c.name: _grouped(cells.rows.covariates[c.name][:n], people) for c in spec.used_covariates if c.of_people}
    rows = []
    for attribute in spec.attributes:
        own = codes[attribute.name]
        shown = np.bincount(own, people, len(attribute.levels))
        rows.append((attribute.name, "levels", people.sum(), *_spread(shown)))
        for name, other in known.items():
            if len(np.unique(other)) > 1:
                rows.append((attribute.name, name, people.sum(), *_association(own, other, people)))
    columns = ["attribute", "with", "people", "cramers_v", "statistic", "df", "p_value"]
    table = pd.DataFrame(rows, columns=columns)
    tested = (table["with"] != "levels").to_numpy()
    adjusted = np.full(len(table), np.nan)
    adjusted[tested] = _holm(table["p_value"].to_numpy()[tested])
    table["p_holm"] = adjusted
    for row in table[table["p_holm"] < FEWEST].to_dict("records"):
        strength = f"Cramér's V {row['cramers_v']:.2f}, p {row['p_holm']:.1g} (Holm)"
        text = f"{row['attribute']} goes with {row['with']}: {strength}; was it assigned at random?"
        warnings.warn(text, DataWarning, stacklevel=2)
    return table


def _grouped(values: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Return codes of values; of more than ten values, of ten groups of like size."""
    distinct, code = np.unique(values, return_inverse=True)
    if len(distinct) <= 10:
        return np.asarray(code)
    below = np.cumsum(np.bincount(code, people)) / people.sum()
    return np.asarray(np.minimum(np.ceil(below * 10).astype(int), 10)[code])


def _spread(shown: np.ndarray) -> tuple[float, float, int, float]:
    total, df = shown.sum(), len(shown) - 1
    statistic = float(((shown - total / len(shown)) ** 2).sum() * len(shown) / total)
    return float(np.sqrt(statistic / (total * max(df, 1)))), statistic, df, float(stats.chi2.sf(statistic, df))


def _association(a: np.ndarray, b: np.ndarray, people: np.ndarray) -> tuple[float, float, int, float]:
    a, b = (np.unique(x, return_inverse=True)[1] for x in (a, b))
    table = np.bincount(a * (b.max() + 1) + b, people, (a.max() + 1) * (b.max() + 1)).reshape(a.max() + 1, -1)
    if min(table.shape) < 2:
        return 0.0, 0.0, 0, 1.0
    statistic, p, df, _ = stats.chi2_contingency(table, correction=False)
    return float(np.sqrt(statistic / (table.sum() * (min(table.shape) - 1)))), float(statistic), int(df), float(p)


def _holm(p: np.ndarray) -> np.ndarray:
    order = np.argsort(p)
    out = np.empty(len(p))
    out[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return out
