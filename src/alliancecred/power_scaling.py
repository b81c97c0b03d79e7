"""What each prior, and the data, do to an answer: power-scaling sensitivity of estimands, without refits.

A prior (or the likelihood) is raised to a power near 1, draws are weighted accordingly, and the distance that an
estimand moves says how much it rests on it (Kallioinen, Paananen, Bürkner & Vehtari 2024, Statistics and Computing
34, 57).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from .design import Design, half_life
from .errors import SpecError
from .estimate import Estimate
from .fitting import Fit
from .gates import convergence, weights_of
from .prediction import log_likelihood
from .priors import LogNormal, Normal

LIKELIHOOD, PRIORS = "likelihood", "all priors"
THRESHOLD = 0.05  # Kallioinen et al., section 3.2
ALPHAS = (0.99, 1.01)


def powerscale_sensitivity(fit: Fit, estimates: Estimate | Sequence[Estimate]) -> pd.DataFrame:
    """Return how sensitive estimates are to each prior and to the likelihood, by power scaling.

    Parameters
    ----------
    fit
        The fit the estimates were made from. Priors are those a spec declares: of coefficients, scales, correlations,
        cuts; the normal distribution of pooled effects given their scale belongs to the model.
    estimates
        What `shift`, `levels`, `marginal_means`, … returned.

    Returns
    -------
    pandas.DataFrame
        One row per row of an estimate and component (each prior, ``all priors``, ``likelihood``): the labels of the
        estimate; ``component``; ``sensitivity``, the distance moved per doubling of the component (Jensen–Shannon,
        0 to 1; .05 is worth a look); ``per_doubling``, by how much the mean of the estimate moves, in its unit, if the
        component counted twice (to first order: ln 2 · cov(estimate, log component)); ``mcse``, its Monte Carlo
        error; ``diagnosis``, at ``all priors``: *prior-data conflict* where priors and likelihood both move it, *strong
        prior or weak data* where only the priors do.

    Raises
    ------
    SpecError
        If an estimate was made from draws of another shape.

    References
    ----------
    Kallioinen, Paananen, Bürkner & Vehtari (2024), sections 2.3 and 3.2.

    Examples
    --------
    >>> import alliancecred as ac
    >>> survey = ac.simulate("retrenchment_simulated").survey
    >>> fit = ac.fit("retrenchment_simulated", survey, random_seed=1)  # doctest: +SKIP
    >>> ac.powerscale_sensitivity(fit, ac.shift(fit))  # doctest: +SKIP
    """
    given = [estimates] if isinstance(estimates, Estimate) else list(estimates)
    draws = fit.draws()
    priors = log_priors(fit.design, draws)
    whole = np.sum(list(priors.values()), axis=0) + np.zeros(len(next(iter(draws.values()))))
    parts = {**priors, PRIORS: whole, LIKELIHOOD: log_likelihood(fit.design, fit.cells, draws)}
    return pd.concat([_of_estimate(fit, e, parts) for e in given], ignore_index=True)


def _of_estimate(fit: Fit, estimate: Estimate, parts: Mapping[str, np.ndarray]) -> pd.DataFrame:
    shape = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    if estimate.draws.sizes["chain"] * estimate.draws.sizes["draw"] != shape[0] * shape[1]:
        raise SpecError("this estimate was not made from the draws of this fit")
    values = estimate.draws.transpose("chain", "draw", "row").values
    labels = pd.DataFrame([estimate.labels(i) for i in range(len(estimate))])
    found = [
        labels.assign(component=name, sensitivity=_distance(values, part.reshape(shape)), **_slope(fit, values, part))
        for name, part in parts.items()
        if np.ptp(part) > 0
    ]
    frame = pd.concat(found, ignore_index=True)
    whole = {n: frame.loc[frame["component"] == n, "sensitivity"].to_numpy() for n in (PRIORS, LIKELIHOOD)}
    frame["diagnosis"] = ""
    if len(whole[PRIORS]):
        moved = whole[PRIORS] >= THRESHOLD
        words = np.where(whole[LIKELIHOOD] >= THRESHOLD, "prior-data conflict", "strong prior or weak data")
        frame.loc[frame["component"] == PRIORS, "diagnosis"] = np.where(moved, words, "")
    return frame


def _distance(values: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Return the sensitivity of each row, (rows,), by ArviZ."""
    from arviz_stats import psense

    dims = {"chain": np.arange(part.shape[0]), "draw": np.arange(part.shape[1])}
    posterior = xr.Dataset({"estimate": (("chain", "draw", "row"), values)}, coords=dims)
    prior = xr.Dataset({"component": (("chain", "draw"), part)}, coords=dims)
    tree = xr.DataTree.from_dict({"posterior": posterior, "log_prior": prior})
    return np.asarray(psense(tree, alphas=ALPHAS)["estimate"].values, dtype=float)


def _slope(fit: Fit, values: np.ndarray, part: np.ndarray) -> dict[str, np.ndarray]:
    """Return ln 2 · cov(estimate, log component) of each row and its Monte Carlo error, (rows,)."""
    products = math.log(2) * (values - values.mean((0, 1))) * (part - part.mean()).reshape(*values.shape[:2], 1)
    known = convergence(xr.Dataset({"product": (("chain", "draw", "row"), products)}, weights_of(fit.posterior)))
    return {"per_doubling": products.mean((0, 1)), "mcse": known["mcse_mean"].to_numpy(dtype=float)}


def log_priors(design: Design, draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the log density of every declared prior at the draws, name of what it is of → (draws,); flat ones not."""
    out: dict[str, np.ndarray] = {}

    def add(name: str, density: np.ndarray) -> None:
        out[name] = out.get(name, 0.0) + density.reshape(len(density), -1).sum(1)

    for variable, index in design.variables.items():
        columns = np.asarray(draws[variable]).reshape(-1, len(index))
        for column, i in zip(columns.T, index, strict=True):
            if isinstance(own := design.coefficients[i].prior, Normal):
                add(variable, stats.norm.logpdf(column, own.mean, own.sd))
    for name, scale in design.scales.items():
        add(name, stats.halfnorm.logpdf(draws[name], scale=scale.sd))
    for block in design.correlated:
        eta = block.correlation.eta
        add(block.corr_name, stats.beta.logpdf((np.asarray(draws[block.corr_name]) + 1) / 2, eta, eta))
    if design.inner:
        add("cut_spacing", stats.norm.logpdf(draws["cut_spacing"], design.cuts.mean, design.cuts.sd))
    for name, prior in {**design.spec.extra, **{half_life(k): p for k, p in design.fading.items()}}.items():
        match prior:
            case Normal(mean=mean, sd=sd):
                add(name, stats.norm.logpdf(draws[name], mean, sd))
            case LogNormal(median=median, sd=sd):
                add(name, stats.lognorm.logpdf(draws[name], sd, scale=median))
    return out
