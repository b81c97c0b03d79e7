"""What the calibration runs: reduced analyses, one per family, and the fingerprints of their models."""

import datetime as dt
from dataclasses import replace

import numpy as np

from alliancecred.declared import Attribute, Covariate, Group
from alliancecred.density import data_arrays, parameter_count, structure
from alliancecred.events import Decay, Signal, Wave
from alliancecred.gaussian import Gaussian
from alliancecred.identify import make_design
from alliancecred.kernel import log_density
from alliancecred.means import mean_of
from alliancecred.origins import Fielding, Simulation
from alliancecred.priors import HalfNormal, LogNormal, Normal
from alliancecred.ratings import Rating
from alliancecred.respondents import gather_people
from alliancecred.simulation import simulate
from alliancecred.sliders import Inside, Slider
from alliancecred.spec import Estimand, Spec
from alliancecred.spec_file import models_dir, read_spec
from alliancecred.sweep import sweep
from alliancecred.terms import Cuts, Drift, Effect, Fixed, Level, Respondent, Shift, Slope, Trend
from alliancecred.toplines import read_toplines

FIELDINGS = (
    Fielding("2025-01", 300),
    Fielding("2025-03", 200),
    Fielding("2025-01", 60, "elite", ("UK",)),
    Fielding("2025-03", 60, "elite", ("UK",)),
)
ESTIMANDS = (Estimand("shift"), Estimand("gap"), Estimand("gap", "gap in shift", signal="us2025"))
FAMILIES = (
    "ordinal",
    "binary",
    "published",
    "time",
    "panel",
    "slider",
    "means",
    "slopes",
    "cuts",
    "gaussian",
    "vignette",
    "choices",
    "tasks",
)
_DEVIATIONS = (
    Shift("us2025", by=("country",), roles=("sender",)),
    Shift("us2025", by=("ally",), roles=("other",), correlated=True),
)
# four waves before the signal and ten after it, eight to twelve weeks apart
DATES = [dt.date(2023, 9, 4) + dt.timedelta(weeks=8 * i + (i * i) % 5) for i in range(14)]


def small_spec(family="ordinal"):
    """Return the shipped retrenchment analysis with four countries and four allies; two answers unless ordinal.

    ``time``: fourteen waves with trends, and a signal that fades with an estimated half-life. ``panel``: people who
    judge four allies and of whom some come back. ``slider``: answers from 0 to 100. ``means``: published
    means of a rating scale. ``slopes``: declared drift, covariates of allies
    and dyads, in level and in shift. ``cuts``: cut points by country. ``gaussian``: normal answers, 1 to 4.
    ``vignette``: the shipped experiment with 500 people. ``choices``: which of two allies is the more credible.
    ``tasks``: four profiles for each person, who has an effect.
    """
    if family == "time":
        return _timed()
    if family == "panel":
        return _panel()
    if family == "slider":
        return _on_slider()
    if family == "means":
        return _of_means()
    if family == "gaussian":
        return _normal()
    if family == "vignette":
        return _vignette()
    if family == "choices":
        return _of_choices()
    if family == "tasks":
        return _of_tasks()
    if family in ("slopes", "cuts"):
        return _measured(family)
    spec = read_spec(models_dir() / "retrenchment_simulated.toml")
    spec = replace(spec, countries=("US", "UK", "DE", "PL"), allies=("US", "UK", "FR", "DE"))
    spec = replace(spec, sources=(Simulation(0, FIELDINGS, ()),), estimands=ESTIMANDS)
    if family == "ordinal":
        return spec
    terms = tuple(t for t in spec.terms if not isinstance(t, Cuts))
    return replace(spec, answers=("no", "yes"), top=("yes",), terms=terms)


def _timed():
    waves = tuple(Wave(f"w{i:02d}", day, day + dt.timedelta(days=6)) for i, day in enumerate(DATES, start=1))
    signal = Signal("us2024", "US", DATES[3] + dt.timedelta(days=14), form=Decay(LogNormal(26.0, 0.7)))
    terms = (
        Level(("country",)),
        Level(("ally",)),
        Trend(),
        Trend(("ally",)),
        Shift("us2024"),
        Shift("us2024", by=("country",), roles=("sender",)),
    )
    return Spec(
        "time",
        ("no", "yes"),
        ("yes",),
        terms,
        waves=waves,
        signals=(signal,),
        countries=("US", "UK", "DE", "PL"),
        allies=("US", "UK", "FR", "DE"),
        estimands=(Estimand("shift"), Estimand("shift", "after a year", weeks=52.0)),
        sources=(Simulation(0, tuple(Fielding(w.name, 600) for w in waves), ()),),
    )


def _panel():
    spec = read_spec(models_dir() / "panel_simulated.toml")
    again = Fielding("2025", 50, again="2024", retention=0.65, selection=1.0)
    estimands = (
        Estimand("shift"),
        Estimand("levels", by=("country", "wave")),
        Estimand("attrition", roles=("sender",)),
    )
    terms = tuple(t for t in spec.terms if t not in (Level(("country", "ally")), *_DEVIATIONS))
    return replace(
        spec,
        terms=terms,
        allies=("US", "UK", "FR", "DE"),
        sources=(Simulation(0, (Fielding("2024", 120), again), ()),),
        estimands=estimands,
    )


def _gentle(terms):
    """Return terms whose means stay away from the ends of a scale, where its answers hardly tell them."""
    effects = [replace(t, prior=Normal(0.0, 0.7)) if isinstance(t, Fixed | Shift) and not _by(t) else t for t in terms]
    return tuple(t if isinstance(t, Fixed) or not _by(t) else replace(t, scale=HalfNormal(0.3)) for t in effects)


def _by(term):
    return getattr(term, "by", ())


def _on_slider():
    spec = read_spec(models_dir() / "slider_simulated.toml")
    terms = _gentle(t for t in spec.terms if t not in (Level(("country", "ally")), *_DEVIATIONS))
    return replace(
        spec,
        terms=terms,
        intercept=Normal(0.0, 0.7),
        slider=Slider(precision=LogNormal(8.0, 0.4)),
        countries=("DE", "FR", "IT", "PL"),
        allies=("US", "UK", "FR", "DE"),
        sources=(Simulation(0, (Fielding("2024", 60), Fielding("2025", 60)), ()),),
        estimands=(Estimand("shift", answer="mean"), Estimand("shift", "shift of those above 50")),
    )


def _of_means():
    spec = read_spec(models_dir() / "panel_simulated.toml")
    return replace(
        spec,
        answers=("not at all", "completely"),
        top=("completely",),
        rating=Rating(0.0, 10.0, LogNormal(0.25, 0.0)),
        intercept=Normal(0.0, 0.7),
        terms=_gentle(t for t in spec.terms if not isinstance(t, Respondent)),
        estimands=(Estimand("shift", answer="mean"),),
        sources=(Simulation(0, (Fielding("2024", 300), Fielding("2025", 250)), ()),),
    )


def _normal():
    spec = read_spec(models_dir() / "slider_simulated.toml")
    return replace(
        spec,
        answers=("very unlikely", "unlikely", "likely", "very likely"),
        top=("likely", "very likely"),
        slider=None,
        gaussian=Gaussian(sd=LogNormal(1.0, 0.4)),
        intercept=Normal(2.5, 1.0),
        countries=("DE", "FR", "IT", "PL"),
        allies=("US", "UK", "FR", "DE"),
        sources=(Simulation(0, (Fielding("2024", 60), Fielding("2025", 60)), ()),),
        estimands=(Estimand("shift", answer="mean"),),
    )


def _vignette():
    spec = read_spec(models_dir() / "kiratli_2024.toml")
    asked = {"attributes": ("response",)}
    return replace(
        spec,
        sources=(Simulation(0, (Fielding("2024", 500),), ()),),
        estimands=(
            Estimand("marginal_means", **asked),
            Estimand("marginal_means", "by action", by=("action",), **asked),
            Estimand("amce"),
            Estimand("moderation", moderator="regime", **asked),
        ),
    )


def _of_choices():
    attributes = (
        Attribute("regime", ("democracy", "autocracy"), "autocracy"),
        Attribute("treaty", ("none", "consultation", "mutual defence", "nuclear guarantee")),
        Attribute("distance", ("neighbour", "region", "other continent"), "neighbour"),
    )
    terms = (
        Effect(("regime",)),
        Effect(("distance",)),
        Level(("treaty",)),
        Level(("country", "treaty")),
        Effect(("regime",), by=("country",), scale=HalfNormal(0.3)),
        Level(("treaty", "distance"), scale=HalfNormal(0.3)),
    )
    day = dt.date(2025, 3, 3)
    return Spec(
        "choices",
        ("the other", "this one"),
        ("this one",),
        terms,
        waves=(Wave("2025", day, day + dt.timedelta(days=6)),),
        attributes=attributes,
        forced_choice=True,
        countries=("DE", "FR", "IT", "NL", "PL", "UK"),
        allies=("profile",),
        populations=("public",),
        estimands=(
            Estimand("marginal_means", attributes=("treaty",)),
            Estimand("marginal_means", "by country", by=("country",), attributes=("regime",)),
            Estimand("amce", attributes=("regime", "distance")),
            Estimand("moderation", attributes=("treaty",), moderator="distance"),
        ),
        sources=(Simulation(0, (Fielding("2025", 100, tasks=2),), ()),),
    )


def _of_tasks():
    spec = _of_choices()
    regime, treaty, _ = spec.attributes
    terms = (
        Effect(("regime",)),
        Level(("treaty",)),
        Level(("regime", "treaty"), scale=HalfNormal(0.3)),
        Level(("party",)),
        Respondent(HalfNormal(1.0)),
    )
    return replace(
        spec,
        name="tasks",
        answers=("not credible", "credible"),
        top=("credible",),
        forced_choice=False,
        terms=terms,
        attributes=(regime, treaty),
        groups=(Group("party", ("left", "centre", "right")),),
        countries=("US",),
        estimands=(
            Estimand("marginal_means", attributes=("treaty",)),
            Estimand("amce", attributes=("regime",)),
            Estimand("levels", by=("party",)),
        ),
        sources=(Simulation(0, (Fielding("2025", 150, tasks=4),), ()),),
    )


def _measured(family):
    spec = read_spec(models_dir() / "panel_simulated.toml")
    spec = replace(
        spec,
        countries=("DE", "FR", "IT", "NL", "PL", "UK"),
        estimands=(Estimand("shift"),),
        sources=(Simulation(0, (Fielding("2024", 100), Fielding("2025", 100)), ()),),
    )
    terms = (Level(("country",)), Level(("ally",)), Shift("us2025"))
    if family == "cuts":
        answers = ("very unlikely", "unlikely", "likely", "very likely")
        return replace(spec, answers=answers, top=answers[2:], terms=(*terms, Cuts(("country",))))
    power = tuple(zip(spec.allies, (2.0, 0.8, 1.1, -0.6, -1.2, 0.3), strict=True))
    pairs = [(c, a) for c in spec.countries for a in spec.allies]
    treaty = tuple((f"{c} | {a}", float((3 * i + i * i // 7) % 5 < 2)) for i, (c, a) in enumerate(pairs))
    covariates = (Covariate("power", ("ally",), power), Covariate("treaty", ("country", "ally"), treaty))
    slopes = (Drift(0.3), Slope("power"), Slope("treaty"), Slope("treaty", signal="us2025", roles=("other",)))
    asked = Estimand("comparison", "of a treaty", covariate="treaty")
    return replace(spec, covariates=covariates, terms=(*terms, *slopes), estimands=(Estimand("shift"), asked))


def naive(spec):
    """Return the analysis without respondents: as if every answer came from somebody else."""
    terms = tuple(t for t in spec.terms if not isinstance(t, Respondent))
    return replace(spec, terms=terms, estimands=tuple(e for e in spec.estimands if e.of != "attrition"), sources=())


def as_published(survey):
    """The cells of a binary survey as a source would print them: whole per cents with their n."""
    table = survey.table.assign(yes=survey.table["answer"] * survey.table["count"])
    cells = table.groupby(["country", "ally", "wave", "population"], as_index=False)[["yes", "count"]].sum()
    share = (100 * cells["yes"] / cells["count"]).round().astype(int)
    cells = cells.assign(pct=share, precision="integer", answer="yes", n_kind="exact")
    cells = cells.rename(columns={"count": "n"}).drop(columns="yes")
    return read_toplines(cells, answers=survey.answers, top=survey.top)


def fingerprint(family):
    """Return log densities of a reduced analysis at fixed points on fixed data: unchanged by refactoring."""
    sim = simulate(small_spec("ordinal" if family in ("binary", "published") else family), truth={}, random_seed=0)
    cells = sim.truth.cells
    codes = cells.rows.codes
    place = 7 * codes["country"] + 3 * codes["ally"] + 5 * codes["wave"] + 11 * codes["population"]
    place = place + sum(p * codes[f] for p, f in zip((2, 3, 5, 7, 11), sim.truth.spec.declared, strict=False))
    fixed = replace(cells, counts=(place[:, None] + 13 * np.arange(cells.counts.shape[1])) % 23 + 5)
    if family == "means":
        row = [
            mean_of(t.labels, (p % 23 + 2) / 27, 0.005, t.se, t.n_weight, 100, "", "")
            for t, p in zip(cells.toplines, place, strict=True)
        ]
        fixed = replace(cells, toplines=tuple(row))
    if family == "slider":
        n = len(cells.rows)
        fixed = replace(fixed, inside=Inside(np.arange(n), place % 17 / 20 + 0.1, fixed.counts[:, 1:3].sum(1)))
    if family == "choices":
        pair = np.arange(len(cells.choices))
        fixed = replace(fixed, choices=replace(cells.choices, counts=np.column_stack([pair % 5 + 1, pair % 7])))
    if family == "gaussian":
        fixed = replace(fixed, valued=None)
    if family in ("panel", "tasks"):
        person = np.arange(len(cells.rows)) % 7
        times = np.where(person == 3, 2, 5)
        fixed = replace(fixed, people=gather_people(person, np.arange(len(cells.rows)), place % 3 // 2, times))
    design = make_design(sim.truth.spec, fixed)
    swept = sweep(design, fixed.rows)
    arrays = structure(swept, fixed, [[True] * len(s.carriers) for s in swept.strata])
    data = data_arrays(fixed)
    size = parameter_count(swept)
    return [round(log_density(0.4 * np.sin(np.arange(size) * (i + 1.0)), arrays, data)[0], 6) for i in range(3)]
