"""Before and after a signal, and the posterior of the difference."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import SpecError
from ..estimate import Estimate
from ..summaries import CiKind, asked_of, flat, interval
from .page import (
    AXIS,
    EDGE,
    QUIET,
    Page,
    Width,
    banners,
    caption,
    inches,
    interval_words,
    make_page,
    padded,
    set_range,
    unit_title,
)
from .rows import (
    Lines,
    colour_of,
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
from .text import SMALL, width_of


def shift_data(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return what `plot_shift` draws: a line per row, from top to bottom.

    Columns are those of `summary`, with ``label``, ``average`` (whether the row is an average over
    others), ``draws_row`` (its place in the estimate) and mean and bounds of ``before`` and ``after``.

    Parameters
    ----------
    estimate
        A shift or a change, with its levels before and after.
    ci_prob, ci_kind
        Probability and kind of the intervals.

    Raises
    ------
    SpecError
        If there are no levels before and after, if their difference is not the estimate, or no rows.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> shift_data(example_estimate())[["label", "before_mean", "after_mean"]].round(0).values.tolist()
    [['Germany', 60.0, 50.0], ['Poland', 70.0, 58.0], ['Germany', 55.0, 61.0], ['Poland', 50.0, 55.0]]
    """
    before, after = _levels(estimate)
    table = row_frame(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    for name, draws in (("before", before), ("after", after)):
        ordered = draws[table["draws_row"].to_numpy(dtype=int)]
        bounds = interval(ordered, ci_prob=ci_prob, ci_kind=ci_kind)
        table[f"{name}_mean"] = ordered.mean(axis=1)
        table[f"{name}_lower"], table[f"{name}_upper"] = bounds[:, 0], bounds[:, 1]
    return table


def _levels(estimate: Estimate) -> tuple[np.ndarray, np.ndarray]:
    if estimate.before is None or estimate.after is None or asked_of(estimate) == "gap":
        raise SpecError("this estimate has no levels before and after: use plot_gap for a gap or a contrast")
    if not len(estimate):
        raise SpecError("the estimate has no rows: there is nothing to draw")
    before, after = flat(estimate.before), flat(estimate.after)
    if not np.allclose(after - before, flat(estimate.draws), rtol=0, atol=1e-6, equal_nan=True):
        raise SpecError("the draws are not the levels after minus the levels before: were the two swapped?")
    return before, after


def plot_shift(
    estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti", width: Width = "double", source: str = ""
) -> Figure:
    """Draw levels before and after, and beside them the posterior of their difference.

    Rows stand in groups by role (sender, other allies, self-ratings), averages first, then from the
    highest to the lowest difference. A hollow circle is before, a filled one after.

    Parameters
    ----------
    estimate
        A shift or a change, with its levels before and after.
    ci_prob, ci_kind
        Probability and kind of the intervals.
    width
        ``double`` (7 in), ``column`` (3.5 in; the differences are printed without their intervals)
        or inches.
    source
        Where the data come from, for the caption.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> figure = plot_shift(example_estimate(), source="a made-up survey")
    >>> float(figure.get_figwidth())
    7.0
    """
    table = shift_data(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    lines = place(table, key=True)
    wide = inches(width)
    marks = f"Hollow: before; filled: after. Marks: posterior means; bars: {interval_words(ci_prob, ci_kind)}"
    marks += naming(table)
    page = make_page(
        wide,
        lines.inches + AXIS,
        banners=banners(estimate.spec, estimate.status),
        caption=caption(estimate, marks, source=source),
    )
    full = wide >= 5
    labels = label_room(lines, wide, share=0.3 if wide >= 5 else 0.36)
    start = EDGE + labels + 0.1
    room = (wide - start - value_room(table, full=full) - EDGE - 0.1 - 0.24) / 2
    write_labels(page, lines, x=EDGE, top=page.top, room=labels)
    left = page.axes(start, page.bottom + AXIS, room, lines.inches)
    right = page.axes(start + room + 0.24, page.bottom + AXIS, room, lines.inches)
    _draw_levels(left, lines, table)
    _range_levels(left, table, room, estimate)
    _write_key(page, lines, table, axes=left, room=room)
    _draw_difference(right, lines, table, estimate, room)
    write_values(page, lines, table, top=page.top, full=full)
    return page.figure


def _draw_difference(axes: Axes, lines: Lines, table: pd.DataFrame, estimate: Estimate, room: float) -> None:
    slabs = slabs_of(estimate, table)
    set_rows(axes, lines)
    draw_zero(axes, estimate.smallest)
    draw_slabs(axes, lines, table, slabs)
    low, high = padded(slab_values(table, slabs), zero=True)
    set_range(axes, low, high, width=room, title=unit_title("Difference", estimate.unit, room))


def level_title(estimate: Estimate) -> str:
    """Return the short title of an axis of levels."""
    if estimate.answer == "mean":
        return "Mean answer"
    if estimate.answer != "top":
        return f"Answered “{estimate.answer}” (%)"
    return "Share of the top answers (%)" if estimate.spec.declared else "Credible (%)"


def _range_levels(axes: Axes, table: pd.DataFrame, room: float, estimate: Estimate) -> None:
    columns = [f"{w}_{k}" for w in ("before", "after") for k in ("mean", "lower", "upper")]
    low, high = padded(table[columns].to_numpy())
    if estimate.unit == "percentage points":
        low, high = max(low, -1.0), min(high, 101.0)
    set_range(axes, low, high, width=room, title=level_title(estimate))


def _draw_levels(axes: Axes, lines: Lines, table: pd.DataFrame) -> None:
    set_rows(axes, lines)
    for line in lines.lines:
        if line.index < 0:
            continue
        row = table.iloc[line.index]
        colour, wide = colour_of(str(row["role"])), 1.5 if row["average"] else 0.9
        y = {"before": line.y - 0.15, "after": line.y + 0.15}
        for name, ink in (("before", QUIET), ("after", colour)):
            bounds = (row[f"{name}_lower"], row[f"{name}_upper"])
            axes.plot(bounds, (y[name],) * 2, color=ink, linewidth=wide, alpha=0.75, solid_capstyle="butt", zorder=2)
            axes.plot(
                [row[f"{name}_mean"]],
                [y[name]],
                marker="D" if row["average"] else "o",
                linestyle="none",
                markersize=3.8,
                markerfacecolor="white" if name == "before" else ink,
                markeredgecolor=ink,
                markeredgewidth=0.8,
                zorder=4,
                gid=name,
            )
        axes.annotate(
            "",
            (row["after_mean"], y["after"]),
            (row["before_mean"], y["before"]),
            zorder=3,
            arrowprops={
                "arrowstyle": "-|>,head_length=0.25,head_width=0.12",
                "color": colour,
                "linewidth": 0.6,
                "shrinkA": 2.2,
                "shrinkB": 2.2,
            },
        )


def _write_key(page: Page, lines: Lines, table: pd.DataFrame, *, axes: Axes, room: float) -> None:
    """Write ``before`` and ``after`` above the marks of the first row, without letting them meet."""
    low, high = axes.get_xlim()
    left = axes.get_position().x0 * page.width
    place_of = {w: left + room * (float(table[f"{w}_mean"][0]) - low) / (high - low) for w in ("before", "after")}
    first, second = sorted(place_of, key=lambda w: (place_of[w] if np.isfinite(place_of[w]) else left, w != "before"))
    one, two = width_of(first, size=SMALL), width_of(second, size=SMALL)
    gap = 0.06
    x1 = np.nan_to_num(place_of[first], nan=left) - one / 2
    x2 = np.nan_to_num(place_of[second], nan=left + room) - two / 2
    if x2 - (x1 + one) < gap:
        middle = (x1 + one + x2) / 2
        x1, x2 = middle - gap / 2 - one, middle + gap / 2
    x1 = min(max(x1, left), left + room - two - gap - one)
    x2 = min(max(x2, x1 + one + gap), left + room - two)
    ink = {"before": QUIET, "after": colour_of(str(table["role"][0]))}
    for x, word in ((x1, first), (x2, second)):
        page.text(float(x), page.top - lines.key * lines.pitch, word, size=SMALL, colour=ink[word])
