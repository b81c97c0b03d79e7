"""A chart of labelled rows in groups: where each line of it stands, and the marks on a line."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..estimate import MINUS, Estimate
from ..summaries import CiKind, averages, by_row, digits_for, full_name, number, row_names, summary
from .page import COLOURS, FAINT, INK, LINE, QUIET, Page
from .text import BASE, SMALL, shorten, shorten_apart, shorten_middle, two_lines, width_of

HEADINGS = {
    "sender": "Sender: first-order effect",
    "sender + self": "Sender with its self-rating: first-order effect",
    "other": "Other allies: second-order effect",
    "self": "Self-rating",
}
ALLY = "Ally judged"
Slab = tuple[np.ndarray, np.ndarray]
_ROLE_ORDER = {role: i for i, role in enumerate(HEADINGS)}


@dataclass(frozen=True)
class Line:
    """One line: a heading (bold, or small print above the names), or row number ``index`` of the frame (-1 if none).

    ``words`` is the name of a row, line by line; ``high`` rows high it is.
    """

    text: str
    y: float
    index: int = -1
    bold: bool = False
    words: tuple[str, ...] = ()
    high: float = 1.0


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
    """Return the summary in the order drawn: by role, averages first, from high to low; waves of a group in order."""
    table = summary(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    table.insert(0, "label", row_names(estimate))
    table.insert(1, "average", averages(estimate))
    table.insert(2, "draws_row", range(len(table)))
    return table.iloc[_order(estimate, table)].reset_index(drop=True)


def _order(estimate: Estimate, table: pd.DataFrame) -> np.ndarray:
    """Return the order drawn: of several waves, those of one country or ally below each other, as they were."""
    role = table["role"].map(lambda r: _ROLE_ORDER.get(str(r), 9))
    same = [k for k in estimate.keys if k != "wave"] if table["wave"].nunique() > 1 else ["draws_row"]
    groups = table.groupby(same, sort=False)
    mean = groups["mean"].transform("mean").fillna(-np.inf)
    waves = sorted(estimate.spec.waves, key=lambda w: w.start)
    when = {w.name: i for i, w in enumerate(waves)}
    wave = table["wave"].map(lambda w: when.get(str(w), len(when)))
    return np.lexsort((wave, groups.ngroup(), -mean, ~table["average"], role))


def naming(table: pd.DataFrame) -> str:
    """Return what a row's name says where it names two countries, else nothing."""
    both = ((table["country"] != "") & (table["ally"] != "") & table["label"].astype(str).str.contains(": ")).any()
    return ". Row names: country asked, then ally judged" if both else ""


def place(estimate: Estimate, table: pd.DataFrame, *, key: bool) -> Lines:
    """Return the lines of a chart, with a heading where the role changes; what all names share stands above them."""
    pitch = 0.2 if len(table) <= 12 else 0.175
    names, over = _shared(estimate, [str(x) for x in table["label"]])
    lines = [Line(over, 0.45)] if over else []
    y, role, key_y = 0.9 * len(lines), "", 0.0
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
        lines.append(Line(names[i], y + 0.5, i, bool(table["average"][i])))
        y += 1.0
    return Lines(tuple(lines), y + 0.15, pitch, key_y)


def _shared(estimate: Estimate, labels: list[str]) -> tuple[list[str], str]:
    """Return labels without what all have in common, and that in words: what is subtracted, that they are allies."""
    have = {k: [str(v) for v in estimate.draws[k].to_numpy()] for k in ("country", "ally", "target", "wave")}
    over = [ALLY] if not any(have["country"]) and len(set(have["ally"]) - {""}) > 1 else []
    for values in have.values():
        taken = {v.partition(MINUS)[2] for v in values}
        name = full_name(estimate.spec, next(iter(taken)))
        if len(labels) < 2 or len(taken) > 1 or not name:
            continue
        whole = full_name(estimate.spec, values[0])
        if len(set(values)) > 1 and all(f"{MINUS}{name}" in x for x in labels):
            labels, over = [x.replace(f"{MINUS}{name}", "", 1) for x in labels], [*over, f"minus {name}"]
        elif len(set(values)) == 1 and all(x.startswith(f"{whole}: ") for x in labels):
            labels, over = [x.removeprefix(f"{whole}: ") for x in labels], [*over, whole]
    words = ", ".join(over)
    return labels, words[:1].upper() + words[1:]


def with_room(lines: Lines, wide: float, *, share: float = 0.3) -> tuple[Lines, float]:
    """Return the lines with names of rows in two lines where one is too narrow, and the inches these need."""
    room = label_room(lines, wide, share=share)
    names: dict[int, tuple[str, ...]] = {}
    for bold in (False, True):
        own = [x for x in lines.lines if x.index >= 0 and x.bold is bold]
        names |= dict(zip([x.index for x in own], two_lines([x.text for x in own], room, bold=bold), strict=True))
    out: list[Line] = []
    down = 0.0
    for line in lines.lines:
        words = names.get(line.index, ())
        more = max(0.0, (LINE * len(words) + 0.02) / lines.pitch - 1.0) if len(words) > 1 else 0.0
        out.append(replace(line, y=line.y + down + more / 2, words=words, high=1.0 + more))
        down += more
    widths = [width_of(w, bold=x.bold) for x in out for w in x.words]
    return replace(lines, lines=tuple(out), size=lines.size + down), max(0.3, *widths, 0.0)


def label_room(lines: Lines, wide: float, *, share: float = 0.3) -> float:
    """Return the inches the row labels need: at most ``share`` of the width, more if cut labels would be alike."""
    groups = [[x.text for x in lines.lines if x.index >= 0 and x.bold is b] for b in (False, True)]
    alike = any(len({shorten(t, share * wide) for t in set(g)}) < len(set(g)) for g in groups)
    most = (max(share, 0.42) if alike else share) * wide
    widths = [width_of(shorten(x.text, most, bold=x.bold), bold=x.bold) for x in lines.lines if x.index >= 0]
    return max(0.3, *widths, 0.0)


def write_labels(page: Page, lines: Lines, *, x: float, top: float, room: float = 0.0) -> None:
    """Write headings across, and names of rows: line by line, or (without `with_room`) cut to ``room`` inches."""
    if not any(line.words for line in lines.lines):
        cut = iter(shorten_apart([line.text for line in lines.lines if line.index >= 0], room + 0.005))
        lines = replace(
            lines, lines=tuple(replace(line, words=(next(cut),)) if line.index >= 0 else line for line in lines.lines)
        )
    heads = [line for line in lines.lines if line.index < 0]
    most = page.width - x - 0.06
    bold = iter(shorten_apart([h.text for h in heads if h.bold], most, bold=True))
    for line in lines.lines:
        y = top - line.y * lines.pitch
        if line.index < 0:
            words = next(bold) if line.bold else shorten_middle(line.text, most, size=SMALL)
            size, colour = (BASE, INK) if line.bold else (SMALL, QUIET)
            text = page.text(x, y, words, bold=line.bold, size=size, colour=colour)
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.0})  # keeps lines out of its letters
        for i, words in enumerate(line.words):
            page.text(x, y + (0.5 * (len(line.words) - 1) - i) * LINE, words, bold=line.bold, colour=INK)


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
            axes.axhline(line.y + line.high / 2, color=FAINT, linewidth=0.4, zorder=0)


def colour_of(role: str) -> str:
    """Return the colour of a role."""
    return COLOURS.get(role, COLOURS[""])


def density(draws: np.ndarray) -> Slab:
    """Return grid and density (highest point 1) of the middle 99.8 % of finite draws; empty if they are one value.

    Draws that were resampled repeat: what is smoothed is as wide as befits the number that their repetitions are worth.
    """
    from arviz_stats.base import array_stats

    draws = draws[np.isfinite(draws)]
    if len(draws) < 2 or np.ptp(draws) <= 1e-12 * max(1.0, float(np.abs(draws).max())):
        return np.empty(0), np.empty(0)
    single, times = np.unique(draws, return_counts=True)
    worth = times.sum() ** 2 / np.square(times).sum()
    wide = array_stats.kde(single)[2] * (len(single) / worth) ** 0.2
    grid, height, _ = array_stats.kde(draws, bw=wide)
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
