"""What people answer in a simulated survey who are asked several times, or on a scale."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from .cells import Cells, rows_of
from .design import SD_RESPONDENT, Design
from .gaussian import SIGMA
from .layout import random_profiles
from .origins import Fielding
from .outcome import log_probs
from .prediction import cuts_of
from .predictor import linear_predictor
from .sliders import PRECISION, SMALLEST
from .sources import CHOICE_SET
from .terms import FACTORS


def interview(
    design: Design,
    cells: Cells,
    fieldings: Sequence[Fielding],
    draws: Mapping[str, np.ndarray],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return what people answer, a row per person, ally and task, given one draw of the parameters.

    Everyone has a deviation of their own, and belongs to groups, for good, and is asked again as the fieldings say;
    profiles are shown at random.
    """
    spec = design.spec
    sd, top = float(np.ravel(draws[SD_RESPONDENT])[0]), np.isin(spec.answers, spec.top)
    start = {w.name: w.start for w in spec.waves}
    known: dict[tuple[str, str, str], pd.DataFrame] = {}  # population, wave, country → people, with their share of top
    out = []
    for i, f in sorted(enumerate(fieldings), key=lambda pair: start[pair[1].wave]):
        for country in f.countries or spec.countries:
            fresh = [f"{country} {f.population} {f.wave} {i + 1}.{k + 1}" for k in range(f.n)]
            people = pd.DataFrame({"name": fresh, "u": rng.normal(0, sd, f.n)})
            people = people.assign(**{g.name: rng.choice(np.array(g.levels, dtype=object), f.n) for g in spec.groups})
            if (before := known.get((f.population, f.again, country))) is not None:
                away = before["top"] - before["top"].mean()
                chance = expit(logit(f.retention) + f.selection * away.to_numpy())
                people = pd.concat([before[rng.random(len(before)) < chance], people], ignore_index=True)
            each = len(spec.allies) * f.tasks
            person = np.repeat(np.arange(len(people)), each)
            ally = np.tile(np.repeat(np.array(spec.allies, dtype=object), f.tasks), len(people))
            place: dict[str, Any] = dict(zip(FACTORS, (country, ally, "", f.wave, f.population), strict=True))
            own = people[[g.name for g in spec.groups]].iloc[person].reset_index(drop=True)
            asked_of = own.assign(**place, **random_profiles(spec, len(person), rng))[list(spec.factors)]
            rows = rows_of(spec, cells.levels, asked_of)
            eta, cuts = linear_predictor(design, rows, draws)[0], cuts_of(design, rows, draws, 1)[0]
            chances = np.exp(log_probs(eta + people["u"].to_numpy()[person], cuts))
            answer = (chances.cumsum(-1)[:, :-1] < rng.random(len(person))[:, None]).sum(-1)
            asked = people.assign(top=top[answer].reshape(-1, each).mean(1))
            key = (f.population, f.wave, country)
            known[key] = pd.concat([known[key], asked], ignore_index=True) if key in known else asked
            out.append(asked_of.assign(answer=answer, count=1, respondent=people["name"].to_numpy()[person]))
    return pd.concat(out, ignore_index=True)


def slide(
    design: Design, cells: Cells, size: np.ndarray, draws: Mapping[str, np.ndarray], rng: np.random.Generator
) -> pd.DataFrame:
    """Return a table of answers on a slider, one row per answer, ``size`` of them in each row of ``cells``."""
    rows, slider = cells.rows, design.slider
    assert slider is not None
    eta = linear_predictor(design, rows, draws)
    ends = np.exp(log_probs(eta, cuts_of(design, rows, draws, 1)))[0]
    low, between, high = rng.multinomial(size, ends / ends.sum(1, keepdims=True)).T
    mean, phi = expit(np.repeat(eta[0], between)), float(np.ravel(draws[PRECISION])[0])
    inside = np.clip(rng.beta(mean * phi, (1 - mean) * phi), SMALLEST, 1 - SMALLEST)
    share = np.concatenate([np.zeros(low.sum()), inside, np.ones(high.sum())])
    row = np.concatenate([np.repeat(np.arange(len(rows)), n) for n in (low, between, high)])
    table = cells.labels().iloc[row].reset_index(drop=True)
    value = slider.low + (slider.high - slider.low) * share
    return table.assign(answer=slider.part(share), count=1, respondent="", value=value)


def rate(
    design: Design, cells: Cells, size: np.ndarray, draws: Mapping[str, np.ndarray], rng: np.random.Generator
) -> pd.DataFrame:
    """Return a table of normal answers as numbers, ``size`` of them in each row of ``cells``.

    ``answer`` is the one whose score is nearest; what the model knows is ``value``.
    """
    eta, scores = linear_predictor(design, cells.rows, draws)[0], np.array(cells.scores)
    row = np.repeat(np.arange(len(eta)), size)
    value = eta[row] + float(np.ravel(draws[SIGMA])[0]) * rng.standard_normal(len(row))
    nearest_score = np.searchsorted(0.5 * (scores[1:] + scores[:-1]), value)
    table = cells.labels().iloc[row].reset_index(drop=True)
    return table.assign(answer=nearest_score, count=1, respondent="", value=value)


def choose(design: Design, cells: Cells, draws: Mapping[str, np.ndarray], rng: np.random.Generator) -> pd.DataFrame:
    """Return a table of choices, two rows (profiles) each, as often as ``cells`` have each pair."""
    choices = cells.choices
    assert choices is not None
    chance = expit(choices.contrast(linear_predictor(design, cells.rows, draws)[0]))
    pair = np.repeat(np.arange(len(choices)), choices.counts.sum(1))
    first = (rng.random(len(pair)) < chance[pair]).astype(np.int64)
    row = np.column_stack([choices.left[pair], choices.right[pair]]).ravel()
    number = pd.Series(np.repeat(np.arange(len(pair)), 2)).astype(str).astype(object)
    table = cells.labels().iloc[row].reset_index(drop=True)
    answer = np.column_stack([first, 1 - first]).ravel()
    return table.assign(answer=answer, count=1, respondent="", **{CHOICE_SET: number})
