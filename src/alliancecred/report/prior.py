"""What the priors say about the estimands, before any data: the same functions, on draws from the prior."""

import numpy as np

from ..cells import Cells
from ..design import Design
from ..errors import SpecError
from ..estimate import Estimate
from ..fitting import Fit
from ..populations import Population
from ..prior_only import prior_fit
from ..priors import Flat, HalfNormal, Normal
from .contents import evaluate_all


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


def points_at_half(prior: Normal | HalfNormal | Flat) -> tuple[float, float, float] | None:
    """Return sd and 95 % interval, in percentage points at 50 %, of an effect with that prior.

    For a `HalfNormal` scale the effect is a group's deviation, its sd drawn from the prior.

    Examples
    --------
    >>> [round(x) for x in points_at_half(Normal(0.0, 1.0))]
    [21, -38, 38]
    """
    rng = np.random.default_rng(0)
    z = rng.standard_normal(40_000)
    match prior:
        case Normal(mean=mean, sd=sd):
            logit = mean + sd * z
        case HalfNormal(sd=sd):
            logit = np.abs(rng.normal(0, sd, z.size)) * z
        case _:
            return None
    points = 100 / (1 + np.exp(-logit)) - 50
    low, high = np.quantile(points, [0.025, 0.975])
    return float(points.std()), float(low), float(high)
