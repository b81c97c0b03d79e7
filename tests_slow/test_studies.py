"""Studies of real fits: the same facts on every backend, after a kill, and findings that are known beforehand."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest

import alliancecred as ac
from alliancecred import units
from alliancecred.fitting import fit_design
from alliancecred.layout import lay_out
from alliancecred.prediction import answer_probs
from alliancecred.respondents import with_rows
from alliancecred.simulation import simulate_on
from alliancecred.studies import refit
from alliancecred.terms import FACTORS

WAVES = (
    ac.Wave("before", dt.date(2025, 1, 1), dt.date(2025, 1, 9)),
    ac.Wave("after", dt.date(2025, 4, 1), dt.date(2025, 4, 9)),
)
FIELDINGS = (ac.Fielding("before", 200), ac.Fielding("after", 200), ac.Fielding("after", 100, "elite"))
SPEC = ac.Spec(
    "easy",
    ("no", "yes"),
    ("yes",),
    (ac.Level(("country",)), ac.Level(("ally",)), ac.Shift("aid"), ac.Gap()),
    waves=WAVES,
    signals=(ac.Signal("aid", "US", dt.date(2025, 3, 3)),),
    countries=("DE", "PL", "FR", "IT", "ES"),
    allies=("US", "UK", "DE", "PL"),
    sources=(ac.Simulation(1, FIELDINGS, ()),),
    estimands=(ac.Estimand("shift"),),
    self_ratings="merged",
)
ITEMS = {f"data set {i}": i for i in range(1, 9)}


def facts(number, seed, *, layout):
    fit = refit(layout.design, simulate_on(layout, {}, number).truth.cells, seed, draws=500, method="laplace")
    effect = ac.shift(fit)
    return {"mean": effect.draws.mean(("chain", "draw")).values, "status": effect.status, "seed": seed}


def study(**more):
    task = partial(facts, layout=lay_out(SPEC, FIELDINGS))
    return ac.run_study(task, ITEMS, identity={"study": "slow"}, progressbar=False, **more)


@pytest.fixture(scope="module")
def alone():
    return study(n_jobs=1)


@pytest.mark.xdist_group("study")
def test_processes_give_the_same_bits_as_one_after_the_other(alone):
    assert list(study(n_jobs=2).items()) == list(alone.items())


@pytest.mark.xdist_group("study")
# dask.distributed: a socket that closes while its cluster shuts down, and ports that are taken by another cluster
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:Port .* is already in use:UserWarning")
def test_a_dask_cluster_gives_the_same_bits(alone):
    from dask.distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster), joblib.parallel_config(backend="dask"):
        assert list(study().items()) == list(alone.items())


@pytest.mark.alone
def test_a_killed_study_goes_on_without_loss(alone, tmp_path):
    path = tmp_path / "study.jsonl"
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import test_studies\n"
        "test_studies.study(path=sys.argv[2], n_jobs=2)\n"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(path)]
    process = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 120
    while (not path.exists() or len(path.read_bytes().splitlines()) < 4) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = path.read_bytes()
    assert 4 <= len(kept.splitlines()) < 1 + len(ITEMS)
    assert list(study(path=path, n_jobs=2).items()) == list(alone.items())
    assert path.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    keys = [json.loads(line)["key"] for line in path.read_text().splitlines()[1:]]
    assert sorted(keys) == sorted(ITEMS)


def test_assurance_grows_with_the_number_of_elites():
    rule = ac.Rule("gap", ally="US", direction="<0")
    found = ac.assurance(
        SPEC, rule, n_elites=[5, 500], simulations=30, truth={"gap_elite": -0.5}, draws=500, progressbar=False
    )
    few, many = found.table.assurance
    assert found.table.failed.sum() == 0
    assert many - few > 0.3
    assert many > 0.95
    assert found.table.met.tolist() == [30, 30]
    assert found.table.wrong_sign.tolist()[1] == 0.0


def test_k_fold_prefers_the_model_that_is_true():
    survey = ac.simulate(SPEC, truth={"shift_aid[sender]": -1.0, "sd_level_ally": 0.6}, random_seed=4).survey
    wrong = replace(SPEC, terms=tuple(t for t in SPEC.terms if t != ac.Level(("ally",))))
    models = {"true": SPEC, "without allies": wrong}
    options = {"k": 5, "draws": 500, "progressbar": False}
    table = ac.compare({name: ac.k_fold(spec, survey, **options) for name, spec in models.items()})
    assert list(table.index) == ["true", "without allies"]
    assert table.failed.sum() == 0
    assert -table.difference.iloc[1] > 4 * table.difference_se.iloc[1]


@pytest.mark.filterwarnings("ignore::alliancecred.IdentificationWarning")
def test_one_answer_left_out_is_predicted_as_by_a_fit_without_it():
    small = tuple(replace(f, n=12) for f in FIELDINGS[:2])
    survey = ac.simulate(replace(SPEC, sources=(ac.Simulation(1, small, ()),)), random_seed=5).survey
    public = replace(SPEC, terms=SPEC.terms[:3], estimands=())
    fit = ac.fit(public, survey, random_seed=1, method="laplace")
    found = ac.loo(fit)
    assert found.failed == 0
    for i in range(0, len(found.table), 6):
        unit = found.table.iloc[i]
        answer = public.answers.index(unit.answer)
        same = [f for f in FACTORS if f in survey.table]
        there = (survey.table[same] == unit[same]).all(axis=1) & (survey.table.answer == answer)
        table = survey.table.copy()
        table.loc[there[there].index[0], "count"] -= 1
        less = replace(survey, table=table[table["count"] > 0].reset_index(drop=True))
        again = ac.fit(public, less, random_seed=1, method="laplace")
        labels = again.cells.labels()[same]
        row = int(np.flatnonzero((labels == unit[same]).all(axis=1))[0])
        chance = answer_probs(again.design, again.cells.rows, again.draws())[:, row, answer]
        assert unit.elpd == pytest.approx(float(np.log(chance.mean())), abs=0.02)


@pytest.mark.filterwarnings("ignore::alliancecred.IdentificationWarning")
def test_one_person_left_out_is_predicted_as_by_a_fit_without_them():
    spec = replace(SPEC, terms=(*SPEC.terms[:3], ac.Respondent()), estimands=())
    sim = ac.simulate(spec, fieldings=(ac.Fielding("before", 20), ac.Fielding("after", 20)), random_seed=6)
    options = {"random_seed": 1, "progressbar": False}
    fit = ac.fit(spec, sim.survey, **options)
    found = ac.loo(fit)
    assert found.failed == 0
    people = fit.cells.people
    for p in np.flatnonzero(people.times == 1)[:3]:
        entries = slice(people.start[p], people.start[p + 1])
        others = with_rows(replace_times(people, p), np.ones(len(fit.cells.rows)))
        counts = fit.cells.counts.copy()
        np.subtract.at(counts, (people.row[entries], people.answer[entries]), 1)
        less = replace(fit.cells, people=others, counts=counts)
        again = fit_design(fit.design, less, random_seed=2)
        alone = replace(again, cells=fit.cells)
        logs = units.logs_of_people(alone, alone.draws(), units.some_people(people, np.array([p])))[:, 0]
        assert found.table.elpd[p] == pytest.approx(float(np.log(np.exp(logs).mean())), abs=0.03)


def replace_times(people, gone):
    """Everyone but one pattern."""
    return units.some_people(people, np.setdiff1d(np.arange(len(people)), [gone]))
