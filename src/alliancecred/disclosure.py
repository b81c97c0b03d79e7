"""Small cells: what is exported must not show what a handful of people answered.

A cell of fewer than ``least`` people (the threshold rule of statistical disclosure control: Hundepool et al. 2012,
Statistical Disclosure Control, section 4.2) keeps its estimates, which lean on the other cells, and loses its counts
and shares.
"""

import numpy as np
import pandas as pd
import xarray as xr

from .check import lines_of, people_of_cells
from .errors import SpecError
from .fitting import Fit

LEAST = 5


def check_least(least: int) -> None:
    """Refuse a threshold that is no whole number from 0.

    Examples
    --------
    >>> check_least(5)
    """
    if isinstance(least, bool) or not isinstance(least, int | np.integer) or least < 0:
        raise SpecError(f"a cell's least number of people is a whole number from 0, got {least!r}")


def people_of_lines(fit: Fit) -> np.ndarray:
    """Return how many people stand behind each line of `ppc`; of a published share, the n expected."""
    behind = np.concatenate([people_of_cells(fit), fit.cells.size[len(fit.cells.counts) :]])
    return np.bincount(lines_of(fit), behind)


def small_lines(fit: Fit, least: int) -> np.ndarray:
    """Return which lines of `ppc` are counts of fewer than ``least`` people; shares that are published are public."""
    published = np.bincount(lines_of(fit), np.arange(len(fit.cells.rows)) >= len(fit.cells.counts)) > 0
    return (people_of_lines(fit) < least) & ~published


def without_small(frame: pd.DataFrame, least: int) -> pd.DataFrame:
    """Return a frame of `ppc` or `leave_one_out` (a row per line) without the lines of small cells."""
    return frame[~(frame["people"] < least)].reset_index(drop=True)


def guarded(fit: Fit, least: int) -> xr.DataTree:
    """Return the fit's tree without the counts of small cells: nan stands for them, and an attribute says so."""
    small = people_of_cells(fit) < least
    if not small.any():
        return fit.idata
    groups = {node.path: node.to_dataset(inherit=False) for node in fit.idata.subtree}
    observed = groups["/observed_data"]
    counts = observed["counts"].astype(float).where(xr.DataArray(~small, dims="cell"))
    groups["/observed_data"] = observed.assign(counts=counts).assign_attrs(
        suppressed=f"counts of {int(small.sum())} cells of fewer than {least} people"
    )
    return xr.DataTree.from_dict(groups)


def remark(fit: Fit, least: int) -> str:
    """Return in a sentence how much is kept back, nothing if nothing is."""
    lines, cells = int(small_lines(fit, least).sum()), int((people_of_cells(fit) < least).sum())
    if not cells:
        return ""
    return (
        f"{cells} cells of fewer than {least} people keep what they answered for themselves: {lines} lines are left "
        "out of the checks by cell, and stored counts are blank there (--least-cell)."
    )
