"""NUTS by nutpie on the swept model, compiled once per shape and refitted with other data."""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..cells import Cells, Rows
from ..design import Design
from ..errors import IncompleteFitError
from ..sampling import Sampling
from ..sweep import Swept, cholesky, covariance, sweep, swept_matrix

# Expected information (in units of the prior precision at half the prior scale) above which a
# stratum is sampled centred; measured, see docs/decisions.
CENTRED_ABOVE = 8.0
_KEPT = 16
_compiled: "OrderedDict[str, Any]" = OrderedDict()


@dataclass(frozen=True)
class Raw:
    """What the sampler gave.

    Parameters
    ----------
    coordinates
        (chain, draw, coordinate), in the order of `sweep.swept_matrix`.
    scales
        Scale, correlation → (chain, draw).
    cut_spacing
        (chain, draw, K-2), or None for two answers.
    stats
        Sampler statistics, dims chain, draw.
    attrs
        Versions, seed, options.
    """

    coordinates: np.ndarray
    scales: Mapping[str, np.ndarray]
    cut_spacing: np.ndarray | None
    stats: xr.Dataset
    attrs: Mapping[str, Any]


def information(swept: Swept, cells: Cells) -> tuple[float, ...]:
    """Return per stratum the expected information of its worst carrier at half the prior scale."""
    weight = cells.size * 0.25
    design, out = swept.design, []
    matrix = swept_matrix(swept, cells.rows)
    start = len(swept.loadings)
    for stratum in swept.strata:
        ratios = []
        for parts in stratum.parts:
            stop = start + stratum.size
            fisher = float(np.median((weight[:, None] * matrix[:, start:stop] ** 2).sum(0)))
            ratios.append(fisher * sum((0.5 * p.block.scale.sd) ** 2 / p.divisor for p in parts))
            start = stop
        out.append(min(ratios))
    assert start == swept.size, design.spec.name
    return tuple(out)


def compiled_model(swept: Swept, cells: Cells, centred: tuple[bool, ...]) -> Any:
    """Return the compiled model of this shape, with the data at hand; compiles only what is new."""
    import nutpie
    import pytensor

    from ..model import data_of, observed, swept_model

    obs = observed(swept.design, cells)
    data = data_of(obs)
    key = _key(swept, cells.rows, centred, data, obs)
    if key not in _compiled:
        with pytensor.config.change_flags(numba__fastmath=False):
            _compiled[key] = nutpie.compile_pymc_model(swept_model(swept, cells, centred))
        while len(_compiled) > _KEPT:
            _compiled.popitem(last=False)
    _compiled.move_to_end(key)
    return _compiled[key].with_data(**data)


def _key(swept: Swept, rows: Rows, centred: tuple[bool, ...], data: Mapping[str, np.ndarray], obs: Any) -> str:
    design = swept.design
    parts = [repr((design.coefficients, design.pooled, design.cuts, design.answers, centred)).encode()]
    parts += [swept_matrix(swept, rows).tobytes(), repr({k: v.shape for k, v in data.items()}).encode()]
    for kind in ("binomial", "dirichlet"):
        lattice = getattr(obs, kind)
        parts += [lattice.groups.tobytes(), lattice.concentration.tobytes(), getattr(obs, f"{kind}_rows").tobytes()]
    return hashlib.sha256(b"|".join(parts)).hexdigest()


def sample(
    design: Design, cells: Cells, *, seed: int, draws: int, chains: int, sampling: Sampling, progressbar: bool,
    flip: bool = False, mask: np.ndarray | None = None,
) -> tuple[Swept, Raw]:
    """Sample the posterior of a design.

    Raises
    ------
    IncompleteFitError
        If sampling was interrupted or gave NaN; carries the draws there are.
    """
    import nutpie

    swept = sweep(design, cells.rows)
    info = information(swept, cells)
    centred = tuple((i > CENTRED_ABOVE) != (flip and i < 10 * CENTRED_ABOVE) for i in info)
    model = compiled_model(swept, cells, centred)
    if mask is not None:
        model = model.with_data(mask=mask.astype(float))
    tree = nutpie.sample(
        model, draws=draws, tune=sampling.tune, chains=chains, cores=sampling.cores or min(chains, os.cpu_count() or 1),
        seed=seed, progress_bar=progressbar, save_warmup=False, adaptation="low_rank",
        target_accept=sampling.target_accept,
    )
    raw = _read(swept, tree, centred)
    _check_complete(raw, draws, chains)
    return swept, raw


def _read(swept: Swept, tree: xr.DataTree, centred: tuple[bool, ...]) -> Raw:
    post = {k: np.asarray(v.values, dtype=float) for k, v in tree["posterior"].data_vars.items()}
    design = swept.design
    scales = {b.sd_name: post["sd"][..., i] for i, b in enumerate(design.pooled)}
    scales |= {b.corr_name: post[b.corr_name] for b in design.correlated}
    pieces = [post["u"]]
    for i, (stratum, centre) in enumerate(zip(swept.strata, centred, strict=True)):
        x = post[f"x{i}"]
        if not centre:
            low = cholesky(covariance(stratum, scales), np.sqrt)
            x = np.stack([_combine(row, x) for row in low], axis=2)
        pieces.append(x.reshape(*x.shape[:2], -1))
    stats = tree["sample_stats"].to_dataset()
    keep = [v for v in ("diverging", "energy", "n_steps", "step_size", "depth", "maxdepth_reached", "logp") if v in stats]
    attrs = {"centred": [bool(c) for c in centred]}
    return Raw(np.concatenate(pieces, axis=-1), scales, post.get("cut_spacing"), stats[keep], attrs)


def _combine(row: list[Any], raw: np.ndarray) -> np.ndarray:
    out = np.zeros(raw.shape[:2] + raw.shape[3:])
    for k, w in enumerate(row):
        if not isinstance(w, int):
            out = out + np.asarray(w)[..., None] * raw[:, :, k]
    return out


def _check_complete(raw: Raw, draws: int, chains: int) -> None:
    got = raw.coordinates.shape[:2]
    values = [raw.coordinates, *raw.scales.values()] + ([raw.cut_spacing] if raw.cut_spacing is not None else [])
    whole = np.logical_and.reduce([np.isfinite(v).reshape(*got, -1).all(-1) for v in values])
    if got != (chains, draws) or not whole.all():
        raise IncompleteFitError(
            f"{int(whole.sum())} of {chains * draws} draws were obtained: sampling was interrupted or gave NaN; "
            "what there is stands in `.partial`", raw,
        )
