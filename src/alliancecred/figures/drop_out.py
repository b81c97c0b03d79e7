"""A shift in a panel that lost people, against what those who left might believe now."""

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..errors import SpecError
from ..estimate import Attrition
from ..summaries import CiKind, by_row, interval, number, row_names, summary
from .page import (
    COLOURS,
    EDGE,
    FAINT,
    INK,
    LINE,
    QUIET,
    Page,
    Width,
    alt_of,
    banners,
    caption,
    inches,
    interval_words,
    make_page,
    padded,
    unit_title,
)
from .presets import on_paper
from .text import SMALL, shorten, shorten_apart

_PANEL, _HEAD, _FOOT, _GAP, _LEFT = 1.25, 0.17, 0.46, 0.14, 0.34  # inches
_NARROWEST, _MOST_COLUMNS = 1.45, 3
_STAYERS = 0.26  # share of the width, left of the smallest δ, where the stayers stand
_INNER = 0.5  # probability of the inner ribbon


def attrition_data(found: Attrition, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return what `plot_attrition` draws: `summary` with ``panel``, ``delta`` (NaN for stayers), the inner interval.

    Raises
    ------
    SpecError
        If there are fewer than two δ, or two rows would share a panel.

    Examples
    --------
    >>> from alliancecred.figures.example import example_attrition
    >>> attrition_data(example_attrition())["delta"].nunique()
    3
    """
    if len(found.over_all) < 2:
        raise SpecError(f"a line needs two δ, got {list(found.over_all)}: give deltas to attrition()")
    parts = []
    for delta, estimate in sorted({**found.over_all, float("nan"): found.apart.at(estimand="stayers")}.items()):
        names = row_names(estimate)
        roles = [str(r).capitalize() for r in estimate.draws["role"].values]
        many = len(set(names)) > 1
        table = summary(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
        inner = interval(by_row(estimate), ci_prob=_INNER, ci_kind=ci_kind)
        table.insert(0, "panel", [f"{r}: {n}" if many else r for r, n in zip(roles, names, strict=True)])
        table.insert(1, "delta", delta)
        parts.append(table.assign(lower_50=inner[:, 0], upper_50=inner[:, 1]))
    table = pd.concat(parts, ignore_index=True)
    if table.duplicated(["panel", "delta"]).any():
        raise SpecError("two rows for one panel: ask attrition() for fewer")
    return table.sort_values("delta", kind="stable", na_position="first").reset_index(drop=True)


@on_paper
def plot_attrition(
    found: Attrition, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti", width: Width = "double", source: str = ""
) -> Figure:
    """Draw the shift over all people of the first waves against δ, a panel per row, with that among stayers beside it.

    Parameters
    ----------
    found
        What `attrition` returned.
    ci_prob, ci_kind
        Probability and kind of the outer ribbon and of the bar of the stayers.
    width
        ``double`` (7 in), ``column`` (3.5 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.

    Raises
    ------
    SpecError
        As `attrition_data`.

    Examples
    --------
    >>> from alliancecred.figures.example import example_attrition
    >>> len(plot_attrition(example_attrition()).axes)
    2
    """
    table = attrition_data(found, ci_prob=ci_prob, ci_kind=ci_kind)
    panels, wide = list(dict.fromkeys(table["panel"])), inches(width)
    room = wide - _LEFT - 2 * EDGE
    columns = max(1, min(_MOST_COLUMNS, int((room + _GAP) / (_NARROWEST + _GAP)), len(panels)))
    rows = -(-len(panels) // columns)
    each = (room - (columns - 1) * _GAP) / columns
    people, back = int(found.returned["people"].sum()), int(found.returned["returned"].sum())
    words = (
        f"Lines: posterior means over all {people:,} people asked before the signal, if the "
        f"{100 * (1 - back / people):.0f}% who did not come back now find promises more credible by δ (logit) than "
        f"people with the same answers who did; ribbons: {interval_words(ci_prob, ci_kind)} and, inside, 50%. "
        f"Dashed: δ = 0, missing at random. Square: the {back:,} who came back"
    )
    estimate = next(iter(found.over_all.values()))
    page = make_page(
        wide,
        LINE * 1.3 + rows * (_HEAD + _PANEL + _FOOT),
        banners=banners(estimate.spec, estimate.status),
        caption=caption(replace(found.apart, notes=_notes(found)), words, source=source),
        alt=alt_of("Shifts against what those who left might believe", _named(table), interval_words(ci_prob, ci_kind)),
    )
    title = unit_title("Shift", estimate.unit, wide)
    page.text(EDGE, page.top - LINE * 0.6, shorten(title, wide - 2 * EDGE, size=SMALL), size=SMALL)
    low, high = padded(table[["lower", "upper"]].to_numpy(), zero=True)
    titles = shorten_apart(panels, each, bold=True)
    for k, panel in enumerate(panels):
        axes = _panel(page, (k, columns), each, titles[k])
        axes.set_ylim(low, high)
        _draw(axes, table[table["panel"] == panel], labelled=k % columns == 0)
    return page.figure


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(label=["those who came back" if np.isnan(d) else f"δ = {d:g}" for d in table["delta"]])


def _notes(found: Attrition) -> tuple[str, ...]:
    """Notes of every estimate: what only some say is about their δ, which the words on the lines explain."""
    return tuple(n for n in found.apart.notes if all(n in e.notes for e in found.over_all.values()))


def _panel(page: Page, place: tuple[int, int], each: float, name: str) -> Axes:
    row, column = divmod(place[0], place[1])
    top = page.top - LINE * 1.3 - row * (_HEAD + _PANEL + _FOOT)
    x = EDGE + _LEFT + column * (each + _GAP)
    page.text(x, top - _HEAD / 2, name, bold=True)
    return page.axes(x, top - _HEAD - _PANEL, each, _PANEL)


def _draw(axes: Axes, rows: pd.DataFrame, *, labelled: bool) -> None:
    stay, line = rows[rows["delta"].isna()].iloc[0], rows[rows["delta"].notna()]
    colour = COLOURS.get(str(stay["role"]), COLOURS[""])
    x = line["delta"].to_numpy(dtype=float)
    span = x[-1] - x[0]
    at = x[0] - _STAYERS * span
    axes.set_xlim(at - 0.08 * span, x[-1] + 0.04 * span)
    axes.axhline(0, color=INK, linewidth=0.6, zorder=1)
    if x[0] <= 0 <= x[-1]:
        axes.axvline(0, color=QUIET, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
    for bounds, alpha in ((("lower", "upper"), 0.16), (("lower_50", "upper_50"), 0.28)):
        axes.fill_between(x, line[bounds[0]], line[bounds[1]], color=colour, alpha=alpha, linewidth=0, zorder=2)
    axes.plot(x, line["mean"], color=colour, linewidth=1.0, marker="o", markersize=2.2, zorder=3)
    axes.vlines([at], stay["lower"], stay["upper"], color=colour, linewidth=1.0, zorder=2)
    axes.plot([at], [stay["mean"]], color=colour, marker="s", markersize=3.5, zorder=3)
    shown = sorted({x[0], *x[x == 0], x[-1]})  # more would run into each other in narrow panels
    axes.set_xticks([at, *shown], ["came\nback", *(f"{v:g}".replace("-", "\N{MINUS SIGN}") for v in shown)])
    axes.set_xlabel("δ, all of the first wave (logit)", fontsize=SMALL, labelpad=1, color=INK)
    low, high = axes.get_ylim()
    ticks = [t for t in MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high) if low <= t <= high]
    axes.set_yticks(ticks, [number(t, digits=0) if t == round(t) else number(t) for t in ticks])
    axes.set_ylim(low, high)
    axes.tick_params(axis="y", length=0, labelleft=labelled)
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
