"""The figure of levels over time: what it draws, that it can be read, and what it refuses."""

import datetime as dt
from dataclasses import replace

import matplotlib.dates as mdates
import numpy as np
import pytest
from test_figures import LONG as LONG_NAMES
from test_figures import SPEC, array, faults, words

from alliancecred.errors import SpecError
from alliancecred.estimate import Estimate
from alliancecred.events import Signal, Wave
from alliancecred.figures import plot_waves, waves_data
from alliancecred.figures.example import example_estimate, example_waves
from alliancecred.summaries import by_row

YEARS = [f"20{y:02d}" for y in range(2, 15) if y != 3]
DATED = tuple(Wave(y, dt.date(int(y), 6, 1), dt.date(int(y), 6, 30)) for y in YEARS)
MONTHS = tuple(Wave(f"m{i}", dt.date(2025, 2 * i + 1, 3), dt.date(2025, 2 * i + 1, 9)) for i in range(5))


def trajectories(countries, waves=DATED, populations=("public",), signals=()):
    rows = [
        {"estimand": "levels", "country": c, "ally": "US", "wave": w.name, "population": g}
        for c in countries
        for w in waves
        for g in populations
    ]
    means = np.random.default_rng(4).uniform(20, 80, len(rows))
    spec = replace(SPEC, waves=waves, signals=signals)
    return Estimate(array(list(means), rows), "percent", "descriptive", "top", "", spec)


@pytest.mark.slow
@pytest.mark.parametrize("width", ["column", "double", 10])
@pytest.mark.parametrize(
    ("countries", "waves", "populations"),
    [
        (("DE", "PL"), DATED, ("public",)),
        (("DE", "PL", "US"), MONTHS, ("public", "elite")),
        (tuple(code for code, _ in LONG_NAMES[:11]), DATED, ("public",)),
        (tuple(code for code, _ in LONG_NAMES[:20]), MONTHS, ("public",)),
    ],
    ids=["two", "two populations", "eleven long", "twenty long"],
)
def test_waves_are_legible(countries, waves, populations, width):
    signals = (Signal("act", "US", waves[2].end + dt.timedelta(days=9)),)
    assert faults(plot_waves(trajectories(countries, waves, populations, signals), width=width)) == []


def test_it_draws_its_frame_at_the_dates():
    estimate = trajectories(("DE", "PL"))
    table = waves_data(estimate)
    figure = plot_waves(estimate)
    assert [a.get_ylim() for a in figure.axes] == [figure.axes[0].get_ylim()] * 2
    by_panel = {p: rows for p, rows in table.groupby("panel")}
    for axes, panel in zip(
        figure.axes, table.groupby("panel")["mean"].last().sort_values(ascending=False).index, strict=True
    ):
        rows = by_panel[panel]
        (line,) = [x for x in axes.lines if len(x.get_xdata()) == len(DATED)]
        np.testing.assert_allclose(line.get_ydata(), rows["mean"])
        np.testing.assert_allclose(line.get_xdata(), [mdates.date2num(dt.date(int(y), 6, 15)) for y in YEARS])
        outer, inner = (c.get_paths()[0].get_extents() for c in axes.collections[:2])
        assert (outer.y0, outer.y1) == pytest.approx((rows["lower"].min(), rows["upper"].max()))
        assert (inner.y0, inner.y1) == pytest.approx((rows["lower_50"].min(), rows["upper_50"].max()))
    assert f"{by_panel['Germany']['mean'].iloc[-1]:.1f}" in words(figure)


def test_intervals_are_of_their_probability():
    estimate = trajectories(("DE",))
    table, draws = waves_data(estimate, ci_prob=0.8), by_row(estimate)
    np.testing.assert_allclose(table["lower"], np.quantile(draws, 0.1, axis=1), atol=0.05)
    np.testing.assert_allclose(table["upper_50"], np.quantile(draws, 0.75, axis=1), atol=0.05)
    assert "80% equal-tailed intervals" in words(plot_waves(estimate, ci_prob=0.8))


def test_signals_within_the_time_are_marked_and_named():
    inside = Signal("aid_pause", "US", dt.date(2008, 8, 7))
    before = Signal("earlier", "US", dt.date(2001, 1, 1))
    estimate = trajectories(("DE",), signals=(inside, before))
    figure = plot_waves(estimate)
    (line,) = [x for x in figure.axes[0].lines if len(set(x.get_xdata())) == 1]
    assert line.get_xdata()[0] == mdates.date2num(dt.date(2008, 8, 7))
    assert "Dashed: aid pause (United States, 7 August 2008)" in words(figure)
    assert [t.get_text() for t in figure.axes[0].texts if t.get_va() == "top"] == ["aid pause"]
    told = plot_waves(trajectories(("DE",), signals=(replace(inside, what="aid stops"),)))
    assert "Dashed: aid pause (United States, 7 August 2008: aid stops)" in words(told)
    late = Signal("end", "US", dt.date(2014, 6, 1))
    two = plot_waves(trajectories(("DE",), signals=(late, inside)))
    assert "Dashed: 1, aid pause (United States, 7 August 2008); 2, end (United States" in words(two)
    assert [t.get_text() for t in two.axes[0].texts if t.get_va() == "top"] == ["1", "2"]
    long = plot_waves(trajectories(("DE",), signals=(replace(inside, name="a" * 150),)))
    assert [t.get_text() for t in long.axes[0].texts if t.get_va() == "top"] == ["1"]
    assert "Dashed" not in words(plot_waves(estimate, signals=()))
    with pytest.raises(SpecError, match=r"no signal 'aid_pauze' in the spec: did you mean 'aid_pause'"):
        plot_waves(estimate, signals=["aid_pauze"])


def test_a_late_signal_is_named_on_its_left():
    late = Signal("a_rather_long_name", "US", dt.date(2014, 1, 1))
    figure = plot_waves(trajectories(("DE",), signals=(late,)), width="column")
    (name,) = [t for t in figure.axes[0].texts if t.get_va() == "top"]
    assert name.get_ha() == "right"
    assert name.get_position()[0] < mdates.date2num(late.date)
    assert faults(figure) == []


def ticks(figure) -> list[tuple[float, str]]:
    axis = figure.axes[-1].xaxis
    return list(zip(axis.get_ticklocs(), [t.get_text() for t in axis.get_ticklabels()], strict=True))


def test_waves_are_named_under_the_axis_where_names_have_room():
    waves = tuple(replace(w, name=n) for w, n in zip(MONTHS[:3], ("first", "second", "2025-05"), strict=True))
    figure = plot_waves(trajectories(("DE", "PL"), waves))
    middle = [mdates.date2num(w.start) + 3 for w in waves]
    assert ticks(figure) == list(zip(middle, ["first\nJan 2025", "second\nMar 2025", "2025-05"], strict=True))
    assert "Waves:" not in words(figure)
    many = plot_waves(trajectories(("DE", "PL"), MONTHS), width="column")
    assert [w for _, w in ticks(many)] == ["m0\nJan 2025", "", "m2\nMay 2025", "", "m4\nSep 2025"]
    assert "Waves: m0 (January 2025), m1 (March 2025)" in words(many)
    long = tuple(replace(w, name=f"{w.name} {'x' * 40}") for w in MONTHS)
    dated = plot_waves(trajectories(("DE", "PL"), long), width="column")
    assert [w for _, w in ticks(dated)] == ["May ’25", "Sep ’25"]
    years = plot_waves(trajectories(("DE", "PL")), width="column")
    assert [w for _, w in ticks(years)][:2] == ["2002", "2006"]


def test_panels_of_a_country_stand_together_and_its_allies_as_declared():
    allies = ("UK", "CA", "")
    rows = [{"country": c, "ally": a, "wave": w.name} for a in allies for c in ("DE", "PL") for w in MONTHS]
    last = {("DE", "UK"): 20.0, ("DE", "CA"): 70.0, ("DE", ""): 90.0, ("PL", "UK"): 80.0, ("PL", "CA"): 60.0}
    means = [last.get((r["country"], r["ally"]), 50.0) for r in rows]
    spec = replace(SPEC, waves=MONTHS, signals=(), allies=("CA", "UK"))
    made = Estimate(array(means, rows), "percent", "descriptive", "top", "", spec)
    bold = [t.get_text() for t in plot_waves(made).texts if t.get_fontweight() == "bold"]
    own = ["Canada", "United Kingdom", "all allies"]
    assert bold == [f"{c}: {a}" for c in ("Poland", "Germany") for a in own]
    assert "Lines only join the waves" in words(plot_waves(made))


def test_a_country_asked_once_keeps_its_interval():
    whole = trajectories(("DE", "PL"))
    keep = np.array(
        [c == "DE" or w == "2014" for c, w in zip(whole.draws.country.values, whole.draws.wave.values, strict=True)]
    )
    figure = plot_waves(whole.rows(np.flatnonzero(keep)))
    table = waves_data(whole).query("panel == 'Poland' and wave == '2014'").iloc[0]
    bars = [s for a in figure.axes for c in a.collections if hasattr(c, "get_segments") for s in c.get_segments()]
    assert sorted(bars[0][:, 1]) == pytest.approx([table["lower"], table["upper"]])


def test_what_makes_no_line_is_refused():
    with pytest.raises(SpecError, match=r"is a difference: use plot_shift or plot_gap"):
        plot_waves(example_estimate("shift"))
    with pytest.raises(SpecError, match=r"2 waves: 3 dated waves make a line; use plot_levels"):
        plot_waves(trajectories(("DE",), DATED[:2]))
    estimate = trajectories(("DE",))
    with pytest.raises(SpecError, match=r"'2002' has no date"):
        plot_waves(replace(estimate, spec=replace(estimate.spec, waves=DATED[1:])))
    with pytest.raises(SpecError, match=r"5 lines in a panel"):
        plot_waves(trajectories(("DE",), DATED, ("a", "b", "c", "d", "e")))
    assert len(plot_waves(example_waves()).axes) == 2


def test_waves_of_one_day_share_their_label():
    from alliancecred.figures.waves_sheet import lay_out

    day, later = dt.date(2024, 1, 1), dt.date(2024, 9, 1)
    sheet = lay_out(7.0, 1, {"a": day, "b": day, "c": later})
    assert [w.split("\n")[0] for w in sheet.labels.values()] == ["a / b", "c"]
