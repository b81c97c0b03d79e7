"""The doors for answers of people: outside tables → `Survey`, or one error that lists every problem."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .answers import declared_problems
from .counting import count_groups, count_people
from .errors import raise_data
from .factors import column_problems
from .handover import add_up, remarks, survey_of
from .intake import (
    Said,
    argument_problems,
    columns_of,
    counted_rows,
    person_rows,
    trait_role,
    with_panel,
)
from .level_maps import LevelMap
from .scans import Scan, open_source
from .sliders import Slider, slider_problems
from .sources import Roles, Survey
from .tables import Table, open_table
from .terms import FACTORS

_NONE: Mapping[str, str] = {}


def read_survey(
    source: Any,
    *,
    roles: Roles,
    answers: Sequence[str],
    top: Sequence[str],
    constants: Mapping[str, str] = _NONE,
    missing: Sequence[str] = (),
    numeric_codes: Mapping[int | float, str] | None = None,
    traits: Mapping[str, str] = _NONE,
    slider: Slider | None = None,
    dont_know: Sequence[str] = (),
    levels: Sequence[LevelMap] = (),
) -> Survey:
    """Read answers of people, one row per person and judged ally.

    Data in memory and single files are read row by row. Data that may outgrow memory are counted
    where they lie, by the engine that holds them, and only cells arrive: several paths, patterns,
    ``.parquet`` and ``.csv`` files above 64 MB, and frames that are not in memory (polars LazyFrame,
    DuckDB relation, Dask, PySpark). Files are counted by DuckDB, or by the codes of their text; they
    need about 1 GB of memory at most and spill into the folder for temporary files. The checks and
    the report (in rows of the source) are the same on both ways. What differs where rows are counted:
    a problem has no row numbers, and the survey has one row per cell and answer, sorted by label,
    without respondents (who are checked by the engine all the same).

    Parameters
    ----------
    source
        A path (``.csv``, ``.csv.gz``, ``.parquet``, ``.sav``, ``.dta``), a list of paths or a
        pattern such as ``"waves/*.parquet"`` (not for ``.sav`` and ``.dta``; a path that is listed
        twice counts twice), or a pandas, polars, pyarrow, DuckDB, Dask or PySpark frame. It is
        never modified. Of DuckDB give a relation, not a connection.
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
    traits
        Covariates of people, groups, and attributes of experiments, name → column: ``{"age": "q12"}``. A row without
        one is excluded, and counted in the report. A respondent may be asked several times if they tell the questions
        apart: the profiles of a conjoint experiment, or the number of the task. The spec says what their labels count
        (`Covariate` with ``by=("person",)``).
    slider
        Declares that answers are numbers on it; ``answers`` then names four parts of the scale (see `Slider`).
    dont_know
        Answers that say "don't know": missing for the scale, and kept apart for `fit_hurdle`.

    levels
        What labels of the data are called in the analysis: a `LevelMap` per role (answer, country, …) or trait.

    Returns
    -------
    Survey
        Validated answers, with a report of what became of every row.

    Raises
    ------
    DataError
        Listing every problem; a `SchemaError`, `LevelError`, `OutcomeError`, `WeightError` or
        `PanelError` if all are of that kind. Rows that are counted in their engine may have at most
        1,000,000 different combinations: an id is no role but ``respondent``.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"cntry": ["PL", "PL", "DE", "DE"], "q": ["yes", "no", "yes", "no"]})
    >>> survey = read_survey(frame, roles=Roles(country="cntry", answer="q"),
    ...                      answers=("no", "yes"), top=("yes",), constants={"ally": "US"})
    >>> survey.table["answer"].tolist()
    [1, 0, 1, 0]
    >>> print(survey.report)
    pandas DataFrame
          read         4  rows
          used         4  rows (4 answers)
         noted         4  one ally only: 'US'
         noted         4  one population only: 'public'

    The same answers a thousand times over, counted by DuckDB:

    >>> import duckdb
    >>> relation = duckdb.sql("SELECT frame.* FROM frame, range(1000)")
    >>> survey = read_survey(relation, roles=Roles(country="cntry", answer="q"),
    ...                      answers=("no", "yes"), top=("yes",), constants={"ally": "US"})
    >>> survey.table[["country", "answer", "count"]].values.tolist()
    [['DE', 0, 1000], ['DE', 1, 1000], ['PL', 0, 1000], ['PL', 1, 1000]]
    """
    said = Said(
        _tuple(answers), _tuple(top), (*_tuple(missing), *_tuple(dont_know)), numeric_codes or {}, constants, traits
    )
    said = replace(said, slider=slider, dont_know=_tuple(dont_know), levels=tuple(levels))
    columns = columns_of(roles) | {trait_role(name): column for name, column in traits.items()}
    problems = [*declared_problems(answers, top, said.missing), *argument_problems(said, columns, ("answer",))]
    problems += [] if slider is None else slider_problems(slider, said.answers, said.top)
    raw = [columns.get("respondent"), columns.get("count"), columns.get("answer") if said.codes else None]
    person = columns.get("respondent")
    with open_source(source, _names(columns), [c for c in raw if c]) as found:
        table = found if isinstance(found, Table) else count_groups(found, set(_names(columns)) - {person})
        problems += [*table.problems, *column_problems(table, columns)]
        rows = person_rows(table, columns, said)
        if isinstance(found, Scan) and person in found.keys and not table.problems:
            rows = with_panel(rows, count_people(found, table, columns, rows))
    raise_data([*problems, *rows.problems])
    _warn(remarks(rows, said))
    survey = survey_of(rows, said)
    return survey if table.times is None else add_up(survey)


def read_counts(
    source: Any,
    *,
    roles: Roles,
    counts: Mapping[str, str],
    top: Sequence[str],
    constants: Mapping[str, str] = _NONE,
    traits: Mapping[str, str] = _NONE,
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
    traits
        Covariate of people, group or attribute → its column.

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
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"country": ["PL", "DE"], "no": [2, 1], "yes": [1, 3]})
    >>> survey = read_counts(frame, roles=Roles(country="country"), counts={"no": "no", "yes": "yes"},
    ...                      top=("yes",), constants={"ally": "US"})
    >>> survey.table["count"].tolist()
    [2, 1, 1, 3]
    """
    said = Said(_tuple(tuple(counts)), _tuple(top), constants=constants, traits=traits)
    roles_given = columns_of(roles)
    problems = [*declared_problems(said.answers, top), *argument_problems(said, roles_given, FACTORS)]
    columns = {role: c for role, c in roles_given.items() if role in FACTORS}
    wanted = columns | {trait_role(name): column for name, column in traits.items()}
    wanted |= {f"the answer {answer!r}": column for answer, column in counts.items()}
    table = open_table(source, _names(wanted), _names(counts))
    problems += [*table.problems, *column_problems(table, wanted)]
    rows = counted_rows(table, columns, counts, said)
    raise_data([*problems, *rows.problems])
    _warn(remarks(rows, said))
    return survey_of(rows, said)


def _tuple(values: Sequence[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(map(str, values))


def _names(columns: Mapping[str, str]) -> list[str]:
    return [c for c in columns.values() if isinstance(c, str)]


def _warn(found: Iterable[tuple[type[Warning], str]]) -> None:
    for category, text in found:
        warnings.warn(text, category, stacklevel=3)
