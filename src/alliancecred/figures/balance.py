"""Were people before and after an event alike? Standardised differences, row by row."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import Problem, SchemaError
from ..spec import Spec
from ..summaries import in_sentences, number
from .forest import forest, forest_on
from .forest_layout import Style, lay_out
from .page import Width, alt_of, banners, inches, padded, shorten_words
from .presets import on_paper

LARGE = 0.1  # standardised: beyond it people are not alike
_NEEDED = ("what", "label", "before", "after", "difference", "lower", "upper")


def balance_data(frame: pd.DataFrame, *, spec: Spec | None = None) -> pd.DataFrame:
    """Return what `plot_balance` draws: a line per label, in the order of the frame.

    Columns: ``heading`` (what it is a label of), ``label``, ``mean, lower, upper`` (the difference over the pooled sd
    of both sides, with its 95 % interval), ``before, after`` (per cent) and ``large`` (beyond ±0.1).

    Raises
    ------
    SchemaError
        If a column of `alliancecred.event_balance` is missing, or the frame has no rows.

    Examples
    --------
    >>> from alliancecred.figures.example import example_balance
    >>> balance_data(example_balance())[["label", "large"]].values.tolist()
    [['DE', False], ['PL', False], ['young', True], ["don't know", False]]
    """
    problems = [
        Problem("schema", c, "this column is missing", (), "see event_balance") for c in _NEEDED if c not in frame
    ]
    if problems or frame.empty:
        raise SchemaError(problems or [Problem("schema", "", "the frame has no rows: there is nothing to draw")])
    table = frame.reset_index(drop=True)
    shares = table[["before", "after"]].to_numpy(dtype=float) / 100
    pooled = np.sqrt((shares * (1 - shares)).mean(axis=1))
    scale = np.divide(0.01, pooled, out=np.zeros(len(table)), where=pooled > 0)
    name = spec.label if spec is not None else str
    headings = [str(w)[:1].upper() + str(w)[1:].replace("_", " ") for w in table["what"]]
    out = pd.DataFrame({"heading": headings, "label": [name(str(x)) for x in table["label"]]})
    for to, of in (("mean", "difference"), ("lower", "lower"), ("upper", "upper")):
        out[to] = table[of].to_numpy(dtype=float) * scale
    return out.assign(before=table["before"], after=table["after"], large=out["mean"].abs() > LARGE)


@on_paper
def plot_balance(
    frame: pd.DataFrame,
    *,
    spec: Spec | None = None,
    width: Width = "column",
    source: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw how people asked before and after an event differ in what the event cannot have changed.

    Parameters
    ----------
    frame
        As `alliancecred.event_balance` returns it.
    spec
        Gives full names, and whether the data are simulated.
    width
        ``column`` (3.5 in), ``double`` (7 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.
    ax
        Axes to draw into, names of rows as labels of ticks; the caption is left to you.

    Raises
    ------
    SchemaError
        As `balance_data`.

    References
    ----------
    Imbens & Rubin (2015), section 14.2; Muñoz, Falcó-Gimeno & Hernández (2020), Political Analysis 28, 186-206.

    Examples
    --------
    >>> from alliancecred.figures.example import example_balance
    >>> len(plot_balance(example_balance()).axes)
    1
    """
    table = balance_data(frame, spec=spec)
    limits = padded(np.append(table[["mean", "lower", "upper"]].to_numpy(), (-1.3 * LARGE, 1.3 * LARGE)), zero=True)
    style = Style(inches(width), "Standardised difference", limits, zero=True, smallest=LARGE)
    shares = [
        f"{number(b, digits=0)} → {number(a, digits=0)} %" for b, a in zip(table["before"], table["after"], strict=True)
    ]
    sheet = lay_out(table.assign(panel="", series="", unit="sd", printed=shares), style)
    if ax is not None:
        return forest_on(ax, sheet, banners(spec))
    large = int(table["large"].sum())
    said = f"{large} of {len(table)} lie beyond ±{LARGE:g}"
    intervals = "95% intervals of independent shares"
    parts = [
        f"Marks: share after minus share before the event, over the pooled standard deviation; bars: {intervals}",
        f"Grey band: differences up to {LARGE:g}; {said}",
        "On the right: shares before → after",
        f"Source: {shorten_words(source, 240)}" if source.strip() else "",
        "SIMULATED DATA" if spec is not None and spec.simulated else "",
    ]
    return forest(
        sheet,
        banners=banners(spec),
        caption=in_sentences(parts),
        alt=alt_of(f"Standardised differences before and after an event ({said})", table, intervals, zero=True),
    )
