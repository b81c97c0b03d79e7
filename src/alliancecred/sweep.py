"""The same model without its ridges: group means swept into the coefficients they hide behind.

On the full grid of its factors S an exchangeable block splits into orthogonal strata T ⊆ S
(contrasts along T, means along the rest); the part of a block with variance v in stratum T has
variance v / Π_{f ∈ S∖T} levels(f). The steps of a walk are not split: they have no mean that could
hide behind a coefficient, so that every stratum of a walk holds all of them. The likelihood sees,
per carrier and stratum, only the sum over all blocks S ⊇ T, so these sums are what is sampled. With
correlated level and shift the 2×2 matrices add in the same way; the empty stratum (the means) joins
the unpooled coefficients. `recover` draws the original blocks back: given the sums and the scales
they are jointly normal.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.linalg import helmert

from .carriers import Carrier, carrier_values, group_index
from .cells import Rows
from .design import STEP, Design, Pooled
from .predictor import fixed_matrix, walk_basis
from .priors import Flat


@dataclass(frozen=True)
class Part:
    """What one block adds to a stratum: its variance divided by ``divisor``."""

    block: Pooled
    divisor: int


@dataclass(frozen=True)
class Stratum:
    """Contrasts along ``factors``; one coordinate set of ``size`` per carrier.

    ``parts[i]`` lists the blocks that add to carrier i.
    """

    factors: tuple[str, ...]
    size: int
    carriers: tuple[Carrier, ...]
    parts: tuple[tuple[Part, ...], ...]


@dataclass(frozen=True)
class Swept:
    """Coordinates that the likelihood identifies.

    Parameters
    ----------
    design
        What was swept.
    strata
        The non-empty strata.
    means
        The empty stratum, or None without pooled blocks.
    loadings
        (coordinates, mean carriers): how the block means enter the first coordinates, which are
        the unpooled coefficients followed by ``extra`` mean carriers that no coefficient spans.
    extra
        Indices of mean carriers with a coordinate of their own.
    """

    design: Design
    strata: tuple[Stratum, ...]
    means: Stratum | None
    loadings: np.ndarray
    extra: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of sampled coordinates."""
        return len(self.loadings) + sum(s.size * len(s.carriers) for s in self.strata)


def sweep(design: Design, rows: Rows) -> Swept:
    """Return the swept coordinates of a design."""
    subsets = {t for b in design.pooled for k in range(len(b.axes) + 1) for t in combinations(b.axes, k)
               if b.walk == (STEP in t)}  # fmt: skip
    # walks first: their steps depend on each other, and the metric of NUTS is full only for what leads
    ordered = sorted(subsets, key=lambda t: (STEP not in t, len(t), [(*design.spec.factors, STEP).index(f) for f in t]))
    strata = [_stratum(design, t) for t in ordered]
    means = next((s for s in strata if not s.factors), None)
    loadings, extra = _loadings(design, means, rows)
    return Swept(design, tuple(s for s in strata if s.factors and s.size), means, loadings, extra)


def _stratum(design: Design, factors: tuple[str, ...]) -> Stratum:
    parts: dict[Carrier, list[Part]] = {}
    for block in design.pooled:
        if set(factors) <= set(block.axes) and block.walk == (STEP in factors):
            divisor = math.prod(len(design.levels[f]) for f in block.axes if f not in factors)
            parts.setdefault(block.carrier, []).append(Part(block, divisor))
    size = math.prod(len(design.levels[f]) - 1 for f in grid_of(factors))
    return Stratum(factors, size, tuple(parts), tuple(map(tuple, parts.values())))


def _loadings(design: Design, means: Stratum | None, rows: Rows) -> tuple[np.ndarray, tuple[int, ...]]:
    p = len(design.coefficients)
    if means is None:
        return np.zeros((p, 0)), ()
    fixed = fixed_matrix(design, rows)
    if design.spec.forced_choice:  # what all rows share cancels: it needs no coordinate
        fixed = np.column_stack([fixed, np.ones(len(rows))])
    m = len(means.carriers)
    loadings, extra = np.zeros((p, m)), []
    for j, carrier in enumerate(means.carriers):
        column = carrier_values(carrier, rows, design.levels, design.spec)
        weights = np.linalg.lstsq(fixed, column, rcond=None)[0]
        if np.abs(fixed @ weights - column).max() < 1e-9:
            loadings[:, j] = np.where(np.abs(weights) < 1e-9, 0.0, weights)[:p]
        else:
            extra.append(j)
    return np.vstack([loadings, np.eye(m)[extra]]), tuple(extra)


def grid_of(axes: Sequence[str]) -> tuple[str, ...]:
    """Return the factors on whose grid the effects along ``axes`` live: a step of a walk becomes a wave."""
    return tuple("wave" if f == STEP else f for f in axes)


def basis(design: Design, factors: Sequence[str]) -> np.ndarray:
    """Return the matrix (grid of ``factors``, coordinates), whose columns sum to zero along each factor.

    Orthonormal contrasts along a factor; along the steps of a walk, their centred running sums.
    """
    out = np.ones((1, 1))
    for f in factors:
        out = np.kron(out, walk_basis(design) if f == STEP else helmert(len(design.levels[f])).T)
    return out


@dataclass(frozen=True)
class Incidence:
    """How the coordinates x_i of a stratum enter the linear predictor: Σ_i carriers[i] · (basis @ x_i)[place].

    Parameters
    ----------
    basis
        (groups, coordinates): orthonormal contrasts.
    place
        (rows,): each row's group.
    carriers
        (carriers, rows): what multiplies each carrier's part.
    """

    basis: np.ndarray
    place: np.ndarray
    carriers: np.ndarray


def mean_columns(swept: Swept, rows: Rows) -> np.ndarray:
    """Return the columns (rows, coordinates) of the first coordinates: coefficients and extra means."""
    design = swept.design
    pieces = [fixed_matrix(design, rows)]
    if swept.means is not None:
        values = [carrier_values(swept.means.carriers[j], rows, design.levels, design.spec) for j in swept.extra]
        pieces += [v[:, None] for v in values]
    return np.hstack(pieces)


def incidence(swept: Swept, stratum: Stratum, rows: Rows) -> Incidence:
    """Return how a stratum enters the rows."""
    design = swept.design
    values = [carrier_values(c, rows, design.levels, design.spec) for c in stratum.carriers]
    place = group_index(grid_of(stratum.factors), rows, design.levels)
    return Incidence(basis(design, stratum.factors), place, np.array(values))


def stratum_columns(found: Incidence) -> np.ndarray:
    """Return the columns (rows, coordinates) of a stratum, carrier by carrier."""
    contrasts = found.basis[found.place]
    return np.hstack([c[:, None] * contrasts for c in found.carriers])


def swept_matrix(swept: Swept, rows: Rows) -> np.ndarray:
    """Return the matrix (rows, coordinates) that the sampled coordinates are multiplied by."""
    pieces = [stratum_columns(incidence(swept, stratum, rows)) for stratum in swept.strata]
    return np.hstack([mean_columns(swept, rows), *pieces])


# --- covariances, for numbers and for graphs alike -------------------------------------------------
Scalars = Mapping[str, Any]


def covariance(stratum: Stratum, scales: Scalars) -> list[list[Any]]:
    """Return the covariance among a stratum's carriers, entries of whatever type the scales have.

    Absent correlations are the integer 0, so that they cost nothing in a graph.
    """
    m = len(stratum.carriers)
    out: list[list[Any]] = [[0] * m for _ in range(m)]
    for i in range(m):
        for part in stratum.parts[i]:
            out[i][i] = out[i][i] + scales[part.block.sd_name] ** 2 / part.divisor
            if part.block.partner is None:
                continue
            for j in range(m):
                for other in stratum.parts[j]:
                    if other.block.variable == part.block.partner:
                        c = _cross(part.block, scales) / part.divisor
                        out[i][j], out[j][i] = out[i][j] + c, out[j][i] + c
    return out


def _cross(block: Pooled, scales: Scalars) -> Any:
    return scales[block.corr_name] * scales[block.sd_name] * scales[f"sd_{block.partner}"]


def mean_covariance(swept: Swept, scales: Scalars) -> list[list[Any]]:
    """Return the prior covariance of the first coordinates: own variances plus the block means'."""
    coefficients = swept.design.coefficients
    size = len(swept.loadings)
    inner = covariance(swept.means, scales) if swept.means is not None else []
    out: list[list[Any]] = [[0] * size for _ in range(size)]
    for i in range(size):
        prior = coefficients[i].prior if i < len(coefficients) else None
        if prior is not None and not isinstance(prior, Flat):
            out[i][i] = prior.sd**2
        for j in range(size):
            for k, h in np.ndindex(len(inner), len(inner)):
                weight = float(swept.loadings[i, k] * swept.loadings[j, h])
                if weight and not isinstance(inner[k][h], int):
                    out[i][j] = out[i][j] + weight * inner[k][h]
    return out


def cholesky(a: list[list[Any]], sqrt: Callable[[Any], Any]) -> list[list[Any]]:
    """Return the lower Cholesky factor of a small matrix of scalars; integer zeros stay integer zeros."""
    n = len(a)
    low: list[list[Any]] = [[0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            total = a[i][j]
            for k in range(j):
                if not (_zero(low[i][k]) or _zero(low[j][k])):
                    total = total - low[i][k] * low[j][k]
            low[i][j] = sqrt(total) if i == j else (0 if _zero(total) else total / low[j][j])
    return low


def _zero(x: Any) -> bool:
    return isinstance(x, int) and x == 0


def components(a: list[list[Any]]) -> list[list[int]]:
    """Return the groups of indices that a matrix of scalars connects."""
    left, out = set(range(len(a))), []
    while left:
        group, frontier = set(), {min(left)}
        while frontier:
            group |= frontier
            frontier = {j for i in frontier for j in range(len(a)) if not _zero(a[i][j])} - group
        left -= group
        out.append(sorted(group))
    return out
