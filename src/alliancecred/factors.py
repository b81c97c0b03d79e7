"""The factors of a table at the door: which column or constant plays which role, and which rows stay."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .errors import Problem, nearest
from .labels import (
    Coded,
    alike_problems,
    constant,
    encode,
    first_rows,
    label_problems,
    label_warnings,
    look_key,
    numeric,
    shown,
)
from .sources import ReportLine
from .tables import Table
from .terms import FACTORS

DEFAULTS = {"population": "public"}
Rename = Callable[[Coded, str], tuple[Coded, list[Problem]]]


@dataclass(frozen=True)
class Found:
    """What reading gave: factors by role, with all problems and warnings."""

    factors: Mapping[str, Coded]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def column_problems(table: Table, columns: Mapping[str, str], argument: str = "roles.") -> Iterator[Problem]:
    """Yield the roles whose column the table does not have, and columns with two roles."""
    if table.problems:
        return
    if not table.rows:
        yield Problem("schema", "", f"0 rows in {table.name}")
    for role, column in columns.items():
        if not isinstance(column, str):
            remedy = "one row per respondent? reshape first with melt(): one row per respondent and ally"
            yield Problem("schema", f"{argument}{role}", f"one column name is needed, got {column!r}", (), remedy)
        elif column not in table.columns:
            yield Problem("schema", column, f"no such column for {role}", (), _column_remedy(table, column))
    names = [c for c in columns.values() if isinstance(c, str)]
    for column in dict.fromkeys(c for c in names if names.count(c) > 1):
        yield Problem("schema", column, f"one column for {' and '.join(r for r, c in columns.items() if c == column)}")


def _column_remedy(table: Table, column: str) -> str:
    wide = [c for c in table.columns if c.startswith(column) and len(c) > len(column)]
    if len(wide) > 1:
        return f"one row per respondent ({shown(wide)})? reshape first with melt(): one row per respondent and ally"
    if len(table.columns) == 1 and any(mark in table.columns[0] for mark in ";\t"):
        return f"the only column is {table.columns[0]!r}: separate the values by commas"
    same = [c for c in table.columns if look_key(c) == look_key(column)]
    return f"did you mean {same[0]!r}?" if same else nearest(column, table.columns)


def constant_problems(
    constants: Mapping[str, str], taken: Collection[str], allowed: Sequence[str]
) -> Iterator[Problem]:
    """Yield constants that are unknown, no text, or for a role that has a column."""
    for role, value in constants.items():
        where = f"constants[{role!r}]"
        if role not in allowed:
            yield Problem("schema", where, "unknown role", (), nearest(str(role), allowed))
        elif role in taken:
            yield Problem("schema", where, "this role has a column as well", (), "keep one of the two")
        elif not isinstance(value, str) or not value.strip():
            yield Problem("schema", where, f"text is needed, got {value!r}")


def code_factors(
    table: Table,
    columns: Mapping[str, str],
    constants: Mapping[str, str],
    rename: Rename = lambda coded, role: (coded, []),
) -> Found:
    """Return country, ally, target, wave and population of every row, as codes; labels are checked as renamed."""
    factors: dict[str, Coded] = {}
    problems: list[Problem] = []
    warnings = list(table.warnings) + list(_column_warnings(table, columns.values()))
    for role in FACTORS:
        column = columns.get(role)
        given = role in constants and isinstance(constants[role], str)
        if column is None:
            label = str(constants[role]) if given else DEFAULTS.get(role, "")
            factors[role], found = rename(constant(f"constants[{role!r}]" if given else role, label, table.rows), role)
            problems += found
            if not given:
                continue
        elif column in table.data:
            coded, found = encode(table.data[column], column, table.user_missing.get(column, ()))
            problems += found
            if coded is None:
                continue
            factors[role], found = rename(coded, role)
            problems += found
        else:
            continue
        if table.rows and not found:
            problems += label_problems(role, factors[role])
        warnings += label_warnings(role, factors[role])
    problems += _across(factors)
    return Found(factors, tuple(problems), tuple(warnings))


def _column_warnings(table: Table, used: Iterable[str]) -> Iterator[str]:
    for column in used:
        twins = [c for c in table.columns if c != column and look_key(c) == look_key(str(column))]
        if twins and column in table.columns:
            yield f"columns {column!r} and {shown(twins)} look the same; {column!r} is used"


def _across(factors: Mapping[str, Coded]) -> Iterator[Problem]:
    """Yield allies that look like, but are not, a respondent country: self-ratings would be lost."""
    if "country" in factors and "ally" in factors:
        ally, country = factors["ally"], factors["country"]
        own = {look_key(label) for label in ally.labels}
        others = [c for c in country.labels if c and c not in ally.labels and look_key(c) in own]
        if others:
            yield from alike_problems(ally, others, f" in {country.column} and {ally.column}")


# --- which rows stay ----------------------------------------------------------------------------
def exclude(columns: Mapping[str, Coded], times: np.ndarray) -> tuple[np.ndarray, list[ReportLine]]:
    """Return which rows stay, and a line per reason for those that do not.

    A row that lacks several things is counted once, under the first; it stands for ``times`` rows
    of the source.

    Examples
    --------
    >>> exclude({"ally": Coded("ally", np.array([0, -1]), ("US",))}, np.array([1, 3]))[1]
    [ReportLine(action='excluded', count=3, what='ally is empty')]
    """
    keep = np.ones(len(times), dtype=bool)
    lines: list[ReportLine] = []
    for role, coded in columns.items():
        counts = np.bincount(coded.codes[keep] + 1, times[keep], len(coded.labels) + 1)
        reasons = {-1: f"{role} is empty"} | {i: f"{role} {coded.labels[i]!r}: {why}" for i, why in coded.gone.items()}
        lines += [ReportLine("excluded", int(counts[i + 1]), why) for i, why in reasons.items() if counts[i + 1]]
        keep &= coded.alive()
    return keep, lines


def nothing_left(table: Table, keep: np.ndarray, lines: Collection[ReportLine]) -> Iterator[Problem]:
    """Yield a problem if every row was excluded."""
    if table.rows and not keep.any():
        yield Problem("schema", "", "no row is left: " + "; ".join(f"{x.count} {x.what}" for x in lines))


def label_array(coded: Coded, keep: np.ndarray) -> np.ndarray:
    """Return the labels of the kept rows as plain Python strings."""
    return np.array(coded.labels, dtype=object)[coded.codes[keep]]


def factor_lines(factors: Mapping[str, Coded], keep: np.ndarray, times: np.ndarray) -> Iterator[ReportLine]:
    """Yield what a reader should know of the factors of the kept rows."""
    kept = int(times[keep].sum())
    for role, coded in factors.items():
        seen = np.flatnonzero(np.bincount(coded.codes[keep], minlength=len(coded.labels)))
        if len(seen) == 1 and (label := coded.labels[seen[0]]):
            yield ReportLine("noted", kept, f"one {role} only: {label!r}")
        if coded.unused:
            yield ReportLine("noted", 0, f"{role}: declared in the source but in no row: {shown(coded.unused)}")
    if {"country", "ally"} <= set(factors) and (own := int(times[keep & self_rated(factors)].sum())):
        yield ReportLine("noted", own, "the country rates itself (self-ratings)")


def self_rated(factors: Mapping[str, Coded]) -> np.ndarray:
    """Return which rows have the same label for country and ally."""
    country, ally = factors["country"], factors["ally"]
    place = {label: i for i, label in enumerate(ally.labels) if label}
    same = np.array([*(place.get(label, -2) for label in country.labels), -2])
    return same[country.codes] == ally.codes


def numbers(series: pd.Series, column: str, times: np.ndarray) -> tuple[np.ndarray, list[Problem]]:
    """Return a column of counts as int64, or what is wrong with it; a value stands for ``times`` of the source."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    if pd.api.types.infer_dtype(series) == "boolean":
        return np.zeros(len(series), np.int64), [Problem("outcome", column, "counts are needed, got true and false")]
    values = numeric(series)
    bad = {
        "no number": np.isnan(values),
        "infinite": np.isinf(values),
        "negative": np.isfinite(values) & (values < 0),
        "fractional": np.isfinite(values) & (values != np.floor(values)),
        "larger than 10^12": np.isfinite(values) & (values > 1e12),
    }
    remedies = {
        "negative": "more successes than trials?",
        "fractional": "shares? give them to read_toplines; weights? Roles(weight=…)",
    }
    problems = [
        Problem(
            "outcome",
            column,
            f"{int(times[where].sum())} counts are {what}: {shown(series[where].head(5).tolist())}",
            first_rows(where),
            remedies.get(what, "counts of people are whole numbers from 0"),
        )
        for what, where in bad.items()
        if where.any()
    ]
    return np.where(np.isfinite(values) & (np.abs(values) <= 1e12), values, 0).astype(np.int64), problems
