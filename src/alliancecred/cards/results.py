"""Cards and lines of analyses, fits and estimates."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from ..markup import Html, el
from ..priors import Flat, HalfNormal, LogNormal, Normal
from ..summaries import averaged_words, digits_for, failed_gates, number, quantity, row_names, signal_facts
from ..terms import Cuts, Term
from ..wording import data_words, points_at_half, prior_words, term_words
from .pieces import MOST_ROWS, answers_words, card, grid, says, verdict

if TYPE_CHECKING:
    from ..estimate import Estimate
    from ..fitting import Fit
    from ..spec import Spec

Prior = Normal | HalfNormal | LogNormal | Flat
_BAR = 120  # pixels


def spec_line(spec: "Spec") -> str:
    """Return an analysis in a few lines."""
    kind = "SIMULATED DATA; " if spec.simulated else ""
    asked = ", ".join(e.name or e.of for e in spec.estimands) or "none"
    terms = ", ".join(f"{t.tag}{' by ' + ' × '.join(by) if (by := getattr(t, 'by', ())) else ''}" for t in spec.terms)
    lines = [f"<Spec {spec.name}: {kind}{spec.title or spec.question}", f"  {answers_words(spec.answers, spec.top)}"]
    return "\n".join([*lines, f"  terms: {terms}", f"  estimands: {asked}", f"  SHA-256 {spec.digest[:12]}>"])


def spec_card(spec: "Spec") -> str:
    """Return an analysis as a card: question, signals, terms with priors in words and points, estimands."""
    head = ["Term", f"Prior ({spec.unit})", "95 % of effects at 50 %, points"]
    rows = [["Overall level.", prior_words(spec.intercept), _points(spec.intercept, spec.unit)]]
    for term in spec.terms:
        prior = _prior_of(term)
        said = ["", ""] if prior is None else [prior_words(prior), _points(prior, spec.unit)]
        rows.append([term_words(term, spec), said[0], "" if isinstance(term, Cuts) else said[1]])
    signals = [f"Signal {s.name}: {signal_facts(s, spec)}." for s in spec.signals]
    asked = [e.name or f"{e.of}{' by ' + ', '.join(e.by) if e.by else ''}" for e in spec.estimands]
    return card(
        f"{spec.name}: {spec.title}".rstrip(": "),
        *([says(spec.question)] if spec.question else []),
        says(answers_words(spec.answers, spec.top)),
        *map(says, signals),
        grid(head, rows, left=3),
        says("Estimands: " + ("; ".join(asked) or "none declared")),
        says(f"SHA-256 {spec.digest}"),
        simulated=spec.simulated,
    )


def _prior_of(term: Term) -> Prior | None:
    """Return the prior that a term uses: of its scale if it is pooled, else of its coefficients."""
    priors: list[Prior] = [
        p for f in fields(term) if isinstance(p := getattr(term, f.name), Normal | HalfNormal | LogNormal | Flat)
    ]
    pooled = bool(getattr(term, "by", ())) and not isinstance(term, Cuts)
    return next((p for p in priors if isinstance(p, HalfNormal) == pooled), priors[0] if priors else None)


def _points(prior: Prior, unit: str) -> str:
    if unit != "logit" or isinstance(prior, LogNormal) or (found := points_at_half(prior)) is None:
        return ""
    return f"{number(found[1], digits=0)} to {number(found[2], digits=0)}"


# --- fits and estimates ---------------------------------------------------------------------------
def fit_card(fit: "Fit") -> str:
    """Return a fit as a card, the verdict of the gates first."""
    attrs, post, table = fit.idata.attrs, fit.idata["posterior"].sizes, fit.diagnosis.table
    facts: list[tuple[str, str]] = [
        ("engine", f"{attrs.get('method', 'none')} ({attrs.get('method_reason', 'drawn from the prior')})"),
        ("data", data_words(fit.cells)),
        ("draws", f"{post['chain']} chains × {post['draw']:,}"),
    ]
    if len(table):
        worst = "k_hat" if "k_hat" in table else "r_hat"
        words = {"k_hat": "largest Pareto k", "r_hat": "largest R-hat"}[worst]
        facts.append((words, f"{table[worst].max():.3f}"))
        least = f"{table['ess_bulk'].min():,.0f} (bulk), {table['ess_tail'].min():,.0f} (tail)"
        facts.append(("smallest effective size", least))
        facts.append(("divergences", f"{fit.diagnosis.divergences}"))
    if "fit_time" in attrs:
        facts.append(("seconds", f"{float(str(attrs['fit_time'])):.1f}"))
    if "random_seed" in attrs:
        facts.append(("random seed", f"{attrs['random_seed']}"))
    facts.append(("analysis", f"SHA-256 {fit.spec.digest[:12]}"))
    return card(
        f"Fit of {fit.spec.name}",
        verdict(fit.diagnosis.status),
        grid(["", ""], facts, left=2),
        *(says(n) for n in fit.design.notes[:5]),
        simulated=fit.spec.simulated,
    )


def _numbers(estimate: "Estimate") -> Iterator[tuple[str, float, float, float]]:
    draws = estimate.draws.transpose("row", "chain", "draw").values.reshape(len(estimate), -1)[:MOST_ROWS]
    finite = np.isfinite(draws).all(axis=1)
    bounds = np.full((len(draws), 2), np.nan)
    if finite.any():
        bounds[finite] = np.quantile(draws[finite], [0.025, 0.975], axis=1).T
    roles = estimate.draws["role"].values.astype(str)
    names = row_names(estimate)
    many = len(set(roles)) > 1
    for i, row in enumerate(draws):
        name = f"{roles[i]}: {names[i]}" if many and roles[i] else names[i]
        mean = float(row.mean()) if finite[i] else float("nan")
        yield name, mean, float(bounds[i, 0]), float(bounds[i, 1])


def estimate_line(estimate: "Estimate") -> str:
    """Return an estimate in a few lines."""
    digits = digits_for(estimate.unit)
    kinds = ", ".join(dict.fromkeys(map(str, estimate.draws["estimand"].values)))
    status = estimate.status if estimate.status == "passed" else f"GATES FAILED: {failed_gates(estimate.status)}"
    lines = [f"<Estimate {kinds}: {len(estimate)} rows, {estimate.unit}, {estimate.identification}; {status}"]
    lines += [
        f"  {name}: {number(mean, digits=digits)} [{number(low, digits=digits)}, {number(high, digits=digits)}]"
        for (name, mean, low, high), _ in zip(_numbers(estimate), range(6), strict=False)
    ]
    more = [f"  … {len(estimate) - 6} more rows"] if len(estimate) > 6 else []
    return "\n".join([*lines, *more]) + ">"


def estimate_card(estimate: "Estimate") -> str:
    """Return an estimate as a card: a row each with mean, 95 % interval and a small bar."""
    found, digits = list(_numbers(estimate)), digits_for(estimate.unit)
    ends = [x for _, _, low, high in found for x in (low, high) if np.isfinite(x)]
    ends += [0.0] if estimate.is_difference else []
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    rows = []
    for name, mean, a, b in found:
        between = f"[{number(a, digits=digits)}, {number(b, digits=digits)}]" if np.isfinite(mean) else "–"
        bar = _bar(mean, a, b, (low, high), zero=estimate.is_difference)
        rows.append([name, number(mean, digits=digits), between, bar])
    hidden = len(estimate) - len(rows)
    more = [says(f"… and {hidden:,} more rows: ac.summary(…) has all")] if hidden else []
    kinds = ", ".join(dict.fromkeys(map(str, estimate.draws["estimand"].values)))
    return card(
        f"{kinds[:1].upper()}{kinds[1:]}: {quantity(estimate)}",
        verdict(estimate.status),
        grid(["", f"mean ({estimate.unit})", "95 % interval", ""], rows),
        *more,
        says(" ".join(x for x in (f"Identification: {estimate.identification}.", f"{averaged_words(estimate)}") if x)),
        *map(says, estimate.notes[:4]),
        simulated=estimate.spec.simulated,
    )


def _bar(mean: float, low: float, high: float, ends: tuple[float, float], *, zero: bool) -> Html:
    """A line from bound to bound with a dot at the mean, and where zero is."""
    if not np.isfinite([mean, low, high]).all():
        return Html("")
    width = (ends[1] - ends[0]) or 1.0

    def at(x: float) -> str:
        return f"{4 + (_BAR - 8) * (x - ends[0]) / width:.1f}"

    def line(x1: str, x2: str, y1: str, y2: str, extra: Mapping[str, str]) -> Html:
        return el("line", attrs={"x1": x1, "x2": x2, "y1": y1, "y2": y2, "stroke": "currentColor", **extra})

    parts = [line(at(0.0), at(0.0), "0", "14", {"stroke-opacity": ".35"})] if zero else []
    parts.append(line(at(low), at(high), "7", "7", {"stroke-width": "2"}))
    parts.append(el("circle", attrs={"cx": at(mean), "cy": "7", "r": "3", "fill": "currentColor"}))
    return el("svg", *parts, attrs={"width": f"{_BAR}", "height": "14", "role": "img", "aria-label": "interval"})
