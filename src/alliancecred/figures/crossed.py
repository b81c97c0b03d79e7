"""Who believes whom: a matrix of countries by allies, of levels or of shifts."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..errors import SpecError
from ..estimate import Estimate
from ..summaries import CiKind, full_name, number, row_names, summary
from .matrix import Grid, draw_cell, grid_of, grid_page, shade_of, write_heads
from .page import EDGE, INK, Page, Width, alt_of, banners, caption, inches, interval_words, unit_title
from .presets import on_paper
from .text import SMALL

_KEY = 0.3  # inches: a key of shades, where numbers have no room


def matrix_data(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return what `plot_matrix` draws: the columns of `summary` with ``label``, ``facet`` and ``itself``.

    ``facet`` names the panel (target, wave, population, as far as they vary); ``itself`` marks a country's rating of
    itself.

    Raises
    ------
    SpecError
        If rows are not of a country and an ally, there are none, or two would share a place.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> matrix_data(example_estimate("levels"))["country"].tolist()
    ['DE', 'PL', 'DE', 'PL']
    """
    if not len(estimate):
        raise SpecError("the estimate has no rows: there is nothing to draw")
    for key in ("country", "ally"):
        if not (estimate.draws[key].to_numpy().astype(str) != "").any():
            raise SpecError(f"no row has a {key}: ask for by=('country', 'ally')")
    return crossed_frame(estimate, ci_prob=ci_prob, ci_kind=ci_kind)


def crossed_frame(estimate: Estimate, *, ci_prob: float, ci_kind: CiKind) -> pd.DataFrame:
    """Return `summary` with ``label``, ``facet`` and ``itself``, a row for each place of a matrix."""
    table = summary(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    own = [k for k in estimate.keys[2:] if k not in ("country", "ally")]
    keys = [k for k in ("estimand", *own) if table[k].nunique() > 1]
    table.insert(0, "label", row_names(estimate))
    words = [[full_name(estimate.spec, str(v)) or f"all {k}s" for v in table[k]] for k in keys]
    table.insert(1, "facet", [", ".join(w[i] for w in words) for i in range(len(table))])
    table.insert(2, "itself", (table["role"] == "self") | ((table["country"] == table["ally"]) & (table["ally"] != "")))
    twice = table.duplicated(["facet", "country", "ally"])
    if twice.any():
        raise SpecError(f"two rows for one place: {table.loc[twice, 'label'].iloc[0]!r}; choose rows with .at() first")
    return table


@on_paper
def plot_matrix(
    estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti", width: Width = "double", source: str = ""
) -> Figure:
    """Draw levels or shifts as a matrix of countries by allies.

    Every cell prints its mean and, where it has room, its interval below; a rating of oneself is outlined, a
    combination without an estimate is hatched. Shifts are shaded from orange (down) to blue (up); a triangle marks
    those whose interval excludes zero. Of more allies than the width holds, the rest stand below.

    Parameters
    ----------
    estimate
        Levels or shifts by country and ally: ``levels(fit, by=("country", "ally"))``, ``shift(fit, by=("country",
        "ally"))``.
    ci_prob, ci_kind
        Probability and kind of the intervals.
    width
        ``double`` (7 in), ``column`` (3.5 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.

    Raises
    ------
    SpecError
        As `matrix_data`.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> len(plot_matrix(example_estimate("levels")).axes)
    1
    """
    table = matrix_data(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    return draw_crossed(estimate, table, inches(width), interval_words(ci_prob, ci_kind), source)


def draw_crossed(estimate: Estimate, table: pd.DataFrame, wide: float, intervals: str, source: str) -> Figure:
    """Draw the frame of a matrix."""
    grid = grid_of(estimate, table, wide)
    marks = "Rows: country asked; columns: ally judged. "
    marks += (
        "Numbers: posterior means" if grid.numbers else "Shades: posterior means (numbers in the table of the figure)"
    )
    marks += f"; in brackets: {intervals}" if grid.brackets else f" ({intervals} in its table)"
    if estimate.is_difference:
        marks += f". Triangles: {intervals} above (▲) or below (▼) zero"
    if table["itself"].any():
        marks += ". Outlined: a country judges itself"
    have = table[np.isfinite(table["mean"].astype(float))]
    if len(have) < len(grid.facets) * len(grid.countries) * len(grid.allies):
        marks += ". Hatched: no estimate"
    what = "Differences" if estimate.is_difference else "Levels"
    page = grid_page(
        grid,
        0.0 if grid.numbers else _KEY,
        banners=banners(estimate.spec, estimate.status),
        caption=caption(estimate, marks, source=source),
        alt=alt_of(f"{what}, countries by allies", table, intervals, zero=estimate.is_difference),
    )
    scale = _scale(estimate, table)
    found = {(str(f), str(c), str(a)): i for i, (f, c, a) in enumerate(_values(table, ["facet", "country", "ally"]))}
    for k, (facet, allies) in enumerate(grid.panels):
        axes = write_heads(page, grid, k, estimate.spec)
        for r, country in enumerate(grid.countries):
            for c, ally in enumerate(allies):
                i = found.get((facet, country, ally))
                if i is None or not np.isfinite(float(table["mean"][i])):
                    axes.add_artist(_hatched(c, r))
                    continue
                draw_cell(axes, grid, (c, r), table.iloc[i], scale, signed=estimate.is_difference)
        _outline(axes, grid, allies, table[table["facet"] == facet])
    if not grid.numbers:
        _write_shades(page, grid, scale, estimate)
    return page.figure


def _values(table: pd.DataFrame, keys: list[str]) -> list[tuple[object, ...]]:
    return list(table[keys].itertuples(index=False, name=None))


def _scale(estimate: Estimate, table: pd.DataFrame) -> tuple[float, float]:
    if estimate.is_difference:
        most = float(np.nanmax(np.abs(table["mean"].astype(float)), initial=0.0)) or 1.0
        return -most, most
    if estimate.unit == "percent":
        return 0.0, 100.0
    if (scale := estimate.spec.slider or estimate.spec.rating) is not None:
        return scale.low, scale.high
    if scores := estimate.spec.scores:
        return scores[0], scores[-1]
    return 1.0, float(max(2, len(estimate.spec.answers)))


def _hatched(c: int, r: int) -> Rectangle:
    return Rectangle((c, r), 1, 1, facecolor="white", edgecolor="#BBBBBB", hatch="/////", linewidth=0, gid="none")


def _outline(axes: Axes, grid: Grid, allies: tuple[str, ...], table: pd.DataFrame) -> None:
    for country, ally in _values(table[table["itself"]], ["country", "ally"]):
        if str(ally) not in allies:
            continue
        place = (allies.index(str(ally)) + 0.04, grid.countries.index(str(country)) + 0.05)
        line = 1.2 if grid.numbers else 0.6
        axes.add_artist(
            Rectangle(place, 0.92, 0.9, fill=False, edgecolor="#000000", linewidth=line, zorder=5, gid="self")
        )


def _write_shades(page: Page, grid: Grid, scale: tuple[float, float], estimate: Estimate) -> None:
    """Draw which shade is which number, below everything."""
    start, wide = EDGE + grid.labels + 0.08, min(1.6, 0.33 * page.width)
    axes = page.axes(start, page.bottom + 0.16, wide, 0.08)
    axes.set(xlim=(0, 21), ylim=(0, 1), xticks=[])
    axes.spines["bottom"].set_visible(False)
    for i in range(21):
        colour = shade_of(scale[0] + (scale[1] - scale[0]) * i / 20, scale, signed=estimate.is_difference)
        axes.add_artist(Rectangle((i, 0), 1, 1, facecolor=colour, linewidth=0, gid="key"))
    for value, share in ((scale[0], 0.0), (scale[1], 1.0)):
        words = number(value, digits=0 if float(value).is_integer() else 1)
        page.text(start + share * wide, page.bottom + 0.09, words, size=SMALL, align="right" if share else "left")
    title = unit_title(
        "Difference" if estimate.is_difference else "Mean", estimate.unit, page.width - start - wide - 0.2
    )
    page.text(start + wide + 0.08, page.bottom + 0.2, title, size=SMALL, colour=INK)
