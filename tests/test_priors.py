"""Every prior a user sets reaches the sampled density, the forward draws and the PyMC model."""

from dataclasses import fields, replace

import numpy as np
import pytest

from alliancecred.cells import make_cells
from alliancecred.density import data_arrays, parameter_count, structure
from alliancecred.identify import make_design
from alliancecred.kernel import log_density
from alliancecred.priors import LKJ, HalfNormal, Normal
from alliancecred.simulation import draw_prior
from alliancecred.sweep import sweep
from models import RICH, make_spec, make_survey

USED = {  # fields of a term that hold a prior it uses
    "Level": ("scale",),
    "Fixed": ("prior",),
    "Cuts": ("spacing",),
}


def places():
    yield ("intercept",)
    for i, term in enumerate(RICH):
        names = USED.get(type(term).__name__)
        if names is None:
            names = (
                ("scale", "correlation")
                if term.by and getattr(term, "correlated", False)
                else (("scale",) if term.by else ("prior",))
            )
        for name in names:
            yield (i, name)


def other(prior):
    match prior:
        case Normal(mean=m, sd=s):
            return Normal(m + 0.7, s * 1.9)
        case HalfNormal(sd=s):
            return HalfNormal(s * 2.3)
        case LKJ(eta=e):
            return LKJ(e + 2.0)


def changed(spec, place):
    if place == ("intercept",):
        return replace(spec, intercept=other(spec.intercept))
    i, name = place
    term = replace(spec.terms[i], **{name: other(getattr(spec.terms[i], name))})
    return replace(spec, terms=(*spec.terms[:i], term, *spec.terms[i + 1 :]))


def view(spec):
    """Differences of the density between fixed points, and forward draws, of a spec on fixed data."""
    cells = make_cells(spec, [make_survey(spec)])
    design = make_design(spec, cells)
    swept = sweep(design, cells.rows)
    arrays, data = structure(swept, cells, [[True] * len(s.carriers) for s in swept.strata]), data_arrays(cells)
    points = np.random.default_rng(0).normal(0, 0.5, (4, parameter_count(swept)))
    values = np.array([log_density(p, arrays, data)[0] for p in points])
    draws = draw_prior(design, np.random.default_rng(1), 5)
    return values - values[0], np.concatenate([v.ravel() for _, v in sorted(draws.items())])


SPEC = make_spec(3)
BASE = view(SPEC)


@pytest.mark.parametrize("place", list(places()), ids=str)
def test_a_changed_prior_changes_the_density_and_the_forward_draws(place):
    density, forward = view(changed(SPEC, place))
    assert np.abs(density - BASE[0]).max() > 1e-3
    assert np.abs(forward - BASE[1]).max() > 1e-3


def test_no_prior_of_the_vocabulary_is_left_out():
    kinds = {
        (type(t).__name__, f.name)
        for t in RICH
        for f in fields(t)
        if isinstance(getattr(t, f.name), Normal | HalfNormal | LKJ) and (type(t).__name__, f.name) != ("Cuts", "scale")
    }
    shown = {(type(RICH[p[0]]).__name__, p[1]) for p in places() if len(p) == 2}
    assert kinds == shown


def test_priors_stand_in_the_pymc_model_too():
    """Each scale and coefficient of the plain model has the parameters of its prior (no sampling, no compiling)."""
    from alliancecred.model import plain_model

    turned = SPEC
    for place in places():
        turned = changed(turned, place)
    for spec in (SPEC, turned):
        cells = make_cells(spec, [make_survey(spec)])
        design = make_design(spec, cells)
        model = plain_model(design, cells)
        for block in design.pooled:
            assert float(np.asarray(model[block.sd_name].owner.inputs[-1].data)) == block.scale.sd
        for variable, index in design.variables.items():
            mean, sd = model[variable].owner.op.dist_params(model[variable].owner)
            want = [design.coefficients[i].prior for i in index]
            np.testing.assert_allclose(np.ravel(mean.eval()), [p.mean for p in want])
            np.testing.assert_allclose(np.ravel(sd.eval()), [p.sd for p in want])
