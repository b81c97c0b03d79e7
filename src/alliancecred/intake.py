"""Rows of people and tables of counts as codes, with an account of every row."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pandas as pd

from .answers import (
    code_problems,
    match_answers,
    match_slider,
    missing_shares,
    translate,
)
from .choices import whole_sets
from .dates import read_dates
from .design_effect import read_weights, weight_line
from .errors import Problem
from .factors import code_factors, constant_problems, exclude, factor_lines, nothing_left, numbers
from .labels import Coded, alike_problems, encode
from .level_maps import LevelMap, map_labels, map_notes
from .panel import Panel, panel_lines, panel_of
from .sliders import Slider
from .sources import ANSWER_COLUMNS, DataReport, ReportLine, Roles
from .tables import Table
from .terms import FACTORS


@dataclass(frozen=True)
class Said:
    """What the caller declared."""

    answers: tuple[str, ...]
    top: tuple[str, ...]
    missing: tuple[str, ...] = ()
    codes: Mapping[int | float, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    traits: Mapping[str, str] = field(default_factory=dict)
    slider: Slider | None = None
    dont_know: tuple[str, ...] = ()
    levels: tuple[LevelMap, ...] = ()


@dataclass(frozen=True)
class Rows:
    """Rows as codes: ``keep`` says which are used, ``report`` why others are not."""

    factors: Mapping[str, Coded]
    answer: Coded
    count: np.ndarray
    respondent: Coded | None
    keep: np.ndarray
    report: DataReport
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    panel: Panel = field(default_factory=Panel)
    traits: Mapping[str, Coded] = field(default_factory=dict)
    value: np.ndarray | None = None
    weight: np.ndarray | None = None
    date: np.ndarray | None = None
    unsure: np.ndarray | None = None
    choice: Coded | None = None


def trait_role(name: str) -> str:
    """Return what a covariate of people, a group or an attribute is called among the roles of columns."""
    return f"traits[{name!r}]"


def columns_of(roles: Roles) -> dict[str, str]:
    """Return the column of each role that has one.

    Examples
    --------
    >>> columns_of(Roles(country="cntry", answer="q"))
    {'country': 'cntry', 'answer': 'q'}
    """
    return {f.name: getattr(roles, f.name) for f in fields(roles) if getattr(roles, f.name) is not None}


def argument_problems(said: Said, columns: Mapping[str, str], needed: Collection[str]) -> Iterator[Problem]:
    """Yield what is wrong with codes, constants and roles; without ``answer`` needed, people are counted."""
    yield from code_problems(said.codes, (*said.answers, *said.missing))
    yield from constant_problems(said.constants, columns, FACTORS)
    for name in said.traits:
        if not name.isidentifier() or name in ANSWER_COLUMNS:
            yield Problem("schema", f"traits[{name!r}]", "is no name for a covariate of people", (), "age, degree, …")
    if "answer" in needed and "answer" not in columns:
        yield Problem("schema", "roles.answer", "the column of the answers is needed")
    if "answer" not in needed:
        for role in [r for r in ("answer", "respondent", "count", "date") if r in columns]:
            yield Problem("schema", f"roles.{role}", "has no place in a counted table", (), "see `counts`")
    if "weight" in columns and "answer" not in needed:
        yield Problem(
            "weight", str(columns["weight"]), "weights belong to people, not to counts", (), "see read_survey"
        )


# --- rows of people -----------------------------------------------------------------------------
def person_rows(table: Table, columns: Mapping[str, str], said: Said) -> Rows:
    """Return the rows of a table that has one row per person and judged ally, or stands for such rows."""
    times = table.stands_for
    notes: list[ReportLine] = []
    found = code_factors(table, columns, said.constants, lambda coded, role: _mapped(coded, role, said, notes))
    value, (answer, wrong) = None, _answer(table, columns, said, notes)
    if said.slider is not None and not wrong:
        value, answer, wrong = match_slider(answer, said.answers, said.slider, said.missing)
    person, unreadable = _person(table, columns.get("respondent"))
    count, miscounted = _count(table, columns.get("count"))
    weight, misweighed = _weight(table, columns.get("weight"), found.factors.get("population"))
    traits, unread = _traits(table, said, notes)
    date, undated = _date(table, columns.get("date"), notes)
    choice, unchosen = _choice(table, columns.get("choice_set"))
    asked = {**found.factors, **traits} | ({} if choice is None else {"choice_set": choice})
    problems = [*found.problems, *wrong, *unreadable, *miscounted, *misweighed, *undated, *unchosen, *unread]
    keep, lines = exclude({**asked, "answer": answer}, times)
    if date is not None and (dateless := int(times[keep & np.isnat(date)].sum())):
        lines.append(ReportLine("excluded", dateless, "no date of interview"))
        keep &= ~np.isnat(date)
    if empty := int(times[keep & (count == 0)].sum()):
        lines.append(ReportLine("excluded", empty, "count is 0"))
    keep &= count > 0
    if weight is not None and (weightless := int(times[keep & (weight == 0)].sum())):
        lines.append(ReportLine("excluded", weightless, "weight is 0"))
        keep &= weight > 0
    keep, lines = (keep, lines) if choice is None else whole_sets(choice, person, keep, times, lines)
    if not problems:
        problems += nothing_left(table, keep, lines)
    notes += missing_shares(answer, found.factors.get("country"), times)
    unsure = None
    if said.dont_know:
        whole = exclude({**found.factors, **traits}, times)[0] & (count > 0)
        whole &= weight > 0 if weight is not None else True
        whole &= ~np.isnat(date) if date is not None else True
        unsure = whole & np.isin(answer.codes, [i for i, x in enumerate(answer.labels) if x in said.dont_know])
        notes.append(ReportLine("noted", int(times[unsure].sum()), "answered that they do not know: kept apart"))
    if weight is not None and keep.any():
        notes.append(ReportLine("noted", int(times[keep].sum()), weight_line(weight[keep], count[keep])))
    report = _report(table, lines, keep, f"rows ({int(count[keep].sum()):,} answers)", found.factors, notes)
    if table.times is not None:  # positions in the table are none of the source
        problems = [replace(problem, rows=()) for problem in problems]
    rows = Rows(
        found.factors,
        answer,
        count,
        person,
        keep,
        report,
        tuple(problems),
        found.warnings,
        traits=traits,
        value=value,
        weight=weight,
        date=date,
        unsure=unsure,
        choice=choice,
    )
    return rows if person is None else with_panel(rows, panel_of(person, asked, keep, twins=choice is not None))


def with_panel(rows: Rows, panel: Panel) -> Rows:
    """Return the rows with what is known of their respondents."""
    report = replace(rows.report, lines=(*rows.report.lines, *panel_lines(panel)))
    return replace(rows, panel=panel, report=report, problems=(*rows.problems, *panel.problems))


def _traits(table: Table, said: Said, notes: list[ReportLine]) -> tuple[dict[str, Coded], list[Problem]]:
    """Return covariates of people, groups and attributes in the labels of the analysis, and what is wrong with them."""
    out, problems = {}, []
    for name, column in said.traits.items():
        coded, wrong = _coded(table, column)
        problems += wrong
        if coded is not None:
            out[name], wrong = _mapped(coded, name, said, notes)
            problems += wrong or alike_problems(out[name])
    return out, problems


def _mapped(coded: Coded, name: str, said: Said, notes: list[ReportLine]) -> tuple[Coded, list[Problem]]:
    level_map = next((m for m in said.levels if m.key == name), None)
    if level_map is None:
        return coded, []
    if coded.gone:  # what counts as missing needs no name
        stay = [i for i in range(len(coded.labels)) if i not in coded.gone]
        move = np.full(len(coded.labels) + 1, -1)
        move[stay] = np.arange(len(stay))
        coded = Coded(coded.column, move[coded.codes], tuple(coded.labels[i] for i in stay))
    new, problems = map_labels(coded, level_map)
    notes += [] if problems else [ReportLine("noted", 0, text) for text in map_notes(coded, level_map)]
    return new, problems


def _answer(
    table: Table, columns: Mapping[str, str], said: Said, notes: list[ReportLine]
) -> tuple[Coded, list[Problem]]:
    coded, problems = _coded(table, columns.get("answer"))
    if coded is None:
        return Coded("answer", np.zeros(table.rows, dtype=np.int64), said.answers), problems
    coded, unmapped = _mapped(translate(coded, said.codes), "answer", said, notes)
    if unmapped:
        return coded, [*problems, *unmapped]
    return (coded, problems) if said.slider is not None else match_answers(coded, said.answers, said.missing)


def _coded(table: Table, column: str | None) -> tuple[Coded | None, list[Problem]]:
    if column is None or column not in table.data:
        return None, []
    return encode(table.data[column], column, table.user_missing.get(column, ()))


def _person(table: Table, column: str | None) -> tuple[Coded | None, list[Problem]]:
    person, problems = _coded(table, column)
    if person is not None and person.gone:
        person = replace(person, codes=np.where(person.alive(), person.codes, -1), gone={})
    return person, problems


def _weight(table: Table, column: str | None, who: Coded | None) -> tuple[np.ndarray | None, list[Problem]]:
    if column is None or column not in table.data:
        return None, []
    return read_weights(table.data[column], column, table.stands_for, who)


def _date(table: Table, column: str | None, notes: list[ReportLine]) -> tuple[np.ndarray | None, list[Problem]]:
    if column is None or column not in table.data:
        return None, []
    days, problems, note = read_dates(table.data[column], column)
    notes += [ReportLine("noted", int(table.stands_for[~np.isnat(days)].sum()), note)] if note else []
    return days, problems


def _choice(table: Table, column: str | None) -> tuple[Coded | None, list[Problem]]:
    if table.times is not None and column is not None:
        message = "choices belong together row by row: they cannot be counted where they lie"
        return None, [Problem("schema", column, message, (), "give a pandas frame, or leave the role out")]
    return _coded(table, column)


def _count(table: Table, column: str | None) -> tuple[np.ndarray, list[Problem]]:
    if column is None or column not in table.data:
        return table.stands_for, []
    given = table.data[column]
    if absent := table.user_missing.get(column):
        given = given.astype(object).mask(given.isin(absent))
    count, problems = numbers(given, column, table.stands_for)
    return count * table.stands_for, problems


def _report(
    table: Table,
    lines: Collection[ReportLine],
    keep: np.ndarray,
    used: str,
    factors: Mapping[str, Coded],
    notes: Collection[ReportLine],
) -> DataReport:
    times = table.stands_for
    read = ReportLine("read", int(times.sum()), "rows")
    kept = ReportLine("used", int(times[keep].sum()), used)
    return DataReport(table.name, (read, *lines, kept, *factor_lines(factors, keep, times), *notes))


# --- tables of counts ---------------------------------------------------------------------------
def counted_rows(table: Table, columns: Mapping[str, str], counts: Mapping[str, str], said: Said) -> Rows:
    """Return a row per row of the table and answer; the report counts the rows of the table."""
    notes: list[ReportLine] = []
    found = code_factors(table, columns, said.constants, lambda coded, role: _mapped(coded, role, said, notes))
    problems = [*found.problems]
    matrix = np.zeros((table.rows, len(counts)), dtype=np.int64)
    for k, column in enumerate(counts.values()):
        if column in table.data:
            matrix[:, k], wrong = numbers(table.data[column], column, table.stands_for)
            problems += wrong
    traits, unread = _traits(table, said, notes)
    problems += unread
    keep, lines = exclude({**found.factors, **traits}, table.stands_for)
    if empty := int((keep & (matrix.sum(axis=1) == 0)).sum()):
        lines.append(ReportLine("excluded", empty, "nobody answered"))
    keep &= matrix.sum(axis=1) > 0
    if not problems:
        problems += nothing_left(table, keep, lines)
    whole = matrix[keep].sum(axis=1)
    per_cent = len(whole) > 1 and (abs(whole - 100) <= 1).all()
    odd = ("the counts of every row sum to 99 to 101: per cents? give them to read_toplines",) if per_cent else ()
    labels = {**found.factors, **traits}
    cells = pd.DataFrame({role: coded.codes[keep] for role, coded in labels.items()})
    again = int(cells.duplicated().sum())
    notes += [ReportLine("noted", again, "rows repeat a cell; they are added up")] if again else []
    used = f"rows ({int(matrix[keep].sum()):,} answers)"
    report = _report(table, lines, keep, used, found.factors, notes)
    k = len(counts)
    labels = {role: replace(coded, codes=np.repeat(coded.codes, k)) for role, coded in labels.items()}
    factors, traits = ({x: labels[x] for x in part} for part in (found.factors, traits))
    answer = Coded("counts", np.tile(np.arange(k), table.rows), said.answers)
    count = matrix.ravel()
    kept = np.repeat(keep, k) & (count > 0)
    return Rows(factors, answer, count, None, kept, report, tuple(problems), (*found.warnings, *odd), traits=traits)
