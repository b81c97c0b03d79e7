"""The model in words: terms, priors, and what the words of the field mean."""

import re
from collections.abc import Iterator

from ..design import SD_RESPONDENT, Design, half_life
from ..markup import Html, el, join, table
from ..priors import Flat, HalfNormal, Normal
from ..summaries import number
from ..wording import points_at_half, prior_words

_PARTS = re.compile(r"(?<=_)(?=.)|(?=\[)")
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


def priors_table(design: Design) -> Html:
    """Return a table of every prior: on the logit scale, and in points at 50 %; of normal answers in points alone."""
    head = ("Quantity", f"Prior ({design.spec.unit})", "sd at 50 %, points", "95 % of effects at 50 %, points")
    if design.spec.gaussian is not None:
        caption = "Priors. A scale (sd) is that of a pooled block"
        return table(head[:2], [[breakable(name), prior] for name, prior, *_ in _prior_rows(design)], caption=caption)
    return table(
        head,
        [[breakable(name), *others] for name, *others in _prior_rows(design)],
        numbers=(2, 3),
        caption="Priors. A scale (sd) is that of a pooled block; its effects in points are those of one group",
    )


def breakable(name: str) -> Html:
    """Return the name of a parameter, which may be broken into lines behind each of its parts, and not within them.

    Examples
    --------
    >>> breakable("effect_oath[sworn]")
    'effect_<wbr>oath<wbr>[sworn]'
    """
    first, *others = _PARTS.split(name)
    return join(first, *(join(Html("<wbr>"), part) for part in others))


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
