"""Published means of rating scales: their mass against scipy, tables, both engines' densities, the door, refusals."""

import tomllib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from calibrated import small_spec
from scipy import stats
from scipy.special import expit, logit
from test_kernel import all_or_none, check_gradient

import alliancecred as ac
from alliancecred.cells import make_cells
from alliancecred.density import data_arrays, parameter_count, structure
from alliancecred.engines.field import make_field
from alliancecred.engines.likelihood import interpolate
from alliancecred.engines.metric import row_information
from alliancecred.errors import DataError, FitError, SpecError
from alliancecred.estimands import levels, shift
from alliancecred.fitting import fit_design, prepare
from alliancecred.kernel import log_density
from alliancecred.lattice import TABLE_EDGE, TABLE_STEP, lattice_loglik, publish
from alliancecred.means import mean_of
from alliancecred.origins import Fielding, Simulation
from alliancecred.outcome import log_probs
from alliancecred.prediction import log_likelihood, row_scores
from alliancecred.predictor import linear_predictor
from alliancecred.priors import LogNormal
from alliancecred.ratings import Rating, log_mass, mean_table, possible_sds
from alliancecred.simulation import draw_prior, replicate, simulate
from alliancecred.spec_check import check_spec
from alliancecred.spec_file import spec_from_table, spec_to_toml
from alliancecred.summaries.words import quantity
from alliancecred.sweep import sweep
from alliancecred.terms import Respondent

RATING, ENDS = Rating(1.0, 10.0, LogNormal(0.2, 0.4)), ("not at all", "completely")
LABELS = {"country": "PL", "ally": "US", "target": "", "wave": "2024", "population": "public"}


def by_hand(topline, eta):
    """The log mass of one mean, from scipy alone."""
    (low,), (high,), share = topline.lower, topline.upper, expit(eta)
    normals = [stats.norm(share, se) for se in topline.se]
    parts = [n.cdf(high) - n.cdf(low) if high > low else n.pdf(low) for n in normals]
    with np.errstate(divide="ignore"):
        return np.log(topline.n_weight @ np.array(parts))


@pytest.fixture(scope="module")
def small():
    plan = Simulation(0, (Fielding("2024", 3), Fielding("2025", 4)), ())  # errors wide enough for scipy's plain numbers
    spec = replace(small_spec("means"), rating=RATING, countries=("DE", "FR"), allies=("US", "PL"), sources=(plan,))
    sim = simulate(spec, random_seed=2)
    sds, weight = possible_sds(RATING.sd)
    rows = list(sim.survey.rows)
    rows[1] = mean_of(rows[1].labels, 0.4, 0.005, sds / 2, weight, 4, "4.6", "a paper")
    rows[3] = mean_of(rows[3].labels, 0.7, 0.02, np.array([0.1]), np.ones(1), 3, "7.3", "a paper")
    survey = replace(sim.survey, rows=tuple(rows))
    _, cells, design = prepare(spec, survey)
    return spec, survey, cells, design


def test_mass_and_table_are_those_of_normals():
    se, weight = np.array([[0.01, 0.03]]), np.log([[0.4, 0.6]])
    for bounds in ([0.3, 0.31], [0.3, 0.3], [0.6, 0.75]):
        for share in (0.05, 0.28, 0.305, 0.5, 0.9):
            parts = [stats.norm(share, s) for s in se[0]]
            mass = [
                p.sf(bounds[0]) - p.sf(bounds[1]) if share < 0.5 else p.cdf(bounds[1]) - p.cdf(bounds[0]) for p in parts
            ]
            want = np.log([0.4, 0.6] @ np.array(mass if bounds[1] > bounds[0] else [p.pdf(bounds[0]) for p in parts]))
            got = log_mass(np.array([share]), np.array([bounds]), se, weight)[0]
            assert got == pytest.approx(want, rel=1e-6)
        z = np.linspace(-3, 3, 13)
        value, slope = mean_table(z, np.array(bounds), se[0], weight[0])
        h = 1e-5
        ahead, behind = (mean_table(z + x, np.array(bounds), se[0], weight[0])[0] for x in (h, -h))
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(value, log_mass(expit(z), np.tile(bounds, (13, 1)), se, weight), rtol=1e-10)
    far = log_mass(np.array([0.999]), np.array([[0.001, 0.002]]), np.array([[0.01]]), np.zeros((1, 1)))
    assert np.isfinite(far[0])  # exp(-5000) of a chance


@pytest.mark.parametrize(("se", "within"), [(0.008, 1e-5), (0.002, 0.005), (0.0005, 0.1)])
def test_looking_up_is_as_good_as_is_said(se, within):
    z = np.linspace(-TABLE_EDGE, TABLE_EDGE, round(2 * TABLE_EDGE / TABLE_STEP) + 1)
    for share in (0.5, 0.9):
        for half in (0.0, 0.0005, 0.005):
            bounds, log_weight = np.array([share - half, share + half]), np.zeros(1)
            table = mean_table(z, bounds, np.array([se]), log_weight)[None]
            near = logit(share) + np.linspace(-4, 4, 801) * (se + half) / (share * (1 - share))
            near = near[abs(near) < 8]
            want = log_mass(expit(near), np.tile(bounds, (len(near), 1)), np.full((1, 1), se), np.zeros((1, 1)))
            told = want > want.max() - 8
            assert abs(interpolate(table, near[None])[0][0] - want)[told].max() < within


def test_sds_of_people_stand_for_their_prior():
    sds, weight = possible_sds(LogNormal(0.3, 0.5))
    assert weight.sum() == pytest.approx(1)
    assert weight @ sds == pytest.approx(0.3 * np.exp(0.5**2 / 2))
    assert possible_sds(LogNormal(0.3, 0.0))[0].tolist() == [0.3]


def test_log_likelihood_is_the_sum_over_means(small):
    _, _, cells, design = small
    draws = draw_prior(design, np.random.default_rng(4), 3)
    eta = linear_predictor(design, cells.rows, draws)
    want = [sum(by_hand(t, eta[s, i]) for i, t in enumerate(cells.toplines)) for s in range(3)]
    np.testing.assert_allclose(log_likelihood(design, cells, draws), want, rtol=1e-6)


def test_both_engines_have_it(small):
    _, _, cells, design = small
    mean = np.array([t.lower[0] for t in cells.toplines])
    eta = logit(np.clip(mean, 0.02, 0.98))[:, None] + np.random.default_rng(5).normal(0, 0.02, (len(mean), 3))
    want = np.array([sum(by_hand(t, eta[i, s]) for i, t in enumerate(cells.toplines)) for s in range(3)])
    likelihood, cuts = make_field(design, cells).likelihood, np.zeros((1, 3))
    np.testing.assert_allclose(likelihood.value(eta[likelihood.keep], cuts), want, rtol=1e-5, atol=1e-4)
    swept = sweep(design, cells.rows)
    arrays, data = structure(swept, cells, all_or_none(swept, True)), data_arrays(cells)
    theta = np.full(parameter_count(swept), 0.1)
    n = len(design.scales) + len(design.correlated)
    values, wants = [], []
    for intercept in (0.2, -0.1):
        theta[n:] = 0.0
        theta[n] = intercept
        values.append(log_density(theta, arrays, data)[0])
        prior = stats.norm(0, np.sqrt(np.diag(mean_variance(swept, theta)))[0]).logpdf(intercept)
        wants.append(sum(by_hand(t, intercept) for t in cells.toplines) + prior)
    assert np.diff(values)[0] == pytest.approx(np.diff(wants)[0], rel=1e-4)
    check_gradient(swept, cells, all_or_none(swept, False))


def mean_variance(swept, theta):
    from alliancecred.sweep import mean_covariance

    scales = {name: np.exp(theta[i]) for i, name in enumerate(swept.design.scales)}
    scales |= {b.corr_name: np.tanh(0.1) for b in swept.design.correlated}
    return np.array(mean_covariance(swept, scales), dtype=float)


def test_the_pymc_model_has_the_same_mass(small):
    from alliancecred.model import lattice_graph, plain_model

    _, _, cells, design = small
    eta = np.random.default_rng(6).normal(0, 0.5, len(cells.rows))
    logp = log_probs(eta, np.zeros((1, 1)))
    got = lattice_graph(logp, cells.lattice).eval()
    np.testing.assert_allclose(got, lattice_loglik(logp, cells.lattice), rtol=1e-8)
    assert [v.name for v in plain_model(design, cells).observed_RVs] == ["published"]


def test_information_is_the_slope_of_the_mean_over_its_error(small):
    _, _, cells, _ = small
    row = cells.toplines[3]
    assert row_information(cells)[3] == pytest.approx((0.7 * 0.3 / row.se[0]) ** 2, rel=1e-6)


def test_scores_are_on_the_scale_and_predictions_are_normal(small):
    _, _, cells, design = small
    draws = draw_prior(design, np.random.default_rng(8), 5)
    share = expit(linear_predictor(design, cells.rows, draws))
    np.testing.assert_allclose(row_scores(design, cells.rows, draws, "mean"), 1 + 9 * share)
    np.testing.assert_allclose(row_scores(design, cells.rows, draws, "top"), 100 * share)
    rng, probs = np.random.default_rng(0), np.tile([0.7, 0.3], (40_000, 1))
    drawn = publish(cells.toplines[3], np.inf, probs, rng)
    assert drawn[:, 0].mean() == pytest.approx(0.3, abs=4 * 0.1 / 200)
    assert drawn[:, 0].std() == pytest.approx(0.1, rel=0.02)
    many = {k: np.repeat(v[:1], 4000, axis=0) for k, v in draws.items()}
    found = replicate(design, cells, many, rng, 1)["published"].values[0]
    np.testing.assert_allclose(found.mean(0), 100 * share[0], atol=4 * 100 * 0.2 / np.sqrt(4000))


def test_the_truth_is_found_again():
    spec = replace(small_spec("means"), rating=Rating(0.0, 100.0, LogNormal(0.25, 0.0)))
    truth = {"intercept": 0.2, "shift_us2025[sender]": -0.6, "fixed_self_rating": 0.5}
    sim = simulate(spec, truth=truth, random_seed=5)
    _, cells, design = prepare(spec, sim.survey)
    fit = fit_design(design, cells, random_seed=1, draws=500, method="laplace")
    assert fit.diagnosis.passed
    mean, at = shift(fit, by=(), answer="mean"), shift(sim.truth, by=(), answer="mean")
    sd = mean.draws.std(("chain", "draw"))
    assert (abs(mean.draws.mean(("chain", "draw")) - at.draws.values.ravel()) < 4 * sd).all()
    assert (sd < 1.5).all()
    assert mean.unit == "scale points"
    assert quantity(mean) == "mean answer (0 to 100, “not at all” to “completely”)"
    assert quantity(levels(fit)) == "mean answer as a percentage of the scale (“not at all” to “completely”)"


# --- the door ---------------------------------------------------------------------------------------
def read(rating=RATING, answers=ENDS, **columns):
    size = len(next(iter(columns.values())))
    frame = pd.DataFrame({"country": ["PL", "DE", "FR"][:size], "wave": ["2024"] * size} | columns)
    return ac.read_means(frame, rating=rating, answers=answers, constants={"ally": "US", "precision": "one decimal"})


def test_standard_errors_are_published_or_those_of_an_average():
    found = read(mean=[5.5, 6.4, 7.0], se=[0.1, None, None], sd=[None, 2.0, None], n=[None, 400, 900])
    first, second, third = found.rows
    assert first.se == pytest.approx([0.1 / 9])
    assert (first.lower[0], first.upper[0]) == pytest.approx((4.45 / 9, 4.55 / 9))
    assert second.se == pytest.approx([2.0 / 9 / 20])
    assert len(third.se) == 9
    assert np.exp(third.n_weight @ np.log(third.se)) == pytest.approx(0.2 / 30)
    assert [t.published for t in found.rows] == [("5.5",), ("6.4",), ("7.0",)] or found.rows[0].published == ("5.5",)
    assert found.report.total("noted") >= 1
    assert found.rating == RATING
    exact = ac.read_means(
        pd.DataFrame({"country": ["PL"], "mean": [5.5], "se": [0.1]}),
        rating=RATING, answers=ENDS, constants={"ally": "US", "precision": "exact"},
    )  # fmt: skip
    assert exact.rows[0].lower == exact.rows[0].upper == (0.5,)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"mean": [11.0], "se": [0.1]}, "outside the scale, 1 to 10"),
        ({"mean": [5.0], "se": [-0.1]}, "se: .* not positive"),
        ({"mean": [5.0], "se": [5.0]}, "more than half the scale"),
        ({"mean": [5.0], "sd": [2.0]}, "needed, or n"),
        ({"mean": [None], "se": [0.1]}, "empty"),
        ({"mean": ["5,0"], "se": [0.1]}, "no finite number"),
        ({"se": [0.1]}, "mean"),
        ({"mean": [5.0], "se": [0.1], "rating": Rating(1.0, 1.0)}, "low < high"),
        ({"mean": [5.0], "se": [0.1], "rating": Rating(1.0, 9.0, LogNormal(2.0, 0.1))}, "a median between 0 and 1"),
        ({"mean": [5.0], "se": [0.1], "answers": ("a", "b", "c")}, "its two ends"),
    ],
)
def test_what_does_not_fit_is_refused(columns, message):
    with pytest.raises(DataError, match=message):
        read(**columns)


def test_two_means_of_a_cell_and_unknown_precisions_are_refused():
    frame = pd.DataFrame({"country": ["PL", "PL"], "mean": [5.0, 6.0], "se": [0.1, 0.1], "ally": "US"})
    with pytest.raises(DataError, match="two means of one cell"):
        ac.read_means(frame, rating=RATING, answers=ENDS, constants={"precision": "exact"})
    with pytest.raises(DataError, match=r"precision: .* unknown"):
        ac.read_means(frame, rating=RATING, answers=ENDS, constants={"precision": "rough"})


def test_terms_and_data_that_do_not_go_with_it_are_refused(small):
    spec, survey, cells, design = small
    with pytest.raises(SpecError, match="no Respondent or Cuts term"):
        check_spec(replace(spec, terms=(*spec.terms, Respondent())))
    with pytest.raises(SpecError, match="has another scale"):
        make_cells(replace(spec, rating=Rating(0.0, 10.0)), [survey])
    with pytest.raises(SpecError, match="has another scale"):
        make_cells(replace(spec, rating=None), [survey])
    with pytest.raises(SpecError, match="means have standard errors"):
        check_spec(replace(spec, variants=(ac.Variant("other", 0.01),)))
    with pytest.raises(SpecError, match="no source holds published shares"):
        ac.overdispersion_grid(spec, survey, values=(0.0, 0.01))
    with pytest.raises(SpecError, match="not means or sliders"):
        levels(simulate(spec, random_seed=2).truth, population_size={"public": 10**6})
    pytest.importorskip("numpyro")
    with pytest.raises(FitError, match="does not know means"):
        fit_design(design, cells, random_seed=1, method="numpyro")


def test_a_run_reads_means_beside_its_spec(tmp_path):
    from alliancecred.opening import open_sources
    from alliancecred.origins import MeanFile

    spec = replace(small_spec("means"), sources=(MeanFile("means.csv"),))
    text = "country,ally,wave,mean,se,precision\nDE,US,2024,5.1,0.1,one decimal\nDE,US,2025,4.4,0.1,one decimal\n"
    (tmp_path / "means.csv").write_text(text)
    opened = open_sources(spec, tmp_path, lambda text: None)
    assert opened.sources[0].rows[1].labels["wave"] == "2025"
    assert spec_from_table(tomllib.loads(spec_to_toml(spec))) == spec
    with pytest.raises(SpecError, match="need the scale they are of"):
        open_sources(replace(spec, rating=None), tmp_path, lambda text: None)
