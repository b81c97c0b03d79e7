"""Populations from less than a census: from margins (raking), and from a weighted survey.

Iterative proportional fitting: Deming & Stephan 1940, Annals of Mathematical Statistics 11, 427-444. Poststratifying
to its result is MrsP: Leemann & Wasserfallen 2017, American Journal of Political Science 61, 1003-1022.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from .errors import Problem, nearest, raise_predict
from .headcounts import OF_PEOPLE, SIZE, amount, key_problems
from .labels import first_rows
from .populations import Population, added_up
from .sources import WEIGHT, Survey

AGREE = 0.001  # how far margins may contradict each other, as a part of their sizes
MOST_ROUNDS = 2000

Step = tuple[np.ndarray, np.ndarray]  # the cell of the margin that each cell belongs to, and the sizes of the margin


def population_from_margins(
    seed: Population | None, margins: Sequence[Population], *, tolerance: float = 1e-9
) -> Population:
    """Return the population that has these margins and otherwise the odds ratios of the seed: raking.

    Parameters
    ----------
    seed
        The joint distribution to start from: a survey (`population_from_weights`), an older census. What matters is
        odds ratios, not its total. None: all combinations of the margins alike, so that keys are independent given
        the margins.
    margins
        Populations by some of the keys each, ``population.margin(…)`` or `read_population`. Where they share keys they
        have to agree within 0.1 %; what is left of a difference is settled in favour of those named first.
    tolerance
        The largest difference from a margin that may remain, as a part of the total.

    Returns
    -------
    Population
        With the total of the first margin.

    Raises
    ------
    PredictError
        If margins contradict each other, a cell of a margin has people but none of the seed, a cell of the seed is in
        no cell of a margin (a row of size 0 says that nobody is there), or raking does not arrive.

    Examples
    --------
    >>> import pandas as pd
    >>> from alliancecred import read_population
    >>> def table(**columns):
    ...     return read_population(pd.DataFrame(columns), keys=[c for c in columns if c != "count"])
    >>> seed = table(age=["young", "young", "old", "old"], degree=["no", "yes"] * 2, count=[1, 2, 2, 1])
    >>> margins = [table(age=["young", "old"], count=[50, 50]), table(degree=["no", "yes"], count=[50, 50])]
    >>> population_from_margins(seed, margins).table["size"].round(1).tolist()
    [16.7, 33.3, 33.3, 16.7]
    """
    raise_predict(list(_argument_problems(seed, margins)))
    raise_predict([p for i, m in enumerate(margins) for other in margins[:i] for p in _contradictions(other, m)])
    agreed: list[Population] = []
    notes: list[str] = []
    for margin in margins:
        common = [m.margin([k for k in m.keys if k in margin.keys]) for m in agreed]
        there = np.all([_cell_of(margin, m) >= 0 for m in common], axis=0) if common else np.ones(len(margin), bool)
        margin = replace(margin, table=margin.table[there].reset_index(drop=True))  # others have size 0: see above
        fitted, rounds = _raked(margin, common, tolerance)
        moved = float(abs(fitted.table[SIZE] - margin.table[SIZE]).sum())
        if rounds and moved > tolerance * margin.total:
            notes.append(f"margin {_name(margin)} adjusted to those before it, by {amount(moved)} people in all")
        agreed.append(fitted)
    start = _alike(margins) if seed is None else seed
    raise_predict([p for m in agreed for p in _support_problems(start, m)])
    raked, rounds = _raked(start, agreed, tolerance)
    beyond = "keys are independent given the margins" if seed is None else "beyond them, odds ratios are the seed's"
    named = "; ".join(_name(m) for m in margins)
    notes.append(f"raked to {len(margins)} margins ({named}) in {rounds} rounds; {beyond} (MrsP)")
    before = (*start.notes, f"the seed had a total of {amount(start.total)}, now {amount(raked.total)}")
    return Population(raked.keys, raked.table, start.source, (*(before if seed is not None else ()), *notes))


def population_from_weights(survey: Survey, keys: str | Sequence[str]) -> Population:
    """Return the kinds of people in a survey, by the sums of their weights; without weights, by their number.

    A row of a survey is an answer, not a person. Within each sample (country, wave and population) a person counts
    once, however many allies they judged: with ids by the mean weight of their answers; rows without id stand for as
    many people as answered the question (ally and target) that most of them answered. Weights of a sample are
    scaled to the number of its people: those of two samples have no common unit. So countries are as large as their
    samples, not as their populations; `population_from_margins` gives them people.

    Parameters
    ----------
    survey
        Answers of people, as `read_survey` returns them.
    keys
        Country, wave, population and covariates of people (its traits).

    Raises
    ------
    PredictError
        If the survey does not know a key.

    Examples
    --------
    >>> import pandas as pd, warnings
    >>> from alliancecred import Roles, read_survey
    >>> frame = pd.DataFrame({"c": "PL", "a": ["US", "UK", "US"], "q": ["yes", "no", "no"], "id": ["p", "p", "q"],
    ...                       "w": [0.6, 0.6, 1.8], "sex": ["f", "f", "m"]})
    >>> roles = Roles(country="c", ally="a", answer="q", respondent="id", weight="w")
    >>> with warnings.catch_warnings(action="ignore"):
    ...     survey = read_survey(frame, roles=roles, answers=("no", "yes"), top=("yes",), traits={"sex": "sex"})
    >>> population_from_weights(survey, "sex").table.values.tolist()
    [['f', 0.5], ['m', 1.5]]
    """
    keys = (keys,) if isinstance(keys, str) else tuple(dict.fromkeys(keys))
    table, problems = survey.table, list(key_problems(keys))
    known = (*(f for f in OF_PEOPLE if (table[f] != "").any()), *survey.traits)
    if not problems:
        problems = [
            Problem("schema", k, "is neither a factor nor a trait of the survey", (), nearest(k, known))
            for k in keys
            if k not in known
        ]
    raise_predict(problems)
    person, sample, question = (
        table.groupby([*OF_PEOPLE, *more], sort=False).ngroup().to_numpy()
        for more in (["respondent"], [], ["respondent", "ally", "target"])
    )
    count = table["count"].to_numpy(dtype=float)
    people = np.zeros(person.max() + 1)
    np.maximum.at(people, person, np.bincount(question, count)[question])
    part = count * (people / np.bincount(person, count))[person]  # of a person, in each of their answers
    weighted = part * table[WEIGHT].to_numpy(dtype=float) if survey.weighted else part
    scale = np.bincount(sample, part) / np.bincount(sample, weighted)
    rows = table[list(keys)].assign(**{SIZE: weighted * scale[sample]})
    what = "weights" if survey.weighted else "no weights, so as many as were asked"
    note = f"{what}: {amount(float(people.sum()))} people gave {amount(float(count.sum()))} answers"
    samples = f"each of {sample.max() + 1} samples (country, wave, population) sums to its people asked"
    return added_up(rows, keys, survey.report.source, (f"{note}; {samples}, whatever the size of the country",))


# --- iterative proportional fitting ---------------------------------------------------------------
def _raked(start: Population, margins: Sequence[Population], tolerance: float) -> tuple[Population, int]:
    """Return the start with these margins, and after how many rounds."""
    steps = [(_cell_of(start, m), m.table[SIZE].to_numpy()) for m in margins]
    size, rounds, away = _fit(start.table[SIZE].to_numpy(), steps, tolerance)
    if rounds > MOST_ROUNDS:
        worst = max(range(len(steps)), key=lambda i: abs(away[i]).max())
        cell = int(abs(away[worst]).argmax())
        left = f"{_cell(margins[worst], cell)} is off by {amount(float(abs(away[worst][cell])))} people"
        remedy = "margins that the cells of the seed cannot have together: coarser groups, or cells without zeros"
        raise_predict(
            [Problem("outcome", _name(margins[worst]), f"no end after {MOST_ROUNDS} rounds: {left}", (), remedy)]
        )
    return Population(start.keys, start.table.assign(**{SIZE: size}), start.source, start.notes), rounds


def _fit(size: np.ndarray, steps: Sequence[Step], tolerance: float) -> tuple[np.ndarray, int, list[np.ndarray]]:
    """Return sizes (cells,), the rounds it took (one more than allowed: it did not arrive) and what differs then."""
    away = []
    for rounds in range(MOST_ROUNDS + 1):
        away = [np.bincount(cell, size, len(target)) - target for cell, target in steps]
        if all(abs(a).max() <= tolerance * t.sum() for a, (_, t) in zip(away, steps, strict=True)):
            return size, rounds, away
        for cell, target in steps:
            now = np.bincount(cell, size, len(target))
            size = size * np.divide(target, now, out=np.zeros_like(target), where=now > 0)[cell]
    return size, MOST_ROUNDS + 1, away


def _cell_of(population: Population, margin: Population) -> np.ndarray:
    """Return the row of the margin that each cell belongs to, -1 if there is none."""
    if not margin.keys:
        return np.zeros(len(population), dtype=np.int64)
    place = margin.table[list(margin.keys)].assign(_place=np.arange(len(margin)))
    found = population.table[list(margin.keys)].merge(place, on=list(margin.keys), how="left")["_place"]
    return found.fillna(-1).to_numpy(dtype=np.int64)


def _alike(margins: Sequence[Population]) -> Population:
    """Return every combination of cells that the margins allow, once."""
    cells = margins[0].table.drop(columns=SIZE)
    for margin in margins[1:]:
        common = [k for k in margin.keys if k in cells]
        other = margin.table.drop(columns=SIZE)
        cells = cells.merge(other, on=common) if common else cells.merge(other, how="cross")
    source = "; ".join(dict.fromkeys(m.source for m in margins if m.source))
    return Population(tuple(cells.columns), cells.astype(object).assign(**{SIZE: 1.0}), source)


# --- checks ---------------------------------------------------------------------------------------
def _argument_problems(seed: Population | None, margins: Sequence[Population]) -> Iterator[Problem]:
    if not margins:
        yield Problem("schema", "margins", "at least one is needed")
    for margin in margins:
        if not margin.keys or not margin.total > 0:
            yield Problem("schema", "margins", f"margin {_name(margin)} has no keys, or nobody in it")
        for key in margin.keys if seed is not None else ():
            if seed is not None and key not in seed.keys:
                yield Problem("schema", key, "the seed has no such key", (), nearest(key, seed.keys))


def _contradictions(first: Population, second: Population) -> Iterator[Problem]:
    """Yield where two margins have different totals, or different sizes by the keys they share."""
    totals = first.total, second.total
    both = f"{_name(first)} and {_name(second)}"
    if abs(totals[0] - totals[1]) > AGREE * max(totals):
        remedy = "one year and one kind of people for both; shares of one are no people of the other"
        yield Problem("outcome", both, f"totals {amount(totals[0])} and {amount(totals[1])} differ", (), remedy)
        return
    common = [k for k in first.keys if k in second.keys]
    if common:
        tables = [m.margin(common).table for m in (first, second)]
        merged = tables[0].merge(tables[1], on=common, how="outer").fillna({f"{SIZE}_x": 0.0, f"{SIZE}_y": 0.0})
        one, other = (merged[f"{SIZE}_{x}"].to_numpy() for x in "xy")
        for i in first_rows(abs(one - other) > AGREE * np.maximum(one, other)):
            name = ", ".join(merged[common].iloc[i])
            message = f"{name} has {amount(float(one[i]))} people in one, {amount(float(other[i]))} in the other"
            yield Problem("outcome", both, message, (), "margins have to be of the same people")


def _support_problems(seed: Population, margin: Population) -> Iterator[Problem]:
    cell = _cell_of(seed, margin)
    size, target = seed.table[SIZE].to_numpy(), margin.table[SIZE].to_numpy()
    for i in first_rows((np.bincount(cell[cell >= 0], size[cell >= 0], len(target)) == 0) & (target > 0)):
        message = f"{_cell(margin, i)} has {amount(float(target[i]))} people, but the seed has nobody there"
        yield Problem("level", _name(margin), message, (), "coarser groups (LevelMap), or a seed that has such people")
    if (cell < 0).any():
        names = ", ".join(dict.fromkeys(_cell(seed, i, margin.keys) for i in first_rows(cell < 0)))
        remedy = "a row of size 0 says that nobody is there"
        yield Problem(
            "level", _name(margin), f"does not have {names}, which the seed has", first_rows(cell < 0), remedy
        )


def _name(margin: Population) -> str:
    return " × ".join(margin.keys) or "total"


def _cell(population: Population, row: int, keys: Sequence[str] = ()) -> str:
    return " and ".join(repr(population.table[k].iloc[row]) for k in keys or population.keys)
