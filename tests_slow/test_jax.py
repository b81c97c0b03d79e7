"""The NumPyro back end: the same density, the same map, the same posterior in the same layout as by nutpie."""

import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import alliancecred as ac
from alliancecred import kernel
from alliancecred.density import data_arrays, parameter_count, structure
from alliancecred.engines import jaxed, metric
from alliancecred.engines.metric import make_metric
from alliancecred.errors import FitError
from alliancecred.fitting import fit_design
from alliancecred.sweep import sweep

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from test_kernel import everything

from models import MERGED, RICH, make

jax = pytest.importorskip("jax", reason="the extra alliancecred[jax] is not installed; `make slow` installs it")


def prepared(answers, terms, pattern, selves="apart"):
    design, cells = everything(answers, terms, selves)
    swept = sweep(design, cells.rows)
    rng = np.random.default_rng(answers)
    scales = {b.sd_name: rng.lognormal(-1, 0.3, 60) for b in design.pooled}
    scales |= {b.corr_name: rng.uniform(-0.5, 0.5, 60) for b in design.correlated}
    centred = tuple(tuple(pattern[i % 2] for i in range(len(s.carriers))) for s in swept.strata)
    return swept, cells, centred, scales


@pytest.mark.parametrize("pattern", [(True, True), (True, False), (False, False), (0.4, 0.95)])
@pytest.mark.parametrize(
    ("answers", "terms", "selves"), [(2, RICH[:-1], "apart"), (4, RICH, "apart"), (2, MERGED, "merged")]
)
def test_density_and_gradient_are_those_of_the_kernel(answers, terms, selves, pattern):
    swept, cells, centred, _ = prepared(answers, terms, pattern, selves)
    rng = np.random.default_rng(1)
    mask = (rng.uniform(size=len(cells.rows)) < 0.8).astype(float)
    arrays = structure(swept, cells, centred)
    for held in (None, mask):
        data = data_arrays(cells, held)
        points = rng.normal(0, 0.4, (5, parameter_count(swept)))
        want = [kernel.log_density(p, arrays, data) for p in points]
        with jax.enable_x64(True):
            function = jax.jit(jax.value_and_grad(jaxed.log_density(swept, cells, centred, held)))
            got = [function(p) for p in points]
        value, slope = (np.array([np.asarray(g[k]) for g in got]) for k in (0, 1))
        np.testing.assert_allclose(value - value[0], [w[0] - want[0][0] for w in want], rtol=1e-7, atol=1e-5)
        np.testing.assert_allclose(slope, [w[1] for w in want], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dense", [300, 30])
def test_the_map_is_that_of_the_kernel(monkeypatch, dense):
    monkeypatch.setattr(metric, "DENSE", dense)
    swept, cells, centred, scales = prepared(3, RICH, (True, False))
    found = make_metric(swept, cells, centred, scales)
    z = np.random.default_rng(0).normal(size=parameter_count(swept))
    with jax.enable_x64(True):
        got = np.asarray(jaxed.spread(swept, found)(z))
    np.testing.assert_allclose(got, kernel.spread(structure(swept, cells, centred), found, z), atol=1e-12)


def test_both_back_ends_give_the_same_posterior_in_the_same_layout():
    design, cells = make(4, RICH)
    ours, theirs = (fit_design(design, cells, random_seed=1, method=m) for m in ("nuts", "numpyro"))
    assert theirs.idata.attrs["inference_library"] == "numpyro"
    assert ours.diagnosis.passed
    assert theirs.diagnosis.passed
    assert set(ours.posterior) == set(theirs.posterior)
    for name, variable in ours.posterior.items():
        assert variable.dims == theirs.posterior[name].dims
        assert variable.dtype == theirs.posterior[name].dtype
        xr.testing.assert_equal(variable.coords.to_dataset(), theirs.posterior[name].coords.to_dataset())
    assert set(ours.idata["sample_stats"]) >= set(theirs.idata["sample_stats"])
    a, b = (ac.shift(f, by=()) for f in (ours, theirs))
    for f, g in (
        (a.draws, b.draws),
        *((ours.posterior[b.sd_name], theirs.posterior[b.sd_name]) for b in design.pooled),
    ):
        error = np.hypot(f.std(("chain", "draw")), g.std(("chain", "draw"))) / np.sqrt(400)
        assert (np.abs(f.mean(("chain", "draw")) - g.mean(("chain", "draw"))) < 4 * error).all()


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpyro.infer", None)
    design, cells = make(2, RICH[:-1])
    with pytest.raises(FitError, match=r"alliancecred\[jax\]"):
        fit_design(design, cells, random_seed=1, method="numpyro")
