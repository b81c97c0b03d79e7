"""Shares as people answered, weighted, in the model, and poststratified, one below the other."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import Problem, SchemaError
from ..spec import Spec
from ..summaries import check_interval
from .forest import forest, forest_on
from .forest_layout import Style, lay_out
from .page import Width, alt_of, banners, inches, interval_words, padded, status_of
from .pooling import FACTORS
from .presets import on_paper

_NAMES = {
    "raw": "Raw",
    "weighted": "Weighted",
    "model": "Model",
    "poststratified": "Poststratified",
}
_ENDS = ("", "_lower", "_upper")


def populations_data(table: pd.DataFrame, *, spec: Spec | None = None) -> pd.DataFrame:
    """Return what `plot_populations` draws: a line per row and way, in the order of the table.

    Columns: ``heading`` (the first factor, where there are several; the name of a group), ``label``, ``series`` (the
    way), ``people``, ``mean, lower, upper``. Ways that the table has for no row are left out, and so are empty shares.

    Raises
    ------
    SchemaError
        If a column of `alliancecred.populations_side_by_side` is missing, or there is nothing to draw.

    Examples
    --------
    >>> from alliancecred.figures.example import example_populations
    >>> populations_data(example_populations())[["label", "series", "mean"]].values.tolist()[:2]
    [['DE', 'Raw', 50.0], ['DE', 'Weighted', 47.0]]
    """
    needed = ["people", *(f"{way}{end}" for way in _NAMES for end in _ENDS)]
    problems = [Problem("schema", c, "this column is missing", (), "see populations_side_by_side") for c in needed
                if c not in table]  # fmt: skip
    if problems or table.empty:
        raise SchemaError(problems or [Problem("schema", "", "the table has no rows: there is nothing to draw")])
    keys = list(table.columns[: list(table.columns).index("people")])
    keys = [k for k in keys if table[k].nunique() > 1] or keys[:1]
    name = spec.label if spec is not None else str
    named = [[name(str(row[k])) for k in keys] for row in table.astype(object).to_dict("records")]
    only = "" if keys[0] in FACTORS else f"{keys[0][:1].upper()}{keys[0][1:]}".replace("_", " ")
    rows = pd.DataFrame({
        "heading": [w[0] if len(w) > 1 else only for w in named], "label": [", ".join(w[1:] or w) for w in named],
        "people": table["people"].to_numpy(dtype=float),
    })  # fmt: skip
    parts = [
        rows.assign(series=shown, order=np.arange(len(rows)), **{
            to: table[f"{way}{end}"].to_numpy(dtype=float) for to, end in zip(("mean", "lower", "upper"), _ENDS,
                                                                              strict=True)
        })
        for way, shown in _NAMES.items() if table[way].notna().any()
    ]  # fmt: skip
    if not parts:
        raise SchemaError([Problem("schema", "", "all shares are empty: there is nothing to draw")])
    out = pd.concat(parts, ignore_index=True).sort_values("order", kind="stable", ignore_index=True)
    return out.loc[out["mean"].notna(), ["heading", "label", "series", "people", "mean", "lower", "upper"]].reset_index(
        drop=True
    )


@on_paper
def plot_populations(
    table: pd.DataFrame,
    *,
    spec: Spec | None = None,
    ci_prob: float = 0.95,
    width: Width = "double",
    source: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw for each row its raw, weighted, modelled and poststratified share, each with its interval.

    Parameters
    ----------
    table
        As `alliancecred.populations_side_by_side` returns it.
    spec
        Gives full names, and whether the data are simulated.
    ci_prob
        Probability of the intervals in the table, for the caption.
    width
        ``double`` (7 in), ``column`` (3.5 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.
    ax
        Axes to draw into, names of rows as labels of ticks; the caption is left to you.

    Raises
    ------
    SchemaError
        As `populations_data`.

    Examples
    --------
    >>> from alliancecred.figures.example import example_populations
    >>> len(plot_populations(example_populations()).axes)
    1
    """
    check_interval(ci_prob, "eti")
    shown = populations_data(table, spec=spec)
    sizes = ["" if np.isnan(n) else f"n = {n:,.0f}" for n in shown["people"]]
    low, high = padded(shown[["mean", "lower", "upper"]].to_numpy())
    style = Style(inches(width), _title(spec), (max(low, -1.0), min(high, 101.0)))
    status = status_of(table)
    sheet = lay_out(shown.assign(panel="", under=sizes, unit="percent"), style)
    if ax is not None:
        return forest_on(ax, sheet, banners(spec, status))
    return forest(
        sheet,
        banners=banners(spec, status),
        caption=_words(table, shown, interval_words(ci_prob, "eti"), source),
        alt=alt_of("Shares counted in several ways", shown, interval_words(ci_prob, "eti")),
    )


def _title(spec: Spec | None) -> str:
    if spec is not None and len(spec.top) == 1:
        return f"Answered “{spec.top[0]}” (%)"
    return "Share of the top answers (%)"


def _words(table: pd.DataFrame, shown: pd.DataFrame, intervals: str, source: str) -> str:
    have = set(shown["series"])
    ways = {
        "Raw": "raw: shares of those asked, as they answered, with Jeffreys' intervals",
        "Weighted": "weighted: with survey weights, and intervals of Kish's effective size",
        "Model": "model: posterior means over those asked",
        "Poststratified": "poststratified: the same over the population",
    }
    words = "; ".join(w for way, w in ways.items() if way in have)
    parts = [f"{words[:1].upper()}{words[1:]}", f"Bars: {intervals}", "n: people asked"]
    if hidden := int(table["people"].isna().sum()):
        parts.append(f"{hidden} {'row is' if hidden == 1 else 'rows are'} too small to show what they answered")
    if source.strip():
        parts.append(f"Source: {source.strip().rstrip('.')}")
    return ". ".join(parts) + "."
