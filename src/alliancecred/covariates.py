"""From a frame to a `Covariate` of a spec."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .declared import Covariate
from .errors import Problem, nearest, raise_data
from .labels import encode, numeric
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
    if not by or len({*by, column}) < len(by) + 1:
        problems.append(Problem("schema", "by", f"each factor once, and another value: {[*by, column]}"))
    problems += there_once(frame, (*by, column))
    raise_data(problems)
    numbers = numeric(frame[column])
    bad = ~np.isfinite(numbers)
    if bad.any():
        where = tuple(np.flatnonzero(bad)[:5].tolist())
        problems.append(
            Problem(
                "schema", column, f"{int(bad.sum())} values are missing or no numbers", where, "decide what they are"
            )
        )
    labels = []
    for factor in by:
        own, wrong = texts_of(frame[factor], factor)
        labels.append(own)
        problems += wrong
        empty = np.array([not x for x in own], dtype=bool)
        if empty.any() and not wrong:
            where = tuple(np.flatnonzero(empty)[:5].tolist())
            problems.append(Problem("level", factor, f"{int(empty.sum())} labels are empty", where, "name each group"))
    if not len(frame):
        problems.append(Problem("schema", "", "0 rows"))
    raise_data(problems)
    keys = [JOINED.join(key) for key in zip(*labels, strict=True)]
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


def there_once(frame: pd.DataFrame, columns: Sequence[str]) -> list[Problem]:
    """Return the columns a frame does not have, or has twice."""
    names = [str(c) for c in frame.columns]
    return [
        Problem("schema", str(c), "duplicate column names", (), "give every column its own name")
        if n
        else Problem("schema", str(c), "no such column", (), nearest(str(c), names))
        for c in dict.fromkeys(columns)
        if (n := names.count(str(c)) if c in frame.columns else 0) != 1
    ]


def texts_of(series: pd.Series, column: str) -> tuple[list[str], list[Problem]]:
    """Return labels as `read_survey` makes them (1.0 is "1"), empty cells as "", and what is wrong with them."""
    coded, problems = encode(series, column)
    if coded is None:
        return [""] * len(series), problems
    return np.array([*coded.labels, ""], dtype=object)[coded.codes].tolist(), []
