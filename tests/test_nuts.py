"""What surrounds the sampler: incomplete draws are an error, information and centring are what they say."""

import numpy as np
import pytest
import xarray as xr
from test_kernel import everything
from test_sweep import swept_covariance

from alliancecred.density import parameter_count, structure
from alliancecred.engines import metric
from alliancecred.engines.metric import choose_centring, information, make_metric, row_information
from alliancecred.engines.nuts import sample
from alliancecred.engines.reading import Raw, check_complete, coordinates_of, read, thinned
from alliancecred.errors import IncompleteFitError, SpecError
from alliancecred.gates import bfmi, diagnosis
from alliancecred.kernel import gather, spread
from alliancecred.outcome import cut_points, log_probs
from alliancecred.priors import Normal
from alliancecred.sampling import Sampling
from alliancecred.sweep import covariance, incidence, sweep, swept_matrix
from alliancecred.terms import Gap, Level
from models import RICH, make


def raw(**changes):
    values = {
        "coordinates": np.zeros((2, 5, 3)),
        "scales": {"sd_x": np.ones((2, 5))},
        "cuts": {"cut_spacing": np.zeros((2, 5, 1))},
        "stats": xr.Dataset(),
        "attrs": {},
    }
    return Raw(**(values | changes))


def test_complete_draws_pass():
    check_complete(raw(), 5, 2)


@pytest.mark.parametrize("part", ["coordinates", "scales", "cuts"])
def test_a_nan_tail_is_an_error_that_carries_the_draws(part):
    broken = raw()
    array = broken.coordinates if part == "coordinates" else next(iter(getattr(broken, part).values()))
    array[1, 3:] = np.nan
    with pytest.raises(IncompleteFitError, match="8 of 10 draws") as caught:
        check_complete(broken, 5, 2)
    assert caught.value.partial is broken


def test_too_few_draws_are_an_error():
    with pytest.raises(IncompleteFitError):
        check_complete(raw(), 6, 2)


@pytest.mark.parametrize("draws", [0, 3])
def test_what_an_interrupted_run_left_can_be_read(draws):
    design, cells = make(4, RICH)
    swept = sweep(design, cells.rows)
    theta = np.random.default_rng(0).normal(size=(2, draws, parameter_count(swept)))
    got = read(swept, theta, xr.Dataset(), [[False] * len(s.carriers) for s in swept.strata])
    assert got.coordinates.shape == (2, draws, swept.size)
    with pytest.raises(IncompleteFitError, match=f"^{2 * draws} of 20 draws"):
        check_complete(got, 10, 2)


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


@pytest.mark.parametrize("c", [0.0, 0.5, 0.95])
def test_what_is_sampled_has_one_width_whatever_the_scale(c):
    """Given d and the data, x has variance 1 / (w + 1 / d²): what is sampled then has 1 − c, whatever d is."""
    design, cells = make(2, (Level(("country",)),))
    swept = sweep(design, cells.rows)
    (stratum,) = swept.strata
    d = np.array([[0.01, 0.2, 1.0, 30.0]])
    ends = [np.full((1, 4, 1, stratum.size), value) for value in (0.0, 1.0)]
    low, high = (coordinates_of(stratum, [c], {design.pooled[0].sd_name: d}, x)[0, :, 0, 0] for x in ends)
    by = np.sqrt(covariance(stratum, {design.pooled[0].sd_name: d[0]})[0][0])
    variance = 1 / (c / (1 - c) + by**-2)
    np.testing.assert_allclose(variance / (high - low) ** 2, 1 - c, rtol=1e-9)


def test_how_far_is_centred_follows_the_information():
    design, cells = make(3, RICH)
    swept = sweep(design, cells.rows)
    names = [b.sd_name for b in design.pooled]
    corr = {b.corr_name: np.zeros(50) for b in design.correlated}
    small, large = ({n: np.full(50, v) for n in names} | corr for v in (1e-3, 10.0))
    weight = row_information(cells)
    matrix = swept_matrix(swept, cells.rows)
    for scales in (small, large):
        at = len(swept.loadings)
        for stratum, found in zip(swept.strata, choose_centring(swept, cells, scales), strict=True):
            m = len(stratum.carriers)
            block = matrix[:, at : (at := at + m * stratum.size)].reshape(-1, m, stratum.size)
            known = np.median(np.einsum("r,ric,rjc->cij", weight, block, block), axis=0)
            prior = np.linalg.inv(np.array(covariance(stratum, {k: v[0] for k, v in scales.items()}), dtype=float))
            for i, c in enumerate(found):
                others = np.where(np.arange(m) == i, 0.0, 1.0)
                w = 1 / np.linalg.inv(known + prior * np.outer(others, others))[i, i]
                assert c == pytest.approx(w / (1 + w), rel=1e-9)
    first = swept.strata[0]
    start, m = len(swept.loadings), len(first.carriers)
    block = matrix[:, start : start + m * first.size].reshape(-1, m, first.size)
    want = np.einsum("r,ric,rjc->cij", weight, block, block)
    np.testing.assert_allclose(information(incidence(swept, first, cells.rows), weight), want, atol=1e-9)


def sampled_from(swept, centred, scales, theta):
    """Parameters as sampled, from those of the all-centred form."""
    out, at = theta.copy(), len(theta) - swept.size + len(swept.loadings)
    for stratum, flags in zip(swept.strata, centred, strict=True):
        stop = at + stratum.size * len(flags)
        x = theta[at:stop].reshape(len(flags), stratum.size).copy()
        low = np.linalg.cholesky(np.array(covariance(stratum, scales), dtype=float))
        residual = np.linalg.solve(low, x)
        for i, (c, d) in enumerate(zip(flags, np.diag(low), strict=True)):
            data, sd = c * d**2 / (1 - c + c * d**2), d / np.sqrt(1 - c + c * d**2)
            x[i] = (x[i] - (1 - data) * (x[i] - d * residual[i])) / sd
        out[at:stop] = x.ravel()
        at = stop
    return out


@pytest.mark.parametrize("dense", [300, 30])
@pytest.mark.parametrize("pattern", [(True, True), (False, False), (True, False), (False, True), (0.3, 0.9)])
def test_the_metric_is_the_inverse_of_information_and_prior_precision(monkeypatch, dense, pattern):
    monkeypatch.setattr(metric, "DENSE", dense)
    design, cells = everything(3)
    swept = sweep(design, cells.rows)
    rng = np.random.default_rng(0)
    scales = {b.sd_name: rng.lognormal(-1, 0.3, 60) for b in design.pooled}
    scales |= {b.corr_name: rng.uniform(-0.5, 0.5, 60) for b in design.correlated}
    centred = tuple(tuple(pattern[i % 2] for i in range(len(s.carriers))) for s in swept.strata)
    got, arrays = make_metric(swept, cells, centred, scales), structure(swept, cells, centred)

    n = parameter_count(swept)
    root = np.array([spread(arrays, got, e) - got.middle for e in np.eye(n)]).T
    assert (np.triu(root, 1) == 0).all()
    hyper = n - swept.size
    logs = [np.log(scales[b.sd_name]) for b in design.pooled]
    logs += [np.arctanh(scales[b.corr_name]) for b in design.correlated]
    np.testing.assert_allclose(got.middle[: len(logs)], [v.mean() for v in logs])
    np.testing.assert_allclose(np.diag(root)[: len(logs)], [v.std() for v in logs])

    typical = {name: np.median(v) for name, v in scales.items()}
    x = swept_matrix(swept, cells.rows)
    precision = x.T @ (row_information(cells)[:, None] * x) + np.linalg.inv(swept_covariance(swept, typical))
    turn = np.array([sampled_from(swept, centred, typical, e)[hyper:] for e in np.eye(n)[hyper:]]).T
    whole = turn @ np.linalg.inv(precision) @ turn.T
    leading = len(got.dense) - hyper
    if dense == 300:
        assert leading == swept.size
    assert leading >= len(swept.loadings)
    head = turn[:leading, :leading] @ np.linalg.inv(precision[:leading, :leading]) @ turn[:leading, :leading].T
    want = np.zeros_like(whole)
    want[:leading, :leading] = head
    at = len(swept.loadings)
    for stratum in swept.strata:
        stop = at + stratum.size * len(stratum.carriers)
        if at >= leading:
            for c in range(stratum.size):
                own = at + c + stratum.size * np.arange(len(stratum.carriers))
                grid = np.ix_(own, own)
                want[grid] = turn[grid] @ np.linalg.inv(precision[grid]) @ turn[grid].T
        at = stop
    np.testing.assert_allclose((root @ root.T)[hyper:, hyper:], want, rtol=1e-8, atol=1e-10)
    z, g = rng.normal(size=n), rng.normal(size=n)
    np.testing.assert_allclose(gather(arrays, got, g), root.T @ g, atol=1e-10)
    np.testing.assert_allclose(spread(arrays, got, z), got.middle + root @ z, atol=1e-10)


@pytest.mark.parametrize(("sd", "rho"), [(1e-160, 0.0), (1e-9, -1.0), (1e-3, 1 - 1e-12), (1e4, 0.99999)])
def test_scales_and_correlations_at_their_edges_still_give_a_metric(sd, rho):
    design, cells = make(3, RICH)
    swept = sweep(design, cells.rows)
    scales = {b.sd_name: np.full(20, sd) for b in design.pooled}
    scales |= {b.corr_name: np.full(20, rho) for b in design.correlated}
    got = make_metric(swept, cells, choose_centring(swept, cells, scales), scales)
    assert all(np.isfinite(part).all() for part in got)
    assert (np.diag(got.dense) > 0).all()


@pytest.mark.parametrize(
    "wrong",
    [{"thin": 0}, {"thin": 1.5}, {"thin": True}, {"tune": -1}, {"retries": -1}, {"cores": 0}, {"target_accept": 1.0},
     {"target_accept": np.nan}],
)  # fmt: skip
def test_options_that_sampling_cannot_use_are_refused(wrong):
    with pytest.raises(SpecError, match=next(iter(wrong))):
        Sampling(**wrong)


def test_thinned_statistics_keep_their_e_bfmi_in_a_file(tmp_path):
    dims = ("chain", "draw")
    full = xr.Dataset({"energy": (dims, np.random.default_rng(0).normal(size=(2, 12)))})
    thinned(full, 3).to_netcdf(tmp_path / "stats.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "stats.nc", engine="h5netcdf") as back:
        np.testing.assert_allclose(diagnosis(xr.Dataset(), back).bfmi, bfmi(full["energy"].values))


def test_prior_means_are_the_middle():
    terms = (Gap("elite", prior=Normal(0.7, 1.5)), Level(("country",)))
    design, cells = make(2, terms)
    swept = sweep(design, cells.rows)
    scales = {b.sd_name: np.linspace(0.2, 0.4, 9) for b in design.pooled}
    got = make_metric(swept, cells, choose_centring(swept, cells, scales), scales)
    place = [c.prior for c in design.coefficients].index(Normal(0.7, 1.5))
    assert got.middle[1 + place] == 0.7
    assert parameter_count(swept) > swept.size


def test_thinning_keeps_every_third_draw_and_forgets_no_trouble():
    rng = np.random.default_rng(0)
    dims = ("chain", "draw")
    energy, steps, odd = rng.normal(size=(2, 12)), rng.integers(1, 9, (2, 12)), np.zeros((2, 12), bool)
    odd[1, 4] = True
    full = xr.Dataset({"energy": (dims, energy), "n_steps": (dims, steps), "diverging": (dims, odd)})
    got = thinned(full, 3)
    np.testing.assert_array_equal(got["energy"], energy[:, 2::3])
    np.testing.assert_array_equal(got["n_steps"], steps.reshape(2, 4, 3).sum(2))
    np.testing.assert_array_equal(got["diverging"], [[False] * 4, [False, True, False, False]])
    want = [np.square(np.diff(e)).mean() / e.var() for e in energy]
    np.testing.assert_allclose(diagnosis(xr.Dataset(), got).bfmi, want)
    assert thinned(full, 1) is full


def test_a_thinned_chain_is_the_last_of_every_two_draws():
    design, cells = make(2, (Level(("country",)),))
    run = {"seed": 1, "chains": 1, "progressbar": False}
    whole = sample(design, cells, draws=20, sampling=Sampling(tune=50, cores=1), **run)
    half = sample(design, cells, draws=10, sampling=Sampling(tune=50, cores=1, thin=2), **run)
    np.testing.assert_array_equal(half.variables["sd_level_country"], whole.variables["sd_level_country"][:, 1::2])
    np.testing.assert_array_equal(half.checked["swept"], whole.checked["swept"][:, 1::2])
    assert half.stats.sizes["draw"] == 10


def test_steps_vary_from_draw_to_draw():
    """Equal steps end trajectories at the mirror image of their start (docs/decisions/007)."""
    design, cells = make(2, (Level(("country",)),))
    sampling = Sampling(tune=100, cores=1)
    found = sample(design, cells, seed=1, draws=200, chains=1, sampling=sampling, progressbar=False)
    assert len(np.unique(found.stats["step_size"].values)) > 100
