"""Style of figures: presets of journals, colours for every eye and in grey, stamps, scripts from the right, files."""

import warnings
from dataclasses import replace
from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from test_figures import SIMULATED
from test_gallery import FIGURES, SMALLEST, Case, boxes_of, estimate_of, faults, unnamed, wrong

import alliancecred as ac
from alliancecred import figures as fig
from alliancecred.errors import SchemaError, SpecError
from alliancecred.figures.crossed import matrix_data
from alliancecred.figures.curve import DECLARED, SURE, UNSURE
from alliancecred.figures.example import (
    example_attrition,
    example_balance,
    example_estimate,
    example_loo,
    example_populations,
    example_sensitivity,
    example_waves,
)
from alliancecred.figures.forest import _CHOSEN, INKS
from alliancecred.figures.matrix import shade_of
from alliancecred.figures.page import COLOURS, QUIET
from alliancecred.figures.presets import PRESETS
from alliancecred.figures.text import in_order, shorten_apart, width_of, wrapped_apart
from alliancecred.figures.waves import _LOOKS
from alliancecred.folds import Folds

# whether a preset's letters are installed is a matter of the machine
pytestmark = pytest.mark.filterwarnings("ignore:none of .* is installed")

# Machado, Oliveira & Fernandes (2009), IEEE Transactions on Visualization and Computer Graphics 15(6), severity 1
DEFICIENT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]
    ),
}
WHITE = np.array([0.9505, 1.0, 1.089])


def lab(colour: str | tuple[float, ...], eye: str) -> np.ndarray:
    """Return CIE L*a*b* (D65) of a colour as an eye sees it."""
    rgb = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(DEFICIENT[eye] @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    f = np.where(xyz / WHITE > 0.008856, np.cbrt(xyz / WHITE), 7.787 * xyz / WHITE + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(one: str, two: str, eye: str) -> float:
    return float(np.linalg.norm(lab(one, eye) - lab(two, eye)))


# --- colours ------------------------------------------------------------------------------------
SETS = {
    "roles": [COLOURS["sender"], COLOURS["other"]],
    "before and after": [QUIET, COLOURS["sender"]],
    "curve": [SURE, UNSURE, DECLARED],
    **{f"marks of {len(c)}": [INKS[i] for i in c] for c in _CHOSEN},
    "lines of waves": [look[0] for look in _LOOKS],
}


def test_the_matrices_are_those_of_the_paper():
    for name, matrix in DEFICIENT.items():
        np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-5, err_msg=name)  # grey stays grey
    assert apart("#FF0000", "#00AA00", "normal") > 2.5 * apart("#FF0000", "#00AA00", "deuteranopia")


@pytest.mark.parametrize("eye", DEFICIENT)
@pytest.mark.parametrize("name", SETS)
def test_colours_that_must_be_told_apart_are_for_every_eye(name, eye):
    for one, two in combinations(SETS[name], 2):
        assert apart(one, two, eye) > 10, (one, two)  # 2.3 is just noticeable side by side


def test_marks_of_a_row_differ_in_grey_and_all_others_in_shape_too():
    for chosen in _CHOSEN:
        shades = sorted(lab(INKS[i], "normal")[0] for i in chosen)
        assert all(b - a > 8 for a, b in pairwise(shades)), chosen
    assert abs(lab(COLOURS["sender"], "normal")[0] - lab(COLOURS["other"], "normal")[0]) > 5
    assert len({marker for _, marker in _LOOKS}) == len(_LOOKS)
    curve = sorted(lab(c, "normal")[0] for c in SETS["curve"])
    assert curve[-1] - curve[0] > 30


@pytest.mark.parametrize("eye", DEFICIENT)
def test_up_and_down_in_a_matrix_are_different_shades(eye):
    up, down = (shade_of(v, (-5.0, 5.0), signed=True) for v in (4.0, -4.0))
    assert apart(up, down, eye) > 25
    levels = [lab(shade_of(v, (0.0, 100.0), signed=False), eye)[0] for v in range(0, 101, 10)]
    assert levels == sorted(levels, reverse=True)  # grey alone orders levels


# --- presets ------------------------------------------------------------------------------------
def test_presets_name_their_sources():
    assert len({p.name for p in PRESETS}) == len(PRESETS)
    for p in PRESETS:
        assert p.source.startswith(("https://", "no journal's")), p.name
        assert p.widths[0] < p.widths[1]
    nature = ac.preset("nature")
    assert (nature.column.width * 25.4, nature.double.width * 25.4) == pytest.approx((89, 183), abs=0.02)
    with pytest.raises(SpecError, match="nature"):
        ac.preset("natur")


def sizes(figure: Figure) -> tuple[float, float]:
    points = [t.get_fontsize() for t, _ in boxes_of(figure)]
    return min(points), max(points)


@pytest.mark.parametrize("name", ["nature", "plos"])
def test_letters_and_width_are_those_of_the_preset(name):
    preset = ac.preset(name)
    figure = fig.plot_shift(example_estimate(), width=preset.column)
    assert figure.get_figwidth() == pytest.approx(preset.widths[0])
    low, high = sizes(figure)
    assert (low, high) == pytest.approx((preset.size * 6.5 / 7, preset.size), abs=0.01)
    inside = {"nature": (5, 7), "plos": (8, 12)}[name]
    assert inside[0] <= low <= high <= inside[1]


def test_a_larger_paper_has_the_same_picture_in_larger_letters_and_lines():
    gap = example_estimate("gap")
    one, two = (fig.plot_gap(gap, width=ac.Paper(w, s)) for w, s in ((3.5, 7.0), (7.0, 14.0)))
    assert two.get_size_inches() == pytest.approx(2 * one.get_size_inches())
    for a, b in zip(one.axes[1].lines, two.axes[1].lines, strict=True):
        assert b.get_linewidth() == pytest.approx(2 * a.get_linewidth())
        assert b.get_markersize() == pytest.approx(2 * a.get_markersize())
    for (s, p), (t, q) in zip(boxes_of(one), boxes_of(two), strict=True):
        assert s.get_text() == t.get_text()
        np.testing.assert_allclose(q.extents, 2 * p.extents, rtol=0.03, atol=3)  # hinting


def test_a_figure_is_saved_with_the_dots_of_its_preset(tmp_path):
    gap = example_estimate("gap")

    def wide(width, **more) -> int:
        figure = fig.plot_gap(gap, width=width)
        (path,) = fig.save_figure(figure, tmp_path / "gap", fig.gap_data(gap), kinds=("png",), **more)
        return int.from_bytes(path.read_bytes()[16:20], "big")

    assert wide(ac.preset("cambridge").column) == 3500
    assert wide(ac.preset("cambridge").column, dpi=100) == 350
    assert wide("column") == 1050
    assert {p.column.dpi for p in PRESETS if p.name in ("nature", "plos")} == {450, 600}


@pytest.mark.filterwarnings("default:none of")
def test_fonts_that_are_not_installed_are_said_once():
    gap, paper = example_estimate("gap"), ac.Paper(3.5, fonts=("No Such Face", "Nor This"))
    with pytest.warns(ac.DataWarning, match="none of No Such Face, Nor This is installed: letters are those of DejaVu"):
        fig.plot_gap(gap, width=paper)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fig.plot_gap(gap, width=paper)
        fig.plot_gap(gap, width=ac.Paper(3.5, fonts=("No Such Face", "DejaVu Sans")))
    assert caught == []


def test_captions_leave_the_figures_of_journals_but_not_their_words():
    effect = example_estimate()
    plain, nature = fig.plot_shift(effect), fig.plot_shift(effect, width=ac.preset("nature").double)
    inside = [t.get_text() for t, _ in boxes_of(nature)]
    assert not any("Identification" in t for t in inside)
    assert any("Identification" in t.get_text() for t, _ in boxes_of(plain))
    assert ac.caption(nature) == ac.caption(plain)
    assert nature.get_figheight() < plain.get_figheight() - 0.3
    ticks = [t.tick1line for axes in nature.axes for t in axes.xaxis.get_major_ticks()]
    assert {tuple(t.get_ydata()) for t in ticks} == {(0,)}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_legible_in_presets(name):
    for preset, paper in ((p, p.column) for p in PRESETS if p.name in ("large", "serif")):
        assert wrong(FIGURES[name](Case(6, True, True, 1, paper)), smallest=preset.size * SMALLEST / 7) == []


@pytest.mark.parametrize("paper", [ac.Paper(3.5, 4.0), ac.Paper(2.0, 7.0), ac.Paper(3.5, 12.0)])
def test_papers_that_cannot_be_read_are_refused(paper):
    with pytest.raises(SpecError, match=r"points|width"):
        fig.plot_gap(example_estimate("gap"), width=paper)


# --- stamps -------------------------------------------------------------------------------------
BAD = "failed: partial: 812 of 1000 draws; R-hat 1.2"


def cells_alone(status: str = "passed") -> pd.DataFrame:
    """Two cells, as `pooling` and `ppc` would have them."""
    numbers = dict.fromkeys(("observed", "mean", "observed_lower", "observed_upper"), 50.0)
    numbers |= {"own_lower": 40.0, "own_upper": 60.0, "lower": 45.0, "upper": 55.0, "rank": 0.5}
    names = {"ally": "US", "target": "", "wave": "1", "population": "public", "answer": "top"}
    return example_populations().assign(**names, **numbers, status=status)


def all_stamped() -> dict[str, Figure]:
    """Every figure, of an analysis that failed a gate, on simulated data."""

    def bad(of: str):
        made = example_estimate(of)
        spec = replace(made.spec, sources=SIMULATED.sources)
        return replace(made, status=BAD, spec=spec)

    shift, levels, gap, means = (bad(x) for x in ("shift", "levels", "gap", "marginal_means"))
    lost = example_attrition()
    lost = replace(lost, over_all={d: replace(e, status=BAD) for d, e in lost.over_all.items()})
    frame, table = example_sensitivity().assign(status=BAD), example_populations().assign(status=BAD)
    cells = cells_alone(BAD)
    folds = Folds("demo", -9.0, 1.0, bad_folds(), cells)
    return {
        "plot_shift": fig.plot_shift(shift), "plot_levels": fig.plot_levels(levels), "plot_gap": fig.plot_gap(gap),
        "plot_matrix": fig.plot_matrix(levels), "plot_waves": fig.plot_waves(replace(example_waves(), status=BAD)),
        "plot_marginal_means": fig.plot_marginal_means(means),
        "plot_margins": fig.plot_margins(means.at(where={"attribute": "regime"}), bad("marginal_means by stakes")),
        "plot_amce": fig.plot_amce(bad("amce")), "plot_moderation": fig.plot_moderation(bad("moderation")),
        "plot_attrition": fig.plot_attrition(lost), "plot_prior_posterior": fig.plot_prior_posterior(gap, gap),
        "plot_sensitivity": fig.plot_sensitivity(frame, spec=SIMULATED),
        "plot_populations": fig.plot_populations(table, spec=SIMULATED),
        "plot_pooling": fig.plot_pooling(cells, spec=SIMULATED),
        "plot_ppc": fig.plot_ppc(cells, spec=SIMULATED), "plot_left_out": fig.plot_left_out(folds, spec=SIMULATED),
    }  # fmt: skip


def bad_folds() -> pd.DataFrame:
    return pd.DataFrame({"fold": ["DE", "PL"], "rows": 4, "elpd": [-4.0, -5.0], "se": 1.0, "status": ["passed", BAD]})


def test_a_failed_gate_partial_draws_and_simulated_data_are_stamped_on_every_figure():
    stamped = all_stamped()
    assert {n for n in ac.__all__ if n.startswith("plot_")} - set(stamped) == {"plot_balance"}  # no posterior in it
    for name, figure in stamped.items():
        seen = [t for t, _ in boxes_of(figure) if t.get_fontweight() == "bold"]
        text = " ".join(t.get_text() for t in seen)
        assert "do not report" in text, name
        assert "SIMULATED DATA" in text, name
        assert "do not report" in fig.alt_text(figure), name
        if name != "plot_left_out":
            assert "PARTIAL, do not report: 812 of 1000 draws" in text, name
    assert "SIMULATED DATA" in " ".join(
        t.get_text() for t, _ in boxes_of(fig.plot_balance(example_balance(), spec=SIMULATED))
    )


def test_stamps_stay_when_the_caption_goes_and_in_axes_of_others():
    bad = replace(example_estimate("gap"), status=BAD)
    for figure in (fig.plot_gap(bad, width=ac.preset("nature").column), fig.plot_gap(bad, ax=Figure().subplots())):
        assert any("GATES FAILED, do not report: R-hat 1.2" in t.get_text() for t, _ in boxes_of(figure))


# --- what cells say by themselves ---------------------------------------------------------------
def cells_of(n: int) -> pd.DataFrame:
    return pd.concat([cells_alone()[:1].assign(country=f"C{i:03}") for i in range(n)], ignore_index=True)


def test_many_cells_stand_closer_and_more_than_a_page_holds_are_refused():
    assert fig.plot_pooling(cells_of(120)).get_figheight() < 22
    assert faults(fig.plot_pooling(cells_of(60), width="column")) == []
    with pytest.raises(SchemaError, match=r"121 rows are more than fit on a page \(120\) → draw fewer"):
        fig.plot_pooling(cells_of(121))
    assert len(fig.plot_pooling(cells_of(121), ax=Figure().subplots()).axes) == 1


def test_cells_by_ally_say_that_they_are_judged():
    by_ally = pd.concat([cells_alone()[:1].assign(ally=a) for a in ("US", "UK")], ignore_index=True)
    assert "Ally judged" in [t.get_text() for t, _ in boxes_of(fig.plot_pooling(by_ally))]
    assert "Ally judged" not in [t.get_text() for t, _ in boxes_of(fig.plot_pooling(cells_of(2)))]


# --- axes of others -----------------------------------------------------------------------------
INTO = {
    "gap": lambda ax: fig.plot_gap(example_estimate("gap"), ax=ax),
    "prior": lambda ax: fig.plot_prior_posterior(example_estimate("gap"), example_estimate("gap"), ax=ax),
    "left out": lambda ax: fig.plot_left_out(example_loo(), ax=ax),
    "balance": lambda ax: fig.plot_balance(example_balance(), ax=ax),
    "means": lambda ax: fig.plot_marginal_means(example_estimate("marginal_means by stakes"), ax=ax),
    "amce": lambda ax: fig.plot_amce(example_estimate("amce"), ax=ax),
    "moderation": lambda ax: fig.plot_moderation(example_estimate("moderation"), ax=ax),
    "levels": lambda ax: fig.plot_levels(example_estimate("levels").at(ally="US"), ax=ax),
    "populations": lambda ax: fig.plot_populations(example_populations(), ax=ax),
    "sensitivity": lambda ax: fig.plot_sensitivity(example_sensitivity().query("role == 'sender'"), ax=ax),
    "pooling": lambda ax: fig.plot_pooling(cells_alone(), ax=ax),
}
NAMED = {
    "gap": ("Poland", "Germany"), "prior": ("Poland", "Germany"), "left out": ("DE", "PL"), "balance": ("young", "DE"),
    "means": ("autocracy", "Regime", "low"), "amce": ("democracy",), "moderation": ("autocracy",),
    "levels": ("Poland", "Germany"), "populations": ("DE", "Raw"), "sensitivity": ("without PL",),
    "pooling": ("PL", "DE"),
}  # fmt: skip


@pytest.mark.parametrize("name", INTO)
def test_figures_of_one_panel_go_into_axes_of_others(name):
    figure = Figure(figsize=(9, 3), layout="constrained", dpi=200)
    left, right = figure.subplots(1, 2)
    left.set(xticks=[], yticks=[])
    assert INTO[name](right) is figure
    assert unnamed(figure, NAMED[name]) == []
    assert faults(figure) == []
    assert right.get_xlabel()
    assert not left.lines


def test_what_all_rows_share_is_small_print_in_axes_of_others():
    case = Case(6, True)
    rows = [{"country": f"{c} − {case.codes[0]}"} for c in case.codes[1:]]
    figure = Figure(figsize=(5, 3), layout="constrained")
    fig.plot_gap(estimate_of(case, rows, "percentage points"), ax=figure.subplots())
    figure.draw_without_rendering()
    first, *others = figure.axes[0].get_yticklabels()
    assert first.get_text().startswith("Minus The Feder")
    assert first.get_text().endswith("Sea, 00")
    assert (first.get_fontsize(), first.get_color()) == (6.5, QUIET)
    assert {t.get_fontsize() for t in others} == {7.0}
    assert len({t.get_text() for t in others}) == 5
    assert faults(figure) == []


def test_what_does_not_go_into_one_axes_is_refused():
    with pytest.raises(SpecError, match="a matrix has heads of its own"):
        fig.plot_levels(example_estimate("levels"), ax=Figure().subplots())
    with pytest.raises(SpecError, match="2 panels do not go into one ax"):
        fig.plot_sensitivity(example_sensitivity(), ax=Figure().subplots())


def test_names_that_differ_stay_different_when_they_are_cut():
    names = [f"The Federated Commonwealth of the Isles, {x}" for x in ("north", "south", "east")]
    cut = shorten_apart([*names, "Peru"], 1.0)
    assert len(set(cut)) == 4
    assert cut[3] == "Peru"
    assert all(width_of(c) <= 1.0 and c.endswith(n[-4:]) for c, n in zip(cut[:3], names, strict=True))
    pairs = shorten_apart([f"{n} − {names[0]}" for n in names], 1.5)
    assert len(set(pairs)) == 3
    assert all(p.partition(" − ")[2].endswith("north") for p in pairs)
    lines = wrapped_apart(names, 1.0, 2)
    assert len(set(lines)) == 3
    assert {len(x) for x in lines} == {2}
    assert all(width_of(line) <= 1.0 for x in lines for line in x)


# --- scripts from right to left -----------------------------------------------------------------
def ink(text: str) -> np.ndarray:
    figure = Figure(figsize=(3, 0.4), dpi=200)
    canvas = FigureCanvasAgg(figure)
    figure.text(0.02, 0.3, text, fontsize=7)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., 0] < 200


def test_a_label_that_begins_in_hebrew_keeps_its_order():
    name = "שלום עליכם"
    whole, first = ink(in_order(f"{name} → US")), ink(name)
    span = np.flatnonzero(first.any(axis=0)).max() + 1
    np.testing.assert_array_equal(whole[:, :span], first[:, :span])  # the name stands on the left, as it is alone
    assert not (ink(f"{name} → US")[:, :span] == first[:, :span]).all()  # as it would not without isolation
    pair = in_order("ישראל: לבנון")
    assert pair.count("\u2068") == 2
    assert width_of(in_order(name)) == pytest.approx(width_of(name), rel=0.02)


def test_figures_isolate_names_from_right_to_left():
    made = example_estimate("levels")
    spec = replace(made.spec, names=(("DE", "ישראל"), ("PL", "مصر"), ("US", "United States"), ("UK", "لبنان")))
    made = replace(made, spec=spec)
    for figure in (fig.plot_matrix(made), fig.plot_gap(replace(example_estimate("gap"), spec=spec))):
        seen = [t.get_text() for t, _ in boxes_of(figure)]
        assert in_order("ישראל") in seen
    assert set(matrix_data(made)["label"].str.contains("\u2068")) == {False}  # numbers and names stay clean in frames


# --- files --------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_figure_is_saved_for_print_for_screens_as_numbers_and_in_words(tmp_path):
    gap = example_estimate("gap")
    paths = [fig.save_figure(fig.plot_gap(gap), tmp_path / n, fig.gap_data(gap), dpi=100) for n in ("one", "two")]
    for one, two in zip(*paths, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.suffix
    by_kind = {p.suffix: p for p in paths[0]}
    assert set(by_kind) == {".pdf", ".png", ".csv", ".svg", ".txt"}
    words = by_kind[".txt"].read_text("utf-8")
    assert fig.caption(fig.plot_gap(gap)) in words
    assert fig.alt_text(fig.plot_gap(gap)) in words
    assert "Levels of public and elite" in by_kind[".svg"].read_text("utf-8")
    only = fig.save_figure(fig.plot_gap(gap), tmp_path / "three", fig.gap_data(gap), kinds=("csv", "txt"))
    assert [p.suffix for p in only] == [".csv", ".txt"]
    with pytest.raises(SpecError, match="no kind of file 'gif'"):
        fig.save_figure(fig.plot_gap(gap), tmp_path / "four", fig.gap_data(gap), kinds=("gif",))


def test_captions_say_whom_was_asked_and_what_is_pooled(fitted):
    effect = ac.shift(fitted)
    plain, told = ac.caption(effect), ac.caption(effect, fit=fitted)
    assert told.startswith(plain)
    assert f"{int(fitted.cells.counts.sum()):,} answers in {len(fitted.cells.counts)} cells" in told
    assert "Partially pooled: country (6); ally (6); country (6) × ally (6)" in told
    assert "95% equal-tailed" in plain
    with pytest.raises(SpecError, match="does not know what it shows"):
        ac.caption(Figure())


@pytest.fixture(scope="module")
def fitted() -> ac.Fit:
    from alliancecred.fitting import prepare
    from alliancecred.prior_only import prior_fit

    _, cells, design = prepare("retrenchment_simulated", ac.simulate("retrenchment_simulated").survey)
    return prior_fit(design, cells, draws=400)


# --- prior and posterior ------------------------------------------------------------------------
def test_before_data_is_the_prior_and_scales_are_points_at_half(fitted):
    prior = ac.before_data(fitted, draws=4000, random_seed=3)
    table = ac.summary(ac.scales(prior)).set_index("estimand")
    sd = prior.posterior["sd_level_country"].values.ravel()
    assert table.loc["level by country", "mean"] == pytest.approx((100 / (1 + np.exp(-sd)) - 50).mean())
    declared = next(b.scale.sd for b in fitted.design.pooled if b.sd_name == "sd_level_country")
    assert sd.mean() == pytest.approx(declared * np.sqrt(2 / np.pi), rel=0.05)
    assert not prior.posterior["sd_level_country"].equals(fitted.posterior["sd_level_country"])


def test_prior_and_posterior_must_be_the_same_question():
    shift, gap = example_estimate(), example_estimate("gap")
    with pytest.raises(SpecError, match="ask both the same"):
        fig.plot_prior_posterior(shift, gap)
    with pytest.raises(SpecError, match="ask both the same"):
        fig.plot_prior_posterior(example_estimate("levels"), gap)
    table = fig.prior_posterior_data(replace(gap, draws=gap.draws * 5), gap)
    assert table["sd_ratio"].tolist() == pytest.approx([0.2, 0.2])
    assert table["prior_mean"].tolist() == pytest.approx((5 * table["mean"]).tolist())


def test_what_comes_from_the_prior_says_so_wherever_it_is_shown(fitted, tmp_path):
    prior = ac.before_data(fitted, draws=4000, random_seed=3)
    back = ac.load(ac.save(prior, tmp_path / "prior.nc"))
    for fit in (prior, back):
        assert "DRAWN FROM THE PRIOR" in repr(fit)
        asked = pd.DataFrame({"country": ["DE"], "ally": ["US"], "wave": ["2025-01"], "population": ["public"]})
        effect, shares = ac.shift(fit), ac.predict(fit, asked)
        for estimate in (effect, shares, ac.scales(fit)):
            assert estimate.notes[0] == "drawn from the prior: no data were used"
            assert "rawn from the prior: no data were used" in ac.describe(estimate)
            assert not estimate.data
        assert "rawn from the prior" in ac.caption(effect)
        assert any("rawn from the prior" in note for note in ac.table(effect).notes)
        with pytest.raises(ac.SpecError, match="drawn from the prior: no data were used; there is nothing to report"):
            ac.methods_paragraph(fit)
    assert "rawn from the prior" not in ac.describe(ac.shift(fitted)) + repr(fitted)
