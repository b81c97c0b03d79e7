"""A made-up vignette experiment, fits of it from the prior, and its predictor written out: no code of the library."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise, product
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import alliancecred as ac
from alliancecred.cells import make_cells
from alliancecred.declared import Attribute, Covariate, Group, Restriction
from alliancecred.events import Signal, Wave
from alliancecred.fitting import Fit
from alliancecred.gates import Diagnosis
from alliancecred.identify import make_design
from alliancecred.simulation import dataset, draw_prior
from alliancecred.sources import Roles, Survey
from alliancecred.spec import Spec
from alliancecred.terms import Effect, Gap, Level, Shift, Slope

DRAWS = 6
ANSWERS = {2: ("no", "yes"), 3: ("no", "maybe", "yes")}
WAVES = (
    Wave("w1", dt.date(2025, 1, 6), dt.date(2025, 1, 10)),
    Wave("w2", dt.date(2025, 3, 6), dt.date(2025, 3, 12)),
)
ACT = Signal("act", "US", dt.date(2025, 2, 3))
# No order is that of the alphabet, and no baseline is the first of its levels in both orders.
REGIME = Attribute("regime", ("hybrid", "democracy", "autocracy"), "democracy")
POWER = Attribute("power", ("weak", "strong"), "weak")
OATH = Attribute("oath", ("sworn", "none"), "none")
EDUC = Group("educ", ("school", "college", "apprentice"), "school")
DISTRICT = Group("cd", ("south", "north", "far"))
NEVER = Restriction((("regime", ("autocracy",)), ("oath", ("sworn",))))
VOTE = {"south": 0.3, "north": 0.6, "far": 0.9}
COVARIATES = (
    Covariate("age", ("person",), (), center=45.0, unit=10.0),
    Covariate("vote", ("cd",), tuple(VOTE.items()), center=0.5, unit=0.1),
)
TERMS = (
    Level(("country",)),
    Level(("ally",)),
    Level(("educ",)),
    Level(("country", "educ")),
    Level(("cd",)),
    Level(("regime", "power")),
    Effect(("regime",)),
    Effect(("power",)),
    Effect(("oath",)),
    Effect(("regime", "power")),
    Effect(("educ", "oath")),
    Effect(("oath",), by=("country",)),
    Slope("age"),
    Slope("age", by=("educ",), correlated=True),
    Slope("vote"),
    Slope("vote", by=("country",)),
    Shift("act"),
    Shift("act", by=("educ",), roles=("sender",)),
    Gap(),
)
SPEC = Spec(
    "vignette", ANSWERS[2], ("yes",), TERMS, waves=WAVES, signals=(ACT,), covariates=COVARIATES,
    countries=("PL", "UK", "DE"), allies=("US", "FR"), attributes=(REGIME, POWER, OATH), restrictions=(NEVER,),
    groups=(EDUC, DISTRICT),
)  # fmt: skip
TRAITS = ("regime", "power", "oath", "educ", "cd", "age")
PROFILE = ("regime", "power", "oath")


def profiles() -> list[tuple[str, str, str]]:
    """All that may be shown."""
    every = product(REGIME.levels, POWER.levels, OATH.levels)
    return [p for p in every if not (p[0] == "autocracy" and p[2] == "sworn")]


def make_people(seed: int = 0, answers: int = 2) -> pd.DataFrame:
    """Who was asked what: countries of unequal size, composed unlike; no apprentice in the UK, nobody in `far`."""
    return _people(seed, answers).copy()


@cache
def _people(seed: int, answers: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    shown, rows = profiles(), []
    for country, population, n in (("PL", "public", 290), ("DE", "public", 90), ("UK", "public", 160),
                                   ("UK", "elite", 70)):  # fmt: skip
        chance = {"PL": (0.5, 0.2, 0.3), "DE": (0.3, 0.6, 0.1), "UK": (0.6, 0.4, 0.0)}[country]
        for _ in range(n):
            wave = str(rng.choice(["w1", "w2"]))
            ally = "US" if (country, wave) == ("DE", "w1") else str(rng.choice(["US", "FR"], p=[0.7, 0.3]))
            profile = shown[min(rng.integers(len(shown) + 3), len(shown) - 1)]  # the last one more often
            educ = "college" if population == "elite" and rng.random() < 0.8 else str(rng.choice(EDUC.levels, p=chance))
            cd = str(rng.choice(["south", "north"], p=[0.7, 0.3] if country == "PL" else [0.4, 0.6]))
            age = str(rng.choice([25, 45, 65], p=[0.5, 0.3, 0.2] if educ == "college" else [0.2, 0.3, 0.5]))
            answer = ANSWERS[answers][rng.integers(answers)]
            rows.append((country, population, wave, ally, *profile, educ, cd, age, answer))
    return pd.DataFrame(rows, columns=["country", "population", "wave", "ally", *TRAITS, "answer"])


def read(people: pd.DataFrame, answers: int = 2, **more: Any) -> Survey:
    roles = Roles(country="country", ally="ally", wave="wave", population="population", answer="answer", **more)
    names = ANSWERS[answers]
    traits = {t: t for t in TRAITS if t in people}
    return ac.read_survey(people, roles=roles, answers=names, top=names[-1:], traits=traits)


def fit_of(spec: Spec, *surveys: Survey, seed: int = 3, draws: int = DRAWS) -> Fit:
    """A fit whose posterior is drawn from the prior."""
    cells = make_cells(spec, surveys)
    design = make_design(spec, cells)
    values = draw_prior(design, np.random.default_rng(seed), draws)
    return with_draws(spec, cells, design, dataset(design, values, 1))


def with_draws(spec: Spec, cells: Any, design: Any, posterior: xr.Dataset) -> Fit:
    tree = xr.DataTree.from_dict({"posterior": posterior})
    tree.attrs["random_seed"] = 0
    return Fit(spec, cells, design, tree, Diagnosis(pd.DataFrame(), 0, 0, (), ()))


def spec_of(answers: int = 2, **change: Any) -> Spec:
    return replace(SPEC, answers=ANSWERS[answers], top=ANSWERS[answers][-1:], **change)


Kind = Mapping[str, Any]  # country, population, wave, ally and the traits of an answer


@dataclass
class Plain:
    """Values of answers from the draws of a fit of `SPEC`, by label; every sum is written out."""

    of: Fit
    memory: dict[tuple[Any, ...], np.ndarray] = field(default_factory=dict)

    def v(self, name: str, **at: str) -> np.ndarray:
        """Draws of a variable at labels, (draws,)."""
        key = (name, *at.items())
        if key not in self.memory:
            array = self.of.posterior[name]
            self.memory[key] = (array.sel(at) if at else array).values.ravel()
        return self.memory[key]

    def contrast(self, of: str, label: str) -> np.ndarray:
        name = f"effect_{of}"
        return self.v(name, **{f"{name}_level": label})

    def eta(self, k: Kind) -> np.ndarray:
        age, vote = (float(k["age"]) - 45) / 10, (VOTE[k["cd"]] - 0.5) / 0.1
        out = self.v("intercept") + self.v("level_country", country=k["country"]) + self.v("level_ally", ally=k["ally"])
        out = out + self.v("level_educ", educ=k["educ"]) + self.v("level_cd", cd=k["cd"])
        out = out + self.v("level_country_educ", country=k["country"], educ=k["educ"])
        out = out + self.v("level_regime_power", regime=k["regime"], power=k["power"])
        if k["regime"] != "democracy":
            out = out + self.contrast("regime", k["regime"])
            if k["power"] == "strong":
                out = out + self.contrast("regime_power", f"{k['regime']} | strong")
        if k["power"] == "strong":
            out = out + self.contrast("power", "strong")
        if k["oath"] == "sworn":
            out = out + self.contrast("oath", "sworn") + self.v("effect_oath_by_country", country=k["country"])
            if k["educ"] != "school":
                out = out + self.contrast("educ_oath", f"{k['educ']} | sworn")
        out = out + age * (self.v("slope_age") + self.v("slope_age_educ", educ=k["educ"]))
        out = out + vote * (self.v("slope_vote") + self.v("slope_vote_country", country=k["country"]))
        if k.get("on", k["wave"] == "w2"):
            role = "sender" if k["ally"] == "US" else "other"
            out = out + self.v("shift_act", shift_act_role=role)
            if role == "sender":
                out = out + self.v("shift_act_sender_educ", educ=k["educ"])
        return out + (self.v("gap_elite") if k["population"] == "elite" else 0.0)

    def value(self, k: Kind, answer: str = "top") -> np.ndarray:
        """Per cent of an answer, or the mean score, (draws,)."""
        key = (answer, *sorted((a, str(b)) for a, b in k.items()))
        if key not in self.memory:
            self.memory[key] = self._value(k, answer)
        return self.memory[key]

    def _value(self, k: Kind, answer: str) -> np.ndarray:
        eta, names = self.eta(k), self.of.spec.answers
        if len(names) == 2:
            chances = [1 / (1 + np.exp(eta)), 1 / (1 + np.exp(-eta))]
        else:
            half = np.exp(self.v("cut_spacing", spacing="maybe | yes")) / 2
            below = [0.0, 1 / (1 + np.exp(half + eta)), 1 / (1 + np.exp(eta - half)), 1.0]
            chances = [b - a for a, b in pairwise(below)]
        if answer == "mean":
            return sum((j + 1) * p for j, p in enumerate(chances))
        return 100 * chances[names.index("yes" if answer == "top" else answer)]


Cell = tuple[str, str, str, str]  # country, ally, wave, population


def asked(people: pd.DataFrame, populations: Sequence[str] = ("public",)) -> list[Cell]:
    own = people[people.population.isin(populations)]
    return sorted(set(zip(own.country, own.ally, own.wave, own.population, strict=True)))


def equally(rows: Sequence[Cell], value: Callable[[Cell], np.ndarray | None]) -> np.ndarray:
    """Equal weights over the rows of a country that have a value, then over the countries that have one."""
    own: dict[str, list[np.ndarray]] = {}
    for row in rows:
        if (found := value(row)) is not None:
            own.setdefault(row[0], []).append(found)
    return sum(sum(x) / len(x) for x in own.values()) / len(own)


def mean(kinds: Sequence[Kind], weight: Sequence[float], value: Callable[[Kind], np.ndarray]) -> np.ndarray | None:
    """Weighted mean over kinds; None of nobody."""
    if not sum(weight):
        return None
    return sum(w * value(k) for k, w in zip(kinds, weight, strict=True)) / sum(weight)


def at(kind: Kind, row: Cell, **more: Any) -> Kind:
    """A kind of person and question in another place."""
    return {**kind, "country": row[0], "ally": row[1], "wave": row[2], "population": row[3], **more}
