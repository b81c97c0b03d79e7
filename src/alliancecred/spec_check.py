"""Everything that can be inconsistent in a spec, listed at once."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields

from .errors import Problem, nearest, raise_spec
from .estimand_check import estimand_problems, roles_of_spec, unknown
from .events import DIRECTIONS, FIELDWORK, SIGNAL_KINDS, Decay, Ramp
from .priors import LogNormal
from .ratings import rating_problems
from .sliders import slider_problems
from .spec import Spec
from .terms import FACTORS, JOINED, Cuts, Drift, Fixed, Gap, Level, Respondent, Shift, Slope, Term, Trend

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


def check_spec(spec: Spec) -> None:
    """Raise one `SpecError` that lists everything inconsistent in ``spec``."""
    raise_spec(list(spec_problems(spec)))


def spec_problems(spec: Spec) -> Iterator[Problem]:
    """Yield every inconsistency of a spec."""
    yield from _answer_problems(spec)
    yield from _wave_problems(spec)
    yield from _signal_problems(spec)
    yield from _covariate_problems(spec)
    for i, term in enumerate(spec.terms):
        for message, remedy in _term_problems(spec, term):
            yield Problem("schema", f"terms[{i}]", message, (), remedy)
    yield from _across_terms(spec)
    for i, estimand in enumerate(spec.estimands):
        for message, remedy in estimand_problems(spec, estimand):
            yield Problem("schema", f"estimands[{i}]", message, (), remedy)


def _answer_problems(spec: Spec) -> Iterator[Problem]:
    if not _NAME.match(spec.name):
        yield Problem("schema", "name", f"{spec.name!r} is not lower case letters, digits and underscores")
    if len(spec.answers) < 2:
        yield Problem("schema", "answers", f"at least two answers are needed, got {len(spec.answers)}")
    for key in ("answers", "top", "countries", "allies", "targets", "populations"):
        values = getattr(spec, key)
        if len(set(values)) < len(values):
            yield Problem("schema", key, f"repeated: {_repeated(values)}")
        if any(not v.strip() for v in values):
            yield Problem("schema", key, "an empty label")
    if unknown := [t for t in spec.top if t not in spec.answers]:
        yield Problem("schema", "top", f"{unknown} not among the answers", (), nearest(unknown[0], spec.answers))
    if not spec.top or set(spec.top) == set(spec.answers):
        yield Problem("schema", "top", "must name some, not all, of the answers")
    if not spec.populations:
        yield Problem("schema", "populations", "at least the reference population is needed")
    if spec.self_ratings not in ("apart", "merged"):
        yield Problem("schema", "self_ratings", f"{spec.self_ratings!r} is not 'apart' or 'merged'")
    yield from _prior_problems("intercept", spec.intercept)
    strange = [i for i, t in enumerate(spec.terms) if isinstance(t, Cuts | Respondent)]
    found = [] if spec.rating is None else [*rating_problems(spec.rating, spec.answers, spec.top)]
    yield from found if spec.slider is None else slider_problems(spec.slider, spec.answers, spec.top)
    if spec.rating is not None and (spec.slider is not None or strange):
        yield Problem("schema", "rating", "means are not answers of people: no slider, no Respondent or Cuts term")
    if spec.rating is not None and spec.variants:
        yield Problem("schema", "variants", "overdispersion is of percentages: means have standard errors")
    for i in strange if spec.slider is not None else ():
        yield Problem("schema", f"terms[{i}]", f"{spec.terms[i].tag}: not for answers on a slider")


def _repeated(values: Sequence[str]) -> list[str]:
    return sorted({v for v in values if list(values).count(v) > 1})


def _wave_problems(spec: Spec) -> Iterator[Problem]:
    names = [w.name for w in spec.waves]
    if len(set(names)) < len(names):
        yield Problem("schema", "waves", f"repeated: {_repeated(names)}")
    for wave in spec.waves:
        if wave.end < wave.start:
            yield Problem("schema", f"waves.{wave.name}", f"ends ({wave.end}) before it starts ({wave.start})")


def _signal_problems(spec: Spec) -> Iterator[Problem]:
    names = [s.name for s in spec.signals]
    if len(set(names)) < len(names):
        yield Problem("schema", "signals", f"repeated: {_repeated(names)}")
    for signal in spec.signals:
        where = f"signals.{signal.name}"
        match signal.form:
            case Ramp(weeks=weeks) if not 0 < weeks < math.inf:
                yield Problem("schema", f"{where}.form", f"weeks of a ramp must be positive, got {weeks}")
            case Decay(half_life=LogNormal(median=median, sd=sd)):
                if not 0 < median < math.inf or not 0 <= sd < math.inf:
                    message = f"a half-life needs a positive median and an sd from 0, got {median} and {sd}"
                    yield Problem("schema", f"{where}.form", message)
        if not _NAME.match(signal.name):
            yield Problem("schema", where, "the name must be lower case letters, digits and underscores")
        if signal.kind not in SIGNAL_KINDS:
            yield Problem("schema", where, f"unknown kind {signal.kind!r}", (), nearest(signal.kind, SIGNAL_KINDS))
        if signal.direction not in DIRECTIONS:
            yield Problem(
                "schema", where, f"unknown direction {signal.direction!r}", (), nearest(signal.direction, DIRECTIONS)
            )
        if spec.allies and signal.sender not in spec.allies:
            yield Problem("schema", where, f"sender {signal.sender!r} is not a declared ally")
        for country in signal.countries:
            if spec.countries and country not in spec.countries:
                yield Problem("schema", where, f"unknown country {country!r}", (), nearest(country, spec.countries))
        if not spec.waves:
            yield Problem("schema", where, "a signal needs dated waves", (), "declare [[waves]] with start and end")
            continue
        inside = [w.name for w in spec.waves if w.start <= signal.date <= w.end]
        if inside:
            yield Problem(
                "schema",
                where,
                f"its date {signal.date} falls inside wave {inside[0]!r}",
                (),
                "split that wave at the signal's date",
            )
        elif all(w.start > signal.date for w in spec.waves) or all(w.end < signal.date for w in spec.waves):
            yield Problem("schema", where, f"no wave on one side of {signal.date}: no before and after")


def _covariate_problems(spec: Spec) -> Iterator[Problem]:
    names = [c.name for c in spec.covariates]
    if len(set(names)) < len(names):
        yield Problem("schema", "covariates", f"repeated: {_repeated(names)}")
    for covariate in spec.covariates:
        where = f"covariates.{covariate.name}"
        if not _NAME.match(covariate.name):
            yield Problem("schema", where, "the name must be lower case letters, digits and underscores")
        for message, remedy in () if covariate.of_people else unknown("factor", covariate.by, FACTORS):
            yield Problem("schema", where, message, (), remedy)
        if not covariate.by:
            yield Problem("schema", where, "needs at least one factor in `by`")
        if not (math.isfinite(covariate.unit) and covariate.unit > 0 and math.isfinite(covariate.center)):
            yield Problem(
                "schema", where, f"needs a positive unit and a center, got {covariate.unit}, {covariate.center}"
            )
        labels = [k for k, _ in covariate.values]
        if len(set(labels)) < len(labels):
            yield Problem("schema", where, f"two values for {_repeated(labels)}")
        odd = [k for k in labels if len(k.split(JOINED)) != len(covariate.by)]
        if odd:
            remedy = f"join {', '.join(covariate.by)} by {JOINED!r}"
            yield Problem("schema", where, f"{odd[0]!r} is not a label of {len(covariate.by)} factors", (), remedy)
        bad = [k for k, v in covariate.values if not math.isfinite(v)]
        if bad:
            yield Problem("schema", where, f"no finite number for {bad[:5]}")


def _prior_problems(where: str, *priors: object) -> Iterator[Problem]:
    for prior in priors:
        for field in fields(prior):  # type: ignore[arg-type]
            value = getattr(prior, field.name)
            if not math.isfinite(value):
                yield Problem("schema", where, f"{field.name} of a prior must be finite, got {value}")
            elif field.name in ("sd", "eta") and not value > 0:
                yield Problem("schema", where, f"{field.name} of a prior must be positive, got {value}")


def _term_problems(spec: Spec, term: Term) -> Iterator[tuple[str, str]]:
    signals = [s.name for s in spec.signals]
    priors = [getattr(term, f.name) for f in fields(term) if f.name in ("prior", "scale", "correlation", "spacing")]
    for problem in _prior_problems("", *priors):
        yield problem.message, ""
    match term:
        case Level(by=by):
            yield from unknown("factor", by, FACTORS)
            if not by:
                yield "a level needs at least one factor in `by`", "the intercept is always there"
        case Shift(signal=name, by=by, roles=roles, correlated=correlated, together=together):
            if correlated and by and not (together or len(roles) == 1):
                yield "several roles correlated with one level are not supported yet", "together = true, or one role"
            yield from unknown("factor", by, FACTORS)
            yield from unknown("role", roles, roles_of_spec(spec))
            yield from unknown("signal", (name,), signals)
            if correlated and not any(isinstance(t, Level) and set(t.by) == set(by) for t in spec.terms):
                yield f"correlated with a level that is not there: Level({by})", "add that level term"
        case Gap(population=population, by=by, signal=name, roles=roles):
            yield from unknown("factor", by, FACTORS)
            yield from unknown("role", roles, roles_of_spec(spec))
            yield from unknown("population", (population,), spec.populations[1:])
            if name is not None:
                yield from unknown("signal", (name,), signals)
            if roles and name is None:
                yield "`roles` of a gap need its `signal`", ""
            if "population" in by:
                yield "a gap cannot vary by population", ""
        case Slope(covariate=covariate, signal=name, roles=roles):
            yield from unknown("covariate", (covariate,), [c.name for c in spec.covariates])
            yield from unknown("role", roles, roles_of_spec(spec))
            if name is not None:
                yield from unknown("signal", (name,), signals)
            elif roles:
                yield "`roles` of a slope need its `signal`", ""
        case Fixed(name=name, where=where):
            yield from unknown("factor", tuple(k for k, _ in where), (*FACTORS, *FIELDWORK, "self"))
            for factor, labels in where:
                allowed = ("yes", "no") if factor == "self" else _declared(spec, factor)
                if allowed:
                    yield from unknown(factor, labels, allowed)
            if not _NAME.match(name):
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


def _declared(spec: Spec, factor: str) -> tuple[str, ...]:
    """Return the declared levels of a factor, empty if none are declared."""
    return {
        "country": spec.countries,
        "ally": spec.allies,
        "target": spec.targets,
        "wave": tuple(w.name for w in spec.waves),
        "population": spec.populations,
    }.get(factor) or tuple(getattr(w, factor) for w in spec.waves if factor in FIELDWORK)


def _across_terms(spec: Spec) -> Iterator[Problem]:
    for i, term in enumerate(spec.terms):
        if term in spec.terms[:i]:
            yield Problem("schema", f"terms[{i}]", "the same term twice")
    for kind, words in ((Level, "levels"), (Trend, "trends")):
        groups = [frozenset(t.by) for t in spec.terms if isinstance(t, kind)]
        if len(set(groups)) < len(groups):
            yield Problem("schema", "terms", f"two {words} by the same factors")
    names = [t.name for t in spec.terms if isinstance(t, Fixed)]
    if len(set(names)) < len(names):
        yield Problem("schema", "terms", f"two fixed terms named {_repeated(names)}")
    for only in (Cuts, Respondent, Drift):
        if sum(isinstance(t, only) for t in spec.terms) > 1:
            yield Problem("schema", "terms", f"two {only.tag} terms")
    correlated = [frozenset(t.by) for t in spec.terms if isinstance(t, Shift) and t.correlated]
    if len(set(correlated)) < len(correlated):
        yield Problem(
            "schema",
            "terms",
            "two shifts correlated with the level of one group are not supported yet",
            (),
            "set correlated = true on one of them",
        )
