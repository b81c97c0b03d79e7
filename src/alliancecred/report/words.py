"""The model in words: terms, priors, and what the words of the field mean."""

from collections.abc import Iterator

from ..design import SD_RESPONDENT, Design, half_life
from ..priors import Flat, HalfNormal, LogNormal, Normal
from ..spec import Spec
from ..summaries import number
from ..terms import Cuts, Drift, Effect, Fixed, Gap, Level, Respondent, Shift, Slope, Term, Trend
from .markup import Html, el, table
from .prior import points_at_half

GLOSSARY = (
    ("First-order effect", "Change in the credibility of the sender's own commitment, with its signal."),
    (
        "Second-order effect",
        "Change in the credibility of the others' commitments: among the allies that remain. It is "
        "not a belief about beliefs.",
    ),
    ("Self-rating", "A country that judges its own promise. It is kept apart from what others believe of it."),
    (
        "Gap",
        "The share in one population (elite) minus the share in the reference population (public), raw: for people "
        "as they were sampled.",
    ),
    (
        "Identification",
        "What the comparison can carry. Randomised: arms drawn by lot. Difference-in-differences: some "
        "countries were not exposed. Unexpected event: interviews before and after within one fieldwork. Interrupted "
        "series: a trend before. Before-after: two waves and nothing else; whatever happened in between is in it. "
        "Descriptive: no claim about causes.",
    ),
    (
        "Interval",
        "Given model and data, the quantity lies in it with the stated probability. Equal-tailed: as much "
        "probability below as above.",
    ),
    ("Rank", "Share of predictions below what was observed. Near 0 or 1: the model did not expect it."),
    ("Percentage points", "Differences between percentages: from 75 % to 48 % is −27 points."),
)


def prior_words(prior: Normal | HalfNormal | LogNormal | Flat, unit: str = " weeks") -> str:
    """Return a prior in words, on the logit scale (log-normal: in ``unit``).

    Examples
    --------
    >>> prior_words(Normal(0.0, 1.5))
    'normal (mean 0, sd 1.5)'
    """
    match prior:
        case Normal(mean=mean, sd=sd):
            return f"normal (mean {number(mean, digits=2).removesuffix('.00')}, sd {sd:g})"
        case HalfNormal(sd=sd):
            return f"half-normal (sd {sd:g})"
        case LogNormal(median=median, sd=sd):
            return f"log-normal (median {median:g}{unit}, sd of the log {sd:g})"
        case _:
            return "flat (improper)"


def _by(by: tuple[str, ...]) -> str:
    return " × ".join(by)


def term_words(term: Term, spec: Spec) -> str:
    """Return in a sentence what a term says."""
    match term:
        case Level(by=by):
            return f"Level by {_by(by)}: deviations around the overall level, pooled."
        case Shift(by=(), signal=signal):
            return f"Shift with {signal}: one effect per role of the judged ally (sender, other, self), not pooled."
        case Shift(by=by, signal=signal, roles=roles, correlated=correlated):
            also = f", correlated with the level of the {_by(by)}" if correlated else ""
            return f"Shift with {signal} by {_by(by)} (role {', '.join(roles) or 'each'}): deviations, pooled{also}."
        case Gap(by=(), signal=None, population=population):
            return f"Gap, {population} minus {spec.reference}: with a prior of its own, not pooled."
        case Gap(by=by, signal=None, population=population):
            return f"Gap, {population} minus {spec.reference}, by {_by(by)}: deviations, pooled."
        case Gap(by=by, signal=signal, population=population):
            how = f" by {_by(by)}: deviations, pooled" if by else ": one effect per role, not pooled"
            return f"Gap in the shift with {signal}, {population} minus {spec.reference}{how}."
        case Slope(covariate=covariate, by=by, correlated=correlated) if by:
            also = f", correlated with the level of the {_by(by)}" if correlated else ""
            return f"Slope of {covariate} by {_by(by)}: deviations, pooled{also}."
        case Effect(of=of, by=by) if by:
            return f"Effect of {_by(of)} by {_by(by)}: deviations, pooled."
        case Effect(of=of):
            return f"Effect of {_by(of)}: each level against the baseline, not pooled."
        case Slope(covariate=covariate, signal=signal):
            what = f"the shift with {signal}, one effect per role" if signal else "the level"
            return f"Slope of {covariate} in {what}: not pooled; the groups keep deviations of their own."
        case Fixed(name=name, where=where):
            return f"{name}: cells with {'; '.join(f'{k} {" or ".join(v)}' for k, v in where)} against the rest."
        case Trend(by=by):
            whose = f"one for each {_by(by)}, all of one scale" if by else "common to all"
            return f"Trend: a random walk over the dates of the waves, mean zero, {whose}; its scale is a year's."
        case Drift(sd=sd):
            size = f"{sd:g} ({spec.unit}) a year"
            return f"Drift: a common step from wave to wave, declared to have sd {size}; not estimated."
        case Respondent():
            return "Respondent: a deviation for each person, the same in all of their answers; it is integrated out."
        case Cuts(by=by):
            whose = "of each country, pooled around common ones" if by else "common to all"
            return f"Cut points between the {len(spec.answers)} ordered answers, {whose}."
    return str(term)


def priors_table(design: Design) -> Html:
    """Return a table of every prior: on the logit scale, and in points at 50 %; of normal answers in points alone."""
    head = ("Quantity", f"Prior ({design.spec.unit})", "sd at 50 %, points", "95 % of effects at 50 %, points")
    if design.spec.gaussian is not None:
        caption = "Priors. A scale (sd) is that of a pooled block"
        return table(head[:2], [list(row[:2]) for row in _prior_rows(design)], caption=caption)
    return table(
        head,
        [list(row) for row in _prior_rows(design)],
        numbers=(2, 3),
        caption="Priors. A scale (sd) is that of a pooled block; its effects in points are those of one group",
    )


def _prior_rows(design: Design) -> Iterator[tuple[str, str, str, str]]:
    for coefficient in design.coefficients:
        yield (coefficient.name, prior_words(coefficient.prior), *_points(coefficient.prior))
    for block in design.pooled:
        yield (block.sd_name, prior_words(block.scale), *_points(block.scale))
        if block.partner is not None:
            yield block.corr_name, f"LKJ (η = {block.correlation.eta:g})", "–", "–"
    if design.respondent is not None:
        yield (SD_RESPONDENT, prior_words(design.respondent), *_points(design.respondent))
    if design.inner:
        yield "cut spacing (log)", prior_words(design.cuts), "–", "–"
    if (slider := design.slider) is not None:
        yield "middle of the cuts", prior_words(slider.location), "–", "–"
        yield "precision of answers between the ends", prior_words(slider.precision, ""), "–", "–"
    if (normal := design.spec.gaussian) is not None:
        yield "sd of answers (sigma)", prior_words(normal.sd, ""), "–", "–"
    if design.cut_scale is not None:
        yield "sd of cut spacings over countries (log)", prior_words(design.cut_scale), "–", "–"
    for name, prior in design.fading.items():
        yield half_life(name).replace("_", " "), prior_words(prior), "–", "–"


def _points(prior: Normal | HalfNormal | Flat) -> tuple[str, str]:
    points = points_at_half(prior)
    if points is None:
        return "–", "–"
    sd, low, high = points
    return number(sd), f"{number(low)} to {number(high)}"


def model_words(design: Design) -> Html:
    """Return in a paragraph what kind of model it is."""
    spec = design.spec
    if design.slider is not None:
        kind = (
            "Answers on the slider are ordered beta (Kubinec 2023): the chances of its two ends follow a cumulative "
            "logit, and answers between them a beta distribution whose mean is a logistic function, of a sum of terms"
        )
    elif design.spec.gaussian is not None:
        numbers = ", ".join(f"{x:g} for “{a}”" for x, a in zip(spec.scores, spec.answers, strict=True))
        kind = f"Answers are taken for numbers ({numbers}), normal around a sum of terms with one standard deviation"
    elif spec.forced_choice:
        kind = (
            "The chance that the first of two profiles is chosen is a logistic function of the difference between the "
            "two profiles' sums of terms; whatever both share cancels. The chance of a profile is its average over the "
            "profiles that were shown"
        )
    elif design.answers == 2:
        kind = f"The chance of “{design.spec.answers[1]}” is a logistic function of a sum of terms"
    else:
        kind = "The chances of the ordered answers follow a cumulative logit of a sum of terms"
    return el(
        "p",
        f"{kind}. “Pooled” effects share a scale that is estimated from the data, so that groups with "
        "little data lean on the others; effects that are not pooled have a prior of their own.",
    )
