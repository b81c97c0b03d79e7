"""Bad inputs by their number in the list (`bad_inputs`), in order: those that no other test of a room shows.

Where the library differs from what one might expect, the test says why: docs/decisions/025.
"""

import datetime as dt
import importlib
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bad_inputs import LIST
from conftest import bad_input_lines

import alliancecred as ac
from alliancecred.cautions import identification_warnings
from alliancecred.errors import DataWarning, IdentificationWarning, LevelError, OutcomeError, SchemaError, WeightError
from alliancecred.events import Wave
from alliancecred.fitting import prepare
from alliancecred.forewarn import data_warnings, selective_loss
from alliancecred.spec import Spec
from alliancecred.spec_check import check_spec

D = dt.date
HERE = Path(__file__).parent
COUNTRIES, ALLIES = ("DE", "PL", "UK", "NO", "CA", "FR"), ("US", "UK", "FR")
WAVES = (Wave("w1", D(2025, 1, 1), D(2025, 1, 31)), Wave("w2", D(2025, 4, 1), D(2025, 4, 30)))
SPEECH = ac.Signal("speech", "US", D(2025, 3, 3))
LEVELS = (ac.Level(("country",)), ac.Level(("ally",)))


def people(n=720, **columns):
    """Rows of everybody in turn: six countries judge three allies in two waves."""
    i = np.arange(n)
    frame = {
        "country": np.array(COUNTRIES)[i % 6],
        "ally": np.array(ALLIES)[i // 6 % 3],
        "wave": np.array(["w1", "w2"])[i // 18 % 2],
        "answer": np.where(np.random.default_rng(1).random(n) < 0.4, "no", "yes"),
    }
    return pd.DataFrame(frame | columns)


def read(frame=None, answers=("no", "yes"), top=("yes",), **more):
    """Read people; further columns that name a role have it."""
    frame = people() if frame is None else frame
    known = ("country", "ally", "wave", "answer", "population", "respondent", "weight", "date")
    roles = ac.Roles(**{role: role for role in known if role in frame})
    return ac.read_survey(frame, roles=roles, answers=answers, top=top, **more)


def spec(*terms, **change):
    made = Spec("bad", ("no", "yes"), ("yes",), terms or LEVELS, waves=WAVES)
    return replace(made, **change)


def told(of, *surveys):
    """What a fit of these would warn of."""
    _, cells, design = prepare(of, *surveys)
    return [*identification_warnings(design, cells), *data_warnings(of, cells, surveys)]


# --- the list itself ------------------------------------------------------------------------------
def fast_numbers(module):
    """The numbers that fast tests of a module are marked with."""
    for name, test in vars(module).items():
        marks = [] if not name.startswith("test") else getattr(test, "pytestmark", [])
        if any(mark.name == "slow" for mark in marks):
            continue
        params = [p for mark in marks if mark.name == "parametrize" for p in mark.args[1] if hasattr(p, "marks")]
        for mark in [*marks, *(m for p in params for m in p.marks)]:
            if mark.name == "bad":
                yield from mark.args


def test_every_number_is_shown_by_a_fast_test():
    assert list(LIST) == list(range(1, 85))
    assert len(set(LIST.values())) == 84
    modules = [p.stem for p in HERE.glob("test_*.py") if re.search(r"mark\.bad\(|numbered\(", p.read_text("utf-8"))]
    assert len(modules) > 10
    numbers = [n for module in modules for n in fast_numbers(importlib.import_module(module))]
    assert sorted(set(numbers)) == list(LIST)


def test_the_summary_names_what_failed_and_what_was_not_tried():
    assert bad_input_lines(dict.fromkeys(LIST, True)).__next__().startswith("bad inputs: 84 of 84 refused or warned")
    lines = list(bad_input_lines({1: True, 17: False}))
    assert lines[:2] == [
        "bad inputs: 1 of 84 refused or warned about as expected: 1",
        "bad inputs that failed: 17 (a country at 0 or 100 %)",
    ]
    assert " ".join(lines[2:]).split()[6:9] == ["2", "3", "4"]
    assert all(len(line) <= 100 for line in lines)


# --- labels ---------------------------------------------------------------------------------------
@pytest.mark.bad(10)
def test_a_map_mends_labels_that_look_the_same():
    # Once wrong (intake._factors): labels were refused before the map that mends them was looked at.
    frame = people().replace({"ally": {"UK": "uk "}})
    frame.loc[frame.index % 2 == 0, "ally"] = frame["ally"].str.upper().str.strip()
    with pytest.raises(LevelError, match="look the same: 'UK', 'uk '"):
        read(frame)
    same = tuple((x, x.upper().strip()) for x in ("US", "UK", "uk ", "FR"))
    assert read(frame, levels=[ac.LevelMap("ally", same)]).table["ally"].tolist() == people()["ally"].tolist()
    with pytest.raises(LevelError, match="look the same: 'pl', 'PL'"):
        read(levels=[ac.LevelMap("country", tuple((c, "pl" if c == "DE" else c) for c in COUNTRIES))])


@pytest.mark.bad(10)
def test_groups_that_look_the_same_are_refused():
    # Once wrong (intake._traits): two groups of people were read, which a spec could only refuse in other words.
    frame = people(educ=["low", "Low "] * 360)
    with pytest.raises(LevelError, match=r"educ: labels look the same: 'low', 'Low ' \(rows 1, 3, 5, 7, 9\)"):
        read(frame, traits={"educ": "educ"})


# --- answers --------------------------------------------------------------------------------------
@pytest.mark.bad(16, 17)
@pytest.mark.parametrize("yes", ["all", "PL"])
def test_a_fit_of_answers_that_are_all_the_same_goes_on(yes):
    frame = people(180).drop(columns="wave")
    frame.loc[(frame.country == yes) | (yes == "all"), "answer"] = "yes"
    with pytest.warns(IdentificationWarning, match="all answers are the same|100 % credible answers in 'PL'"):
        survey = read(frame, constants={"wave": "w1"}) if yes == "PL" else with_never(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ac.DataWarning)
        fit = ac.fit(spec(LEVELS[0]), survey, random_seed=1, draws=250, method="laplace", strict=True)
    levels = ac.summary(ac.levels(fit, by="country")).set_index("country")
    high = levels.loc["PL"]
    assert 50 < high["mean"] < 100
    assert high["lower"] < high["upper"] < 100


def with_never(frame):
    with pytest.warns(DataWarning, match="nobody gave the answer 'no'"):
        return read(frame, constants={"wave": "w1"})


@pytest.mark.bad(18)
def test_per_cents_are_neither_answers_nor_counts():
    """Per cents have a door of their own; whole ones that stand for counts can only be suspected."""
    for values in (np.linspace(1, 87, 720).round(1), np.arange(720) % 60 + 11):
        with pytest.raises(OutcomeError, match=r"values up to \d\d.*per cents\? give them to read_toplines"):
            read(people(answer=values))
    with pytest.raises(OutcomeError) as few:
        read(people(answer=np.arange(720) % 7))
    assert "per cents" not in str(few.value)
    frame = pd.DataFrame({"country": ["PL", "DE", "NO"], "no": [60, 45, 33], "yes": [40, 54, 68]})
    options = {"roles": ac.Roles(country="country"), "counts": {"no": "no", "yes": "yes"}, "top": ("yes",)}
    with pytest.warns(DataWarning, match="every row sum to 99 to 101: per cents"):
        assert ac.read_counts(frame, **options).report.total("used") == 3
    for other in (frame.assign(yes=[40, 54, 69]), frame.head(1)):
        ac.read_counts(other, **options)


# --- groups, waves --------------------------------------------------------------------------------
@pytest.mark.bad(40)
def test_one_ally_with_a_shift_is_legitimate():
    frame = people()
    of = spec(LEVELS[0], ac.Shift("speech"), signals=(SPEECH,))
    assert told(of, read(frame[frame.ally == "US"])) == []


@pytest.mark.bad(43)
def test_self_ratings_that_no_term_tells_apart_are_warned_of():
    # Once wrong: a country's trust in itself and in others had one level, and nothing was said.
    (text,) = [t for t in told(spec(), read()) if "judge themselves" in t]
    assert text.startswith("FR, UK judge themselves as well as others, and have one level for both: Fixed(")
    apart = ac.Fixed("self_rating", (("self", ("yes",)),))
    for of in (spec(*LEVELS, apart), spec(*LEVELS, ac.Level(("country", "ally"))), spec(self_ratings="merged")):
        assert not any("judge themselves" in t for t in told(of, read()))
    frame = people()
    only = frame[(frame.country == frame.ally) | ~frame.country.isin(ALLIES)]  # nothing but themselves
    others = frame[frame.country != frame.ally]
    assert not any("judge themselves" in t for part in (only, others) for t in told(spec(), read(part)))


@pytest.mark.bad(50)
def test_nothing_is_computed_from_the_names_of_waves():
    """Names of waves need no order: whatever goes by time asks for dates, and a list puts w2 before w10."""
    names = ["w10", "w1", "w2", "w 3", "w02"]
    undated = spec(ac.Level(("wave",)), waves=())
    frame = people(wave=np.array(names)[np.arange(720) % 5])
    assert prepare(undated, read(frame))[1].levels["wave"] == ("w1", "w02", "w2", "w10", "w 3")
    with pytest.raises(ac.SpecError, match="a trend needs at least three dated waves, got 0"):
        check_spec(replace(undated, terms=(ac.Trend(),)))
    with pytest.raises(ac.SpecError, match="a signal needs dated waves"):
        check_spec(replace(undated, signals=(SPEECH,)))


ZONES = {
    "column": (pd.date_range("2025-01-01 23:30", periods=4, tz="America/New_York"), "America/New_York"),
    "utc": (pd.date_range("2025-01-02 04:30", periods=4, tz="UTC"), "UTC"),
    "text": ([f"2025-01-0{i}T23:30-05:00" for i in range(1, 5)], "UTC-05:00"),
    "zulu": ([f"2025-01-0{i} 04:30:00Z" for i in range(2, 6)], "UTC"),
}


@pytest.mark.bad(52)
@pytest.mark.parametrize(("days", "zone"), ZONES.values(), ids=ZONES)
def test_times_with_a_zone_are_days_in_utc(days, zone):
    # Once wrong (dates._day): NumPy warned of each value, and text was taken for its local day.
    survey = read(people(date=[*days] * 180))
    assert survey.table["date"].astype(str).tolist() == [f"2025-01-0{i}" for i in range(2, 6)] * 180
    (line,) = [x for x in survey.report.lines if "UTC" in x.what]
    assert (line.count, line.what) == (720, f"times of interview in {zone} are taken for their days in UTC")


MIXED = {
    "zones": ([pd.Timestamp("2025-01-01", tz=z) for z in ("UTC", "Asia/Tokyo")] * 2, "UTC, Asia/Tokyo.*rows 1, 3"),
    "text": (["2025-01-01T10:00+01:00", "2025-01-01T10:00+02:00"] * 2, r"UTC\+01:00, UTC\+02:00"),
    "zone and none": (["2025-01-01T10:00Z", "2025-01-01"] * 2, "UTC, no zone"),
}


@pytest.mark.bad(52)
@pytest.mark.parametrize(("days", "words"), MIXED.values(), ids=MIXED)
def test_times_of_several_zones_are_refused(days, words):
    with pytest.raises(SchemaError, match=f"date: times of several zones: {words}"):
        read(people(4, date=days))


@pytest.mark.bad(51, 57)
@pytest.mark.parametrize("days", [["2025-01-02", "13.01.2025"] * 2, ["01/02/2025"] * 4, pd.interval_range(0, 4),
                                  [45000] * 4, ["2025-02-30"] * 4, ["2025-01-01T25:00"] * 4])  # fmt: skip
def test_days_of_interviews_that_are_no_dates_are_refused(days):
    with pytest.raises(SchemaError, match=r"\d values are no dates: .* → write days as 2025-03-01"):
        read(people(4, date=days))


@pytest.mark.bad(57)
def test_periods_of_a_day_and_nat_are_read():
    survey = read(people(date=pd.PeriodIndex(["2025-01-01", "NaT", "2025-01-03", "2025-01-04"] * 180, freq="D")))
    assert survey.table["date"].astype(str).tolist() == ["2025-01-01", "2025-01-03", "2025-01-04"] * 180
    assert ("excluded", 180, "no date of interview") in [(x.action, x.count, x.what) for x in survey.report.lines]


@pytest.mark.bad(55)
def test_one_label_for_two_fieldworks_is_refused():
    # Once wrong (gathering.source_problems): days of interviews were never held against the dates of their wave.
    with pytest.raises(ac.SpecError, match=r"waves: repeated: \['w1'\]"):
        check_spec(spec(waves=(*WAVES, replace(WAVES[0], start=D(2026, 1, 1), end=D(2026, 1, 31)))))
    frame = people().assign(date=lambda t: np.where(t.wave == "w1", "2025-01-31", "2025-04-01"))
    told(spec(), read(frame))
    frame.loc[[0, 1], "date"] = ["2025-06-01", "2024-12-31"]
    with pytest.raises(ac.SpecError, match=r"waves.w1: 2 interviews are not of 2025-01-01 to 2025-01-31: 2024-12-31, "):
        told(spec(), read(frame))


# --- panels, elites, weights ----------------------------------------------------------------------
def panel(stay):
    """A wave of 300 people of whom ``stay`` (answers no, yes) of each hundred come back."""
    first = people(300, wave="w1", respondent=[f"r{i}" for i in range(300)])
    order = first.groupby("answer").cumcount() % 100
    back = first[order < first["answer"].map(dict(zip(("no", "yes"), stay, strict=True)))]  # 121 no, 179 yes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentificationWarning)
        return read(pd.concat([first, back.assign(wave="w2")]))


@pytest.mark.bad(60)
def test_drop_out_by_what_was_answered_is_warned_of():
    # Once wrong: `retention` showed it to those who asked, and nobody else was told.
    (text,) = [t for t in told(spec(), panel((40, 80))) if "came back" in t]
    assert text.startswith(
        "who came back from w1 to w2 had answered otherwise than who did not; came back, by answer: "
    )
    assert re.search(r"'no' 5\d%, 'yes' 8\d%; retention\(\) tells more", text)
    for stay in ((60, 60), (100, 100), (0, 0)):
        assert list(selective_loss(panel(stay), "w1", "w2")) == []
    survey = panel((40, 80))
    nameless = replace(survey, table=survey.table.assign(respondent=""))
    assert list(selective_loss(nameless, "w1", "w2")) == []


@pytest.mark.bad(60)
def test_countries_that_lose_more_people_are_no_drop_out_by_answer():
    first = people(720, wave="w1", respondent=[f"r{i}" for i in range(720)])
    poor = first.country.isin(["DE", "PL", "UK"]).to_numpy()
    turn = first.groupby("country").cumcount().to_numpy()  # of 120 in each country
    first = first.assign(answer=np.where(turn % 10 < np.where(poor, 2, 8), "yes", "no"))
    back = first[turn % 100 // 10 < np.where(poor, 3, 9)]
    with pytest.warns(IdentificationWarning, match="respondents with several rows"):
        survey = read(pd.concat([first, back.assign(wave="w2")]))
    assert list(selective_loss(survey, "w1", "w2")) == []


@pytest.mark.bad(63)
def test_a_gap_to_a_population_nobody_asked_is_refused():
    survey = read(people(180).drop(columns="wave"))
    _, cells, design = prepare(spec(LEVELS[0], ac.Gap(), waves=()), survey)
    assert "gap_elite: no data, left out" in design.notes
    fit = ac.fitting.fit_design(design, cells, random_seed=1, draws=250, method="laplace")
    with pytest.raises(ac.SpecError, match="population 'elite' was not asked: allowed: 'public'"):
        ac.gap(fit)


@pytest.mark.bad(65)
def test_few_elites_in_a_cell_are_warned_of():
    # Once wrong: a gap from ten members of parliament was told like one from a thousand.
    frame = people(population="public")
    elites = frame[(frame.wave == "w1") & frame.country.isin(["DE", "PL"])].assign(population="elite")
    frame = pd.concat([frame, elites[elites.country == "DE"], elites.drop(elites.index[elites.country == "PL"][0])])
    of = spec(LEVELS[0], ac.Gap(), self_ratings="merged")
    (text,) = told(of, read(frame))
    n = frame[frame.population == "elite"].groupby(["country", "ally", "wave"]).size()
    least = n.idxmin()
    assert text == (
        f"elite: {(n < 30).sum()} of 6 cells have fewer than 30 answers, the least {n.min()} "
        f"({', '.join(least)}, elite): by itself a share of one half is "
        f"known there to ± {98 / np.sqrt(n.min()):.0f} points"
    )
    assert 0 < (n < 30).sum() < 6
    assert not any("elite" in t for t in told(spec(LEVELS[0]), read(frame)))  # no gap is asked


@pytest.mark.bad(66)
def test_weights_of_one_population_only_are_refused():
    """In one table; samples that are sources of their own are each scaled by itself (docs/decisions/019)."""
    who = np.array(["public", "public", "elite"])[np.arange(720) % 3]
    weight = np.where(who == "public", 0.5 + np.arange(720) % 4, np.nan)
    with pytest.raises(WeightError, match=r"weights are given for some populations, but not for 'elite' \(rows 2, 5"):
        read(people(population=who, weight=weight))
    weight[0] = np.nan
    with pytest.raises(WeightError, match="241 weights are empty"):
        read(people(population=who, weight=weight))


# --- experiments ----------------------------------------------------------------------------------
@pytest.mark.bad(76)
def test_an_attribute_declared_to_vary_within_people_has_to():
    # Once impossible to declare: an effect within people could be one between people.
    def shown(levels, ids="id"):
        i = np.arange(720)
        frame = people(wave="w1", country="PL", ally="US", respondent=[f"{ids}{k}" for k in i // 2],
                       regime=np.array(levels)[i % 4], task=i.astype(str))  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IdentificationWarning)
            return read(frame if ids else frame.drop(columns="respondent"), traits={"regime": "regime", "task": "task"})

    regime = ac.Attribute("regime", ("autocracy", "democracy"), "autocracy", within=True)
    of = spec(ac.Effect(("regime",)), attributes=(regime,))
    never, always = ["autocracy"] * 2 + ["democracy"] * 2, ["autocracy", "democracy"] * 2
    with pytest.raises(ac.SpecError, match="each of the 360 people asked twice saw one level only"):
        prepare(of, shown(never))
    with pytest.raises(ac.SpecError, match=r"nobody is known to have been asked twice → .*Roles\(respondent"):
        prepare(of, shown(always, ids=""))
    prepare(of, shown(always))
    prepare(replace(of, attributes=(replace(regime, within=False),)), shown(never))
    assert ac.spec_file.spec_from_table({**toml(of)}) == of


def toml(of):
    import tomllib

    return tomllib.loads(ac.spec_to_toml(of))


@pytest.mark.parametrize(
    ("answers", "top", "warned"),
    [
        (("a", "b", "c", "d"), ("c", "d"), False),
        (("a", "b", "c", "d"), ("d", "c"), False),
        (("a", "c", "b", "d"), ("c", "d"), True),  # two answers have changed places
        (("d", "c", "b", "a"), ("c", "d"), True),  # from the highest to the lowest
        (("a", "b", "c"), ("b",), True),
    ],
)
def test_answers_that_count_and_are_not_the_last_are_warned_of(answers, top, warned):
    frame = people(answer=np.random.default_rng(1).choice(answers, 720))
    survey = read(frame, answers=answers, top=top)
    found = [t for t in told(spec(answers=answers, top=top), survey) if "are not the last of the answers" in t]
    assert len(found) == warned
    assert all(answer in t for t in found for answer in answers)


def test_two_answers_have_no_order_that_could_be_wrong():
    survey = read(top=("no",))
    assert not [t for t in told(spec(top=("no",)), survey) if "last of the answers" in t]
