"""What the data did to an answer: its prior and its posterior, row by row."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import SpecError
from ..estimate import Estimate
from ..summaries import CiKind, by_row, summary
from .dumbbell import write_key
from .on_axes import name_rows, room_of, stamp
from .page import (
    AXIS,
    EDGE,
    QUIET,
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
    Slab,
    colour_of,
    density,
    draw_interval,
    draw_zero,
    naming,
    place,
    row_frame,
    set_rows,
    value_room,
    with_room,
    write_labels,
    write_values,
)

_LEAST = 0.8  # inches of a panel with intervals printed beside it
_PRIOR = ("mean", "sd", "lower", "upper")


def prior_posterior_data(
    prior: Estimate, posterior: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti"
) -> pd.DataFrame:
    """Return what `plot_prior_posterior` draws: a line per row, from top to bottom.

    Columns are those of `summary` for the posterior, with ``label``, ``prior_mean, prior_sd, prior_lower, prior_upper``
    and ``sd_ratio``: the posterior sd as a share of the prior's (1: the data said nothing).

    Raises
    ------
    SpecError
        If the two do not have the same rows in the same unit, or none.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from alliancecred.figures.example import example_estimate
    >>> posterior = example_estimate("gap")
    >>> prior = replace(posterior, draws=4 * posterior.draws)
    >>> prior_posterior_data(prior, posterior)["sd_ratio"].round(2).tolist()
    [0.25, 0.25]
    """
    if not len(posterior):
        raise SpecError("the estimate has no rows: there is nothing to draw")
    if prior.unit != posterior.unit or prior.answer != posterior.answer:
        raise SpecError(f"prior in {prior.unit}, posterior in {posterior.unit}: ask both the same")
    for key in posterior.keys:
        ours = posterior.draws[key].to_numpy().astype(str).tolist()
        theirs = prior.draws[key].to_numpy().astype(str).tolist() if key in prior.keys else []
        if ours != theirs:
            raise SpecError(
                f"rows of prior and posterior differ in {key}: {theirs[:5]} and {ours[:5]}: ask both the same"
            )
    table = row_frame(posterior, ci_prob=ci_prob, ci_kind=ci_kind)
    if not any((posterior.draws[k].to_numpy().astype(str) != "").any() for k in posterior.keys[1:]):
        table["label"] = table["estimand"]
    before = summary(prior, ci_prob=ci_prob, ci_kind=ci_kind).iloc[table["draws_row"].to_numpy(dtype=int)]
    for column in _PRIOR:
        table[f"prior_{column}"] = before[column].to_numpy()
    return table.assign(sd_ratio=table["sd"] / table["prior_sd"])


@on_paper
def plot_prior_posterior(
    prior: Estimate,
    posterior: Estimate,
    *,
    ci_prob: float = 0.95,
    ci_kind: CiKind = "eti",
    width: Width = "column",
    source: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw prior (grey, above a thin bar) and posterior of each row on one axis: what the data did to the answer.

    Parameters
    ----------
    prior, posterior
        The same question put to `before_data` and to the fit: ``shift(before_data(fit))`` and ``shift(fit)``; of scales
        ``scales(before_data(fit))`` and ``scales(fit)``.
    ci_prob, ci_kind
        Probability and kind of the intervals.
    width
        ``column`` (3.5 in), ``double`` (7 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.
    ax
        Axes to draw into, names of rows as labels of ticks; the caption is left to you.

    Raises
    ------
    SpecError
        As `prior_posterior_data`.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from alliancecred.figures.example import example_estimate
    >>> posterior = example_estimate("gap")
    >>> len(plot_prior_posterior(replace(posterior, draws=4 * posterior.draws), posterior).axes)
    1
    """
    table = prior_posterior_data(prior, posterior, ci_prob=ci_prob, ci_kind=ci_kind)
    intervals = interval_words(ci_prob, ci_kind)
    at = table["draws_row"].to_numpy(dtype=int)
    slabs = [(density(a), density(b)) for a, b in zip(by_row(prior)[at], by_row(posterior)[at], strict=True)]
    if ax is not None:
        lines = place(posterior, table, key=False)
        _draw(ax, lines, posterior, table, slabs, room_of(ax))
        name_rows(ax, lines)
        return stamp(ax, banners(posterior.spec, posterior.status))
    wide = inches(width)
    lines, labels = with_room(place(posterior, table, key=True), wide, share=0.36)
    marks = (
        f"Grey: prior; in colour: posterior (densities of the same height). Marks: means; bars: {intervals}"
        f"{naming(table)}. On the right: the posterior"
    )
    page = make_page(
        wide,
        lines.inches + AXIS,
        banners=banners(posterior.spec, posterior.status),
        caption=caption(posterior, marks, source=source),
        alt=alt_of(_words(table), table, intervals, zero=posterior.is_difference),
    )
    start = EDGE + labels + 0.1
    free = wide - start - EDGE - 0.1
    full = free - value_room(table, full=True) >= _LEAST
    room = free - value_room(table, full=full)
    write_labels(page, lines, x=EDGE, top=page.top)
    axes = page.axes(start, page.bottom + AXIS, room, lines.inches)
    _draw(axes, lines, posterior, table, slabs, room)
    first = table.iloc[0]
    inks = (QUIET, colour_of(str(first["role"])))
    at_values = (float(first["prior_upper"]), float(first["mean"]))
    write_key(page, ("prior", "posterior"), inks, at_values, axes=axes, room=room, y=page.top - lines.key * lines.pitch)
    write_values(page, lines, table, top=page.top, full=full)
    return page.figure


def _words(table: pd.DataFrame) -> str:
    ratio = table["sd_ratio"][np.isfinite(table["sd_ratio"])]
    share = f", their sd {100 * ratio.min():.0f} to {100 * ratio.max():.0f} % of the prior's" if len(ratio) else ""
    return f"Prior and posterior densities{share}"


def _draw(
    axes: Axes, lines: Lines, estimate: Estimate, table: pd.DataFrame, slabs: list[tuple[Slab, Slab]], room: float
) -> None:
    set_rows(axes, lines)
    if estimate.is_difference:
        draw_zero(axes, estimate.smallest)
    for line in lines.lines:
        if line.index < 0:
            continue
        row, (prior, posterior) = table.iloc[line.index], slabs[line.index]
        colour, base = colour_of(str(row["role"])), line.y + 0.2
        axes.fill_between(prior[0], base, base - 0.62 * prior[1], color=QUIET, alpha=0.16, linewidth=0, zorder=1)
        axes.plot(prior[0], base - 0.62 * prior[1], color=QUIET, linewidth=0.6, zorder=1, gid="density")
        axes.fill_between(
            posterior[0], base, base - 0.62 * posterior[1], color=colour, alpha=0.45, linewidth=0, zorder=2
        )
        bounds = (row["prior_lower"], row["prior_upper"])
        axes.plot(bounds, (base + 0.17,) * 2, color=QUIET, linewidth=0.8, solid_capstyle="butt", zorder=2)
        axes.plot([row["prior_mean"]], [base + 0.17], "|", color=QUIET, markersize=4, gid="prior", zorder=2)
        draw_interval(axes, row["mean"], (row["lower"], row["upper"]), base, bold=bool(row["average"]), colour=colour)
    columns = ["mean", "lower", "upper", "prior_lower", "prior_upper"]
    low, high = padded(table[columns].to_numpy(dtype=float), zero=estimate.is_difference)
    if estimate.unit == "percent":
        low, high = max(low, -1.0), min(high, 101.0)
    what = "Difference" if estimate.is_difference else "Level"
    set_range(axes, low, high, width=room, title=unit_title(what, estimate.unit, room))
