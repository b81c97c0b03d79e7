"""What a methods paragraph says of the data: who was asked what, when, in which arms, and what was left out."""

from collections.abc import Sequence

import numpy as np

from ..fitting import Fit
from ..spec import Spec
from ..summaries import sentence, signal_facts
from ..wording import data_words

WEIGHTED = "Counts were scaled to effective sizes by the survey weights (a pseudo-posterior)."
_LINES = 4  # of what is listed in a sentence
_NAMED = 12  # countries or allies
_ARMS = 6  # levels of an attribute


def sample_words(fit: Fit) -> str:
    """Return the sentences on question, answers, sample, arms, signals and exclusions."""
    spec = fit.spec
    said = [
        f"Question: {sentence(spec.question)}" if spec.question else "",
        _answers(spec),
        _sample(fit),
        WEIGHTED if fit.cells.unweighted is not None else "",
        _arms(fit),
        _signals(spec),
        _independent(fit),
        _excluded(fit),
    ]
    return " ".join(x for x in said if x)


def _answers(spec: Spec) -> str:
    if (slider := spec.slider) is not None:
        return f"Answers were given on a slider from {slider.low:g} to {slider.high:g}."
    if spec.forced_choice:
        return "One of two profiles had to be chosen."
    if (rating := spec.rating) is not None:
        return f"Answers were given on a scale from {rating.low:g} to {rating.high:g}; their means were published."
    quoted = [f"“{a}”" for a in spec.answers]
    top = " or ".join(f"“{a}”" for a in spec.top)
    return f"Answers, in order: {', '.join(quoted)}; shares reported are of {top}."


def _sample(fit: Fit) -> str:
    spec, levels = fit.spec, fit.design.levels
    waves = levels["wave"]
    text = f"The data are {data_words(fit.cells)}, from {_named(spec, levels['country'], 'country', 'countries')}"
    text += f" that judge {_named(spec, levels['ally'], 'ally', 'allies')}" if len(levels["ally"]) > 1 else ""
    text += f" in {len(waves)} waves ({waves[0]} to {waves[-1]})" if len(waves) > 1 else ""
    groups = levels["population"]
    sizes = list(map(spec.label, groups)) if spec.forced_choice else _sizes(fit, "population", groups)
    text += f", of {' and '.join(sizes)}" if len(groups) > 1 else ""  # counts of choices are of profiles
    return text + "."


def _arms(fit: Fit) -> str:
    """Name what was assigned at random, with how many answers each arm has, where arms are few."""
    told = []
    for attribute in fit.spec.attributes:
        few = len(attribute.levels) <= _ARMS
        arms = ", ".join(_sizes(fit, attribute.name, attribute.levels)) if few else f"{len(attribute.levels)} levels"
        told.append(f"{fit.spec.label(attribute.name)} ({arms})")
    what = "Assigned at random, profiles shown" if fit.spec.forced_choice else "Assigned at random"
    return f"{what}: {'; '.join(told)}." if told else ""


def _signals(spec: Spec) -> str:
    told = [f"{s.name} ({signal_facts(s, spec)})" for s in spec.signals]
    return f"Signal{'s' if len(told) > 1 else ''}: {'; '.join(told)}." if told else ""


def _independent(fit: Fit) -> str:
    """Say that answers of one person count as those of several people, where that is so."""
    if fit.spec.asks_for_people:
        return ""
    lines = [x for r in fit.cells.reports for x in r.lines if x.action == "noted" and "with several rows" in x.what]
    return " ".join(f"{x.count:,} {x.what} were treated as independent." for x in lines)


def _excluded(fit: Fit) -> str:
    reports = fit.cells.reports
    read, excluded = (sum(r.total(action) for r in reports) for action in ("read", "excluded"))
    if not excluded:
        return f"None of the {read:,} rows read was excluded."
    lines = sorted((x for r in reports for x in r.lines if x.action == "excluded" and x.count), key=lambda x: -x.count)
    why = "; ".join(f"{x.what}: {x.count:,}" for x in lines[:_LINES]) + ("; and others" if len(lines) > _LINES else "")
    return f"Of {read:,} rows read, {excluded:,} were excluded ({why})."


def _sizes(fit: Fit, factor: str, labels: Sequence[str]) -> list[str]:
    """Return labels in full, each with how many answers it has (of published shares, how many people are behind)."""
    cells = fit.cells
    size = cells.size.copy()
    if cells.unweighted is not None:
        size[: len(cells.counts)] = cells.unweighted.sum(1)
    codes = cells.rows.codes[factor]
    n = np.bincount(codes, size, minlength=len(cells.levels[factor]))
    at = {label: i for i, label in enumerate(cells.levels[factor])}
    return [f"{fit.spec.label(x)} ({n[at[x]] if x in at else 0:,.0f})" for x in labels]


def _named(spec: Spec, labels: Sequence[str], one: str, many: str) -> str:
    names = f" ({', '.join(map(spec.label, labels))})" if len(labels) <= _NAMED else ""
    return f"{len(labels)} {one if len(labels) == 1 else many}{names}"
