"""Countries, allies and targets that were not asked: their effects are drawn from the pool."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from .cells import Levels
from .design import CUTS_BY_COUNTRY, SD_CUTS, Design, Pooled
from .dims import coords_of
from .errors import PredictError, Problem, nearest
from .fitting import Fit
from .terms import FACTORS


def extend(fit: Fit, table: pd.DataFrame, new_levels: str, seed: int) -> tuple[Design, dict[str, np.ndarray]]:
    """Return the design and draws with the new levels of a table added to every pooled block."""
    if new_levels not in ("refuse", "draw"):
        raise PredictError(f"new_levels is 'refuse' or 'draw', got {new_levels!r}")
    new = {f: [v for v in dict.fromkeys(table[f]) if v not in fit.cells.levels[f]] for f in FACTORS}
    new = {f: v for f, v in new.items() if v}
    draws = fit.draws()
    if not new:
        return fit.design, draws
    problems = [
        Problem(
            "level",
            f,
            f"not in the data: {v[:5]}",
            (),
            nearest(v[0], fit.cells.levels[f]) + " (new_levels='draw' predicts for new countries and allies)",
        )
        for f, v in new.items()
        if new_levels == "refuse" or f in ("wave", "population")
    ]
    if problems:
        raise PredictError(problems)
    levels: Levels = {f: (*old, *new.get(f, ())) for f, old in fit.cells.levels.items()}
    design = replace(fit.design, levels=levels)
    for block in fit.design.pooled:
        if set(block.by) & set(new):
            draws[block.variable] = _extend_block(fit.design, levels, block, draws, seed)
    if fit.design.cut_groups and "country" in new:
        common, sd = draws["cut_spacing"], draws[SD_CUTS][:, None]
        names = [[c, str(j)] for c in new["country"] for j in range(common.shape[1])]
        away = np.column_stack([_normal(seed, CUTS_BY_COUNTRY, labels, len(common)) for labels in names])
        own = common[:, None] + sd[:, None] * away.reshape(len(common), -1, common.shape[1])
        draws[CUTS_BY_COUNTRY] = np.concatenate([draws[CUTS_BY_COUNTRY], own], axis=1)
    return design, draws


def _extend_block(
    design: Design, levels: Levels, block: Pooled, draws: Mapping[str, np.ndarray], seed: int
) -> np.ndarray:
    old = draws[block.variable]
    shape = replace(design, levels=levels).shape(block)
    names: Levels = {**{k: tuple(v) for k, v in coords_of(design).items()}, **levels}
    out = np.full((len(old), *shape), np.nan)
    out[(slice(None), *[slice(0, n) for n in design.shape(block)])] = old
    for place in zip(*np.nonzero(np.isnan(out[0])), strict=True):
        labels = [names[f][i] for f, i in zip(block.axes, place, strict=True)]
        value = draws[block.sd_name] * _normal(seed, block.variable, labels, len(old))
        if block.partner is not None:
            rho = draws[block.corr_name]
            partner = _normal(seed, block.partner, labels, len(old))
            value = rho * draws[block.sd_name] * partner + np.sqrt(1 - rho**2) * value
        out[(slice(None), *place)] = value
    return out


def _normal(seed: int, variable: str, labels: Sequence[str], size: int) -> np.ndarray:
    """Standard normal draws that depend on nothing but seed, block and level."""
    return np.random.default_rng([seed, key_of(variable, labels)]).standard_normal(size)


def key_of(what: str, labels: Sequence[str]) -> int:
    """A number that depends on labels alone, whatever row or call they stand in."""
    return int.from_bytes(hashlib.sha256("\x1f".join([what, *labels]).encode()).digest()[:8], "big")
