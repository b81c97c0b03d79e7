"""Simulation-based calibration: truths must lie in their posteriors as the posteriors say."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .asking import evaluate
from .cells import Cells
from .design import SD_CUTS, SD_RESPONDENT, half_life
from .errors import FitError, SpecError
from .estimate import Estimate
from .fitting import Fit, Method, prepare
from .layout import Layout, lay_out
from .planning import plan_fieldings
from .prediction import log_likelihood
from .simulation import dataset, draw_prior, simulate_on
from .sources import Survey, Toplines
from .spec import Spec
from .spec_file import as_spec
from .studies import name_of, refit, run_study
from .summaries import by_row
from .uniform_ranks import holm, thin, uniformity

Publish = Callable[[Survey | Toplines], Survey | Toplines]
LEVEL = 0.01
LIKELIHOOD = "log likelihood"
UNINFORMED = 0.5  # mean posterior sd over prior sd from which the data say little


@dataclass(frozen=True)
class Calibration:
    """What `calibrate` found.

    Parameters
    ----------
    name
        The analysis.
    table
        One row per quantity: ``p_value`` of its ranks being uniform, ``rejected`` (Holm over all quantities, 1 %),
        ``sd_ratio`` (mean posterior sd over prior sd), ``informed`` (whether that is at most 0.5).
    ranks
        One row per simulation, one column per quantity: posterior draws, of 99, below the truth.
    refitted
        Fits by nested Laplace that missed their gates and were run again by the no-U-turn sampler.
    retried
        Fits by the no-U-turn sampler that missed their gates and were run again with more tuning.
    failed
        Fits that missed their gates to the last; they are among the ranks.
    """

    name: str
    table: pd.DataFrame
    ranks: pd.DataFrame
    refitted: int
    retried: int
    failed: int

    @property
    def rejected(self) -> tuple[str, ...]:
        """The quantities that are not calibrated."""
        return tuple(self.table.index[self.table["rejected"]])

    def __repr__(self) -> str:
        verdict = f"rejected: {', '.join(self.rejected)}" if self.rejected else "no quantity rejected"
        return (
            f"<Calibration {self.name}: {len(self.ranks)} simulations, {self.refitted} refitted by NUTS, "
            f"{self.failed} failed to the last; {len(self.table)} quantities, {verdict}>\n"
            f"{self.table.sort_values('p_value').to_string(float_format='{:.3f}'.format)}"
        )


def calibrate(
    spec: Spec | str | Path,
    *,
    simulations: int = 200,
    publish: Publish | None = None,
    draws: int = 500,
    method: Method = "auto",
    random_seed: int = 0,
    path: str | Path | None = None,
    n_jobs: int | None = None,
    progressbar: bool = True,
) -> Calibration:
    """Draw truths from the priors, simulate, fit, and see where each truth ranks in its posterior.

    If model and engine are right, ranks are uniform (Talts et al. 2018). Ranked are all unpooled coefficients,
    scales, correlations, cuts and half-lives, the log likelihood, and every estimand of the spec.

    Parameters
    ----------
    spec
        Its `Simulation` source declares the fieldings, its estimands what is ranked besides the parameters.
    simulations
        A later call with more, and the same ``path``, adds to them.
    publish
        What becomes of a simulated survey before it is fitted: percentages a source would print, say.
    draws
        Per chain, of four; 99 of them, evenly spaced, are ranked.
    method
        ``auto``: nested Laplace, and NUTS where that misses its gates. ``nuts``: NUTS alone. ``laplace`` is
        refused: a fit that misses its gates may not be dropped, nor stay.
    random_seed, path, n_jobs, progressbar
        As in `run_study`.

    Returns
    -------
    Calibration

    Raises
    ------
    SpecError
        If the spec declares nothing to field, a prior is flat, or the method is ``laplace``.
    StudyError
        If there is no posterior for a simulation: it would be dropped.

    Examples
    --------
    >>> import alliancecred as ac
    >>> ac.calibrate("retrenchment_simulated", simulations=200, path="calibration.jsonl")  # doctest: +SKIP
    """
    spec = as_spec(spec)
    if method not in ("auto", "nuts"):
        raise SpecError(f"method is 'auto' or 'nuts' in a calibration, got {method!r}")
    if simulations < 1:
        raise SpecError(f"simulations must be at least 1, got {simulations}")
    layout = lay_out(spec, plan_fieldings(spec, None, None))
    identity = {"study": "calibration", "spec": spec.digest, "draws": draws, "method": method}
    found = run_study(
        partial(_simulate, publish=publish, draws=draws, method=method),
        {f"simulation {i}": layout for i in range(1, simulations + 1)},
        identity=identity | {"publish": name_of(publish) if publish else None},
        random_seed=random_seed,
        path=path,
        n_jobs=n_jobs,
        progressbar=progressbar,
    )
    facts = list(found.values())
    ranks = pd.DataFrame([f["ranks"] for f in facts])
    sds = pd.DataFrame([f["sd"] for f in facts]).mean()
    p = {str(name): uniformity(ranks[name].to_numpy()) for name in ranks}
    table = pd.DataFrame({"p_value": p})
    table["rejected"] = table.index.isin(holm(p, LEVEL))
    table["sd_ratio"] = sds / pd.Series(prior_sds(layout))
    table["informed"] = table["sd_ratio"].isna() | (table["sd_ratio"] <= UNINFORMED)
    return Calibration(
        spec.name,
        table,
        ranks,
        refitted=sum(f["method"] == "nuts" for f in facts) if method == "auto" else 0,
        retried=sum(f["method"] == "nuts" and f["attempts"] > 1 for f in facts),
        failed=sum(f["status"] != "passed" for f in facts),
    )


def _simulate(layout: Layout, seed: int, *, publish: Publish | None, draws: int, method: Method) -> dict[str, Any]:
    simulated = simulate_on(layout, {}, seed)
    design, cells = layout.design, simulated.truth.cells
    if publish is not None:
        _, cells, design = prepare(design.spec, publish(simulated.survey))
    fit = refit(design, cells, seed, draws=draws, method=method)
    if isinstance(fit, str):
        raise FitError(f"no posterior, and a simulation may not be dropped: {fit}")
    truth, post = quantities(simulated.truth, cells), quantities(fit, cells)
    return {
        "ranks": {k: int((thin(post[k]) < truth[k][0]).sum()) for k in truth},
        "sd": {k: float(v.std()) for k, v in post.items()},
        "status": fit.diagnosis.status,
        "method": fit.idata.attrs["method"],
        "attempts": int(fit.idata.attrs["attempts"]),
    }


# --- what is ranked -------------------------------------------------------------------------------
def quantities(fit: Fit, cells: Cells) -> dict[str, np.ndarray]:
    """Return the scalars of a fit, the log likelihood of ``cells`` and the spec's estimands: name → draws."""
    out: dict[str, np.ndarray] = {}
    draws, design = fit.draws(), fit.design
    for c in design.coefficients:
        labels = [design.coefficients[j].label for j in design.variables[c.variable]]
        out[c.name] = draws[c.variable][:, labels.index(c.label)] if c.label else draws[c.variable]
    for block in design.pooled:
        out[block.sd_name] = draws[block.sd_name]
        if block.partner:
            out[block.corr_name] = draws[block.corr_name]
    if design.respondent is not None:
        out[SD_RESPONDENT] = draws[SD_RESPONDENT]
    if design.cut_scale is not None:
        out[SD_CUTS] = draws[SD_CUTS]
    out |= {name: draws[name] for name in design.spec.extra}
    for j in range(design.inner):
        out[f"cut_spacing[{j}]"] = draws["cut_spacing"][:, j]
    out |= {half_life(name): draws[half_life(name)] for name in design.fading}
    out[LIKELIHOOD] = log_likelihood(design, cells, draws)
    for asked in fit.spec.estimands:
        out |= _rows(evaluate(fit, asked))
    return out


def _rows(estimate: Estimate) -> dict[str, np.ndarray]:
    """Name → draws of each row; the name tells it from the other rows, and says its role."""
    labels = {k: estimate.draws[k].values.astype(str) for k in estimate.keys}
    telling = [k for k in estimate.keys[1:] if len(set(labels[k])) > 1]
    out = {}
    for i, draws in enumerate(by_row(estimate)):
        where = ", ".join(labels[k][i] for k in telling if labels[k][i])
        out[f"{labels['estimand'][i]}[{where}]" if where else str(labels["estimand"][i])] = draws
    return out


def prior_sds(layout: Layout, size: int = 2000) -> dict[str, float]:
    """Return the prior sd of every quantity but the likelihood, by simulation (fixed seed)."""
    truth = simulate_on(layout, {}, 0).truth
    tree = truth.idata.copy()
    tree["posterior"] = dataset(layout.design, draw_prior(layout.design, np.random.default_rng(0), size), 1)
    found = quantities(replace(truth, idata=tree), truth.cells)
    return {k: float(v.std()) for k, v in found.items() if k != LIKELIHOOD}
