"""A chart of labelled rows in groups: where each line of it stands, and the marks on a line."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..estimate import Estimate
from ..summaries import CiKind, averages, by_row, digits_for, number, row_names, summary
from .page import COLOURS, FAINT, INK, QUIET, Page
from .text import SMALL, shorten, shorten_apart, width_of

HEADINGS = {
    "sender": "Sender: first-order effect",
    "sender + self": "Sender with its self-rating: first-order effect",
    "other": "Other allies: second-order effect",
    "self": "Self-rating",
}
Slab = tuple[np.ndarray, np.ndarray]
_ROLE_ORDER = {role: i for i, role in enumerate(HEADINGS)}


@dataclass(frozen=True)
class Line:
    """One line: a heading, room for a key, or row number ``index`` of the frame (-1 if none)."""

    text: str
    y: float
    index: int = -1
    bold: bool = False


@dataclass(frozen=True)
class Lines:
    """All lines of a chart, ``size`` rows high, each row ``pitch`` inches; ``key`` is the key's place."""

    lines: tuple[Line, ...]
    size: float
    pitch: float
    key: float

    @property
    def inches(self) -> float:
        """Height of the chart in inches."""
        return self.size * self.pitch


def row_frame(estimate: Estimate, *, ci_prob: float, ci_kind: CiKind) -> pd.DataFrame:
    """Return the summary in the order drawn: by role, averages first, then from high to low."""
    table = summary(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    table.insert(0, "label", row_names(estimate))
    table.insert(1, "average", averages(estimate))
    table.insert(2, "draws_row", range(len(table)))
    role = table["role"].map(lambda r: _ROLE_ORDER.get(str(r), 9))
    order = np.lexsort((-table["mean"].fillna(-np.inf).to_numpy(), ~table["average"].to_numpy(), role.to_numpy()))
    return table.iloc[order].reset_index(drop=True)


def naming(table: pd.DataFrame) -> str:
    """Return what a row's name says where it names two countries, else nothing."""
    both = ((table["country"] != "") & (table["ally"] != "") & table["label"].astype(str).str.contains(": ")).any()
    return ". Row names: country asked, then ally judged" if both else ""


def place(table: pd.DataFrame, *, key: bool) -> Lines:
    """Return the lines of a chart, with a heading where the role changes."""
    pitch = 0.2 if len(table) <= 12 else 0.175
    lines: list[Line] = []
    y, role, key_y = 0.0, "", 0.0
    for i in range(len(table)):
        if str(table["role"][i]) != role or (i == 0 and key):
            role = str(table["role"][i])
            y += 0.35 if i else 0.0
            if role:
                lines.append(Line(HEADINGS.get(role, role), y + 0.5, bold=True))
                y += 1.0
            if i == 0 and key:
                key_y = y + 0.35
                y += 0.75
        lines.append(Line(str(table["label"][i]), y + 0.5, i, bool(table["average"][i])))
        y += 1.0
    return Lines(tuple(lines), y + 0.15, pitch, key_y)


def label_room(lines: Lines, wide: float, *, share: float = 0.3) -> float:
    """Return the inches the row labels need: at most ``share`` of the width, more if cut labels would be alike."""
    groups = [[x.text for x in lines.lines if x.index >= 0 and x.bold is b] for b in (False, True)]
    alike = any(len({shorten(t, share * wide) for t in set(g)}) < len(set(g)) for g in groups)
    most = (max(share, 0.42) if alike else share) * wide
    widths = [width_of(shorten(x.text, most, bold=x.bold), bold=x.bold) for x in lines.lines if x.index >= 0]
    return max(0.3, *widths, 0.0)


def write_labels(page: Page, lines: Lines, *, x: float, top: float, room: float) -> None:
    """Write headings across, and row labels within ``room`` inches."""
    names: dict[int, str] = {}
    for bold, heading in ((False, False), (True, False), (True, True)):
        own = [i for i, x in enumerate(lines.lines) if x.bold is bold and (x.index < 0) is heading]
        most = page.width - x - 0.06 if heading else room + 0.005
        cut = shorten_apart([lines.lines[i].text for i in own], most, bold=bold)
        names |= dict(zip(own, cut, strict=True))
    for i, line in enumerate(lines.lines):
        text = page.text(x, top - line.y * lines.pitch, names[i], bold=line.bold, colour=INK)
        if line.index < 0:  # keeps the line of no difference out of its letters
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.0})


def value_text(table: pd.DataFrame, i: int, *, full: bool) -> str:
    """Return the printed mean of a row, with its interval if there is room for it."""
    digits = digits_for(str(table["unit"][i]))
    mean, low, high = (number(float(table[k][i]), digits=digits) for k in ("mean", "lower", "upper"))
    if not np.isfinite(float(table["mean"][i])):
        return "n/a"
    return f"{mean} [{low}, {high}]" if full else mean


def write_values(page: Page, lines: Lines, table: pd.DataFrame, *, top: float, full: bool) -> float:
    """Write means (and intervals) flush right; return the inches used."""
    used = 0.0
    for line in lines.lines:
        if line.index < 0:
            continue
        words = value_text(table, line.index, full=full)
        used = max(used, width_of(words, size=SMALL, bold=line.bold))
        page.text(page.width - 0.06, top - line.y * lines.pitch, words, size=SMALL, bold=line.bold, align="right")
    return used


def value_room(table: pd.DataFrame, *, full: bool) -> float:
    """Return the inches the printed values need."""
    words = [value_text(table, i, full=full) for i in range(len(table))]
    return max([0.2, *(width_of(w, size=SMALL, bold=bool(a)) for w, a in zip(words, table["average"], strict=True))])


def set_rows(axes: Axes, lines: Lines) -> None:
    """Give a panel the vertical scale of the lines (down is more)."""
    axes.set_ylim(lines.size, 0)
    for line in lines.lines:
        if line.index >= 0:
            axes.axhline(line.y + 0.5, color=FAINT, linewidth=0.4, zorder=0)


def colour_of(role: str) -> str:
    """Return the colour of a role."""
    return COLOURS.get(role, COLOURS[""])


def density(draws: np.ndarray) -> Slab:
    """Return grid and density (highest point 1) of the middle 99.8 % of finite draws; empty if they are one value."""
    from arviz_stats.base import array_stats

    draws = draws[np.isfinite(draws)]
    if len(draws) < 2 or np.ptp(draws) <= 1e-12 * max(1.0, float(np.abs(draws).max())):
        return np.empty(0), np.empty(0)
    grid, height, _ = array_stats.kde(draws)
    low, high = np.quantile(draws, [0.001, 0.999])
    keep = (grid >= low) & (grid <= high)
    return grid[keep], height[keep] / height.max()


def draw_slabs(axes: Axes, lines: Lines, table: pd.DataFrame, slabs: list[Slab]) -> None:
    """Draw each row's density, darker within the interval, above its mean and interval bar."""
    for line in lines.lines:
        if line.index < 0:
            continue
        row = table.iloc[line.index]
        colour, base = colour_of(str(row["role"])), line.y + 0.27
        grid, height = slabs[line.index]
        for inside, strength in ((False, 0.18), (True, 0.5 if row["average"] else 0.38)):
            keep = (grid >= row["lower"]) & (grid <= row["upper"]) if inside else np.ones(len(grid), bool)
            axes.fill_between(grid[keep], base, base - 0.7 * height[keep], color=colour, alpha=strength, linewidth=0)
        draw_interval(axes, row["mean"], (row["lower"], row["upper"]), base, bold=bool(row["average"]), colour=colour)


def draw_interval(axes: Axes, mean: float, bounds: tuple[float, float], y: float, *, bold: bool, colour: str) -> None:
    """Draw a mean with its interval bar; an average has a diamond and a thicker bar."""
    axes.plot(bounds, (y, y), color=colour, linewidth=1.8 if bold else 1.0, solid_capstyle="butt", zorder=3)
    axes.plot(
        [mean],
        [y],
        marker="D" if bold else "o",
        markersize=4.2 if bold else 3.4,
        color=colour,
        markeredgecolor="white",
        markeredgewidth=0.4,
        linestyle="none",
        zorder=4,
        gid="mean",
    )


def draw_zero(axes: Axes, smallest: float) -> None:
    """Draw the line of no difference, and a band of differences too small to matter."""
    if smallest > 0:
        axes.axvspan(-smallest, smallest, color="#BBBBBB", alpha=0.35, linewidth=0, zorder=0)
    axes.axvline(0, color=QUIET, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)


def slab_values(table: pd.DataFrame, slabs: list[Slab]) -> np.ndarray:
    """Return every value a panel of slabs must hold."""
    numbers = table[["lower", "upper", "mean"]].to_numpy(dtype=float).ravel()
    return np.concatenate([numbers, *(grid for grid, _ in slabs)])


def slabs_of(estimate: Estimate, table: pd.DataFrame) -> list[Slab]:
    """Return the density of each row, in the order of the frame."""
    return [density(d) for d in by_row(estimate)[table["draws_row"].to_numpy(dtype=int)]]
