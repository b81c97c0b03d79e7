"""Log density and gradient of the swept model, for any design, without compiling per model.

The structure of a design becomes arrays (`kernel.Structure`); one numba kernel, compiled once per
machine and kept on disk, evaluates them. Unconstrained parameters, in this order::

    log sd (`Design.scales`), atanh ρ (one per correlated block), log-spacings of the cuts
    (then what stands between those of every country and standardised deviations, where cuts vary by country),
    of a slider the middle of the cuts and the log precision, of normal answers log sigma,
    log half-lives (one per signal whose half-life is estimated),
    then the coordinates of `sweep.swept_matrix` (or what stands between them and standardised residuals)

Additive constants of the density that no parameter enters are left out.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .carriers import Carrier
from .cells import Cells, Rows
from .design import SD_CUTS, STEP, Design
from .kernel import Data, Structure
from .predictor import step_lengths
from .priors import Flat, Normal
from .respondents import NO_PEOPLE, Grid, by_score, grid, shared_products, with_rows
from .sweep import Part, Stratum, Swept, grid_of, incidence, mean_columns
from .terms import FACTORS

PER_ANSWER = 0.3  # information of an answer about a log-spacing, where answers are about as frequent


def structure(
    swept: Swept, cells: Cells, centred: Sequence[Sequence[float]], own: np.ndarray | None = None
) -> Structure:
    """Return the arrays of a swept design.

    ``centred`` has, per stratum, one number per carrier (`kernel._forward`); ``own`` is about cuts by country
    (`own_cuts`).
    """
    design = swept.design
    blocks: list[dict[str, Any]] = [_mean_block(swept)]
    start = len(swept.loadings)
    for stratum, centre in zip(swept.strata, centred, strict=True):
        m = len(stratum.carriers)
        blocks.append(
            {
                "m": m,
                "size": stratum.size,
                "centred": list(centre),
                "pos": [start + i * stratum.size for i in range(m)],
                "centre": [0.0] * m,
                "base": [0.0] * m,
                "terms": _terms(swept, stratum),
            }
        )
        start += m * stratum.size
    terms = [t for b in blocks for t in b["terms"]]
    ms = np.array([b["m"] for b in blocks], dtype=np.int64)

    def flat(key: str, dtype: type) -> np.ndarray:
        return np.array([v for b in blocks for v in b[key]], dtype=dtype)

    bare = cells.rows.unfaded(design.fading)
    inside = [incidence(swept, stratum, bare) for stratum in swept.strata]
    rows = len(cells.rows)
    place, unit = np.unique(np.array([x.place for x in inside]).reshape(-1, rows), axis=1, return_inverse=True)
    faded = [np.array([[_fading(swept, c)] for c in stratum.carriers], float) for stratum in swept.strata]
    values = np.vstack(
        [np.zeros((0, rows + 1)), *(np.hstack([f, x.carriers]) for f, x in zip(faded, inside, strict=True))]
    )
    carriers, carrier = np.unique(values, axis=0, return_inverse=True)
    axes = max([len(FACTORS), *(len(stratum.factors) for stratum in swept.strata)])
    levels = np.zeros((len(swept.strata), axes), dtype=np.int64)
    walks = np.zeros_like(levels)
    for g, stratum in enumerate(swept.strata):
        levels[g, : len(stratum.factors)] = [len(design.levels[f]) for f in grid_of(stratum.factors)]
        walks[g, : len(stratum.factors)] = [f == STEP for f in stratum.factors]
    extra = [swept.means.carriers[j] for j in swept.extra] if swept.means is not None else []
    return Structure(
        scale_sd=np.array([prior.sd for prior in design.scales.values()], dtype=float),
        eta=np.array([b.correlation.eta for b in design.correlated], dtype=float),
        cut_prior=np.array([design.cuts.mean, design.cuts.sd, *(own_cuts(design, cells) if own is None else own)]),
        m=ms,
        size=np.array([b["size"] for b in blocks], dtype=np.int64),
        first=np.concatenate([[0], np.cumsum(ms)[:-1]]).astype(np.int64),
        centred=flat("centred", float),
        pos=flat("pos", np.int64),
        centre=flat("centre", float),
        base=flat("base", float),
        term_first=np.concatenate([[0], np.cumsum([len(b["terms"]) for b in blocks])]).astype(np.int64),
        term_index=np.array([t[:5] for t in terms], dtype=np.int64).reshape(-1, 5),
        term_coef=np.array([t[5] for t in terms], dtype=float),
        columns=np.ascontiguousarray(mean_columns(swept, bare).T),
        levels=levels,
        weight=1 / np.sqrt(np.maximum(np.arange(levels.max(initial=1)) * np.arange(1, levels.max(initial=1) + 1), 1)),
        unit=unit.astype(np.int64),
        place=np.ascontiguousarray(place, dtype=np.int64),
        carrier=carrier.astype(np.int64),
        carriers=np.ascontiguousarray(carriers[:, 1:]),
        walks=walks,
        lengths=step_lengths(design) if walks.any() else np.zeros(0),
        half_prior=np.array([(math.log(p.median), p.sd) for p in design.fading.values()]).reshape(-1, 2),
        weeks=np.array([cells.rows.weeks[name] for name in design.fading]).reshape(-1, rows),
        column_fading=np.array([_fading(swept, c) for c in [*(k.carrier for k in design.coefficients), *extra]]),
        carrier_fading=carriers[:, 0].astype(np.int64),
        cut_group=cut_group(design, cells.rows),
        cut_option=np.array([design.cut_groups, [*design.scales, SD_CUTS].index(SD_CUTS)]),
        extra_prior=extra_prior(design),
    )


def extra_prior(design: Design) -> np.ndarray:
    """Return mean and sd of `Spec.extra`, of logs where these are normal, (scalars, 2)."""
    rows = [(p.mean if isinstance(p, Normal) else math.log(p.median), p.sd) for p in design.spec.extra.values()]
    return np.array(rows).reshape(-1, 2)


def cut_group(design: Design, rows: Rows) -> np.ndarray:
    """Return which cuts are those of each row, (rows,)."""
    return np.asarray(rows.codes["country"] * (design.cut_groups > 0), dtype=np.int64)


def own_cuts(design: Design, cells: Cells, spacing: np.ndarray | None = None) -> np.ndarray:
    """Return how log-spacings of countries are sampled, (1 + answers - 2,), given draws of common ones, (draws, …).

    First how far centred, by what the answers of a country say of them; then what is taken from them, so that they
    stay about zero however much countries differ.
    """
    w = PER_ANSWER * float(cells.size.sum()) / max(design.cut_groups, 1)
    middle = np.full(design.inner, design.cuts.mean) if spacing is None else spacing.mean(0)
    return np.concatenate([[w / (1 + w)], middle])


def _fading(swept: Swept, carrier: Carrier) -> int:
    """Return which of the estimated half-lives a carrier fades with, -1: none."""
    names = list(swept.design.fading)
    return names.index(carrier.signal) if carrier.signal in names else -1


Term = tuple[int, int, int, int, int, float]


def _terms(swept: Swept, stratum: Stratum) -> list[Term]:
    """Terms (i, j, a, b, r, coef) of the covariance among a stratum's carriers, i ≥ j."""
    design = swept.design
    sd = {b.variable: k for k, b in enumerate(design.pooled)}
    rho = {b.variable: k for k, b in enumerate(design.correlated)}
    out: list[Term] = []
    for i, parts in enumerate(stratum.parts):
        for part in parts:
            a = sd[part.block.variable]
            out.append((i, i, a, a, -1, 1.0 / part.divisor))
            for j, _ in _partners(stratum, part):
                b = sd[str(part.block.partner)]
                out.append((max(i, j), min(i, j), a, b, rho[part.block.variable], 1.0 / part.divisor))
    return out


def _partners(stratum: Stratum, part: Part) -> list[tuple[int, Part]]:
    return [(j, p) for j, ps in enumerate(stratum.parts) for p in ps if p.block.variable == part.block.partner]


def _mean_block(swept: Swept) -> dict[str, Any]:
    """The unpooled coefficients (and extra means): constant prior variances plus the block means'."""
    coefficients = swept.design.coefficients
    keep = [
        i for i in range(len(swept.loadings)) if i >= len(coefficients) or not isinstance(coefficients[i].prior, Flat)
    ]
    priors = [coefficients[i].prior if i < len(coefficients) else None for i in keep]
    terms: list[Term] = []
    inner = _terms(swept, swept.means) if swept.means is not None else []
    for k, h, a, b, r, coef in inner:
        for i, j in np.ndindex(len(keep), len(keep)):
            if i < j:
                continue
            left, right = swept.loadings[keep[i]], swept.loadings[keep[j]]
            weight = left[k] * right[h] + (left[h] * right[k] if k != h else 0.0)
            if weight:
                terms.append((i, j, a, b, r, float(coef * weight)))
    return {
        "m": len(keep),
        "size": 1,
        "centred": [1.0] * len(keep),
        "pos": keep,
        "terms": terms,
        "centre": [getattr(p, "mean", 0.0) for p in priors],
        "base": [getattr(p, "sd", 0.0) ** 2 for p in priors],
    }


def data_arrays(cells: Cells, mask: np.ndarray | None = None, spread: float = 2.0) -> Data:
    """Return the observations as arrays; ``mask`` (rows,) is 0 where a row is held out.

    The integral over people, if there is one, is good for an sd of people up to ``spread``.
    """
    lattice, (table, tabulated) = cells.lattice, cells.table
    keep = np.ones(len(cells.rows)) if mask is None else np.asarray(mask, dtype=float)
    people, tilt, over = NO_PEOPLE, np.zeros(len(keep)), Grid(np.zeros(0), np.zeros(0))
    parts, sums = cells.parts, cells.sums
    answers = parts.shape[1]
    if cells.people is not None:
        people = with_rows(cells.people, keep > 0)
        over = grid(people.most, answers, spread)
        if answers == 2:
            people, tilt = by_score(people, len(keep))
    products = shared_products(people, len(keep), answers)
    points = int(np.isfinite(lattice.constant[tabulated == 0]).sum(1).max(initial=0))
    return Data(
        counts=np.ascontiguousarray((parts * cells.kept(keep)[:, None]).T, dtype=float),
        points=np.ascontiguousarray(lattice.counts[:, :points]),
        constant=np.ascontiguousarray(lattice.constant[:, :points]),
        groups=lattice.groups,
        concentration=lattice.concentration,
        table=table,
        tabulated=tabulated,
        mask=keep,
        nodes=over.nodes,
        weight=over.weight,
        left=products.left,
        right=products.right,
        start=products.start,
        factor=products.factor,
        times=people.times.astype(float),
        tilt=tilt,
        sums=sums * keep[: len(sums), None],
        versus=np.zeros((0, 2), dtype=np.int64)
        if cells.choices is None
        else np.column_stack([cells.choices.left, cells.choices.right]),
    )


def parameter_count(swept: Swept) -> int:
    """Return the length of the unconstrained parameter vector."""
    design = swept.design
    extra = len(design.spec.extra) + len(design.fading)
    return len(design.scales) + len(design.correlated) + design.spacings + extra + swept.size
