"""Chains kept one by one in a folder as they end, so that a fit that was killed goes on where it was.

Each chain has a seed of its own and a file of its own, named after everything its draws depend on: the packed model
with its data, seed, options, versions. A file that is there is the chain that would be sampled again, so it is not.
"""

import hashlib
import importlib.metadata
import json
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..errors import IntegrityError
from ..files import check_room, make_folder
from ..sealed import read_sealed, write_sealed

KIND = "chain"
_WAIT = 0.02  # seconds between looks at what is running
_PACKAGES = ("alliancecred", "nutpie", "numba", "numpy")
Start = Callable[[int], Any]


def identity_of(buffer: np.ndarray, options: Mapping[str, Any]) -> str:
    """Return the SHA-256 of everything that the draws of a chain depend on.

    Examples
    --------
    >>> identity_of(np.zeros(2), {"seed": 1}) == identity_of(np.zeros(2), {"seed": 2})
    False
    """
    about = {"options": dict(options), "versions": {p: importlib.metadata.version(p) for p in _PACKAGES}}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode() + buffer.tobytes()).hexdigest()


def seed_of_chain(seed: int, chain: int) -> int:
    """Return the seed of one chain of a fit.

    Examples
    --------
    >>> seed_of_chain(1, 0) == seed_of_chain(1, 1)
    False
    """
    return int(np.random.default_rng([seed, chain]).integers(2**30))


def kept_chains(
    start: Start, folder: str | Path, identities: list[str], draws: int, parameters: int, cores: int
) -> tuple[np.ndarray, xr.Dataset]:
    """Return θ (chain, draw, parameter) and statistics; chains that are not in ``folder`` yet are sampled.

    Parameters
    ----------
    start
        Chain → a sampler under way, of that chain alone, with ``is_finished``, ``wait()`` and ``abort()``.
    folder
        Where chains are kept; each is written as soon as it ends.
    identities
        What each chain is (`identity_of`).
    draws, parameters
        How many a chain has when it is whole.
    cores
        Chains at the same time.

    Raises
    ------
    StoreError
        If the folder cannot hold them; before anything is sampled.
    IntegrityError
        If a chain in it has changed.
    """
    folder = make_folder(folder)
    paths = [folder / f"chain_{identity[:24]}.nc" for identity in identities]
    found = {i: _read(path, identities[i], draws, parameters) for i, path in enumerate(paths) if path.exists()}
    missing = [i for i in range(len(paths)) if i not in found]
    if missing:
        _rehearse(folder, len(missing) * draws * parameters * 8)
    running: dict[int, Any] = {}
    try:
        while missing or running:
            while missing and len(running) < cores:
                running[missing[0]] = start(missing[0])
                missing.pop(0)
            for i in [i for i, sampler in running.items() if _has_ended(sampler)]:
                found[i] = _plain(running.pop(i).wait())
                if found[i].sizes["draw"] == draws and np.isfinite(found[i]["theta"].values).all():
                    tree = xr.DataTree.from_dict({"/chain": found[i]})
                    tree.attrs["identity"] = identities[i]
                    write_sealed(tree, paths[i], KIND)
            time.sleep(_WAIT)
    except KeyboardInterrupt:
        found |= {i: _plain(sampler.abort()) for i, sampler in running.items()}
    return _together([found.get(i) for i in range(len(paths))], draws, parameters)


def _has_ended(sampler: Any) -> bool:
    try:
        return bool(sampler.is_finished)
    except TimeoutError:  # what nutpie says of one that is still at work
        return False


def _rehearse(folder: Path, size: int) -> None:
    """Write what little there is before sampling, so that what cannot be written later fails now."""
    check_room(folder, size)
    trial = folder / f".{uuid.uuid4().hex}.tmp"
    try:
        write_sealed(xr.DataTree.from_dict({"/chain": xr.Dataset({"theta": ("draw", np.zeros(1))})}), trial, KIND)
    finally:
        trial.unlink(missing_ok=True)


def _plain(tree: xr.DataTree) -> xr.Dataset:
    """Return the draws of one chain and the numbers that the sampler wrote beside them, by draw."""
    theta = np.asarray(tree["posterior"]["theta"].values, dtype=float)[0]
    stats = tree["sample_stats"].to_dataset()
    kept = {
        k: v.values[0] for k, v in stats.data_vars.items() if v.dims == ("chain", "draw") and v.dtype.kind in "biuf"
    }
    return xr.Dataset({"theta": (("draw", "parameter"), theta)} | {k: ("draw", v) for k, v in kept.items()})


def _read(path: Path, identity: str, draws: int, parameters: int) -> xr.Dataset:
    tree, _ = read_sealed(path, KIND)
    data = tree["chain"].to_dataset() if "chain" in tree.children else xr.Dataset()
    whole = "theta" in data and data["theta"].shape == (draws, parameters) and np.isfinite(data["theta"].values).all()
    if tree.attrs.get("identity") != identity or not whole:
        raise IntegrityError(f"{path.name} does not hold the chain it is named after → delete it")
    return data


def _together(parts: list[xr.Dataset | None], draws: int, parameters: int) -> tuple[np.ndarray, xr.Dataset]:
    """Return chains below each other, NaN (in statistics 0) where there are no draws."""
    theta = np.full((len(parts), draws, parameters), np.nan)
    names = {k: v.dtype for part in parts if part is not None for k, v in part.data_vars.items() if k != "theta"}
    stats = {k: np.zeros((len(parts), draws), dtype=kind) for k, kind in names.items()}
    for i, part in enumerate(parts):
        if part is None:
            continue
        size = min(part.sizes["draw"], draws)
        theta[i, :size] = part["theta"].values[:size]
        for name in set(stats) & set(part):
            stats[name][i, :size] = part[name].values[:size]
    coords = {"chain": np.arange(len(parts)), "draw": np.arange(draws)}
    return theta, xr.Dataset({str(k): (("chain", "draw"), v) for k, v in stats.items()}, coords=coords)
