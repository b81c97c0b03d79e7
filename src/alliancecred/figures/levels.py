"""Levels of credibility: a matrix of who believes whom, or rows where one ally is judged."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import SpecError
from ..estimate import Estimate
from ..spec import Spec
from ..summaries import CiKind
from .crossed import crossed_frame, draw_crossed
from .on_axes import name_rows, room_of, stamp
from .page import (
    AXIS,
    EDGE,
    Width,
    alt_of,
    banners,
    caption,
    inches,
    interval_words,
    make_page,
    padded,
    set_range,
)
from .presets import on_paper
from .rows import (
    ALLY,
    Line,
    Lines,
    colour_of,
    draw_interval,
    set_rows,
    value_room,
    with_room,
    write_labels,
    write_values,
)
from .shift import level_title


def levels_data(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return what `plot_levels` draws: the columns of `summary` with ``label``, ``facet`` and ``itself``.

    ``facet`` names the panel (target, wave, population, as far as they vary); ``itself`` marks a
    country's rating of itself.

    Raises
    ------
    SpecError
        If the estimate is a difference, has no rows, or two rows would share a place.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> levels_data(example_estimate("levels"))["label"].tolist()
    ['Germany: United States', 'Poland: United States', 'Germany: United Kingdom', 'Poland: United Kingdom']
    """
    if estimate.is_difference:
        raise SpecError(f"an estimate in {estimate.unit!r} is a difference: use plot_shift or plot_gap")
    if not len(estimate):
        raise SpecError("the estimate has no rows: there is nothing to draw")
    return crossed_frame(estimate, ci_prob=ci_prob, ci_kind=ci_kind)


@on_paper
def plot_levels(
    estimate: Estimate,
    *,
    ci_prob: float = 0.95,
    ci_kind: CiKind = "eti",
    width: Width = "double",
    source: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw levels: a matrix of countries by allies, or rows of marks and bars if one ally is judged.

    In the matrix every cell prints its mean and, where it has room, its interval below; a rating
    of oneself is outlined, a combination without an estimate is hatched.

    Parameters
    ----------
    estimate
        Levels, in percent or points.
    ci_prob, ci_kind
        Probability and kind of the intervals.
    width
        ``double`` (7 in), ``column`` (3.5 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.
    ax
        Axes to draw rows into (no matrix), names of rows as labels of ticks; the caption is left to you.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> len(plot_levels(example_estimate("levels")).axes)
    1
    """
    table = levels_data(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    wide = inches(width)
    words = interval_words(ci_prob, ci_kind)
    alt = alt_of("Levels", table, words)
    if table["ally"].nunique() == 1 or table["country"].nunique() == 1:
        if ax is not None:
            lines = _place(table, estimate.spec)
            _draw(ax, lines, estimate, table, room_of(ax))
            name_rows(ax, lines)
            return stamp(ax, banners(estimate.spec, estimate.status))
        marks = caption(estimate, f"Marks: posterior means; bars: {words}", source=source)
        return _rows(estimate, table, wide, (marks, alt))
    if ax is not None:
        raise SpecError("a matrix has heads of its own: leave ax out, or choose one ally with .at(ally=…)")
    return draw_crossed(estimate, table, wide, words, source)


# --- one ally, or one country -------------------------------------------------------------------
def _rows(estimate: Estimate, table: pd.DataFrame, wide: float, words: tuple[str, str]) -> Figure:
    lines, labels = with_room(_place(table, estimate.spec), wide, share=0.4)
    stamps = banners(estimate.spec, estimate.status)
    page = make_page(wide, lines.inches + AXIS, banners=stamps, caption=words[0], alt=words[1])
    start = EDGE + labels + 0.1
    room = wide - start - value_room(table.assign(average=False), full=True) - EDGE - 0.1
    write_labels(page, lines, x=EDGE, top=page.top)
    _draw(page.axes(start, page.bottom + AXIS, room, lines.inches), lines, estimate, table, room)
    write_values(page, lines, table, top=page.top, full=True)
    return page.figure


def _draw(axes: Axes, lines: Lines, estimate: Estimate, table: pd.DataFrame, room: float) -> None:
    set_rows(axes, lines)
    for line in lines.lines:
        if line.index >= 0:
            row = table.iloc[line.index]
            colour = colour_of("other" if row["population"] in ("", estimate.spec.reference) else "sender")
            draw_interval(axes, row["mean"], (row["lower"], row["upper"]), line.y, bold=line.bold, colour=colour)
    low, high = padded(table[["mean", "lower", "upper"]].to_numpy())
    if estimate.unit == "percent":
        low, high = max(low, -1.0), min(high, 101.0)
    set_range(axes, low, high, width=room, title=level_title(estimate))


def _place(table: pd.DataFrame, spec: Spec) -> Lines:
    """Return rows under a heading per country (or ally) where it has several, in the order of the data."""
    key = "country" if table["country"].nunique() > 1 or table["ally"].nunique() == 1 else "ally"
    several = table["facet"].nunique() > 1
    order = table.groupby(key, sort=False)["mean"].mean().sort_values(ascending=False, kind="stable").index
    lines = [Line(ALLY, 0.45)] if key == "ally" else []
    y = 0.9 * len(lines)
    for code in order:
        name = spec.label(str(code)) or "Average"
        if several and (code or len(order) > 1):
            lines.append(Line(name, y + 0.5, bold=True))
            y += 1.0
        for i in np.flatnonzero(table[key] == code):
            average = not code and (len(order) > 1 or not several)
            lines.append(Line(str(table["facet"][i]) if several else name, y + 0.5, int(i), average))
            y += 1.0
        y += 0.3 if several else 0.0
    return Lines(tuple(lines), y + 0.1, 0.175, 0.0)
