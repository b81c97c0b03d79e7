"""Tables, ranks, words and files made from estimates whose draws are known."""

import csv
import datetime as dt
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from alliancecred.errors import SpecError
from alliancecred.estimate import LABELS, Estimate
from alliancecred.events import Signal, Wave
from alliancecred.origins import Simulation
from alliancecred.spec import Estimand, Spec
from alliancecred.summaries import (
    COLUMNS,
    DIAGNOSTICS,
    averages,
    describe,
    in_sentences,
    number,
    ranks,
    row_names,
    summary,
    write_csv,
)

NAMES = (("US", "United States"), ("UK", "United Kingdom"), ("DE", "Germany"), ("PL", "Poland"), ("CA", "Canada"))
SPEC = Spec(
    "demo", ("very unlikely", "unlikely", "likely", "very likely"), ("likely", "very likely"), (),
    waves=(
        Wave("2024", dt.date(2024, 5, 1), dt.date(2024, 5, 9)), Wave("2025", dt.date(2025, 5, 1), dt.date(2025, 5, 9))
    ),
    signals=(Signal("aid_halt", "US", dt.date(2025, 3, 3), "aid"),), names=NAMES,
)  # fmt: skip


def array(values: np.ndarray, rows: list[dict[str, str]]) -> xr.DataArray:
    coords = {k: ("row", np.array([r.get(k, "") for r in rows], dtype=object)) for k in LABELS}
    return xr.DataArray(values, dims=("chain", "draw", "row"), coords=coords)


def make(means: list, rows: list[dict[str, str]], *, unit: str = "percentage points", chains: int = 4) -> Estimate:
    noise = np.random.default_rng(3).normal(size=(chains, 250, len(means)))
    noise -= noise.mean(axis=(0, 1))
    label = "before-after" if unit == "percentage points" else "descriptive"
    return Estimate(array(noise + np.array(means), rows), unit, label, "top", "countries, equally", SPEC)


def shift(means: tuple[float, ...] = (-6.0, 3.0)) -> Estimate:
    rows = [{"estimand": "shift", "role": r, "country": "DE"} for r in ("sender", "other")][: len(means)]
    estimate = make(list(means), rows)
    before = array(np.full(estimate.draws.shape, 50.0), rows)
    return replace(estimate, before=before, after=before + estimate.draws)


# --- summary ------------------------------------------------------------------------------------
def test_columns_are_exactly_those_promised():
    labels = ["estimand", "role", "country", "ally", "target", "wave", "population"]
    numbers = ["mean", "sd", "lower", "upper", "prob", "p_positive", "unit", "identification"]
    assert list(summary(shift())) == [
        *labels,
        *numbers,
        "ess_bulk",
        "ess_tail",
        "r_hat",
        "k_hat",
        "mcse_mean",
        "status",
    ]
    with_smallest = summary(replace(shift(), smallest=2.0))
    assert list(with_smallest)[-2:] == ["smallest", "p_beyond"]
    assert list(with_smallest)[:-2] == [*COLUMNS, *DIAGNOSTICS]


def test_numbers_equal_those_of_plain_numpy():
    estimate = shift()
    table = summary(estimate, ci_prob=0.8)
    for i in range(2):
        draws = estimate.draws.isel(row=i).to_numpy().ravel()
        assert table["mean"][i] == pytest.approx(draws.mean())
        assert table["sd"][i] == pytest.approx(draws.std(ddof=1))
        assert (table["lower"][i], table["upper"][i]) == pytest.approx(tuple(np.quantile(draws, [0.1, 0.9])))
        assert table["p_positive"][i] == (draws > 0).mean()
        assert table["mcse_mean"][i] == pytest.approx(draws.std() / np.sqrt(1000), rel=0.2)
    assert set(table["prob"]) == {0.8}


def test_probability_of_direction_has_the_right_sign():
    table = summary(shift((-3.0, 3.0)))
    assert table["p_positive"][0] < 0.01
    assert table["p_positive"][1] > 0.99


def test_p_beyond_counts_both_directions():
    values = np.array([-5.0, -1.0, 1.0, 5.0]).reshape(1, 4, 1)
    estimate = replace(make([0.0], [{}]), draws=array(values, [{}]), smallest=2.0)
    assert summary(estimate)["p_beyond"].tolist() == [0.5]


def test_levels_have_no_probability_of_direction():
    table = summary(replace(make([40.0], [{"country": "DE"}], unit="percent"), smallest=2.0))
    assert table[["p_positive", "p_beyond"]].isna().all(axis=None)


def test_hdi_is_narrower_than_eti_for_a_skewed_posterior():
    values = np.random.default_rng(1).exponential(size=(4, 500, 1))
    estimate = replace(make([0.0], [{}]), draws=array(values, [{}]))
    eti, hdi = summary(estimate), summary(estimate, ci_kind="hdi")
    assert hdi["lower"][0] < eti["lower"][0]
    assert hdi["upper"][0] - hdi["lower"][0] < eti["upper"][0] - eti["lower"][0]
    inside = (values >= hdi["lower"][0]) & (values <= hdi["upper"][0])
    assert inside.mean() == pytest.approx(0.95, abs=0.005)


def test_one_chain_has_no_r_hat_but_keeps_its_numbers():
    table = summary(make([-4.0], [{}], chains=1))
    assert np.isnan(table["r_hat"][0])
    assert np.isfinite(table[["mean", "lower", "ess_bulk"]].to_numpy(dtype=float)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_draw_that_is_not_finite_empties_its_row_only(bad):
    estimate = replace(shift(), smallest=1.0)
    values = estimate.draws.to_numpy().copy()
    values[0, 0, 0] = bad
    table = summary(replace(estimate, draws=estimate.draws.copy(data=values)))
    numbers = ["mean", "sd", "lower", "upper", "p_positive", "ess_bulk", "ess_tail", "r_hat", "mcse_mean", "p_beyond"]
    assert table.loc[0, numbers].isna().all()
    assert table.loc[1, numbers].notna().all()


def test_draws_that_never_move_have_no_diagnostics():
    estimate = replace(make([0.0], [{}]), draws=array(np.full((4, 50, 1), 2.0), [{}]))
    table = summary(estimate)
    assert table[["ess_bulk", "r_hat"]].isna().all(axis=None)
    assert (table["lower"][0], table["upper"][0], table["sd"][0]) == (2.0, 2.0, 0.0)


def test_several_estimates_are_put_below_each_other():
    level = make([40.0], [{"estimand": "levels"}], unit="percent")
    table = summary([replace(shift(), smallest=2.0), level])
    assert table["unit"].tolist() == ["percentage points", "percentage points", "percent"]
    assert np.isnan(table["p_beyond"][2])
    assert list(summary([])) == [*COLUMNS, *DIAGNOSTICS]


def test_no_rows_give_an_empty_table():
    empty = shift().rows(np.array([], dtype=int))
    assert summary(empty).shape == (0, len(COLUMNS) + len(DIAGNOSTICS))
    assert ranks(empty).empty


@pytest.mark.parametrize(("prob", "kind"), [(0.0, "eti"), (1.0, "eti"), (95, "eti"), (0.9, "hpd")])
def test_an_interval_that_means_nothing_is_refused(prob, kind):
    with pytest.raises(SpecError, match="ci_"):
        summary(shift(), ci_prob=prob, ci_kind=kind)


# --- ranks --------------------------------------------------------------------------------------
def test_ranks_against_counting_by_hand():
    values = np.array([[[1.0, 3.0, 2.0], [1.0, 3.0, 4.0], [5.0, 5.0, 0.0], [1.0, 9.0, 2.0]]])
    rows = [{"country": c} for c in ("DE", "PL", "CA")]
    table = ranks(replace(make([0.0] * 3, rows), draws=array(values, rows)), ci_prob=0.5)
    assert table["p_largest"].tolist() == [0.125, 0.625, 0.25]
    assert table["p_smallest"].tolist() == [0.75, 0.0, 0.25]
    assert table["mean_rank"].tolist() == [(3 + 3 + 1.5 + 3) / 4, (1 + 2 + 1.5 + 1) / 4, (2 + 1 + 3 + 2) / 4]
    assert (table["rank_lower"] <= table["rank_upper"]).all()
    assert table["rank_upper"][0] == 3.0


def test_ranks_refuse_draws_that_are_not_finite():
    estimate = shift()
    with pytest.raises(SpecError, match="finite"):
        ranks(replace(estimate, draws=estimate.draws * np.nan))


# --- words --------------------------------------------------------------------------------------
def test_description_says_everything_a_reader_needs():
    text = describe(replace(shift(), notes=("House and mode changed between the waves",)))
    for words in (
        "First-order effect (the sender's own credibility): Germany: the share was lower after the signal by 6.0",
        "Second-order effect (the other allies): Germany: the share was higher after the signal by 3.0",
        "“likely” or “very likely”", "Averaging: countries, equally.", "percentage points", "95% equal-tailed",
        "Identification: before-after", "aid_halt (United States, aid, retrenchment, 2025-03-03)",
        "probability of a decrease above 0.999", "House and mode changed between the waves.",
    ):  # fmt: skip
        assert words in text
    assert "SIMULATED" not in text
    assert "DO NOT REPORT" not in text


@pytest.mark.parametrize(
    ("label", "causal"),
    [("randomised", True), ("difference-in-differences", True), ("unexpected event", False),
     ("interrupted series", False), ("before-after", False), ("descriptive", False)],
)  # fmt: skip
def test_only_two_labels_carry_a_causal_verb(label, causal):
    text = describe(replace(shift(), identification=label))
    assert ("the signal lowered the share by 6.0" in text) is causal
    assert ("raised" in text) is causal
    assert ("not attributed" in text) is not causal


def test_simulated_data_and_failed_gates_come_first():
    simulated = replace(SPEC, sources=(Simulation(1, (), ()),))
    text = describe(replace(shift(), spec=simulated, status="R-hat 1.03 for shift"))
    assert text.startswith("SIMULATED DATA: these numbers describe no real survey. DO NOT REPORT")
    assert "R-hat 1.03 for shift" in text


def test_many_rows_are_told_by_extremes():
    rows = [{"estimand": "shift", "role": "other", "country": f"C{i}"} for i in range(20)]
    rows.append({"estimand": "shift", "role": "other"})
    text = describe(make([*(3.0 * i for i in range(-10, 10)), 1.0], rows))
    assert "highest, C19" in text
    assert "lowest, C0" in text
    assert "Average: " in text
    assert "excludes zero in 19 of 20 rows" in text
    assert "C7:" not in text


def test_what_is_no_estimate_is_refused_by_its_type():
    for what in (SPEC, [shift(), SPEC], 3):
        with pytest.raises(SpecError, match=rf"got {type(what).__name__} → levels\(fit\) or shift\(fit\) makes one"):
            describe(what)


def test_a_gap_names_the_populations():
    text = describe(make([-5.0], [{"estimand": "gap", "country": "PL"}]))
    assert "Gap, elite minus public" in text
    assert "Poland: the share was lower than in the reference population by" in text


def test_levels_and_means_have_their_own_words():
    level = make([61.24], [{"estimand": "levels", "country": "PL", "ally": "US"}], unit="percent")
    assert "Poland: 61.2 percent" in describe(level)
    assert "Ally judged: United States." in describe(level)
    points = replace(level, unit="points", answer="mean", draws=level.draws * 0 + 2.345)
    assert "mean answer (1 = “very unlikely” to 4 = “very likely”)" in describe(points)
    assert "2.35 points" in describe(points) or "2.34 points" in describe(points)


def test_a_contrast_is_no_shift_and_has_full_names():
    text = describe(make([-5.0], [{"estimand": "shift", "role": "sender", "country": "PL − DE"}]))
    assert "Poland − Germany: the share was lower by 5.0" in text
    assert "after the signal" not in text


def test_a_gap_in_shift_is_a_difference_of_differences_not_of_shares():
    text = describe(make([-5.0], [{"estimand": "gap in shift", "role": "sender", "country": "PL"}]))
    assert text.startswith("Gap in the shift: the difference with minus without the signal")
    assert "elite minus public, in the share" in text
    assert "Poland: the shift was lower than in the reference population by 5.0 percentage points" in text
    assert "the share was" not in text
    assert "probability of being below zero" in text
    assert "described, not attributed to the signal" in text
    spec = replace(
        SPEC,
        estimands=(
            Estimand("gap", signal=SPEC.signals[0].name),
            Estimand("gap", "elites", signal=SPEC.signals[0].name),
        ),
    )
    for name in ("gap in shift", "elites"):
        assert "the shift was lower" in describe(
            replace(make([-5.0], [{"estimand": name, "country": "PL"}]), spec=spec)
        )
    several = replace(spec, signals=(*SPEC.signals, replace(SPEC.signals[0], name="other")))
    told = describe(replace(make([-5.0], [{"estimand": "gap in shift", "country": "PL"}]), spec=several))
    assert f"without the signal {SPEC.signals[0].name} (" in told
    level = describe(replace(make([-5.0], [{"estimand": "gap", "country": "PL"}]), spec=spec))
    assert "the share was lower than in the reference population by" in level


def test_nothing_averaged_and_a_status_with_its_prefix_read_well():
    text = describe(replace(shift(), averaged="nothing: one row per combination", status="failed: R-hat 1.2"))
    assert "Averaging" not in text
    assert "failed its gates (R-hat 1.2)" in text


def test_a_row_that_is_not_finite_is_told():
    estimate = shift()
    assert "not available" in describe(replace(estimate, draws=estimate.draws * np.nan))


def test_row_names_hold_what_sets_rows_apart_within_a_role():
    rows = [
        {"role": "sender", "country": "DE", "ally": "US"}, {"role": "sender", "country": "", "ally": "US"},
        {"role": "other", "country": "DE", "ally": "PL"}, {"role": "other", "country": "DE", "ally": "CA"},
        {"role": "other", "country": "DE", "ally": ""},
    ]  # fmt: skip
    estimate = make([0.0] * 5, rows)
    assert row_names(estimate) == [
        "Germany", "Average", "Germany: Poland", "Germany: Canada", "Germany: average of allies"
    ]  # fmt: skip
    assert averages(estimate).tolist() == [False, True, False, False, True]
    assert row_names(make([0.0], [{}])) == ["Average"]


def test_numbers_for_print():
    assert [number(x) for x in (-0.04, -2.25, 7.0, float("nan"))] == ["0.0", "−2.2", "7.0", "not available"]


# --- files --------------------------------------------------------------------------------------
def test_csv_defuses_formulas_in_text_only(tmp_path):
    frame = pd.DataFrame({
        "=name": ["=1+1", "+a", "-b", "@c", "\td", "\re", "plain", 'say "hi", twice\nyes'],
        "value": [-1.5, 2.0, np.nan, -0.1, 1e-300, -3.0, 0.0, 1 / 3],
    })  # fmt: skip
    path = write_csv(frame, tmp_path / "t.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["'=name", "value"]
    assert [r[0] for r in rows[1:]] == ["'=1+1", "'+a", "'-b", "'@c", "'\td", "'\re", "plain", 'say "hi", twice\nyes']
    assert rows[1][1] == "-1.5"
    assert rows[3][1] == ""
    assert float(rows[8][1]) == 1 / 3
    assert path.read_bytes().count(b"\r\n") == 9
    assert frame["=name"][0] == "=1+1"


def test_csv_of_a_summary_reads_back_the_same_numbers(tmp_path):
    table = summary(shift())
    back = pd.read_csv(write_csv(table, tmp_path / "t.csv"))
    np.testing.assert_allclose(back[["mean", "lower", "upper"]], table[["mean", "lower", "upper"]], rtol=1e-15)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = write_csv(pd.DataFrame({"a": [1]}), tmp_path / "t.csv")

    def fail(*_args: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_csv(pd.DataFrame({"a": [2]}), path)
    assert path.read_text().split() == ["a", "1"]
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_lone_surrogates_do_not_stop_a_table(tmp_path):
    assert write_csv(pd.DataFrame({"a": ["x\ud800"]}, dtype=object), tmp_path / "t.csv").exists()


def test_tables_need_neither_pymc_nor_matplotlib():
    heavy = ("matplotlib", "pymc", "arviz_stats")
    code = f"import sys, alliancecred.summaries; sys.exit(any(m in sys.modules for m in {heavy!r}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_notes_begin_with_a_capital_unless_they_begin_with_a_name_the_analysis_declares():
    of = replace(SPEC, waves=(replace(SPEC.waves[0], name="before"), *SPEC.waves[1:]))
    assert in_sentences(["before and after are equal", "weights: few.", "..", " "], of) == (
        "before and after are equal. Weights: few."
    )
    assert in_sentences(["before and after are equal"]) == "Before and after are equal."
    assert in_sentences([f"{SPEC.populations[0]}: few people"], SPEC) == f"{SPEC.populations[0]}: few people."
