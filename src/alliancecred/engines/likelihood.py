"""Log likelihood of all rows with its slope and curvature by the linear predictor, in NumPy."""

from dataclasses import dataclass

import numpy as np

from ..cells import Cells
from ..outcome import TABLE_EDGE, TABLE_STEP, Lattice, group_log_probs, lattice_loglik, log_probs, multinomial_constant

STEP = 1e-3  # of the differences that give slope and curvature of a published share
FLATTEST = 1e-6  # curvature assumed where a published share is flat or curved the wrong way


@dataclass(frozen=True)
class Likelihood:
    """What was observed: counts (cells, answers), then published shares; held-out rows are gone.

    ``keep`` are the positions of the remaining cells and toplines among all rows.
    """

    keep: np.ndarray
    counts: np.ndarray
    lattice: Lattice
    table: np.ndarray
    tabulated: np.ndarray
    constant: float

    def value(self, eta: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """Return the log likelihood, (batch,), for ``eta`` (rows, batch) and ``cuts`` (answers - 1, batch)."""
        n = len(self.counts)
        total = self._counts(eta[:n], cuts)[0]
        return total + self._published(eta[n:], cuts).sum(0) if len(eta) > n else total

    def slopes(self, eta: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return log likelihood (batch,), its slope and minus its curvature (rows, batch)."""
        n = len(self.counts)
        total, slope, curvature = self._counts(eta[:n], cuts)
        if len(eta) == n:
            return total, slope, curvature
        low, middle, high = (self._published(eta[n:] + h, cuts) for h in (-STEP, 0.0, STEP))
        bend = np.maximum(-(high - 2 * middle + low) / STEP**2, FLATTEST)
        total = total + middle.sum(0)
        return total, np.vstack([slope, (high - low) / (2 * STEP)]), np.vstack([curvature, bend])

    def _counts(self, eta: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Σ_j y_j log σ(a_j) + y_{j+1} log σ(−a_j) + inner terms, a_j = cut_j − η: concave in η."""
        total = np.full(eta.shape[1], self.constant)
        slope, curvature = np.zeros_like(eta), np.zeros_like(eta)
        for j in range(len(cuts)):
            here, after = self.counts[:, j], self.counts[:, j + 1]
            both = (here + after)[:, None]
            a = cuts[j] - eta
            e = np.exp(-np.abs(a))
            p = np.where(a > 0, 1.0, e) / (1.0 + e)
            # log σ(a) = min(a, 0) − log(1 + e), log σ(−a) = min(−a, 0) − log(1 + e)
            total += here @ np.minimum(a, 0) - after @ np.maximum(a, 0) - both[:, 0] @ np.log1p(e)
            share = both * p
            slope += share - here[:, None]
            curvature += share * (1 - p)
        if len(cuts) > 1:
            total += self.counts[:, 1:-1].sum(0) @ np.log(-np.expm1(-np.diff(cuts, axis=0)))
        return total, slope, curvature

    def _published(self, eta: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """Log mass of each published share, (toplines, batch)."""
        logp = log_probs(eta.T, cuts.T[:, None, :])
        out = np.empty(eta.T.shape)
        two = self.tabulated > 0.5
        if two.any():
            q = group_log_probs(logp[:, two], self.lattice.groups[two])
            out[:, two] = interpolate(self.table[two], q[..., 0] - q[..., 1])
        if not two.all():
            rest = Lattice(*(getattr(self.lattice, k)[~two] for k in ("counts", "constant", "groups", "concentration")))
            out[:, ~two] = lattice_loglik(logp[:, ~two], rest)
        return out.T


def interpolate(table: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return tabulated functions (toplines, 2, knots) at z (…, toplines); see `outcome.tabulate`."""
    inside = np.clip(z, -TABLE_EDGE, TABLE_EDGE)
    place = (inside + TABLE_EDGE) / TABLE_STEP
    i = np.minimum(place.astype(int), table.shape[2] - 2)
    u, t = place - i, np.arange(len(table))
    a, b = table[t, 0, i], table[t, 0, i + 1]
    da, db = table[t, 1, i] * TABLE_STEP, table[t, 1, i + 1] * TABLE_STEP
    c2, c3 = 3 * (b - a) - 2 * da - db, 2 * (a - b) + da + db
    edge = np.where(z < 0, table[t, 1, 0], table[t, 1, -1])
    return np.asarray(a + u * (da + u * (c2 + u * c3)) + (z - inside) * edge)


def make_likelihood(cells: Cells, mask: np.ndarray | None) -> Likelihood:
    """Return the likelihood of the rows that are not held out, multinomial coefficients included."""
    n = len(cells.counts)
    keep = np.flatnonzero(np.ones(len(cells.rows)) if mask is None else mask)
    count, published = keep[keep < n], keep[keep >= n] - n
    table, tabulated = cells.table
    parts = (getattr(cells.lattice, k)[published] for k in ("counts", "constant", "groups", "concentration"))
    counts = np.asarray(cells.counts[count], dtype=float)
    return Likelihood(
        keep, counts, Lattice(*parts), table[published], tabulated[published], float(multinomial_constant(counts).sum())
    )
