"""An analysis before its data: draws from the prior as if they were a posterior, and scales as sizes of effects."""

from dataclasses import replace

import numpy as np
import xarray as xr

from .cells import Cells
from .design import Design
from .errors import SpecError
from .estimate import LABELS, Estimate
from .fitting import Fit
from .gates import diagnosis
from .identify import always_said
from .prediction import estimate_status
from .simulation import dataset, draw_prior

_CHAINS = 4


def before_data(fit: Fit, *, draws: int = 4000, random_seed: int = 0) -> Fit:
    """Return the same analysis with draws from its prior in place of the posterior: every estimand applies to it.

    Its estimates, and their tables and figures, say that no data were used.

    Parameters
    ----------
    fit
        A fitted analysis.
    draws
        In all, over four chains.
    random_seed
        Seed.

    Returns
    -------
    Fit

    Raises
    ------
    SpecError
        If a prior is flat: nothing can be drawn from it.

    Examples
    --------
    >>> import alliancecred as ac
    >>> prior = ac.before_data(fit)  # doctest: +SKIP
    >>> ac.plot_prior_posterior(ac.shift(prior), ac.shift(fit))  # doctest: +SKIP
    """
    made = prior_fit(fit.design, fit.cells, draws=draws, random_seed=random_seed)
    made.idata.attrs["prior_only"] = 1
    return made


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


def scales(fit: Fit) -> Estimate:
    """Return how far apart groups are, on the scale of answers: one standard deviation of each pooled term.

    Parameters
    ----------
    fit
        A fitted analysis, or one `before_data`.

    Returns
    -------
    Estimate
        A row per scale, in percentage points: by how much a group that lies one standard deviation above the average
        differs from it where half of the people give a top answer. Of normal answers in points of the scale.

    Raises
    ------
    SpecError
        If the analysis pools nothing.

    Examples
    --------
    >>> import alliancecred as ac
    >>> ac.summary(ac.scales(fit))  # doctest: +SKIP
    """
    names = {b.sd_name: _words(b.variable, b.by) for b in fit.design.pooled if b.sd_name in fit.posterior}
    if not names:
        raise SpecError("the analysis pools nothing: it has no scales")
    sd = np.stack([fit.posterior[k].transpose("chain", "draw").values for k in names], axis=-1)
    linear = fit.spec.gaussian is not None
    values = sd if linear else 100 / (1 + np.exp(-sd)) - 50
    coords = {k: ("row", np.full(len(names), "", dtype=object)) for k in LABELS}
    coords["estimand"] = ("row", np.array(list(names.values()), dtype=object))
    kept = {k: c for k, c in fit.posterior.coords.items() if c.dims == ("chain", "draw")}
    draws = xr.DataArray(values, dims=("chain", "draw", "row"), coords={**coords, **kept})
    unit = "scale points" if linear else "percentage points"
    what = "one standard deviation between groups" + ("" if linear else ", where half give a top answer")
    notes = tuple(always_said(fit.cells, prior_only=fit.prior_only))
    status = estimate_status(fit, draws, unit)
    return Estimate(draws, unit, "descriptive", "top", what, fit.spec, status=status, notes=notes)


def _words(variable: str, by: tuple[str, ...]) -> str:
    """Return what a block is called.

    Examples
    --------
    >>> _words("level_country_ally", ("country", "ally")), _words("shift_us2025_country", ("country",))
    ('level by country and ally', 'shift us2025 by country')
    """
    stem = variable.removesuffix("_" + "_".join(by)).replace("_", " ")
    return f"{stem} by {' and '.join(by)}"
