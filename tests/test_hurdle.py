"""Don't know as an answer of its own: what the door keeps apart, two independent parts, bounds by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import alliancecred as ac
from alliancecred.cells import make_cells
from alliancecred.dates import read_dates
from alliancecred.errors import SchemaError, SpecError
from alliancecred.fitting import fit_design, prepare
from alliancecred.hurdle import Hurdle
from alliancecred.origins import Fielding, Simulation
from alliancecred.prediction import answer_probs
from alliancecred.spec_file import models_dir, read_spec
from alliancecred.terms import Cuts, Level, Shift

SPEC = read_spec(models_dir() / "retrenchment_simulated.toml")
SPEC = replace(
    SPEC,
    countries=("DE", "PL", "UK"),
    allies=("US", "FR", "UK"),
    terms=(Level(("country",)), Level(("ally",)), Shift("us2025"), Cuts()),
    estimands=(ac.Estimand("shift"),),
    sources=(Simulation(4, (Fielding("2025-01", 80), Fielding("2025-03", 80)), (("shift_us2025[sender]", -0.8),)),),
)
ROLES = ac.Roles(country="country", ally="ally", wave="wave", answer="q", population="population")
pytestmark = [
    pytest.mark.filterwarnings("ignore::alliancecred.errors.IdentificationWarning"),
    pytest.mark.filterwarnings("ignore:UK judge themselves"),  # which these few terms leave as they are
]


def people():
    """The simulated people, of whom some say they do not know: more after the signal, and about the US."""
    table = ac.simulate(SPEC).survey.table
    table = table.loc[table.index.repeat(table["count"])].reset_index(drop=True)
    rng = np.random.default_rng(1)
    chance = 0.1 + 0.15 * (table.wave == "2025-03") + 0.1 * (table.ally == "US")
    answers = np.array(SPEC.answers, dtype=object)[table.answer]
    return table.assign(q=np.where(rng.random(len(table)) < chance, "No idea", answers))


def read(table, **more):
    return ac.read_survey(table, roles=ROLES, answers=SPEC.answers, top=SPEC.top, dont_know=("No idea",), **more)


@pytest.fixture(scope="module")
def hurdle():
    survey = read(people())
    parts = []
    for spec, data in ((ac.unsure_spec(SPEC), ac.unsure_survey(survey)), (SPEC, survey)):
        _, cells, design = prepare(spec, data)
        parts.append(fit_design(design, cells, random_seed=1, draws=400, method="laplace"))
    return Hurdle(*parts)


def test_who_does_not_know_is_kept_apart_and_reported():
    table = people()
    survey = read(table)
    assert len(survey.unsure) == (table.q == "No idea").sum()
    assert len(survey) == (table.q != "No idea").sum()
    assert "answer" not in survey.unsure
    assert survey.report.total("excluded") == len(survey.unsure)
    assert any("do not know: kept apart" in line.what for line in survey.report.lines)
    cells = make_cells(ac.unsure_spec(SPEC), [ac.unsure_survey(survey)])
    labels = cells.labels()
    for i in range(len(labels)):
        row = labels.loc[i]
        mine = table[(table.country == row.country) & (table.ally == row.ally) & (table.wave == row.wave)]
        unsure = (mine.q == "No idea").sum()
        assert cells.counts[i].tolist() == [len(mine) - unsure, unsure]


def test_counted_in_their_engine_they_are_the_same():
    import duckdb

    table = people()
    counted = read(duckdb.from_df(table[["country", "ally", "wave", "population", "q"]]))
    both = [make_cells(ac.unsure_spec(SPEC), [ac.unsure_survey(s)]).counts for s in (counted, read(table))]
    np.testing.assert_array_equal(*both)


def test_the_terms_are_the_same_but_for_cuts():
    spec = ac.unsure_spec(SPEC)
    assert spec.answers == ("answered", "don't know")
    assert spec.terms == SPEC.terms[:-1]
    assert spec.digest != SPEC.digest
    bare = ac.simulate(SPEC).survey
    with pytest.raises(SpecError, match=r"read_survey\(dont_know="):
        ac.unsure_survey(bare)


def test_what_asks_for_a_fit_says_which_of_the_two_to_give(hurdle):
    for call in (ac.levels, ac.amce, ac.methods_paragraph):
        with pytest.raises(AttributeError, match=r"has no '\w+' → give hurdle\.answered, or hurdle\.unsure"):
            call(hurdle)


def test_both_parts_find_what_was_planted(hurdle):
    unsure = ac.summary(ac.shift(hurdle.unsure, by=())).set_index("role")
    assert unsure.loc["sender", "lower"] < 15 < unsure.loc["sender", "upper"]
    answered = ac.shift(hurdle.answered, by=()).at(role="sender").draws
    assert float(answered.mean()) < -10


def test_bounds_are_those_of_the_formula(hurdle):
    found = ac.bounds(hurdle, signal="us2025", by=("country", "ally"), roles=("sender",))
    at = found.at(country="PL", ally="US")
    labels = hurdle.answered.cells.labels()
    i = labels.query("country == 'PL' and ally == 'US' and wave == '2025-03'").index[0]
    q, p = [], []
    for x in (0.0, 1.0):
        for fit, out in ((hurdle.unsure, q), (hurdle.answered, p)):
            rows = fit.cells.rows.take(np.array([i])).with_signal("us2025", x)
            top = [fit.spec.answers.index(t) for t in fit.spec.top]
            out.append(answer_probs(fit.design, rows, fit.draws())[:, 0, top].sum(-1))
    low = [(1 - q[k]) * p[k] for k in (0, 1)]
    high = [low[k] + q[k] for k in (0, 1)]
    for name, want in (
        ("lowest", low[1] - high[0]),
        ("as those who answered", p[1] - p[0]),
        ("highest", high[1] - low[0]),
    ):
        np.testing.assert_allclose(at.at(estimand=name).draws.values.ravel(), 100 * want)
    level = ac.bounds(hurdle, by=("country", "ally", "wave")).at(country="PL", ally="US", wave="2025-03")
    np.testing.assert_allclose(level.at(estimand="lowest").draws.values.ravel(), level_by_hand(hurdle, i)[0])
    np.testing.assert_allclose(level.at(estimand="highest").draws.values.ravel(), level_by_hand(hurdle, i)[1])
    assert any("Manski" in note for note in found.notes)
    assert found.is_difference
    assert ac.plot_gap(found.at(country="PL")) is not None


def level_by_hand(hurdle, i):
    shares = []
    for fit in (hurdle.unsure, hurdle.answered):
        top = [fit.spec.answers.index(t) for t in fit.spec.top]
        shares.append(answer_probs(fit.design, fit.cells.rows.take(np.array([i])), fit.draws())[:, 0, top].sum(-1))
    low = (1 - shares[0]) * shares[1]
    return 100 * low, 100 * (low + shares[0])


def test_a_part_that_failed_fails_the_bounds(hurdle):
    worse = replace(hurdle.unsure, diagnosis=replace(hurdle.unsure.diagnosis, problems=("3 divergences",)))
    assert "3 divergences" in ac.bounds(Hurdle(worse, hurdle.answered)).status
    with pytest.raises(SpecError, match="at one wave, got 2025-01, 2025-03"):
        ac.bounds(hurdle, signal="us2025", waves=("2025-01", "2025-03"))
    with pytest.raises(SpecError, match="nothing was asked after"):
        ac.bounds(hurdle, signal="us2025", roles=("nobody",))


def test_fit_hurdle_fits_both():
    found = ac.fit_hurdle(SPEC, read(people()), random_seed=3, draws=300, method="laplace", progressbar=False)
    assert found.unsure.spec.name == "retrenchment_simulated_unsure"
    assert found.answered.spec == SPEC
    assert found.unsure.posterior.sizes["draw"] == found.answered.posterior.sizes["draw"] == 300


# --- days of interviews ----------------------------------------------------------------------------
def test_days_are_read_from_dates_and_iso_text():
    import datetime as dt

    values = [dt.date(2025, 3, 1), pd.Timestamp("2025-03-02 13:00"), "2025-03-03", "2025-03-04T10:00", None, " "]
    days, problems, _ = read_dates(pd.Series(values, dtype=object), "day")
    assert problems == []
    want = ["2025-03-01", "2025-03-02", "2025-03-03", "2025-03-04", "NaT", "NaT"]
    assert days.astype(str).tolist() == want
    for bad in ("03/01/2025", "2025-13-01", "2025-02-30", 20250301):
        _, problems, _ = read_dates(pd.Series(["2025-03-01", bad], dtype=object), "day")
        assert "1 values are no dates" in str(problems[0])


def test_a_survey_keeps_days_and_leaves_out_who_has_none():
    table = people().assign(day="2025-01-08")
    table.loc[:9, "day"] = None
    survey = ac.read_survey(
        table, roles=replace(ROLES, date="day"), answers=SPEC.answers, top=SPEC.top, dont_know=("No idea",)
    )
    assert str(survey.table["date"].iloc[0])[:10] == "2025-01-08"
    assert "no date of interview" in [line.what for line in survey.report.lines]
    assert survey.traits == ()
    with pytest.raises(SchemaError, match="are no dates"):
        ac.read_survey(table.assign(day="1.3.2025"), roles=replace(ROLES, date="day"), answers=SPEC.answers,
                       top=SPEC.top, dont_know=("No idea",))  # fmt: skip
