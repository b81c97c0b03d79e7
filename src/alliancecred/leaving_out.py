"""Leave one unit out without a refit: Pareto-smoothed importance sampling (Vehtari, Gelman & Gabry 2017)."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from .asked import By, factors_of
from .errors import ConvergenceWarning, Problem, SpecError
from .fitting import Fit
from .gates import PARETO_K, WEIGHTS
from .predictive import elpd, family_of
from .units import ANSWER, RESPONDENT, blocks
from .weights import pareto_smooth


@dataclass(frozen=True)
class Loo:
    """What `loo` found.

    Parameters
    ----------
    name
        The analysis.
    by
        What a unit is: ``answer``, ``respondent``, or the factors of which a level was left out.
    elpd, se
        Sum over units of the log predictive density of each, the others given, and its standard error; higher is
        better.
    p_loo
        Effective number of parameters: by how much the units are predicted better if they are known.
    table
        One row per distinct unit: its labels, ``times`` (how often there is one), ``elpd`` (of one) and ``k_hat``.
    threshold
        k̂ from which an ``elpd`` is not to be trusted: min(1 − 1/log₁₀ S, 0.7) for S draws (Vehtari et al. 2024).
    family
        As in `Folds`.
    """

    name: str
    by: str
    elpd: float
    se: float
    p_loo: float
    table: pd.DataFrame
    threshold: float
    family: str = "answers"

    @property
    def failed(self) -> int:
        """Distinct units whose k̂ is too large (or not a number); they are in the sum."""
        return int((~(self.table["k_hat"] < self.threshold)).sum())

    @property
    def remark(self) -> str:
        """What is wrong and what to do about it; empty if nothing is."""
        if not self.failed:
            return ""
        factors = tuple(self.by.split(", "))
        given = f"by={factors if len(factors) > 1 else self.by!r}"
        remedy = "k_fold" if self.by in (ANSWER, RESPONDENT) else f"k_fold({given})"
        return (
            f"k-hat ≥ {self.threshold:.2f} for {self.failed} of {len(self.table)} units: leaving one out moves the "
            f"posterior too far for its draws → {remedy} leaves cells out and fits again"
        )

    def __repr__(self) -> str:
        units = f"{self.table['times'].sum():,.0f} units ({self.by}, {len(self.table):,} distinct)"
        said = self.remark or f"all k-hat < {self.threshold:.2f}"
        return (
            f"<Loo {self.name}: elpd {self.elpd:.1f} (se {self.se:.1f}), p_loo {self.p_loo:.1f} over {units}; {said}>"
        )


def loo(fit: Fit, by: By = ()) -> Loo:
    """Return how well each unit is predicted from all others, by reweighting the draws of one fit.

    Parameters
    ----------
    fit
        What `fit` returned. Draws of nested Laplace count with their weights.
    by
        ``answer``: one answer at a time; all who gave the same answer in a cell are the same unit, ``times`` times.
        ``respondent``: one person with all answers, whose deviation is integrated out (with a `Respondent` term). By
        default one of these, as the analysis has it. Or factors, ``country`` say: everything of one level at a time,
        which often moves the posterior too far (k̂ above 0.7).

    Returns
    -------
    Loo

    Raises
    ------
    SpecError
        If answers are to be left out one by one where those of a person belong together, or people where they are
        not known; if a factor has one level, or a choice is between profiles that differ in it.

    Warns
    -----
    ConvergenceWarning
        If k̂ of a unit is too large.

    Notes
    -----
    A published share is a unit; so is a choice between two profiles. Of sliders and of normal answers a unit is a
    *cell*: all its answers together. With survey weights ``times`` are effective numbers of people. The density of
    several answers is that of the answers one after the other, without the number of their orders, so that models with
    and without a `Respondent` term can be compared by country.

    Examples
    --------
    >>> import alliancecred as ac
    >>> spec, survey = "retrenchment_simulated", ac.simulate("retrenchment_simulated").survey
    >>> ac.loo(ac.fit(spec, survey, random_seed=1))  # doctest: +SKIP
    """
    what, factors = _what(fit, by)
    draws, log_weight, efficiency = _distinct(fit)
    tables, of_all = [], []
    for labels, times, logs in blocks(fit, draws, what, factors):
        found = np.array([_left_out(logs[:, i], log_weight, efficiency) for i in range(logs.shape[1])]).reshape(-1, 3)
        tables.append(labels.assign(times=times, elpd=found[:, 0], k_hat=found[:, 1]))
        of_all.append(found[:, 2])
    table, lpd = pd.concat(tables, ignore_index=True), np.concatenate(of_all)
    times = table["times"].to_numpy(dtype=float)
    total, se = elpd(table["elpd"].to_numpy(), times)
    threshold = min(1 - 1 / math.log10(max(len(log_weight), 11)), PARETO_K)
    out = Loo(fit.spec.name, what, total, se, float(times @ lpd) - total, table, threshold, family_of(fit.spec))
    if out.failed:
        warnings.warn(f"{fit.spec.name}: {out.remark}", ConvergenceWarning, stacklevel=2)
    return out


def _what(fit: Fit, by: By) -> tuple[str, tuple[str, ...]]:
    people = fit.cells.people is not None
    asked = (by,) if isinstance(by, str) else tuple(by)
    default = (RESPONDENT if people else ANSWER,)
    if asked in ((), default):
        return default[0], ()
    if asked == (ANSWER,):
        message = "answers of a person belong together where the spec has a Respondent term"
        raise SpecError([Problem("panel", "by", message, (), "by='respondent'")])
    if asked == (RESPONDENT,):
        message = "the spec has no Respondent term: it does not know who gave which answers"
        raise SpecError([Problem("panel", "by", message, (), "by='answer', or add a Respondent term")])
    factors = factors_of(fit.spec.factors, asked)
    return ", ".join(factors), factors


def _distinct(fit: Fit) -> tuple[dict[str, np.ndarray], np.ndarray, float]:
    """Return the distinct draws, their log weights, and the effective number of them as a share of all.

    Weighted draws that were resampled are a sample of what was kept: one with n·w above 1 surely, with the weight n·w;
    any other with probability n·w, and then with the weight 1.
    """
    draws, posterior = fit.draws(), fit.posterior
    size = posterior.sizes["chain"] * posterior.sizes["draw"]
    if WEIGHTS[0] in posterior.coords:
        ancestor, weight = (posterior[k].transpose("chain", "draw").values.ravel() for k in WEIGHTS)
        _, once = np.unique(ancestor, return_index=True)
        return {k: v[once] for k, v in draws.items()}, np.maximum(weight[once] + math.log(size), 0.0), 1.0
    effective = fit.diagnosis.table["ess_bulk"].to_numpy(dtype=float)
    share = float(effective[np.isfinite(effective)].mean() / size) if np.isfinite(effective).any() else 1.0
    return draws, np.zeros(size), min(max(share, 1e-3), 1.0)


def _left_out(logs: np.ndarray, log_weight: np.ndarray, efficiency: float) -> tuple[float, float, float]:
    """Return log predictive density without the unit, k̂, and log predictive density with it."""
    with np.errstate(invalid="ignore"):
        smooth, k_hat = pareto_smooth(log_weight - logs, efficiency)
        known = float(logsumexp(log_weight + logs) - logsumexp(log_weight))
    if not np.isfinite(logs).all():
        return -math.inf, math.inf, known  # a draw that excludes the unit has all the weight
    return float(logsumexp(smooth + logs) - logsumexp(smooth)), k_hat, known
