"""What can be inconsistent in the terms of a spec."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields

from .errors import Problem
from .estimand_check import roles_of_spec, unknown
from .events import FIELDWORK
from .spec import Spec
from .terms import FACTORS, Cuts, Drift, Effect, Fixed, Gap, Level, Respondent, Shift, Slope, Term, Trend

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


def repeated(values: Sequence[str]) -> list[str]:
    """Return what stands there twice."""
    return sorted({v for v in values if list(values).count(v) > 1})


def prior_problems(where: str, *priors: object) -> Iterator[Problem]:
    """Yield what is wrong with the numbers of priors."""
    for prior in priors:
        for field in fields(prior):  # type: ignore[arg-type]
            value = getattr(prior, field.name)
            if not math.isfinite(value):
                yield Problem("schema", where, f"{field.name} of a prior must be finite, got {value}")
            elif field.name in ("sd", "eta") and not value > 0:
                yield Problem("schema", where, f"{field.name} of a prior must be positive, got {value}")


def term_problems(spec: Spec, term: Term) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a term, and remedies."""
    signals = [s.name for s in spec.signals]
    priors = [getattr(term, f.name) for f in fields(term) if f.name in ("prior", "scale", "correlation", "spacing")]
    for problem in prior_problems("", *priors):
        yield problem.message, ""
    match term:
        case Level(by=by):
            yield from unknown("factor", by, spec.factors)
            if not by:
                yield "a level needs at least one factor in `by`", "the intercept is always there"
        case Shift(signal=name, by=by, roles=roles, correlated=correlated, together=together):
            if correlated and by and not (together or len(roles) == 1):
                yield "several roles correlated with one level are not supported yet", "together = true, or one role"
            yield from unknown("factor", by, spec.factors)
            yield from unknown("role", roles, roles_of_spec(spec))
            yield from unknown("signal", (name,), signals)
            if correlated and not any(isinstance(t, Level) and set(t.by) == set(by) for t in spec.terms):
                yield f"correlated with a level that is not there: Level({by})", "add that level term"
        case Gap(population=population, by=by, signal=name, roles=roles):
            yield from unknown("factor", by, spec.factors)
            yield from unknown("role", roles, roles_of_spec(spec))
            yield from unknown("population", (population,), spec.populations[1:])
            if name is not None:
                yield from unknown("signal", (name,), signals)
            if roles and name is None:
                yield "`roles` of a gap need its `signal`", ""
            if "population" in by:
                yield "a gap cannot vary by population", ""
        case Slope(covariate=covariate, signal=name, roles=roles, by=by, correlated=correlated):
            yield from unknown("factor", by, spec.factors)
            if by and name is not None:
                yield "a slope of a signal does not differ between groups yet", "leave `by` or `signal` out"
            if correlated and not any(isinstance(t, Level) and set(t.by) == set(by) for t in spec.terms):
                yield f"correlated with a level that is not there: Level({by})", "add that level term"
            yield from unknown("covariate", (covariate,), [c.name for c in spec.covariates])
            yield from unknown("role", roles, roles_of_spec(spec))
            if name is not None:
                yield from unknown("signal", (name,), signals)
            elif roles:
                yield "`roles` of a slope need its `signal`", ""
        case Effect(of=of, by=by):
            yield from unknown("factor", by, tuple(f for f in spec.factors if f not in of))
            if by and any(len(spec.declared[f].levels) > 2 for f in of if f in spec.declared):
                yield "an effect by groups is one contrast, of two levels", f"Level({(*of, *by)})"
            yield from unknown("declared factor", of, tuple(spec.declared))
            if not of:
                yield "an effect is of at least one attribute or group", "`of`"
            for own in (spec.declared[f] for f in of if f in spec.declared):
                if not own.baseline:
                    yield (
                        f"{own.name!r} has no baseline to compare with",
                        "declare one, or use a Level, which needs none",
                    )
        case Fixed(name=name, where=where):
            yield from unknown("factor", tuple(k for k, _ in where), (*spec.factors, *FIELDWORK, "self"))
            for factor, labels in where:
                allowed = ("yes", "no") if factor == "self" else _declared(spec, factor)
                if allowed:
                    yield from unknown(factor, labels, allowed)
            if not NAME.match(name):
                yield f"name {name!r} is not lower case letters, digits and underscores", ""
            if not where:
                yield "`where` is empty: it would be a second intercept", ""
        case Trend(by=by):
            yield from unknown("factor", by, tuple(f for f in FACTORS if f != "wave"))
            if len(spec.waves) < 3:
                yield f"a trend needs at least three dated waves, got {len(spec.waves)}", "leave the trend out"
        case Drift(sd=sd):
            if not 0 < sd < math.inf:
                yield f"the sd of a year's drift must be positive, got {sd}", ""
            if any(isinstance(t, Trend) for t in spec.terms):
                yield "a trend estimates its drift: declare one of the two", ""
            if len(spec.waves) < 2:
                yield f"drift is between dated waves, got {len(spec.waves)}", "leave it out"
        case Cuts(by=by, scale=scale):
            if not by and scale != Cuts().scale:
                yield "`scale` is of cuts by country: common cuts have none", 'by = ["country"]'
            if by not in ((), ("country",)):
                yield "cuts are common or vary by country", 'by = ["country"]'
            if by and len(spec.answers) < 3:
                yield "two answers have one cut, which is the level's: there is nothing to vary", "leave `by` out"


def varied(spec: Spec, term: Term) -> bool:
    """Return whether a term is about an attribute, so that it may differ between the profiles of one question."""
    covariate = next((c.by for c in spec.covariates if c.name == getattr(term, "covariate", None)), ())
    named = (*getattr(term, "by", ()), *getattr(term, "of", ()), *dict(getattr(term, "where", ())), *covariate)
    return any(a.name in named for a in spec.attributes)


def _declared(spec: Spec, factor: str) -> tuple[str, ...]:
    """Return the declared levels of a factor, empty if none are declared."""
    if factor in spec.declared:
        return spec.declared[factor].levels
    return {
        "country": spec.countries,
        "ally": spec.allies,
        "target": spec.targets,
        "wave": tuple(w.name for w in spec.waves),
        "population": spec.populations,
    }.get(factor) or tuple(getattr(w, factor) for w in spec.waves if factor in FIELDWORK)


def across_terms(spec: Spec) -> Iterator[Problem]:
    """Yield terms that do not go together."""
    for i, term in enumerate(spec.terms):
        if term in spec.terms[:i]:
            yield Problem("schema", f"terms[{i}]", "the same term twice")
    for kind, words in ((Level, "levels"), (Trend, "trends")):
        groups = [frozenset(t.by) for t in spec.terms if isinstance(t, kind)]
        if len(set(groups)) < len(groups):
            yield Problem("schema", "terms", f"two {words} by the same factors")
    names = [t.name for t in spec.terms if isinstance(t, Fixed)]
    if len(set(names)) < len(names):
        yield Problem("schema", "terms", f"two fixed terms named {repeated(names)}")
    for only in (Cuts, Respondent, Drift):
        if sum(isinstance(t, only) for t in spec.terms) > 1:
            yield Problem("schema", "terms", f"two {only.tag} terms")
    correlated = [frozenset(t.by) for t in spec.terms if isinstance(t, Shift | Slope) and t.correlated]
    if len(set(correlated)) < len(correlated):
        yield Problem(
            "schema",
            "terms",
            "two terms correlated with the level of one group are not supported yet",
            (),
            "set correlated = true on one of them",
        )
