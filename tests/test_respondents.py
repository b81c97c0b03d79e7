"""People who answer several questions: patterns, the integral over people against quadrature, plans, refusals."""

import datetime as dt
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import simpson
from test_kernel import all_or_none, check_gradient, published

from alliancecred.cells import make_cells
from alliancecred.density import data_arrays, parameter_count, structure
from alliancecred.design import SD_CUTS, SD_RESPONDENT, SPACING
from alliancecred.engines.condense import condense
from alliancecred.engines.metric import row_information
from alliancecred.engines.people import among_people, attenuation, integral_problems, shared_information, spread_of
from alliancecred.errors import FitError, SpecError
from alliancecred.events import Signal, Wave
from alliancecred.fitting import beyond_laplace, fit_design, prepare
from alliancecred.identify import make_design
from alliancecred.kernel import log_density, pattern_logs, people_loglik
from alliancecred.origins import Fielding
from alliancecred.outcome import cut_points, log_probs
from alliancecred.prediction import answer_probs, log_likelihood, row_log_likelihood
from alliancecred.predictor import linear_predictor
from alliancecred.priors import HalfNormal, Normal
from alliancecred.respondents import by_score, gather_people, grid, shared_products, with_rows
from alliancecred.simulation import draw_prior, simulate
from alliancecred.sources import DataReport, Survey
from alliancecred.spec import Spec
from alliancecred.sweep import sweep
from alliancecred.terms import FACTORS, Gap, Level, Respondent, Shift

WAVES = (
    Wave("w1", dt.date(2025, 1, 6), dt.date(2025, 1, 10)),
    Wave("w2", dt.date(2025, 3, 6), dt.date(2025, 3, 12)),
    Wave("w3", dt.date(2025, 6, 2), dt.date(2025, 6, 9)),
)
TERMS = (
    Level(("country",), HalfNormal(0.4)),
    Level(("ally",), HalfNormal(0.3)),
    Shift("act", prior=Normal(-0.2, 1.5)),
    Shift("act", by=("country",), together=True, scale=HalfNormal(0.3)),
    Gap(),
    Respondent(HalfNormal(1.2)),
)


def spec_of(answers: int, terms: tuple = TERMS) -> Spec:
    names = tuple(f"a{k}" for k in range(answers))
    return Spec(
        "small", names, names[-1:], terms, waves=WAVES, signals=(Signal("act", "US", dt.date(2025, 3, 3)),),
        countries=("DE", "PL", "UK"), allies=("DE", "FR", "US"),
    )  # fmt: skip


def answers_of_people(spec: Spec, people: int = 8, seed: int = 0) -> pd.DataFrame:
    """Everyone skips some questions; a few have no id."""
    rng, rows = np.random.default_rng(seed), []
    for country in spec.countries:
        for i in range(people):
            who = "elite" if country == "UK" and i % 2 else "public"
            name = "" if i == 1 else f"{country}{i}"
            for wave in ("w1", "w2", "w3"):
                for ally in spec.allies:
                    if (name and rng.random() < 0.6) or (ally, wave) == ("US", "w1"):
                        rows.append((country, ally, "", wave, who, int(rng.integers(len(spec.answers))), 1, name))
    return pd.DataFrame(rows, columns=[*FACTORS, "answer", "count", "respondent"])


def survey_of(spec: Spec, table: pd.DataFrame) -> Survey:
    return Survey(table, spec.answers, spec.top, DataReport("made", ()))


def prepared(answers: int, *more, people: int = 8):
    spec = spec_of(answers)
    table = answers_of_people(spec, people)
    cells = make_cells(spec, [survey_of(spec, table), *(make(spec) for make in more)])
    return make_design(spec, cells), cells, table


# --- patterns -----------------------------------------------------------------------------------
def as_counter(people) -> Counter:
    """Pattern → people, as plain Python values."""
    out: Counter = Counter()
    for p in range(len(people)):
        entries = slice(people.start[p], people.start[p + 1])
        out[tuple(zip(people.row[entries].tolist(), people.answer[entries].tolist(), strict=True))] += people.times[p]
    return out


def test_patterns_are_what_counting_tuples_gives():
    rng = np.random.default_rng(1)
    person, row = np.array([(p, r) for p in range(200) for r in range(5) if rng.random() < 0.7]).T
    answer, times = rng.integers(0, 2, len(row)), rng.integers(1, 4, 200)[person]
    mixed = rng.permutation(len(row))
    found = gather_people(person[mixed], row[mixed], answer[mixed], times[mixed])
    want: Counter = Counter()
    for p in range(200):
        own = person == p
        if own.any():
            want[tuple(zip(row[own].tolist(), answer[own].tolist(), strict=True))] += times[own][0]
    assert as_counter(found) == want
    assert len(found) == len(want)
    kept = with_rows(found, np.array([1, 0, 1, 1, 1]), np.array([0, 9, 0, 1, 2]))  # rows 0 and 2 become one
    fewer: Counter = Counter()
    for pattern, n in want.items():
        if entries := tuple(sorted(({0: 0, 2: 0, 3: 1, 4: 2}[r], a) for r, a in pattern if r != 1)):
            fewer[entries] += n
    assert as_counter(kept) == fewer


def test_the_order_of_people_and_of_their_answers_changes_nothing():
    rng = np.random.default_rng(4)
    person, row = np.repeat(np.arange(300), 5), rng.integers(0, 6, 1500)
    keep = np.unique(np.column_stack([person, row]), axis=0, return_index=True)[1]
    person, row, answer = person[keep], row[keep], rng.integers(0, 3, len(keep))
    want = gather_people(person, row, answer)
    assert len(want) > 100
    for _ in range(3):
        order, name = rng.permutation(len(row)), rng.permutation(300)
        got = gather_people(name[person[order]], row[order], answer[order])
        for part in ("start", "row", "answer", "times"):
            np.testing.assert_array_equal(getattr(got, part), getattr(want, part))


def test_ids_mean_a_person_within_a_source_and_none_means_alone():
    spec = spec_of(2)
    table = pd.DataFrame(
        [("DE", a, "", "w1", "public", k, 1, r) for a, k, r in
         [("US", 1, "x"), ("FR", 1, "x"), ("US", 1, "y"), ("FR", 1, "y"), ("US", 1, ""), ("FR", 1, "")]],
        columns=[*FACTORS, "answer", "count", "respondent"],
    )  # fmt: skip
    cells = make_cells(spec, [survey_of(spec, table), survey_of(spec, table)])
    sizes = Counter(dict(Counter(np.repeat(np.diff(cells.people.start), cells.people.times).tolist())))
    assert sizes == {2: 4, 1: 4}
    assert cells.people.times.sum() == 8
    np.testing.assert_array_equal(
        np.bincount(cells.people.row, cells.people.times[cells.people.person]), cells.counts.sum(1)
    )


def test_a_person_who_stands_for_several_has_one_count():
    spec = spec_of(2)
    table = answers_of_people(spec).assign(count=3)
    assert make_cells(spec, [survey_of(spec, table)]).people.times.min() >= 3
    table.loc[table.index[table.respondent == "DE0"][0], "count"] = 2
    with pytest.raises(SpecError, match="the rows of 1 respondents stand for different numbers of people: 'DE0'"):
        make_cells(spec, [survey_of(spec, table)])


def test_products_of_neighbours_are_the_patterns():
    plan = (Fielding("w1", 60), Fielding("w2", 40, again="w1", retention=0.5))
    cells = simulate(spec_of(3), fieldings=plan, random_seed=2).truth.cells
    people, rows = cells.people, len(cells.rows)
    found = shared_products(people, rows, 3, shared=2)
    assert len(found.left) > 50
    assert found.left.max() >= rows * 3  # products of products
    members = [Counter({i: 1}) for i in range(rows * 3)]
    for a, b in zip(found.left, found.right, strict=True):
        members.append(members[a] + members[b])
    for p in range(len(people)):
        entries = slice(people.start[p], people.start[p + 1])
        want = Counter((people.row[entries] * 3 + people.answer[entries]).tolist())
        factors = found.factor[found.start[p] : found.start[p + 1]]
        assert sum((members[f] for f in factors), Counter()) == want


# --- the integral -------------------------------------------------------------------------------
def person_log(eta, cuts, sd, answers) -> float:
    """Log probability of one person's answers, by Simpson's rule."""
    u = np.linspace(-9 * sd, 9 * sd, 1201)
    logs = log_probs(eta[:, None] + u, cuts)
    value = np.exp(logs[np.arange(len(answers)), :, answers].sum(0) + stats.norm(0, sd).logpdf(u))
    return math.log(simpson(value, x=u))


def all_alike(eta) -> np.ndarray:
    return np.zeros(len(eta), dtype=np.int64)


def by_quadrature(cells, table, eta, cuts, sd) -> float:
    index = pd.MultiIndex.from_frame(cells.labels()[: len(cells.counts)])
    row = index.get_indexer(pd.MultiIndex.from_frame(table[list(FACTORS)]))
    known = table.respondent.to_numpy() != ""
    who = np.where(known, table.respondent.to_numpy(), [f"alone {i}" for i in range(len(table))])
    return sum(person_log(eta[row[who == p]], cuts, sd, table["answer"].to_numpy()[who == p]) for p in np.unique(who))


@pytest.mark.parametrize("answers", [2, 4])
@pytest.mark.parametrize("sd", [0.05, 1.3, 3.0])
def test_the_integral_over_people_is_that_of_quadrature(answers, sd):
    _, cells, table = prepared(answers)
    rng = np.random.default_rng(2)
    eta, cuts = rng.normal(0, 1, len(cells.rows)), cut_points(rng.normal(0, 0.3, answers - 2))
    cuts = cuts if answers > 2 else np.zeros(1)
    data = data_arrays(cells, spread=sd)
    got = data.times @ pattern_logs(eta, cuts[None], all_alike(eta), sd, data)[0] + data.tilt @ eta
    assert got == pytest.approx(by_quadrature(cells, table, eta, cuts, sd), abs=2e-4)


@pytest.mark.parametrize("answers", [2, 4])
def test_the_density_is_prior_plus_integral(answers):
    """Differences between points of the whole density, published shares among the data."""
    design, cells, table = prepared(answers, published)
    bare = replace(design, respondent=None)
    swept = sweep(design, cells.rows)
    arrays, data = structure(swept, cells, all_or_none(swept, True)), data_arrays(cells)
    without = replace(cells, people=None, counts=cells.counts * 0)
    silent = data_arrays(without, np.zeros(len(cells.rows)))
    rng, got, want = np.random.default_rng(3), [], []
    place = len(design.pooled)
    from alliancecred.sweep import swept_matrix

    for _ in range(4):
        theta = rng.normal(0, 0.4, parameter_count(swept))
        other = np.delete(theta, place)
        own = structure(sweep(bare, cells.rows), cells, all_or_none(swept, True))
        sd = math.exp(theta[place])
        start = place + 1 + len(design.correlated)
        spacing = theta[start : start + answers - 2]
        eta = swept_matrix(swept, cells.rows) @ theta[start + answers - 2 :]
        cuts = cut_points(spacing) if answers > 2 else np.zeros(1)
        value = log_density(other, own, silent)[0] + stats.halfnorm(scale=1.2).logpdf(sd) + theta[place]
        value += by_quadrature(cells, table, eta, cuts, sd)
        n = len(cells.counts)
        nodes = np.linspace(-9, 9, 2001)
        logs = log_probs(eta[n:, None] + sd * nodes, cuts)
        marginal = (np.exp(logs) * stats.norm.pdf(nodes)[:, None]).sum(1) * (nodes[1] - nodes[0])
        from alliancecred.lattice import lattice_loglik

        want.append(value + lattice_loglik(np.log(marginal), cells.lattice).sum())
        got.append(log_density(theta, arrays, data)[0])
    np.testing.assert_allclose(np.diff(got), np.diff(want), atol=5e-4)


@pytest.mark.parametrize("answers", [2, 4])
def test_gradient_is_the_finite_difference(answers):
    design, cells, _ = prepared(answers, published)
    swept = sweep(design, cells.rows)
    check_gradient(swept, cells, all_or_none(swept, False))


def test_a_score_stands_for_its_patterns():
    cells = simulate(
        spec_of(2), fieldings=(Fielding("w1", 60), Fielding("w2", 60, again="w1")), random_seed=4
    ).truth.cells
    people, rows = cells.people, len(cells.rows)
    fewer, tilt = by_score(people, rows)
    assert len(fewer) < 0.9 * len(people)
    assert fewer.times.sum() == people.times.sum()
    rng, cuts = np.random.default_rng(5), np.zeros(1)
    eta, data = rng.normal(0, 1, rows), data_arrays(cells)
    whole = shared_products(people, rows, 2)
    every = data._replace(
        left=whole.left, right=whole.right, start=whole.start, factor=whole.factor, times=people.times.astype(float),
        tilt=np.zeros(rows),
    )  # fmt: skip
    got = data.times @ pattern_logs(eta, cuts[None], all_alike(eta), 1.3, data)[0] + tilt @ eta
    assert got == pytest.approx(every.times @ pattern_logs(eta, cuts[None], all_alike(eta), 1.3, every)[0], rel=1e-12)
    assert abs(tilt).max() > 0


@pytest.mark.parametrize("answers", [2, 3])
def test_slopes_of_shared_products_and_tilted_scores_are_finite_differences(answers):
    fieldings = (Fielding("w1", 60), Fielding("w2", 60, again="w1"))
    cells = simulate(spec_of(answers), fieldings=fieldings, random_seed=4).truth.cells
    data, rows = data_arrays(cells, spread=1.3), len(cells.rows)
    assert (len(data.left) > 0) == (answers == 3)
    assert (abs(data.tilt).max() > 0) == (answers == 2)
    eta = np.random.default_rng(5).normal(0, 1, rows)
    cuts = cut_points(np.zeros(answers - 2))[None]

    def value(x):
        return people_loglik(x, cuts, all_alike(x), 1.3, data, np.empty(rows), np.zeros_like(cuts),
                             np.zeros((1, answers)))[0]  # fmt: skip

    slope = np.empty(rows)
    people_loglik(eta, cuts, all_alike(eta), 1.3, data, slope, np.zeros_like(cuts), np.zeros((1, answers)))
    steps = 1e-6 * np.eye(rows)
    differences = [(value(eta + h) - value(eta - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(slope, differences, atol=1e-5)


def test_held_out_rows_take_the_answers_of_people_with_them():
    _design, cells, table = prepared(3)
    rng = np.random.default_rng(6)
    keep = rng.random(len(cells.rows)) < 0.6
    data = data_arrays(cells, keep.astype(float))
    index = pd.MultiIndex.from_frame(cells.labels()[: len(cells.counts)])
    row = index.get_indexer(pd.MultiIndex.from_frame(table[list(FACTORS)]))
    eta, cuts = rng.normal(0, 1, len(cells.rows)), cut_points(np.zeros(1))
    got = data.times @ pattern_logs(eta, cuts[None], all_alike(eta), 0.8, data)[0]
    assert got == pytest.approx(by_quadrature(cells, table[keep[row]], eta, cuts, 0.8), abs=1e-4)


def test_condensing_keeps_the_density():
    spec = spec_of(3, (Level(("country",)), Shift("act"), Respondent()))
    cells = make_cells(spec, [survey_of(spec, answers_of_people(spec, 20))])
    design = make_design(spec, cells)
    fewer, _ = condense(design, cells)
    assert len(fewer.rows) < len(cells.rows)
    values = []
    for found in (cells, fewer):
        swept = sweep(design, found.rows)
        arrays, data = structure(swept, found, all_or_none(swept, True)), data_arrays(found)
        points = np.random.default_rng(7).normal(0, 0.4, (3, parameter_count(swept)))
        values.append([log_density(t, arrays, data)[0] for t in points])
    np.testing.assert_allclose(values[0], values[1], rtol=1e-10)


def test_a_grid_is_as_fine_as_said_and_its_weights_are_those_of_the_normal():
    for most, answers, sd in ((1, 2, 0.5), (12, 4, 1.3), (30, 5, 3.0)):
        found = grid(most, answers, sd)
        assert found.weight.sum() == pytest.approx(1, abs=1e-14)
        # beyond 5 sds lies 2 · 5 · φ(5) = 1.5e-5 of the variance
        assert found.weight @ found.nodes**2 == pytest.approx(1, abs=1.5e-5)
        assert len(found.nodes) % 8 == 0
    finer = grid(30, 5, 3.0)
    assert len(finer.nodes) > 3 * len(grid(1, 2, 0.5).nodes)


def test_a_coarse_integral_is_reported():
    design, cells, _ = prepared(3, people=40)
    draws = {SD_RESPONDENT: np.linspace(1.0, 4.0, 50)}
    assert integral_problems(design, cells, draws, 5.0, None) == ()
    (problem,) = integral_problems(design, cells, draws, 0.1, None)
    assert problem.startswith("the integral over people is off by")


# --- what NUTS is told --------------------------------------------------------------------------
def test_information_shared_within_people_is_the_schur_complement():
    _design, cells, table = prepared(3)
    by_row = row_information(cells)
    w = by_row / cells.size
    index = pd.MultiIndex.from_frame(cells.labels()[: len(cells.counts)])
    row = index.get_indexer(pd.MultiIndex.from_frame(table[list(FACTORS)]))
    who = [r or f"alone {i}" for i, r in enumerate(table.respondent)]
    want = np.zeros((len(cells.rows),) * 2)
    for p in set(who):
        own = row[[x == p for x in who]]
        z = np.zeros((len(own), len(cells.rows)))
        z[np.arange(len(own)), own] = 1
        # answers = z η + 1 u: information about η with u's integrated out
        full = np.diag(w[own])
        schur = full - np.outer(w[own], w[own]) / (1 / 0.7**2 + w[own].sum())
        want += z.T @ schur @ z
    got = np.diag(by_row) - shared_information(cells, by_row, 0.7, np.eye(len(cells.rows)))
    np.testing.assert_allclose(got, want, atol=1e-10)


@pytest.mark.parametrize("answers", [2, 4])
def test_the_rough_sd_of_people_is_near_the_true_one(answers):
    spec = replace(spec_of(answers), top=spec_of(answers).answers[-(answers // 2) :])
    plan = (Fielding("w1", 300), Fielding("w2", 300))
    sim = simulate(spec, fieldings=plan, truth={SD_RESPONDENT: 1.3}, random_seed=8)
    design, cells = sim.truth.design, sim.truth.cells
    given = {"sd_level_country": np.full(500, 0.4), SPACING: np.full((500, 2), 0.3), SD_CUTS: np.full(500, 0.2)}
    rough = among_people(design, cells, given, np.random.default_rng(0), None)
    assert rough[SD_RESPONDENT].mean() == pytest.approx(1.3, abs=0.3)
    assert 0.01 < rough[SD_RESPONDENT].std() < 0.2
    factor = attenuation(rough[SD_RESPONDENT].mean())
    assert rough["sd_level_country"][0] == pytest.approx(0.4 * factor, rel=0.02)
    np.testing.assert_allclose(rough[SPACING], 0.3 + np.log(factor), atol=0.02)
    np.testing.assert_array_equal(rough[SD_CUTS], 0.2)


def test_the_integral_reaches_no_further_than_the_prior_where_the_data_say_little():
    design, _, _ = prepared(2)
    rng = np.random.default_rng(0)
    vague = {SD_RESPONDENT: np.exp(rng.normal(0.0, 1.0, 5000))}
    assert spread_of(design, vague) == pytest.approx(4.5 * 1.2)
    sharp = {SD_RESPONDENT: np.exp(rng.normal(0.0, 0.02, 5000))}
    assert spread_of(design, sharp) == pytest.approx(math.exp(0.12), rel=0.02)
    larger = {SD_RESPONDENT: np.exp(rng.normal(2.0, 0.2, 5000))}  # than the prior thinks likely
    assert spread_of(design, larger) == pytest.approx(2 * math.exp(2.0), rel=0.02)
    assert spread_of(replace(design, respondent=None), {}) == 2.0


def test_answers_taken_for_people_apart_are_noted():
    design, cells, table = prepared(2)
    answered = table[table.respondent != ""].groupby("respondent").size()
    alone = int((table.respondent == "").sum() + (answered == 1).sum())
    assert alone > 0
    assert f"respondent: {alone} of {len(table)} answers have no id" in " ".join(design.notes)
    assert "have no id" not in " ".join(make_design(replace(design.spec, terms=TERMS[:-1]), cells).notes)


def test_attenuation_is_that_of_averaged_logits():
    """Averages of logit curves over normal people are near logit curves of a gentler slope."""
    z, w = np.polynomial.hermite_e.hermegauss(80)
    eta = np.linspace(-2, 2, 9)
    mean = (1 / (1 + np.exp(-(eta[:, None] + 1.3 * z))) * w).sum(1) / w.sum()
    gentler = np.log(mean / (1 - mean))
    np.testing.assert_allclose(gentler * attenuation(1.3), eta, atol=0.06)


# --- draws → answers ----------------------------------------------------------------------------
@pytest.mark.parametrize("answers", [2, 4])
def test_chances_are_averages_over_people(answers):
    design, cells, _ = prepared(answers)
    draws = draw_prior(design, np.random.default_rng(9), 5)
    got = answer_probs(design, cells.rows, draws)
    eta = linear_predictor(design, cells.rows, draws)
    for s in range(5):
        cuts = cut_points(draws["cut_spacing"][s]) if answers > 2 else np.zeros(1)
        sd = draws[SD_RESPONDENT][s]
        z, w = np.polynomial.hermite_e.hermegauss(120)
        want = (np.exp(log_probs(eta[s][:, None] + sd * z, cuts)) * (w / w.sum())[:, None]).sum(1)
        np.testing.assert_allclose(got[s], want, atol=3e-6)


def test_log_likelihood_counts_all_answers_of_a_person_together():
    design, cells, table = prepared(3, published)
    draws = draw_prior(design, np.random.default_rng(10), 3)
    got = log_likelihood(design, cells, draws)
    eta = linear_predictor(design, cells.rows, draws)
    n = len(cells.counts)
    for s in range(3):
        cuts = cut_points(draws["cut_spacing"][s])
        one = {k: v[s : s + 1] for k, v in draws.items()}
        want = by_quadrature(cells, table, eta[s], cuts, draws[SD_RESPONDENT][s])
        want += row_log_likelihood(design, cells, one)[0, n:].sum()
        assert got[s] == pytest.approx(want, abs=1e-3)


def test_the_pymc_model_has_a_latent_for_everyone():
    """Its density, integrated over two people's deviations by a fine grid, is prior plus log likelihood."""
    from alliancecred.model import plain_model

    spec = spec_of(3, (Level(("country",)), Respondent(HalfNormal(1.2))))
    rows = [
        ("DE", "US", 1, "x"),
        ("DE", "FR", 2, "x"),
        ("PL", "US", 0, "y"),
        ("PL", "DE", 0, "y"),
        ("PL", "FR", 1, "y"),
    ]
    table = pd.DataFrame(
        [(c, a, "", "w1", "public", k, 1, r) for c, a, k, r in rows],
        columns=[*FACTORS, "answer", "count", "respondent"],
    )
    cells = make_cells(spec, [survey_of(spec, table)])
    design = make_design(spec, cells)
    model = plain_model(design, cells)
    logp = model.compile_logp(jacobian=False)
    point = model.initial_point()
    values = {"intercept": 0.3, "sd_level_country": 0.5, "level_country": np.array([0.2, -0.1, 0.0]),
              SD_RESPONDENT: 0.9, "cut_spacing": np.array([0.2])}  # fmt: skip
    for name, value in values.items():
        key = next(k for k in point if k.removesuffix("_log__") == name)
        point[key] = np.log(value) if key.endswith("_log__") else value
    u = np.linspace(-7, 7, 141) * 0.9
    step = u[1] - u[0]
    grids = np.array([[logp(point | {"respondent": np.array([a, b])}) for b in u[::4]] for a in u[::4]])
    top = grids.max()
    integral = top + math.log(np.exp(grids - top).sum() * (4 * step) ** 2)
    draws = {k: np.asarray(v, dtype=float)[None] for k, v in values.items()}
    prior = (
        stats.norm(0, 1.5).logpdf(0.3) + stats.halfnorm(scale=0.5).logpdf(0.5) + stats.halfnorm(scale=1.2).logpdf(0.9)
        + stats.norm(0, 0.5).logpdf(values["level_country"]).sum() + stats.norm(0, 1).logpdf(0.2)
    )  # fmt: skip
    assert integral == pytest.approx(prior + log_likelihood(design, cells, draws)[0], abs=1e-3)


# --- simulated people ---------------------------------------------------------------------------
def test_people_answer_as_the_model_says_and_alike_in_all_questions():
    spec = spec_of(4)
    truth = {SD_RESPONDENT: 1.5, "intercept": 0.4}
    sim = simulate(spec, fieldings=(Fielding("w1", 4000), Fielding("w2", 4000)), truth=truth, random_seed=11)
    cells = sim.truth.cells
    probs = answer_probs(sim.truth.design, cells.rows, sim.truth.draws())[0]
    share = cells.counts / cells.counts.sum(1, keepdims=True)
    assert (np.abs(share - probs) / np.sqrt(probs * (1 - probs) / 4000)).max() < 4
    table = sim.survey.table
    wide = table[table.country == "PL"].pivot_table(index="respondent", columns="ally", values="answer")
    assert np.corrcoef(wide.to_numpy().T)[np.triu_indices(3, 1)].min() > 0.25
    alone = simulate(
        spec, fieldings=(Fielding("w1", 4000), Fielding("w2", 9)), truth=truth | {SD_RESPONDENT: 0.0}, random_seed=11
    )
    wide = alone.survey.table.query("country == 'PL' and wave == 'w1'").pivot(
        index="respondent", columns="ally", values="answer"
    )
    assert abs(np.corrcoef(wide.to_numpy().T)[np.triu_indices(3, 1)]).max() < 0.07


def test_those_who_found_allies_credible_come_back_as_the_plan_says():
    spec = spec_of(2)
    plan = (Fielding("w1", 6000), Fielding("w2", 500, again="w1", retention=0.65, selection=1.5))
    table = simulate(spec, fieldings=plan, truth={SD_RESPONDENT: 1.3}, random_seed=12).survey.table
    first, second = (table[table.wave == w] for w in ("w1", "w2"))
    for country in spec.countries:
        early = first[first.country == country].groupby("respondent")["answer"].mean()
        came = early.index.isin(second.respondent)
        assert (second[second.country == country]["respondent"].nunique() - came.sum()) == 500
        chance = 1 / (1 + np.exp(-(math.log(0.65 / 0.35) + 1.5 * (early - early.mean()))))
        for score in early.unique():
            own = (early == score).to_numpy()
            se = math.sqrt(chance[own].iloc[0] * (1 - chance[own].iloc[0]) / own.sum())
            assert abs(came[own].mean() - chance[own].iloc[0]) < 4 * se
    everyone = (Fielding("w1", 50), Fielding("w2", 0, again="w1"))
    table = simulate(spec, fieldings=everyone, random_seed=1).survey.table
    assert table.groupby("respondent")["wave"].nunique().tolist() == [2] * 150


@pytest.mark.parametrize(
    ("fielding", "message"),
    [
        (Fielding("w2", 0), "n must be positive"),
        (Fielding("w2", -1, again="w1"), "n must be positive"),
        (Fielding("w2", 5, again="w9"), "'w9' is no wave before 'w2'"),
        (Fielding("w1", 5, again="w2"), "'w2' is no wave before 'w1'"),
        (Fielding("w3", 5, again="w2"), r"nobody \(public\) is asked in 'w2'"),
        (Fielding("w2", 5, again="w1", retention=0.0), "retention must lie above 0"),
        (Fielding("w2", 5, retention=0.5), "need `again`"),
        (Fielding("w2", 5, selection=0.5), "need `again`"),
    ],
)
def test_plans_that_cannot_be_carried_out_are_refused(fielding, message):
    with pytest.raises(SpecError, match=message):
        simulate(spec_of(2), fieldings=(Fielding("w1", 5), fielding))


def test_people_who_are_asked_again_need_the_term():
    plan = (Fielding("w1", 5), Fielding("w2", 5, again="w1"))
    with pytest.raises(SpecError, match="the spec needs a respondent term"):
        simulate(spec_of(2, TERMS[:-1]), fieldings=plan)


# --- refusals -----------------------------------------------------------------------------------
@pytest.mark.bad(47)
def test_an_sd_of_people_who_answer_once_is_refused():
    spec = spec_of(2)
    table = answers_of_people(spec).assign(respondent="")
    with pytest.raises(SpecError, match=r"nobody is known to have answered twice.*Roles"):
        prepare(spec, survey_of(spec, table))


def test_two_terms_for_respondents_are_refused():
    spec = spec_of(2, (*TERMS, Respondent()))
    with pytest.raises(SpecError, match="two respondent terms"):
        prepare(spec, survey_of(spec, answers_of_people(spec)))


def test_laplace_says_why_it_does_not_do_it():
    design, cells, _ = prepared(2)
    assert beyond_laplace(design) == "does not integrate over respondents"
    assert beyond_laplace(replace(design, respondent=None)) == ""
    with pytest.raises(FitError, match="does not integrate over respondents → method='nuts'"):
        fit_design(design, cells, random_seed=1, method="laplace")
