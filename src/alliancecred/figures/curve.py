"""A specification curve: estimates side by side, and below them a dashboard of the choices they are made of."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from ..summaries import number
from .page import EDGE, FAINT, INK, LINE, QUIET, Page, make_page, padded
from .text import SMALL, shorten, shorten_apart, width_of, wrapped

CHOICE = "choice: "
SURE, UNSURE, DECLARED = "#0B2F5B", "#8F8F8F", "#D55E00"
_ALONE, _PANEL = 1.7, 1.15  # inches: height of one panel, of one of several
_PITCH, _HEADING = 0.14, 0.17  # of the dashboard
_SHARE, _NARROW = 0.36, 0.42  # of the width, of that of a column: for the names of choices
_BETWEEN = 0.09  # inches between panels
_TICKS = 0.34  # inches for the labels of ticks


def curve(
    table: pd.DataFrame, wide: float, *, title: str, zero: bool, banners: list[str], words: tuple[str, str]
) -> Figure:
    """Draw a table of `sensitivity_data` as a curve; panels have the order of specifications in common."""
    panels = list(dict.fromkeys(table["panel"]))
    options = _options(table)
    names = [w for _, values in options for w in values] + [d for d, _ in options]
    room = max(
        _TICKS, min((_SHARE if wide >= 5 else _NARROW) * wide, max(width_of(w, size=SMALL) for w in names) + 0.14)
    )
    high = _ALONE if len(panels) == 1 else _PANEL
    titles = [wrapped(p, wide - 2 * EDGE, 2, bold=True) if p else () for p in panels]
    above = LINE + 0.05 + (LINE + 0.02 if table["is_reference"].any() else 0.0)
    below = sum(_HEADING + len(values) * _PITCH for _, values in options) + 0.08
    between = _BETWEEN * (len(panels) - 1)
    body = above + sum(len(t) * LINE + 0.06 + high for t in titles) + between + 0.1 + below
    page = make_page(wide, body, banners=banners, caption=words[0], alt=words[1])
    start, span = EDGE + room, wide - EDGE - room - EDGE
    page.text(EDGE, page.top - LINE / 2, shorten(title, wide - 2 * EDGE, size=SMALL), size=SMALL, colour=QUIET)
    y = page.top - above
    for panel, lines in zip(panels, titles, strict=True):
        y -= _BETWEEN if panel != panels[0] else 0.0
        for words_of_line in lines:
            page.text(EDGE, y - LINE / 2, words_of_line, bold=True)
            y -= LINE
        y -= 0.06 + high
        axes = page.axes(start, y, span, high)
        _estimates(axes, table[table["panel"] == panel], span, high, zero=zero)
    _name_reference(page, table, start, span, page.top - above)
    _dashboard(page, table, options, (start, y - 0.1 - below, span, below))
    return page.figure


def _options(table: pd.DataFrame) -> list[tuple[str, list[str]]]:
    columns = [str(c) for c in table if str(c).startswith(CHOICE)]
    declared = table[table["is_reference"]]
    out = []
    for column in columns:
        values = [str(v) for v in dict.fromkeys([*declared[column], *sorted(map(str, table[column]))])]
        out.append((column.removeprefix(CHOICE), values))
    return out


def _estimates(axes: Axes, rows: pd.DataFrame, span: float, high: float, *, zero: bool) -> None:
    size = rows["place"].max() + 1
    limits = padded(rows[["mean", "lower", "upper"]].to_numpy(dtype=float), zero=zero)
    each = 72 * span / size  # points between two specifications
    mark, line = float(np.clip(0.55 * each, 1.2, 4.0)), float(np.clip(0.2 * each, 0.4, 1.1))
    axes.set_ylim(*limits)
    _set_places(axes, int(size))
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set(visible=True, color=QUIET, linewidth=0.6)
    ticks = [t for t in MaxNLocator(max(2, int(high / 0.25)), steps=[1, 2, 5, 10]).tick_values(*limits)
             if limits[0] <= t <= limits[1]]  # fmt: skip
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    digits = max(len(f"{t:.6g}".partition(".")[2]) for t in ticks) if ticks else 0
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, digits=min(digits, 3))))
    if zero:
        axes.axhline(0, color=QUIET, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    for x in rows.loc[rows["is_reference"], "place"]:
        axes.axvline(x, color=DECLARED, linewidth=0.8, alpha=0.45, zorder=0)
    for row in rows.to_dict("records"):
        x, mean = row["place"], row["mean"]
        if not np.isfinite(mean):
            continue
        one_side = not zero or row["lower"] > 0 or row["upper"] < 0
        colour = DECLARED if row["is_reference"] else SURE if one_side else UNSURE
        own = 1.4 if row["is_reference"] else 1.0
        axes.plot((x, x), (row["lower"], row["upper"]), color=colour, linewidth=line * own, zorder=2 + own,
                  solid_capstyle="butt")  # fmt: skip
        shape = "D" if row["is_reference"] else "o"
        shape = shape if row["status"] == "passed" else "X"
        axes.plot([x], [mean], shape, color=colour, markersize=mark * own, markeredgewidth=0, zorder=4 + own,
                  gid="mean")  # fmt: skip


def _set_places(axes: Axes, size: int) -> None:
    axes.set_xlim(-0.8, size - 0.2)
    axes.set_xticks([])


def _name_reference(page: Page, table: pd.DataFrame, start: float, span: float, y: float) -> None:
    own = table[table["is_reference"]].drop_duplicates("specification")
    if own.empty:
        return
    words = str(own["specification"].iloc[0])
    half = width_of(words, size=SMALL) / 2
    x = start + span * (float(own["place"].iloc[0]) + 0.8) / (table["place"].max() + 1.6)
    x = min(max(x, EDGE + half), page.width - EDGE - half)
    page.text(x, y + LINE / 2, words, size=SMALL, colour="#A83200", align="center")


def _dashboard(
    page: Page, table: pd.DataFrame, options: list[tuple[str, list[str]]], box: tuple[float, float, float, float]
) -> None:
    start, bottom, span, height = box
    axes = page.axes(start, bottom, span, height)
    axes.spines["bottom"].set_visible(False)
    axes.set_ylim(height, 0)
    rows = table.drop_duplicates("specification")
    size = int(rows["place"].max()) + 1
    _set_places(axes, size)
    each = float(np.clip(0.6 * 72 * span / size, 1.0, 4.2))
    for x in rows.loc[rows["is_reference"], "place"]:
        axes.axvline(x, color=DECLARED, linewidth=0.8, alpha=0.45, zorder=0)
    y = 0.0
    for dimension, values in options:
        words = shorten(dimension[:1].upper() + dimension[1:].replace("_", " "), page.width - 2 * EDGE, size=SMALL)
        text = page.text(EDGE, bottom + height - y - _HEADING / 2, words, size=SMALL, bold=True)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6})
        y += _HEADING
        room = start - EDGE - 0.1
        for value, shown in zip(values, shorten_apart(values, room, size=SMALL), strict=True):
            middle = y + _PITCH / 2
            page.text(EDGE + 0.06, bottom + height - middle, shown, size=SMALL)
            on = rows[f"{CHOICE}{dimension}"].astype(str) == value
            axes.plot(rows["place"], [middle] * len(rows), "s", color=FAINT, markersize=0.4 * each, markeredgewidth=0)
            axes.plot(rows.loc[on, "place"], [middle] * int(on.sum()), "s", color=INK, markersize=each,
                      markeredgewidth=0, gid=f"{dimension}: {value}")  # fmt: skip
            y += _PITCH
