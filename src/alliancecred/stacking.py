"""Models side by side: how well each predicts the same data, and their weights in the best mixture."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from .errors import Problem, SpecError, raise_spec
from .folds import Folds
from .leaving_out import Loo
from .predictive import elpd, stacked_weights

_FOUND = ["lpd", "ess", "elpd", "k_hat"]
_ONE_MORE = "evaluate both in the same way"


def compare[M: (Folds, Loo)](models: Mapping[str, M]) -> pd.DataFrame:
    """Return models by how well they predict the same data that were held out, the best first.

    Parameters
    ----------
    models
        Name → what `k_fold`, or what `loo`, found.

    Returns
    -------
    pandas.DataFrame
        Index: the model. ``elpd, se``; ``difference`` to the best and its standard error ``difference_se``, from
        the differences unit by unit; ``weight`` in the mixture of all models that predicts best (stacking, Yao et al.
        2018); ``failed``: folds that missed their gates, or units whose k̂ is too large.

    Raises
    ------
    SpecError
        If the units (in all factors that tell them apart) or their folds are not the same, or one predicts the chance
        of answers and another a density.

    Notes
    -----
    A weight is not a probability that a model is true: of two that predict alike one may have all of it. Below four
    units of elpd, or twice ``difference_se``, a difference says little.

    Examples
    --------
    >>> ac.compare({"declared": ac.loo(fit), "no trend": ac.loo(other)})  # doctest: +SKIP
    """
    if not models:
        raise SpecError([Problem("schema", "models", "there is nothing to compare", (), "{name: loo(fit), …}")])
    raise_spec([p for a, b in combinations(models, 2) for p in _differences(a, models[a], b, models[b])])
    units = {name: _units(model) for name, model in models.items()}
    order = sorted(models, key=lambda name: -np.nan_to_num(models[name].elpd, nan=-np.inf))
    lpd = np.column_stack([units[name][1] for name in order])
    times = units[order[0]][2]
    away = [elpd(lpd[:, k] - lpd[:, 0], times) for k in range(len(order))]
    return pd.DataFrame(
        {
            "elpd": [models[name].elpd for name in order],
            "se": [models[name].se for name in order],
            "difference": [difference for difference, _ in away],
            "difference_se": [se for _, se in away],
            "weight": stacked_weights(lpd, times),
            "failed": [models[name].failed for name in order],
        },
        index=order,
    )


def _units(model: Folds | Loo) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return labels of the units in an order of their own, log predictive densities, and how often each is there."""
    if isinstance(model, Folds):
        labels = model.cells.drop(columns=_FOUND, errors="ignore")
        return labels, model.cells["lpd"].to_numpy(), np.ones(len(labels))
    labels = model.table.drop(columns=_FOUND, errors="ignore")
    order = labels.astype(str).sort_values([str(c) for c in labels if c != "times"], kind="stable").index
    table = model.table.loc[order].reset_index(drop=True)
    return labels.loc[order].reset_index(drop=True), table["elpd"].to_numpy(), table["times"].to_numpy(dtype=float)


def _differences(a: str, one: Folds | Loo, b: str, other: Folds | Loo) -> list[Problem]:
    if type(one) is not type(other):
        message = f"one of {a!r} and {b!r} was left out cell by cell in folds, the other unit by unit"
        return [Problem("schema", "models", message, (), _ONE_MORE)]
    if one.family != other.family:
        message = f"{a!r} predicts {one.family}, {b!r} {other.family}: chances and densities cannot be compared"
        return [Problem("schema", "models", message)]
    if isinstance(one, Loo) and isinstance(other, Loo) and one.by != other.by:
        message = f"{a!r} left out one {one.by} at a time, {b!r} one {other.by}"
        return [Problem("schema", "models", message, (), "the same by= for both, factors if one of them knows people")]
    if _units(one)[0].equals(_units(other)[0]):
        return []
    what = "cells in the same folds" if isinstance(one, Folds) else "units"
    message = f"{a!r} and {b!r} did not hold out the same {what}: they cannot be compared"
    return [Problem("schema", "models", message, (), "the same data for both, and the same factors")]
