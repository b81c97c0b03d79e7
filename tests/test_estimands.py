"""Every estimand equals plain loops over countries, allies and draws, written without the library.

The posterior is draws from the prior: no sampling, and any draws do to check what is made of them.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from alliancecred import scoring
from alliancecred.asking import evaluate
from alliancecred.cells import make_cells
from alliancecred.comparisons import gap
from alliancecred.contrasts import contrast
from alliancecred.errors import PredictError, SpecError
from alliancecred.estimands import change, levels, shift
from alliancecred.estimate import LABELS, Estimate
from alliancecred.events import Signal, Wave
from alliancecred.fitting import Fit
from alliancecred.gates import Diagnosis
from alliancecred.identify import make_design
from alliancecred.simulation import dataset, draw_prior
from alliancecred.sources import DataReport, Survey
from alliancecred.spec import Estimand, Spec
from alliancecred.terms import FACTORS, Cuts, Fixed, Gap, Level, Shift, Term

D = dt.date
CHAINS, DRAWS = 2, 4
ANSWERS = {2: ("no", "yes"), 4: ("no", "rather no", "rather yes", "yes")}
TOP = {2: ("yes",), 4: ("rather yes", "yes")}
# By date w10, w2, w1: not the order of the names.
WAVES = (
    Wave("w1", D(2025, 9, 1), D(2025, 9, 9)), Wave("w10", D(2024, 10, 1), D(2024, 10, 9)),
    Wave("w2", D(2025, 4, 1), D(2025, 4, 9)),
)  # fmt: skip
AID = Signal("aid", "US", D(2025, 3, 3), "aid")
Row = tuple[str, str, str, str]  # country, ally, wave, population

# Countries rate different numbers of allies in different waves: averages over rows are not those over countries.
ASKED: tuple[Row, ...] = (
    *product(("PL",), ("US", "PL", "FR", "UK"), ("w10", "w2", "w1"), ("public",)),
    *product(("US",), ("US", "PL"), ("w10", "w2"), ("public",)),
    *product(("DE",), ("US", "FR"), ("w10", "w1"), ("public",)),
    ("DE", "UK", "w1", "public"), ("DE", "US", "w2", "public"),
    *product(("PL",), ("US", "PL", "FR"), ("w10", "w2", "w1"), ("elite",)),
    ("PL", "UK", "w2", "elite"), ("PL", "UK", "w1", "elite"),
)  # fmt: skip


def spec(k: int = 4, ratings: str = "apart", **change: Any) -> Spec:
    roles = ("sender", "other", "self") if ratings == "apart" else ("sender", "other")
    base = Spec(
        "demo", ANSWERS[k], TOP[k],
        (
            Level(("country",)), Level(("ally",)), Level(("ally", "country")), Level(("wave",)),
            Fixed("self_rating", (("self", ("yes",)),)), Shift("aid"), Shift("aid", ("country",), ("sender",)),
            Shift("aid", ("ally",), ("other",), correlated=True),
            Shift("aid", ("country", "ally"), roles, together=True),
            Gap(), Gap(by=("ally",)), Gap(signal="aid"), Cuts(),
        ),
        waves=WAVES, signals=(AID,), countries=("US", "PL", "DE", "CA"), allies=("US", "PL", "FR", "UK"),
        self_ratings=ratings,
    )  # fmt: skip
    return replace(base, **change)


def made(of: Spec, asked: Iterable[Row] = ASKED, *, each: int = 5, chains: int = CHAINS, draws: int = DRAWS) -> Fit:
    """A fit whose posterior is drawn from the prior; ``each`` people gave each answer, the first answer one more."""
    rows = [(c, a, "", w, p, k, each + (k == 0)) for c, a, w, p in asked for k in range(len(of.answers))]
    table = pd.DataFrame(rows, columns=[*FACTORS, "answer", "count"]).assign(respondent="")
    cells = make_cells(of, [Survey(table, of.answers, of.top, DataReport("made", ()))])
    design = make_design(of, cells)
    values = draw_prior(design, np.random.default_rng(3), chains * draws)
    tree = xr.DataTree.from_dict({"posterior": dataset(design, values, chains)})
    tree.attrs["random_seed"] = 11
    return Fit(of, cells, design, tree, Diagnosis(pd.DataFrame(), 0, 0, (), ()))


@cache
def fit(k: int = 4, ratings: str = "apart") -> Fit:
    return made(spec(k, ratings))


# --- the plain formula ----------------------------------------------------------------------------
def logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def role_of(of: Fit, country: str, ally: str) -> str:
    if of.spec.self_ratings == "apart" and country == ally:
        return "self"
    return "sender" if ally == "US" else "other"


@cache
def tables(k: int, ratings: str) -> dict[str, dict[tuple[str, ...], list[list[float]]]]:
    """Variable → labels → [chain][draw]."""
    out: dict[str, dict[tuple[str, ...], list[list[float]]]] = {}
    for name, array in fit(k, ratings).posterior.data_vars.items():
        labels = [list(map(str, array[d].values)) for d in array.dims[2:]]
        out[str(name)] = {at: array.sel(dict(zip(array.dims[2:], at, strict=True))).values.tolist()
                          for at in product(*labels)}  # fmt: skip
    return out


def plain(of: Fit, c: int, d: int, row: Row, on: bool, answer: str) -> float:
    """The value of one row in one draw, written out."""
    country, ally, wave, population = row
    table = tables(len(of.spec.answers), of.spec.self_ratings)

    def v(name: str, *labels: str) -> float:
        return table[name][labels][c][d]

    role = role_of(of, country, ally)
    eta = v("intercept") + v("level_country", country) + v("level_ally", ally)
    eta += v("level_country_ally", country, ally) + v("level_wave", wave)
    if country == ally:
        eta += v("fixed_self_rating")
    if on:
        eta += v("shift_aid", role) + v("shift_aid_all_country_ally", country, ally)
        if role == "sender":
            eta += v("shift_aid_sender_country", country)
        if role == "other":
            eta += v("shift_aid_other_ally", ally)
    if population == "elite":
        eta += v("gap_elite") + v("gap_elite_ally", ally)
        if on:
            eta += v("gap_elite_shift_aid", role)
    if len(of.spec.answers) == 2:
        chances = [logistic(-eta), 1.0 - logistic(-eta)]
    else:
        raw = [0.0, math.exp(v("cut_spacing", "rather no | rather yes"))]
        raw.append(raw[1] + math.exp(v("cut_spacing", "rather yes | yes")))
        cuts = [x - sum(raw) / 3 for x in raw]
        below = [0.0, *(logistic(x - eta) for x in cuts), 1.0]
        chances = [below[k + 1] - below[k] for k in range(4)]
    if answer == "mean":
        return sum((k + 1) * p for k, p in enumerate(chances))
    if answer == "top":
        return 100.0 * sum(p for p, name in zip(chances, of.spec.answers, strict=True) if name in of.spec.top)
    return 100.0 * chances[of.spec.answers.index(answer)]


def after(row: Row) -> bool:
    return row[2] in ("w2", "w1")


def averaged(rows: Iterable[Row], value: Callable[[Row], float]) -> float:
    """Equally within a country, then equally over countries."""
    mine: dict[str, list[float]] = {}
    for row in rows:
        mine.setdefault(row[0], []).append(value(row))
    means = [sum(x) / len(x) for x in mine.values()]
    return sum(means) / len(means)


def check(found: Estimate, of: Fit, groups: dict[tuple[str, ...], list[Row]], by: tuple[str, ...],
          value: Callable[[int, int, Row], float]) -> None:  # fmt: skip
    """``found`` has exactly these groups, and in every chain and draw the average over their rows."""
    assert found.draws.dims == ("chain", "draw", "row")
    assert found.draws.shape == (CHAINS, DRAWS, len(groups))
    assert set(LABELS) <= set(found.draws.coords)
    rows = {tuple(found.labels(i)[k] for k in by): i for i in range(len(found))}
    assert set(rows) == set(groups)
    for key, asked in groups.items():
        for c, d in product(range(CHAINS), range(DRAWS)):
            wanted = averaged(asked, lambda row, c=c, d=d: value(c, d, row))
            assert float(found.draws[c, d, rows[key]]) == pytest.approx(wanted, abs=1e-9)


def grouped(rows: Iterable[Row], key: Callable[[Row], tuple[str, ...]]) -> dict[tuple[str, ...], list[Row]]:
    out: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        out.setdefault(key(row), []).append(row)
    return out


PLACE = {"country": 0, "ally": 1, "wave": 2, "population": 3}
PUBLIC = [r for r in ASKED if r[3] == "public"]
MODELS = [(2, "apart"), (4, "apart"), (4, "merged")]


def keys(by: tuple[str, ...]) -> Callable[[Row], tuple[str, ...]]:
    return lambda row: tuple(row[PLACE[f]] for f in by)


# --- levels ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(("k", "ratings"), MODELS)
@pytest.mark.parametrize("by", [("country", "ally", "wave", "population"), ("country",), ("ally", "wave"), ()], ids=str)
def test_levels(k, ratings, by):
    rows = ASKED if "population" in by else PUBLIC
    found = levels(fit(k, ratings), by=by)
    check(found, fit(k, ratings), grouped(rows, keys(by)), by,
          lambda c, d, row: plain(fit(k, ratings), c, d, row, after(row), "top"))  # fmt: skip
    assert (found.unit, found.identification, found.answer) == ("percent", "descriptive", "top")


@pytest.mark.parametrize(
    ("k", "answer"), [(2, "no"), (2, "yes"), (2, "mean"), (4, "no"), (4, "rather yes"), (4, "yes"), (4, "mean")]
)
def test_levels_of_other_answers(k, answer):
    found = levels(fit(k), by=("country",), answer=answer)
    check(found, fit(k), grouped(PUBLIC, keys(("country",))), ("country",),
          lambda c, d, row: plain(fit(k), c, d, row, after(row), answer))  # fmt: skip
    assert found.unit == ("points" if answer == "mean" else "percent")


def test_levels_of_some_countries_and_waves():
    found = levels(fit(), by="ally", countries=("PL", "DE"), waves=("w10", "w1"))
    rows = [r for r in PUBLIC if r[0] in ("PL", "DE") and r[2] in ("w10", "w1")]
    check(found, fit(), grouped(rows, keys(("ally",))), ("ally",),
          lambda c, d, row: plain(fit(), c, d, row, after(row), "top"))  # fmt: skip
    assert found.averaged.replace("DE, PL", "PL, DE") == (
        "equal weights over the countries of each row, 1 to 2 of 2 (PL, DE); within a country equally over wave"
    )


def test_who_is_averaged_over_is_said_of_each_role_where_it_differs():
    said = shift(fit(), by=()).averaged
    assert said.startswith("equal weights over 3 countries (")
    assert ", without US for role sender" in said  # Americans judge themselves: another role
    assert said.endswith("; within a country equally over ally (other)")  # of one sender there is nothing to average
    assert shift(fit(), by="country", roles=("sender",)).averaged == "nothing: one row per combination"
    by_ally = levels(fit(), by="ally").averaged
    assert by_ally.startswith("equal weights over the countries of each row, 2 to 3 of 3 (")  # Germans judge no Poles
    assert levels(fit(), by="ally", countries=("PL", "DE"), waves=("w1",)).averaged.startswith("equal weights over the")


def test_waves_that_no_term_tells_apart_are_said_to_be_equal():
    def notes(*terms: Term, by: tuple[str, ...] = ("country", "wave"), roles: tuple[str, ...] = ()) -> list[str]:
        kept = [
            t for t in spec().terms if not isinstance(t, Shift | Gap) and not (isinstance(t, Level) and "wave" in t.by)
        ]
        found = levels(made(replace(spec(), terms=(*kept, *terms))), by=by).notes
        return [n.split(" are equal by construction")[0] for n in found if "equal by construction" in n]

    everybody = ("country", "ally", "wave")
    assert notes(Shift("aid"), by=everybody) == ["w2 and w1"]  # both after the signal
    # Once wrong: of other allies, whom this shift leaves alone, all waves are equal; of the sender they are not.
    assert notes(Shift("aid", roles=("sender",)), by=everybody) == ["w2 and w1"]
    assert notes(Shift("aid"), Level(("wave",)), by=everybody) == []
    assert notes(Shift("aid"), by=("country",)) == []


def test_rows_of_several_labels_are_taken_together():
    found = levels(fit())
    some = found.at(country=["PL", "DE"], wave=("w1", "w2"))
    assert {some.labels(i)["country"] for i in range(len(some))} == {"PL", "DE"}
    assert {some.labels(i)["wave"] for i in range(len(some))} == {"w1", "w2"}
    assert len(some) == sum(len(found.at(country=c, wave=w)) for c in ("PL", "DE") for w in ("w1", "w2"))


def test_shares_of_all_answers_add_to_a_hundred():
    parts = [levels(fit(), by=(), answer=a).draws.values for a in ANSWERS[4]]
    np.testing.assert_allclose(sum(parts), 100.0, atol=1e-9)


def test_what_was_not_asked_is_refused_by_name():
    for call, words in (
        (lambda: levels(fit(), by="contry"), "cannot break down by 'contry': did you mean 'country'"),
        (lambda: levels(fit(), countries=("DEE",)), "country 'DEE' was not asked: did you mean 'DE'"),
        (lambda: levels(fit(), waves=("w3",)), "wave 'w3' was not asked"),
        (lambda: levels(fit(), countries=("CA",)), "country 'CA' was not asked"),
        (lambda: levels(fit(), answer="yess"), "unknown answer 'yess': did you mean 'yes'"),
        (lambda: levels(fit(), by="country", countries=("US",), waves=("w1",)), "w1"),
        (lambda: shift(fit(), signal="aidd"), "no signal 'aidd': did you mean 'aid'"),
        (lambda: shift(fit(), wave="w10"), "'w10' is not a wave after aid"),
        (lambda: shift(fit(), roles=("self",), countries=("DE",)), r"nothing was asked after aid in the roles \['s"),
        (lambda: change(fit(), "w2", "w2"), "nothing was asked in both"),
        (lambda: change(fit(), "w2", "w3"), "'w3' was not asked"),
        (lambda: gap(fit(), population="experts"), "population 'experts' was not asked"),
        (lambda: levels(fit()).at(country="XX"), "no row with country 'XX': allowed: 'DE', 'PL', 'US'$"),
        (lambda: levels(fit()).at(country=["PL", "XX"]), "no row with country 'XX'"),
        (lambda: levels(fit()).at(country="US", wave="w1"), "no row has all of"),
    ):  # fmt: skip
        with pytest.raises(SpecError, match=words):
            call()


# --- change ---------------------------------------------------------------------------------------
@pytest.mark.bad(56)
@pytest.mark.parametrize("by", [("country", "ally"), ("ally",), ("population",), ()], ids=str)
@pytest.mark.parametrize(("before", "later"), [("w10", "w2"), ("w2", "w1")])
def test_change(by, before, later):
    rows = ASKED if "population" in by else PUBLIC
    both = [r for r in rows if r[2] == before and (r[0], r[1], later, r[3]) in ASKED]
    found = change(fit(), before, later, by=by)

    def side(wave: str) -> Callable[[int, int, Row], float]:
        return lambda c, d, r: plain(fit(), c, d, (r[0], r[1], wave, r[3]), after((r[0], r[1], wave, r[3])), "top")

    check(found, fit(), grouped(both, keys(by)), by, lambda c, d, r: side(later)(c, d, r) - side(before)(c, d, r))
    check(replace(found, draws=found.before), fit(), grouped(both, keys(by)), by, side(before))
    check(replace(found, draws=found.after), fit(), grouped(both, keys(by)), by, side(later))
    assert found.unit == "percentage points"
    assert set(found.draws.wave.values) == {f"{before} → {later}"}


def test_change_is_before_after_only_where_a_signal_lies_between():
    assert change(fit(), "w10", "w2").identification == "before-after"
    assert "aid (US, 2025-03-03)" in change(fit(), "w10", "w2").notes[0]
    later = change(fit(), "w2", "w1")
    assert (later.identification, later.notes) == ("descriptive", ())


def test_a_change_taken_backwards_names_the_signal_too():
    # Once wrong (asked.signals_between): dates are compared in the order of the arguments.
    backwards = change(fit(), "w2", "w10")
    np.testing.assert_allclose(backwards.draws.values, -change(fit(), "w10", "w2").draws.values, atol=1e-9)
    assert backwards.identification == "before-after"


# --- shift ----------------------------------------------------------------------------------------
def first_after(rows: Iterable[Row]) -> list[Row]:
    """Of each country, ally and population the first row after the signal."""
    seen: dict[tuple[str, str, str], Row] = {}
    for wave in ("w2", "w1"):
        for row in rows:
            if row[2] == wave:
                seen.setdefault((row[0], row[1], row[3]), row)
    return list(seen.values())


def effect(of: Fit, answer: str = "top") -> Callable[[int, int, Row], float]:
    return lambda c, d, row: plain(of, c, d, row, True, answer) - plain(of, c, d, row, False, answer)


@pytest.mark.parametrize(("k", "ratings"), MODELS)
@pytest.mark.parametrize("by", [("country",), ("ally",), (), ("country", "ally"), ("population",)], ids=str)
def test_shift(k, ratings, by):
    of = fit(k, ratings)
    rows = first_after(ASKED if "population" in by else PUBLIC)
    found = shift(of, by=by)
    groups = grouped(rows, lambda r: (role_of(of, r[0], r[1]), *keys(by)(r)))
    check(found, of, groups, ("role", *by), effect(of))
    check(
        replace(found, draws=found.before), of, groups, ("role", *by), lambda c, d, r: plain(of, c, d, r, False, "top")
    )
    check(replace(found, draws=found.after), of, groups, ("role", *by), lambda c, d, r: plain(of, c, d, r, True, "top"))
    assert (found.unit, found.identification) == ("percentage points", "before-after")


@pytest.mark.parametrize("role", ["sender", "other", "self"])
@pytest.mark.parametrize("answer", ["mean", "no", "rather yes"])
def test_shift_of_each_role_and_answer(role, answer):
    rows = [r for r in first_after(PUBLIC) if role_of(fit(), r[0], r[1]) == role]
    found = shift(fit(), by=(), roles=(role,), answer=answer)
    check(found, fit(), {(role,): rows}, ("role",), effect(fit(), answer))
    assert found.unit == ("scale points" if answer == "mean" else "percentage points")


def test_shift_at_a_wave_and_by_wave():
    at = [r for r in PUBLIC if r[2] == "w1"]
    check(shift(fit(), by="ally", wave="w1"), fit(), grouped(at, lambda r: (role_of(fit(), r[0], r[1]), r[1])),
          ("role", "ally"), effect(fit()))  # fmt: skip
    every = [r for r in PUBLIC if after(r)]
    check(shift(fit(), by="wave"), fit(), grouped(every, lambda r: (role_of(fit(), r[0], r[1]), r[2])),
          ("role", "wave"), effect(fit()))  # fmt: skip


def test_shift_of_some_countries():
    rows = [r for r in first_after(PUBLIC) if r[0] in ("PL", "DE") and r[1] == "US"]
    check(shift(fit(), by=(), roles=("sender",), countries=("PL", "DE")), fit(), {("sender",): rows}, ("role",),
          effect(fit()))  # fmt: skip


@pytest.mark.parametrize("roles", [("sender",), ()], ids=["sender", "every role"])
def test_include_self_counts_americans_judging_the_us_to_the_sender_and_says_so(roles):
    found = shift(fit(), by=(), roles=roles, include_self=True)
    rows = first_after(PUBLIC)

    def role(r: Row) -> tuple[str]:
        return ("sender + self",) if r[1] == "US" else (role_of(fit(), r[0], r[1]),)

    groups = {k: v for k, v in grouped(rows, role).items() if not roles or k == ("sender + self",)}
    assert {r[0] for r in groups["sender + self",]} == {"US", "PL", "DE"}
    check(found, fit(), groups, ("role",), effect(fit()))


def test_americans_judging_the_us_are_self_when_apart_and_sender_when_merged():
    apart, merged = shift(fit(4, "apart"), by=("country", "ally")), shift(fit(4, "merged"), by=("country", "ally"))

    def role(of: Estimate, country: str, ally: str) -> str:
        return str(of.at(country=country, ally=ally).draws.role.values[0])

    assert [role(apart, c, a) for c, a in (("US", "US"), ("PL", "PL"), ("PL", "US"), ("US", "PL"))] == [
        "self", "self", "sender", "other"
    ]  # fmt: skip
    assert [role(merged, c, a) for c, a in (("US", "US"), ("PL", "PL"), ("PL", "US"), ("US", "PL"))] == [
        "sender", "other", "sender", "other"
    ]  # fmt: skip


def test_roles_are_never_mixed():
    assert sorted(shift(fit(), by=()).draws.role.values) == ["other", "self", "sender"]


# --- gap ------------------------------------------------------------------------------------------
ELITE = [r for r in ASKED if r[3] == "elite"]


def public(row: Row) -> Row:
    return (*row[:3], "public")


@pytest.mark.parametrize("by", [("country", "ally", "wave"), ("ally",), ()], ids=str)
@pytest.mark.parametrize("answer", ["top", "mean"])
def test_gap_in_level(by, answer):
    found = gap(fit(), by=by, answer=answer)
    check(found, fit(), grouped(ELITE, keys(by)), by, lambda c, d, r: (
        plain(fit(), c, d, r, after(r), answer) - plain(fit(), c, d, public(r), after(r), answer)
    ))  # fmt: skip
    assert set(found.draws.population.values) == {"elite minus public"}
    assert found.identification == "descriptive"


def test_gap_only_where_both_populations_were_asked():
    asked = (*ASKED, ("DE", "PL", "w2", "elite"))  # Germans were not asked of Poland
    assert "DE" not in gap(made(spec(), asked)).draws.country.values


@pytest.mark.parametrize("by", [("ally",), ()], ids=str)
def test_gap_in_shift(by):
    # Of the United Kingdom MPs were asked only after the signal: no gap in its shift.
    # BUG: see the next test; the formula is right at the wave that is taken.
    rows = [r for r in ELITE if r[2] == "w2" and r[1] != "UK"]
    found = gap(fit(), signal="aid", by=by)
    check(found, fit(), grouped(rows, lambda r: (role_of(fit(), r[0], r[1]), *keys(by)(r))), ("role", *by),
          lambda c, d, r: effect(fit())(c, d, r) - effect(fit())(c, d, public(r)))  # fmt: skip
    assert found.identification == "before-after"


def test_gap_in_shift_is_taken_at_the_first_wave_by_date():
    # Once wrong (asked.asked_of_both):
    # cells are in the order of wave names; the first of those is kept ("w1", not "w2").
    assert set(gap(fit(), signal="aid", by=("ally",)).draws.wave.values) == {"w2"}


def test_notes_say_how_much_of_a_gap_is_prior():
    draws = fit().draws()["gap_elite"]
    (note,) = gap(fit()).notes
    variance = float(np.mean((draws - draws.mean()) ** 2))
    share = min(100.0 * variance, 100.0)
    numbers = f"posterior sd {variance**0.5:.2f}, prior sd 1.00 (logit): the prior gives {share:.0f} % of its precision"
    assert note == f"Elite gap over all: {numbers}"
    got = [n.split(":")[0] for n in gap(fit(), signal="aid", by=()).notes]
    assert got == [f"Elite gap over all in the shift after aid ({r})" for r in ("sender", "other", "self")]


# --- contrast -------------------------------------------------------------------------------------
def test_contrast_is_draw_by_draw():
    every = shift(fit(), by="country", roles=("sender",))
    one = contrast(every.at(country="PL"), every.at(country="DE"), name="PL minus DE", smallest=1.0)
    for c, d in product(range(CHAINS), range(DRAWS)):
        a, b = (
            averaged([r for r in first_after(PUBLIC) if r[:2] == (x, "US")], lambda r, c=c, d=d: effect(fit())(c, d, r))
            for x in ("PL", "DE")
        )
        assert float(one.draws[c, d, 0]) == pytest.approx(a - b, abs=1e-9)
    labels = {"estimand": "PL minus DE", "role": "sender", "country": "PL − DE", "ally": "US", "target": ""}
    assert one.labels(0).items() >= labels.items()
    assert one.labels(0)["population"] == "public"
    assert (one.unit, one.smallest, one.before, one.after) == ("percentage points", 1.0, None, None)


@pytest.mark.filterwarnings("ignore:a contrast between allies")
@pytest.mark.filterwarnings("ignore:a contrast between allies")
def test_contrasts_of_many_rows_with_one_and_with_as_many():
    every = levels(fit(), by=("ally",))
    many = contrast(every, every.at(ally="US"))
    np.testing.assert_allclose(many.draws.values, every.draws.values - every.at(ally="US").draws.values, atol=1e-12)
    assert many.unit == "percentage points"
    assert [many.labels(i)["ally"] for i in range(len(many))] == [
        a if a == "US" else f"{a} − US" for a in every.draws.ally.values
    ]
    paired = contrast(every, levels(fit(), by=("ally",), waves=("w10",)))
    np.testing.assert_allclose(
        paired.draws.values, every.draws.values - levels(fit(), by=("ally",), waves=("w10",)).draws.values, atol=1e-12
    )
    assert not contrast(every, every).draws.values.any()


def test_what_cannot_be_contrasted_is_refused():
    a = levels(fit(), by=("ally",))
    for b in (shift(fit()), levels(fit(2), by=("ally",)), levels(fit(), by=("ally",), answer="mean")):
        with pytest.raises(SpecError, match="only estimates of one fit and unit"):
            contrast(a, b)
    with pytest.raises(SpecError, match="4 rows cannot be paired with 3"):
        contrast(a, levels(fit(), by=("country",)))
    shorter = replace(a, draws=a.draws.isel(draw=slice(0, 2)))
    with pytest.raises(SpecError, match="only estimates of one fit and unit"):
        contrast(a, shorter)


def test_a_contrast_carries_the_failures_of_both_sides():
    # Once wrong (estimands.contrast): the status of the second estimate is lost.
    good = replace(levels(fit(), by=()), status="passed")
    bad = replace(good, status="failed: 3 divergences")
    assert "3 divergences" in contrast(good, bad).status
    assert "3 divergences" in contrast(bad, good).status


def test_shares_of_different_answers_are_not_labelled_as_one():
    # Once wrong (estimands.contrast): `answer` is that of the first estimate, whatever the second is about.
    mixed = contrast(levels(fit(), by=(), answer="yes"), levels(fit(), by=(), answer="no"))
    assert mixed.answer not in ("yes", "no")


# --- averages and draws ---------------------------------------------------------------------------
def test_chain_and_draw_are_kept_in_their_places():
    of = fit(2)
    alone = of.posterior.isel(chain=[1], draw=[2])
    tree = xr.DataTree.from_dict({"posterior": alone})
    found = levels(replace(of, idata=tree)).draws.values
    np.testing.assert_allclose(found[0, 0], levels(of).draws.values[1, 2], atol=1e-12)


def test_averages_are_over_probabilities_in_each_draw():
    of = made(spec(2), chains=2, draws=300)
    by_country = levels(of, by="country").draws.values
    all_ = levels(of, by=()).draws.values[..., 0]
    np.testing.assert_allclose(all_, by_country.mean(-1), atol=1e-9)
    upper = np.quantile(by_country, 0.975, axis=(0, 1)).mean()  # the bounds' average is not the average's bound
    assert abs(np.quantile(all_, 0.975) - upper) > 0.1
    at_the_mean = 100 * logistic(float(of.posterior["intercept"].mean()))
    assert abs(all_.mean() - at_the_mean) > 0.1


def test_the_order_of_rows_does_not_matter():
    mixed = [ASKED[i] for i in np.random.default_rng(0).permutation(len(ASKED))]
    np.testing.assert_array_equal(shift(made(spec(), mixed)).draws.values, shift(fit()).draws.values)


def test_rows_stand_in_the_order_of_the_levels_waves_by_date():
    # Once wrong (cells._count):
    # cells, and so the rows of every estimate, are in the alphabetical order of their labels.
    assert levels(fit(), by="wave").draws.wave.values.tolist() == ["w10", "w2", "w1"]
    assert levels(fit(), by="country").draws.country.values.tolist() == ["US", "PL", "DE"]


def test_asking_twice_does_not_weigh_twice():
    double = made(spec(), (*ASKED, *(r for r in ASKED if r[1] == "US")))
    np.testing.assert_array_equal(levels(double, by="country").draws.values, levels(fit(), by="country").draws.values)


def test_a_spec_asks_the_same_questions():
    asked = Estimand("shift", "first order", ("country",), "aid", ("sender",), True, ("PL", "US"), "mean", (), 0.2)
    found = evaluate(fit(), asked)
    same = shift(fit(), signal="aid", by=("country",), roles=("sender",), include_self=True, countries=("PL", "US"),
                 answer="mean", smallest=0.2)  # fmt: skip
    np.testing.assert_array_equal(found.draws.values, same.draws.values)
    assert set(found.draws.estimand.values) == set(found.before.estimand.values) == {"first order"}
    assert found.smallest == 0.2
    for wanted, call in (
        (Estimand("levels", by=("ally",), waves=("w2",), countries=("PL",)),
         lambda: levels(fit(), by="ally", waves=("w2",), countries=("PL",))),
        (Estimand("change", by=("ally",), waves=("w10", "w2")), lambda: change(fit(), "w10", "w2", by="ally")),
        (Estimand("gap", by=("ally",)), lambda: gap(fit(), by="ally")),
        (Estimand("gap", by=(), signal="aid"), lambda: gap(fit(), by=(), signal="aid")),
    ):  # fmt: skip
        np.testing.assert_array_equal(evaluate(fit(), wanted).draws.values, call().draws.values)


def test_draws_that_are_not_a_number_fail():
    # Once wrong (averaging._status): rows that do not vary are passed over, and NaN does not vary.
    of = fit(2)
    broken = replace(of, idata=xr.DataTree.from_dict({"posterior": of.posterior.assign(
        intercept=of.posterior["intercept"] * np.nan)}))  # fmt: skip
    assert levels(broken, by=()).status.startswith("failed")


# --- identification -------------------------------------------------------------------------------
def test_labels_of_identification():
    assert shift(fit()).identification == "before-after"
    some = made(spec(signals=(replace(AID, countries=("PL", "US")),)))
    found = shift(some)
    assert found.identification == "difference-in-differences"
    assert set(found.draws.country.values) == {"PL", "US"}
    assert gap(some, signal="aid", by=()).identification == "difference-in-differences"
    everyone = made(spec(signals=(replace(AID, countries=("PL", "US", "DE")),)))
    assert shift(everyone).identification == "before-after"


def test_no_difference_in_differences_where_the_model_has_nothing_that_the_unexposed_share():
    # Once wrong (asked.identification): without a wave term the countries not exposed do not enter the estimate.
    terms = tuple(t for t in spec().terms if t != Level(("wave",)))
    some = made(spec(signals=(replace(AID, countries=("PL", "US")),), terms=terms))
    assert shift(some).identification == "before-after"


def test_no_difference_in_differences_without_a_comparison_on_both_sides():
    # Once wrong (asked.identification): Germans, the only ones not exposed, were asked before the signal only.
    asked = tuple(r for r in ASKED if r[0] != "DE" or r[2] == "w10")
    some = made(spec(signals=(replace(AID, countries=("PL", "US")),)), asked)
    assert shift(some).identification == "before-after"


def test_two_signals_between_two_waves_are_named_together():
    troops = Signal("troops", "UK", D(2025, 2, 1))
    two = made(spec(2, signals=(AID, troops)))
    (note,) = shift(two, signal="aid").notes
    assert note == "troops fell between the same two waves: their shifts cannot be told apart"
    text = change(two, "w10", "w2").notes[0]
    assert "aid (US, 2025-03-03)" in text
    assert "troops (UK, 2025-02-01)" in text
    later = made(spec(2, signals=(AID, replace(troops, date=D(2025, 6, 1)))))
    assert shift(later, signal="aid").notes == ()
    with pytest.raises(SpecError, match="name the signal: aid, troops"):
        shift(two)


def test_other_signals_stay_as_they_were_at_the_wave():
    troops = Signal("troops", "US", D(2025, 6, 1))
    of = made(spec(2, signals=(AID, troops), terms=(Level(("country",)), Shift("aid"), Shift("troops"))))
    p = of.posterior.sel(shift_aid_role="sender", shift_troops_role="sender")
    base = p["intercept"] + p["level_country"].sel(country="PL")
    for wave, extra in (("w2", 0.0), ("w1", p["shift_troops"])):
        off = base + extra
        wanted = 100 / (1 + np.exp(-(off + p["shift_aid"]))) - 100 / (1 + np.exp(-off))
        found = shift(of, signal="aid", by=("country", "ally"), wave=wave).at(country="PL", ally="US")
        np.testing.assert_allclose(found.draws.values[..., 0], wanted.values, atol=1e-9)


# --- finite populations ---------------------------------------------------------------------------
@pytest.mark.parametrize("k", [2, 4])
def test_a_population_that_was_asked_in_full_is_known_exactly(k):
    of = made(spec(k), each=5)
    n = 5 * k + 1
    found = levels(of, by=("country", "ally", "wave", "population"), population_size={"elite": n})
    elite = found.at(population="elite").draws.values
    np.testing.assert_allclose(elite, 100 * 5 * len(TOP[k]) / n, rtol=0, atol=1e-12)
    assert not elite.std(axis=(0, 1)).round(12).any()
    rest = levels(of).at(population="public").draws.values
    np.testing.assert_array_equal(found.at(population="public").draws.values, rest)


def test_a_large_population_is_nearly_an_infinite_one_and_a_small_one_cannot_be():
    of = fit()
    huge = levels(of, population_size={"elite": 10**9}).draws.values
    np.testing.assert_allclose(huge, levels(of).draws.values, atol=0.02)
    with pytest.raises(PredictError, match="21 elite answers were observed, more than the population of 20"):
        levels(of, population_size={"elite": 20})


def test_a_finite_population_adds_what_is_known_to_what_is_predicted():
    of = made(spec(2), chains=2, draws=1500)
    n, known, size = 11, 5, 50
    row = {"country": "PL", "ally": "US", "wave": "w2", "population": "elite"}
    p = levels(of).at(**row).draws.values[..., 0] / 100
    found = levels(of, population_size={"elite": size}).at(**row).draws.values[..., 0] / 100
    counts = found * size
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-6)
    assert counts.min() >= known
    assert counts.max() <= known + size - n
    # Given p, the others' count is binomial: standardised, its mean is 0 and its variance 1.
    z = (counts - known - (size - n) * p) / np.sqrt((size - n) * p * (1 - p))
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert abs(z.var() - 1) < 4 * np.sqrt((z**2).var() / z.size)


def test_finite_populations_of_two_waves_are_drawn_apart():
    # Once wrong (prediction._finite): every call starts from one seed, so that the two waves' unasked MPs answer alike.
    of = made(spec(2), chains=2, draws=1500)
    size, n, known = 50, 11, 5

    def noise(wave: str) -> np.ndarray:
        at = {"country": "PL", "ally": "US", "wave": wave, "population": "elite"}
        p = levels(of, waves=(wave,)).at(**at).draws.values.ravel() / 100
        share = (
            levels(of, waves=(wave,), countries=("PL",), population_size={"elite": size}).at(**at).draws.values.ravel()
        )
        return (share / 100 * size - known - (size - n) * p) / np.sqrt((size - n) * p * (1 - p))

    assert abs(np.corrcoef(noise("w2"), noise("w1"))[0, 1]) < 4 / np.sqrt(3000)


def test_pieces_in_which_rows_are_computed_do_not_share_their_noise(monkeypatch):
    # Once wrong (prediction._finite): each piece of rows starts from one seed.
    of = made(spec(2), chains=2, draws=1500)
    monkeypatch.setattr(scoring, "CHUNK", 1)
    found = levels(of, population_size={"elite": 50})
    p = levels(of)
    rows = [{"country": "PL", "ally": a, "wave": "w2", "population": "elite"} for a in ("US", "FR")]
    z = [(found.at(**r).draws.values - p.at(**r).draws.values * 39 / 50).ravel() for r in rows]
    z = [(x - x.mean()) for x in z]
    q = [p.at(**r).draws.values.ravel() / 100 for r in rows]
    z = [x / np.sqrt(v * (1 - v)) for x, v in zip(z, q, strict=True)]
    assert abs(np.corrcoef(*z)[0, 1]) < 4 / np.sqrt(3000)


def test_rows_in_pieces_are_the_rows_at_once(monkeypatch):
    whole = levels(fit()).draws.values
    monkeypatch.setattr(scoring, "CHUNK", 40)
    np.testing.assert_allclose(levels(fit()).draws.values, whole, rtol=0, atol=1e-10)
