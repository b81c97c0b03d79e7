"""From swept coordinates back to the blocks: a joint conjugate normal draw per posterior draw."""

from collections.abc import Mapping

import numpy as np

from .design import STEP, Design, Pooled
from .priors import Flat
from .sweep import Part, Stratum, Swept, basis


def recover(
    swept: Swept, coordinates: np.ndarray, scales: Mapping[str, np.ndarray], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return every unpooled variable and pooled block of the design.

    Parameters
    ----------
    coordinates
        (draws, coordinates) in the order of `swept_matrix`.
    scales
        Scale and correlation names → (draws,).
    rng
        Source of the conditional draws.

    Returns
    -------
    dict
        Unpooled variables ``(draws,)`` or ``(draws, labels)``; blocks ``(draws, *levels)``.
    """
    design = swept.design
    effects = {b.variable: np.zeros((len(coordinates), int(np.prod(design.shape(b))))) for b in design.pooled}
    beta, means = _recover_means(swept, coordinates[:, : len(swept.loadings)], scales, rng)
    for variable, mean in means.items():
        effects[variable] += mean[:, None]
    start = len(swept.loadings)
    for stratum in swept.strata:
        stop = start + stratum.size * len(stratum.carriers)
        x = coordinates[:, start:stop].reshape(len(coordinates), len(stratum.carriers), stratum.size)
        start = stop
        for part, z in _split(stratum, x, scales, rng):
            effects[part.block.variable] += z @ _spread(design, part.block, stratum.factors).T
    out = {v: beta[:, list(i)] if _labelled(design, v) else beta[:, i[0]] for v, i in design.variables.items()}
    return out | {b.variable: effects[b.variable].reshape(-1, *design.shape(b)) for b in design.pooled}


def _labelled(design: Design, variable: str) -> bool:
    return bool(design.coefficients[design.variables[variable][0]].label)


def _spread(design: Design, block: Pooled, factors: tuple[str, ...]) -> np.ndarray:
    """Matrix (effects of the block, stratum coordinates): contrasts along ``factors``, constant along the rest."""
    out = np.ones((1, 1))
    for f, size in zip(block.axes, design.shape(block), strict=True):
        piece = np.eye(size) if f == STEP else basis(design, (f,)) if f in factors else np.ones((size, 1))
        out = np.kron(out, piece)
    return out


def _joint(stratum: Stratum, scales: Mapping[str, np.ndarray], draws: int) -> tuple[list[Part], np.ndarray, np.ndarray]:
    """The blocks of a stratum, their joint covariance (draws, blocks, blocks), and which carrier each adds to."""
    parts = [(i, p) for i, ps in enumerate(stratum.parts) for p in ps]
    cov = np.zeros((draws, len(parts), len(parts)))
    adds = np.zeros((len(stratum.carriers), len(parts)))
    for a, (i, part) in enumerate(parts):
        adds[i, a] = 1.0
        cov[:, a, a] = scales[part.block.sd_name] ** 2 / part.divisor
        for b, (_, other) in enumerate(parts):
            if part.block.partner == other.block.variable:
                sds = scales[part.block.sd_name] * scales[other.block.sd_name]
                cov[:, a, b] = cov[:, b, a] = scales[part.block.corr_name] * sds / part.divisor
    return [p for _, p in parts], cov, adds


def _conditional(cov: np.ndarray, adds: np.ndarray, sums: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw z ~ N(0, cov) given adds @ z = sums: an unconditional draw, then Matheron's correction.

    ``cov`` (draws, b, b), ``adds`` (m, b), ``sums`` (draws, m, k) → (draws, b, k).
    """
    scale = np.sqrt(np.einsum("daa->da", cov))
    corr = cov / (scale[:, :, None] * scale[:, None, :])
    root = np.linalg.cholesky(corr + 1e-12 * np.eye(cov.shape[1]))
    free = scale[:, :, None] * (root @ rng.standard_normal((*scale.shape, sums.shape[2])))
    gain = cov @ adds.T
    total = adds @ gain
    norm = np.sqrt(np.einsum("daa->da", total))
    normed = total / (norm[:, :, None] * norm[:, None, :])
    residual = (sums - adds @ free) / norm[:, :, None]
    return np.asarray(free + gain / norm[:, None, :] @ np.linalg.solve(normed, residual))


def _split(
    stratum: Stratum, x: np.ndarray, scales: Mapping[str, np.ndarray], rng: np.random.Generator
) -> list[tuple[Part, np.ndarray]]:
    parts, cov, adds = _joint(stratum, scales, len(x))
    z = _conditional(cov, adds, x, rng)
    return [(p, z[:, a]) for a, p in enumerate(parts)]


def _recover_means(
    swept: Swept, sums: np.ndarray, scales: Mapping[str, np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    coefficients = swept.design.coefficients
    p = len(coefficients)
    if swept.means is None:
        return sums, {}
    parts, inner, adds = _joint(swept.means, scales, len(sums))
    load = swept.loadings @ adds
    proper = [i for i, c in enumerate(coefficients) if not isinstance(c.prior, Flat)]
    seen = proper + list(range(p, len(swept.loadings)))
    q, b = len(proper), len(parts)
    cov = np.zeros((len(sums), q + b, q + b))
    cov[:, range(q), range(q)] = [coefficients[i].prior.sd ** 2 for i in proper]  # type: ignore[union-attr]
    cov[:, q:, q:] = inner
    H = np.hstack([np.eye(len(swept.loadings))[seen][:, proper], load[seen]])
    centre = np.zeros(len(swept.loadings))
    centre[proper] = [coefficients[i].prior.mean for i in proper]  # type: ignore[union-attr]
    z = _conditional(cov, H, (sums - centre)[:, seen, None], rng)[:, :, 0]
    means = z[:, q:]
    beta = sums[:, :p] - means @ load[:p].T
    return beta, {part.block.variable: means[:, a] for a, part in enumerate(parts)}
