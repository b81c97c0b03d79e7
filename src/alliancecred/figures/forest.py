"""A forest: rows under headings, one mark in a row, several with a key, or a panel for each."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..errors import SpecError
from .forest_layout import BETWEEN, KEY, MOST_MARKS, Sheet, column_width, key_start
from .on_axes import name_rows, room_of, stamp
from .page import AXIS, EDGE, FAINT, INK, LINE, QUIET, Page, make_page, set_range
from .rows import draw_zero
from .text import BASE, SMALL, shorten, width_of

# from dark to light, so that they differ in grey; which of them for one, two, three and four marks
INKS = ("#0B2F5B", "#00785A", "#D55E00", "#56B4E9")
_CHOSEN = ((0,), (0, 2), (0, 2, 3), (0, 1, 2, 3))
SHAPES = ("o", "s", "^", "D")
_SIZES = {"o": 3.4, "s": 3.1, "^": 4.0, "D": 3.1}


def forest(sheet: Sheet, *, banners: list[str], caption: str, alt: str) -> Figure:
    """Draw rows in their order, with what each says printed beside it."""
    table, style = sheet.table, sheet.style
    page = make_page(style.wide, sheet.height, banners=banners, caption=caption, alt=alt)
    _write_key(page, sheet)
    for k, panel in enumerate(sheet.panels):
        bank, column = divmod(k, sheet.across)
        top = page.top - sheet.top(bank)
        if column == 0:
            _write_rows(page, sheet, top)
        x = EDGE + sheet.label_room + 0.1 + column * (sheet.room + sheet.beside + BETWEEN)
        for up, words in enumerate(reversed(sheet.titles[k])):
            page.text(x, top + 0.03 + (up + 0.5) * LINE, words, bold=True)
        part = table[table["panel"] == panel]
        axes = page.axes(x, top - sheet.lines.inches, sheet.room, sheet.lines.inches)
        _draw(axes, sheet, part)
        _print(page, sheet, part, x + sheet.room, top)
        abreast = min(sheet.across, len(sheet.panels) - bank * sheet.across)
        wide = min(1.3 * sheet.room, sheet.room + 0.3)  # room for one tick more than the panel of a narrow page has
        set_range(axes, *style.limits, width=wide, title=style.title if abreast == 1 else "")
        if column == 0 and abreast > 1:
            middle = x + (abreast * (sheet.room + sheet.beside + BETWEEN) - BETWEEN - sheet.beside) / 2
            words = shorten(style.title, style.wide - x - EDGE, size=SMALL)
            page.text(middle, top - sheet.lines.inches - AXIS + 0.12, words, size=SMALL, align="center")
    return page.figure


def forest_on(axes: Axes, sheet: Sheet, banners: list[str]) -> Figure:
    """Draw a forest of one panel into somebody else's axes; a key of several marks stands above them.

    Raises
    ------
    SpecError
        If it has several panels.
    """
    if len(sheet.panels) > 1:
        raise SpecError(f"{len(sheet.panels)} panels do not go into one ax: choose rows with .at() first")
    _draw(axes, sheet, sheet.table)
    set_range(axes, *sheet.style.limits, width=room_of(axes), title=sheet.style.title)
    name_rows(axes, sheet.lines)
    if sheet.marks:
        shown = [(*look(sheet.marks, name), name) for name in sheet.marks]
        marks = [Line2D([], [], color=c, marker=m, linewidth=1.1, markersize=_SIZES[m], label=n) for c, m, n in shown]
        axes.legend(handles=marks, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(marks), frameon=False,
                    fontsize=BASE, borderpad=0.2)  # fmt: skip
    return stamp(axes, banners, above=18.0 if sheet.marks else 4.0)


def look(marks: Sequence[str], name: str) -> tuple[str, str]:
    """Return colour and shape of a mark; one that stands alone is black and round.

    Examples
    --------
    >>> look(("D", "R"), "R"), look((), "")
    (('#D55E00', 's'), ('#222222', 'o'))
    """
    if not name:
        return INK, "o"
    i = list(marks).index(name)
    return INKS[_CHOSEN[min(len(marks), MOST_MARKS) - 1][i]], SHAPES[i]


def _write_key(page: Page, sheet: Sheet) -> None:
    style, names = sheet.style, iter(sheet.marks)
    for i, line in enumerate(sheet.key):
        x, y = EDGE + key_start(style), page.top - (i + 0.5) * KEY
        if i == 0 and style.key:
            page.text(EDGE, y, shorten(style.key, 0.4 * page.width), colour=QUIET)
        for words in line:
            colour, shape = look(sheet.marks, next(names))
            for marker, places in (("", (0.0, 0.16)), (shape, (0.08,))):
                ends = [(x + p) / page.width for p in places], [y / page.height] * len(places)
                mark = Line2D(*ends, color=colour, marker=marker, linewidth=1.1)
                mark.set(markersize=_SIZES[shape], markeredgewidth=0)
                page.figure.add_artist(mark)
            page.text(x + 0.2, y, words)
            x += 0.32 + width_of(words)


def _write_rows(page: Page, sheet: Sheet, top: float) -> None:
    under = dict(zip(sheet.table["place"], sheet.table["under"], strict=True)) if "under" in sheet.table else {}
    for line in sheet.lines.lines:
        if line.index < 0:
            words = shorten(line.text, page.width - 2 * EDGE, bold=True)
            text = page.text(EDGE, top - line.y, words, bold=True)
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.0})
            continue
        own, more = sheet.labels[line.index], str(under.get(line.index, ""))
        start = line.y - (len(own) + bool(more) - 1) * LINE / 2
        for i, words in enumerate(own):
            page.text(EDGE, top - start - i * LINE, words)
        if more:
            words = shorten(more, sheet.label_room, size=SMALL)
            page.text(EDGE, top - start - len(own) * LINE, words, size=SMALL, colour=QUIET)


def _place_of(sheet: Sheet, row: Mapping[Hashable, Any]) -> float:
    middle = next(x.y for x in sheet.lines.lines if x.index == row["place"]) + float(row.get("offset", 0.0))
    if not row["series"] or row.get("baseline", False):
        return middle
    return middle + (sheet.marks.index(str(row["series"])) - (len(sheet.marks) - 1) / 2) * sheet.slot


def _draw(axes: Axes, sheet: Sheet, part: pd.DataFrame) -> None:
    axes.set_ylim(sheet.lines.size, 0)
    for edge in sheet.edges:
        axes.axhline(edge, color=FAINT, linewidth=0.4, zorder=0)
    if sheet.style.zero:
        draw_zero(axes, sheet.style.smallest)
    if "grand" in part:
        for name, value in part.drop_duplicates("series")[["series", "grand"]].itertuples(index=False):
            colour = look(sheet.marks, name)[0] if name else QUIET
            axes.axvline(value, color=colour, linewidth=0.5, alpha=0.8, zorder=1, gid="grand")
    for row in _once(part):
        y = _place_of(sheet, row)
        if row.get("baseline", False):
            (mark,) = axes.plot([0], [y], "o", markersize=3.4, color="white", zorder=4, gid="baseline")
            mark.set(markeredgecolor=INK, markeredgewidth=0.8)
        elif np.isfinite(row["mean"]):
            colour, shape = look(sheet.marks, str(row["series"]))
            bounds = (row["lower"], row["upper"])
            axes.plot(bounds, (y, y), color=colour, linewidth=1.1, solid_capstyle="butt", zorder=3)
            (mark,) = axes.plot([row["mean"]], [y], shape, color=colour, zorder=4, gid="mean")
            mark.set(markersize=_SIZES[shape] * (1.0 if sheet.room > 0.8 else 0.8), markeredgewidth=0)


def _once(part: pd.DataFrame) -> list[Mapping[Hashable, Any]]:
    """Return the lines of a panel, the baseline of all groups once."""
    if "baseline" in part:
        part = part[~(part["baseline"] & part.duplicated(["place", "baseline"]))]
    return list(part.to_dict("records"))


def _print(page: Page, sheet: Sheet, part: pd.DataFrame, x: float, top: float) -> None:
    for row in _once(part):
        right, colour = x, QUIET if row.get("baseline", False) else INK
        for column in sheet.printed:
            right += column_width(column) + 0.06
            y = top - _place_of(sheet, row)
            if not column[int(row["nth"])]:
                continue
            page.text(right, y, column[int(row["nth"])], size=SMALL, align="right", colour=colour)
