"""Answers that are not always the same: estimates of experiments corrected by a repeated task."""

from dataclasses import replace

import numpy as np
import xarray as xr

from .errors import SpecError
from .estimate import Estimate


def corrected(estimate: Estimate, *, agreed: int, repeated: int, random_seed: int = 0) -> Estimate:
    """Return marginal means or effects of a forced choice as they would be without careless answers.

    People who are shown one task twice and choose differently have erred once. If each choice is swapped with
    probability τ, the two agree with probability 1 − 2τ(1 − τ); marginal means are pulled to 50 % and effects to 0 by
    the factor 1 − 2τ, which is divided out, draw by draw, with τ drawn from its posterior: agreement is binomial with
    a uniform prior from 50 to 100 %.

    Parameters
    ----------
    estimate
        `marginal_means` (per cent), `amce` or `moderation` (percentage points) of a choice between two profiles.
    agreed, repeated
        How many people chose the same both times, and how many had the task twice (the profiles' sides swapped, best).
    random_seed
        Seed of the draws of τ.

    Returns
    -------
    Estimate
        With wider intervals: τ is not known exactly. A note gives the agreement and τ.

    Raises
    ------
    SpecError
        If the unit is not per cent or percentage points, or fewer agreed than by chance.

    References
    ----------
    Clayton, Horiuchi, Kaufman, King & Komisarchik (2023), Correcting Measurement Error Bias in Conjoint Survey
    Experiments, section 3.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> raw = example_estimate("amce")
    >>> better = corrected(raw, agreed=800, repeated=1000)
    >>> float((better.draws.mean() / raw.draws.mean()).round(1))
    1.3
    """
    if estimate.unit not in ("percent", "percentage points"):
        raise SpecError(f"only shares and their differences are corrected, not {estimate.unit}")
    if not (0 <= agreed <= repeated and repeated > 0) or agreed < repeated / 2:
        raise SpecError(f"of {repeated} at least half must have agreed, got {agreed}: else answers are mere chance")
    shape = estimate.draws.isel(row=0).shape
    size, rng = int(np.prod(shape)), np.random.default_rng(random_seed)
    agreement = np.empty(0)
    while len(agreement) < size:  # the part of the posterior above chance
        drawn = rng.beta(agreed + 1, repeated - agreed + 1, 2 * size)
        agreement = np.concatenate([agreement, drawn[drawn > 0.5]])
    tau = (1 - np.sqrt(2 * agreement[:size] - 1)) / 2
    factor = xr.DataArray((1 - 2 * tau).reshape(shape), dims=estimate.draws.isel(row=0).dims)

    def better(draws: xr.DataArray | None, middle: float) -> xr.DataArray | None:
        if draws is None:
            return None
        return draws.copy(data=(middle + (draws - middle) / factor).transpose(*draws.dims).values)

    level = 50.0
    note = (
        f"corrected for careless answers: {agreed:,} of {repeated:,} chose the same twice; swapped with probability "
        f"{100 * tau.mean():.1f} % (sd {100 * tau.std():.1f})"
    )
    draws = better(estimate.draws, 0.0 if estimate.is_difference else level)
    assert draws is not None
    return replace(
        estimate,
        draws=draws,
        before=better(estimate.before, level),
        after=better(estimate.after, level),
        notes=(*estimate.notes, note),
    )
