"""Terms, priors and data in words; priors in percentage points."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from .priors import Flat, HalfNormal, LogNormal, Normal
from .spec import Spec
from .summaries import number
from .terms import Cuts, Drift, Effect, Fixed, Gap, Level, Respondent, Shift, Slope, Term, Trend

if TYPE_CHECKING:
    from .cells import Cells


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


@cache
def points_at_half(prior: Normal | HalfNormal | Flat) -> tuple[float, float, float] | None:
    """Return sd and 95 % interval, in percentage points at 50 %, of an effect with that prior.

    For a `HalfNormal` scale the effect is a group's deviation, its sd drawn from the prior.

    Examples
    --------
    >>> [round(x) for x in points_at_half(Normal(0.0, 1.0))]
    [21, -38, 38]
    """
    match prior:
        case Normal(mean=mean, sd=sd):
            logit = mean + sd * ndtri(_middles(100_001))
        case HalfNormal(sd=sd):
            scales = sd * ndtri(0.5 + 0.5 * _middles(1_001))
            logit = np.outer(scales, ndtri(_middles(1_001))).ravel()
        case _:
            return None
    points = 100 / (1 + np.exp(-logit)) - 50
    low, high = np.quantile(points, [0.025, 0.975])
    return float(points.std()), float(low), float(high)


def _middles(n: int) -> np.ndarray:
    """Return the middles of so many probabilities of the same size: what is symmetric stays so."""
    return (np.arange(n) + 0.5) / n


def chance(p: float) -> str:
    """Return a probability as it is printed: never 0 or 1.

    Examples
    --------
    >>> chance(1.0), chance(0.9951), chance(0.42)
    ('> 0.999', '0.995', '0.42')
    """
    if p != p:
        return "–"
    if p > 0.999 or p < 0.001:
        return "> 0.999" if p > 0.5 else "< 0.001"
    return f"{p:.2f}" if 0.01 <= p <= 0.99 else f"{p:.3f}"


def data_words(cells: "Cells") -> str:
    """Return in words how many answers and published shares a fit rests on."""
    parts = []
    if len(cells.counts):
        asked = cells.counts if cells.unweighted is None else cells.unweighted
        total = int(asked.sum()) if cells.choices is None else int(cells.choices.counts.sum())
        what = "choices" if cells.choices is not None else "answers"
        parts.append(f"{total:,} {what} in {len(cells.counts):,} cells")
        parts += [f"of {int(cells.people.times.sum()):,} people"] if cells.people is not None else []
        if cells.unweighted is not None:
            parts.append(f"weighted to an effective size of {cells.counts.sum():,.0f}")
    text = ", ".join(parts)
    if not cells.toplines:
        return text
    share = "published mean" if cells.toplines[0].se is not None else "published share"
    behind = cells.size[len(cells.counts) :].sum()
    shares = f"{len(cells.toplines)} {share}{'s' if len(cells.toplines) != 1 else ''} (n = {behind:,.0f} in all)"
    return f"{text}; {shares}" if text else shares
