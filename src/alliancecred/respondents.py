"""People who answer several questions: patterns of answers with counts, and the grid on which people are integrated.

Given the linear predictors of their questions, people with the same answers to the same questions are exchangeable:
they are one pattern that occurs so many times, and their deviations are integrated out pattern by pattern.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .errors import Problem, SpecError

REACH = 5.0  # standard normal deviations of people further out than this are left out: 6e-7 of them
FINENESS = 1.3  # spacing of nodes, in sds of what a pattern says of a person at the most: error exp(−2π² / 1.3²) = 8e-6
LANES = 8  # numbers of nodes are multiples of what processors work on at once
SHARED = 6  # patterns that make a product of neighbours worth its place in memory
_SORTED = 64  # entries by which patterns are put in order, before their keys
_KEYS = 2  # random 64-bit keys that tell patterns apart: two differ in none by a chance of 3e-39


@dataclass(frozen=True)
class People:
    """Patterns of answers; pattern p has the entries ``start[p]`` to ``start[p + 1]``.

    Parameters
    ----------
    start
        (patterns + 1,).
    row, answer
        (entries,): which row of the cells was answered, and how (0…K-1).
    times
        (patterns,): how many people have it.

    Examples
    --------
    >>> people = gather_people(np.array([7, 7, 8, 8, 9]), np.array([0, 1, 0, 1, 0]), np.array([1, 0, 1, 0, 1]))
    >>> people.times.tolist(), np.diff(people.start).tolist()
    ([1, 2], [1, 2])
    """

    start: np.ndarray
    row: np.ndarray
    answer: np.ndarray
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.times)

    @property
    def person(self) -> np.ndarray:
        """The pattern of each entry, (entries,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    @property
    def most(self) -> int:
        """The most answers that one person gave."""
        return int(np.diff(self.start).max(initial=0))


def gather_people(person: np.ndarray, row: np.ndarray, answer: np.ndarray, times: np.ndarray | None = None) -> People:
    """Return the patterns of answers, one entry each, given by ``person``; each person stands for ``times``.

    ``times`` (entries,) is read at a person's first entry.
    """
    order = np.lexsort((answer, row, person))
    person, row, answer = (np.asarray(v, dtype=np.int64)[order] for v in (person, row, answer))
    start = np.flatnonzero(np.diff(person, prepend=-1))
    count = np.ones(len(start), dtype=np.int64) if times is None else np.asarray(times, dtype=np.int64)[order][start]
    return _merged(np.append(start, len(row)), row, answer, count, _sums(np.stack([row, answer], 1), start))


def with_rows(people: People, keep: np.ndarray, row: np.ndarray | None = None) -> People:
    """Return the patterns of the answers to the rows that are kept, with the numbers ``row`` (rows,) from now on."""
    kept = np.asarray(keep, dtype=bool)[people.row]
    new = people.row if row is None else np.asarray(row)[people.row]
    return gather_people(people.person[kept], new[kept], people.answer[kept], people.times[people.person[kept]])


def by_score(people: People, rows: int) -> tuple[People, np.ndarray]:
    """Return one pattern per set of questions and number of yeses, and the ``tilt`` (rows,) that makes up for it.

    With two answers, log P(pattern) = Σ y η + f(questions, Σ y) (Rasch 1960; Andersen 1970), so a pattern may stand
    for all of its score if Σ η (yeses of all these people − yeses if all had its own) is added.
    """
    yes = np.bincount(people.row, people.answer * people.times[people.person], rows)
    score = np.bincount(people.person, people.answer, len(people)).astype(np.uint64)
    keys = np.column_stack([_sums(people.row[:, None], people.start[:-1]), score])
    fewer = _merged(people.start, people.row, people.answer, people.times, keys)
    return fewer, yes - np.bincount(fewer.row, fewer.answer * fewer.times[fewer.person], rows)


def _sums(entries: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return random keys, the same for the same entries (entries, columns) from each start on, (starts, _KEYS)."""
    if not len(start):
        return np.zeros((0, _KEYS), dtype=np.uint64)
    _, code = np.unique(entries, axis=0, return_inverse=True)
    keys = np.random.default_rng(0).integers(2**64, size=(code.max() + 1, _KEYS), dtype=np.uint64)
    return np.asarray(np.add.reduceat(keys[code], start, axis=0))


def _merged(start: np.ndarray, row: np.ndarray, answer: np.ndarray, times: np.ndarray, keys: np.ndarray) -> People:
    """Return one pattern for all with the same keys, in the order of their entries, whatever that of people was."""
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    size = np.diff(start)[first]
    entry = row * (answer.max(initial=0) + 1) + answer
    place = start[first][:, None] + np.arange(min(size.max(initial=0), _SORTED))
    inside = np.arange(place.shape[1]) < size[:, None]
    leading = np.where(inside, entry[np.where(inside, place, 0)] if len(entry) else -1, -1)
    order = np.lexsort((*keys[first].T, *leading.T[::-1]))  # the last one counts most
    first, group = first[order], np.argsort(order)[group.ravel()]
    length = np.diff(start)[first]
    end = np.cumsum(length)
    index = np.repeat(start[first] - (end - length), length) + np.arange(end[-1] if len(end) else 0)
    total = np.bincount(group, times, len(first)).astype(np.int64)
    return People(np.concatenate([[0], end]).astype(np.int64), row[index], answer[index], total)


def people_of(tables: Sequence[pd.DataFrame], cells: pd.DataFrame) -> People:
    """Return the patterns in tables of answers; the rows of ``cells`` (labels) are the questions.

    An id means the same person within a table. An answer without an id is a person's only one.

    Raises
    ------
    SpecError
        If the rows of one person stand for different numbers of people.
    """
    labels = list(cells.columns)
    index = pd.MultiIndex.from_frame(cells)
    person, row, answer, times = [], [], [], []
    last = 0
    for table in tables:
        known = (table["respondent"] != "").to_numpy()
        code, names = pd.factorize(table["respondent"])
        alone = len(names) + np.arange(len(table))
        person.append(last + np.where(known, code, alone))
        last += len(names) + len(table)
        row.append(index.get_indexer(pd.MultiIndex.from_frame(table[labels])))
        answer.append(table["answer"].to_numpy())
        times.append(table["count"].to_numpy())
        uneven = table[known].groupby("respondent")["count"].nunique() > 1
        if uneven.any():
            first = ", ".join(repr(str(name)) for name in uneven.index[uneven][:5])
            message = f"the rows of {int(uneven.sum())} respondents stand for different numbers of people: {first}"
            raise SpecError([Problem("panel", "count", message, (), "a respondent's rows all have the same count")])
    return gather_people(*(np.concatenate(part) for part in (person, row, answer, times)))


@dataclass(frozen=True)
class Products:
    """How the chances of patterns are multiplied, so that what several patterns share is multiplied once.

    The factors are numbered: row · answers + answer, then product i, that of ``left[i]`` and ``right[i]``. Pattern p
    is the product of ``factor[start[p]]`` to ``factor[start[p + 1] - 1]``.
    """

    left: np.ndarray
    right: np.ndarray
    start: np.ndarray
    factor: np.ndarray


def shared_products(people: People, rows: int, answers: int, shared: int = SHARED) -> Products:
    """Return products of neighbours, then of neighbouring products, as long as each is that of ``shared`` patterns.

    Examples
    --------
    >>> people = gather_people(np.repeat([0, 1], 4), np.tile(np.arange(4), 2), np.array([0, 1, 0, 0, 0, 1, 1, 1]))
    >>> found = shared_products(people, rows=4, answers=2, shared=2)
    >>> found.left.tolist(), found.right.tolist(), found.start.tolist(), found.factor.tolist()
    ([0], [3], [0, 3, 6], [8, 4, 6, 8, 5, 7])
    """
    factor, pattern, start, last = people.row * answers + people.answer, people.person, people.start, rows * answers
    left, right = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    while np.diff(start).max(initial=0) > 1:
        even = (np.arange(len(factor)) - start[pattern]) % 2 == 0
        paired = np.flatnonzero(even & (np.arange(len(factor)) + 1 < start[pattern + 1]))
        neighbours = np.stack([factor[paired], factor[paired + 1]])
        pairs, code, uses = np.unique(neighbours, axis=1, return_inverse=True, return_counts=True)
        code, often = code.ravel(), uses >= shared
        if not often.any():
            break
        left.append(pairs[0, often])
        right.append(pairs[1, often])
        number = last + np.cumsum(often) - 1
        joined = often[code]
        factor[paired[joined]] = number[code[joined]]
        last += int(often.sum())
        kept = np.ones(len(factor), dtype=bool)
        kept[paired[joined] + 1] = False
        factor, pattern = factor[kept], pattern[kept]
        start = np.concatenate([[0], np.cumsum(np.bincount(pattern, minlength=len(people)))])
    return Products(np.concatenate(left), np.concatenate(right), start, factor)


# --- the integral over people -------------------------------------------------------------------
@dataclass(frozen=True)
class Grid:
    """Nodes of a standard normal deviation and their weights, which sum to 1.

    Equally spaced: the trapezoidal rule converges exponentially for smooth functions that vanish at both ends
    (Trefethen & Weideman 2014), and all patterns share what is computed at a node.
    """

    nodes: np.ndarray
    weight: np.ndarray


def grid(most: int, answers: int, sd: float) -> Grid:
    """Return a grid that is fine enough for patterns of up to ``most`` answers if the sd of people is at most ``sd``.

    An answer holds at most 1/4 (two answers) or 1/3 (more) of Fisher information about a person; logistic curves
    themselves ask for the spacing of an information of 1.

    Examples
    --------
    >>> len(grid(1, 2, 1.0).nodes), len(grid(12, 4, 2.0).nodes)
    (16, 40)
    """
    narrowest = 1 / math.sqrt(1 + max(most * (1 / 4 if answers == 2 else 1 / 3), 1) * sd**2)
    size = 1 + 2 * REACH / (FINENESS * narrowest)
    nodes = np.linspace(-REACH, REACH, LANES * math.ceil(size / LANES))
    weight = np.exp(-0.5 * nodes**2)
    return Grid(nodes, weight / weight.sum())


NO_PEOPLE = People(np.zeros(1, np.int64), *(np.zeros(0, np.int64) for _ in range(3)))
