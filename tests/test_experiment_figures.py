"""Figures of experiments: rows in declared order, numbers as in their frames, no text meets other text."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from scipy import stats
from test_figures import HOSTILE, SIMULATED, faults, marks, texts, words

import alliancecred as ac
from alliancecred.declared import Attribute, Group
from alliancecred.errors import SchemaError, SpecError
from alliancecred.estimate import LABELS, Estimate
from alliancecred.figures import (
    amce_data,
    marginal_means_data,
    margins_data,
    moderation_data,
    plot_amce,
    plot_gap,
    plot_marginal_means,
    plot_margins,
    plot_moderation,
    plot_populations,
    populations_data,
    save_figure,
)
from alliancecred.figures.example import example_estimate, example_populations
from alliancecred.figures.forest import INKS, look
from alliancecred.figures.forest_layout import probability_words
from alliancecred.figures.text import wrapped
from alliancecred.fitting import Fit, fit_design, prepare
from alliancecred.priors import HalfNormal
from alliancecred.spec import Spec
from alliancecred.terms import Level

RESPONSE = ("nothing", "words", "sanctions", "weapons", "troops")
ACTION = ("cyber attack", "border incursion", "invasion")
PARTY = ("D", "I", "R")
COUNTRIES = ("US", "UK", "DE", "PL", "CA", "RU")
SPEC = Spec(
    "kiratli", ("no", "yes"), ("yes",), (),
    attributes=(Attribute("response", RESPONSE, "nothing"), Attribute("action", ACTION, "border incursion")),
    groups=(Group("party", PARTY),), countries=COUNTRIES, names=(("DE", "Germany"), ("action", "What happened")),
)  # fmt: skip


def estimate(rows: list[dict[str, str]], means: list[float], unit: str = "percent", spec: Spec = SPEC) -> Estimate:
    """Return draws that are symmetric around these means: ± 1 and ± 3."""
    noise = np.array([-3.0, -1.0, 1.0, 3.0]).reshape(2, 2, 1)
    keys = dict.fromkeys((*LABELS, *(k for r in rows for k in r)))
    coords = {k: ("row", np.array([r.get(k, "") for r in rows], dtype=object)) for k in keys}
    draws = xr.DataArray(noise + np.array(means), dims=("chain", "draw", "row"), coords=coords)
    return Estimate(draws, unit, "randomised", "top", "", spec)


def levels_of(spec: Spec, **by: tuple[str, ...]) -> list[dict[str, str]]:
    (factor, labels), *_ = [*by.items(), ("", ("",))]
    more = [{factor: x} if factor else {} for x in labels]
    return [{"attribute": a.name, "level": x, **m} for a in spec.attributes for x in a.levels for m in more]


def means(spec: Spec = SPEC, **by: tuple[str, ...]) -> Estimate:
    rows = levels_of(spec, **by)
    return estimate(rows, list(np.linspace(20, 70, len(rows))), spec=spec)


def effects(spec: Spec = SPEC, **by: tuple[str, ...]) -> Estimate:
    base = {a.name: a.baseline for a in spec.attributes}
    rows = [r for r in levels_of(spec, **by) if r["level"] != base[r["attribute"]]]
    rows = [{**r, "level": f"{r['level']} − {base[r['attribute']]}"} for r in rows]
    note = f"{len(rows)} comparisons are shown: of as many"
    made = estimate(rows, list(np.linspace(-10, 12, len(rows))), "percentage points", spec)
    return replace(made, notes=("averaged over the rest", "a second note", "a third note", note), smallest=2.0)


def labels(figure: Figure) -> list[str]:
    return [t.get_text() for t in texts(figure)]


# --- order and numbers --------------------------------------------------------------------------
def test_rows_stand_in_declared_order_whatever_their_values_and_their_order_in_the_estimate():
    made = means()
    mixed = made.rows(np.random.default_rng(1).permutation(len(made)))
    table = marginal_means_data(mixed)
    assert table["label"].tolist() == [*RESPONSE, *ACTION]
    assert table["heading"].tolist() == ["Response"] * 5 + ["What happened"] * 3
    assert table["mean"].tolist() == pytest.approx(list(np.linspace(20, 70, 8)))
    figure = plot_marginal_means(mixed)
    assert marks(figure, "mean") == pytest.approx(table["mean"].tolist())
    seen = [t for t in labels(figure) if t in {*RESPONSE, *ACTION, "Response", "What happened"}]
    assert seen == ["Response", *RESPONSE, "What happened", *ACTION]


def test_intervals_are_quantiles_of_the_draws_and_are_printed():
    table = marginal_means_data(means(), ci_prob=0.5)
    half = float(np.quantile([-3, -1, 1, 3], 0.75))
    assert (table["upper"] - table["mean"]).tolist() == pytest.approx([half] * 8)
    figure = plot_marginal_means(means(), ci_prob=0.5)
    assert f"20.0 [{20 - half:.1f}, {20 + half:.1f}]" in labels(figure)
    bars = [tuple(line.get_xdata()) for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    assert any(np.allclose(bar, (20 - half, 20 + half)) for bar in bars)
    assert "50% equal-tailed" in words(figure)


def test_the_grand_mean_counts_attributes_and_levels_alike():
    values = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 95.0]  # means 30 and 75
    made = estimate(levels_of(SPEC), values)
    assert marginal_means_data(made)["grand"].tolist() == [52.5] * 8
    figure = plot_marginal_means(made)
    assert [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_gid() == "grand"] == [52.5]
    assert "Thin line: grand mean" in words(figure)


def test_groups_are_marks_of_a_row_with_a_key_up_to_four_and_panels_beyond():
    figure = plot_marginal_means(means(party=PARTY))
    assert len(figure.axes) == 1
    table = marginal_means_data(means(party=PARTY))
    assert table["series"].tolist() == [*PARTY] * 8
    assert marks(figure, "mean") == pytest.approx(table["mean"].tolist())
    assert [x for x in labels(figure) if x in PARTY] == list(PARTY)
    assert labels(figure).count("Party") == 1
    assert len([line for line in figure.axes[0].lines if line.get_gid() == "grand"]) == 3
    six = plot_marginal_means(means(country=COUNTRIES[::-1]))
    assert len(six.axes) == 6
    assert [x for x in labels(six) if x in {*COUNTRIES, "Germany"}] == ["US", "UK", "Germany", "PL", "CA", "RU"]
    own = marginal_means_data(means(country=COUNTRIES[::-1]))
    assert own["panel"].unique().tolist() == ["US", "UK", "Germany", "PL", "CA", "RU"]
    assert [len([x for x in axes.lines if x.get_gid() == "mean"]) for axes in six.axes] == [8] * 6
    assert len({axes.get_xlim() for axes in six.axes}) == 1


def test_an_effects_baseline_is_a_hollow_mark_at_zero_in_its_declared_place():
    table, figure = amce_data(effects()), plot_amce(effects())
    assert table["label"].tolist() == [*RESPONSE, *ACTION]
    assert table.loc[table["baseline"], "label"].tolist() == ["nothing", "border incursion"]
    assert table.loc[table["baseline"], ["mean", "lower", "upper"]].to_numpy().tolist() == [[0.0] * 3] * 2
    assert table.loc[~table["baseline"], "mean"].tolist() == pytest.approx(list(np.linspace(-10, 12, 6)))
    hollow = [line for line in figure.axes[0].lines if line.get_gid() == "baseline"]
    assert [(line.get_xdata()[0], line.get_markerfacecolor()) for line in hollow] == [(0, "white")] * 2
    assert labels(figure).count("baseline") == 2
    assert len(marks(figure, "mean")) == 6
    assert any(np.allclose(line.get_xdata(), 0) for line in figure.axes[0].lines if len(line.get_xdata()) == 2)
    assert [(p.get_x(), p.get_width()) for p in figure.axes[0].patches] == [(-2.0, 4.0)]


def test_captions_of_effects_count_comparisons_and_say_how_groups_are_compared():
    alone, apart = words(plot_amce(effects())), words(plot_amce(effects(party=PARTY)))
    assert "6 comparisons are shown" in alone
    assert "Leeper" not in alone
    assert "18 comparisons are shown" in apart
    assert "Groups are compared by moderation" in apart
    assert "Averaged over the rest" in alone


def test_conditional_effects_have_one_baseline_for_all_groups():
    table, figure = amce_data(effects(party=PARTY)), plot_amce(effects(party=PARTY))
    assert table["baseline"].sum() == 2 * 3
    assert len(marks(figure, "baseline")) == labels(figure).count("baseline") == 2
    assert len(marks(figure, "mean")) == 6 * 3


def test_probabilities_of_direction_are_printed_if_asked_for():
    made = effects()
    assert probability_words(0.25) == "0.75"
    positive = [probability_words(p) for p in amce_data(made)["p_positive"].dropna()]
    figure = plot_amce(made, probability=True)
    seen = [x for x in labels(figure) if x in set(positive)]
    assert sorted(seen) == sorted(positive)
    assert "sign of its mean" in words(figure)
    assert "sign of its mean" not in words(plot_amce(made))


def test_moderation_is_drawn_by_pair_of_groups():
    rows = levels_of(replace(SPEC, attributes=SPEC.attributes[:1]), party=("R − D", "I − D"))
    made = estimate(rows, list(np.arange(10.0)), "percentage points")
    table = moderation_data(made)
    assert table["label"].tolist() == [x for x in RESPONSE for _ in range(2)]
    assert table["series"].tolist() == ["I − D", "R − D"] * 5
    assert table["mean"].tolist() == pytest.approx([1.0, 0, 3, 2, 5, 4, 7, 6, 9, 8])
    figure = plot_moderation(made)
    assert marks(figure, "mean") == pytest.approx(table["mean"].tolist())
    assert faults(figure) == []


def test_margins_share_rows_and_axis():
    overall = means().at(where={"attribute": "response"})
    by = levels_of(replace(SPEC, attributes=SPEC.attributes[:1]), action=ACTION[::-1])
    conditional = estimate(by, list(np.linspace(10, 80, 15)))
    table, figure = margins_data(overall, conditional), plot_margins(overall, conditional)
    assert table["panel"].unique().tolist() == ["All", "By What happened"]
    assert [len([x for x in a.lines if x.get_gid() == "mean"]) for a in figure.axes] == [5, 15]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert table.loc[table["panel"] != "All", "series"].tolist() == [*ACTION] * 5
    wide = estimate(levels_of(replace(SPEC, attributes=SPEC.attributes[1:]), response=RESPONSE), list(np.arange(15.0)))
    columns = plot_margins(means().at(where={"attribute": "action"}), wide)
    assert len(columns.axes) == 6
    assert {*RESPONSE, "All"} <= set(labels(columns))


# --- refusals -------------------------------------------------------------------------------------
def test_other_estimates_are_refused_with_the_right_figure_named():
    for plot in (plot_marginal_means, plot_amce, plot_moderation):
        other = example_estimate("levels" if plot is plot_marginal_means else "gap")
        with pytest.raises(SpecError, match="no estimate of marginal_means, amce or moderation"):
            plot(other)
    with pytest.raises(SpecError, match="plot_amce or plot_moderation"):
        plot_marginal_means(effects())
    with pytest.raises(SpecError, match="plot_marginal_means"):
        plot_amce(means())
    with pytest.raises(SpecError, match="plot_moderation"):
        plot_amce(example_estimate("moderation"))
    with pytest.raises(SpecError, match="plot_amce"):
        plot_moderation(effects())
    with pytest.raises(SpecError, match="no rows"):
        plot_marginal_means(means().rows(np.array([], dtype=int)))


def test_rows_that_differ_in_two_factors_or_share_a_place_are_refused():
    rows = [{**r, "country": c} for r in levels_of(SPEC, party=PARTY) for c in ("US", "UK")]
    with pytest.raises(SpecError, match="country and party"):
        plot_marginal_means(estimate(rows, [50.0] * len(rows)))
    twice = levels_of(SPEC) * 2
    with pytest.raises(SpecError, match="two rows for one place"):
        plot_marginal_means(estimate(twice, [50.0] * len(twice)))
    bases = [{"attribute": "response", "level": x} for x in ("words − nothing", "troops − words")]
    with pytest.raises(SpecError, match="several baselines"):
        plot_amce(estimate(bases, [1.0, 2.0], "percentage points"))


def test_margins_of_different_attributes_are_refused():
    overall = means().at(where={"attribute": "response"})
    by = estimate(levels_of(replace(SPEC, attributes=SPEC.attributes[1:]), party=PARTY), [50.0] * 9)
    with pytest.raises(SpecError, match="one attribute, the same in both"):
        plot_margins(overall, by)
    with pytest.raises(SpecError, match="one attribute, the same in both"):
        plot_margins(means(), means(party=PARTY))
    with pytest.raises(SpecError, match=r"by=factor"):
        plot_margins(overall, overall)
    conditional = means(party=PARTY).at(where={"attribute": "response"})
    with pytest.raises(SpecError, match="'mean'"):
        plot_margins(overall, replace(conditional, answer="mean", unit="points"))


# --- print ----------------------------------------------------------------------------------------
LONG = replace(
    SPEC,
    attributes=tuple(
        Attribute(f"attribute_{i}", tuple(f"The {j}th rather long description of a level of {i}" for j in range(8)),
                  f"The 0th rather long description of a level of {i}") for i in range(5)
    ),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("width", ["column", "double"])
@pytest.mark.parametrize("by", [{}, {"party": PARTY[:2]}, {"party": PARTY}, {"country": COUNTRIES}])
def test_figures_are_legible(width, by):
    for spec in (SPEC, LONG) if width == "column" else (SPEC,):
        assert faults(plot_marginal_means(means(spec, **by), width=width, source="a survey " * 9)) == []
        assert faults(plot_amce(effects(spec, **by), width=width, probability=True)) == []


def test_forty_rows_keep_their_numbers_and_the_page_grows():
    few, many = plot_marginal_means(means()), plot_marginal_means(means(LONG))
    assert faults(many) == []
    assert len(marks(many, "mean")) == 40
    assert sum("[" in x for x in labels(many)) == 40
    assert many.get_figheight() > 2 * few.get_figheight()


@pytest.mark.slow
@pytest.mark.parametrize("width", ["column", "double"])
def test_hostile_labels_do_no_harm(width, tmp_path):
    levels = tuple(dict.fromkeys(HOSTILE))
    spec = replace(SPEC, attributes=(Attribute("x", levels, levels[0]),), groups=(Group("party", levels[:3]),))
    made = means(spec, party=levels[:3])
    figure = plot_marginal_means(replace(made, status="$bad$ <b>"), width=width, source="$" + "y" * 300)
    assert faults(figure) == []
    assert not any(t.get_parse_math() for t in texts(figure) if "$" in t.get_text())
    assert faults(plot_amce(effects(spec, country=levels[:6]), width=width)) == []
    assert all(p.stat().st_size > 500 for p in save_figure(figure, tmp_path / "x", marginal_means_data(made)))


def test_failed_and_simulated_estimates_are_bannered():
    loud = replace(means(), spec=replace(SPEC, sources=SIMULATED.sources), status="failed: R-hat 1.2")
    assert "SIMULATED DATA" in words(plot_marginal_means(loud))
    assert "GATES FAILED, do not report: R-hat 1.2" in words(plot_marginal_means(loud))
    conditional = replace(means(party=PARTY), status="failed: E-BFMI 0.1").at(where={"attribute": "response"})
    both = plot_margins(means().at(where={"attribute": "response"}), conditional)
    assert "GATES FAILED, do not report: E-BFMI 0.1" in words(both)
    assert "GATES" not in words(plot_amce(effects()))


def test_draws_that_are_not_finite_are_said_to_be_missing():
    made = means()
    values = made.draws.to_numpy().copy()
    values[0, 0, 0] = np.nan
    figure = plot_marginal_means(replace(made, draws=made.draws.copy(data=values)))
    assert len(marks(figure, "mean")) == 7
    assert "n/a" in labels(figure)


def test_marks_differ_in_grey_and_in_shape():
    def grey(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return (0.299 * red + 0.587 * green + 0.114 * blue) / 255

    assert np.diff([grey(c) for c in INKS]).min() > 0.1
    names = ("a", "b", "c", "d")
    assert len({look(names, x) for x in names}) == len({look(names, x)[1] for x in names}) == 4


def test_long_labels_are_broken_then_cut():
    assert wrapped("one two", 5.0, 2) == ("one two",)
    lines = wrapped("many words " * 20, 1.0, 3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")


def test_other_figures_still_take_the_examples():
    assert len(plot_gap(example_estimate("gap")).axes) == 2
    for name in ("marginal_means", "amce", "moderation"):
        assert ac.summary(example_estimate(name))["mean"].notna().all()


# --- raw, weighted, model, poststratified -----------------------------------------------------------
SMALL = Spec(
    "shares", ("no", "yes"), ("yes",), (Level(("country",), HalfNormal(0.5)), Level(("party",), HalfNormal(0.5))),
    groups=(Group("party", ("D", "R")),), countries=("DE", "PL"), allies=("US",),
)  # fmt: skip
PEOPLE = {("DE", "D"): (6, 10), ("DE", "R"): (2, 1), ("PL", "D"): (5, 5), ("PL", "R"): (12, 0)}
POPULATION = pd.DataFrame({"party": ["D", "R"], "count": [30, 70]})


def survey(*, weighted: bool = False, allies: tuple[str, ...] = ("US",)) -> ac.Survey:
    rows = [
        {"country": c, "party": p, "answer": a, "weight": 0.5 + (i % 3) / 2, "ally": ally}
        for ally in allies
        for (c, p), counts in PEOPLE.items()
        for a, n in zip(("no", "yes"), counts, strict=True)
        for i in range(n)
    ]
    roles = ac.Roles(country="country", answer="answer", ally="ally", weight="weight" if weighted else None)
    with pytest.warns(ac.DataWarning, match="weighs more") if weighted else nullcontext():
        return ac.read_survey(
            pd.DataFrame(rows), roles=roles, answers=("no", "yes"), top=("yes",), traits={"party": "party"}
        )


def fitted(source: ac.Survey, spec: Spec = SMALL) -> Fit:
    _, cells, design = prepare(spec, source)
    return fit_design(design, cells, random_seed=1, draws=250, method="laplace")


@pytest.fixture(scope="module")
def fit() -> Fit:
    return fitted(survey())


@pytest.fixture(scope="module")
def people() -> ac.Population:
    return ac.read_population(POPULATION, keys=("party",))


def test_four_shares_by_country(fit, people):
    table = ac.populations_side_by_side(fit, people, weighted=survey(weighted=True), ci_prob=0.9)
    assert table["country"].tolist() == ["DE", "PL"]
    for i, (yes, n) in enumerate(((11, 19), (5, 22))):
        row = table.iloc[i]
        assert row["people"] == n
        assert row["raw"] == pytest.approx(100 * yes / n)
        want = 100 * stats.beta(yes + 0.5, n - yes + 0.5).ppf([0.05, 0.95])
        assert [row["raw_lower"], row["raw_upper"]] == pytest.approx(want.tolist())
        own = survey(weighted=True).table.query("country == @row.country")
        weight = own["weight"].to_numpy()
        size, share = weight.sum() ** 2 / (weight**2).sum(), weight[own["answer"] == 1].sum() / weight.sum()
        assert (row["weighted"], row["effective"]) == pytest.approx((100 * share, size))
        want = 100 * stats.beta(share * size + 0.5, (1 - share) * size + 0.5).ppf([0.05, 0.95])
        assert [row["weighted_lower"], row["weighted_upper"]] == pytest.approx(want.tolist())
    for name, over in (("model", None), ("poststratified", people)):
        found = ac.summary(ac.levels(fit, by="country", population=over), ci_prob=0.9)
        np.testing.assert_allclose(table[[name, f"{name}_lower", f"{name}_upper"]], found[["mean", "lower", "upper"]])
    assert table["status"].tolist() == [fit.diagnosis.status] * 2


def test_small_rows_keep_what_they_answered_for_themselves(fit, people):
    table = ac.populations_side_by_side(fit, people, by=("country", "party"), weighted=survey(weighted=True))
    small = table.query("country == 'DE' and party == 'R'").iloc[0]
    hidden = [c for c in table if c.startswith(("raw", "weighted", "people", "effective"))]
    assert small[hidden].isna().all()
    assert np.isfinite(small[["model", "poststratified"]].astype(float)).all()
    assert table["raw"].notna().sum() == 3
    assert table["raw_lower"].iloc[3] == 0.0  # nobody of twelve
    shown = populations_data(table)
    assert shown.query("heading == 'DE' and label == 'R'")["series"].tolist() == ["Model", "Poststratified"]
    assert "1 row is too small" in words(plot_populations(table))
    assert ac.populations_side_by_side(fit, by=("country", "party"), least=0)["people"].tolist() == [16, 3, 10, 12]


def test_weights_of_the_fit_are_used_where_no_survey_is_given(fit):
    assert ac.populations_side_by_side(fit)["weighted"].isna().all()
    own = fitted(survey(weighted=True))
    given, kept = (ac.populations_side_by_side(own, weighted=w) for w in (survey(weighted=True), None))
    columns = ["people", "raw", "weighted", "weighted_lower", "effective"]
    np.testing.assert_allclose(given[columns], kept[columns])  # countries are what weights are scaled within
    assert given["people"].tolist() == [19, 22]


def test_shares_of_different_questions_are_not_added_up(fit):
    with pytest.raises(SpecError, match="country: break down by that too"):
        ac.populations_side_by_side(fit, by="party")
    two = fitted(survey(allies=("US", "UK")), replace(SMALL, allies=("US", "UK")))
    with pytest.raises(SpecError, match="ally"):
        ac.populations_side_by_side(two)
    assert len(ac.populations_side_by_side(two, by=("country", "ally"))) == 4


def test_a_survey_without_weights_or_with_other_answers_is_refused(fit):
    with pytest.raises(SpecError, match="no weights"):
        ac.populations_side_by_side(fit, weighted=survey())
    other = replace(survey(weighted=True), top=("no",))
    with pytest.raises(SpecError, match="answers"):
        ac.populations_side_by_side(fit, weighted=other)
    lacks = survey(weighted=True)
    with pytest.raises(SpecError, match="no 'party'"):
        ac.populations_side_by_side(
            fit, by=("country", "party"), weighted=replace(lacks, table=lacks.table.drop(columns="party"))
        )
    with pytest.raises(SpecError, match="least"):
        ac.populations_side_by_side(fit, least=-1)
    with pytest.raises(SpecError, match="cannot break down"):
        ac.populations_side_by_side(fit, by="age")


def test_populations_are_drawn_as_their_table_says():
    table = example_populations()
    shown, figure = populations_data(table), plot_populations(table, spec=replace(SMALL, names=(("DE", "Germany"),)))
    assert shown["series"].tolist() == ["Raw", "Weighted", "Model", "Poststratified"] * 2
    assert shown["mean"].tolist() == [50, 47, 49, 46, 62, 60, 61, 58]
    assert marks(figure, "mean") == pytest.approx(shown["mean"].tolist())
    assert {"Germany", "PL", "n = 1,012", "Raw", "Poststratified"} <= set(labels(figure))
    assert "Answered “yes” (%)" in labels(figure)
    without = table.assign(weighted=np.nan)
    assert len(marks(plot_populations(without), "mean")) == 6
    assert "effective size" not in words(plot_populations(without))
    assert "GATES FAILED" in words(plot_populations(table.assign(status="failed: R-hat 1.1")))
    for width in ("column", "double"):
        assert faults(plot_populations(table, width=width)) == []


def test_a_table_that_is_none_is_refused():
    with pytest.raises(SchemaError) as missing:
        populations_data(example_populations().drop(columns=["raw", "model_upper"]))
    assert {p.column for p in missing.value.problems} == {"raw", "model_upper"}
    with pytest.raises(SchemaError, match="no rows"):
        plot_populations(example_populations()[:0])
