"""Marginal means, effects of attributes, moderation: sums over people and profiles written from the definitions.

Hainmueller, Hopkins & Yamamoto (2014), section 3; Leeper, Hobolt & Tilley (2020), sections 2-3.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from vignettes import (
    ANSWERS,
    EDUC,
    NEVER,
    OATH,
    POWER,
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
    read,
    spec_of,
    with_draws,
)
from vignettes import profiles as may_be_shown

import alliancecred as ac
from alliancecred import effects, profiles
from alliancecred.cells import make_cells
from alliancecred.declared import Attribute, Restriction
from alliancecred.errors import SpecError
from alliancecred.estimate import Estimate
from alliancecred.fitting import Fit, fit_design
from alliancecred.gaussian import Gaussian
from alliancecred.identify import make_design
from alliancecred.priors import Flat, Normal
from alliancecred.simulation import draw_prior
from alliancecred.spec import Spec
from alliancecred.terms import Effect, Level

ATTRIBUTES = {a.name: a for a in (REGIME, POWER, OATH)}
WAYS = ("design", "uniform", "shares")
SHARES = {"regime": {"hybrid": 0.6, "democracy": 0.3, "autocracy": 0.1}, "power": {"weak": 20.0, "strong": 80.0}}


@cache
def fit(answers: int = 2) -> Fit:
    return fit_of(spec_of(answers), read(make_people(answers=answers), answers))


@cache
def plain(answers: int = 2) -> Plain:
    return Plain(fit(answers))


@cache
def people(answers: int = 2) -> tuple[dict, ...]:
    return tuple(make_people(answers=answers).to_dict("records"))


@cache
def questions(country: str, population: str, way: str, answers: int = 2) -> tuple[tuple[Kind, ...], tuple[float, ...]]:
    """Whom and what a place is averaged over, and how often each counts."""
    own = [p for p in people(answers) if (p["country"], p["population"]) == (country, population)]
    if way == "design":
        return tuple(own), (1.0,) * len(own)
    kinds: list[Kind] = []
    weight: list[float] = []
    for person, shown in product(own, may_be_shown()):
        kinds.append({**person, **dict(zip(PROFILE, shown, strict=True))})
        share = SHARES["regime"][shown[0]] * SHARES["power"][shown[1]] / 100 * 0.5
        weight.append(share if way == "shares" else 1.0)
    return tuple(kinds), tuple(weight)


def profiles_of(way: str) -> profiles.Profiles:
    return SHARES if way == "shares" else way  # type: ignore[return-value]


def marginal(row: Cell, way: str, answer: str = "top", answers: int = 2, **where: str) -> np.ndarray | None:
    """Mean of those questions of a place that have these levels."""
    kinds, weight = questions(row[0], row[3], way, answers)
    some = [(k, w) for k, w in zip(kinds, weight, strict=True) if all(k[f] == x for f, x in where.items())]
    # equal kinds are added up, so that each is evaluated once
    counted: dict[tuple, float] = {}
    for k, w in some:
        key = tuple(k[f] for f in (*PROFILE, "educ", "cd", "age"))
        counted[key] = counted.get(key, 0.0) + w
    each = [at(dict(zip((*PROFILE, "educ", "cd", "age"), key, strict=True)), row) for key in counted]
    return mean(each, list(counted.values()), lambda k: plain(answers).value(k, answer))


def counts(kind: Kind, attribute: str, levels: Sequence[str]) -> bool:
    """Whether the rest of a question may be shown with each of these levels."""
    return all({**kind, attribute: x}["regime"] != "autocracy" or {**kind, attribute: x}["oath"] != "sworn"
               for x in levels)  # fmt: skip


def component(row: Cell, attribute: str, level: str, base: str, way: str, answer: str = "top", answers: int = 2,
              **where: str) -> np.ndarray | None:  # fmt: skip
    """Mean of switching an attribute from ``base`` to ``level`` with the same person and the same rest."""
    kinds, weight = questions(row[0], row[3], way, answers)
    some = [(k, w) for k, w in zip(kinds, weight, strict=True) if all(k[f] == x for f, x in where.items())
            and counts(k, attribute, (level, base))]  # fmt: skip
    counted: dict[tuple, float] = {}
    rest = tuple(f for f in (*PROFILE, "educ", "cd", "age") if f != attribute)
    for k, w in some:
        key = tuple(k[f] for f in rest)
        counted[key] = counted.get(key, 0.0) + w
    each = [at(dict(zip(rest, key, strict=True)), row) for key in counted]
    value = plain(answers).value
    return mean(each, list(counted.values()),
                lambda k: value({**k, attribute: level}, answer) - value({**k, attribute: base}, answer))  # fmt: skip


def check(found: Estimate, keys: Sequence[str], wanted: dict[tuple[str, ...], np.ndarray]) -> None:
    rows = {tuple(found.labels(i)[k] for k in keys): i for i in range(len(found))}
    assert set(rows) == set(wanted)
    assert len(rows) == len(found)
    for key, values in wanted.items():
        np.testing.assert_allclose(found.draws.values[0, :, rows[key]], values, rtol=0, atol=1e-9, err_msg=str(key))


@cache
def rows_of(country: str | None = None, populations: tuple[str, ...] = ("public",)) -> list[Cell]:
    return [r for r in asked(make_people(), populations) if country in (None, r[0])]


# --- marginal means -------------------------------------------------------------------------------
@pytest.mark.parametrize("way", WAYS)
def test_marginal_means(way):
    wanted = {(a.name, x): equally(rows_of(), lambda r, a=a, x=x: marginal(r, way, **{a.name: x}))
              for a in ATTRIBUTES.values() for x in a.levels}  # fmt: skip
    found = ac.marginal_means(fit(), profiles=profiles_of(way))
    check(found, ("attribute", "level"), wanted)
    labels = [(found.labels(i)["attribute"], found.labels(i)["level"]) for i in range(len(found))]
    assert labels == [(a.name, x) for a in ATTRIBUTES.values() for x in a.levels]  # in the order declared
    assert (found.unit, found.identification) == ("percent", "randomised")
    assert "equal weights over 3 countries" in found.averaged


@pytest.mark.parametrize("answer", ["top", "mean", "maybe", "no"])
def test_marginal_means_of_ordered_answers(answer):
    wanted = {(x,): equally(rows_of(), lambda r, x=x: marginal(r, "design", answer, 3, regime=x))
              for x in REGIME.levels}  # fmt: skip
    check(ac.marginal_means(fit(3), "regime", answer=answer), ("level",), wanted)


def test_marginal_means_broken_down_where_a_country_lacks_a_level():
    wanted = {(c, e, x): equally(rows_of(c), lambda r, e=e, x=x: marginal(r, "design", educ=e, power=x))
              for c, e, x in product(("PL", "UK", "DE"), EDUC.levels, POWER.levels)
              if (c, e) != ("UK", "apprentice")}  # fmt: skip
    check(ac.marginal_means(fit(), "power", by=("country", "educ")), ("country", "educ", "level"), wanted)
    of_elites = {(g, x): equally(rows_of(None, (g,)), lambda r, x=x: marginal(r, "uniform", power=x))
                 for g, x in product(("public", "elite"), POWER.levels)}  # fmt: skip
    found = ac.marginal_means(fit(), "power", by="population", profiles="uniform")
    check(found, ("population", "level"), of_elites)
    given = {(x, o): equally(rows_of(), lambda r, x=x, o=o: marginal(r, "design", regime=x, oath=o))
             for x, o in product(REGIME.levels, OATH.levels) if (x, o) != ("autocracy", "sworn")}  # fmt: skip
    check(ac.marginal_means(fit(), "regime", by="oath"), ("level", "oath"), given)
    one = {(x,): equally(rows_of("DE"), lambda r, x=x: marginal(r, "shares", oath=x)) for x in OATH.levels}
    check(ac.marginal_means(fit(), "oath", profiles=SHARES, countries=("DE",)), ("level",), one)


def test_shares_are_what_they_are_divided_by_their_sum():
    as_parts = {**SHARES, "power": {"weak": 0.2, "strong": 0.8}}
    a, b = (ac.marginal_means(fit(), "regime", profiles=x).draws.values for x in (SHARES, as_parts))
    np.testing.assert_allclose(a, b, atol=1e-11)
    alike = {a.name: dict.fromkeys(a.levels, 1 / len(a.levels)) for a in ATTRIBUTES.values()}
    a, b = (ac.marginal_means(fit(), profiles=x).draws.values for x in (alike, "uniform"))
    np.testing.assert_allclose(a, b, atol=1e-11)
    never = {"power": {"weak": 0.0, "strong": 1.0}}
    assert set(ac.marginal_means(fit(), "power", profiles=never).draws["level"].values) == {"strong"}


def test_levels_by_an_attribute_are_its_marginal_means():
    shown = make_people()
    some = shown[(shown.ally == "US") & (shown.wave == "w2")]
    spec = replace(SPEC, terms=tuple(t for t in SPEC.terms if t != Level(("ally",)) and t.tag != "shift"))
    of = fit_of(spec, read(some))
    for by in ((), ("country",)):
        a = ac.levels(of, by=(*by, "regime"))
        b = ac.marginal_means(of, "regime", by=by)
        keys = [tuple(a.labels(i)[k] for k in (*by, "regime")) for i in range(len(a))]
        mine = {tuple(b.labels(i)[k] for k in (*by, "level")): i for i in range(len(b))}
        np.testing.assert_allclose(a.draws.values, b.draws.values[..., [mine[k] for k in keys]], atol=1e-10)


# --- effects of attributes ------------------------------------------------------------------------
@pytest.mark.parametrize("way", WAYS)
def test_effects_count_only_profiles_that_may_be_shown_with_both_levels(way):
    wanted = {
        (a.name, f"{x} − {a.baseline}"): equally(
            rows_of(), lambda r, a=a, x=x: component(r, a.name, x, a.baseline, way)
        )
        for a in ATTRIBUTES.values()
        for x in a.levels
        if x != a.baseline
    }
    found = ac.amce(fit(), profiles=profiles_of(way))
    check(found, ("attribute", "level"), wanted)
    assert (found.unit, found.identification) == ("percentage points", "randomised")
    assert "4 comparisons" in found.notes[-1]
    # after minus before are the two arms
    np.testing.assert_allclose(found.after.values - found.before.values, found.draws.values, atol=1e-10)


def test_effects_with_another_baseline_answer_and_breakdown():
    wanted = {(c, x): equally(rows_of(c), lambda r, x=x: component(r, "regime", x, "autocracy", "design"))
              for c, x in product(("PL", "UK", "DE"), ("hybrid", "democracy"))}  # fmt: skip
    found = ac.amce(fit(), "regime", baseline={"regime": "autocracy"}, by="country")
    check(found, ("country", "level"), {(c, f"{x} − autocracy"): v for (c, x), v in wanted.items()})
    of_groups = {(e,): equally(rows_of(), lambda r, e=e: component(r, "oath", "sworn", "none", "uniform", educ=e))
                 for e in EDUC.levels}  # fmt: skip
    check(ac.amce(fit(), "oath", by="educ", profiles="uniform"), ("educ",), of_groups)
    given = {(p, "hybrid − democracy"): equally(
        rows_of(), lambda r, p=p: component(r, "regime", "hybrid", "democracy", "design", power=p))
        for p in POWER.levels}  # fmt: skip
    found = ac.amce(fit(), "regime", by="power")
    check(found.rows(np.flatnonzero(found.draws["level"].values == "hybrid − democracy")), ("power", "level"), given)
    scores = {(g,): equally(
        rows_of(None, (g,)), lambda r: component(r, "power", "strong", "weak", "design", "mean", 3))
        for g in ("public", "elite")}  # fmt: skip
    found = ac.amce(fit(3), "power", by="population", answer="mean")
    check(found, ("population",), scores)
    assert found.unit == "scale points"


def test_an_effect_apart_between_countries_or_groups_is_described_not_randomised():
    of = ac.amce(fit(), "regime", by="country")
    level = str(of.draws["level"].values[0])
    between = ac.contrast(of.at(country="PL", where={"level": level}), of.at(country="DE", where={"level": level}))
    assert between.identification == "descriptive"
    groups = ac.amce(fit(), "oath", by="educ", profiles="uniform")
    assert ac.contrast(groups.rows(np.array([0])), groups.rows(np.array([1]))).identification == "descriptive"
    drawn = ac.amce(fit(), "regime", by="power").at(where={"level": level})
    assert ac.contrast(drawn.rows(np.array([0])), drawn.rows(np.array([1]))).identification == "randomised"
    means = ac.marginal_means(fit(), "regime")
    assert ac.contrast(means.rows(np.array([0])), means.rows(np.array([1]))).identification == "randomised"


def test_kinds_that_are_equal_are_one_before_any_is_left_out(monkeypatch):
    # Once wrong (effects._effect): cells of other waves and allies counted as other kinds, and exactness was lost.
    exact = ac.amce(fit(), "power").draws.values
    people_of = {(p["country"], *(p[f] for f in ("regime", "oath", "educ", "cd", "age"))) for p in people()}
    most = max(sum(k[0] == c for k in people_of) for c in ("PL", "UK", "DE"))
    monkeypatch.setattr(effects, "AT_MOST", most)
    np.testing.assert_allclose(ac.amce(fit(), "power").draws.values, exact, atol=1e-10)


def test_thinned_effects_are_close_repeatable_and_keep_small_groups(monkeypatch):
    exact = ac.amce(fit(), "power").draws.values
    by_group = ac.amce(fit(), "oath", by="educ")
    monkeypatch.setattr(effects, "AT_MOST", 40)
    some, again = (ac.amce(fit(), "power") for _ in range(2))
    np.testing.assert_array_equal(some.draws.values, again.draws.values)
    assert 0 < np.abs(some.draws.values - exact).max() < 2.5
    assert any("at most 40 profiles per country, drawn" in n for n in some.notes)
    # Once wrong (effects._effect): kinds were thinned within a country, and a small group could be lost.
    monkeypatch.setattr(effects, "AT_MOST", 2)
    few = ac.amce(fit(), "oath", by=("country", "educ"))
    monkeypatch.undo()
    assert len(few) == len(ac.amce(fit(), "oath", by=("country", "educ"))) == 8
    assert len(by_group) == 3


# --- moderation -----------------------------------------------------------------------------------
def test_moderation_is_a_difference_of_marginal_means_where_both_sides_are():
    # Once wrong (experiments.moderation): elites of one country were compared with the publics of three, and a group
    # with others also of countries that have nobody in it.
    def of_group(x: str, base: str, regime: str) -> np.ndarray:
        def differ(r: Cell) -> np.ndarray | None:
            a, b = (marginal(r, "design", regime=regime, educ=e) for e in (x, base))
            return None if a is None or b is None else a - b

        return equally(rows_of(), differ)

    for reference, others in (("", ("college", "apprentice")), ("apprentice", ("school", "college"))):
        base = reference or "school"
        found = ac.moderation(fit(), "regime", "educ", reference=reference)
        wanted = {(f"{x} − {base}", level): of_group(x, base, level) for x in others for level in REGIME.levels}
        check(found, ("educ", "level"), wanted)
        order = [(found.labels(i)["educ"], found.labels(i)["level"]) for i in range(len(found))]
        assert order == list(wanted)
        assert (found.unit, found.identification) == ("percentage points", "descriptive")
    assert any(n == "college − apprentice: where both are, in PL, DE" for n in found.notes)

    def between(row: Cell, other: Cell, regime: str) -> np.ndarray:
        a, b = (marginal(r, "design", regime=regime) for r in (row, other))
        assert a is not None
        assert b is not None
        return a - b

    wanted = {}
    for c, level in product(("PL", "DE"), REGIME.levels):
        both = [(r, ("UK", *r[1:])) for r in rows_of(c) if ("UK", *r[1:]) in rows_of("UK")]
        wanted[(f"{c} − UK", level)] = sum(between(*x, level) for x in both) / len(both)
    check(ac.moderation(fit(), "regime", "country", reference="UK"), ("country", "level"), wanted)
    elites = [r for r in rows_of("UK", ("elite",)) if (*r[:3], "public") in rows_of("UK")]
    wanted = {("elite − public", level): equally(elites, lambda r, level=level: between(
        r, (*r[:3], "public"), level)) for level in REGIME.levels}  # fmt: skip
    found = ac.moderation(fit(), "regime", "population")
    check(found, ("population", "level"), wanted)
    assert "country UK" in found.averaged
    by_country = ac.moderation(fit(), "regime", "educ", by="country")
    assert not any(by_country.labels(i)["country"] == "UK" and "apprentice" in by_country.labels(i)["educ"]
                   for i in range(len(by_country)))  # fmt: skip
    assert any("apprentice" in n for n in by_country.notes)


def test_moderation_by_another_attribute_is_randomised_and_says_what_it_cannot_compare():
    found = ac.moderation(fit(), "regime", "oath")
    wanted = {(x,): equally(rows_of(), lambda r, x=x: marginal(r, "design", regime=x, oath="none"))
              - equally(rows_of(), lambda r, x=x: marginal(r, "design", regime=x, oath="sworn"))
              for x in ("hybrid", "democracy")}  # fmt: skip
    check(found, ("level",), wanted)
    assert set(found.draws["oath"].values) == {"none − sworn"}
    assert found.identification == "randomised"
    # Once wrong (experiments.moderation): what the reference lacks was left out in silence.
    assert any("autocracy" in n and "sworn" in n for n in found.notes)


# --- many profiles --------------------------------------------------------------------------------
MANY = tuple(Attribute(f"a{i}", tuple("cabd"), "a") for i in range(8))  # 65,536 profiles
MANY_SPEC = Spec(
    "many", ("no", "yes"), ("yes",), tuple(Effect((a.name,), Normal(0.0, 0.5)) for a in MANY),
    attributes=MANY, restrictions=(Restriction((("a0", ("c",)), ("a1", ("b", "d")))),),
)  # fmt: skip


def test_more_profiles_than_are_listed_are_drawn():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({a.name: rng.choice(list("abcd"), 3000) for a in MANY})
    table = table[~((table.a0 == "c") & table.a1.isin(["b", "d"]))]
    table = table.assign(country="PL", answer=rng.choice(["no", "yes"], len(table)))
    survey = ac.read_survey(table, roles=ac.Roles(country="country", answer="answer"), answers=("no", "yes"),
                            top=("yes",), traits={a.name: a.name for a in MANY})  # fmt: skip
    of = fit_of(MANY_SPEC, survey, draws=3)
    found, again = (ac.marginal_means(of, ("a0", "a1"), profiles="uniform") for _ in range(2))
    np.testing.assert_array_equal(found.draws.values, again.draws.values)
    assert len(profiles.profile_table(of.spec, of.cells.levels, profiles.profile_shares(of.spec, {}))[1]) == 20_000
    grid = np.array(np.meshgrid(*[range(4)] * 8, indexing="ij")).reshape(8, -1)
    shown = np.array(list("cabd"))[grid]
    keep = ~((shown[0] == "c") & np.isin(shown[1], ["b", "d"]))
    eta = of.posterior["intercept"].values.reshape(3, 1) * np.ones(keep.sum())
    for i in range(8):
        for x in "cbd":
            value = of.posterior[f"effect_a{i}"].sel({f"effect_a{i}_level": x}).values.reshape(3, 1)
            eta = eta + value * (shown[i][keep] == x)
    p = 100 / (1 + np.exp(-eta))
    for i in range(len(found)):
        own = shown[int(found.labels(i)["attribute"][1])][keep] == found.labels(i)["level"]
        exact, spread = p[:, own].mean(1), p[:, own].std(1)
        bound = 4 * spread / np.sqrt(20_000 * own.mean())  # Monte Carlo standard errors
        assert (np.abs(found.draws.values[0, :, i] - exact) < bound).all()


def test_people_times_profiles_are_drawn_as_well(monkeypatch):
    exact = ac.marginal_means(fit(), "regime", profiles="uniform").draws.values
    monkeypatch.setattr(profiles, "MOST", 600)
    found, again = (ac.marginal_means(fit(), "regime", profiles="uniform").draws.values for _ in range(2))
    np.testing.assert_array_equal(found, again)
    assert 0 < np.abs(found - exact).max() < 6


# --- what must not matter -------------------------------------------------------------------------
def turned(spec: Spec) -> Spec:
    back = [replace(f, levels=f.levels[::-1]) for f in (*spec.attributes, *spec.groups)]
    return replace(spec, attributes=tuple(back[:3]), groups=tuple(back[3:]), countries=spec.countries[::-1])


def test_orders_of_rows_and_of_declared_levels_do_not_matter():
    table = make_people()
    cells = make_cells(turned(SPEC), [read(table.sample(frac=1, random_state=1))])
    design = make_design(turned(SPEC), cells)
    names = {n: a.dims[2:] for n, a in fit().posterior.data_vars.items()}
    new = draw_prior(design, np.random.default_rng(0), 2)
    assert set(new) == set(names)
    orders = {f: list(v) for f, v in cells.levels.items()}
    orders |= {f"{v}_level": [design.coefficients[i].label for i in at] for v, at in design.variables.items()}
    same = fit().posterior.sel({d: orders[d] for d in fit().posterior.dims if d in orders})
    other = with_draws(turned(SPEC), cells, design, same)
    calls: list[Callable[[Fit], Estimate]] = [
        lambda f: ac.marginal_means(f, by="educ", profiles="uniform"),
        lambda f: ac.amce(f, by="country"),
        lambda f: ac.moderation(f, "power", "educ", reference="college"),
        lambda f: ac.levels(f, by=("educ", "regime")),
    ]
    for call in calls:
        one, two = call(fit()), call(other)
        mine = {one.labels(i).__repr__(): one.draws.values[..., i] for i in range(len(one))}
        assert len(one) == len(two)
        for i in range(len(two)):
            np.testing.assert_allclose(two.draws.values[..., i], mine[two.labels(i).__repr__()], atol=1e-9)


# --- the linear family ----------------------------------------------------------------------------
LINEAR = replace(
    SPEC, gaussian=Gaussian(), covariates=(), groups=(), waves=(), signals=(), intercept=Normal(0.0, 1e4),
    allies=(), terms=tuple(Effect(of, Flat()) for of in (("regime",), ("power",), ("oath",))),
)  # fmt: skip


def test_least_squares_coefficients_are_the_effects_and_give_back_the_raw_means():
    table = make_people(4)[lambda t: t.country == "PL"].drop(columns=["educ", "cd", "age", "ally", "wave"])
    roles = ac.Roles(country="country", population="population", answer="answer")
    survey = ac.read_survey(table, roles=roles, answers=ANSWERS[2], top=("yes",), traits={f: f for f in PROFILE})
    terms = tuple(Effect((f,)) for f in PROFILE)  # as draws from priors: those of flat ones are refused
    of = fit_of(replace(LINEAR, terms=terms), survey, draws=1)
    columns = {"effect_regime": [("regime", "hybrid"), ("regime", "autocracy")],
               "effect_power": [("power", "strong")], "effect_oath": [("oath", "sworn")]}  # fmt: skip
    x = np.column_stack([np.ones(len(table)), *(table[f] == v for pairs in columns.values() for f, v in pairs)])
    y = (table.answer == "yes").to_numpy(dtype=float)
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    post = of.posterior
    filled = {"intercept": post["intercept"] * 0 + beta[0]}
    for name, part in zip(columns, np.split(beta[1:], [2, 3]), strict=True):
        filled[name] = post[name] * 0 + part
    of = with_draws(of.spec, of.cells, of.design, post.assign(filled))
    for way in ("uniform", "design"):
        found = ac.amce(of, profiles=way).draws.values[0, 0]  # in the order of the attributes and their levels
        np.testing.assert_allclose(found, 100 * beta[1:], atol=1e-6)
    # residuals sum to zero in every level, so that averages over questions as they were shown are raw means
    means = ac.marginal_means(of)
    for i in range(len(means)):
        own = table[means.labels(i)["attribute"]] == means.labels(i)["level"]
        np.testing.assert_allclose(means.draws.values[0, :, i], 100 * y[own].mean(), atol=1e-6)


def test_the_posterior_mean_of_a_linear_model_with_flat_priors_is_least_squares():
    rng = np.random.default_rng(8)
    table = pd.DataFrame({f: rng.choice(ATTRIBUTES[f].levels, 3000) for f in ("regime", "power")})
    table["answer"] = np.where(rng.random(3000) < 0.3 + 0.2 * (table.power == "strong"), "yes", "no")
    survey = ac.read_survey(table.assign(country="PL"), roles=ac.Roles(country="country", answer="answer"),
                            answers=ANSWERS[2], top=("yes",), traits={f: f for f in ("regime", "power")})  # fmt: skip
    spec = replace(LINEAR, attributes=(REGIME, POWER), restrictions=(), terms=LINEAR.terms[:2])
    cells = make_cells(spec, [survey])
    of = fit_design(make_design(spec, cells), cells, random_seed=1, draws=2000, chains=4, method="laplace")
    x = np.column_stack([np.ones(3000), table.regime == "hybrid", table.regime == "autocracy", table.power == "strong"])
    y = (table.answer == "yes").to_numpy(dtype=float)
    beta = np.linalg.lstsq(x.astype(float), y, rcond=None)[0]
    found = ac.amce(of)
    sd = found.draws.values.std((0, 1))
    off = found.draws.values.mean((0, 1)) - 100 * beta[1:]
    assert (np.abs(off) < 4 * sd / np.sqrt(8000)).all()
    textbook = 100 * np.sqrt(np.diag(np.linalg.inv(x.T.astype(float) @ x)) * np.sum((y - x @ beta) ** 2) / 2996)[1:]
    np.testing.assert_allclose(sd, textbook, rtol=0.04)


# --- refusals -------------------------------------------------------------------------------------
def test_what_makes_no_sense_is_refused_by_name():
    bare = replace(fit(), spec=replace(SPEC, attributes=(), restrictions=()))
    no_base = replace(fit(), spec=replace(SPEC, attributes=(replace(REGIME, baseline=""), POWER, OATH)))
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: ac.marginal_means(bare), "declares no attributes"),
        (lambda: ac.marginal_means(fit(), "regim"), "no attribute 'regim': did you mean 'regime'"),
        (lambda: ac.marginal_means(fit(), by="educs"), "cannot break down by 'educs'"),
        (lambda: ac.amce(no_base, "regime"), "'regime' has no baseline: declare one"),
        (lambda: ac.amce(fit(), "regime", baseline={"regime": "tyranny"}), "has no level 'tyranny'"),
        (lambda: ac.amce(fit(), "regime", by="regime"), "cannot be in `by`"),
        (lambda: ac.amce(fit(), "regime", baseline={"regimes": "hybrid"}), "no attribute 'regimes'"),
        (lambda: ac.moderation(fit(), "regime", "educ", reference="none"), "'educ' needs two levels"),
        (lambda: ac.moderation(fit(), "regime", "educ", by="country", countries=("UK",), reference="apprentice"),
         "'educ' needs two levels"),
        (lambda: ac.moderation(fit(), "regime", "regime"), "'regime' is what is compared"),
        (lambda: ac.moderation(fit(), "regime", "cd", reference="far"), "'cd' needs two levels"),
        (lambda: ac.marginal_means(fit(), profiles="all"), "profiles are 'design', 'uniform' or shares"),
        (lambda: ac.marginal_means(fit(), profiles={"regime": {"hybrid": 1.0}}), "needs a share for each of"),
        (lambda: ac.marginal_means(fit(), profiles={"oath": {"sworn": 0.5, "none": 0.6}}), "sum to 1.1"),
        (lambda: ac.marginal_means(fit(), profiles={"oath": {"sworn": -0.5, "none": 1.5}}), "sum to 1"),
        (lambda: ac.marginal_means(fit(), profiles={"oaths": {}}), "no attribute 'oaths'"),
        (lambda: ac.marginal_means(fit(), countries=("FR",)), "country 'FR' was not asked"),
    ]  # fmt: skip
    for call, words in calls:
        with pytest.raises(SpecError, match=words):
            call()
    never = replace(NEVER, where=(("regime", ("autocracy",)), ("oath", ("sworn", "none"))))
    with pytest.raises(SpecError, match="no profile may be shown with regime 'autocracy' and with 'democracy'"):
        ac.amce(replace(fit(), spec=replace(SPEC, restrictions=(never,))), "regime", baseline=None)
