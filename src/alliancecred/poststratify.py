"""Whom and what estimands are averaged over: those asked, or a population."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from .cells import Cells, Levels
from .composition import Kinds, kinds_asked
from .errors import DataWarning, PredictError, Problem, SpecError, nearest
from .headcounts import SHARES, SIZE
from .populations import Population, check_population
from .profiles import Profiles, crossed, everyone, profile_shares, profile_table, profiles_shown
from .spec import Spec
from .traits import trait_values


def whom(spec: Spec, cells: Cells, population: Population | None, profiles: Profiles = "design") -> Kinds:
    """Return whom, and what, an estimand is averaged over: those asked unless a population is given."""
    asked = kinds_asked(spec, cells)
    if isinstance(profiles, str) and profiles not in ("design", "uniform"):
        raise SpecError(f"profiles are 'design', 'uniform' or shares of levels, got {profiles!r}")
    if profiles == "design" and population is None:
        return asked
    if population is None:
        people = everyone(asked, [a.name for a in spec.attributes])
    else:
        people = kinds_of(spec, cells.levels, population)
        _warn_of_absent(spec, cells, people)
    if not spec.attributes:
        return people
    if profiles == "design":
        return crossed(people, *profiles_shown(spec, asked))
    shares = profile_shares(spec, {} if isinstance(profiles, str) else profiles)
    return crossed(people, *profile_table(spec, cells.levels, shares))


def _warn_of_absent(spec: Spec, cells: Cells, people: Kinds) -> None:
    """Warn (`DataWarning`) of kinds of people who answered and of whom the population has nobody.

    Of countries and populations it does not cover at all nothing is said: an estimand about them is refused.
    """
    names = ["country", "population", *(g.name for g in spec.groups)]
    n, known = len(cells.counts), {**people.place, **people.codes}
    there = {k for k, size in zip(zip(*(known[f] for f in names), strict=True), people.share, strict=True) if size > 0}
    covered = {key[:2] for key in there}
    answers: dict[tuple[int, ...], float] = {}
    counts = (cells.counts if cells.unweighted is None else cells.unweighted).sum(1)
    for key, count in zip(zip(*(cells.rows.codes[f][:n] for f in names), strict=True), counts, strict=True):
        if key not in there and key[:2] in covered:
            answers[key] = answers.get(key, 0.0) + float(count)
    if answers:
        first = ", ".join(cells.levels[f][i] for f, i in zip(names, next(iter(answers)), strict=True))
        warnings.warn(
            f"population: it has nobody of {len(answers)} kinds of people who gave {sum(answers.values()):,.0f} "
            f"answers (first: {first}): they count for nothing → see whether its table lacks rows",
            DataWarning,
            stacklevel=4,
        )


def kinds_of(spec: Spec, levels: Levels, population: Population) -> Kinds:
    """Return the kinds of people of a population, with attributes left open.

    Keys that the spec has not are added up over. Without ``country`` (``population``) among its keys it stands for
    every country (population).

    Raises
    ------
    PredictError
        If it lacks a group or a covariate of people of the spec, or has it by wave; or labels differ (see
        `check_population`).
    """
    covariates = [c for c in spec.used_covariates if c.of_people]
    needed = [g.name for g in spec.groups] + [c.name for c in covariates]
    if not isinstance(population, Population):
        raise PredictError(f"population: a Population is needed, got {type(population).__name__} → read_population")
    problems = [
        Problem("schema", name, "the population does not have it", (), _remedy(name, population))
        for name in needed
        if name not in population.keys
    ]
    if "wave" in population.keys:
        problems.append(Problem("schema", "wave", "a population by wave: choose one", (), "population.where(wave=…)"))
    if problems:
        raise PredictError(problems)
    own = population.margin([k for k in population.keys if k in ("country", "population", *needed)])
    wanted: dict[str, Sequence[str]] = {g.name: g.levels for g in spec.groups}
    wanted |= {c.name: tuple(k for k, _ in c.values) for c in covariates}
    places = [f for f in ("country", "population") if f in own.keys]
    wanted |= {f: [x for x in levels[f] if x in own.labels(f)] or levels[f] for f in places}
    check_population(own, wanted)
    return _as_kinds(spec, levels, own.table, [g.name for g in spec.groups])


def _as_kinds(spec: Spec, levels: Levels, table: pd.DataFrame, groups: Sequence[str]) -> Kinds:
    values = trait_values([c for c in spec.used_covariates if c.of_people], table)
    codes = {f: _codes(table[f], levels[f]) for f in ("country", "population", *groups) if f in table}
    open_places = [f for f in ("country", "population") if f not in codes]
    times = [len(levels[f]) for f in open_places]
    copies = int(np.prod(times, dtype=int))
    full: Mapping[str, np.ndarray] = {f: np.tile(c, copies) for f, c in codes.items()}
    grid = np.indices(times).reshape(len(times), -1) if times else np.zeros((0, 1), dtype=int)
    full = {**full, **{f: np.repeat(grid[j], len(table)) for j, f in enumerate(open_places)}}
    return Kinds(
        {f: full[f] for f in ("country", "population")},
        {f: full[f] for f in groups},
        {k: np.tile(v, copies) for k, v in values.items()},
        np.tile(table[SIZE].to_numpy(dtype=float), copies),
        elsewhere=False,
    )


def _codes(column: pd.Series, labels: Sequence[str]) -> np.ndarray:
    return column.map({label: i for i, label in enumerate(labels)}).to_numpy(dtype=np.int64)


def _remedy(name: str, population: Population) -> str:
    return f"{nearest(name, population.keys)}; margins only? population_from_margins"


def people_words(population: Population | None) -> str | None:
    """Return in words who is averaged over; None if those asked are."""
    if population is None:
        return None
    shares = any(note.startswith(SHARES) for note in population.notes)
    size = "shares" if shares else f"{population.total:,.0f} people"
    name = population.source or "a population"
    return f"within a country poststratified over {name} ({size}; {', '.join(population.keys)})"
