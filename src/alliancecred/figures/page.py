"""The sheet a figure is drawn on: sizes in inches, banners above, a caption below."""

from collections.abc import Hashable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from ..errors import SpecError
from ..estimate import Estimate
from ..spec import Spec
from ..summaries import (
    KIND_WORDS,
    CiKind,
    asked_of,
    averaged_words,
    constants,
    failed_gates,
    in_sentences,
    number,
    quantity,
    signal_words,
)
from .presets import Paper
from .text import BASE, SMALL, clean, in_order, shorten, width_of, wrap


class ShownFigure(Figure):
    """A matplotlib `Figure` that notebooks show, made without pyplot, with its ``caption`` and ``alt``."""

    def __init__(self, size: tuple[float, float], caption: str = "", alt: str = "") -> None:
        super().__init__(figsize=size, dpi=200, facecolor="white")
        FigureCanvasAgg(self)
        self.print_dpi = 300
        self.caption = caption
        self.alt = alt

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=150)
        return buffer.getvalue()


Width = Literal["column", "double"] | float | Paper
NARROWEST = 2.7  # inches
WIDTHS = {"column": 3.5, "double": 7.0}
# Okabe and Ito's palette: told apart by readers with any common colour vision, and in grey
COLOURS = {"sender": "#D55E00", "sender + self": "#D55E00", "other": "#0072B2", "self": "#00785A", "": "#333333"}
INK, QUIET, FAINT, ALARM = "#222222", "#666666", "#DDDDDD", "#A83200"
LINE = 0.125  # inches between lines of small text
EDGE = 0.06
AXIS = 0.36  # inches below a panel for ticks and title
MANY = 5  # rows: of fewer comparisons no caption says how many would exclude zero by chance
_ROLES = {"sender + self": "sender with its self-rating", "other": "other allies", "self": "self-rating"}


@dataclass(frozen=True)
class Page:
    """A figure with its size in inches; the body lies between ``bottom`` and ``top``."""

    figure: Figure
    width: float
    height: float
    bottom: float
    top: float

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = BASE,
        bold: bool = False,
        colour: str = INK,
        align: Literal["left", "center", "right"] = "left",
    ) -> Text:
        """Put literal text (no mathematics) at a place in inches, centred vertically."""
        return self.figure.text(
            x / self.width,
            y / self.height,
            in_order(words),
            fontsize=size,
            fontweight="bold" if bold else "normal",
            color=colour,
            ha=align,
            va="center_baseline",
            parse_math=False,
        )

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Add bare axes at a place in inches."""
        axes = self.figure.add_axes((x / self.width, y / self.height, width / self.width, height / self.height))
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set(color=QUIET, linewidth=0.6)
        axes.tick_params(labelsize=SMALL, color=QUIET, labelcolor=INK, width=0.6, length=2.5, pad=2)
        axes.set_yticks([])
        return axes


def inches(width: Width) -> float:
    """Return a width in inches.

    Examples
    --------
    >>> inches("column"), inches(5)
    (3.5, 5.0)
    """
    if isinstance(width, str):
        if width not in WIDTHS:
            raise SpecError(f"width must be 'column' (3.5 in), 'double' (7 in) or inches, got {width!r}")
        return WIDTHS[width]
    if isinstance(width, Paper):
        return width.width
    if not NARROWEST <= width <= 40:
        raise SpecError(f"a width of {width!r} inches is not between {NARROWEST:g} and 40")
    return float(width)


def make_page(width: float, body: float, *, banners: list[str], caption: str, alt: str = "") -> Page:
    """Return a page as high as its body, its banners and its caption together; ``alt`` says in words what it shows."""
    room = width - 2 * EDGE
    above = [line for b in banners for line in wrap(b, room, size=BASE, bold=True)]
    below = wrap(caption, room)
    top = len(above) * LINE * 1.15 + (0.05 if above else 0.0) + EDGE
    bottom = len(below) * LINE + EDGE + 0.04
    height = top + body + bottom
    figure = ShownFigure((width, height), clean(caption), " ".join([*(f"{clean(b)}." for b in banners), clean(alt)]))
    page = Page(figure, width, height, bottom, height - top)
    for i, line in enumerate(above):
        page.text(EDGE, height - EDGE - (i + 0.5) * LINE * 1.15, line, bold=True, colour=ALARM)
    for i, line in enumerate(below):
        page.text(EDGE, bottom - 0.04 - (i + 0.5) * LINE, line, size=SMALL, colour=QUIET).set_gid("caption")
    return page


def banners(spec: Spec | None, status: str = "passed") -> list[str]:
    """Return what must be seen before anything else: that data are simulated, draws partial, a gate failed."""
    out = ["SIMULATED DATA: no real survey"] if spec is not None and spec.simulated else []
    if status == "passed":
        return out
    said = [p.strip() for p in failed_gates(status).split(";")]
    partial = [p for p in said if "partial: " in p]
    out += [f"PARTIAL, do not report: {p.partition('partial: ')[2]}" for p in partial]
    rest = "; ".join(p for p in said if p not in partial)
    return [*out, f"GATES FAILED, do not report: {rest[:300]}"] if rest else out


def status_of(table: pd.DataFrame) -> str:
    """Return the verdict of a table with a row per fit or estimate: ``passed``, or what failed and in how many rows."""
    said = table["status"].astype(str) if "status" in table else pd.Series(dtype=str)
    bad = said[said != "passed"]
    if bad.empty or (len(bad) == len(said) and said.nunique() == 1):
        return "passed" if bad.empty else str(bad.iloc[0])
    return f"failed: in {len(bad)} of {len(said)} rows, first {failed_gates(str(bad.iloc[0]))}"


def alt_of(what: str, table: pd.DataFrame, intervals: str, *, zero: bool = False) -> str:
    """Return a table of a figure in words: how many rows, the lowest and the highest, intervals that exclude zero.

    Examples
    --------
    >>> rows = pd.DataFrame({"label": ["PL", "DE"], "mean": [2.0, -3.0], "lower": [1.0, -4.0], "upper": [3.0, 1.0]})
    >>> alt_of("Dots with bars", rows, "95% intervals", zero=True)
    'Dots with bars: 2 rows, from DE −3.0 [−4.0, 1.0] to PL 2.0 [1.0, 3.0]; 1 of 2 intervals excludes zero. 95% ...'
    >>> alt_of("Dots", rows.assign(role=["sender", "other"]), "95% intervals").split(", from ")[1].split(" −")[0]
    'DE (other allies)'
    """
    size = f"{len(table)} row{'' if len(table) == 1 else 's'}"
    known = table[np.isfinite(table["mean"].astype(float))]
    said = f"{what}: {size}"
    if len(known):
        ends = known.sort_values("mean", kind="stable").iloc[[0, -1]].to_dict("records")
        words = [f"{_place_words(e, table)} {number(e['mean'])} [{number(e['lower'])}, {number(e['upper'])}]".strip()
                 for e in ends]  # fmt: skip
        said += f", from {words[0]} to {words[1]}" if len(known) > 1 else f", {words[0]}"
    if len(known) < len(table):
        said += f"; {len(table) - len(known)} without an estimate"
    if zero and len(known):
        sure = int(((known["lower"] > 0) | (known["upper"] < 0)).sum())
        said += f"; {sure} of {len(known)} intervals exclude{'s' if sure == 1 else ''} zero"
    return f"{said}. {intervals}."


def _place_words(row: dict[Hashable, Any], table: pd.DataFrame) -> str:
    keys = [k for k in ("panel", "facet", "heading", "label", "line", "series") if k in table]
    said = [str(row[k]) for k in keys if str(row[k]) and (k == "label" or table[k].nunique() > 1)]
    where = clean(", ".join(dict.fromkeys(said)))
    role = str(row["role"]) if "panel" not in table and "role" in table and table["role"].nunique() > 1 else ""
    return f"{where} ({_ROLES.get(role, role)})" if role else where


def interval_words(ci_prob: float, ci_kind: CiKind) -> str:
    """Return the kind and probability of an interval in words."""
    return f"{100 * ci_prob:g}% {KIND_WORDS[ci_kind]} intervals"


def caption(estimate: Estimate, first: str, *, source: str) -> str:
    """Return the caption: marks, quantity, averaging, identification, source, what else must be known."""
    parts = [first, quantity(estimate)[:1].upper() + quantity(estimate)[1:]]
    common = constants(estimate)
    for gap in {str(x) for x in estimate.draws["population"].to_numpy() if " minus " in str(x)}:
        common = common.replace(gap, " minus ".join(map(estimate.spec.label, gap.split(" minus "))))
    parts.append(common[:1].upper() + common[1:])
    if signal_words(estimate) and asked_of(estimate) in ("shift", "change", "gap in shift"):
        parts.append(f"Signal: {signal_words(estimate)}")
    parts.append(averaged_words(estimate))
    parts.append(f"Identification: {estimate.identification}")
    if estimate.is_difference and estimate.smallest > 0:
        parts.append(f"Grey band: differences smaller than {estimate.smallest:g} {estimate.unit}")
    notes = [n for n in estimate.notes if len(estimate) >= MANY or "comparisons are shown:" not in n]
    parts += [shorten_words(n, 240) for n in notes[:3]]
    if len(notes) > 3:
        parts.append(f"{len(notes) - 3} more notes with the estimate")
    parts.append(f"Source: {shorten_words(source, 240)}" if source.strip() else "")
    if estimate.spec.simulated:
        parts.append("SIMULATED DATA")
    if estimate.status != "passed":
        parts.append("Gates failed")
    return in_sentences(parts, estimate.spec)


def shorten_words(text: str, most: int) -> str:
    """Return the text cut to ``most`` characters, with an ellipsis if anything was cut."""
    text = clean(text)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def unit_title(what: str, unit: str, room: float) -> str:
    """Return the title of an axis with its unit, abbreviated where the panel is narrow; a long one is a difference.

    Examples
    --------
    >>> unit_title("Difference", "percentage points", 0.9)
    'Difference (pp)'
    >>> unit_title("Members of parliament minus public", "percentage points", 0.9)
    'Difference (pp)'
    """
    short = {"percentage points": "pp", "percent": "%", "scale points": "points"}.get(unit, unit)
    full = f"{what} ({'%' if unit == 'percent' else unit})"
    if width_of(full, size=SMALL) <= room:
        return full
    brief = f"{what} ({short})"
    return brief if " minus " not in what or width_of(brief, size=SMALL) <= room else f"Difference ({short})"


def set_range(axes: Axes, low: float, high: float, *, width: float, title: str) -> None:
    """Fix the horizontal range of a panel ``width`` inches wide, and ticks that have room for their labels."""
    if not high > low:
        low, high = low - 1, high + 1
    steps = MaxNLocator(nbins=max(2, int(width / 0.42)), steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    ticks = [t for t in steps if low <= t <= high]
    digits = max(0, *(len(f"{t:.6g}".partition(".")[2]) for t in ticks)) if ticks else 0
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, digits=min(digits, 3))))
    axes.set_xlabel(shorten(title, width + 0.1, size=SMALL), fontsize=SMALL, labelpad=2, color=INK, parse_math=False)


def padded(values: np.ndarray, *, zero: bool = False) -> tuple[float, float]:
    """Return a range around the finite values, with a little air."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if zero or not values.size:
        values = np.append(values, 0.0)
    low, high = float(values.min()), float(values.max())
    air = 0.05 * (high - low) or 0.5
    return low - air, high + air
