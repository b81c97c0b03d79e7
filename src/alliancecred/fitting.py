"""Spec + sources → a fitted, frozen value."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import xarray as xr

from .assemble import data_groups, judged, provenance, unjudged
from .cautions import warn_identification
from .cells import Cells, make_cells
from .design import SPACING, Design, half_life
from .errors import ConvergenceError, ConvergenceWarning, FitError, IncompleteFitError, SpecError, within_memory
from .forewarn import warn_data
from .gates import Diagnosis
from .identify import make_design
from .sampling import Sampling
from .sources import Survey, Toplines
from .spec import Spec
from .spec_file import as_spec

if TYPE_CHECKING:
    import pymc as pm

    from .engines.draws import Draws


Method = Literal["auto", "laplace", "nuts", "numpyro"]
METHODS: tuple[str, ...] = get_args(Method)


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

    def _repr_html_(self) -> str:
        from .cards import fit_card

        return fit_card(self)

    @property
    def prior_only(self) -> bool:
        """Whether its draws come from the prior, before any data (`before_data`)."""
        return bool(self.idata.attrs.get("prior_only", False))

    def __repr__(self) -> str:
        post = self.posterior.sizes
        cells, what = self.cells, "answers"
        asked = cells.counts if cells.unweighted is None else cells.unweighted
        prior = ", DRAWN FROM THE PRIOR" if self.prior_only else ""
        if cells.choices is not None:
            asked, what = cells.choices.counts, "choices"
        return (
            f"<Fit {self.spec.name}{prior}: {len(self.cells.counts)} cells ({int(asked.sum()):,} {what}), "
            f"{len(self.cells.toplines)} toplines; {post['chain']} × {post['draw']} draws; {self.diagnosis.status}>"
        )


def flat_draws(posterior: xr.Dataset) -> dict[str, np.ndarray]:
    """Return variable → array with chains and draws along one first axis."""
    out = {}
    for name in posterior.data_vars:
        values = posterior.variables[name].transpose("chain", "draw", ...).values  # bare: coordinates cost more
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
    method: Method = "auto",
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
    method
        ``laplace``: nested Laplace with importance correction (Rue, Martino & Chopin 2009), usually
        under a second. ``nuts``: the no-U-turn sampler. ``auto``: Laplace if its draws pass the
        gates, else NUTS; ``fit.idata.attrs["method"]`` and ``["method_reason"]`` say which and why.
        ``numpyro``: the same sampler and draws by NumPyro and JAX (``alliancecred[jax]``); on cells
        it is slower, see docs/benchmarks.md.
    sampling
        Options of the no-U-turn sampler, and the cores either engine may use.
    progressbar
        Whether to show the progress of the no-U-turn sampler.
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
        If sampling was interrupted; its ``partial`` is a `Fit` of the draws there are, which fails its gates as
        partial wherever it is shown, and can be saved; None if there are too few.
    FitError
        If ``method="numpyro"`` and NumPyro is not installed, or a half-life is to be estimated.
    ConvergenceError
        If a gate failed and ``strict``.
    """
    if method not in METHODS:
        raise SpecError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    spec, cells, design = prepare(spec, *sources)
    warn_identification(design, cells)
    warn_data(spec, cells, sources)
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if random_seed is None else random_seed
    result = fit_design(
        design,
        cells,
        random_seed=seed,
        draws=draws,
        chains=chains,
        method=method,
        sampling=sampling,
        progressbar=progressbar,
    )
    if not result.diagnosis.passed:
        if strict:
            raise ConvergenceError(result.diagnosis.status)
        warnings.warn(f"{spec.name}: {result.diagnosis.status}", ConvergenceWarning, stacklevel=2)
    return result


@within_memory()
def fit_design(
    design: Design,
    cells: Cells,
    *,
    random_seed: int,
    draws: int = 1000,
    chains: int = 4,
    method: Method = "auto",
    sampling: Sampling = Sampling(),
    progressbar: bool = False,
    mask: np.ndarray | None = None,
) -> Fit:
    """Fit a design; `fit` without its checks and warnings. ``mask`` (rows,) is 0 where a row is held out."""
    start = time.perf_counter()
    run: dict[str, Any] = {"draws": draws, "chains": chains, "mask": mask}
    why = "asked for"
    reason = beyond_laplace(design)
    if reason and method == "laplace":
        raise FitError(f"nested Laplace {reason} → method='nuts'")
    if reason:
        why = f"nested Laplace {reason}" if method == "auto" else why
    elif method in ("auto", "laplace"):
        from .engines.laplace import sample as by_laplace

        seed = int(np.random.default_rng([random_seed, 99]).integers(2**30))
        found = by_laplace(design, cells, seed=seed, cores=sampling.cores, **run)
        why = "asked for" if method == "laplace" else "it passed its gates"
        attrs = {"method": "laplace", "method_reason": why, "attempts": 1}
        result = _fit_of(design, cells, found, attrs, random_seed, start)
        if method == "laplace" or result.diagnosis.passed:
            return result
        why = f"nested Laplace {result.diagnosis.status}"

    from .engines.nuts import sample as by_nuts

    back_end: Literal["nutpie", "numpyro"] = "numpyro" if method == "numpyro" else "nutpie"
    results: list[Fit] = []
    options = sampling
    for attempt in range(sampling.retries + 1):
        if results:
            options = options.longer() if results[-1].diagnosis.only_mixing else options.careful()
        seed = int(np.random.default_rng([random_seed, attempt]).integers(2**30))
        run["rough"] = _scales_of(results[-1]) if results else None
        attrs = {"method": "nuts", "method_reason": why, "attempts": attempt + 1}
        attrs |= {"tuning_steps": options.tune, "target_accept": options.target_accept, "thin": options.thin}
        try:
            found = by_nuts(
                design, cells, seed=seed, sampling=options, progressbar=progressbar, back_end=back_end, **run
            )
        except IncompleteFitError as error:
            partial: Any = error.partial  # an engine knows draws, not fits
            if partial is not None:
                partial = _fit_of(design, cells, partial, attrs, random_seed, start)
            raise IncompleteFitError(str(error), partial or (results[-1] if results else None)) from None
        results.append(_fit_of(design, cells, found, attrs, random_seed, start))
        if results[-1].diagnosis.passed:
            break
    return min(results, key=lambda r: len(r.diagnosis.problems))


def _scales_of(fit: Fit) -> dict[str, np.ndarray] | None:
    """Return draws of what decides how the next attempt samples; None if some are not finite."""
    names = [*fit.design.scales, *(b.corr_name for b in fit.design.correlated), *map(half_life, fit.design.fading)]
    draws: dict[str, np.ndarray] = {name: np.asarray(fit.posterior[name].values).ravel() for name in names}
    if fit.design.cut_groups:
        draws[SPACING] = np.asarray(fit.posterior[SPACING].values).reshape(-1, fit.design.inner)
    return draws if all(np.isfinite(v).all() for v in draws.values()) else None


def beyond_laplace(design: Design) -> str:
    """Return why a design is beyond nested Laplace, empty if it is not."""
    if design.respondent is not None:
        return "does not integrate over respondents"
    return "does not know cuts by country" if design.cut_scale is not None else ""


def _fit_of(
    design: Design, cells: Cells, found: "Draws", attrs: Mapping[str, object], random_seed: int, start: float
) -> Fit:
    stopped = False
    try:
        posterior, verdict = judged(design, found)
    except KeyboardInterrupt:
        stopped = True
        posterior, verdict = unjudged(design, found)
    groups = {"posterior": posterior, "sample_stats": found.stats} | data_groups(design, cells)
    tree = xr.DataTree.from_dict(groups)
    seconds = time.perf_counter() - start
    tree.attrs.update(provenance(design, random_seed, seconds) | dict(attrs) | dict(found.attrs))
    tree.attrs["status"] = verdict.status
    result = Fit(design.spec, cells, design, tree, verdict)
    if stopped:
        raise IncompleteFitError(
            "interrupted while the gates were computed: the draws stand in `.partial`, unjudged", result
        )
    return result
