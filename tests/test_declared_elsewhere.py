"""Declared factors in rooms that were built before them: pooling, checks, predictions, words, sensitivity."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

import alliancecred as ac
from alliancecred.cells import make_cells
from alliancecred.errors import PredictError, SpecError
from alliancecred.identify import make_design
from alliancecred.prediction import log_likelihood
from alliancecred.report.findings import row_labels
from alliancecred.spec_check import check_spec

pytestmark = pytest.mark.filterwarnings("ignore::alliancecred.IdentificationWarning")


def made(weights: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    n = 1500
    frame = pd.DataFrame({
        "country": rng.choice(["PL", "DE"], n), "regime": rng.choice(["autocracy", "democracy"], n),
        "cost": rng.choice(["low", "high", "higher"], n), "educ": rng.choice(["school", "college"], n),
    })  # fmt: skip
    up = 0.2 + 0.5 * (frame.educ == "school") + 0.1 * (frame.regime == "democracy")
    frame = frame.assign(answer=np.where(rng.random(n) < up, "yes", "no"))
    return frame.assign(weight=np.where(frame.educ == "school", 2.1, 0.31)) if weights else frame


def spec_of(**changes) -> ac.Spec:
    return ac.Spec(
        "elsewhere", ("no", "yes"), ("yes",),
        (ac.Effect(("regime",)), ac.Level(("cost",)), ac.Effect(("educ",)), ac.Level(("country",))),
        attributes=(
            ac.Attribute("regime", ("autocracy", "democracy"), "autocracy"),
            ac.Attribute("cost", ("low", "high", "higher"), "low"),
        ),
        groups=(ac.Group("educ", ("school", "college"), "school"),), countries=("PL", "DE"), allies=("x",), **changes,
    )  # fmt: skip


def fitted(frame: pd.DataFrame, **changes) -> ac.Fit:
    return ac.fit(spec_of(**changes), read(frame), random_seed=1, draws=250, method="laplace", progressbar=False)


def read(frame: pd.DataFrame) -> ac.Survey:
    roles = ac.Roles(country="country", answer="answer", weight="weight" if "weight" in frame else None)
    return ac.read_survey(frame, roles=roles, answers=("no", "yes"), top=("yes",), constants={"ally": "x"},
                          traits={k: k for k in ("regime", "cost", "educ")})  # fmt: skip


@pytest.fixture(scope="module")
def fit():
    return fitted(made())


def test_pooling_shows_everybody_of_a_country(fit):
    # Once wrong (side_by_side): the model's value was that of one profile and one group.
    means = ac.levels(fit, by="country")
    for row in ac.pooling(fit).to_dict("records"):
        assert row["mean"] == pytest.approx(float(means.at(country=row["country"]).draws.mean()))
        assert abs(row["mean"] - row["observed"]) < 3


def test_checks_of_weighted_people_are_not_biased():
    # Once wrong (simulation.replicate): effective sizes below one half were rounded to nobody.
    fit = fitted(made(weights=True))
    checks, levels = ac.ppc(fit), ac.levels(fit, by=("country", "educ"))
    own = checks[checks["educ"] != ""]
    assert len(own) == 4
    for row in own.to_dict("records"):
        model = float(levels.at(country=row["country"], where={"educ": row["educ"]}).draws.mean())
        assert row["mean"] == pytest.approx(model, abs=1.5)
        assert row["lower"] < row["observed_lower"] < row["upper"]


def test_checks_have_a_line_per_level_of_every_declared_factor(fit):
    checks = ac.ppc(fit)
    assert len(checks) == 2 + 2 * (2 + 3 + 2)
    frame = made()
    for row in checks[checks["cost"] != ""].to_dict("records"):
        own = frame[(frame.country == row["country"]) & (frame.cost == row["cost"])]
        assert row["people"] == len(own)
        assert row["observed_lower"] == pytest.approx(100 * (own.answer == "yes").mean())


def test_a_given_vignette_is_predicted(fit):
    asked = pd.DataFrame({"country": ["PL", "DE"], "regime": "democracy", "cost": "high", "educ": "college"})
    found = ac.predict(fit, asked)
    draws = fit.draws()
    eta = draws["intercept"] + draws["effect_regime"][:, 0] + draws["level_cost"][:, 1] + draws["effect_educ"][:, 0]
    for j in range(2):
        own = 100 / (1 + np.exp(-(eta + draws["level_country"][:, j])))
        np.testing.assert_allclose(found.draws.values[..., j].ravel(), own, rtol=1e-9)
    assert found.at(where={"educ": "college"}).keys[-3:] == ("regime", "cost", "educ")
    with pytest.raises(PredictError, match="unknown: \\['monarchy'\\]"):
        ac.predict(fit, asked.assign(regime="monarchy"))


def test_predictions_average_over_what_is_left_open(fit):
    found = ac.predict(fit, pd.DataFrame({"country": ["PL"], "regime": ["democracy"]}))
    same = ac.levels(fit, by=("country", "regime")).at(country="PL", where={"regime": "democracy"})
    np.testing.assert_allclose(found.draws.values, same.draws.values)
    assert "over the people asked" in found.averaged


def test_finite_populations_do_not_go_with_groups(fit):
    with pytest.raises(SpecError, match="does not go with attributes and groups"):
        ac.levels(fit, population_size={"public": 10**6})


def test_rows_of_effects_have_names_in_reports_and_sensitivity(fit):
    asked = ac.Estimand("amce", attributes=("cost",))
    labels = row_labels(asked, ac.evaluate(fit, asked))
    assert labels == ["High − low", "Higher − low"]
    table = ac.sensitivity({"a": spec_of()}, read(made()), estimands=[asked], progressbar=False)
    assert table["level"].tolist() == ["high − low", "higher − low"]


def test_the_number_of_comparisons_is_that_of_the_rows_there(fit):
    effects = ac.amce(fit)
    assert any(n.startswith("3 comparisons are shown") for n in effects.notes)
    two = effects.at(where={"attribute": "cost"})
    assert any(n.startswith("2 comparisons are shown") for n in two.notes)
    assert not any("comparisons" in n for n in effects.at(where={"attribute": "regime"}).notes)


def test_marginal_means_are_told_as_levels(fit):
    words = ac.describe(ac.marginal_means(fit, "cost").named("support"))
    assert "Difference" not in words


def test_restrictions_that_leave_nothing_are_refused():
    everything = ac.Restriction((("regime", ("autocracy", "democracy")), ("cost", ("low", "high", "higher"))))
    with pytest.raises(SpecError, match="leave no profile"):
        check_spec(spec_of(restrictions=(everything,)))


def test_margins_may_say_that_nobody_is_there():
    # Once wrong (raking): a row of size 0 that another margin lacks.
    countries = ac.read_population(pd.DataFrame({"country": ["PL"], "count": [10]}), keys=("country",))
    both = pd.DataFrame({"country": ["PL", "PL", "DE"], "age": ["young", "old", "old"], "count": [4, 6, 0]})
    found = ac.population_from_margins(None, [countries, ac.read_population(both, keys=("country", "age"))])
    assert found.total == pytest.approx(10)
    assert found.where(age="young").total == pytest.approx(4)


def test_adjusted_gaps_name_groups():
    frame = made()
    elite = frame.sample(300, random_state=1).assign(educ="college", population="elite")
    both = pd.concat([frame.assign(population="public"), elite], ignore_index=True)
    roles = ac.Roles(country="country", population="population", answer="answer")
    survey = ac.read_survey(both, roles=roles, answers=("no", "yes"), top=("yes",), constants={"ally": "x"},
                            traits={k: k for k in ("regime", "cost", "educ")})  # fmt: skip
    spec = spec_of()
    spec = ac.Spec(**{**{f: getattr(spec, f) for f in spec.__dataclass_fields__}, "terms": (*spec.terms, ac.Gap())})
    fit = ac.fit(spec, survey, random_seed=1, draws=250, method="laplace", progressbar=False)
    adjusted = ac.gap(fit, by="country", kind="adjusted")
    assert any("public in educ, the questions shown" in n for n in adjusted.notes)
    raw = ac.gap(fit, by="country")
    assert float(adjusted.draws.mean()) > float(raw.draws.mean()) + 10


def test_a_respondent_is_shown_several_profiles():
    frame = pd.DataFrame({
        "id": np.repeat(["a", "b"], 3), "country": "PL", "regime": ["autocracy", "democracy", "democracy"] * 2,
        "task": ["1", "2", "3"] * 2, "answer": ["no", "yes", "no", "yes", "yes", "no"],
    })  # fmt: skip

    def door(**traits: str) -> ac.Survey:
        return ac.read_survey(frame, roles=ac.Roles(country="country", answer="answer", respondent="id"),
                              answers=("no", "yes"), top=("yes",), constants={"ally": "x"}, traits=traits)  # fmt: skip

    with pytest.raises(ac.DataError, match="repeat the same respondent and country and ally and population and regime"):
        door(regime="regime")
    survey = door(regime="regime", task="task")
    spec = ac.Spec("tasks", ("no", "yes"), ("yes",), (ac.Effect(("regime",)), ac.Respondent()),
                   attributes=(ac.Attribute("regime", ("autocracy", "democracy"), "autocracy"),),
                   countries=("PL",), allies=("x",))  # fmt: skip
    cells = make_cells(spec, [survey])
    assert len(cells.counts) == 2
    assert cells.people.times.sum() == 2
    assert cells.counts.sum() == 6


def test_people_who_are_shown_several_profiles_are_simulated():
    spec = ac.Spec("tasks", ("no", "yes"), ("yes",), (ac.Effect(("regime",)), ac.Level(("party",)), ac.Respondent()),
                   attributes=(ac.Attribute("regime", ("autocracy", "democracy"), "autocracy"),),
                   groups=(ac.Group("party", ("left", "right")),), countries=("PL", "DE"), allies=("x",),
                   waves=(ac.Wave("w1", date(2024, 1, 1), date(2024, 1, 9)),), populations=("public",))  # fmt: skip
    truth = {"sd_respondent": 1.5, "effect_regime[democracy]": 1.0, "intercept": 0.0, "sd_level_party": 0.0}
    simulated = ac.simulate(spec, fieldings=(ac.Fielding("w1", 4000, tasks=6),), truth=truth, random_seed=2)
    table = simulated.survey.table
    people = table.groupby("respondent")
    assert len(people) == 8000
    assert (people.size() == 6).all()
    assert (people["party"].nunique() == 1).all()
    assert table["party"].value_counts().min() > 23_000
    # chances averaged over people, and the variance of people's sums, by the trapezoidal rule
    u = np.linspace(-8, 8, 2001)
    weight = np.exp(-0.5 * u**2) / np.exp(-0.5 * u**2).sum()
    chance = {r: expit(1.5 * u + (r == "democracy")) for r in ("autocracy", "democracy")}
    for regime, own in table.groupby("regime"):
        assert own["answer"].mean() == pytest.approx(weight @ chance[regime], abs=0.015)
    middle = 0.5 * (chance["autocracy"] + chance["democracy"])
    mean = weight @ middle
    between = 36 * (weight @ middle**2 - mean**2)
    assert people["answer"].sum().var() == pytest.approx(between + 6 * (weight @ (middle * (1 - middle))), rel=0.05)


def test_several_profiles_are_told_apart_where_data_lie():
    # Once wrong (counting.count_people): the profiles of one respondent were one question.
    duckdb = pytest.importorskip("duckdb")
    frame = pd.DataFrame({
        "id": np.repeat(["a", "b"], 3), "country": "PL", "regime": ["autocracy", "democracy", None] * 2,
        "task": ["1", "2", "3"] * 2, "answer": ["no", "yes", "no", "yes", "yes", "no"],
    })  # fmt: skip
    relation = duckdb.from_df(frame)

    def door(source: object, **traits: str) -> ac.Survey:
        return ac.read_survey(source, roles=ac.Roles(country="country", answer="answer", respondent="id"),
                              answers=("no", "yes"), top=("yes",), constants={"ally": "x"}, traits=traits)  # fmt: skip

    counted, read_here = (door(x, regime="regime", task="task").report for x in (relation, frame))
    lines = [{(x.action, x.count, x.what) for x in r.lines if "respondents" in x.what} for r in (counted, read_here)]
    assert lines[0] == lines[1] == {("noted", 4, "rows of 2 respondents with several rows")}
    twice = pd.concat([frame, frame.iloc[:1]])
    with pytest.raises(ac.DataError, match=r"2 rows repeat the same respondent and .* and regime and task"):
        door(duckdb.from_df(twice), regime="regime", task="task")


def test_one_person_may_answer_one_question_twice():
    """The chance of all answers of a person is an integral over their deviation, whatever repeats."""
    frame = pd.DataFrame({
        "id": np.repeat(["a", "b"], 4), "country": "PL", "task": list("1234") * 2,
        "regime": [("autocracy", "democracy")[k] for k in (0, 1, 1, 1, 0, 0, 1, 0)],
        "answer": ["maybe", "yes", "no", "maybe", "yes", "yes", "yes", "no"],
    })  # fmt: skip
    answers, roles = ("no", "maybe", "yes"), ac.Roles(country="country", answer="answer", respondent="id")
    survey = ac.read_survey(
        frame, roles=roles, answers=answers, top=("yes",), constants={"ally": "x"},
        traits={"regime": "regime", "task": "task"},
    )  # fmt: skip
    regime = ac.Attribute("regime", ("autocracy", "democracy"), "autocracy")
    terms = (ac.Effect(("regime",)), ac.Respondent())
    spec = ac.Spec("twice", answers, ("yes",), terms, attributes=(regime,), countries=("PL",), allies=("x",))
    cells = make_cells(spec, [survey])
    draws = {"intercept": np.array([0.3]), "effect_regime": np.array([[0.6]]), "sd_respondent": np.array([1.1]),
             "cut_spacing": np.array([[0.2]])}  # fmt: skip
    nodes = np.linspace(-9, 9, 4001)
    half, total = np.exp(0.2) / 2, 0.0
    for _, person in frame.groupby("id"):
        chance = stats.norm.pdf(nodes) * (nodes[1] - nodes[0])
        for shown, answer in zip(person.regime, person.answer, strict=True):
            eta = 0.3 + 0.6 * (shown == "democracy") + 1.1 * nodes
            below = [0 * eta, expit(-half - eta), expit(half - eta), 1 + 0 * eta]
            k = answers.index(answer)
            chance = chance * (below[k + 1] - below[k])
        total += np.log(chance.sum())
    assert log_likelihood(make_design(spec, cells), cells, draws)[0] == pytest.approx(total, abs=1e-5)


def test_only_what_predicts_the_same_is_compared():
    # Once wrong (folds.compare): cells of other groups passed for the same, and densities for chances.
    frame = made().assign(age=lambda t: np.where(np.arange(len(t)) % 2, "young", "old"))
    roles = ac.Roles(country="country", answer="answer")
    survey = ac.read_survey(frame, roles=roles, answers=("no", "yes"), top=("yes",), constants={"ally": "x"},
                            traits={"educ": "educ", "age": "age"})  # fmt: skip

    def folds(name: str, levels: tuple[str, ...], **changes: object) -> ac.Folds:
        spec = ac.Spec("m", ("no", "yes"), ("yes",), (ac.Level((name,)), ac.Level(("country",))),
                       groups=(ac.Group(name, levels),), countries=("PL", "DE"), allies=("x",), **changes)  # fmt: skip
        return ac.k_fold(spec, survey, by="country", random_seed=1, draws=250, progressbar=False)

    logit = folds("educ", ("school", "college"))
    with pytest.raises(SpecError, match="same cells"):
        ac.compare({"educ": logit, "age": folds("age", ("old", "young"))})
    with pytest.raises(SpecError, match="densities"):
        ac.compare({"logit": logit, "linear": folds("educ", ("school", "college"), gaussian=ac.Gaussian())})
    assert len(ac.compare({"a": logit, "b": logit})) == 2


def test_shares_are_not_called_people(fit):
    share = pd.DataFrame([(c, e, 50.0) for c in ("PL", "DE") for e in ("school", "college")],
                         columns=["country", "educ", "pct"])  # fmt: skip
    population = ac.read_population(share, keys=("country", "educ"), size="pct", share=True, source="a table")
    assert "a table (shares; country, educ)" in ac.levels(fit, by="country", population=population).averaged
    few = ac.read_population(share, keys=("country", "educ"), size="pct")
    assert "(200 people; country, educ)" in ac.levels(fit, by="country", population=few).averaged


def test_a_rule_is_not_about_marginal_means():
    with pytest.raises(SpecError, match="about a difference"):
        ac.Rule(ac.Estimand("marginal_means"))
