"""Predictions for combinations of factors that were not asked, of new countries and allies too."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from .averaging import people_asked
from .cells import rows_of
from .composition import kinds_asked
from .errors import PredictError, Problem, nearest
from .estimate import LABELS, Estimate
from .fitting import Fit
from .gates import weights_of
from .identify import always_said
from .labels import encode
from .new_levels import extend
from .prediction import answer_weight, estimate_status, scorer
from .scoring import over_asked, rows_at_a_time
from .terms import FACTORS
from .wording import data_words


def predict(
    fit: Fit,
    table: pd.DataFrame,
    *,
    answer: str = "top",
    signals: Mapping[str, float] | None = None,
    new_levels: str = "refuse",
    random_seed: int = 0,
) -> Estimate:
    """Predict for combinations of factors, also for countries and allies that were not asked.

    Parameters
    ----------
    table
        One row per prediction, columns among ``country, ally, target, wave, population``, of which those left out must
        have one level in the data (``population``: the reference), and the attributes and groups that the spec
        declares, over which is averaged where they are left out, as they were asked in the country.
    answer
        As in `levels`.
    signals
        Signal → 1 (on) or 0 (off), instead of what the wave's date says.
    new_levels
        ``refuse``, or ``draw``: effects of a new level are drawn from their pooled distribution,
        one draw per new level (and seed), shared by all rows and by other calls, so that the arms
        of a `contrast` refer to the same new country.
    random_seed
        Seed of the new levels' draws.

    Returns
    -------
    Estimate
        Rows as in ``table``, ``descriptive``.

    Raises
    ------
    PredictError
        If a level is new and ``new_levels="refuse"``, or a column is missing.
    """
    full = _complete(fit, table)
    design, draws = extend(fit, full, new_levels, random_seed)
    rows = rows_of(fit.spec, design.levels, full)
    for name, value in (signals or {}).items():
        rows = rows.with_signal(fit.spec.signal(name).name, value)
    answer_weight(design, answer)  # refuses unknown answers
    kinds, step = kinds_asked(fit.spec, fit.cells), rows_at_a_time(design, len(next(iter(draws.values()))))
    values = over_asked(design, kinds, rows, scorer(design, draws, answer), step=step)
    post = fit.posterior.sizes
    coords = {k: ("row", full[k].to_numpy(dtype=str)) for k in full.columns}
    array = xr.DataArray(
        values.reshape(post["chain"], post["draw"], -1),
        dims=("chain", "draw", "row"),
        coords=coords
        | {"estimand": ("row", np.full(len(full), "predicted level")), "role": ("row", np.full(len(full), ""))}
        | weights_of(fit.posterior),
    )
    assert set(LABELS) <= set(array.coords)
    unit = "points" if answer == "mean" else "percent"
    return Estimate(
        array,
        unit,
        "descriptive",
        answer,
        people_asked(fit, list(full.columns)) or "nothing: one row per combination",
        fit.spec,
        status=estimate_status(fit, array, unit),
        notes=tuple(always_said(fit.cells, prior_only=fit.prior_only)),
        data="" if fit.prior_only else data_words(fit.cells),
    )


def _complete(fit: Fit, table: pd.DataFrame) -> pd.DataFrame:
    problems: list[Problem] = []
    out = {}
    if len(set(table.columns)) < len(table.columns):
        raise PredictError(f"a column appears twice: {[str(c) for c in table.columns]}")
    for column in table.columns:
        if column not in fit.spec.factors:
            problems.append(
                Problem("schema", str(column), "unknown column", (), nearest(str(column), fit.spec.factors))
            )
    for factor in FACTORS:
        levels = fit.cells.levels[factor]
        if factor in table.columns:
            out[factor], missing = _labels(table[factor], factor, problems)
            if missing.any() and levels != ("",):
                problems.append(Problem("level", factor, "an empty label", tuple(np.flatnonzero(missing)[:5].tolist())))
        elif factor == "population" or len(levels) == 1:
            value = fit.spec.reference if factor == "population" and fit.spec.reference in levels else levels[0]
            out[factor] = np.full(len(table), value, dtype=object)
        else:
            problems.append(Problem("schema", factor, "column is missing", (), f"its levels: {', '.join(levels)}"))
    for name in (f for f in fit.spec.declared if f in table.columns):
        (labels, _), levels = _labels(table[name], name, problems), fit.cells.levels[name]
        if strange := sorted(set(labels) - set(levels)):
            problems.append(Problem("level", name, f"unknown: {strange[:5]}", (), nearest(strange[0], levels)))
        out[name] = labels
    if not len(table):
        problems.append(Problem("schema", "", "0 rows"))
    if problems:
        raise PredictError(problems)
    return pd.DataFrame(out, columns=[f for f in fit.spec.factors if f in out])


def _labels(series: pd.Series, name: str, problems: list[Problem]) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as `read_survey` makes them (1.0 is "1"), empty ones as "", and where these are."""
    coded, wrong = encode(series, name)
    problems += wrong
    if coded is None:
        return np.full(len(series), "", dtype=object), np.zeros(len(series), dtype=bool)
    return np.array([*coded.labels, ""], dtype=object)[coded.codes], coded.codes < 0
