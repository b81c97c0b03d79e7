"""Marginal means of an experiment: what people answer where an attribute has each of its levels."""

from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import SpecError
from ..estimate import Estimate
from ..summaries import CiKind
from .attributes import ATTRIBUTE, attribute_frame, broken_down_by, for_caption, heading, in_sentence
from .forest import forest, forest_on
from .forest_layout import Style, lay_out
from .page import Width, alt_of, banners, caption, inches, interval_words, padded
from .presets import on_paper

_GRAND = "grand mean (every attribute and each of its levels alike)"


def marginal_means_data(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return what `plot_marginal_means` draws: a line per mark, in the declared order of attributes and levels.

    Columns are those of `summary`, with ``heading`` (the attribute), ``label`` (its level), ``panel`` and ``series``
    (the level of the factor it is broken down by: a mark of the row, or, of more than four, a panel) and ``grand``:
    the mean of all levels of the series, every attribute and every level of it alike.

    Raises
    ------
    SpecError
        If the estimate is not one of `alliancecred.marginal_means`, or is broken down by several factors.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> table = marginal_means_data(example_estimate("marginal_means"))
    >>> table[["heading", "label", "mean", "grand"]].round(0).values.tolist()[:2]
    [['Regime', 'autocracy', 40.0, 45.0], ['Regime', 'democracy', 50.0, 45.0]]
    """
    if estimate.is_difference:
        raise SpecError(f"an estimate in {estimate.unit!r} is a difference: use plot_amce or plot_moderation")
    table = attribute_frame(estimate, ci_prob=ci_prob, ci_kind=ci_kind).drop(columns="baseline")
    own = table.groupby(["panel", "series", ATTRIBUTE], sort=False)["mean"].mean()
    grand = own.groupby(level=["panel", "series"]).mean()
    at = pd.MultiIndex.from_frame(table[["panel", "series"]])
    return table.assign(grand=grand.reindex(at).to_numpy())


@on_paper
def plot_marginal_means(
    estimate: Estimate,
    *,
    ci_prob: float = 0.95,
    ci_kind: CiKind = "eti",
    width: Width = "double",
    source: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw marginal means, rows under a heading per attribute, in declared order, with the grand mean a thin line.

    Broken down by a factor of up to four levels every row has a mark for each; by one of more, each has a panel.

    Parameters
    ----------
    estimate
        As `alliancecred.marginal_means` returns it, broken down by at most one factor.
    ci_prob, ci_kind
        Probability and kind of the intervals.
    width
        ``double`` (7 in), ``column`` (3.5 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.
    ax
        Axes to draw into, names of rows as labels of ticks; the caption is left to you.

    Raises
    ------
    SpecError
        As `marginal_means_data`.

    References
    ----------
    Leeper, Hobolt & Tilley (2020), Political Analysis 28(2), figures 1 and 3.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> len(plot_marginal_means(example_estimate("marginal_means")).axes)
    1
    """
    table = marginal_means_data(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    words = f"Marks: posterior means; bars: {interval_words(ci_prob, ci_kind)}. "
    several = table["series"].nunique() > 1
    words += f"Thin lines: {_GRAND} of each group" if several else f"Thin line: {_GRAND}"
    words += " of the panel" if table["panel"].nunique() > 1 else ""
    style = Style(inches(width), answer_title(estimate), limits_of(estimate, table), key=_key(estimate, table))
    sheet = lay_out(table, style)
    if ax is not None:
        return forest_on(ax, sheet, banners(estimate.spec, estimate.status))
    return forest(
        sheet,
        banners=banners(estimate.spec, estimate.status),
        caption=caption(for_caption(estimate), words, source=source),
        alt=alt_of("Marginal means", table, interval_words(ci_prob, ci_kind)),
    )


def margins_data(
    overall: Estimate, conditional: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti"
) -> pd.DataFrame:
    """Return what `plot_margins` draws: the lines of `marginal_means_data` of both, in one order, without ``grand``.

    ``panel`` is ``All``, then ``By`` the other factor (or, of more than four levels, each of them).

    Raises
    ------
    SpecError
        If they are not marginal means of one attribute, the same in both, the second by one factor; or not of the
        same answers.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> one, two = example_estimate("marginal_means"), example_estimate("marginal_means by stakes")
    >>> margins_data(one.at(where={"attribute": "regime"}), two)["panel"].unique().tolist()
    ['All', 'By stakes']
    """
    left = marginal_means_data(overall, ci_prob=ci_prob, ci_kind=ci_kind)
    right = marginal_means_data(conditional, ci_prob=ci_prob, ci_kind=ci_kind)
    named = [sorted(set(t[ATTRIBUTE])) for t in (left, right)]
    if named[0] != named[1] or len(named[0]) != 1:
        raise SpecError(f"margins are those of one attribute, the same in both: {named[0]} and {named[1]}")
    if broken_down_by(overall) or not (factor := broken_down_by(conditional)):
        raise SpecError("margins are marginal_means(fit, attribute) and marginal_means(fit, attribute, by=factor)")
    if (overall.unit, overall.answer) != (conditional.unit, conditional.answer):
        raise SpecError(f"one is of {overall.answer!r} in {overall.unit}, one of {conditional.answer!r} in "
                        f"{conditional.unit}")  # fmt: skip
    if strange := [x for x in right["label"].unique() if x not in set(left["label"])]:
        raise SpecError(f"the level {strange[0]!r} is in one of them only")
    right["panel"] = [p or f"By {in_sentence(conditional.spec, factor)}" for p in right["panel"]]
    return pd.concat([left.assign(panel="All"), right], ignore_index=True).drop(columns="grand")


@on_paper
def plot_margins(
    overall: Estimate,
    conditional: Estimate,
    *,
    ci_prob: float = 0.95,
    ci_kind: CiKind = "eti",
    width: Width = "double",
    source: str = "",
) -> Figure:
    """Draw the margins of one attribute, and beside them the same given each level of another factor.

    Rows and axis are common to all panels. The other factor's levels are marks with a key, panels if more than four.

    Parameters
    ----------
    overall
        ``marginal_means(fit, "response")``
    conditional
        ``marginal_means(fit, "response", by="action")``
    ci_prob, ci_kind
        Probability and kind of the intervals.
    width
        ``double`` (7 in), ``column`` (3.5 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.

    Raises
    ------
    SpecError
        As `margins_data`.

    References
    ----------
    Kiratli (2024), Graph 1.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> one, two = example_estimate("marginal_means"), example_estimate("marginal_means by stakes")
    >>> len(plot_margins(one.at(where={"attribute": "regime"}), two).axes)
    2
    """
    table = margins_data(overall, conditional, ci_prob=ci_prob, ci_kind=ci_kind)
    status = next((e.status for e in (overall, conditional) if e.status != "passed"), "passed")
    notes = tuple(dict.fromkeys((*overall.notes, *conditional.notes)))
    shown = replace(overall, status=status, notes=notes)
    factor = broken_down_by(conditional)
    words = f"Marks: posterior means; bars: {interval_words(ci_prob, ci_kind)}. "
    words += f"First panel: over all; then given each level of {in_sentence(overall.spec, factor)}"
    style = Style(inches(width), answer_title(overall), limits_of(overall, table), key=_key(conditional, table))
    return forest(
        lay_out(table, style),
        banners=banners(overall.spec, status),
        caption=caption(for_caption(shown), words, source=source),
        alt=alt_of(
            "Marginal means over all, and given each level of a factor", table, interval_words(ci_prob, ci_kind)
        ),
    )


def answer_title(estimate: Estimate) -> str:
    """Return the title of an axis of answers to an experiment."""
    if estimate.answer == "mean":
        return "Mean answer"
    top = estimate.spec.top if estimate.answer == "top" else (estimate.answer,)
    return f"Answered “{top[0]}” (%)" if len(top) == 1 else "Share of the top answers (%)"


def limits_of(estimate: Estimate, table: pd.DataFrame) -> tuple[float, float]:
    """Return the range of an axis of levels."""
    low, high = padded(table[["mean", "lower", "upper"]].to_numpy())
    return (max(low, -1.0), min(high, 101.0)) if estimate.unit == "percent" else (low, high)


def _key(estimate: Estimate, table: pd.DataFrame) -> str:
    return heading(estimate.spec, broken_down_by(estimate)) if table["series"].any() else ""
