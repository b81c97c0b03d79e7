"""Respondents and cuts at full size: time, effective draws, known truth, published numbers."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from published import published

import alliancecred as ac
from alliancecred.opening import open_sources
from alliancecred.outcome import cut_points
from alliancecred.respondents import gather_people
from alliancecred.spec_file import models_dir

WVS = Path(__file__).parents[2] / "shared" / "data" / "world_values"
pytestmark = [
    pytest.mark.filterwarnings("ignore::alliancecred.IdentificationWarning"),
    pytest.mark.filterwarnings("ignore:who came back"),  # as the plan of the panel has it
]


def smallest_ess(fit) -> float:
    return float(fit.diagnosis.table[["ess_bulk", "ess_tail"]].min().min())


@pytest.fixture(scope="module")
def panel():
    """Six countries, a thousand people, six allies, two waves, sd 1.3, 65 % come back."""
    spec = ac.read_spec(models_dir() / "panel_simulated.toml")
    sim = ac.simulate(spec, random_seed=5)
    begin = time.perf_counter()
    fit = ac.fit(spec, sim.survey, random_seed=1, progressbar=False)
    return sim, fit, time.perf_counter() - begin


@pytest.mark.alone
def test_a_large_panel_is_sampled_well_within_three_minutes(panel):
    _, fit, seconds = panel
    assert fit.diagnosis.passed
    assert smallest_ess(fit) >= 400
    assert seconds < 180


@pytest.mark.alone
def test_the_truth_of_a_large_panel_is_found(panel):
    sim, fit, _ = panel
    far = []
    for asked in (ac.Estimand("shift"), ac.Estimand("levels", by=("country", "wave")), ac.Estimand("attrition")):
        true, found = ac.evaluate(sim.truth, asked), ac.evaluate(fit, asked)
        sd = np.maximum(found.draws.std(("chain", "draw")).values, 1e-9)
        far += list((found.draws.mean(("chain", "draw")).values - true.draws.values.squeeze((0, 1))) / sd)
    sd = fit.posterior["sd_respondent"]
    far.append(float((sd.mean() - 1.3) / sd.std()))
    assert np.abs(far).max() < 4
    assert np.mean(np.square(far)) < 2.5


@pytest.mark.alone
@pytest.mark.filterwarnings("ignore::alliancecred.ConvergenceWarning")
def test_the_cost_grows_with_patterns_not_with_people():
    """One attempt each: a divergence, which is luck, asks for a second one with more steps."""
    spec = ac.read_spec(models_dir() / "panel_simulated.toml")
    sim = ac.simulate(spec, random_seed=6)
    table = sim.survey.table
    twice = replace(sim.survey, table=table.assign(count=2))
    seconds = []
    for survey in (sim.survey, twice, sim.survey, twice):
        begin = time.perf_counter()
        fit = ac.fit(spec, survey, random_seed=1, progressbar=False, sampling=ac.Sampling(retries=0))
        seconds.append(time.perf_counter() - begin)
        assert fit.diagnosis.divergences <= 5
    assert len(fit.cells.people) == len(gather_people(*_entries(sim.survey, fit)))
    assert min(seconds[1::2]) < 1.3 * min(seconds[::2])


def _entries(survey, fit):
    labels = fit.cells.labels()
    index = {tuple(row): i for i, row in enumerate(labels.to_numpy())}
    row = np.array([index[tuple(r)] for r in survey.table[list(labels.columns)].to_numpy()])
    person = survey.table["respondent"].astype("category").cat.codes.to_numpy()
    return person, row, survey.table["answer"].to_numpy()


@pytest.mark.skipif(not WVS.exists(), reason="../shared/data/world_values is absent")
def test_common_cuts_are_those_of_the_reference():
    """`../shared/data/README.md`: the cumulative logit of the World Values Survey, within 0.3 standard errors."""
    spec = ac.read_spec(models_dir() / "world_values_common_cuts.toml")
    fit = ac.fit(spec, *open_sources(spec, WVS).sources, random_seed=1, progressbar=False)
    assert fit.diagnosis.passed
    post = fit.posterior
    for name, value in published("world_values_common_cuts").items():
        assert float(post[name].mean()) == value
    assert abs(float(post["slope_age"].mean()) - 0.01114) < 0.3 * float(post["slope_age"].std())
    cuts = cut_points(post["cut_spacing"].values) - post["intercept"].values[..., None]
    for found, value in zip(np.moveaxis(cuts, -1, 0), (0.7298, 2.5325), strict=True):
        assert abs(found.mean() - value) < 0.3 * found.std()


@pytest.mark.skipif(not WVS.exists(), reason="../shared/data/world_values is absent")
def test_freed_cuts_fit_the_shares_that_common_ones_miss():
    common, free = (
        ac.read_spec(models_dir() / f"world_values_{kind}.toml") for kind in ("common_cuts", "cuts_by_country")
    )
    sources = open_sources(free, WVS).sources
    fits = [ac.fit(spec, *sources, random_seed=1, progressbar=False) for spec in (common, free)]
    assert all(fit.diagnosis.passed for fit in fits)
    observed = published("world_values_cuts_by_country")  # per cent, Too Much
    shares = [{c: float(ac.levels(f, by="country").at(country=c).draws.mean()) for c in observed} for f in fits]
    assert max(abs(shares[0][c] - v.expected) for c, v in observed.items()) > 5
    assert shares[1] == observed
    table = ac.sensitivity(fits[0], "cuts", estimands=[ac.Estimand("levels", by=("country",))], progressbar=False)
    assert table["specification"].value_counts().to_dict() == {"common cuts": 4, "cuts by country": 4}
    assert (table["status"] == "passed").all()


def test_cuts_by_country_find_their_truth():
    spec = ac.read_spec(models_dir() / "retrenchment_simulated.toml")
    others = tuple(t for t in spec.terms if not isinstance(t, ac.Cuts))
    spec = replace(spec, terms=(*others, ac.Cuts(("country",))))
    truth = dict(spec.sources[0].truth) | {"sd_cut_spacing_country": 0.25}
    sim = ac.simulate(spec, truth=truth, random_seed=1)
    fit = ac.fit(spec, sim.survey, random_seed=1, progressbar=False)
    assert fit.diagnosis.passed
    own, true = fit.posterior["cut_spacing_country"], sim.truth.posterior["cut_spacing_country"].squeeze()
    far = (own.mean(("chain", "draw")) - true) / own.std(("chain", "draw"))
    assert float(np.abs(far).max()) < 4
    assert float((far**2).mean()) < 2.5
