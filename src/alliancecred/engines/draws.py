"""What every engine returns."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr


@dataclass(frozen=True)
class Draws:
    """Draws of the posterior.

    Parameters
    ----------
    variables
        Variable of the model → (chain, draw, …).
    checked
        Further quantities (chain, draw, …) that must pass the gates: what the sampler moved.
    stats
        Statistics of the engine, dims chain and draw.
    attrs
        What the engine has to say about the run.
    problems
        What the engine itself found wrong; fails the fit as a gate does.
    """

    variables: Mapping[str, np.ndarray]
    checked: Mapping[str, np.ndarray]
    stats: xr.Dataset
    attrs: Mapping[str, object]
    problems: tuple[str, ...] = ()
