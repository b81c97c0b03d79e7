"""Survey weights: Kish's size, scaled counts, the door, the label, both engines, with and without side by side."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import alliancecred as ac
from alliancecred.cells import make_cells
from alliancecred.check import ppc
from alliancecred.design_effect import effective_size, read_weights
from alliancecred.engines.field import make_field
from alliancecred.errors import DataWarning, PredictError, SpecError
from alliancecred.estimands import levels
from alliancecred.fitting import fit_design, prepare
from alliancecred.outcome import log_probs
from alliancecred.priors import HalfNormal
from alliancecred.spec import Estimand, Spec
from alliancecred.specifications import sensitivity
from alliancecred.terms import Level, Respondent

ROLES = ac.Roles(country="country", answer="answer", weight="w", count="n")


def frame(people=400, seed=0):
    """People of three countries; in PL those with small weights say yes."""
    rng = np.random.default_rng(seed)
    country = np.array(["DE", "FR", "PL"])[rng.integers(0, 3, people)]
    weight = np.where(rng.random(people) < 0.5, 0.5, 1.5) + 0.01 * rng.random(people)
    yes = rng.random(people) < np.where(country == "PL", np.where(weight < 1, 0.9, 0.3), 0.5)
    answer = np.where(yes, "yes", "no")
    return pd.DataFrame({"country": country, "answer": answer, "w": weight, "n": rng.integers(1, 4, people)})


def read(table, roles=ROLES, **more):
    options = {"answers": ("no", "yes"), "top": ("yes",), "constants": {"ally": "US"}} | more
    return ac.read_survey(table, roles=roles, **options)


SPEC = Spec(
    "weighted",
    ("no", "yes"),
    ("yes",),
    (Level(("country",), HalfNormal(1.0)),),
    estimands=(Estimand("levels", by=("country",)),),
)


@pytest.fixture(scope="module")
def fitted():
    _, cells, design = prepare(SPEC, read(frame()))
    return fit_design(design, cells, random_seed=1, draws=500, method="laplace")


def test_effective_size_is_that_of_kish():
    weight, count = np.array([1.0, 3.0, 2.0, 2.0]), np.array([2, 1, 5, 1])
    got = effective_size(weight, count, np.array([0, 0, 1, 1]), 3)
    assert got.tolist() == pytest.approx([(2 + 3) ** 2 / (2 * 1 + 9), 6, 0])


def test_counts_are_weighted_shares_of_effective_sizes():
    table = frame()
    cells = make_cells(SPEC, [read(table)])
    for i, country in enumerate(cells.levels["country"]):
        own = table[table.country == country]
        people = np.repeat(own.w.to_numpy(), own.n)
        yes = np.repeat((own.answer == "yes").to_numpy(), own.n)
        size = people.sum() ** 2 / (people**2).sum()
        share = people[yes].sum() / people.sum()
        assert cells.counts[i].tolist() == pytest.approx([size * (1 - share), size * share])
        assert cells.unweighted[i].tolist() == [(~yes).sum(), yes.sum()]
        assert cells.design_effects[i] == pytest.approx(len(people) / size)
    assert cells.counts[2, 1] / cells.counts[2].sum() < cells.unweighted[2, 1] / cells.unweighted[2].sum() - 0.1


@pytest.mark.bad(66)
@pytest.mark.bad(71)
def test_only_ratios_count_and_equal_weights_change_nothing():
    table = frame()
    large = make_cells(SPEC, [read(table.assign(w=table.w * 12345.678))]).counts
    np.testing.assert_allclose(large, make_cells(SPEC, [read(table)]).counts)
    alike = make_cells(SPEC, [read(table.assign(w=0.7))])
    np.testing.assert_allclose(alike.counts, alike.unweighted)
    np.testing.assert_allclose(alike.design_effects, 1.0)


def test_weights_of_one_sample_mean_nothing_beside_another():
    table, other = frame(), frame(seed=1)
    bare = read(other.drop(columns="w"), replace(ROLES, weight=None))
    alone = make_cells(SPEC, [read(table)]).counts, make_cells(SPEC, [bare]).counts
    for scale in (1.0, 12345.678):
        both = make_cells(SPEC, [read(table.assign(w=table.w * scale)), bare])
        np.testing.assert_allclose(both.counts, alone[0] + alone[1])
        assert both.unweighted.sum() == table.n.sum() + other.n.sum()


def test_likelihood_and_label_are_those_of_scaled_counts(fitted):
    cells, design = fitted.cells, fitted.design
    likelihood = make_field(design, cells).likelihood
    eta = np.array([[0.3], [-0.2], [0.7]])
    want = (cells.counts * log_probs(eta[:, 0], np.zeros((1, 1)))).sum()
    other = (cells.counts * log_probs(0 * eta[:, 0], np.zeros((1, 1)))).sum()
    got = likelihood.value(eta, np.zeros((1, 1))) - likelihood.value(0 * eta, np.zeros((1, 1)))
    assert got[0] == pytest.approx(want - other)
    note = next(n for n in design.notes if "pseudo-posterior" in n)
    assert f"design effects {cells.design_effects.min():.2f} to {cells.design_effects.max():.2f}" in note
    assert note in levels(fitted).notes
    assert not any(
        "pseudo" in n for n in prepare(SPEC, read(frame().drop(columns="w"), replace(ROLES, weight=None)))[2].notes
    )


def test_predictions_stand_beside_weighted_shares(fitted):
    table = ppc(fitted).set_index("country")
    share = 100 * fitted.cells.counts[:, 1] / fitted.cells.counts.sum(1)
    np.testing.assert_allclose(table.observed_lower, share)
    assert ((table["mean"] - share).abs() < 5).all()


def test_the_pymc_model_has_the_scaled_likelihood(fitted):
    from alliancecred.model import plain_model

    cells, model = fitted.cells, plain_model(fitted.design, fitted.cells)
    point = model.initial_point()
    values = []
    for x in (0.0, 0.4):
        point["intercept"] = np.array(x)
        prior = -0.5 * (x / 1.5) ** 2
        want = (cells.counts * log_probs(np.full(3, x), np.zeros((1, 1)))).sum()
        values.append(float(model.compile_logp(jacobian=False)(point)) - want - prior)
    assert values[0] == pytest.approx(values[1], abs=1e-6)


def test_weighted_and_unweighted_stand_side_by_side(fitted):
    table = sensitivity(fitted, "weights", draws=400, method="laplace", n_jobs=1, progressbar=False)
    assert list(dict.fromkeys(table.specification)) == ["unweighted", "weighted"]
    shares = table[table.country == "PL"].set_index("specification")["mean"]
    assert shares["unweighted"] - shares["weighted"] > 8
    wide = table[table.country == "PL"].set_index("specification")["sd"]
    assert wide["weighted"] > wide["unweighted"]
    bare = read(frame().drop(columns="w"), replace(ROLES, weight=None))
    _, cells, design = prepare(SPEC, bare)
    plain = fit_design(design, cells, random_seed=1, draws=500, method="laplace")
    with pytest.raises(SpecError, match="no weights"):
        sensitivity(plain, "weights")


# --- the door ---------------------------------------------------------------------------------------
@pytest.mark.bad(73)
@pytest.mark.bad(70)
def test_report_says_how_uneven_they_are_and_leaves_out_weightless_people():
    table = frame().assign(n=1)
    table.loc[:4, "w"] = 0.0
    report = read(table).report
    lines = [line.what for line in report.lines]
    assert "weight is 0" in lines
    assert report.total("excluded") == 5
    kept = table.w[5:].to_numpy()
    effect = len(kept) * (kept**2).sum() / kept.sum() ** 2
    assert any(f"design effect of {effect:.2f} (Kish)" in line for line in lines)


def test_few_people_who_speak_for_many_are_named():
    table = frame().assign(n=1)
    table.loc[table.index[table.country == "DE"][0], "w"] = 60.5
    with pytest.warns(DataWarning) as caught:
        read(table)
    texts = " ".join(str(w.message) for w in caught)
    assert "design effects above 5: DE" in texts
    assert "one person weighs more than 5% of a country: DE" in texts
    assert "PL" not in texts


def test_what_is_no_weight_is_refused():
    for values, message in (
        (["0.5", "x"], "no number: 'x'"),
        ([0.5, None], "empty"),
        ([1.0, 3.0], "do they count people"),
        ([0.0, 0.0], "all weights are 0"),
    ):
        assert message in str(read_weights(pd.Series(values, dtype=object), "w", np.ones(2))[1][0])
    assert read_weights(pd.Series([1, 1]), "w", np.ones(2))[1] == []


def test_weights_counted_in_their_engine_are_the_same():
    import duckdb

    people = frame()
    counted = read(duckdb.sql("SELECT people.* FROM people, range(2)"))
    np.testing.assert_allclose(make_cells(SPEC, [counted]).counts, 2 * make_cells(SPEC, [read(people)]).counts)
    assert counted.weighted


def test_what_weights_do_not_go_with_is_refused(fitted):
    spec = replace(SPEC, terms=(*SPEC.terms, Respondent()), allies=("US",))
    with pytest.raises(SpecError, match="do not go with a Respondent term"):
        make_cells(spec, [read(frame())])
    young = ac.Covariate("young", ("person",), (("yes", 1.0), ("no", 0.0)))
    spec = replace(SPEC, terms=(*SPEC.terms, ac.Slope("young")), covariates=(young,))
    people = frame().assign(young="yes")
    with pytest.raises(SpecError, match="do not go with covariates of people"):
        make_cells(spec, [read(people, traits={"young": "young"})])
    table = pd.DataFrame({"country": ["PL"], "ally": ["US"]})
    assert any("pseudo-posterior" in n for n in ac.predict(fitted, table).notes)
    with pytest.raises(PredictError, match="only where they have no weights"):
        levels(fitted, population_size={"public": 10**6})
