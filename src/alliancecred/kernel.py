"""The numba kernel behind `density`: log density and gradient of a `Structure` on `Data`.

Everything compiled stands in this one file, because numba's cache on disk notices a change of the
file a function stands in, and of no other.
"""

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import carray, cfunc, njit, types

from .lattice import TABLE_EDGE, TABLE_STEP

_JIT: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
_TAYLOR = tuple(1.0 / math.factorial(k) for k in range(12, -1, -1))
_AT_ONCE = 64  # patterns of answers whose shares stay in the fastest memory
_ARTANH = tuple(1.0 / k for k in range(29, 0, -2))


class Structure(NamedTuple):
    """A design as arrays. Gaussian block g has ``m[g]`` carriers of ``size[g]`` coordinates each.

    ``pos``, ``centre``, ``centred`` and ``base`` run over the carriers of all blocks (from ``first[g]``);
    ``centred`` is between 0 and 1 (`_forward`), ``base`` holds constant prior variances. Term t of block g,
    ``term_first[g] ≤ t < term_first[g + 1]``, adds ``coef · sd[a] · sd[b] · ρ[r]`` (ρ = 1 for r = -1) to entry
    (i, j), i ≥ j, of the block's covariance.

    The first coordinates multiply ``columns`` (coordinates, rows). Those of block g > 0 are Helmert contrasts along
    factors of ``levels[g - 1]`` levels (0 after the last factor), with ``weight[k]`` = 1 / √(k (k + 1)). Rows of the
    same groups form a unit: ``unit`` (rows,) is the unit of a row, ``place`` (blocks - 1, units) the group of a unit.
    ``carrier`` names, for each carrier of these blocks in turn, the row of ``carriers`` (different carriers, rows)
    that multiplies its effects.

    Where ``walks`` (blocks - 1, factors) is 1, the coordinates along that factor are not contrasts but the steps of a
    random walk, of ``lengths`` (waves - 1,), and its levels their centred running sums. ``half_prior`` (fading
    signals, 2) has mean and sd of log half-lives in weeks, ``weeks`` (fading signals, rows) the time since each
    signal; ``column_fading`` and ``carrier_fading`` say which one a column or a carrier fades with, -1: none.

    Cuts are common, or those of the group ``cut_group`` (rows,) of a row; ``cut_option`` (2,) then has how many groups
    there are and which scale is theirs. ``cut_prior`` (3 + answers - 2,) has mean and sd of common log-spacings, how
    far those of groups are sampled centred (`_forward`), and what is taken from all of them first.

    ``extra_prior`` has mean and sd of further scalars: of answers on a slider (2, 2), the middle of the cuts and the
    log precision; of normal answers (1, 2), log sigma; it is (0, 2) where answers are categories.
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
    levels: np.ndarray
    weight: np.ndarray
    unit: np.ndarray
    place: np.ndarray
    carrier: np.ndarray
    carriers: np.ndarray
    walks: np.ndarray
    lengths: np.ndarray
    half_prior: np.ndarray
    weeks: np.ndarray
    column_fading: np.ndarray
    carrier_fading: np.ndarray
    cut_group: np.ndarray
    cut_option: np.ndarray
    extra_prior: np.ndarray


class Metric(NamedTuple):
    """An affine map θ = middle + P z under which the posterior is roughly a standard normal.

    P is lower triangular and block diagonal: ``dense`` for the first parameters, row j holding column j of P;
    then, for every further block of the `Structure`, ``small`` holds the entries (i, j), i ≥ j, of the lower
    triangles (m, m) of its ``size`` coordinates, entry by entry.
    """

    middle: np.ndarray
    dense: np.ndarray
    small: np.ndarray


class Data(NamedTuple):
    """Observations as arrays (see `cells.Cells`); topline rows follow the count rows.

    ``counts`` (answers, cells) are 0 where a cell is held out; ``mask`` (rows,) is. A topline of two groups is looked
    up in ``table`` (`lattice.tabulate`), any other summed over its ``points``.

    With ``nodes`` (standard normal deviations of people, of ``weight``) the last scale is the sd of people, and
    the counts are those of patterns of answers instead (`respondents.People`), which occur ``times`` and whose
    probabilities are products of ``left``, ``right`` and ``factor`` (`respondents.Products`); ``tilt``
    (rows,) is added for each unit of η (`respondents.by_score`).

    Where one of two profiles was chosen, ``versus`` (pairs, 2) has the rows of each pair, and ``counts`` (2, pairs)
    how often the second and the first was chosen.

    ``sums`` (cells, 3) are those of the answers between the ends of a slider (`sliders.Inside.sums`), or of normal
    answers (`gaussian.sums_of`); without any it has no rows.
    """

    counts: np.ndarray
    points: np.ndarray
    constant: np.ndarray
    groups: np.ndarray
    concentration: np.ndarray
    table: np.ndarray
    tabulated: np.ndarray
    mask: np.ndarray
    nodes: np.ndarray
    weight: np.ndarray
    left: np.ndarray
    right: np.ndarray
    start: np.ndarray
    factor: np.ndarray
    times: np.ndarray
    tilt: np.ndarray
    sums: np.ndarray
    versus: np.ndarray


@njit(fastmath={"reassoc", "contract"}, **_JIT)
def _dot(a, b):  # type: ignore[no-untyped-def]
    """Return Σ a · b, in an order that the processor likes."""
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(**_JIT)
def _add(out, factor, values):  # type: ignore[no-untyped-def]
    """Add factor · values to ``out`` (slices of one length: indices that start at 0 compile to vector code)."""
    for i in range(len(out)):
        out[i] += factor * values[i]


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
def _between(c, d):  # type: ignore[no-untyped-def]
    """Return √v and c d / v, with v = 1 − c + c d² (`_forward`)."""
    root = math.sqrt(1.0 - c + c * d * d)
    return root, c * d / (root * root)


@njit(**_JIT)
def _forward(s, g, low, theta, x, y):  # type: ignore[no-untyped-def]
    """Fill coordinates ``x`` and standardised residuals ``y`` of block g; return its log density.

    x[i] = centre[i] + Σ_{k ≤ i} L[i, k] y[k] = rest + d y[i], with d = L[i, i]. Parameters that are centred by c are
    θ = (x − (1 − κ) rest) / s, with v = 1 − c + c d², κ = c d² / v and s = d / √v: x where c is 1, y where it is 0.
    Under information c / (1 − c) about x, κ is the weight of the data in the mean of x given ``rest``, and s its sd
    up to a constant, so that the width of θ is the same whatever d is (docs/decisions/035).
    """
    m, size, first = s.m[g], s.size[g], s.first[g]
    total = 0.0
    for i in range(m):
        at, diagonal, middle = s.pos[first + i], low[i, i], s.centre[first + i]
        root, slope = _between(s.centred[first + i], diagonal)
        for c in range(size):
            rest = middle
            for k in range(i):
                if low[i, k] != 0.0:
                    rest += low[i, k] * y[s.pos[first + k] + c]
            y[at + c] = theta[at + c] / root - slope * rest
            x[at + c] = rest + diagonal * y[at + c]
            total -= 0.5 * y[at + c] * y[at + c]
        total -= size * math.log(root)
    return total


@njit(**_JIT)
def _backward(s, g, low, x, y, gx, gy, bar):  # type: ignore[no-untyped-def]
    """Reverse of `_forward`: turn ``gx`` into the gradient by the parameters; fill ``bar`` = ∂/∂L."""
    m, size, first = s.m[g], s.size[g], s.first[g]
    for i in range(m - 1, -1, -1):
        at, diagonal, by = s.pos[first + i], low[i, i], s.centred[first + i]
        root, slope = _between(by, diagonal)
        turn = by * (1.0 - 2.0 * slope * diagonal) / root**2
        for c in range(size):
            passed = gy[at + c] - y[at + c] + diagonal * gx[at + c]
            push = gx[at + c] - slope * passed
            rest = x[at + c] - diagonal * y[at + c]
            given = y[at + c] + slope * rest
            bar[i, i] += gx[at + c] * y[at + c] - passed * (slope * given + turn * rest)
            gx[at + c] = passed / root
            for k in range(i):
                other = s.pos[first + k] + c
                bar[i, k] += push * y[other]
                gy[other] += low[i, k] * push
        bar[i, i] -= size * slope


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


@njit(fastmath={"contract"}, **_JIT)
def decay(a, out, power):  # type: ignore[no-untyped-def]
    """Fill ``out`` with exp(−|a|) (0 beyond 700), by vector instructions; ``power`` is scratch.

    exp(x) = 2ⁿ exp(r), |r| ≤ ½ log 2: the rounding of x / log 2 + 1.5 · 2⁵² leaves n in the last bits of the sum,
    and exp(r) is its Taylor series to the 13th power (remainder 5e-18).
    """
    bits = power.view(np.int64)
    for i in range(len(a)):
        x = max(-abs(a[i]), -700.0)
        rounded = x * 1.4426950408889634 + 6755399441055744.0
        n = rounded - 6755399441055744.0
        power[i] = rounded
        r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10
        e = 1.0 / 6227020800
        for c in _TAYLOR:
            e = e * r + c
        out[i] = e
    for i in range(len(a)):
        bits[i] = (bits[i] + 1023) << 52
    for i in range(len(a)):
        out[i] *= power[i]


@njit(**_JIT)
def _lattice_mass(t, d, q, alpha, gq):  # type: ignore[no-untyped-def]
    """Log mass of a topline with any number of groups; adds ∂/∂ log P(group) to ``gq``."""
    groups, points = d.groups.shape[1], d.points.shape[1]
    over, counts = math.isfinite(d.concentration[t]), d.points[t]
    value, share, scratch = d.constant[t].copy(), np.empty(points), np.empty(points)
    for g in range(groups):
        if over:
            for p in range(points):
                value[p] += math.lgamma(counts[p, g] + alpha[g]) - math.lgamma(alpha[g])
        else:
            for p in range(points):
                value[p] += counts[p, g] * q[g]
    top = value.max()
    for p in range(points):
        value[p] -= top
    decay(value, share, scratch)
    norm = share.sum()
    for g in range(groups):
        total = 0.0
        for p in range(points):
            if not over:
                total += share[p] * counts[p, g]
            elif share[p] > 1e-18 * norm:
                total += share[p] * alpha[g] * (digamma(counts[p, g] + alpha[g]) - digamma(alpha[g]))
        gq[g] += total / norm
    return top + math.log(norm)


@njit(**_JIT)
def lattice_sums(counts, constant, q):  # type: ignore[no-untyped-def]
    """Return log Σ_p exp(constant[t, p] + counts[t, p] · q[t, :, b]), (toplines, batch).

    ``counts`` (toplines, groups, points), ``constant`` (toplines, points), ``q`` (toplines, groups, batch).
    """
    toplines, groups, points = counts.shape
    out = np.empty((toplines, q.shape[2]))
    value, share, scratch = np.empty(points), np.empty(points), np.empty(points)
    for t in range(toplines):
        for b in range(q.shape[2]):
            value[:] = constant[t]
            for g in range(groups):
                _add(value, q[t, g, b], counts[t, g])
            top = value.max()
            for p in range(points):
                value[p] -= top
            decay(value, share, scratch)
            out[t, b] = top + math.log(share.sum())
    return out


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
def row_loglik(eta, cuts, group, d, geta, gcuts, ginner):  # type: ignore[no-untyped-def]
    """Return the masked log likelihood; fills ∂/∂η and adds ∂/∂cuts and ∂/∂inner.

    ``cuts`` (groups, answers - 1) of the ``group`` (rows,) of each row.
    """
    answers = cuts.shape[1] + 1
    inner, logp, weight = _inner(cuts), np.empty(answers), np.empty(answers)
    below, above, p = np.empty(answers - 1), np.empty(answers - 1), np.empty(answers - 1)
    cells = d.counts.shape[1]
    total = _count_rows(eta, cuts, group, inner, d.counts, geta, gcuts, ginner)
    for i in range(cells, len(eta)):
        geta[i] = 0.0
        if d.mask[i] > 0.0:
            g = group[i]
            _answers(eta[i], cuts[g], inner[g], below, above, p, logp)
            total += _topline(i - cells, d, logp, weight)
            geta[i] = _push(weight, p, gcuts[g], ginner[g])
    return total


@njit(**_JIT)
def choice_loglik(eta, cuts, d, geta, gcuts, ginner):  # type: ignore[no-untyped-def]
    """Return the log likelihood of choices between two rows, which see η only as a difference; fills ∂/∂η."""
    more, slope = np.empty(len(d.versus)), np.empty(len(d.versus))
    for i in range(len(more)):
        more[i] = eta[d.versus[i, 0]] - eta[d.versus[i, 1]]
    group = np.zeros(len(more), np.int64)
    total = _count_rows(more, cuts, group, _inner(cuts), d.counts, slope, gcuts, ginner)
    geta[:] = 0.0
    for i in range(len(more)):
        geta[d.versus[i, 0]] += slope[i]
        geta[d.versus[i, 1]] -= slope[i]
    return total


@njit(**_JIT)
def people_loglik(eta, cuts, group, sd, d, geta, gcuts, ginner):  # type: ignore[no-untyped-def]
    """Return the log likelihood with people integrated out, and its derivative by the log of their sd.

    Fills ∂/∂η and adds ∂/∂cuts and ∂/∂inner. ``chance`` and ``below`` hold P(answer) and P(y ≤ answer) of every row at
    every node; they are shared by the patterns. ``slope`` holds ∂/∂ log P(answer).
    """
    rows, answers, nodes, cells = len(eta), cuts.shape[1] + 1, len(d.nodes), d.counts.shape[1]
    base, below = rows * answers, np.empty((rows * (answers - 1), nodes))
    chance, scale = np.empty((base + len(d.left), nodes)), np.empty(base + len(d.left))
    slope = np.zeros(chance.shape)
    _at_nodes(eta, cuts, group, sd * d.nodes, chance, below)
    total = _dot(d.tilt, eta)
    marginal, weight = np.empty(answers), np.empty(answers)
    for i in range(cells, rows):
        if d.mask[i] > 0.0:
            for k in range(answers):
                marginal[k] = _dot(d.weight, chance[i * answers + k])
            total += _topline(i - cells, d, np.log(marginal), weight)
            for k in range(answers):
                for z in range(nodes):
                    slope[i * answers + k, z] += weight[k] / marginal[k] * d.weight[z] * chance[i * answers + k, z]
    _multiply(d, base, chance, scale)
    total += _patterns(d, chance, scale, slope)
    _hand_down(d, base, slope)
    by_node, by_sd = np.empty(nodes), 0.0
    for i in range(rows):
        by_node[:] = 0.0
        for j in range(answers - 1):
            p, left, right = below[i * (answers - 1) + j], slope[i * answers + j], slope[i * answers + j + 1]
            for z in range(nodes):
                by_cut = left[z] * (1.0 - p[z]) - right[z] * p[z]
                gcuts[group[i], j] += by_cut
                by_node[z] -= by_cut
        for k in range(1, answers - 1):
            ginner[group[i], k] += slope[i * answers + k].sum()
        geta[i] = by_node.sum() + d.tilt[i]
        by_sd += _dot(by_node, d.nodes)
    return total, by_sd * sd


@njit(**_JIT)
def _inner(cuts):  # type: ignore[no-untyped-def]
    """Return log(1 − exp(−gap)) between the cuts around each answer, 0 for the first and last, (groups, answers)."""
    inner = np.zeros((len(cuts), cuts.shape[1] + 1))
    for g in range(len(cuts)):
        for k in range(1, cuts.shape[1]):
            inner[g, k] = math.log(-math.expm1(cuts[g, k - 1] - cuts[g, k]))
    return inner


@njit(fastmath={"contract"}, **_JIT)
def _at_nodes(eta, cuts, group, away, chance, below):  # type: ignore[no-untyped-def]
    """Fill P(answer), (rows · answers, nodes), and P(y ≤ answer), (rows · (answers - 1), nodes), at η + away.

    σ(a) − σ(b) = σ(a) σ(−b) (1 − exp(b − a)) is exact far in the tails.
    """
    last, nodes = cuts.shape[1], len(away)
    a, e, power = np.empty(nodes), np.empty(nodes), np.empty(nodes)
    for i in range(len(eta)):
        at, own = i * (last + 1), cuts[group[i]]
        for k in range(last + 1):
            chance[at + k] = -math.expm1(own[k - 1] - own[k]) if 0 < k < last else 1.0
        for j in range(last):
            for z in range(nodes):
                a[z] = own[j] - eta[i] - away[z]
            decay(a, e, power)
            for z in range(nodes):
                p = (1.0 if a[z] > 0 else e[z]) / (1.0 + e[z])
                below[i * last + j, z] = p
                chance[at + j, z] *= p
                chance[at + j + 1, z] *= (e[z] if a[z] > 0 else 1.0) / (1.0 + e[z])


@njit(**_JIT)
def _multiply(d, base, chance, scale):  # type: ignore[no-untyped-def]
    """Divide the ``base`` chances of answers by their largest, its log in ``scale``; fill the products of several."""
    for i in range(base):
        top = chance[i].max()
        scale[i] = math.log(top)
        for z in range(chance.shape[1]):
            chance[i, z] /= top
    for i in range(len(d.left)):
        left, right = d.left[i], d.right[i]
        scale[base + i] = scale[left] + scale[right]
        for z in range(chance.shape[1]):
            chance[base + i, z] = chance[left, z] * chance[right, z]


@njit(**_JIT)
def _hand_down(d, base, slope):  # type: ignore[no-untyped-def]
    """Add the slopes by products to those by their factors."""
    for i in range(len(d.left) - 1, -1, -1):
        left, right = d.left[i], d.right[i]
        for z in range(slope.shape[1]):
            slope[left, z] += slope[base + i, z]
            slope[right, z] += slope[base + i, z]


@njit(**_JIT)
def _patterns(d, chance, scale, slope):  # type: ignore[no-untyped-def]
    """Return Σ times · log Σ_z weight_z Π P(answer | z); adds ∂/∂ log P(answer | z) to ``slope``."""
    total, nodes = 0.0, len(d.nodes)
    share, log_mass = np.empty((_AT_ONCE, nodes)), np.empty(_AT_ONCE)
    for begin in range(0, len(d.times), _AT_ONCE):
        end = min(begin + _AT_ONCE, len(d.times))
        _some_patterns(d, begin, end, chance, scale, share, log_mass)
        for p in range(begin, end):
            total += d.times[p] * log_mass[p - begin]
            for z in range(nodes):
                share[p - begin, z] *= d.times[p]
        for p in range(begin, end):
            for f in range(d.start[p], d.start[p + 1]):
                to = d.factor[f]
                for z in range(nodes):
                    slope[to, z] += share[p - begin, z]
    return total


@njit(fastmath={"contract", "reassoc"}, **_JIT)
def _some_patterns(d, begin, end, chance, scale, share, log_mass):  # type: ignore[no-untyped-def]
    """Fill log Σ_z weight_z P(answers | z) of patterns, and ``share``, its terms over their sum.

    One kind of loop after the other: together they would not become vector code.
    """
    nodes = len(d.nodes)
    for p in range(begin, end):
        one = d.factor[d.start[p]]
        for z in range(nodes):
            share[p - begin, z] = d.weight[z] * chance[one, z]
        log_mass[p - begin] = scale[one]
    for p in range(begin, end):
        for f in range(d.start[p] + 1, d.start[p + 1]):
            one = d.factor[f]
            for z in range(nodes):
                share[p - begin, z] *= chance[one, z]
            log_mass[p - begin] += scale[one]
    for p in range(begin, end):
        mass = 0.0
        for z in range(nodes):
            mass += share[p - begin, z]
        log_mass[p - begin] += math.log(mass)
        for z in range(nodes):
            share[p - begin, z] /= mass


@njit(**_JIT)
def pattern_logs(eta, cuts, group, sd, d):  # type: ignore[no-untyped-def]
    """Return log P(answers) of each pattern, (patterns,), and the shares of the nodes in it, (patterns, nodes)."""
    last, nodes, patterns = cuts.shape[1], len(d.nodes), len(d.times)
    base = len(eta) * (last + 1)
    chance, scale = np.empty((base + len(d.left), nodes)), np.empty(base + len(d.left))
    _at_nodes(eta, cuts, group, sd * d.nodes, chance, np.empty((len(eta) * last, nodes)))
    _multiply(d, base, chance, scale)
    out, share = np.empty(patterns), np.empty((patterns, nodes))
    _some_patterns(d, 0, patterns, chance, scale, share, out)
    return out, share


@njit(fastmath={"contract"}, **_JIT)
def _log1p(e):  # type: ignore[no-untyped-def]
    """Return log(1 + e), 0 ≤ e ≤ 1: 2 artanh(e / (2 + e)), its series summed to the 31st power (remainder 1e-17)."""
    s = e / (2.0 + e)
    z = s * s
    series = 1.0 / 31
    for c in _ARTANH:
        series = series * z + c
    return 2.0 * s * series


@njit(fastmath={"contract", "reassoc"}, **_JIT)
def _one_cut(a, e, lower, upper, geta):  # type: ignore[no-untyped-def]
    """Add one cut's terms: Σ lower · log σ(a) + upper · log σ(−a), a = cut − η; return it and ∂/∂cut.

    ``e`` is exp(−|a|).
    """
    total, slope = 0.0, 0.0
    for i in range(len(a)):
        below = min(a[i], 0.0) - _log1p(e[i])
        p = (1.0 if a[i] > 0 else e[i]) / (1.0 + e[i])
        total += lower[i] * below + upper[i] * (below - a[i])
        d = lower[i] * (1.0 - p) - upper[i] * p
        slope += d
        geta[i] -= d
    return total, slope


@njit(fastmath={"contract"}, **_JIT)
def count_terms(eta, cuts, counts, total, slope, curvature):  # type: ignore[no-untyped-def]
    """Add the terms of `_count_rows` for a batch, with slope and minus curvature by η.

    ``eta``, ``slope`` and ``curvature`` are (rows, batch), ``cuts`` (answers - 1, batch), ``counts`` (rows, answers).
    """
    batch = eta.shape[1]
    a, e, power = np.empty(batch), np.empty(batch), np.empty(batch)
    for i in range(len(eta)):
        by_row, bend = slope[i], curvature[i]
        for j in range(len(cuts)):
            lower, upper = counts[i, j], counts[i, j + 1]
            for b in range(batch):
                a[b] = cuts[j, b] - eta[i, b]
            decay(a, e, power)
            for b in range(batch):
                below = min(a[b], 0.0) - _log1p(e[b])
                total[b] += lower * below + upper * (below - a[b])
                share = (lower + upper) * ((1.0 if a[b] > 0 else e[b]) / (1.0 + e[b]))
                by_row[b] += share - lower
                bend[b] += share * ((e[b] if a[b] > 0 else 1.0) / (1.0 + e[b]))


@njit(**_JIT)
def _count_rows(eta, cuts, group, inner, counts, geta, gcuts, ginner):  # type: ignore[no-untyped-def]
    """Log likelihood of the count rows: Σ_j y_j log σ(cut_j − η) + y_{j+1} log σ(η − cut_j) + inner terms."""
    total, rows = 0.0, counts.shape[1]
    a, e, power = np.empty(rows), np.empty(rows), np.empty(rows)
    slope = geta[:rows]
    slope[:] = 0.0
    start = 0
    while start < rows:  # rows next to each other that have the same cuts
        g, stop = group[start], start + 1
        while stop < rows and group[stop] == g:
            stop += 1
        for j in range(cuts.shape[1]):
            for i in range(start, stop):
                a[i] = cuts[g, j] - eta[i]
            decay(a[start:stop], e[start:stop], power[start:stop])
            value, by_cut = _one_cut(
                a[start:stop], e[start:stop], counts[j, start:stop], counts[j + 1, start:stop], slope[start:stop]
            )
            total += value
            gcuts[g, j] += by_cut
        for k in range(1, cuts.shape[1]):
            answers = counts[k, start:stop].sum()
            total += answers * inner[g, k]
            ginner[g, k] += answers
        start = stop
    return total


@njit(**_JIT)
def inside_loglik(eta, log_precision, inside, geta):  # type: ignore[no-untyped-def]
    """Return the log density of slider answers between the ends and its derivative by the log precision.

    Beta(μφ, (1 − μ)φ), μ = σ(η); adds ∂/∂η to ``geta``.
    """
    phi, total, by_phi = math.exp(log_precision), 0.0, 0.0
    whole, psi = math.lgamma(phi), digamma(phi)
    for i in range(len(inside)):
        n, logs, rest = inside[i]
        if n > 0.0:
            mean, other = 1.0 / (1.0 + math.exp(-eta[i])), 1.0 / (1.0 + math.exp(eta[i]))
            a, b = max(mean * phi, 1e-9), max(other * phi, 1e-9)
            psi_a, psi_b = digamma(a), digamma(b)
            total += n * (whole - math.lgamma(a) - math.lgamma(b)) + (a - 1.0) * logs + (b - 1.0) * rest
            geta[i] += phi * (n * (psi_b - psi_a) + logs - rest) * mean * other
            by_phi += n * (psi - mean * psi_a - other * psi_b) + mean * logs + other * rest
    return total, by_phi * phi


@njit(**_JIT)
def normal_loglik(eta, log_sigma, sums, geta):  # type: ignore[no-untyped-def]
    """Return the log density of normal answers and its derivative by log sigma; fills ``geta`` with ∂/∂η."""
    known, total, by_sigma = math.exp(-2.0 * log_sigma), 0.0, 0.0
    geta[:] = 0.0
    for i in range(len(sums)):
        n, first, second = sums[i]
        away = (second - 2.0 * eta[i] * first + n * eta[i] * eta[i]) * known
        total -= n * log_sigma + 0.5 * away
        geta[i] = (first - n * eta[i]) * known
        by_sigma += away - n
    return total, by_sigma


@njit(**_JIT)
def _cuts(spacing):  # type: ignore[no-untyped-def]
    cuts = np.zeros(len(spacing) + 1)
    for j in range(len(spacing)):
        cuts[j + 1] = cuts[j] + math.exp(spacing[j])
    return cuts - cuts.mean()


@njit(**_JIT)
def _spacings(s, spacing, sd, common):  # type: ignore[no-untyped-def]
    """Return the log-spacings of every group of cuts, (groups, answers - 2), and the log prior of those of groups."""
    groups, scale = s.cut_option
    out, total, d = np.empty((max(groups, 1), common)), 0.0, sd[scale] if groups else 1.0
    root, slope = _between(s.cut_prior[2], d)
    for g in range(len(out)):
        for j in range(common):
            if groups == 0:
                out[g, j] = spacing[j]
                continue
            z = spacing[common * (1 + g) + j] / root - slope * (spacing[j] - s.cut_prior[3 + j])
            out[g, j] = spacing[j] + d * z
            total -= 0.5 * z * z + math.log(root)
    return out, total


@njit(**_JIT)
def _spacings_back(s, spacing, sd, gspacing, grad, start):  # type: ignore[no-untyped-def]
    """Add to ``grad`` the gradient by what `_spacings` was given: log-spacings from ``start`` on, and log sd."""
    groups, scale = s.cut_option
    common, d = gspacing.shape[1], sd[scale] if groups else 1.0
    root, slope = _between(s.cut_prior[2], d)
    turn = s.cut_prior[2] * (1.0 - 2.0 * slope * d) / root**2
    for g in range(len(gspacing)):
        for j in range(common):
            at, own = start + j, start + common * (1 + g) + j
            if groups == 0:
                grad[at] += gspacing[g, j]
                continue
            given, rest = spacing[common * (1 + g) + j] / root, spacing[j] - s.cut_prior[3 + j]
            z = given - slope * rest
            passed = gspacing[g, j] * d - z
            grad[own] += passed / root
            grad[at] += gspacing[g, j] - slope * passed
            grad[scale] += d * (gspacing[g, j] * z - passed * (slope * given + turn * rest) - slope)


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
def _most_groups(s):  # type: ignore[no-untyped-def]
    """Return the size of the largest grid of groups."""
    most = 0
    for g in range(len(s.levels)):
        groups = 1
        for f in range(s.levels.shape[1]):
            groups *= max(s.levels[g, f], 1)
        most = max(most, groups)
    return most


@njit(**_JIT)
def _effects(levels, walks, weight, lengths, x, effect, other):  # type: ignore[no-untyped-def]
    """Return effects (grid of ``levels``) of coordinates x, in ``effect`` or in the scratch ``other``.

    Along one factor, Helmert contrasts give effect[h] = Σ_{k > h} w_k x_k − h w_h x_h with w_k = 1 / √(k (k + 1)):
    a sum that runs backwards instead of a product with a matrix. Steps of a walk give Σ_{k ≤ h} l_k x_k less the mean
    of these sums. ``levels`` ends at the first 0.
    """
    target, source = effect, other
    source[: len(x)] = x
    factors, after = 0, 1
    while factors < len(levels) and levels[factors] > 0:
        factors += 1
    before = 1
    for f in range(factors - 1):
        before *= levels[f] - 1
    for f in range(factors - 1, -1, -1):
        n = levels[f]
        for b in range(before):
            for r in range(after):
                running = 0.0
                if walks[f] > 0:
                    mean = 0.0
                    for h in range(1, n):
                        running += lengths[h - 1] * source[(b * (n - 1) + h - 1) * after + r]
                        target[(b * n + h) * after + r] = running
                        mean += running / n
                    target[b * n * after + r] = 0.0
                    for h in range(n):
                        target[(b * n + h) * after + r] -= mean
                else:
                    for h in range(n - 1, 0, -1):
                        term = weight[h] * source[(b * (n - 1) + h - 1) * after + r]
                        target[(b * n + h) * after + r] = running - h * term
                        running += term
                    target[b * n * after + r] = running
        target, source = source, target
        after *= n
        if f > 0:
            before //= levels[f - 1] - 1
    return source


@njit(**_JIT)
def _slopes(levels, walks, weight, lengths, slope, other):  # type: ignore[no-untyped-def]
    """Return the transpose of `_effects` times ``slope`` (grid of ``levels``), in one of the two arrays."""
    target, source = other, slope
    after, before = 1, 1
    for f in range(len(levels)):
        if levels[f] > 0:
            after *= levels[f]
    for f in range(len(levels)):
        n = levels[f]
        if n == 0:
            break
        after //= n
        for b in range(before):
            for r in range(after):
                running = 0.0
                if walks[f] > 0:
                    mean = 0.0
                    for h in range(n):
                        mean += source[(b * n + h) * after + r] / n
                    for h in range(n - 1, 0, -1):
                        running += source[(b * n + h) * after + r] - mean
                        target[(b * (n - 1) + h - 1) * after + r] = lengths[h - 1] * running
                else:
                    for h in range(1, n):
                        running += source[(b * n + h - 1) * after + r]
                        target[(b * (n - 1) + h - 1) * after + r] = weight[h] * (
                            running - h * source[(b * n + h) * after + r]
                        )
        target, source = source, target
        before *= n - 1
    return source


@njit(**_JIT)
def _predict(s, x, left, eta, by_unit):  # type: ignore[no-untyped-def]
    """Fill the linear predictor ``eta`` (rows,) of coordinates x, and what the carriers carry, ``by_unit``.

    Effects are added up by unit (rows of the same groups) before the rows look them up; ``left`` (fading signals,
    rows) is what is left of them.
    """
    units, groups = s.place.shape[1], _most_groups(s)
    scratch, other = np.empty(groups), np.empty(groups)
    by_unit[:] = 0.0
    k = 0
    for g in range(len(s.levels)):
        place, size = s.place[g], s.size[g + 1]
        for c in range(s.m[g + 1]):
            at, start = s.pos[s.first[g + 1] + c], s.carrier[k] * units
            k += 1
            effect = _effects(s.levels[g], s.walks[g], s.weight, s.lengths, x[at : at + size], scratch, other)
            for u in range(units):
                by_unit[start + u] += effect[place[u]]
    eta[:] = 0.0
    for j in range(len(s.columns)):
        f = s.column_fading[j]
        if f < 0:
            _add(eta, x[j], s.columns[j])
        else:
            _add(eta, x[j], s.columns[j] * left[f])
    for j in range(len(s.carriers)):
        values, total, f = s.carriers[j], by_unit[j * units : (j + 1) * units], s.carrier_fading[j]
        if f < 0:
            for i in range(len(eta)):
                eta[i] += values[i] * total[s.unit[i]]
        else:
            for i in range(len(eta)):
                eta[i] += values[i] * left[f, i] * total[s.unit[i]]


@njit(**_JIT)
def _predict_back(s, x, left, carried, geta, gx, gleft):  # type: ignore[no-untyped-def]
    """Fill ``gx`` with ∂/∂x and ``gleft`` with ∂/∂left, given ∂/∂η: the transpose of `_predict`."""
    units, groups = s.place.shape[1], _most_groups(s)
    by_unit, slope, other = np.zeros(len(s.carriers) * units), np.empty(groups), np.empty(groups)
    gleft[:] = 0.0
    for j in range(len(s.columns)):
        f = s.column_fading[j]
        if f < 0:
            gx[j] = _dot(s.columns[j], geta)
        else:
            gx[j] = _dot(s.columns[j], geta * left[f])
            _add(gleft[f], x[j], s.columns[j] * geta)
    for j in range(len(s.carriers)):
        values, f = s.carriers[j], s.carrier_fading[j]
        total, given = by_unit[j * units : (j + 1) * units], carried[j * units : (j + 1) * units]
        if f < 0:
            for i in range(len(geta)):
                total[s.unit[i]] += values[i] * geta[i]
        else:
            for i in range(len(geta)):
                total[s.unit[i]] += values[i] * left[f, i] * geta[i]
                gleft[f, i] += values[i] * given[s.unit[i]] * geta[i]
    k = 0
    for g in range(len(s.levels)):
        place, size = s.place[g], s.size[g + 1]
        for c in range(s.m[g + 1]):
            at, start = s.pos[s.first[g + 1] + c], s.carrier[k] * units
            k += 1
            slope[:] = 0.0
            for u in range(units):
                slope[place[u]] += by_unit[start + u]
            gx[at : at + size] = _slopes(s.levels[g], s.walks[g], s.weight, s.lengths, slope, other)[:size]


@njit(**_JIT)
def log_density(theta, s, d):  # type: ignore[no-untyped-def]
    """Return (log density, gradient) at an unconstrained ``theta``."""
    n_sd, n_rho, common = len(s.scale_sd), len(s.eta), d.groups.shape[2] - 2
    n_cut = common * (1 + s.cut_option[0])
    extra = n_sd + n_rho + n_cut
    fading = extra + len(s.extra_prior)
    start = fading + len(s.half_prior)
    sd, rho = np.exp(theta[:n_sd]), np.tanh(theta[n_sd : n_sd + n_rho])
    spacing, raw = theta[n_sd + n_rho : extra], theta[start:]
    grad = np.zeros(len(theta))
    total = 0.0
    for b in range(n_sd):
        total += theta[b] - 0.5 * (sd[b] / s.scale_sd[b]) ** 2
        grad[b] = 1.0 - (sd[b] / s.scale_sd[b]) ** 2
    for r in range(n_rho):
        z = abs(theta[n_sd + r])
        total -= 2.0 * s.eta[r] * (z + math.log1p(math.exp(-2.0 * z)))
        grad[n_sd + r] = -2.0 * s.eta[r] * rho[r]
    for j in range(common):
        z = (spacing[j] - s.cut_prior[0]) / s.cut_prior[1]
        total -= 0.5 * z * z
        grad[n_sd + n_rho + j] = -z / s.cut_prior[1]
    by_group, log_density_of = _spacings(s, spacing, sd, common)
    total += log_density_of
    on_slider, normal = len(s.extra_prior) == 2, len(s.extra_prior) == 1
    location = theta[extra] if on_slider else 0.0
    for k in range(len(s.extra_prior)):
        z = (theta[extra + k] - s.extra_prior[k, 0]) / s.extra_prior[k, 1]
        total -= 0.5 * z * z
        grad[extra + k] = -z / s.extra_prior[k, 1]
    left, gleft = np.empty(s.weeks.shape), np.empty(s.weeks.shape)
    for f in range(len(s.half_prior)):
        z = (theta[fading + f] - s.half_prior[f, 0]) / s.half_prior[f, 1]
        total -= 0.5 * z * z
        grad[fading + f] = -z / s.half_prior[f, 1]
        left[f] = np.exp(-math.log(2.0) * math.exp(-theta[fading + f]) * s.weeks[f])
    x, y = raw.copy(), np.zeros(len(raw))
    widest = s.m.max()
    lows, scratch = np.empty((len(s.m), widest, widest)), np.empty((5, widest, widest))
    for g in range(len(s.m)):
        _cov(s, g, sd, rho, lows[g])
        total += _forward(s, g, lows[g], raw, x, y)
    eta, geta = np.empty(len(s.unit)), np.empty(len(s.unit))
    carried = np.empty(len(s.carriers) * s.place.shape[1])
    _predict(s, x, left, eta, carried)
    cuts = np.empty((len(by_group), common + 1))
    for g in range(len(by_group)):
        cuts[g] = location + _cuts(by_group[g])
    gcuts, ginner = np.zeros(cuts.shape), np.zeros((len(cuts), common + 2))
    gspacing = np.zeros(by_group.shape)
    if len(d.nodes) > 0:
        value, by_sd = people_loglik(eta, cuts, s.cut_group, sd[n_sd - 1], d, geta, gcuts, ginner)
        total += value
        grad[n_sd - 1] += by_sd
    elif len(d.versus) > 0:
        total += choice_loglik(eta, cuts, d, geta, gcuts, ginner)
    elif normal:
        value, by_sigma = normal_loglik(eta, theta[extra], d.sums, geta)
        total += value
        grad[extra] += by_sigma
    else:
        total += row_loglik(eta, cuts, s.cut_group, d, geta, gcuts, ginner)
    if on_slider:
        value, by_precision = inside_loglik(eta, theta[extra + 1], d.sums, geta)
        total += value
        grad[extra] += gcuts.sum()
        grad[extra + 1] += by_precision
    for g in range(len(by_group)):
        _cut_gradient(by_group[g], gcuts[g], ginner[g], gspacing[g])
    _spacings_back(s, spacing, sd, gspacing, grad, n_sd + n_rho)
    gx, gy = grad[start:], np.zeros(len(raw))
    _predict_back(s, x, left, carried, geta, gx, gleft)
    for f in range(len(s.half_prior)):
        rate = math.log(2.0) * math.exp(-theta[fading + f])
        for i in range(len(eta)):
            grad[fading + f] += gleft[f, i] * left[f, i] * rate * s.weeks[f, i]
    for g in range(len(s.m)):
        bar, sensitivity = scratch[0], scratch[1]
        bar[:] = 0.0
        _backward(s, g, lows[g], x, y, gx, gy, bar)
        _cholesky_back(lows[g], bar, s.m[g], scratch[2], scratch[3], scratch[4], sensitivity)
        _chain(s, g, sensitivity, sd, rho, grad, n_sd)
    return total, grad


@njit(**_JIT)
def spread(s, metric, z):  # type: ignore[no-untyped-def]
    """Return θ = middle + P z."""
    theta, dense = metric.middle.copy(), len(metric.dense)
    for j in range(dense):
        _add(theta[j:dense], z[j], metric.dense[j, j:])
    _add_small(s, metric, z, theta, False)
    return theta


@njit(**_JIT)
def gather(s, metric, gradient):  # type: ignore[no-untyped-def]
    """Return Pᵀ times a gradient by θ: the gradient by z."""
    out, dense = np.zeros(len(gradient)), len(metric.dense)
    for j in range(dense):
        out[j] = _dot(metric.dense[j, j:], gradient[j:dense])
    _add_small(s, metric, gradient, out, True)
    return out


@njit(**_JIT)
def _add_small(s, metric, source, target, transposed):  # type: ignore[no-untyped-def]
    """Add the product of the small triangles, or of their transposes, with ``source`` to ``target``."""
    at, entry = len(metric.dense), 0
    for g in range(_first_small(s, metric), len(s.m)):
        m, size = s.m[g], s.size[g]
        for i in range(m):
            for j in range(i + 1):
                to, by = (at + j * size, at + i * size) if transposed else (at + i * size, at + j * size)
                out, given, values = target[to : to + size], source[by : by + size], metric.small[entry : entry + size]
                for c in range(size):
                    out[c] += values[c] * given[c]
                entry += size
        at += m * size


@njit(**_JIT)
def _first_small(s, metric):  # type: ignore[no-untyped-def]
    """Return the first block beyond the dense part."""
    left = len(metric.middle) - len(metric.dense)
    for g in range(len(s.m) - 1, -1, -1):
        if left == 0:
            return g + 1
        left -= s.m[g] * s.size[g]
    return 0


# --- C callbacks, so that chains run in parallel without Python's lock ------------------------------
# A design, its metric and its data travel as one float64 buffer: total length, three shape numbers per array
# (padded with 1), then the contents in the order of the fields; integers keep their 64 bits.
_PARTS = (Structure, Metric, Data)
_ARRAYS = sum(len(part._fields) for part in _PARTS)
_HEADER = 1 + 3 * _ARRAYS
_DOUBLES = types.CPointer(types.double)


def pack(s: Structure, metric: Metric, d: Data) -> np.ndarray:
    """Return all arrays of a design, its metric and its data in one buffer."""
    arrays = [np.ascontiguousarray(a) for a in (*s, *metric, *d)]
    shapes = np.array([n for a in arrays for n in (*a.shape, 1, 1)[:3]], dtype=np.int64)
    total = np.array([_HEADER + sum(a.size for a in arrays)], dtype=np.int64)
    return np.concatenate([a.ravel().view(np.float64) for a in (total, shapes, *arrays)])


@njit(**_JIT)
def unpack(p):  # type: ignore[no-untyped-def]
    """Return the `Structure`, `Metric` and `Data` that `pack` put into a buffer."""
    n = p[1:_HEADER].view(np.int64).reshape(_ARRAYS, 3)
    at = np.empty(_ARRAYS + 1, dtype=np.int64)
    at[0] = _HEADER
    for k in range(_ARRAYS):
        at[k + 1] = at[k] + n[k, 0] * n[k, 1] * n[k, 2]
    s = Structure(
        p[at[0] : at[1]],
        p[at[1] : at[2]],
        p[at[2] : at[3]],
        p[at[3] : at[4]].view(np.int64),
        p[at[4] : at[5]].view(np.int64),
        p[at[5] : at[6]].view(np.int64),
        p[at[6] : at[7]],
        p[at[7] : at[8]].view(np.int64),
        p[at[8] : at[9]],
        p[at[9] : at[10]],
        p[at[10] : at[11]].view(np.int64),
        p[at[11] : at[12]].view(np.int64).reshape(n[11, 0], n[11, 1]),
        p[at[12] : at[13]],
        p[at[13] : at[14]].reshape(n[13, 0], n[13, 1]),
        p[at[14] : at[15]].view(np.int64).reshape(n[14, 0], n[14, 1]),
        p[at[15] : at[16]],
        p[at[16] : at[17]].view(np.int64),
        p[at[17] : at[18]].view(np.int64).reshape(n[17, 0], n[17, 1]),
        p[at[18] : at[19]].view(np.int64),
        p[at[19] : at[20]].reshape(n[19, 0], n[19, 1]),
        p[at[20] : at[21]].view(np.int64).reshape(n[20, 0], n[20, 1]),
        p[at[21] : at[22]],
        p[at[22] : at[23]].reshape(n[22, 0], n[22, 1]),
        p[at[23] : at[24]].reshape(n[23, 0], n[23, 1]),
        p[at[24] : at[25]].view(np.int64),
        p[at[25] : at[26]].view(np.int64),
        p[at[26] : at[27]].view(np.int64),
        p[at[27] : at[28]].view(np.int64),
        p[at[28] : at[29]].reshape(n[28, 0], n[28, 1]),
    )
    metric = Metric(
        p[at[29] : at[30]],
        p[at[30] : at[31]].reshape(n[30, 0], n[30, 1]),
        p[at[31] : at[32]],
    )
    d = Data(
        p[at[32] : at[33]].reshape(n[32, 0], n[32, 1]),
        p[at[33] : at[34]].reshape(n[33, 0], n[33, 1], n[33, 2]),
        p[at[34] : at[35]].reshape(n[34, 0], n[34, 1]),
        p[at[35] : at[36]].reshape(n[35, 0], n[35, 1], n[35, 2]),
        p[at[36] : at[37]],
        p[at[37] : at[38]].reshape(n[37, 0], n[37, 1], n[37, 2]),
        p[at[38] : at[39]],
        p[at[39] : at[40]],
        p[at[40] : at[41]],
        p[at[41] : at[42]],
        p[at[42] : at[43]].view(np.int64),
        p[at[43] : at[44]].view(np.int64),
        p[at[44] : at[45]].view(np.int64),
        p[at[45] : at[46]].view(np.int64),
        p[at[46] : at[47]],
        p[at[47] : at[48]],
        p[at[48] : at[49]].reshape(n[48, 0], n[48, 1]),
        p[at[49] : at[50]].view(np.int64).reshape(n[49, 0], n[49, 1]),
    )
    return s, metric, d


@njit(**_JIT)
def _length(buffer):  # type: ignore[no-untyped-def]
    return carray(buffer, (1,)).view(np.int64)[0]


def _log_density_c(dim, z, gradient, value, buffer):  # type: ignore[no-untyped-def]
    """Evaluate `kernel.log_density` at `spread` z; 0 if finite, 3 otherwise (the sampler calls it a divergence)."""
    s, metric, d = unpack(carray(buffer, (_length(buffer),)))
    v, by_theta = log_density(spread(s, metric, carray(z, (int(dim),))), s, d)
    g = gather(s, metric, by_theta)
    out = carray(gradient, (int(dim),))
    finite = np.isfinite(v)
    for i in range(len(g)):
        out[i] = g[i]
        finite = finite and np.isfinite(g[i])
    carray(value, (1,))[0] = v
    return 0 if finite else 3


def _spread_c(dim, expanded, z, out, buffer):  # type: ignore[no-untyped-def]
    """Write θ: the sampler's draws are the unconstrained vectors of the density."""
    s, metric, _ = unpack(carray(buffer, (_length(buffer),)))
    theta, target = spread(s, metric, carray(z, (int(dim),))), carray(out, (int(expanded),))
    for i in range(len(theta)):
        target[i] = theta[i]
    return 0


@cache
def callbacks() -> tuple[Any, Any]:
    """Return the C functions of density and of θ, compiled now if they are not on disk: about a minute, once.

    Only the sampler needs them; to import this file must cost those nothing who do not sample.
    """
    options: dict[str, Any] = {"cache": True, "error_model": "numpy"}
    density = types.int64(types.uint64, _DOUBLES, _DOUBLES, _DOUBLES, _DOUBLES)
    values = types.int64(types.uint64, types.uint64, _DOUBLES, _DOUBLES, _DOUBLES)
    return cfunc(density, **options)(_log_density_c), cfunc(values, **options)(_spread_c)
