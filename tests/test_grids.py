"""Grids of specifications: each differs in what it says and in nothing else."""

import datetime as dt
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from alliancecred import crossing, data_grids, grids, specifications
from alliancecred.cells import make_cells
from alliancecred.declared import Attribute
from alliancecred.errors import SpecError
from alliancecred.events import Signal, Wave
from alliancecred.priors import HalfNormal, Normal
from alliancecred.simulation import simulate
from alliancecred.sources import DataReport, Survey, Topline, Toplines
from alliancecred.spec import Estimand, Spec
from alliancecred.spec_file import models_dir, read_spec
from alliancecred.terms import FACTORS, Cuts, Effect, Gap, Level, Shift, Trend

ANSWERS = ("never", "rarely", "often", "always")
SPEC = Spec(
    "small", ANSWERS, ANSWERS[2:],
    (
        Level(("country",), HalfNormal(0.4)), Level(("ally",)), Level(("country", "ally"), HalfNormal(0.2)),
        Shift("act"),
        Shift("act", by=("ally",), roles=("other",), correlated=True), Gap(), Trend(scale=HalfNormal(0.3)),
        Cuts(spacing=Normal(0.1, 0.7)),
    ),
    waves=tuple(Wave(f"w{m}", dt.date(2025, m, 1), dt.date(2025, m, 9)) for m in (1, 2, 4)),
    signals=(Signal("act", "US", dt.date(2025, 3, 3)),), countries=("DE", "PL", "UK"), allies=("FR", "US"),
    estimands=(Estimand("shift"), Estimand("levels", by=("country",), countries=("PL",)),
               Estimand("levels", by=("wave",), waves=("w1", "w2"))),
    names=(("PL", "Poland"),),
)  # fmt: skip


def survey(spec=SPEC, seed=1) -> Survey:
    rng = np.random.default_rng(seed)
    rows = [
        (c, a, "", w.name, p, k, int(rng.integers(3, 30)), "")
        for c in ("DE", "PL", "UK") for a in ("FR", "US") for w in SPEC.waves for p in ("public", "elite")
        for k in range(len(spec.answers)) if p == "public" or c == "UK"
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=[*FACTORS, "answer", "count", "respondent"])
    return Survey(table, spec.answers, spec.top, DataReport("made up", ()))


def published(*countries: str) -> Toplines:
    lines = tuple(
        Topline(dict(zip(FACTORS, (c, "US", "", "w1", "public"), strict=True)), ((2, 3), (0, 1)), (0.35,), (0.45,),
                np.array([20]), np.array([1.0]), ("40",), "x")
        for c in countries
    )  # fmt: skip
    return Toplines(lines, SPEC.answers, SPEC.top, 0.0, DataReport("made", ()))


def differences(one: Spec, other: Spec) -> set[str]:
    return {f.name for f in fields(Spec) if getattr(one, f.name) != getattr(other, f.name)}


# --- which answers count --------------------------------------------------------------------------
def test_every_set_of_highest_answers_may_count_and_nothing_else_changes():
    grid = data_grids.answers_grid(SPEC, survey(), published("PL"))
    assert [a.spec.top for a in grid.values()] == [ANSWERS[2:], ANSWERS[3:], ANSWERS[1:]]
    for name, analysis in grid.items():
        assert name == "top " + " + ".join(analysis.spec.top)
        assert differences(SPEC, analysis.spec) <= {"top"}
        assert all(s.top == analysis.spec.top for s in analysis.sources)
        pd.testing.assert_frame_equal(analysis.sources[0].table, survey().table)
        make_cells(analysis.spec, analysis.sources)


def test_sets_of_answers_are_put_in_order_and_the_declared_one_is_there_once():
    grid = data_grids.answers_grid(SPEC, survey(), tops=[("always", "often"), ("always",), ["always", "rarely"]])
    assert [a.spec.top for a in grid.values()] == [("often", "always"), ("always",), ("rarely", "always")]


@pytest.mark.parametrize(
    ("tops", "words"),
    [
        ([("sometimes",)], "not an answer: .'sometimes'"),
        ([ANSWERS], "tells nobody apart"),
        ([()], "tells nobody apart"),
    ],
)
def test_sets_that_tell_nobody_apart_are_refused(tops, words):
    with pytest.raises(SpecError, match=words):
        data_grids.answers_grid(SPEC, survey(), tops=tops)


def test_of_two_answers_there_is_no_choice():
    with pytest.raises(SpecError, match="two answers"):
        data_grids.answers_grid(Spec("demo", ("no", "yes"), ("yes",), (Level(("country",)),)), survey())


# --- without a term -------------------------------------------------------------------------------
def test_terms_go_one_at_a_time_but_not_those_an_estimand_or_another_term_needs():
    grid = grids.terms_grid(SPEC)
    gone = {name: set(SPEC.terms) - set(spec.terms) for name, spec in grid.items()}
    assert gone == {
        "as declared": set(),
        "without level by country": {SPEC.terms[0]},
        "without level by country and ally": {SPEC.terms[2]},
        "without shift act by ally (other)": {SPEC.terms[4]},
        "without gap elite": {SPEC.terms[5]},
        "without trend": {SPEC.terms[6]},
    }  # the level by ally is correlated with the shift by ally, the shift is asked for, cuts have a grid of their own
    for spec in grid.values():
        assert differences(SPEC, spec) <= {"terms"}
        assert [t for t in SPEC.terms if t in spec.terms] == list(spec.terms)


def test_what_is_asked_for_stays():
    asked = {"gap": Estimand("gap"), "levels": Estimand("levels")}
    for name, stays in {"gap": True, "levels": False}.items():
        found = grids.terms_grid(replace(SPEC, estimands=(asked[name],)))
        assert ("without gap elite" not in found) == stays
        assert "without shift act" in found
    with pytest.raises(SpecError, match="no term can go: level by country"):
        grids.terms_grid(Spec("demo", ("no", "yes"), ("yes",), (Level(("country",)),)))


def test_the_only_term_of_an_attribute_that_is_asked_for_stays():
    arms = (Attribute("regime", ("autocracy", "democracy"), "autocracy"), Attribute("stakes", ("low", "high"), "low"))
    terms = (Level(("country",)), Effect(("regime",)), Effect(("stakes",)), Level(("regime", "country")))
    spec = Spec("demo", ("no", "yes"), ("yes",), terms, attributes=arms, estimands=(Estimand("amce"),))
    assert list(grids.terms_grid(spec)) == [
        "as declared", "without level by country", "without effect regime", "without level by regime and country",
    ]  # fmt: skip
    only = replace(spec, estimands=(Estimand("amce", attributes=("regime",)),))
    assert "without effect stakes" in grids.terms_grid(only)


# --- few groups -----------------------------------------------------------------------------------
def scales(spec: Spec) -> list[float]:
    return [getattr(getattr(t, "scale", None), "sd", np.nan) for t in spec.terms]


def test_scales_of_few_groups_are_varied_together_and_no_others():
    grid = grids.few_groups_grid(SPEC, factors=(0.25, 4.0))
    base = np.array(scales(SPEC))
    for spec, factor in zip(grid.values(), (1.0, 0.25, 4.0), strict=True):
        # country 3, ally 2, country × ally 6, the unpooled shift, ally 2, the unpooled gap, two steps, common cuts
        expected = [factor, factor, 1.0, 1.0, factor, 1.0, factor, 1.0]
        np.testing.assert_allclose(np.array(scales(spec)) / base, [*expected[:7], 1.0])
        assert differences(SPEC, spec) <= {"terms"}
        assert [replace(t, scale=HalfNormal(1.0)) if hasattr(t, "scale") else t for t in spec.terms] == [
            replace(t, scale=HalfNormal(1.0)) if hasattr(t, "scale") else t for t in SPEC.terms
        ]


def test_levels_are_counted_in_the_data_if_they_are_given():
    six = replace(SPEC, countries=("DE", "PL", "UK", "FR", "IT", "ES"))
    assert 0 not in grids.few_terms(six, {"country": 6, "ally": 2, "wave": 3})
    by_data = grids.few_groups_grid(six, survey(), factors=(2.0,))["scales of few groups × 2"]
    assert by_data.terms[0].scale.sd == 0.8  # three of the six were asked
    undeclared = replace(SPEC, countries=())
    with pytest.raises(SpecError, match=r"levels of country → give the data too"):
        grids.few_groups_grid(undeclared)
    assert len(grids.few_groups_grid(undeclared, survey())) == 5
    with pytest.raises(SpecError, match="5 groups or fewer"):
        grids.few_groups_grid(replace(six, terms=six.terms[:1]))
    with pytest.raises(SpecError, match="positive"):
        grids.few_groups_grid(SPEC, factors=(0.0,))


def test_cuts_by_country_have_their_scale_varied_not_their_spacing():
    spec = replace(SPEC, terms=(Level(("country",)), Cuts(("country",))))
    (cuts,) = grids.few_groups_grid(spec, factors=(2.0,))["scales of few groups × 2"].terms[1:]
    assert (cuts.scale.sd, cuts.spacing) == (0.6, Cuts().spacing)


# --- without a country ----------------------------------------------------------------------------
def test_each_level_is_left_out_in_turn_with_all_its_rows():
    sources = survey(), published("PL", "DE"), published("PL")
    grid = data_grids.without_grid(SPEC, *sources)
    assert list(grid) == ["as declared", "without DE", "without Poland", "without UK"]
    without = grid["without Poland"]
    assert set(without.sources[0].table.country) == {"DE", "UK"}
    pd.testing.assert_frame_equal(
        without.sources[0].table, survey().table[lambda t: t.country != "PL"].reset_index(drop=True)
    )
    assert [r.labels["country"] for r in without.sources[1].rows] == ["DE"]
    assert len(without.sources) == 2  # nothing is left of the third
    assert len(grid["without DE"].sources) == 3
    assert without.spec.countries == SPEC.countries
    assert [e.of for e in without.spec.estimands] == ["shift", "levels"]
    assert [e.countries for e in grid["without DE"].spec.estimands] == [(), ("PL",), ()]
    for analysis in grid.values():
        make_cells(analysis.spec, analysis.sources)


def test_other_factors_and_combinations_can_be_left_out():
    waves = data_grids.without_grid(SPEC, survey(), by="wave")
    assert [e.waves for e in waves["without w4"].spec.estimands] == [(), (), ("w1", "w2")]
    assert [e.of for e in waves["without w2"].spec.estimands] == ["shift", "levels"]
    both = data_grids.without_grid(SPEC, survey(), by=("country", "population"))
    assert list(both)[1:] == ["without DE, public", "without Poland, public", "without UK, public", "without UK, elite"]
    left = both["without UK, elite"].sources[0].table
    assert len(left) == len(survey().table) - 24
    assert set(left.population) == {"public"}
    with pytest.raises(SpecError, match="one level"):
        data_grids.without_grid(SPEC, survey(), by="target")


def test_what_was_varied_at_random_is_not_left_out():
    spec = Spec("demo", ("no", "yes"), ("yes",), (Effect(("regime",)),),
                attributes=(Attribute("regime", ("autocracy", "democracy"), "autocracy"),))  # fmt: skip
    with pytest.raises(SpecError, match="regime was varied at random → one of country"):
        data_grids.without_grid(spec, survey(), by="regime")


# --- all combinations -----------------------------------------------------------------------------
def test_a_multiverse_is_every_combination_and_its_names_say_what_differs():
    grid = crossing.multiverse(
        SPEC, survey(), tops=[("always",)], populations=[("public",)], factors=(0.5, 2.0), terms=True,
        fields={"self_ratings": ("apart", "merged")}, most=144,
    )  # fmt: skip
    assert len(grid) == 2 * 3 * 2 * (6 + 5)  # without elites there is no gap to leave out
    assert next(iter(grid)) == "as declared"
    declared = grid["as declared"]
    assert declared.spec == SPEC
    pd.testing.assert_frame_equal(declared.sources[0].table, survey().table)
    one = grid["without trend; top always; only public; priors × 0.5; self ratings merged"]
    assert one.spec.top == one.sources[0].top == ("always",)
    assert set(one.sources[0].table.population) == {"public"}
    assert one.spec.intercept.sd == 0.75
    assert one.spec.terms == tuple(grids.scaled(t, 0.5) for t in SPEC.terms if not isinstance(t, Gap | Trend))
    assert one.spec.self_ratings == "merged"
    assert dict(one.choices) == {
        "answers that count": "always", "people asked": "public", "priors": "× 0.5", "terms": "without trend",
        "self_ratings": "merged",
    }  # fmt: skip
    assert len({a.choices for a in grid.values()}) == len(grid)
    assert dict(declared.choices)["priors"] == "as declared"


def test_too_many_specifications_are_refused_unless_told():
    options = {"tops": [("always",)], "terms": True, "factors": (0.5, 2.0)}
    with pytest.raises(SpecError, match=r"36 specifications \(6 terms × 2 answers that count × 3 priors\).*most=36"):
        crossing.multiverse(SPEC, survey(), **options, most=35)
    assert len(crossing.multiverse(SPEC, survey(), **options, most=36)) == 36
    with pytest.raises(SpecError, match="nothing is varied"):
        crossing.multiverse(SPEC, survey())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"populations": [("elites",)]}, "'elites' was not asked"),
        ({"populations": [()]}, "a set is empty"),
        ({"fields": {"terms": ((),)}}, "'terms' is no field that can be varied"),
        ({"fields": {"self_ratings": ("together",)}}, "self ratings together: self_ratings"),
        ({"factors": (-1.0,)}, "positive"),
    ],
)
def test_choices_that_make_no_sense_are_refused(wrong, words):
    with pytest.raises(SpecError, match=words):
        crossing.multiverse(SPEC, survey(), **wrong)


def test_what_was_chosen_stands_in_the_frame(monkeypatch):
    def fake(value, seed, *, draws, method):
        design, _, _ = value
        if design.spec.intercept.sd > 2:
            return {"rows": [{"status": "failed: x"}], "method": method}
        return {"rows": [{"estimand": "shift", "role": "sender", "mean": 1.0, "status": "passed"}], "method": method}

    monkeypatch.setattr(specifications, "_summarise", fake)
    no_trend = replace(SPEC, terms=tuple(t for t in SPEC.terms if not isinstance(t, Trend)))
    grid = crossing.multiverse(no_trend, survey(), tops=[("always",)], factors=(2.0,))
    frame = specifications.sensitivity(grid, progressbar=False, n_jobs=1)
    assert frame["choice: answers that count"].tolist() == ["often + always"] * 2 + ["always"] * 2
    assert frame["choice: priors"].tolist() == ["as declared", "× 2"] * 2
    assert frame["mean"].isna().tolist() == [False, True] * 2
    assert list(frame)[:4] == ["specification", "choice: answers that count", "choice: priors", "estimand"]


def test_a_specification_that_does_not_match_its_data_is_named():
    fine = replace(SPEC, terms=SPEC.terms[:3])
    grid = {"fine": fine, "bad": replace(fine, countries=("DE",))}
    with pytest.raises(SpecError, match="'bad': country"):
        specifications.sensitivity(grid, survey(), progressbar=False)


def test_what_some_cannot_answer_is_a_row_and_what_none_can_is_an_error(monkeypatch):
    spec = replace(read_spec(models_dir() / "retrenchment_simulated.toml"), estimands=())
    made = simulate(spec, random_seed=1)
    made.truth.idata.attrs["method"] = "laplace"
    monkeypatch.setattr(
        specifications, "refit",
        lambda design, cells, seed, **_: replace(made.truth, spec=design.spec, design=design, cells=cells),
    )  # fmt: skip
    monkeypatch.setattr(specifications, "summary", lambda estimates: pd.DataFrame({"mean": [1.0], "status": "passed"}))
    grid = data_grids.without_grid(spec, made.survey)
    options = {"progressbar": False, "n_jobs": 1}
    table = specifications.sensitivity(grid, estimands=[Estimand("levels", countries=("PL",))], **options)
    assert table["mean"].isna().tolist() == [n == "without Poland" for n in table.specification]
    assert "country 'PL' was not asked" in table.set_index("specification").status["without Poland"]
    with pytest.raises(SpecError, match="'XX' was not asked"):
        specifications.sensitivity(grid, estimands=[Estimand("levels", countries=("XX",))], **options)


def test_gaps_go_with_the_population_that_is_left_out():
    spec = replace(SPEC, estimands=(Estimand("gap"), Estimand("shift")))
    grid = data_grids.without_grid(spec, survey(), by="population")
    for name in ("without public", "without elite"):
        less = grid[name].spec
        assert [e.of for e in less.estimands] == ["shift"]
        assert set(spec.terms) - set(less.terms) == {SPEC.terms[5]}
