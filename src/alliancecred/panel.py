"""Respondents who appear more than once: what is refused, and what is noted."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from .errors import Problem
from .labels import Coded, shown
from .sources import ReportLine


def panel_problems(person: Coded, factors: Mapping[str, Coded], keep: np.ndarray) -> Iterator[Problem]:
    """Yield respondents who answer the same question twice, or change country or population.

    Examples
    --------
    >>> one, two = (Coded(r, np.array([0, 0]), ("x",)) for r in ("id", "country"))
    >>> print(*panel_problems(one, {"country": two}, np.array([True, True])))
    id: 2 rows repeat the same respondent and country: 'x' (rows 0, 1) → keep one row of each, or mend the ids
    """
    known = np.flatnonzero(keep & (person.codes >= 0))
    codes = {role: coded.codes[known] for role, coded in factors.items()}
    who = person.codes[known]
    for role, remedy in (
        ("country", "make the ids of different countries different, as 'PL-1' and 'DE-1'"),
        ("population", "a respondent belongs to one population"),
    ):
        if role not in codes or len(factors[role].labels) < 2:
            continue
        pairs = pd.unique(who * len(factors[role].labels) + codes[role]) // len(factors[role].labels)
        movers = pd.unique(pairs[pd.Series(pairs).duplicated().to_numpy()])
        if len(movers):
            where = known[np.isin(who, movers)]
            names = shown(person.labels[i] for i in movers)
            message = f"{len(movers)} respondents are in more than one {role}: {names}"
            yield Problem("panel", person.column, message, tuple(map(int, where[:5])), remedy)
    twice = pd.Series(_joint(who, len(person.labels), factors, codes)).duplicated(keep=False).to_numpy()
    if twice.any():
        where = known[twice]
        names = shown(person.labels[i] for i in dict.fromkeys(person.codes[where].tolist()))
        asked = " and ".join(r for r, f in factors.items() if f.labels != ("",))
        message = f"{len(where)} rows repeat the same respondent and {asked}: {names}"
        remedy = "keep one row of each, or mend the ids"
        yield Problem("panel", person.column, message, tuple(map(int, where[:5])), remedy)


def _joint(who: np.ndarray, size: int, factors: Mapping[str, Coded], codes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return one number per combination of respondent and factors."""
    key = who.astype(np.int64)
    for role, coded in factors.items():
        if size * len(coded.labels) > 2**62:
            key, values = pd.factorize(key)
            size = len(values)
        key, size = key * len(coded.labels) + codes[role], size * len(coded.labels)
    return key


def repeats(person: Coded, keep: np.ndarray) -> tuple[int, int]:
    """Return how many respondents have several kept rows, and how many rows those are.

    Examples
    --------
    >>> repeats(Coded("id", np.array([0, 1, 0]), ("x", "y")), np.array([True, True, True]))
    (1, 2)
    """
    codes = person.codes[keep]
    sizes = np.bincount(codes[codes >= 0], minlength=1)
    return int((sizes > 1).sum()), int(sizes[sizes > 1].sum())


def panel_lines(person: Coded, keep: np.ndarray) -> Iterator[ReportLine]:
    """Yield how many kept rows belong to respondents with several rows, and how many have no id."""
    people, rows = repeats(person, keep)
    if people:
        yield ReportLine("noted", rows, f"rows of {people} respondents with several rows, treated as independent")
    if unknown := int((person.codes[keep] < 0).sum()):
        yield ReportLine("noted", unknown, "respondent is empty")
