"""Draws → `Estimate`: levels, changes, shifts and gaps, each over an explicit population.

Averages are taken within a country over the rows asked there, then equally over countries; always
over draws of probabilities, never over coefficients or interval bounds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from .asked import (
    By,
    asked,
    asked_after,
    factors_of,
    identification,
    role_column,
    role_filter,
    signal_name,
    signal_notes,
    signals_between,
)
from .averaging import make_estimate, scored
from .errors import SpecError
from .estimate import Estimate
from .fitting import Fit
from .populations import Population
from .poststratify import people_words, whom
from .summaries import by_row


def levels(
    fit: Fit,
    *,
    by: By = ("country", "ally", "wave", "population"),
    answer: str = "top",
    countries: Sequence[str] = (),
    waves: Sequence[str] = (),
    population: Population | None = None,
    population_size: Mapping[str, int] | None = None,
) -> Estimate:
    """Return how credible a promise is believed to be, where it was asked.

    Parameters
    ----------
    fit
        A fitted analysis.
    by
        Factors to break down by; the rest is averaged (equal weights within a country, then equal
        countries). Without ``population`` the reference population is meant.
    answer
        ``top`` (share of the top answers), one answer (its share), or ``mean`` (score 1…K).
    countries, waves
        Restrict to these.
    population
        The people to poststratify to; default those asked, in each country.
    population_size
        Population → its finite size N: people already asked count as known, the other N-n are
        predicted (for a parliament of 650, say).

    Returns
    -------
    Estimate
        In per cent (``mean``: points); identification ``descriptive``.

    Raises
    ------
    SpecError
        If a factor, answer, country or wave is unknown.
    """
    by = factors_of(fit.spec.factors, by)
    kinds = whom(fit.spec, fit.cells, population)
    table = asked(fit, by, countries=countries, waves=waves, kinds=kinds if population else None)
    values = scored(fit, table, answer, population_size, kinds=kinds)
    words = people_words(population)
    made = make_estimate(fit, "levels", table, by, values, answer=answer, identification="descriptive", people=words)
    return replace(made, notes=(*made.notes, *same_waves(made)))


def same_waves(levels: Estimate) -> tuple[str, ...]:
    """Note waves whose levels are the same in every draw, wherever both were asked: no term tells them apart."""
    draws, places = by_row(levels), dict[str, dict[tuple[str, ...], np.ndarray]]()
    for i in range(len(levels)):
        labels = levels.labels(i)
        place = tuple(v for k, v in labels.items() if k != "wave")
        places.setdefault(labels["wave"], {})[place] = draws[i]

    def same(one: str, two: str) -> bool:
        both = places[one].keys() & places[two].keys()
        return bool(both) and all(np.array_equal(places[one][k], places[two][k]) for k in both)

    alike: list[list[str]] = []
    for wave in places:
        group = next((g for g in alike if all(same(wave, other) for other in g)), None)
        group.append(wave) if group is not None else alike.append([wave])
    return tuple(
        f"{' and '.join(waves)} are equal by construction: no term of the model tells these waves apart"
        for waves in alike
        if len(waves) > 1
    )


def change(
    fit: Fit,
    before: str,
    after: str,
    *,
    by: By = ("country", "ally"),
    answer: str = "top",
    countries: Sequence[str] = (),
    population: Population | None = None,
    smallest: float = 0.0,
) -> Estimate:
    """Return the plain difference between two waves where a promise was judged in both.

    Parameters
    ----------
    before, after
        Names of waves.
    by, answer, countries, population
        As in `levels`.
    smallest
        Smallest change of interest, percentage points.

    Returns
    -------
    Estimate
        In percentage points. ``before-after`` if signals lie between the waves (all are named: two
        waves cannot tell them apart), else ``descriptive``.
    """
    by = factors_of(fit.spec.factors, by)
    kinds = whom(fit.spec, fit.cells, population)
    table = asked(fit, by, countries=countries, waves=(before, after), kinds=kinds if population else None)
    keys = [f for f in table.columns if f != "wave"]
    paired = table.groupby(keys, sort=False)["wave"].transform("nunique") == 2
    table = table[paired]
    if table.empty:
        raise SpecError(f"nothing was asked in both {before!r} and {after!r}")
    first, second = (table[table.wave == w].sort_values(keys).reset_index(drop=True) for w in (before, after))
    values = [scored(fit, t, answer, None, kinds=kinds) for t in (first, second)]
    between = signals_between(fit.spec, before, after)
    label = "before-after" if between else "descriptive"
    notes = (f"between the waves: {', '.join(between)}; two waves cannot tell them apart",) if between else ()
    first = first.assign(wave=f"{before} → {after}")
    return make_estimate(
        fit,
        "change",
        first,
        by,
        values[1] - values[0],
        answer=answer,
        identification=label,
        smallest=smallest,
        notes=notes,
        sides=(values[0], values[1]),
        people=people_words(population),
    )


def shift(
    fit: Fit,
    *,
    signal: str | None = None,
    by: By = "country",
    roles: Sequence[str] = (),
    countries: Sequence[str] = (),
    include_self: bool = False,
    wave: str | None = None,
    weeks: float | None = None,
    answer: str = "top",
    population: Population | None = None,
    smallest: float = 0.0,
) -> Estimate:
    """Return the model's signal on minus off: first-order (sender), second-order (other), self.

    Parameters
    ----------
    fit
        A fitted analysis.
    signal
        Name of the signal; may be left out if there is one.
    by
        Factors to break down by, besides the role (roles are never mixed).
    roles
        Restrict to these roles.
    countries
        Respondent countries averaged over.
    include_self
        Count the sender's rating of itself to the sender's role, and label it so.
    wave
        Wave at which on and off are compared; default the first after the signal that asked.
    weeks
        Weeks after the signal at which its effect is taken, where it fades or builds up (`Decay`, `Ramp`); default
        those of the wave.
    answer, population, smallest
        As in `levels` and `change`.

    Returns
    -------
    Estimate
        In percentage points, with the levels ``before`` (off) and ``after`` (on).

    Raises
    ------
    SpecError
        If the signal or a factor is unknown, ``weeks`` is negative, or nothing matches.
    """
    if weeks is not None and not weeks >= 0:
        raise SpecError(f"weeks after a signal are counted from 0, got {weeks}")
    name = signal_name(fit.spec, signal)
    by = factors_of(fit.spec.factors, by)
    kinds = whom(fit.spec, fit.cells, population)
    table = asked_after(fit, name, by, countries, wave, kinds if population else None)
    table = table[role_filter(fit, table, name, roles, include_self)].reset_index(drop=True)
    if table.empty:
        raise SpecError(f"nothing was asked after {name} in the roles {list(roles) or 'sender, other, self'}")
    role = role_column(fit, table, name, include_self)
    off, on = (scored(fit, table, answer, None, {name: x}, weeks, kinds=kinds) for x in (0.0, 1.0))
    table = table.assign(role=role)
    notes = signal_notes(fit, name) + ((f"{weeks:g} weeks after {name}",) if weeks is not None else ())
    return make_estimate(
        fit,
        "shift",
        table,
        ("role", *by),
        on - off,
        answer=answer,
        smallest=smallest,
        identification=identification(fit, name),
        sides=(off, on),
        notes=notes,
        people=people_words(population),
    )
