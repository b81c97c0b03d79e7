"""Covariates: what a slope adds, what is compared, what is missing; and treaties joined from ATOP."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliancecred as ac
from alliancecred.cautions import identification_warnings, warn_identification
from alliancecred.cells import make_cells
from alliancecred.declared import Covariate
from alliancecred.errors import DataError, DataWarning, IdentificationWarning, SchemaError, SpecError
from alliancecred.identify import make_design
from alliancecred.origins import Fielding
from alliancecred.predictor import linear_predictor
from alliancecred.priors import Normal
from alliancecred.simulation import draw_prior, simulate
from alliancecred.spec import Estimand
from alliancecred.spec_file import spec_from_table, spec_to_toml
from alliancecred.terms import Level, Shift, Slope
from models import ALLIES, COUNTRIES, WAVES, make_spec, make_survey

ATOP = Path(__file__).parents[2] / "shared" / "data" / "atop"
DISTANCE = Covariate("distance", ("country",), (("DE", 1.5), ("PL", 0.4), ("UK", 3.0), ("US", 9.0)), 2.0, 4.0)
PACT = Covariate(
    "pact",
    ("country", "ally"),
    tuple((f"{c} | {a}", float((len(c) + i) % 2)) for c in COUNTRIES for i, a in enumerate(ALLIES)),
)
SPENDING = Covariate(
    "spending",
    ("ally", "wave"),
    tuple((f"{a} | {w.name}", 1.0 + i * j) for i, a in enumerate(ALLIES) for j, w in enumerate(WAVES)),
)
TERMS = (
    Level(("country",)),
    Slope("distance"),
    Slope("pact", prior=Normal(0.3, 0.5)),
    Slope("spending"),
    Shift("act"),
    Slope("distance", signal="act"),
    Slope("pact", signal="act", roles=("other",)),
)


def spec(*terms, covariates=(DISTANCE, PACT, SPENDING)):
    return replace(make_spec(2, terms or TERMS), covariates=covariates)


def made(of):
    cells = make_cells(of, [make_survey(of)])
    return make_design(of, cells), cells


# --- slopes ---------------------------------------------------------------------------------------
def test_slopes_equal_the_formula_written_by_hand():
    design, cells = made(spec())
    draws = draw_prior(design, np.random.default_rng(1), 3)
    eta = linear_predictor(design, cells.rows, draws)
    tables = {c.name: dict(c.values) for c in (DISTANCE, PACT, SPENDING)}
    roles = {v: [design.coefficients[j].label for j in design.variables[v]] for v in draws if "shift_act" in v}
    for r, row in enumerate(cells.labels().itertuples()):
        role = "self" if row.country == row.ally else "sender" if row.ally == "US" else "other"
        distance = (tables["distance"][row.country] - 2.0) / 4.0
        pact = tables["pact"][f"{row.country} | {row.ally}"]
        spending = tables["spending"][f"{row.ally} | {row.wave}"]
        for i in range(3):
            one = {k: v[i] for k, v in draws.items()}
            want = one["intercept"] + one["level_country"][design.levels["country"].index(row.country)]
            want += one["slope_distance"] * distance + one["slope_pact"] * pact + one["slope_spending"] * spending
            if row.wave != "w1":
                want += one["shift_act"][roles["shift_act"].index(role)]
                want += one["slope_distance_shift_act"][roles["slope_distance_shift_act"].index(role)] * distance
                if role == "other":
                    want += one["slope_pact_shift_act"][0] * pact
            assert eta[i, r] == pytest.approx(want, rel=1e-12, abs=1e-12)
    priors = {c.name: c.prior for c in design.coefficients}
    assert priors["slope_pact"] == Normal(0.3, 0.5)
    assert priors["slope_pact_shift_act[other]"] == Normal(0.0, 1.0)


def truth(**given):
    of = spec()
    fieldings = [Fielding(w.name, 50) for w in WAVES]
    fixed = {"intercept": 0.3, "sd_level_country": 0.0, "slope_pact": 0.0, "slope_spending": 0.0}
    fixed |= {f"shift_act[{r}]": -0.4 for r in ("sender", "other", "self")}
    fixed |= {f"slope_distance_shift_act[{r}]": 0.0 for r in ("sender", "other", "self")}
    return simulate(of, fieldings=fieldings, truth=fixed | {"slope_distance": -0.8} | given, random_seed=2).truth


def percent(logit):
    return 100 / (1 + np.exp(-logit))


def test_a_comparison_moves_the_covariate_and_nothing_else():
    fit = truth(**{"slope_pact_shift_act[other]": 0.0})
    found = ac.comparison(fit, "distance", low=0.0, high=8.0, waves=("w1",))
    want = percent(0.3 - 0.8 * 1.5) - percent(0.3 + 0.8 * 0.5)
    assert float(found.draws.values.ravel()[0]) == pytest.approx(want, abs=1e-9)
    assert found.unit == "percentage points"
    assert found.identification == "descriptive"
    assert float((found.after - found.before).values.ravel()[0]) == pytest.approx(want, abs=1e-9)
    assert "distance at 8 minus distance at 0" in ac.describe(found)
    same = ac.evaluate(fit, Estimand("comparison", covariate="distance", high=8.0, waves=("w1",)))
    assert float(same.draws.values.ravel()[0]) == float(found.draws.values.ravel()[0])


def test_a_comparison_of_shifts_is_by_role():
    fit = truth(**{"slope_pact_shift_act[other]": 1.2})
    found = ac.comparison(fit, "pact", signal="act", waves=("w2",), countries=("DE",))
    value = {str(r): float(v) for r, v in zip(found.draws.role.values, found.draws.values[0, 0], strict=True)}
    start = 0.3 - 0.8 * (1.5 - 2.0) / 4.0
    assert value["other"] == pytest.approx(percent(start - 0.4 + 1.2) - percent(start - 0.4), abs=1e-9)
    assert value["sender"] == pytest.approx(0.0, abs=1e-9)


def test_a_comparison_needs_a_slope():
    with pytest.raises(SpecError, match=r"no slope uses 'distanse': did you mean 'distance'"):
        ac.comparison(truth(**{"slope_pact_shift_act[other]": 0.0}), "distanse")


def test_a_row_without_a_value_is_refused_by_name():
    short = replace(PACT, values=PACT.values[1:])
    with pytest.raises(SpecError, match=r"covariates\.pact: no value for 1 of 12: \['DE \| DE'\]"):
        made(spec(covariates=(DISTANCE, short, SPENDING)))
    made(spec(Level(("country",)), Slope("distance"), covariates=(DISTANCE, short)))  # nothing uses it


def test_a_new_country_needs_its_covariates():
    fit = truth(**{"slope_pact_shift_act[other]": 0.0})
    table = pd.DataFrame({"country": ["SE"], "ally": ["US"], "wave": ["w1"]})
    with pytest.raises(SpecError, match=r"covariates\.distance: no value for 1 of 1: \['SE'\]"):
        ac.predict(fit, table, new_levels="draw")
    more = tuple(
        replace(c, values=(*c.values, ("SE" if c.by == ("country",) else "SE | US", 6.0))) for c in (DISTANCE, PACT)
    )
    wider = replace(fit, spec=replace(fit.spec, covariates=(*more, SPENDING)))
    value = float(ac.predict(wider, table, new_levels="draw").draws.values.ravel()[0])
    assert value == pytest.approx(percent(0.3 - 0.8 * 1.0), abs=1e-9)


def test_a_covariate_that_is_the_same_everywhere_is_refused():
    flat = replace(DISTANCE, values=tuple((c, 3.0) for c in COUNTRIES))
    with pytest.raises(SpecError, match=r"slope_distance: cannot be told apart from intercept"):
        made(spec(Level(("country",)), Slope("distance"), covariates=(flat,)))


def test_few_groups_are_named():
    design, cells = made(spec(Level(("country",)), Slope("distance"), covariates=(DISTANCE,)))
    words = "distance: 1 covariates of 4 groups (country); their slopes rest on very few groups and on their priors"
    assert words in identification_warnings(design, cells)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", IdentificationWarning)
        warn_identification(design, cells)
    assert words in [str(w.message) for w in caught]
    many, cells = made(spec(Level(("country", "ally")), Slope("pact"), covariates=(PACT,)))
    assert not [w for w in identification_warnings(many, cells) if "very few groups" in w]


def test_covariates_survive_toml_and_are_part_of_the_digest():
    import tomllib

    of = spec()
    assert spec_from_table(tomllib.loads(spec_to_toml(of))) == of
    changed = replace(DISTANCE, values=(("DE", 1.6), *DISTANCE.values[1:]))
    assert replace(of, covariates=(changed, PACT, SPENDING)).digest != of.digest


@pytest.mark.parametrize(
    ("covariates", "words"),
    [
        ((DISTANCE, DISTANCE), "repeated"),
        ((replace(DISTANCE, by=("region",)),), "unknown factor 'region'"),
        ((replace(DISTANCE, by=()),), "at least one factor"),
        ((replace(DISTANCE, unit=0.0),), "positive unit"),
        ((replace(DISTANCE, values=(("DE", 1.0), ("DE", 2.0))),), "two values for"),
        ((replace(DISTANCE, values=(("DE | US", 1.0),)),), "is not a label of 1 factors"),
        ((replace(DISTANCE, values=(("DE", float("nan")),)),), "no finite number for"),
        ((replace(DISTANCE, name="GDP"),), "lower case"),
        ((PACT,), "unknown covariate 'distance'"),
    ],
)
def test_what_is_wrong_with_a_covariate_is_named(covariates, words):
    from alliancecred.spec_check import check_spec

    with pytest.raises(SpecError, match=words):
        check_spec(spec(Level(("country",)), Slope("distance"), covariates=covariates))


def test_roles_of_a_slope_need_its_signal():
    from alliancecred.spec_check import check_spec

    with pytest.raises(SpecError, match=r"`roles` of a slope need its `signal`"):
        check_spec(spec(Level(("country",)), Slope("distance", roles=("other",))))


# --- from a frame ---------------------------------------------------------------------------------
def test_a_covariate_from_a_frame_keeps_one_value_per_group():
    frame = pd.DataFrame({"country": ["DE", "DE", "PL", "UK"], "gdp": [4.0, 4.0, 1.0, 4.0]})
    got = ac.make_covariate("gdp", frame, by="country", standardize=True, source="made up")
    assert got.values == (("DE", 4.0), ("PL", 1.0), ("UK", 4.0))
    assert got.center == pytest.approx(3.0)
    assert got.unit == pytest.approx(np.std([4, 1, 4], ddof=1))
    assert got.source == "made up"


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"country": ["DE", "DE"], "gdp": [1.0, 2.0]}, r"two values for \['DE'\]"),
        ({"country": ["DE", "PL"], "gdp": [1.0, None]}, r"1 values are missing"),
        ({"country": ["DE", "PL"], "gdp": ["1", "much"]}, r"missing or no numbers"),
        ({"country": ["DE", None], "gdp": [1.0, 2.0]}, r"1 labels are empty"),
        ({"country": ["DE"], "gpd": [1.0]}, r"gdp: no such column → did you mean 'gpd'"),
        ({"country": ["DE", "PL"], "gdp": [2.0, 2.0]}, r"nothing to standardize"),
    ],
)
def test_frames_that_give_no_covariate(frame, words):
    with pytest.raises(DataError, match=words):
        ac.make_covariate("gdp", pd.DataFrame(frame), by="country", standardize=True)


# --- treaties -------------------------------------------------------------------------------------
FRAME = pd.DataFrame(
    [
        (c, a, y)
        for c in ("US", "PL", "JP", "XX")
        for a in ("US", "KR", "CN", "PL", "JP")
        for y in ("2003", "2018", "2022")
    ],
    columns=["country", "ally", "wave"],
)


def dyads(*rows):
    columns = ["ccode1", "ccode2", "year", "atop_defense", "atop_offense", "atop_neutral", "atop_nonagg", "atop_consul"]
    both = [r for a, b, y, *p in rows for r in ((a, b, y, *p), (b, a, y, *p))]
    return pd.DataFrame(both, columns=columns)


BOUND = [(2, x, y, 1, 0, 0, 1, 1) for x in (290, 732, 740) for y in (2003, 2018)]
SMALL = dyads(*BOUND, (710, 731, 2018, 1, 0, 0, 0, 0))
SMALL.loc[(SMALL.ccode1 == 740) & (SMALL.ccode2 == 2), "atop_defense"] = 0  # Japan is not bound to defend the US


def test_the_promise_is_that_of_the_ally():
    value = quiet(FRAME, SMALL).table.set_index(["country", "ally", "wave"])["defense"]
    assert value["JP", "US", "2018"] == 1.0
    assert value["US", "JP", "2018"] == 0.0


def quiet(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return ac.join_atop(*args, **kwargs)


def status(found, *where):
    table = found.table.set_index(["country", "ally", "wave"])
    return table.loc[where, "status"]


def test_no_treaty_unknown_and_after_the_end_are_kept_apart():
    found = quiet(FRAME, SMALL)
    assert len(found.table) == len(FRAME)
    assert status(found, "PL", "US", "2003") == "treaty"
    assert status(found, "US", "US", "2003") == "self"
    assert status(found, "PL", "KR", "2018") == "no treaty"
    assert status(found, "PL", "CN", "2018") == "no treaty"
    assert status(found, "PL", "CN", "2003") == "unknown"  # the data have no China in that year
    assert status(found, "XX", "US", "2018") == "unknown"
    assert status(found, "PL", "US", "2022") == "after the data end"
    value = found.table.set_index(["country", "ally", "wave"])["defense"]
    assert value["PL", "US", "2018"] == 1.0
    assert value["PL", "CN", "2018"] == 0.0
    assert np.isnan(value["PL", "US", "2022"])
    notes = " ".join(found.notes)
    assert "no Correlates of War number for XX" in notes
    assert "ATOP ends in 2018: obligations in 2022 are left open" in notes


def test_the_last_year_is_carried_forward_only_if_asked():
    found = quiet(FRAME, SMALL, carry_forward=True)
    assert status(found, "PL", "US", "2022") == "treaty"
    assert status(found, "PL", "CN", "2022") == "no treaty"
    assert any("obligations in 2022 are taken from 2018" in n for n in found.notes)


def test_waves_stand_for_the_year_they_started_in():
    frame = FRAME[FRAME.wave == "2018"].assign(wave="w1")
    with pytest.raises(SchemaError, match=r"no year for \['w1'\]"):
        ac.join_atop(frame, SMALL)
    import datetime as dt

    waves = (ac.Wave("w1", dt.date(2018, 12, 20), dt.date(2019, 1, 5)),)
    assert status(quiet(frame, SMALL, waves=waves), "PL", "US", "w1") == "treaty"


def test_a_covariate_says_what_the_unknown_counts_as():
    found = quiet(FRAME, SMALL)
    with pytest.raises(DataError, match=r"after the data end.*covariate\(unknown=...\)"):
        found.covariate()
    got = found.covariate(unknown=0.0)
    assert got.by == ("country", "ally", "wave")
    assert dict(got.values)["PL | US | 2018"] == 1.0
    assert dict(got.values)["PL | US | 2022"] == 0.0
    assert dict(found.covariate(unknown=0.5, same=1.0).values)["US | US | 2003"] == 1.0
    with pytest.raises(SpecError, match=r"no pledge 'defence'"):
        found.covariate("defence")


def test_members_of_nato_are_not_told_apart_and_that_is_said():
    frame = pd.DataFrame({"country": ["PL", "PL", "JP"], "ally": ["US", "UK", "US"], "wave": ["2018"] * 3})
    with pytest.warns(DataWarning, match=r"2 of 3 rows are pairs of NATO members"):
        ac.join_atop(frame, SMALL)
    early = frame.assign(wave="1998")  # Poland acceded in 1999
    assert not [n for n in quiet(early, SMALL).notes if "NATO" in n]


def test_pairs_without_a_number_are_left_out_and_counted():
    holed = SMALL.astype(float)
    holed.loc[holed.index[0], "atop_defense"] = np.nan
    assert any("1 pairs of states and years lack a number" in n for n in quiet(FRAME, holed).notes)
    assert not any("lack a number" in n for n in quiet(FRAME, SMALL).notes)


def test_other_files_are_refused():
    with pytest.raises(SchemaError, match=r"neither the dyad-years .* nor the alliances"):
        ac.join_atop(FRAME, pd.DataFrame({"a": [1]}))
    with pytest.raises(SchemaError, match=r"wave: no such column"):
        ac.join_atop(FRAME.drop(columns="wave"), SMALL)
    with pytest.raises(SchemaError, match=r"cannot be read"):
        ac.join_atop(FRAME, "nowhere.csv")


@pytest.mark.skipif(not ATOP.exists(), reason=f"{ATOP} is not there")
@pytest.mark.slow
def test_the_files_of_atop():
    years, alliances = (ATOP / n for n in ("atop_dyad_year_1990on.csv.gz", "atop5-alliance.csv"))
    frame = pd.concat([FRAME, pd.DataFrame({"country": ["PL"], "ally": ["US"], "wave": ["1996"]})])
    by_year, by_alliance = quiet(frame, years), quiet(frame, alliances)
    both = [t.table.set_index(["country", "ally", "wave"])["defense"] for t in (by_year, by_alliance)]
    for pair in (("PL", "US", "2003"), ("JP", "US", "2018"), ("US", "KR", "2018")):
        assert [d[pair] for d in both] == [1.0, 1.0]
    assert [d["PL", "CN", "2018"] for d in both] == [0.0, 0.0]
    # Japan has not promised to defend the US, and Poland was no member in 1996: the file of alliances cannot say so
    assert [d["US", "JP", "2018"] for d in both] == [0.0, 1.0]
    assert [d["PL", "US", "1996"] for d in both] == [0.0, 1.0]
    assert any("nor when states acceded" in n for n in by_alliance.notes)
    assert not any("acceded" in n for n in by_year.notes)
    assert status(by_year, "PL", "US", "2022") == "after the data end"
