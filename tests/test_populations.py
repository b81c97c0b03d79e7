"""Populations: adding up, maps of levels, checks against the analysis, raking, weights; every refusal by name."""

import time
import warnings
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliancecred as ac
from alliancecred.errors import PredictError
from alliancecred.populations import Population

GEORGIA = Path(__file__).parents[2] / "shared" / "data" / "ccesMRPrun_GA"
AGES = ac.LevelMap("age", (("18-24", "18-34"), ("25-34", "18-34"), ("35+", "35+")))


def census(rows=600, seed=0, most=5000):
    """Rows of people, many of one kind."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "country": rng.choice(["PL", "DE", "FR"], rows),
            "age": rng.choice(["18-24", "25-34", "35+"], rows),
            "female": rng.choice([0, 1], rows),
            "count": rng.integers(0, most, rows),
        }
    )


def read(frame, keys=("country", "age", "female"), **more):
    return ac.read_population(frame, keys=keys, **more)


def table(**columns):
    """A population typed by hand; its sizes are in ``n``."""
    return ac.read_population(pd.DataFrame(columns), keys=[c for c in columns if c != "n"], size="n")


def cells(population, keys=None):
    """Combination → size, as a plain dict."""
    rows = population.table[[*(keys or population.keys), "size"]].itertuples(index=False)
    return {tuple(labels): size for *labels, size in rows}


def by_hand(frame, keys):
    """Sums by a `Counter`, row by row."""
    found = Counter()
    for row in frame.to_dict("records"):
        found[tuple(str(row[k]) for k in keys)] += row["count"]
    return dict(found)


# --- adding up ------------------------------------------------------------------------------------
@pytest.mark.bad(82, 84)
def test_rows_of_one_kind_are_added_up_to_the_last_person():
    frame = census()
    population = read(frame)
    assert cells(population) == by_hand(frame, ("country", "age", "female"))
    assert population.total == frame["count"].sum()
    assert len(population) == 18
    assert list(population.table.columns) == ["country", "age", "female", "size"]
    assert [str(t) for t in population.table.dtypes] == ["object", "object", "object", "float64"]
    assert all(type(x) is str for k in population.keys for x in population.table[k])
    first = frame.iloc[0]
    assert population.table.iloc[0, :3].tolist() == [first.country, first.age, str(first.female)]
    assert population.notes == (f"18 cells from 600 rows; total {population.total:,.0f} before and after",)


def test_neither_the_order_of_rows_nor_their_splitting_matters():
    frame = census(seed=1)
    whole = cells(read(frame))
    assert cells(read(frame.sample(frac=1.0, random_state=3))) == whole
    halves = pd.concat([frame.assign(count=frame["count"] // 2), frame.assign(count=(frame["count"] + 1) // 2)])
    assert cells(read(halves)) == whole
    before = frame.copy()
    read(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_margins_add_up_and_keep_everybody():
    frame = census(seed=2)
    population = read(frame)
    for keys in (("country",), ("age", "country"), ("female",), ()):
        margin = population.margin(keys)
        want = by_hand(frame, keys) if keys else {(): frame["count"].sum()}
        assert margin.keys == keys
        assert cells(margin) == want
        assert margin.total == population.total
    assert population.margin("age").margin(()).total == population.total
    assert population.margin("age").notes[-1] == (
        f"added up over country, female: 3 cells from 18 rows; total {population.total:,.0f} before and after"
    )
    assert population.margin(population.keys) is population


def test_where_keeps_these_people_and_says_how_many():
    frame = census(seed=3)
    population = read(frame)
    some = population.where(country=("PL", "DE"), female="1")
    want = frame[frame.country.isin(["PL", "DE"]) & (frame.female == 1)]
    assert cells(some) == by_hand(want, ("country", "age", "female"))
    assert some.notes[-1] == (
        f"only country 'PL', 'DE'; female '1': {want['count'].sum():,} of {frame['count'].sum():,} people"
    )
    assert population.labels("age") == tuple(dict.fromkeys(frame.age))


@pytest.mark.bad(84)
def test_sources_of_every_kind_give_the_same(tmp_path):
    polars = pytest.importorskip("polars")
    frame = census(seed=4)
    want = read(frame, source="x")
    frame.to_csv(tmp_path / "census.csv", index=False)
    frame.to_parquet(tmp_path / "census.parquet")
    as_categories = frame.astype({"country": "category", "age": "category", "female": float})
    for data in (
        tmp_path / "census.csv",
        str(tmp_path / "census.parquet"),
        polars.from_pandas(frame),
        as_categories,
        frame.astype({"count": "Int64"}),
        frame.astype({"count": str}),
    ):
        assert read(data, source="x") == want
        assert hash(read(data, source="x")) == hash(want)
    assert read(tmp_path / "census.csv").source == "census.csv"
    assert read(tmp_path / "census.csv") != want
    assert want != "x"
    renamed = frame.rename(columns={"country": "cntry", "count": "n"})
    keys = {"country": "cntry", "age": "age", "female": "female"}
    assert cells(ac.read_population(renamed, keys=keys, size="n")) == cells(want)


def test_a_kind_without_people_stays():
    population = table(age=["a", "b"], n=[3, 0])
    assert cells(population) == {("a",): 3, ("b",): 0}


@pytest.mark.bad(82)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": [1, -2, 3]}, r"count: 1 sizes are negative: -2 \(rows 1\)"),
        ({"count": [1, np.nan, 3]}, r"count: 1 sizes are empty \(rows 1\) → 0 if nobody is there"),
        ({"count": [1, 2, np.inf]}, r"1 sizes are infinite: inf \(rows 2\)"),
        ({"count": ["1", "2,000", "3"]}, r"1 sizes are no number: '2,000' \(rows 1\)"),
        ({"count": [1, "many", None]}, r"2 problems\n.*sizes are empty \(rows 2\).*\n.*no number: 'many' \(rows 1\)"),
        ({"count": [0, 0, 0]}, "all sizes are 0"),
        ({"count": [True, False, True]}, "sizes are numbers, got boolean"),
        ({"count": pd.date_range("2024-01-01", periods=3)}, "sizes are numbers, got datetime64"),
        ({"age": ["a", None, "b"]}, r"age: 1 rows have no age \(rows 1\)"),
        ({"age": ["a", "A ", "b"]}, "labels look the same: 'a', 'A '"),
        ({"age": ["a", 1, "b"]}, "mixes types"),
    ],
)
def test_tables_that_do_not_fit_are_refused(change, message):
    frame = pd.DataFrame({"country": ["PL", "DE", "FR"], "age": ["a", "b", "c"], "count": [1, 2, 3]} | change)
    with pytest.raises(PredictError, match=message):
        read(frame, ("country", "age"))


def test_arguments_that_do_not_fit_are_refused():
    frame = census(10)
    for keys, message in (
        (("country", "agee"), "agee: no such column for agee → did you mean 'age'?"),
        (("ally",), "'ally' is what people judge"),
        (("size",), "'size' is no name"),
        ((), "name at least one"),
        ({"a": "age", "b": "age"}, "one column for a and b"),
    ):
        with pytest.raises(PredictError, match=message.replace("?", r"\?")):
            read(frame, keys)
    with pytest.raises(PredictError, match="no such column for size"):
        read(frame, size="N")
    with pytest.raises(PredictError, match="0 rows"):
        read(frame.iloc[:0])
    with pytest.raises(PredictError, match="no such file"):
        read("nowhere.csv")
    with pytest.raises(PredictError) as refused:
        read(census(3).assign(count=[-1, 2, 3], age=["18-24", None, "35+"]))
    assert [p.column for p in refused.value.problems] == ["count", "age"]
    population = read(frame)
    with pytest.raises(PredictError, match="no key of the population → did you mean 'country'"):
        population.margin("contry")
    with pytest.raises(PredictError, match="'XX' is not in the population"):
        population.where(country="XX")
    with pytest.raises(PredictError, match="no cell of the population has a '1'; b '2'"):
        table(a=["1", "2"], b=["1", "2"], n=[1, 1]).where(a="1", b="2")


# --- shares ---------------------------------------------------------------------------------------
def test_shares_are_kept_and_have_to_add_up():
    shares = {"country": ["PL", "PL", "DE", "DE"], "age": ["a", "b"] * 2}
    for sizes, note in (
        ([0.1, 0.2, 0.3, 0.4], "sizes are shares of 1"),
        ([10, 20, 30, 39.5], "sizes are shares of 100"),
        ([0.4, 0.6, 0.3, 0.695], "sizes are shares of 1 within each country, which count alike beside each other"),
        ([40, 60, 30, 70], "sizes are shares of 100 within each country, which count alike beside each other"),
    ):
        population = read(pd.DataFrame(shares | {"count": sizes}), ("country", "age"), share=True)
        assert population.table["size"].tolist() == sizes
        assert population.notes[0] == note
    for sizes, message in (
        ([0.4, 0.6, 0.3, 0.5], "all together 1.8; DE 0.8"),
        ([100, 200, 300, 400], "all together 1,000; PL 300, DE 700"),
    ):
        with pytest.raises(PredictError, match=f"count: shares do not sum to 1 or 100: {message}"):
            read(pd.DataFrame(shares | {"count": sizes}), ("country", "age"), share=True)
    waves = pd.DataFrame({"country": "PL", "wave": ["1", "1", "2", "2"], "age": ["a", "b"] * 2, "count": 0.5})
    assert "each country and wave" in read(waves, ("country", "wave", "age"), share=True).notes[0]
    with pytest.raises(PredictError, match="sum to 1 or 100: all together 2 →"):
        read(waves, ("age",), share=True)


# --- maps of levels -------------------------------------------------------------------------------
def test_maps_add_up_what_becomes_one():
    frame = census(seed=5)
    population = read(frame, levels=[AGES])
    young = frame.age != "35+"
    want = by_hand(frame.assign(age=np.where(young, "18-34", "35+")), ("country", "age", "female"))
    assert cells(population) == want
    assert population.total == frame["count"].sum()
    added = (
        "'18-24', '25-34'" if "18-24" in frame.age.tolist()[: frame.age.tolist().index("25-34")] else "'25-34', '18-24'"
    )
    assert population.notes[0] == f"age: {added} are added up as '18-34'"
    assert population.notes[-1].endswith(f"total {frame['count'].sum():,} before and after")
    sex = ac.LevelMap("female", (("0", "man"), ("1", "woman"), ("9", "unknown")))
    both = read(frame, levels=[AGES, sex])
    assert both.labels("female") == tuple({0: "man", 1: "woman"}[x] for x in dict.fromkeys(frame.female))
    assert "female: the map names '9', which no row has" in both.notes


def test_the_same_map_does_for_the_survey():
    frame = pd.DataFrame({"q12": ["18-24", None, "35+", "25-34"], "x": range(4)}, index=[7, 8, 9, 10])
    before = frame.copy()
    got = ac.relabel(frame, [AGES], keys={"age": "q12"})
    assert got["q12"].tolist() == ["18-34", None, "35+", "18-34"]
    assert got["x"].tolist() == [0, 1, 2, 3]
    assert got.index.tolist() == [7, 8, 9, 10]
    pd.testing.assert_frame_equal(frame, before)
    survey = ac.read_survey(
        got.assign(country="PL", q=["y", "n", "y", "n"]),
        roles=ac.Roles(country="country", answer="q"), answers=("n", "y"), top=("y",), constants={"ally": "US"},
        traits={"age": "q12"},
    )  # fmt: skip
    assert survey.table["age"].tolist() == ["18-34", "35+", "18-34"]
    ac.check_population(read(census(), levels=[AGES]).margin("age"), {"age": tuple(survey.table["age"].unique())})


@pytest.mark.parametrize(
    ("level_map", "message"),
    [
        (
            ac.LevelMap("age", (("18-24", "18-34"), ("25-43", "18-34"), ("35+", "35+"))),
            "age: not in the map of age: '25-34'; it has '18-24', '25-43', '35\\+' .*did you mean '25-43'",
        ),
        (ac.LevelMap("age", (*AGES.labels, ("35+", "50+"))), "'35\\+' becomes '35\\+', '50\\+'"),
        (ac.LevelMap("age", ((18, "18-34"),)), "labels are text .* got 18 → write '1', not 1"),
        (ac.LevelMap("age", (("35+", ""),)), "labels are text that is not empty, got ''"),
        (ac.LevelMap("age", ()), "is empty"),
    ],
)
def test_maps_that_do_not_fit_are_refused(level_map, message):
    frame = census()
    with pytest.raises(PredictError, match=message):
        read(frame, levels=[level_map])
    with pytest.raises(PredictError, match=message):
        ac.relabel(frame, [level_map])


def test_a_map_mends_labels_that_look_the_same():
    frame = pd.DataFrame({"age": ["a", "A ", "b"], "count": [1, 2, 4]})
    tidy = ac.LevelMap("age", (("a", "a"), ("A ", "a"), ("b", "b")))
    assert cells(read(frame, "age", levels=[tidy])) == {("a",): 3, ("b",): 4}
    with pytest.raises(PredictError, match="labels look the same: 'a', 'A'"):
        read(frame, "age", levels=[ac.LevelMap("age", (("a", "a"), ("A ", "A"), ("b", "b")))])


def test_maps_of_no_key_and_two_of_one_are_refused():
    with pytest.raises(PredictError, match=r"LevelMap\('age'\): two maps of one key"):
        read(census(), levels=[AGES, AGES])
    with pytest.raises(PredictError, match="no such key → did you mean 'age'"):
        read(census(), levels=[ac.LevelMap("agee", AGES.labels)])
    with pytest.raises(PredictError, match="agee: no such column for agee"):
        ac.relabel(census(), [ac.LevelMap("agee", AGES.labels)])


# --- against the analysis -------------------------------------------------------------------------
@pytest.mark.bad(80, 81)
def test_levels_have_to_be_those_of_the_analysis():
    population = read(census())
    levels = {"country": ("DE", "FR", "PL"), "age": ("18-24", "25-34", "35+"), "female": ("0", "1"), "more": ("x",)}
    ac.check_population(population, levels)
    ac.check_population(population, levels | {"female": ()})  # numbers: any will do

    def refusal(**change):
        with pytest.raises(PredictError) as refused:
            ac.check_population(population, levels | change)
        (problem,) = refused.value.problems
        assert problem.kind == "level"
        return str(problem)

    people = population.where(country="FR").total
    text = refusal(country=("DE", "PL"))
    assert f"country: 'FR' ({people:,.0f} of {population.total:,.0f} people) is not in the analysis" in text
    assert "the analysis has 'DE', 'PL'" in text
    assert "LevelMap" in text
    text = refusal(country=("DE", "FR", "PL", "UK"))
    assert "'UK' is not in the population: the population has" in text
    assert "a row of size 0 says so" in text
    text = refusal(age=("young", "old"))
    assert text.startswith("age: coded otherwise: the population has '")
    assert "the analysis has 'young', 'old'" in text
    assert "the analysis has numbers; the population has" in refusal(age=())
    with pytest.raises(PredictError, match="age: no such factor or covariate of people in the analysis"):
        ac.check_population(population, {k: v for k, v in levels.items() if k != "age"})
    with pytest.raises(PredictError, match="2 problems"):
        ac.check_population(population, levels | {"country": ("DE",), "age": ("x",)})


def test_a_level_that_nobody_has_is_written_with_size_0():
    population = table(age=["a", "b"], n=[3, 0])
    ac.check_population(population, {"age": ("a", "b")})
    with pytest.raises(PredictError, match="'b' is not in the population"):
        ac.check_population(population.where(age="a"), {"age": ("a", "b")})


# --- margins --------------------------------------------------------------------------------------
def joint(keys, sizes):
    """A population from an array with one axis per key, and labels a0, a1, …"""
    index = list(product(*(range(n) for n in sizes.shape)))
    columns = {k: [f"{k}{i[axis]}" for i in index] for axis, k in enumerate(keys)}
    return table(**columns, n=sizes.ravel())


def test_two_by_two_keeps_the_odds_ratio_of_the_seed():
    """With margins of 50 a table of odds ratio 1/4 has x² / (50-x)² = 1/4: x = 50/3."""
    seed = joint("ab", np.array([[1.0, 2.0], [2.0, 1.0]]))
    margins = [table(a=["a0", "a1"], n=[50, 50]), table(b=["b1", "b0"], n=[50, 50])]
    raked = ac.population_from_margins(seed, margins)
    np.testing.assert_allclose(raked.table["size"], np.array([1, 2, 2, 1]) * 50 / 3, rtol=1e-8)
    assert raked.notes[-1].startswith("raked to 2 margins (a; b) in ")
    assert raked.notes[-1].endswith("beyond them, odds ratios are the seed's (MrsP)")
    unequal = [table(a=["a0", "a1"], n=[30, 70]), table(b=["b0", "b1"], n=[60, 40])]
    x = ac.population_from_margins(seed, unequal).table["size"].to_numpy()
    assert x[0] * x[3] / (x[1] * x[2]) == pytest.approx(0.25, rel=1e-8)  # the quadratic of 2 × 2, solved below
    roots = np.roots([1 - 0.25, 100 - 60 - 30 + 0.25 * 90, -0.25 * 60 * 30])
    assert x[0] == pytest.approx(next(r for r in roots if 0 < r < 30), rel=1e-8)


def test_raking_has_the_margins_of_a_random_table():
    rng = np.random.default_rng(6)
    truth, start = rng.gamma(2.0, 1000, (4, 3, 5)), rng.gamma(2.0, 1.0, (4, 3, 5))
    whole, seed = joint("abc", truth), joint("abc", start)
    raked = ac.population_from_margins(seed, [whole.margin(("a", "b")), whole.margin(("c", "b")), whole.margin("c")])
    got = raked.table["size"].to_numpy().reshape(4, 3, 5)
    np.testing.assert_allclose(got.sum(2), truth.sum(2), atol=1e-9 * truth.sum())
    np.testing.assert_allclose(got.sum(0), truth.sum(0), atol=1e-9 * truth.sum())
    assert raked.total == pytest.approx(truth.sum(), rel=1e-12)
    ratio = got / start  # only products of functions of (a, b) and of (b, c) were put to it
    cross = ratio[0, :, 0] * ratio[1, :, 1] / (ratio[0, :, 1] * ratio[1, :, 0])
    np.testing.assert_allclose(cross, 1.0, rtol=1e-6)
    shuffled = Population(seed.keys, seed.table.sample(frac=1.0, random_state=1).reset_index(drop=True))
    again = cells(ac.population_from_margins(shuffled, [whole.margin(("a", "b")), whole.margin(("c", "b"))]))
    assert again == pytest.approx(cells(raked), rel=1e-6)


def test_without_a_seed_keys_are_independent_given_the_margins():
    a, b = np.array([20.0, 80.0]), np.array([10.0, 60.0, 30.0])
    raked = ac.population_from_margins(None, [table(a=["a0", "a1"], n=a), table(b=["b0", "b1", "b2"], n=b)])
    want = {(f"a{i}", f"b{j}"): a[i] * b[j] / 100 for i in range(2) for j in range(3)}
    assert cells(raked) == pytest.approx(want)
    assert "independent given the margins" in raked.notes[-1]
    rng = np.random.default_rng(7)
    ab, bc = rng.integers(1, 90, (2, 3)), rng.integers(1, 90, (3, 2))
    bc = bc * (ab.sum(0) / bc.sum(1))[:, None]
    raked = ac.population_from_margins(None, [joint("ab", ab), joint("bc", bc)])
    want = ab[:, :, None] * bc[None] / ab.sum(0)[None, :, None]
    assert cells(raked) == pytest.approx(cells(joint("abc", want)))


def test_zeros_and_keys_without_a_margin():
    seed = joint("ab", np.array([[1.0, 3.0], [2.0, 2.0], [0.0, 5.0]]))
    raked = ac.population_from_margins(seed, [table(a=["a0", "a1", "a2"], n=[40, 0, 60])])
    assert raked.table["size"].tolist() == [10, 30, 0, 0, 0, 60]


def test_small_contradictions_are_settled_and_said():
    seed = joint("ab", np.ones((2, 2)))
    margins = [table(a=["a0", "a1"], n=[6000, 4000]), table(b=["b0", "b1"], n=[5000, 5005])]
    raked = ac.population_from_margins(seed, margins)
    assert raked.total == pytest.approx(10000)
    assert raked.margin("b").table["size"].tolist() == pytest.approx([5000 / 1.0005, 5005 / 1.0005])
    assert "margin b adjusted to those before it, by 5 people in all" in raked.notes
    ab, bc = joint("ab", np.array([[3000, 4000], [2000, 1000]])), joint("bc", np.array([[2501, 2503], [1000, 3999]]))
    raked = ac.population_from_margins(None, [ab, bc])
    assert raked.margin("b").table["size"].tolist() == pytest.approx([5000, 5000])
    assert cells(raked.margin(("a", "b"))) == pytest.approx(cells(ab))


def test_margins_that_do_not_fit_are_refused():
    seed = joint("ab", np.array([[1.0, 1.0], [1.0, 0.0]]))
    a = table(a=["a0", "a1"], n=[50, 50])

    def refused(*margins, start=seed, match):
        with pytest.raises(PredictError, match=match):
            ac.population_from_margins(start, margins)

    refused(a, table(b=["b0", "b1"], n=[50, 52]), match="a and b: totals 100 and 102 differ")
    refused(a, table(b=["b0", "b1"], n=[0.5, 0.5]), match="totals 100 and 1 differ")
    refused(
        a, table(b=["b0", "b1", "b2"], n=[50, 40, 10]), match="b: 'b2' has 10 people, but the seed has nobody there"
    )
    refused(a, table(b=["b0"], n=[100]), match="b: does not have 'b1', which the seed has .*size 0 says")
    refused(joint("ab", np.array([[25, 25], [25, 25]])), match="a × b: 'a1' and 'b1' has 25 people, but the seed")
    refused(table(c=["c0"], n=[1]), match="c: the seed has no such key")
    refused(match="margins: at least one")
    refused(joint("ab", np.full((2, 2), 25)), joint("ac", np.array([[30, 30], [20, 20]])), start=None,
            match="a × b and a × c: a0 has 50 people in one, 60 in the other")  # fmt: skip
    # a1 has 60 people, all in b0, which has 50
    refused(table(a=["a0", "a1"], n=[40, 60]), table(b=["b0", "b1"], n=[50, 50]), match="no end after .* is off by")


# --- weights --------------------------------------------------------------------------------------
ROLES = {"country": "c", "ally": "a", "wave": "t", "answer": "q"}


def people(seed=0):
    """People of two countries with weights; those in PL judge three allies, those in DE one; some return."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(60):
        country = "PL" if i % 3 else "DE"
        who = {"c": country, "id": f"p{i}", "sex": rng.choice(["f", "m"]), "age": rng.choice(["a", "b", "c"])}
        for wave in ("1", "2") if i % 5 == 0 else ("1",):
            weight = float(rng.uniform(0.2, 3.0)) * (1 if country == "PL" else 1000)
            for ally in ("US", "UK", "FR") if country == "PL" else ("US",):
                rows.append(who | {"t": wave, "w": weight, "a": ally, "q": rng.choice(["no", "yes"])})
    return pd.DataFrame(rows)


def survey(frame, **roles):
    with warnings.catch_warnings(action="ignore"):
        return ac.read_survey(frame, roles=ac.Roles(**(ROLES | roles)), answers=("no", "yes"), top=("yes",),
                              traits={"sex": "sex", "age": "age"})  # fmt: skip


def weighed_by_hand(frame, keys):
    """Each person once per wave; weights of a country and wave have mean 1."""
    persons = frame.groupby(["id", "t"], as_index=False).first()
    found = Counter()
    for (_, _), sample in persons.groupby(["c", "t"]):
        mean = sample.w.mean()
        for row in sample.to_dict("records"):
            found[tuple(row[{"country": "c", "wave": "t"}.get(k, k)] for k in keys)] += row["w"] / mean
    return dict(found)


@pytest.mark.parametrize("keys", [("country",), ("country", "sex"), ("wave", "age", "sex"), ("age",)])
def test_everybody_counts_once_whatever_they_judged(keys):
    frame = people()
    want = weighed_by_hand(frame, keys)
    asked = len(frame.groupby(["id", "t"]))
    for roles in ({"respondent": "id"}, {}):  # without ids: as many people as answered one question
        got = ac.population_from_weights(survey(frame, weight="w", **roles), keys)
        assert cells(got) == pytest.approx(want)
        assert got.total == pytest.approx(asked)
        assert got.notes[0].startswith(f"weights: {asked} people gave {len(frame)} answers; each of 4 samples")


def test_counted_rows_and_rows_without_weights():
    frame = people(1)
    got = ac.population_from_weights(survey(frame, respondent="id"), ("country", "sex"))
    assert cells(got) == pytest.approx(weighed_by_hand(frame.assign(w=1.0), ("country", "sex")))
    assert got.notes[0].startswith("no weights, so as many as were asked")
    kinds = ["c", "a", "t", "sex", "age", "q", "w"]
    counted = survey(frame.assign(n=2).groupby(kinds, as_index=False)["n"].sum(), weight="w", count="n")
    want = {k: 2 * v for k, v in weighed_by_hand(frame, ("country", "sex")).items()}
    assert cells(ac.population_from_weights(counted, ("country", "sex"))) == pytest.approx(want)
    some = frame.assign(id=frame.id.where(frame.id.str[-1] > "4"))  # half of them without an id
    got = ac.population_from_weights(survey(some, weight="w", respondent="id"), ("country", "sex"))
    assert cells(got) == pytest.approx(weighed_by_hand(frame, ("country", "sex")))


def test_keys_a_survey_does_not_know_are_refused():
    known = survey(people(), weight="w")
    with pytest.raises(PredictError, match="degree: is neither a factor nor a trait of the survey"):
        ac.population_from_weights(known, ("country", "degree"))
    with pytest.raises(PredictError, match="'ally' is what people judge"):
        ac.population_from_weights(known, "ally")


# --- real data, and many rows ---------------------------------------------------------------------
@pytest.mark.skipif(not GEORGIA.exists(), reason="../shared/data/ccesMRPrun_GA is absent")
def test_georgia():
    """The American Community Survey by district: rows of one combination are added up, nobody is lost."""
    path, keys = GEORGIA / "acs_GA.csv", ("cd", "female", "educ", "age")
    frame = pd.read_csv(path)
    assert frame.duplicated(list(keys)).any()
    population = ac.read_population(path, keys=keys)
    assert cells(population) == by_hand(frame, keys)
    total = int(frame["count"].sum())
    assert population.total == total
    assert population.notes == (
        f"{len(population):,} cells from {len(frame):,} rows; total {total:,} before and after",
    )
    sample = pd.read_csv(GEORGIA / "cces_GA.csv")
    levels = {k: tuple(sample[k].astype(str).unique()) for k in keys}
    ac.check_population(population, levels)
    with pytest.raises(PredictError, match="educ: coded otherwise: the population has 'HS or Less'"):
        ac.check_population(population, levels | {"educ": ("low", "high")})
    seed = sample.assign(count=1)
    raked = ac.population_from_margins(
        ac.read_population(seed, keys=("educ", "age")), [population.margin("age"), population.margin("educ")]
    )
    assert raked.total == pytest.approx(total, rel=1e-9)
    want = population.margin("educ").table.set_index("educ")["size"].to_dict()
    assert raked.margin("educ").table.set_index("educ")["size"].to_dict() == pytest.approx(want, rel=1e-6)


def test_many_rows_are_read_in_seconds():
    """A million rows take half a second on an idle core."""
    frame = census(1_000_000)
    start = time.perf_counter()
    population = read(frame, levels=[AGES])
    assert time.perf_counter() - start < 3
    assert population.total == frame["count"].sum()
