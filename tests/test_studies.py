"""Many fits: the core on tasks of no cost, and what the verbs make of fits, with priors in place of posteriors."""

import json
from dataclasses import replace
from functools import cache, partial

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from alliancecred import calibration, data_grids, folds, grids, planning, predictive, specifications, stacking
from alliancecred.comparisons import gap
from alliancecred.errors import IntegrityError, SpecError, StoreError, StudyError
from alliancecred.estimands import shift
from alliancecred.fitting import Fit, prepare
from alliancecred.gates import Diagnosis
from alliancecred.layout import lay_out
from alliancecred.origins import Fielding, Simulation
from alliancecred.prediction import answer_probs, row_log_likelihood
from alliancecred.priors import Flat, HalfNormal, Normal
from alliancecred.rules import Rule
from alliancecred.simulation import dataset, draw_prior, simulate, simulate_on
from alliancecred.sources import DataReport, Topline, Toplines
from alliancecred.spec import Estimand
from alliancecred.spec_file import models_dir, read_spec
from alliancecred.studies import run_study, seed_of, sources_digest, workers
from alliancecred.terms import FACTORS, Cuts

ITEMS = {name: i for i, name in enumerate("abcdef")}
QUIET = {"progressbar": False, "n_jobs": 1}


def task(value, seed):
    return {"value": value, "draw": float(np.random.default_rng(seed).normal()), "pair": (1, np.int64(2))}


def study(items=ITEMS, of=task, seed=3, **more):
    return run_study(of, items, identity={"study": "stub"}, random_seed=seed, **({**QUIET, **more}))


# --- the core -------------------------------------------------------------------------------------
def test_results_come_in_the_order_of_the_items_whatever_runs_them():
    alone = study()
    assert list(alone) == list(ITEMS)
    assert [f["value"] for f in alone.values()] == list(ITEMS.values())
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert list(study(n_jobs=None).items()) == list(alone.items())


def test_an_items_seed_depends_on_its_key_and_the_studys_seed_alone():
    backwards = study(dict(reversed(ITEMS.items())))
    assert backwards == study()
    assert study({"c": 2})["c"] == study()["c"]
    assert len({seed_of(s, k) for s in range(50) for k in ITEMS}) == 300
    assert study(seed=4)["a"]["draw"] != study()["a"]["draw"]


def test_a_second_call_runs_only_what_is_missing(tmp_path):
    path, ran = tmp_path / "deep" / "study.jsonl", []

    def counting(value, seed):
        ran.append(value)
        return task(value, seed)

    study({"b": 1, "e": 4}, counting, path=path)
    assert list(study(of=counting, path=path).items()) == list(study().items())
    assert ran == [1, 4, 0, 2, 3, 5]
    assert study(of=counting, path=path) == study()
    assert len(ran) == 6


def test_a_line_torn_at_any_byte_costs_that_line_and_nothing_else(tmp_path):
    path = tmp_path / "study.jsonl"
    whole = study({"a": 0, "b": 1}, path=path)
    full = path.read_bytes()
    for cut in range(full.index(b"\n") + 1, len(full), 3):
        path.write_bytes(full[:cut])
        assert list(study({"a": 0, "b": 1}, path=path).items()) == list(whole.items())
        lines = path.read_bytes().splitlines()
        assert len(lines) == 3
        assert all(json.loads(line) for line in lines)


def test_another_study_in_the_same_file_is_refused_and_told_apart(tmp_path):
    path = tmp_path / "study.jsonl"
    study(path=path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"random_seed is 3 there, 4 now.*another path"):
        study(path=path, seed=4)
    with pytest.raises(StoreError, match="study is 'stub' there, 'other' now"):
        run_study(task, ITEMS, identity={"study": "other"}, random_seed=3, path=path, **QUIET)
    assert path.read_bytes() == before


def test_a_broken_line_in_the_middle_is_an_error(tmp_path):
    path = tmp_path / "study.jsonl"
    study(path=path)
    lines = path.read_bytes().splitlines(keepends=True)
    for broken in (b'{"key": "b", "fa\n', b"[]\n", b'{"key": "b"}\n'):
        path.write_bytes(b"".join([*lines[:2], broken, *lines[3:]]))
        with pytest.raises(IntegrityError, match="line 3"):
            study(path=path)


def test_an_error_names_its_item_and_what_was_done_is_kept(tmp_path):
    def fails(value, seed):
        if value == 3:
            raise ValueError("no such thing")
        return task(value, seed)

    path = tmp_path / "study.jsonl"
    with pytest.raises(StudyError, match="item 'd': ValueError: no such thing") as caught:
        study(of=fails, path=path)
    assert caught.value.key == "d"
    assert len(path.read_bytes().splitlines()) == 4
    assert study(path=path) == study()


def test_an_interruption_keeps_what_is_done(tmp_path):
    def interrupted(value, seed):
        if value == 3:
            raise KeyboardInterrupt
        return task(value, seed)

    path = tmp_path / "study.jsonl"
    with pytest.raises(KeyboardInterrupt):
        study(of=interrupted, path=path)
    assert len(path.read_bytes().splitlines()) == 4


@pytest.mark.parametrize("facts", [{"x": np.nan}, {"x": np.array([1.0, np.inf])}, {"x": object()}])
def test_facts_are_finite_json(facts):
    with pytest.raises(StudyError, match="item 'a'"):
        study({"a": 0}, lambda value, seed: facts)


def test_what_joblib_is_told_comes_before_our_default():
    assert workers(None) == -1
    assert workers(2) == 2
    for config in ({"n_jobs": 2}, {"n_jobs": 1}, {"backend": "threading"}):
        with joblib.parallel_config(**config):
            assert workers(None) is None


# --- fits without sampling --------------------------------------------------------------------------
SPEC = replace(
    read_spec(models_dir() / "retrenchment_simulated.toml"),
    countries=("US", "UK", "DE"),
    allies=("US", "UK", "FR"),
    sources=(
        Simulation(
            0,
            (
                Fielding("2025-01", 30),
                Fielding("2025-03", 20),
                Fielding("2025-01", 7, "elite", ("UK",)),
                Fielding("2025-03", 9, "elite", ("UK",)),
            ),
            (),
        ),
    ),
    estimands=(Estimand("shift"), Estimand("gap", by=("ally",))),
)
SIZE = 60


@cache
def layout():
    return lay_out(SPEC, SPEC.sources[0].fieldings)


def prior_fit(design, cells, seed=0, problems=(), **_):
    """A `Fit` whose posterior is the prior."""
    truth = simulate_on(layout(), {}, 0).truth
    tree = truth.idata.copy()
    tree["posterior"] = dataset(design, draw_prior(design, np.random.default_rng(seed), SIZE), 1)
    tree.attrs |= {"method": "nuts", "attempts": 1}
    verdict = Diagnosis(truth.diagnosis.table, 0, 0, (), tuple(problems))
    return Fit(design.spec, cells, design, tree, verdict)


@pytest.fixture
def fit():
    return prior_fit(layout().design, simulate_on(layout(), {}, 1).truth.cells)


def share(estimate, low=-np.inf, high=np.inf):
    draws = estimate.draws.values.ravel()
    return ((draws > low) & (draws < high)).mean()


# --- rules and assurance --------------------------------------------------------------------------
def test_a_rule_counts_draws_beyond_the_smallest_effect_in_its_direction(fit):
    down = share(shift(fit, by=()).at(role="sender"), high=-5.0)
    up = share(shift(fit, by=()).at(role="sender"), low=5.0)
    us = share(gap(fit, by=("ally",)).at(ally="US"), high=0.0)
    assert len({down, up, us}) == 3
    for rule, expected in (
        (Rule("shift", role="sender", smallest=5.0), down),
        (Rule("shift", role="sender", smallest=5.0, direction=">0"), up),
        (Rule("gap", ally="US"), us),
        (Rule(Estimand("gap", by=("ally",)), ally="US"), us),
    ):
        for prob in (expected - 0.01, expected, expected + 0.01):
            holds, probability, _ = planning.ask(replace(rule, prob=prob), fit)
            assert probability == expected
            assert holds == (expected >= prob)


def test_a_rule_of_several_rows_must_hold_in_each(fit):
    each = [share(shift(fit, by=()).at(role=r), high=0.0) for r in ("sender", "other", "self")]
    assert planning.ask(Rule("shift"), fit)[1] == min(each)


def test_a_truth_meets_a_rule_or_does_not():
    for value, meets in ((-2.0, True), (2.0, False)):
        truth = simulate(SPEC, truth={"shift_us2025[sender]": value}, random_seed=1).truth
        assert planning.ask(Rule("shift", role="sender", smallest=2.0), truth)[:2] == (meets, float(meets))


@pytest.mark.parametrize(
    "wrong",
    [
        {"direction": "down"},
        {"prob": 1.0},
        {"smallest": -1.0},
        {"estimand": "levels"},
        {"estimand": Estimand("levels")},
        {"estimand": Estimand("shift", answer="mean")},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong):
    with pytest.raises(SpecError):
        Rule(**{"estimand": "shift"} | wrong)


def test_plans_vary_elites_and_keep_the_first_waves():
    plan = planning.plan_fieldings(SPEC, 80, None)
    assert [(f.n, f.population) for f in plan] == [(30, "public"), (20, "public"), (80, "elite"), (80, "elite")]
    assert {f.wave for f in planning.plan_fieldings(SPEC, None, 1)} == {"2025-01"}
    public = replace(SPEC, sources=(Simulation(0, SPEC.sources[0].fieldings[:2], ()),))
    for spec, elites, waves, words in (
        (SPEC, None, 3, "3 waves were asked for; the spec fields 2: 2025-01, 2025-03"),
        (SPEC, None, 0, "0 waves"),
        (SPEC, 0, None, "must be positive"),
        (public, 50, None, "nothing to vary"),
        (replace(SPEC, sources=()), None, None, "declares no fieldings"),
    ):
        with pytest.raises(SpecError, match=words):
            planning.plan_fieldings(spec, elites, waves)


TRUTHS = 5
SENDER = Rule("shift", role="sender")


def assured(monkeypatch, refit, rule=SENDER, **more):
    monkeypatch.setattr(planning, "refit", refit)
    return planning.assurance(SPEC, rule, simulations=TRUTHS, **QUIET, **more)


def truth_as_fit(design, cells, seed, **_):
    """A fit that knows: the posterior is the truth these cells were drawn from."""
    for i in range(1, TRUTHS + 1):
        truth = simulate_on(layout(), {}, seed_of(0, f"truth {i}")).truth
        if np.array_equal(truth.cells.counts, cells.counts):
            return truth
    raise AssertionError("these cells were drawn from none of the truths")


def passing(rule, fit):
    return planning.ask(rule, fit)[0]


def test_with_a_posterior_that_knows_the_truth_power_is_one(monkeypatch):
    result = assured(monkeypatch, truth_as_fit, partial(passing, Rule("shift", role="sender")))
    row = result.table.iloc[0]
    assert 0 < row.met < TRUTHS
    assert row.assurance == row.met / TRUTHS
    assert (row.power, row.failed, row.simulations) == (1.0, 0, TRUTHS)
    assert (row.lower, row.upper) == planning.wilson(int(row.met), TRUTHS)
    assert list(result.simulations.shown) == list(result.simulations.met)


def test_fits_that_miss_their_gates_show_nothing_and_are_counted(monkeypatch):
    yes = lambda fit: True  # noqa: E731
    bad = assured(monkeypatch, partial(prior_fit, problems=("R-hat",)), yes).table.iloc[0]
    none = assured(monkeypatch, lambda *a, **k: "failed: no posterior", yes).table.iloc[0]
    for row in (bad, none):
        assert (row.simulations, row.failed, row.assurance, row.met) == (TRUTHS, TRUTHS, 0.0, TRUTHS)
    good = assured(monkeypatch, prior_fit, yes).table.iloc[0]
    assert (good.failed, good.assurance) == (0, 1.0)


def test_wrong_signs_are_counted_among_claims(monkeypatch):
    monkeypatch.setattr("alliancecred.averaging.estimate_status", lambda fit, draws, unit: "passed")
    sure = assured(monkeypatch, prior_fit, Rule("shift", role="sender", prob=0.01))
    effects = [
        float(shift(simulate_on(layout(), {}, seed_of(0, f"truth {i}")).truth, by=()).at(role="sender").draws.squeeze())
        for i in range(1, TRUTHS + 1)
    ]
    assert sure.table.assurance.item() == 1.0
    assert sure.table.wrong_sign.item() == np.mean(np.array(effects) > 0)
    assert 0 < sure.table.wrong_sign.item() < 1
    assert sure.table.met.item() == sum(e < 0 for e in effects)


def test_every_plan_meets_the_same_truths(monkeypatch):
    result = assured(monkeypatch, prior_fit, n_elites=[5, 50])
    met = result.simulations.pivot(index="simulation", columns="n_elites", values="met")
    assert list(met[5]) == list(met[50])
    assert list(result.table.n_elites) == [5, 50]
    assert list(result.table.n_waves) == ["declared", "declared"]
    assert "P(shift of the sender < 0) ≥ 0.95" in repr(result)


def test_a_rule_that_cannot_be_asked_is_refused_before_anything_is_fitted(monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError

    with pytest.raises(SpecError, match=r"us2025: no data after it"):
        assured(monkeypatch, never, n_waves=1)
    with pytest.raises(SpecError, match="no row with ally 'PL'"):
        assured(monkeypatch, never, Rule("gap", ally="PL"))


@pytest.mark.parametrize(("k", "n"), [(0, 20), (1, 20), (81, 263), (20, 20)])
def test_wilson_against_scipy(k, n):
    there = stats.binomtest(k, n).proportion_ci(0.95, "wilson")
    np.testing.assert_allclose(planning.wilson(k, n), (there.low, there.high), atol=1e-12)
    assert np.isnan(planning.wilson(0, 0)).all()


# --- held-out cells -------------------------------------------------------------------------------
def test_row_log_likelihood_is_that_of_counts_and_published_shares():
    labels = dict(zip(FACTORS, ("DE", "US", "", "2025-03", "public"), strict=True))
    line = Topline(labels, ((2, 3), (0, 1)), (0.35,), (0.45,), np.array([20]), np.array([1.0]), ("40",), "x")
    survey = simulate(SPEC, truth={}, random_seed=2).survey
    _, cells, design = prepare(SPEC, survey, Toplines((line,), SPEC.answers, SPEC.top, 0.0, DataReport("made", ())))
    draws = draw_prior(design, np.random.default_rng(1), 5)
    got, probs = row_log_likelihood(design, cells, draws), answer_probs(design, cells.rows, draws)
    for s in range(5):
        for i, counts in enumerate(cells.counts):
            p = probs[s, i] / probs[s, i].sum()
            assert got[s, i] == pytest.approx(stats.multinomial.logpmf(counts, counts.sum(), p), rel=1e-9)
        p = probs[s, -1, 2:].sum()
        assert got[s, -1] == pytest.approx(np.log(stats.binom.pmf(range(7, 10), 20, p).sum()), rel=1e-9)


def test_log_predictive_and_its_sum_by_hand():
    logs = np.log([[0.2, 0.5], [0.4, 0.5], [0.6, 0.5]])
    lpd, ess = predictive.log_predictive(logs)
    np.testing.assert_allclose(lpd, np.log([0.4, 0.5]))
    np.testing.assert_allclose(ess, [1.2**2 / (0.04 + 0.16 + 0.36), 3.0])
    values = np.array([-1.0, -2.5, -4.0])
    assert predictive.elpd(values) == pytest.approx((-7.5, np.sqrt(3) * np.std(values, ddof=1)))
    huge, _ = predictive.log_predictive(np.array([[-5000.0], [-5001.0]]))
    assert huge[0] == pytest.approx(-5000 + np.log((1 + np.exp(-1)) / 2))


def test_cells_are_dealt_evenly_or_by_group():
    labels = layout().cells.labels()
    dealt = folds.deal(labels, 5, (), 1)
    assert np.ptp(pd.Series(dealt).value_counts().to_numpy()) <= 1
    assert (dealt != folds.deal(labels, 5, (), 2)).any()
    assert list(folds.deal(labels, 5, "country", 1)) == list(labels.country)
    with pytest.raises(SpecError, match="one level"):
        folds.deal(labels[labels.country == "US"], 5, "country", 1)
    for k in (1, len(labels) + 1):
        with pytest.raises(SpecError, match="k must lie"):
            folds.deal(labels, k, (), 1)


def test_every_cell_is_predicted_once_from_a_fit_without_its_fold(monkeypatch):
    masks = []

    def spy(design, cells, seed, mask, **_):
        masks.append(mask)
        return prior_fit(design, cells)

    monkeypatch.setattr(folds, "refit", spy)
    survey = simulate(SPEC, truth={}, random_seed=2).survey
    found = folds.k_fold(SPEC, survey, by="country", **QUIET)
    assert (np.sum(masks, axis=0) == 2).all()
    for mask, country in zip(masks, ("US", "UK", "DE"), strict=True):
        assert list(mask == 0) == list(found.cells.country == country)
    cells = replace(layout().cells, counts=simulate(SPEC, truth={}, random_seed=2).truth.cells.counts)
    logs = row_log_likelihood(layout().design, cells, prior_fit(layout().design, cells).draws())
    np.testing.assert_allclose(found.cells.lpd, np.log(np.exp(logs).mean(0)))
    assert found.elpd == pytest.approx(found.table.elpd.sum())
    assert found.failed == 0


def test_a_fold_without_a_posterior_leaves_no_sum(monkeypatch):
    monkeypatch.setattr(folds, "refit", lambda *a, **k: "failed: no posterior")
    found = folds.k_fold(SPEC, simulate(SPEC, truth={}, random_seed=2).survey, k=2, **QUIET)
    assert np.isnan(found.elpd)
    assert (found.failed, set(found.table.status)) == (2, {"failed: no posterior"})


def folds_of(lpd, fold=("1", "2", "1")):
    cells = pd.DataFrame({k: ["x"] * 3 for k in FACTORS} | {"fold": fold, "lpd": lpd})
    return folds.Folds("m", *predictive.elpd(np.array(lpd)), pd.DataFrame({"status": ["passed"]}), cells)


def test_models_are_compared_cell_by_cell():
    table = stacking.compare({"worse": folds_of([-3.0, -2.0, -5.0]), "better": folds_of([-1.0, -2.0, -2.0])})
    assert list(table.index) == ["better", "worse"]
    assert table.difference.tolist() == [0.0, -5.0]
    assert table.difference_se["worse"] == pytest.approx(np.sqrt(3 * np.var([-2.0, 0.0, -3.0], ddof=1)))
    with pytest.raises(SpecError, match="same folds"):
        stacking.compare({"a": folds_of([-1.0] * 3), "b": folds_of([-1.0] * 3, ("2", "1", "2"))})


# --- specifications -------------------------------------------------------------------------------
def sds(spec):
    out = {"intercept": spec.intercept.sd}
    for i, t in enumerate(spec.terms):
        pairs = {k: getattr(t, k, None) for k in ("prior", "scale", "spacing")}
        out |= {f"{i} {k}": v.sd for k, v in pairs.items() if isinstance(v, Normal | HalfNormal)}
    return out


def test_a_grid_of_priors_changes_one_at_a_time_and_only_what_is_in_force():
    grid = grids.prior_grid(SPEC, factors=(0.5, 2.0))
    assert grid.pop("as declared") == SPEC
    assert len(grid) == 2 * (1 + len(SPEC.terms))
    base = sds(SPEC)
    for name, spec in grid.items():
        changed = {k: v / base[k] for k, v in sds(spec).items() if v != base[k]}
        assert list(changed.values()) == [float(name.split("× ")[1])], name
        for key in changed:
            if key != "intercept":
                term = SPEC.terms[int(key.split()[0])]
                pooled = bool(getattr(term, "by", ())) and not isinstance(term, Cuts)
                assert key.split()[1] == ("spacing" if isinstance(term, Cuts) else "scale" if pooled else "prior")
    flat = replace(SPEC, terms=(*SPEC.terms[:4], replace(SPEC.terms[4], prior=Flat()), *SPEC.terms[5:]))
    assert len(grids.prior_grid(flat, factors=(2.0,))) == len(SPEC.terms) + 1


def test_sensitivity_is_one_table_and_a_failure_is_a_row(monkeypatch, tmp_path):
    def refit(design, cells, seed, **_):
        return "failed: no posterior" if design.spec.intercept.sd == 9.0 else prior_fit(design, cells, seed)

    monkeypatch.setattr(specifications, "refit", refit)
    survey = simulate(SPEC, truth={}, random_seed=2).survey
    grid = {"one": SPEC, "two": replace(SPEC, intercept=Normal(0.0, 9.0))}
    path = tmp_path / "grid.jsonl"
    table = specifications.sensitivity(grid, survey, estimands=[Estimand("shift")], path=path, **QUIET)
    assert table.specification.tolist() == ["one"] * 3 + ["two"]
    assert table.status.tolist()[3] == "failed: no posterior"
    assert table["mean"].isna().tolist() == [False] * 3 + [True]
    assert set(table.role[:3]) == {"self", "sender", "other"}
    pd.testing.assert_frame_equal(
        table, specifications.sensitivity(grid, survey, estimands=[Estimand("shift")], path=path, **QUIET)
    )
    more = grid | {"three": specifications.Analysis(SPEC, (simulate(SPEC, truth={}, random_seed=3).survey,))}
    again = specifications.sensitivity(more, survey, estimands=[Estimand("shift")], path=path, **QUIET)
    pd.testing.assert_frame_equal(again[:4], table)
    assert len(again) == 7
    assert len(path.read_text().splitlines()) == 4
    other = {"one": specifications.Analysis(SPEC, (simulate(SPEC, truth={}, random_seed=4).survey,))}
    specifications.sensitivity(other, estimands=[Estimand("shift")], path=path, **QUIET)
    assert len(path.read_text().splitlines()) == 5  # the same name and spec on other data is another fit
    with pytest.raises(SpecError, match="no estimands"):
        specifications.sensitivity({"x": replace(SPEC, estimands=())}, survey, **QUIET)


def test_overdispersion_is_varied_where_shares_were_published():
    labels = dict(zip(FACTORS, ("DE", "US", "", "2025-03", "public"), strict=True))
    line = Topline(labels, ((2, 3), (0, 1)), (0.35,), (0.45,), np.array([20]), np.array([1.0]), ("40",), "x")
    published = Toplines((line,), SPEC.answers, SPEC.top, 0.0, DataReport("made", ()))
    survey = simulate(SPEC, truth={}, random_seed=2).survey
    grid = data_grids.overdispersion_grid(SPEC, survey, published, values=(0.0, 0.01))
    assert [a.sources[1].overdispersion for a in grid.values()] == [0.0, 0.01]
    digests = {sources_digest(a.sources) for a in grid.values()}
    assert len(digests) == 2
    assert sources_digest((survey, published)) in digests
    with pytest.raises(SpecError, match="published"):
        data_grids.overdispersion_grid(SPEC, survey, values=(0.1,))
    with pytest.raises(SpecError, match=r"\[0, 1\)"):
        data_grids.overdispersion_grid(SPEC, published, values=(1.0,))


# --- calibration ----------------------------------------------------------------------------------
def test_a_posterior_that_is_the_prior_is_calibrated_and_uninformed(monkeypatch):
    monkeypatch.setattr(calibration, "refit", prior_fit)
    found = calibration.calibrate(replace(SPEC, estimands=SPEC.estimands[:1]), simulations=6, **QUIET)
    assert {"shift[sender]", "intercept", "sd_level_ally", "log likelihood"} <= set(found.table.index)
    assert (found.refitted, found.retried, found.failed, len(found.ranks)) == (6, 0, 0, 6)
    parameters = found.table.drop("log likelihood")
    assert not found.table.rejected.drop("log likelihood").any()
    assert parameters.sd_ratio.between(0.5, 1.6).all()
    assert parameters.informed.sum() == 0
    assert found.table.informed["log likelihood"]


def test_ranks_count_draws_below_the_truth(monkeypatch):
    def far(design, cells, seed, **_):
        fit = prior_fit(design, cells, problems=("R-hat",))
        fit.idata["posterior"] = fit.posterior.assign(intercept=fit.posterior.intercept - 100)
        return fit

    monkeypatch.setattr(calibration, "refit", far)
    found = calibration.calibrate(replace(SPEC, estimands=()), simulations=12, **QUIET)
    assert set(found.ranks.intercept) == {99}
    assert "intercept" in found.rejected
    assert found.failed == 12
    assert "12 failed to the last" in repr(found)


def test_a_simulation_is_never_dropped(monkeypatch):
    monkeypatch.setattr(calibration, "refit", lambda *a, **k: "failed: no posterior")
    with pytest.raises(StudyError, match=r"'simulation 1'.*may not be dropped"):
        calibration.calibrate(SPEC, simulations=2, **QUIET)
    with pytest.raises(SpecError, match="'auto' or 'nuts'"):
        calibration.calibrate(SPEC, simulations=2, method="laplace", **QUIET)
