"""Who was asked what: kinds of people and questions, and averages over them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .cells import Cells, Levels, Rows, group_covariates
from .errors import SpecError
from .spec import Spec

PLACE = ("country", "population")


@dataclass(frozen=True)
class Kinds:
    """How common kinds of people and questions are, in each country and population.

    Parameters
    ----------
    place
        ``country`` and ``population`` → integer codes, (kinds,).
    codes
        Attribute or group that a spec declares → integer codes into its levels, (kinds,).
    covariates
        Covariate of people → its value less its center, in units, (kinds,).
    share
        How many there are, (kinds,), in any unit: only ratios within a place count.
    elsewhere
        Whether a country without any has those of its population everywhere.
    """

    place: Mapping[str, np.ndarray]
    codes: Mapping[str, np.ndarray]
    covariates: Mapping[str, np.ndarray]
    share: np.ndarray
    elsewhere: bool = True

    def where(self, keep: np.ndarray) -> "Kinds":
        """Return those kinds that ``keep`` (kinds,) marks."""
        place, codes, covariates = (
            {k: v[keep] for k, v in part.items()} for part in (self.place, self.codes, self.covariates)
        )
        return Kinds(place, codes, covariates, self.share[keep], self.elsewhere)


def kinds_asked(spec: Spec, cells: Cells) -> Kinds:
    """Return the kinds of people and questions of all answers counted, whatever the wave and the ally.

    A change then is never one of who was asked, or of what.
    """
    n, codes = len(cells.counts), cells.rows.codes
    names = [c.name for c in spec.used_covariates if c.of_people]
    return Kinds(
        {f: codes[f][:n] for f in PLACE},
        {f: codes[f][:n] for f in spec.declared if f in codes},
        {k: cells.rows.covariates[k][:n] for k in names if k in cells.rows.covariates},
        cells.counts.sum(1).astype(float),
    )


def composed(
    spec: Spec,
    levels: Levels,
    kinds: Kinds,
    rows: Rows,
    *,
    held: Collection[str] = (),
    of: str | None = None,
    given: Sequence[str] | None = None,
) -> Iterator[tuple[Rows, np.ndarray]] | None:
    """Return every row once for each kind of person (and question) in its country and population.

    Where a country has none, they are those of the population everywhere.

    Parameters
    ----------
    held
        Covariates that keep the value the rows have; so do all factors the rows have.
    of
        The population whose kinds are taken, instead of each row's own.
    given
        Factors of the rows that choose the kinds besides; default all of those that kinds have. An attribute that is
        not among them does not: whatever its level, the people and the rest of the question are the same.

    Returns
    -------
    iterator of rows, share
        For each given row: it once per kind, (kinds,), and the share of each, (kinds,), summing to 1. None if nothing
        is left to average over.

    Raises
    ------
    SpecError
        If there is nobody of the kind a row asks for.
    """
    free = [kinds.codes[f] for f in kinds.codes if f not in rows.codes]
    free += [kinds.covariates[k] for k in kinds.covariates if k not in held]
    if not free:
        return None
    chosen = [f for f in kinds.codes if f in rows.codes] if given is None else [f for f in given if f in kinds.codes]
    return _composed(spec, levels, kinds, rows, frozenset(held), of, chosen, numbered(free))


def _composed(
    spec: Spec,
    levels: Levels,
    kinds: Kinds,
    rows: Rows,
    held: Collection[str],
    of: str | None,
    chosen: Sequence[str],
    kind: np.ndarray,
) -> Iterator[tuple[Rows, np.ndarray]]:
    _, first = np.unique(kind, return_index=True)
    own = {f: c[first] for f, c in kinds.codes.items() if f not in rows.codes}
    values = {k: v[first] for k, v in kinds.covariates.items() if k not in held}
    within = [kinds.place["population"], *(kinds.codes[f] for f in chosen)]
    anywhere = _shares(within, kind, kinds.share)
    here = _shares([*within, kinds.place["country"]], kind, kinds.share)
    population = np.full(len(rows), levels["population"].index(of)) if of is not None else rows.codes["population"]
    keys = np.column_stack([population, *(rows.codes[f] for f in chosen), rows.codes["country"]])
    for i, key in enumerate(map(tuple, keys.tolist())):
        found = here.get(key) or (anywhere.get(key[:-1]) if kinds.elsewhere else None)
        if found is None:
            names = [levels[f][c] for f, c in zip(("population", *chosen, "country"), key, strict=True)]
            raise SpecError(f"nobody is there who is {', '.join(names)}: there is nothing to average over")
        index, share = found
        more = rows.take(np.full(len(index), i))
        codes = {**more.codes, **{f: c[index] for f, c in own.items()}}
        of_groups = {k: v for k, v in group_covariates(spec, levels, codes).items() if k not in more.covariates}
        filled = {**more.covariates, **of_groups, **{k: v[index] for k, v in values.items()}}
        yield replace(more, codes=codes, covariates=filled), share


def numbered(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return 0, 1, … for every distinct combination of the columns, (rows,)."""
    out = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        labels, code = np.unique(column, return_inverse=True)
        out = np.unique(out * len(labels) + code, return_inverse=True)[1]
    return out


def _shares(
    within: Sequence[np.ndarray], kind: np.ndarray, share: np.ndarray
) -> dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]]:
    """Return, for every combination of the columns ``within``, its kinds and their shares, summing to 1."""
    place = numbered(within)
    pair, inverse = np.unique(place * (kind.max(initial=0) + 1) + kind, return_inverse=True)
    size = np.bincount(inverse, share)
    _, first = np.unique(place, return_index=True)
    start = np.searchsorted(pair // (kind.max(initial=0) + 1), np.arange(len(first) + 1))
    out = {}
    for i, (a, b) in enumerate(pairwise(start)):
        some = np.flatnonzero(size[a:b]) + a
        if len(some):
            key = tuple(int(c[first[i]]) for c in within)
            out[key] = pair[some] % (kind.max(initial=0) + 1), size[some] / size[some].sum()
    return out
