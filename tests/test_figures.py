"""Figures: what they show equals their frames, no text meets other text, hostile labels do no harm."""

import datetime as dt
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation, Text

from alliancecred.errors import SchemaError, SpecError
from alliancecred.estimate import LABELS, Estimate
from alliancecred.events import Signal, Wave
from alliancecred.figures import (
    alt_text,
    caption,
    gap_data,
    levels_data,
    plot_gap,
    plot_levels,
    plot_ppc,
    plot_shift,
    ppc_data,
    save_figure,
    shift_data,
)
from alliancecred.figures.example import example_estimate
from alliancecred.figures.page import COLOURS
from alliancecred.figures.text import clean, shorten, width_of, wrap
from alliancecred.origins import Simulation
from alliancecred.spec import Spec

CODES = ("US", "UK", "DE", "PL", "CA", "RU")
FULL = ("United States", "United Kingdom", "Germany", "Poland", "Canada", "Russia")
LONG = tuple((f"L{i}", f"The {i}th Very Long Name of a Federated Republic of Many Islands") for i in range(40))
HOSTILE = ("$x_1$ costs $5", "<script>alert(1)</script>", "flag \U0001f1e9\U0001f1ea \U0001f600", "שלום עליכם",
           "x" * 300, "line\nbreak\tand \x00 \u202e mark", "中国", "back\\slash %s {0} _a^b")  # fmt: skip
SPEC = Spec(
    "demo", ("very unlikely", "unlikely", "likely", "very likely"), ("likely", "very likely"), (),
    waves=(
        Wave("2024", dt.date(2024, 5, 1), dt.date(2024, 5, 9)), Wave("2025", dt.date(2025, 5, 1), dt.date(2025, 5, 9))
    ),
    signals=(Signal("aid_halt", "US", dt.date(2025, 3, 3), "aid"),),
    names=(*zip(CODES, FULL, strict=True), *LONG, *((f"H{i}", h) for i, h in enumerate(HOSTILE))),
)  # fmt: skip
SIMULATED = replace(SPEC, sources=(Simulation(1, (), ()),))


# --- estimates with known draws -----------------------------------------------------------------
def array(means: list[float], rows: list[dict[str, str]], chains: int = 4, seed: int = 0) -> xr.DataArray:
    noise = 1.5 * np.random.default_rng(seed).normal(size=(chains, 250, len(means)))
    coords = {k: ("row", np.array([r.get(k, "") for r in rows], dtype=object)) for k in LABELS}
    return xr.DataArray(noise + np.array(means), dims=("chain", "draw", "row"), coords=coords)


def shift(rows: list[dict[str, str]], chains: int = 4) -> Estimate:
    rng = np.random.default_rng(5)
    before = array(list(rng.uniform(15, 85, len(rows))), rows, chains, 1)
    draws = array(list(rng.normal(-4, 6, len(rows))), rows, chains, 2)
    after = before + draws
    return Estimate(draws, "percentage points", "before-after", "top", "countries, equally", SPEC, before, after)


def rows_of(n: int, codes: tuple[str, ...] = CODES) -> list[dict[str, str]]:
    roles = ("sender", "other", "self")
    rows = [{"estimand": "shift", "role": r, "country": c} for r in roles[:2] for c in ("", *codes)]
    return [*rows[: n - 1], {"estimand": "shift", "role": "self", "country": "US"}]


def rows_40() -> list[dict[str, str]]:
    return rows_of(40, tuple(code for code, _ in LONG[:20]))


def levels(rows: list[dict[str, str]], chains: int = 4, unit: str = "percent") -> Estimate:
    means = np.random.default_rng(6).uniform(8, 92, len(rows))
    return Estimate(array(list(means), rows, chains), unit, "descriptive", "top", "", SPEC)


def grid(countries: tuple[str, ...], allies: tuple[str, ...], waves: tuple[str, ...] = ("",)) -> list[dict[str, str]]:
    return [
        {"estimand": "levels", "country": c, "ally": a, "wave": w, "role": "self" if a == c else ""}
        for w in waves for c in countries for a in allies
    ]  # fmt: skip


def gap(rows: list[dict[str, str]], chains: int = 4) -> Estimate:
    means = list(np.random.default_rng(7).normal(-4, 5, len(rows)))
    return Estimate(array(means, rows, chains), "percentage points", "descriptive", "top", "allies, equally", SPEC)


def cells(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    mean = rng.uniform(12, 88, n)
    seen = mean + rng.normal(0, 3, n)
    half = np.where(np.arange(n) % 3 == 0, 0.5, 0.0)
    return pd.DataFrame({
        "country": [CODES[i % 6] for i in range(n)], "ally": [CODES[i // 6 % 6] for i in range(n)], "target": "",
        "wave": [f"20{24 + i // 36}" for i in range(n)], "population": "public", "answer": "top",
        "observed_lower": seen - half, "observed_upper": seen + half, "mean": mean, "lower": mean - 5,
        "upper": mean + 5, "rank": rng.uniform(size=n),
    })  # fmt: skip


# --- what is seen -------------------------------------------------------------------------------
def texts(figure: Figure) -> list[Text]:
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text() and not isinstance(t, Annotation)]


def words(figure: Figure) -> str:
    return " ".join(t.get_text() for t in texts(figure))


def faults(figure: Figure) -> list[str]:
    """Return every pair of texts that meet, every text off the page, and every text too small."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [(t, t.get_window_extent(renderer)) for t in texts(figure)]
    page = figure.bbox
    out = [f"meet: {a.get_text()!r} {b.get_text()!r}" for (a, p), (b, q) in combinations(boxes, 2)
           if min(p.x1, q.x1) - max(p.x0, q.x0) > 0.5 and min(p.y1, q.y1) - max(p.y0, q.y0) > 0.5]  # fmt: skip
    out += [f"off the page: {t.get_text()!r}" for t, b in boxes
            if b.x0 < 0 or b.y0 < 0 or b.x1 > page.x1 or b.y1 > page.y1]  # fmt: skip
    return out + [f"too small: {t.get_text()!r}" for t, _ in boxes if t.get_fontsize() < 6.5]


def marks(figure: Figure, name: str) -> list[float]:
    """Return the horizontal places of the marks of that name, from top to bottom."""
    lines = [line for ax in figure.axes for line in ax.lines if line.get_gid() == name]
    return [float(line.get_xdata()[0]) for line in sorted(lines, key=lambda line: line.get_ydata()[0])]


def test_the_overlap_finder_finds_an_overlap():
    figure = plot_gap(gap(rows_of(2)))
    assert faults(figure) == []
    figure.text(0.02, 0.9, "a text in the way of all the others here", fontsize=5)
    assert any(f.startswith("meet") for f in faults(figure))
    assert any(f.startswith("too small") for f in faults(figure))


SIZES = {"2": rows_of(2), "6": rows_of(6), "14": rows_of(14), "40 long": rows_40()}


@pytest.mark.slow
@pytest.mark.parametrize("width", ["column", "double", 5.0])
@pytest.mark.parametrize("size", SIZES)
def test_shift_is_legible(size, width):
    estimate = shift(SIZES[size], 1 if size == "6" else 4)
    estimate = replace(estimate, spec=SIMULATED, smallest=2.0, notes=("a note " * 30,))
    assert faults(plot_shift(estimate, width=width, source="a source " * 20)) == []


@pytest.mark.slow
@pytest.mark.parametrize("width", ["column", "double"])
@pytest.mark.parametrize("size", SIZES)
def test_gap_is_legible(size, width):
    assert faults(plot_gap(replace(gap(SIZES[size], 1), status="R-hat 1.2 " * 9), width=width)) == []


@pytest.mark.slow
@pytest.mark.parametrize("width", ["column", "double"])
@pytest.mark.parametrize(
    "rows",
    [
        grid(CODES, CODES[:2]), grid(CODES, CODES, ("2024", "2025")), grid(("DE", ""), ("US", "UK", "")),
        grid(tuple(c for c, _ in LONG[:20]), tuple(c for c, _ in LONG[:12])), grid(CODES, ("US",), ("2024", "2025")),
        grid(("US",), CODES), grid(("PL",), ("US",)), grid(tuple(c for c, _ in LONG), ("US",)),
    ],
)  # fmt: skip
def test_levels_are_legible(rows, width):
    assert faults(plot_levels(levels(rows), width=width, source="a survey")) == []


@pytest.mark.slow
@pytest.mark.parametrize("width", ["column", "double"])
@pytest.mark.parametrize("n", [1, 8, 40, 200])
def test_ppc_is_legible(n, width):
    assert faults(plot_ppc(cells(n), spec=SPEC, width=width, source="a survey")) == []


# --- what is drawn is what the frame says -------------------------------------------------------
def test_shift_draws_its_frame():
    estimate = shift(rows_of(14))
    table, figure = shift_data(estimate), plot_shift(estimate)
    assert marks(figure, "before") == pytest.approx(list(table["before_mean"]))
    assert marks(figure, "after") == pytest.approx(list(table["after_mean"]))
    assert marks(figure, "mean") == pytest.approx(list(table["mean"]))
    low = estimate.draws.quantile(0.025, ("chain", "draw")).to_numpy()[table["draws_row"].to_numpy()]
    assert table["lower"].to_numpy() == pytest.approx(low)
    for name in ("before", "after"):
        levels = getattr(estimate, name).quantile([0.025, 0.975], ("chain", "draw")).to_numpy()
        got = table[[f"{name}_lower", f"{name}_upper"]].to_numpy().T
        np.testing.assert_allclose(got, levels[:, table["draws_row"].to_numpy()])
    bars = [tuple(line.get_xdata()) for line in figure.axes[1].lines if len(line.get_xdata()) == 2]
    for low, high in table[["lower", "upper"]].to_numpy():
        assert any(np.allclose(bar, (low, high)) for bar in bars)


def test_before_is_hollow_and_after_filled_and_the_arrow_goes_from_one_to_the_other():
    estimate = shift([{"role": "sender", "country": "DE"}])
    figure = plot_shift(estimate)
    (before,) = [line for line in figure.axes[0].lines if line.get_gid() == "before"]
    (after,) = [line for line in figure.axes[0].lines if line.get_gid() == "after"]
    assert before.get_xdata()[0] == pytest.approx(float(estimate.before.mean()))
    assert after.get_xdata()[0] == pytest.approx(float(estimate.after.mean()))
    assert (before.get_markerfacecolor(), after.get_markerfacecolor()) == ("white", COLOURS["sender"])
    (arrow,) = [t for t in figure.axes[0].texts if isinstance(t, Annotation)]
    assert (arrow.xyann[0], arrow.xy[0]) == pytest.approx((before.get_xdata()[0], after.get_xdata()[0]))


def test_the_words_before_and_after_stand_on_the_right_sides():
    for change in (-10.0, 10.0):
        estimate = shift([{"role": "sender", "country": "DE"}])
        draws = estimate.draws - estimate.draws.mean() + change
        estimate = replace(estimate, draws=draws, after=estimate.before + draws)
        place = {t.get_text(): t.get_position()[0] for t in texts(plot_shift(estimate))}
        assert (place["after"] > place["before"]) is (change > 0)


def test_levels_that_were_swapped_are_refused():
    estimate = shift(rows_of(6))
    with pytest.raises(SpecError, match="swapped"):
        shift_data(replace(estimate, before=estimate.after, after=estimate.before))


def test_rows_go_by_role_then_average_then_effect():
    table = shift_data(shift(rows_of(14)))
    assert list(dict.fromkeys(table["role"])) == ["sender", "other", "self"]
    for _, group in table.groupby("role"):
        single = group[~group["average"]]
        assert single["mean"].is_monotonic_decreasing
        assert group["average"].tolist() == sorted(group["average"], reverse=True)
    assert table["label"][0] == "Average"


def test_headings_names_and_values_are_printed():
    estimate = shift(rows_of(14))
    table, seen = shift_data(estimate), [t.get_text() for t in texts(plot_shift(estimate))]
    for heading in ("Sender: first-order effect", "Other allies: second-order effect", "Self-rating"):
        assert seen.count(heading) == 1
    assert seen.count("Germany") == 2
    row = table.iloc[3]
    assert f"{row['mean']:.1f} [{row['lower']:.1f}, {row['upper']:.1f}]".replace("-", "−") in seen


def test_gap_draws_its_frame_and_zero():
    estimate = gap(rows_of(6))
    figure = plot_gap(estimate)
    assert marks(figure, "mean") == pytest.approx(list(gap_data(estimate)["mean"]))
    assert any(np.allclose(line.get_xdata(), 0) for line in figure.axes[0].lines)
    low, high = figure.axes[0].get_xlim()
    assert low < 0 < high


def test_hdi_and_probability_reach_the_figure():
    estimate = gap(rows_of(2))
    table = gap_data(estimate, ci_prob=0.5, ci_kind="hdi")
    figure = plot_gap(estimate, ci_prob=0.5, ci_kind="hdi")
    assert "50% highest-density intervals" in words(figure)
    bars = [tuple(line.get_xdata()) for line in figure.axes[0].lines]
    assert any(np.allclose(bar, table[["lower", "upper"]].iloc[0]) for bar in bars if len(bar) == 2)


def test_matrix_prints_means_and_intervals_in_their_cells():
    rows = [r for r in grid(CODES, CODES[:4]) if r != {**r, "country": "RU", "ally": "PL"}]
    estimate = levels(rows)
    table, figure = levels_data(estimate), plot_levels(estimate)
    (axes,) = figure.axes
    printed = {(t.get_position(), t.get_gid()): t.get_text() for t in axes.texts}
    for _, row in table.iterrows():
        x, y = CODES.index(row["ally"]) + 0.5, CODES.index(row["country"])
        assert printed[(x, y + 0.32), "mean"] == f"{row['mean']:.0f}"
        assert printed[(x, y + 0.72), "interval"] == f"[{row['lower']:.0f}, {row['upper']:.0f}]"
    own = [p for p in axes.patches if p.get_gid() == "self"]
    assert [(int(p.get_x()), int(p.get_y())) for p in own] == [(0, 0), (1, 1), (2, 2), (3, 3)]
    hatched = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_hatch()]
    assert [p.get_xy() for p in hatched] == [(3, 5)]
    assert "Hatched: no estimate" in words(figure)
    assert "Outlined: a country judges itself" in words(figure)


def test_a_matrix_has_declared_order_whatever_the_order_of_rows():
    spec = replace(SPEC, countries=("PL", "DE", "CA"), allies=("CA", "US", "UK"))
    rows = grid(("DE", "CA", "PL"), ("UK", "US", "CA"))
    seen = [t.get_text() for t in texts(plot_levels(replace(levels(rows), spec=spec)))]
    heads = [w for w in seen if w in ("Canada", "United States", "United Kingdom", "Poland", "Germany")]
    assert heads == ["Canada", "United States", "United Kingdom", "Poland", "Germany", "Canada"]
    assert "Rows: country asked; columns: ally judged" in words(plot_levels(levels(rows)))


def test_waves_and_populations_have_panels_of_their_own():
    rows = grid(CODES[:3], CODES[:2], ("2024", "2025"))
    figure = plot_levels(levels(rows))
    assert len(figure.axes) == 2
    seen = [t.get_text() for t in texts(figure)]
    assert seen.count("2024") == seen.count("2025") == 1


def test_one_ally_gives_rows_and_names_the_ally():
    estimate = levels(grid(CODES[:3], ("US",), ("2024", "2025")))
    figure = plot_levels(estimate)
    assert sorted(marks(figure, "mean")) == pytest.approx(sorted(levels_data(estimate)["mean"]))
    assert "Ally judged: United States" in words(figure)


def test_two_levels_for_one_cell_are_refused():
    rows = grid(CODES[:2], CODES[:2])
    with pytest.raises(SpecError, match="two rows"):
        plot_levels(levels([*rows, rows[0]]))


def test_ppc_draws_its_frame():
    frame = cells(40)
    table, figure = ppc_data(frame, spec=SPEC), plot_ppc(frame, spec=SPEC)
    assert marks(figure, "mean") == pytest.approx(list(table["mean"]))
    assert table["observed"].is_monotonic_decreasing
    inside = [(h >= lo) and (low <= up) for low, h, lo, up in
              table[["observed_lower", "observed_upper", "lower", "upper"]].to_numpy()]  # fmt: skip
    assert table["inside"].tolist() == inside
    assert f"{40 - sum(inside)} of 40 observed shares" in words(figure)
    heights = [p.get_height() for p in figure.axes[1].patches if p.get_width() < 1]
    assert heights == list(np.histogram(frame["rank"], bins=5, range=(0, 1))[0])
    few = plot_ppc(frame[:8])
    (dots,) = [line for line in few.axes[1].lines if line.get_gid() == "rank"]
    assert list(dots.get_xdata()) == sorted(frame["rank"][:8])


def test_a_rounded_figure_is_inside_if_any_of_it_is():
    touches = cells(1).assign(observed_lower=39.5, observed_upper=40.5, lower=40.2, upper=50.0, mean=45.0)
    over = touches.assign(lower=30.0, upper=39.7, mean=35.0)
    outside = touches.assign(lower=40.6)
    assert [bool(ppc_data(f)["inside"][0]) for f in (touches, over, outside)] == [True, True, False]


def test_ppc_says_everything_that_is_wrong_with_its_frame():
    with pytest.raises(SchemaError) as missing:
        ppc_data(cells(3).drop(columns=["rank", "ally"]))
    assert {p.column for p in missing.value.problems} == {"rank", "ally"}
    with pytest.raises(SchemaError) as wrong:
        ppc_data(cells(3).assign(rank=[0.1, 1.2, np.nan], mean=101.0))
    assert {(p.column, p.rows) for p in wrong.value.problems} == {("rank", (1, 2)), ("mean", (0, 1, 2))}
    with pytest.raises(SchemaError, match="no rows"):
        plot_ppc(cells(3)[:0])


# --- what must always be told -------------------------------------------------------------------
@pytest.mark.parametrize("plot", [plot_shift, plot_gap])
def test_caption_and_banners(plot):
    estimate = shift(rows_of(6))
    quiet = words(plot(estimate, source="Survey X"))
    for told in ("95% equal-tailed", "Identification: before-after", "Averaging: countries", "Source: Survey X"):
        assert told in quiet
    assert "SIMULATED" not in quiet
    assert "GATES" not in quiet.upper()
    loud = plot(replace(estimate, spec=SIMULATED, status="E-BFMI 0.1"))
    assert "SIMULATED DATA" in words(loud)
    assert "GATES FAILED, do not report: E-BFMI 0.1" in words(loud)
    banner = next(t for t in texts(loud) if t.get_text().startswith("SIMULATED"))
    assert banner.get_fontweight() == "bold"
    assert banner.get_position()[1] == max(t.get_position()[1] for t in texts(loud) if t.axes is None)


def test_levels_and_ppc_say_when_data_are_simulated():
    assert "SIMULATED DATA" in words(plot_levels(replace(levels(grid(CODES, CODES)), spec=SIMULATED)))
    assert "SIMULATED DATA" in words(plot_ppc(cells(5), spec=SIMULATED))


@pytest.mark.slow
@pytest.mark.parametrize("width", ["column", "double"])
def test_hostile_labels_are_shown_as_they_are_or_as_squares(width, tmp_path):
    rows = [{"role": "sender", "country": f"H{i}"} for i in range(len(HOSTILE))]
    estimate = replace(shift(rows), notes=("costs $5 and $6",), status="$bad$ <b>")
    figure = plot_shift(estimate, width=width, source="$" + "y" * 300)
    assert faults(figure) == []
    seen = [t.get_text() for t in texts(figure)]
    assert "$x_1$ costs $5" in seen
    assert any("<script>" in s for s in seen)
    assert any(s.startswith("xxxx") and s.endswith("…") and len(s) < 60 for s in seen)
    assert not any(t.get_parse_math() for t in texts(figure) if "$" in t.get_text())
    table = shift_data(replace(estimate, draws=estimate.draws))
    assert "x" * 300 in set(table["label"])
    assert all(p.stat().st_size > 500 for p in save_figure(figure, tmp_path / "hostile", table))


def test_hostile_matrix_and_ppc_do_not_crash():
    codes = tuple(f"H{i}" for i in range(len(HOSTILE)))
    assert faults(plot_levels(levels(grid(codes, codes)))) == []
    frame = cells(len(HOSTILE)).assign(country=codes, ally=codes[::-1])
    assert faults(plot_ppc(frame, spec=SPEC)) == []


@pytest.mark.parametrize("plot", [plot_shift, plot_gap])
def test_draws_without_spread_or_not_finite_do_not_crash(plot):
    estimate = shift(rows_of(6))
    still = estimate.draws.copy(data=np.zeros(estimate.draws.shape))
    assert faults(plot(replace(estimate, draws=still, after=estimate.before))) == []
    values = estimate.draws.to_numpy().copy()
    values[0, 0, 0] = np.nan
    bad = estimate.draws.copy(data=values)
    assert faults(plot(replace(estimate, draws=bad, after=estimate.before + bad))) == []


def test_wrong_figures_are_refused_with_the_right_one_named():
    with pytest.raises(SpecError, match="plot_gap"):
        plot_shift(gap(rows_of(2)))
    sided = shift([{"estimand": "gap", "country": "DE"}])
    with pytest.raises(SpecError, match="plot_gap"):
        plot_shift(sided)
    with pytest.raises(SpecError, match="plot_levels"):
        plot_gap(levels(grid(CODES, CODES)))
    with pytest.raises(SpecError, match="plot_shift"):
        plot_levels(gap(rows_of(2)))
    empty = gap(rows_of(2)).rows(np.array([], dtype=int))
    with pytest.raises(SpecError, match="no rows"):
        plot_gap(empty)


@pytest.mark.parametrize("width", ["wide", 1.0, -3, float("nan")])
def test_a_width_that_cannot_be_printed_is_refused(width):
    with pytest.raises(SpecError, match="width"):
        plot_gap(gap(rows_of(2)), width=width)


def test_widths_are_those_of_a_journal():
    estimate = shift(rows_of(2))
    assert plot_shift(estimate, width="column").get_figwidth() == 3.5
    assert plot_shift(estimate, width="double").get_figwidth() == 7.0
    assert plot_shift(estimate, width=6.2).get_figwidth() == 6.2


def test_role_colours_differ_in_grey():
    def grey(colour: str) -> float:
        r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.299 * r + 0.587 * g + 0.114 * b

    shades = sorted(grey(COLOURS[r]) for r in ("sender", "other", ""))
    assert min(np.diff(shades)) > 25


# --- text ---------------------------------------------------------------------------------------
@pytest.mark.bad(12)
def test_text_is_measured_cut_and_wrapped():
    assert shorten("short", 2.0) == "short"
    cut = shorten("a rather long name of a country", 0.8)
    assert cut.endswith("…")
    assert width_of(cut) <= 0.8
    lines = wrap("some words that have to be broken and " + "x" * 200, 1.2)
    assert all(width_of(line, size=6.5) <= 1.2 for line in lines)
    assert " ".join(wrap("a b c " * 30, 1.0)).split() == ["a", "b", "c"] * 30
    assert clean("a\u202eb\x00\nc \ud800") == "ab c □"


def test_alt_texts_say_the_role_of_a_country_that_has_several():
    made = example_estimate()
    assert "from Poland (sender) −12.0 " in alt_text(plot_shift(made))
    assert " to Germany (other allies) 6.0 " in alt_text(plot_shift(made))
    assert "(sender)" not in alt_text(plot_shift(made.at(role="sender")))


def test_captions_begin_sentences_with_capitals_and_leave_out_the_count_of_few_comparisons():
    count = "4 comparisons are shown: of as many unpooled intervals some exclude it"
    made = replace(gap(rows_of(4)), notes=(count, "weights: counts of 45 cells are scaled", "aid_halt: a name"))
    few = caption(plot_gap(made))
    assert " Weights: counts of 45 cells are scaled. aid_halt: a name." in few
    assert "comparisons are shown" not in few
    assert "comparisons are shown" in caption(plot_gap(replace(gap(rows_of(6)), notes=(count,))))


# --- names of rows ------------------------------------------------------------------------------
def test_rows_by_ally_say_that_they_are_judged_and_stay_together_over_waves():
    allies = ("PL", "DE", "CA")
    rows = [{"estimand": "gap", "ally": a, "wave": w} for w in ("2025", "2024") for a in allies]
    made = gap(rows)
    table = gap_data(made)
    assert table["wave"].tolist() == ["2024", "2025"] * 3
    by_ally = table.groupby("ally", sort=False)["mean"].mean()
    assert by_ally.is_monotonic_decreasing
    assert set(by_ally.index) == set(allies)
    for figure in (plot_gap(made), plot_levels(levels([{"ally": a} for a in allies]))):
        assert [t.get_text() for t in texts(figure)].count("Ally judged") == 1
    assert "Ally judged" not in words(plot_gap(gap([{"country": a} for a in allies])))


def test_what_all_rows_are_compared_with_stands_above_them_once():
    rows = [{"country": f"{c} − DE", "ally": "US"} for c in ("PL", "CA")]
    seen = [t.get_text() for t in texts(plot_gap(gap(rows)))]
    assert {"Minus Germany", "Poland", "Canada"} <= set(seen)
    assert gap_data(gap(rows))["label"].str.endswith(" − Germany").all()
    alone = [t.get_text() for t in texts(plot_gap(gap(rows[:1])))]
    assert "Poland − Germany" in alone
    apart = [t.get_text() for t in texts(plot_gap(gap([{"country": "PL − DE", "ally": a} for a in ("US", "UK")])))]
    assert {"Poland − Germany", "United States", "United Kingdom"} <= set(apart)
    mixed = [t.get_text() for t in texts(plot_gap(gap([{"country": "PL − DE"}, {"country": "CA − US"}])))]
    assert {"Poland − Germany", "Canada − United States"} <= set(mixed)


def test_a_contrast_that_is_too_wide_goes_on_below_and_its_row_grows():
    rows = [{"country": "UK − US"}, {"country": "PL − DE"}]
    figure = plot_gap(gap(rows), width=2.7)
    seen = {t.get_text(): t.get_window_extent() for t in texts(figure)}
    assert {"United Kingdom", "− United States", "Poland − Germany"} <= set(seen)
    assert seen["United Kingdom"].y0 > seen["− United States"].y1 - 1
    low, high = (float(line.get_ydata()[0]) for line in figure.axes[0].lines if line.get_gid() == "mean")
    assert abs(high - low) > 1.1


def test_names_go_on_in_a_second_line_before_they_are_cut():
    spec = replace(SPEC, names=(("PL", "Kingdom of the Far Northern Isles"), ("DE", "Germany")))
    rows = [{"estimand": "shift", "country": c, "ally": "US"} for c in ("PL", "DE")]
    for plot, made in ((plot_gap, gap(rows)), (plot_shift, shift(rows)), (plot_levels, levels(rows))):
        figure = plot(replace(made, spec=spec), width="column")
        assert "Kingdom of the Far Northern Isles" in words(figure), plot.__name__
        assert "Kingdom of the Far Northern Isles" not in [t.get_text() for t in texts(figure)]
        assert faults(figure) == []


@pytest.mark.parametrize("width", ["column", "double"])
def test_gaps_have_the_declared_names_of_populations(width):
    made = example_estimate("gap")
    spec = replace(made.spec, names=(*made.spec.names, ("elite", "members of parliament"), ("public", "voters")))
    figure = plot_gap(replace(made, spec=spec), width=width)
    seen = [t.get_text() for t in texts(figure)]
    assert {"members of parliament", "voters"} <= set(seen)
    assert "elite" not in words(figure)
    assert faults(figure) == []
    if width == "double":
        assert "Members of parliament minus voters (pp)" in seen


# --- files --------------------------------------------------------------------------------------
@pytest.mark.slow
def test_files_are_vector_embedded_and_the_same_every_time(tmp_path):
    estimate = shift(rows_of(6))
    first = save_figure(plot_shift(estimate), tmp_path / "a.v1", shift_data(estimate))
    again = save_figure(plot_shift(estimate), tmp_path / "b", shift_data(estimate))
    assert [p.name for p in first] == ["a.v1.pdf", "a.v1.png", "a.v1.csv", "a.v1.svg", "a.v1.txt"]
    for one, two in zip(first, again, strict=True):
        assert one.read_bytes() == two.read_bytes()
    pdf = first[0].read_bytes()
    assert b"/CIDFontType2" in pdf or b"/TrueType" in pdf
    assert b"/FontFile2" in pdf
    assert b"/Subtype /Image" not in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf
    png = first[1].read_bytes()
    assert int.from_bytes(png[16:20], "big") == 7 * 300
    assert len(pd.read_csv(first[2])) == 6
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in (*first, *again))


def test_alt_text_tells_the_figure():
    text = alt_text(shift(rows_of(6)))
    assert text.startswith("Dots before and after the signal")
    assert "6 rows" in text
    assert "United Kingdom" in text


def test_repeated_draws_give_no_bumps_and_draws_of_a_chain_the_usual_density():
    from arviz_stats.base import array_stats

    from alliancecred.figures.rows import density

    rng = np.random.default_rng(2)
    once = rng.normal(-20, 4, 4000)
    grid, height = density(once)
    usual = array_stats.kde(once)
    np.testing.assert_allclose(height, np.interp(grid, usual[0], usual[1] / usual[1].max()), atol=1e-9)
    weights = rng.gamma(0.8, size=3000)
    repeated = rng.choice(rng.normal(-20, 4, 3000), 4000, p=weights / weights.sum())
    grid, height = density(repeated)
    turns = np.count_nonzero(np.diff(np.sign(np.diff(height[height > 0.1]))))
    assert turns <= 3
    assert abs(np.trapezoid(grid * height, grid) / np.trapezoid(height, grid) - repeated.mean()) < 0.1
