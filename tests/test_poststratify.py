"""Estimands over a population: sums over census cells and questions, written out (Gelman & Little 1997)."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from vignettes import (
    DISTRICT,
    EDUC,
    PROFILE,
    REGIME,
    SPEC,
    Cell,
    Kind,
    Plain,
    asked,
    at,
    equally,
    fit_of,
    make_people,
    mean,
    profiles,
    read,
    spec_of,
)

import alliancecred as ac
from alliancecred.cells import make_cells
from alliancecred.errors import DataWarning, PredictError, SpecError
from alliancecred.estimate import Estimate
from alliancecred.fitting import Fit
from alliancecred.identify import make_design
from alliancecred.populations import Population, read_population
from alliancecred.spec import Estimand
from alliancecred.terms import Effect, Gap, Level, Shift, Slope

PERSON = ("educ", "cd", "age")
AGES = ("25", "45", "65")


@cache
def fit(answers: int = 2) -> Fit:
    return fit_of(spec_of(answers), read(make_people(answers=answers), answers))


@cache
def plain(answers: int = 2) -> Plain:
    return Plain(fit(answers))


def make_census(*places: str, seed: int = 5) -> pd.DataFrame:
    """People by education, district (also the one nobody was asked in) and age; some cells empty, all of unlike size.

    There are no apprentices in the UK: rows of size 0 say so. A region, which the analysis has not, divides cells.
    """
    rng = np.random.default_rng(seed)
    labels = {"country": ("UK", "PL", "DE"), "population": ("elite", "public")}
    rows = []
    for *place, e, d, a, region in product(*(labels[p] for p in places), EDUC.levels, DISTRICT.levels, AGES, "xy"):
        n = rng.integers(1, 900) * (10 if "DE" in place else 1)
        if e == "apprentice" and ("UK" in place or a == "65"):
            n = 0
        rows.append((*place, e, d, a, region, float(n)))
    return pd.DataFrame(rows, columns=[*places, *PERSON, "region", "n"])


def population(frame: pd.DataFrame, *places: str) -> Population:
    return read_population(frame, keys=(*places, *PERSON, "region"), size="n")


@cache
def shown() -> dict[tuple[str, ...], float]:
    """How often each profile was shown, to whomever."""
    counts = make_people().groupby(list(PROFILE)).size()
    return {tuple(map(str, k)): float(v) for k, v in counts.items()}


def alike() -> dict[tuple[str, ...], float]:
    return dict.fromkeys(profiles(), 1.0)


def over(census: pd.DataFrame, row: Cell, value: Callable[[Kind], np.ndarray], of: str = "",
         questions: dict | None = None, **where: str) -> np.ndarray | None:  # fmt: skip
    """Mean of ``value`` over the people of a row's place (of a population) and every question."""
    own = census
    for key, label in (("country", row[0]), ("population", of or row[3])):
        own = own[own[key] == label] if key in own else own
    own = own.groupby(list(PERSON))["n"].sum()
    kinds, weight = [], []
    for (person, n), (profile, share) in product(own.items(), (shown() if questions is None else questions).items()):
        kind = {**dict(zip(PERSON, person, strict=True)), **dict(zip(PROFILE, profile, strict=True))}
        if n * share > 0 and all(kind[f] == x for f, x in where.items()):
            kinds.append(at(kind, row))
            weight.append(n * share)
    return mean(kinds, weight, value)


def check(found: Estimate, keys: Sequence[str], wanted: dict[tuple[str, ...], np.ndarray]) -> None:
    rows = {tuple(found.labels(i)[k] for k in keys): i for i in range(len(found))}
    assert set(rows) == set(wanted)
    assert len(rows) == len(found)
    for key, values in wanted.items():
        np.testing.assert_allclose(found.draws.values[0, :, rows[key]], values, rtol=0, atol=1e-9, err_msg=str(key))


@cache
def rows_of(country: str | None = None, populations: tuple[str, ...] = ("public",)) -> list[Cell]:
    return [r for r in asked(make_people(), populations) if country in (None, r[0])]


COUNTRIES = ("PL", "UK", "DE")


# --- levels ---------------------------------------------------------------------------------------
def test_levels_over_the_people_of_each_country():
    census = make_census("country")
    people = population(census, "country")
    value = plain().value
    found = ac.levels(fit(), by=(), population=people)
    check(found, (), {(): equally(rows_of(), lambda r: over(census, r, value))})
    assert f"poststratified over pandas DataFrame ({census.n.sum():,.0f} people; country, educ" in found.averaged
    every = {r: over(census, r, value) for r in rows_of()}
    check(ac.levels(fit(), by=("country", "ally", "wave"), population=people), ("country", "ally", "wave"),
          {r[:3]: v for r, v in every.items()})  # fmt: skip
    groups = {(c, e): equally(rows_of(c), lambda r, e=e: over(census, r, value, educ=e))
              for c, e in product(COUNTRIES, EDUC.levels) if (c, e) != ("UK", "apprentice")}  # fmt: skip
    check(ac.levels(fit(), by=("country", "educ"), population=people), ("country", "educ"), groups)
    districts = {(d,): equally(rows_of(), lambda r, d=d: over(census, r, value, cd=d)) for d in DISTRICT.levels}
    check(ac.levels(fit(), by="cd", population=people), ("cd",), districts)  # also where nobody was asked
    assert "far" not in set(ac.levels(fit(), by="cd").draws["cd"].values)


@pytest.mark.parametrize("answer", ["mean", "maybe"])
def test_levels_of_ordered_answers(answer):
    census = make_census("country")
    wanted = equally(rows_of(), lambda r: over(census, r, lambda k: plain(3).value(k, answer)))
    check(ac.levels(fit(3), by=(), answer=answer, population=population(census, "country")), (), {(): wanted})


def test_a_population_without_country_stands_for_every_one():
    census = make_census()
    wanted = {(c,): equally(rows_of(c), lambda r: over(census, r, plain().value)) for c in COUNTRIES}
    check(ac.levels(fit(), by="country", population=population(census)), ("country",), wanted)


def test_order_scale_and_division_of_cells_do_not_matter():
    census = make_census("country")
    want = ac.levels(fit(), by="educ", population=population(census, "country")).draws.values
    parts = census.assign(n=100 * census.n / census.n.sum())
    mixed = parts.sample(frac=1, random_state=2)
    there = census[census.n > 0]
    for frame in (parts, mixed, there):
        people = read_population(frame, keys=("country", *PERSON), size="n")
        np.testing.assert_allclose(ac.levels(fit(), by="educ", population=people).draws.values, want, atol=1e-9)


# --- differences ----------------------------------------------------------------------------------
def test_changes_shifts_and_comparisons():
    census = make_census("country")
    people = population(census, "country")
    value = plain().value
    both = [r for r in rows_of() if (r[0], r[1]) != ("DE", "FR")]  # asked in both waves

    def later(r: Cell) -> np.ndarray | None:
        return over(census, r, lambda k: value({**k, "wave": "w2"}) - value({**k, "wave": "w1"}))

    pairs = [r for r in both if r[2] == "w1"]
    check(ac.change(fit(), "w1", "w2", by=(), population=people), (), {(): equally(pairs, later)})

    def on(r: Cell, **where: str) -> np.ndarray | None:
        return over(census, r, lambda k: value({**k, "on": True}) - value({**k, "on": False}), **where)

    after = [r for r in rows_of() if r[2] == "w2"]
    shifts = {(role, c): equally([r for r in after if r[0] == c and (r[1] == "US") == (role == "sender")], on)
              for role, c in product(("sender", "other"), COUNTRIES)}  # fmt: skip
    check(ac.shift(fit(), population=people), ("role", "country"), shifts)
    first = {(role, e): equally([r for r in after if (r[1] == "US") == (role == "sender")],
                                lambda r, e=e: on(r, educ=e))
             for role, e in product(("sender", "other"), EDUC.levels)}  # fmt: skip
    check(ac.shift(fit(), by="educ", population=people), ("role", "educ"), first)

    aged = {(c,): equally(rows_of(c), lambda r: over(
        census, r, lambda k: value({**k, "age": 65}) - value({**k, "age": 25}))) for c in COUNTRIES}  # fmt: skip
    check(ac.comparison(fit(), "age", low=25, high=65, by="country", population=people), ("country",), aged)


def test_a_comparison_of_groups_in_their_covariate_keeps_all_else():
    census = make_census("country")
    v = plain().v

    def voted(k: Kind, x: float) -> np.ndarray:
        own = {"south": 0.3, "north": 0.6, "far": 0.9}[k["cd"]]
        slope = v("slope_vote") + v("slope_vote_country", country=k["country"])
        return 100 / (1 + np.exp(-plain().eta(k) - slope * (x - own) / 0.1))

    wanted = equally(rows_of(), lambda r: over(census, r, lambda k: voted(k, 0.4) - voted(k, 0.2)))
    found = ac.comparison(fit(), "vote", low=0.2, high=0.4, population=population(census, "country"))
    check(found, (), {(): wanted})


def test_gaps_between_populations_that_are_composed_unlike():
    census = make_census("country", "population")
    people = population(census, "country", "population")
    value = plain().value
    both = [r for r in rows_of("UK", ("elite",)) if (*r[:3], "public") in rows_of("UK")]

    def side(r: Cell, who: str, like: str) -> np.ndarray:
        found = over(census, (*r[:3], who), value, of=like)
        assert found is not None
        return found

    for kind, wanted in {
        "raw": lambda r: side(r, "elite", "elite") - side(r, "public", "public"),
        "adjusted": lambda r: side(r, "elite", "public") - side(r, "public", "public"),
        "composition": lambda r: side(r, "elite", "elite") - side(r, "elite", "public"),
    }.items():
        found = ac.gap(fit(), by=("ally",), kind=kind, poststratify=people)
        check(found, ("ally",), {(a,): equally([r for r in both if r[1] == a], wanted) for a in ("US", "FR")})
    levels = {(g,): equally(rows_of("UK", (g,)), lambda r: over(census, r, value)) for g in ("public", "elite")}
    found = ac.levels(fit(), by="population", countries=("UK",), population=people)
    check(found, ("population",), levels)
    alike_composed = make_census("country")
    none = ac.gap(fit(), by=(), kind="composition", poststratify=population(alike_composed, "country"))
    np.testing.assert_allclose(none.draws.values, 0, atol=1e-9)


# --- experiments ----------------------------------------------------------------------------------
@pytest.mark.parametrize("way", ["design", "uniform"])
def test_experiments_over_a_population(way):
    census = make_census("country")
    people, value = population(census, "country"), plain().value
    questions = shown() if way == "design" else alike()
    wanted = {(x,): equally(rows_of(), lambda r, x=x: over(census, r, value, questions=questions, regime=x))
              for x in REGIME.levels}  # fmt: skip
    check(ac.marginal_means(fit(), "regime", profiles=way, population=people), ("level",), wanted)

    def oath(r: Cell, **where: str) -> np.ndarray | None:
        rest: dict[tuple[str, ...], float] = {}
        for (regime, power, _), share in questions.items():
            if regime != "autocracy":
                rest[(regime, power, "none")] = rest.get((regime, power, "none"), 0.0) + share
        return over(census, r, lambda k: value({**k, "oath": "sworn"}) - value(k), questions=rest, **where)

    check(ac.amce(fit(), "oath", profiles=way, population=people), (), {(): equally(rows_of(), oath)})
    by_group = {(c, e): equally(rows_of(c), lambda r, e=e: oath(r, educ=e))
                for c, e in product(COUNTRIES, EDUC.levels) if (c, e) != ("UK", "apprentice")}  # fmt: skip
    check(ac.amce(fit(), "oath", by=("country", "educ"), profiles=way, population=people), ("country", "educ"),
          by_group)  # fmt: skip
    sides = [equally(rows_of(), lambda r, e=e: over(census, r, value, questions=questions, regime="hybrid", educ=e))
             for e in ("college", "school")]  # fmt: skip
    found = ac.moderation(fit(), "regime", "educ", profiles=way, population=people)
    got = found.at(where={"level": "hybrid", "educ": "college − school"}).draws.values[0, :, 0]
    np.testing.assert_allclose(got, sides[0] - sides[1], atol=1e-9)


def test_a_population_composed_as_the_sample_gives_the_sample_back():
    kinds = make_people(7, 2)[["country", "population", "educ", "cd", "age"]].query("population == 'public'")
    questions = pd.DataFrame(profiles(), columns=list(PROFILE))
    table = kinds.merge(questions, how="cross").assign(ally="US", wave="w2")
    table["answer"] = np.random.default_rng(1).choice(["no", "yes"], len(table))
    terms = (Level(("country",)), Level(("country", "educ")), Effect(("regime",)), Effect(("oath",)), Slope("age"),
             Slope("vote"))  # fmt: skip
    of = fit_of(replace(SPEC, terms=terms, allies=("US",)), read(table))
    own = _sample(kinds)
    calls: list[Callable[[Population | None], Estimate]] = [
        lambda p: ac.levels(of, by=("country",), population=p),
        lambda p: ac.levels(of, by=("educ",), population=p),
        lambda p: ac.marginal_means(of, by="country", population=p),
        lambda p: ac.amce(of, by="educ", population=p),
        lambda p: ac.amce(of, profiles="uniform", population=p),
        lambda p: ac.comparison(of, "age", low=25, high=45, population=p),
    ]
    for call in calls:
        a, b = call(None), call(own)
        mine = {str(a.labels(i)): a.draws.values[..., i] for i in range(len(a))}
        assert len(a) == len(b)
        for i in range(len(b)):
            np.testing.assert_allclose(b.draws.values[..., i], mine[str(b.labels(i))], atol=1e-9)


def _sample(kinds: pd.DataFrame) -> Population:
    """The sample as a census, with rows of size 0 for labels it lacks."""
    rest = pd.DataFrame([("PL", "school", "far", "25")], columns=["country", *PERSON]).assign(n=0.0)
    frame = pd.concat([kinds.drop(columns="population").assign(n=1.0), rest])
    return read_population(frame, keys=("country", *PERSON), size="n")


# --- refusals -------------------------------------------------------------------------------------
def test_a_country_without_people_does_not_take_those_of_others():
    census = make_census("country")
    some = population(census[census.country != "DE"], "country")
    nobody = population(census.assign(n=census.n * (census.country != "DE")), "country")
    # Once wrong: left out in silence (asked._with_groups), or NaN where all sizes were 0 (profiles.crossed).
    for people, by in product((some, nobody), ((), ("country",), ("educ",), ("cd", "country"))):
        with pytest.raises(SpecError, match=r"nobody is there .*DE"):
            ac.levels(fit(), by=by, population=people)
        rest = ac.levels(fit(), by=by, population=people, countries=("PL", "UK"))
        assert "DE" not in set(rest.draws["country"].values)
    for call in (
        lambda: ac.marginal_means(fit(), population=some),
        lambda: ac.amce(fit(), "oath", population=some),
        lambda: ac.amce(fit(), "oath", by="educ", population=some),
        lambda: ac.shift(fit(), population=some),
        lambda: ac.shift(fit(), by="educ", population=some),
    ):
        with pytest.raises(SpecError, match=r"nobody is there .*DE"):
            call()
    only = population(make_census("country", "population").query("population == 'public'"), "country", "population")
    with pytest.raises(SpecError, match=r"nobody is there .*elite"):
        ac.gap(fit(), by=(), poststratify=only)


def test_kinds_of_people_who_answered_and_are_missing_from_the_table_are_warned_of():
    census = make_census("country")
    whole = population(census, "country")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ac.levels(fit(), by="country", population=whole)

    def of(frame: pd.DataFrame) -> pd.Series:
        return (frame.country == "PL") & (frame.educ == "college") & (frame.cd == "north")

    with warnings.catch_warnings():  # of countries that are not in the table nothing is asked
        warnings.simplefilter("error")
        ac.levels(fit(), by=(), countries=("PL",), population=population(census[census.country == "PL"], "country"))
    gone, those = of(census), (people := make_people())[of(people)]
    said = rf"nobody of {those.population.nunique()} kinds of people who gave {len(those)} answers \(first: PL, \w+, "
    for table in (census[~gone], census.assign(n=census.n * ~gone)):
        with pytest.warns(DataWarning, match=said):
            ac.levels(fit(), by="country", population=population(table, "country"))


def with_labels(**change: Any) -> Population:
    census = make_census("country")
    for key, labels in change.items():
        census[key] = census[key].replace(labels)
    return population(census, "country")


@pytest.mark.bad(80, 83)
def test_populations_that_do_not_match_are_refused_by_name():
    census = make_census("country")
    calls: list[tuple[Population | Any, str]] = [
        (with_labels(educ={"school": "primary"}), "educ: 'primary' .* is not in the analysis"),
        (with_labels(educ={"school": "1", "college": "2", "apprentice": "3"}), "educ: coded otherwise"),
        (population(census[census.cd != "far"], "country"), "cd: 'far' is not in the population"),
        (with_labels(country={"DE": "Germany"}), "country: 'Germany' .* is not in the analysis"),
        (with_labels(country={"DE": "D", "PL": "P", "UK": "U"}), "country: coded otherwise"),
        (with_labels(age={"25": "18-35"}), "age: the analysis has numbers; the population has '18-35'"),
        (read_population(census, keys=("country", "educ", "cd"), size="n"), "age: the population does not have it"),
        (read_population(census, keys=("country", "cd", "age"), size="n"), "educ: the population does not have it"),
        (read_population(census.assign(wave="w1"), keys=("wave", "country", *PERSON), size="n"),
         "wave: a population by wave: choose one"),
        (census, "a Population is needed, got DataFrame"),
    ]  # fmt: skip
    for people, words in calls:
        for call in (ac.levels, ac.marginal_means, ac.amce, ac.shift):
            with pytest.raises(PredictError, match=words):
                call(fit(), population=people)
    with pytest.raises(PredictError, match="negative"):
        read_population(census.assign(n=-census.n), keys=("country", *PERSON), size="n")


def test_a_spec_without_groups_has_one_kind_of_people_in_each_country():
    terms = (Level(("country",)), Level(("ally",)), Shift("act"), Gap())
    spec = replace(SPEC, terms=terms, attributes=(), groups=(), restrictions=(), covariates=())
    of = fit_of(spec, read(make_people()))
    people = read_population(make_census("country"), keys=("country", *PERSON), size="n")
    a, b = (ac.levels(of, by="country", population=p).draws.values for p in (people, None))
    np.testing.assert_allclose(a, b, atol=1e-12)
    cells = make_cells(spec, [read(make_people())])
    assert make_design(spec, cells).pooled


def test_a_spec_with_groups_alone_has_no_row_for_groups_that_nobody_is_in():
    spec = replace(SPEC, terms=(Level(("country",)), Level(("educ",)), Level(("educ", "cd"))), attributes=(),
                   restrictions=(), covariates=())  # fmt: skip
    of = fit_of(spec, read(make_people().drop(columns=["age", *PROFILE])))
    census = make_census("country")
    people = read_population(census, keys=("country", "educ", "cd"), size="n")
    found = ac.levels(of, by=("country", "educ"), population=people)
    post, wanted = of.posterior.isel(chain=0), {}
    for (c, e), own in census[census.n > 0].groupby(["country", "educ"]):
        size = own.groupby("cd").n.sum()
        eta = post["intercept"] + post["level_country"].sel(country=c) + post["level_educ"].sel(educ=e)
        each = 100 / (1 + np.exp(-eta - post["level_educ_cd"].sel(educ=e)))
        wanted[(str(c), str(e))] = sum(each.sel(cd=d).values * n for d, n in size.items()) / size.sum()
    assert ("UK", "apprentice") not in wanted
    check(found, ("country", "educ"), wanted)


def test_estimands_of_a_spec_are_over_its_population_where_they_say_so():
    of, people = fit(), population(make_census("country", "population"), "country", "population")
    pairs: list[tuple[Estimand, Estimate]] = [
        (Estimand("levels", by=("educ",)), ac.levels(of, by="educ", population=people)),
        (Estimand("change", waves=("w1", "w2")), ac.change(of, "w1", "w2", by=(), population=people)),
        (Estimand("shift", signal="act", by=("cd",)), ac.shift(of, by="cd", population=people)),
        (Estimand("gap", by=("ally",)), ac.gap(of, by="ally", poststratify=people)),
        (Estimand("comparison", covariate="vote", high=0.4), ac.comparison(of, "vote", high=0.4, population=people)),
        (Estimand("marginal_means", attributes=("oath",), profiles="uniform"),
         ac.marginal_means(of, "oath", profiles="uniform", population=people)),
        (Estimand("amce", attributes=("oath",), by=("educ",)), ac.amce(of, "oath", by="educ", population=people)),
        (Estimand("moderation", attributes=("power",), moderator="educ"),
         ac.moderation(of, "power", "educ", population=people)),
    ]  # fmt: skip
    for estimand, wanted in pairs:
        asked_for = replace(estimand, poststratify=True)
        found = ac.evaluate(of, asked_for, people)
        np.testing.assert_array_equal(found.draws.values, wanted.draws.values)
        assert [found.labels(i) for i in range(len(found))] == [wanted.labels(i) for i in range(len(wanted))]
        other = ac.evaluate(of, estimand, people)  # over those asked, although there is a population
        assert len(other) != len(found) or not np.allclose(other.draws.values, found.draws.values, atol=1e-3)
        with pytest.raises(SpecError, match="is poststratified: give evaluate"):
            ac.evaluate(of, asked_for)
