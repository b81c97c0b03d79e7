"""The door for published percentages: bounds, sample sizes and cells by hand, and what is refused."""

import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from bad_inputs import numbered

from alliancecred.errors import DataError, DataWarning, LevelError, OutcomeError, SchemaError
from alliancecred.origins import Exclusion
from alliancecred.sources import ReportLine, count_range
from alliancecred.spec_file import models_dir
from alliancecred.toplines import read_toplines

SHARED = Path(__file__).parents[2] / "shared"
SCALE = ("very unlikely", "unlikely", "likely", "very likely")
CELL = {"country": "DE", "ally": "US", "wave": "w1", "answer": "top", "pct": 45, "precision": "integer", "n": 1000,
        "n_kind": "exact"}  # fmt: skip


def table(*rows, **common):
    """One row per mapping of changes to a clean row; ``None`` empties a cell."""
    return pd.DataFrame([CELL | common | row for row in rows or ({},)])


def read(*rows, answers=SCALE, top=SCALE[2:], constants=None, overdispersion=0.0, **common):
    source = rows[0] if rows and not isinstance(rows[0], dict) else table(*rows, **common)
    return read_toplines(source, answers=answers, top=top, overdispersion=overdispersion, constants=constants or {})


def binary(*rows, **common):
    return read(*rows, answers=("no", "yes"), top=("yes",), **common)


# --- bounds -------------------------------------------------------------------------------------
BOUNDS = {
    "integer": (dict(pct=37), 0.365, 0.375, "37"),
    "integer-as-float": (dict(pct=37.0), 0.365, 0.375, "37"),
    "integer-as-text": (dict(pct="37"), 0.365, 0.375, "37"),
    "one-decimal": (dict(pct=37.2, precision="one decimal", n=10_000), 0.3715, 0.3725, "37.2"),
    "two-decimals": (dict(pct=37.25, precision="two decimals", n=10_000), 0.37245, 0.37255, "37.25"),
    "zero-is-clipped": (dict(pct=0), 0.0, 0.005, "0"),
    "hundred-is-clipped": (dict(pct=100), 0.995, 1.0, "100"),
    "star": (dict(pct="*"), 0.0, 0.005, "*"),
    "verbal": (dict(pct=None, precision="verbal", lower=71, upper=79), 0.71, 0.79, "71 to 79"),
    "verbal-with-pct": (dict(pct=75, precision="verbal", lower=71, upper=79), 0.71, 0.79, "75"),
    "bounds-that-agree": (dict(pct=45, lower=44.5, upper=45.5), 0.445, 0.455, "45"),
}


@pytest.mark.parametrize(("row", "lower", "upper", "published"), BOUNDS.values(), ids=BOUNDS)
def test_bounds_by_hand(row, lower, upper, published):
    line = read(row).rows[0]
    assert line.lower == pytest.approx((lower,), abs=1e-12)
    assert line.upper == pytest.approx((upper,), abs=1e-12)
    assert line.published == (published,)
    assert line.groups == ((2, 3), (0, 1))


def test_the_counts_that_round_to_a_published_share():
    for n in (7, 100, 651, 1000, 1004):
        for pct in range(101):
            low, high = count_range(max(pct - 0.5, 0) / 100, min(pct + 0.5, 100) / 100, n)
            assert [k for k in range(n + 1) if abs(200 * k - 2 * pct * n) <= n] == list(range(low, high + 1))


# --- sample sizes -------------------------------------------------------------------------------
def test_exact_n():
    line = read(n=651).rows[0]
    assert line.n.tolist() == [651]
    assert line.n_weight.tolist() == [1.0]
    assert line.n.dtype == np.int64


def test_average_n_is_a_truncated_normal_on_whole_numbers():
    line = read(n=651.3, n_kind="average", n_spread=60).rows[0]
    assert 10 <= len(line.n) <= 15
    assert line.n.dtype == np.int64
    assert line.n.min() >= 651.3 - 180
    assert line.n.max() <= 651.3 + 180
    assert line.n_weight.sum() == pytest.approx(1, abs=1e-12)
    every = np.arange(math.ceil(651.3 - 180), math.floor(651.3 + 180) + 1)
    normal = np.exp(-0.5 * ((every - 651.3) / 60) ** 2)
    for f in (lambda n: n, lambda n: (n - 651.3) ** 2, np.log, lambda n: 1 / n):
        assert f(line.n) @ line.n_weight == pytest.approx(f(every) @ normal / normal.sum(), rel=0.02)
    density = np.exp(-0.5 * ((line.n - 651.3) / 60) ** 2)
    assert line.n_weight == pytest.approx(density / density.sum(), rel=0.05)


def test_uneven_steps_of_the_grid_do_not_tilt_the_weights():
    line = read(n=1000.3, n_kind="average", n_spread=3.4, pct=None, precision="verbal", lower=0, upper=100).rows[0]
    assert set(np.diff(line.n)) == {1, 2}
    every = np.arange(991, 1011)
    normal = np.exp(-0.5 * ((every - 1000.3) / 3.4) ** 2)
    mean, wanted = line.n @ line.n_weight, every @ normal / normal.sum()
    assert mean == pytest.approx(wanted, abs=0.03)
    sd = np.sqrt((every - wanted) ** 2 @ normal / normal.sum())
    assert np.sqrt((line.n - mean) ** 2 @ line.n_weight) == pytest.approx(sd, rel=0.01)


def test_a_small_spread_uses_every_whole_number():
    line = read(n=1000, n_kind="average", n_spread=1, pct=50).rows[0]
    assert line.n.tolist() == list(range(997, 1004))
    assert line.n_weight[3] / line.n_weight[2] == pytest.approx(math.exp(0.5))


def test_a_wide_spread_stays_above_zero():
    line = read(n=20, n_kind="average", n_spread=15, pct=None, precision="verbal", lower=0, upper=100).rows[0]
    assert line.n.min() == 1
    assert line.n_weight.sum() == pytest.approx(1)


def test_range_of_n_is_uniform_with_both_ends():
    line = read(n=None, n_kind="range", n_low=500, n_high=1200).rows[0]
    assert (line.n[0], line.n[-1], len(line.n)) == (500, 1200, 15)
    assert line.n_weight == pytest.approx(np.full(15, 1 / 15))
    assert read(n=None, n_kind="range", n_low=700, n_high=702, pct=50).rows[0].n.tolist() == [700, 701, 702]


def test_sizes_that_cannot_give_the_share_are_dropped_and_noted():
    survey = read(pct=33, n=None, n_kind="range", n_low=2, n_high=4)
    assert survey.rows[0].n.tolist() == [3]
    assert survey.rows[0].n_weight.tolist() == [1.0]
    assert "some sample sizes cannot give the published shares" in str(survey.report)


# --- cells --------------------------------------------------------------------------------------
def test_rows_of_one_cell_become_one_topline():
    lines = read(
        {"answer": "very likely", "pct": 20, "source": "a"},
        {"answer": "unlikely", "pct": 30, "source": "b"},
        {"country": "PL", "source": None},
    )
    first, second = lines.rows
    assert len(lines) == 2
    assert dict(first.labels) == {"country": "DE", "ally": "US", "target": "", "wave": "w1", "population": "public"}
    assert first.groups == ((3,), (1,), (0, 2))
    assert first.lower == pytest.approx((0.195, 0.295))
    assert first.upper == pytest.approx((0.205, 0.305))
    assert first.published == ("20", "30")
    assert (first.source, second.source) == ("a; b", "")


def test_all_answers_published_leave_no_rest():
    line = binary({"answer": "no", "pct": 55}, {"answer": "yes"}).rows[0]
    assert line.groups == ((0,), (1,))
    joined = read({"answer": "very unlikely + unlikely", "pct": 55}, {"answer": "top"}).rows[0]
    assert joined.groups == ((0, 1), (2, 3))


@pytest.mark.bad(20)
@pytest.mark.parametrize("pct", [(33, 33, 33), (33, 33, 34), (34, 34, 33), (0, 0, 100)])
def test_20_sums_within_rounding_pass(pct):
    rows = [{"answer": a, "pct": p} for a, p in zip("abc", pct, strict=True)]
    assert read(*rows, answers=tuple("abc"), top=("c",), n=999).rows[0].groups == ((0,), (1,), (2,))


def test_labels_constants_and_report():
    frame = table({}, {"country": None}, {"country": "US"}).drop(columns=["ally", "precision"])
    lines = read(frame, constants={"ally": "US", "precision": "integer", "target": "Latvia", "source": "typed"})
    assert [line.labels["target"] for line in lines.rows] == ["Latvia", "Latvia"]
    assert lines.rows[0].source == "typed"
    report = lines.report
    assert [(x.action, x.count, x.what) for x in report.lines[:3]] == [
        ("read", 3, "rows"), ("excluded", 1, "country is empty"), ("used", 2, "published shares in 2 cells"),
    ]  # fmt: skip
    assert report.total("read") == report.total("used") + report.total("excluded")
    assert "the country rates itself" in str(report)


def test_notes_on_verbal_reports_and_sizes():
    text = str(
        read(
            {"precision": "verbal", "lower": 40, "upper": 50, "n_kind": "average", "n_spread": 50},
            {"country": "RU", "n": None, "n_kind": "range", "n_low": 500, "n_high": 2000},
        ).report
    )
    for part in ("1  published shares are verbal", "1  cells whose n is an average", "1  cells whose n is a range"):
        assert part in text


def test_every_source_gives_the_same(tmp_path):
    frame = table({"answer": "top"}, {"country": "PL", "pct": "*"}).astype({"pct": str})
    frame.to_csv(tmp_path / "t.csv", index=False)
    expected = read(frame)
    for source in (tmp_path / "t.csv", pl.from_pandas(frame), frame.astype("category")):
        lines = read(source)
        for got, want in zip(lines.rows, expected.rows, strict=True):
            assert (got.labels, got.groups, got.lower, got.upper) == (want.labels, want.groups, want.lower, want.upper)
            assert got.n.tolist() == want.n.tolist()


def test_the_callers_frame_is_not_touched():
    frame = table({}, {"country": "PL"})
    before = frame.copy(deep=True)
    read(frame)
    pd.testing.assert_frame_equal(frame, before)


# --- bad inputs, by the number of the list ------------------------------------------------------
VERBAL = {"precision": "verbal", "pct": None}
BAD = [
    ("01-empty", lambda: read(table().head(0)), SchemaError, "0 rows"),
    ("02-missing-column", lambda: read(table().rename(columns={"ally": "alli"})), SchemaError, "did you mean 'alli'"),
    ("02-no-pct", lambda: read(table().drop(columns="pct")), SchemaError, "pct: no such column"),
    ("05-list", lambda: read_toplines([CELL], answers=SCALE, top=SCALE[2:]), SchemaError, "list is not a table"),
    ("08-all-missing", lambda: read(ally=None), LevelError, "ally is empty in every row"),
    ("10-look-alike", lambda: read({}, {"country": "de "}), LevelError, "look the same"),
    ("19-proportion", lambda: read({"pct": 0.87}, {"country": "PL", "pct": 0.5}), OutcomeError,
     "at most 0.87: proportions.*give per cent"),
    ("19-proportion-bounds", lambda: read(**VERBAL, lower=0.7, upper=0.8), OutcomeError, "proportions"),
    ("20-sum-130", lambda: binary({"answer": "no", "pct": 66}, {"answer": "yes", "pct": 64}), OutcomeError,
     r"DE, US, w1, public: the published shares \(66 \+ 64\) sum to 129 to 131, not 100"),
    ("20-sum-98", lambda: binary({"answer": "no", "pct": 50}, {"answer": "yes", "pct": 48}), OutcomeError, "sum to 97"),
    ("20-partial-sum", lambda: read({"answer": "likely", "pct": 60}, {"answer": "unlikely", "pct": 60}), OutcomeError,
     "not 100"),
    ("21-130-per-cent", lambda: read(pct=130), OutcomeError, "outside 0 to 100: '130'"),
    ("23-negative", lambda: read(pct=-1), OutcomeError, "outside 0 to 100"),
    ("25-nan", lambda: read(pct=np.nan), OutcomeError, "empty, though not verbal"),
    ("26-inf", lambda: read(pct=np.inf), OutcomeError, "no finite number: 'inf'"),
    ("74-decimal-comma", lambda: read(pct="44,5"), OutcomeError, "no finite number: '44,5'.*as 44.5"),
    ("24-n-zero", lambda: read(n=0), OutcomeError, "not a positive number of people"),
    ("n-negative", lambda: read(n=-5), OutcomeError, "not a positive number"),
    ("n-fractional", lambda: read(n=651.3), OutcomeError, "not a whole number.*average"),
    ("n-missing", lambda: read(n=None), OutcomeError, "needed when n_kind is exact"),
    ("n-kind", lambda: read(n_kind="about"), OutcomeError, "n_kind: 1 × unknown: 'about'"),
    ("08-nothing-left", lambda: read({"ally": None}, {"wave": None}), SchemaError,
     "no row is left: 1 ally is empty; 1 wave"),
    ("average-without-spread", lambda: read(n_kind="average"), OutcomeError, "n_spread.*needed when n_kind is average"),
    ("average-spread-0", lambda: read(n_kind="average", n_spread=0), OutcomeError, "not a positive number"),
    ("range-without-high", lambda: read(n=None, n_kind="range", n_low=3), OutcomeError, "n_high.*needed"),
    ("range-reversed", lambda: read(n=None, n_kind="range", n_low=30, n_high=20), OutcomeError, "above n_high"),
    ("range-and-n", lambda: read(n=900, n_kind="range", n_low=3, n_high=20), OutcomeError, "not between"),
    ("exact-with-spread", lambda: read(n_spread=5), OutcomeError, "has no place when n_kind is exact"),
    ("n-differs-in-cell", lambda: binary({"answer": "no", "pct": 55}, {"answer": "yes", "n": 900}), OutcomeError,
     "differs within one cell: '1000 and 900'"),
    ("precision", lambda: read(precision="rounded"), OutcomeError, "unknown: 'rounded'"),
    ("precision-exact", lambda: read(precision="exact"), OutcomeError, "give them to read_counts"),
    ("not-rounded", lambda: read(pct=45.3), OutcomeError, "not rounded to integer"),
    ("contradiction", lambda: read(lower=40, upper=50), OutcomeError, r"contradicts pct and precision \(44.5\): '40'"),
    ("verbal-without-bounds", lambda: read(**VERBAL, lower=40), OutcomeError,
     "upper: 1 × empty, though precision is verbal"),
    ("verbal-reversed", lambda: read(**VERBAL, lower=50, upper=40), OutcomeError, "above upper"),
    ("verbal-outside", lambda: read(precision="verbal", pct=60, lower=40, upper=50), OutcomeError,
     "outside its bounds"),
    ("bounds-beyond-100", lambda: read(**VERBAL, lower=90, upper=110), OutcomeError, "outside 0 to 100"),
    ("answer-unknown", lambda: read(answer="likly"), OutcomeError, "no declared answer: 'likly'"),
    ("answer-empty", lambda: read(answer=None), OutcomeError, "no declared answer"),
    ("duplicate", lambda: read({}, {}), OutcomeError, "two rows are about the same answer.*rows 0, 1"),
    ("overlap", lambda: read({}, {"answer": "very likely", "pct": 10}), OutcomeError, "two rows are about the same"),
    ("no-such-count", lambda: read(n=7, pct=45), OutcomeError, "no number of people gives '45' % of n = 7"),
    ("no-counts-together", lambda: read(*[{"answer": a, "pct": p} for a, p in (("a", 33), ("b", 33), ("c", 34))],
                                        answers=tuple("abc"), top=("c",), n=3), OutcomeError, "no number of people"),
    ("more-than-n-together", lambda: words_of_four(21, 30, SCALE[:4], answers=(*SCALE, "certainly")), OutcomeError,
     "no number of people"),
    ("fewer-than-n-together", lambda: words_of_four(20, 29, SCALE), OutcomeError, "no number of people"),
    ("answers-named-top", lambda: read(answers=("no", "top"), top=("no",)), OutcomeError, "rename that answer"),
    ("34-one-answer", lambda: read(answers=("top",), top=("top",)), OutcomeError, "at least two answers"),
    ("rho-half", lambda: read(overdispersion=0.5), OutcomeError, "from 0 to below 0.5, got 0.5"),
    ("rho-negative", lambda: read(overdispersion=-0.1), OutcomeError, "overdispersion"),
    ("rho-nan", lambda: read(overdispersion=float("nan")), OutcomeError, "overdispersion"),
    ("rho-text", lambda: read(overdispersion="0.1"), OutcomeError, "overdispersion"),
    ("52-datetime", lambda: read(wave=pd.Timestamp("2025-01-01")), SchemaError, "dates or times"),
    ("64-population", lambda: read(population=1), LevelError, "write 'public' and 'elite'"),
    ("constant-unknown", lambda: read(constants={"house": "x"}), SchemaError, "unknown role"),
    ("all-at-once", lambda: read({"pct": 130}, {"country": "PL", "n": 0}, {"ally": "us "}), DataError, "problems"),
]  # fmt: skip


def words_of_four(low, high, about, **options):
    return read(*[{"answer": a} for a in about], **VERBAL, lower=low, upper=high, n=10, **options)


@pytest.mark.parametrize(("act", "error", "message"), numbered(BAD))
def test_bad_input(act, error, message):
    with pytest.raises(error, match=message) as caught:
        act()
    assert type(caught.value) is error


def test_one_kind_of_complaint_is_one_problem_with_its_rows():
    with pytest.raises(OutcomeError) as caught:
        read(*[{"country": f"c{i}", "pct": 101 + i} for i in range(7)])
    (problem,) = caught.value.problems
    assert problem.rows == (0, 1, 2, 3, 4)
    assert problem.message == "7 × outside 0 to 100: '101', '102', '103', '104', '105' and 2 more"


def test_one_per_cent_is_read_as_per_cent_with_a_warning():
    with pytest.warns(DataWarning, match="read as per cent"):
        line = read(pct=1).rows[0]
    assert line.upper == (0.015,)


def test_13_digits_as_labels_warn():
    with pytest.warns(DataWarning, match="look like numbers"):
        read(country="1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(wave=2020)


# --- real data ----------------------------------------------------------------------------------
def shared(*parts):
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{Path(*parts)} is not in the shared folder beside the project")
    return path


def test_microcode_verbal_and_rounded_reports():
    frame = pd.read_csv(shared("data", "microcode_published", "microcode_published.csv"))
    frame = frame[~frame["respondents"].eq("5-country mean")].rename(columns={"respondents": "country"})
    verbal = frame["precision"].str.startswith("verbal")
    unknown = frame["country"].eq("RU")
    average = frame["n_note"].str.extract(r"(\d+)$")[0].astype(float)
    frame = frame.assign(
        precision=np.where(verbal, "verbal", "integer"), lower=frame["assumed_lo"], upper=frame["assumed_hi"],
        answer="top", n=average, n_kind=np.where(unknown, "range", "average"), n_spread=np.where(unknown, np.nan, 50),
        n_low=np.where(unknown, 500, np.nan), n_high=np.where(unknown, 2000, np.nan),
    )  # fmt: skip
    lines = binary(frame)
    assert len(lines) == 19
    assert lines.report.total("used") == 19
    poland = next(x for x in lines.rows if x.labels["country"] == "PL" and x.labels["wave"] == "2025-01")
    assert (poland.lower, poland.upper) == ((0.71,), (0.79,))


def transatlantic():
    frame = pd.read_csv(shared("data", "transatlantic_trends_csis", "TAT_NATO_essential.csv"))
    long = frame.melt(["NATO_essential", "Year"], var_name="country", value_name="pct").dropna()
    return long.rename(columns={"NATO_essential": "answer", "Year": "wave"})


def nato(frame):
    constants = {"ally": "NATO", "precision": "integer", "n_kind": "range", "n_low": "900", "n_high": "1100"}
    answers = ("[DK]/[REFUSAL]", "No longer essential", "Still essential")
    return read_toplines(frame, answers=answers, top=answers[2:], constants=constants)


def test_poland_2002_is_refused_by_name():
    with pytest.raises(OutcomeError, match=r"PL, NATO, 2002, public: the published shares .* sum to 128.5 to 131.5"):
        nato(transatlantic())


def test_the_other_transatlantic_cells_pass():
    frame = transatlantic()
    kept = frame[~(frame["country"].eq("PL") & frame["wave"].eq(2002))]
    bad = kept.groupby(["country", "wave"])["pct"].sum().sub(100).abs().gt(1.5)
    kept = kept[~kept.set_index(["country", "wave"]).index.isin(bad[bad].index)]
    lines = nato(kept)
    assert lines.report.total("used") == len(kept) == 3 * len(lines)


# --- what is left out on purpose ------------------------------------------------------------------
def summing_to_130() -> pd.DataFrame:
    """Two cells of three answers; the second sums to 130."""
    rows = [("DE", "no", 24), ("DE", "don't know", 4), ("DE", "yes", 72)]
    rows += [("PL", "no", 26), ("PL", "don't know", 40), ("PL", "yes", 64)]
    frame = pd.DataFrame(rows, columns=["country", "answer", "pct"])
    return frame.assign(ally="NATO", wave="2002", precision="integer", n_kind="range", n_low=900, n_high=1100)


THREE = {"answers": ("no", "don't know", "yes"), "top": ("yes",)}


def test_shares_that_sum_to_130_are_refused_unless_a_declared_line_leaves_them_out():
    with pytest.raises(OutcomeError, match=r"sum to 128\.5 to 131\.5, not 100"):
        read_toplines(summing_to_130(), **THREE)
    out = Exclusion((("country", ("PL",)), ("wave", ("2002",))), "sums to 130")
    found = read_toplines(summing_to_130(), **THREE, exclude=[out])
    assert [t.labels["country"] for t in found.rows] == ["DE"]
    assert ReportLine("excluded", 3, "declared: sums to 130") in found.report.lines
    assert found.report.total("read") == found.report.total("used") + found.report.total("excluded") == 6


@pytest.mark.parametrize(
    ("where", "why", "words"),
    [
        ((("country", ("PT",)),), "typo", r"exclude\[0\]: no row matches"),
        ((("land", ("PL",)),), "typo", r"unknown factor 'land'"),
        ((("country", ("PL",)),), " ", r"says no reason"),
        ((), "all", r"no row matches"),
    ],
)
def test_an_exclusion_that_leaves_nothing_out_or_gives_no_reason_is_refused(where, why, words):
    with pytest.raises(DataError, match=words):
        read_toplines(summing_to_130(), **THREE, exclude=[Exclusion(where, why)])


def test_the_shipped_shares_of_nato_are_those_that_were_published():
    path = Path(__file__).parents[2] / "shared" / "data" / "transatlantic_trends_csis" / "TAT_NATO_essential.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    code = {"USA": "US", "GER": "DE", "SP": "ES"}
    answer = {"Still": "essential", "No": "no longer essential", "[DK]/[REFUSAL]": "don't know"}
    wide = pd.read_csv(path).set_index(["NATO_essential", "Year"]).drop(columns=["EU 7", "EU 8", "EU 9", "EU 10"])
    long = wide.rename(columns=lambda c: code.get(c, c)).stack().dropna()
    want = {(str(y), c, answer[a.split()[0]]): int(v) for (a, y, c), v in long.items()}
    ours = pd.read_csv(models_dir() / "nato_essential_2002_2014.csv", dtype=str)
    got = {(r.wave, r.country, r.answer): int(r.pct) for r in ours.itertuples()}
    assert got == want
    assert len(got) == 3 * 118
    with pytest.raises(OutcomeError, match=r"sum to 128\.5 to 131\.5, not 100"):
        read_toplines(models_dir() / "nato_essential_2002_2014.csv",
                      answers=("no longer essential", "don't know", "essential"), top=("essential",))  # fmt: skip
