"""Respondents who appear more than once: what is refused, and what is noted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .errors import Problem
from .labels import Coded, shown
from .sources import ReportLine

# what a respondent has one of, and the remedy where that is not so
FIXED = {
    "country": "make the ids of different countries different, as 'PL-1' and 'DE-1'",
    "population": "a respondent belongs to one population",
}


@dataclass(frozen=True)
class Panel:
    """What the used rows say of respondents.

    Parameters
    ----------
    people, rows
        How many respondents have several rows, and how many rows those are.
    unknown
        Rows without a respondent.
    problems
        Respondents who answer the same question twice, or change country or population.
    """

    people: int = 0
    rows: int = 0
    unknown: int = 0
    problems: tuple[Problem, ...] = ()


def panel_of(person: Coded, factors: Mapping[str, Coded], keep: np.ndarray, twins: bool = False) -> Panel:
    """Return what the kept rows say of respondents; ``twins`` may differ in nothing (two profiles of one choice).

    Examples
    --------
    >>> panel_of(Coded("id", np.array([0, 1, 0]), ("x", "y")), {}, np.array([True, True, False]))
    Panel(people=0, rows=0, unknown=0, problems=())
    """
    codes = person.codes[keep]
    sizes = np.bincount(codes[codes >= 0], minlength=1)
    several = sizes[sizes > 1]
    problems = tuple(_problems(person, factors, keep, twins))
    return Panel(len(several), int(several.sum()), int((codes < 0).sum()), problems)


def _problems(person: Coded, factors: Mapping[str, Coded], keep: np.ndarray, twins: bool) -> Iterator[Problem]:
    known = np.flatnonzero(keep & (person.codes >= 0))
    codes = {role: coded.codes[known] for role, coded in factors.items()}
    who = person.codes[known]
    for role in FIXED:
        if role not in codes or len(factors[role].labels) < 2:
            continue
        pairs = pd.unique(who * len(factors[role].labels) + codes[role]) // len(factors[role].labels)
        movers = pd.unique(pairs[pd.Series(pairs).duplicated().to_numpy()])
        if len(movers):
            where = known[np.isin(who, movers)][:5]
            yield moved(person.column, role, len(movers), [person.labels[i] for i in movers[:5]], where)
    if twins:
        return
    again = pd.Series(_joint(who, len(person.labels), factors, codes)).duplicated(keep=False).to_numpy()
    if again.any():
        where = known[again]
        names = list(dict.fromkeys(person.codes[where].tolist()))
        first = [person.labels[i] for i in names[:5]]
        yield twice(person.column, factors, len(where), len(names), first, where[:5])


def moved(column: str, role: str, people: int, first: Sequence[str], rows: Iterable[int] = ()) -> Problem:
    """Return the problem of respondents with several labels of a role that is theirs for good."""
    message = f"{people} respondents are in more than one {role}: {_named(first, people)}"
    return Problem("panel", column, message, tuple(map(int, rows)), FIXED[role])


def twice(
    column: str,
    factors: Mapping[str, Coded],
    count: int,
    people: int,
    first: Sequence[str],
    rows: Iterable[int] = (),
) -> Problem:
    """Return the problem of respondents who answer the same question twice, in ``count`` rows."""
    asked = " and ".join(r for r, f in factors.items() if f.labels != ("",))
    message = f"{count} rows repeat the same respondent and {asked}: {_named(first, people)}"
    return Problem("panel", column, message, tuple(map(int, rows)), "keep one row of each, or mend the ids")


def _named(first: Sequence[str], people: int) -> str:
    return shown(first) + (f" and {people - len(first)} more" if people > len(first) else "")


def _joint(who: np.ndarray, size: int, factors: Mapping[str, Coded], codes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return one number per combination of respondent and factors."""
    key = who.astype(np.int64)
    for role, coded in factors.items():
        if size * len(coded.labels) > 2**62:
            key, values = pd.factorize(key)
            size = len(values)
        key, size = key * len(coded.labels) + codes[role], size * len(coded.labels)
    return key


def panel_lines(panel: Panel) -> Iterator[ReportLine]:
    """Yield how many used rows belong to respondents with several rows, and how many have no id.

    Examples
    --------
    >>> [line.what for line in panel_lines(Panel(people=1, rows=2))]
    ['rows of 1 respondents with several rows']
    """
    if panel.people:
        what = f"rows of {panel.people} respondents with several rows"
        yield ReportLine("noted", panel.rows, what)
    if panel.unknown:
        yield ReportLine("noted", panel.unknown, "respondent is empty")
