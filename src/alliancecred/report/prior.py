"""What the priors say about the estimands, before any data: the same functions, on draws from the prior."""

from ..cells import Cells
from ..design import Design
from ..errors import SpecError
from ..estimate import Estimate
from ..fitting import Fit
from ..populations import Population
from ..prior_only import prior_fit
from ..priors import Flat
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
