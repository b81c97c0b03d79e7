"""Figures drawn into somebody else's axes: names of rows as labels of ticks, banners above."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from ..errors import SpecError
from .page import ALARM, QUIET
from .rows import Lines
from .text import BASE, SMALL, in_order, shorten_apart, shorten_middle

MOST = 2.0  # inches a name may take left of the axes


def room_of(axes: Axes) -> float:
    """Return the width of axes in inches."""
    return float(axes.get_window_extent().width / whole(axes).dpi)


def whole(axes: Axes) -> Figure:
    """Return the figure that axes are part of.

    Raises
    ------
    SpecError
        If they are part of none.
    """
    figure = axes.get_figure(root=True)
    if figure is None or isinstance(figure, SubFigure):
        raise SpecError("ax is part of no figure: plt.subplots() gives axes that are")
    return figure


def bare(axes: Axes) -> None:
    """Take frame and ticks off the sides, as all figures have it."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set(color=QUIET, linewidth=0.6)
    axes.tick_params(labelsize=SMALL, color=QUIET, width=0.6, length=2.5, pad=2)


def name_rows(axes: Axes, lines: Lines) -> None:
    """Write headings and names of rows as labels of ticks."""
    bare(axes)
    shown = [x for x in lines.lines if x.text]
    over = [x.index < 0 and not x.bold for x in shown]  # what all names share
    names = dict(zip([id(x) for x in shown], shorten_apart([x.text for x in shown], MOST), strict=True))
    names |= {id(x): shorten_middle(x.text, MOST, size=SMALL) for x, o in zip(shown, over, strict=True) if o}
    axes.set_yticks([x.y for x in shown], [in_order(names[id(x)]) for x in shown], fontsize=BASE, parse_math=False)
    axes.tick_params(axis="y", length=0)
    for line, label, quiet in zip(shown, axes.get_yticklabels(), over, strict=True):
        label.set_fontweight("bold" if line.bold else "normal")
        if quiet:
            label.set(fontsize=SMALL, color=QUIET)


def stamp(axes: Axes, banners: list[str], *, above: float = 4.0) -> Figure:
    """Write what must be seen first, so many points above the axes; return their figure."""
    if banners:
        words = "\n".join(banners)
        axes.set_title(words, color=ALARM, fontsize=BASE, fontweight="bold", loc="left", pad=above, parse_math=False)
    return whole(axes)
