"""Spec + sources → a fitted, frozen value."""

import importlib.metadata
import json
import platform
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from .cells import Cells, make_cells
from .design import Design, coords_of, dims_of
from .errors import ConvergenceError, ConvergenceWarning
from .gates import Diagnosis, diagnosis
from .identify import make_design, warn_identification
from .recover import recover
from .sampling import Sampling
from .sources import Survey, Toplines
from .spec import Spec
from .spec_file import as_spec, spec_to_toml

if TYPE_CHECKING:
    import pymc as pm

    from .engines.nuts import Raw
    from .sweep import Swept


@dataclass(frozen=True)
class Fit:
    """A posterior with everything it came from.

    Parameters
    ----------
    spec, cells, design
        The analysis, the data, the structure.
    idata
        ``xarray.DataTree`` in ArviZ layout: ``posterior, sample_stats, observed_data,
        constant_data``; provenance (versions, seed, sampler, wall time, digest) in its attrs.
    diagnosis
        The verdict of the gates.
    """

    spec: Spec
    cells: Cells
    design: Design
    idata: xr.DataTree
    diagnosis: Diagnosis

    @property
    def posterior(self) -> xr.Dataset:
        """The posterior draws."""
        return self.idata["posterior"].to_dataset()

    def draws(self) -> dict[str, np.ndarray]:
        """Return every variable with chains and draws along one first axis."""
        return flat_draws(self.posterior)

    def __repr__(self) -> str:
        post = self.posterior.sizes
        people = int(self.cells.counts.sum())
        return (
            f"<Fit {self.spec.name}: {len(self.cells.counts)} cells ({people:,} answers), "
            f"{len(self.cells.toplines)} toplines; {post['chain']} × {post['draw']} draws; {self.diagnosis.status}>"
        )


def flat_draws(posterior: xr.Dataset) -> dict[str, np.ndarray]:
    """Return variable → array with chains and draws along one first axis."""
    out = {}
    for name, array in posterior.data_vars.items():
        values = array.transpose("chain", "draw", ...).values
        out[str(name)] = values.reshape(-1, *values.shape[2:])
    return out


def prepare(spec: Spec | str | Path, *sources: Survey | Toplines) -> tuple[Spec, Cells, Design]:
    """Return the checked spec, its cells and its design; everything short of sampling."""
    spec = as_spec(spec)
    cells = make_cells(spec, sources)
    return spec, cells, make_design(spec, cells)


def build(spec: Spec | str | Path, *sources: Survey | Toplines) -> "pm.Model":
    """Return the `pymc.Model` of an analysis, with named, dimensioned variables.

    This is the model as written in the docs; `fit` samples the same posterior in swept
    coordinates and recovers these variables.

    Raises
    ------
    SpecError
        If the spec is inconsistent or the data cannot tell its terms apart.
    """
    from .model import plain_model

    _, cells, design = prepare(spec, *sources)
    return plain_model(design, cells)


def fit(
    spec: Spec | str | Path,
    *sources: Survey | Toplines,
    random_seed: int | None = None,
    draws: int = 1000,
    chains: int = 4,
    sampling: Sampling = Sampling(),
    progressbar: bool = True,
    strict: bool = False,
) -> Fit:
    """Fit an analysis to surveys and toplines together.

    Parameters
    ----------
    spec
        A `Spec`, a TOML file, or the name of a shipped model.
    sources
        What `read_survey`, `read_counts` and `read_toplines` returned.
    random_seed
        Seed; None draws one and records it.
    draws, chains
        Kept draws per chain, and chains.
    sampling
        Further options.
    progressbar
        Whether to show progress.
    strict
        Raise `ConvergenceError` instead of warning where a gate fails.

    Returns
    -------
    Fit

    Raises
    ------
    SpecError
        If the spec or its match with the data is wrong.
    IncompleteFitError
        If sampling was interrupted; carries the draws there are.
    ConvergenceError
        If a gate failed and ``strict``.
    """
    spec, cells, design = prepare(spec, *sources)
    warn_identification(design, cells)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if random_seed is None else random_seed
    result = fit_design(
        design, cells, random_seed=seed, draws=draws, chains=chains, sampling=sampling, progressbar=progressbar
    )
    if not result.diagnosis.passed:
        if strict:
            raise ConvergenceError(result.diagnosis.status)
        warnings.warn(f"{spec.name}: {result.diagnosis.status}", ConvergenceWarning, stacklevel=2)
    return result


def fit_design(
    design: Design,
    cells: Cells,
    *,
    random_seed: int,
    draws: int = 1000,
    chains: int = 4,
    sampling: Sampling = Sampling(),
    progressbar: bool = False,
    mask: np.ndarray | None = None,
) -> Fit:
    """Sample a design; run again, more carefully, where a gate fails (see `Sampling.retries`)."""
    from .engines.nuts import sample

    start = time.perf_counter()
    result = None
    for attempt in range(sampling.retries + 1):
        root = np.random.default_rng([random_seed, attempt])
        options = (
            sampling
            if attempt == 0
            else Sampling(
                tune=sampling.tune * 2**attempt,
                target_accept=1 - (1 - sampling.target_accept) / 10**attempt,
                cores=sampling.cores,
            )
        )
        swept, raw = sample(
            design,
            cells,
            seed=int(root.integers(2**30)),
            draws=draws,
            chains=chains,
            sampling=options,
            progressbar=progressbar,
            mask=mask,
        )
        attrs = _provenance(design, options, random_seed, attempt + 1, time.perf_counter() - start)
        candidate = _assemble(design, cells, swept, raw, root, attrs)
        if result is None or len(candidate.diagnosis.problems) < len(result.diagnosis.problems):
            result = candidate
        if candidate.diagnosis.passed:
            break
    assert result is not None
    return result


def _assemble(
    design: Design, cells: Cells, swept: "Swept", raw: "Raw", rng: np.random.Generator, attrs: Mapping[str, object]
) -> Fit:
    chains, draws, size = raw.coordinates.shape
    flat = {k: v.reshape(-1) for k, v in raw.scales.items()}
    variables = recover(swept, raw.coordinates.reshape(-1, size), flat, rng) | flat
    if raw.cut_spacing is not None:
        variables["cut_spacing"] = raw.cut_spacing.reshape(chains * draws, -1)
    dims = dims_of(design)
    coords = {k: np.asarray(v, dtype=str) for k, v in coords_of(design).items()}
    used = {d for ds in dims.values() for d in ds}
    posterior = xr.Dataset(
        {k: (("chain", "draw", *dims[k]), v.reshape(chains, draws, *v.shape[1:])) for k, v in variables.items()},
        coords={"chain": np.arange(chains), "draw": np.arange(draws)} | {k: coords[k] for k in sorted(used)},
    )
    sampled = xr.Dataset({"swept": (("chain", "draw", "coordinate"), raw.coordinates)})
    verdict = diagnosis(posterior.merge(sampled), raw.stats)
    tree = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": raw.stats} | _data_groups(design, cells))
    tree.attrs.update(dict(attrs) | {"status": verdict.status, "centred": json.dumps(raw.attrs["centred"])})
    return Fit(design.spec, cells, design, tree, verdict)


def _data_groups(design: Design, cells: Cells) -> dict[str, xr.Dataset]:
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


def _provenance(design: Design, sampling: Sampling, seed: int, attempts: int, seconds: float) -> dict[str, object]:
    packages = ("alliancecred", "pymc", "nutpie", "numpy", "xarray")
    versions = {p: importlib.metadata.version(p) for p in packages}
    return {
        "inference_library": "nutpie",
        "versions": json.dumps(versions | {"python": platform.python_version()}),
        "random_seed": seed,
        "tuning_steps": sampling.tune,
        "target_accept": sampling.target_accept,
        "attempts": attempts,
        "sampling_time": seconds,
        "spec": spec_to_toml(design.spec),
        "spec_digest": design.spec.digest,
        "notes": json.dumps(design.notes),
    }
