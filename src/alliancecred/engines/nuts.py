"""NUTS on the swept model: by nutpie through the one kernel of `kernel.log_density`, or by NumPyro (`jaxed`).

With nutpie nothing is compiled per model.
"""

import importlib.metadata
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import xarray as xr

from ..cells import Cells
from ..density import data_arrays, own_cuts, parameter_count, structure
from ..design import SD_CUTS, SPACING, Design
from ..errors import IncompleteFitError
from ..kernel import Metric
from ..recover import recover
from ..sampling import Sampling
from ..sweep import Swept, sweep
from .chains import identity_of, kept_chains, seed_of_chain
from .condense import condense
from .draws import Draws
from .jaxed import run as by_numpyro
from .laplace import rough_scales
from .memory import demand
from .metric import Centred, Scales, choose_centring, make_metric
from .people import among_people, integral_problems, spread_of
from .reading import Raw, check_complete, read, whole_part
from .spacings import rough_cut_sd

# Equal steps end trajectories at the mirror image: means mix fast, squares slowly (docs/decisions/007).
JITTER = 0.5
BackEnd = Literal["nutpie", "numpyro"]


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
    rough: Scales | None = None,
) -> Draws:
    """Return draws from the posterior of a design by the no-U-turn sampler.

    ``rough`` draws of scales, correlations and half-lives, of an earlier attempt, say, decide how far blocks are
    sampled centred and in which metric; by default they are Laplace's.

    Raises
    ------
    IncompleteFitError
        If sampling was interrupted or gave NaN; its ``partial`` are the `Draws` there are, or None.
    """
    cells, mask = condense(design, cells, mask)
    swept = sweep(design, cells.rows)
    latents = sum(math.prod(design.shape(b)) for b in design.pooled) + len(design.coefficients)
    per_draw = (3 + sampling.thin) * parameter_count(swept) + 4 * latents
    demand({"draws": draws * chains * per_draw, "rows": 40 * len(cells.rows)})
    rng = np.random.default_rng(seed)

    seed_of_rough = int(rng.integers(2**30))
    scales = dict(rough) if rough else _rough(design, cells, seed_of_rough, rng, sampling.cores, mask)
    centred = choose_centring(swept, cells, scales)
    metric = make_metric(swept, cells, centred, scales)
    own = own_cuts(design, cells, scales.get(SPACING))
    theta, stats, seconds = (_by_nutpie if back_end == "nutpie" else by_numpyro)(
        swept,
        cells,
        centred,
        metric,
        own,
        scales,
        mask=mask,
        seed=int(rng.integers(2**30)),
        draws=draws * sampling.thin,
        chains=chains,
        sampling=sampling,
        progressbar=progressbar,
    )
    raw = read(swept, theta, stats, centred, sampling.thin, own)
    about = {"inference_library": back_end, "sampling_time": seconds}
    try:
        check_complete(raw, draws, chains)
    except IncompleteFitError as error:
        partial = _partial(swept, raw, rng, about, draws * chains)
        what = "they stand in `.partial`" if partial else "too few to be of use: fit again"
        raise IncompleteFitError(f"{error} → {what}", partial) from None
    found = _recovered(swept, raw, rng, about)
    return replace(found, problems=integral_problems(design, cells, found.variables, spread_of(design, scales), mask))


def _partial(swept: Swept, raw: Raw, rng: np.random.Generator, about: Mapping[str, object], asked: int) -> Draws | None:
    """Return the draws there are, marked as partial; None if there are too few of them."""
    part = whole_part(raw)
    if part is None:
        return None
    chains, length = part.coordinates.shape[:2]
    words = f"partial: {chains * length} of {asked} draws"
    found = _recovered(swept, part, rng, {**about, "partial": words})
    return replace(found, problems=(words,))


def _rough(
    design: Design,
    cells: Cells,
    seed: int,
    rng: np.random.Generator,
    cores: int | None,
    mask: np.ndarray | None,
) -> dict[str, np.ndarray]:
    scales: dict[str, np.ndarray] = {}
    if design.pooled or design.fading or design.cut_groups:
        scales = rough_scales(design, cells, seed=seed, cores=cores, mask=mask)
    if design.cut_scale is not None:
        scales[SD_CUTS] = rough_cut_sd(cells, design.cut_groups) * rng.lognormal(0.0, 0.4, 200)
    return among_people(design, cells, scales, rng, mask) if design.respondent is not None else scales


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
    own: np.ndarray,
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

    data = data_arrays(cells, mask, spread_of(swept.design, scales))
    buffer = pack(structure(swept, cells, centred, own), metric, data)
    model, cores = _native(swept, buffer), sampling.cores or min(chains, os.cpu_count() or 1)
    options: dict[str, Any] = {
        "draws": draws,
        "tune": sampling.tune,
        "save_warmup": False,
        "adaptation": "diag",
        "target_accept": sampling.target_accept,
        "step_size_jitter": JITTER,
    }
    begin = time.perf_counter()
    if sampling.keep is not None:
        own_seed = [seed_of_chain(seed, i) for i in range(chains)]
        alone = {**options, "chains": 1, "cores": 1, "progress_bar": False}
        theta, stats = kept_chains(
            lambda i: nutpie.sample(model, seed=own_seed[i], blocking=False, **alone),
            sampling.keep,
            [identity_of(buffer, {**alone, "seed": s}) for s in own_seed],
            draws,
            parameter_count(swept),
            cores,
        )
        return theta, stats, time.perf_counter() - begin
    tree = nutpie.sample(model, chains=chains, cores=cores, seed=seed, progress_bar=progressbar, **options)
    seconds = time.perf_counter() - begin
    return np.asarray(tree["posterior"]["theta"].values, dtype=float), tree["sample_stats"].to_dataset(), seconds


def _native(swept: Swept, buffer: np.ndarray) -> Any:
    """Return a nutpie model that calls our C callbacks on ``buffer``."""
    from nutpie.compile_pymc import CompiledPyMCModel

    from ..kernel import callbacks

    size, (log_density, theta) = parameter_count(swept), callbacks()
    return CompiledPyMCModel(
        dims={},
        _n_dim=size,
        _coords={},
        _shapes={"theta": (size,)},
        n_expanded=size,
        compiled_logp_func=log_density,
        compiled_expand_func=theta,
        user_data=buffer,
        initial_point_func=lambda seed: np.random.default_rng(seed).uniform(-0.5, 0.5, size),
        shape_info=(["theta"], [slice(0, size)], [(size,)]),
        shared_data={},
        shared_var_keys={},
        logp_func=None,
        expand_func=None,
    )
