"""Draws → differences between populations, and between values of a covariate."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from .asked import (
    By,
    asked,
    asked_after,
    asked_of_both,
    factors_of,
    identification,
    role_column,
    rows_for,
    signal_name,
)
from .averaging import make_estimate, people_asked, prior_shares, scored
from .carriers import roles_of
from .errors import SpecError, nearest
from .estimate import Estimate
from .fitting import Fit
from .populations import Population
from .poststratify import people_words, whom

GapKind = Literal["raw", "adjusted", "composition"]


def gap(
    fit: Fit,
    *,
    population: str = "elite",
    signal: str | None = None,
    by: By = ("country", "ally", "wave"),
    answer: str = "top",
    population_size: Mapping[str, int] | None = None,
    smallest: float = 0.0,
    kind: GapKind = "raw",
    poststratify: Population | None = None,
) -> Estimate:
    """Return a population minus the reference population where both were asked.

    Parameters
    ----------
    population
        The population compared with the reference.
    signal
        None for the gap in level; a signal's name for the gap in its shift (split by role).
    by, answer, population_size, smallest
        As in `levels` and `change`.
    kind
        ``raw``: as they are. ``adjusted``: what would be left if the population were composed like the reference
        population in the covariates of people (age, degree, …) that the spec has slopes of, in the groups it declares,
        and in what they were shown. ``composition``: raw less
        adjusted, what its own composition makes of it (Oaxaca 1973; Blinder 1973, on the scale of shares).
    poststratify
        The people of both populations (key ``population``) to poststratify to; default those asked. Without that key
        both populations are taken for composed alike.

    Returns
    -------
    Estimate
        In percentage points, ``descriptive``; a note says how much of the gap's coefficient is
        prior: its posterior over its prior variance.

    Raises
    ------
    SpecError
        If the two populations were nowhere asked the same, or there is nothing to adjust for.
    """
    if kind not in get_args(GapKind):
        raise SpecError(f"kind must be one of {', '.join(get_args(GapKind))}, got {kind!r}")
    if kind != "raw" and not _people_names(fit):
        raise SpecError("no slope is of a covariate of people, no group is declared: there is nothing to adjust for")
    if kind != "raw" and population_size:
        raise SpecError("a finite population is as it is: an adjusted gap has no population_size")
    by = factors_of(fit.spec.factors, by)
    kinds = whom(fit.spec, fit.cells, poststratify)
    table = asked_of_both(fit, population, signal, by)
    other = table.assign(population=fit.spec.reference)
    name = f"{population} minus {fit.spec.reference}"
    like = {"raw": (None, None), "adjusted": (None, fit.spec.reference), "composition": (fit.spec.reference, None)}[
        kind
    ]
    sides = (other if kind != "composition" else table, table)
    notes = () if kind == "raw" else (f"{kind}: {_kind_words(fit)}",)
    if signal is None:
        values = [
            scored(fit, t, answer, population_size, composition=c, kinds=kinds)
            for t, c in zip(sides, like, strict=True)
        ]
        labelled = table.assign(population=name)
        return make_estimate(
            fit,
            "gap",
            labelled,
            by,
            values[1] - values[0],
            answer=answer,
            smallest=smallest,
            identification="descriptive",
            notes=(*notes, *prior_shares(fit, f"gap_{population}")),
            sides=(values[0], values[1]),
            people=people_words(poststratify),
        )
    shifts = [
        scored(fit, t, answer, None, {signal: 1.0}, composition=c, kinds=kinds)
        - scored(fit, t, answer, None, {signal: 0.0}, composition=c, kinds=kinds)
        for t, c in zip(sides, like, strict=True)
    ]
    labelled = table.assign(population=name, role=roles_of(rows_for(fit, table), fit.cells.levels, fit.spec, signal))
    return make_estimate(
        fit,
        "gap in shift",
        labelled,
        ("role", *by),
        shifts[1] - shifts[0],
        answer=answer,
        smallest=smallest,
        identification=identification(fit, signal),
        notes=(*notes, *prior_shares(fit, f"gap_{population}_shift_{signal}")),
        people=people_words(poststratify),
    )


def _kind_words(fit: Fit) -> str:
    names = [*_people_names(fit), *(["the questions shown"] if fit.spec.attributes else [])]
    return f"people as in {fit.spec.reference} in {', '.join(names)}"


def _people_names(fit: Fit) -> list[str]:
    return [c.name for c in fit.spec.used_covariates if c.of_people] + [g.name for g in fit.spec.groups]


def comparison(
    fit: Fit,
    covariate: str,
    *,
    low: float = 0.0,
    high: float = 1.0,
    signal: str | None = None,
    by: By = (),
    countries: Sequence[str] = (),
    waves: Sequence[str] = (),
    answer: str = "top",
    population: Population | None = None,
    smallest: float = 0.0,
) -> Estimate:
    """Return the prediction with a covariate at ``high`` minus that at ``low``, everything else as it was asked.

    Parameters
    ----------
    covariate
        Name of a covariate that a slope uses.
    low, high
        Its two values, in the units it was declared in.
    signal
        None for the level; a signal's name for the shift with it (signal on minus off at ``high``, minus the same at
        ``low``), split by role.
    by, countries, waves, answer, population, smallest
        As in `levels` and `change`.

    Returns
    -------
    Estimate
        In percentage points, ``descriptive``: countries and allies that differ in the covariate differ in other
        things too.

    Raises
    ------
    SpecError
        If no slope uses the covariate, or nothing that matches was asked.
    """
    by = factors_of(fit.spec.factors, by)
    used = [c.carrier.covariate for c in fit.design.coefficients if c.carrier.covariate]
    found = next((c for c in fit.spec.covariates if c.name == covariate and c.name in used), None)
    if found is None:
        raise SpecError(f"no slope uses {covariate!r}: {nearest(covariate, list(dict.fromkeys(used)))}")
    kinds = whom(fit.spec, fit.cells, population)
    at = {"low": (found, low), "high": (found, high)}
    if signal is None:
        table = asked(fit, by, countries=countries, waves=waves, kinds=kinds if population else None)
        off, on = (scored(fit, table, answer, None, covariate=value, kinds=kinds) for value in at.values())
        name, groups = "comparison", by
    else:
        name = signal_name(fit.spec, signal)
        table = asked_after(fit, name, by, countries, waves[0] if waves else None, kinds if population else None)
        table = table.assign(role=role_column(fit, table, name, False))
        off, on = (
            scored(fit, table, answer, None, {name: 1.0}, covariate=value, kinds=kinds)
            - scored(fit, table, answer, None, {name: 0.0}, covariate=value, kinds=kinds)
            for value in at.values()
        )
        name, groups = "comparison of shifts", ("role", *by)
    return make_estimate(
        fit,
        name,
        table,
        groups,
        on - off,
        answer=answer,
        smallest=smallest,
        identification="descriptive",
        notes=(f"{covariate} at {high:g} minus {covariate} at {low:g}",),
        sides=(off, on) if signal is None else None,
        people=people_words(population) if population else people_asked(fit, (*by, covariate)),
    )
