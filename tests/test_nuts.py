"""What surrounds the sampler: incomplete draws are an error, information and centring are what they say."""

import numpy as np
import pytest
import xarray as xr
from test_kernel import everything

from alliancecred.density import parameter_count
from alliancecred.engines.nuts import Raw, _check_complete, _read, choose_centring, information, row_information
from alliancecred.errors import IncompleteFitError
from alliancecred.outcome import cut_points, log_probs
from alliancecred.sweep import sweep, swept_matrix
from models import RICH, make


def raw(**changes):
    values = {
        "coordinates": np.zeros((2, 5, 3)),
        "scales": {"sd_x": np.ones((2, 5))},
        "cut_spacing": np.zeros((2, 5, 1)),
        "stats": xr.Dataset(),
        "attrs": {},
    }
    return Raw(**(values | changes))


def test_complete_draws_pass():
    _check_complete(raw(), 5, 2)


@pytest.mark.parametrize("part", ["coordinates", "scales", "cut_spacing"])
def test_a_nan_tail_is_an_error_that_carries_the_draws(part):
    broken = raw()
    array = broken.scales["sd_x"] if part == "scales" else getattr(broken, part)
    array[1, 3:] = np.nan
    with pytest.raises(IncompleteFitError, match="8 of 10 draws") as caught:
        _check_complete(broken, 5, 2)
    assert caught.value.partial is broken


def test_too_few_draws_are_an_error():
    with pytest.raises(IncompleteFitError):
        _check_complete(raw(), 6, 2)


@pytest.mark.parametrize("draws", [0, 3])
def test_what_an_interrupted_run_left_can_be_read(draws):
    design, cells = make(4, RICH)
    swept = sweep(design, cells.rows)
    theta = np.random.default_rng(0).normal(size=(2, draws, parameter_count(swept)))
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"theta": (("chain", "draw", "n"), theta)}), "sample_stats": xr.Dataset()}
    )
    got = _read(swept, tree, [[False] * len(s.carriers) for s in swept.strata])
    assert got.coordinates.shape == (2, draws, swept.size)
    with pytest.raises(IncompleteFitError, match=f"^{2 * draws} of 20 draws"):
        _check_complete(got, 10, 2)


def test_information_is_the_expected_curvature_of_the_log_likelihood():
    """At η and cuts that give the observed (smoothed) shares exactly, −E ∂²ℓ/∂η² by finite differences."""
    _, cells = make(4, RICH)
    got = row_information(cells)
    for i in (0, 5, 17):
        counts = cells.counts[i] + 0.5
        share = counts / counts.sum()
        edges = np.cumsum(share)[:-1]
        cuts = np.log(edges / (1 - edges))
        h = 1e-4
        centre = cuts.mean()
        logs = [log_probs(np.array(e), cuts - centre) for e in (-centre - h, -centre, -centre + h)]
        curvature = -(share * (logs[0] - 2 * logs[1] + logs[2])).sum() / h**2
        assert got[i] == pytest.approx(cells.counts[i].sum() * curvature, rel=1e-4)
    assert cut_points(np.zeros(2)).sum() == pytest.approx(0, abs=1e-12)


def test_toplines_inform_by_their_n_and_overdispersion():
    _, cells = everything(2, RICH[:-1])
    n = len(cells.counts)
    plain, over = row_information(cells)[n : n + 3], row_information(cells)[n + 3 :]
    size = cells.size[n]
    np.testing.assert_allclose(over / plain, 1 / (1 + (size - 1) * 0.01))
    share = np.mean([cells.toplines[0].lower[0], cells.toplines[0].upper[0]])
    assert plain[0] == pytest.approx(size * share * (1 - share))


def test_centring_follows_information_and_scale():
    design, cells = make(3, RICH)
    swept = sweep(design, cells.rows)
    names = [b.sd_name for b in design.pooled]
    corr = {b.corr_name: np.zeros(50) for b in design.correlated}
    small, large = ({n: np.full(50, v) for n in names} | corr for v in (1e-3, 10.0))
    assert not any(any(c) for c in choose_centring(swept, cells, small))
    assert all(all(c) for c in choose_centring(swept, cells, large))
    weight = row_information(cells)
    matrix = swept_matrix(swept, cells.rows)
    first = swept.strata[0]
    columns = slice(len(swept.loadings), len(swept.loadings) + first.size)
    want = np.median([sum(weight * matrix[:, j] ** 2) for j in range(matrix.shape[1])[columns]])
    assert information(swept, cells)[0][0] == pytest.approx(want)
    assert parameter_count(swept) > swept.size
