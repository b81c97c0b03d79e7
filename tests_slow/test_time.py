"""A long series: trends and a fading signal over twenty waves, in a time and with a precision that are promised."""

import datetime as dt
import time

import numpy as np
import pytest

import alliancecred as ac

START = dt.date(2016, 1, 4)
DAYS = [150 * i + (37 * i) % 60 for i in range(20)]
WAVES = tuple(
    ac.Wave(f"w{i:02d}", START + dt.timedelta(days=d), START + dt.timedelta(days=d + 9)) for i, d in enumerate(DAYS)
)


def long_spec(form):
    """Ten countries rate six allies in twenty waves; the signal comes after the tenth."""
    signal = ac.Signal("act", "A0", WAVES[9].end + dt.timedelta(days=20), form=form)
    terms = (
        ac.Level(("country",)),
        ac.Level(("ally",)),
        ac.Level(("country", "ally")),
        ac.Trend(),
        ac.Trend(("ally",)),
        ac.Trend(("country",)),
        ac.Shift("act"),
        ac.Shift("act", by=("country",), roles=("sender",)),
        ac.Shift("act", by=("ally",), roles=("other",)),
    )
    return ac.Spec(
        "long",
        ("no", "yes"),
        ("yes",),
        terms,
        waves=WAVES,
        signals=(signal,),
        countries=tuple(f"C{i}" for i in range(10)),
        allies=tuple(f"A{i}" for i in range(6)),
    )


@pytest.mark.alone
@pytest.mark.parametrize("form", [ac.Step(), ac.Decay(ac.LogNormal(40.0, 0.7))], ids=["step", "half-life"])
def test_twenty_waves_in_two_minutes(form):
    spec = long_spec(form)
    given = {"sd_trend": 0.2, "sd_trend_ally": 0.15, "sd_trend_country": 0.15, "sd_shift_act_sender_country": 0.2}
    given |= {"shift_act[sender]": -1.2, "shift_act[other]": 0.4}
    if isinstance(form, ac.Decay):
        given["half_life_act"] = 45.0
    sim = ac.simulate(spec, fieldings=[ac.Fielding(w.name, 1000) for w in WAVES], truth=given, random_seed=3)
    start = time.perf_counter()
    fit = ac.fit(spec, sim.survey, random_seed=1, progressbar=False)
    seconds = time.perf_counter() - start
    assert fit.diagnosis.passed
    assert fit.diagnosis.divergences == 0
    assert fit.diagnosis.table[["ess_bulk", "ess_tail"]].to_numpy().min() >= 400
    assert seconds < 120
    shift, true = ac.shift(fit, by=()), ac.shift(sim.truth, by=())
    for row in range(2):
        draws = shift.draws.values[..., row].ravel()
        assert abs(draws.mean() - float(true.draws.values[0, 0, row])) < 4 * draws.std()
    if isinstance(form, ac.Decay):
        half = fit.posterior["half_life_act"].values.ravel()
        prior = form.half_life.median * np.exp(form.half_life.sd * np.random.default_rng(0).standard_normal(20_000))
        assert half.std() < 0.5 * prior.std()
        assert abs(half.mean() - 45.0) < 4 * half.std()
