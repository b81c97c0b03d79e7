"""Both shipped analyses, from the command line to the numbers they must give."""

import pandas as pd
import pytest
from published import published

from alliancecred.cli import DONE, main
from alliancecred.spec_file import models_dir

FILES = {"report.html", "summary.csv", "ppc.csv", "prior.csv", "draws.nc", "spec.toml", "lock.json"}
COUNTRIES = ["CA", "DE", "PL", "RU", "UK", "US"]


def table_of(folder, name="summary.csv"):
    return pd.read_csv(folder / name, keep_default_na=False, na_values={"truth": [""], "p_positive": [""]})


def ran(name, folder):
    assert main(["run", name, "--out", str(folder), "--quiet"]) == DONE
    assert {p.name for p in folder.iterdir()} >= FILES
    for picture in (folder / "figures").glob("*.png"):
        assert picture.with_suffix(".pdf").stat().st_size > 5_000
        assert picture.with_suffix(".csv").is_file()
    return folder


@pytest.fixture(scope="module")
def microcode(tmp_path_factory):
    return ran("microcode_2025", tmp_path_factory.mktemp("microcode"))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return ran("retrenchment_simulated", tmp_path_factory.mktemp("simulated"))


@pytest.mark.xdist_group("microcode")
def test_microcode_has_every_level_and_shift(microcode):
    table = table_of(microcode)
    levels, shifts = table[table.estimand == "levels"], table[table.estimand == "shift"]
    for wave in ("2025-01", "2025-03"):
        assert sorted(levels[levels.wave == wave].country) == COUNTRIES
    assert sorted(shifts.country) == COUNTRIES
    assert set(shifts.unit) == {"percentage points"}
    assert list(shifts[shifts.role == "self"].country) == ["US"]
    assert (table.lower < table["mean"]).all()
    assert (table["mean"] < table.upper).all()
    assert set(table.prob) == {0.95}
    assert set(table.status) == {"passed"}


@pytest.mark.xdist_group("microcode")
def test_microcode_shifts_are_those_of_the_publications(microcode):
    table = table_of(microcode)
    for suffix in ("", " | beta-binomial"):
        mean = table[table.estimand == "shift" + suffix].set_index("country")["mean"]
        assert {c: mean[c] for c in ("CA", "RU")} == published("microcode_2025")


@pytest.mark.xdist_group("microcode")
def test_microcode_levels_are_within_three_points_of_what_was_published(microcode):
    table = table_of(microcode)
    levels = table[table.estimand == "levels"].set_index(["country", "wave"])["mean"]
    ppc = table_of(microcode, "ppc.csv").set_index(["country", "wave"])
    assert len(ppc) == 12
    for key, row in ppc.iterrows():
        assert row.observed_lower - 3 < levels[key] < row.observed_upper + 3, key


@pytest.mark.xdist_group("microcode")
def test_microcode_means_stand_apart_with_and_without_the_self_rating(microcode):
    table = table_of(microcode).set_index("estimand")
    four = table.loc["first-order effect, allies of the US"]
    five = table.loc["first-order effect with the sender's self-rating"]
    assert four.role == "sender"
    assert five.role == "sender + self"
    assert four.p_positive < 0.001
    assert -35 < four["mean"] < -20
    shifts = table.loc["shift"].set_index("country")["mean"]
    assert four["mean"] == pytest.approx(shifts[["CA", "DE", "PL", "UK"]].mean(), abs=1e-9)
    assert five["mean"] == pytest.approx(shifts[["CA", "DE", "PL", "UK", "US"]].mean(), abs=1e-9)


@pytest.mark.xdist_group("microcode")
def test_microcode_reports_the_rank_of_every_cell_left_out(microcode):
    table = table_of(microcode, "leave_one_out.csv")
    assert len(table) == 12
    assert table["rank"].between(0, 1).all()
    published = pd.read_csv(models_dir() / "microcode_2025.csv")
    assert set(zip(table.country, table.wave, strict=True)) == set(zip(published.country, published.wave, strict=True))
    report = (microcode / "report.html").read_text()
    assert "Each combination of country and wave predicted from all the others" in report
    assert "SIMULATED" not in report


def test_the_simulated_analysis_says_so_and_finds_its_truth(simulated):
    table = table_of(simulated)
    assert table.truth.notna().all()
    assert table.truth.between(table.lower, table.upper).mean() >= 0.8
    assert "SIMULATED DATA" in (simulated / "report.html").read_text()
    mean = table[table.estimand == "shift, all countries"].set_index("role")
    assert mean.upper["sender"] < 0 < mean.lower["other"]
    gap = table[(table.estimand == "gap in shift") & (table.role == "sender")]
    assert gap["mean"].iloc[0] < 0
