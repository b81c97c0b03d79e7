"""The door for populations: how many people of each kind live where → `Population`.

Averages of a multilevel model over such a table are poststratified (Gelman & Little 1997, Survey Methodology 23,
127-135; Park, Gelman & Bafumi 2004, Political Analysis 12, 375-385). A level whom nobody has is written as a row of
size 0; nothing else says that a group is empty rather than lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .errors import Problem, nearest, raise_predict
from .factors import column_problems
from .headcounts import SIZE, amount, key_problems, read_labels, read_sizes, share_sums
from .labels import alike_problems, first_rows, shown
from .level_maps import LevelMap, map_labels, map_notes, map_problems
from .shares import number
from .tables import open_table


@dataclass(frozen=True, eq=False)
class Population:
    """How many people of each kind live where: what estimands are averaged over (poststratification).

    Two are equal if their keys, tables, sources and notes are.

    Parameters
    ----------
    keys
        Names of factors and covariates of people: ``("country", "age", "educ", "female")``.
    table
        One row per cell, in order of first appearance: a column of plain strings per key, and ``size`` (float, at
        least 0; people, or shares). No combination is there twice.
    source
        Where it comes from, in words.
    notes
        What was mapped, added up, raked or left out: everything that changed the cells or their total.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["PL", "PL", "DE"], "age": ["18-39", "40+", "40+"], "n": [9, 21, 70]})
    >>> census = read_population(frame, keys=("country", "age"), size="n")
    >>> census.total
    100.0
    >>> census.margin("country").table.values.tolist()
    [['PL', 30.0], ['DE', 70.0]]
    >>> census.where(country="PL").notes[-1]
    "only country 'PL': 30 of 100 people"
    """

    keys: tuple[str, ...]
    table: pd.DataFrame
    source: str = ""
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """How many people there are (1 or 100 if sizes are shares)."""
        return float(self.table[SIZE].sum())

    def __len__(self) -> int:
        return len(self.table)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Population):
            return NotImplemented
        same = (self.keys, self.source, self.notes) == (other.keys, other.source, other.notes)
        return same and self.table.equals(other.table)

    def __hash__(self) -> int:
        return hash((self.keys, self.source, self.notes, len(self), self.total))

    def labels(self, key: str) -> tuple[str, ...]:
        """Return the labels of a key, in order of first appearance."""
        return tuple(self.table[_known(self, (key,))[0]].unique())

    def margin(self, keys: str | Sequence[str]) -> "Population":
        """Return the same people by these keys only, added up over the others; no keys: one cell with everybody.

        Raises
        ------
        PredictError
            If a key is unknown.
        """
        kept = _known(self, keys)
        if kept == self.keys:
            return self
        note = (
            f"added up over {', '.join(k for k in self.keys if k not in kept)}: " if set(kept) < set(self.keys) else ""
        )
        return added_up(self.table, kept, self.source, self.notes, note)

    def where(self, **labels: str | Sequence[str]) -> "Population":
        """Return the people who have one of these labels, key by key: ``where(country=("PL", "DE"))``.

        Raises
        ------
        PredictError
            If a key or a label is unknown.
        """
        chosen = {key: (x,) if isinstance(x, str) else tuple(x) for key, x in labels.items()}
        _known(self, tuple(chosen))
        raise_predict(
            [
                Problem("level", key, f"{x!r} is not in the population", (), nearest(str(x), self.labels(key)))
                for key, wanted in chosen.items()
                for x in wanted
                if x not in self.labels(key)
            ]
        )
        keep = np.ones(len(self), dtype=bool)
        for key, wanted in chosen.items():
            keep &= self.table[key].isin(wanted).to_numpy()
        table = self.table[keep].reset_index(drop=True)
        named = "; ".join(f"{key} {shown(wanted)}" for key, wanted in chosen.items())
        raise_predict([] if keep.any() else [Problem("level", "", f"no cell of the population has {named}")])
        note = f"only {named}: {amount(float(table[SIZE].sum()))} of {amount(self.total)} people"
        return Population(self.keys, table, self.source, (*self.notes, *([note] if chosen else ())))


def read_population(
    data: Any,
    *,
    keys: Mapping[str, str] | Sequence[str],
    size: str = "count",
    levels: Sequence[LevelMap] = (),
    share: bool = False,
    source: str = "",
) -> Population:
    r"""Read a table of people: a census, a register, a frame of cells.

    Rows of one combination of keys are added up, over all other columns of the table.

    Parameters
    ----------
    data
        A path (``.csv``, ``.csv.gz``, ``.parquet``, ``.sav``, ``.dta``) or a frame (pandas, polars, pyarrow), as in
        `read_survey`; never modified. Numbers as labels become text as there: 1 and 1.0 are ``"1"``.
    keys
        Factors of people (country, wave, population) and covariates of people, each with its column, or their names
        if columns are called the same.
    size
        The column with how many people a row stands for.
    levels
        What labels of the table are called in the analysis, one `LevelMap` per key that needs it.
    share
        Whether sizes are shares: they must sum to 1 or to 100, within one per cent of it, over all rows or within each
        country (or each combination of the factors). They are kept as they are.
    source
        Where it comes from, in words; default the name of the file.

    Raises
    ------
    PredictError
        Listing every problem: columns, rows without a label or a size, sizes that are negative, infinite or no
        numbers, labels that are not mapped or look the same, shares that do not add up.

    Examples
    --------
    >>> frame = pd.DataFrame({"land": ["DE", "DE", "DE"], "age": [1, 2, 3], "count": [10, 20, 30]})
    >>> bands = LevelMap("age", (("1", "18-39"), ("2", "18-39"), ("3", "40+")))
    >>> census = read_population(frame, keys={"country": "land", "age": "age"}, levels=[bands])
    >>> census.table.values.tolist()
    [['DE', '18-39', 30.0], ['DE', '40+', 30.0]]
    >>> print(*census.notes, sep="\n")
    age: '1', '2' are added up as '18-39'
    2 cells from 3 rows; total 60 before and after
    """
    columns = dict(keys) if isinstance(keys, Mapping) else {k: k for k in ((keys,) if isinstance(keys, str) else keys)}
    wanted = {**columns, SIZE: size}
    problems = [*key_problems(tuple(columns)), *map_problems(levels, tuple(columns))]
    table = open_table(data, [c for c in wanted.values() if isinstance(c, str)])
    problems += [*table.problems, *column_problems(table, wanted, "")]
    raise_predict(problems)
    people, problems = read_sizes(table.data[size], size)
    maps = {m.key: m for m in levels}
    coded, notes = {}, list(table.warnings)
    for key, column in columns.items():
        found, wrong = read_labels(table, key, column)
        problems += wrong
        if found is not None and key in maps:
            mapped, wrong = map_labels(found, maps[key])
            problems += wrong
            notes += [] if wrong else map_notes(found, maps[key])
            found = mapped
        if found is not None:
            problems += alike_problems(found)
            coded[key] = pd.Categorical.from_codes(found.codes, pd.Index(found.labels, dtype=object))
    raise_predict(problems)
    rows = pd.DataFrame({**coded, SIZE: people})
    if share:
        problems, note = share_sums(rows, tuple(columns), size)
        raise_predict(problems)
        notes.append(note)
    return added_up(rows, tuple(columns), source or table.name, notes)


def check_population(population: Population, levels: Mapping[str, Sequence[str]]) -> None:
    """Refuse a population whose labels are not those of the analysis, key by key.

    Both ways: a label the analysis does not know would have to be made up, and a level without people may be one that
    was lost or is coded otherwise. Where nobody lives, the table says so by a row of size 0.

    Parameters
    ----------
    population
        What estimands are to be averaged over.
    levels
        The levels of every factor and covariate of people in the analysis. An empty sequence: numbers, of which any
        will do (a `Covariate` without declared values).

    Raises
    ------
    PredictError
        Listing every key and label that does not match, with both sets.

    Examples
    --------
    >>> census = read_population(pd.DataFrame({"age": ["18-39", "40+"], "count": [5, 6]}), keys=("age",))
    >>> check_population(census, {"age": ("18-39", "40+"), "degree": ("no", "yes")})
    """
    problems: list[Problem] = []
    for key in population.keys:
        if key not in levels:
            remedy = f"{nearest(key, tuple(levels))}, or leave it out: margin(…)"
            problems.append(Problem("schema", key, "no such factor or covariate of people in the analysis", (), remedy))
        else:
            problems += _level_problems(population, key, tuple(map(str, levels[key])))
    raise_predict(problems)


# --- helpers of this room and of that beside it ---------------------------------------------------
def added_up(
    rows: pd.DataFrame, keys: tuple[str, ...], source: str, notes: Sequence[str] = (), what: str = ""
) -> Population:
    """Return rows added up by ``keys``, with a note of their number and total before and after."""
    if keys:
        table = rows.groupby(list(keys), sort=False, observed=True)[SIZE].sum().reset_index()
    else:
        table = pd.DataFrame({SIZE: [rows[SIZE].sum()]})
    table = table[[*keys, SIZE]].astype({**dict.fromkeys(keys, object), SIZE: float})
    before, after = float(rows[SIZE].sum()), float(table[SIZE].sum())
    if abs(after - before) > 1e-9 * before:  # people must be neither lost nor doubled on the way
        raise_predict([Problem("outcome", SIZE, f"total {amount(before)} before adding up, {amount(after)} after")])
    note = f"{what}{len(table):,} cells from {len(rows):,} rows; total {amount(before)} before and after"
    return Population(keys, table, source, (*notes, note))


def _known(population: Population, keys: str | Sequence[str]) -> tuple[str, ...]:
    names = (keys,) if isinstance(keys, str) else tuple(dict.fromkeys(keys))
    wrong = [k for k in names if k not in population.keys]
    raise_predict(
        [Problem("schema", str(k), "no key of the population", (), nearest(str(k), population.keys)) for k in wrong]
    )
    return names


def _level_problems(population: Population, key: str, declared: Sequence[str]) -> Iterator[Problem]:
    there = population.labels(key)
    if not declared:
        odd = [x for x in there if number(x) is None]
        if odd:
            message = f"the analysis has numbers; the population has {shown(odd)}"
            yield Problem("level", key, message, (), "numbers in the population too (LevelMap), or declare labels")
        return
    both = f"the population has {shown(there)}; the analysis has {shown(declared)}"
    new, absent = ([x for x in a if x not in set(b)] for a, b in ((there, declared), (declared, there)))
    if len(new) == len(there):
        yield Problem("level", key, f"coded otherwise: {both}", (), "LevelMap(…) says what is called what")
        return
    if new:
        where = population.table[key].isin(new).to_numpy()
        people = amount(float(population.table[SIZE].to_numpy()[where].sum()))
        message = f"{shown(new)} ({people} of {amount(population.total)} people) is not in the analysis: {both}"
        remedy = "map it (LevelMap), or leave it out (where)"
        yield Problem("level", key, message, first_rows(where), remedy)
    if absent:
        remedy = "map it (LevelMap); if nobody is there, a row of size 0 says so"
        yield Problem("level", key, f"{shown(absent)} is not in the population: {both}", (), remedy)
