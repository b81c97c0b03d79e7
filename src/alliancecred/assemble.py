"""What an engine drew → the posterior with names and dims, its verdict, the data beside it, where it came from."""

import importlib.metadata
import json
import platform
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from .cells import Cells
from .design import Design
from .dims import coords_of, dims_of
from .gates import Diagnosis, convergence, diagnosis, weights_of
from .spec_file import spec_to_toml

if TYPE_CHECKING:
    from .engines.draws import Draws

PACKAGES = ("alliancecred", "pymc", "nutpie", "numba", "numpy", "scipy", "xarray")


def judged(design: Design, draws: "Draws") -> tuple[xr.Dataset, Diagnosis]:
    """Return the posterior in ArviZ layout and the verdict of the gates on it.

    Resampled draws carry ``ancestor`` and ``log_weight`` as coordinates on chain and draw, so that
    whatever is computed from them can be judged like them (`gates.convergence`).
    """
    posterior = _named(design, draws)
    moved = {k: (("chain", "draw", f"{k}_coordinate"), v) for k, v in draws.checked.items()}
    verdict = diagnosis(posterior.assign(moved), draws.stats)
    return posterior, replace(verdict, problems=(*draws.problems, *verdict.problems))


def unjudged(design: Design, draws: "Draws") -> tuple[xr.Dataset, Diagnosis]:
    """Return what `judged` does without the gates, which count as failed."""
    problems = (*draws.problems, "partial: the gates were not computed")
    return _named(design, draws), Diagnosis(convergence(xr.Dataset()), 0, 0, (), problems)


def _named(design: Design, draws: "Draws") -> xr.Dataset:
    dims = dims_of(design)
    labels = {k: np.asarray(v, dtype=str) for k, v in coords_of(design).items()}
    used = {d for ds in dims.values() for d in ds}
    chains, size = draws.stats.sizes["chain"], draws.stats.sizes["draw"]
    coords = {"chain": np.arange(chains), "draw": np.arange(size)} | {k: labels[k] for k in sorted(used)}
    variables = {k: (("chain", "draw", *dims[k]), draws.variables[k]) for k in dims}
    return xr.Dataset(variables, coords=coords | weights_of(draws.stats))


def data_groups(design: Design, cells: Cells) -> dict[str, xr.Dataset]:
    """Return the groups ``observed_data`` and ``constant_data``."""
    labels = cells.labels()
    n = len(cells.counts)
    constant = xr.Dataset({f: (("row",), labels[f].to_numpy(dtype=str)) for f in labels.columns})
    for name, on in cells.rows.on.items():
        constant[f"on_{name}"] = (("row",), on)
    answers = np.asarray(design.spec.answers, dtype=str)
    observed = xr.Dataset(
        {"counts": (("cell", "answer"), cells.counts)}, coords={"cell": np.arange(n), "answer": answers}
    )
    if cells.toplines:
        observed["topline_lower"] = (("topline",), [t.lower[0] for t in cells.toplines])
        observed["topline_upper"] = (("topline",), [t.upper[0] for t in cells.toplines])
    return {"observed_data": observed, "constant_data": constant}


@cache
def _versions() -> dict[str, str]:
    return {p: importlib.metadata.version(p) for p in PACKAGES}


def provenance(design: Design, seed: int, seconds: float) -> dict[str, object]:
    """Return what identifies a fit: versions, seed, time, spec and its digest."""
    return {
        "versions": json.dumps(_versions() | {"python": platform.python_version()}),
        "random_seed": seed,
        "fit_time": seconds,
        "spec": spec_to_toml(design.spec),
        "spec_digest": design.spec.digest,
        "notes": json.dumps(design.notes),
    }
