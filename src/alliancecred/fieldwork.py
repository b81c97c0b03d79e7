"""Who is asked what in a simulated survey, and what people answer who are asked several times."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from .cells import Cells, rows_of
from .design import SD_RESPONDENT, Design
from .errors import Problem, SpecError, nearest
from .gaussian import SIGMA
from .origins import Fielding
from .outcome import log_probs
from .prediction import cuts_of
from .predictor import linear_predictor
from .sliders import PRECISION, SMALLEST
from .spec import Spec
from .terms import FACTORS


def check_plan(spec: Spec, fieldings: Sequence[Fielding]) -> None:
    """Refuse a plan that cannot be carried out, with all problems at once."""
    problems = [
        Problem("schema", key, f"{key} must be declared to simulate")
        for key in ("countries", "allies", "waves")
        if not getattr(spec, key)
    ]
    if not fieldings:
        problems.append(Problem("schema", "fieldings", "nothing to field", (), "give fieldings=(Fielding(wave, n), …)"))
    waves = [w.name for w in spec.waves]
    for f in fieldings:
        if f.wave not in waves:
            problems.append(Problem("schema", "fieldings", f"unknown wave {f.wave!r}", (), nearest(f.wave, waves)))
        if f.population not in spec.populations:
            problems.append(Problem("schema", "fieldings", f"unknown population {f.population!r}"))
        if f.n < 0 or (f.n == 0 and not f.again):
            problems.append(Problem("schema", "fieldings", f"n must be positive, got {f.n}"))
        problems += [Problem("schema", "fieldings", text) for text in _again(spec, f, fieldings)]
        strange = [c for c in f.countries if c not in spec.countries]
        if strange:
            problems.append(Problem("schema", "fieldings", f"unknown countries {strange}"))
    if problems:
        raise SpecError(problems)


def _again(spec: Spec, fielding: Fielding, fieldings: Sequence[Fielding]) -> Iterator[str]:
    """Yield what is wrong with people who are asked again."""
    if not fielding.again:
        if fielding.retention != 1 or fielding.selection:
            yield "`retention` and `selection` need `again`, the wave whose people are asked again"
        return
    start = {w.name: w.start for w in spec.waves}
    if not spec.asks_for_people:
        yield f"{fielding.wave}: people are asked again: the spec needs a respondent term"
    if fielding.again not in start or (fielding.wave in start and start[fielding.again] >= start[fielding.wave]):
        yield f"again: {fielding.again!r} is no wave before {fielding.wave!r}"
    elif not any(f.wave == fielding.again and f.population == fielding.population for f in fieldings):
        yield f"again: nobody ({fielding.population}) is asked in {fielding.again!r}"
    if not 0 < fielding.retention <= 1:
        yield f"retention must lie above 0 and be at most 1, got {fielding.retention}"


def field(spec: Spec, fieldings: Sequence[Fielding]) -> pd.DataFrame:
    """Return the combinations of factors that are asked."""
    rows = [
        (country, ally, "", f.wave, f.population)
        for f in fieldings
        for country, ally in product(f.countries or spec.countries, spec.allies)
    ]
    return pd.DataFrame(rows, columns=list(FACTORS)).drop_duplicates().reset_index(drop=True)


def sizes(spec: Spec, fieldings: Sequence[Fielding], cells: Cells) -> np.ndarray:
    """Return the new people behind each row of the cells, (rows,)."""
    size: dict[tuple[str, str, str], int] = {}
    for f in fieldings:
        for country in f.countries or spec.countries:
            key = (country, f.wave, f.population)
            size[key] = size.get(key, 0) + f.n
    labels = cells.labels()
    return np.array([size[k] for k in zip(labels.country, labels.wave, labels.population, strict=True)])


def interview(
    design: Design,
    cells: Cells,
    fieldings: Sequence[Fielding],
    draws: Mapping[str, np.ndarray],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return what people answer, a row per person and ally, given one draw of the parameters.

    Everyone has a deviation of their own for good, and is asked again as the fieldings say.
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
            if (before := known.get((f.population, f.again, country))) is not None:
                away = before["top"] - before["top"].mean()
                chance = expit(logit(f.retention) + f.selection * away.to_numpy())
                people = pd.concat([before[rng.random(len(before)) < chance], people], ignore_index=True)
            labels = pd.DataFrame([(country, a, "", f.wave, f.population) for a in spec.allies], columns=list(FACTORS))
            rows = rows_of(spec, cells.levels, labels)
            eta, cuts = linear_predictor(design, rows, draws)[0], cuts_of(design, rows, draws, 1)[0]
            chances = np.exp(log_probs(eta + people["u"].to_numpy()[:, None], cuts))
            answer = (chances.cumsum(-1)[..., :-1] < rng.random(chances.shape[:2])[..., None]).sum(-1)
            asked = people.assign(top=top[answer].mean(1))
            key = (f.population, f.wave, country)
            known[key] = pd.concat([known[key], asked], ignore_index=True) if key in known else asked
            asked_of = labels.loc[np.tile(labels.index, len(people))].reset_index(drop=True)
            names = np.repeat(people["name"].to_numpy(), len(spec.allies))
            out.append(asked_of.assign(answer=answer.ravel(), count=1, respondent=names))
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
