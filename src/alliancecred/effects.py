"""Draws → effects of attributes: average marginal component effects, overall and conditional."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from .asked import By, asked, factors_of
from .averaging import make_estimate, scored
from .declared import Attribute, allowed
from .errors import SpecError
from .estimate import Estimate, comparisons_words, stacked
from .experiments import ATTRIBUTE, LEVEL, RANDOMISED, attributes_of, profile_words
from .fitting import Fit
from .populations import Population
from .poststratify import people_words, whom
from .profiles import Profiles, distinct, everyone, thinned

AT_MOST = 2_000  # kinds of people and questions that an effect is averaged over, in each place it is broken down by


def amce(
    fit: Fit,
    attributes: str | Sequence[str] = (),
    *,
    baseline: Mapping[str, str] | None = None,
    by: By = (),
    answer: str = "top",
    profiles: Profiles = "design",
    population: Population | None = None,
    countries: Sequence[str] = (),
    smallest: float = 0.0,
) -> Estimate:
    """Return what changing an attribute from its baseline to each other level does, on average over the rest.

    The average marginal component effect: both arms have the same people and the same rest of the question, of which
    only profiles count that may be shown with either level.

    Parameters
    ----------
    fit, attributes, by, answer, profiles, population, countries
        As in `marginal_means`. Effects broken down ``by`` groups of people or another attribute are conditional
        effects; compare groups by `moderation`.
    baseline
        Attribute → the level others are compared with; default the one that is declared.
    smallest
        Smallest effect of interest, percentage points.

    Returns
    -------
    Estimate
        In percentage points, ``randomised``. A note says how many comparisons it shows.

    Raises
    ------
    SpecError
        If an attribute has no baseline, or no profile may be shown with both levels.

    References
    ----------
    Hainmueller, Hopkins & Yamamoto (2014), Political Analysis 22(1), section 3.
    """
    by = factors_of(fit.spec.factors, by)
    attributes_of(fit.spec, tuple(baseline or ()))
    parts = []
    for attribute in (a for a in fit.spec.attributes if a.name in attributes_of(fit.spec, attributes)):
        if attribute.name in by:
            raise SpecError(f"{attribute.name!r} is what is compared: it cannot be in `by`")
        base = (baseline or {}).get(attribute.name, attribute.baseline)
        if base not in attribute.levels:
            problem = "has no baseline: declare one, or give baseline={…}" if not base else f"has no level {base!r}"
            raise SpecError(f"{attribute.name!r} {problem}; `marginal_means` need none")
        parts += [
            _effect(fit, attribute, level, base, by, answer, profiles, population, countries, smallest)
            for level in attribute.levels
            if level != base
        ]
    whole = stacked(parts)
    return replace(whole, notes=(*whole.notes, comparisons_words(len(whole))))


def _effect(
    fit: Fit,
    attribute: Attribute,
    level: str,
    base: str,
    by: Sequence[str],
    answer: str,
    profiles: Profiles,
    population: Population | None,
    countries: Sequence[str],
    smallest: float,
) -> Estimate:
    kinds = whom(fit.spec, fit.cells, population, profiles)
    keep = np.ones(len(kinds.share), dtype=bool)
    for label in (level, base):
        code = np.full(len(keep), fit.cells.levels[attribute.name].index(label))
        shown = {a.name: kinds.codes[a.name] for a in fit.spec.attributes} | {attribute.name: code}
        keep &= allowed(fit.spec.restrictions, fit.cells.levels, shown)
    if not keep.any():
        raise SpecError(f"no profile may be shown with {attribute.name} {level!r} and with {base!r}")
    given = [f for f in by if f in fit.spec.declared]
    all_kinds = distinct(everyone(kinds.where(keep), [attribute.name]))
    some = thinned(all_kinds, AT_MOST, given)
    table = asked(fit, by, countries=countries, kinds=some)
    both = pd.concat([table.assign(**{attribute.name: label}) for label in (base, level)], ignore_index=True)
    sides = np.split(scored(fit, both, answer, None, kinds=some, given=given), 2, axis=1)
    labelled = table.assign(**{ATTRIBUTE: attribute.name, LEVEL: f"{level} − {base}"})
    notes = [profile_words(profiles)]
    if len(some.share) < len(all_kinds.share):
        where = " and ".join(["country", *given])
        notes.append(f"averaged over at most {AT_MOST:,} profiles per {where}, drawn from those that count")
    return make_estimate(
        fit,
        "AMCE",
        labelled,
        (ATTRIBUTE, LEVEL, *by),
        sides[1] - sides[0],
        answer=answer,
        identification=RANDOMISED,
        smallest=smallest,
        notes=tuple(notes),
        people=people_words(population),
        sides=(sides[0], sides[1]),
    )
