"""Panels that lose people: retention, stayers and leavers by independent formulas, δ, the figure."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import simpson
from test_respondents import TERMS, spec_of

import alliancecred as ac
from alliancecred.asking import evaluate
from alliancecred.declared import Covariate
from alliancecred.design import SD_RESPONDENT
from alliancecred.errors import SpecError
from alliancecred.estimands import shift
from alliancecred.figures import attrition_data, plot_attrition
from alliancecred.figures.example import example_attrition
from alliancecred.origins import Fielding
from alliancecred.outcome import cut_points, log_probs
from alliancecred.simulation import simulate
from alliancecred.spec import Estimand
from alliancecred.terms import Slope

PLAN = (Fielding("w1", 60), Fielding("w2", 20, again="w1", retention=0.6, selection=2.0))


def panel(answers: int = 2, seed: int = 1):
    truth = {SD_RESPONDENT: 1.4, "intercept": 0.4, "shift_act[sender]": -0.9, "shift_act[other]": 0.4}
    return simulate(spec_of(answers), fieldings=PLAN, truth=truth, random_seed=seed)


def test_retention_counts_the_answers_of_those_who_came_back():
    sim = panel(3)
    got = ac.retention(sim.survey, "w1", "w2", by=("country", "ally"))
    table = sim.survey.table
    later = set(table.query("wave == 'w2'").respondent)
    for _, row in got.iterrows():
        own = table.query("wave == 'w1'")
        own = own[(own.country == row.country) & (own.ally == row.ally)]
        if row["answer"] != "all":
            own = own[own["answer"] == sim.survey.answers.index(row["answer"])]
        assert row["answers"] == len(own)
        assert row["returned"] == sum(r in later for r in own.respondent)
        assert row["share"] == pytest.approx(100 * row["returned"] / row["answers"])
    assert len(got) >= 3 * 3 * 3
    whole = ac.retention(sim.survey, "w1", "w2", by=())
    assert whole["answer"].tolist() == [*sim.survey.answers, "all"]
    assert whole["share"].iloc[0] < whole["share"].iloc[1]  # they were selected so


def test_retention_refuses_what_it_cannot_say():
    sim = panel()
    with pytest.raises(SpecError, match="no wave 'w9'"):
        ac.retention(sim.survey, "w1", "w9")
    with pytest.raises(SpecError, match="cannot be broken down by wave"):
        ac.retention(sim.survey, "w1", "w2", by="wave")
    nameless = replace(sim.survey, table=sim.survey.table.assign(respondent=""))
    with pytest.raises(SpecError, match="knows no respondents"):
        ac.retention(nameless, "w1", "w2")


def by_hand(sim, who: str, delta: float = 0.0) -> dict[str, float]:
    """Role → shift, per cent: deviations of every stayer or leaver by Simpson's rule, then averages."""
    spec, draws = sim.truth.spec, {k: v[0] for k, v in sim.truth.draws().items()}
    sd, table, top = float(draws[SD_RESPONDENT]), sim.survey.table, np.isin(spec.answers, spec.top)
    cuts = cut_points(draws["cut_spacing"]) if len(spec.answers) > 2 else np.zeros(1)
    u = np.linspace(-8 * sd, 8 * sd, 801)

    def eta(country: str, ally: str, on: bool) -> float:
        value = draws["intercept"] + draws["level_country"][spec.countries.index(country)]
        value += draws["level_ally"][spec.allies.index(ally)]
        if on:
            role = 0 if ally == "US" else 2 if ally == country else 1
            labels = list(sim.truth.posterior["shift_act_role"].values)
            value += draws["shift_act"][labels.index(("sender", "other", "self")[role])]
            value += draws["shift_act_all_country"][spec.countries.index(country)]
        return float(value)

    out: dict[str, list[float]] = {}
    for country in spec.countries:
        own = table[table.country == country]
        first, again = (set(own[own.wave == w].respondent) for w in ("w1", "w2"))
        chosen = first & again if who == "stayers" else first - again
        densities = []
        for person in sorted(chosen):
            value = -0.5 * (u / sd) ** 2
            for _, row in own[own.respondent == person].iterrows():
                value = value + log_probs(eta(country, row.ally, row.wave == "w2") + u, cuts)[:, row["answer"]]
            density = np.exp(value - value.max())
            densities.append(density / simpson(density, x=u))
        mean = np.mean(densities, axis=0)
        by_role: dict[str, list[float]] = {}
        for ally in spec.allies:
            off, on = (np.exp(log_probs(eta(country, ally, s) + u + d, cuts))[:, top].sum(1)
                       for s, d in ((False, 0.0), (True, delta)))  # fmt: skip
            role = "sender" if ally == "US" else "self" if ally == country else "other"
            by_role.setdefault(role, []).append(100 * simpson((on - off) * mean, x=u))
        for role, values in by_role.items():
            out.setdefault(role, []).append(float(np.mean(values)))
    return {role: float(np.mean(values)) for role, values in out.items()}


@pytest.mark.parametrize("answers", [2, 4])
@pytest.mark.slow
def test_stayers_and_leavers_are_averages_over_their_own_deviations(answers):
    sim = panel(answers)
    found = ac.attrition(sim.truth, deltas=(0.0, 0.7))
    for who in ("stayers", "leavers"):
        rows = found.apart.at(estimand=who)
        want = by_hand(sim, who)
        got = dict(zip(rows.draws["role"].values.tolist(), rows.draws.values.ravel().tolist(), strict=True))
        assert got == pytest.approx(want, abs=2e-3)
    moved, leave = by_hand(sim, "leavers", 0.7), by_hand(sim, "leavers")
    stay = by_hand(sim, "stayers")
    returned = found.returned
    assert returned["people"].tolist() == [60, 60, 60]
    shares = returned["returned"] / returned["people"]
    # equal weights over countries: the share of leavers differs by country, so only bounds are exact here
    for delta, other in ((0.0, leave), (0.7, moved)):
        estimate = found.over_all[delta]
        for role, value in zip(estimate.draws["role"].values, estimate.draws.values.ravel(), strict=True):
            mixed = [s * stay[role] + (1 - s) * other[role] for s in (shares.min(), shares.max())]
            assert min(mixed) - 0.5 <= value <= max(mixed) + 0.5
    assert (found.over_all[0.7].draws > found.over_all[0.0].draws).all()
    np.testing.assert_allclose(found.over_all[0.0].draws.values, found.apart.at(estimand="over all").draws.values)


def test_over_all_mixes_by_country():
    sim = panel()
    found = ac.attrition(sim.truth, by=("country",))
    parts = {w: found.apart.at(estimand=w) for w in ("stayers", "leavers", "over all")}
    share = (found.returned["returned"] / found.returned["people"]).to_numpy()
    country = [list(found.returned["country"]).index(c) for c in parts["stayers"].draws["country"].values]
    mixed = share[country] * parts["stayers"].draws.values + (1 - share[country]) * parts["leavers"].draws.values
    np.testing.assert_allclose(parts["over all"].draws.values, mixed)


def test_leavers_who_now_believe_all_are_all_believers():
    sim = panel()
    found = ac.attrition(sim.truth, deltas=(0.0, 60.0), by=("country",), roles=("sender",))
    left = 1 - (found.returned["returned"] / found.returned["people"]).to_numpy()
    stay = found.apart.at(estimand="stayers")
    np.testing.assert_allclose(
        found.over_all[60.0].after.values.ravel(), (1 - left) * stay.after.values.ravel() + 100 * left, atol=1e-6
    )


def test_without_selection_stayers_and_leavers_are_alike():
    plan = (Fielding("w1", 3000), Fielding("w2", 100, again="w1", retention=0.5))
    sim = simulate(spec_of(2), fieldings=plan, truth={SD_RESPONDENT: 1.0}, random_seed=3)
    found = ac.attrition(sim.truth)
    stay, leave = (found.apart.at(estimand=w) for w in ("stayers", "leavers"))
    np.testing.assert_allclose(stay.before.values, leave.before.values, atol=2.5)
    np.testing.assert_allclose(stay.before.values, shift(sim.truth, by=()).before.values, atol=2.0)


def test_attrition_is_an_estimand_of_a_spec():
    sim = panel()
    estimate = evaluate(sim.truth, Estimand("attrition", roles=("sender",)))
    assert estimate.draws["estimand"].values.tolist() == ["stayers", "leavers", "over all"]
    assert estimate.identification == "before-after"
    spec = replace(spec_of(2, TERMS[:-1]), estimands=(Estimand("attrition"),))
    with pytest.raises(SpecError, match="attrition is about people: it needs a respondent term"):
        ac.fitting.prepare(spec, sim.survey)


def test_an_attrition_with_a_name_bears_it_in_every_row():
    sim = panel()
    estimate = evaluate(sim.truth, Estimand("attrition", name="panel", roles=("sender",)))
    assert estimate.draws["estimand"].values.tolist() == ["panel: stayers", "panel: leavers", "panel: over all"]
    bare = evaluate(sim.truth, Estimand("attrition", roles=("sender",)))
    np.testing.assert_array_equal(estimate.draws.values, bare.draws.values)


@pytest.mark.parametrize("by", [(), ("country",)])
@pytest.mark.parametrize("name", ["", "panel"])
def test_rows_of_an_attrition_are_told_apart_in_the_report(by, name):
    from alliancecred.report.findings import row_labels
    from alliancecred.report.pictures import title_of

    asked = Estimand("attrition", name=name, by=by)
    estimate = evaluate(panel().truth, asked)
    labels = row_labels(asked, estimate, titled=True)
    assert len(set(labels)) == len(labels) == len(estimate)
    for word in ("stayers", "leavers", "over all"):
        assert sum(word in label for label in labels) == len(estimate) // 3
        assert word in title_of(estimate)


def test_attrition_refuses_what_it_cannot_say():
    sim = panel()
    spec = replace(sim.truth.spec, covariates=(Covariate("age", ("person",), ()),))
    aged = replace(sim.truth, spec=replace(spec, terms=(*spec.terms, Slope("age"))))
    with pytest.raises(SpecError, match="averages over no covariates of people, groups or attributes yet"):
        ac.attrition(aged)
    with pytest.raises(SpecError, match="finite"):
        ac.attrition(sim.truth, deltas=(math.nan,))
    with pytest.raises(SpecError, match="finite"):
        ac.attrition(sim.truth, deltas=())
    bare = replace(sim.truth, design=replace(sim.truth.design, respondent=None))
    with pytest.raises(SpecError, match="the spec has no Respondent term"):
        ac.attrition(bare)
    fresh = (Fielding("w1", 30), Fielding("w2", 30))
    with pytest.raises(SpecError, match="nobody answered both before and after act"):
        ac.attrition(simulate(spec_of(2), fieldings=fresh, random_seed=1).truth)


def test_the_figure_draws_each_delta_and_the_stayers():
    found = example_attrition()
    table = attrition_data(found)
    assert table["panel"].tolist().count("Sender") == 4
    assert table["delta"].isna().sum() == 2
    figure = plot_attrition(found)
    axes = figure.axes[0]
    line = next(x for x in axes.lines if len(x.get_xdata()) == 3)
    want = table[(table.panel == "Sender") & table.delta.notna()]
    np.testing.assert_allclose(line.get_ydata(), want["mean"])
    np.testing.assert_allclose(line.get_xdata(), [-0.5, 0.0, 0.5])
    text = " ".join(t.get_text() for t in figure.texts)
    assert "all 2,000 people asked before the signal, if the 35% who did not" in text.replace("\n", " ")
    with pytest.raises(SpecError, match="a line needs two δ"):
        plot_attrition(replace(found, over_all={0.0: found.over_all[0.0]}))
