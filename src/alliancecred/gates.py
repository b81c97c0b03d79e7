"""Gates: how far draws may be trusted. NaN is failure."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from .weights import judge

RHAT, ESS, BFMI, PARETO_K = 1.01, 400.0, 0.3, 0.7
MCSE = {"percent": 0.5, "percentage points": 0.5}  # Monte Carlo error of a mean from which on whole numbers are noise
MCSE_OF_POINTS = 0.05
BFMI_OF_ALL = "bfmi"  # attribute of thinned sampler statistics: E-BFMI per chain before thinning
TAILS = (0.05, 0.95)
WEIGHTS = ("ancestor", "log_weight")


@dataclass(frozen=True)
class Diagnosis:
    """Verdict on a posterior.

    Parameters
    ----------
    table
        One row per scalar: ``variable``, ``r_hat`` (chains) or ``k_hat`` (weighted draws),
        ``ess_bulk, ess_tail, mcse_mean``.
    divergences, max_depth
        Draws that diverged, draws that hit the tree-depth limit.
    bfmi
        Energy Bayesian fraction of missing information per chain (Betancourt 2016).
    problems
        What failed, in words; empty if everything passed.
    """

    table: pd.DataFrame
    divergences: int
    max_depth: int
    bfmi: tuple[float, ...]
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate was passed."""
        return not self.problems

    @property
    def only_mixing(self) -> bool:
        """Whether R-hat or effective sizes failed and nothing else did: more draws may be all that is missing."""
        return not self.passed and self.problems == table_problems(self.table)

    @property
    def status(self) -> str:
        """``passed``, or what failed."""
        return "passed" if self.passed else "failed: " + "; ".join(self.problems)

    def __str__(self) -> str:
        t = self.table
        sizes = f"bulk ESS min {t.ess_bulk.min():.0f}, tail ESS min {t.ess_tail.min():.0f}"
        if "k_hat" in t:
            return f"{self.status}\n  Pareto k max {t.k_hat.max():.2f}, {sizes}"
        return (
            f"{self.status}\n  R-hat max {t.r_hat.max():.4f}, {sizes}, divergences {self.divergences}, "
            f"tree depth limit {self.max_depth}, E-BFMI min {min(self.bfmi, default=np.nan):.2f}"
        )


def passed_words(kinds: Collection[str]) -> str:
    """Return which gates were passed, of what was sampled (``r_hat``), drawn with weights (``k_hat``), or both.

    Examples
    --------
    >>> passed_words({"k_hat"})
    'Pareto k below 0.7, bulk and tail effective sizes of at least 400'
    """
    parts = [f"R-hat below {RHAT}"] if "r_hat" in kinds else []
    parts += [f"Pareto k below {PARETO_K}"] if "k_hat" in kinds else []
    parts += [f"bulk and tail effective sizes of at least {ESS:.0f}"] if kinds else []
    parts += [f"no divergence, E-BFMI of at least {BFMI}"] if "r_hat" in kinds else []
    return ", ".join(parts)


def weights_of(draws: xr.Dataset | xr.DataArray) -> dict[str, tuple[tuple[str, str], np.ndarray]]:
    """Return the coordinates that resampled draws must carry to be judged; none for those of a chain."""
    return {
        k: (("chain", "draw"), draws[k].transpose("chain", "draw").values)
        for k in WEIGHTS
        if k in draws.coords or (isinstance(draws, xr.Dataset) and k in draws)
    }


def convergence(posterior: xr.Dataset) -> pd.DataFrame:
    """Return how well every scalar of a dataset is known, one row each.

    Draws of a Markov chain: ``r_hat, ess_bulk, ess_tail`` (Vehtari et al. 2021). Weighted draws that
    were resampled (coordinates ``ancestor`` and ``log_weight`` on chain and draw): ``k_hat`` of the
    weights of that quantity (Vehtari et al. 2024) and the sizes that count repetitions as one. Both:
    ``mcse_mean``. A draw that is not finite makes the row NaN.
    """
    names, columns = [], []
    for name, array in posterior.data_vars.items():
        values = array.transpose("chain", "draw", ...).values.astype(float)
        values = values.reshape(*values.shape[:2], -1)
        for j in range(values.shape[2]):
            names.append(f"{name}[{j}]" if array.ndim > 2 else str(name))
        columns.append(values)
    weighted = "ancestor" in posterior.coords
    first = "k_hat" if weighted else "r_hat"
    if not columns or not sum(c.shape[2] for c in columns):
        return pd.DataFrame(columns=["variable", first, "ess_bulk", "ess_tail", "mcse_mean"])
    draws = np.concatenate(columns, axis=2)
    broken = ~np.isfinite(draws).all(axis=(0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = _of_weighted(draws, posterior) if weighted else _of_chains(draws)
    return pd.DataFrame({"variable": names} | {k: np.where(broken, np.nan, v) for k, v in found.items()})


def _of_chains(draws: np.ndarray) -> dict[str, np.ndarray]:
    from arviz_stats.base import array_stats

    axes = {"chain_axis": 0, "draw_axis": 1}
    return {
        "r_hat": np.asarray(array_stats.rhat(draws, method="rank", **axes), dtype=float),
        "ess_bulk": np.asarray(array_stats.ess(draws, method="bulk", **axes), dtype=float),
        "ess_tail": np.asarray(array_stats.ess(draws, method="tail", prob=TAILS, **axes), dtype=float),
        "mcse_mean": np.asarray(array_stats.mcse(draws, method="mean", **axes), dtype=float),
    }


def _of_weighted(draws: np.ndarray, posterior: xr.Dataset) -> dict[str, np.ndarray]:
    ancestor, log_weight = (posterior[k].transpose("chain", "draw").values.ravel() for k in WEIGHTS)
    return judge(draws.reshape(-1, draws.shape[2]), ancestor, log_weight, TAILS)


def bfmi(energy: np.ndarray) -> tuple[float, ...]:
    """Return E-BFMI per chain of energies (chain, draw)."""
    return tuple(float(np.square(np.diff(e)).mean() / np.var(e)) for e in np.asarray(energy, dtype=float))


def diagnosis(posterior: xr.Dataset, stats: xr.Dataset) -> Diagnosis:
    """Return the verdict on draws and sampler statistics."""
    table = convergence(posterior)
    diverging = int(stats["diverging"].sum()) if "diverging" in stats else 0
    depth = int(stats["maxdepth_reached"].sum()) if "maxdepth_reached" in stats else 0
    fractions = tuple(stats.attrs[BFMI_OF_ALL]) if BFMI_OF_ALL in stats.attrs else ()
    if "energy" in stats and not fractions:
        fractions = bfmi(stats["energy"].values)
    problems = [*table_problems(table)]
    if diverging:
        problems.append(f"{diverging} divergences")
    low = [f for f in fractions if not f >= BFMI]
    if low:
        problems.append(f"E-BFMI {low[0]:.2f} < {BFMI}")
    if depth > 0.05 * stats.sizes["draw"]:
        problems.append(f"{depth} draws hit the tree-depth limit")
    return Diagnosis(table, diverging, depth, fractions, tuple(problems))


def table_problems(table: pd.DataFrame, unit: str | None = None) -> tuple[str, ...]:
    """Return which gates a convergence table fails; NaN fails.

    With the ``unit`` of an estimate also whether Monte Carlo error reaches the digits that are printed: half a per
    cent, or half a tenth of a point of a scale.
    """
    error = MCSE.get(unit or "", MCSE_OF_POINTS)
    out = []
    for column, words, limit, largest in (
        ("r_hat", f"R-hat ≥ {RHAT}", RHAT, True),
        ("k_hat", f"Pareto k ≥ {PARETO_K}", PARETO_K, True),
        ("ess_bulk", f"bulk ESS < {ESS:.0f}", ESS, False),
        ("ess_tail", f"tail ESS < {ESS:.0f}", ESS, False),
        ("mcse_mean", f"Monte Carlo error ≥ {error} {unit}", error, True),
    ):
        if column not in table or (column == "mcse_mean" and unit is None):
            continue
        value = table[column]
        bad = ~(value < limit) if largest else ~(value >= limit)
        if bad.any():
            extreme = value[bad].max() if largest else value[bad].min()
            out.append(f"{words} for {int(bad.sum())} of {len(table)} ({table.variable[bad].iloc[0]}: {extreme:.4g})")
    return tuple(out)
