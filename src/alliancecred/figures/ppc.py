"""Posterior predictive check by cell."""

from collections import Counter

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import Problem, SchemaError, raise_data
from ..spec import Spec
from ..summaries import CiKind, check_interval
from .page import (
    AXIS,
    EDGE,
    FAINT,
    INK,
    QUIET,
    Width,
    alt_of,
    banners,
    inches,
    interval_words,
    make_page,
    padded,
    set_range,
    status_of,
)
from .presets import on_paper
from .rows import Line, Lines, label_room, write_labels
from .text import clean, width_of

FACTORS = ("country", "ally", "target", "wave", "population", "answer")
NUMBERS = ("observed_lower", "observed_upper", "mean", "lower", "upper", "rank")
_MOST_LABELS = 60
_SHARE = 0.36  # of the width, for the names of cells
_RANKS = 1.5  # inches, side of the panel of ranks
_ALT = "Observed shares against predictions, and the ranks of what was observed"


def ppc_data(frame: pd.DataFrame, *, spec: Spec | None = None) -> pd.DataFrame:
    """Return what `plot_ppc` draws: the frame checked, with ``label``, ``observed`` and ``inside``, sorted.

    ``observed`` is the middle of its bounds; ``inside`` says whether the bounds touch the interval.
    The largest observed share comes first. Of normal answers (``spec.gaussian``) all are mean answers, in points.

    Parameters
    ----------
    frame
        One line per cell with ``country, ally, target, wave, population, answer`` (labels, empty
        where there is none), ``observed_lower, observed_upper`` (percent; equal for counted
        answers, apart for a rounded figure), ``mean, lower, upper`` (of the predictive
        distribution, percent) and ``rank`` (probability integral transform, 0 to 1).
    spec
        Gives full names.

    Raises
    ------
    SchemaError
        Naming every column that is missing or has impossible values.

    Examples
    --------
    >>> cells = pd.DataFrame({"country": ["DE", "PL"], "ally": "US", "target": "", "wave": "2025",
    ...     "population": "public", "answer": "top", "observed_lower": [40.0, 61.5], "observed_upper": [40.0, 62.5],
    ...     "mean": [42.0, 60.0], "lower": [37.0, 58.0], "upper": [47.0, 61.0], "rank": [0.2, 0.99]})
    >>> ppc_data(cells)[["label", "inside"]].values.tolist()
    [['PL', False], ['DE', True]]
    """
    _check(frame, spec)
    table = frame.reset_index(drop=True).copy()
    table.insert(0, "label", _labels(table, spec))
    table["observed"] = (table["observed_lower"] + table["observed_upper"]) / 2
    table["inside"] = (table["observed_upper"] >= table["lower"]) & (table["observed_lower"] <= table["upper"])
    return table.sort_values("observed", ascending=False, kind="stable", ignore_index=True)


def _of_means(spec: Spec | None) -> bool:
    return spec is not None and spec.gaussian is not None


def _check(frame: pd.DataFrame, spec: Spec | None) -> None:
    columns = [*FACTORS, *NUMBERS]
    missing = [c for c in columns if c not in frame]
    if missing:
        remedy = f"needed: {', '.join(columns)}"
        raise SchemaError([Problem("schema", c, "this column is missing", (), remedy) for c in missing])
    problems = []
    for column in NUMBERS:
        low, high = (0.0, 1.0 if column == "rank" else 100.0)
        if _of_means(spec) and column != "rank":
            low, high = np.finfo(float).min, np.finfo(float).max
        values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float)
        bad = np.flatnonzero(~((values >= low) & (values <= high)))
        if bad.size:
            message = f"must lie between {low:g} and {high:g}"
            problems.append(Problem("schema", column, message, tuple(map(int, bad[:5]))))
    if frame.empty:
        problems.append(Problem("schema", "", "the frame has no rows: there is nothing to draw"))
    raise_data(problems)


def _labels(table: pd.DataFrame, spec: Spec | None) -> list[str]:
    varied = [k for k in FACTORS if k != "answer" and table[k].nunique() > 1]
    keys = varied or ["country"]
    name = spec.label if spec is not None else str
    answers = table["answer"].nunique() > 1
    out = []
    for row in table.astype(object).to_dict("records"):
        own = [f"{k}: {name(str(row[k]))}" for k in _declared(table) if str(row[k])]
        words = [name(str(row[k])) for k in keys if str(row[k]) and (varied or not own)] + own
        head = ": ".join(words[:2]) if keys[:2] == ["country", "ally"] else ", ".join(words[:2])
        tail = [*words[2:], *([str(row["answer"])] if answers else [])]
        out.append(", ".join(x for x in (head, *tail) if x) or "all")
    return _apart(out, table, [*varied, *_declared(table)])


def _apart(labels: list[str], table: pd.DataFrame, keys: list[str]) -> list[str]:
    """Return the labels; alike ones say which factor each of their parts is of, as it was typed."""
    spelt = [", ".join(f"{k}: {v}" for k in keys if (v := str(row[k]))) for row in table.to_dict("records")]
    many = Counter(labels)
    return [x if many[x] == 1 else y or x for x, y in zip(labels, spelt, strict=True)]


def _declared(table: pd.DataFrame) -> list[str]:
    """Return the columns of attributes and groups that a spec declares: those between the factors and ``people``."""
    names = [str(c) for c in table.columns]
    return names[names.index("population") + 1 : names.index("people")] if "people" in names else []


@on_paper
def plot_ppc(
    frame: pd.DataFrame,
    *,
    spec: Spec | None = None,
    ci_prob: float = 0.95,
    ci_kind: CiKind = "eti",
    width: Width = "double",
    source: str = "",
) -> Figure:
    """Draw what was observed against what the model predicts, cell by cell, and how the ranks spread.

    Parameters
    ----------
    frame
        The cells: columns ``country, ally, target, wave, population, answer, observed_lower,
        observed_upper, mean, lower, upper, rank`` (see `ppc_data`). Percent; ``rank`` from 0 to 1.
    spec
        Gives full names, and whether the data are simulated.
    ci_prob, ci_kind
        Probability and kind of the intervals in the frame, for the caption.
    width
        ``double`` (7 in), ``column`` (3.5 in: the ranks stand below), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.

    Examples
    --------
    >>> cells = pd.DataFrame({"country": ["DE", "PL"], "ally": "US", "target": "", "wave": "2025",
    ...     "population": "public", "answer": "top", "observed_lower": [40.0, 61.5], "observed_upper": [40.0, 62.5],
    ...     "mean": [42.0, 60.0], "lower": [37.0, 58.0], "upper": [47.0, 61.0], "rank": [0.2, 0.99]})
    >>> len(plot_ppc(cells).axes)
    2
    """
    check_interval(ci_prob, ci_kind)
    table = ppc_data(frame, spec=spec)
    wide = inches(width)
    lines, codes = _place(table, wide, spec)
    abreast = wide >= 5
    body = max(lines.inches, _RANKS if abreast else 0) + AXIS + (0 if abreast else _RANKS + AXIS + 0.1)
    words = _words(table, interval_words(ci_prob, ci_kind), codes, spec, source)
    covered = f"{int(table['inside'].sum())} of {len(table)} cover what was observed"
    alt = alt_of(_ALT, table, f"{interval_words(ci_prob, ci_kind)} of predictions; {covered}")
    page = make_page(wide, body, banners=banners(spec, status_of(frame)), caption=words, alt=alt)
    labels = label_room(lines, wide, share=_SHARE) if any(x.text for x in lines.lines) else 0.0
    start = EDGE + labels + 0.1
    room = wide - start - EDGE - 0.1 - (1.9 if abreast else 0)
    write_labels(page, lines, x=EDGE, top=page.top, room=labels)
    _draw_cells(page.axes(start, page.top - lines.inches, room, lines.inches), lines, table, room, _of_means(spec))
    if abreast:
        right = page.axes(wide - EDGE - 1.55, page.top - _RANKS, 1.5, _RANKS)
        _draw_ranks(right, table["rank"].to_numpy(dtype=float), 1.5)
    else:
        below = page.axes(start, page.bottom + AXIS, room, _RANKS)
        _draw_ranks(below, table["rank"].to_numpy(dtype=float), room)
    return page.figure


def _words(table: pd.DataFrame, intervals: str, codes: str, spec: Spec | None, source: str) -> str:
    outside = int((~table["inside"]).sum())
    many, observed = len(table) > _MOST_LABELS, "means" if _of_means(spec) else "shares"
    parts = [
        f"Circles: posterior predictive means; bars: {intervals}; upright strokes: observed",
        "a stroke with width is a published figure that was rounded"
        if (table["observed_upper"] > table["observed_lower"]).any()
        else "",
        f"{outside} of {len(table)} observed {observed} lie outside their interval (crosses)",
        "Cells are named in the table that goes with the figure" if many else "",
        "Ranks among predictions of cells that were left out are level if the model fits; those of cells it has seen "
        "crowd in the middle",
        "Band: 95% of even histograms, bin by bin" if len(table) >= 20 else "Line: perfectly even ranks",
        codes,
        "Identification: descriptive",
        f"Source: {source.strip()[:240]}" if source.strip() else "",
        "SIMULATED DATA" if spec is not None and spec.simulated else "",
    ]
    return " ".join(p[:1].upper() + p[1:].rstrip(".") + "." for p in parts if p)


def _place(table: pd.DataFrame, wide: float, spec: Spec | None) -> tuple[Lines, str]:
    """Return a line per cell, and what its codes mean if full names had no room."""
    size = len(table) + 0.2
    if len(table) > _MOST_LABELS:
        return Lines(tuple(Line("", i + 0.6, i) for i in range(len(table))), size, 4.2 / size, 0.0), ""
    names, codes = [str(x) for x in table["label"]], ""
    if spec is not None and any(width_of(clean(n)) > _SHARE * wide for n in names):
        names = _labels(table, None)
        used = sorted({str(v) for k in ("country", "ally") for v in table[k]} & set(dict(spec.names)))
        codes = "Codes: " + ", ".join(f"{c} {spec.label(c)}" for c in used[:12]) if used else ""
    lines = tuple(Line(x, i + 0.6, i) for i, x in enumerate(names))
    return Lines(lines, size, min(0.22, max(0.155, _RANKS / size)), 0.0), codes


def _draw_cells(axes: Axes, lines: Lines, table: pd.DataFrame, room: float, means: bool) -> None:
    axes.set_ylim(lines.size, 0)
    thick = min(1.0, lines.pitch / 0.15)
    for line in lines.lines:
        row = table.iloc[line.index]
        good = bool(row["inside"])
        colour = "#0072B2" if good else "#D55E00"
        strength = max(2.2 * thick, 0.5 if good else 1.0)
        axes.plot(
            (row["lower"], row["upper"]),
            (line.y,) * 2,
            color=colour,
            linewidth=strength,
            alpha=0.45 if good else 0.8,
            solid_capstyle="butt",
            zorder=2 if good else 3,
        )
        size = 3.2 * max(thick, 0.35) if good else 4.2
        axes.plot(
            [row["mean"]],
            [line.y],
            marker="o" if good else "X",
            markersize=size,
            color=colour,
            zorder=5,
            markeredgecolor="white",
            markeredgewidth=0.3 * (thick > 0.5),
            linestyle="none",
            gid="mean",
        )
        low, high = float(row["observed_lower"]), float(row["observed_upper"])
        stroke = (line.y - 0.36, line.y + 0.36)
        axes.fill_betweenx(stroke, low, high, color=INK, linewidth=0.6, zorder=4, gid="observed")
    columns = ["observed_lower", "observed_upper", "mean", "lower", "upper"]
    low, high = padded(table[columns].to_numpy(dtype=float))
    if means:
        set_range(axes, low, high, width=room, title="Mean answer (points of the scale)")
    else:
        set_range(axes, max(low, -1.0), min(high, 101.0), width=room, title="Share of answers (%)")


def _draw_ranks(axes: Axes, rank: np.ndarray, room: float) -> None:
    n = len(rank)
    if n < 20:
        axes.plot((0, 1), (0, 1), color=QUIET, linewidth=0.8, linestyle=(0, (4, 2)))
        axes.plot(np.sort(rank), (np.arange(n) + 0.5) / n, "o", color="#0072B2", markersize=3.4, gid="rank")
        axes.set_ylim(-0.03, 1.03)
    else:
        from scipy.stats import binom

        bins = min(20, max(5, n // 10))
        counts, edges = np.histogram(rank, bins=bins, range=(0, 1))
        low, high = (float(binom.ppf(p, n, 1 / bins)) for p in (0.025, 0.975))
        axes.axhspan(low, high, color=FAINT, linewidth=0, zorder=0)
        axes.axhline(n / bins, color=QUIET, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        axes.bar(
            edges[:-1],
            counts,
            width=1 / bins,
            align="edge",
            color="#0072B2",
            alpha=0.7,
            edgecolor="white",
            linewidth=0.6,
            zorder=2,
        )
        axes.set_ylim(0, 1.08 * max(float(counts.max()), high))
    title = "Rank of what was observed" if n >= 20 else "Sorted ranks against even spread"
    set_range(axes, -0.03, 1.03, width=room, title=title)
