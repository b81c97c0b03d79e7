"""The sizes of a forest: rows under headings, marks in a row, panels abreast, and what is printed beside them."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from .page import AXIS, EDGE, LINE
from .rows import Line, Lines, label_room, value_text
from .text import SMALL, shorten, width_of, wrapped_apart

MOST_MARKS = 4
TALLEST = 9.0  # inches: numbers of several marks in a row are printed up to here
KEY, HEADING = 0.17, 0.19  # inches
BETWEEN, BANKS = 0.16, 0.08  # inches between panels, abreast and below each other
_ROW, _DENSE, _GAP = 0.185, 0.145, 0.06  # a row, one of many
_MANY = 30  # rows
_SLOT, _TIGHT = 0.115, 0.08  # between marks of a row: with numbers beside them, without
_LEAST, _NARROWEST = 0.85, 0.58  # a panel with numbers beside it, and without
_MOST_LINES = 3  # of a label, of the title of a panel


@dataclass(frozen=True)
class Style:
    """What a forest looks like beside its numbers: width (inches), axis, key, and lines that are drawn through it."""

    wide: float
    title: str
    limits: tuple[float, float]
    key: str = ""
    zero: bool = False
    smallest: float = 0.0
    probability: bool = False


@dataclass(frozen=True)
class Sheet:
    """Everything that is drawn, with its size in inches.

    ``lines`` are headings and rows, ``labels`` the words of each row, line by line, ``edges`` its lower edge; ``marks``
    the series of a row, ``slot`` apart; ``panels`` with ``titles`` stand ``across`` abreast, ``room`` wide, and have
    ``printed`` columns beside them.
    """

    table: pd.DataFrame
    style: Style
    lines: Lines
    edges: tuple[float, ...]
    labels: tuple[tuple[str, ...], ...]
    label_room: float
    marks: tuple[str, ...]
    slot: float
    panels: tuple[str, ...]
    titles: tuple[tuple[str, ...], ...]
    across: int
    room: float
    printed: tuple[tuple[str, ...], ...]
    key: tuple[tuple[str, ...], ...]

    @property
    def beside(self) -> float:
        """Width of the printed columns of one panel."""
        return sum(column_width(c) + 0.06 for c in self.printed)

    @property
    def heads(self) -> tuple[float, ...]:
        """Height of the titles of panels, for each line of panels."""
        lines = [max(map(len, self.titles[a : a + self.across])) for a in range(0, len(self.panels), self.across)]
        return tuple(LINE * n + 0.06 if n else 0.03 for n in lines)

    def top(self, bank: int) -> float:
        """Return where the rows of a line of panels begin, below the upper edge of everything."""
        above = bank * (self.lines.inches + AXIS + BANKS)
        return len(self.key) * KEY + above + sum(self.heads[: bank + 1])

    @property
    def height(self) -> float:
        """Height of everything."""
        return self.top(len(self.heads) - 1) + self.lines.inches + AXIS


def lay_out(table: pd.DataFrame, style: Style) -> Sheet:
    """Return the sizes of a forest; numbers are printed beside the marks as far as there is room.

    Parameters
    ----------
    table
        A line per mark: ``heading, label`` (which row), ``panel``, ``series`` (which mark in the row; empty: in the
        middle), ``mean, lower, upper, unit``; ``baseline`` (a hollow mark), ``grand`` (a thin line), ``under`` (small
        print below the label), ``printed`` (words in place of numbers), ``offset`` (inches below the middle of its row)
        and ``p_positive`` if there are any.
    style
        The rest.
    """
    table = table.reset_index(drop=True)
    table = table.assign(place=table.groupby(["heading", "label"], sort=False).ngroup(), nth=range(len(table)))
    more = (tuple(probability_words(p) for p in table["p_positive"]),) if style.probability else ()
    for full in (True, False):
        sheet = _sized(table, style, (_values(table, full=full), *more))
        roomy = sheet.across == len(sheet.panels) <= 2 and sheet.room >= _LEAST
        if roomy and (len(sheet.marks) < 2 or sheet.height <= TALLEST):
            return sheet
    return _sized(table, style, ())


def _sized(table: pd.DataFrame, style: Style, printed: tuple[tuple[str, ...], ...]) -> Sheet:
    marks = tuple(dict.fromkeys(s for s in table["series"] if s))
    panels = tuple(dict.fromkeys(table["panel"]))
    slot = _SLOT if printed else _TIGHT
    share = 0.4 if len(panels) == 1 else 0.3 if style.wide >= 5 else 0.34
    texts = tuple(Line(str(x), 0.0, i) for i, x in enumerate(table["label"]))
    labels = label_room(Lines(texts, 0.0, 1.0, 0.0), style.wide, share=share)
    if "under" in table:
        labels = max(labels, *(min(width_of(u, size=SMALL), 0.3 * style.wide) for u in table["under"]))
    lines, own, edges = _lines(table, labels, slot * len(marks))
    key = key_lines(marks, style)
    one = Sheet(table, style, lines, edges, own, labels, marks, slot, panels, (), 1, 0.0, printed, key)
    free = style.wide - 2 * EDGE - labels - 0.1
    words = [width_of(w, bold=True) for p in panels for w in p.split()]
    least = _LEAST if printed else min(max([_NARROWEST, *words]), _LEAST)  # titles are not cut in a word
    across = max(1, min(len(panels), int((free + BETWEEN) / (least + one.beside + BETWEEN))))
    across = -(-len(panels) // -(-len(panels) // across))  # panels of a last row are not left alone
    room = (free + BETWEEN) / across - BETWEEN - one.beside
    titles = tuple(wrapped_apart(panels, room + one.beside, _MOST_LINES, bold=True))
    return replace(one, across=across, room=room, titles=titles)


def _lines(
    table: pd.DataFrame, room: float, several: float
) -> tuple[Lines, tuple[tuple[str, ...], ...], tuple[float, ...]]:
    """Return headings and rows with their places in inches, and the words and the lower edge of each row."""
    lines: list[Line] = []
    words: list[tuple[str, ...]] = []
    edges: list[float] = []
    y, heading = 0.0, ""
    marked = table.groupby("place")["series"].any()
    least = _ROW if len(marked) <= _MANY else _DENSE
    rows = table.drop_duplicates("place").to_dict("records")
    labels = wrapped_apart([str(row["label"]) for row in rows], room, _MOST_LINES)
    for row, own in zip(rows, labels, strict=True):
        if str(row["heading"]) != heading:
            heading = str(row["heading"])
            y += _GAP if lines else 0.0
            lines.append(Line(heading, y + HEADING / 2, bold=True))
            y += HEADING
        under = bool(row.get("under", ""))
        marks = several + 0.06 if marked[row["place"]] and not row.get("baseline", False) else 0.0
        high = max(least, marks, LINE * (len(own) + under - 1) + least)
        lines.append(Line(str(row["label"]), y + high / 2, int(row["place"])))
        words.append(own)
        y += high
        edges.append(y)
    return Lines(tuple(lines), y + 0.03, 1.0, 0.0), tuple(words), tuple(edges)


def _values(table: pd.DataFrame, *, full: bool) -> tuple[str, ...]:
    if "printed" in table:
        return tuple(map(str, table["printed"]))
    base = table["baseline"] if "baseline" in table else [False] * len(table)
    return tuple("baseline" if b else value_text(table, i, full=full) for i, b in enumerate(base))


def probability_words(positive: float) -> str:
    """Return the probability of the likelier direction, as printed.

    Examples
    --------
    >>> probability_words(0.034), probability_words(0.9991)
    ('0.97', '>0.99')
    """
    if not np.isfinite(positive):
        return ""
    p = max(positive, 1 - positive)
    return ">0.99" if p > 0.99 else f"{p:.2f}"


def column_width(column: tuple[str, ...]) -> float:
    """Return the inches that a printed column needs."""
    return max((width_of(w, size=SMALL) for w in column), default=0.0)


def key_start(style: Style) -> float:
    """Return where the marks of a key begin, after its title."""
    return width_of(shorten(style.key, 0.4 * style.wide)) + 0.12 if style.key else 0.0


def key_lines(marks: tuple[str, ...], style: Style) -> tuple[tuple[str, ...], ...]:
    """Return the names of the key, line by line, cut to the width of the page."""
    room = style.wide - 2 * EDGE - key_start(style)
    lines: list[tuple[str, ...]] = []
    used = room + 1
    for name in marks:
        words = shorten(name, room - 0.2)
        wide = 0.32 + width_of(words)
        if used + wide > room + 0.12:
            lines.append(())
            used = 0.0
        lines[-1] = (*lines[-1], words)
        used += wide
    return tuple(lines)
