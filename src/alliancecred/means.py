"""The door for published means of rating scales: a table with a row per mean → `Toplines`."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .errors import DataWarning, Problem, raise_data
from .factors import code_factors, column_problems, constant_problems, factor_lines, label_array, nothing_left
from .factors import exclude as without_gaps
from .labels import as_text
from .origins import Exclusion
from .ratings import Rating, possible_sds, rating_problems
from .shares import HALF_WIDTH, Complaint, Row, gather, row_numbers
from .sources import DataReport, ReportLine, Topline, Toplines
from .spec import Spec
from .tables import Table, open_table
from .terms import FACTORS
from .toplines import leave_out

_NONE: Mapping[str, str] = {}
_NUMBERS = ("mean", "se", "sd", "n")
_COLUMNS = (*FACTORS, *_NUMBERS, "precision", "source")
SMALLEST = 5e-7  # of the scale: the standard error of a mean of 10^12 people
_WIDTHS = {**HALF_WIDTH, "exact": 0.0}


def read_means(
    source: Any,
    *,
    rating: Rating,
    answers: Sequence[str],
    constants: Mapping[str, str] = _NONE,
    exclude: Sequence[Exclusion] = (),
) -> Toplines:
    """Read published means of a rating scale, one row per mean.

    The columns have fixed names; others are ignored.

    - ``country``, ``ally``, ``wave``, and ``target`` and ``population`` if there are any: labels
    - ``mean``: the mean as printed
    - ``precision``: how it was printed: ``integer``, ``one decimal``, ``two decimals``, or ``exact``
    - ``se``: its standard error; else ``sd`` of the answers and ``n``; else ``n`` alone, with the sd of people as
      ``rating`` declares it
    - ``source``: where it was published

    Parameters
    ----------
    source
        A path or a frame, as in `read_survey`.
    rating
        The scale.
    answers
        What its low and its high end mean.
    constants
        Text for a column that the table does not have: ``{"ally": "US", "precision": "one decimal"}``.
    exclude
        Rows left out on purpose, each with its reason.

    Returns
    -------
    Toplines
        One `Topline` per mean, with a report of what became of every row.

    Raises
    ------
    DataError
        Listing every problem.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"country": ["DE"], "wave": ["2025"], "mean": [6.3], "sd": [2.5], "n": [1000]})
    >>> constants = {"ally": "US", "precision": "one decimal"}
    >>> row = read_means(frame, rating=Rating(0, 10), answers=("never", "surely"), constants=constants).rows[0]
    >>> [round(float(x), 4) for x in (*row.lower, *row.upper, *row.se)]
    [0.625, 0.635, 0.0079]
    """
    answers = tuple(answers)
    problems = list(rating_problems(rating, answers, answers[1:]))
    table = open_table(source, _COLUMNS)
    needed = {c: c for c in ("country", "mean", "precision") if c not in constants}
    problems += [
        *table.problems,
        *constant_problems(constants, table.columns, _COLUMNS),
        *column_problems(table, needed),
    ]
    found = code_factors(table, {r: r for r in FACTORS if r in table.columns}, constants)
    keep, lines = without_gaps(found.factors, table.stands_for)
    problems += [*leave_out(exclude, found.factors, keep, lines), *found.problems]
    problems += [] if problems else nothing_left(table, keep, lines)
    raise_data(problems)
    labels = {f: label_array(found.factors[f], np.ones(table.rows, dtype=bool)) for f in FACTORS}
    made, complaints, estimated = [], [], 0
    for i in np.flatnonzero(keep):
        row = _row(table, constants, int(i))
        given, wrong = row_numbers(row, _NUMBERS)
        wrong += list(_complaints(row, given, rating))
        complaints += [(int(i), w) for w in wrong]
        if not wrong:
            made.append(_topline({f: str(labels[f][i]) for f in FACTORS}, row, given, rating))
            estimated += "se" not in given and "sd" not in given
    raise_data([*gather(complaints), *_twice(made)])
    for text in found.warnings:
        warnings.warn(text, DataWarning, stacklevel=2)
    notes = [ReportLine("noted", estimated, "means with n alone: the sd of people is the declared one")] * (
        estimated > 0
    )
    read, used = ReportLine("read", table.rows, "rows"), ReportLine("used", len(made), "published means")
    levels = factor_lines(found.factors, keep, table.stands_for)
    report = DataReport(table.name, (read, *lines, used, *levels, *notes))
    return Toplines(tuple(made), answers, answers[1:], 0.0, report, rating)


def _row(table: Table, constants: Mapping[str, str], i: int) -> Row:
    row = {c: as_text(table.data[c].iloc[i]) for c in _COLUMNS if c in table.data and c not in FACTORS}
    return row | {c: str(v) for c, v in constants.items() if c not in FACTORS}


def _complaints(row: Row, given: Mapping[str, float], rating: Rating) -> Iterator[Complaint]:
    if str(row.get("precision")) not in _WIDTHS:
        yield Complaint("precision", "unknown", str(row.get("precision")), f"one of {', '.join(_WIDTHS)}")
    if "mean" not in given:
        yield Complaint("mean", "empty", "")
    elif not rating.low <= given["mean"] <= rating.high:
        yield Complaint("mean", f"outside the scale, {rating.low:g} to {rating.high:g}", f"{given['mean']:g}")
    elif (wide := _WIDTHS.get(str(row.get("precision")), 0.0)) and not _printed_so(given["mean"], wide):
        remedy = "say 'one decimal', 'two decimals' or 'exact'"
        yield Complaint("mean", f"not rounded to {row['precision']}", str(row["mean"]), remedy)
    least = SMALLEST * (rating.high - rating.low)
    for column in ("se", "sd", "n"):
        if column in given and not 0 < given[column] < math.inf:
            yield Complaint(column, "not positive", f"{given[column]:g}")
        elif column in given and (given[column] > 1e9 if column == "n" else given[column] < least):
            what = "more people than there can be" if column == "n" else "too small for answers of people"
            yield Complaint(column, what, f"{given[column]:g}")
    widest = 0.5 * (rating.high - rating.low)
    for column in ("se", "sd"):
        if given.get(column, 0.0) > widest:
            remedy = "is it a variance, or of another scale?"
            yield Complaint(
                column, f"more than half the scale ({widest:g}), which cannot be", f"{given[column]:g}", remedy
            )
    if "se" not in given and "n" not in given:
        yield Complaint("se", "needed, or n", "", "with n also the sd of the answers, if it is published")


def _printed_so(mean: float, half_width: float) -> bool:
    steps = mean / (2 * half_width)
    return abs(steps - round(steps)) <= 1e-6


def _twice(made: Sequence[Topline]) -> Iterator[Problem]:
    seen: set[tuple[str, ...]] = set()
    for row in made:
        key = tuple(row.labels[f] for f in FACTORS)
        if key in seen:
            name = ", ".join(x for x in key if x)
            yield Problem(
                "outcome", "mean", f"{name}: two means of one cell", (), "publish each once; average them first"
            )
        seen.add(key)


def _topline(labels: Mapping[str, str], row: Row, given: Mapping[str, float], rating: Rating) -> Topline:
    width, wide = rating.high - rating.low, _WIDTHS[str(row["precision"])]
    if "se" in given:
        se, weight = np.array([given["se"] / width]), np.ones(1)
    elif "sd" in given:
        se, weight = np.array([given["sd"] / width / math.sqrt(given["n"])]), np.ones(1)
    else:
        sds, weight = possible_sds(rating.sd)
        se = sds / math.sqrt(given["n"])
    n = round(given.get("n", 0.25 / float(weight @ se) ** 2))  # as many as would give this se with an sd of a half
    return mean_of(
        labels, rating.share(given["mean"]), wide / width, se, weight, n, str(row["mean"]), str(row.get("source") or "")
    )


def mean_of(
    labels: Mapping[str, str],
    share: float,
    half_width: float,
    se: np.ndarray,
    weight: np.ndarray,
    n: int,
    printed: str,
    source: str,
) -> Topline:
    """Return the `Topline` of a mean, all numbers as shares of the scale."""
    low, high = share - half_width, share + half_width
    return Topline(labels, ((1,), (0,)), (low,), (high,), np.full(len(se), max(n, 1)), weight, (printed,), source, se)


def means_of(spec: Spec, table: pd.DataFrame, share: np.ndarray, size: np.ndarray, report: DataReport) -> Toplines:
    """Return unrounded means (shares of the scale) of ``size`` people each, who have the sd that the spec declares."""
    assert spec.rating is not None
    se = spec.rating.sd.median / np.sqrt(size)
    labels = [dict(zip(FACTORS, map(str, row), strict=True)) for row in table[list(FACTORS)].to_numpy()]
    rows = tuple(
        mean_of(of, float(m), 0.0, np.array([s]), np.ones(1), int(n), f"{m:.3f}", "")
        for of, m, s, n in zip(labels, share, se, size, strict=True)
    )
    return Toplines(rows, spec.answers, spec.top, 0.0, report, spec.rating)
