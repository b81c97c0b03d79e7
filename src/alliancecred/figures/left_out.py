"""What is predicted badly when it is left out: folds, or units one at a time, a row for each group."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import Problem, SpecError
from ..folds import Folds
from ..leaving_out import Loo
from ..spec import Spec
from ..summaries import in_sentences, number
from .forest import forest, forest_on
from .forest_layout import Style, lay_out
from .page import QUIET, Width, alt_of, banners, inches, padded, shorten_words
from .presets import on_paper

_Z = 1.959963984540054
_STEP, _ABREAST = 0.02, 3  # inches between dots of a row, and how many lie below each other
FAILED = " †"


def left_out_data(found: Folds | Loo, *, by: str = "country", spec: Spec | None = None) -> pd.DataFrame:
    """Return what `plot_left_out` draws: a line per fold, or per unit.

    Of `k_fold`: ``label`` (the fold), ``cells``, ``mean`` (log predictive density per cell), ``lower, upper`` (95 %
    normal interval from the spread over cells), ``status``. Of `loo`: ``label`` (the group of ``by``), the labels of
    the unit, ``times``, ``elpd``, ``mean`` (its k̂; ``lower`` and ``upper`` are the same) and ``bad``. The worst come
    first.

    Raises
    ------
    SpecError
        If it is neither; or if units have no ``by``, or none can be drawn.

    Examples
    --------
    >>> from alliancecred.figures.example import example_loo
    >>> left_out_data(example_loo())[["label", "mean", "bad"]].head(2).values.tolist()
    [['PL', 0.82, True], ['PL', 0.31, False]]
    """
    match found:
        case Folds():
            return _of_folds(found, spec)
        case Loo():
            return _of_units(found, by, spec)
        case _:
            message, remedy = (
                f"got a {type(found).__name__}",
                "k_fold or loo; plot_ppc draws what leave_one_out returns",
            )
            raise SpecError([Problem("schema", "found", message, (), remedy)])


def _of_folds(found: Folds, spec: Spec | None) -> pd.DataFrame:
    table = found.table
    name = spec.label if spec is not None else str
    size = table["rows"].to_numpy(dtype=float)
    mean, half = table["elpd"].to_numpy(dtype=float) / size, _Z * table["se"].to_numpy(dtype=float) / size
    names = [", ".join(map(name, str(f).split(", "))) for f in table["fold"]]
    out = pd.DataFrame(
        {"label": names, "cells": table["rows"], "mean": mean, "lower": mean - half, "upper": mean + half}
    )
    out["status"] = table["status"]
    return out.sort_values("mean", kind="stable", ignore_index=True)


def _of_units(found: Loo, by: str, spec: Spec | None) -> pd.DataFrame:
    table = found.table
    if by not in table:
        known = [str(c) for c in table if c not in ("times", "elpd", "k_hat")]
        raise SpecError([Problem("schema", "by", f"units have no {by!r}", (), f"one of {', '.join(known)}")])
    if not np.isfinite(table["k_hat"].to_numpy(dtype=float)).any():
        raise SpecError("no unit has a k-hat: there is nothing to draw")
    name = spec.label if spec is not None else str
    k_hat = table["k_hat"].to_numpy(dtype=float)
    out = table.assign(label=[name(str(x)) for x in table[by]], mean=k_hat, lower=k_hat, upper=k_hat)
    out["bad"] = ~(k_hat < found.threshold)
    worst = out.groupby("label")["mean"].transform("max")
    order = np.lexsort((-k_hat, out["label"].to_numpy(dtype=str), -worst.to_numpy()))
    return out.iloc[order].reset_index(drop=True)


@on_paper
def plot_left_out(
    found: Folds | Loo,
    *,
    by: str = "country",
    spec: Spec | None = None,
    width: Width = "column",
    source: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw how well what was left out is predicted: folds with their log predictive density, or k̂ of each unit.

    Parameters
    ----------
    found
        What `k_fold` or `loo` found. Cells left out one by one (`leave_one_out`) are drawn by `plot_ppc`.
    by
        Of `loo`: the factor whose levels are rows; each of their units is a dot.
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
    SpecError
        As `left_out_data`.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), Statistics and Computing 27, 1413-1432; Vehtari et al. (2024), JMLR 25(72).

    Examples
    --------
    >>> from alliancecred.figures.example import example_loo
    >>> len(plot_left_out(example_loo()).axes)
    1
    """
    table = left_out_data(found, by=by, spec=spec)
    units = isinstance(found, Loo)
    title = "Pareto k-hat" if units else "Log predictive density per cell"
    values = table[["mean", "lower", "upper"]].to_numpy(dtype=float)
    limits = padded(np.append(values, (0.0, found.threshold * 1.05)) if isinstance(found, Loo) else values)
    style = Style(inches(width), title, limits)
    shown = _units(table) if units else _folds(table)
    sheet = lay_out(shown.assign(heading="", panel="", series="", unit=""), style)
    stamps = banners(
        spec, f"{found.failed} folds missed their gates{FAILED}" if found.failed and not units else "passed"
    )
    if ax is not None:
        figure = forest_on(ax, sheet, stamps)
        _threshold(ax, found)
        return figure
    intervals, said, words = _words(found, table)
    parts = [words, said, f"Source: {shorten_words(source, 240)}" if source.strip() else "",
             "SIMULATED DATA" if spec is not None and spec.simulated else ""]  # fmt: skip
    figure = forest(
        sheet,
        banners=stamps,
        caption=in_sentences(parts),
        alt=alt_of(f"{title} of what was left out ({said})", table, intervals),
    )
    _threshold(figure.axes[0], found)
    return figure


def _units(table: pd.DataFrame) -> pd.DataFrame:
    """Return dots that lie apart, and beside the first of each row how many there are and how many are bad."""
    nth = table.groupby("label", sort=False).cumcount().to_numpy()
    bad = table.groupby("label")["bad"].transform("sum").to_numpy()
    size = table.groupby("label")["bad"].transform("size").to_numpy()
    printed = np.where(nth == 0, [f"{b} of {n}" for b, n in zip(bad, size, strict=True)], "")
    offset = np.where(size > 1, _STEP * (nth % _ABREAST - (_ABREAST - 1) / 2), 0.0)
    return table.assign(printed=printed, offset=offset)


def _folds(table: pd.DataFrame) -> pd.DataFrame:
    label = table["label"].where(table["status"] == "passed", table["label"] + FAILED)
    printed = [number(m, digits=2) if np.isfinite(m) else "n/a" for m in table["mean"]]
    return table.assign(
        label=label, printed=printed, under=[f"{n} cell{'' if n == 1 else 's'}" for n in table["cells"]]
    )


def _threshold(axes: Axes, found: Folds | Loo) -> None:
    if isinstance(found, Loo):
        axes.axvspan(found.threshold, axes.get_xlim()[1], color="#BBBBBB", alpha=0.35, linewidth=0, zorder=0)
        axes.axvline(found.threshold, color=QUIET, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1, gid="threshold")


def _words(found: Folds | Loo, table: pd.DataFrame) -> tuple[str, str, str]:
    total = f"elpd {number(found.elpd)} (se {number(found.se)})"
    if isinstance(found, Loo):
        said = f"{found.failed} of {len(table)} units lie beyond the threshold of {found.threshold:.2f}; {total}"
        first = f"Dots: k-hat of each unit ({found.by}) when it is left out by importance weights"
        return (
            "k-hat has no interval",
            said,
            f"{first}; grey: not to be trusted. On the right: how many of them lie there",
        )
    said = f"{found.failed} of {len(table)} folds failed a gate{FAILED}; {total}"
    first = "Dots: mean log predictive density of the cells of a fold, from a fit without it; higher is better"
    intervals = "95% normal intervals from the spread over cells"
    return intervals, said, f"{first}. Bars: {intervals}"
