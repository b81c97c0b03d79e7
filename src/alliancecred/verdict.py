"""`diagnose`: the verdict of a fit or an estimate, in one value that prints itself."""

import xarray as xr

from .estimate import Estimate
from .fitting import Fit
from .gates import Diagnosis, convergence, table_problems


def diagnose(what: Fit | Estimate) -> Diagnosis:
    """Return R-hat, effective sizes, divergences and E-BFMI with a verdict; NaN fails.

    Parameters
    ----------
    what
        A fit (every variable and sampled coordinate) or an estimate (its rows).
    """
    if isinstance(what, Fit):
        return what.diagnosis
    table = convergence(xr.Dataset({"estimate": what.draws.drop_vars(list(what.keys))}))
    return Diagnosis(table, 0, 0, (), table_problems(table, what.unit))
