"""Estimates of a simulated survey beside the truth they should find."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..figures.page import AXIS, COLOURS, EDGE, QUIET, Width, banners, inches, make_page, padded, set_range, status_of
from ..figures.text import SMALL
from ..spec import Spec
from ..summaries import number
from .contents import covered

_LEVELS, _DIFFERENCES = "levels", "differences"
_GAP = 0.5  # inches left of a panel, for its ticks


def truth_data(table: pd.DataFrame, spec: Spec) -> pd.DataFrame:
    """Return the rows of a summary that have a truth, with ``panel`` and ``inside``."""
    rows = table[table["truth"].notna() & table["mean"].notna()].reset_index(drop=True)
    panel = np.where(rows["unit"].isin(["percent", "points"]), _LEVELS, _DIFFERENCES)
    inside = (rows["lower"] <= rows["truth"]) & (rows["truth"] <= rows["upper"])
    return rows.assign(panel=panel, inside=inside)


def truth_words(frame: pd.DataFrame) -> str:
    """Return in words how often intervals cover the truth."""
    inside, size = covered(frame)
    errors = (frame["mean"] - frame["truth"]).abs()
    return (
        f"Posterior means and 95 % intervals of {size} estimates against the truth the survey was simulated with. "
        f"{inside} of {size} intervals ({100 * inside / max(size, 1):.0f} %) cover their truth; the mean error is "
        f"{number(float(errors.mean()))} points, the largest {number(float(errors.max()))}."
    )


def plot_truth(frame: pd.DataFrame, spec: Spec, *, width: Width = "double") -> Figure:
    """Draw posterior means and intervals (upright) against the truth (across), levels and differences apart."""
    wide = inches(width)
    panels = [p for p in (_LEVELS, _DIFFERENCES) if (frame["panel"] == p).any()] or [_LEVELS]
    abreast = wide >= 5
    across = len(panels) if abreast else 1
    side = min(2.75, (wide - EDGE) / across - _GAP - EDGE)
    down = 1 if abreast else len(panels)
    words = (
        f"Across: the truth; upright: posterior mean and 95% equal-tailed interval. On the line the two agree. "
        f"Orange: the interval does not cover the truth. {truth_words(frame)} SIMULATED DATA."
    )
    page = make_page(
        wide, down * (side + AXIS + 0.1), banners=banners(spec, status_of(frame)), caption=words, alt=truth_words(frame)
    )
    for i, panel in enumerate(panels):
        x = EDGE + _GAP + (i * (side + _GAP + 0.3) if abreast else 0)
        y = page.top - 0.05 - side - (0 if abreast else i * (side + AXIS + 0.1))
        _panel(page.axes(x, y, side, side), frame[frame["panel"] == panel], side, panel)
    return page.figure


def _panel(axes: Axes, rows: pd.DataFrame, side: float, panel: str) -> None:
    low, high = padded(rows[["truth", "lower", "upper"]].to_numpy(dtype=float))
    axes.plot((low, high), (low, high), color=QUIET, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    for inside, colour in ((True, COLOURS["other"]), (False, COLOURS["sender"])):
        part = rows[rows["inside"] == inside]
        axes.vlines(
            part["truth"], part["lower"], part["upper"], color=colour, linewidth=0.8 if inside else 1.3, alpha=0.6
        )
        axes.plot(
            part["truth"],
            part["mean"],
            "o" if inside else "X",
            color=colour,
            markersize=3 if inside else 4.5,
            linestyle="none",
        )
    unit = " / ".join(dict.fromkeys({"percent": "%", "percentage points": "pp"}.get(u, u) for u in rows["unit"]))
    set_range(axes, low, high, width=side, title=f"True {panel} ({unit})")
    axes.set_ylim(low, high)
    ticks = axes.get_xticks()
    axes.set_yticks(ticks, [number(t, digits=0 if all(float(x).is_integer() for x in ticks) else 1) for t in ticks])
    axes.tick_params(axis="y", labelsize=SMALL, length=2.5, width=0.6, pad=2)
    axes.spines["left"].set(visible=True, color=QUIET, linewidth=0.6)
    axes.set_ylabel(f"Estimate ({unit})", fontsize=SMALL, labelpad=2)
