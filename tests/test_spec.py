"""A spec survives TOML unchanged, its digest notices everything, and nothing inconsistent gets through."""

import datetime as dt
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from alliancecred.codec import decode
from alliancecred.declared import Attribute, Covariate, Group, Restriction
from alliancecred.errors import SpecError
from alliancecred.events import Decay, Ramp, Signal, Step, Wave
from alliancecred.gaussian import Gaussian
from alliancecred.origins import Exclusion, Fielding, MeanFile, PopulationFile, Simulation, SurveyFile, ToplineFile
from alliancecred.priors import LKJ, Flat, HalfNormal, LogNormal, Normal
from alliancecred.ratings import Rating
from alliancecred.sliders import Slider
from alliancecred.sources import DataReport
from alliancecred.spec import Estimand, Spec, Variant
from alliancecred.spec_check import check_spec
from alliancecred.spec_file import as_spec, models_dir, read_spec, shipped_models, spec_from_table, spec_to_toml
from alliancecred.terms import Cuts, Drift, Effect, Fixed, Gap, Level, Respondent, Shift, Slope, Trend

D = dt.date

# Every term, every prior, every field away from its default.
FULL = Spec(
    "full", ("no", "rather no", "rather yes", "yes"), ("rather yes", "yes"),
    (
        Level(("country",), HalfNormal(0.7)),
        Level(("ally", "target"), HalfNormal(0.3)),
        Level(("wave",)),
        Trend(scale=HalfNormal(0.4)),
        Trend(("ally",)),
        Slope("spending", prior=Normal(0.2, 0.7)),
        Slope("spending", "aid", ("other",), Flat()),
        Shift("aid", prior=Normal(0.1, 1.1)),
        Shift("troops", roles=("sender",), prior=Flat()),
        Shift("aid", by=("country",), roles=("sender", "self"), scale=HalfNormal(0.4), together=True),
        Shift("aid", by=("ally", "target"), roles=("other",), correlated=True, correlation=LKJ(2.5)),
        Gap("elite", prior=Flat()),
        Gap("elite", by=("ally",), scale=HalfNormal(0.2)),
        Gap("elite", signal="aid", roles=("sender", "other"), prior=Normal(-0.1, 0.9)),
        Fixed("neighbour", (("country", ("PL", "DE")), ("self", ("no",))), Normal(0.2, 0.8)),
        Cuts(spacing=Normal(0.3, 0.6)), Respondent(HalfNormal(0.9)),
    ),
    waves=(
        Wave("w10", D(2024, 10, 1), D(2024, 10, 9)),
        Wave("w2", D(2025, 4, 1), D(2025, 4, 9)),
        Wave("w3", D(2025, 9, 1), D(2025, 9, 9)),
    ),
    signals=(
        Signal("aid", "US", D(2025, 3, 3), "aid", "reassurance", ("PL", "DE")),
        Signal("troops", "UK", D(2025, 2, 1), "troop posture", form=Decay(LogNormal(12.0, 0.5))),
        Signal("budget", "US", D(2025, 2, 7), "defence spending", form=Ramp(8.0)),
    ),
    covariates=(Covariate("spending", ("ally", "wave"), (("US | w2", 3.4), ("UK | w2", 2.3)), 2.0, 0.5, "a source"),),
    countries=("PL", "DE", "US"), allies=("US", "UK", "PL"), targets=("Latvia", "Taiwan"),
    populations=("public", "elite", "experts"), intercept=Normal(0.25, 1.25),
    estimands=(
        Estimand("levels", "by wave", by=("wave",), answer="mean", waves=("w2",)),
        Estimand("change", waves=("w10", "w2"), countries=("PL",), answer="yes", smallest=2.5),
        Estimand("shift", "first order", ("country",), "aid", ("sender",), True, weeks=26.0),
        Estimand("gap", signal="aid"),
        Estimand("comparison", covariate="spending", low=2.0, high=3.0),
    ),
    sources=(
        ToplineFile("figures.csv", 0.002, (Exclusion((("country", ("PL",)),), "a reason"),)),
        SurveyFile("waves.sav", (("country", "cntry"), ("answer", "q1")), (("ally", "US"),), ("Don't know",),
                   (("age", "q2"),), ("Unsure",)),
        Simulation(7, (Fielding("w2", 100, "elite", ("PL",)), Fielding("w10", 900)), (("intercept", 0.5),)),
    ),
    variants=(Variant("beta-binomial", 0.003, "because"),),
    names=(("PL", "Poland"), ("elite", "MPs")), title="A title", question="Would they come?", references=("One", "Two"),
)  # fmt: skip
MERGED = replace(FULL, self_ratings="merged", terms=FULL.terms[:5])

GOOD = Spec(
    "good", ("no", "yes"), ("yes",),
    (Level(("country",)), Level(("ally",)), Shift("aid"), Shift("aid", ("ally",), ("other",), correlated=True), Gap()),
    waves=(Wave("one", D(2025, 1, 1), D(2025, 1, 9)), Wave("two", D(2025, 4, 1), D(2025, 4, 9))),
    signals=(Signal("aid", "US", D(2025, 3, 3), "aid"),), countries=("PL", "DE", "US"), allies=("US", "UK", "PL"),
)  # fmt: skip
TABLE = tomllib.loads(spec_to_toml(GOOD))


def read(text: str) -> Spec:
    return spec_from_table(tomllib.loads(text))


def problems(spec: Spec) -> str:
    with pytest.raises(SpecError) as caught:
        check_spec(spec)
    return str(caught.value)


def variations(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that differs from ``value`` in one place, with the class and field it differs in."""
    if is_dataclass(value):
        for field in fields(value):
            below = f"{path}/{type(value).__name__}.{field.name}"
            for at, v in variations(getattr(value, field.name), below):
                yield at, replace(value, **{field.name: v})
    elif isinstance(value, tuple) and value and isinstance(value[0], tuple):  # a table
        yield path, value[:-1]
        for i, (key, item) in enumerate(value):
            yield f"{path}/key", (*value[:i], (key + "x", item), *value[i + 1 :])
            for at, v in variations(item, f"{path}/item"):
                yield at, (*value[:i], (key, v), *value[i + 1 :])
    elif isinstance(value, tuple):
        if value:
            yield f"{path}/shorter", value[:-1]
        if len(set(value)) > 1:
            yield f"{path}/reversed", value[::-1]
        for i, item in enumerate(value):
            for at, v in variations(item, path):
                yield at, (*value[:i], v, *value[i + 1 :])
    elif isinstance(value, bool):
        yield path, not value
    elif isinstance(value, int | float):
        yield path, value + 1
    elif isinstance(value, dt.date):
        yield path, value + dt.timedelta(1)
    elif isinstance(value, str):
        yield path, value + "x"
    else:
        assert value is None
        yield (
            path,
            1.5
            if path.endswith("weeks")
            else Slider()
            if path.endswith("slider")
            else Gaussian()
            if path.endswith("gaussian")
            else Rating(0.0, 1.0)
            if path.endswith("rating")
            else PopulationFile("census.csv", (("country", "c"),))
            if path.endswith("Spec.population")
            else "x",
        )


SLIDING = replace(GOOD, name="sliding", answers=FULL.answers, top=FULL.top, slider=Slider())
MEANS = MeanFile("means.csv", FULL.sources[0].exclude)
RATED = replace(GOOD, name="rated", rating=Rating(0.0, 10.0), sources=(MEANS,), terms=(*GOOD.terms, Drift(0.2)))
VARYING = replace(
    GOOD, name="varying", waves=(), signals=(),
    attributes=(
        Attribute("regime", ("autocracy", "democracy"), "autocracy"),
        Attribute("act", ("none", "arms", "troops"), "none"),
    ),
    restrictions=(Restriction((("regime", ("democracy",)), ("act", ("arms", "troops")))),),
    groups=(Group("educ", ("school", "college"), "school"), Group("region", ("north", "south"))),
    covariates=(Covariate("vote", ("region",), (("north", 0.4), ("south", 0.6))), Covariate("age", ("person",), ())),
    estimands=(
        Estimand("marginal_means", attributes=("act", "regime"), by=("educ",), profiles="uniform"),
        Estimand("moderation", attributes=("act",), moderator="regime", poststratify=True),
    ),
    sources=(
        Simulation(1, (Fielding("", 10, tasks=3),), ()),
        SurveyFile("a.csv", (("answer", "q"),), levels=(("regime", (("1", "democracy"), ("2", "autocracy"))),)),
    ),
    population=PopulationFile(
        "census.csv", (("educ", "e"),), "n", (("educ", (("1", "school"),)),), True, "the census"),
    terms=(
        Level(("educ",)), Level(("regime", "act"), HalfNormal(0.3)), Level(("region",)),
        Effect(("act",), Normal(0.0, 2.0)),
        Effect(("regime", "educ"), Flat()), Effect(("regime",), by=("region",), scale=HalfNormal(0.4)), Slope("vote"),
        Slope("age", by=("educ",), scale=HalfNormal(0.2), correlated=True, correlation=LKJ(3.0)),
    ),
)  # fmt: skip
LINEAR = replace(GOOD, name="linear", gaussian=Gaussian((0.0, 10.0), LogNormal(2.0, 0.5)))
EVERY = [*variations(FULL), *variations(VARYING), *variations(SLIDING), *variations(RATED), *variations(LINEAR)]
VARIED = list(dict.fromkeys(v for _, v in EVERY))
ONE_PER_FIELD = list({path: v for path, v in EVERY}.values())


KINDS = (
    *(Spec, Wave, Signal, Level, Shift, Gap, Fixed, Cuts, Normal, HalfNormal, LKJ, Estimand, Fielding, Simulation),
    *(
        SurveyFile,
        ToplineFile,
        Variant,
        Trend,
        LogNormal,
        Step,
        Ramp,
        Decay,
        Slope,
        Covariate,
        Exclusion,
        Respondent,
        Slider,
        Rating,
        Gaussian,
        MeanFile,
        Drift,
        Attribute,
        Group,
        Restriction,
        Effect,
        PopulationFile,
    ),
)


def test_the_variations_reach_every_field():
    reached = {part for path, _ in EVERY for part in path.split("/")}
    wanted = {f"{kind.__name__}.{field.name}" for kind in KINDS for field in fields(kind)}
    assert wanted - reached == {"Cuts.by"}  # refused unless empty or country


# --- round trips ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "spec",
    [FULL, MERGED, GOOD, SLIDING, RATED, VARYING, LINEAR],
    ids=["full", "merged", "good", "sliding", "rated", "varying", "linear"],
)
def test_round_trip_of_every_term_and_prior(spec):
    check_spec(spec)
    assert read(spec_to_toml(spec)) == spec
    assert hash(read(spec_to_toml(spec))) == hash(spec)


def test_round_trip_of_a_change_in_every_field():
    assert len(ONE_PER_FIELD) > 80
    for spec in ONE_PER_FIELD:
        table = tomllib.loads(spec_to_toml(spec))
        del table["schema"]
        assert decode(Spec, table, "", []) == spec


@pytest.mark.parametrize("text", ['"q" \\ \'', "line\nbreak\ttab", "é 中 😀 \u202e", "\x00\x1f\x7f", "# [a] = 1", ""])
def test_any_text_survives(text):
    spec = replace(GOOD, title=text, references=(text, "x"), answers=("no", "yes" + text), top=("yes" + text,))
    assert read(spec_to_toml(spec)) == spec


@pytest.mark.parametrize("number", [0.1 + 0.2, 1e-300, 1.7976931348623157e308, 1 / 3])
def test_numbers_survive_bit_for_bit(number):
    spec = replace(GOOD, intercept=Normal(number, number))
    assert read(spec_to_toml(spec)).intercept.sd == number


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_models_read_and_survive(name):
    spec = as_spec(name)
    assert spec == read_spec(models_dir() / f"{name}.toml")
    assert spec.name == name
    assert read(spec_to_toml(spec)) == spec
    assert read(spec_to_toml(spec)).digest == spec.digest


def test_there_are_shipped_models():
    assert {"microcode_2025", "retrenchment_simulated"} <= set(shipped_models())


def test_a_missing_file_and_text_that_is_not_toml(tmp_path, monkeypatch):
    with pytest.raises(SpecError, match=r"no file or shipped model 'microcode_2052'.*'microcode_2025'"):
        as_spec("microcode_2052")
    for what in (["microcode_2025"], DataReport("a survey", ())):
        with pytest.raises(SpecError, match=rf"got {type(what).__name__} → it comes first: fit\(spec, survey\)"):
            as_spec(what)
    with pytest.raises(SpecError, match=r"cannot read gone\.toml"):
        as_spec(tmp_path / "gone.toml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "panel_simulated").mkdir()  # what a run may have left
    assert read_spec("panel_simulated").name == "panel_simulated"
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(SpecError, match="no file or shipped model"):
            read_spec(name)
    bad = tmp_path / "bad.toml"
    for content in (b"name = 'x", b"\xff\xfe", b"name = 'a'\nname = 'b'"):
        bad.write_bytes(content)
        with pytest.raises(SpecError, match=r"bad\.toml is not valid TOML"):
            read_spec(bad)


# --- digest ---------------------------------------------------------------------------------------
def test_digest_changes_with_any_field():
    assert len(VARIED) > 150
    digests = [s.digest for s in (FULL, SLIDING, RATED, *VARIED)]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("prior", [Normal(0.0, 1.4), Normal(0.5, 1.5), Flat()], ids=["sd", "mean", "flat"])
def test_digest_changes_with_a_prior(prior):
    assert (
        replace(GOOD, terms=(*GOOD.terms[:2], Shift("aid", prior=prior))).digest
        != replace(GOOD, terms=(*GOOD.terms[:2], Shift("aid"))).digest
    )


def backwards(table: Any) -> Any:
    if isinstance(table, dict):
        return {k: backwards(v) for k, v in reversed(table.items())}
    return [backwards(v) for v in table] if isinstance(table, list) else table


def test_digest_does_not_depend_on_the_order_of_keys_nor_on_spelt_out_defaults():
    table = tomllib.loads(spec_to_toml(FULL))
    assert spec_from_table(backwards(table)).digest == FULL.digest
    spelt = {**TABLE, "self_ratings": "apart", "title": "", "intercept": {"mean": 0.0, "sd": 1.5}}
    assert spec_from_table(spelt).digest == GOOD.digest


def test_equal_specs_have_equal_digests_whole_numbers_written_as_integers_too():
    # Once wrong (codec.encode): Normal(0, 2) == Normal(0.0, 2.0), but "2" and "2.0" hash differently.
    one, other = replace(GOOD, intercept=Normal(1, 2)), replace(GOOD, intercept=Normal(1.0, 2.0))
    assert one == other == read(spec_to_toml(one))
    assert one.digest == other.digest == read(spec_to_toml(one)).digest


# --- structure ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"anwsers": ["a"]}, ("anwsers", "unknown key", "did you mean 'answers'")),
        ({"waves": [{"name": "a", "strat": D(2025, 1, 1), "start": D(2025, 1, 1), "end": D(2025, 1, 2)}]},
         ("waves[0].strat", "did you mean 'start'")),
        ({"terms": [{"kind": "level", "by": ["country"], "scael": {"sd": 1.0}}]}, ("terms[0].scael", "'scale'")),
        ({"terms": [{"kind": "level", "by": ["country"], "scale": {"sdd": 1.0}}]}, ("terms[0].scale.sdd", "'sd'")),
        ({"terms": [{"kind": "levle", "by": ["country"]}]}, ("terms[0].kind", "'levle'", "did you mean 'level'")),
        ({"terms": [{"by": ["country"]}]}, ("terms[0]", "kind = one of level, trend, shift, gap, slope, effect")),
        ({"terms": [{"kind": "level"}]}, ("terms[0].by", "required key is missing")),
        ({"terms": "level"}, ("terms", "expected a list", "'level'")),
        ({"top": "yes"}, ("top", "expected a list", "'yes'")),
        ({"title": 3}, ("title", "expected a str", "3")),
        ({"names": ["PL"]}, ("names", "expected a table")),
        ({"intercept": {"sd": "wide"}}, ("intercept.sd", "expected a float", "'wide'")),
        ({"intercept": {"sd": float("inf")}}, ("intercept.sd", "finite")),
        ({"intercept": {"sd": float("nan")}}, ("intercept.sd", "finite")),
        ({"intercept": {"sd": True}}, ("intercept.sd", "expected a float", "True")),
        ({"waves": [{"name": "a", "start": "01.02.2025", "end": D(2025, 1, 2)}]}, ("waves[0].start", "YYYY-MM-DD")),
        ({"waves": [{"name": "a", "start": dt.datetime(2025, 1, 1, 3), "end": D(2025, 1, 2)}]},
         ("waves[0].start", "a date")),
        ({"estimands": [{"of": "levels", "be": ["wave"]}]}, ("estimands[0].be", "'by'")),
        ({"sources": [{"kind": "survy", "path": "x"}]}, ("sources[0].kind", "'survey'")),
        ({"schema": 2}, ("schema", "reads schema 1", "got 2")),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_form_is_refused_with_its_place(change, words):
    with pytest.raises(SpecError) as caught:
        spec_from_table(TABLE | change)
    assert len(caught.value.problems) == 1
    for word in words:
        assert word in str(caught.value)


def test_faults_of_form_are_listed_together():
    table = TABLE | {
        "anwsers": 1, "top": 2, "schema": 9, "waves": [{"name": "a", "start": 1, "edn": 2}],
        "terms": [{"kind": "nonsense"}, {"kind": "nonsense"}, {"kind": "nonsense"}],
    }  # fmt: skip
    del table["answers"]
    with pytest.raises(SpecError) as caught:
        spec_from_table(table)
    places = {p.column for p in caught.value.problems}
    assert places == {"schema", "terms[0].kind", "terms[1].kind", "terms[2].kind", "anwsers", "top", "answers",
                      "waves[0].edn", "waves[0].start", "waves[0].end"}  # fmt: skip
    assert "10 problems" in str(caught.value)


def test_cuts_by_group_say_so():
    with pytest.raises(SpecError, match=r"terms\[0\]: cuts are common or vary by country"):
        spec_from_table(TABLE | {"terms": [{"kind": "cuts", "by": ["ally"]}]})


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"intercept": {"kind": "flat"}}, "intercept"),
        ({"terms": [{"kind": "level", "by": ["country"], "scale": {"kind": "normal", "sd": 1.0}}]}, "scale"),
        ({"terms": [{"kind": "cuts", "spacing": {"kind": "nonsense"}}]}, "spacing"),
    ],
    ids=["flat", "normal", "nonsense"],
)
def test_another_kind_of_prior_where_only_one_is_possible_is_refused(change, place):
    # Once wrong (codec._decode_dataclass): `kind` is dropped unread, a flat intercept silently becomes Normal(0, 1.5).
    with pytest.raises(SpecError, match=place):
        spec_from_table(TABLE | change)


def test_a_kind_that_is_no_text_is_refused():
    # Once wrong (codec._decode_union): TypeError, unhashable type.
    with pytest.raises(SpecError, match=r"terms\[0\]"):
        spec_from_table(TABLE | {"terms": [{"kind": ["level"], "by": ["country"]}]})


# --- meaning --------------------------------------------------------------------------------------
def signal(**change: Any) -> dict[str, Any]:
    return {"signals": (replace(GOOD.signals[0], **change),)}


def term(*terms: Any) -> dict[str, Any]:
    return {"terms": (*GOOD.terms, *terms)}


def late(*terms: Any) -> dict[str, Any]:
    return term(*terms) | {"waves": (*GOOD.waves, Wave("three", D(2025, 9, 1), D(2025, 9, 9)))}


def estimand(*args: Any, **change: Any) -> dict[str, Any]:
    return {"estimands": (Estimand(*args, **change),)}


SEMANTIC = {
    "name": ({"name": "Wrong name"}, ("name:", "'Wrong name'", "lower case")),
    "name starts with a digit": ({"name": "1st"}, ("'1st'",)),
    "name ends in a line break": ({"name": "good\n"}, ("lower case",)),
    "one answer": ({"answers": ("yes",)}, ("at least two answers", "got 1")),
    "answers repeat": ({"answers": ("yes", "no", "yes")}, ("answers: repeated: ['yes']",)),
    "empty answer": ({"answers": ("no", " ", "yes")}, ("answers: an empty label",)),
    "countries repeat": ({"countries": ("PL", "DE", "US", "PL")}, ("countries: repeated: ['PL']",)),
    "allies repeat": ({"allies": ("US", "US", "PL", "UK")}, ("allies: repeated: ['US']",)),
    "targets repeat": ({"targets": ("x", "x")}, ("targets: repeated",)),
    "populations repeat": ({"populations": ("public", "elite", "elite")}, ("populations: repeated",)),
    "top unknown": ({"top": ("yse",)}, ("top: ['yse'] not among the answers", "did you mean 'yes'")),
    "top empty": ({"top": ()}, ("top: must name some, not all",)),
    "top everything": ({"top": ("no", "yes")}, ("top: must name some, not all",)),
    "no population": ({"populations": ()}, ("at least the reference population",)),
    "self ratings": ({"self_ratings": "together"}, ("self_ratings: 'together'",)),
    "intercept": ({"intercept": Normal(0, 0)}, ("intercept: sd of a prior must be positive, got 0",)),
    "waves repeat": ({"waves": (*GOOD.waves, GOOD.waves[0])}, ("waves: repeated: ['one']",)),
    "wave backwards": ({"waves": (*GOOD.waves, Wave("three", D(2025, 9, 9), D(2025, 9, 1)))},
                       ("waves.three", "ends (2025-09-01) before it starts (2025-09-09)")),
    "signals repeat": ({"signals": GOOD.signals * 2}, ("signals: repeated: ['aid']",)),
    "signal name": ({"signals": (*GOOD.signals, Signal("Aid Halt", "US", D(2025, 3, 4)))},
                    ("signals.Aid Halt", "lower case")),
    "signal kind": (signal(kind="treaties"), ("unknown kind 'treaties'", "did you mean 'treaty'")),
    "signal direction": (signal(direction="retrench"), ("unknown direction 'retrench'", "'retrenchment'")),
    "sender": (signal(sender="CN"), ("signals.aid", "sender 'CN' is not a declared ally")),
    "no waves": ({"waves": ()}, ("signals.aid", "needs dated waves")),
    "inside a wave": (signal(date=D(2025, 4, 9)), ("2025-04-09 falls inside wave 'two'", "split that wave")),
    "inside on the first day": (signal(date=D(2025, 1, 1)), ("falls inside wave 'one'",)),
    "no before": (signal(date=D(2024, 12, 31)), ("no wave on one side of 2024-12-31",)),
    "no after": (signal(date=D(2025, 4, 10)), ("no wave on one side of 2025-04-10",)),
    "level without factor": (term(Level(())), ("terms[5]", "at least one factor")),
    "unknown factor": (term(Level(("contry",))), ("unknown factor 'contry'", "'country'")),
    "factor twice": (term(Level(("country", "country"))), ("repeated factor: ['country']",)),
    "shift by unknown factor": (term(Shift("aid", ("allly",))), ("unknown factor 'allly'", "'ally'")),
    "unknown role": (term(Shift("aid", ("country",), ("sendr",))), ("unknown role 'sendr'", "'sender'")),
    "unknown signal": (term(Shift("aidd")), ("unknown signal 'aidd'", "did you mean 'aid'")),
    "correlated without level": (term(Shift("aid", ("country", "ally"), ("other",), correlated=True)),
                                 ("correlated with a level that is not there",)),
    "shift prior": (term(Shift("aid", roles=("self",), prior=Normal(0, -1))), ("sd of a prior", "got -1")),
    "level scale": (term(Level(("wave",), HalfNormal(0.0))), ("terms[5]", "sd of a prior", "got 0.0")),
    "scale not a number": (term(Level(("wave",), HalfNormal(float("nan")))), ("sd of a prior", "got nan")),
    "eta": (term(Shift("aid", ("country",), correlated=True, correlation=LKJ(0.0))), ("eta of a prior", "got 0.0")),
    "spacing": (term(Cuts(spacing=Normal(0, 0))), ("sd of a prior",)),
    "gap of the reference": (term(Gap("public", by=("ally",))), ("unknown population 'public'", "'elite'")),
    "gap of nobody": (term(Gap("elites", by=("ally",))), ("unknown population 'elites'", "did you mean 'elite'")),
    "gap by population": (term(Gap(by=("population",))), ("a gap cannot vary by population",)),
    "gap roles without signal": (term(Gap(roles=("sender",))), ("`roles` of a gap need its `signal`",)),
    "gap unknown signal": (term(Gap(signal="aidd")), ("unknown signal 'aidd'",)),
    "gap unknown role": (term(Gap(signal="aid", roles=("others",))), ("unknown role 'others'",)),
    "fixed name": (term(Fixed("Big One", (("ally", ("US",)),))), ("'Big One' is not lower case",)),
    "fixed everywhere": (term(Fixed("all", ())), ("second intercept",)),
    "fixed unknown factor": (term(Fixed("x", (("aly", ("US",)),))), ("unknown factor 'aly'", "'ally'")),
    "fixed factor twice": (term(Fixed("x", (("ally", ("US",)), ("ally", ("UK",))))), ("repeated factor",)),
    "two fixed of one name": (term(Fixed("x", (("ally", ("US",)),)), Fixed("x", (("ally", ("UK",)),))),
                              ("two fixed terms named ['x']",)),
    "same term twice": (term(Gap()), ("terms[5]: the same term twice",)),
    "two levels": (term(Level(("country",), HalfNormal(0.1))), ("two levels by the same factors",)),
    "two levels, other order": (term(Level(("country", "ally")), Level(("ally", "country"))), ("two levels by the",)),
    "two trends": (late(Trend(("ally",)), Trend(("ally",), HalfNormal(1.0))), ("two trends by the same factors",)),
    "trend by wave": (late(Trend(("wave",))), ("unknown factor 'wave'", "'ally'")),
    "trend over two waves": (term(Trend()), ("terms[5]", "at least three dated waves, got 2")),
    "trend without a scale": (late(Trend(scale=HalfNormal(0.0))), ("sd of a prior must be positive",)),
    "ramp of no length": (signal(form=Ramp(0.0)), ("signals.aid.form", "weeks of a ramp must be positive, got 0.0")),
    "half-life of nothing": (signal(form=Decay(LogNormal(0.0, 0.5))), ("signals.aid.form", "positive median")),
    "half-life with a negative sd": (signal(form=Decay(LogNormal(9.0, -1.0))), ("sd from 0", "-1.0")),
    "weeks before a signal": (estimand("shift", weeks=-1.0), ("counted from 0, got -1.0",)),
    "weeks of a level": (estimand("levels", weeks=1.0), ("does not use 'weeks'",)),
    "two cuts": (term(Cuts(), Cuts(spacing=Normal(0, 2.0))), ("two cuts terms",)),
    "two correlated": (term(Shift("aid", ("ally",), ("sender",), correlated=True)), ("not supported yet",)),
    "estimand": (estimand("shfit"), ("estimands[0]", "unknown estimand 'shfit'", "did you mean 'shift'")),
    "estimand factor": (estimand("levels", by=("waves",)), ("unknown factor 'waves'",)),
    "estimand role": (estimand("shift", roles=("all",)), ("unknown role 'all'",)),
    "estimand signal": (estimand("shift", signal="halt"), ("unknown signal 'halt'",)),
    "estimand answer": (estimand("levels", answer="yess"), ("unknown answer 'yess'", "did you mean 'yes'")),
    "estimand wave": (estimand("levels", waves=("three",)), ("unknown wave 'three'",)),
    "change of one wave": (estimand("change", waves=("one",)), ("a change needs two waves",)),
    "shift without signal": (estimand("shift") | {"signals": (), "terms": GOOD.terms[:2]}, ("a declared signal",)),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), SEMANTIC.values(), ids=SEMANTIC)
def test_every_inconsistency_is_named(change, words):
    text = problems(replace(GOOD, **change))
    for word in words:
        assert word in text


def test_the_self_role_needs_self_ratings_apart():
    merged = replace(GOOD, self_ratings="merged")
    check_spec(merged)
    assert "unknown role 'self'" in problems(replace(merged, **term(Shift("aid", ("country",), ("self",)))))
    assert "unknown role 'self'" in problems(replace(merged, **estimand("shift", roles=("self",))))


def test_inconsistencies_are_listed_together():
    spec = replace(
        GOOD, name="No", top=("maybe",), **signal(sender="CN", kind="x"), **term(Level(("contry",)), Gap("nobody")),
        **estimand("change", answer="x"),
    )  # fmt: skip
    with pytest.raises(SpecError) as caught:
        check_spec(spec)
    places = [p.column for p in caught.value.problems]
    assert places == [
        "name",
        "top",
        "signals.aid",
        "signals.aid",
        "terms[5]",
        "terms[6]",
        "estimands[0]",
        "estimands[0]",
    ]


@pytest.mark.bad(53)
def test_a_file_with_an_inconsistency_is_refused_too():
    with pytest.raises(SpecError, match="falls inside wave"):
        read(spec_to_toml(replace(GOOD, **signal(date=D(2025, 4, 2)))))


@pytest.mark.parametrize("prior", [Normal(float("nan"), 1.0), Normal(0.0, float("inf"))], ids=["mean nan", "sd inf"])
def test_a_prior_that_is_not_finite_is_refused_in_python_as_in_toml(prior):
    # Once wrong (spec_check._prior_problems): only `sd > 0` is asked.
    assert "prior" in problems(replace(GOOD, intercept=prior))


def test_a_signal_that_exposes_an_undeclared_country_is_refused():
    # Once wrong (spec_check._signal_problems): a slip in `countries` silently leaves that country unexposed.
    assert "'PLL'" in problems(replace(GOOD, **signal(countries=("DE", "PLL"))))


@pytest.mark.parametrize("where", [("self", ("true",)), ("ally", ("US", "UKK"))], ids=["self", "label"])
def test_a_fixed_term_that_matches_undeclared_labels_is_refused(where):
    # Once wrong (spec_check._term_problems): `self = ["true"]` would mean "not self", "UKK" would match nothing.
    assert where[1][-1] in problems(replace(GOOD, **term(Fixed("x", (where,)))))


def test_one_correlated_shift_over_several_roles_is_refused_unless_together():
    # Once wrong (spec_check._across_terms): one block per role, all correlated with one level: what two terms may not.
    apart = Shift("aid", ("country",), ("sender", "other"), correlated=True)
    check_spec(replace(GOOD, **term(replace(apart, together=True))))
    assert "not supported yet" in problems(replace(GOOD, **term(apart)))
    assert "not supported yet" in problems(replace(GOOD, **term(replace(apart, roles=()))))


@pytest.mark.parametrize(
    "wrong",
    [
        Estimand("gap", countries=("PL",)), Estimand("gap", roles=("sender",)), Estimand("shift", waves=("one", "two")),
        Estimand("levels", roles=("sender",)), Estimand("levels", include_self=True), Estimand("levels", signal="aid"),
    ],
)  # fmt: skip
def test_an_estimand_with_an_argument_that_its_function_does_not_take_is_refused(wrong):
    # Once wrong (spec_check._estimand_problems, estimands.evaluate): such an argument is silently ignored.
    assert "estimands[0]" in problems(replace(GOOD, estimands=(wrong,)))
