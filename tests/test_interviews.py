"""Unexpected events in fieldwork: windows, balance, placebos; waves of other houses; contrasts between allies."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import alliancecred as ac
from alliancecred.carriers import Carrier, carrier_values
from alliancecred.cautions import changes_with, identification_warnings
from alliancecred.errors import IdentificationWarning, SpecError
from alliancecred.events import Signal, Wave
from alliancecred.fitting import fit_design, prepare
from alliancecred.spec import Estimand, Spec
from alliancecred.spec_check import check_spec
from alliancecred.terms import Fixed, Level, Shift

D = dt.date
SPEC = Spec(
    "speech", ("no", "yes"), ("yes",), (Level(("country",)), Shift("speech")),
    waves=(Wave("spring", D(2025, 2, 1), D(2025, 3, 20)),), signals=(Signal("speech", "US", D(2025, 3, 3)),),
    countries=("DE", "PL"), allies=("US",), estimands=(Estimand("shift"),),
)  # fmt: skip
SIDES = ["spring: before", "spring: after"]
pytestmark = pytest.mark.filterwarnings("ignore:sd_level")


def people(size=4000, effect=-0.25, seed=0):
    rng = np.random.default_rng(seed)
    day = pd.Timestamp("2025-02-01") + pd.to_timedelta(rng.integers(0, 48, size), unit="D")
    after = day > pd.Timestamp("2025-03-03")
    yes = rng.random(size) < 0.6 + effect * after
    answer = np.where(rng.random(size) < 0.05 + 0.2 * after, "dk", np.where(yes, "yes", "no"))
    degree = np.where(rng.random(size) < 0.3, "yes", "no")
    return pd.DataFrame(
        {"country": rng.choice(["DE", "PL"], size), "wave": "spring", "q": answer, "day": day, "degree": degree}
    )


def read(table):
    roles = ac.Roles(country="country", wave="wave", answer="q", date="day")
    return ac.read_survey(
        table, roles=roles, answers=("no", "yes"), top=("yes",), constants={"ally": "US"}, dont_know=("dk",),
        traits={"degree": "degree"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def survey():
    return read(people())


@pytest.mark.parametrize(("bandwidth", "donut"), [(5, 0), (10, 2)])
def test_windows_hold_the_days_they_say(survey, bandwidth, donut):
    window = ac.event_window(SPEC, survey, signal="speech", bandwidth=bandwidth, donut=donut)
    table = people()
    away = (table.day - pd.Timestamp("2025-03-03")).dt.days
    known = table.q != "dk"
    for name, side in zip(SIDES, (-away, away), strict=True):
        own = (side > donut) & (side <= bandwidth)
        found = window.sources[0].table
        assert found.loc[found.wave == name, "count"].sum() == (own & known).sum()
        unsure = window.sources[0].unsure
        assert (unsure.wave == name).sum() == (own & ~known).sum()
    assert [w.name for w in window.spec.waves] == SIDES
    assert {w.part_of for w in window.spec.waves} == {"spring"}
    assert all(d != np.datetime64("2025-03-03") for d in window.sources[0].table["date"].to_numpy("datetime64[D]"))
    check_spec(window.spec)


def test_the_shift_is_found_and_labelled(survey):
    window = ac.event_window(SPEC, survey, signal="speech", bandwidth=14)
    _, cells, design = prepare(window.spec, *window.sources)
    fit = fit_design(design, cells, random_seed=1, draws=400, method="laplace")
    found = ac.shift(fit, by=())
    assert found.identification == "unexpected event"
    row = ac.summary(found).iloc[0]
    assert row.lower < -25 < row.upper
    assert row.sd < 6
    apart = replace(fit, spec=replace(fit.spec, waves=tuple(replace(w, part_of="") for w in fit.spec.waves)))
    assert ac.shift(apart, by=()).identification == "before-after"


def test_balance_is_that_of_shares(survey):
    window = ac.event_window(SPEC, survey, signal="speech", bandwidth=14)
    table = ac.event_balance(window).set_index(["what", "label"])
    rows = window.sources[0].table
    before, after = (rows[rows.wave == name] for name in SIDES)
    a, b = ((x.degree == "yes").mean() for x in (before, after))
    got = table.loc[("degree", "yes")]
    assert [got.before, got.after] == pytest.approx([100 * a, 100 * b])
    error = 1.96 * np.sqrt(a * (1 - a) / len(before) + b * (1 - b) / len(after))
    assert [got.lower, got.upper] == pytest.approx([100 * (b - a - error), 100 * (b - a + error)], rel=1e-3)
    assert got.standardised == pytest.approx((b - a) / np.sqrt((a * (1 - a) + b * (1 - b)) / 2))
    unsure = table.loc[("answer", "don't know")]
    assert unsure.lower > 10
    assert unsure.difference == pytest.approx(20, abs=6)
    assert set(table.index.get_level_values(0)) == {"country", "degree", "answer"}
    with pytest.raises(SpecError, match="that of an event_window"):
        ac.event_balance(replace(window, spec=SPEC))


def test_grid_has_every_window_and_placebos_stay_on_one_side(survey):
    grid = ac.event_grid(
        SPEC, survey, signal="speech", bandwidths=(2, 7), donuts=(0, 3), placebos=(D(2025, 2, 25), D(2025, 3, 10))
    )
    assert list(grid) == ["2 days", "7 days", "7 days, donut 3", "placebo 2025-02-25", "placebo 2025-03-10"]
    early, late = grid["placebo 2025-02-25"].spec, grid["placebo 2025-03-10"].spec
    assert early.waves[1].end == D(2025, 3, 2)
    assert early.signals[0].date == D(2025, 2, 25)
    assert late.waves[0].start == D(2025, 3, 4)
    table = ac.sensitivity(grid, draws=300, method="laplace", n_jobs=1, progressbar=False)
    role = table[table.role == "sender"].groupby("specification").first()
    assert role.loc["7 days", "upper"] < -10
    for name in ("placebo 2025-02-25", "placebo 2025-03-10"):
        assert role.loc[name, "lower"] < 0 < role.loc[name, "upper"]
    with pytest.raises(SpecError, match="the day of speech itself"):
        ac.event_grid(SPEC, survey, signal="speech", placebos=(D(2025, 3, 3),))


def test_what_cannot_be_compared_is_refused(survey):
    with pytest.raises(SpecError, match=r"Roles\(date=…\)"):
        ac.event_window(SPEC, replace(survey, table=survey.table.drop(columns="date")), signal="speech")
    with pytest.raises(SpecError, match="a smaller donut"):
        ac.event_window(SPEC, survey, signal="speech", bandwidth=3, donut=3)
    with pytest.raises(SpecError, match=r"lies in no wave: spring \(2025-02-01 to 2025-03-20\)"):
        ac.event_window(SPEC, survey, signal="speech", date=D(2025, 5, 1))
    with pytest.raises(SpecError, match="too few answers to compare"):
        ac.event_window(SPEC, survey, signal="speech", bandwidth=1, least=10_000)
    with pytest.raises(SpecError, match="no day of 'spring' is left before"):
        ac.event_window(SPEC, survey, signal="speech", date=D(2025, 2, 1))


# --- what changes with a signal ---------------------------------------------------------------------
WAVES = (
    Wave("w1", D(2025, 1, 6), D(2025, 1, 9), house="A", mode="web", wording="old"),
    Wave("w2", D(2025, 2, 6), D(2025, 2, 9), house="B", mode="web", wording="old"),
    Wave("w3", D(2025, 4, 6), D(2025, 4, 9), house="B", mode="web", wording="new"),
    Wave("w4", D(2025, 6, 6), D(2025, 6, 9), house="B", mode="", wording="new"),
)


def asked_in(*waves, terms=()):
    spec = replace(SPEC, waves=WAVES, terms=(*SPEC.terms, *terms))
    rows = [(c, w, 30, 20) for c in ("DE", "PL") for w in waves]
    frame = pd.DataFrame(rows, columns=["country", "wave", "no", "yes"])
    roles = ac.Roles(country="country", wave="wave")
    counted = ac.read_counts(
        frame, roles=roles, counts={"no": "no", "yes": "yes"}, top=("yes",), constants={"ally": "US"}
    )
    return prepare(spec, counted)


def test_a_wording_that_changes_with_the_signal_is_named():
    _, cells, design = asked_in("w1", "w2", "w3")
    assert changes_with(design, cells, "speech") == [
        "wording changes with speech: old before, new after; the shift holds both"
    ]
    _, cells, design = asked_in("w1", "w3")
    found = " ".join(identification_warnings(design, cells))
    assert "house changes with speech: A before, B after" in found
    assert "mode changes" not in found
    _, cells, design = asked_in("w2", "w4")
    assert "mode changes with speech: web before, not declared after" in " ".join(changes_with(design, cells, "speech"))
    fit = fit_design(design, cells, random_seed=1, draws=50, method="laplace")
    assert any("wording changes with speech" in n for n in ac.shift(fit).notes)


def test_a_house_has_an_effect_of_its_own_where_waves_tell_it_apart():
    term = Fixed("house_b", where=(("house", ("B",)),))
    spec, cells, design = asked_in("w1", "w2", "w3", terms=(term,))
    check_spec(spec)
    got = carrier_values(Carrier(where=term.where), cells.rows, design.levels, spec)
    wave = np.array(design.levels["wave"])[cells.rows.codes["wave"]]
    assert got.tolist() == (wave != "w1").astype(float).tolist()
    assert "fixed_house_b" in design.variables
    with pytest.raises(SpecError, match="cannot be told apart"):
        asked_in("w1", "w3", terms=(term,))
    with pytest.raises(SpecError, match="'C'"):
        check_spec(replace(spec, terms=(*SPEC.terms, Fixed("house_c", where=(("house", ("C",)),)))))


def test_contrasts_between_allies_without_ids_are_warned_of():
    simulated = ac.simulate("retrenchment_simulated")
    one = ac.levels(simulated.truth, by=("country", "ally", "wave"))
    poland, uk = (one.at(country="DE", wave="2025-01", ally=a) for a in ("US", "UK"))
    with pytest.warns(IdentificationWarning, match="a contrast between allies"):
        found = ac.contrast(poland, uk)
    assert any("Respondent term" in n for n in found.notes)
    same = ac.contrast(poland, one.at(country="PL", wave="2025-01", ally="US"))
    assert not any("Respondent" in n for n in same.notes)
    panel = ac.simulate("panel_simulated")
    both = ac.levels(panel.truth, by=("ally",), waves=("2024",))
    assert not any("Respondent" in n for n in ac.contrast(both.at(ally="US"), both.at(ally="FR")).notes)
