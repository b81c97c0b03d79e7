"""Attributes, groups and restrictions that a spec declares: refusals, cells, weights, blocks, predictor, priors."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from vignettes import (
    DISTRICT,
    EDUC,
    NEVER,
    OATH,
    POWER,
    PROFILE,
    REGIME,
    SPEC,
    TERMS,
    TRAITS,
    Plain,
    fit_of,
    make_people,
    read,
    spec_of,
)

import alliancecred as ac
from alliancecred.cautions import identification_warnings, warn_identification
from alliancecred.cells import make_cells
from alliancecred.declared import Attribute, Covariate, Group, Restriction
from alliancecred.errors import DataError, PredictError, SpecError
from alliancecred.fitting import fit_design
from alliancecred.identify import make_design
from alliancecred.predictor import fixed_matrix, linear_predictor, pooled_matrix
from alliancecred.priors import LKJ, HalfNormal, Normal
from alliancecred.simulation import draw_prior
from alliancecred.spec import Spec
from alliancecred.spec_check import check_spec
from alliancecred.summaries.words import row_names
from alliancecred.terms import Effect, Fixed, Level, Shift, Slope

PLACE = ["country", "ally", "wave", "population"]


def problems(**change: Any) -> str:
    with pytest.raises(SpecError) as caught:
        check_spec(replace(SPEC, **change))
    return "\n".join(map(str, caught.value.problems))


# --- the spec -------------------------------------------------------------------------------------
def test_the_spec_of_these_tests_is_sound_and_survives_its_file(tmp_path):
    check_spec(SPEC)
    path = tmp_path / "vignette.toml"
    path.write_text(ac.spec_to_toml(SPEC), encoding="utf-8")
    assert ac.read_spec(path) == SPEC
    assert SPEC.factors == ("country", "ally", "target", "wave", "population", *PROFILE, "educ", "cd")


@pytest.mark.bad(78)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"attributes": (replace(REGIME, levels=("hybrid",), baseline=""), POWER, OATH)}, "at least two levels"),
        ({"attributes": (replace(REGIME, levels=(*REGIME.levels, "hybrid")), POWER, OATH)}, "repeated levels"),
        ({"attributes": (replace(REGIME, levels=(*REGIME.levels, " ")), POWER, OATH)}, "an empty label"),
        ({"attributes": (replace(REGIME, baseline="democrazy"), POWER, OATH)}, "'democrazy' is not among the levels"),
        ({"attributes": (replace(REGIME, baseline=""), POWER, OATH)}, "'regime' has no baseline to compare with"),
        ({"attributes": (REGIME, REGIME, POWER, OATH)}, "'regime' already names something else"),
        ({"groups": (EDUC, DISTRICT, Group("regime", ("a", "b")))}, "'regime' already names something else"),
        ({"groups": (EDUC, DISTRICT, Group("age", ("a", "b")))}, "'age' already names something else"),
        ({"groups": (EDUC, DISTRICT, Group("ally", ("a", "b")))}, "'ally' already names something else"),
        ({"groups": (EDUC, DISTRICT, Group("Party", ("a", "b")))}, "lower case letters"),
        ({"restrictions": (Restriction((("regime", ("hybrid",)),)),)}, "at least two attributes"),
        ({"restrictions": (Restriction((("educ", ("school",)), ("oath", ("none",)))),)}, "'educ' has no level"),
        ({"restrictions": (Restriction((("oath", ("non",)), ("power", ("weak",)))),)}, "'oath' has no level 'non'"),
        ({"terms": (Effect(("regim",)),)}, "unknown declared factor 'regim'"),
        ({"terms": (Effect(("country",)),)}, "unknown declared factor 'country'"),
        ({"terms": (Effect(()),)}, "at least one attribute or group"),
        ({"terms": (Effect(("cd",)),)}, "'cd' has no baseline"),
        ({"terms": (Effect(("regime",), by=("country",)),)}, "one contrast, of two levels"),
        ({"terms": (Effect(("oath",), by=("oath",)),)}, "unknown factor 'oath'"),
        ({"terms": (Level(("edu",)),)}, "unknown factor 'edu'"),
        ({"terms": (Slope("age", by=("educ",), correlated=True),)}, "correlated with a level that is not there"),
        ({"terms": (Slope("age", signal="act", by=("educ",)),)}, "does not differ between groups yet"),
        ({"terms": (Fixed("x", (("educ", ("shool",)),)),)}, "unknown educ 'shool'"),
        ({"terms": (Level(("educ",)), Slope("age", by=("educ",), correlated=True),
                    Shift("act", by=("educ",), roles=("sender",), correlated=True))}, "correlated with the level of"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)  # fmt: skip
def test_what_is_inconsistent_is_refused_by_name(change, words):
    assert words in problems(**change)


@pytest.mark.parametrize("name", ["wording", "house", "mode", "self", "person", "index", "chain", "draw", "mean"])
def test_names_that_mean_something_else_are_refused(name):
    # Once wrong (spec_check.RESERVED): an attribute called "wording" had no effect, since it was taken for the waves'.
    assert f"{name!r} already names something else" in problems(
        attributes=(REGIME, POWER, OATH, Attribute(name, ("a", "b")))
    )


def test_two_blocks_of_one_name_are_refused():
    # Once wrong (design.draft_design): one block had the effects of the other.
    group = Group("country_ally", ("a", "b"))
    spec = replace(SPEC, groups=(group,), covariates=(), terms=(Level(("country_ally",)), Level(("country", "ally"))))
    check_spec(spec)
    table = make_people().assign(country_ally=lambda t: np.where(t.index % 2, "a", "b"))
    roles = ac.Roles(country="country", ally="ally", wave="wave", population="population", answer="answer")
    survey = ac.read_survey(table, roles=roles, answers=("no", "yes"), top=("yes",),
                            traits={f: f for f in (*PROFILE, "country_ally")})  # fmt: skip
    with pytest.raises(SpecError, match="'level_country_ally' would name two things"):
        make_design(spec, make_cells(spec, [survey]))
    both = replace(SPEC, terms=(Effect(("oath", "educ")), Effect(("oath",), by=("educ",))))
    design = make_design(both, make_cells(both, [read(make_people())]))
    assert "effect_oath_educ" in design.variables
    assert "effect_oath_by_educ" in [b.variable for b in design.pooled]


def test_restrictions_that_exclude_nothing_are_refused():
    # Once wrong (declared.factor_problems): they were taken, and excluded nothing.
    twice = Restriction((("regime", ("hybrid",)), ("regime", ("democracy",))))
    empty = Restriction((("regime", ("hybrid",)), ("oath", ())))
    text = problems(restrictions=(NEVER, twice, empty))
    assert "restrictions[1]: names at least two attributes, each once" in text
    assert "restrictions[2]: 'oath' without levels" in text
    assert "restrictions[0]" not in text


# --- the door and the cells -----------------------------------------------------------------------
def test_cells_are_combinations_of_all_factors_and_covariates_of_people():
    table = make_people(answers=3)
    cells = make_cells(spec_of(3), [read(table, 3)])
    want = Counter(map(tuple, table[[*PLACE, *TRAITS, "answer"]].to_numpy()))
    codes, age = cells.labels(), cells.rows.covariates["age"] * 10 + 45
    got = {(*codes.iloc[i][[*PLACE, *TRAITS[:5]]], f"{age[i]:.0f}", a): int(n) for i in range(len(codes))
           for a, n in zip(("no", "maybe", "yes"), cells.counts[i], strict=True) if n}  # fmt: skip
    assert got == dict(want)
    for f in (REGIME, POWER, OATH, EDUC, DISTRICT):
        assert cells.levels[f.name] == f.levels  # as declared, whatever the alphabet and what was seen
    vote = {"south": -2.0, "north": 1.0, "far": 4.0}
    np.testing.assert_allclose(cells.rows.covariates["vote"], codes["cd"].map(vote).to_numpy(dtype=float))


def test_people_and_counted_tables_give_the_same_cells():
    table = make_people()
    spec = spec_of(covariates=(), terms=(Level(("country", "educ")), Effect(("regime",))))
    wide = table.groupby([*PLACE, *TRAITS[:5], "answer"]).size().unstack(fill_value=0).reset_index()
    roles = ac.Roles(country="country", ally="ally", wave="wave", population="population")
    counted = ac.read_counts(wide, roles=roles, counts={"no": "no", "yes": "yes"}, top=("yes",),
                             traits={t: t for t in TRAITS[:5]})  # fmt: skip
    a, b = make_cells(spec, [counted]), make_cells(spec, [read(table)])
    pd.testing.assert_frame_equal(a.labels(), b.labels())
    np.testing.assert_array_equal(a.counts, b.counts)
    with pytest.raises(DataError, match="is no name"):
        ac.read_counts(wide, roles=roles, counts={"no": "no", "yes": "yes"}, top=("yes",), traits={"ally": "educ"})


def test_weights_keep_their_ratios_between_groups_and_arms():
    table = make_people().drop(columns="age")
    table["w"] = np.random.default_rng(0).choice([0.5, 1.0, 3.5], len(table))
    spec = spec_of(covariates=(), terms=(Level(("educ",)), Effect(("regime",))))
    cells = make_cells(spec, [read(table, weight="w")])
    labels, people = cells.labels(), table.assign(yes=table.answer == "yes")
    for place, stratum in people.groupby(PLACE):
        size = stratum.w.sum() ** 2 / (stratum.w**2).sum()
        own = (labels[PLACE] == list(place)).all(axis=1).to_numpy()
        assert cells.counts[own].sum() == pytest.approx(size, rel=1e-12)
        effects = cells.design_effects[own]  # once wrong: those of a cell told how it weighs, not what weights cost
        np.testing.assert_allclose(effects, len(stratum) / size, rtol=1e-12)
        for i in np.flatnonzero(own)[:4]:
            rows = stratum[(stratum[list(TRAITS[:5])] == labels.iloc[i][list(TRAITS[:5])].to_numpy()).all(axis=1)]
            for k, answer in enumerate(("no", "yes")):
                want = rows.w[rows.answer == answer].sum() * size / stratum.w.sum()
                assert cells.counts[i, k] == pytest.approx(want, rel=1e-12)


@pytest.mark.bad(79)
def test_what_a_design_excludes_or_never_shows_is_held_against_the_answers():
    table = make_people()
    wrong = table.copy()
    wrong.loc[wrong.index[:3], ["regime", "oath"]] = ["autocracy", "sworn"]
    with pytest.raises(SpecError, match="3 answers are to profiles that are declared never to be shown"):
        make_cells(SPEC, [read(wrong)])
    with pytest.raises(SpecError, match="'autocracy' never stands beside oath 'sworn' → declare it"):
        make_cells(replace(SPEC, restrictions=()), [read(table)])
    more = replace(REGIME, levels=(*REGIME.levels, "theocracy"))
    with pytest.raises(SpecError, match=r"attributes.regime: never shown: \['theocracy'\]"):
        make_cells(replace(SPEC, attributes=(more, POWER, OATH)), [read(table)])
    with pytest.raises(SpecError, match="labels not declared"):
        make_cells(replace(SPEC, groups=(replace(EDUC, levels=("school", "college")), DISTRICT)), [read(table)])
    with pytest.raises(SpecError, match=r"groups.cd: .* does not have it"):
        make_cells(SPEC, [read(table.drop(columns="cd"))])
    lacking = Covariate("vote", ("cd",), (("south", 0.3),))
    with pytest.raises(SpecError, match=r"covariates.vote: no value for 1 of 2: \['north'\]"):
        make_cells(replace(SPEC, covariates=(SPEC.covariates[0], lacking)), [read(table)])
    few = table[:60]  # chance may leave pairs out of so few: some eight of this pair would be expected
    assert all(few[a.name].nunique() == len(a.levels) for a in SPEC.attributes)
    assert make_cells(replace(SPEC, restrictions=()), [read(few)]).counts.sum() == 60


@pytest.mark.bad(75)
def test_an_arm_missing_in_a_country_is_warned_of():
    table = make_people()
    table = table[~((table.country == "DE") & (table.regime == "hybrid"))]
    table = table[~((table.population == "elite") & (table.power == "weak"))]
    design = make_design(SPEC, cells := make_cells(SPEC, [read(table)]))
    with pytest.warns(ac.IdentificationWarning) as caught:
        warn_identification(design, cells)
    texts = [str(w.message) for w in caught]
    assert any(t.startswith("regime: never shown in DE (public) hybrid; what is said of it") for t in texts)
    assert any(t.startswith("power: never shown in UK (elite) weak; ") for t in texts)
    assert not any(t.startswith("oath: never") for t in texts)
    cells = make_cells(SPEC, [read(make_people())])
    assert not any("never shown" in t for t in identification_warnings(make_design(SPEC, cells), cells))


# --- design and predictor -------------------------------------------------------------------------
@pytest.mark.parametrize("seed", [0, 1])
def test_the_predictor_is_the_formula_written_by_hand(seed):
    table = make_people(seed)
    of = fit_of(SPEC, read(table), seed=seed)
    draws, plain = of.draws(), Plain(of)
    eta = linear_predictor(of.design, of.cells.rows, draws)
    age = of.cells.rows.covariates["age"] * 10 + 45
    for i, row in enumerate(of.cells.labels().to_dict("records")):
        np.testing.assert_allclose(eta[:, i], plain.eta({**row, "age": age[i]}), rtol=0, atol=1e-12)
    beta = np.column_stack([draws[v].reshape(len(eta), -1) for v in of.design.variables])
    order = [i for at in of.design.variables.values() for i in at]
    other = beta @ fixed_matrix(of.design, of.cells.rows)[:, order].T
    for block in of.design.pooled:
        other = other + (pooled_matrix(of.design, block, of.cells.rows) @ draws[block.variable].reshape(6, -1).T).T
    np.testing.assert_allclose(eta, other, atol=1e-12)


def test_interactions_have_a_coefficient_for_every_combination_without_baselines():
    design = make_design(SPEC, make_cells(SPEC, [read(make_people())]))
    labels = {v: [design.coefficients[i].label for i in at] for v, at in design.variables.items()}
    assert labels["effect_regime"] == ["hybrid", "autocracy"]
    assert labels["effect_regime_power"] == ["hybrid | strong", "autocracy | strong"]
    assert labels["effect_educ_oath"] == ["college | sworn", "apprentice | sworn"]
    never = replace(SPEC, terms=(*TERMS, Effect(("regime", "oath"))))
    left = make_design(never, make_cells(never, [read(make_people())]))
    assert "effect_regime_oath[autocracy | sworn]: no data, left out" in left.notes
    twice = replace(SPEC, terms=(*TERMS, Effect(("power", "regime"), Normal(0, 2))))
    with pytest.raises(SpecError, match=r"effect_power_regime\[strong \| hybrid\]: cannot be told apart"):
        make_design(twice, make_cells(twice, [read(make_people())]))


def test_dims_and_coordinates_name_what_effects_are_of():
    of = fit_of(SPEC, read(make_people()))
    post = of.posterior
    assert post["effect_regime"].dims[2:] == ("effect_regime_level",)
    assert post["effect_regime"]["effect_regime_level"].values.tolist() == ["hybrid", "autocracy"]
    assert post["slope_age_educ"].dims[2:] == ("educ",)
    assert post["effect_oath_by_country"].dims[2:] == ("country",)
    assert post["slope_vote_country"].dims[2:] == ("country",)
    assert post["level_regime_power"].dims[2:] == ("regime", "power")
    assert post["level_regime_power"]["regime"].values.tolist() == list(REGIME.levels)
    assert {"corr_slope_age_educ", "sd_slope_age_educ"} <= set(post)


def test_slopes_by_group_are_correlated_with_the_levels_of_their_own_group():
    terms = (Level(("educ",), HalfNormal(0.7)), Level(("cd",)),
             Slope("age", by=("educ",), correlated=True, correlation=LKJ(1.5), scale=HalfNormal(0.9)))  # fmt: skip
    spec = spec_of(terms=terms)
    design = make_design(spec, make_cells(spec, [read(make_people())]))
    assert [(b.variable, b.partner) for b in design.pooled if b.partner] == [("slope_age_educ", "level_educ")]
    n = 6000
    draws = draw_prior(design, np.random.default_rng(2), n)
    level = draws["level_educ"] / draws["sd_level_educ"][:, None]
    slope = draws["slope_age_educ"] / draws["sd_slope_age_educ"][:, None]
    rho = draws["corr_slope_age_educ"][:, None]
    for j in range(3):
        for k in range(3):
            z = level[:, [j]] * slope[:, [k]] - (rho if j == k else 0.0)
            assert abs(z.mean()) < 4 * z.std() / np.sqrt(n)
    assert abs((level * slope * rho).mean() - (rho**2).mean()) < 4 * (level * slope * rho).std() / np.sqrt(3 * n)
    other = draws["level_cd"] / draws["sd_level_cd"][:, None]
    assert abs((other * slope * rho).mean()) < 4 * (other * slope * rho).std() / np.sqrt(3 * n)
    np.testing.assert_allclose(slope.std(), 1, atol=4 / np.sqrt(6 * n))
    np.testing.assert_allclose(np.sqrt((draws["sd_slope_age_educ"] ** 2).mean()), 0.9, rtol=0.04)


# --- labels in tables -----------------------------------------------------------------------------
def test_labels_of_declared_factors_are_in_rows_tables_names_and_contrasts():
    of = fit_of(SPEC, read(make_people()), draws=40)
    found = ac.marginal_means(of, "power", by=("educ",))
    assert found.keys[-3:] == ("attribute", "level", "educ")
    table = ac.summary(found)
    at = found.at(where={"level": "strong", "educ": "college"})
    assert len(at) == 1
    assert at.labels(0)["educ"] == "college"
    row = table[(table.level == "strong") & (table.educ == "college")]
    assert row["mean"].item() == pytest.approx(float(at.draws.mean()))
    with pytest.raises(SpecError, match="rows have no label 'edu': did you mean 'educ'"):
        found.at(where={"edu": "college"})
    with pytest.raises(SpecError, match="no row with educ 'colege'"):
        found.at(where={"educ": "colege"})
    names = row_names(found)
    assert len(set(names)) == 6
    assert all(found.labels(i)["educ"] in names[i] and found.labels(i)["level"] in names[i] for i in range(6))
    against = found.at(where={"level": "weak", "educ": "college"})
    gap = ac.contrast(at, against)
    assert gap.labels(0)["level"] == "strong − weak"
    assert gap.labels(0)["educ"] == "college"
    np.testing.assert_allclose(gap.draws.values, at.draws.values - against.draws.values)
    whole = ac.levels(of, by=())
    assert ac.contrast(at, whole).labels(0)["educ"] == "college − all"


# --- what was once true is found again --------------------------------------------------------------
def test_a_vignette_with_interactions_is_recovered():
    """Intervals of 95 % about the effects that are true by the formula, over several made-up experiments."""
    spec = Spec(
        "known", ("no", "yes"), ("yes",),
        (Level(("country",)), Level(("educ",)), Effect(("regime",)), Effect(("power",)), Effect(("regime", "power")),
         Effect(("educ", "power"))),
        countries=("PL", "UK", "DE"), attributes=(REGIME, POWER), groups=(EDUC,),
    )  # fmt: skip
    inside, total = 0, 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        n = 2400
        table = pd.DataFrame({"country": rng.choice(["PL", "UK", "DE"], n, p=[0.6, 0.25, 0.15]),
                              "educ": rng.choice(EDUC.levels, n), "regime": rng.choice(REGIME.levels, n),
                              "power": rng.choice(POWER.levels, n)})  # fmt: skip
        country, educ = (dict(zip(labels, rng.normal(0, 0.4, 3), strict=True))
                         for labels in (("PL", "UK", "DE"), EDUC.levels))  # fmt: skip
        regime = {"hybrid": rng.normal(0, 0.6), "democracy": 0.0, "autocracy": rng.normal(0, 0.6)}
        cross = {"hybrid": rng.normal(0, 0.6), "democracy": 0.0, "autocracy": rng.normal(0, 0.6)}
        more = {"school": 0.0, "college": rng.normal(0, 0.6), "apprentice": rng.normal(0, 0.6)}
        strong = rng.normal(0, 0.6)

        def chance(t: pd.DataFrame, c=country, e=educ, r=regime, x=cross, m=more, s=strong) -> np.ndarray:
            eta = t.country.map(c) + t.educ.map(e) + t.regime.map(r)
            eta = eta + (t.power == "strong") * (s + t.regime.map(x) + t.educ.map(m))
            return (100 / (1 + np.exp(-eta))).to_numpy(dtype=float)

        table["answer"] = np.where(100 * rng.random(n) < chance(table), "yes", "no")
        survey = ac.read_survey(table, roles=ac.Roles(country="country", answer="answer"), answers=("no", "yes"),
                                top=("yes",), traits={f: f for f in ("regime", "power", "educ")})  # fmt: skip
        cells = make_cells(spec, [survey])
        design = make_design(spec, cells)
        of = fit_design(design, cells, random_seed=seed, draws=250, method="laplace")
        truth: dict[tuple[str, ...], float] = {}
        parts = [own for _, own in table.groupby("country")]
        for a, labels in (("regime", ("hybrid", "autocracy")), ("power", ("strong",))):
            for x in labels:
                base = {"regime": "democracy", "power": "weak"}[a]
                truth[(a, f"{x} − {base}", "")] = float(np.mean([
                    (chance(t.assign(**{a: x})) - chance(t.assign(**{a: base}))).mean() for t in parts]))  # fmt: skip
        for e in EDUC.levels:
            some = [t[t.educ == e] for t in parts]
            truth[("power", "strong − weak", e)] = float(np.mean([
                (chance(t.assign(power="strong")) - chance(t.assign(power="weak"))).mean() for t in some]))  # fmt: skip
        for found in (ac.amce(of), ac.amce(of, "power", by="educ")):
            lower, upper = np.quantile(found.draws.values, [0.025, 0.975], axis=(0, 1))
            for i in range(len(found)):
                at = found.labels(i)
                want = truth[(at["attribute"], at["level"], at.get("educ", ""))]
                inside, total = inside + (lower[i] < want < upper[i]), total + 1
    assert total == 36
    assert inside >= 31  # fewer have a chance of about 1 % if each covers 95 % (and effects of one fit go together)


def test_a_population_of_another_kind_is_refused():
    of = fit_of(SPEC, read(make_people()))
    with pytest.raises(PredictError, match="a Population is needed"):
        ac.levels(of, population={"PL": 3})
