"""Leave one unit out: against quadrature, and against ArviZ on plain formulas."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from arviz_stats import compare as arviz_compare
from arviz_stats import loo as arviz_loo
from scipy import stats
from scipy.special import expit, log_expit
from test_respondents import TERMS, answers_of_people, spec_of, survey_of

from alliancecred import leaving_out, predictive, stacking, units
from alliancecred.choices import Choices
from alliancecred.engines.importance import resample
from alliancecred.errors import ConvergenceWarning, SpecError
from alliancecred.fitting import prepare
from alliancecred.gaussian import Gaussian
from alliancecred.leaving_out import Loo, loo
from alliancecred.prediction import answer_probs, row_log_likelihood
from alliancecred.report import prior_fit
from alliancecred.simulation import dataset, draw_prior
from alliancecred.sources import DataReport, Survey, Topline, Toplines
from alliancecred.spec import Spec
from alliancecred.terms import FACTORS, Level, Respondent

warnings.filterwarnings("ignore", message="Estimated shape parameter")
pytestmark = pytest.mark.filterwarnings("ignore:Estimated shape parameter", "ignore::alliancecred.ConvergenceWarning")
CHAINS, DRAWS = 4, 1000


def chained(fit, values, **weights):
    """The fit with these draws, (draws, …); without weights they count as those of chains."""
    tree = fit.idata.copy()
    posterior = dataset(fit.design, values, CHAINS)
    shaped = {k: (("chain", "draw"), v.reshape(CHAINS, -1)) for k, v in weights.items()}
    tree["posterior"] = posterior.assign_coords(shaped)
    return replace(fit, idata=tree)


def near(design, seed=1, size=DRAWS, spread=0.15):
    """Draws from the prior drawn to their mean, as a posterior would be."""
    drawn = draw_prior(design, np.random.default_rng(seed), size)
    return {k: v.mean(0) + spread * (v - v.mean(0)) for k, v in drawn.items()}


def as_arviz(logs):
    """ArviZ's leave-one-out of log likelihoods (draws, units), taken as independent draws."""
    shaped = np.asarray(logs).reshape(CHAINS, -1, logs.shape[1])
    tree = xr.DataTree.from_dict({
        "posterior": xr.Dataset({"x": (("chain", "draw"), shaped[..., 0])}),
        "log_likelihood": xr.Dataset({"y": (("chain", "draw", "unit"), shaped)}),
    })  # fmt: skip
    return arviz_loo(tree, pointwise=True, reff=1.0)


def same_as_arviz(found: Loo, logs, times):
    """``logs`` (draws, distinct units) in the order of the table; each unit stands for ``times``."""
    there = as_arviz(np.repeat(logs, times, axis=1))
    assert found.elpd == pytest.approx(there.elpd, abs=1e-6)
    assert found.se == pytest.approx(there.se, rel=1e-6)
    assert found.p_loo == pytest.approx(there.p, abs=1e-6)
    np.testing.assert_allclose(np.repeat(found.table.elpd, times), there.elpd_i.values.ravel(), atol=1e-6)
    np.testing.assert_allclose(np.repeat(found.table.k_hat, times), there.pareto_k.values.ravel(), atol=1e-3)


# --- one parameter: quadrature ----------------------------------------------------------------------
def one_parameter():
    spec = Spec("one", ("no", "yes"), ("yes",), (Level(("country",)),))
    rows = [("DE", "", "", "", "public", k, n, "") for k, n in enumerate((9, 4))]
    rows += [("PL", "", "", "", "public", k, n, "") for k, n in enumerate((1, 3))]
    table = pd.DataFrame(rows, columns=[*FACTORS, "answer", "count", "respondent"])
    _, cells, design = prepare(spec, Survey(table, spec.answers, spec.top, DataReport("made", ())))
    return prior_fit(design, cells, draws=40), np.linspace(-8, 8, 20_001)


def posterior_on(grid, no, yes):
    log = stats.norm.logpdf(grid, 0, 1.5) + no * log_expit(-grid) + yes * log_expit(grid)
    return np.exp(log - log.max()) / np.exp(log - log.max()).sum()


def exact_answers(grid):
    """log P(answer | all the others), by quadrature."""
    no, yes = posterior_on(grid, 9, 7), posterior_on(grid, 10, 6)
    return np.log(no @ expit(-grid)), np.log(yes @ expit(grid))


def with_intercepts(fit, theta, **weights):
    zero = np.zeros((len(theta), 2))
    return chained(fit, {"intercept": theta, "sd_level_country": zero[:, 0] + 0.1, "level_country": zero}, **weights)


def test_an_answer_left_out_is_predicted_as_by_quadrature():
    fit, grid = one_parameter()
    cdf = np.cumsum(posterior_on(grid, 10, 7))
    theta = np.interp((np.arange(4000) + 0.5) / 4000, cdf, grid)
    found = loo(with_intercepts(fit, np.random.default_rng(1).permutation(theta)))
    no, yes = exact_answers(grid)
    assert found.table[["country", "answer", "times"]].values.tolist() == [
        ["DE", "no", 9], ["DE", "yes", 4], ["PL", "no", 1], ["PL", "yes", 3],
    ]  # fmt: skip
    np.testing.assert_allclose(found.table.elpd, [no, yes, no, yes], atol=2e-3)
    assert found.elpd == pytest.approx(10 * no + 7 * yes, abs=0.02)
    assert 0.7 < found.p_loo < 1.2  # one parameter
    assert found.failed == 0
    assert "17 units (answer, 4 distinct); all k-hat < 0.70" in repr(found)


def test_weighted_draws_count_with_their_weights():
    """Drawn from beside the posterior, then resampled, as nested Laplace does; many draws are there several times."""
    fit, grid = one_parameter()
    rng = np.random.default_rng(2)
    proposed = 0.8 + 0.8 * rng.standard_t(8, 6000)
    target = np.interp(proposed, grid, np.log(posterior_on(grid, 10, 7)))
    log_weight = target - stats.t.logpdf((proposed - 0.8) / 0.8, 8)
    log_weight -= np.log(np.exp(log_weight).sum())
    picked = resample(log_weight, 12_000, rng)
    found = loo(with_intercepts(fit, proposed[picked], ancestor=picked, log_weight=log_weight[picked]))
    no, yes = exact_answers(grid)
    np.testing.assert_allclose(found.table.elpd, [no, yes, no, yes], atol=0.01)
    assert found.failed == 0
    distinct = np.unique(picked)
    ignored = -np.log(np.mean(np.exp(-log_expit(proposed[distinct]))))
    assert abs(ignored - yes) > 0.1  # so that the weights matter
    assert len(distinct) < 6000


# --- what a unit is ---------------------------------------------------------------------------------
def prepared(answers=3, terms=TERMS, people=6):
    spec = spec_of(answers, terms)
    table = answers_of_people(spec, people)
    twins = table[(table.country == "PL") & (table.respondent != "")]
    table = pd.concat([table, twins.assign(respondent=twins.respondent + "b")], ignore_index=True)
    _, cells, design = prepare(spec, survey_of(spec, table))
    fit = chained(prior_fit(design, cells, draws=40), near(design))
    return replace(fit, diagnosis=replace(fit.diagnosis, table=pd.DataFrame({"ess_bulk": [1.0 * DRAWS]}))), table


NO_PEOPLE = tuple(t for t in TERMS if not isinstance(t, Respondent))


def test_answers_of_cells_are_those_of_arviz():
    fit, _ = prepared(4, NO_PEOPLE)
    probs = answer_probs(fit.design, fit.cells.rows, fit.draws())
    row, answer = np.nonzero(fit.cells.counts)
    same_as_arviz(loo(fit), np.log(probs[:, row, answer]), fit.cells.counts[row, answer])


def log_of_person(fit, rows, answers, draw):
    """log P(answers | parameters) of one person, by Gauss and Hermite in place of the grid."""
    nodes, weight = np.polynomial.hermite_e.hermegauss(80)
    draws = {k: v[draw : draw + 1] for k, v in fit.draws().items()}
    bare = replace(fit.design, respondent=None)
    at = [answer_probs(bare, fit.cells.rows, {**draws, "intercept": draws["intercept"] + z * draws["sd_respondent"]})[0]
          for z in nodes]  # fmt: skip
    likelihood = np.array([np.prod(p[rows, answers]) for p in at])
    return np.log(weight @ likelihood / weight.sum())


@pytest.mark.parametrize("answers", [2, 3])
def test_a_person_is_predicted_with_all_answers_and_the_deviation_integrated_out(answers):
    fit, table = prepared(answers)
    labels = pd.MultiIndex.from_frame(fit.cells.labels())
    row = labels.get_indexer(pd.MultiIndex.from_frame(table[list(FACTORS)]))
    who = np.where(table.respondent == "", np.arange(len(table)).astype(str), table.respondent)
    mine = {name: (row[who == name], table.answer.to_numpy()[who == name]) for name in dict.fromkeys(who)}
    found = loo(fit)
    assert found.by == "respondent"
    assert found.table.times.sum() == len(mine)
    assert found.table.times.max() == 2
    logs = units.logs_of_people(fit, fit.draws(), units.whole_people(fit.cells))
    patterns = {}
    for rows, said in mine.values():
        order = np.lexsort((said, rows))
        patterns.setdefault((tuple(rows[order]), tuple(said[order])), []).append(1)
    people = units.whole_people(fit.cells)
    for p in range(0, len(people), 4):
        entries = slice(people.start[p], people.start[p + 1])
        key = tuple(people.row[entries]), tuple(people.answer[entries])
        assert people.times[p] == len(patterns[key])
        for draw in (0, 400):
            expected = log_of_person(fit, list(key[0]), list(key[1]), draw)
            assert logs[draw, p] == pytest.approx(expected, abs=2e-5)
    same_as_arviz(found, logs, people.times)


def test_people_are_named_by_what_they_said():
    fit, table = prepared(3)
    found = loo(fit).table
    one = table[table.respondent == "PL3"]
    same = one[["ally", "wave"]].nunique() == 1
    words = [
        ", ".join(str(r[f]) for f in ("ally", "wave") if not same[f]) + f": a{r['answer']}" for _, r in one.iterrows()
    ]
    assert "; ".join(sorted(words)) in set(found.answer[found.country == "PL"])
    assert not found.duplicated([*FACTORS, "answer"]).any()


def test_blocks_of_people_change_nothing(monkeypatch):
    fit, _ = prepared(3)
    whole = loo(fit)
    monkeypatch.setattr(units, "AT_ONCE", 5 * DRAWS)
    pd.testing.assert_frame_equal(loo(fit).table, whole.table)


def test_a_level_is_left_out_with_all_its_answers():
    fit, _ = prepared(3, NO_PEOPLE)
    probs = np.log(answer_probs(fit.design, fit.cells.rows, fit.draws()))
    cells = (probs * fit.cells.counts).sum(-1)
    country = fit.cells.labels().country
    found = loo(fit, by="country")
    assert found.table.country.tolist() == ["DE", "PL", "UK"]
    logs = np.stack([cells[:, country == c].sum(1) for c in ("DE", "PL", "UK")], axis=1)
    same_as_arviz(found, logs, np.ones(3, dtype=int))
    pairs = loo(fit, by=("country", "wave")).table
    assert len(pairs) == len(fit.cells.labels()[["country", "wave"]].drop_duplicates())


def test_answers_in_a_level_are_predicted_from_the_persons_other_answers():
    fit, _ = prepared(3, people=3)
    people, wave = units.whole_people(fit.cells), fit.cells.labels().wave.to_numpy()
    found = units.of_levels(fit, {k: v[:1] for k, v in fit.draws().items()}, ("wave",))
    for name, got in zip(found[0].wave, found[2][0], strict=True):
        expected = 0.0
        for p in range(len(people)):
            entries = slice(people.start[p], people.start[p + 1])
            rows, said = people.row[entries], people.answer[entries]
            rest = wave[rows] != name
            if rest.all():
                continue
            whole = log_of_person(fit, rows, said, 0)
            others = log_of_person(fit, rows[rest], said[rest], 0) if rest.any() else 0.0
            expected += people.times[p] * (whole - others)
        assert got == pytest.approx(expected, abs=1e-3)


def test_published_shares_and_cells_of_numbers_are_units():
    spec = spec_of(3, NO_PEOPLE)
    survey = survey_of(spec, answers_of_people(spec, 6))
    labels = dict(zip(FACTORS, ("DE", "US", "", "w2", "public"), strict=True))
    line = Topline(labels, ((2,), (0, 1)), (0.35,), (0.45,), np.array([20]), np.array([1.0]), ("40",), "x")
    _, cells, design = prepare(spec, survey, Toplines((line,), spec.answers, spec.top, 0.0, DataReport("made", ())))
    fit = chained(prior_fit(design, cells, draws=40), near(design))
    found = loo(fit).table.iloc[-1]
    assert (found.country, found.answer, found.times) == ("DE", "a2", 1)
    mass = row_log_likelihood(design, cells, fit.draws())[:, -2:]
    assert found.elpd == pytest.approx(float(as_arviz(mass).elpd_i[1]), abs=1e-6)

    numbers = replace(spec, gaussian=Gaussian(), terms=NO_PEOPLE[:3])
    _, cells, design = prepare(numbers, survey)
    fit = chained(prior_fit(design, cells, draws=40), near(design))
    found = loo(fit)
    assert (found.family, len(found.table), set(found.table.times)) == ("normal", len(cells.counts), {1})
    same_as_arviz(found, row_log_likelihood(design, cells, fit.draws()), np.ones(len(cells.counts), dtype=int))


def test_a_choice_between_two_profiles_is_a_unit():
    fit, _ = prepared(2, NO_PEOPLE)
    choices = Choices(np.array([0, 1]), np.array([3, 3]), np.array([[2, 1], [0, 4]]))
    eta = units.linear_predictor(fit.design, fit.cells.rows, fit.draws())
    chosen = replace(fit, cells=replace(fit.cells, choices=choices))
    logs = np.stack([log_expit(eta[:, 3] - eta[:, 0]), log_expit(eta[:, 0] - eta[:, 3]),
                     log_expit(eta[:, 1] - eta[:, 3])], axis=1)  # fmt: skip
    found = loo(chosen)
    same_as_arviz(found, logs, np.array([2, 1, 4]))
    assert found.table.answer.tolist() == ["the second", "the first", "the first"]
    labels = fit.cells.labels()
    assert found.table.wave[0] == (
        labels.wave[0] if labels.wave[0] == labels.wave[3] else f"{labels.wave[0]} or {labels.wave[3]}"
    )
    differs = next(f for f in FACTORS if labels[f][0] != labels[f][3])
    with pytest.raises(SpecError, match="the two profiles of a choice differ"):
        loo(chosen, by=differs)


# --- what is said -------------------------------------------------------------------------------------
def test_what_cannot_be_left_out_is_refused():
    people, _ = prepared(3)
    answers, _ = prepared(3, NO_PEOPLE)
    for fit, by, words in (
        (people, "answer", "answers of a person belong together.*by='respondent'"),
        (answers, "respondent", "no Respondent term"),
        (answers, "target", "one level"),
        (answers, "county", "country"),
    ):
        with pytest.raises(SpecError, match=words):
            loo(fit, by=by)
    assert loo(answers, by="answer").elpd == loo(answers).elpd


def test_a_k_hat_that_is_too_large_is_said_with_the_remedy():
    fit, _ = prepared(3, NO_PEOPLE)
    wide = chained(fit, near(fit.design, spread=1.0))
    with pytest.warns(ConvergenceWarning, match=r"3 of 3 units.*k_fold\(by='country'\)"):
        found = loo(wide, by="country")
    assert found.failed == 3
    assert "k-hat ≥ 0.67 for 3 of 3 units" in repr(found)
    assert found.threshold == pytest.approx(1 - 1 / 3)
    broken = replace(found, table=found.table.assign(k_hat=np.nan))
    assert broken.failed == 3


def test_a_draw_that_excludes_a_unit_says_so():
    elpd, k_hat, known = leaving_out._left_out(np.array([-1.0] * 50 + [-np.inf]), np.zeros(51), 1.0)
    assert (elpd, k_hat) == (-np.inf, np.inf)
    assert known == pytest.approx(-1 + np.log(50 / 51))


# --- side by side -----------------------------------------------------------------------------------
def test_stacking_finds_a_known_optimum():
    """3 log(.2 + .6 w) + log(.8 − .6 w) is largest at w = 11/12."""
    lpd = np.log([[0.8, 0.2], [0.2, 0.8]])
    np.testing.assert_allclose(predictive.stacked_weights(lpd, np.array([3, 1])), [11 / 12, 1 / 12], atol=1e-6)
    repeated = predictive.stacked_weights(lpd[[0, 0, 0, 1]])
    np.testing.assert_allclose(repeated, [11 / 12, 1 / 12], atol=1e-6)
    shifted = lpd - np.array([[4000.0], [7000.0]])
    np.testing.assert_allclose(predictive.stacked_weights(shifted, np.array([3, 1])), [11 / 12, 1 / 12], atol=1e-6)
    assert predictive.stacked_weights(lpd[:, :1]).tolist() == [1.0]
    assert np.isnan(predictive.stacked_weights(np.array([[-1.0, np.nan]]))).all()


@pytest.mark.parametrize("seed", range(5))
def test_no_other_weights_predict_better(seed):
    """The slope in every direction of the simplex is not positive (Karush, Kuhn & Tucker)."""
    rng = np.random.default_rng(seed)
    lpd, times = rng.normal(-3, 1.5, (60, 5)) - np.arange(5) * 0.3, rng.integers(1, 9, 60)
    weight = predictive.stacked_weights(lpd, times)
    assert weight.sum() == pytest.approx(1)
    slope = (times / times.sum()) @ (np.exp(lpd) / (np.exp(lpd) @ weight)[:, None])
    assert slope.max() < 1 + 1e-6
    assert (weight[slope < 1 - 1e-3] < 1e-6).all()


def test_models_are_compared_as_by_arviz():
    fit, _ = prepared(3, NO_PEOPLE)
    models = {name: chained(fit, near(fit.design, seed)) for name, seed in {"a": 1, "b": 2, "c": 3}.items()}
    found = stacking.compare({name: loo(one) for name, one in models.items()})
    row, answer = np.nonzero(fit.cells.counts)
    times = fit.cells.counts[row, answer]
    elpds = {
        name: as_arviz(
            np.repeat(np.log(answer_probs(fit.design, fit.cells.rows, one.draws()))[:, row, answer], times, axis=1)
        )
        for name, one in models.items()
    }
    there = arviz_compare(elpds, round_to="none")
    assert list(found.index) == list(there.index)
    np.testing.assert_allclose(found.elpd, there.elpd, atol=1e-6)
    np.testing.assert_allclose(found.difference, there.elpd_diff, atol=1e-6)
    n = times.sum()  # ArviZ divides by n here, by n − 1 in its se
    np.testing.assert_allclose(found.difference_se, there.dse * np.sqrt(n / (n - 1)), atol=1e-6)
    np.testing.assert_allclose(found.weight, there.weight, atol=2e-3)


def test_only_the_same_units_are_compared():
    people, _ = prepared(3)
    answers, _ = prepared(3, NO_PEOPLE)
    by_country = {"people": loo(people, by="country"), "answers": loo(answers, by="country")}
    assert stacking.compare(by_country).weight.sum() == pytest.approx(1)
    one = loo(answers)
    shuffled = replace(one, table=one.table.sample(frac=1, random_state=1).reset_index(drop=True))
    assert stacking.compare({"a": one, "b": shuffled}).difference.tolist() == [0.0, pytest.approx(0.0, abs=1e-9)]
    fewer = replace(one, table=one.table.assign(times=one.table.times + 1))
    for other, words in (
        (loo(people), "left out one answer at a time, 'b' one respondent"),
        (replace(one, family="normal"), "cannot be compared"),
        (fewer, "did not hold out the same units"),
    ):
        with pytest.raises(SpecError, match=words):
            stacking.compare({"a": one, "b": other})
    with pytest.raises(SpecError, match="nothing to compare"):
        stacking.compare({})
