"""What the priors say about the estimands, before any data: the same functions, on draws from the prior."""

from dataclasses import replace

import numpy as np
import xarray as xr

from ..cells import Cells
from ..design import Design
from ..errors import SpecError
from ..estimate import Estimate
from ..fitting import Fit
from ..gates import diagnosis
from ..populations import Population
from ..priors import Flat
from ..simulation import dataset, draw_prior
from .contents import evaluate_all

_CHAINS = 4


def prior_fit(design: Design, cells: Cells, *, draws: int = 4000, random_seed: int = 0) -> Fit:
    """Return a `Fit` whose "posterior" is drawn from the prior: every estimand function applies.

    Raises
    ------
    SpecError
        If a prior is flat: nothing can be drawn from it.
    """
    values = draw_prior(design, np.random.default_rng(random_seed), draws)
    stats = xr.Dataset(coords={"chain": np.arange(_CHAINS), "draw": np.arange(draws // _CHAINS)})
    posterior = dataset(design, values, _CHAINS).assign_coords(
        ancestor=(("chain", "draw"), np.arange(draws).reshape(_CHAINS, -1)),
        log_weight=(("chain", "draw"), np.zeros((_CHAINS, draws // _CHAINS))),
    )  # independent draws of equal weight: no chain has to be judged
    tree = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
    tree.attrs["random_seed"] = random_seed
    return Fit(design.spec, cells, design, tree, replace(diagnosis(xr.Dataset(), stats), problems=()))


def has_flat(design: Design) -> bool:
    """Return whether a prior of the design is flat."""
    return any(isinstance(c.prior, Flat) for c in design.coefficients)


def rehearse(
    design: Design, cells: Cells, *, random_seed: int = 0, population: Population | None = None
) -> tuple[Fit, tuple[Estimate, ...]] | None:
    """Do with draws from the prior what will be done with the posterior: what can fail, fails before sampling.

    Returns
    -------
    tuple or None
        The draws as a fit, and its estimates; None where a prior is flat, since nothing can be drawn from it.

    Raises
    ------
    SpecError
        Listing what the data cannot answer.
    """
    if design.spec.variants and not cells.toplines:
        raise SpecError("variants change the overdispersion of toplines, but the sources have none")
    if has_flat(design):
        return None
    rehearsal = prior_fit(design, cells, random_seed=random_seed)
    return rehearsal, evaluate_all(rehearsal, population)
