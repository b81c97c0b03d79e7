"""A matrix of printed numbers, as many panels abreast as the width allows."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from ..estimate import Estimate
from ..spec import Spec
from ..summaries import digits_for, number
from .page import EDGE, INK, Page, make_page
from .text import BASE, HEAD, SMALL, shorten, shorten_apart, width_of, wrap

_GAP = 0.14
_LEAST = 0.125  # inches of a column whose head stands upright
_LOWEST = 0.13  # inches of a row without numbers
_TALLEST = 1.3  # inches of an upright head
# from down to up; both ends are dark, numbers or triangles say which is which in grey
SIGNED = LinearSegmentedColormap.from_list("down and up", ("#B35806", "#F1A340", "#F7F7F7", "#67A9CF", "#2166AC"))


@dataclass(frozen=True)
class Grid:
    """Sizes (inches) and levels of a matrix: ``panels`` are facets with the allies they show, ``across`` abreast."""

    facets: tuple[str, ...]
    countries: tuple[str, ...]
    allies: tuple[str, ...]
    panels: tuple[tuple[str, tuple[str, ...]], ...]
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
    def block(self) -> float:
        """Height of one panel with its heads."""
        return self.head + self.row * len(self.countries)


def grid_of(estimate: Estimate, table: pd.DataFrame, width: float) -> Grid:
    """Return the sizes of the matrix: intervals are printed if they fit, panels abreast if that costs none."""
    spec = estimate.spec
    facets = tuple(dict.fromkeys(table["facet"].astype(str)))
    countries, allies = _in_order(table["country"], spec.countries), _in_order(table["ally"], spec.allies)
    digits = 0 if estimate.unit in ("percent", "percentage points") else digits_for(estimate.unit)
    labels = max(width_of(w, bold=not c) for c, w in zip(countries, _names(spec, countries, 0.3 * width), strict=True))
    known = table[np.isfinite(table["mean"].astype(float))]
    need = max((width_of(bracket(row, digits), size=SMALL) for _, row in known.iterrows()), default=0.0) + 0.06
    plain = max((width_of(number(float(m), digits=digits), size=BASE) for m in known["mean"]), default=0.0) + 0.04
    across, cell = 1, 0.0
    for n in range(1, len(facets) + 1):
        wide = (width - 2 * EDGE - labels - 0.08 - _GAP * (n - 1)) / (n * len(allies))
        if n == 1 or wide >= need:
            across, cell = n, min(wide, 1.2)
    each = len(allies)
    if cell < _LEAST:
        room = width - 2 * EDGE - labels - 0.08
        each = -(-len(allies) // -(-len(allies) // int(room / _LEAST)))  # bands of like size
        cell = room / each
    bands = tuple(allies[i : i + each] for i in range(0, len(allies), each))
    heads = dict(zip(allies, _names(spec, allies, _TALLEST), strict=True))
    widest = max(width_of(w, bold=not a) for a, w in heads.items())
    most = max(len(_head(_name(spec, a), cell, not a)) for a in allies)
    upright = most > 2 or any(width_of(w, bold=True) > cell - 0.04 for a in allies for w in _name(spec, a).split())
    head = (0.2 if any(facets) else 0.04) + (widest + 0.06 if upright else 0.05 + 0.12 * most)
    brackets = cell >= need
    return Grid(
        facets,
        countries,
        allies,
        tuple((f, b) for f in facets for b in bands),
        width,
        across,
        cell,
        0.3 if brackets else 0.2 if cell >= plain else _LOWEST,
        labels,
        head,
        upright,
        cell >= plain,
        brackets,
        digits,
    )


def _name(spec: Spec, code: str) -> str:
    return spec.label(code) if code else "Average"


def _names(spec: Spec, codes: tuple[str, ...], room: float) -> list[str]:
    return shorten_apart([_name(spec, c) for c in codes], room, bold="" in codes)


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


def grid_page(grid: Grid, below: float, *, banners: list[str], caption: str, alt: str) -> Page:
    """Return a page high enough for all panels, and ``below`` inches more."""
    down = -(-len(grid.panels) // grid.across)
    high = down * grid.block + (down - 1) * _GAP + 0.06 + below
    return make_page(grid.width, high, banners=banners, caption=caption, alt=alt)


def write_heads(page: Page, grid: Grid, k: int, spec: Spec) -> Axes:
    """Write the heads of panel ``k`` and return its axes, one unit per cell, the first row on top."""
    facet, allies = grid.panels[k]
    column, down = k % grid.across, k // grid.across
    panel = grid.cell * len(allies)
    x = EDGE + grid.labels + 0.08 + column * (panel + _GAP)
    top = page.top - down * (grid.block + _GAP)
    if facet:
        most = panel + (grid.labels if grid.across == 1 else 0)
        start = EDGE if grid.across == 1 else x
        page.text(start, top - 0.09, shorten(facet, most, size=HEAD, bold=True), size=HEAD, bold=True)
    edge = top - grid.head
    names = dict(zip(grid.allies, _names(spec, grid.allies, _TALLEST), strict=True))
    for c, ally in enumerate(allies):
        middle = x + (c + 0.5) * grid.cell
        if grid.upright:
            text = page.text(middle, edge, names[ally], bold=not ally, align="center")
            text.set(rotation=90, va="bottom", y=(edge + 0.04) / page.height)
            continue
        for up, words in enumerate(reversed(_head(_name(spec, ally), grid.cell, not ally))):
            page.text(middle, edge + 0.085 + 0.12 * up, words, bold=not ally, align="center")
    if column == 0:
        for r, words in enumerate(_names(spec, grid.countries, grid.labels + 0.01)):
            page.text(EDGE, edge - (r + 0.5) * grid.row, words, bold=not grid.countries[r])
    axes = page.axes(x, edge - grid.row * len(grid.countries), panel, grid.row * len(grid.countries))
    axes.set(xlim=(0, len(allies)), ylim=(len(grid.countries), 0), xticks=[])
    axes.spines["bottom"].set_visible(False)
    return axes


def shade_of(value: float, scale: tuple[float, float], *, signed: bool) -> tuple[float, float, float, float]:
    """Return the shade of a number, as red, green, blue and opacity.

    Examples
    --------
    >>> [round(float(x), 2) for x in shade_of(0.0, (-5.0, 5.0), signed=True)]
    [0.96, 0.97, 0.97, 1.0]
    """
    share = min(max((value - scale[0]) / (scale[1] - scale[0]), 0.0), 1.0)
    return SIGNED(0.1 + 0.8 * share) if signed else mpl.colormaps["Blues"](0.05 + 0.75 * share)


def draw_cell(
    axes: Axes, grid: Grid, place: tuple[int, int], row: pd.Series, scale: tuple[float, float], *, signed: bool
) -> None:
    """Draw one cell: shade by its mean, the mean, its interval if there is room, a triangle if that excludes zero."""
    c, r = place
    shade = shade_of(float(row["mean"]), scale, signed=signed)
    ink = "white" if 0.2126 * shade[0] + 0.7152 * shade[1] + 0.0722 * shade[2] < 0.5 else INK
    axes.add_artist(Rectangle((c, r), 1, 1, facecolor=shade, edgecolor="white", linewidth=0.8 if grid.numbers else 0.3))
    if signed and (row["lower"] > 0 or row["upper"] < 0):
        shape, x = "^" if row["lower"] > 0 else "v", c + (1 - 0.055 / grid.cell if grid.numbers else 0.5)
        y = r + (0.055 / grid.row if grid.numbers else 0.5)
        axes.plot([x], [y], shape, color=ink, markersize=2.4, markeredgewidth=0, gid="sure")
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
