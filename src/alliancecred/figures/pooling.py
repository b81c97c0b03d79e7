"""What cells say by themselves, and what the model makes of them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import Problem, SchemaError
from ..spec import Spec
from ..summaries import check_interval
from .on_axes import name_rows, room_of, stamp
from .page import (
    AXIS,
    EDGE,
    INK,
    QUIET,
    Width,
    alt_of,
    banners,
    inches,
    interval_words,
    make_page,
    set_range,
    status_of,
)
from .presets import on_paper
from .rows import ALLY, Line, Lines, set_rows, with_room, write_labels
from .text import SMALL, width_of

FACTORS = ("country", "ally", "target", "wave", "population")
NUMBERS = ("people", "observed", "own_lower", "own_upper", "mean", "lower", "upper")
_PITCH, _DENSE, _MANY = 0.22, 0.17, 30  # inches of a row, of one of more than so many rows
_MOST_ROWS = 120  # of one figure


def pooling_data(frame: pd.DataFrame, *, spec: Spec | None = None) -> pd.DataFrame:
    """Return what `plot_pooling` draws: the frame with ``label``, the largest pooled share first.

    Raises
    ------
    SchemaError
        If a column of `alliancecred.pooling` is missing, or the frame has no rows.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["UK", "UK"], "ally": ["US", "FR"], "target": "", "wave": "2025",
    ...     "population": "elite", "people": [40, 38], "observed": [30.0, 60.0], "own_lower": [18.0, 45.0],
    ...     "own_upper": [45.0, 74.0], "mean": [35.0, 58.0], "lower": [26.0, 49.0], "upper": [45.0, 67.0]})
    >>> pooling_data(frame)["label"].tolist()
    ['FR', 'US']
    """
    needed = [*FACTORS, *NUMBERS]
    problems = [Problem("schema", c, "this column is missing", (), "see pooling") for c in needed if c not in frame]
    if problems or frame.empty:
        raise SchemaError(problems or [Problem("schema", "", "the frame has no rows: there is nothing to draw")])
    table = frame.reset_index(drop=True).copy()
    keys = [k for k in FACTORS if table[k].nunique() > 1] or ["country"]
    name = spec.label if spec is not None else str
    words = [[name(str(row[k])) for k in keys if str(row[k])] for row in table.astype(object).to_dict("records")]
    head = ": " if keys[:2] == ["country", "ally"] else ", "
    table.insert(0, "label", [", ".join([head.join(w[:2]), *w[2:]]) or "all" for w in words])
    return table.sort_values("mean", ascending=False, kind="stable", ignore_index=True)


@on_paper
def plot_pooling(
    frame: pd.DataFrame,
    *,
    spec: Spec | None = None,
    ci_prob: float = 0.95,
    width: Width = "double",
    source: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw each cell's own share with its interval (open circle, thin) above that of the model (filled, thick).

    Parameters
    ----------
    frame
        As `alliancecred.pooling` returns it.
    spec
        Gives full names, and whether the data are simulated.
    ci_prob
        Probability of the intervals in the frame, for the caption.
    width
        ``double`` (7 in), ``column`` (3.5 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.
    ax
        Axes to draw into, names of rows as labels of ticks; the caption is left to you.

    Raises
    ------
    SchemaError
        As `pooling_data`, or if there are more rows than a page holds.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["UK", "UK"], "ally": ["US", "FR"], "target": "", "wave": "2025",
    ...     "population": "elite", "people": [40, 38], "observed": [30.0, 60.0], "own_lower": [18.0, 45.0],
    ...     "own_upper": [45.0, 74.0], "mean": [35.0, 58.0], "lower": [26.0, 49.0], "upper": [45.0, 67.0]})
    >>> len(plot_pooling(frame).axes)
    1
    """
    check_interval(ci_prob, "eti")
    table = pooling_data(frame, spec=spec)
    wide = inches(width)
    rows = tuple(Line(str(label), i + 0.5, i) for i, label in enumerate(table["label"]))
    lines = Lines(rows, len(rows) + 0.15, _PITCH if len(rows) <= _MANY else _DENSE, 0.0)
    if ax is not None:
        _draw(ax, lines, table, room_of(ax))
        name_rows(ax, lines)
        return stamp(ax, banners(spec, status_of(table)))
    if len(rows) > _MOST_ROWS:
        message = f"{len(rows)} rows are more than fit on a page ({_MOST_ROWS})"
        raise SchemaError([Problem("schema", "frame", message, (), "draw fewer: frame[frame.country == 'DE'], say")])
    lines, labels = with_room(lines, wide, share=0.36)
    sizes = ["" if np.isnan(n) else f"{int(n):,}" for n in table["people"].astype(float)]
    page = make_page(
        wide,
        lines.inches + AXIS + 0.2,
        banners=banners(spec, status_of(table)),
        caption=_words(table, interval_words(ci_prob, "eti"), source),
        alt=alt_of("Each cell by itself, and in the model", table, interval_words(ci_prob, "eti")),
    )
    start, right = EDGE + labels + 0.1, max(width_of(w, size=SMALL) for w in [*sizes, "People"])
    top = page.top - 0.2
    room = wide - start - right - EDGE - 0.15
    write_labels(page, lines, x=EDGE, top=top)
    if table["country"].nunique() == 1 and table["ally"].nunique() > 1:
        page.text(EDGE, page.top - 0.08, ALLY, size=SMALL, colour=QUIET)
    page.text(wide - 0.06, page.top - 0.08, "People", size=SMALL, colour=QUIET, align="right")
    for line, words in zip(lines.lines, sizes, strict=True):
        page.text(wide - 0.06, top - line.y * lines.pitch, words, size=SMALL, align="right")
    _draw(page.axes(start, top - lines.inches, room, lines.inches), lines, table, room)
    return page.figure


def _draw(axes: Axes, lines: Lines, table: pd.DataFrame, room: float) -> None:
    set_rows(axes, lines)
    for line in lines.lines:
        row, y = table.iloc[line.index], line.y
        axes.plot((row.own_lower, row.own_upper), (y - 0.17,) * 2, color=QUIET, linewidth=0.8, zorder=2)
        axes.plot([row.observed], [y - 0.17], "o", markersize=3.4, color="white", markeredgecolor=QUIET, zorder=3,
                  gid="observed")  # fmt: skip
        axes.plot((row.lower, row.upper), (y + 0.17,) * 2, color=INK, linewidth=1.6, solid_capstyle="butt", zorder=2)
        axes.plot([row["mean"]], [y + 0.17], "o", markersize=3.4, color=INK, zorder=3, gid="mean")
    numbers = table[["own_lower", "own_upper", "lower", "upper"]].to_numpy(dtype=float)
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    set_range(axes, max(0.0, low - 3), min(100.0, high + 3), width=room, title="Share of the top answers (%)")


def _words(table: pd.DataFrame, intervals: str, source: str) -> str:
    parts = [f"Open circles, thin bars: each cell by itself, with Jeffreys' {intervals}",
             "filled circles, thick bars: the same cell in the model, posterior mean and interval"]  # fmt: skip
    if hidden := int(table["observed"].isna().sum()):
        parts.append(f"{hidden} cells are too small to show what they answered")
    return "; ".join(parts) + "." + (f" Source: {source}." if source else "")
