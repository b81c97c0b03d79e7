"""Two levels of a row joined by a line, and beside them the posterior of their difference."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..estimate import Estimate
from ..summaries import CiKind, flat, interval
from .page import AXIS, EDGE, QUIET, Page, alt_of, banners, caption, make_page, padded, set_range, unit_title
from .rows import (
    Lines,
    colour_of,
    draw_slabs,
    draw_zero,
    place,
    set_rows,
    slab_values,
    slabs_of,
    value_room,
    with_room,
    write_labels,
    write_values,
)
from .text import SMALL, clean, shorten, width_of


@dataclass(frozen=True)
class Pair:
    """Which two levels: prefixes of their columns, names above the marks, whether an arrow joins them.

    ``colours`` are theirs; None is grey for the first and that of the row's role for the second.
    """

    prefixes: tuple[str, str]
    words: tuple[str, str]
    arrow: bool = True
    colours: tuple[str, str] | None = None

    def ink(self, which: int, role: str) -> str:
        """Return the colour of a level."""
        return self.colours[which] if self.colours else (QUIET, colour_of(role))[which]


def with_levels(
    estimate: Estimate, table: pd.DataFrame, prefixes: tuple[str, str], *, ci_prob: float, ci_kind: CiKind
) -> pd.DataFrame:
    """Return the rows with mean and bounds of the levels before and after, under these prefixes."""
    table = table.copy()
    for name, draws in zip(prefixes, (estimate.before, estimate.after), strict=True):
        if draws is None:
            continue
        ordered = flat(draws)[table["draws_row"].to_numpy(dtype=int)]
        bounds = interval(ordered, ci_prob=ci_prob, ci_kind=ci_kind)
        table[f"{name}_mean"] = ordered.mean(axis=1)
        table[f"{name}_lower"], table[f"{name}_upper"] = bounds[:, 0], bounds[:, 1]
    return table


def dumbbell(
    estimate: Estimate,
    table: pd.DataFrame,
    pair: Pair,
    wide: float,
    *,
    words: tuple[str, str],
    titles: tuple[str, str],
    intervals: str,
    source: str,
) -> Figure:
    """Draw levels in pairs on the left, their differences on the right; ``words`` are for caption and screen reader."""
    share = 0.3 if wide >= 5 else 0.36 if wide >= 3.2 else 0.26
    lines, labels = with_room(place(estimate, table, key=True), wide, share=share)
    page = make_page(
        wide,
        lines.inches + AXIS,
        banners=banners(estimate.spec, estimate.status),
        caption=caption(estimate, words[0], source=source),
        alt=alt_of(words[1], table, intervals, zero=True),
    )
    full = wide >= 5
    start = EDGE + labels + 0.1
    room = (wide - start - value_room(table, full=full) - EDGE - 0.1 - 0.24) / 2
    write_labels(page, lines, x=EDGE, top=page.top)
    left = page.axes(start, page.bottom + AXIS, room, lines.inches)
    right = page.axes(start + room + 0.24, page.bottom + AXIS, room, lines.inches)
    _draw_levels(left, lines, table, pair)
    level = "Share (%)" if estimate.unit == "percentage points" else "Mean"
    _range_levels(left, table, pair, room, estimate, _fitting(titles[0], level, room))
    first = table.iloc[0]
    inks = (pair.ink(0, str(first["role"])), pair.ink(1, str(first["role"])))
    values = (float(first[f"{pair.prefixes[0]}_mean"]), float(first[f"{pair.prefixes[1]}_mean"]))
    write_key(page, pair.words, inks, values, axes=left, room=room, y=page.top - lines.key * lines.pitch)
    slabs = slabs_of(estimate, table)
    set_rows(right, lines)
    draw_zero(right, estimate.smallest)
    draw_slabs(right, lines, table, slabs)
    low, high = padded(slab_values(table, slabs), zero=True)
    title, short = (unit_title(t, estimate.unit, room) for t in (titles[1], "Difference"))
    set_range(right, low, high, width=room, title=_fitting(title, short, room))
    write_values(page, lines, table, top=page.top, full=full)
    return page.figure


def _fitting(title: str, short: str, room: float) -> str:
    return title if width_of(title, size=SMALL) <= room + 0.1 else short


def _range_levels(axes: Axes, table: pd.DataFrame, pair: Pair, room: float, estimate: Estimate, title: str) -> None:
    columns = [f"{w}_{k}" for w in pair.prefixes for k in ("mean", "lower", "upper")]
    low, high = padded(table[columns].to_numpy())
    if estimate.unit == "percentage points":
        low, high = max(low, -1.0), min(high, 101.0)
    set_range(axes, low, high, width=room, title=title)


def _draw_levels(axes: Axes, lines: Lines, table: pd.DataFrame, pair: Pair) -> None:
    set_rows(axes, lines)
    for line in lines.lines:
        if line.index < 0:
            continue
        row = table.iloc[line.index]
        wide = 1.5 if row["average"] else 0.9
        heights = (line.y - 0.15, line.y + 0.15)
        for i, (name, y) in enumerate(zip(pair.prefixes, heights, strict=True)):
            ink = pair.ink(i, str(row["role"]))
            bounds = (row[f"{name}_lower"], row[f"{name}_upper"])
            axes.plot(bounds, (y, y), color=ink, linewidth=wide, alpha=0.75, solid_capstyle="butt", zorder=2)
            axes.plot(
                [row[f"{name}_mean"]],
                [y],
                marker="D" if row["average"] else "o",
                linestyle="none",
                markersize=3.8,
                markerfacecolor=ink if i else "white",
                markeredgecolor=ink,
                markeredgewidth=0.8,
                zorder=4,
                gid=name,
            )
        _join(
            axes, [(row[f"{n}_mean"], y) for n, y in zip(pair.prefixes, heights, strict=True)], pair, str(row["role"])
        )


def _join(axes: Axes, ends: list[tuple[float, float]], pair: Pair, role: str) -> None:
    if not np.isfinite([x for x, _ in ends]).all():
        return
    style = "-|>,head_length=0.25,head_width=0.12" if pair.arrow else "-"
    look = {"arrowstyle": style, "color": pair.ink(1, role), "linewidth": 0.6, "shrinkA": 2.2, "shrinkB": 2.2}
    axes.annotate("", ends[1], ends[0], zorder=3, arrowprops=look)


def write_key(
    page: Page,
    words: tuple[str, str],
    inks: tuple[str, str],
    values: tuple[float, float],
    *,
    axes: Axes,
    room: float,
    y: float,
) -> None:
    """Write two names above two values of an axis (``room`` inches wide), without letting them meet."""
    low, high = axes.get_xlim()
    left = axes.get_position().x0 * page.width
    place_of = [left + room * (v - low) / (high - low) for v in values]
    first, second = sorted((0, 1), key=lambda i: place_of[i] if np.isfinite(place_of[i]) else left)
    gap = 0.06
    edge, end = max(EDGE, left - 0.5), left + room + 0.15  # nothing else stands in the line of the key
    need = [width_of(clean(w), size=SMALL) for w in words]
    if sum(need) + gap > end - edge:
        edge, end = EDGE, page.width - EDGE
    free = end - edge - gap
    names = [shorten(w, max(free / 2, free - need[1 - i]), size=SMALL) for i, w in enumerate(words)]
    one, two = width_of(names[first], size=SMALL), width_of(names[second], size=SMALL)
    x1 = np.nan_to_num(place_of[first], nan=left) - one / 2
    x2 = np.nan_to_num(place_of[second], nan=left + room) - two / 2
    if x2 - (x1 + one) < gap:
        middle = (x1 + one + x2) / 2
        x1, x2 = middle - gap / 2 - one, middle + gap / 2
    x1 = min(max(x1, edge), end - two - gap - one)
    x2 = min(max(x2, x1 + one + gap), end - two)
    for x, i in ((x1, first), (x2, second)):
        text = page.text(float(x), y, names[i], size=SMALL, colour=inks[i])
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6})  # a line of no difference may cross it
