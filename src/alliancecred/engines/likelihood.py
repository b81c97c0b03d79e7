"""Log likelihood of all rows with its slope and curvature by the linear predictor, in NumPy.

Rows along the first axis, the batch along the last. Counts come first, then published shares: those
of the answers from some cut up (or down), which depend on η through one logit and are tabulated
(`lattice.tabulate`), then the rest, whose slopes are differences.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import gaussian, sliders
from ..cells import Cells
from ..kernel import count_terms, lattice_sums
from ..lattice import TABLE_EDGE, TABLE_STEP, Lattice, group_log_probs, lattice_loglik
from ..outcome import log_probs, multinomial_constant

STEP = 1e-3  # of the differences that give slope and curvature of the rest
FLATTEST = 1e-6  # curvature assumed where a published share is flat or curved the wrong way

ONE = np.ones(1)  # the shape where answers are categories
Slopes = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Likelihood:
    """What was observed and not held out.

    Parameters
    ----------
    keep
        Positions among all rows (of choices: pairs) of the rows below, in their order.
    counts
        (cells, answers).
    table
        (simple toplines, 2, knots): log mass and its derivative by z = sign · (η − cut).
    cut, sign
        (simple toplines,): which cut, and the sign of z.
    rest
        The other toplines.
    constant
        Sum of the log multinomial coefficients.
    sums
        (cells, 3): what numbers add up to (`Cells.sums`); (0, 3) where answers are categories. ``counts`` then are
        those of low end, between and high end of a slider; of normal answers none.
    normal
        Whether answers are normal.
    """

    keep: np.ndarray
    counts: np.ndarray
    table: np.ndarray
    cut: np.ndarray
    sign: np.ndarray
    rest: Lattice
    constant: float
    sums: np.ndarray
    normal: bool

    def value(self, eta: np.ndarray, cuts: np.ndarray, shape: np.ndarray = ONE) -> np.ndarray:
        """Return the log likelihood, (batch,), for ``eta`` (rows, batch), ``cuts`` (answers - 1, batch).

        ``shape`` (batch,) is φ of a slider or σ of normal answers.
        """
        counts, simple, rest = self._split(eta)
        total = self._counts(counts, cuts)[0]
        if len(self.sums):
            density = gaussian.log_density if self.normal else sliders.log_density
            total = total + density(counts, shape, self.sums[:, None]).sum(0)
        if len(simple):
            total = total + self._simple(simple, cuts)[0].sum(0)
        return total + self._rest(rest, cuts).sum(0) if len(rest) else total

    def slopes(self, eta: np.ndarray, cuts: np.ndarray, shape: np.ndarray = ONE) -> Slopes:
        """Return log likelihood (batch,), its slope and minus its curvature (rows, batch)."""
        counts, simple, rest = self._split(eta)
        total, slope, curvature = self._counts(counts, cuts)
        if len(self.sums):
            slopes = gaussian.slopes if self.normal else sliders.slopes
            value, first, second = slopes(counts, shape, self.sums[:, None])
            total, slope = total + value.sum(0), slope + first
            curvature = np.maximum(curvature + second, FLATTEST)
        if len(simple):
            value, first, second = self._simple(simple, cuts)
            total, slope = total + value.sum(0), np.vstack([slope, first])
            curvature = np.vstack([curvature, np.maximum(second, FLATTEST)])
        if len(rest):
            low, value, high = (self._rest(rest + h, cuts) for h in (-STEP, 0.0, STEP))
            total, slope = total + value.sum(0), np.vstack([slope, (high - low) / (2 * STEP)])
            bend = -(high - 2 * value + low) / STEP**2
            curvature = np.vstack([curvature, np.maximum(bend, FLATTEST)])
        return total, slope, curvature

    def _split(self, eta: np.ndarray) -> Slopes:
        n = len(self.counts)
        m = n + len(self.table)
        return eta[:n], eta[n:m], eta[m:]

    def _counts(self, eta: np.ndarray, cuts: np.ndarray) -> Slopes:
        """Σ_j y_j log σ(a_j) + y_{j+1} log σ(−a_j) + inner terms, a_j = cut_j − η: concave in η."""
        total = np.full(eta.shape[1], self.constant)
        slope, curvature = np.zeros_like(eta), np.zeros_like(eta)
        if not self.normal:
            count_terms(eta, np.ascontiguousarray(cuts), self.counts, total, slope, curvature)
        if len(cuts) > 1:
            total += self.counts[:, 1:-1].sum(0) @ np.log(-np.expm1(-np.diff(cuts, axis=0)))
        return total, slope, curvature

    def _simple(self, eta: np.ndarray, cuts: np.ndarray) -> Slopes:
        """Log mass by row with slope and minus curvature."""
        value, first, second = interpolate(self.table, self.sign[:, None] * (eta - cuts[self.cut]))
        return value, self.sign[:, None] * first, -second

    def _rest(self, eta: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        logp = log_probs(eta.T, cuts.T[:, None, :])
        over, spread, (points, constant, groups) = self._parts
        out = np.empty_like(eta)
        if over.any():
            out[over] = lattice_loglik(logp[:, over], spread).T
        if not over.all():
            q = np.moveaxis(group_log_probs(logp[:, ~over], groups), 0, -1)
            out[~over] = lattice_sums(points, constant, np.ascontiguousarray(q))
        return out

    @cached_property
    def _parts(self) -> tuple[np.ndarray, Lattice, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Which of the rest are overdispersed, these, and the arrays of the others (`kernel.lattice_sums`)."""
        over, rest = np.isfinite(self.rest.concentration), self.rest
        spread = rest.of(over)
        points = np.ascontiguousarray(np.swapaxes(rest.counts[~over], 1, 2), dtype=float)
        return over, spread, (points, np.ascontiguousarray(rest.constant[~over]), rest.groups[~over])


def interpolate(table: np.ndarray, z: np.ndarray) -> Slopes:
    """Return tabulated functions (toplines, 2, knots) at z (toplines, batch), with two derivatives."""
    z = np.where(np.isnan(z), np.inf, z)  # the linear part carries it on
    inside = np.clip(z, -TABLE_EDGE, TABLE_EDGE)
    place = (inside + TABLE_EDGE) / TABLE_STEP
    i = np.minimum(place.astype(int), table.shape[2] - 2)
    u, t = place - i, np.arange(len(table))[:, None]
    a, b = table[t, 0, i], table[t, 0, i + 1]
    da, db = table[t, 1, i] * TABLE_STEP, table[t, 1, i + 1] * TABLE_STEP
    c2, c3 = 3 * (b - a) - 2 * da - db, 2 * (a - b) + da + db
    first = (da + u * (2 * c2 + 3 * u * c3)) / TABLE_STEP
    second = np.where(z == inside, (2 * c2 + 6 * u * c3) / TABLE_STEP**2, 0.0)
    value = a + u * (da + u * (c2 + u * c3))
    with np.errstate(invalid="ignore"):
        return np.where(z == inside, value, value + (z - inside) * first), first, second


def make_likelihood(cells: Cells, mask: np.ndarray | None) -> Likelihood:
    """Return the likelihood of the rows that are not held out, multinomial coefficients included."""
    n = len(cells.counts)
    rows = np.ones(len(cells.rows)) if mask is None else np.asarray(mask)
    count, published = np.flatnonzero(cells.kept(rows)), np.flatnonzero(rows[n:])
    table, tabulated = cells.table
    cut, sign = _logit_of(cells.lattice.groups, tabulated)
    simple, rest = published[sign[published] != 0], published[sign[published] == 0]
    counts = np.ascontiguousarray(cells.parts[count], dtype=float)
    sums = cells.sums
    return Likelihood(
        keep=np.concatenate([count, n + simple, n + rest]).astype(int),
        counts=counts,
        table=table[simple],
        cut=cut[simple],
        sign=sign[simple],
        rest=cells.lattice.of(rest),
        constant=float(multinomial_constant(counts).sum()),
        sums=sums[count] if len(sums) else sums,
        normal=bool(cells.scores),
    )


def _logit_of(groups: np.ndarray, tabulated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which cut, and with which sign, each topline's logit is of: sign · (η − cut); sign 0 where it is of none."""
    answers = groups.shape[2] if groups.size else 2
    cut, sign = np.zeros(len(groups), dtype=int), np.zeros(len(groups))
    for t in np.flatnonzero(tabulated > 0.5):
        first = groups[t, 0] > 0
        for j in range(1, answers):
            above = np.arange(answers) >= j
            if (first == above).all() or (first == ~above).all():
                cut[t], sign[t] = j - 1, 1.0 if first[-1] else -1.0
    return cut, sign
