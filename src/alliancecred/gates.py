"""Gates: how far draws may be trusted. NaN is failure."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

RHAT, ESS, BFMI = 1.01, 400.0, 0.3


@dataclass(frozen=True)
class Diagnosis:
    """Verdict on a posterior.

    Parameters
    ----------
    table
        One row per scalar: ``variable, r_hat, ess_bulk, ess_tail``.
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
    def status(self) -> str:
        """``passed``, or what failed."""
        return "passed" if self.passed else "failed: " + "; ".join(self.problems)

    def __str__(self) -> str:
        worst = self.table
        return (
            f"{self.status}\n  R-hat max {worst.r_hat.max():.4f}, bulk ESS min {worst.ess_bulk.min():.0f}, "
            f"tail ESS min {worst.ess_tail.min():.0f}, divergences {self.divergences}, "
            f"tree depth limit {self.max_depth}, E-BFMI min {min(self.bfmi, default=np.nan):.2f}"
        )


def convergence(posterior: xr.Dataset) -> pd.DataFrame:
    """Return R-hat, bulk and tail ESS of every scalar of a dataset (Vehtari et al. 2021)."""
    from arviz_stats.base import array_stats

    names, columns = [], []
    for name, array in posterior.data_vars.items():
        values = array.transpose("chain", "draw", ...).values.astype(float)
        values = values.reshape(*values.shape[:2], -1)
        for j in range(values.shape[2]):
            names.append(f"{name}[{j}]" if array.ndim > 2 else str(name))
        columns.append(values)
    if not columns:
        return pd.DataFrame(columns=["variable", "r_hat", "ess_bulk", "ess_tail"])
    draws = np.concatenate(columns, axis=2)
    axes = {"chain_axis": 0, "draw_axis": 1}
    r_hat = array_stats.rhat(draws, method="rank", **axes)
    bulk = array_stats.ess(draws, method="bulk", **axes)
    tail = array_stats.ess(draws, method="tail", prob=(0.05, 0.95), **axes)
    broken = ~np.isfinite(draws).all(axis=(0, 1))
    r_hat, bulk, tail = (np.where(broken, np.nan, np.asarray(v, dtype=float)) for v in (r_hat, bulk, tail))
    return pd.DataFrame({"variable": names, "r_hat": r_hat, "ess_bulk": bulk, "ess_tail": tail})


def bfmi(energy: np.ndarray) -> tuple[float, ...]:
    """Return E-BFMI per chain of energies (chain, draw)."""
    return tuple(float(np.square(np.diff(e)).mean() / np.var(e)) for e in np.asarray(energy, dtype=float))


def diagnosis(posterior: xr.Dataset, stats: xr.Dataset) -> Diagnosis:
    """Return the verdict on draws and sampler statistics."""
    table = convergence(posterior)
    diverging = int(stats["diverging"].sum()) if "diverging" in stats else 0
    depth = int(stats["maxdepth_reached"].sum()) if "maxdepth_reached" in stats else 0
    fractions = bfmi(stats["energy"].values) if "energy" in stats else ()
    problems = [*table_problems(table)]
    if diverging:
        problems.append(f"{diverging} divergences")
    low = [f for f in fractions if not f >= BFMI]
    if low:
        problems.append(f"E-BFMI {low[0]:.2f} < {BFMI}")
    if depth > 0.05 * stats.sizes["draw"]:
        problems.append(f"{depth} draws hit the tree-depth limit")
    return Diagnosis(table, diverging, depth, fractions, tuple(problems))


def table_problems(table: pd.DataFrame) -> tuple[str, ...]:
    """Return which gates a convergence table fails; NaN fails."""
    out = []
    for column, bad, words in (
        ("r_hat", ~(table.r_hat < RHAT), f"R-hat ≥ {RHAT}"),
        ("ess_bulk", ~(table.ess_bulk >= ESS), f"bulk ESS < {ESS:.0f}"),
        ("ess_tail", ~(table.ess_tail >= ESS), f"tail ESS < {ESS:.0f}"),
    ):
        if bad.any():
            worst = table.loc[bad, column]
            extreme = worst.max() if column == "r_hat" else worst.min()
            out.append(f"{words} for {int(bad.sum())} of {len(table)} ({table.variable[bad].iloc[0]}: {extreme:.4g})")
    return tuple(out)
