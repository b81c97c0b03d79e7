"""Everything that can be inconsistent in a spec, listed at once."""

import math
from collections.abc import Iterator, Sequence

from .declared import factor_problems
from .errors import Problem, nearest, raise_spec
from .estimand_check import estimand_problems, unknown
from .events import DIRECTIONS, FIELDWORK, SIGNAL_KINDS, Decay, Ramp
from .gaussian import gaussian_problems
from .origins import MeanFile, ToplineFile
from .priors import LogNormal
from .ratings import rating_problems
from .sliders import slider_problems
from .spec import Spec
from .term_check import NAME, across_terms, prior_problems, repeated, term_problems, varied
from .terms import JOINED, Cuts, Respondent

# Labels of tables of ours, dims of the posterior, and what `Fixed` terms and covariates name besides factors.
RESERVED = (
    *("answer", "count", "respondent", "weight", "value", "date", "size", "people", "cell", "index"),
    *("estimand", "role", "attribute", "level", "mean", "sd", "lower", "upper", "prob", "p_positive", "unit"),
    *("identification", "ess_bulk", "ess_tail", "r_hat", "k_hat", "mcse_mean", "status"),
    *("chain", "draw", "row", "topline", "step", "spacing"),
    *(*FIELDWORK, "self", "person"),
)


def check_spec(spec: Spec) -> None:
    """Raise one `SpecError` that lists everything inconsistent in ``spec``."""
    raise_spec(list(spec_problems(spec)))


def spec_problems(spec: Spec) -> Iterator[Problem]:
    """Yield every inconsistency of a spec."""
    yield from _answer_problems(spec)
    yield from _wave_problems(spec)
    yield from _signal_problems(spec)
    yield from _covariate_problems(spec)
    yield from _factor_problems(spec)
    for i, term in enumerate(spec.terms):
        for message, remedy in term_problems(spec, term):
            yield Problem("schema", f"terms[{i}]", message, (), remedy)
    yield from across_terms(spec)
    for i, estimand in enumerate(spec.estimands):
        for message, remedy in estimand_problems(spec, estimand):
            yield Problem("schema", f"estimands[{i}]", message, (), remedy)


def _answer_problems(spec: Spec) -> Iterator[Problem]:
    if not NAME.match(spec.name):
        yield Problem("schema", "name", f"{spec.name!r} is not lower case letters, digits and underscores")
    if len(spec.answers) < 2:
        yield Problem("schema", "answers", f"at least two answers are needed, got {len(spec.answers)}")
    for key in ("answers", "top", "countries", "allies", "targets", "populations"):
        values = getattr(spec, key)
        if len(set(values)) < len(values):
            yield Problem("schema", key, f"repeated: {repeated(values)}")
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
    yield from prior_problems("intercept", spec.intercept)
    strange = [i for i, t in enumerate(spec.terms) if isinstance(t, Cuts | Respondent)]
    found = [] if spec.rating is None else [*rating_problems(spec.rating, spec.answers, spec.top)]
    yield from found if spec.slider is None else slider_problems(spec.slider, spec.answers, spec.top)
    if spec.rating is not None and (spec.slider is not None or strange):
        yield Problem("schema", "rating", "means are not answers of people: no slider, no Respondent or Cuts term")
    if spec.rating is not None and spec.variants:
        yield Problem("schema", "variants", "overdispersion is of percentages: means have standard errors")
    for i in strange if spec.slider is not None else ():
        yield Problem("schema", f"terms[{i}]", f"{spec.terms[i].tag}: not for answers on a slider")
    if spec.forced_choice:
        yield from _choice_problems(spec)
    if spec.gaussian is not None:
        yield from gaussian_problems(spec.gaussian, spec.answers)
        yield from _linear_problems(spec, strange)


def _choice_problems(spec: Spec) -> Iterator[Problem]:
    """Yield what does not go with choices between two profiles."""
    if not spec.attributes:
        yield Problem("schema", "forced_choice", "profiles differ in attributes: declare [[attributes]]")
    if spec.gaussian is not None or spec.slider is not None or spec.rating is not None:
        message = "a choice has one family: not together with normal answers, a slider or a rating scale"
        yield Problem("schema", "forced_choice", message)
    if len(spec.answers) != 2 or spec.top != spec.answers[1:]:
        yield Problem("schema", "forced_choice", "two answers are needed, the second (`top`) that it was chosen")
    for i, term in enumerate(spec.terms):
        if not varied(spec, term):
            message = f"{term.tag} is the same for both profiles of a choice, and cancels: nothing is known of it"
            remedy = f"name an attribute in it ({', '.join(a.name for a in spec.attributes)}), or leave it out"
            yield Problem("schema", f"terms[{i}]", message, (), remedy)
    for i, source in enumerate(spec.sources):
        if isinstance(source, ToplineFile | MeanFile):
            yield Problem("schema", f"sources[{i}]", f"{source.tag}: choices are counted, not published")


def _linear_problems(spec: Spec, strange: Sequence[int]) -> Iterator[Problem]:
    """Yield what does not go with answers that are taken for numbers."""
    if spec.slider is not None or spec.rating is not None:
        yield Problem("schema", "gaussian", "answers have one family: not together with a slider or a rating scale")
    if spec.variants:
        yield Problem("schema", "variants", "overdispersion is of percentages: not for normal answers")
    for i in strange:
        yield Problem("schema", f"terms[{i}]", f"{spec.terms[i].tag}: not for normal answers")
    for i, source in enumerate(spec.sources):
        if isinstance(source, ToplineFile | MeanFile):
            yield Problem("schema", f"sources[{i}]", f"{source.tag}: normal answers are counted, not published")


def _wave_problems(spec: Spec) -> Iterator[Problem]:
    names = [w.name for w in spec.waves]
    if len(set(names)) < len(names):
        yield Problem("schema", "waves", f"repeated: {repeated(names)}")
    for wave in spec.waves:
        if wave.end < wave.start:
            yield Problem("schema", f"waves.{wave.name}", f"ends ({wave.end}) before it starts ({wave.start})")


def _signal_problems(spec: Spec) -> Iterator[Problem]:
    names = [s.name for s in spec.signals]
    if len(set(names)) < len(names):
        yield Problem("schema", "signals", f"repeated: {repeated(names)}")
    for signal in spec.signals:
        where = f"signals.{signal.name}"
        match signal.form:
            case Ramp(weeks=weeks) if not 0 < weeks < math.inf:
                yield Problem("schema", f"{where}.form", f"weeks of a ramp must be positive, got {weeks}")
            case Decay(half_life=LogNormal(median=median, sd=sd)):
                if not 0 < median < math.inf or not 0 <= sd < math.inf:
                    message = f"a half-life needs a positive median and an sd from 0, got {median} and {sd}"
                    yield Problem("schema", f"{where}.form", message)
        if not NAME.match(signal.name):
            yield Problem("schema", where, "the name must be lower case letters, digits and underscores")
        if signal.kind not in SIGNAL_KINDS:
            yield Problem("schema", where, f"unknown kind {signal.kind!r}", (), nearest(signal.kind, SIGNAL_KINDS))
        if signal.direction not in DIRECTIONS:
            yield Problem(
                "schema", where, f"unknown direction {signal.direction!r}", (), nearest(signal.direction, DIRECTIONS)
            )
        if spec.allies and signal.sender not in spec.allies:
            yield Problem(
                "schema",
                where,
                f"sender {signal.sender!r} is not a declared ally",
                (),
                nearest(signal.sender, spec.allies),
            )
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
        yield Problem("schema", "covariates", f"repeated: {repeated(names)}")
    for covariate in spec.covariates:
        where = f"covariates.{covariate.name}"
        if not NAME.match(covariate.name):
            yield Problem("schema", where, "the name must be lower case letters, digits and underscores")
        for message, remedy in () if covariate.of_people else unknown("factor", covariate.by, spec.factors):
            yield Problem("schema", where, message, (), remedy)
        if not covariate.by:
            yield Problem("schema", where, "needs at least one factor in `by`")
        if not (math.isfinite(covariate.unit) and covariate.unit > 0 and math.isfinite(covariate.center)):
            yield Problem(
                "schema", where, f"needs a positive unit and a center, got {covariate.unit}, {covariate.center}"
            )
        labels = [k for k, _ in covariate.values]
        if len(set(labels)) < len(labels):
            yield Problem("schema", where, f"two values for {repeated(labels)}")
        odd = [k for k in labels if len(k.split(JOINED)) != len(covariate.by)]
        if odd:
            remedy = f"join {', '.join(covariate.by)} by {JOINED!r}"
            yield Problem("schema", where, f"{odd[0]!r} is not a label of {len(covariate.by)} factors", (), remedy)
        bad = [k for k, v in covariate.values if not math.isfinite(v)]
        if bad:
            yield Problem("schema", where, f"no finite number for {bad[:5]}")


def _factor_problems(spec: Spec) -> Iterator[Problem]:
    names = [*spec.factors, *(c.name for c in spec.covariates)]
    for name in spec.declared:
        where = f"{'attributes' if name in {a.name for a in spec.attributes} else 'groups'}.{name}"
        if not NAME.match(name):
            yield Problem("schema", where, "the name must be lower case letters, digits and underscores")
        if name in RESERVED or names.count(name) > 1 or len(spec.attributes + spec.groups) > len(spec.declared):
            yield Problem("schema", where, f"{name!r} already names something else", (), "choose another name")
    for where, message in factor_problems(spec.attributes, spec.groups, spec.restrictions):
        yield Problem("schema", where, message)
