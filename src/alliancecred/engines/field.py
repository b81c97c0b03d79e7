"""Design + cells → the latent Gaussian field, for many hyperparameters at once.

The field x holds the unpooled coefficients, then every effect of every pooled block, in plain (not
swept) coordinates: given the hyperparameters its prior is normal with a sparse precision, and each
row's linear predictor is a sparse sum, η = M x; where signals fade, η = (M₀ + Σ D_s M_s) x, the diagonal D_s
holding what is left of a signal in every row. Arrays have the batch of hyperparameters along their
last axis.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
import scipy.sparse as sp

from ..cells import Cells
from ..design import Design
from ..predictor import fade, fixed_matrix, pooled_matrix
from ..priors import Flat
from .hyper import Hyper
from .likelihood import Likelihood, make_likelihood
from .sparse import Pattern, analyse

LOG_2PI = math.log(2.0 * math.pi)
Precision = tuple[np.ndarray, np.ndarray, np.ndarray]
SMALLEST = 1e-8  # of a scale, so that its precision stays finite


@dataclass(frozen=True)
class Field:
    """The latent field of a design and the likelihood of its rows (of choices: of its pairs of rows).

    Parameters
    ----------
    parts
        Sparse matrices (rows, latents): of what does not fade, then of each fading signal.
    weeks
        (fading signals, rows): time since each signal.
    centre
        (latents,): prior means.
    fixed_precision
        (latents,): precision of the unpooled coefficients, 0 for the rest and for flat priors.
    block, partner
        (latents,): the pooled block a latent belongs to, and the latent it is correlated with; -1: none.
    pair
        (blocks,): position among the correlated blocks of the correlation a block takes part in; -1: none.
    """

    design: Design
    parts: tuple[sp.csr_array, ...]
    weeks: np.ndarray
    centre: np.ndarray
    fixed_precision: np.ndarray
    block: np.ndarray
    partner: np.ndarray
    pair: np.ndarray
    likelihood: Likelihood

    @property
    def size(self) -> int:
        """Number of latents."""
        return len(self.centre)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Pooled variable → its latents."""
        out, at = {}, len(self.design.coefficients)
        for b in self.design.pooled:
            out[b.variable] = slice(at, at := at + math.prod(self.design.shape(b)))
        return out

    @cached_property
    def transposed(self) -> tuple[sp.csr_array, ...]:
        """The parts, (latents, rows), stored by rows."""
        return tuple(sp.csr_array(m.T) for m in self.parts)

    @cached_property
    def pattern(self) -> Pattern:
        """Pattern of the precision given the data."""
        n = self.size
        linked = np.flatnonzero(self.partner >= 0)
        pairs = sp.csr_array((np.ones(len(linked)), (linked, self.partner[linked])), shape=(n, n))
        whole = sum((abs(m) for m in self.parts[1:]), start=abs(self.parts[0]))
        return analyse(sp.csr_array(whole.T @ whole + pairs))

    @cached_property
    def assembly(self) -> sp.csr_array:
        """(entries of the pattern, …): precision = it @ [curvature of every pair of parts, diagonal, partner terms]."""
        s, n = self.pattern, self.size
        row = np.repeat(np.arange(n), np.diff(s.ptr))
        i, j = s.perm[row], s.perm[s.idx]
        by = [sp.csr_array(m.T) for m in self.parts]
        curvature = [_products(by[a], by[b], i, j) for a, b in self._pairs]
        pick = sp.csr_array((np.ones(len(i)), (np.arange(len(i)), i)), shape=(len(i), n))
        on = sp.csr_array(pick.multiply((i == j)[:, None]))
        off = sp.csr_array(pick.multiply((self.partner[i] == j)[:, None]))
        return sp.csr_array(sp.hstack([*curvature, on, off]))

    @cached_property
    def _pairs(self) -> list[tuple[int, int]]:
        return list(combinations_with_replacement(range(len(self.parts)), 2))

    # --- prior ------------------------------------------------------------------------------------
    def precision(self, h: Hyper) -> Precision:
        """Return diagonal (latents, batch), partner entries (latents, batch) and log determinant (batch,)."""
        sd = np.maximum(h.sd, SMALLEST)
        blocks = len(self.design.pooled)
        cosh2 = np.cosh(h.atanh_rho) ** 2  # 1 / (1 - ρ²)
        # one row more than there are blocks: that of the unpooled coefficients, block -1
        grow, cross = np.zeros((blocks + 1, len(h))), np.zeros((blocks + 1, len(h)))
        grow[:blocks] = 1 / sd**2
        log_det = np.full(len(h), np.log(self.fixed_precision[self.fixed_precision > 0]).sum())
        names = [b.variable for b in self.design.pooled]
        for i, b in enumerate(self.design.pooled):
            n = math.prod(self.design.shape(b))
            log_det -= 2 * n * np.log(sd[i])
            if b.partner is not None:
                k, mate = self.pair[i], names.index(b.partner)
                grow[[i, mate]] *= cosh2[k]
                cross[i] = cross[mate] = -np.tanh(h.atanh_rho[k]) * cosh2[k] / (sd[i] * sd[mate])
                log_det += n * np.log(cosh2[k])
        off = np.where(self.partner[:, None] >= 0, cross[self.block], 0.0)
        return grow[self.block] + self.fixed_precision[:, None], off, log_det

    @cached_property
    def dimension(self) -> int:
        """Number of latents with a proper prior."""
        return int((self.fixed_precision > 0).sum() + (self.block >= 0).sum())

    def times(self, on: np.ndarray, off: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return precision @ x."""
        return np.asarray(on * x + off * x[self.partner])

    # --- likelihood -------------------------------------------------------------------------------
    def left(self, h: Hyper) -> np.ndarray:
        """Return what is left of each fading signal, (fading signals, rows, batch)."""
        return fade(h.half[:, None, :], self.weeks[:, :, None])

    def eta(self, x: np.ndarray, left: np.ndarray) -> np.ndarray:
        """Return the linear predictor, (rows, batch)."""
        out = np.asarray(self.parts[0] @ x)
        for share, part in zip(left, self.parts[1:], strict=True):
            out += share * (part @ x)
        return out

    def slope(self, by_row: np.ndarray, left: np.ndarray) -> np.ndarray:
        """Return the slope by the latents, (latents, batch), from that by η, (rows, batch)."""
        out = np.asarray(self.transposed[0] @ by_row)
        for share, part in zip(left, self.transposed[1:], strict=True):
            out += part @ (share * by_row)
        return out

    def assembled(self, curvature: np.ndarray, left: np.ndarray, on: np.ndarray, off: np.ndarray) -> np.ndarray:
        """Return the entries of the precision given the data, (entries, batch), from minus the curvature by η."""
        share: list[np.ndarray | float] = [1.0, *left]
        return np.asarray(
            self.assembly @ np.vstack([*(curvature * share[a] * share[b] for a, b in self._pairs), on, off])
        )


def _products(a: sp.csr_array, b: sp.csr_array, i: np.ndarray, j: np.ndarray) -> sp.csr_array:
    """Return (pairs, rows): entry-wise products of row i of one and row j of the other, both ways where they differ."""
    out = a[i].multiply(b[j])
    return sp.csr_array(out if a is b else out + b[i].multiply(a[j]))


def make_field(design: Design, cells: Cells, mask: np.ndarray | None = None) -> Field:
    """Return the field of a design; ``mask`` (rows,) is 0 where a row is held out."""
    priors = [c.prior for c in design.coefficients]
    sizes = [math.prod(design.shape(b)) for b in design.pooled]
    p = len(priors)
    starts = dict(zip([b.variable for b in design.pooled], np.cumsum([p, *sizes]), strict=False))
    block = np.concatenate([np.full(p, -1), np.repeat(np.arange(len(sizes)), sizes)]).astype(int)
    partner, pair = np.full(len(block), -1), np.full(len(sizes), -1)
    for i, b in enumerate(design.pooled):
        if b.partner is not None:
            mine, theirs = starts[b.variable], starts[b.partner]
            partner[mine : mine + sizes[i]] = np.arange(theirs, theirs + sizes[i])
            partner[theirs : theirs + sizes[i]] = np.arange(mine, mine + sizes[i])
            pair[i] = [c.variable for c in design.correlated].index(b.variable)
    likelihood = make_likelihood(cells, mask)
    rows = cells.rows.unfaded(design.fading)
    pieces = [sp.csr_array(fixed_matrix(design, rows)), *(pooled_matrix(design, b, rows) for b in design.pooled)]
    matrix, when = sp.csr_array(sp.hstack(pieces)), np.arange(len(rows))
    if cells.choices is not None:
        matrix, when = sp.csr_array(cells.choices.contrast(matrix)), cells.choices.left
    matrix, when = matrix[likelihood.keep], when[likelihood.keep]
    signals = [c.carrier.signal for c in design.coefficients]
    signals += [b.carrier.signal for b, n in zip(design.pooled, sizes, strict=True) for _ in range(n)]
    fades = np.array([[s == name for s in signals] for name in design.fading], dtype=bool).reshape(-1, len(signals))
    rest = np.zeros(sum(sizes))
    return Field(
        design=design,
        parts=tuple(_columns(matrix, own) for own in (~fades.any(0), *fades)),
        weeks=np.array([cells.rows.weeks[name] for name in design.fading]).reshape(-1, len(rows))[:, when],
        centre=np.concatenate([[0.0 if isinstance(q, Flat) else q.mean for q in priors], rest]),
        fixed_precision=np.concatenate([[0.0 if isinstance(q, Flat) else q.sd**-2 for q in priors], rest]),
        block=block,
        partner=partner,
        pair=pair,
        likelihood=likelihood,
    )


def _columns(matrix: sp.csr_array, which: np.ndarray) -> sp.csr_array:
    """Return the matrix with all columns but these empty."""
    if which.all():
        return matrix
    out = sp.csr_array(matrix @ sp.diags_array(which.astype(float)))
    out.eliminate_zeros()
    return out
