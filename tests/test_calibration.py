"""The committed calibrations are of this model, and passed; their checks can fail."""

import json
from pathlib import Path

import numpy as np
import pytest
from calibrated import fingerprint

from alliancecred.uniform_ranks import DRAWS, holm, uniformity

PATHS = sorted((Path(__file__).parent / "calibration").glob("*.json"))

FURTHER = {
    "vignette": {
        "effect_response[take economic measures]",
        "effect_regime[democracy]",
        "sd_level_response_action",
        "marginal mean[take economic measures]",
        "by action[take economic measures, buys arms from a rival]",
        "AMCE[regime, democracy − not a democracy]",
        "moderation[take economic measures]",
    },
    "choices": {
        "effect_regime[democracy]",
        "sd_level_treaty",
        "sd_level_country_treaty",
        "sd_effect_regime_by_country",
        "marginal mean[mutual defence]",
        "by country[PL, democracy]",
        "AMCE[regime, democracy − autocracy]",
        "moderation[mutual defence, region − neighbour]",
    },
    "tasks": ("sd_respondent", "effect_regime[democracy]", "AMCE", "sd_level_party"),
    "slider": ("precision", "cut_location", "cut_spacing[0]", "shift[sender]", "shift of those above 50[other]"),
    "means": ("shift[sender]", "sd_level_country_ally", "fixed_self_rating"),
    "slopes": ("drift[2024 → 2025]", "slope_power", "slope_treaty", "slope_treaty_shift_us2025[other]", "of a treaty"),
    "gaussian": ("sigma", "shift[sender]", "fixed_self_rating", "sd_level_country_ally"),
    "cuts": ("sd_cut_spacing_country", "cut_spacing[0]", "cut_spacing[1]", "shift[sender]"),
}


@pytest.fixture(scope="module", params=PATHS, ids=lambda p: p.stem)
def stored(request):
    return json.loads(request.param.read_text())


def test_the_analysis_was_calibrated_by_the_sampler():
    assert "ordinal_nuts" in [p.stem for p in PATHS]


def test_stored_calibration_is_of_this_model(stored):
    np.testing.assert_allclose(fingerprint(stored["family"]), stored["fingerprint"], rtol=0, atol=2e-5)


def test_stored_ranks_are_uniform(stored):
    assert stored["simulations"] >= 200
    assert all(len(r) == stored["simulations"] for r in stored["ranks"].values())
    p = {name: uniformity(ranks) for name, ranks in stored["ranks"].items()}
    assert holm(p, 0.01) == []


def test_every_effect_scale_and_correlation_is_among_them(stored):
    names = set(stored["ranks"])
    if stored["family"] == "panel":
        assert {"sd_respondent", "shift[sender]", "stayers", "leavers", "over all", "log likelihood"} <= names
        assert sum(n.startswith("sd_") for n in names) == 3
        return
    if stored["family"] == "time":
        assert {"half_life_us2024", "sd_trend", "sd_trend_ally", "shift[sender]", "after a year[other]"} <= names
        assert sum(n.startswith("sd_") for n in names) == 5
        return
    if (more := FURTHER.get(stored["family"])) is not None:
        assert {*more, "log likelihood"} <= names
        return
    assert {"shift[sender]", "shift[other]", "shift[self]", "gap", "gap in shift[sender]", "log likelihood"} <= names
    assert sum(n.startswith("sd_") for n in names) == 8
    assert any(n.startswith("corr_") for n in names)


def test_quantities_the_data_say_little_about_are_named(stored):
    little = {n for n, ratio in stored["posterior_over_prior_sd"].items() if ratio > 0.5}
    assert little == set(stored["uninformed"])
    assert not little & {"shift[sender]", "shift[other]", "shift[self]", "gap", "intercept", "half_life_us2024"}


def test_bands_catch_a_biased_and_a_too_narrow_posterior():
    rng = np.random.default_rng(1)
    fair = rng.integers(0, DRAWS + 1, 200)
    assert uniformity(fair) > 0.01
    assert uniformity(np.minimum(fair + 15, DRAWS)) < 0.001
    assert uniformity(np.where(rng.random(200) < 0.25, rng.choice([0, DRAWS], 200), fair)) < 0.001
    assert holm({"a": 1e-6, "b": 0.4, "c": 0.004}, 0.01) == ["a", "c"]
