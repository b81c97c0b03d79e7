"""Figures in words: a caption for the paper, and what a screen reader says."""

import pandas as pd
from matplotlib.figure import Figure

from ..errors import Problem, SpecError
from ..estimate import Estimate
from ..fitting import Fit
from ..summaries import CiKind, asked_of, describe
from ..wording import data_words
from . import page
from .page import ShownFigure, interval_words
from .specifications import sensitivity_words

_FACTORS = {"country": "countries asked", "ally": "allies judged", "target": "states to be defended", "wave": "waves"}


def alt_text(shown: Figure | Estimate | pd.DataFrame, *, ci_prob: float = 0.95) -> str:
    """Return in words, for a screen reader, what a figure shows.

    Parameters
    ----------
    shown
        A figure; an estimate, or a frame of `sensitivity`, whose figure is meant.
    ci_prob
        Probability of the intervals, of an estimate.

    Raises
    ------
    SpecError
        If a figure was not drawn by a ``plot_*`` of this library.

    Examples
    --------
    >>> from alliancecred.figures import plot_gap
    >>> from alliancecred.figures.example import example_estimate
    >>> alt_text(example_estimate("gap")).split(".")[0]
    'Dots with interval bars for 2 rows'
    >>> alt_text(plot_gap(example_estimate("gap"))).split(":")[1]
    ' no real survey. Levels of public and elite, and the posterior density of their difference'
    """
    if isinstance(shown, Figure):
        return _ours(shown).alt
    if isinstance(shown, pd.DataFrame):
        return sensitivity_words(shown)
    kind = {
        "levels": "Levels with their intervals",
        "shift": "Dots before and after the signal, and the density of their difference,",
        "change": "Dots in two waves, and the density of their difference,",
    }.get(asked_of(shown), "Dots with interval bars")
    rows = f"{len(shown)} row{'s' if len(shown) != 1 else ''}"
    return f"{kind} for {rows}. {describe(shown, ci_prob=ci_prob)}"


def caption(
    shown: Figure | Estimate,
    *,
    fit: Fit | None = None,
    ci_prob: float = 0.95,
    ci_kind: CiKind = "eti",
    source: str = "",
) -> str:
    """Return a caption for a paper: what is drawn, which intervals, identification, status, source, data, pooling.

    Parameters
    ----------
    shown
        A figure, which knows what it shows; or an estimate, for a figure or table of your own.
    fit
        What it was computed from: adds how many answers of whom, and which effects are pooled over how many groups.
    ci_prob, ci_kind, source
        Of an estimate: its intervals, and where its data come from. A figure knows its own.

    Raises
    ------
    SpecError
        If a figure was not drawn by a ``plot_*`` of this library.

    Examples
    --------
    >>> from alliancecred.figures import plot_gap
    >>> from alliancecred.figures.example import example_estimate
    >>> caption(plot_gap(example_estimate("gap"))).split(".")[0]
    'Hollow: public; filled: elite'
    """
    if isinstance(shown, Figure):
        words = _ours(shown).caption
    else:
        words = page.caption(shown, f"Posterior means with {interval_words(ci_prob, ci_kind)}", source=source)
    return words if fit is None else f"{words} {_data(fit)}"


def _ours(figure: Figure) -> ShownFigure:
    if isinstance(figure, ShownFigure) and figure.caption:
        return figure
    message = "this figure does not know what it shows"
    raise SpecError([Problem("schema", "shown", message, (), "give the estimate, or a figure a plot_* returned")])


def _data(fit: Fit) -> str:
    """Return how many answers of whom, and what is pooled.

    Of what was asked: levels that were not are left out.
    """
    labels = fit.cells.labels()
    sizes = {k: len(set(map(str, labels[k])) - {""}) for k in _FACTORS if k in labels}
    who = ", ".join(f"{n} {_FACTORS[k]}" for k, n in sizes.items() if n > 1)
    pooled = dict.fromkeys(
        " × ".join(f"{k} ({len(fit.cells.levels[k])})" for k in b.by) for b in fit.design.pooled if not b.walk
    )
    parts = [
        f"Data: {data_words(fit.cells)}{f' ({who})' if who else ''}",
        f"Partially pooled: {'; '.join(pooled)}" if pooled else "Nothing is pooled",
    ]
    return " ".join(f"{p}." for p in parts)
