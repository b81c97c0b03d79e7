"""Sizes and letters that journals ask for, and figures that keep to them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch
from matplotlib.text import Annotation, Text

from ..errors import SpecError, nearest
from .fonts import letters
from .text import BASE, SMALL

_INCH = 25.4  # mm
_GAP = 0.04  # inches below everything where a caption was taken off


@dataclass(frozen=True)
class Paper:
    """What a figure is drawn for: a width in inches, letters, and whether its caption stands below it.

    Parameters
    ----------
    width
        Inches.
    size
        Points, of the labels of rows; headings are 7 % larger, numbers and captions 7 % smaller.
    fonts
        The first that is installed is taken; DejaVu Sans draws what it lacks.
    caption
        Whether the caption is part of the figure; `alliancecred.caption` gives its words in any case.
    dpi
        Dots per inch of a PNG that `alliancecred.save_figure` writes.

    Examples
    --------
    >>> Paper(5.0, 8.0).size
    8.0
    """

    width: float
    size: float = BASE
    fonts: tuple[str, ...] = ()
    caption: bool = True
    dpi: int = 300

    @property
    def scale(self) -> float:
        """Size of the letters as a multiple of those the figures are laid out with."""
        return self.size / BASE


@dataclass(frozen=True)
class Preset:
    """The figures of a journal or publisher.

    Parameters
    ----------
    name
        As `preset` takes it.
    widths
        Inches, of one column and of two.
    size
        Points, of the labels of rows.
    fonts
        Families that are asked for, in order.
    dpi
        Dots per inch of what is not vector.
    caption
        Whether captions belong into the figure; most journals want them in the manuscript.
    source
        Where that was read, and what was not found there.

    Examples
    --------
    >>> preset("nature").column.width
    3.504
    """

    name: str
    widths: tuple[float, float]
    size: float
    fonts: tuple[str, ...]
    dpi: int
    caption: bool
    source: str

    @property
    def column(self) -> Paper:
        """One column."""
        return Paper(self.widths[0], self.size, self.fonts, self.caption, self.dpi)

    @property
    def double(self) -> Paper:
        """Two columns."""
        return Paper(self.widths[1], self.size, self.fonts, self.caption, self.dpi)


def _mm(one: float, two: float) -> tuple[float, float]:
    return round(one / _INCH, 3), round(two / _INCH, 3)


_SANS = ("Arial", "Helvetica", "Liberation Sans")
_SERIF = ("Times New Roman", "Times", "Liberation Serif", "STIXGeneral")
_OWN = (3.5, 7.0)
PRESETS = (
    Preset("plain", _OWN, BASE, (), 300, True, "no journal's: the library's own"),
    Preset("large", _OWN, 9.0, (), 300, False, "no journal's: for those that ask for letters of 8 points or more"),
    Preset("serif", (4.75, 6.5), 8.0, _SERIF, 300, False, "no journal's: a page of one column, letters like Times"),
    Preset(
        "nature", _mm(89, 183), 6.5, _SANS, 450, False,
        "https://research-figure-guide.nature.com/figures/building-and-exporting-figure-panels: 89 and 183 mm, Arial "
        "or Helvetica, 5 to 7 points; .../preparing-figures-our-specifications: 450 dpi",
    ),
    Preset(
        "elsevier", _mm(90, 190), BASE, _SANS, 300, False,
        "https://www.elsevier.com/about/policies-and-standards/author/artwork-and-media-instructions/artwork-sizing: "
        "90 and 190 mm, 7 points, none below 6; family and dpi are ours",
    ),
    Preset(
        "plos", _mm(90, 180), 8.75, ("Arial",), 600, False,
        "https://journals.plos.org/plosgenetics/static/figureGuidelines.action: 9 to 18 cm, Arial, 8 to 12 points, 600 "
        "dpi",
    ),
    Preset(
        "cambridge", _OWN, BASE, _SANS, 1000, False,
        "https://www.cambridge.org/core/services/authors/journals/journals-artwork-guide: line drawings 1000 dpi, "
        "captions not part of the figure; widths and letters are ours, since none were found",
    ),
    Preset(
        "sage", _OWN, BASE, _SANS, 300, False,
        "https://www.sagepub.com, Artwork Submission Guidelines: at least 300 dpi, line art as vectors; widths and "
        "letters are ours, since none were found",
    ),
)  # fmt: skip


def preset(name: str) -> Preset:
    """Return sizes and letters for a journal's figures.

    Parameters
    ----------
    name
        ``plain``, ``large``, ``serif``; ``nature``, ``elsevier``, ``plos``, ``cambridge`` (American Political Science
        Review, International Organization, …), ``sage`` (Journal of Conflict Resolution, Journal of Peace
        Research, …). ``preset(name).source`` says what the publisher asks for and what is ours: ask the journal too.

    Returns
    -------
    Preset
        Its ``column`` and ``double`` are values for ``width=`` of every figure.

    Raises
    ------
    SpecError
        If there is none of that name.

    Examples
    --------
    >>> from alliancecred.figures import plot_gap
    >>> from alliancecred.figures.example import example_estimate
    >>> float(plot_gap(example_estimate("gap"), width=preset("large").double).get_figwidth())
    7.0
    """
    known = {p.name: p for p in PRESETS}
    if name not in known:
        raise SpecError(f"no preset {name!r}: {nearest(name, list(known))}")
    return known[name]


def on_paper[**P](plot: Callable[P, Figure]) -> Callable[P, Figure]:
    """Return a plot function whose ``width`` may be a `Paper`: laid out for our letters, then as large as asked for."""

    @wraps(plot)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        paper = kwargs.get("width")
        if not isinstance(paper, Paper):
            return plot(*args, **kwargs)
        if not 5.0 <= paper.size <= 14.0:
            raise SpecError(f"letters of {paper.size!r} points are not between 5 and 14")
        kwargs["width"] = paper.width / paper.scale
        family = [*letters(paper.fonts), *mpl.rcParams["font.family"]]
        with mpl.rc_context({"font.family": family}):
            figure = plot(*args, **kwargs)
        magnify(figure, paper.width / float(figure.get_figwidth()))
        if not paper.caption:
            without_caption(figure)
        shown: Any = figure
        shown.print_dpi = paper.dpi
        return figure

    return drawn


def magnify(figure: Figure, factor: float) -> None:
    """Make everything in a figure larger, letters and lines too."""
    if abs(factor - 1) < 1e-9:
        return
    width, height = figure.get_size_inches()
    figure.set_size_inches(width * factor, height * factor)
    for artist in list(_artists(figure)):
        match artist:
            case Text():
                artist.set_fontsize(_points(artist) * factor)
            case Line2D():
                artist.set(linewidth=artist.get_linewidth() * factor, markersize=artist.get_markersize() * factor)
                artist.set_markeredgewidth(artist.get_markeredgewidth() * factor)
            case FancyArrowPatch():
                artist.set(linewidth=artist.get_linewidth() * factor)
                artist.set_mutation_scale(artist.get_mutation_scale() * factor)
                artist.shrinkA, artist.shrinkB = artist.shrinkA * factor, artist.shrinkB * factor
            case Patch():
                artist.set_linewidth(artist.get_linewidth() * factor)
            case Collection():
                artist.set_linewidth([w * factor for w in np.atleast_1d(artist.get_linewidth())])
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            have = axis.get_tick_params()
            axis.set_tick_params(
                labelsize=SMALL * factor,
                length=have.get("length", 2.5) * factor,
                width=have.get("width", 0.6) * factor,
                pad=have.get("pad", 2) * factor,
            )
            axis.labelpad *= factor


def _points(text: Text) -> float:
    return float(text.get_fontsize())


def _artists(figure: Figure) -> Iterator[Artist]:
    ticks = {id(t) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for t in axis.get_children()}
    ticks -= {id(axis.label) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)}

    def below(artist: Artist) -> Iterator[Artist]:
        for child in artist.get_children():
            if id(child) in ticks or child is figure.patch:
                continue
            yield child
            if isinstance(child, Annotation) and child.arrow_patch is not None:
                yield child.arrow_patch
            yield from below(child)

    return below(figure)


def without_caption(figure: Figure) -> None:
    """Take the caption off a figure, and the room it had."""
    own = [t for t in figure.texts if t.get_gid() == "caption"]
    if not own:
        return
    wide, high = figure.get_size_inches()
    top = max(t.get_position()[1] for t in own) * high
    taken = top + _points(own[0]) / 72 / 1.4 - _GAP
    for text in own:
        text.remove()

    def moved(y: float) -> float:
        return (y * high - taken) / (high - taken)

    for text in figure.texts:
        text.set_y(moved(text.get_position()[1]))
    for axes in figure.axes:
        box = axes.get_position()
        axes.set_position((box.x0, moved(box.y0), box.width, box.height * high / (high - taken)))
    for line in figure.get_children():  # marks of keys; the lines of ticks belong to their axes
        if isinstance(line, Line2D):
            line.set_ydata([moved(float(y)) for y in np.asarray(line.get_ydata())])
    figure.set_size_inches(wide, high - taken)
