"""Cholesky factors of many sparse matrices of one pattern, compiled.

Integrating over scales needs thousands of factors of one pattern, so ordering and pattern are worked
out once (ordering: SciPy's SuperLU, minimum degree) and only numbers move in the loop. A library
call per matrix costs more in Python than the factor itself (docs/decisions/006). Matrices lie along
the last axis, so that every index is read once for all of them and the inner loops are contiguous.
Up-looking factorisation after Davis (2006), *Direct Methods for Sparse Linear Systems*, chapter 4.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numba import njit
from scipy.sparse.linalg import splu

_JIT: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


class Pattern(NamedTuple):
    """Pattern of a symmetric matrix and of its factor L, in the order ``perm``.

    ``ptr, idx`` are the lower triangle by rows, its diagonal last in each row; ``row_ptr, row_idx``
    the columns of L below the diagonal each row meets, ascending; ``col_ptr, col_idx`` the columns of
    L, diagonal first.
    """

    perm: np.ndarray
    ptr: np.ndarray
    idx: np.ndarray
    row_ptr: np.ndarray
    row_idx: np.ndarray
    col_ptr: np.ndarray
    col_idx: np.ndarray


def analyse(matrix: sp.csr_array) -> Pattern:
    """Return the pattern of a symmetric positive-definite matrix with a full diagonal."""
    n = matrix.shape[0]
    ones = sp.csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)
    dominant = sp.csc_array(ones + sp.diags_array(ones.sum(axis=0) + 1.0))
    options = {"SymmetricMode": True}
    perm = np.argsort(splu(dominant, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options).perm_c)
    lower = sp.csr_array(sp.tril(dominant[perm][:, perm]))
    lower.sort_indices()
    ptr, idx = lower.indptr.astype(np.int64), lower.indices.astype(np.int64)
    row_ptr, row_idx = _reach(ptr, idx)
    strict = sp.csr_array((np.ones(len(row_idx)), row_idx, row_ptr), shape=(n, n))
    columns = sp.csc_array(strict + sp.eye_array(n))
    columns.sort_indices()
    return Pattern(perm, ptr, idx, row_ptr, row_idx, columns.indptr.astype(np.int64), columns.indices.astype(np.int64))


@njit(**_JIT)
def _reach(ptr, idx):  # type: ignore[no-untyped-def]
    """Row patterns of L: what the elimination tree reaches from the entries of each row."""
    n = len(ptr) - 1
    parent, mark = np.full(n, -1), np.full(n, -1)
    row_ptr = np.zeros(n + 1, dtype=np.int64)
    for count in range(2):
        row_idx = np.empty(row_ptr[n] if count else 0, dtype=np.int64)
        mark[:] = -1
        for k in range(n):
            mark[k], at = k, row_ptr[k]
            for p in range(ptr[k], ptr[k + 1]):
                i = idx[p]
                while mark[i] != k:
                    if parent[i] == -1:
                        parent[i] = k
                    mark[i] = k
                    if count:
                        row_idx[at] = i
                    at += 1
                    i = parent[i]
            if count:
                row_idx[row_ptr[k] : at].sort()
            else:
                row_ptr[k + 1] = at
    return row_ptr, row_idx


@njit(**_JIT)
def factor(values, s):  # type: ignore[no-untyped-def]
    """Factor matrices ``values`` (entries, matrices); return L (entries of L, matrices) and log determinants.

    A matrix that is not positive definite has log determinant NaN.
    """
    n, lanes = len(s.perm), values.shape[1]
    low, log_det = np.empty((s.col_ptr[n], lanes)), np.zeros(lanes)
    x, d = np.zeros((n, lanes)), np.empty(lanes)
    filled = s.col_ptr[:n] + 1
    for k in range(n):
        for p in range(s.ptr[k], s.ptr[k + 1]):
            x[s.idx[p]] = values[p]
        d[:] = x[k]
        x[k] = 0.0
        for q in range(s.row_ptr[k], s.row_ptr[k + 1]):
            i = s.row_idx[q]
            pivot, value, at = low[s.col_ptr[i]], x[i], filled[i]
            for b in range(lanes):
                low[at, b] = value[b] / pivot[b]
                d[b] -= low[at, b] * low[at, b]
                value[b] = 0.0
            for p in range(s.col_ptr[i] + 1, at):
                target, left = x[s.col_idx[p]], low[p]
                for b in range(lanes):
                    target[b] -= left[b] * low[at, b]
            filled[i] += 1
        for b in range(lanes):
            root = np.sqrt(d[b]) if d[b] > 0.0 else np.nan
            low[s.col_ptr[k], b] = root
            log_det[b] += 2.0 * np.log(root)
    return low, log_det


@njit(**_JIT)
def solve(low, s, right):  # type: ignore[no-untyped-def]
    """Return H⁻¹ right, (n, matrices), from the factors of H."""
    y = np.empty_like(right)
    for j in range(len(y)):
        y[j] = right[s.perm[j]]
    for j in range(len(y)):
        at = s.col_ptr[j]
        for b in range(y.shape[1]):
            y[j, b] /= low[at, b]
        for p in range(at + 1, s.col_ptr[j + 1]):
            target, left = y[s.col_idx[p]], low[p]
            for b in range(y.shape[1]):
                target[b] -= left[b] * y[j, b]
    return _backward(low, s, y)


@njit(**_JIT)
def colour(low, s, white):  # type: ignore[no-untyped-def]
    """Return normal draws with covariance H⁻¹, (n, matrices), from standard normal ones."""
    return _backward(low, s, white.copy())


@njit(**_JIT)
def _backward(low, s, y):  # type: ignore[no-untyped-def]
    """Solve Lᵀ x = y in place and undo the ordering."""
    for j in range(len(y) - 1, -1, -1):
        at, here = s.col_ptr[j], y[j]
        for p in range(at + 1, s.col_ptr[j + 1]):
            other, left = y[s.col_idx[p]], low[p]
            for b in range(y.shape[1]):
                here[b] -= left[b] * other[b]
        for b in range(y.shape[1]):
            here[b] /= low[at, b]
    out = np.empty_like(y)
    for j in range(len(y)):
        out[s.perm[j]] = y[j]
    return out
