"""The numba kernel behind `density`: log density and gradient of a `Structure` on `Data`.

Everything compiled stands in this one file, because numba's cache on disk notices a change of the
file a function stands in, and of no other.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import carray, cfunc, njit, types

from .outcome import TABLE_EDGE, TABLE_STEP

_JIT: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


class Structure(NamedTuple):
    """A design as arrays. Gaussian block g has ``m[g]`` carriers of ``size[g]`` coordinates each.

    ``pos``, ``centre``, ``centred`` and ``base`` run over the carriers of all blocks (from ``first[g]``);
    ``base`` holds constant prior variances. Term t of block g, ``term_first[g] ≤ t < term_first[g + 1]``,
    adds ``coef · sd[a] · sd[b] · ρ[r]`` (ρ = 1 for r = -1) to entry (i, j), i ≥ j, of the block's
    covariance.

    The first coordinates multiply ``columns`` (coordinates, rows). The contrasts of block g > 0 are the
    Kronecker product of two matrices of shapes ``shape[g - 1]``, which follow one another in ``basis``;
    ``place`` (blocks - 1, rows) is the group of a row, and ``carriers`` (carriers of all these blocks, rows)
    what multiplies it (`sweep.Incidence`).
    """

    scale_sd: np.ndarray
    eta: np.ndarray
    cut_prior: np.ndarray
    m: np.ndarray
    size: np.ndarray
    first: np.ndarray
    centred: np.ndarray
    pos: np.ndarray
    centre: np.ndarray
    base: np.ndarray
    term_first: np.ndarray
    term_index: np.ndarray
    term_coef: np.ndarray
    columns: np.ndarray
    shape: np.ndarray
    basis: np.ndarray
    place: np.ndarray
    carriers: np.ndarray


class Data(NamedTuple):
    """Observations as arrays (see `cells.Cells`); topline rows follow the count rows.

    A topline of two groups is looked up in ``table`` (`outcome.tabulate`), any other summed over its
    ``points``.
    """

    counts: np.ndarray
    points: np.ndarray
    constant: np.ndarray
    groups: np.ndarray
    concentration: np.ndarray
    table: np.ndarray
    tabulated: np.ndarray
    mask: np.ndarray


@njit(**_JIT)
def digamma(x):  # type: ignore[no-untyped-def]
    """Return ψ(x), x > 0: recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.3.18)."""
    out = 0.0
    while x < 10.0:
        out -= 1.0 / x
        x += 1.0
    f = 1.0 / (x * x)
    series = f * (1 / 12 - f * (1 / 120 - f * (1 / 252 - f * (1 / 240 - f * (1 / 132 - f * 691 / 32760)))))
    return out + math.log(x) - 0.5 / x - series


@njit(**_JIT)
def _cov(s, g, sd, rho, low):  # type: ignore[no-untyped-def]
    """Fill ``low`` with the Cholesky factor of the covariance of block g; NaN where it is not positive definite."""
    m = s.m[g]
    for i in range(m):
        for j in range(i):
            low[i, j] = 0.0
        low[i, i] = s.base[s.first[g] + i]
    for t in range(s.term_first[g], s.term_first[g + 1]):
        value = s.term_coef[t] * sd[s.term_index[t, 2]] * sd[s.term_index[t, 3]]
        r = s.term_index[t, 4]
        low[s.term_index[t, 0], s.term_index[t, 1]] += value * rho[r] if r >= 0 else value
    for i in range(m):
        for j in range(i + 1):
            total = low[i, j]
            for k in range(j):
                total -= low[i, k] * low[j, k]
            if i == j:
                low[i, i] = math.sqrt(total) if total > 0.0 else np.nan
            else:
                low[i, j] = total / low[j, j]


@njit(**_JIT)
def _inverse(low, m, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` with the inverse of a lower triangular matrix (m, m)."""
    for c in range(m):
        out[c, c] = 1.0 / low[c, c]
        for i in range(c + 1, m):
            total = 0.0
            for k in range(c, i):
                total -= low[i, k] * out[k, c]
            out[i, c] = total / low[i, i]


@njit(**_JIT)
def _chain(s, g, sensitivity, sd, rho, grad, rho_start):  # type: ignore[no-untyped-def]
    """Add to ``grad`` what the covariance of block g passes on to log sd and atanh ρ.

    ``sensitivity`` is ∂ log density / ∂ Σ, symmetric.
    """
    for t in range(s.term_first[g], s.term_first[g + 1]):
        i, j, a, b = s.term_index[t, 0], s.term_index[t, 1], s.term_index[t, 2], s.term_index[t, 3]
        r = s.term_index[t, 4]
        d = sensitivity[i, j] * (1.0 if i == j else 2.0) * s.term_coef[t] * sd[a] * sd[b]
        value = d * rho[r] if r >= 0 else d
        grad[a] += value
        grad[b] += value
        if r >= 0:
            grad[rho_start + r] += d * (1.0 - rho[r] ** 2)


@njit(**_JIT)
def _forward(s, g, low, theta, x, y):  # type: ignore[no-untyped-def]
    """Fill coordinates ``x`` and standardised residuals ``y`` of block g; return its log density.

    x[i] = centre[i] + Σ_{k ≤ i} L[i, k] y[k]. The parameter of carrier i is x[i] where it is centred
    (y[i] then follows by forward substitution) and y[i] where it is not.
    """
    m, size, first = s.m[g], s.size[g], s.first[g]
    total = 0.0
    for i in range(m):
        at, diagonal, middle = s.pos[first + i], low[i, i], s.centre[first + i]
        for c in range(size):
            rest = middle
            for k in range(i):
                if low[i, k] != 0.0:
                    rest += low[i, k] * y[s.pos[first + k] + c]
            if s.centred[first + i]:
                x[at + c] = theta[at + c]
                y[at + c] = (theta[at + c] - rest) / diagonal
            else:
                y[at + c] = theta[at + c]
                x[at + c] = rest + diagonal * theta[at + c]
            total -= 0.5 * y[at + c] * y[at + c]
        if s.centred[first + i]:
            total -= size * math.log(diagonal)
    return total


@njit(**_JIT)
def _backward(s, g, low, y, gx, gy, bar):  # type: ignore[no-untyped-def]
    """Reverse of `_forward`: turn ``gx`` into the gradient by the parameters; fill ``bar`` = ∂/∂L."""
    m, size, first = s.m[g], s.size[g], s.first[g]
    for i in range(m - 1, -1, -1):
        at, diagonal = s.pos[first + i], low[i, i]
        for c in range(size):
            gy[at + c] -= y[at + c]
            if s.centred[first + i]:
                push = -gy[at + c] / diagonal
                gx[at + c] -= push
            else:
                push = gx[at + c]
                gx[at + c] = gy[at + c] + diagonal * push
            bar[i, i] += push * y[at + c]
            for k in range(i):
                other = s.pos[first + k] + c
                bar[i, k] += push * y[other]
                gy[other] += low[i, k] * push
        if s.centred[first + i]:
            bar[i, i] -= size / diagonal


@njit(**_JIT)
def _cholesky_back(low, bar, m, inv, phi, half, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` with ∂/∂Σ (symmetric) from ∂/∂L: Σ̄ = sym(L⁻ᵀ Φ(Lᵀ L̄) L⁻¹) (Murray 2016, section 2).

    All are (m, m) in larger arrays; ``inv``, ``phi`` and ``half`` are scratch.
    """
    _inverse(low, m, inv)
    for i in range(m):
        for j in range(i + 1):
            total = 0.0
            for k in range(i, m):
                total += low[k, i] * bar[k, j]
            phi[i, j] = 0.5 * total if i == j else total
    for i in range(m):
        for j in range(i + 1):
            total = 0.0
            for n in range(j, i + 1):
                total += phi[i, n] * inv[n, j]
            half[i, j] = total
            out[i, j] = 0.0
            out[j, i] = 0.0
    for i in range(m):
        for j in range(m):
            total = 0.0
            for k in range(max(i, j), m):
                total += inv[k, i] * half[k, j]
            out[i, j] += 0.5 * total
            out[j, i] += 0.5 * total


@njit(**_JIT)
def _answers(eta, cuts, inner, below, above, p, logp):  # type: ignore[no-untyped-def]
    """Fill p[j] = σ(a), below[j] = log σ(a), above[j] = log σ(−a) for a = cut − η, and ``logp`` (K,)."""
    last = len(cuts)
    for j in range(last):
        a = cuts[j] - eta
        e = math.exp(-abs(a))
        tail = math.log(1.0 + e)
        p[j] = 1.0 / (1.0 + e) if a > 0 else e / (1.0 + e)
        below[j] = -tail if a > 0 else a - tail
        above[j] = below[j] - a
    for k in range(last + 1):
        logp[k] = inner[k] + (below[k] if k < last else 0.0) + (above[k - 1] if k > 0 else 0.0)


@njit(**_JIT)
def _push(weight, p, gcuts, ginner):  # type: ignore[no-untyped-def]
    """Return ∂/∂η of Σ weight[k] · log p[k]; adds to the gradients of cuts and inner terms."""
    geta = 0.0
    for j in range(len(p)):
        d = weight[j] * (1.0 - p[j]) - weight[j + 1] * p[j]
        gcuts[j] += d
        geta -= d
    for k in range(len(weight)):
        ginner[k] += weight[k]
    return geta


@njit(**_JIT)
def _interpolate(table, z):  # type: ignore[no-untyped-def]
    """Return a tabulated function (value and slope rows) and its derivative at z: cubic Hermite."""
    last = table.shape[1] - 1
    if z <= -TABLE_EDGE:
        return table[0, 0] + (z + TABLE_EDGE) * table[1, 0], table[1, 0]
    if z >= TABLE_EDGE:
        return table[0, last] + (z - TABLE_EDGE) * table[1, last], table[1, last]
    place = (z + TABLE_EDGE) / TABLE_STEP
    i = min(int(place), last - 1)
    u = place - i
    a, b = table[0, i], table[0, i + 1]
    da, db = table[1, i] * TABLE_STEP, table[1, i + 1] * TABLE_STEP
    c2, c3 = 3.0 * (b - a) - 2.0 * da - db, 2.0 * (a - b) + da + db
    return a + u * (da + u * (c2 + u * c3)), (da + u * (2.0 * c2 + 3.0 * u * c3)) / TABLE_STEP


@njit(**_JIT)
def _lattice_mass(t, d, q, alpha, gq):  # type: ignore[no-untyped-def]
    """Log mass of a topline with any number of groups; adds ∂/∂ log P(group) to ``gq``."""
    groups, points = d.groups.shape[1], d.points.shape[1]
    value = np.full(points, -np.inf)
    top = -np.inf
    for p in range(points):
        if d.constant[t, p] == -np.inf:
            continue
        total = d.constant[t, p]
        for g in range(groups):
            if math.isfinite(d.concentration[t]):
                total += math.lgamma(d.points[t, p, g] + alpha[g]) - math.lgamma(alpha[g])
            else:
                total += d.points[t, p, g] * q[g]
        value[p] = total
        top = max(top, total)
    norm = 0.0
    for p in range(points):
        norm += math.exp(value[p] - top)
    for p in range(points):
        w = math.exp(value[p] - top) / norm
        if w < 1e-18:
            continue
        for g in range(groups):
            if math.isfinite(d.concentration[t]):
                gq[g] += w * alpha[g] * (digamma(d.points[t, p, g] + alpha[g]) - digamma(alpha[g]))
            else:
                gq[g] += w * d.points[t, p, g]
    return top + math.log(norm)


@njit(**_JIT)
def _topline(t, d, logp, weight):  # type: ignore[no-untyped-def]
    """Log mass of topline t; fills ``weight`` with ∂/∂ log p[k]."""
    groups, answers = d.groups.shape[1], d.groups.shape[2]
    q, gq, alpha = np.zeros(groups), np.zeros(groups), np.zeros(groups)
    for g in range(groups):
        total = 0.0
        for k in range(answers):
            total += d.groups[t, g, k] * math.exp(logp[k])
        if total > 0.0:
            q[g] = math.log(total)
        else:
            q[g] = -np.inf
            for k in range(answers):
                if d.groups[t, g, k] > 0.0:
                    q[g] = max(q[g], logp[k])
        if math.isfinite(d.concentration[t]):
            alpha[g] = max(d.concentration[t] * math.exp(q[g]), 1e-300)
    if d.tabulated[t] > 0.5:
        total, slope = _interpolate(d.table[t], q[0] - q[1])
        gq[0], gq[1] = slope, -slope
    else:
        total = _lattice_mass(t, d, q, alpha, gq)
    for k in range(answers):
        weight[k] = 0.0
        for g in range(groups):
            if d.groups[t, g, k] > 0.0:
                weight[k] += gq[g] * math.exp(logp[k] - q[g])
    return total


@njit(**_JIT)
def row_loglik(eta, cuts, d, geta, gcuts, ginner):  # type: ignore[no-untyped-def]
    """Return the masked log likelihood; fills ∂/∂η and adds ∂/∂cuts and ∂/∂inner."""
    answers = len(cuts) + 1
    inner, logp, weight = np.zeros(answers), np.empty(answers), np.empty(answers)
    for k in range(1, answers - 1):
        inner[k] = math.log(-math.expm1(cuts[k - 1] - cuts[k]))
    below, above, p = np.empty(answers - 1), np.empty(answers - 1), np.empty(answers - 1)
    cells = len(d.counts)
    total = _count_rows(eta, cuts, inner, d.counts, d.mask, geta, gcuts, ginner)
    for i in range(cells, len(eta)):
        geta[i] = 0.0
        if d.mask[i] > 0.0:
            _answers(eta[i], cuts, inner, below, above, p, logp)
            total += _topline(i - cells, d, logp, weight)
            geta[i] = _push(weight, p, gcuts, ginner)
    return total


@njit(**_JIT)
def _count_rows(eta, cuts, inner, counts, mask, geta, gcuts, ginner):  # type: ignore[no-untyped-def]
    """Log likelihood of the count rows: Σ_j y_j log σ(cut_j − η) + y_{j+1} log σ(η − cut_j) + inner terms."""
    total, last = 0.0, len(cuts)
    for i in range(len(counts)):
        slope = 0.0
        if mask[i] > 0.0:
            for j in range(last):
                a = cuts[j] - eta[i]
                e = math.exp(-abs(a))
                tail = math.log(1.0 + e)
                p = 1.0 / (1.0 + e) if a > 0 else e / (1.0 + e)
                below = -tail if a > 0 else a - tail
                total += counts[i, j] * below + counts[i, j + 1] * (below - a)
                d = counts[i, j] * (1.0 - p) - counts[i, j + 1] * p
                gcuts[j] += d
                slope -= d
            for k in range(1, last):
                total += counts[i, k] * inner[k]
                ginner[k] += counts[i, k]
        geta[i] = slope
    return total


@njit(**_JIT)
def _cuts(spacing):  # type: ignore[no-untyped-def]
    cuts = np.zeros(len(spacing) + 1)
    for j in range(len(spacing)):
        cuts[j + 1] = cuts[j] + math.exp(spacing[j])
    return cuts - cuts.mean()


@njit(**_JIT)
def _cut_gradient(spacing, gcuts, ginner, grad):  # type: ignore[no-untyped-def]
    """Add to ``grad`` (K-2,) the gradient by the log-spacings."""
    mean = gcuts.mean()
    tail = 0.0
    for j in range(len(spacing) - 1, -1, -1):
        tail += gcuts[j + 1] - mean
        gap = math.exp(spacing[j])
        grad[j] += gap * (tail + ginner[j + 1] / math.expm1(gap))


@njit(**_JIT)
def _contrasts(s, g, offset):  # type: ignore[no-untyped-def]
    """Return the two matrices of block g + 1 and where those of the next one begin."""
    a, b, c, d = s.shape[g]
    middle, end = offset + a * b, offset + a * b + c * d
    return s.basis[offset:middle].reshape(a, b), s.basis[middle:end].reshape(c, d), end


@njit(**_JIT)
def _predict(s, x):  # type: ignore[no-untyped-def]
    """Return the linear predictor (rows,) of coordinates x."""
    eta = np.zeros(s.columns.shape[1])
    for j in range(len(s.columns)):
        for i in range(len(eta)):
            eta[i] += s.columns[j, i] * x[j]
    offset, carrier = 0, 0
    for g in range(len(s.shape)):
        left, right, offset = _contrasts(s, g, offset)
        place, effect, half = s.place[g], np.empty(len(left) * len(right)), np.empty(right.shape[1])
        for c in range(s.m[g + 1]):
            at, values = s.pos[s.first[g + 1] + c], s.carriers[carrier]
            for k in range(len(left)):
                half[:] = 0.0
                for p in range(left.shape[1]):
                    for q in range(len(half)):
                        half[q] += left[k, p] * x[at + p * len(half) + q]
                for h in range(len(right)):
                    total = 0.0
                    for q in range(len(half)):
                        total += right[h, q] * half[q]
                    effect[k * len(right) + h] = total
            for i in range(len(eta)):
                eta[i] += values[i] * effect[place[i]]
            carrier += 1
    return eta


@njit(**_JIT)
def _predict_back(s, geta, gx):  # type: ignore[no-untyped-def]
    """Fill ``gx`` with ∂/∂x, given ∂/∂η: the transpose of `_predict`."""
    gx[:] = 0.0
    for j in range(len(s.columns)):
        for i in range(len(geta)):
            gx[j] += s.columns[j, i] * geta[i]
    offset, carrier = 0, 0
    for g in range(len(s.shape)):
        left, right, offset = _contrasts(s, g, offset)
        place, slope, half = s.place[g], np.empty(len(left) * len(right)), np.empty(right.shape[1])
        for c in range(s.m[g + 1]):
            at, values = s.pos[s.first[g + 1] + c], s.carriers[carrier]
            slope[:] = 0.0
            for i in range(len(geta)):
                slope[place[i]] += values[i] * geta[i]
            for k in range(len(left)):
                half[:] = 0.0
                for h in range(len(right)):
                    for q in range(len(half)):
                        half[q] += right[h, q] * slope[k * len(right) + h]
                for p in range(left.shape[1]):
                    for q in range(len(half)):
                        gx[at + p * len(half) + q] += left[k, p] * half[q]
            carrier += 1


@njit(**_JIT)
def log_density(theta, s, d):  # type: ignore[no-untyped-def]
    """Return (log density, gradient) at an unconstrained ``theta``."""
    n_sd, n_rho, n_cut = len(s.scale_sd), len(s.eta), d.groups.shape[2] - 2
    start = n_sd + n_rho + n_cut
    sd, rho = np.exp(theta[:n_sd]), np.tanh(theta[n_sd : n_sd + n_rho])
    spacing, raw = theta[n_sd + n_rho : start], theta[start:]
    grad = np.zeros(len(theta))
    total = 0.0
    for b in range(n_sd):
        total += theta[b] - 0.5 * (sd[b] / s.scale_sd[b]) ** 2
        grad[b] = 1.0 - (sd[b] / s.scale_sd[b]) ** 2
    for r in range(n_rho):
        z = abs(theta[n_sd + r])
        total -= 2.0 * s.eta[r] * (z + math.log1p(math.exp(-2.0 * z)))
        grad[n_sd + r] = -2.0 * s.eta[r] * rho[r]
    for j in range(n_cut):
        z = (spacing[j] - s.cut_prior[0]) / s.cut_prior[1]
        total -= 0.5 * z * z
        grad[n_sd + n_rho + j] = -z / s.cut_prior[1]
    x, y = raw.copy(), np.zeros(len(raw))
    widest = s.m.max()
    lows, scratch = np.empty((len(s.m), widest, widest)), np.empty((5, widest, widest))
    for g in range(len(s.m)):
        _cov(s, g, sd, rho, lows[g])
        total += _forward(s, g, lows[g], raw, x, y)
    eta = _predict(s, x)
    cuts, geta = _cuts(spacing), np.empty(len(eta))
    gcuts, ginner = np.zeros(len(cuts)), np.zeros(len(cuts) + 1)
    total += row_loglik(eta, cuts, d, geta, gcuts, ginner)
    _cut_gradient(spacing, gcuts, ginner, grad[n_sd + n_rho : start])
    gx, gy = np.zeros(len(raw)), np.zeros(len(raw))
    _predict_back(s, geta, gx)
    for g in range(len(s.m)):
        bar, sensitivity = scratch[0], scratch[1]
        bar[:] = 0.0
        _backward(s, g, lows[g], y, gx, gy, bar)
        _cholesky_back(lows[g], bar, s.m[g], scratch[2], scratch[3], scratch[4], sensitivity)
        _chain(s, g, sensitivity, sd, rho, grad, n_sd)
    grad[start:] = gx
    return total, grad


# --- C callbacks, so that chains run in parallel without Python's lock ------------------------------
# A design and its data travel as one float64 buffer: total length, three shape numbers per array
# (padded with 1), then the contents in the order of the fields of `Structure` and `Data`.
_ARRAYS = len(Structure._fields) + len(Data._fields)
_HEADER = 1 + 3 * _ARRAYS
_DOUBLES = types.CPointer(types.double)


def pack(s: Structure, d: Data) -> np.ndarray:
    """Return all arrays of a design and its data in one buffer."""
    arrays = [np.asarray(a, dtype=np.float64) for a in (*s, *d)]
    shapes = [float(n) for a in arrays for n in (*a.shape, 1, 1)[:3]]
    total = _HEADER + sum(a.size for a in arrays)
    return np.concatenate([[float(total)], shapes, *[a.ravel() for a in arrays]])


@njit(**_JIT)
def unpack(p):  # type: ignore[no-untyped-def]
    """Return the `Structure` and `Data` that `pack` put into a buffer."""
    n = p[1:_HEADER].astype(np.int64).reshape(_ARRAYS, 3)
    at = np.empty(_ARRAYS + 1, dtype=np.int64)
    at[0] = _HEADER
    for k in range(_ARRAYS):
        at[k + 1] = at[k] + n[k, 0] * n[k, 1] * n[k, 2]
    s = Structure(
        p[at[0] : at[1]],
        p[at[1] : at[2]],
        p[at[2] : at[3]],
        p[at[3] : at[4]].astype(np.int64),
        p[at[4] : at[5]].astype(np.int64),
        p[at[5] : at[6]].astype(np.int64),
        p[at[6] : at[7]] > 0.5,
        p[at[7] : at[8]].astype(np.int64),
        p[at[8] : at[9]],
        p[at[9] : at[10]],
        p[at[10] : at[11]].astype(np.int64),
        p[at[11] : at[12]].astype(np.int64).reshape(n[11, 0], n[11, 1]),
        p[at[12] : at[13]],
        p[at[13] : at[14]].reshape(n[13, 0], n[13, 1]),
        p[at[14] : at[15]].astype(np.int64).reshape(n[14, 0], n[14, 1]),
        p[at[15] : at[16]],
        p[at[16] : at[17]].astype(np.int64).reshape(n[16, 0], n[16, 1]),
        p[at[17] : at[18]].reshape(n[17, 0], n[17, 1]),
    )
    d = Data(
        p[at[18] : at[19]].reshape(n[18, 0], n[18, 1]),
        p[at[19] : at[20]].reshape(n[19, 0], n[19, 1], n[19, 2]),
        p[at[20] : at[21]].reshape(n[20, 0], n[20, 1]),
        p[at[21] : at[22]].reshape(n[21, 0], n[21, 1], n[21, 2]),
        p[at[22] : at[23]],
        p[at[23] : at[24]].reshape(n[23, 0], n[23, 1], n[23, 2]),
        p[at[24] : at[25]],
        p[at[25] : at[26]],
    )
    return s, d


@cfunc(types.int64(types.uint64, _DOUBLES, _DOUBLES, _DOUBLES, _DOUBLES), cache=True, error_model="numpy")
def log_density_c(dim, theta, gradient, value, buffer):  # type: ignore[no-untyped-def]
    """Evaluate `kernel.log_density`; 0 if finite, 3 otherwise (the sampler then calls it a divergence)."""
    total = int(carray(buffer, (1,))[0])
    s, d = unpack(carray(buffer, (total,)))
    v, g = log_density(carray(theta, (int(dim),)), s, d)
    out = carray(gradient, (int(dim),))
    finite = np.isfinite(v)
    for i in range(len(g)):
        out[i] = g[i]
        finite = finite and np.isfinite(g[i])
    carray(value, (1,))[0] = v
    return 0 if finite else 3


@cfunc(types.int64(types.uint64, types.uint64, _DOUBLES, _DOUBLES, _DOUBLES), cache=True)
def copy_c(dim, expanded, theta, out, buffer):  # type: ignore[no-untyped-def]
    """Copy the parameters: the sampler's draws are the unconstrained vectors."""
    x, y = carray(theta, (int(dim),)), carray(out, (int(expanded),))
    for i in range(len(x)):
        y[i] = x[i]
    return 0
