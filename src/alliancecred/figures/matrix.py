"""A matrix of printed numbers, as many panels abreast as the width allows."""

from dataclasses import dataclass

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ..estimate import Estimate
from ..spec import Spec
from ..summaries import digits_for, number
from .page import EDGE, INK, Page, make_page
from .text import BASE, HEAD, SMALL, shorten, width_of, wrap

_GAP = 0.14


@dataclass(frozen=True)
class Grid:
    """Sizes (inches) and levels of a matrix of ``facets`` panels, ``across`` of them abreast."""

    facets: tuple[str, ...]
    countries: tuple[str, ...]
    allies: tuple[str, ...]
    width: float
    across: int
    cell: float
    row: float
    labels: float
    head: float
    upright: bool
    numbers: bool
    brackets: bool
    digits: int

    @property
    def panel(self) -> float:
        """Width of one panel without its labels."""
        return self.cell * len(self.allies)

    @property
    def block(self) -> float:
        """Height of one panel with its heads."""
        return self.head + self.row * len(self.countries)


def grid_of(estimate: Estimate, table: pd.DataFrame, width: float) -> Grid:
    """Return the sizes of the matrix: intervals are printed if they fit, panels abreast if that costs none."""
    spec = estimate.spec
    facets = tuple(dict.fromkeys(table["facet"].astype(str)))
    countries, allies = _in_order(table["country"], spec.countries), _in_order(table["ally"], spec.allies)
    digits = 0 if estimate.unit == "percent" else digits_for(estimate.unit)
    labels = max(width_of(shorten(_name(spec, c), 0.3 * width, bold=not c), bold=not c) for c in countries)
    need = max(width_of(bracket(table.iloc[i], digits), size=SMALL) for i in range(len(table))) + 0.06
    plain = max(width_of(number(float(m), digits=digits), size=BASE) for m in table["mean"]) + 0.04
    across, cell = 1, 0.0
    for n in range(1, len(facets) + 1):
        wide = (width - 2 * EDGE - labels - 0.08 - _GAP * (n - 1)) / (n * len(allies))
        if n == 1 or wide >= need:
            across, cell = n, min(wide, 1.2)
    widest = max(width_of(shorten(_name(spec, a), 1.3, bold=not a), bold=not a) for a in allies)
    most = max(len(_head(_name(spec, a), cell, not a)) for a in allies)
    upright = most > 2 or any(width_of(w, bold=True) > cell - 0.04 for a in allies for w in _name(spec, a).split())
    head = (0.2 if any(facets) else 0.04) + (widest + 0.06 if upright else 0.05 + 0.12 * most)
    brackets = cell >= need
    return Grid(
        facets,
        countries,
        allies,
        width,
        across,
        cell,
        0.3 if brackets else 0.2,
        labels,
        head,
        upright,
        cell >= plain,
        brackets,
        digits,
    )


def _name(spec: Spec, code: str) -> str:
    return spec.label(code) if code else "Average"


def _head(name: str, cell: float, bold: bool) -> list[str]:
    return wrap(name, max(cell - 0.04, 0.1), size=BASE, bold=bold)


def _in_order(column: pd.Series, declared: tuple[str, ...]) -> tuple[str, ...]:
    have = [str(v) for v in dict.fromkeys(column)]
    rest = [v for v in have if v not in declared and v]
    return (*(v for v in declared if v in have), *rest, *([""] if "" in have else []))


def bracket(row: pd.Series, digits: int) -> str:
    """Return the interval as printed in a cell.

    Examples
    --------
    >>> bracket(pd.Series({"lower": 40.2, "upper": 51.9}), 0)
    '[40, 52]'
    """
    return f"[{number(row['lower'], digits=digits)}, {number(row['upper'], digits=digits)}]"


def grid_page(grid: Grid, *, banners: list[str], caption: str) -> Page:
    """Return a page high enough for all panels."""
    down = -(-len(grid.facets) // grid.across)
    return make_page(grid.width, down * grid.block + (down - 1) * _GAP + 0.06, banners=banners, caption=caption)


def write_heads(page: Page, grid: Grid, k: int, spec: Spec) -> Axes:
    """Write the heads of panel ``k`` and return its axes, one unit per cell, the first row on top."""
    column, down = k % grid.across, k // grid.across
    x = EDGE + grid.labels + 0.08 + column * (grid.panel + _GAP)
    top = page.top - down * (grid.block + _GAP)
    if grid.facets[k]:
        most = grid.panel + (grid.labels if grid.across == 1 else 0)
        start = EDGE if grid.across == 1 else x
        page.text(start, top - 0.09, shorten(grid.facets[k], most, size=HEAD, bold=True), size=HEAD, bold=True)
    edge = top - grid.head
    for c, ally in enumerate(grid.allies):
        name, middle = _name(spec, ally), x + (c + 0.5) * grid.cell
        if grid.upright:
            text = page.text(middle, edge, shorten(name, 1.3, bold=not ally), bold=not ally, align="center")
            text.set(rotation=90, va="bottom", y=(edge + 0.04) / page.height)
            continue
        for up, words in enumerate(reversed(_head(name, grid.cell, not ally))):
            page.text(middle, edge + 0.085 + 0.12 * up, words, bold=not ally, align="center")
    if column == 0:
        for r, country in enumerate(grid.countries):
            words = shorten(_name(spec, country), grid.labels + 0.01, bold=not country)
            page.text(EDGE, edge - (r + 0.5) * grid.row, words, bold=not country)
    axes = page.axes(x, edge - grid.row * len(grid.countries), grid.panel, grid.row * len(grid.countries))
    axes.set(xlim=(0, len(grid.allies)), ylim=(len(grid.countries), 0), xticks=[])
    axes.spines["bottom"].set_visible(False)
    return axes


def draw_cell(axes: Axes, grid: Grid, place: tuple[int, int], row: pd.Series, scale: tuple[float, float]) -> None:
    """Draw one cell: shade by its mean, the mean, and its interval if there is room."""
    c, r = place
    share = (float(row["mean"]) - scale[0]) / (scale[1] - scale[0])
    shade = mpl.colormaps["Blues"](0.05 + 0.75 * min(max(share, 0.0), 1.0))
    ink = "white" if 0.2126 * shade[0] + 0.7152 * shade[1] + 0.0722 * shade[2] < 0.5 else INK
    axes.add_patch(Rectangle((c, r), 1, 1, facecolor=shade, edgecolor="white", linewidth=0.8))
    if not grid.numbers:
        return
    high = 0.32 if grid.brackets else 0.5
    mean = number(float(row["mean"]), digits=grid.digits)
    axes.text(
        c + 0.5,
        r + high,
        mean,
        fontsize=BASE,
        ha="center",
        va="center_baseline",
        color=ink,
        parse_math=False,
        fontweight="bold" if grid.brackets else "normal",
        gid="mean",
    )
    if grid.brackets:
        axes.text(
            c + 0.5,
            r + 0.72,
            bracket(row, grid.digits),
            fontsize=SMALL,
            ha="center",
            va="center_baseline",
            color=ink,
            parse_math=False,
            gid="interval",
        )
