"""Figures into files: for print, for screens, as numbers and in words."""

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, get_args

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from ..errors import SpecError, nearest
from ..files import replace_file
from ..summaries import write_csv
from .page import ShownFigure

Kind = Literal["pdf", "png", "csv", "svg", "txt"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_FIXED: dict[str, Any] = {"Creator": "alliancecred", "Producer": "matplotlib", "CreationDate": None}
PACKED = {"compress_level": 3}  # a few per cent larger than Pillow's own 6, in half its time


def save_figure(
    figure: Figure, stem: str | Path, data: pd.DataFrame, *, kinds: Sequence[Kind] = KINDS, dpi: int | None = None
) -> tuple[Path, ...]:
    """Write a figure as PDF and SVG (vector), PNG, the numbers behind it as CSV, caption and alternative text as text.

    The same figure gives the same bytes. Text in the PDF is text, its letters embedded; PDF, PNG and SVG carry the
    alternative text in their metadata.

    Parameters
    ----------
    figure
        Any figure.
    stem
        Path without ending; its folder must exist.
    data
        What the figure shows, from the matching ``*_data`` function.
    kinds
        Which of ``pdf, png, csv, svg, txt``. There is no ``txt`` of a figure that was not drawn by this library.
    dpi
        Dots per inch of the PNG; None: those of the `Paper` the figure was drawn for, 300 without one.

    Returns
    -------
    tuple
        Paths of the files, in the order of ``kinds``.

    Raises
    ------
    SpecError
        If a kind is none of these.

    Examples
    --------
    >>> import tempfile
    >>> from alliancecred.figures import gap_data, plot_gap
    >>> from alliancecred.figures.example import example_estimate
    >>> gap = example_estimate("gap")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in save_figure(plot_gap(gap), Path(folder) / "gap", gap_data(gap))]
    ['gap.pdf', 'gap.png', 'gap.csv', 'gap.svg', 'gap.txt']
    """
    stem = Path(stem)
    name = stem.name
    for kind in KINDS:
        name = name.removesuffix(f".{kind}")
    written = []
    for kind in kinds:
        path = stem.with_name(f"{name}.{kind}")
        match kind:
            case "csv":
                written.append(write_csv(data, path))
            case "txt":
                if isinstance(figure, ShownFigure) and figure.caption:
                    words = f"Caption\n\n{figure.caption}\n\nAlternative text\n\n{figure.alt}\n"
                    written.append(replace_file(path, words.encode("utf-8")))
            case "pdf" | "png" | "svg":
                written.append(replace_file(path, _render(figure, kind, dpi or _dots(figure))))
            case _:
                raise SpecError(f"no kind of file {kind!r}: {nearest(kind, list(KINDS))}")
    return tuple(written)


def _dots(figure: Figure) -> int:
    own: int = getattr(figure, "print_dpi", 300)
    return own


def _render(figure: Figure, kind: str, dpi: int) -> bytes:
    out = BytesIO()
    alt = figure.alt if isinstance(figure, ShownFigure) else ""
    # Type 42 keeps text as text, which journals ask for
    fixed: Any = {"pdf.fonttype": 42, "savefig.bbox": "standard", "svg.hashsalt": "alliancecred"}
    with mpl.rc_context(fixed), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(out, format=kind, dpi=dpi, **_options(kind, alt))
    return out.getvalue()


def _options(kind: str, alt: str) -> dict[str, Any]:
    match kind:
        case "pdf":
            return {"metadata": _FIXED | ({"Subject": alt} if alt else {})}
        case "svg":
            return {"metadata": {"Creator": "alliancecred", "Date": None} | ({"Description": alt} if alt else {})}
        case _:
            about = {"Software": "alliancecred"} | ({"Description": alt} if alt else {})
            return {"metadata": about, "pil_kwargs": PACKED}
