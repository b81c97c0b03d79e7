"""Published numbers of experiments and of a poststratified fit; a million kinds of people in time and memory."""

import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from published import published

import alliancecred as ac
from alliancecred.opening import open_sources
from alliancecred.priors import Flat, HalfNormal, Normal
from alliancecred.spec_file import models_dir

DATA = Path(__file__).parents[2] / "shared" / "data"
pytestmark = [
    pytest.mark.filterwarnings("ignore::alliancecred.IdentificationWarning"),
    pytest.mark.filterwarnings("ignore::alliancecred.DataWarning"),
]


def folder(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"the data set {name} is not there ({DATA})")
    return DATA / name


def unpooled_and_linear(spec: ac.Spec) -> ac.Spec:
    """The same experiment as a linear probability model without pooling and with flat priors."""
    terms = tuple(ac.Effect((a.name,), Flat()) for a in spec.attributes)
    return replace(spec, terms=terms, gaussian=ac.Gaussian(), intercept=Normal(0.0, 100.0))


def fitted(spec: ac.Spec, path: Path, **options) -> ac.Fit:
    fit = ac.fit(spec, *open_sources(spec, path).sources, random_seed=1, progressbar=False, **options)
    assert fit.diagnosis.passed
    return fit


def mean_at(estimate: ac.Estimate, **where: str) -> float:
    return float(estimate.at(where=where).draws.mean())


# --- conjoint experiments ---------------------------------------------------------------------------
def test_an_unpooled_effect_of_taxes_is_the_published_one():
    spec = unpooled_and_linear(ac.read_spec(models_dir() / "conjoint_taxes.toml"))
    effects = ac.amce(fitted(spec, folder("cregg_conjoint")), "taxrate1")
    for level, value in published("conjoint_taxes").items():
        assert mean_at(effects, level=level) == value


def test_unpooled_marginal_means_of_immigrants_are_the_published_ones():
    spec = unpooled_and_linear(ac.read_spec(models_dir() / "conjoint_immigration.toml"))
    means = ac.marginal_means(fitted(spec, folder("cregg_conjoint")))
    for level, value in published("conjoint_immigration").items():
        assert mean_at(means, level=level) == value


def test_pooled_effects_are_smaller_and_agree_where_the_data_are_clear():
    path = folder("cregg_conjoint")
    spec = ac.read_spec(models_dir() / "conjoint_immigration.toml")
    pooled_and_linear = replace(spec, gaussian=ac.Gaussian(), intercept=Normal(0.0, 100.0))
    raw, pooled = (ac.amce(fitted(s, path)) for s in (unpooled_and_linear(spec), pooled_and_linear))
    a, b = (e.draws.mean(("chain", "draw")).values for e in (raw, pooled))
    clear = np.abs(a) > 3 * raw.draws.std(("chain", "draw")).values
    assert clear.sum() > 10
    assert (np.sign(a) == np.sign(b))[clear].all()
    assert np.abs(b).sum() < np.abs(a).sum()


def test_choices_of_immigrants_have_the_raw_marginal_means_in_narrower_intervals():
    path = folder("cregg_conjoint")
    choices, rows = (
        fitted(ac.read_spec(models_dir() / f"{name}.toml"), path)
        for name in ("conjoint_immigration_choice", "conjoint_immigration")
    )
    assert len(choices.cells.choices) <= 6_980 == choices.cells.choices.counts.sum()
    raw = choices.cells.labels().assign(n=choices.cells.counts.sum(1), y=choices.cells.counts[:, 1])
    names = ["gender", "language", "plans"]
    a, b = (ac.summary(ac.marginal_means(fit, names)) for fit in (choices, rows))
    shares = [100 * g["y"].sum() / g["n"].sum() for n, v in zip(a["attribute"], a["level"], strict=True)
              for g in [raw[raw[n] == v]]]  # fmt: skip
    assert abs(a["mean"] - shares).max() < 1.0
    ratio = (a["upper"] - a["lower"]) / (b["upper"] - b["lower"])
    assert ratio.max() < 0.9
    assert ratio[a["attribute"] == "gender"].max() < 0.75


# --- Tomz and Weeks 2021 ------------------------------------------------------------------------------
def support(weight: str | None = None) -> pd.DataFrame:
    frame = pd.read_stata(folder("tomz_weeks_2021_yougov") / "2017-04-YouGov-extracted.dta", convert_categoricals=False)
    made = pd.DataFrame(
        {
            "alliance": np.where(frame.alliance == 2, "alliance", "no alliance"),
            "regime": np.where(frame.regime == 2, "democracy", "not a democracy"),
            "stakes": np.where(frame.stakes == 1, "high stakes", "low stakes"),
            "costs": np.where(frame.costs == 2, "low costs", "high costs"),
            "region": frame.region.map({1: "Africa", 2: "Asia", 3: "Eastern Europe", 4: "South America"}),
            "support": np.where(frame.pref >= 4, "yes", "no"),
            "party": np.select([frame.pid7 <= 2, frame.pid7.between(6, 7)], ["D", "R"], "I"),
            "race": np.where(frame.race == 1, "W", "N"),
            "sex": np.where(frame.gender == 1, "M", "F"),
            "high_news": np.where(frame.newsint == 1, "1", "0"),
            "age": 2016 - frame.birthyr,
            "education": frame.educ.map({1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 4}),
        }
    )
    return made if weight is None else made.assign(weight=frame[weight])


def binary(frame: pd.DataFrame, attributes: int, **changes) -> ac.Fit:
    arms = ac.read_spec(models_dir() / "tomz_weeks_2021.toml").attributes[:attributes]
    spec = ac.Spec(
        "support", ("no", "yes"), ("yes",), tuple(ac.Effect((a.name,), Normal(0.0, 10.0)) for a in arms),
        attributes=arms, countries=("US",), allies=("x",), intercept=Normal(0.0, 10.0),
    )  # fmt: skip
    spec = replace(spec, **changes)
    names = [*spec.declared, *(c.name for c in spec.covariates)]
    survey = ac.read_survey(
        frame, roles=ac.Roles(answer="support", weight="weight" if "weight" in frame else None), answers=("no", "yes"),
        top=("yes",), constants={"country": "US", "ally": "x"}, traits={k: k for k in names},
    )  # fmt: skip
    return ac.fit(spec, survey, random_seed=1, progressbar=False)


def bounds(estimate: ac.Estimate) -> tuple[float, float, float]:
    row = ac.summary(estimate).iloc[0]
    return float(row["mean"]), float(row["lower"]), float(row["upper"])


def test_an_alliance_raises_support_as_published():
    found = bounds(ac.amce(binary(support(), 1)))
    assert found == tuple(published("tomz_weeks_2021", "alliance", "lower", "upper").values())


def test_the_weighted_effect_of_an_alliance_is_the_published_one():
    effect = ac.amce(binary(support("weight"), 5), "alliance")
    assert bounds(effect)[0] == published("tomz_weeks_2021")["weighted"]
    assert any("pseudo-posterior" in n for n in effect.notes)


def test_effects_by_region_have_the_published_order():
    terms = tuple(ac.Effect(of, Normal(0.0, 10.0)) for of in (("alliance",), ("region",), ("alliance", "region")))
    fit = binary(support(), 5, terms=terms)
    found = ac.summary(ac.amce(fit, "alliance", by="region")).set_index("region")["mean"]
    regions = published("tomz_weeks_2021", "Africa", "Asia", "Eastern Europe", "South America")
    assert found.to_dict() == regions


def test_the_ordered_answers_say_the_same_as_support():
    spec = ac.read_spec(models_dir() / "tomz_weeks_2021.toml")
    ordered = ac.amce(fitted(spec, folder("tomz_weeks_2021_yougov")), "alliance")
    assert bounds(ordered)[0] == pytest.approx(bounds(ac.amce(binary(support(), 5), "alliance"))[0], abs=2.0)


def test_effects_in_24_groups_are_the_published_ones():
    groups = tuple(
        ac.Group(k, v, v[0])
        for k, v in (("party", ("I", "D", "R")), ("race", ("N", "W")), ("sex", ("F", "M")), ("high_news", ("0", "1")))
    )
    names, wide = tuple(g.name for g in groups), Normal(0.0, 1.0)
    arms = ac.read_spec(models_dir() / "tomz_weeks_2021.toml").attributes
    terms = (
        *(ac.Effect((a.name,), wide) for a in arms),
        *(ac.Effect(("alliance", g), wide) for g in names),
        ac.Effect(("alliance",), by=names, scale=HalfNormal(1.0)),
        ac.Slope("age"),
        ac.Slope("education"),
    )
    covariates = (ac.Covariate("age", ("person",), (), 0.0, 10.0), ac.Covariate("education", ("person",), ()))
    fit = binary(
        support(), 5, groups=groups, terms=terms, covariates=covariates, gaussian=ac.Gaussian(), intercept=wide
    )
    effects = ac.amce(fit, "alliance", by=names)
    table = pd.DataFrame({k: effects.draws[k].values.astype(str) for k in names})
    table = table.assign(median=np.median(effects.draws.values, axis=(0, 1)) / 100)
    medians = pd.read_csv(folder("tomz_weeks_2021_yougov") / "alley_het_effects_fig_joint_medians.csv", dtype=str)
    both = table.merge(medians, on=list(names))
    assert len(both) == 24
    np.testing.assert_allclose(both["median"], both["published_median"].astype(float), atol=0.02)


# --- multilevel regression and poststratification ---------------------------------------------------
def test_votes_in_georgia_are_those_of_the_stored_fit():
    path = folder("ccesMRPrun_GA")
    spec = ac.read_spec(models_dir() / "georgia_2016.toml")
    opened = open_sources(spec, path)
    census = pd.read_csv(path / "acs_GA.csv")
    assert opened.population.total == census["count"].sum() == 7_604_145
    fit = ac.fit(spec, *opened.sources, random_seed=1, draws=4000, progressbar=False)
    assert fit.diagnosis.passed
    stored = pd.read_csv(path / "fit_GA_posterior_summary.csv").set_index("param")
    draws = fit.draws()
    centre = spec.covariates[1].center
    ours = {
        "b_Intercept": draws["intercept"] - draws["slope_clinton_vote"] * centre,
        "b_clinton_vote": draws["slope_clinton_vote"],
        "sd_age__Intercept": draws["sd_level_age"],
        "sd_cd__Intercept": draws["sd_level_cd"],
        "sd_educ__Intercept": draws["sd_level_educ"],
        "sd_educ__female": draws["sd_slope_female_educ"],
        "cor_educ__Intercept__female": draws["corr_slope_female_educ"],
    }
    blocks = (("age", "level_age"), ("cd", "level_cd"), ("educ", "level_educ"), ("educ", "slope_female_educ"))
    for group, variable in blocks:
        for j, level in enumerate(spec.declared[group].levels):
            end = "female" if variable.startswith("slope") else "Intercept"
            ours[f"r_{group}.{level.replace(' ', '.').replace('-', '.')}.{end}."] = draws[variable][:, j]
    for name, found in ours.items():
        error = np.hypot(found.std() / np.sqrt(2000), stored.loc[name, "sd"] / np.sqrt(2000))
        assert abs(found.mean() - stored.loc[name, "mean"]) < 4 * error, name
    districts = ac.summary(ac.levels(fit, by="cd", population=opened.population)).set_index("cd")
    stored = pd.read_csv(path / "summ_GA.csv").set_index("cd")
    error = np.hypot(districts["mcse_mean"], 100 * stored["p_mrp_se"] / np.sqrt(2000))
    assert (abs(districts["mean"] - 100 * stored["p_mrp_est"]) < 4 * error).all()


MILLION = """
import time, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd, alliancecred as ac
rng, names, n = np.random.default_rng(1), ("age", "educ", "race", "region", "income", "party"), 3000
frame = pd.DataFrame({k: rng.integers(0, 10, n).astype(str) for k in names}).assign(y=rng.choice(["no", "yes"], n))
survey = ac.read_survey(frame, roles=ac.Roles(answer="y"), answers=("no", "yes"), top=("yes",),
                        constants={"country": "US", "ally": "x"}, traits={k: k for k in names})
levels = tuple(map(str, range(10)))
spec = ac.Spec("many", ("no", "yes"), ("yes",), (*(ac.Level((k,)) for k in names), ac.Level(("age", "educ"))),
               groups=tuple(ac.Group(k, levels) for k in names), countries=("US",), allies=("x",))
fit = ac.fit(spec, survey, random_seed=1, progressbar=False, method="laplace")
grid = pd.DataFrame(np.indices((10,) * 6).reshape(6, -1).T.astype(str), columns=list(names))
people = ac.read_population(grid.assign(count=rng.integers(1, 1000, len(grid))), keys=names)
begin = time.perf_counter()
whole = ac.levels(fit, by=(), population=people)
seconds = time.perf_counter() - begin
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
assert whole.draws.size == 4000 and len(people) == 10**6
print(seconds, int(peak) / 1024**2)
"""


@pytest.mark.alone
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_a_million_cells_are_poststratified_in_a_minute_and_two_gigabytes():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = subprocess.run([sys.executable, "-c", MILLION], capture_output=True, text=True, check=True)
    seconds, gigabytes = map(float, out.stdout.split())
    assert seconds < 60
    assert gigabytes < 2
