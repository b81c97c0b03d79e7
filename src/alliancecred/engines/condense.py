"""Cells that no parameter can tell apart are one cell: waves before a signal, say, where no term knows waves."""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from ..cells import Cells
from ..density import cut_group
from ..design import Design
from ..predictor import fixed_matrix, pooled_matrix
from ..respondents import with_rows


def condense(design: Design, cells: Cells, mask: np.ndarray | None = None) -> tuple[Cells, np.ndarray | None]:
    """Return cells of the same likelihood, up to a constant, with the fewest rows of counts, and their ``mask``.

    Counts are added up over rows with the same row of the design matrix and the same ``mask`` (rows,); such rows
    have the same linear predictor whatever the parameters. Each is labelled like its first. Published shares stay, and
    so do choices.
    """
    if cells.choices is not None:
        return cells, mask
    n = len(cells.counts)
    rows = cells.rows.take(np.arange(n))
    pieces = [sp.csr_array(fixed_matrix(design, rows)), *(pooled_matrix(design, b, rows) for b in design.pooled)]
    held = np.ones(n) if mask is None else np.asarray(mask, dtype=float)[:n]
    apart = np.column_stack([held, cut_group(design, rows)])
    matrix = sp.csr_array(sp.hstack([*pieces, sp.csr_array(apart.astype(float))]))
    # equal rows have equal products with any vector; others, with two random ones, by a chance of about 1e-30
    products = matrix @ np.random.default_rng(0).standard_normal((matrix.shape[1], 2))
    _, first, group = np.unique(products, axis=0, return_index=True, return_inverse=True)
    if len(first) == n:
        return cells, mask
    order = np.argsort(first)
    first, group = first[order], np.argsort(order)[group]
    people = cells.people
    if people is not None:
        people = with_rows(people, held > 0, group)
    counts, valued = _added(cells.counts, group), None if cells.valued is None else _added(cells.valued, group)
    index = np.concatenate([first, np.arange(n, len(cells.rows))])
    inside = None if cells.inside is None else replace(cells.inside, row=group[cells.inside.row])
    fewer = replace(cells, rows=cells.rows.take(index), counts=counts, people=people, inside=inside, valued=valued)
    return fewer, None if mask is None else mask[index]


def _added(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return values (rows, …) added up over the rows of each group."""
    out = np.zeros((group.max() + 1, values.shape[1]), dtype=values.dtype)
    np.add.at(out, group, values)
    return out
