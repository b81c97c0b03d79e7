"""Who is asked what in a simulated survey, before anybody has answered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from .cells import Cells, make_cells
from .declared import allowed
from .design import Design
from .errors import Problem, SpecError, nearest
from .identify import make_design
from .means import means_of
from .origins import Fielding
from .sources import CHOICE_SET, DataReport, ReportLine, Survey, Toplines
from .spec import Spec
from .terms import FACTORS

_LAYOUT = 20_240_305  # seed of who is shown what


@dataclass(frozen=True)
class Layout:
    """Rows to be asked: their design, their cells (without answers yet), the new people behind each, and the plan."""

    design: Design
    cells: Cells
    size: np.ndarray
    fieldings: tuple[Fielding, ...]


def lay_out(spec: Spec, fieldings: Sequence[Fielding]) -> Layout:
    """Return what `simulate` would ask of whom; refuses what it refuses."""
    check_plan(spec, fieldings)
    asked = plan(spec, fieldings)
    table = asked.drop(columns="people")
    if spec.rating is not None:
        blank: Survey | Toplines = means_of(
            spec, table, np.full(len(table), 0.5), np.ones(len(table)), simulated_report(len(table))
        )
    elif spec.forced_choice:
        blank = _paired(spec, asked)
    else:
        blank = _strangers(spec, replace_counts(table, np.ones((len(table), len(spec.answers)), dtype=int), spec))
    cells = make_cells(spec, [blank])
    people = cells.labels().merge(asked, on=list(table.columns), how="left", validate="one_to_one")["people"]
    return Layout(make_design(spec, cells), cells, people.to_numpy(), tuple(fieldings))


def _strangers(spec: Spec, blank: Survey) -> Survey:
    """Return answers as those of people nobody has met: whoever they will be, they answer for all allies."""
    table = blank.table.assign(respondent=blank.table[["country", "population"]].agg(" ".join, axis=1))
    if (slider := spec.slider) is not None:
        middle = np.array([slider.low, slider.above, 0.5 * (slider.above + slider.high), slider.high])
        table = table.assign(value=middle[table["answer"]])
    return replace(blank, table=table, slider=spec.slider)


def _paired(spec: Spec, asked: pd.DataFrame) -> Survey:
    """Return the profiles in choice sets of two of one place, drawn at random (always the same)."""
    place = [f for f in spec.factors if f not in {a.name for a in spec.attributes}]
    rows = asked.loc[asked.index.repeat(asked["people"])].drop(columns="people")
    rows = rows.iloc[np.random.default_rng(_LAYOUT).permutation(len(rows))].sort_values(place, kind="stable")
    number = np.arange(len(rows))
    sets = pd.Series(number // 2, index=rows.index).astype(str).astype(object)
    table = rows.assign(answer=number % 2, count=1, respondent="", **{CHOICE_SET: sets}).reset_index(drop=True)
    return Survey(table, spec.answers, spec.top, simulated_report(len(rows)))


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
        if f.tasks < 1 or (f.tasks > 1 and not spec.attributes):
            problems.append(Problem("schema", "fieldings", f"tasks are profiles of an experiment, got {f.tasks}"))
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


def plan(spec: Spec, fieldings: Sequence[Fielding]) -> pd.DataFrame:
    """Return the combinations of factors that are asked, and of how many new ``people``.

    In experiments everybody is shown profiles (of which one is chosen: two in every task) at random, every level (that
    may be shown) alike, and belongs to groups at random. Who is shown what is laid out
    once: the same for every seed of the answers.
    """
    rng = np.random.default_rng(_LAYOUT)
    parts = [
        _shown(spec, f, (country, ally, "", f.wave, f.population), rng)
        for f in fieldings
        for country, ally in product(f.countries or spec.countries, spec.allies)
    ]
    return pd.concat(parts, ignore_index=True).groupby(list(spec.factors), sort=False)["people"].sum().reset_index()


def _shown(spec: Spec, fielding: Fielding, labels: tuple[str, ...], rng: np.random.Generator) -> pd.DataFrame:
    asked = pd.DataFrame([(*labels, fielding.n)], columns=[*FACTORS, "people"])
    if not spec.declared:
        return asked
    each = fielding.tasks * (2 if spec.forced_choice else 1)
    times = fielding.n * each
    groups = {g.name: np.repeat(rng.choice(g.levels, fielding.n), each) for g in spec.groups}
    own = {f: np.full(times, label, dtype=object) for f, label in zip(FACTORS, labels, strict=True)}
    return pd.DataFrame({**own, **random_profiles(spec, times, rng), **groups}).assign(people=1)


def random_profiles(spec: Spec, size: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return so many profiles drawn at random from those that may be shown, attribute → labels, (size,)."""
    codes: dict[str, np.ndarray] = {a.name: np.zeros(0, dtype=int) for a in spec.attributes}
    while spec.attributes and len(next(iter(codes.values()))) < size:
        drawn = {a.name: rng.integers(len(a.levels), size=2 * size) for a in spec.attributes}
        keep = allowed(spec.restrictions, {a.name: a.levels for a in spec.attributes}, drawn)
        codes = {k: np.concatenate([codes[k], drawn[k][keep]]) for k in codes}
    return {a.name: np.array(a.levels, dtype=object)[codes[a.name][:size]] for a in spec.attributes}


def replace_counts(table: pd.DataFrame, counts: np.ndarray, spec: Spec) -> Survey:
    """Return a survey with these counts (rows, answers) for the rows of a table of factors."""
    table = table[[f for f in spec.factors if f in table]]
    parts = [table.assign(answer=k, count=counts[:, k], respondent="") for k in range(counts.shape[1])]
    long = pd.concat(parts, ignore_index=True)
    return Survey(long, spec.answers, spec.top, simulated_report(int(counts.sum())))


def simulated_report(total: int) -> DataReport:
    """Return the data report of so many simulated answers."""
    lines = tuple(ReportLine(action, total, "simulated answers") for action in ("read", "used"))
    return DataReport("simulated survey", lines)
