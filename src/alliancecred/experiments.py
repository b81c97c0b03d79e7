"""Draws → what an experiment varied: marginal means, effects of attributes (AMCE), moderation.

Marginal means come first: differences between groups of people, or between moderators, are differences of marginal
means, since those of effects depend on an arbitrary baseline (Leeper, Hobolt & Tilley 2020, Political Analysis 28,
section 3).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from .asked import By, asked, factors_of, rows_for
from .averaging import make_estimate
from .composition import Kinds, composed
from .errors import SpecError, nearest
from .estimate import Estimate, comparisons_words
from .fitting import Fit
from .populations import Population
from .poststratify import people_words, whom
from .prediction import scorer
from .profiles import Profiles
from .scoring import rows_at_a_time
from .spec import Spec
from .terms import FACTORS

ATTRIBUTE, LEVEL = "attribute", "level"
RANDOMISED = "randomised"


def marginal_means(
    fit: Fit,
    attributes: str | Sequence[str] = (),
    *,
    by: By = (),
    answer: str = "top",
    profiles: Profiles = "design",
    population: Population | None = None,
    countries: Sequence[str] = (),
) -> Estimate:
    """Return what people answer on average where an attribute has each of its levels, whatever else varies.

    Parameters
    ----------
    fit
        A fitted analysis with attributes.
    attributes
        Names of attributes; default all of them.
    by
        Factors to break down by: country, population, a group, or another attribute (predictive margins given it).
    answer
        As in `levels`.
    profiles
        What the rest of the question is averaged over: ``design`` (profiles as they were shown with that level, in
        all waves and of all allies together, so
        that a linear model with flat priors gives back the raw means), ``uniform`` (every profile that may be shown
        alike), or shares of levels, ``{"regime": {"democracy": 0.6, "autocracy": 0.4}}`` (the rest uniform).
    population
        The people to poststratify to; default those asked, in each country.
    countries
        Restrict to these.

    Returns
    -------
    Estimate
        In per cent (``mean``: points), ``randomised``; labels ``attribute`` and ``level``, and those of ``by``.

    Raises
    ------
    SpecError
        If an attribute or a factor is unknown, or the shares of ``profiles`` are none.

    References
    ----------
    Leeper, Hobolt & Tilley (2020), Political Analysis 28(2), section 2.
    """
    names, by = attributes_of(fit.spec, attributes), factors_of(fit.spec.factors, by)
    rows, values = _everywhere(fit, names, by, answer, profiles, population, countries)
    order = [*(f for f in (ATTRIBUTE, LEVEL, *by) if f in rows)]
    estimate = make_estimate(
        fit,
        "marginal mean",
        rows,
        order,
        values,
        answer=answer,
        identification=RANDOMISED,
        notes=(profile_words(profiles),),
        people=people_words(population),
    )
    return _sorted(estimate)


def _everywhere(
    fit: Fit,
    names: Sequence[str],
    by: Sequence[str],
    answer: str,
    profiles: Profiles,
    population: Population | None,
    countries: Sequence[str],
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a row of labels per level of an attribute wherever it was asked, and the marginal means, (draws, rows)."""
    kinds = whom(fit.spec, fit.cells, population, profiles)
    table = asked(fit, [f for f in by if f in FACTORS], countries=countries)
    parts = [p for i in range(len(table)) for p in _means(fit, kinds, table.iloc[[i]], names, by, answer)]
    return pd.concat([f for f, _ in parts], ignore_index=True), np.concatenate([v for _, v in parts], axis=1)


def _means(
    fit: Fit, kinds: Kinds, row: pd.DataFrame, names: Sequence[str], by: Sequence[str], answer: str
) -> list[tuple[pd.DataFrame, np.ndarray]]:
    """Return, for one row that was asked, a frame of labels per attribute and the values of its rows, (draws, rows).

    Every kind is evaluated once, whatever the number of attributes.
    """
    found = composed(fit.spec, fit.cells.levels, kinds, rows_for(fit, row))
    if found is None:
        raise SpecError("the spec declares no attributes: there is nothing that was varied")
    more, share = next(found)
    declared = [f for f in by if f in fit.spec.declared]
    groups, frames = [], []
    for name in names:
        keys = list(dict.fromkeys((name, *declared)))
        codes, group = np.unique(np.column_stack([more.codes[f] for f in keys]), axis=0, return_inverse=True)
        labels = {f: np.array(fit.cells.levels[f], dtype=object)[codes[:, j]] for j, f in enumerate(keys)}
        frame = pd.DataFrame({**labels, ATTRIBUTE: name, LEVEL: labels[name]})
        groups.append(group.ravel())
        frames.append(frame.assign(**{f: row[f].iloc[0] for f in FACTORS}))
    weights = np.zeros((len(more), sum(len(f) for f in frames)))
    start = 0
    for group, frame in zip(groups, frames, strict=True):
        weights[np.arange(len(more)), start + group] = share
        start += len(frame)
    draws = fit.draws()
    size = len(next(iter(draws.values())))
    step = rows_at_a_time(fit.design, size)
    total, value = np.zeros((size, weights.shape[1])), scorer(fit.design, draws, answer)
    for a in range(0, len(more), step):
        part = np.arange(a, min(a + step, len(more)))
        total += value(more.take(part)) @ weights[part]
    means = total / weights.sum(0)
    return list(zip(frames, np.split(means, np.cumsum([len(f) for f in frames])[:-1], axis=1), strict=True))


def moderation(
    fit: Fit,
    attribute: str,
    moderator: str,
    *,
    reference: str = "",
    by: By = (),
    answer: str = "top",
    profiles: Profiles = "design",
    population: Population | None = None,
    countries: Sequence[str] = (),
    smallest: float = 0.0,
) -> Estimate:
    """Return how marginal means of an attribute differ between levels of a moderator.

    Differences are taken wherever both levels are there (the same country, ally, wave), then averaged: a group that
    a country lacks is not compared with others of that country.

    The moderator is another attribute, a group of people, the population (elite minus public) or the country; given
    as the number of the task or the place of the profile, it checks for carry-over and for effects of order.

    Parameters
    ----------
    fit, by, answer, profiles, population, countries
        As in `marginal_means`.
    attribute
        The attribute whose marginal means are compared.
    moderator
        The factor between whose levels they are compared.
    reference
        Its level that the others are compared with; default its first (of populations the reference).
    smallest
        Smallest difference of interest, percentage points.

    Returns
    -------
    Estimate
        In percentage points, a row per level of the attribute and other level of the moderator. ``randomised`` if the
        moderator is an attribute, else ``descriptive``: groups of people differ in other things too.

    Raises
    ------
    SpecError
        If one of them is unknown, or the moderator has one level.

    References
    ----------
    Leeper, Hobolt & Tilley (2020), Political Analysis 28(2), section 3.
    """
    by = factors_of(fit.spec.factors, by)
    (moderator,) = factors_of(fit.spec.factors, moderator)
    if moderator in (attribute, *by):
        raise SpecError(f"{moderator!r} is what is compared: it cannot be the attribute, nor in `by`")
    names = attributes_of(fit.spec, attribute)
    rows, values = _everywhere(fit, names, (moderator, *by), answer, profiles, population, countries)
    known = [x for x in fit.cells.levels[moderator] if x in set(rows[moderator])]
    reference = reference or known[0]
    if reference not in known or len(known) < 2:
        raise SpecError(f"{moderator!r} needs two levels, of which {reference!r} is one: {known}")
    keys = [k for k in dict.fromkeys((*FACTORS, LEVEL, *by)) if k != moderator]
    rows["_at"] = np.arange(len(rows))
    base = rows.loc[rows[moderator] == reference, [*keys, "_at"]]
    pair = rows[rows[moderator] != reference].merge(base, on=keys, suffixes=("", "_base"))
    if pair.empty:
        raise SpecError(f"no level of {attribute!r} stands beside {reference!r} and another level of {moderator!r}")
    place = {x: i for i, x in enumerate((*known, *fit.cells.levels[attribute]))}
    pair = pair.iloc[np.lexsort((pair[LEVEL].map(place), pair[moderator].map(place)))]
    shown = (*(k for k in keys if k in by), LEVEL)
    notes = (profile_words(profiles), *_not_compared(rows, pair, moderator, reference, shown))
    estimate = make_estimate(
        fit,
        "moderation",
        pair.assign(**{moderator: pair[moderator] + f" − {reference}"}),
        (ATTRIBUTE, LEVEL, moderator, *by),
        values[:, pair["_at"]] - values[:, pair["_at_base"]],
        answer=answer,
        identification=RANDOMISED if moderator in {a.name for a in fit.spec.attributes} else "descriptive",
        smallest=smallest,
        notes=notes,
        people=people_words(population),
    )
    return replace(estimate, notes=(*estimate.notes, comparisons_words(len(estimate))))


def _not_compared(
    rows: pd.DataFrame, pair: pd.DataFrame, moderator: str, reference: str, shown: Sequence[str]
) -> tuple[str, ...]:
    """Return notes on what one of two levels of a moderator has and the other has not, and on countries left out."""
    out = []
    others = [x for x in dict.fromkeys(rows[moderator]) if x != reference]
    wanted = rows[[*shown]].drop_duplicates().merge(pd.DataFrame({moderator: others}), how="cross")
    there = pair[[*shown, moderator]].drop_duplicates()
    wanted = wanted.merge(there, how="left", indicator=True)
    if (lone := wanted[wanted["_merge"] == "left_only"]).size:
        names = [f"{level} ({x} − {reference})" for level, x in zip(lone[LEVEL], lone[moderator], strict=True)]
        out.append(f"not compared, since one side has none: {', '.join(dict.fromkeys(names))}")
    for x, own in pair.groupby(moderator, sort=False) if moderator != "country" else ():
        if own["country"].nunique() < rows["country"].nunique():
            out.append(f"{x} − {reference}: where both are, in {', '.join(own['country'].unique())}")
    return tuple(out)


def attributes_of(spec: Spec, wanted: str | Sequence[str]) -> tuple[str, ...]:
    """Return the attributes that are wanted, all if none is named; one that is unknown is a `SpecError`."""
    names = tuple(a.name for a in spec.attributes)
    chosen = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    if not names:
        raise SpecError("the spec declares no attributes: there is nothing that was varied")
    for name in chosen:
        if name not in names:
            raise SpecError(f"no attribute {name!r}: {nearest(name, names)}")
    return chosen or names


def profile_words(profiles: Profiles) -> str:
    """Return in words what the rest of a question was averaged over."""
    match profiles:
        case "design":
            return "averaged over the rest of the questions as they were shown, over all waves and allies"
        case "uniform":
            return "averaged over the rest of the questions, every profile that may be shown alike"
    return f"averaged over the rest of the questions with declared shares of {', '.join(profiles)}"


def _sorted(estimate: Estimate) -> Estimate:
    """Return the rows in the order of the declared attributes and their levels."""
    place = {(a.name, x): (i, j) for i, a in enumerate(estimate.spec.attributes) for j, x in enumerate(a.levels)}
    keys = zip(estimate.draws[ATTRIBUTE].values.astype(str), estimate.draws[LEVEL].values.astype(str), strict=True)
    where = np.array([place[k] for k in keys])
    return estimate.rows(np.lexsort(where.T[::-1]))
