"""Figures of many specifications: what they show equals the frame, no text meets other text."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_figures import SIMULATED, SPEC, faults, marks, texts, words

from alliancecred.errors import SchemaError
from alliancecred.figures import alt_text, caption, plot_sensitivity, save_figure, sensitivity_data
from alliancecred.spec import Estimand
from alliancecred.specifications import CHOICE

LONG = "sd of shift us2025 by country and ally (other) × 0.5, with a name that goes on and on"


def frame_of(size: int, roles=("other", "sender"), *, crossed: bool = False, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(size):
        name = "as declared" if i == 1 else f"without term {i} of many" if i % 7 else f"{LONG} {i}"
        for role in roles:
            mean = rng.normal(-9 if role == "sender" else 2, 2)
            rows.append({
                "specification": name, "estimand": "shift", "role": role, "country": "", "mean": mean,
                "lower": mean - 3, "upper": mean + 4, "prob": 0.9, "unit": "percentage points",
                "identification": "before-after", "status": "passed", "method": "laplace",
            })  # fmt: skip
            if crossed:
                rows[-1] |= {f"{CHOICE}answers that count": ["likely", "likely + very likely"][i % 2],
                             f"{CHOICE}priors": ["as declared", "× 0.5", "× 2"][i // 2 % 3],
                             f"{CHOICE}terms": [f"without {LONG}", "all", "without a trend"][i // 6 % 3]}  # fmt: skip
    frame = pd.DataFrame(rows)
    first = ["specification", *(c for c in frame if c.startswith(CHOICE))]
    return frame[[*first, *(c for c in frame if c not in first)]]


@pytest.mark.parametrize("crossed", [False, True])
@pytest.mark.parametrize("width", ["column", "double"])
@pytest.mark.parametrize("size", [2, 6, 40])
def test_two_six_and_forty_specifications_are_legible(size, width, crossed):
    frame = frame_of(size, crossed=crossed)
    frame.loc[frame.specification == frame.specification.iloc[-1], "status"] = "failed: R-hat"
    figure = plot_sensitivity(frame, spec=SIMULATED, width=width, source="a survey " * 12)
    assert faults(figure) == []
    assert f"1 of {size} fits failed a gate" in words(figure)
    assert "90% equal-tailed intervals" in words(figure)


@pytest.mark.slow
@pytest.mark.parametrize("crossed", [False, True])
@pytest.mark.parametrize("width", ["column", "double", 5.0])
@pytest.mark.parametrize(("size", "roles"), [(2, ("sender",)), (60, ("sender", "other", "self")), (100, ("sender",))])
def test_few_and_many_panels_are_legible(size, roles, width, crossed):
    assert faults(plot_sensitivity(frame_of(size, roles, crossed=crossed), spec=SPEC, width=width)) == []


def test_rows_show_the_frame_in_the_order_asked_for():
    frame = frame_of(6)
    for order in ("given", "estimate"):
        figure = plot_sensitivity(frame, order=order)
        sender = frame[frame.role == "sender"]
        if order == "estimate":
            sender = sender.sort_values("mean")
        by_panel = [[float(line.get_xdata()[0]) for line in sorted(
            (x for x in axes.lines if x.get_gid() == "mean"), key=lambda line: line.get_ydata()[0])]
            for axes in figure.axes]  # fmt: skip
        assert by_panel[0] == pytest.approx(sender["mean"].tolist())  # the sender first
        other = frame[frame.role == "other"].set_index("specification").loc[sender.specification]
        assert by_panel[1] == pytest.approx(other["mean"].tolist())
        bars = [tuple(line.get_xdata()) for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
        for bounds in sender[["lower", "upper"]].to_numpy():
            assert any(np.allclose(bar, bounds) for bar in bars)


def test_the_reference_is_a_band_over_all_rows():
    frame = frame_of(6)
    figure = plot_sensitivity(frame)
    for axes, role in zip(figure.axes, ("sender", "other"), strict=True):
        (band,) = [p for p in axes.patches if p.get_gid() == "reference"]
        own = frame[(frame.specification == "as declared") & (frame.role == role)].iloc[0]
        assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((own.lower, own.upper))
    assert "Grey band: as declared" in words(figure)
    bare = plot_sensitivity(frame, reference="another")
    assert not [p for axes in bare.axes for p in axes.patches if p.get_gid() == "reference"]
    assert "Grey band" not in words(bare)


def test_a_curve_rises_and_the_squares_below_are_its_choices():
    frame = frame_of(12, crossed=True)
    figure = plot_sensitivity(frame)
    sender = frame[frame.role == "sender"].sort_values("mean").reset_index(drop=True)
    places = {float(x.get_xdata()[0]): float(x.get_ydata()[0]) for x in figure.axes[0].lines if x.get_gid() == "mean"}
    assert [places[i] for i in range(12)] == pytest.approx(sender["mean"].tolist())
    for column in (c for c in frame if c.startswith(CHOICE)):
        for value in frame[column].unique():
            gid = f"{column.removeprefix(CHOICE)}: {value}"
            (squares,) = [x for x in figure.axes[-1].lines if x.get_gid() == gid]
            assert list(squares.get_xdata()) == np.flatnonzero(sender[column] == value).tolist()
    dark = [x.get_color() for x in figure.axes[1].lines if x.get_gid() == "mean"]
    other = frame[frame.role == "other"].set_index("specification").loc[sender.specification]
    sure = ((other.lower > 0) | (other.upper < 0)) & (other.index != "as declared")
    assert dark.count("#0B2F5B") == sure.sum()
    assert dark.count("#D55E00") == 1


def test_a_specification_without_an_estimate_is_named():
    frame = frame_of(5, crossed=True)
    gone = {c: frame[c].iloc[0] for c in frame if c.startswith(CHOICE)}
    frame = pd.concat([frame, pd.DataFrame([{"specification": "no way", **gone, "status": "failed: x"}])])
    table = sensitivity_data(frame)
    last = table[table.specification == "no way"]
    assert (last["mean"].isna().all(), set(last.place), set(last.status)) == (True, {5}, {"failed: x"})
    figure = plot_sensitivity(frame)
    assert "Without an estimate: no way" in words(figure)
    assert faults(figure) == []
    rows = plot_sensitivity(frame.drop(columns=list(gone)))
    assert "n/a" in words(rows)
    assert len(marks(rows, "mean")) == 10


@pytest.mark.parametrize("crossed", [False, True])
def test_one_panel_is_titled_by_its_effect_and_the_caption_has_the_outcome(crossed):
    frame = frame_of(3, ("sender",), crossed=crossed).assign(country="DE")
    figure = plot_sensitivity(frame, spec=SPEC, width="column")
    bold = [t.get_text() for t in texts(figure) if t.get_fontweight() == "bold"]
    assert "Sender: first-order effect, Germany" in (bold[0], " ".join(bold[1::-1]))
    assert {t.get_text() for t in texts(figure)} & {"Difference (pp)", "Difference (percentage points)"}
    asked = "Outcome as declared: share that answered “likely” or “very likely”."
    assert asked in caption(plot_sensitivity(frame, spec=SPEC))
    assert "Outcome" not in caption(plot_sensitivity(frame))
    mean = replace(SPEC, estimands=(Estimand("shift", answer="mean"),))
    assert "Outcome" not in caption(plot_sensitivity(frame, spec=mean))
    assert "Outcome: mean answer." in caption(plot_sensitivity(frame.assign(unit="scale points"), spec=mean))
    two = frame_of(3, crossed=crossed).assign(country="DE")
    assert "Shown: Shift, Germany." in caption(plot_sensitivity(two, spec=SPEC))


def test_levels_of_one_row_have_no_zero():
    frame = frame_of(3, ("sender",)).assign(unit="percent", mean=60.0, lower=55.0, upper=66.0)
    table = sensitivity_data(frame)
    assert set(table.panel) == {""}
    low, _ = plot_sensitivity(frame).axes[0].get_xlim()
    assert low > 50


def test_what_cannot_be_drawn_is_refused():
    frame = frame_of(3)
    for wrong, message in (
        (frame.drop(columns="lower"), "lower: this column is missing"),
        (frame.assign(mean=np.nan), "nothing to draw"),
        (frame.assign(unit=["percent", "scale points"] * 3), "one axis has one unit"),
        (pd.concat([frame, frame]), "two rows"),
        (frame_of(130), "130 rows are more than fit"),
    ):
        with pytest.raises(SchemaError, match=message):
            plot_sensitivity(wrong)
    with pytest.raises(SchemaError, match="'given' or 'estimate'"):
        plot_sensitivity(frame, order="size")
    many = pd.concat([frame.assign(country=f"C{i}", role="").drop_duplicates("specification") for i in range(13)])
    with pytest.raises(SchemaError, match="13 panels"):
        plot_sensitivity(many)


def test_it_is_said_in_words_and_saved_with_its_numbers(tmp_path):
    frame = frame_of(4)
    said = alt_text(frame)
    sender = frame[frame.role == "sender"].sort_values("mean")
    assert f"from {sender['mean'].iloc[0]:.1f} ({sender.specification.iloc[0]})".replace("-", "−") in said
    assert f"intervals above zero 0, below {(sender.upper < 0).sum()}, of 4" in said
    paths = save_figure(plot_sensitivity(frame), tmp_path / "s", sensitivity_data(frame))
    assert pd.read_csv(paths[2])["mean"].tolist() == pytest.approx(sensitivity_data(frame)["mean"].tolist())
