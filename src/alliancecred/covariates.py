"""From a frame to a `Covariate` of a spec."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .declared import Covariate
from .errors import Problem, nearest, raise_data
from .terms import FACTORS, JOINED


def make_covariate(
    name: str,
    frame: pd.DataFrame,
    *,
    by: str | Sequence[str],
    value: str | None = None,
    standardize: bool = False,
    source: str = "",
) -> Covariate:
    """Return a covariate from a frame with one value per combination of factors; rows may repeat it.

    Parameters
    ----------
    name
        Its identifier in the spec.
    frame
        Columns for the factors ``by`` (their labels) and the value.
    by
        Factors it depends on.
    value
        The column with the numbers; default ``name``.
    standardize
        Whether slopes are per standard deviation from the mean, over the combinations (not over people); the mean
        and standard deviation are kept in the covariate. Otherwise they are per unit from zero.
    source
        Where the values come from.

    Raises
    ------
    DataError
        If a column, a label or a value is missing, a value is no number, or one combination has two values.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["PL", "DE"], "distance": [400.0, 1200.0]})
    >>> make_covariate("distance", frame, by="country", standardize=True).center
    800.0
    """
    by = (by,) if isinstance(by, str) else tuple(by)
    column = value or name
    problems = [Problem("schema", f, "no such factor", (), nearest(f, FACTORS)) for f in by if f not in FACTORS]
    problems += [
        Problem("schema", c, "no such column", (), nearest(c, [str(x) for x in frame.columns]))
        for c in (*by, column)
        if c not in frame.columns
    ]
    raise_data(problems)
    numbers = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float)
    bad = ~np.isfinite(numbers)
    if bad.any():
        where = tuple(np.flatnonzero(bad)[:5].tolist())
        problems.append(
            Problem(
                "schema", column, f"{int(bad.sum())} values are missing or no numbers", where, "decide what they are"
            )
        )
    for factor in by:
        empty = (frame[factor].isna() | (frame[factor].astype(str).str.strip() == "")).to_numpy()
        if empty.any():
            where = tuple(np.flatnonzero(empty)[:5].tolist())
            problems.append(Problem("level", factor, f"{int(empty.sum())} labels are empty", where, "name each group"))
    raise_data(problems)
    keys = [JOINED.join(key) for key in zip(*(frame[f].astype(str) for f in by), strict=True)]
    table = pd.DataFrame({"key": keys, "value": numbers}).drop_duplicates()
    twice = table[table["key"].duplicated()]["key"].tolist()
    if twice:
        problems.append(
            Problem("schema", column, f"two values for {twice[:5]}", (), f"name all factors in by={list(by)}")
        )
    if standardize and not problems and not table["value"].std() > 0:
        problems.append(Problem("schema", column, "the same everywhere: nothing to standardize"))
    raise_data(problems)
    center, unit = (float(table["value"].mean()), float(table["value"].std())) if standardize else (0.0, 1.0)
    return Covariate(name, by, tuple(zip(table["key"], table["value"], strict=True)), center, unit, source)
