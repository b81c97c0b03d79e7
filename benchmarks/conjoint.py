"""Effects of a published conjoint experiment without pooling, with it, and by the logit beside the linear model.

    python benchmarks/conjoint.py FOLDER_OF_immigration.csv.gz

Writes docs/figures/conjoint_pooling.png. The unpooled linear model with flat priors has the published effects.
"""

import sys
import warnings
from dataclasses import replace
from pathlib import Path

import xarray as xr

import alliancecred as ac
from alliancecred.estimate import Estimate, stacked
from alliancecred.opening import open_sources
from alliancecred.priors import Flat, Normal
from alliancecred.spec_file import models_dir

SHOWN = ("gender", "education", "language", "job")
FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "conjoint_pooling.png"


def main(folder: str) -> None:
    """Fit the three models and draw their effects into one figure."""
    warnings.simplefilter("ignore")
    spec = ac.read_spec(models_dir() / "conjoint_immigration.toml")
    linear = replace(spec, gaussian=ac.Gaussian(), intercept=Normal(0.0, 100.0))
    unpooled = replace(linear, terms=tuple(ac.Effect((a.name,), Flat()) for a in spec.attributes))
    sources = open_sources(spec, folder).sources
    models = {"unpooled, linear": unpooled, "pooled, linear": linear, "pooled, logit": spec}
    found = [_of(spec, name, ac.fit(s, *sources, random_seed=1, progressbar=False)) for name, s in models.items()]
    figure = ac.plot_amce(stacked(found), source="Hainmueller, Hopkins & Yamamoto (2014)")
    figure.savefig(FIGURE, dpi=150)


def _of(spec: ac.Spec, name: str, fit: ac.Fit) -> Estimate:
    """Return the effects under a name, ready to stand beside those of other fits: their draws are not paired."""
    effects = ac.amce(fit, SHOWN).named(name)
    return replace(effects, spec=spec, draws=_bare(effects.draws), before=None, after=None)


def _bare(draws: xr.DataArray) -> xr.DataArray:
    return draws.drop_vars([k for k, c in draws.coords.items() if set(c.dims) == {"chain", "draw"}])


if __name__ == "__main__":
    main(sys.argv[1])
