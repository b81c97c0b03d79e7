"""The posterior of a gap between populations, or of any other difference."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import SpecError
from ..estimate import Estimate
from ..summaries import CiKind, asked_of
from .dumbbell import Pair, dumbbell, with_levels
from .on_axes import name_rows, room_of, stamp
from .page import (
    AXIS,
    COLOURS,
    EDGE,
    Width,
    alt_of,
    banners,
    caption,
    inches,
    interval_words,
    make_page,
    padded,
    set_range,
    unit_title,
)
from .presets import on_paper
from .rows import (
    Lines,
    draw_slabs,
    draw_zero,
    naming,
    place,
    row_frame,
    set_rows,
    slab_values,
    slabs_of,
    value_room,
    with_room,
    write_labels,
    write_values,
)
from .shift import level_title

_MINUS = " minus "


def gap_data(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return what `plot_gap` draws: the columns of `summary`, a line per row, from top to bottom.

    Of a gap in levels ``reference`` and ``other`` with their mean and bounds too: the levels in both populations.

    Raises
    ------
    SpecError
        If the estimate is not a difference, or has no rows.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> gap_data(example_estimate("gap"))["label"].tolist()
    ['Poland', 'Germany']
    """
    if not estimate.is_difference:
        raise SpecError(f"an estimate in {estimate.unit!r} is not a difference: use plot_levels")
    if not len(estimate):
        raise SpecError("the estimate has no rows: there is nothing to draw")
    table = row_frame(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    pair = _pair(estimate)
    return with_levels(estimate, table, pair.prefixes, ci_prob=ci_prob, ci_kind=ci_kind) if pair else table


def _pair(estimate: Estimate) -> Pair | None:
    """Return the two populations of a gap whose levels are known; None of other differences."""
    names = {str(x) for x in estimate.draws["population"].to_numpy()}
    if estimate.before is None or estimate.after is None or len(names) != 1 or _MINUS not in (name := names.pop()):
        return None
    other, _, reference = name.partition(_MINUS)
    words = (estimate.spec.label(reference), estimate.spec.label(other))
    colours = (COLOURS["other"], COLOURS["sender"])
    return Pair(("reference", "other"), words, arrow=False, colours=colours)


@on_paper
def plot_gap(
    estimate: Estimate,
    *,
    ci_prob: float = 0.95,
    ci_kind: CiKind = "eti",
    width: Width = "column",
    source: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw the posterior of a gap (or a contrast) row by row: density, mean, interval, line of no difference.

    Of a gap in levels both populations stand on the left, joined by a line (a dumbbell).

    Parameters
    ----------
    estimate
        A gap, or any other difference.
    ci_prob, ci_kind
        Probability and kind of the intervals.
    width
        ``column`` (3.5 in), ``double`` (7 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.
    ax
        Axes to draw the differences into, names of rows as labels of ticks; the caption is left to you.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> float(plot_gap(example_estimate("gap")).get_figwidth())
    3.5
    """
    table = gap_data(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    intervals, wide = interval_words(ci_prob, ci_kind), inches(width)
    pair = _pair(estimate)
    if ax is not None:
        lines = place(estimate, table, key=False)
        _draw(ax, lines, estimate, table, room_of(ax))
        name_rows(ax, lines)
        return stamp(ax, banners(estimate.spec, estimate.status))
    if pair is not None:
        marks = f"Hollow: {pair.words[0]}; filled: {pair.words[1]}. Marks: posterior means; bars: {intervals}"
        what = f"Levels of {pair.words[0]} and {pair.words[1]}, and the posterior density of their difference"
        return dumbbell(
            estimate,
            table,
            pair,
            wide,
            words=(marks + naming(table), what),
            titles=(level_title(estimate), _title(estimate)),
            intervals=intervals,
            source=source,
        )
    lines, labels = with_room(place(estimate, table, key=False), wide, share=0.3 if wide >= 5 else 0.36)
    marks = f"Marks: posterior means; bars: {intervals}; shapes: posterior densities{naming(table)}"
    page = make_page(
        wide,
        lines.inches + AXIS,
        banners=banners(estimate.spec, estimate.status),
        caption=caption(estimate, marks, source=source),
        alt=alt_of("Posterior densities of differences", table, intervals, zero=True),
    )
    start = EDGE + labels + 0.1
    room = wide - start - value_room(table, full=True) - EDGE - 0.1
    write_labels(page, lines, x=EDGE, top=page.top)
    _draw(page.axes(start, page.bottom + AXIS, room, lines.inches), lines, estimate, table, room)
    write_values(page, lines, table, top=page.top, full=True)
    return page.figure


def _draw(axes: Axes, lines: Lines, estimate: Estimate, table: pd.DataFrame, room: float) -> None:
    slabs = slabs_of(estimate, table)
    set_rows(axes, lines)
    draw_zero(axes, estimate.smallest)
    draw_slabs(axes, lines, table, slabs)
    low, high = padded(slab_values(table, slabs), zero=True)
    set_range(axes, low, high, width=room, title=unit_title(_title(estimate), estimate.unit, room))


def _title(estimate: Estimate) -> str:
    populations, kind = estimate.spec.populations, asked_of(estimate)
    if kind in ("gap", "gap in shift") and len(populations) == 2:
        other, reference = (estimate.spec.label(p) for p in reversed(populations))
        of = f"Shift: {other}" if kind == "gap in shift" else f"{other[:1].upper()}{other[1:]}"
        return f"{of} minus {reference}"
    return "Shifts apart" if kind in ("gap in shift", "comparison of shifts") else "Difference"
