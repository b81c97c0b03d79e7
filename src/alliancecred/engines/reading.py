"""What the sampler wrote down → coordinates, scales and cuts, whole or an error that carries what there is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..design import CUTS_BY_COUNTRY, SD_CUTS, SPACING, Design, half_life
from ..errors import IncompleteFitError
from ..gates import BFMI_OF_ALL, bfmi
from ..priors import LogNormal
from ..sweep import Stratum, Swept, cholesky, covariance
from .metric import Centred

LEAST = 10  # draws of a chain that are worth keeping when sampling broke off


@dataclass(frozen=True)
class Raw:
    """What the sampler gave.

    Parameters
    ----------
    coordinates
        (chain, draw, coordinate), in the order of `sweep.swept_matrix`.
    scales
        Scale, correlation, half-life → (chain, draw).
    cuts
        Log-spacings (chain, draw, …) and the further scalars (`Spec.extra`); empty for two answers.
    stats
        Sampler statistics, dims chain, draw.
    attrs
        Versions, seed, options.
    """

    coordinates: np.ndarray
    scales: Mapping[str, np.ndarray]
    cuts: Mapping[str, np.ndarray]
    stats: xr.Dataset
    attrs: Mapping[str, Any]


def read(
    swept: Swept,
    theta: np.ndarray,
    stats: xr.Dataset,
    centred: Centred,
    thin: int = 1,
    own: np.ndarray | None = None,
) -> Raw:
    """Return what θ (chain, draw, parameter) says, of every thin-th draw; ``own`` is about cuts by country."""
    theta = theta[:, thin - 1 :: thin]
    design = swept.design
    b, r, c = len(design.scales), len(design.correlated), design.spacings
    e = len(design.spec.extra)
    first = b + r + c + e + len(design.fading)
    scales = {name: np.exp(theta[..., i]) for i, name in enumerate(design.scales)}
    scales |= {p.corr_name: np.tanh(theta[..., b + i]) for i, p in enumerate(design.correlated)}
    scales |= {half_life(name): np.exp(theta[..., b + r + c + e + i]) for i, name in enumerate(design.fading)}
    coordinates = theta[..., first:].copy()
    start = len(swept.loadings)
    for stratum, centre in zip(swept.strata, centred, strict=True):
        # no -1 here: an interrupted run may have no draws, and -1 cannot be told from an empty array
        block = coordinates[..., start : (stop := start + stratum.size * len(stratum.carriers))]
        x = block.reshape(*theta.shape[:2], len(stratum.carriers), stratum.size)
        coordinates[..., start:stop] = coordinates_of(stratum, centre, scales, x).reshape(block.shape)
        start = stop
    keep = [
        v for v in ("diverging", "energy", "n_steps", "step_size", "depth", "maxdepth_reached", "logp") if v in stats
    ]
    spacing = theta[..., b + r : b + r + c]
    return Raw(
        coordinates,
        scales,
        cuts_read(design, spacing, scales, own) | _extra_read(design, theta[..., b + r + c : b + r + c + e]),
        thinned(stats[keep], thin),
        {"centred": centred},
    )


def cuts_read(
    design: Design, spacing: np.ndarray, scales: Mapping[str, np.ndarray], form: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return log-spacings, common and of countries, from what was sampled in a form (`density.own_cuts`)."""
    inner = design.inner
    if not inner:
        return {}
    common, own = spacing[..., :inner], spacing[..., inner:].reshape(*spacing.shape[:2], design.cut_groups, inner)
    if not design.cut_groups:
        return {SPACING: common}
    assert form is not None
    d, rest = scales[SD_CUTS][..., None, None], common[..., None, :]
    return {SPACING: common, CUTS_BY_COUNTRY: rest + d * residual(form[0], d, own, rest - form[1:])}


def residual(c: float, d: np.ndarray, given: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return the standardised residual of a parameter that is centred by c (see `kernel._forward`)."""
    v = 1 - c + c * d**2
    return np.asarray(given / np.sqrt(v) - c * d / v * rest)


def _extra_read(design: Design, extra: np.ndarray) -> dict[str, np.ndarray]:
    """Return the further scalars of the family of the answers, of which logs are sampled where these are normal."""
    pairs = zip(design.spec.extra.items(), np.moveaxis(extra, -1, 0), strict=True)
    return {name: np.exp(v) if isinstance(prior, LogNormal) else v for (name, prior), v in pairs}


def thinned(stats: xr.Dataset, thin: int) -> xr.Dataset:
    """Return statistics of every thin-th draw, with what happened to the draws between.

    Divergences and depths count the draws between, steps add up; E-BFMI, which needs successive energies, becomes
    an attribute.
    """
    if thin == 1:
        return stats
    out = stats.isel(draw=slice(thin - 1, None, thin)).assign_coords(draw=np.arange(stats.sizes["draw"] // thin))
    groups = stats.isel(draw=slice(0, out.sizes["draw"] * thin)).coarsen(draw=thin)
    for name in {"diverging", "maxdepth_reached"} & set(stats):
        out[name] = (stats[name].dims, groups.max()[name].values.astype(bool))
    if "n_steps" in stats:
        out["n_steps"] = (stats["n_steps"].dims, groups.sum()["n_steps"].values)
    if "energy" in stats:
        out.attrs[BFMI_OF_ALL] = bfmi(stats["energy"].values)
    return out


def coordinates_of(
    stratum: Stratum, centred: Sequence[float], scales: Mapping[str, np.ndarray], x: np.ndarray
) -> np.ndarray:
    """Return coordinates (chain, draw, carrier, size) from what was sampled (see `kernel._forward`)."""
    low = cholesky(covariance(stratum, scales), np.sqrt)
    out, left = x.copy(), x.copy()
    for i, row in enumerate(low):
        rest = sum((np.asarray(row[k])[..., None] * left[:, :, k] for k in range(i)), start=np.zeros(x[:, :, 0].shape))
        diagonal = np.asarray(row[i])[..., None]
        left[:, :, i] = residual(centred[i], diagonal, x[:, :, i], rest)
        out[:, :, i] = rest + diagonal * left[:, :, i]
    return out


def whole_draws(raw: Raw) -> np.ndarray:
    """Return which draws are finite, (chain, draw)."""
    values = [raw.coordinates, *raw.scales.values(), *raw.cuts.values()]
    return np.asarray(np.logical_and.reduce([np.isfinite(v).all(axis=tuple(range(2, v.ndim))) for v in values]))


def whole_part(raw: Raw, least: int = LEAST) -> Raw | None:
    """Return what can be used of draws that broke off: of some chains, the same number of first draws.

    Chains and length are those that give the most draws; None if no chain has ``least`` draws.
    """
    lead = np.cumprod(whole_draws(raw), axis=1).sum(axis=1)
    order = np.argsort(-lead, kind="stable")
    best = int(np.argmax(lead[order] * np.arange(1, len(lead) + 1)))
    chains, length = np.sort(order[: best + 1]), int(lead[order[best]])
    if length < least:
        return None

    def cut(values: np.ndarray) -> np.ndarray:
        return values[chains, :length]

    scales, cuts = ({k: cut(v) for k, v in part.items()} for part in (raw.scales, raw.cuts))
    dims = {d: i for d, i in (("chain", chains), ("draw", slice(length))) if d in raw.stats.dims}
    stats = raw.stats.isel(dims)
    if "chain" in stats.coords:
        stats = stats.assign_coords(chain=np.arange(len(chains)))
    return Raw(cut(raw.coordinates), scales, cuts, stats, raw.attrs)


def check_complete(raw: Raw, draws: int, chains: int) -> None:
    """Refuse fewer draws than were asked for, and any that is not finite."""
    got = raw.coordinates.shape[:2]
    whole = whole_draws(raw)
    if got != (chains, draws) or not whole.all():
        raise IncompleteFitError(
            f"{int(whole.sum())} of {chains * draws} draws were obtained: sampling was interrupted or gave NaN",
            raw,
        )
