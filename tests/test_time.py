"""Time: what waves can tell, what is left of a signal after some weeks, and walks for allies nobody was asked about."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import alliancecred as ac
from alliancecred.carriers import carrier_values
from alliancecred.cells import make_cells
from alliancecred.design import draft_design
from alliancecred.errors import SpecError
from alliancecred.events import Decay, Ramp, Signal, Step, Wave
from alliancecred.fitting import fit_design, prepare
from alliancecred.identify import make_design
from alliancecred.origins import Fielding, Simulation
from alliancecred.priors import HalfNormal, LogNormal, Normal
from alliancecred.simulation import draw_prior, simulate
from alliancecred.spec import Estimand, Spec
from alliancecred.spec_check import check_spec
from alliancecred.terms import FACTORS, Cuts, Drift, Gap, Level, Shift, Trend
from alliancecred.wording import prior_words, term_words
from models import FADING, LONG, RISING, TIMED, make_spec, make_survey

FIELDINGS = tuple(Fielding(w.name, 100) for w in LONG)


def spec(*terms, signals=(FADING, RISING), waves=LONG):
    return make_spec(2, terms or TIMED[:-2], "apart", waves, signals)


def truth(*, form=FADING.form, half_life=30.0):
    """One draw: shifts on the logit scale are what was declared, and nothing else differs between rows."""
    of = spec(Level(("country",)), Trend(), Shift("fading"), signals=(replace(FADING, form=form),))
    given = {"intercept": 0.2, "sd_level_country": 0.0, "sd_trend": 0.0, "shift_fading[sender]": -1.5}
    given |= {"half_life_fading": half_life} if isinstance(form, Decay) and form.half_life.sd else {}
    return simulate(of, fieldings=FIELDINGS, truth=given, random_seed=1).truth


def points(logit):
    return 100 / (1 + np.exp(-0.2 - logit)) - 100 / (1 + np.exp(-0.2))


def sender(fit, **asked):
    return float(ac.shift(fit, by=(), roles=("sender",), **asked).draws.values.ravel()[0])


# --- how an effect goes on ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("form", "left"),
    [
        (Step(), lambda weeks: 1.0),
        (Ramp(20.0), lambda weeks: min(weeks / 20, 1.0)),
        (Decay(LogNormal(8.0, 0.0)), lambda weeks: 0.5 ** (weeks / 8)),
        (Decay(LogNormal(8.0, 0.6)), lambda weeks: 0.5 ** (weeks / 30)),
    ],
    ids=["step", "ramp", "known half-life", "estimated half-life"],
)
def test_what_is_left_of_a_shift_after_some_weeks(form, left):
    fit = truth(form=form)
    for weeks in (0.0, 5.0, 12.5, 52.0):
        assert sender(fit, weeks=weeks) == pytest.approx(points(-1.5 * left(weeks)), abs=1e-9)
    # without weeks: those from the signal (3 March) to the middle of the wave
    for wave, days in (("w4", 10), ("w5", 66), ("w6", 276)):
        assert sender(fit, wave=wave) == pytest.approx(points(-1.5 * left(days / 7)), abs=1e-9)
    assert sender(fit) == sender(fit, wave="w4")
    levels = ac.levels(fit, by=("wave", "ally"), countries=("DE",))
    value = {w: float(levels.at(wave=w, ally="US").draws.values.ravel()[0]) for w in ("w1", "w6")}
    assert value["w6"] - value["w1"] == pytest.approx(points(-1.5 * left(276 / 7)), abs=1e-9)


def test_weeks_are_counted_from_the_signal_and_told():
    fit = truth()
    with pytest.raises(SpecError, match=r"counted from 0, got -1"):
        ac.shift(fit, weeks=-1.0)
    asked = ac.evaluate(fit, Estimand("shift", by=(), roles=("sender",), weeks=12.0))
    assert float(asked.draws.values.ravel()[0]) == sender(fit, weeks=12.0)
    assert "12 weeks after fading" in asked.notes


def test_two_signals_of_one_date_that_fade_at_different_speeds_are_told_apart():
    """Their columns are the same at the date of the signal, and at no other time."""
    slow = replace(FADING, name="slow", form=Step())
    of = spec(Level(("country",)), Shift("fading"), Shift("slow"), signals=(FADING, slow))
    cells = make_cells(of, [make_survey(of)])
    assert len(make_design(of, cells).coefficients) == 1 + 3 + 3
    both = spec(Level(("country",)), Shift("slow"), Shift("too"), signals=(slow, replace(slow, name="too")))
    with pytest.raises(SpecError, match=r"shift_too\[sender\].*cannot be told apart from shift_slow\[sender\]"):
        make_design(both, make_cells(both, [make_survey(both)]))


# --- what waves can tell --------------------------------------------------------------------------
def test_a_trend_beside_a_shift_needs_three_waves_before_it():
    early = Signal("early", "US", LONG[1].end.replace(day=20))
    of = spec(Level(("country",)), Trend(), Shift("early"), signals=(early,))
    with pytest.raises(SpecError, match=r"2 waves before early \(w1, w2\): a trend beside a shift needs 3"):
        make_design(of, make_cells(of, [make_survey(of)]))
    make_design(spec(Level(("country",)), Trend()), make_cells(of, [make_survey(of)]))
    late = spec(Level(("country",)), Trend(), Shift("fading"))
    make_design(late, make_cells(late, [make_survey(late)]))


def test_a_trend_over_two_waves_that_were_asked_is_refused():
    of = spec(Level(("country",)), Trend())
    survey = make_survey(of)
    survey = replace(survey, table=survey.table[survey.table.wave.isin(["w1", "w4"])])
    with pytest.raises(SpecError, match=r"trend: 2 waves: a trend needs 3"):
        make_design(of, make_cells(of, [survey]))


def test_labels_of_identification_with_a_trend():
    assert ac.shift(truth()).identification == "interrupted series"
    of = spec(Level(("country",)), Trend(), Shift("rising"), signals=(RISING,))
    fit = simulate(of, fieldings=FIELDINGS, random_seed=2).truth
    assert ac.shift(fit).identification == "difference-in-differences"
    plain = spec(Level(("country",)), Shift("fading"), signals=(FADING,))
    assert ac.shift(simulate(plain, fieldings=FIELDINGS, random_seed=2).truth).identification == "before-after"


# --- forward --------------------------------------------------------------------------------------
def test_walks_and_half_lives_have_their_priors():
    of = spec()
    design = draft_design(of, make_cells(of, [make_survey(of)]).levels)
    draws = draw_prior(design, np.random.default_rng(3), 20_000, {"sd_trend_ally": 0.4})
    assert draws["trend_ally"].shape == (20_000, 3, 5)
    np.testing.assert_allclose(draws["trend_ally"].std(axis=0), 0.4, rtol=0.03)
    half = np.log(draws["half_life_fading"])
    assert half.mean() == pytest.approx(np.log(20), abs=0.02)
    assert half.std() == pytest.approx(0.6, rel=0.03)


def test_a_new_ally_gets_a_walk_of_its_own_and_old_ones_keep_theirs():
    of = spec(Level(("country",)), Trend(("ally",)), signals=())
    drawn = simulate(of, fieldings=FIELDINGS, truth={"sd_trend_ally": 0.8}, random_seed=4).truth
    table = pd.DataFrame({"country": "DE", "ally": ["US", "JP", "JP", "JP"], "wave": ["w2", "w1", "w3", "w6"]})
    table = table.reindex(columns=[f for f in FACTORS if f in table])
    one = ac.predict(drawn, table, new_levels="draw", random_seed=5).draws.values[0, 0]
    again = ac.predict(drawn, table.iloc[::-1], new_levels="draw", random_seed=5).draws.values[0, 0][::-1]
    np.testing.assert_array_equal(one, again)
    assert len(set(one)) == 4
    asked = ac.levels(drawn, by=("country", "ally", "wave"))
    here = (asked.draws.country == "DE") & (asked.draws.ally == "US") & (asked.draws.wave == "w2")
    assert one[0] == pytest.approx(float(asked.draws.values[0, 0][here.values][0]))


# --- words ----------------------------------------------------------------------------------------
def test_trends_and_half_lives_in_words():
    of = spec()
    assert term_words(Trend(), of).startswith("Trend: a random walk over the dates of the waves, mean zero, common")
    assert "one for each ally" in term_words(Trend(("ally",), HalfNormal(0.2)), of)
    assert prior_words(LogNormal(26.0, 0.7)) == "log-normal (median 26 weeks, sd of the log 0.7)"


def test_half_lives_are_read_from_their_place():
    from alliancecred.density import parameter_count
    from alliancecred.engines.reading import read
    from alliancecred.sweep import sweep

    of = make_spec(4, (*TIMED, Cuts()), "apart", LONG, (FADING, RISING))
    cells = make_cells(of, [make_survey(of)])
    design = make_design(of, cells)
    swept = sweep(design, cells.rows)
    theta = np.linspace(0.0, 1.0, parameter_count(swept))[None, None]
    raw = read(swept, theta, xr.Dataset(), [[True] * len(s.carriers) for s in swept.strata])
    place = len(design.pooled) + len(design.correlated) + 2
    assert raw.scales["half_life_fading"] == np.exp(theta[0, 0, place])
    np.testing.assert_allclose(raw.coordinates[0, 0], theta[0, 0, place + 1 :], rtol=1e-14)


# --- placebo dates --------------------------------------------------------------------------------
def test_placebos_see_only_what_came_before_the_signal():
    of = spec(Level(("country",)), Shift("fading"), Shift("rising"), Gap(), Gap(signal="rising"))
    of = replace(of, estimands=(Estimand("shift", signal="fading", waves=("w5",)), Estimand("levels")))
    survey = make_survey(of)
    grid = ac.placebo_grid(of, survey, signal="fading")
    # the middles of the gaps between the three waves before March 2025
    assert list(grid) == ["as declared", "placebo 2023-03-26", "placebo 2023-10-22"]
    assert grid["as declared"].spec == of
    one = grid["placebo 2023-10-22"]
    assert set(one.sources[0].table.wave) == {"w1", "w2", "w3"}
    assert [w.name for w in one.spec.waves] == ["w1", "w2", "w3"]
    assert [(s.name, s.date) for s in one.spec.signals] == [("fading", dt.date(2023, 10, 22))]
    assert one.spec.terms == (Level(("country",)), Shift("fading"), Gap())
    assert one.spec.estimands == (Estimand("shift", signal="fading"),)
    cells = make_cells(one.spec, one.sources)
    on = cells.rows.on["fading"]
    np.testing.assert_array_equal(on > 0, cells.labels().wave == "w3")
    make_design(one.spec, cells)


def test_placebo_dates_must_lie_between_waves():
    of = spec(Level(("country",)), Shift("fading"), signals=(FADING,))
    survey = make_survey(of)
    assert len(ac.placebo_grid(of, survey, dates=[dt.date(2023, 8, 1)])) == 2
    with pytest.raises(SpecError, match=r"falls inside wave 'w2'"):
        ac.placebo_grid(of, survey, dates=[dt.date(2023, 6, 7)])
    with pytest.raises(SpecError, match=r"no wave on one side of 2024-12-01"):
        ac.placebo_grid(of, survey, dates=[dt.date(2024, 12, 1)])
    few = replace(survey, table=survey.table[survey.table.wave.isin(["w1", "w5"])])
    with pytest.raises(SpecError, match=r"1 wave ended before fading: a placebo date needs two"):
        ac.placebo_grid(of, few)


# --- declared drift -------------------------------------------------------------------------------
def drifting(*terms, size=4000):
    spec = Spec(
        "drifting",
        ("no", "yes"),
        ("yes",),
        (Shift("act", prior=Normal(0.0, 5.0)), *terms),
        waves=tuple(Wave(f"w{i}", dt.date(y, 1, 1), dt.date(y, 1, 3)) for i, y in ((1, 2024), (2, 2026))),
        signals=(Signal("act", "US", dt.date(2025, 3, 3)),),
        countries=("DE", "PL"),
        allies=("US", "FR"),
        sources=(Simulation(0, (Fielding("w1", size), Fielding("w2", size)), (("shift_act[sender]", -0.5),)),),
    )  # fmt: skip
    return spec, simulate(replace(spec, terms=spec.terms[:1])).survey


def test_declared_drift_adds_its_variance_to_the_shift():
    spec, survey = drifting()
    widths = {}
    for sd in (0.0, 0.3):
        own = replace(spec, terms=(*spec.terms, Drift(sd))) if sd else spec
        _, cells, design = prepare(own, survey)
        found = fit_design(design, cells, random_seed=1, draws=1000, method="laplace")
        assert found.diagnosis.passed
        widths[sd] = found.draws()["shift_act"].var(axis=0)
        if sd:
            (step,) = [c for c in design.coefficients if c.variable == "drift"]
            years = (dt.date(2026, 1, 2) - dt.date(2024, 1, 2)).days / 365.25
            assert step.prior.sd == pytest.approx(0.3 * np.sqrt(years))
            assert step.label == "w1 → w2"
            after = np.array(design.levels["wave"])[cells.rows.codes["wave"]] == "w2"
            assert carrier_values(step.carrier, cells.rows, design.levels, own).tolist() == after.astype(float).tolist()
            shifts = found.draws()["shift_act"]
            assert np.corrcoef(shifts.T)[0, 1] > 0.9  # it moves all roles alike
            assert any("a drift of sd 0.3 (logit) a year is declared" in n for n in ac.shift(found).notes)
    np.testing.assert_allclose(widths[0.3] - widths[0.0], 0.09 * years, rtol=0.15)


def test_drift_is_declared_or_estimated_not_both():
    spec, _ = drifting(Drift(0.3))
    assert "declare one of the two" in problems_of(replace(spec, terms=(*spec.terms, Trend())))
    assert "must be positive" in problems_of(replace(spec, terms=(*spec.terms[:1], Drift(0.0))))
    assert "drift is between dated waves" in problems_of(replace(spec, waves=spec.waves[:1]))
    grid = ac.prior_grid(spec, factors=(2.0,))
    assert any(Drift(0.6) in s.terms for s in grid.values())


def problems_of(spec):
    with pytest.raises(SpecError) as caught:
        check_spec(spec)
    return str(caught.value)


@pytest.mark.parametrize("term", [Drift(0.2), Trend()])
def test_answers_without_a_wave_have_no_place_in_time(term):
    of = spec(Level(("country",)), term, signals=())
    frame = pd.DataFrame({"country": ["US", "PL"], "ally": ["US", "US"], "no": [5, 6], "yes": [7, 8]})
    counted = ac.read_counts(
        frame, roles=ac.Roles(country="country", ally="ally"), counts={"no": "no", "yes": "yes"}, top=("yes",)
    )
    of = replace(of, answers=("no", "yes"), top=("yes",))
    with pytest.raises(SpecError, match="labels not declared in the spec"):
        make_cells(of, [counted])
