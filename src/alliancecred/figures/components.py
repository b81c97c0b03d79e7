"""Effects of attributes (AMCE) and how their marginal means differ between groups (moderation)."""

from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import SpecError
from ..estimate import Estimate
from ..summaries import CiKind
from .attributes import attribute_frame, broken_down_by, for_caption, heading, is_effect
from .forest import forest, forest_on
from .forest_layout import Style, lay_out
from .page import Width, alt_of, banners, caption, inches, interval_words, padded, unit_title
from .presets import on_paper

_COMPARE = (
    "Groups are compared by moderation (differences of marginal means), not by these effects: their baselines are "
    "arbitrary (Leeper, Hobolt & Tilley 2020)"
)


def amce_data(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return what `plot_amce` draws: a line per mark, in the declared order of attributes and levels.

    Columns as in `marginal_means_data`; ``label`` is the level that is compared, and each attribute's baseline has a
    line of its own at 0 (``baseline``).

    Raises
    ------
    SpecError
        If the estimate is not one of `alliancecred.amce`, is broken down by several factors, or has several baselines.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> table = amce_data(example_estimate("amce"))
    >>> table[["heading", "label", "mean", "baseline"]].round(0).values.tolist()[:2]
    [['Regime', 'autocracy', 0.0, True], ['Regime', 'democracy', 10.0, False]]
    """
    table = attribute_frame(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    if not is_effect(estimate):
        other = "plot_moderation" if estimate.is_difference else "plot_marginal_means"
        raise SpecError(f"these levels are not compared with a baseline: use {other}")
    return table


@on_paper
def plot_amce(
    estimate: Estimate,
    *,
    probability: bool = False,
    ci_prob: float = 0.95,
    ci_kind: CiKind = "eti",
    width: Width = "double",
    source: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw effects of attributes, rows under a heading per attribute, each baseline a hollow mark at 0.

    Parameters
    ----------
    estimate
        As `alliancecred.amce` returns it, broken down by at most one factor: up to four levels are marks of a row,
        more have a panel each.
    probability
        Whether to print how probable it is that an effect has the sign of its mean.
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
        As `amce_data`.

    References
    ----------
    Hainmueller, Hopkins & Yamamoto (2014), Political Analysis 22(1), figure 3.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> len(plot_amce(example_estimate("amce")).axes)
    1
    """
    table = amce_data(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    intervals = interval_words(ci_prob, ci_kind)
    words = f"Effects against each attribute's baseline (hollow, at 0): posterior means; bars: {intervals}"
    if broken_down_by(estimate):
        words += f". {_COMPARE}"
    return _differences(estimate, table, (words, intervals), "Effect", probability, inches(width), source, ax)


def moderation_data(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return what `plot_moderation` draws: a line per mark, in the declared order of attributes and levels.

    Columns as in `marginal_means_data`, without ``grand``; ``series`` (or ``panel``) is the pair of groups.

    Raises
    ------
    SpecError
        If the estimate is not one of `alliancecred.moderation`, or is broken down by several factors besides.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> moderation_data(example_estimate("moderation"))[["label", "mean"]].round(0).values.tolist()
    [['autocracy', 4.0], ['democracy', 8.0]]
    """
    table = attribute_frame(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    if not estimate.is_difference or table["baseline"].any():
        other = "plot_amce" if estimate.is_difference else "plot_marginal_means"
        raise SpecError(f"these are no differences between groups at a level: use {other}")
    return table.drop(columns="baseline")


@on_paper
def plot_moderation(
    estimate: Estimate,
    *,
    probability: bool = False,
    ci_prob: float = 0.95,
    ci_kind: CiKind = "eti",
    width: Width = "double",
    source: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw how the marginal mean of each level differs between groups, populations or levels of another attribute.

    Parameters
    ----------
    estimate
        As `alliancecred.moderation` returns it.
    probability, ci_prob, ci_kind, width, source, ax
        As in `plot_amce`.

    Raises
    ------
    SpecError
        As `moderation_data`.

    References
    ----------
    Leeper, Hobolt & Tilley (2020), Political Analysis 28(2), figure 4.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> len(plot_moderation(example_estimate("moderation")).axes)
    1
    """
    table = moderation_data(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    intervals = interval_words(ci_prob, ci_kind)
    words = f"Differences of marginal means: posterior means; bars: {intervals}"
    return _differences(estimate, table, (words, intervals), "Difference", probability, inches(width), source, ax)


def _differences(
    estimate: Estimate,
    table: pd.DataFrame,
    said: tuple[str, str],
    what: str,
    probability: bool,
    wide: float,
    source: str,
    ax: Axes | None,
) -> Figure:
    words, intervals = said
    factor = broken_down_by(estimate) if table["series"].any() else ""
    style = Style(
        wide,
        what,
        padded(table[["mean", "lower", "upper"]].to_numpy(), zero=True),
        key=heading(estimate.spec, factor) if factor else "",
        zero=True,
        smallest=estimate.smallest,
        probability=probability,
    )
    sheet = lay_out(table, style)
    title = unit_title(what, estimate.unit, sheet.room if sheet.across == 1 else 2.0)
    if probability and len(sheet.printed) > 1:
        words += ". Last column: posterior probability that it has the sign of its mean"
    sheet = replace(sheet, style=replace(style, title=title))
    if ax is not None:
        return forest_on(ax, sheet, banners(estimate.spec, estimate.status))
    return forest(
        sheet,
        banners=banners(estimate.spec, estimate.status),
        caption=caption(for_caption(estimate), words, source=source),
        alt=alt_of(f"{what}s", table[~table["baseline"]] if "baseline" in table else table, intervals, zero=True),
    )
