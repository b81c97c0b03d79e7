"""Answers on a slider: ordered beta against scipy, its slopes, both engines' densities, the door, refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit
from test_kernel import all_or_none, check_gradient

import alliancecred as ac
from alliancecred import sliders
from alliancecred.cells import make_cells
from alliancecred.density import data_arrays, parameter_count, structure
from alliancecred.engines.condense import condense
from alliancecred.engines.field import make_field
from alliancecred.engines.hyper import from_scores, score_count
from alliancecred.engines.metric import row_information
from alliancecred.errors import DataError, FitError, SpecError
from alliancecred.estimands import levels, shift
from alliancecred.fitting import fit_design, prepare
from alliancecred.kernel import log_density
from alliancecred.origins import Fielding, Simulation
from alliancecred.outcome import cut_points
from alliancecred.prediction import answer_probs, log_likelihood, row_scores
from alliancecred.predictor import linear_predictor
from alliancecred.priors import LogNormal, Normal
from alliancecred.simulation import draw_prior, replicate, simulate
from alliancecred.spec_check import check_spec
from alliancecred.spec_file import models_dir, read_spec, spec_from_table, spec_to_toml
from alliancecred.summaries.words import quantity
from alliancecred.sweep import sweep
from alliancecred.terms import Cuts, Level, Respondent, Shift

SLIDER = sliders.Slider(0.0, 100.0, 60.0, Normal(0.2, 0.8), Normal(1.4, 0.5), LogNormal(4.0, 0.6))
PARTS = ("0", "1-60", "61-99", "100")
ETA, CUTS, PHI = np.array([-1.1, 0.0, 0.4, 2.3]), np.array([-1.4, 2.2]), 3.7


def small_spec(slider=SLIDER):
    spec = read_spec(models_dir() / "slider_simulated.toml")
    terms = tuple(t for t in spec.terms if t in (Level(("country",)), Level(("ally",)), Shift("us2025")))
    plan = Simulation(3, (Fielding("2024", 12), Fielding("2025", 9)), ())
    return replace(
        spec,
        answers=PARTS,
        top=PARTS[2:],
        slider=slider,
        terms=terms,
        sources=(plan,),
        countries=("DE", "PL"),
        allies=("US", "PL", "FR"),
    )


@pytest.fixture(scope="module")
def small():
    sim = simulate(small_spec())
    _, cells, design = prepare(sim.truth.spec, sim.survey)
    return sim, cells, design


def by_hand(value, eta, cuts, phi, slider=SLIDER):
    """The log likelihood of one answer, from scipy's distributions alone."""
    low, high = 1 - expit(eta - cuts[0]), expit(eta - cuts[1])
    share = (value - slider.low) / (slider.high - slider.low)
    if share == 0:
        return np.log(low)
    if share == 1:
        return np.log(high)
    mean = 1 / (1 + np.exp(-eta))
    return np.log(expit(eta - cuts[0]) - high) + stats.beta(mean * phi, (1 - mean) * phi).logpdf(share)


def test_probabilities_of_the_parts_are_those_of_the_distributions():
    got = sliders.part_probs(ETA, np.broadcast_to(CUTS, (4, 2)), np.full(4, PHI), 0.6)
    rng = np.random.default_rng(0)
    for eta, probs in zip(ETA, got, strict=True):
        mean = expit(eta)
        beta = stats.beta(mean * PHI, (1 - mean) * PHI)
        between = expit(eta - CUTS[0]) - expit(eta - CUTS[1])
        want = [1 - expit(eta - CUTS[0]), between * beta.cdf(0.6), between * beta.sf(0.6), expit(eta - CUTS[1])]
        np.testing.assert_allclose(probs, want, rtol=1e-9)
        draws = np.where(rng.random(200_000) < want[3] / (want[3] + between), 1.0, beta.rvs(200_000, random_state=rng))
        draws = np.where(rng.random(200_000) < want[0], 0.0, draws)
        share = sliders.mean_share(np.array([eta]), CUTS[None])[0]
        assert share == pytest.approx(draws.mean(), abs=4 * draws.std() / np.sqrt(200_000))


def test_log_density_and_slopes_are_those_of_scipy_and_of_differences():
    y = np.array([0.02, 0.3, 0.31, 0.77, 0.999])
    inside = sliders.Inside(np.array([0, 0, 1, 3, 3]), y, np.array([2, 1, 5, 1, 1]))
    sums = inside.sums(4)
    want = np.zeros(4)
    for row, share, times in zip(inside.row, inside.share, inside.times, strict=True):
        mean = expit(ETA[row])
        want[row] += times * stats.beta(mean * PHI, (1 - mean) * PHI).logpdf(share)
    phi = np.full(4, PHI)
    value, slope, curvature = sliders.slopes(ETA, phi, sums)
    np.testing.assert_allclose(value, want, rtol=1e-10, atol=1e-10)
    h = 1e-4
    low, high = (sliders.log_density(ETA + x, phi, sums) for x in (-h, h))
    np.testing.assert_allclose(slope, (high - low) / (2 * h), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(curvature, -(high - 2 * value + low) / h**2, rtol=1e-4, atol=1e-4)
    assert value[2] == slope[2] == curvature[2] == 0


def test_precision_is_roughly_known_beforehand():
    rng = np.random.default_rng(2)
    row = np.repeat(np.arange(30), 200)
    mean = np.repeat(rng.uniform(0.2, 0.8, 30), 200)
    inside = sliders.Inside(row, rng.beta(mean * 6, (1 - mean) * 6), np.ones(len(row)))
    assert sliders.rough_precision(inside, 30) == pytest.approx(6, rel=0.15)
    assert sliders.rough_precision(sliders.Inside(row[:0], mean[:0], mean[:0]), 30) == 5


# --- the likelihood in both engines ----------------------------------------------------------------
def one_by_one(survey, cells, design, draws, s):
    """The log likelihood of all answers of a survey, one after the other."""
    eta = linear_predictor(design, cells.rows, draws)[s]
    cuts = draws["cut_location"][s] + cut_points(draws["cut_spacing"][s])
    labels = cells.labels()
    place = {tuple(r): i for i, r in enumerate(labels.itertuples(index=False))}
    table = survey.table[[*labels.columns, "value"]]
    return sum(
        by_hand(r[-1], eta[place[tuple(r[:-1])]], cuts, draws["precision"][s]) for r in table.itertuples(index=False)
    )


def test_log_likelihood_is_the_sum_over_answers(small):
    sim, cells, design = small
    draws = draw_prior(design, np.random.default_rng(4), 3)
    got = log_likelihood(design, cells, draws)
    want = np.array([one_by_one(sim.survey, cells, design, draws, s) for s in range(3)])
    np.testing.assert_allclose(np.diff(got), np.diff(want), rtol=1e-8)  # but for the multinomial coefficients


def test_kernel_is_likelihood_times_prior(small):
    sim, cells, design = small
    swept = sweep(design, cells.rows)
    arrays, data = structure(swept, cells, all_or_none(swept, True)), data_arrays(cells)
    n, at = len(design.scales), len(design.scales) + 1
    assert list(dict.fromkeys(design.variables)) == ["intercept", "shift_us2025"]
    base = np.zeros(parameter_count(swept))
    base[:n], base[n : at + 2] = np.log(0.4), (1.5, 0.1, 1.2)
    values, wants = [], []
    for location, log_phi, spacing, intercept in ((0.1, 1.2, 1.5, 0.0), (-0.6, 0.9, 1.1, 0.3), (0.5, 2.0, 1.9, -0.7)):
        theta = base.copy()
        theta[n], theta[at], theta[at + 1], theta[at + 2] = spacing, location, log_phi, intercept
        values.append(log_density(theta, arrays, data)[0])
        eta = np.full(len(cells.rows), intercept)
        cuts = location + cut_points(np.array([spacing]))
        labels = {tuple(r): i for i, r in enumerate(cells.labels().itertuples(index=False))}
        table = sim.survey.table[[*cells.labels().columns, "value"]]
        log_lik = sum(
            by_hand(r[-1], eta[labels[tuple(r[:-1])]], cuts, np.exp(log_phi)) for r in table.itertuples(index=False)
        )
        priors = stats.norm(0.2, 0.8).logpdf(location) + stats.norm(1.4, 0.5).logpdf(spacing)
        priors += stats.norm(np.log(4.0), 0.6).logpdf(log_phi)
        wants.append(log_lik + priors - intercept_prior(swept, intercept))
    np.testing.assert_allclose(np.diff(values), np.diff(wants), rtol=1e-8)


def intercept_prior(swept, intercept):
    """Minus its log density with scales of 0.4: the means of the levels are swept into it."""
    return -stats.norm(0, np.sqrt(1.5**2 + 0.4**2 / 2 + 0.4**2 / 3)).logpdf(intercept)


def test_gradient_is_the_finite_difference(small):
    _, cells, design = small
    swept = sweep(design, cells.rows)
    for centred in (True, False):
        check_gradient(swept, cells, all_or_none(swept, centred))


def test_laplace_has_the_likelihood_of_the_answers(small):
    sim, cells, design = small
    field = make_field(design, cells)
    h = from_scores(design, np.random.default_rng(5).normal(0, 0.7, (3, score_count(design))))
    eta = np.random.default_rng(6).normal(0, 0.6, (len(cells.rows), 3))
    got = field.likelihood.value(eta, h.cuts, h.shape)
    labels = {tuple(r): i for i, r in enumerate(cells.labels().itertuples(index=False))}
    table = sim.survey.table[[*cells.labels().columns, "value"]]
    answers = [(labels[tuple(r[:-1])], r[-1]) for r in table.itertuples(index=False)]
    want = [sum(by_hand(y, eta[i, s], h.cuts[:, s], h.shape[s]) for i, y in answers) for s in range(3)]
    np.testing.assert_allclose(np.diff(got), np.diff(want), rtol=1e-8)
    assert h.cuts[:, 0] == pytest.approx(h.extra[0, 0] + cut_points(h.spacing[:, 0]))
    middle = from_scores(design, np.zeros((1, score_count(design))))
    assert middle.extra[1, 0] == pytest.approx(4.0)
    assert middle.extra[0, 0] == pytest.approx(0.2)
    total, slope, _ = field.likelihood.slopes(eta, h.cuts, h.shape)
    np.testing.assert_allclose(total, got)
    step = 1e-5
    ahead, behind = (field.likelihood.value(eta + x, h.cuts, h.shape) for x in (step, -step))
    np.testing.assert_allclose(slope.sum(0), (ahead - behind) / (2 * step), rtol=1e-5)


def test_held_out_rows_and_rows_added_up_lose_no_answer(small):
    _, cells, design = small
    fewer, _ = condense(replace(design, coefficients=design.coefficients[:1], pooled=design.pooled[:1]), cells)
    assert len(fewer.counts) == 2
    np.testing.assert_allclose(fewer.inside.sums(2).sum(0), cells.inside.sums(len(cells.rows)).sum(0))
    mask = np.ones(len(cells.rows))
    mask[3] = 0
    data = data_arrays(cells, mask)
    assert data.counts[:, 3].sum() == 0
    assert data.sums[3].tolist() == [0, 0, 0]
    np.testing.assert_allclose(data.sums[4], data_arrays(cells).sums[4])


def test_the_pymc_model_has_the_same_density(small):
    from alliancecred.model import plain_model

    sim, cells, design = small
    model = plain_model(design, cells)
    draws = draw_prior(design, np.random.default_rng(6), 2)
    logp, values = model.compile_logp(jacobian=False), []
    for s in range(2):
        point = model.initial_point()
        for key in point:
            value = draws[key.removesuffix("_log__")][s]
            point[key] = np.log(value) if key.endswith("_log__") else np.asarray(value)
        want = one_by_one(sim.survey, cells, design, draws, s)
        want += stats.norm(0.2, 0.8).logpdf(draws["cut_location"][s])
        want += stats.norm(1.4, 0.5).logpdf(draws["cut_spacing"][s]).sum()
        want += stats.lognorm(0.6, scale=4.0).logpdf(draws["precision"][s])
        want += stats.norm(0, 1.5).logpdf(np.append(draws["intercept"][s], draws["shift_us2025"][s])).sum()
        for name in ("level_country", "level_ally"):
            sd = draws[f"sd_{name}"][s]
            want += stats.halfnorm(scale=0.5).logpdf(sd) + stats.norm(0, sd).logpdf(draws[name][s]).sum()
        values.append(float(logp(point)) - want)
    assert values[0] == pytest.approx(values[1], abs=1e-6)


def test_information_is_that_of_the_score(small):
    """The variance of the slope by η over answers drawn from the model."""
    _, cells, _ = small
    rng, n, eta = np.random.default_rng(7), 400_000, 0.4
    mean = expit(eta)
    u, inside = rng.random(n), rng.beta(mean * PHI, (1 - mean) * PHI, n)
    low, high = u < 1 - expit(eta - CUTS[0]), u > 1 - expit(eta - CUTS[1])
    by_cuts = np.where(low, -expit(eta - CUTS[0]), np.where(high, 1 - expit(eta - CUTS[1]), 0.0))
    between = ~low & ~high
    ends = expit(eta - CUTS)
    by_cuts[between] = 1 - ends.sum()
    _, slope, _ = sliders.slopes(
        np.full(n, eta), np.full(n, PHI), np.column_stack([np.ones(n), np.log(inside), np.log1p(-inside)])
    )
    want = (by_cuts + np.where(between, slope, 0.0)).var()
    one = sliders.Inside(np.zeros(n, dtype=int)[between], inside[between], np.ones(n)[between])
    counts = np.array([[low.sum(), between.sum(), 0, high.sum()]])
    cells = replace(cells, rows=cells.rows.take(np.array([0])), counts=counts, inside=one)
    assert row_information(cells)[0] / n == pytest.approx(want, rel=0.03)


# --- answers to questions ---------------------------------------------------------------------------
def test_scores_are_shares_of_parts_and_the_mean_on_the_scale(small):
    _, cells, design = small
    draws = draw_prior(design, np.random.default_rng(8), 5)
    probs = answer_probs(design, cells.rows, draws)
    np.testing.assert_allclose(probs.sum(-1), 1)
    np.testing.assert_allclose(row_scores(design, cells.rows, draws, "top"), 100 * probs[..., 2:].sum(-1))
    eta = linear_predictor(design, cells.rows, draws)
    cuts = draws["cut_location"][:, None] + cut_points(draws["cut_spacing"])
    want = expit(eta - cuts[:, 1:]) + (expit(eta - cuts[:, :1]) - expit(eta - cuts[:, 1:])) * expit(eta)
    np.testing.assert_allclose(row_scores(design, cells.rows, draws, "mean"), 100 * want)
    other = replace(design, spec=replace(design.spec, slider=replace(SLIDER, low=-5.0, high=5.0, above=1.0)))
    np.testing.assert_allclose(row_scores(other, cells.rows, draws, "mean"), 10 * want - 5)
    predicted = replicate(design, cells, draws, np.random.default_rng(0), 1)
    assert predicted["counts"].values[0].sum(-1).tolist() == [cells.counts.sum(1).tolist()] * 5


def test_the_truth_is_found_again():
    spec = replace(
        small_spec(),
        countries=("DE", "FR", "IT", "PL"),
        sources=(
            Simulation(3, (Fielding("2024", 150), Fielding("2025", 150)), (("precision", 8.0), ("cut_location", 0.5))),
        ),
    )
    sim = simulate(spec)
    fit = fit_design(*reversed(prepare(spec, sim.survey)[1:]), random_seed=1, draws=500, method="laplace")
    assert fit.diagnosis.passed
    for name in ("precision", "cut_location"):
        draws, truth = fit.draws()[name], float(sim.truth.draws()[name][0])
        assert abs(draws.mean() - truth) < 4 * draws.std()
        assert draws.std() < 0.1 * truth
    mean, at = shift(fit, by=(), answer="mean"), shift(sim.truth, by=(), answer="mean")
    error = mean.draws.mean(("chain", "draw")) - at.draws.values.ravel()
    assert (abs(error) < 4 * mean.draws.std(("chain", "draw"))).all()
    assert mean.unit == "scale points"
    assert quantity(mean) == "mean answer on the slider (0 to 100)"
    table = sim.survey.table
    us = table[(table.country == "DE") & (table.ally == "US") & (table.wave == "2024")]["value"].mean()
    level = levels(fit, answer="mean").at(country="DE", ally="US", wave="2024").draws
    assert float(level.mean()) == pytest.approx(us, abs=4 * float(level.std()) + 3)


# --- the door ---------------------------------------------------------------------------------------
def read(values, missing=(), slider=SLIDER, **more):
    frame = pd.DataFrame({"country": ["PL", "DE"] * (len(values) // 2), "q": values})
    roles = ac.Roles(country="country", answer="q")
    given = {"answers": PARTS, "top": PARTS[2:], "constants": {"ally": "US"}} | more
    return ac.read_survey(frame, roles=roles, missing=missing, slider=slider, **given)


@pytest.mark.filterwarnings("ignore::alliancecred.errors.DataWarning")
def test_numbers_are_read_and_put_into_parts():
    survey = read([0, 60, 61, 100, 12.5, np.nan, 99, 60.0])
    assert survey.slider == SLIDER
    assert survey.table["value"].tolist() == [0, 60, 61, 100, 12.5, 99, 60]
    assert survey.table["answer"].tolist() == [0, 1, 2, 3, 1, 2, 1]
    assert survey.report.total("excluded") == 1
    assert read([0, 5, 99, 50], missing=("99",)).table["value"].tolist() == [0, 5, 50]
    cells = make_cells(
        replace(small_spec(), terms=(Level(("country",)),), signals=(), waves=(), estimands=()), [survey]
    )
    assert cells.counts.tolist() == [[0, 0, 1, 0], [1, 3, 0, 0], [0, 0, 0, 1]] or cells.counts.sum() == 7
    assert cells.inside.times.sum() == 5


@pytest.mark.filterwarnings("ignore::alliancecred.errors.DataWarning")
def test_answers_counted_in_their_engine_keep_their_numbers():
    import duckdb

    frame = pd.DataFrame({"country": ["PL", "DE"] * 4, "q": [0, 60, 61, 100, 12.5, 3, 99, 60.0]})
    relation = duckdb.sql("SELECT frame.* FROM frame, range(3)")
    roles = ac.Roles(country="country", answer="q")
    kwargs = {"roles": roles, "answers": PARTS, "top": PARTS[2:], "constants": {"ally": "US"}, "slider": SLIDER}
    counted = ac.read_survey(relation, **kwargs).table
    plain = ac.read_survey(frame, **kwargs).table
    keys = ["country", "answer", "value"]
    want = plain.groupby(keys)["count"].sum() * 3
    pd.testing.assert_series_equal(counted.groupby(keys)["count"].sum(), want)


@pytest.mark.filterwarnings("ignore::alliancecred.errors.DataWarning")
@pytest.mark.parametrize("engine", [False, True], ids=["memory", "engine"])
def test_who_does_not_know_where_the_slider_is_is_kept_apart(engine):
    import duckdb

    frame = pd.DataFrame({"country": ["PL", "DE"] * 3, "q": [0, 60, 999, 100, 12, 999]})
    roles = ac.Roles(country="country", answer="q")
    source = duckdb.from_df(frame) if engine else frame
    options = {"roles": roles, "answers": PARTS, "top": PARTS[2:], "constants": {"ally": "US"}, "slider": SLIDER}
    for more in ({"dont_know": ("999",)}, {"dont_know": ("no idea",), "numeric_codes": {999: "no idea"}}):
        survey = ac.read_survey(source, **options, **more)
        assert survey.table["count"].sum() == 4
        assert survey.unsure.groupby("country")["count"].sum().to_dict() == {"DE": 1, "PL": 1}
        assert ac.unsure_survey(survey).table.groupby("answer")["count"].sum().to_dict() == {0: 4, 1: 2}


@pytest.mark.parametrize(
    ("values", "kwargs", "message"),
    [
        ([0, 101, 50, -3], {}, "outside the slider, 0 to 100: "),
        (["0", "a lot", "50", "3"], {}, "are no numbers: "),
        ([0, 1, 2, 3], {"answers": ("no", "yes"), "top": ("yes",)}, "four parts of the scale"),
        ([0, 1, 2, 3], {"top": PARTS[3:]}, "the last two are top"),
        ([0, 1, 2, 3], {"slider": replace(SLIDER, above=100.0)}, "low < above < high"),
        ([0, 1, 2, 3], {"slider": replace(SLIDER, precision=LogNormal(0.0, 1.0))}, "a positive median"),
        ([0, 1, 2, 3], {"slider": replace(SLIDER, location=Normal(0.0, 0.0))}, "sd must be positive"),
    ],
)
def test_what_does_not_fit_is_refused(values, kwargs, message):
    with pytest.raises(DataError, match=message):
        read(values, **kwargs)


def test_terms_and_data_that_do_not_go_with_it_are_refused():
    spec = small_spec()
    for term in (Cuts(), Respondent()):
        with pytest.raises(SpecError, match="not for answers on a slider"):
            check_spec(replace(spec, terms=(*spec.terms, term)))
    plain = simulate(read_spec(models_dir() / "retrenchment_simulated.toml")).survey
    with pytest.raises(SpecError, match="the spec declares a slider: numbers are needed"):
        make_cells(spec, [plain])
    survey = simulate(spec)
    with pytest.raises(SpecError, match=r"was read with \(0.0, 100.0, 60.0\)"):
        make_cells(replace(spec, slider=replace(SLIDER, high=10.0, above=6.0)), [survey.survey])
    with pytest.raises(SpecError, match="the spec declares no slider"):
        make_cells(replace(spec, slider=None), [survey.survey])
    make_cells(replace(spec, slider=replace(SLIDER, precision=LogNormal(9.0, 1.0))), [survey.survey])  # other priors
    _, cells, design = prepare(spec, survey.survey)
    with pytest.raises(SpecError, match="not means or sliders"):
        levels(survey.truth, answer="mean", population_size={"public": 10**6})
    pytest.importorskip("numpyro")
    with pytest.raises(FitError, match="does not know sliders"):
        fit_design(design, cells, random_seed=1, method="numpyro")


def test_round_trip_of_a_slider():
    spec = small_spec()
    import tomllib

    assert spec_from_table(tomllib.loads(spec_to_toml(spec))) == spec
    assert replace(spec, slider=sliders.Slider()).digest != spec.digest
