"""Every term against a formula written out by hand, row by row."""

import numpy as np
import pytest

from alliancecred.cells import make_cells
from alliancecred.identify import make_design
from alliancecred.predictor import fixed_matrix, linear_predictor, pooled_matrix
from alliancecred.simulation import draw_prior
from models import FADING, LONG, MERGED, RICH, RISING, TIMED, make, make_spec, make_survey

AFTER = {"w1": 0.0, "w2": 1.0, "w3": 1.0}


def effect(draws, variable, i, levels, *place):
    return draws[variable][(i, *[levels[f].index(v) for f, v in place])]


def by_hand(design, draws, row, i):
    """η of one row in one draw for `RICH`, as in the docs."""
    c, a, w, g = row.country, row.ally, row.wave, row.population
    levels, on = design.levels, AFTER[w]
    role = "self" if c == a else "sender" if a == "US" else "other"
    roles = [design.coefficients[j].label for j in design.variables["shift_act"]]
    country, ally, wave = ("country", c), ("ally", a), ("wave", w)
    eta = draws["intercept"][i] + effect(draws, "level_country", i, levels, country)
    eta += effect(draws, "level_ally", i, levels, ally) + effect(draws, "level_country_ally", i, levels, country, ally)
    eta += effect(draws, "level_wave", i, levels, wave)
    if role == "self":
        eta += draws["fixed_self_rating"][i]
    if on:
        eta += draws["shift_act"][i, roles.index(role)]
        if role == "sender":
            eta += effect(draws, "shift_act_sender_country", i, levels, country)
        if role == "other":
            eta += effect(draws, "shift_act_other_ally", i, levels, ally)
            eta += effect(draws, "shift_act_other_country_ally", i, levels, country, ally)
    if g == "elite":
        eta += draws["gap_elite"][i] + effect(draws, "gap_elite_ally", i, levels, ally)
        if on and "gap_elite_shift_act" in draws:
            labels = [design.coefficients[j].label for j in design.variables["gap_elite_shift_act"]]
            if role in labels:
                eta += draws["gap_elite_shift_act"][i, labels.index(role)]
    return eta


def test_every_term_equals_the_formula_written_by_hand():
    design, cells = make(3, RICH)
    draws = draw_prior(design, np.random.default_rng(3), 4)
    eta = linear_predictor(design, cells.rows, draws)
    labels = cells.labels()
    expected = np.array([[by_hand(design, draws, row, i) for row in labels.itertuples()] for i in range(4)])
    np.testing.assert_allclose(eta, expected, rtol=1e-12, atol=1e-12)
    assert {"gap_elite_shift_act", "level_wave", "shift_act_other_country_ally"} <= set(draws)


def test_trends_and_fading_signals_equal_the_formula_written_by_hand():
    design, cells = make(2, TIMED, "apart", LONG, (FADING, RISING))
    size = 3
    draws = draw_prior(design, np.random.default_rng(6), size)
    middle = {w.name: w.start + (w.end - w.start) / 2 for w in LONG}
    names = [w.name for w in LONG]

    def walk(steps):
        """Waves of a walk: a step per interval, √years long, then the mean over the waves taken off."""
        value = [0.0]
        for k in range(1, len(names)):
            years = (middle[names[k]] - middle[names[k - 1]]).days / 365.25
            value.append(value[-1] + years**0.5 * steps[k - 1])
        return {w: v - sum(value) / len(value) for w, v in zip(names, value, strict=True)}

    roles = {s: [design.coefficients[j].label for j in design.variables[f"shift_{s}"]] for s in ("fading", "rising")}
    eta = linear_predictor(design, cells.rows, draws)
    seen = set()
    for r, row in enumerate(cells.labels().itertuples()):
        c, a = design.levels["country"].index(row.country), design.levels["ally"].index(row.ally)
        w, elite = row.wave, row.population == "elite"
        for i in range(size):
            one = {k: v[i] for k, v in draws.items()}
            want = one["intercept"] + one["level_country"][c] + one["level_country_ally"][c, a]
            want += one["level_wave"][names.index(w)] + elite * one["gap_elite"]
            want += walk(one["trend"])[w] + walk(one["trend_ally"][a])[w] + walk(one["trend_country"][c])[w]
            days = {s.name: (middle[w] - s.date).days for s in (FADING, RISING)}
            if days["fading"] > 0:
                role = "self" if row.country == row.ally else "sender" if row.ally == "US" else "other"
                effect = one["shift_fading"][roles["fading"].index(role)] + one["shift_fading_all_ally"][a]
                if role == "sender":
                    effect += one["shift_fading_sender_country"][c]
                if elite and role in (labels := [k.label for k in design.coefficients if "gap_elite_s" in k.variable]):
                    effect += one["gap_elite_shift_fading"][labels.index(role)]
                want += effect * 0.5 ** (days["fading"] / 7 / one["half_life_fading"])
                seen.add(role)
            if days["rising"] > 0 and row.country in ("DE", "PL"):
                role = "self" if row.country == row.ally else "sender" if row.ally == "DE" else "other"
                want += one["shift_rising"][roles["rising"].index(role)] * min(days["rising"] / 7 / 26, 1)
            assert eta[i, r] == pytest.approx(want, rel=1e-10, abs=1e-10)
    assert seen == {"sender", "other", "self"}
    assert "gap_elite_shift_fading" in draws


def test_merged_self_ratings_equal_the_formula_written_by_hand():
    design, cells = make(2, MERGED, "merged")
    draws = draw_prior(design, np.random.default_rng(4), 3)
    roles = [design.coefficients[j].label for j in design.variables["shift_act"]]
    eta = linear_predictor(design, cells.rows, draws)
    for r, row in enumerate(cells.labels().itertuples()):
        on, us = AFTER[row.wave], row.ally == "US"
        c, a = design.levels["country"].index(row.country), design.levels["ally"].index(row.ally)
        for i in range(3):
            want = (
                draws["intercept"][i] + us * draws["fixed_us"][i] + (row.population == "elite") * draws["gap_elite"][i]
            )
            want += draws["level_country"][i, c] + draws["level_ally"][i, a] + draws["level_country_ally"][i, c, a]
            want += on * draws["shift_act"][i, roles.index("sender" if us else "other")]
            want += on * (draws["shift_act_all_country"][i, c] + draws["shift_act_all_ally"][i, a])
            want += on * draws["shift_act_all_country_ally"][i, c, a]
            assert eta[i, r] == pytest.approx(want, rel=1e-12, abs=1e-12)


def test_blocks_as_matrices_give_the_same_predictor():
    design, cells = make(3, RICH)
    draws = draw_prior(design, np.random.default_rng(5), 2)
    beta = np.array(
        [
            [
                draws[c.variable][i, design.variables[c.variable].index(j)] if c.label else draws[c.variable][i]
                for j, c in enumerate(design.coefficients)
            ]
            for i in range(2)
        ]
    )
    eta = beta @ fixed_matrix(design, cells.rows).T
    for block in design.pooled:
        eta = eta + (pooled_matrix(design, block, cells.rows) @ draws[block.variable].reshape(2, -1).T).T
    np.testing.assert_allclose(eta, linear_predictor(design, cells.rows, draws), rtol=1e-12, atol=1e-12)


@pytest.mark.bad(49)
def test_renamed_labels_and_swapped_order_change_nothing():
    spec = make_spec(3, RICH)
    survey = make_survey(spec)
    design, cells = make(3, RICH)
    from dataclasses import replace

    turned = replace(spec, countries=spec.countries[::-1])
    other = make_cells(turned, [replace(survey, table=survey.table.sample(frac=1, random_state=1))])
    design2 = make_design(turned, other)
    draws = draw_prior(design, np.random.default_rng(6), 3)
    flipped = dict(draws)
    for block in design.pooled:
        if "country" in block.by:
            flipped[block.variable] = np.flip(draws[block.variable], axis=1 + block.by.index("country"))
    one = dict(zip(map(tuple, cells.labels().to_numpy()), linear_predictor(design, cells.rows, draws).T, strict=True))
    two = dict(
        zip(map(tuple, other.labels().to_numpy()), linear_predictor(design2, other.rows, flipped).T, strict=True)
    )
    assert one.keys() == two.keys()
    for key in one:
        np.testing.assert_allclose(one[key], two[key], rtol=1e-12)
