"""The kernel as C callbacks, so that chains run in parallel without Python's lock.

A design and its data travel as one float64 buffer: total length, three shape numbers per array
(padded with 1), then the contents in the order of the fields of `Structure` and `Data`.
"""

import numpy as np
from numba import carray, cfunc, njit, types

from .density import Data, Structure
from .kernel import log_density

_ARRAYS = len(Structure._fields) + len(Data._fields)
_HEADER = 1 + 3 * _ARRAYS
_DOUBLES = types.CPointer(types.double)


def pack(s: Structure, d: Data) -> np.ndarray:
    """Return all arrays of a design and its data in one buffer."""
    arrays = [np.asarray(a, dtype=np.float64) for a in (*s, *d)]
    shapes = [float(n) for a in arrays for n in (*a.shape, 1, 1)[:3]]
    total = _HEADER + sum(a.size for a in arrays)
    return np.concatenate([[float(total)], shapes, *[a.ravel() for a in arrays]])


@njit(cache=True, nogil=True)
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
        p[at[14] : at[15]].reshape(n[14, 0], n[14, 1]),
    )
    d = Data(
        p[at[15] : at[16]].reshape(n[15, 0], n[15, 1]),
        p[at[16] : at[17]].reshape(n[16, 0], n[16, 1], n[16, 2]),
        p[at[17] : at[18]].reshape(n[17, 0], n[17, 1]),
        p[at[18] : at[19]].reshape(n[18, 0], n[18, 1], n[18, 2]),
        p[at[19] : at[20]],
        p[at[20] : at[21]],
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
