"""The facts that ship: complete, in order, and in the words a spec understands."""

import csv
import datetime as dt
from collections import Counter
from pathlib import Path

import pytest

import alliancecred as ac
from alliancecred.errors import SpecError
from alliancecred.events import DIRECTIONS, SIGNAL_KINDS, Signal
from alliancecred.spec_check import check_spec
from alliancecred.terms import Level, Shift

SHARED = Path(__file__).parents[2] / "shared" / "data" / "events" / "alliance_signals.csv"


def test_signals_are_dated_named_once_and_in_order():
    every = ac.signals()
    assert len(every) == len({s.name for s in every}) == 40
    assert [s.date for s in every] == sorted(s.date for s in every)
    assert {s.kind for s in every} <= set(SIGNAL_KINDS)
    assert {s.direction for s in every} == set(DIRECTIONS)
    assert all(s.what and s.source for s in every)
    assert Counter(s.verification for s in every)["unverified"] == 2


def test_signals_are_those_that_were_collected():
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is not there")
    with SHARED.open() as file:
        rows = [(r["date"], r["source_state"], r["kind"], r["direction"]) for r in csv.DictReader(file)]
    assert Counter(rows) == Counter((s.date.isoformat(), s.sender, s.kind, s.direction) for s in ac.signals())


def test_signals_by_sender_kind_direction_and_date():
    early, late = dt.date(2025, 3, 3), dt.date(2025, 3, 6)
    found = ac.signals(sender="US", direction="retrenchment", start=early, end=late)
    assert [s.name for s in found] == ["aid_pause", "intelligence_pause", "no_pay_no_defence"]
    assert {s.sender for s in ac.signals(kind="defence spending")} == {"UK", "EU", "DE"}
    assert len(ac.signals(verification="verified")) < 40
    with pytest.raises(SpecError, match=r"no signal has kind 'rethoric': did you mean 'rhetoric'"):
        ac.signals(kind="rethoric")


def test_a_catalogued_signal_goes_into_a_spec():
    known = next(s for s in ac.signals() if s.name == "aid_pause")
    signal = known.signal(countries=("PL",))
    what = "The US pauses all military aid to Ukraine"
    assert signal == Signal("aid_pause", "US", dt.date(2025, 3, 3), "aid", "retrenchment", ("PL",), what=what)
    waves = (
        ac.Wave("one", dt.date(2025, 1, 6), dt.date(2025, 1, 17)),
        ac.Wave("two", dt.date(2025, 3, 6), dt.date(2025, 3, 17)),
    )
    terms = (Level(("country",)), Shift("aid_pause"))
    check_spec(ac.Spec("aid", ("no", "yes"), ("yes",), terms, waves=waves, signals=(signal,)))


def test_pacts_of_the_united_states():
    every = ac.pacts()
    assert {p.pact for p in every} == {"NATO", "Rio", "Japan", "Korea", "Philippines", "Australia", "Thailand"}
    members = {y: sum(p.pact == "NATO" for p in ac.pacts(year=y)) for y in (1949, 1955, 1999, 2004, 2020, 2024)}
    assert members == {1949: 11, 1955: 14, 1999: 18, 2004: 25, 2020: 29, 2024: 31}
    assert [p.start for p in ac.pacts(year=1970) if p.partner == "Japan"] == [1960]
    assert [p.start for p in ac.pacts(year=1959) if p.partner == "Japan"] == [1951]
    assert "Mexico" in {p.partner for p in ac.pacts(year=2003)}
    assert "Mexico" not in {p.partner for p in ac.pacts(year=2004)}
