"""Forced choices: which of the two profiles of a choice set was chosen.

The chance that the first of two profiles is chosen is logit⁻¹(η − η′) (McFadden 1974; Bradley & Terry 1952): whatever
both share cancels, so that only attributes, and what varies with them, can be estimated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp

from .errors import Problem, SpecError
from .labels import Coded, shown
from .sources import CHOICE_SET, ReportLine
from .terms import FACTORS

_ELSEWHERE = f"differ in more than attributes ({', '.join(FACTORS)}, groups or count)"


@dataclass(frozen=True)
class Choices:
    """How often each of two profiles was preferred to the other.

    Parameters
    ----------
    left, right
        (pairs,): rows of the cells; of every pair the left is the row that comes first.
    counts
        (pairs, 2): how often the right, and how often the left, was chosen.

    Examples
    --------
    >>> found = Choices(np.array([0]), np.array([2]), np.array([[1, 3]]))
    >>> found.contrast(np.array([[5.0], [0.0], [2.0]])).tolist(), found.by_row(3).tolist()
    ([[3.0]], [[1, 3], [0, 0], [3, 1]])
    """

    left: np.ndarray
    right: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.left)

    def contrast[T: (np.ndarray, sp.csr_array)](self, by_row: T) -> T:
        """Return what the left row of every pair has more than the right: (rows, …) → (pairs, …)."""
        return by_row[self.left] - by_row[self.right]

    def kept(self, mask: np.ndarray) -> np.ndarray:
        """Return which pairs have neither row held out, (pairs,), for a ``mask`` (rows,) that is 0 where one is."""
        return (np.asarray(mask)[self.left] > 0) & (np.asarray(mask)[self.right] > 0)

    def by_row(self, rows: int, counts: np.ndarray | None = None) -> np.ndarray:
        """Return how often each row was not chosen and chosen, (…, rows, 2), from ``counts`` (…, pairs, 2)."""
        counts = self.counts if counts is None else counts
        incidence = [sp.csr_array((np.ones(len(i), dtype=np.int64), (i, np.arange(len(i)))), shape=(rows, len(i)))
                     for i in (self.left, self.right)]  # fmt: skip
        flat = counts.reshape(-1, len(self), 2)
        chosen, other = flat[..., 1].T, flat[..., 0].T
        sides = [(incidence[0] @ a + incidence[1] @ b).T for a, b in ((other, chosen), (chosen, other))]
        return np.asarray(np.stack(sides, axis=-1).reshape(*counts.shape[:-2], rows, 2))


def whole_sets(
    choice: Coded, person: Coded | None, keep: np.ndarray, times: np.ndarray, lines: Sequence[ReportLine]
) -> tuple[np.ndarray, list[ReportLine]]:
    """Return which rows are used, (rows,): those of whole choice sets; and ``lines`` with one on the others."""
    who = np.zeros(len(keep), dtype=np.int64) if person is None else person.codes
    key = pd.factorize(who * (len(choice.labels) + 1) + choice.codes)[0]
    whole = (np.bincount(key, keep) == np.bincount(key))[key]
    lost = int(times[keep & ~whole].sum())
    return keep & whole, [*lines, *([ReportLine("excluded", lost, "its choice set is not complete")] if lost else [])]


def gather_choices(choice: np.ndarray, row: np.ndarray, chosen: np.ndarray, times: np.ndarray) -> Choices:
    """Return the choices of entries, two for each number of ``choice``; each stands for ``times``.

    Examples
    --------
    >>> entries = np.array([7, 7, 8, 8]), np.array([3, 1, 1, 3]), np.array([1, 0, 1, 0]), np.array([1, 1, 2, 2])
    >>> found = gather_choices(*entries)
    >>> found.left.tolist(), found.right.tolist(), found.counts.tolist()
    ([1], [3], [[1, 2]])
    """
    order = np.lexsort((row, choice))
    first, second = order[::2], order[1::2]
    pairs, code = np.unique(np.column_stack([row[first], row[second]]), axis=0, return_inverse=True)
    won = [np.bincount(code.ravel(), times[first] * (chosen[k] == 1), len(pairs)) for k in (second, first)]
    return Choices(pairs[:, 0], pairs[:, 1], np.column_stack(won).astype(np.int64))


def choices_of(tables: Sequence[pd.DataFrame], cells: pd.DataFrame, attributes: Sequence[str]) -> Choices:
    """Return the choices in tables of answers; the rows of ``cells`` (labels) are the profiles.

    A choice set is a respondent's (without respondents, a table's) rows of the same ``choice_set``.

    Raises
    ------
    SpecError
        If a choice set does not hold two profiles, one of them chosen, in one place.
    """
    index = pd.MultiIndex.from_frame(cells)
    place = [f for f in cells.columns if f not in attributes]
    parts, last = [], 0
    for table in tables:
        choice = table.groupby(["respondent", CHOICE_SET], sort=False).ngroup().to_numpy()
        problems = [
            (~table.groupby(choice)["answer"].transform("size").eq(2), "do not have two profiles"),
            (~table.groupby(choice)["answer"].transform("sum").eq(1), "do not have one profile that was chosen"),
            (table.groupby(choice)[[*place, "count"]].transform("nunique").gt(1).any(axis=1), _ELSEWHERE),
        ]
        for wrong, words in problems:
            if wrong.any():
                names = list(dict.fromkeys(table.loc[wrong, CHOICE_SET].astype(str)))
                message = f"{len(set(choice[wrong.to_numpy()])):,} choice sets {words}: {shown(names[:5])}"
                raise SpecError([Problem("panel", CHOICE_SET, message, (), "one row per profile, two per choice")])
        labels = pd.MultiIndex.from_frame(table[list(cells.columns)])
        parts.append((last + choice, index.get_indexer(labels), table["answer"].to_numpy(), table["count"].to_numpy()))
        last += len(table)
    return gather_choices(*(np.concatenate(part) for part in zip(*parts, strict=True)))
