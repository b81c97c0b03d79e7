"""The numba kernel behind `density`: log density and gradient of a `Structure` on `Data`."""

import math

import numpy as np
from numba import njit

from .density import Data, Structure

_JIT = {"cache": True, "nogil": True, "error_model": "numpy"}


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
def _log_sigmoid(x):  # type: ignore[no-untyped-def]
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


@njit(**_JIT)
def _cov(s, g, sd, rho):  # type: ignore[no-untyped-def]
    """Lower Cholesky factor of the covariance of block g; NaN where it is not positive definite."""
    m = s.m[g]
    low = np.zeros((m, m))
    for i in range(m):
        low[i, i] = s.base[s.first[g] + i]
    for t in range(len(s.term_block)):
        if s.term_block[t] == g:
            i, j, a, b, r = s.term_index[t]
            low[i, j] += s.term_coef[t] * sd[a] * sd[b] * (rho[r] if r >= 0 else 1.0)
    for i in range(m):
        for j in range(i + 1):
            total = low[i, j]
            for k in range(j):
                total -= low[i, k] * low[j, k]
            if i == j:
                low[i, i] = math.sqrt(total) if total > 0.0 else np.nan
            else:
                low[i, j] = total / low[j, j]
    return low


@njit(**_JIT)
def _inverse(low):  # type: ignore[no-untyped-def]
    """Inverse of a lower triangular matrix."""
    m = len(low)
    out = np.zeros((m, m))
    for c in range(m):
        out[c, c] = 1.0 / low[c, c]
        for i in range(c + 1, m):
            total = 0.0
            for k in range(c, i):
                total -= low[i, k] * out[k, c]
            out[i, c] = total / low[i, i]
    return out


@njit(**_JIT)
def _chain(s, g, sensitivity, sd, rho, grad, rho_start):  # type: ignore[no-untyped-def]
    """Add to ``grad`` what the covariance of block g passes on to log sd and atanh ρ.

    ``sensitivity`` is ∂ log density / ∂ Σ, symmetric.
    """
    for t in range(len(s.term_block)):
        if s.term_block[t] != g:
            continue
        i, j, a, b, r = s.term_index[t]
        d = sensitivity[i, j] * (1.0 if i == j else 2.0) * s.term_coef[t] * sd[a] * sd[b]
        value = d * rho[r] if r >= 0 else d
        grad[a] += value
        grad[b] += value
        if r >= 0:
            grad[rho_start + r] += d * (1.0 - rho[r] ** 2)


@njit(**_JIT)
def _gauss(s, g, low, inv, x, gx, sensitivity):  # type: ignore[no-untyped-def]
    """Log density of a centred block; adds to ``gx`` and fills ``sensitivity``."""
    m, size, first = s.m[g], s.size[g], s.first[g]
    total = 0.0
    y, w = np.empty(m), np.empty(m)
    for i in range(m):
        total -= size * math.log(low[i, i])
    for c in range(size):
        for i in range(m):
            y[i] = 0.0
            for k in range(i + 1):
                y[i] += inv[i, k] * (x[s.pos[first + k] + c] - s.centre[first + k])
            total -= 0.5 * y[i] * y[i]
        for i in range(m):
            w[i] = 0.0
            for k in range(i, m):
                w[i] += inv[k, i] * y[k]
            gx[s.pos[first + i] + c] -= w[i]
        for i in range(m):
            for j in range(m):
                sensitivity[i, j] += 0.5 * w[i] * w[j]
    for i in range(m):
        for j in range(m):
            for k in range(max(i, j), m):
                sensitivity[i, j] -= 0.5 * size * inv[k, i] * inv[k, j]
    return total


@njit(**_JIT)
def _uncentre(s, g, low, raw, x):  # type: ignore[no-untyped-def]
    """Fill ``x`` of a non-centred block from its raw coordinates; return their log density."""
    m, size, first = s.m[g], s.size[g], s.first[g]
    total = 0.0
    for c in range(size):
        for i in range(m):
            value = 0.0
            for k in range(i + 1):
                value += low[i, k] * raw[s.pos[first + k] + c]
            x[s.pos[first + i] + c] = value
            total -= 0.5 * raw[s.pos[first + i] + c] ** 2
    return total


@njit(**_JIT)
def _uncentre_back(s, g, low, inv, raw, gx, sensitivity):  # type: ignore[no-untyped-def]
    """Turn ``gx`` of a non-centred block into the gradient by its raw coordinates; fill ``sensitivity``.

    Reverse mode through the Cholesky factor (Murray 2016): Σ̄ = sym(L⁻ᵀ Φ(Lᵀ L̄) L⁻¹).
    """
    m, size, first = s.m[g], s.size[g], s.first[g]
    bar, phi = np.zeros((m, m)), np.zeros((m, m))
    fresh = np.empty(m)
    for c in range(size):
        for k in range(m):
            fresh[k] = -raw[s.pos[first + k] + c]
            for i in range(k, m):
                fresh[k] += low[i, k] * gx[s.pos[first + i] + c]
                bar[i, k] += gx[s.pos[first + i] + c] * raw[s.pos[first + k] + c]
        for k in range(m):
            gx[s.pos[first + k] + c] = fresh[k]
    for i in range(m):
        for j in range(i + 1):
            for k in range(i, m):
                phi[i, j] += low[k, i] * bar[k, j]
            if i == j:
                phi[i, j] *= 0.5
    for i in range(m):
        for j in range(m):
            total = 0.0
            for k in range(m):
                for n in range(k + 1):
                    total += inv[k, i] * phi[k, n] * inv[n, j]
            sensitivity[i, j] += 0.5 * total
            sensitivity[j, i] += 0.5 * total


@njit(**_JIT)
def _answers(eta, cuts, inner, logp):  # type: ignore[no-untyped-def]
    """Fill ``logp`` (K,) with the log probabilities of the answers."""
    last = len(cuts)
    for k in range(last + 1):
        value = inner[k]
        if k < last:
            value += _log_sigmoid(cuts[k] - eta)
        if k > 0:
            value += _log_sigmoid(eta - cuts[k - 1])
        logp[k] = value


@njit(**_JIT)
def _push(weight, eta, cuts, gcuts, ginner):  # type: ignore[no-untyped-def]
    """Return ∂/∂η of Σ weight[k] · log p[k]; adds to the gradients of cuts and inner terms."""
    geta = 0.0
    for j in range(len(cuts)):
        p = 1.0 / (1.0 + math.exp(eta - cuts[j]))
        d = weight[j] * (1.0 - p) - weight[j + 1] * p
        gcuts[j] += d
        geta -= d
    for k in range(len(weight)):
        ginner[k] += weight[k]
    return geta


@njit(**_JIT)
def _topline(t, d, logp, weight):  # type: ignore[no-untyped-def]
    """Log mass of topline t; fills ``weight`` with ∂/∂ log p[k]."""
    groups, answers = d.groups.shape[1], d.groups.shape[2]
    points = d.points.shape[1]
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
    for k in range(answers):
        weight[k] = 0.0
        for g in range(groups):
            if d.groups[t, g, k] > 0.0:
                weight[k] += gq[g] * math.exp(logp[k] - q[g])
    return top + math.log(norm)


@njit(**_JIT)
def row_loglik(eta, cuts, d, geta, gcuts, ginner):  # type: ignore[no-untyped-def]
    """Return the masked log likelihood; fills ∂/∂η and adds ∂/∂cuts and ∂/∂inner."""
    answers = len(cuts) + 1
    inner, logp, weight = np.zeros(answers), np.empty(answers), np.empty(answers)
    for k in range(1, answers - 1):
        inner[k] = math.log(-math.expm1(cuts[k - 1] - cuts[k]))
    total, cells = 0.0, len(d.counts)
    for i in range(len(eta)):
        if d.mask[i] == 0.0:
            geta[i] = 0.0
            continue
        _answers(eta[i], cuts, inner, logp)
        if i < cells:
            value = 0.0
            for k in range(answers):
                weight[k] = d.counts[i, k]
                if weight[k] > 0.0:
                    value += weight[k] * logp[k]
        else:
            value = _topline(i - cells, d, logp, weight)
        total += value
        geta[i] = _push(weight, eta[i], cuts, gcuts, ginner)
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
    x, gx = raw.copy(), np.zeros(len(raw))
    for g in range(len(s.m)):
        low = _cov(s, g, sd, rho)
        if s.centred[g]:
            sensitivity = np.zeros((s.m[g], s.m[g]))
            total += _gauss(s, g, low, _inverse(low), raw, gx, sensitivity)
            _chain(s, g, sensitivity, sd, rho, grad, n_sd)
        else:
            total += _uncentre(s, g, low, raw, x)
    eta = np.zeros(s.matrix.shape[1])
    for j in range(len(x)):
        for i in range(len(eta)):
            eta[i] += s.matrix[j, i] * x[j]
    cuts, geta = _cuts(spacing), np.empty(len(eta))
    gcuts, ginner = np.zeros(len(cuts)), np.zeros(len(cuts) + 1)
    total += row_loglik(eta, cuts, d, geta, gcuts, ginner)
    _cut_gradient(spacing, gcuts, ginner, grad[n_sd + n_rho : start])
    for i in range(len(eta)):
        if geta[i] != 0.0:
            for j in range(len(x)):
                gx[j] += geta[i] * s.transposed[i, j]
    for g in range(len(s.m)):
        if not s.centred[g]:
            low = _cov(s, g, sd, rho)
            sensitivity = np.zeros((s.m[g], s.m[g]))
            _uncentre_back(s, g, low, _inverse(low), raw, gx, sensitivity)
            _chain(s, g, sensitivity, sd, rho, grad, n_sd)
    grad[start:] = gx
    return total, grad


__all__ = ["Data", "Structure", "digamma", "log_density", "row_loglik"]
