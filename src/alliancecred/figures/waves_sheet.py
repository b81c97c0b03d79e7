"""The sizes of trajectories over waves: panels abreast, what stands under the waves, how a signal is marked."""

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import matplotlib.dates as mdates
from matplotlib.axes import Axes

from ..estimate import Estimate
from ..events import Signal
from ..summaries import full_name
from .page import EDGE, LINE, QUIET
from .text import SMALL, clean, in_order, width_of

PANEL, HEAD, GAP = 0.95, 0.17, 0.12  # inches
_FOOT, _BEFORE, _APART = 0.2, 0.05, 0.06  # below; before the first wave, as a share of the time; between labels
_NARROWEST, _MOST_COLUMNS = 1.45, 4
_VALUE = 0.34  # inches right of the last wave, for its value
_LISTED = 8  # waves that a caption names
_YEARS = 731  # days: of a longer time the axis shows years where not all waves have room


@dataclass(frozen=True)
class Sheet:
    """Sizes in inches: of the whole, of a panel; time runs from ``first`` to ``last`` (days), with room for a value.

    ``labels`` stand under the waves, some of them blank where all would meet; none if there is no room for two.
    """

    width: float
    columns: int
    rows: int
    panel: float
    left: float
    first: float
    last: float
    labels: Mapping[float, str]

    @property
    def height(self) -> float:
        """Height of all panels."""
        below = _FOOT + (LINE if any("\n" in words for words in self.labels.values()) else 0.0)
        return LINE * 1.3 + self.rows * (HEAD + PANEL) + (self.rows - 1) * 0.06 + below

    @property
    def limits(self) -> tuple[float, float]:
        """The range of time that is drawn, in days."""
        span = self.last - self.first
        return self.first - _BEFORE * span, self.last + _VALUE / max(self.panel - _VALUE, 0.5) * span

    def place(self, day: float) -> float:
        """Return where a day stands in its panel, in inches."""
        low, high = self.limits
        return self.panel * (day - low) / (high - low)

    def day(self, inches: float) -> float:
        """Return how many days so many inches are."""
        return inches * (self.limits[1] - self.limits[0]) / self.panel


def lay_out(wide: float, panels: int, waves: Mapping[str, dt.date]) -> Sheet:
    """Return the sizes of so many panels; ``waves`` are names with their dates."""
    left = 0.3
    room = wide - left - EDGE
    columns = max(1, min(_MOST_COLUMNS, int((room + GAP) / (_NARROWEST + GAP)), panels))
    panel = (room - (columns - 1) * GAP) / columns
    at: dict[float, list[str]] = {}
    for name, day in waves.items():
        at.setdefault(mdates.date2num(day), []).append(name)
    days = sorted((x, " / ".join(names)) for x, names in at.items())
    rows = math.ceil(panels / columns)
    bare = Sheet(wide, columns, rows, panel, left + EDGE, days[0][0], days[-1][0], {})
    labels = {x: clean(name) if _says_year(name) else f"{clean(name)}\n{mdates.num2date(x):%b %Y}" for x, name in days}
    return replace(bare, labels=_shown(bare, labels))


def _shown(sheet: Sheet, labels: Mapping[float, str]) -> dict[float, str]:
    """Return all labels if they fit; within two years the first, the last and what fits between; else none."""
    days = list(labels)
    if _fit(sheet, labels):
        return dict(labels)
    kept = [days[0], days[-1]]
    if sheet.last - sheet.first > _YEARS or not _fit(sheet, {x: labels[x] for x in kept}):
        return {}
    for day in days[1:-1]:
        more = sorted([*kept, day])
        kept = more if _fit(sheet, {x: labels[x] for x in more}) else kept
    return {x: labels[x] if x in kept else "" for x in days}


def _says_year(name: str) -> bool:
    return re.search(r"(?<!\d)\d{4}(?!\d)", name) is not None


def _fit(sheet: Sheet, labels: Mapping[float, str]) -> bool:
    """Whether labels meet neither in a panel, nor between two panels, nor the edges of the page."""
    at = [sheet.place(x) for x in labels]
    half = [max(width_of(w, size=SMALL) for w in words.split("\n")) / 2 for words in labels.values()]
    inside = all(b - a >= p + q + _APART for (a, p), (b, q) in pairwise(zip(at, half, strict=True)))
    across = sheet.columns == 1 or sheet.panel + GAP - at[-1] + at[0] >= half[0] + half[-1] + _APART
    return inside and across and half[0] <= sheet.left + at[0] and half[-1] <= sheet.panel - at[-1] + EDGE


def wave_words(sheet: Sheet, waves: Mapping[str, dt.date]) -> str:
    """Return for the caption which wave was when, where the axis names not all; nothing if names say it, or many."""
    if (
        all(sheet.labels.get(mdates.date2num(d)) for d in waves.values())
        or len(waves) > _LISTED
        or all(map(_says_year, waves))
    ):
        return ""
    return "Waves: " + ", ".join(f"{name} ({day:%B %Y})" for name, day in waves.items())


def mark(axes: Axes, sheet: Sheet, at: float, top: float, words: str) -> None:
    """Draw a signal as a dashed line, and its name or number beside it; nothing outside of the panel."""
    axes.axvline(at, color=QUIET, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
    if not 0.0 <= sheet.place(at) <= sheet.panel:
        return
    left = width_of(words, size=SMALL) + _APART > sheet.panel - sheet.place(at)
    x = at + sheet.day(-_APART / 2 if left else _APART / 2)
    axes.text(x, top, in_order(words), fontsize=SMALL, color=QUIET, va="top", ha="right" if left else "left",
              parse_math=False)  # fmt: skip


def short_name(sheet: Sheet, estimate: Estimate, signal: Signal) -> str:
    """Return what a signal is called at its line; empty if it has no room on either side."""
    words, at = clean(signal_name(estimate, signal)), sheet.place(mdates.date2num(signal.date))
    return words if width_of(words, size=SMALL) + _APART <= max(at, sheet.panel - at) <= sheet.panel else ""


def signal_name(estimate: Estimate, signal: Signal) -> str:
    """Return a signal's declared name, else its identifier as words."""
    declared = estimate.spec.label(signal.name)
    return declared if declared != signal.name else signal.name.replace("_", " ")


def signal_words(estimate: Estimate, signal: Signal) -> str:
    """Return a signal's name, sender and day, and what it was where the analysis says so."""
    day = f"{signal.date.day} {signal.date:%B %Y}" + (f": {signal.what}" if signal.what else "")
    return f"{signal_name(estimate, signal)} ({full_name(estimate.spec, signal.sender)}, {day})"
