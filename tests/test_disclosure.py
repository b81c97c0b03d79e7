"""Small cells: what is kept back from exports; cells by themselves beside the model."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import alliancecred as ac
from alliancecred.check import lines_of, ppc
from alliancecred.disclosure import guarded, people_of_lines, remark, small_lines, without_small
from alliancecred.errors import SchemaError, SpecError
from alliancecred.fitting import fit_design, prepare
from alliancecred.priors import HalfNormal
from alliancecred.scoring import score_rows
from alliancecred.spec import Spec
from alliancecred.terms import Level

SPEC = Spec("small", ("no", "yes"), ("yes",), (Level(("country",), HalfNormal(0.5)), Level(("ally",), HalfNormal(0.5))))
COUNTS = {
    ("PL", "US"): (3, 1),
    ("PL", "UK"): (40, 10),
    ("DE", "US"): (0, 6),
    ("DE", "UK"): (25, 25),
    ("FR", "US"): (9, 0),
}


@pytest.fixture(scope="module")
def fit():
    rows = [(*k, *v) for k, v in COUNTS.items()]
    frame = pd.DataFrame(rows, columns=["country", "ally", "no", "yes"])
    roles = ac.Roles(country="country", ally="ally")
    with pytest.warns(ac.IdentificationWarning):
        survey = ac.read_counts(frame, roles=roles, counts={"no": "no", "yes": "yes"}, top=("yes",))
    _, cells, design = prepare(SPEC, survey)
    return fit_design(design, cells, random_seed=1, draws=500, method="laplace")


def test_own_intervals_are_those_of_jeffreys_and_pooled_ones_of_the_model(fit):
    table = ac.pooling(fit, ci_prob=0.9).set_index(["country", "ally"])
    for (country, ally), (no, yes) in COUNTS.items():
        row = table.loc[(country, ally)]
        i = fit.cells.labels().query("country == @country and ally == @ally").index[0]
        draws = score_rows(fit, fit.cells.rows.take(np.array([i])))[:, 0]
        assert row["mean"] == pytest.approx(draws.mean())
        assert [row.lower, row.upper] == pytest.approx(np.quantile(draws, [0.05, 0.95]).tolist())
        if no + yes < 5:
            assert row[["people", "observed", "own_lower", "own_upper", "narrower"]].isna().all()
            continue
        want = 100 * stats.beta(yes + 0.5, no + 0.5).ppf([0.05, 0.95])
        want = [0.0 if yes == 0 else want[0], 100.0 if no == 0 else want[1]]
        assert [row.own_lower, row.own_upper] == pytest.approx(want)
        assert row.observed == pytest.approx(100 * yes / (no + yes))
        assert row.people == no + yes
        assert row.narrower == pytest.approx(100 * (1 - (row.upper - row.lower) / (want[1] - want[0])))
    assert ac.pooling(fit, least=0)["people"].notna().all()


def test_only_the_population_asked_for():
    simulated = ac.simulate("retrenchment_simulated")
    elites = ac.pooling(simulated.truth, population="elite")
    assert set(elites.population) == {"elite"}
    both = ac.pooling(simulated.truth)
    assert len(both) > len(elites)
    with pytest.raises(SpecError, match="did you mean 'elite'"):
        ac.pooling(simulated.truth, population="elites")
    with pytest.raises(SpecError, match="a whole number from 0"):
        ac.pooling(simulated.truth, least=-1)


def test_small_cells_keep_their_answers(fit):
    cells = fit.cells.labels()
    small = ((cells.country == "PL") & (cells.ally == "US")).to_numpy()
    assert small_lines(fit, 5).tolist() == small[np.argsort(lines_of(fit))].tolist()
    assert people_of_lines(fit).sum() == 119
    assert small_lines(fit, 0).sum() == 0
    kept = without_small(ppc(fit), 5)
    assert len(kept) == 4
    assert not ((kept.country == "PL") & (kept.ally == "US")).any()
    tree = guarded(fit, 5)
    counts = tree["observed_data"]["counts"].values
    assert np.isnan(counts[small]).all()
    np.testing.assert_array_equal(counts[~small], fit.cells.counts[~small])
    assert tree["observed_data"].attrs["suppressed"] == "counts of 1 cells of fewer than 5 people"
    assert not np.isnan(fit.idata["observed_data"]["counts"].values).any()
    assert set(tree.children) == set(fit.idata.children)
    assert guarded(fit, 4) is fit.idata
    assert "1 cells of fewer than 5 people" in remark(fit, 5)
    assert remark(fit, 4) == ""


def test_published_shares_are_public():
    frame = pd.DataFrame({"country": ["DE", "PL"], "ally": "US", "answer": "yes", "pct": [40, 60], "n": [3, 4]})
    made = ac.read_toplines(
        frame.drop(columns="pct").assign(precision="verbal", lower=0, upper=100, n_kind="exact", wave="2025"),
        answers=("no", "yes"), top=("yes",),
    )  # fmt: skip
    _, cells, design = prepare(replace(SPEC, terms=SPEC.terms[:1]), made)
    found = fit_design(design, cells, random_seed=1, draws=100, method="laplace")
    assert not small_lines(found, 50).any()
    with pytest.raises(SpecError, match="nothing was counted"):
        ac.pooling(found)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::alliancecred.errors.IdentificationWarning")
def test_a_run_keeps_small_cells_back(tmp_path, fit):
    import xarray as xr

    spec = replace(SPEC, estimands=(ac.Estimand("levels", by=("country",)),))
    rows = [(*k, *v) for k, v in COUNTS.items()]
    frame = pd.DataFrame(rows, columns=["country", "ally", "no", "yes"])
    roles = ac.Roles(country="country", ally="ally")
    survey = ac.read_counts(frame, roles=roles, counts={"no": "no", "yes": "yes"}, top=("yes",))
    from alliancecred.run import run

    result = run(spec, tmp_path / "out", sources=[survey], draws=300, method="laplace")
    table = pd.read_csv(result.out / "ppc.csv")
    assert len(table) == 4
    with xr.open_datatree(result.out / "draws.nc", engine="h5netcdf") as tree:
        assert np.isnan(tree["observed_data"]["counts"].values).any(1).sum() == 1
    assert "cells of fewer than 5 people" in result.report.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::alliancecred.errors.IdentificationWarning")
def test_a_run_of_small_cells_alone_shows_none(tmp_path):
    from alliancecred.run import run

    frame = pd.DataFrame({"country": ["PL", "DE", "FR"], "ally": "US", "no": [1, 2, 1], "yes": [2, 1, 1]})
    roles = ac.Roles(country="country", ally="ally")
    survey = ac.read_counts(frame, roles=roles, counts={"no": "no", "yes": "yes"}, top=("yes",))
    spec = replace(SPEC, terms=SPEC.terms[:1], estimands=(ac.Estimand("levels", by=("country",)),))
    result = run(spec, tmp_path / "out", sources=[survey], draws=300, method="laplace")
    assert len(pd.read_csv(result.out / "ppc.csv")) == 0
    assert not (result.out / "figures" / "ppc.png").exists()


# --- the figure -------------------------------------------------------------------------------------
def test_figure_shows_both_intervals_of_every_cell(fit):
    table = ac.pooling(fit)
    figure = ac.plot_pooling(table, spec=fit.spec)
    (axes,) = figure.axes
    drawn = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linestyle() == "-"]
    order = table.sort_values("mean", ascending=False)
    wanted = {tuple(np.round(x, 6)) for x in order[["lower", "upper"]].to_numpy()}
    assert wanted <= {tuple(np.round(np.asarray(x, dtype=float), 6)) for x in drawn}
    words = " ".join(t.get_text() for t in figure.texts)
    assert "1 cells are too small" in words.replace("\n", " ")
    with pytest.raises(SchemaError, match="own_lower"):
        ac.plot_pooling(table.drop(columns="own_lower"))
    with pytest.raises(SchemaError, match="no rows"):
        ac.plot_pooling(table.iloc[:0])
