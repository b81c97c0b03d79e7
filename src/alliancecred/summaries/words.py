"""Estimates in words: names of rows, and a paragraph that can stand in a paper."""

import numpy as np
import pandas as pd

from ..estimate import CAUSAL, LABELS, MINUS, Estimate
from ..events import Signal
from ..spec import Estimand, Spec
from .table import CiKind, by_row, summary
from .text import digits_for, failed_gates, number, sentence

ROLE_WORDS = {
    "sender": "First-order effect (the sender's own credibility)",
    "sender + self": "First-order effect (the sender's own credibility, with its self-rating)",
    "other": "Second-order effect (the other allies)",
    "self": "Self-rating",
}
KIND_WORDS = {"eti": "equal-tailed", "hdi": "highest-density"}
_LISTED = 8
_OF_SHIFTS = {"gap": " in shift", "comparison": " of shifts"}
_KINDS = ("levels", "change", "shift", "gap", "gap in shift", "comparison", "comparison of shifts")


def quantity(estimate: Estimate) -> str:
    """Return in words what is measured: a share of answers, or the mean answer."""
    spec = estimate.spec
    if estimate.answer == "mean" and (slider := spec.slider) is not None:
        return f"mean answer on the slider ({slider.low:g} to {slider.high:g})"
    if (rating := spec.rating) is not None:
        ends = f"“{spec.answers[0]}” to “{spec.answers[1]}”"
        if estimate.answer == "mean":
            return f"mean answer ({rating.low:g} to {rating.high:g}, {ends})"
        return f"mean answer as a percentage of the scale ({ends})"
    if estimate.answer == "mean" and (scores := spec.scores):
        return f"mean answer ({scores[0]:g} = “{spec.answers[0]}” to {scores[-1]:g} = “{spec.answers[-1]}”)"
    if estimate.answer == "mean":
        return f"mean answer (1 = “{spec.answers[0]}” to {len(spec.answers)} = “{spec.answers[-1]}”)"
    answers = spec.top if estimate.answer == "top" else (estimate.answer,)
    return "share that answered " + " or ".join(f"“{a}”" for a in answers)


def full_name(spec: Spec, label: str) -> str:
    """Return the full name of a code, or of both sides of a contrast of two codes.

    Examples
    --------
    >>> full_name(Spec("demo", ("no", "yes"), ("yes",), (), names=(("PL", "Poland"),)), "PL − US")
    'Poland − US'
    """
    return MINUS.join(spec.label(part) for part in label.split(MINUS))


def row_names(estimate: Estimate) -> list[str]:
    """Return a readable name of each row, in full names: what sets it apart within its role.

    A row that is averaged over the factor others are broken down by is called ``Average``.
    """
    table = pd.DataFrame([estimate.labels(i) for i in range(len(estimate))], columns=list(estimate.keys), dtype=object)
    names = [""] * len(table)
    named = estimate.keys[2:]
    elsewhere = [k for k in named if table[k].nunique() > 1]
    for _, group in table.groupby("role", sort=False):
        given = {k for k in named if group[k].ne("").all()}
        keys = [k for k in named if group[k].nunique() > 1 or (k == "country" and k in given)]
        keys = keys or [k for k in elsewhere if k in given]
        many = group["estimand"].nunique() > 1
        for i in group.index.to_numpy(dtype=int):
            row = table.iloc[i]
            names[i] = _row_name(estimate.spec, {k: str(row[k]) for k in keys}, str(row["estimand"]) if many else "")
    return names


def _row_name(spec: Spec, labels: dict[str, str], estimand: str) -> str:
    who = full_name(spec, labels["country"]) if labels.get("country") else ""
    judged = full_name(spec, labels["ally"]) if labels.get("ally") else "average of allies" if "ally" in labels else ""
    if not who and ("country" in labels or not any(labels.values())):
        who = "Average"
    first = ": ".join(x for x in (who, judged) if x)
    level = ": ".join(full_name(spec, labels[k]) for k in ("attribute", "level") if labels.get(k))
    others = [k for k in labels if k not in ("country", "ally", "attribute", "level")]
    rest = [full_name(spec, labels[k]) or f"all {k}s" for k in others]
    return ", ".join([x for x in (level, first if first != "Average" or not level else "", *rest, estimand) if x])


def constants(estimate: Estimate) -> str:
    """Return what all rows have in common and their names therefore leave out, as ``ally judged: X; wave: Y``."""
    words = {"ally": "ally judged", "target": "state to be defended", "wave": "wave", "population": "population"}
    words |= {k: k for k in estimate.keys if k not in LABELS}
    have = {k: {str(v) for v in estimate.draws[k].to_numpy()} - {""} for k in words}
    rows = {k: bool((estimate.draws[k].to_numpy().astype(str) != "").all()) for k in words}
    return "; ".join(
        f"{words[k]}: {full_name(estimate.spec, next(iter(have[k])))}" for k in words if len(have[k]) == 1 and rows[k]
    )


def averages(estimate: Estimate) -> np.ndarray:
    """Return which rows are averages over a country or ally other rows of their role are broken down by."""
    out = np.zeros(len(estimate), dtype=bool)
    role = estimate.draws["role"].to_numpy().astype(str)
    for key in ("country", "ally"):
        have = estimate.draws[key].to_numpy().astype(str)
        for r in set(role):
            out |= (role == r) & (have == "") & bool((have[role == r] != "").any())
    return out


def asked_of(estimate: Estimate) -> str:
    """Return which estimand made it: ``levels``, ``shift``, ``gap in shift`` …, or ``contrast``."""
    if any(MINUS in label for i in range(len(estimate)) for label in estimate.labels(i).values()):
        return "contrast"
    if not estimate.is_difference:
        return "levels"
    known = {k: k for k in _KINDS}
    known |= {e.name or _kind_of(e): _kind_of(e) for e in estimate.spec.estimands}
    names = {str(n) for n in estimate.draws["estimand"].to_numpy()}
    found = {known.get(n, "") for n in names} - {""}
    if len(found) == 1:
        return found.pop()
    return "contrast" if estimate.before is None else "shift"


def _kind_of(asked: Estimand) -> str:
    """Return what an estimand that has no name of its own is called."""
    return asked.of + (_OF_SHIFTS.get(asked.of, "") if asked.signal else "")


def signal_words(estimate: Estimate) -> str:
    """Return the signal's name and what it was, where the estimate can only mean one; else nothing."""
    spec = estimate.spec
    names = {str(n) for n in estimate.draws["estimand"].to_numpy()}
    named = {e.signal for e in spec.estimands if (e.name or _kind_of(e)) in names and e.signal}
    chosen = [s for s in spec.signals if s.name in named] if named else list(spec.signals)
    if len(chosen) != 1:
        return ""
    s = chosen[0]
    return f"{s.name} ({signal_facts(s, spec)})"


def signal_facts(signal: Signal, spec: Spec) -> str:
    """Return who sent a signal, of what kind, when, and what it was.

    Examples
    --------
    >>> from alliancecred.spec_file import as_spec
    >>> spec = as_spec("microcode_2025")
    >>> signal_facts(spec.signals[0], spec)[:52]
    'United States, aid, retrenchment, 2025-03-03: Washin'
    """
    facts = f"{spec.label(signal.sender)}, {signal.kind}, {signal.direction}, {signal.date.isoformat()}"
    return f"{facts}: {signal.what}" if signal.what else facts


def describe(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> str:
    """Return the estimate as a paragraph that can stand in a paper.

    No verb says that a signal did anything unless the identification label is ``randomised`` or
    ``difference-in-differences``. With more than eight rows of a role only the averages, the
    extremes and a count are written out.

    Parameters
    ----------
    estimate
        The estimate.
    ci_prob, ci_kind
        Probability and kind of the intervals.

    Examples
    --------
    >>> import xarray as xr
    >>> draws = xr.DataArray(np.full((1, 10, 1), 40.0), dims=("chain", "draw", "row"),
    ...                      coords={k: ("row", [""]) for k in LABELS})
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), ())
    >>> text = describe(Estimate(draws, "percent", "descriptive", "top", "all countries, equally", spec))
    >>> "Averaging: all countries, equally." in text
    True
    """
    table = summary(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    parts = []
    if estimate.spec.simulated:
        parts.append("SIMULATED DATA: these numbers describe no real survey.")
    if estimate.status != "passed":
        parts.append(f"DO NOT REPORT: the fit failed its gates ({failed_gates(estimate.status)}).")
    parts.append(opening_words(estimate))
    common = constants(estimate)
    parts += [sentence(common[:1].upper() + common[1:]), sentence(averaged_words(estimate))]
    role = table["role"].astype(str)
    for r in sorted(set(role), key=lambda r: [*ROLE_WORDS, ""].index(r) if r in ROLE_WORDS else 9):
        heading = f"{ROLE_WORDS.get(r, r)}: " if r else ""
        parts.append(heading + _rows_text(estimate, table, np.flatnonzero(role == r)) + ".")
    parts.append(f"Intervals are {100 * ci_prob:g}% {KIND_WORDS[ci_kind]} posterior intervals around the mean.")
    parts.append(identification_words(estimate))
    return " ".join(p for p in (*parts, *(sentence(n) for n in estimate.notes)) if p)


def averaged_words(estimate: Estimate) -> str:
    """Return ``Averaging: …``, or nothing if nothing was averaged over."""
    words = estimate.averaged.strip().rstrip(".")
    return "" if not words or words.startswith("nothing") else f"Averaging: {words}"


def opening_words(estimate: Estimate) -> str:
    """Return in a sentence what is measured, and in what unit."""
    what = quantity(estimate)
    signal = f"the signal {signal_words(estimate)}".strip()
    match asked_of(estimate):
        case "levels":
            return f"The {what}, in {estimate.unit}."
        case "shift":
            return f"Difference, with minus without {signal}, in the {what}, in {estimate.unit}."
        case "change":
            return f"Difference, later minus earlier wave, in the {what}, in {estimate.unit}."
        case "gap":
            return f"Gap, {_populations(estimate)}, in the {what}, in {estimate.unit}."
        case "gap in shift":
            both = f"with minus without {signal}, {_populations(estimate)}"
            return f"Gap in the shift: the difference {both}, in the {what}, in {estimate.unit}."
        case "comparison" | "comparison of shifts":
            what += f", with minus without {signal}" if asked_of(estimate) != "comparison" else ""
            return f"Difference in the {what}, in {estimate.unit}: {'; '.join(estimate.notes[:1])}."
        case _:
            return f"Difference in the {what}, in {estimate.unit}."


def _populations(estimate: Estimate) -> str:
    low, *high = estimate.spec.populations
    return f"{' or '.join(high) or 'other'} minus {low}"


def _rows_text(estimate: Estimate, table: pd.DataFrame, index: np.ndarray) -> str:
    names = row_names(estimate)
    if len(index) <= _LISTED:
        return "; ".join(_clause(estimate, table, names, i) for i in index)
    mean = table["mean"].to_numpy()
    average = averages(estimate)
    single = [i for i in index if not average[i]]
    shown = [_clause(estimate, table, names, i) for i in index if average[i]]
    by_mean = sorted(single, key=lambda i: mean[i])
    shown += ["highest, " + _clause(estimate, table, names, by_mean[-1])]
    shown += ["lowest, " + _clause(estimate, table, names, by_mean[0])]
    if estimate.is_difference:
        clear = sum(table["lower"][i] > 0 or table["upper"][i] < 0 for i in single)
        shown.append(f"the interval excludes zero in {clear} of {len(single)} rows")
    return "; ".join(shown)


def _clause(estimate: Estimate, table: pd.DataFrame, names: list[str], i: int) -> str:
    digits = digits_for(estimate.unit)
    mean, lower, upper = (float(table[k][i]) for k in ("mean", "lower", "upper"))
    if not np.isfinite(mean):
        return f"{names[i]}: not available (a draw is not finite)"
    bounds = f"interval {number(lower, digits=digits)} to {number(upper, digits=digits)}"
    if not estimate.is_difference:
        return f"{names[i]}: {number(mean, digits=digits)} {estimate.unit} ({bounds})"
    draws = by_row(estimate)[i]
    down = mean < 0
    p = _probability(float((draws < 0).mean() if down else (draws > 0).mean()), draws.size)
    words = f"probability of {'a decrease' if down else 'an increase'} {p}"
    if asked_of(estimate) not in ("shift", "change"):
        words = f"probability of being {'below' if down else 'above'} zero {p}"
    if "p_beyond" in table:
        beyond = _probability(float(table["p_beyond"][i]), draws.size)
        words += f", of more than {estimate.smallest:g} either way {beyond}"
    size = f"{number(abs(mean), digits=digits)} {estimate.unit}"
    return f"{names[i]}: {_verb(estimate, down)} {size} ({bounds}; {words})"


def _verb(estimate: Estimate, down: bool) -> str:
    noun = "mean answer" if estimate.answer == "mean" else "share"
    kind = asked_of(estimate)
    if kind == "gap in shift":  # a difference of differences: a share that fell less is not a higher share
        return f"the shift was {'lower' if down else 'higher'} than in the reference population by"
    if kind == "comparison of shifts":
        return f"the shift was {'lower' if down else 'higher'} by"
    if kind in ("shift", "change") and estimate.identification in CAUSAL:
        return f"the signal {'lowered' if down else 'raised'} the {noun} by"
    when = {"shift": "after the signal ", "change": "in the later wave ", "gap": "than in the reference population "}
    where = when.get(kind, "")
    return f"the {noun} was {'lower' if down else 'higher'} {where}by"


def _probability(p: float, draws: int) -> str:
    least = max(0.001, 1 / draws)
    if p > 1 - least:
        return f"above {1 - least:.3f}"
    if p < least:
        return f"below {least:.3f}"
    return f"{p:.2f}" if 0.01 <= p <= 0.99 else f"{p:.3f}"


def identification_words(estimate: Estimate) -> str:
    """Return the identification label, and that no cause is claimed where it carries none."""
    label = f"Identification: {estimate.identification}"
    if not estimate.is_difference or estimate.identification in CAUSAL:
        return label + "."
    if asked_of(estimate) in ("shift", "change", "gap in shift"):
        return label + "; the difference is described, not attributed to the signal."
    return label + "; the difference is described, not explained."
