"""Cells equal what a plain Counter over the people gives, whatever the source and the order of the rows."""

import datetime as dt
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from alliancecred.cells import make_cells, rows_of
from alliancecred.errors import SpecError
from alliancecred.events import Signal, Wave
from alliancecred.sources import DataReport, ReportLine, Survey, Topline, Toplines
from alliancecred.spec import Spec
from alliancecred.terms import FACTORS, Fixed, Level, Shift

D = dt.date
ANSWERS = ("no", "maybe", "yes")
WAVES = (
    Wave("w2", D(2025, 4, 1), D(2025, 4, 9)), Wave("w10", D(2024, 10, 1), D(2024, 10, 9)),
    Wave("w1", D(2025, 9, 1), D(2025, 9, 9)),
)  # fmt: skip
BY_DATE = ("w10", "w2", "w1")
SPEC = Spec(
    "cells", ANSWERS, ("yes",), (Level(("country",)), Shift("aid")), waves=WAVES,
    signals=(Signal("aid", "US", D(2025, 3, 3)), Signal("troops", "UK", D(2025, 6, 1), countries=("PL", "DE"))),
    countries=("PL", "DE", "US"), allies=("US", "UK", "PL", "FR"),
)  # fmt: skip
Person = tuple[str, str, str, str, str, int]


def people(n: int, seed: int = 0) -> list[Person]:
    """(country, ally, target, wave, population, answer) of n people; elites in Poland only."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        country = str(rng.choice(["PL", "DE", "US"]))
        population = "elite" if country == "PL" and rng.random() < 0.3 else "public"
        ally, wave = str(rng.choice(["US", "UK", "PL"])), str(rng.choice(BY_DATE))
        out.append((country, ally, "", wave, population, int(rng.choice(3, p=[0.5, 0.2, 0.3]))))
    return out


def survey(rows: list[Person], counts: list[int] | None = None, spec: Spec = SPEC) -> Survey:
    table = pd.DataFrame(rows, columns=[*FACTORS, "answer"]).astype({"answer": "int64"})
    table = table.assign(count=np.array(counts or [1] * len(rows), dtype=np.int64), respondent="")
    return Survey(table, spec.answers, spec.top, DataReport("a table", (ReportLine("used", len(rows), "rows"),)))


def topline(country: str, ally: str, wave: str, population: str = "public", n: tuple[int, ...] = (1000,)) -> Topline:
    labels = dict(zip(FACTORS, (country, ally, "", wave, population), strict=True))
    return Topline(labels, ((2,), (0, 1)), (0.365,), (0.375,), np.array(n), np.full(len(n), 1 / len(n)), ("37",), "x")


def toplines(*rows: Topline, overdispersion: float = 0.0) -> Toplines:
    return Toplines(rows, ANSWERS, ("yes",), overdispersion, DataReport("figures", ()))


def counted(cells) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Labels of every count cell → its counts, by walking the codes one by one."""
    out: dict[tuple[str, ...], tuple[int, ...]] = {}
    for i, counts in enumerate(cells.counts):
        key = tuple(cells.levels[f][cells.rows.codes[f][i]] for f in FACTORS)
        assert key not in out
        out[key] = tuple(int(c) for c in counts)
    return out


def tallied(rows: list[Person]) -> dict[tuple[str, ...], tuple[int, ...]]:
    tally = Counter(rows)
    return {key: tuple(tally[(*key, k)] for k in range(3)) for key in {row[:5] for row in rows}}


# --- counts ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("n", [1, 7, 400])
def test_counts_equal_a_counter(n):
    rows = people(n)
    cells = make_cells(SPEC, [survey(rows)])
    assert counted(cells) == tallied(rows)
    assert cells.counts.sum() == n
    assert cells.counts.dtype == np.int64


def test_an_answer_nobody_gave_keeps_its_column():
    rows = [p for p in people(100) if p[5] != 1]
    assert counted(make_cells(SPEC, [survey(rows)])) == tallied(rows)
    only = [p for p in people(100) if p[5] == 2]
    assert make_cells(SPEC, [survey(only)]).counts[:, :2].sum() == 0


def test_ten_rows_are_one_count_of_ten():
    person = ("PL", "US", "", "w2", "public", 2)
    other = ("DE", "UK", "", "w10", "public", 0)
    many, one = survey([person] * 10 + [other] * 3), survey([person, other], [10, 3])
    assert counted(make_cells(SPEC, [many])) == counted(make_cells(SPEC, [one]))


def test_shuffled_rows_give_the_same_cells():
    rows = people(200)
    shuffled = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    a, b = (make_cells(SPEC, [survey(r)]) for r in (rows, shuffled))
    assert a.levels == b.levels
    np.testing.assert_array_equal(a.counts, b.counts)
    for f in FACTORS:
        np.testing.assert_array_equal(a.rows.codes[f], b.rows.codes[f])


def test_several_sources_stand_in_one_table():
    public = [p for p in people(200) if p[4] == "public"]
    elite = [p for p in people(400, 5) if p[4] == "elite"]
    extra = [p for p in people(50, 9) if p[4] == "public"]
    figures = toplines(topline("DE", "FR", "w1"), topline("US", "UK", "w10", n=(900, 1100)), overdispersion=0.002)
    more = toplines(topline("PL", "FR", "w2"))
    cells = make_cells(SPEC, [survey(public), figures, survey(elite), survey(extra, [3] * len(extra)), more])
    assert counted(cells) == tallied(public + elite + extra * 3)
    labels = cells.labels()
    assert labels.iloc[len(cells.counts) :].to_numpy().tolist() == [
        ["DE", "FR", "", "w1", "public"], ["US", "UK", "", "w10", "public"], ["PL", "FR", "", "w2", "public"]
    ]  # fmt: skip
    np.testing.assert_array_equal(cells.overdispersion, [0.002, 0.002, 0.0])
    np.testing.assert_array_equal(cells.size, [*cells.counts.sum(1), 1000, 1000, 1000])
    assert len(cells.reports) == 5
    assert len(cells.rows) == len(labels) == len(cells.counts) + 3


def test_toplines_alone():
    cells = make_cells(SPEC, [toplines(topline("DE", "US", "w10"), topline("PL", "US", "w2"))])
    assert cells.counts.shape == (0, 3)
    assert cells.labels().country.tolist() == ["DE", "PL"]


def test_labels_are_those_of_the_people():
    rows = people(300)
    cells = make_cells(SPEC, [survey(rows)])
    assert {tuple(x) for x in cells.labels().to_numpy()} == {r[:5] for r in rows}


# --- levels ---------------------------------------------------------------------------------------
def test_waves_are_in_the_order_of_their_dates():
    cells = make_cells(SPEC, [survey(people(200))])
    assert cells.levels["wave"] == BY_DATE
    assert cells.levels["wave"] != tuple(sorted(BY_DATE))


def test_declared_levels_keep_their_order_and_empty_ones():
    cells = make_cells(SPEC, [survey(people(200))])
    assert cells.levels["country"] == ("PL", "DE", "US")
    assert cells.levels["ally"] == ("US", "UK", "PL", "FR")  # nobody judged France
    assert cells.levels["population"] == ("public", "elite")
    assert cells.levels["target"] == ("",)
    few = make_cells(SPEC, [survey([p for p in people(200) if p[4] == "public" and p[3] != "w2"])])
    assert few.levels["population"] == ("public",)
    assert few.levels["wave"] == ("w10", "w1")


def test_undeclared_factors_take_the_levels_of_the_data():
    spec = replace(SPEC, countries=(), allies=())
    cells = make_cells(spec, [survey(people(200))])
    assert cells.levels["country"] == ("DE", "PL", "US")
    assert cells.levels["ally"] == ("PL", "UK", "US")


def test_targets_are_a_factor_like_the_others():
    spec = replace(SPEC, targets=("Taiwan", "Latvia", "Norway"), terms=(*SPEC.terms, Level(("target",))))
    rows = [(c, a, ("Latvia", "Taiwan")[i % 2], w, p, k) for i, (c, a, _, w, p, k) in enumerate(people(200))]
    cells = make_cells(spec, [survey(rows)])
    assert cells.levels["target"] == ("Taiwan", "Latvia")
    assert counted(cells) == tallied(rows)


def test_a_factor_the_data_lack_is_refused_only_where_a_term_needs_it():
    rows = people(50)
    spec = replace(SPEC, targets=("Latvia", "Taiwan"))
    assert make_cells(spec, [survey(rows)]).levels["target"] == ("",)
    for term in (Level(("country", "target")), Fixed("latvia", (("target", ("Latvia",)),))):
        with pytest.raises(SpecError, match="target"):
            make_cells(replace(spec, terms=(*spec.terms, term)), [survey(rows)])


# --- refusals -------------------------------------------------------------------------------------
def test_undeclared_labels_are_listed_together():
    rows = [("Polska", "US", "", "w2", "public", 0), ("PL", "USA", "", "", "elites", 1), *people(20)]
    with pytest.raises(SpecError) as caught:
        make_cells(SPEC, [survey(rows)])
    assert {p.column for p in caught.value.problems} == {"country", "ally", "wave", "population"}
    text = str(caught.value)
    for word in ("'Polska'", "'USA'", "['']", "'elites'", "did you mean 'elite'"):
        assert word in text


def test_a_missing_wave_is_refused_where_there_is_a_signal_and_kept_where_there_is_none():
    rows = [(c, a, "", "", p, k) for c, a, _, _, p, k in people(60)]
    with pytest.raises(SpecError, match=r"wave: labels not declared in the spec: \[''\]"):
        make_cells(SPEC, [survey(rows)])
    still = replace(SPEC, signals=(), terms=SPEC.terms[:1])
    assert make_cells(still, [survey(rows)]).levels["wave"] == ("",)
    assert make_cells(replace(still, waves=()), [survey(rows)]).levels["wave"] == ("",)


def test_sources_of_another_question_or_kind_are_listed_together():
    other = replace(survey(people(5)), answers=("yes", "no"), top=("no",))
    with pytest.raises(SpecError) as caught:
        make_cells(SPEC, [survey(people(5)), other, pd.DataFrame(), survey([])])
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    for word in ("answers: the spec declares ('no', 'maybe', 'yes')", "top: the spec declares",
                 "DataFrame is not a Survey", "no usable rows"):  # fmt: skip
        assert word in text
    with pytest.raises(SpecError, match="no data were given"):
        make_cells(SPEC, [])


def test_rows_with_unknown_labels_are_refused_not_coded_as_the_last_level():
    cells = make_cells(SPEC, [survey(people(200))])
    table = cells.labels().iloc[:2].copy()
    table.loc[0, "country"], table.loc[1, "wave"] = "Pl", "w3"
    with pytest.raises(SpecError) as caught:
        rows_of(SPEC, cells.levels, table)
    assert {p.column for p in caught.value.problems} == {"country", "wave"}
    assert "did you mean 'PL'" in str(caught.value)


# --- signals --------------------------------------------------------------------------------------
def test_exposure_goes_by_date_and_country():
    cells = make_cells(SPEC, [survey(people(400)), toplines(topline("DE", "FR", "w1"), topline("US", "FR", "w1"))])
    for i, (country, _, _, wave, _) in enumerate(cells.labels().to_numpy()):
        assert cells.rows.on["aid"][i] == (wave in ("w2", "w1"))
        assert cells.rows.on["troops"][i] == (wave == "w1" and country in ("PL", "DE"))


def test_a_wave_that_starts_on_the_day_of_the_signal_is_not_after_it():
    # `spec` refuses such a spec; should it get here, the wave is not counted as exposed.
    spec = replace(SPEC, signals=(Signal("aid", "US", D(2025, 4, 1)),))
    cells = make_cells(spec, [survey(people(400))])
    on = dict(zip(cells.labels().wave, cells.rows.on["aid"], strict=True))
    assert on == {"w10": 0.0, "w2": 0.0, "w1": 1.0}


def test_switching_a_signal_changes_that_signal_only():
    cells = make_cells(SPEC, [survey(people(400))])
    rows = cells.rows.with_signal("aid", 0.0)
    assert not rows.on["aid"].any()
    np.testing.assert_array_equal(rows.on["troops"], cells.rows.on["troops"])
    assert cells.rows.on["aid"].any()
    part = cells.rows.take(np.array([3, 1]))
    assert len(part) == 2
    assert part.codes["ally"].tolist() == cells.rows.codes["ally"][[3, 1]].tolist()
    assert part.on["aid"].tolist() == cells.rows.on["aid"][[3, 1]].tolist()
