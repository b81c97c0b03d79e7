"""The door for published percentages: a table with a row per published share → `Toplines`."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .answers import declared_problems
from .errors import DataWarning, Problem, nearest, raise_data
from .factors import (
    code_factors,
    column_problems,
    constant_problems,
    factor_lines,
    label_array,
    nothing_left,
)
from .factors import exclude as without_gaps
from .labels import Coded, as_text
from .origins import Exclusion
from .published import Cell, cells_of, toplines_of
from .shares import Row, number
from .sources import DataReport, ReportLine, Toplines
from .tables import Table, open_table
from .terms import FACTORS

_NEEDED = ("country", "ally", "wave", "answer", "precision", "n_kind")
_NUMBERS = ("pct", "lower", "upper", "n", "n_spread", "n_low", "n_high")
_COLUMNS = tuple(dict.fromkeys((*FACTORS, *_NEEDED, *_NUMBERS, "source")))
_NONE: Mapping[str, str] = {}


def read_toplines(
    source: Any,
    *,
    answers: Sequence[str],
    top: Sequence[str],
    overdispersion: float = 0.0,
    constants: Mapping[str, str] = _NONE,
    exclude: Sequence[Exclusion] = (),
) -> Toplines:
    """Read published percentages, one row per cell and published share.

    The columns have fixed names; others are ignored.

    - ``country``, ``ally``, ``wave``, and ``target`` and ``population`` if there are any: labels
    - ``answer``: one of ``answers``; ``top`` for the top answers together; or several joined by
      `` + ``, as in ``likely + very likely``
    - ``pct``: the per cent as printed; ``*`` for "under half a per cent"; may be empty where
      ``precision`` is ``verbal``
    - ``precision``: ``integer``, ``one decimal``, ``two decimals`` or ``verbal``
    - ``lower``, ``upper``: the per cents that a verbal report allows, both included
    - ``n_kind``: ``exact`` (``n``), ``average`` (``n`` is a mean over cells, ``n_spread`` their
      standard deviation) or ``range`` (from ``n_low`` to ``n_high``)
    - ``source``: where it was published

    Percentages are shares of those who gave one of ``answers``. Rows with the same labels form one
    cell; what they do not publish is its last group.

    Parameters
    ----------
    source
        A path or a frame, as in `read_survey`.
    answers
        The answers in their order, from least to most credible.
    top
        The answers that count as credible.
    overdispersion
        Declared intraclass correlation of the beta-binomial, from 0 to below 0.5.
    constants
        Text for a column that the table does not have: ``{"ally": "US", "precision": "integer"}``.
    exclude
        Rows left out on purpose, each with its reason, which the report repeats.

    Returns
    -------
    Toplines
        One `Topline` per cell, with a report of what became of every row.

    Raises
    ------
    DataError
        Listing every problem; an `OutcomeError` if all concern percentages, answers and sizes.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"country": ["DE"], "wave": ["2025-03"], "answer": ["top"], "pct": [45],
    ...                       "n": [651], "n_spread": [60]})
    >>> constants = {"ally": "US", "precision": "integer", "n_kind": "average"}
    >>> row = read_toplines(frame, answers=("no", "yes"), top=("yes",), constants=constants).rows[0]
    >>> row.groups, row.lower, row.upper
    (((1,), (0,)), (0.445,), (0.455,))
    """
    problems = [*declared_problems(answers, top), *_argument_problems(answers, top, overdispersion)]
    table = open_table(source, _COLUMNS)
    absent = [*table.problems, *_table_problems(table, constants)]
    found = code_factors(table, {r: r for r in FACTORS if r in table.columns}, constants)
    keep, lines = without_gaps(found.factors, table.stands_for)
    problems += leave_out(exclude, found.factors, keep, lines)
    rows = _rows(table, constants)
    cells, wrong = cells_of(found.factors, keep, rows, answers, top)
    made, unfit, notes = toplines_of(cells, len(answers))
    known = {p.column for p in absent}
    problems += [*absent, *found.problems]
    problems += [] if problems else nothing_left(table, keep, lines)
    problems += _proportions(rows) or [p for p in (*wrong, *unfit) if p.column not in known]
    raise_data(problems)
    for text in (*found.warnings, *_one_per_cent(rows)):
        warnings.warn(text, DataWarning, stacklevel=2)
    used = ReportLine("used", int(keep.sum()), f"published shares in {len(made)} cells")
    read = ReportLine("read", table.rows, "rows")
    levels = factor_lines(found.factors, keep, table.stands_for)
    report = DataReport(table.name, (read, *lines, used, *levels, *_kinds(cells), *notes))
    return Toplines(made, tuple(answers), tuple(top), float(overdispersion), report)


def leave_out(
    exclusions: Sequence[Exclusion], factors: Mapping[str, Coded], keep: np.ndarray, lines: list[ReportLine]
) -> list[Problem]:
    """Take declared exclusions out of ``keep``, a report line for each; what matches nothing is a problem."""
    problems = []
    for i, exclusion in enumerate(exclusions):
        where, hit = f"exclude[{i}]", keep.copy()
        for factor, labels in exclusion.where:
            if factor not in factors:
                problems.append(Problem("schema", where, f"unknown factor {factor!r}", (), nearest(factor, FACTORS)))
                break
            hit[keep] &= np.isin(label_array(factors[factor], keep).astype(str), labels)
        else:
            if not exclusion.why.strip():
                problems.append(Problem("schema", where, "says no reason", (), "why = ..."))
            elif not hit.any() or not exclusion.where:
                problems.append(Problem("schema", where, f"no row matches {dict(exclusion.where)}"))
            else:
                lines.append(ReportLine("excluded", int(hit.sum()), f"declared: {exclusion.why}"))
                keep &= ~hit
    return problems


def _argument_problems(answers: Sequence[str], top: Sequence[str], overdispersion: float) -> Iterator[Problem]:
    number = isinstance(overdispersion, int | float) and not isinstance(overdispersion, bool)
    if not number or not 0 <= overdispersion < 0.5:
        yield Problem("outcome", "overdispersion", f"must be from 0 to below 0.5, got {overdispersion!r}")
    if "top" in answers and tuple(top) != ("top",):
        yield Problem("outcome", "answers", "'top' means the top answers together", (), "rename that answer")


def _table_problems(table: Table, constants: Mapping[str, str]) -> Iterator[Problem]:
    yield from constant_problems(constants, table.columns, _COLUMNS)
    needed = {c: c for c in _NEEDED if c not in constants}
    yield from column_problems(table, needed)
    if table.rows and not {"pct", "lower", "upper"} & set(table.columns):
        yield Problem("schema", "pct", "no such column", (), "or give lower and upper, with precision 'verbal'")


def _rows(table: Table, constants: Mapping[str, str]) -> list[Row]:
    """Return the cells that are not labels of factors as text, row by row."""
    columns = {c: list(map(as_text, table.data[c].tolist())) for c in _COLUMNS if c in table.data and c not in FACTORS}
    columns |= {c: [str(text)] * table.rows for c, text in constants.items() if c not in FACTORS}
    return [{c: values[i] for c, values in columns.items()} for i in range(table.rows)]


def _proportions(rows: Sequence[Row]) -> list[Problem]:
    """Return one problem if all published values are at most 1 and some are no whole numbers."""
    values = _values(rows)
    if not values or max(values.values()) > 1 or all(v == round(v) for v in values.values()):
        return []
    message = f"all values are at most {max(values.values()):g}: proportions?"
    return [Problem("outcome", "pct", message, tuple(list(values)[:5]), "give per cent")]


def _values(rows: Sequence[Row]) -> dict[int, float]:
    found = {i: number(row.get("pct")) or number(row.get("upper")) for i, row in enumerate(rows)}
    return {i: value for i, value in found.items() if value is not None}


def _one_per_cent(rows: Sequence[Row]) -> Iterator[str]:
    values = _values(rows)
    if values and max(values.values()) == 1:
        yield "pct: all values are 0 or 1; they are read as per cent"


def _kinds(cells: Sequence[Cell]) -> Iterator[ReportLine]:
    verbal = sum(row.get("precision") == "verbal" for cell in cells for row in cell.rows)
    if verbal:
        yield ReportLine("noted", verbal, "published shares are verbal, with declared bounds")
    for kind, what in (("average", "an average with a declared spread"), ("range", "a range")):
        if number_of := sum(cell.rows[0].get("n_kind") == kind for cell in cells):
            yield ReportLine("noted", number_of, f"cells whose n is {what}")
