"""The methods paragraph of a paper, made from what was fitted, and where a reader finds each step of the guidelines."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ..design import Design, draft_design
from ..errors import SpecError
from ..estimate import Estimate
from ..fitting import Fit
from ..identify import PRIOR_ONLY
from ..power_scaling import PRIORS, THRESHOLD
from ..preregistration import Locked, deviations
from ..priors import Flat, HalfNormal, LogNormal, Normal
from ..summaries import averaged_words, number
from ..tabulating.clean import plain
from ..terms import Cuts, Drift, Effect, Fixed, Gap, Level, Respondent, Shift, Slope, Term, Trend
from ..wording import points_at_half, prior_words
from .misfits import TAIL
from .sample import sample_words

_MODELS = {
    "logit": "a Bayesian multilevel logistic regression",
    "ordinal": "a Bayesian multilevel cumulative logit",
    "slider": "a Bayesian multilevel ordered beta regression",
    "gaussian": "a Bayesian multilevel linear regression",
    "choice": "a Bayesian multilevel conditional logit of the chosen one of two profiles",
    "rating": "a Bayesian multilevel regression of published means, taken for shares of the way along their scale",
}


def methods_paragraph(
    fit: Fit,
    estimates: Iterable[Estimate] = (),
    *,
    predictive: pd.DataFrame | None = None,
    reliance: pd.DataFrame | None = None,
    locked: Locked | None = None,
) -> str:
    """Return the methods paragraph of a paper: data, model, priors, computation, checks, sensitivity, provenance.

    It follows the Bayesian analysis reporting guidelines (Kruschke 2021, Nature Human Behaviour 5, 1282-1291, table 1).
    Steps that were not taken are left out, not claimed.

    Parameters
    ----------
    fit
        The analysis.
    estimates
        What is reported: their kinds and identification labels are named.
    predictive
        A frame of `ppc`.
    reliance
        A frame of `powerscale_sensitivity` of the estimates.
    locked
        The lock the analysis was registered with.

    Returns
    -------
    str
        Sentences of one paragraph. Where a gate failed, or the data are simulated, it begins by saying so.

    Raises
    ------
    SpecError
        If the draws come from the prior (`before_data`).

    Examples
    --------
    >>> import alliancecred as ac
    >>> fit = ac.fit("microcode_2025", random_seed=1)  # doctest: +SKIP
    >>> print(ac.methods_paragraph(fit, [ac.shift(fit)]))  # doctest: +SKIP
    """
    if fit.prior_only:
        raise SpecError(f"{PRIOR_ONLY}; there is nothing to report → give the fit itself")
    made = (
        _status(fit),
        sample_words(fit),
        _model(fit.design),
        _priors(fit.design),
        _computation(fit),
        _estimates(tuple(estimates)),
        _predictive(predictive),
        _reliance(reliance),
        _provenance(fit, locked),
    )
    return plain(" ".join(text for text in made if text))


def _family(fit: Fit) -> str:
    return "laplace" if fit.idata.attrs["method"] == "laplace" else "nuts"


def _status(fit: Fit) -> str:
    said = ["SIMULATED DATA: no respondent exists."] if fit.spec.simulated else []
    said += [] if fit.diagnosis.passed else [f"DO NOT REPORT: {fit.diagnosis.status}."]
    return " ".join(said)


def _model(design: Design) -> str:
    spec = design.spec
    kind = (
        "slider"
        if spec.slider is not None
        else "gaussian"
        if spec.gaussian is not None
        else "choice"
        if spec.forced_choice
        else "rating"
        if spec.rating is not None
        else "ordinal"
        if design.answers > 2
        else "logit"
    )
    made = [name for name in (_short(t) for t in terms_in(design)) if name]
    pooled = [n for n, own in made if not own]
    single = [n for n, own in made if own]
    text = f"We fitted {_MODELS[kind]} (alliancecred)"
    text += f" with unpooled {_and(single)}" if single else ""
    text += f"{' and' if single else ' with'} partially pooled {_joined(pooled)}" if pooled else ""
    return text + "."


def terms_in(design: Design) -> list[Term]:
    """Return the terms that are in the model: of those of a role or a population nobody was asked about, nothing is."""

    def names(of: Design) -> set[str]:
        return {c.name for c in of.coefficients if c.variable != "intercept"} | {b.variable for b in of.pooled}

    have, out = names(design), []
    for term in design.spec.terms:
        own = names(draft_design(replace(design.spec, terms=(term,)), design.levels))
        if not own or own & have:
            out.append(term)
    return out


def _short(term: Term) -> tuple[str, bool] | None:
    """Return a term in a few words and whether it is unpooled."""
    match term:
        case Level(by=by):
            return f"levels by {_x(by)}", False
        case Shift(signal=signal, by=()):
            return f"shifts with the signal {signal} by the role of the judged ally", True
        case Shift(signal=signal, by=by, roles=roles):
            return f"shifts with {signal} by {_x(by)}" + (f" ({_and(roles)})" if roles else ""), False
        case Gap(population=population, by=by, signal=signal):
            what = f"gaps of the {population} population" + (f" in the shift with {signal}" if signal else "")
            return (what + (f" by {_x(by)}" if by else ""), not by)
        case Slope(covariate=z, by=by, signal=signal):
            what = f"slopes of {z}" + (f" in the shift with {signal}" if signal else "")
            return (what + (f" by {_x(by)}" if by else ""), not by)
        case Effect(of=of, by=by):
            return (f"effects of {_x(of)}" + (f" by {_x(by)}" if by else ""), not by)
        case Fixed(name=name):
            return f"contrast {name}", True
        case Trend(by=by):
            return "random walks over the waves" + (f" by {_x(by)}" if by else ""), False
        case Drift(sd=sd):
            return f"drift from wave to wave (declared, sd {sd:g} a year)", True
        case Respondent():
            return "respondent effects (integrated out)", False
        case Cuts(by=by):
            return ("cut points by country", False) if by else None
    raise TypeError(term)


def _priors(design: Design) -> str:
    spec = design.spec
    single = {} if spec.forced_choice else {_prior(spec.intercept, design): ["the intercept"]}
    scales: dict[str, list[str]] = {}
    for term in terms_in(design):
        if (short := _short(term)) is None or isinstance(term, Drift):
            continue
        name, own = short
        kept, prior = (single, getattr(term, "prior", None)) if own else (scales, getattr(term, "scale", None))
        if prior is not None:
            kept.setdefault(_prior(prior, design), []).append(name)
    said = [f"{prior} for {_and(who)}" for prior, who in single.items()]
    said += [f"{prior} for the standard deviations of {_joined(who, ', ')}" for prior, who in scales.items()]
    said += [f"{prior_words(prior)} for the half-life of {name}" for name, prior in design.fading.items()]
    if design.inner:
        said.append(f"{prior_words(design.cuts)} for the log distances of the cut points")
    unit = "points of the scale" if spec.gaussian is not None else "logit scale"
    return f"Priors ({unit}) were {_and(said, '; ')}." if said else ""


def _prior(prior: Normal | HalfNormal | LogNormal | Flat, design: Design) -> str:
    text = prior_words(prior)
    points = None if isinstance(prior, LogNormal) or design.spec.gaussian is not None else points_at_half(prior)
    return (
        text
        if points is None
        else f"{text[:-1]}; 95 % of effects at 50 % from {number(points[1])} to {number(points[2])} points)"
    )


def _computation(fit: Fit) -> str:
    attrs, size, table = fit.idata.attrs, fit.posterior.sizes, fit.diagnosis.table
    versions = json.loads(str(attrs["versions"]))
    made = f"alliancecred {versions['alliancecred']}, Python {versions['python']}"
    sizes = " and ".join(f"{k} {table[f'ess_{k}'].min():,.0f}" for k in ("bulk", "tail"))
    seed = f"random seed {attrs['random_seed']}"
    if _family(fit) == "laplace":
        return (
            f"Posterior draws ({size['chain']} × {size['draw']:,}) are those of a nested Laplace approximation with "
            f"importance weights for the exact density ({made}; {seed}); the largest Pareto k of any parameter was "
            f"{table['k_hat'].max():.2f}, the smallest effective sample sizes were {sizes}."
        )
    return (
        f"{size['chain']} chains of {size['draw']:,} draws after {attrs['tuning_steps']} tuning steps come from the "
        f"no-U-turn sampler ({attrs['inference_library']}; {made}; {seed}); the largest R-hat of any parameter was "
        f"{table['r_hat'].max():.3f}, the smallest effective sample sizes were {sizes}, with "
        f"{fit.diagnosis.divergences} divergences."
    )


def _estimates(estimates: Sequence[Estimate]) -> str:
    if not estimates:
        return ""
    units = list(dict.fromkeys(e.unit for e in estimates))
    labels = list(dict.fromkeys(e.identification for e in estimates))
    averages = list(dict.fromkeys(averaged_words(e) for e in estimates if averaged_words(e)))
    smallest = sorted({e.smallest for e in estimates if e.smallest > 0})
    said = [
        f"We report posterior means with 95 % equal-tailed intervals ({_and(units)}), computed from every draw; "
        f"identification: {_and(labels)}",
        *averages,
    ]
    if smallest:
        least = _and([f"{x:g}" for x in smallest])
        said.append(f"Differences smaller than {least} were declared to be of no interest")
    return " ".join(f"{x}." for x in said)


def _predictive(frame: pd.DataFrame | None) -> str:
    if frame is None or frame.empty:
        return ""
    rank = frame["rank"].to_numpy(float)
    rank = rank[np.isfinite(rank)]
    outside = int(((rank < TAIL) | (rank > 1 - TAIL)).sum())
    return (
        f"In a posterior predictive check {outside} of {len(rank)} observed values fell outside their central 95 % "
        "predictive intervals."
    )


def _reliance(frame: pd.DataFrame | None) -> str:
    if frame is None or PRIORS not in set(frame["component"]):
        return ""
    found = frame.loc[frame["component"] == PRIORS, "sensitivity"].to_numpy(float)
    above = int((found > THRESHOLD).sum())
    return (
        f"Power scaling of the priors moved {above} of {len(found)} estimates by more than {THRESHOLD} per doubling "
        f"(largest {np.nanmax(found):.2f})."
    )


def _provenance(fit: Fit, locked: Locked | None) -> str:
    text = f"The analysis is {fit.spec.name}, SHA-256 {fit.spec.digest[:12]}…"
    if locked is None:
        return text + "."
    changes = len(deviations(locked, fit.spec))
    how = "without deviations" if not changes else f"with {changes} deviation{'s' if changes != 1 else ''}, listed"
    return f"{text}, locked on {locked.date} (SHA-256 {locked.digest[:12]}…) and followed {how}."


def _joined(names: Sequence[str], comma: str = "; ") -> str:
    """Return effects in a list, those of one kind together: ``levels by country and ally; shifts by country``."""
    kinds: dict[tuple[str, bool], list[str]] = {}
    for name in names:
        kind, _, by = name.partition(" by ")
        kinds.setdefault((kind, bool(by)), []).append(by)
    return comma.join(f"{kind} by {_and(by)}" if pooled else kind for (kind, pooled), by in kinds.items())


def _x(by: Sequence[str]) -> str:
    return " × ".join(by)


def _and(words: Sequence[str], comma: str = ", ") -> str:
    return comma.join(words) if comma == "; " or len(words) < 2 else f"{comma.join(words[:-1])} and {words[-1]}"
