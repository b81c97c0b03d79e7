"""NUTS on the swept model: by nutpie through the one kernel of `kernel.log_density`, or by NumPyro (`jaxed`).

With nutpie nothing is compiled per model.
"""

import importlib.metadata
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import xarray as xr

from ..cells import Cells
from ..density import cuts_centred, data_arrays, parameter_count, structure
from ..design import CUTS_BY_COUNTRY, SD_CUTS, Design, half_life
from ..errors import IncompleteFitError
from ..gates import BFMI_OF_ALL, bfmi
from ..kernel import Metric
from ..recover import recover
from ..sampling import Sampling
from ..sweep import Stratum, Swept, cholesky, covariance, sweep
from .condense import condense
from .draws import Draws
from .jaxed import run as by_numpyro
from .laplace import rough_scales
from .memory import demand
from .metric import Centred, Scales, choose_centring, make_metric
from .people import among_people, integral_problems, spread_of

# Equal steps end trajectories at the mirror image: means mix fast, squares slowly (docs/decisions/007).
JITTER = 0.5
BackEnd = Literal["nutpie", "numpyro"]


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
        Log-spacings (chain, draw, …); empty for two answers.
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


def sample(
    design: Design,
    cells: Cells,
    *,
    seed: int,
    draws: int,
    chains: int,
    sampling: Sampling,
    progressbar: bool,
    mask: np.ndarray | None = None,
    back_end: BackEnd = "nutpie",
) -> Draws:
    """Return draws from the posterior of a design by the no-U-turn sampler.

    Raises
    ------
    IncompleteFitError
        If sampling was interrupted or gave NaN; carries the draws there are.
    """
    cells, mask = condense(design, cells, mask)
    swept = sweep(design, cells.rows)
    latents = sum(math.prod(design.shape(b)) for b in design.pooled) + len(design.coefficients)
    per_draw = (3 + sampling.thin) * parameter_count(swept) + 4 * latents
    demand({"draws": draws * chains * per_draw, "rows": 40 * len(cells.rows)})
    rng = np.random.default_rng(seed)

    scales: dict[str, np.ndarray] = {}
    if design.pooled or design.fading:
        scales = rough_scales(design, cells, seed=int(rng.integers(2**30)), cores=sampling.cores, mask=mask)
    if design.cut_scale is not None:
        scales[SD_CUTS] = design.cut_scale.sd * rng.lognormal(-0.7, 0.5, 200)
    if design.respondent is not None:
        scales = among_people(design, cells, scales, rng, mask)
    centred = choose_centring(swept, cells, scales)
    metric = make_metric(swept, cells, centred, scales)
    theta, stats, seconds = (_by_nutpie if back_end == "nutpie" else by_numpyro)(
        swept,
        cells,
        centred,
        metric,
        scales,
        mask=mask,
        seed=int(rng.integers(2**30)),
        draws=draws * sampling.thin,
        chains=chains,
        sampling=sampling,
        progressbar=progressbar,
    )
    raw = _read(swept, theta, stats, centred, sampling.thin, cuts_centred(design, cells))
    _check_complete(raw, draws, chains)
    found = _recovered(swept, raw, rng, {"inference_library": back_end, "sampling_time": seconds})
    return replace(found, problems=integral_problems(design, cells, found.variables, spread_of(scales), mask))


def _recovered(swept: Swept, raw: Raw, rng: np.random.Generator, attrs: Mapping[str, object]) -> Draws:
    """Return the variables of the model; the sampled coordinates must pass the gates too."""
    chains, draws, size = raw.coordinates.shape
    scales = {k: v.reshape(-1) for k, v in raw.scales.items()}
    variables = recover(swept, raw.coordinates.reshape(-1, size), scales, rng)
    variables = {k: v.reshape(chains, draws, *v.shape[1:]) for k, v in variables.items()}
    variables |= {**raw.scales, **raw.cuts}
    whole = {**attrs, "centred": json.dumps(raw.attrs["centred"])}
    whole["inference_library_version"] = importlib.metadata.version(str(attrs["inference_library"]))
    return Draws(variables, {"swept": raw.coordinates}, raw.stats, whole)


def _by_nutpie(
    swept: Swept,
    cells: Cells,
    centred: Centred,
    metric: Metric,
    scales: Scales,
    *,
    mask: np.ndarray | None,
    seed: int,
    draws: int,
    chains: int,
    sampling: Sampling,
    progressbar: bool,
) -> tuple[np.ndarray, xr.Dataset, float]:
    """Return θ (chain, draw, parameter), sampler statistics and the seconds of sampling."""
    import nutpie

    from ..kernel import pack

    data = data_arrays(cells, mask, spread_of(scales))
    model = _native(swept, pack(structure(swept, cells, centred), metric, data))
    begin = time.perf_counter()
    tree = nutpie.sample(
        model,
        draws=draws,
        tune=sampling.tune,
        chains=chains,
        cores=sampling.cores or min(chains, os.cpu_count() or 1),
        seed=seed,
        progress_bar=progressbar,
        save_warmup=False,
        adaptation="diag",
        target_accept=sampling.target_accept,
        step_size_jitter=JITTER,
    )
    seconds = time.perf_counter() - begin
    return np.asarray(tree["posterior"]["theta"].values, dtype=float), tree["sample_stats"].to_dataset(), seconds


def _native(swept: Swept, buffer: np.ndarray) -> Any:
    """Return a nutpie model that calls our C callbacks on ``buffer``."""
    from nutpie.compile_pymc import CompiledPyMCModel

    from ..kernel import log_density_c, spread_c

    size = parameter_count(swept)
    return CompiledPyMCModel(
        dims={},
        _n_dim=size,
        _coords={},
        _shapes={"theta": (size,)},
        n_expanded=size,
        compiled_logp_func=log_density_c,
        compiled_expand_func=spread_c,
        user_data=buffer,
        initial_point_func=lambda seed: np.random.default_rng(seed).uniform(-0.5, 0.5, size),
        shape_info=(["theta"], [slice(0, size)], [(size,)]),
        shared_data={},
        shared_var_keys={},
        logp_func=None,
        expand_func=None,
    )


def _read(
    swept: Swept, theta: np.ndarray, stats: xr.Dataset, centred: Centred, thin: int = 1, own_centred: bool = False
) -> Raw:
    theta = theta[:, thin - 1 :: thin]
    design = swept.design
    b, r, c = len(design.scales), len(design.correlated), design.spacings
    first = b + r + c + len(design.fading)
    scales = {name: np.exp(theta[..., i]) for i, name in enumerate(design.scales)}
    scales |= {p.corr_name: np.tanh(theta[..., b + i]) for i, p in enumerate(design.correlated)}
    scales |= {half_life(name): np.exp(theta[..., b + r + c + i]) for i, name in enumerate(design.fading)}
    coordinates = theta[..., first:].copy()
    start = len(swept.loadings)
    for stratum, centre in zip(swept.strata, centred, strict=True):
        # no -1 here: an interrupted run may have no draws, and -1 cannot be told from an empty array
        block = coordinates[..., start : (stop := start + stratum.size * len(stratum.carriers))]
        x = block.reshape(*theta.shape[:2], len(stratum.carriers), stratum.size)
        coordinates[..., start:stop] = _coordinates(stratum, centre, scales, x).reshape(block.shape)
        start = stop
    keep = [
        v for v in ("diverging", "energy", "n_steps", "step_size", "depth", "maxdepth_reached", "logp") if v in stats
    ]
    spacing = theta[..., b + r : b + r + c]
    return Raw(
        coordinates,
        scales,
        _cuts(design, spacing, scales, own_centred),
        thinned(stats[keep], thin),
        {"centred": centred},
    )


def _cuts(
    design: Design, spacing: np.ndarray, scales: Mapping[str, np.ndarray], centred: bool
) -> dict[str, np.ndarray]:
    """Return log-spacings, common and of countries, from what was sampled (see `kernel._spacings`)."""
    inner = design.answers - 2
    if not inner:
        return {}
    common, own = spacing[..., :inner], spacing[..., inner:].reshape(*spacing.shape[:2], -1, inner)
    if not design.cut_groups:
        return {"cut_spacing": common}
    own = own if centred else common[..., None, :] + scales[SD_CUTS][..., None, None] * own
    return {"cut_spacing": common, CUTS_BY_COUNTRY: own}


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


def _coordinates(
    stratum: Stratum, centred: Sequence[bool], scales: Mapping[str, np.ndarray], x: np.ndarray
) -> np.ndarray:
    """Return coordinates (chain, draw, carrier, size) from what was sampled (see `kernel._forward`)."""
    low = cholesky(covariance(stratum, scales), np.sqrt)
    out, residual = x.copy(), x.copy()
    for i, row in enumerate(low):
        rest = sum(
            (np.asarray(row[k])[..., None] * residual[:, :, k] for k in range(i)), start=np.zeros(x[:, :, 0].shape)
        )
        diagonal = np.asarray(row[i])[..., None]
        if centred[i]:
            residual[:, :, i] = (x[:, :, i] - rest) / diagonal
        else:
            out[:, :, i] = rest + diagonal * x[:, :, i]
    return out


def _check_complete(raw: Raw, draws: int, chains: int) -> None:
    got = raw.coordinates.shape[:2]
    values = [raw.coordinates, *raw.scales.values(), *raw.cuts.values()]
    whole = np.logical_and.reduce([np.isfinite(v).all(axis=tuple(range(2, v.ndim))) for v in values])
    if got != (chains, draws) or not whole.all():
        raise IncompleteFitError(
            f"{int(whole.sum())} of {chains * draws} draws were obtained: sampling was interrupted or gave NaN; "
            "what there is stands in `.partial`",
            raw,
        )
