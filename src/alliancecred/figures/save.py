"""Figures into files, and into words for those who cannot see them."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from ..estimate import Estimate
from ..files import replace_file
from ..summaries import asked_of, describe, write_csv
from .specifications import sensitivity_words

PACKED = {"compress_level": 3}  # a few per cent larger than Pillow's own 6, in half its time
_OPTIONS: dict[str, dict[str, Any]] = {
    "pdf": {"metadata": {"Creator": "alliancecred", "Producer": "matplotlib", "CreationDate": None}},
    "png": {"metadata": {"Software": "alliancecred"}, "pil_kwargs": PACKED},
}


def save_figure(figure: Figure, stem: str | Path, data: pd.DataFrame) -> tuple[Path, Path, Path]:
    """Write a figure as PDF (vector, fonts embedded) and PNG (300 dpi), and the numbers behind it as CSV.

    The same figure gives the same bytes.

    Parameters
    ----------
    figure
        Any figure.
    stem
        Path without ending; its folder must exist.
    data
        What the figure shows, from the matching ``*_data`` function.

    Returns
    -------
    tuple
        Paths of the PDF, the PNG and the CSV.

    Examples
    --------
    >>> import tempfile
    >>> from alliancecred.figures import gap_data, plot_gap
    >>> from alliancecred.figures.example import example_estimate
    >>> gap = example_estimate("gap")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in save_figure(plot_gap(gap), Path(folder) / "gap", gap_data(gap))]
    ['gap.pdf', 'gap.png', 'gap.csv']
    """
    stem = Path(stem)
    name = stem.name.removesuffix(".pdf").removesuffix(".png").removesuffix(".csv")
    written = [replace_file(stem.with_name(f"{name}.{kind}"), _render(figure, kind)) for kind in ("pdf", "png")]
    return written[0], written[1], write_csv(data, stem.with_name(f"{name}.csv"))


def _render(figure: Figure, kind: str) -> bytes:
    out = BytesIO()
    # Type 42 keeps text as text, which journals ask for
    with mpl.rc_context({"pdf.fonttype": 42, "savefig.bbox": "standard"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(out, format=kind, dpi=300, **_OPTIONS[kind])
    return out.getvalue()


def alt_text(estimate: Estimate | pd.DataFrame, *, ci_prob: float = 0.95) -> str:
    """Return what a figure of the estimate (or of a frame of `sensitivity`) shows, in words, for a screen reader.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> alt_text(example_estimate("gap")).split(".")[0]
    'Dots with interval bars for 2 rows'
    """
    if isinstance(estimate, pd.DataFrame):
        return sensitivity_words(estimate)
    kind = {
        "levels": "Levels with their intervals",
        "shift": "Dots before and after the signal, and the density of their difference,",
        "change": "Dots in two waves, and the density of their difference,",
    }.get(asked_of(estimate), "Dots with interval bars")
    rows = f"{len(estimate)} row{'s' if len(estimate) != 1 else ''}"
    return f"{kind} for {rows}. {describe(estimate, ci_prob=ci_prob)}"
