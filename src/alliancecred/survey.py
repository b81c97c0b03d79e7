"""The door for answers of people: outside tables → `Survey`, or one error that lists every problem."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from .answers import (
    answer_warnings,
    code_problems,
    declared_problems,
    extreme_warnings,
    match_answers,
    missing_shares,
    translate,
)
from .errors import DataWarning, IdentificationWarning, Problem, raise_data
from .factors import (
    code_factors,
    column_problems,
    constant_problems,
    exclude,
    factor_lines,
    label_array,
    numbers,
)
from .labels import Coded, encode, shown
from .panel import panel_line, panel_problems
from .sources import DataReport, ReportLine, Roles, Survey
from .tables import Table, open_table
from .terms import FACTORS


def read_survey(
    source: Any,
    *,
    roles: Roles,
    answers: Sequence[str],
    top: Sequence[str],
    constants: Mapping[str, str] = {},
    missing: Sequence[str] = (),
    numeric_codes: Mapping[int | float, str] | None = None,
) -> Survey:
    """Read answers of people, one row per person and judged ally.

    Parameters
    ----------
    source
        A path (``.csv``, ``.csv.gz``, ``.parquet``, ``.sav``, ``.dta``) or a pandas, polars or
        pyarrow frame. It is never modified.
    roles
        Which column plays which role; ``answer`` is needed.
    answers
        The answers in their order, from least to most credible, as they are written in the data.
        Numbers are declared as text: ``("1", "2", "3")``, ``("False", "True")``.
    top
        The answers that count as credible.
    constants
        A label for a role that has no column: ``{"ally": "US"}``.
    missing
        Answers that count as missing (``"Don't know"``, ``"98"``). In every column an empty cell
        is missing; nothing else is: ``"NA"`` and ``"None"`` are labels.
    numeric_codes
        What the numbers in the answer column mean, ``{1: "no", 2: "yes"}``; goes before the value
        labels of a labelled file.

    Returns
    -------
    Survey
        Validated answers, with a report of what became of every row.

    Raises
    ------
    DataError
        Listing every problem; a `SchemaError`, `LevelError`, `OutcomeError`, `WeightError` or
        `PanelError` if all are of that kind.

    Examples
    --------
    >>> frame = pd.DataFrame({"cntry": ["PL", "PL", "DE", "DE"], "q": ["yes", "no", "yes", "no"]})
    >>> survey = read_survey(frame, roles=Roles(country="cntry", answer="q"),
    ...                      answers=("no", "yes"), top=("yes",), constants={"ally": "US"})
    >>> survey.table["answer"].tolist()
    [1, 0, 1, 0]
    >>> print(survey.report)
    pandas DataFrame
          read         4  rows
          used         4  rows (4 people)
         noted         4  one ally only: 'US'
         noted         4  one population only: 'public'
    """
    said = _Said(_tuple(answers), _tuple(top), _tuple(missing), numeric_codes or {}, constants)
    columns = _columns(roles)
    problems = [*declared_problems(answers, top, missing), *_argument_problems(said, columns)]
    raw = [columns.get("respondent"), columns.get("count"), columns.get("answer") if said.codes else None]
    table = open_table(source, _names(columns), [c for c in raw if c])
    problems += [*table.problems, *column_problems(table, columns)]
    parts = _parts(table, columns, said)
    raise_data([*problems, *parts.problems])
    _warn(_warnings(parts, said))
    return _survey(table, parts, said)


# --- what was declared --------------------------------------------------------------------------
@dataclass(frozen=True)
class _Said:
    answers: tuple[str, ...]
    top: tuple[str, ...]
    missing: tuple[str, ...] = ()
    codes: Mapping[int | float, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)


def _tuple(values: Sequence[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def _columns(roles: Roles) -> dict[str, str]:
    return {f.name: getattr(roles, f.name) for f in fields(roles) if getattr(roles, f.name) is not None}


def _names(columns: Mapping[str, str]) -> list[str]:
    return [c for c in columns.values() if isinstance(c, str)]


def _argument_problems(said: _Said, columns: Mapping[str, str]) -> Iterator[Problem]:
    yield from code_problems(said.codes, (*said.answers, *said.missing))
    yield from constant_problems(said.constants, columns, FACTORS)
    if "answer" not in columns:
        yield Problem("schema", "roles.answer", "the column of the answers is needed")
    yield from _weight_problems(columns)


def _weight_problems(columns: Mapping[str, str]) -> Iterator[Problem]:
    if "weight" in columns:
        remedy = "leave the role out, and say that results are unweighted"
        yield Problem("weight", columns["weight"], "weights are not supported yet", (), remedy)


# --- rows as codes ------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Parts:
    """The rows of a source as codes; ``keep`` says which are used, ``lines`` why others are not."""

    factors: Mapping[str, Coded]
    answer: Coded
    count: np.ndarray
    respondent: Coded | None
    keep: np.ndarray
    lines: tuple[ReportLine, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def _parts(table: Table, columns: Mapping[str, str], said: _Said) -> _Parts:
    found = code_factors(table, columns, said.constants)
    answer, wrong = _answer(table, columns, said)
    respondent, unreadable = _coded(table, columns.get("respondent"))
    count, miscounted = np.ones(table.rows, dtype=np.int64), []
    if (column := columns.get("count")) in table.data:
        count, miscounted = numbers(table.data[column], column)
    problems = [*found.problems, *wrong, *unreadable, *miscounted]
    keep, lines = exclude({**found.factors, "answer": answer}, table.rows)
    if empty := int((keep & (count == 0)).sum()):
        lines.append(ReportLine("excluded", empty, "count is 0"))
    keep &= count > 0
    if table.rows and not problems and not keep.any():
        problems.append(Problem("schema", "", "no row is left: " + "; ".join(f"{x.count} {x.what}" for x in lines)))
    if respondent is not None:
        problems += panel_problems(respondent, found.factors, keep)
    return _Parts(found.factors, answer, count, respondent, keep, tuple(lines), tuple(problems), found.warnings)


def _answer(table: Table, columns: Mapping[str, str], said: _Said) -> tuple[Coded, list[Problem]]:
    coded, problems = _coded(table, columns.get("answer"))
    if coded is None:
        return Coded("answer", np.zeros(table.rows, dtype=np.int64), said.answers), problems
    return match_answers(translate(coded, said.codes), said.answers, said.missing)


def _coded(table: Table, column: str | None) -> tuple[Coded | None, list[Problem]]:
    if column not in table.data:
        return None, []
    return encode(table.data[column], column, table.user_missing.get(column, ()))


# --- the value, and what is said about it -------------------------------------------------------
def _survey(table: Table, parts: _Parts, said: _Said) -> Survey:
    keep, count = parts.keep, parts.count[parts.keep]
    lines = [
        ReportLine("read", table.rows, "rows"),
        *parts.lines,
        ReportLine("used", int(keep.sum()), f"rows ({int(count.sum()):,} people)"),
        *factor_lines(parts.factors, keep),
        *missing_shares(parts.answer, parts.factors["country"]),
    ]
    person = np.full(len(count), "", dtype=object)
    if parts.respondent is not None:
        person = np.array([*parts.respondent.labels, ""], dtype=object)[parts.respondent.codes[keep]]
        lines += panel_line(parts.respondent, keep)
    columns = {role: label_array(parts.factors[role], keep) for role in FACTORS}
    frame = _frame(columns, parts.answer.codes[keep], count, person)
    return Survey(frame, said.answers, said.top, DataReport(table.name, tuple(lines)))


def _frame(labels: Mapping[str, np.ndarray], answer: np.ndarray, count: np.ndarray, person: np.ndarray) -> pd.DataFrame:
    columns = {role: pd.Series(values, dtype=object) for role, values in labels.items()}
    columns |= {"answer": pd.Series(answer, dtype=np.int64), "count": pd.Series(count, dtype=np.int64)}
    return pd.DataFrame(columns | {"respondent": pd.Series(person, dtype=object)})


def _warnings(parts: _Parts, said: _Said) -> Iterator[tuple[type[Warning], str]]:
    keep = parts.keep
    for text in (*parts.warnings, *answer_warnings(parts.answer, said.answers, keep)):
        yield DataWarning, text
    for role, coded in parts.factors.items():
        if kept := [label for label in coded.observed() if label in said.missing]:
            yield DataWarning, f"{role}: {shown(kept)} is declared missing for answers, and kept as a label of {role}"
    top = [i for i, answer in enumerate(said.answers) if answer in said.top]
    answer, count = parts.answer.codes[keep], parts.count[keep]
    for text in extreme_warnings(answer, count, parts.factors["country"], keep, len(said.answers), top):
        yield IdentificationWarning, text
    if parts.respondent is not None:
        if lines := [x for x in panel_line(parts.respondent, keep) if "independent" in x.what]:
            yield IdentificationWarning, f"{lines[0].count} {lines[0].what}: intervals may be too narrow"


def _warn(found: Iterator[tuple[type[Warning], str]]) -> None:
    for category, text in found:
        warnings.warn(text, category, stacklevel=3)


# --- counted tables -----------------------------------------------------------------------------
def read_counts(
    source: Any,
    *,
    roles: Roles,
    counts: Mapping[str, str],
    top: Sequence[str],
    constants: Mapping[str, str] = {},
) -> Survey:
    """Read a table that has one row per cell and one column of counts per answer.

    Parameters
    ----------
    source
        A path or a frame, as in `read_survey`.
    roles
        The columns of country, ally, target, wave and population.
    counts
        The column of each answer, in the order of the answers.
    top
        The answers that count as credible.
    constants
        A label for a role that has no column.

    Returns
    -------
    Survey
        One row per cell and answer that somebody gave; ``count`` says how many. The report counts
        the rows of the source.

    Raises
    ------
    DataError
        As in `read_survey`.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["PL", "DE"], "no": [2, 1], "yes": [1, 3]})
    >>> survey = read_counts(frame, roles=Roles(country="country"), counts={"no": "no", "yes": "yes"},
    ...                      top=("yes",), constants={"ally": "US"})
    >>> survey.table["count"].tolist()
    [2, 1, 1, 3]
    """
    said = _Said(tuple(counts), _tuple(top), constants=constants)
    columns = _columns(roles)
    problems = [*declared_problems(said.answers, top), *_counted_problems(columns)]
    problems += constant_problems(constants, columns, FACTORS)
    columns = {role: c for role, c in columns.items() if role in FACTORS}
    wanted = columns | {f"answer {answer!r}": column for answer, column in counts.items()}
    table = open_table(source, _names(wanted), [c for c in counts.values() if isinstance(c, str)])
    problems += [*table.problems, *column_problems(table, wanted)]
    parts = _counted(table, columns, said, counts)
    raise_data([*problems, *parts.problems])
    ...
