"""Specifications that differ from a declared one in one thing: a prior, a term, the cuts.

Grids that change the data too are in `data_grids`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .cells import Cells, make_cells
from .errors import Problem, SpecError
from .priors import HalfNormal, Normal
from .sources import Survey, Toplines
from .spec import Estimand, Spec
from .spec_check import spec_problems
from .spec_file import as_spec
from .terms import Cuts, Drift, Effect, Fixed, Gap, Level, Respondent, Shift, Slope, Term, Trend

AS_DECLARED = "as declared"
FEW = 5  # groups or fewer say little about a scale
_ASKED_OF_ATTRIBUTES = ("marginal_means", "amce", "moderation")


def cuts_grid(spec: Spec | str | Path) -> dict[str, Spec]:
    """Return the spec with cuts common to all and with cuts by country: whether words mean the same everywhere.

    Raises
    ------
    SpecError
        If there are two answers, whose one cut is the level's, or answers are numbers, which have no cuts to free.

    Examples
    --------
    >>> spec = Spec("demo", ("no", "maybe", "yes"), ("yes",), ())
    >>> list(cuts_grid(spec))
    ['common cuts', 'cuts by country']
    """
    spec = as_spec(spec)
    if len(spec.answers) < 3:
        raise SpecError("two answers have one cut, which is the level's: there is nothing to vary")
    declared = next((t for t in spec.terms if isinstance(t, Cuts)), Cuts())
    others = tuple(t for t in spec.terms if not isinstance(t, Cuts))
    kinds = {"common cuts": Cuts(spacing=declared.spacing), "cuts by country": replace(declared, by=("country",))}
    return {name: as_spec(replace(spec, terms=(*others, cuts))) for name, cuts in kinds.items()}


def prior_grid(spec: Spec | str | Path, factors: Sequence[float] = (0.5, 2.0)) -> dict[str, Spec]:
    """Return the spec as declared, and with the sd of each of its priors multiplied by each factor.

    Examples
    --------
    >>> from alliancecred.terms import Gap, Level
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), (Level(("country",)), Gap()))
    >>> list(prior_grid(spec, factors=(2.0,)))
    ['as declared', 'sd of intercept × 2', 'sd of level by country × 2', 'sd of gap elite × 2']
    """
    spec = as_spec(spec)
    check_factors(factors)
    out = {AS_DECLARED: spec}
    for factor in factors:
        wider = replace(spec.intercept, sd=spec.intercept.sd * factor)
        out[f"sd of intercept × {factor:g}"] = replace(spec, intercept=wider)
    for i, term in enumerate(spec.terms):
        for factor in factors:
            changed = scaled(term, factor)
            if changed != term:
                terms = (*spec.terms[:i], changed, *spec.terms[i + 1 :])
                out[f"sd of {words_of(term)} × {factor:g}"] = replace(spec, terms=terms)
    return out


def scaled(term: Term, factor: float) -> Term:
    """Return the term with the sd of the prior that is in force multiplied; a flat one stays.

    Examples
    --------
    >>> scaled(Gap(), 2.0).prior
    Normal(mean=0.0, sd=2.0)
    """

    def wider[P: (Normal, HalfNormal)](prior: P) -> P:
        return replace(prior, sd=prior.sd * factor)

    match term:
        case Level() | Trend() | Respondent():
            return replace(term, scale=wider(term.scale))
        case Cuts():
            scale = wider(term.scale) if term.by else term.scale
            return replace(term, spacing=wider(term.spacing), scale=scale)
        case Shift() | Gap() | Slope() | Effect() if term.by:
            return replace(term, scale=wider(term.scale))
        case (
            Shift(prior=Normal() as prior)
            | Gap(prior=Normal() as prior)
            | Slope(prior=Normal() as prior)
            | Effect(prior=Normal() as prior)
            | Fixed(prior=Normal() as prior)
        ):
            return replace(term, prior=wider(prior))
        case Drift(sd=sd):
            return replace(term, sd=sd * factor)
    return term


def words_of(term: Term) -> str:
    """Return what a term is called in the name of a specification.

    Examples
    --------
    >>> words_of(Shift("us2025", by=("ally",), roles=("other",)))
    'shift us2025 by ally (other)'
    """
    parts = [term.tag]
    parts += [str(getattr(term, k)) for k in ("name", "covariate", "signal", "population") if getattr(term, k, None)]
    parts += [" and ".join(term.of)] if isinstance(term, Effect) else []
    if getattr(term, "by", ()):
        parts.append("by " + " and ".join(getattr(term, "by", ())))
    if getattr(term, "roles", ()):
        parts.append(f"({', '.join(getattr(term, 'roles', ()))})")
    return " ".join(parts)


def check_factors(factors: Sequence[float]) -> None:
    """Refuse factors that are not positive numbers.

    Examples
    --------
    >>> check_factors((0.5, 2.0))
    """
    bad = [f for f in factors if not 0 < f < np.inf]
    if bad or not len(factors):
        raise SpecError([Problem("schema", "factors", f"factors must be positive, got {bad or 'none'}")])


# --- terms ----------------------------------------------------------------------------------------
def terms_grid(spec: Spec | str | Path) -> dict[str, Spec]:
    """Return the spec as declared, and without each of its terms that can go.

    A term stays if the spec would be inconsistent without it (a correlated shift needs its level), or if an estimand
    is about it: the contrast of a signal whose shift is asked for, of a population whose gap is, the slope of a
    covariate that is compared, the only term of an attribute. `Cuts` have a grid of their own (`cuts_grid`).

    Raises
    ------
    SpecError
        If no term can go.

    Examples
    --------
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), (Level(("country",)), Level(("ally",)), Gap()))
    >>> list(terms_grid(spec))
    ['as declared', 'without level by country', 'without level by ally', 'without gap elite']
    """
    spec = as_spec(spec)
    out = {AS_DECLARED: spec}
    for i, term in enumerate(spec.terms):
        less = replace(spec, terms=(*spec.terms[:i], *spec.terms[i + 1 :]))
        if isinstance(term, Cuts) or not less.terms or any(_about(spec, less, term, e) for e in spec.estimands):
            continue
        if not list(spec_problems(less)):
            out[f"without {words_of(term)}"] = less
    if len(out) == 1:
        names = ", ".join(map(words_of, spec.terms)) or "there are none"
        raise SpecError([Problem("schema", "terms", f"no term can go: {names}", (), "vary priors (prior_grid)")])
    return out


def _about(spec: Spec, less: Spec, term: Term, asked: Estimand) -> bool:
    """Return whether an estimand is about a term."""
    match term:
        case Shift(by=()):
            of_a_shift = asked.of in ("shift", "attrition") or (asked.of == "gap" and asked.signal is not None)
            return of_a_shift and asked.signal in (None, term.signal)
        case Gap(by=()):
            return asked.of == "gap" and term.signal in (None, asked.signal)
        case Slope(by=()):
            return asked.of == "comparison" and asked.covariate == term.covariate
    if asked.of not in _ASKED_OF_ATTRIBUTES:
        return False
    names = {a.name for a in spec.attributes if a.name in (asked.attributes or (a.name,))}
    return bool(names & _factors(term) - set().union(*map(_factors, less.terms)))


def _factors(term: Term) -> set[str]:
    return {*getattr(term, "by", ()), *(term.of if isinstance(term, Effect) else ())}


# --- scales of few groups -------------------------------------------------------------------------
def few_groups_grid(
    spec: Spec | str | Path, *sources: Survey | Toplines, factors: Sequence[float] = (0.25, 0.5, 2.0, 4.0)
) -> dict[str, Spec]:
    """Return the spec as declared, and with the priors of all scales of few groups multiplied together.

    With five groups or fewer the sd of their deviations owes much to its prior (Gelman 2006), and so does what is said
    of a group that was asked little.

    Parameters
    ----------
    spec
        The analysis.
    sources
        The data, whose levels are counted; without them, those that the spec declares.
    factors
        What the sd of each of these priors is multiplied by.

    Raises
    ------
    SpecError
        If no scale rests on few groups, or neither data nor spec say how many there are.

    Examples
    --------
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), (Level(("country",)),), countries=("DE", "PL"))
    >>> list(few_groups_grid(spec, factors=(0.5, 2.0)))
    ['as declared', 'scales of few groups × 0.5', 'scales of few groups × 2']
    """
    spec = as_spec(spec)
    check_factors(factors)
    sizes = levels_asked(make_cells(spec, sources)) if sources else _declared(spec)
    few = few_terms(spec, sizes)
    if not few:
        message = f"no scale rests on {FEW} groups or fewer"
        raise SpecError([Problem("schema", "terms", message, (), "prior_grid varies all priors one by one")])
    return {AS_DECLARED: spec} | {f"scales of few groups × {f:g}": with_scales(spec, few, f) for f in factors}


def few_terms(spec: Spec, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return the positions of the terms whose scale rests on few groups; ``sizes`` is factor → number of levels.

    Of a `Trend` its steps are counted, of others the combinations of the levels of ``by``.
    """
    out = []
    for i, term in enumerate(spec.terms):
        by = getattr(term, "by", ())
        if isinstance(term, Trend):
            groups = math.prod(sizes[f] for f in by) * (sizes["wave"] - 1)
        elif by:
            groups = math.prod(sizes[f] for f in by)
        else:
            continue
        if groups <= FEW:
            out.append(i)
    return tuple(out)


def with_scales(spec: Spec, terms: Sequence[int], factor: float) -> Spec:
    """Return the spec with the sd of the prior of the scale of some terms (positions) multiplied.

    Examples
    --------
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), (Level(("country",)), Level(("ally",))))
    >>> [t.scale.sd for t in with_scales(spec, [1], 4.0).terms]
    [0.5, 2.0]
    """

    def wider(term: Term) -> Term:
        match term:
            case Level() | Trend() | Respondent() | Cuts() | Shift() | Gap() | Slope() | Effect():
                return replace(term, scale=replace(term.scale, sd=term.scale.sd * factor))
        return term

    return replace(spec, terms=tuple(wider(t) if i in terms else t for i, t in enumerate(spec.terms)))


def levels_asked(cells: Cells) -> dict[str, int]:
    """Return factor → how many of its levels were asked about."""
    return {f: len(np.unique(c)) for f, c in cells.rows.codes.items()}


def _declared(spec: Spec) -> dict[str, int]:
    declared = {
        "country": spec.countries, "ally": spec.allies, "target": spec.targets, "wave": spec.waves,
        "population": spec.populations, **{name: f.levels for name, f in spec.declared.items()},
    }  # fmt: skip
    used = {f for t in spec.terms for f in (*getattr(t, "by", ()), *(("wave",) if isinstance(t, Trend) else ()))}
    if unknown := sorted(f for f in used if not declared[f]):
        message = f"the spec does not declare the levels of {', '.join(unknown)}"
        raise SpecError([Problem("level", unknown[0], message, (), "give the data too: few_groups_grid(spec, survey)")])
    return {f: len(levels) for f, levels in declared.items()}
