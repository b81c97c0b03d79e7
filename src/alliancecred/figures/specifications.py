"""Estimates under many specifications: a row for each, or a curve above the choices that were crossed."""

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import Problem, SchemaError
from ..spec import Spec
from ..summaries import failed_gates, number
from .curve import curve
from .forest import forest, forest_on
from .forest_layout import Style, lay_out
from .page import FAINT, QUIET, Width, banners, inches, interval_words, padded, unit_title
from .presets import on_paper
from .rows import HEADINGS
from .specification_words import DIFFERENCE, FAILED, caption_of, effect_words

CHOICE = "choice: "
NUMBERS = ("mean", "lower", "upper")
NEEDED = ("specification", *NUMBERS, "prob", "unit", "status")
MOST_ROWS, MOST_PANELS = 120, 12  # of one figure
Order = Literal["", "given", "estimate"]
_NOT_LABELS = ("specification", "method", "estimand_of")


def sensitivity_data(
    frame: pd.DataFrame, *, spec: Spec | None = None, order: Order = "", reference: str = "as declared"
) -> pd.DataFrame:
    """Return what `plot_sensitivity` draws: a line per specification and panel, in the order drawn.

    Columns: ``place`` (0, 1, …), ``specification``, ``panel`` (which row of the estimand, in words; empty if there is
    one), what was chosen (of a `multiverse`), ``mean, lower, upper, unit, status``, ``is_reference``. A specification
    without numbers has a line too.

    Parameters
    ----------
    frame
        As `alliancecred.sensitivity` returns it.
    spec
        Gives full names.
    order
        ``given``, ``estimate`` (of the first panel, from low to high); empty: ``estimate`` for a `multiverse`.
    reference
        The specification that the others are compared with.

    Raises
    ------
    SchemaError
        If a column is missing, there is nothing to draw, or units are mixed.

    Examples
    --------
    >>> from alliancecred.figures.example import example_sensitivity
    >>> data = sensitivity_data(example_sensitivity(), order="estimate")
    >>> data["specification"].unique().tolist()
    ['without PL', 'as declared', 'without UK', 'without DE']
    """
    _check(frame, order)
    table = frame.reset_index(drop=True)
    names = list(dict.fromkeys(table["specification"].astype(str)))
    panel = _panels(table, spec)
    table = table.assign(panel=panel, specification=table["specification"].astype(str))
    known = table[np.isfinite(table["mean"].astype(float))]
    role = known["role"] if "role" in known else pd.Series("", index=known.index)
    rank = role.map({r: i for i, r in enumerate(HEADINGS)}).fillna(len(HEADINGS))
    drawn = list(dict.fromkeys(known.loc[rank.sort_values(kind="stable").index, "panel"]))
    choices = [str(c) for c in table if str(c).startswith(CHOICE)]
    twice = table[table["panel"].isin(drawn)].duplicated(["specification", "panel"])
    if twice.any():
        first = table.loc[twice[twice].index[0]]
        message = f"{first['specification']!r} has two rows for {first['panel'] or 'the same estimand'}"
        raise SchemaError([Problem("schema", "specification", message, (), "one estimand at a time")])
    status = table.groupby("specification", sort=False)["status"].agg(
        lambda s: next((x for x in s if x != "passed"), "")
    )
    by = [order or ("estimate" if choices else "given"), drawn[0]]
    place = _places(table[table["panel"] == by[1]], names, by[0])
    chosen = table.drop_duplicates("specification").set_index("specification")[choices]
    whole = pd.MultiIndex.from_product([place, drawn], names=["specification", "panel"])
    found = (
        table[table["mean"].notna()].set_index(["specification", "panel"])[[*NUMBERS, "unit", "status"]].reindex(whole)
    )
    out = found.reset_index().assign(unit=str(table.loc[table["mean"].notna(), "unit"].iloc[0]))
    out.insert(0, "place", out["specification"].map({n: i for i, n in enumerate(place)}))
    for i, column in enumerate(choices):
        out.insert(3 + i, column, out["specification"].map(chosen[column]))
    return out.assign(
        status=out["status"].fillna(out["specification"].map(status)).fillna("not asked"),
        is_reference=out["specification"] == reference,
    )


def _check(frame: pd.DataFrame, order: str) -> None:
    if order not in ("", "given", "estimate"):
        raise SchemaError([Problem("schema", "order", f"got {order!r}", (), "'given' or 'estimate'")])
    problems = [Problem("schema", c, "this column is missing", (), "see sensitivity") for c in NEEDED if c not in frame]
    if problems:
        raise SchemaError(problems)
    known = frame[np.isfinite(frame["mean"].astype(float))]
    if known.empty:
        raise SchemaError([Problem("schema", "mean", "no specification has an estimate: there is nothing to draw")])
    if known["unit"].nunique() > 1:
        units = ", ".join(map(str, known["unit"].unique()))
        raise SchemaError(
            [Problem("schema", "unit", f"one axis has one unit, got {units}", (), "one estimand at a time")]
        )


def _panels(table: pd.DataFrame, spec: Spec | None) -> list[str]:
    """Return which row of the estimand each line is, by what differs between rows."""
    columns = [str(c) for c in table]
    keys = [c for c in columns[: columns.index("mean")] if c not in _NOT_LABELS and not c.startswith(CHOICE)]
    known = table[table["mean"].notna()]
    keys = [k for k in keys if known[k].astype(str).nunique() > 1]

    def words(row: Mapping[Hashable, Any]) -> str:
        parts = []
        for key in keys:
            value = str(row[key])
            if key == "role":
                parts.append(HEADINGS.get(value, value))
            elif value and value != "nan":
                parts.append(spec.label(value) if spec is not None else value)
        return ", ".join(p for p in parts if p) or ("all" if keys else "")

    return [words(row) for row in table.to_dict("records")]


def _places(panel: pd.DataFrame, names: list[str], order: str) -> list[str]:
    if order == "given":
        return names
    mean = panel.set_index("specification")["mean"].reindex(names).to_numpy(dtype=float)
    return [names[i] for i in np.argsort(mean, kind="stable")]  # those without a number come last


@on_paper
def plot_sensitivity(
    frame: pd.DataFrame,
    *,
    spec: Spec | None = None,
    order: Order = "",
    reference: str = "as declared",
    width: Width = "double",
    source: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw the same estimand under many specifications.

    A row for each of them, with the interval of the ``reference`` as a band: what `without_grid`, `prior_grid` and the
    like give. Of a `multiverse` a curve: estimates from low to high, below it which choices each is made of.

    Parameters
    ----------
    frame
        As `alliancecred.sensitivity` returns it; several rows of an estimand have a panel each.
    spec
        Gives full names, the outcome in the caption, and whether the data are simulated.
    order
        ``given`` or ``estimate``; empty: ``estimate`` for a `multiverse`, else ``given``.
    reference
        The specification the others are compared with; one that is not there is not drawn.
    width
        ``double`` (7 in), ``column`` (3.5 in), inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.
    ax
        Axes to draw into, names of rows as labels of ticks; for one panel of rows. The caption is left to you.

    Raises
    ------
    SchemaError
        As `sensitivity_data`; or if there are more than 12 panels, or more rows than a page holds.

    Examples
    --------
    >>> from alliancecred.figures.example import example_sensitivity
    >>> len(plot_sensitivity(example_sensitivity()).axes)
    2
    """
    table = sensitivity_data(frame, spec=spec, order=order, reference=reference)
    wide, panels = inches(width), list(dict.fromkeys(table["panel"]))
    crossed = any(str(c).startswith(CHOICE) for c in table)
    size = table["specification"].nunique()
    if len(panels) > MOST_PANELS or (size > MOST_ROWS and not crossed):
        what = f"{len(panels)} panels" if len(panels) > MOST_PANELS else f"{size} rows"
        message = f"{what} are more than fit on a page ({MOST_PANELS} panels, {MOST_ROWS} rows)"
        raise SchemaError([Problem("schema", "frame", message, (), "draw fewer: frame[frame.role == 'sender'], say")])
    words = caption_of(frame, table, spec, source, crossed=crossed)
    alt, stamps = sensitivity_words(frame, spec=spec, reference=reference), _stamps(table, spec)
    if panels == [""]:
        table = table.assign(panel=effect_words(frame, spec))
    unit = str(table["unit"].iloc[0])
    what = "Difference" if unit in DIFFERENCE else "Estimate"
    title = unit_title(what, unit, wide / 2)
    zero = unit in DIFFERENCE
    if crossed and ax is not None:
        raise SchemaError([Problem("schema", "ax", "a specification curve has two panels", (), "leave ax out")])
    if crossed:
        return curve(table, wide, title=title, zero=zero, banners=stamps, words=(words, alt))
    low, high = padded(table[list(NUMBERS)].to_numpy(dtype=float), zero=zero)
    failed = (table["status"] != "passed") & table["mean"].notna()
    label = table["specification"].where(~failed, table["specification"] + FAILED)
    rows = table.assign(heading="", label=label, series="")
    sheet = lay_out(rows, Style(wide, title, (low, high), zero=zero))
    if sheet.across == 1:
        sheet = replace(sheet, style=replace(sheet.style, title=unit_title(what, unit, sheet.room)))
    if ax is None:
        figure = forest(sheet, banners=stamps, caption=words, alt=alt)
        drawn = list(figure.axes)
    else:
        figure, drawn = forest_on(ax, sheet, stamps), [ax]
    for axes, panel in zip(drawn, sheet.panels, strict=True):
        for row in table[table["is_reference"] & (table["panel"] == panel)].to_dict("records"):
            axes.axvspan(row["lower"], row["upper"], color=FAINT, alpha=0.6, linewidth=0, zorder=0, gid="reference")
            axes.axvline(row["mean"], color=QUIET, linewidth=0.6, zorder=1)
    return figure


def _stamps(table: pd.DataFrame, spec: Spec | None) -> list[str]:
    known = table[table["mean"].notna()].drop_duplicates("specification")
    bad = known.loc[known["status"] != "passed", "status"]
    which = "" if len(bad) == len(known) else f"{len(bad)} of {len(known)} specifications: "
    return banners(spec, f"{which}{failed_gates(str(bad.iloc[0]))}" if len(bad) else "passed")


def sensitivity_words(frame: pd.DataFrame, *, spec: Spec | None = None, reference: str = "as declared") -> str:
    """Return what `plot_sensitivity` shows, in words, for a screen reader.

    Examples
    --------
    >>> from alliancecred.figures.example import example_sensitivity
    >>> sensitivity_words(example_sensitivity()).split(". ")[0]
    'Estimates under 4 specifications, in percentage points'
    """
    table = sensitivity_data(frame, spec=spec, reference=reference)
    size, unit = table["specification"].nunique(), str(table["unit"].iloc[0])
    parts = [f"Estimates under {size} specifications, in {unit}"]
    for panel in dict.fromkeys(map(str, table["panel"])):
        rows = table[table["panel"] == panel]
        known = rows[rows["mean"].notna()]
        ends = known.sort_values("mean", kind="stable").iloc[[0, -1]].to_dict("records")
        low, high = (f"{number(float(e['mean']))} ({e['specification']})" for e in ends)
        words = f"from {low} to {high}"
        own = known[known["is_reference"]]
        if len(own):
            mean, lower, upper = (number(float(own[k].iloc[0])) for k in NUMBERS)
            words += f"; {reference} {mean} [{lower}, {upper}]"
        if unit in DIFFERENCE:
            sides = ((known["lower"] > 0).sum(), (known["upper"] < 0).sum())
            words += f"; intervals above zero {sides[0]}, below {sides[1]}, of {len(known)}"
        parts.append(f"{panel}: {words}" if panel else f"They run {words}")
    parts.append(interval_words(float(frame["prob"].dropna().iloc[0]), "eti"))
    return ". ".join(parts) + "."
