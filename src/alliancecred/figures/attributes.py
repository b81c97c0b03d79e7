"""Estimates of an experiment as frames: a line per level, in the order in which attributes and levels are declared."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ..errors import SpecError
from ..estimate import MINUS, Estimate
from ..spec import Spec
from ..summaries import CiKind, full_name, summary
from .forest_layout import MOST_MARKS

ATTRIBUTE, LEVEL = "attribute", "level"


def attribute_frame(estimate: Estimate, *, ci_prob: float, ci_kind: CiKind) -> pd.DataFrame:
    """Return `summary` with ``heading, label, panel, series, baseline, draws_row`` in front, in declared order.

    Levels of the factor it is broken down by are marks of a row (``series``), or panels if they are more than four.
    An effect's ``label`` is the level without its baseline, which has a line of its own.

    Raises
    ------
    SpecError
        If it is no estimate of an experiment, or is broken down by several factors.
    """
    factor = broken_down_by(estimate)
    spec, table = estimate.spec, summary(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    pairs = [_pair(spec, a, x) for a, x in zip(table[ATTRIBUTE], table[LEVEL], strict=True)]
    levels = {a.name: a.levels for a in spec.attributes}
    names = [str(x) for x in table[factor]] if factor else [""] * len(table)
    order = _in_order(names, _declared(spec, factor))
    table.insert(0, "heading", [heading(spec, a) for a in table[ATTRIBUTE]])
    table.insert(1, "label", [spec.label(x) for x, _ in pairs])
    table.insert(2, "series", [(full_name(spec, x) or "all") if factor else "" for x in names])
    table.insert(3, "baseline", False)
    table.insert(4, "draws_row", range(len(table)))
    table = _with_baselines(spec, table, [base for _, base in pairs])
    places = [
        (list(levels).index(a), levels[a].index(_pair(spec, a, x)[0]), order[str(s)])
        for a, x, s in zip(table[ATTRIBUTE], table[LEVEL], table[factor] if factor else [""] * len(table), strict=True)
    ]
    table = table.iloc[np.lexsort(np.array(places).T[::-1])].reset_index(drop=True)
    many = table["series"].nunique() > MOST_MARKS
    table.insert(2, "panel", table["series"] if many else "")
    table["series"] = "" if many else table["series"]
    if (twice := table.duplicated(["heading", "label", "panel", "series"])).any():
        raise SpecError(f"two rows for one place: {table.loc[twice, 'label'].iloc[0]!r}; choose rows with .at() first")
    return table


def broken_down_by(estimate: Estimate) -> str:
    """Return the one factor that rows of a level differ in; empty if there is none."""
    if ATTRIBUTE not in estimate.keys or LEVEL not in estimate.keys:
        raise SpecError("rows have no attribute and level: this is no estimate of marginal_means, amce or moderation")
    if not len(estimate):
        raise SpecError("the estimate has no rows: there is nothing to draw")
    own = [k for k in estimate.keys if k not in (ATTRIBUTE, LEVEL)]
    varied = [k for k in own if len(set(estimate.draws[k].to_numpy().astype(str))) > 1]
    if len(varied) > 1:
        raise SpecError(f"rows differ in {' and '.join(varied)}: one factor can be shown; choose rows with .at() first")
    return varied[0] if varied else ""


def heading(spec: Spec, name: str) -> str:
    """Return what a declared factor is called: its full name, else its identifier as words.

    Examples
    --------
    >>> heading(Spec("demo", ("no", "yes"), ("yes",), ()), "prior_entry")
    'Prior entry'
    """
    full = spec.label(name)
    words = name.replace("_", " ") if full == name else full
    return words[:1].upper() + words[1:]


def in_sentence(spec: Spec, name: str) -> str:
    """Return what a declared factor is called within a sentence: as declared, its identifier in small letters."""
    full = spec.label(name)
    return full if full != name else heading(spec, name).lower()


def is_effect(estimate: Estimate) -> bool:
    """Whether levels are compared with baselines, as `amce` does (`moderation` compares one level between groups)."""
    rows = zip(estimate.draws[ATTRIBUTE].to_numpy().astype(str), estimate.draws[LEVEL].to_numpy().astype(str),
               strict=True)  # fmt: skip
    return estimate.is_difference and all(_pair(estimate.spec, a, x)[1] for a, x in rows)


def for_caption(estimate: Estimate) -> Estimate:
    """Return the estimate as a caption needs it: the count of comparisons first, no labels that headings show."""
    notes = sorted((n[:1].upper() + n[1:] for n in estimate.notes), key=lambda n: "comparisons are shown" not in n)
    blank = {k: ("row", np.full(len(estimate), "")) for k in (ATTRIBUTE, LEVEL)}
    for key in ("ally", "target"):  # an experiment that asks of no state has a dash there
        if not any(c.isalnum() for x in estimate.draws[key].to_numpy().astype(str) for c in x):
            blank[key] = ("row", np.full(len(estimate), ""))
    return replace(estimate, draws=estimate.draws.assign_coords(blank), notes=tuple(notes))


def _pair(spec: Spec, attribute: str, level: str) -> tuple[str, str]:
    """Return a level and its baseline (empty if it is compared with none)."""
    levels = next((a.levels for a in spec.attributes if a.name == attribute), ())
    if level in levels:
        return level, ""
    found = [(x, b) for x in levels for b in levels if f"{x}{MINUS}{b}" == level]
    if not found:
        raise SpecError(f"{attribute!r} has no level {level!r}: {list(levels)}")
    return found[0]


def _with_baselines(spec: Spec, table: pd.DataFrame, bases: list[str]) -> pd.DataFrame:
    """Return the table with a line at 0 for the baseline of each attribute, in each series."""
    own = table.assign(_base=bases)
    several = own.groupby(ATTRIBUTE)["_base"].nunique() > 1
    if several.any():
        raise SpecError(f"{several.index[several][0]!r} has several baselines: choose rows with .at() first")
    added = own[own["_base"] != ""].drop_duplicates([ATTRIBUTE, "series"]).copy()
    if added.empty:
        return table
    added[LEVEL], added["label"] = added["_base"], [spec.label(b) for b in added["_base"]]
    numbers = [c for c in table.select_dtypes("number").columns if c not in ("prob", "smallest", "draws_row")]
    added[numbers] = np.nan
    added[["mean", "lower", "upper"]] = 0.0
    added["baseline"], added["draws_row"] = True, -1
    return pd.concat([table, added[table.columns]], ignore_index=True)


def _declared(spec: Spec, factor: str) -> tuple[str, ...]:
    if factor in spec.declared:
        return spec.declared[factor].levels
    waves = tuple(w.name for w in sorted(spec.waves, key=lambda w: w.start))
    return {"country": spec.countries, "ally": spec.allies, "target": spec.targets, "wave": waves,
            "population": spec.populations}.get(factor, ())  # fmt: skip


def _in_order(names: list[str], declared: tuple[str, ...]) -> dict[str, int]:
    """Return the place of each label: as declared (of a contrast, its first side), then as they come."""
    first = [*declared, *(f"{x}{MINUS}{b}" for x in declared for b in declared)]
    return {x: i for i, x in enumerate(dict.fromkeys([*(x for x in first if x in names), *names]))}
