"""Levels over time: a small panel per country and ally, waves at their dates, signals marked."""

import datetime as dt
import math
from collections.abc import Sequence

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..errors import SpecError, nearest
from ..estimate import Estimate
from ..events import Signal
from ..summaries import CiKind, by_row, full_name, interval, number, summary
from .page import (
    COLOURS,
    EDGE,
    FAINT,
    INK,
    LINE,
    Page,
    Width,
    alt_of,
    banners,
    caption,
    inches,
    interval_words,
    make_page,
    padded,
)
from .presets import on_paper
from .shift import level_title
from .text import SMALL, shorten, shorten_apart, width_of
from .waves_sheet import GAP, HEAD, PANEL, Sheet, lay_out, mark, short_name, signal_words, wave_words

LEAST_WAVES = 3
_PANELS = {"country": "all countries", "ally": "all allies", "target": "all states to be defended"}
_INNER = 0.5  # probability of the inner ribbon
_LOOK_WORDS = ("Blue dots", "orange squares", "black triangles", "grey diamonds")
_LOOKS = ((COLOURS["other"], "o"), (COLOURS["sender"], "s"), (INK, "^"), ("#999999", "D"))


def waves_data(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return what `plot_waves` draws: `summary` with ``panel``, ``line``, ``date`` and the inner interval.

    ``date`` is the middle of the wave; ``lower_50`` and ``upper_50`` bound the inner ribbon.

    Raises
    ------
    SpecError
        If the estimate is a difference, has fewer than three dated waves, more than four lines in a panel, or two
        rows in one place.

    Examples
    --------
    >>> from alliancecred.figures.example import example_waves
    >>> waves_data(example_waves())[["panel", "wave"]].iloc[0].tolist()
    ['Germany', '2021']
    """
    if estimate.is_difference:
        raise SpecError(f"an estimate in {estimate.unit!r} is a difference: use plot_shift or plot_gap")
    table = summary(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    middle = {w.name: dt.date.fromordinal((w.start.toordinal() + w.end.toordinal()) // 2) for w in estimate.spec.waves}
    undated = sorted(set(table["wave"]) - set(middle))
    if undated or table["wave"].nunique() < LEAST_WAVES:
        what = f"{undated[0] or 'no wave'!r} has no date" if undated else f"{table['wave'].nunique()} waves"
        raise SpecError(f"{what}: {LEAST_WAVES} dated waves make a line; use plot_levels")
    keys = [k for k in _PANELS if table[k].nunique() > 1]
    names = [[full_name(estimate.spec, str(v)) or _PANELS[k] for v in table[k]] for k in keys]
    table.insert(0, "panel", [": ".join(n[i] for n in names) for i in range(len(table))])
    rest = [k for k in ("estimand", "population") if table[k].nunique() > 1]
    table.insert(
        1, "line", [", ".join(full_name(estimate.spec, str(row[k])) for k in rest) for _, row in table.iterrows()]
    )
    table.insert(2, "date", [middle[w] for w in table["wave"]])
    inner = interval(by_row(estimate), ci_prob=_INNER, ci_kind=ci_kind)
    table = table.assign(lower_50=inner[:, 0], upper_50=inner[:, 1])
    twice = table.duplicated(["panel", "line", "wave"])
    if twice.any():
        raise SpecError(f"two rows for one place: {table.loc[twice, 'panel'].iloc[0]!r}; choose rows with .at() first")
    if table["line"].nunique() > len(_LOOKS):
        raise SpecError(
            f"{table['line'].nunique()} lines in a panel cannot be told apart: choose rows with .at() first"
        )
    return table.sort_values(["date"], kind="stable").reset_index(drop=True)


@on_paper
def plot_waves(
    estimate: Estimate,
    *,
    signals: Sequence[str] | None = None,
    ci_prob: float = 0.95,
    ci_kind: CiKind = "eti",
    width: Width = "double",
    source: str = "",
) -> Figure:
    """Draw levels over the dates of the waves, a panel per country and ally, with signals marked.

    Ribbons are intervals: the outer of ``ci_prob``, the inner of 50 %. The last mean is printed. All panels share
    their axes. Under the axis stand the names of the waves, or dates where these have no room.

    Parameters
    ----------
    estimate
        Levels by wave, in percent or points.
    signals
        Names of signals of the spec to mark; None: those within the time shown; empty: none.
    ci_prob, ci_kind
        Probability and kind of the outer ribbon.
    width
        ``double`` (7 in), ``column`` (3.5 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.

    Raises
    ------
    SpecError
        As `waves_data`, and if a signal is unknown.

    Examples
    --------
    >>> from alliancecred.figures.example import example_waves
    >>> len(plot_waves(example_waves()).axes)
    2
    """
    table = waves_data(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    marked = _marked(estimate, table, signals)
    lines = list(dict.fromkeys(table["line"]))
    panels = list(dict.fromkeys(_in_order(estimate, table)))
    waves = dict(zip(table["wave"], table["date"], strict=True))
    sheet = lay_out(inches(width), len(panels), waves)
    words = f"Lines only join the waves' posterior means; ribbons: {interval_words(ci_prob, ci_kind)} and, inside, 50%"
    if len(lines) > 1:
        words += ". " + "; ".join(f"{_LOOK_WORDS[i]}: {name}" for i, name in enumerate(lines))
    shown = [short_name(sheet, estimate, s) for s in marked] if len(marked) == 1 else []
    shown = shown if any(shown) else [str(i) for i in range(1, len(marked) + 1)]
    if marked:
        said = [signal_words(estimate, s) for s in marked]
        numbered = (f"{i}, {w}" if i.isdigit() else w for i, w in zip(shown, said, strict=True))
        words += f". Dashed: {'; '.join(numbered)}"
    words += f". {listed}" if (listed := wave_words(sheet, waves)) else ""
    page = make_page(
        sheet.width,
        sheet.height,
        banners=banners(estimate.spec, estimate.status),
        caption=caption(estimate, words, source=source),
        alt=alt_of("Levels over time", table.assign(label=table["wave"]), interval_words(ci_prob, ci_kind)),
    )
    low, high = padded(table[["lower", "upper"]].to_numpy())
    if estimate.unit == "percent":
        low, high = max(low, 0.0), min(high, 100.0)
    top = high + (0.15 * (high - low) if marked else 0.0)  # names and numbers of signals stand above all data
    first, last = min(table["date"]), max(table["date"])
    titles = shorten_apart(panels, sheet.panel, bold=True)
    for k, panel in enumerate(panels):
        axes = _panel(page, sheet, k, titles[k], len(panels), title=level_title(estimate))
        axes.set_ylim(low, top)
        axes.set_xlim(*sheet.limits)
        _ticks(axes, sheet, k, len(panels), (first, last), percent=estimate.unit == "percent")
        for signal, name in zip(marked, shown, strict=True):
            mark(axes, sheet, mdates.date2num(signal.date), top, name)
        own = table[table["panel"] == panel]
        ends: list[float] = []
        for j, line in enumerate(lines):
            rows = own[own["line"] == line]
            if len(rows):
                _line(axes, rows, _LOOKS[j], ends, gap=(high - low) * 0.09)
    return page.figure


def _panel(page: Page, sheet: Sheet, k: int, name: str, panels: int, *, title: str) -> Axes:
    row, column = divmod(k, sheet.columns)
    top = page.top - LINE * 1.3 - row * (HEAD + PANEL + 0.06)
    x = sheet.left + column * (sheet.panel + GAP)
    if k == 0:
        page.text(EDGE, page.top - LINE * 0.6, shorten(title, sheet.width - 2 * EDGE, size=SMALL), size=SMALL)
    page.text(x, top - HEAD / 2, name, bold=True)
    return page.axes(x, top - HEAD - PANEL, sheet.panel, PANEL)


def _ticks(axes: Axes, sheet: Sheet, k: int, panels: int, dates: tuple[dt.date, dt.date], *, percent: bool) -> None:
    low, high = axes.get_ylim()
    found = MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    ticks = [t for t in found if low <= t <= high and (t <= 100 or not percent)]
    axes.set_yticks(ticks)
    axes.set_yticklabels([number(t, digits=0) if t == round(t) else number(t) for t in ticks])
    axes.tick_params(axis="y", length=0, labelleft=k % sheet.columns == 0)
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    if sheet.labels:
        days = dict(sheet.labels)
    elif dates[1].year - dates[0].year >= 2:
        years = range(dates[0].year, dates[1].year + 1)
        room = sheet.panel / (width_of("2000", size=SMALL) * 1.6)
        step = max(1, math.ceil(len(years) / room))
        days = {mdates.date2num(dt.date(y, 1, 1)): str(y) for y in years[::step]}
    else:
        locator = mdates.AutoDateLocator(minticks=2, maxticks=max(3, int(sheet.panel / 0.5)))
        found = [float(t) for t in locator.tick_values(*(dt.datetime.combine(d, dt.time()) for d in dates))]
        when = [mdates.num2date(t) for t in found]
        whole = all(d.day == 1 for d in when)
        words = [f"{d:%b} \N{RIGHT SINGLE QUOTATION MARK}{d:%y}" if whole else f"{d.day} {d:%b}" for d in when]
        days = dict(zip(found, words, strict=True))
    first, last = axes.get_xlim()[0], mdates.date2num(dates[1])
    shown = {day: text for day, text in days.items() if first <= day <= last}
    axes.set_xticks(list(shown), list(shown.values()))
    axes.tick_params(axis="x", labelbottom=k + sheet.columns >= panels)


def _line(axes: Axes, rows: pd.DataFrame, look: tuple[str, str], ends: list[float], *, gap: float) -> None:
    colour, marker = look
    x = mdates.date2num(rows["date"].to_list())
    for bounds, alpha in ((("lower", "upper"), 0.16), (("lower_50", "upper_50"), 0.28)):
        axes.fill_between(x, rows[bounds[0]], rows[bounds[1]], color=colour, alpha=alpha, linewidth=0, zorder=2)
    if len(rows) == 1:  # a ribbon of one date has no width
        axes.vlines(x, rows["lower"], rows["upper"], color=colour, linewidth=1.0, zorder=2)
    axes.plot(x, rows["mean"], color=colour, linewidth=0.9, marker=marker, markersize=2.2, zorder=3)
    y = float(rows["mean"].iloc[-1])
    while any(abs(y - other) < gap for other in ends):
        y -= gap / 4
    ends.append(y)
    words = number(float(rows["mean"].iloc[-1]))
    left, right = axes.get_xlim()
    beside = x[-1] + 0.06 * (right - left) * axes.figure.dpi / axes.bbox.width  # inches
    axes.text(beside, y, words, fontsize=SMALL, color=INK, va="center_baseline", parse_math=False)


def _in_order(estimate: Estimate, table: pd.DataFrame) -> list[str]:
    """Panels by the mean of their last wave, those of a country together, its allies as declared; averages last."""
    last = table.drop_duplicates("panel", keep="last")
    keys = [k for k in _PANELS if table[k].nunique() > 1]
    if not keys:
        return list(last["panel"])
    mean = last.groupby(keys[0])["mean"].mean()
    declared = {"country": estimate.spec.countries, "ally": estimate.spec.allies, "target": estimate.spec.targets}
    ranks = []
    for k in keys[1:]:
        order = {x: i for i, x in enumerate(dict.fromkeys((*declared[k], *table[k])))}
        ranks += [last[k] == "", last[k].map(order)]
    first = [last[keys[0]] == "", -last[keys[0]].map(mean), last[keys[0]]]
    return list(last["panel"].iloc[np.lexsort([*first, *ranks][::-1])])


def _marked(estimate: Estimate, table: pd.DataFrame, wanted: Sequence[str] | None) -> list[Signal]:
    known = {s.name: s for s in estimate.spec.signals}
    for name in wanted or ():
        if name not in known:
            raise SpecError(f"no signal {name!r} in the spec: {nearest(name, list(known))}")
    first, last = min(table["date"]), max(table["date"])
    chosen = known.values() if wanted is None else [known[n] for n in wanted]
    return sorted((s for s in chosen if first <= s.date <= last or wanted is not None), key=lambda s: s.date)
