"""Covariates of people: the door, the cells, averages over who was asked, adjusted gaps, by plain formulas."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from test_kernel import published

import alliancecred as ac
from alliancecred import check
from alliancecred.cells import make_cells
from alliancecred.composition import composed, kinds_asked
from alliancecred.declared import Covariate
from alliancecred.errors import DataError, SpecError
from alliancecred.estimands import levels
from alliancecred.fitting import Fit, prepare
from alliancecred.gates import diagnosis
from alliancecred.identify import make_design
from alliancecred.outcome import log_probs
from alliancecred.predictor import linear_predictor
from alliancecred.simulation import dataset, draw_prior
from alliancecred.sources import Roles
from alliancecred.terms import Gap, Level, Respondent, Slope
from models import make_spec

AGE = Covariate("age", ("person",), (), center=50.0, unit=10.0)
DEGREE = Covariate("degree", ("person",), (("no", 0.0), ("yes", 1.0)))
TERMS = (Level(("country",)), Level(("ally",)), Gap(), Slope("age"), Slope("degree"))
SPEC = replace(make_spec(3, TERMS), covariates=(AGE, DEGREE), countries=("DE", "PL", "UK"))


def frame(seed: int = 0, n: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    elite = rng.random(n) < 0.3
    country = np.where(elite, "UK", rng.choice(["DE", "PL", "UK"], n))
    age = np.where(elite, rng.choice([55, 65], n), rng.choice([25, 45, 65], n, p=[0.5, 0.3, 0.2]))
    return pd.DataFrame(
        {
            "c": country,
            "a": rng.choice(["DE", "FR", "US"], n),
            "w": rng.choice(["w1", "w2", "w3"], n),
            "who": np.where(elite, "elite", "public"),
            "q": rng.choice(["a0", "a1", "a2"], n),
            "years": age,
            "study": np.where(rng.random(n) < np.where(elite, 0.9, 0.3), "yes", "no"),
        }
    )


def read(table: pd.DataFrame, **more):
    roles = Roles(country="c", ally="a", wave="w", population="who", answer="q")
    given = {"traits": {"age": "years", "degree": "study"}} | more
    return ac.read_survey(table, roles=roles, answers=("a0", "a1", "a2"), top=("a2",), **given)


@pytest.fixture(scope="module")
def made() -> Fit:
    """Twenty draws from the priors, as if fitted."""
    survey = read(frame())
    cells = make_cells(SPEC, [survey])
    design = make_design(SPEC, cells)
    draws = draw_prior(design, np.random.default_rng(1), 20)
    stats = xr.Dataset(coords={"chain": [0], "draw": np.arange(20)})
    tree = xr.DataTree.from_dict({"posterior": dataset(design, draws, 1), "sample_stats": stats})
    tree.attrs["random_seed"] = 0
    return Fit(SPEC, cells, design, tree, replace(diagnosis(xr.Dataset(), stats), problems=()))


# --- the door -----------------------------------------------------------------------------------
def test_covariates_of_people_are_read_as_text_and_missing_ones_counted():
    table = frame().astype({"years": object})
    table.loc[[3, 5], "years"] = None
    table.loc[5, "study"] = None
    survey = read(table)
    assert survey.traits == ("age", "degree")
    assert len(survey) == len(table) - 2
    assert survey.table["age"].tolist() == [str(v) for v in table["years"].drop([3, 5])]
    assert [(x.count, x.what) for x in survey.report.lines if x.action == "excluded"] == [(2, "age is empty")]
    assert read(frame(), traits={}).traits == ()


def test_rows_counted_by_their_engine_keep_the_covariates(tmp_path):
    path = tmp_path / "a.csv"
    frame().to_csv(path, index=False)
    pieces = read([path])
    whole = read(frame())
    labels = ["country", "ally", "wave", "population", "answer", "age", "degree"]
    want = whole.table.groupby(labels)["count"].sum()
    assert pieces.table.set_index(labels)["count"].to_dict() == want.to_dict()


@pytest.mark.parametrize(
    ("traits", "message"),
    [({"age": "nowhere"}, "no such column"), ({"ally": "years"}, "is no name for a covariate"),
     ({"a b": "years"}, "is no name for a covariate"), ({"age": "a"}, "one column for ally and traits")],
)  # fmt: skip
def test_traits_that_cannot_be_read_are_refused(traits, message):
    with pytest.raises(DataError, match=message):
        read(frame(), traits=traits)


# --- cells --------------------------------------------------------------------------------------
def test_cells_are_kinds_of_people_within_combinations_of_factors(made):
    table = frame()
    cells, codes = made.cells, made.cells.labels()
    assert cells.counts.sum() == len(table)
    for i in (0, 7, len(codes) - 1):
        age = 10 * cells.rows.covariates["age"][i] + 50
        degree = "yes" if cells.rows.covariates["degree"][i] else "no"
        own = table[(table.c == codes.country[i]) & (table.a == codes.ally[i]) & (table.w == codes.wave[i])
                    & (table.who == codes.population[i]) & (table.years == age) & (table.study == degree)]  # fmt: skip
        assert cells.counts[i].tolist() == [int((own.q == k).sum()) for k in ("a0", "a1", "a2")]
        assert len(own) > 0


def test_slopes_of_people_are_in_the_predictor(made):
    draws = made.draws()
    with_them = linear_predictor(made.design, made.cells.rows, draws)
    none = {k: v * (0 if k.startswith("slope_") else 1) for k, v in draws.items()}
    without = linear_predictor(made.design, made.cells.rows, none)
    x = made.cells.rows.covariates
    want = draws["slope_age"][:, None] * x["age"] + draws["slope_degree"][:, None] * x["degree"]
    np.testing.assert_allclose(with_them - without, want, atol=1e-12)


def test_what_a_source_does_not_know_is_refused():
    with pytest.raises(SpecError, match=r"covariates.degree: .* does not have it → read_survey\(…, traits="):
        prepare(SPEC, read(frame(), traits={}))
    with pytest.raises(SpecError, match="published shares, which say nothing of who gave which answer"):
        prepare(SPEC, read(frame()), published(SPEC))
    table = frame()
    table.loc[0, "study"] = "some"
    with pytest.raises(SpecError, match=r"1 labels are not declared: \['some'\]"):
        prepare(SPEC, read(table))
    with pytest.raises(SpecError, match=r"labels are no numbers: \['no', 'yes'\]"):
        prepare(replace(SPEC, covariates=(AGE, replace(DEGREE, values=()))), read(frame()))


def test_people_with_covariates_may_be_asked_several_times():
    table = frame().assign(id=[str(i // 2) for i in range(240)])
    first = table.groupby("id")[["c", "who", "years", "study"]].transform("first")
    table = table.assign(**first).drop_duplicates(["id", "a", "w"])
    roles = Roles(country="c", ally="a", wave="w", population="who", answer="q", respondent="id")
    with pytest.warns(ac.IdentificationWarning, match="unless the spec has a Respondent term"):
        survey = ac.read_survey(table, roles=roles, answers=("a0", "a1", "a2"), top=("a2",),
                                traits={"age": "years", "degree": "study"})  # fmt: skip
    spec = replace(SPEC, terms=(*TERMS, Respondent()))
    cells = make_cells(spec, [survey])
    assert cells.people.times.sum() == table["id"].nunique()
    counts = np.zeros_like(cells.counts)
    np.add.at(counts, (cells.people.row, cells.people.answer), cells.people.times[cells.people.person])
    np.testing.assert_array_equal(counts, cells.counts)


# --- averages over who was asked ----------------------------------------------------------------
def by_hand(fit, country, ally, population, people, answer=2) -> np.ndarray:
    """P(answer) of one row averaged over the kinds of ``people`` (a frame), per draw, per cent."""
    draws, out = fit.draws(), np.zeros(20)
    levels_of = fit.cells.levels
    from alliancecred.outcome import cut_points

    for s in range(20):
        eta = draws["intercept"][s] + draws["level_country"][s, levels_of["country"].index(country)]
        eta += draws["level_ally"][s, levels_of["ally"].index(ally)]
        eta += draws["gap_elite"][s] * (population == "elite")
        x = eta + draws["slope_age"][s] * (people.years - 50) / 10 + draws["slope_degree"][s] * (people.study == "yes")
        out[s] = 100 * np.exp(log_probs(x.to_numpy(), cut_points(draws["cut_spacing"][s])))[:, answer].mean()
    return out


def test_a_comparison_is_not_averaged_over_what_it_compares(made):
    assert "over the people asked in each country (degree)" in ac.comparison(made, "age", low=30, high=60).averaged


def test_levels_are_averages_over_the_people_of_the_country(made):
    table = frame()
    found = levels(made, by=("country", "ally"))
    assert "over the people asked in each country (age, degree)" in found.averaged
    for country, ally in (("PL", "US"), ("DE", "FR"), ("UK", "DE")):
        rows = found.at(country=country, ally=ally)
        people = table[(table.c == country) & (table.who == "public")]
        np.testing.assert_allclose(rows.draws.values.ravel(), by_hand(made, country, ally, "public", people), rtol=1e-9)


def test_shares_of_kinds_sum_to_one_and_unasked_places_take_those_of_all():
    spec = SPEC
    cells = make_cells(spec, [read(frame())])
    rows = cells.rows.take(np.arange(5))
    kinds = kinds_asked(spec, cells)
    found = list(composed(spec, cells.levels, kinds, rows))
    assert len(found) == 5
    for more, share in found:
        assert share.sum() == pytest.approx(1)
        assert len(more) == len(share)
    strange = replace(rows, codes={**rows.codes, "country": np.full(5, 99)})
    _, share = next(composed(spec, cells.levels, kinds, strange))
    table = frame()
    public = table[table.who == "public"]
    expected = public.groupby(["years", "study"]).size() / len(public)
    np.testing.assert_allclose(np.sort(share), np.sort(expected.to_numpy()))
    assert composed(spec, cells.levels, kinds, rows, held=("age", "degree")) is None
    bare = make_spec(3)
    assert composed(bare, cells.levels, kinds_asked(bare, cells), rows) is None


def test_the_gap_is_split_into_what_is_left_and_what_composition_makes(made):
    table = frame()
    public, elite = (table[(table.c == "UK") & (table.who == p)] for p in ("public", "elite"))
    raw, adjusted, own = (ac.gap(made, by=("country", "ally"), kind=k) for k in ("raw", "adjusted", "composition"))
    for ally in ("DE", "US"):
        a, b, c = (x.at(ally=ally).draws.values.ravel() for x in (raw, adjusted, own))
        p_public, p_elite = by_hand(made, "UK", ally, "public", public), by_hand(made, "UK", ally, "elite", elite)
        like_public = by_hand(made, "UK", ally, "elite", public)
        np.testing.assert_allclose(a, p_elite - p_public, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(b, like_public - p_public, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(c, p_elite - like_public, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(a, b + c, atol=1e-9)
    assert any("people as in public in age, degree" in n for n in adjusted.notes)
    assert abs(own.draws.values).max() > 0.5
    with pytest.raises(SpecError, match="kind must be one of raw, adjusted, composition"):
        ac.gap(made, kind="net")
    with pytest.raises(SpecError, match="no population_size"):
        ac.gap(made, kind="adjusted", population_size={"elite": 650})
    bare = replace(made, spec=replace(SPEC, terms=TERMS[:3]))
    with pytest.raises(SpecError, match="nothing to adjust for"):
        ac.gap(bare, kind="adjusted")


def test_a_comparison_holds_one_covariate_and_averages_the_other(made):
    table = frame()
    found = ac.comparison(made, "degree", low=0.0, high=1.0, by=("country", "ally"))
    people = table[(table.c == "DE") & (table.who == "public")]
    high, low = (by_hand(made, "DE", "US", "public", people.assign(study=v)) for v in ("yes", "no"))
    got = found.at(country="DE", ally="US").draws.values.ravel()
    np.testing.assert_allclose(got, high - low, rtol=1e-7, atol=1e-9)


def test_predictive_checks_have_a_line_per_combination_of_factors(made):
    table = frame()
    lines = check.ppc(made)
    keys = ["c", "a", "w", "who"]
    assert len(lines) == len(table[keys].drop_duplicates())
    for _, row in lines.iloc[:5].iterrows():
        own = table[(table.c == row.country) & (table.a == row.ally) & (table.w == row.wave)
                    & (table.who == row.population)]  # fmt: skip
        assert row.observed_lower == pytest.approx(100 * (own.q == "a2").mean())
        assert row.lower <= row["mean"] <= row.upper


def test_sums_over_lines_are_plain_sums():
    rng = np.random.default_rng(3)
    line, values = rng.permutation(np.repeat(np.arange(7), 4)), rng.integers(0, 9, (5, 28))
    want = np.stack([values[:, line == k].sum(1) for k in range(7)], axis=1)
    np.testing.assert_array_equal(check._by_line(values, line), want)
    assert check._by_line(np.zeros((5, 0)), line[:0]).shape == (5, 0)


def test_predictions_are_averages_too(made):
    table = pd.DataFrame({"country": ["PL"], "ally": ["US"], "target": [""], "wave": ["w2"], "population": ["public"]})
    people = frame()[lambda t: (t.c == "PL") & (t.who == "public")]
    got = ac.predict(made, table).draws.values.ravel()
    np.testing.assert_allclose(got, by_hand(made, "PL", "US", "public", people), rtol=1e-9)
