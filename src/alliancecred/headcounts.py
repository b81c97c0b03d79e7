"""Columns of a table of people at the door: their sizes, their labels, and what shares sum to."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from .errors import Problem
from .labels import Coded, as_text, encode, first_rows, numeric, shown
from .tables import Table
from .terms import FACTORS

SIZE = "size"
SHARES = "sizes are shares"  # begins the note of a population whose sizes are none of people
OF_PEOPLE = ("country", "wave", "population")  # allies and targets are what people judge
LEAST, MOST = 1e-12, 1e12  # of a size that is not 0
_ROUNDING = 0.01  # how far sums of shares may be from 1 or 100, as a part of it
_NUMERIC = {"integer", "floating", "mixed-integer-float", "mixed-integer", "decimal", "string", "empty"}


def amount(people: float) -> str:
    """Return a number of people, or a share, in figures.

    Examples
    --------
    >>> amount(7012345.0), amount(0.98765), amount(1234.56)
    ('7,012,345', '0.9877', '1,234.6')
    """
    return f"{people:,.0f}" if people == round(people) else f"{people:,.4g}" if people < 1000 else f"{people:,.1f}"


def key_problems(keys: Sequence[str]) -> Iterator[Problem]:
    """Yield keys that are no names of factors or covariates of people."""
    if not keys:
        yield Problem("schema", "keys", "name at least one factor or covariate of people")
    for key in dict.fromkeys(keys):
        if not isinstance(key, str) or not key.isidentifier() or key == SIZE:
            yield Problem("schema", "keys", f"{key!r} is no name for a factor or covariate of people", (), "age, …")
        elif key in FACTORS and key not in OF_PEOPLE:
            yield Problem("schema", "keys", f"{key!r} is what people judge, not a kind of people", (), "leave it out")


def read_sizes(series: pd.Series, column: str) -> tuple[np.ndarray, list[Problem]]:
    """Return a column of sizes as float, and what is wrong with it.

    Examples
    --------
    >>> read_sizes(pd.Series(["10", "2.5"]), "count")
    (array([10. ,  2.5]), [])
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    kind = pd.api.types.infer_dtype(series, skipna=True)
    if kind not in _NUMERIC:
        return np.zeros(len(series)), [Problem("outcome", column, f"sizes are numbers, got {kind}", (), "count people")]
    values = numeric(series)
    lacking = np.isnan(values)
    empty = lacking.copy()
    empty[lacking] = [as_text(v) is None for v in series[lacking].tolist()]
    problems = []
    for what, where, remedy in (
        ("empty", empty, "0 if nobody is there"),
        ("no number", lacking & ~empty, "digits and a decimal point, as 1250 or 0.125"),
        ("infinite", np.isinf(values), ""),
        ("negative", values < 0, ""),
        (f"above {MOST:g}", np.isfinite(values) & (values > MOST), "people, or shares of them"),
        (f"between 0 and {LEAST:g}", (values > 0) & (values < LEAST), "0 if nobody is there"),
    ):
        if where.any():
            distinct = {repr(v): v for v in series[where].tolist()}
            seen = f": {shown(distinct.values())}" if what != "empty" else ""
            message = f"{int(where.sum())} sizes are {what}{seen}"
            problems.append(Problem("outcome", column, message, first_rows(where), remedy))
    if not problems and not values.any():
        problems.append(Problem("outcome", column, "all sizes are 0"))
    return values, problems


def read_labels(table: Table, key: str, column: str) -> tuple[Coded | None, list[Problem]]:
    """Return a column of labels as codes, and what is wrong with it: a row without one would lose its people."""
    coded, problems = encode(table.data[column], column, table.user_missing.get(column, ()))
    if coded is None:
        return None, problems
    lost = ~coded.alive()
    if lost.any():
        message = f"{int(lost.sum())} rows have no {key}"
        remedy = "say who they are: whoever is left out is not in the population"
        problems = [Problem("level", column, message, first_rows(lost), remedy)]
    return coded, problems


def share_sums(rows: pd.DataFrame, keys: Sequence[str], column: str) -> tuple[list[Problem], str]:
    """Return what is wrong with sizes that are shares, and a note of what they are shares of.

    Examples
    --------
    >>> rows = pd.DataFrame({"country": ["PL", "PL", "DE"], "size": [40.0, 60.0, 99.6]})
    >>> share_sums(rows, ("country",), "pct")[1]
    'sizes are shares of 100 within each country, which count alike beside each other'
    """
    factors = [k for k in keys if k in FACTORS]
    ways = [(), *([("country",)] if "country" in keys else []), *([tuple(factors)] if len(factors) > 1 else [])]
    sums = {way: _sums(rows, way) for way in ways}
    for way, found in sums.items():
        for whole in (1, 100):
            if (abs(found - whole) <= _ROUNDING * whole).all():
                within = f" within each {' and '.join(way)}, which count alike beside each other" if way else ""
                return [], f"{SHARES} of {whole}{within}"
    told = [f"all together {amount(float(sums[()].iloc[0]))}"]
    for way in ways[1:2]:
        off = sums[way][(abs(sums[way] - 1) > _ROUNDING) & (abs(sums[way] - 100) > 100 * _ROUNDING)]
        off = off if len(off) else sums[way]
        told.append(", ".join(f"{label} {amount(float(x))}" for label, x in off.head(5).items()))
    remedy = "shares of 1 or of 100, over all rows or within each country; or share=False, if they are people"
    return [Problem("outcome", column, f"shares do not sum to 1 or 100: {'; '.join(told)}", (), remedy)], ""


def _sums(rows: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    return rows.groupby(list(by), observed=True)[SIZE].sum() if by else pd.Series([rows[SIZE].sum()])
