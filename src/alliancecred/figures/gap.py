"""The posterior of a gap, or of any other difference."""

import pandas as pd
from matplotlib.figure import Figure

from ..errors import SpecError
from ..estimate import Estimate
from ..summaries import CiKind, asked_of
from .page import AXIS, EDGE, Width, banners, caption, inches, interval_words, make_page, padded, set_range, unit_title
from .rows import (
    draw_slabs,
    draw_zero,
    label_room,
    naming,
    place,
    row_frame,
    set_rows,
    slab_values,
    slabs_of,
    value_room,
    write_labels,
    write_values,
)


def gap_data(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return what `plot_gap` draws: the columns of `summary`, a line per row, from top to bottom.

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
    return row_frame(estimate, ci_prob=ci_prob, ci_kind=ci_kind)


def plot_gap(
    estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti", width: Width = "column", source: str = ""
) -> Figure:
    """Draw the posterior of a gap (or a contrast) row by row: density, mean, interval, line of no difference.

    Parameters
    ----------
    estimate
        A gap, or any other difference.
    ci_prob, ci_kind
        Probability and kind of the intervals.
    width
        ``column`` (3.5 in), ``double`` (7 in) or inches.
    source
        Where the data come from, for the caption.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> float(plot_gap(example_estimate("gap")).get_figwidth())
    3.5
    """
    table = gap_data(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    slabs = slabs_of(estimate, table)
    lines = place(table, key=False)
    wide = inches(width)
    marks = f"Marks: posterior means; bars: {interval_words(ci_prob, ci_kind)}; shapes: posterior densities"
    marks += naming(table)
    page = make_page(
        wide,
        lines.inches + AXIS,
        banners=banners(estimate.spec, estimate.status),
        caption=caption(estimate, marks, source=source),
    )
    labels = label_room(lines, wide, share=0.3 if wide >= 5 else 0.36)
    start = EDGE + labels + 0.1
    room = wide - start - value_room(table, full=True) - EDGE - 0.1
    write_labels(page, lines, x=EDGE, top=page.top, room=labels)
    axes = page.axes(start, page.bottom + AXIS, room, lines.inches)
    set_rows(axes, lines)
    draw_zero(axes, estimate.smallest)
    draw_slabs(axes, lines, table, slabs)
    low, high = padded(slab_values(table, slabs), zero=True)
    set_range(axes, low, high, width=room, title=_title(estimate, room))
    write_values(page, lines, table, top=page.top, full=True)
    return page.figure


def _title(estimate: Estimate, room: float) -> str:
    populations = estimate.spec.populations
    if asked_of(estimate) == "gap" and len(populations) == 2:
        return unit_title(f"{populations[1].capitalize()} minus {populations[0]}", estimate.unit, room)
    return unit_title("Difference", estimate.unit, room)
