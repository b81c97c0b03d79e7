"""A design as numbers: its blocks as matrices, walks as running sums, and the linear predictor."""

import math
from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp

from .carriers import carrier_values, group_index
from .cells import Cells, Rows
from .design import DAYS_PER_YEAR, STEP, Design, Pooled, half_life


def fixed_matrix(design: Design, rows: Rows) -> np.ndarray:
    """Return the matrix (rows, coefficients) of the unpooled part."""
    columns = [carrier_values(c.carrier, rows, design.levels, design.spec) for c in design.coefficients]
    return np.array(columns).reshape(len(columns), len(rows)).T


def pooled_matrix(design: Design, block: Pooled, rows: Rows) -> sp.csr_array:
    """Return the sparse matrix (rows, effects) of a pooled block."""
    value = carrier_values(block.carrier, rows, design.levels, design.spec)
    index = group_index(block.by, rows, design.levels)
    size = math.prod(len(design.levels[f]) for f in block.by)
    matrix = sp.csr_array((value, (np.arange(len(rows)), index)), shape=(len(rows), size))
    if block.walk:
        sums = sp.csr_array(np.ones((1, 1)))
        for f in block.axes:
            sums = sp.csr_array(sp.kron(sums, walk_basis(design) if f == STEP else np.eye(len(design.levels[f]))))
        matrix = sp.csr_array(matrix @ sums)
    matrix.eliminate_zeros()
    return matrix


def walk_basis(design: Design) -> np.ndarray:
    """Return the matrix (waves, waves - 1) from steps to a walk with mean zero over the waves.

    A step is the change from a wave to the next, divided by the square root of the years between their middles.
    """
    return centred_sums(step_lengths(design))


def step_lengths(design: Design) -> np.ndarray:
    """Return the square roots of the years between the middles of successive waves, (waves - 1,)."""
    dates = {w.name: 0.5 * (w.start.toordinal() + w.end.toordinal()) for w in design.spec.waves}
    middle = np.array([dates[w] for w in design.levels["wave"]])
    return np.asarray(np.sqrt(np.diff(middle) / DAYS_PER_YEAR))


def centred_sums(lengths: np.ndarray) -> np.ndarray:
    """Return the matrix (steps + 1, steps) of running sums of ``lengths`` times steps, less their mean.

    Examples
    --------
    >>> centred_sums(np.array([1.0, 1.0]))[:, 0].round(2).tolist()
    [-0.67, 0.33, 0.33]
    """
    sums = np.tri(len(lengths) + 1, len(lengths), -1) * lengths
    return np.asarray(sums - sums.mean(0))


def on_grid(design: Design, block: Pooled, effects: np.ndarray) -> np.ndarray:
    """Return the effects of a block, (draws, *axes), at the levels of its factors, (draws, *levels): walks added up."""
    if not block.walk:
        return effects
    along = 1 + block.axes.index(STEP)
    return np.moveaxis(np.moveaxis(effects, along, -1) @ walk_basis(design).T, -1, along)


def linear_predictor(design: Design, rows: Rows, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return η, shape (draws, rows).

    Parameters
    ----------
    draws
        Variable → array with the draws along the first axis: unpooled variables ``(draws,)`` or
        ``(draws, labels)``, pooled ones ``(draws, *levels)``.
    """
    size = len(next(iter(draws.values())))
    beta = np.hstack([np.zeros((size, 0)), *(_flat(draws[v]) for v in design.variables)])
    order = [i for index in design.variables.values() for i in index]
    bare = rows.unfaded(design.fading)
    matrix, signals = fixed_matrix(design, bare)[:, order], [design.coefficients[i].carrier.signal for i in order]
    faded = {name: fade(np.asarray(draws[half_life(name)], float), rows.weeks[name][:, None]) for name in design.fading}
    eta = np.zeros((len(rows), size))  # the draws of a row lie together: looking up effects copies runs of numbers
    for name in (None, *faded):
        own = [j for j, s in enumerate(signals) if (s if s in faded else None) == name]
        part = matrix[:, own] @ beta[:, own].T
        eta += part if name is None else part * faded[name]
    for block in design.pooled:
        value = carrier_values(block.carrier, bare, design.levels, design.spec)
        used = np.flatnonzero(value)
        index = group_index(block.by, rows, design.levels)[used]
        part = np.ascontiguousarray(_flat(on_grid(design, block, draws[block.variable])).T)[index]
        if (value[used] != 1).any():
            part *= value[used, None]
        if block.carrier.signal in faded:
            part *= faded[block.carrier.signal][used]
        if len(used) == len(rows):
            eta += part
        else:
            eta[used] += part
    return eta.T


def fade(half: np.ndarray, weeks: np.ndarray) -> np.ndarray:
    """Return what is left of an effect after so many weeks."""
    return np.asarray(0.5 ** (weeks / half))


def _flat(a: np.ndarray) -> np.ndarray:
    return np.asarray(a, dtype=float).reshape(len(a), -1)


def prior_only(design: Design, cells: Cells) -> dict[str, int]:
    """Return for every pooled block how many of its groups no datum touches."""
    out = {}
    for block in design.pooled:
        touched = np.diff(pooled_matrix(design, block, cells.rows).tocsc().indptr) > 0
        out[block.variable] = int((~touched).sum())
    return out
