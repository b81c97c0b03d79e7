"""Validated sources to cells: factor combinations with counts, and published shares, in one table."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np
import pandas as pd

from .cards import cells_card, cells_line
from .choices import Choices, choices_of
from .declared import Covariate, shown_problems
from .design_effect import scaled_counts
from .errors import Problem, nearest, raise_spec
from .events import Signal
from .gathering import Levels, by_level, count_cells, levels_of, source_problems
from .gaussian import gather_sums, sums_of
from .lattice import Lattice, make_lattice, tabulate
from .respondents import People, people_of
from .sliders import Inside, ends_and_between, gather_inside
from .sources import DataReport, Survey, Topline, Toplines
from .spec import Spec
from .terms import FACTORS, JOINED
from .traits import trait_values, within_problems


@dataclass(frozen=True)
class Rows:
    """Factor combinations the linear predictor is evaluated at.

    Parameters
    ----------
    codes
        Factor → integer codes into its levels, each of shape (rows,), checked to be in range.
    on
        Signal → exposure (0 or 1), shape (rows,).
    weeks
        Signal → weeks since it, 0 before it, shape (rows,).
    covariates
        Covariate → its value less its center, in units, shape (rows,).
    """

    codes: Mapping[str, np.ndarray]
    on: Mapping[str, np.ndarray]
    weeks: Mapping[str, np.ndarray]
    covariates: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.codes["country"])

    def take(self, index: np.ndarray) -> "Rows":
        """Return the rows at ``index``."""
        return Rows(
            *({k: v[index] for k, v in part.items()} for part in (self.codes, self.on, self.weeks, self.covariates))
        )

    def with_signal(self, name: str, value: float, weeks: float | None = None) -> "Rows":
        """Return the same rows with one signal switched on (1) or off (0) everywhere, ``weeks`` ago if given."""
        since = self.weeks[name] if weeks is None else np.full(len(self), float(weeks))
        return replace(self, on={**self.on, name: np.full(len(self), float(value))}, weeks={**self.weeks, name: since})

    def with_covariate(self, covariate: Covariate, value: float) -> "Rows":
        """Return the same rows with one covariate at a value everywhere."""
        scaled = np.full(len(self), (value - covariate.center) / covariate.unit)
        return replace(self, covariates={**self.covariates, covariate.name: scaled})

    def unfaded(self, signals: Collection[str]) -> "Rows":
        """Return the same rows as if these signals had only just been sent."""
        fresh = {name: np.zeros(len(self)) for name in signals}
        return replace(self, weeks={**self.weeks, **fresh})


@dataclass(frozen=True)
class Cells:
    """Everything observed, ready for the likelihood.

    Parameters
    ----------
    levels
        Factor → its levels.
    rows
        One row per cell of counts, then one per topline.
    counts
        (count cells, answers): people; where they have weights, scaled to effective sizes (`design_effect`).
    toplines
        Published shares, in the order of the remaining rows.
    overdispersion
        Declared intraclass correlation of each topline, shape (toplines,).
    reports
        The data reports of the sources.
    people
        Who gave the counted answers, where the spec asks for people (`Respondent`).
    inside
        Answers between the ends of a slider.
    unweighted
        (count cells, answers): people, where ``counts`` are scaled; else None.
    scores
        The number of each answer, where answers are normal (`Gaussian`).
    valued
        (count cells, 3): n, Σ y and Σ y² of numbers that are no scores (of simulated normal answers); else None.
    choices
        Which of two profiles was chosen, where that is what was asked (`Spec.forced_choice`); else None.
    """

    levels: Levels
    rows: Rows
    counts: np.ndarray
    toplines: tuple[Topline, ...]
    overdispersion: np.ndarray
    reports: tuple[DataReport, ...] = ()
    people: People | None = None
    inside: Inside | None = None
    unweighted: np.ndarray | None = None
    scores: tuple[float, ...] = ()
    valued: np.ndarray | None = None
    choices: Choices | None = None

    @property
    def design_effects(self) -> np.ndarray:
        """People over effective size of what weights are scaled within, at each count cell, (cells,); 1 without."""
        people = self.counts if self.unweighted is None else self.unweighted
        place = np.column_stack([self.rows.codes[f][: len(people)] for f in FACTORS])
        _, inverse = np.unique(place, axis=0, return_inverse=True)
        whole, effective = (np.bincount(inverse.ravel(), x.sum(1)) for x in (people, self.counts))
        return np.asarray((whole / effective)[inverse.ravel()])

    @property
    def parts(self) -> np.ndarray:
        """Counts as the likelihood sees them: of answers; of a slider's two ends and between; of normal ones none.

        One row per count cell, but where profiles were chosen one per pair of profiles (`Choices.counts`).
        """
        if self.choices is not None:
            return self.choices.counts
        if self.scores:
            return np.zeros((len(self.counts), 2))
        return self.counts if self.inside is None else ends_and_between(self.counts)

    @property
    def sums(self) -> np.ndarray:
        """What numbers add up to, (count cells, 3): `Inside.sums` of a slider, or n, Σ y and Σ y²; else (0, 3)."""
        if self.inside is not None:
            return self.inside.sums(len(self.counts))
        return sums_of(self.counts, self.scores) if self.valued is None else self.valued

    def kept(self, mask: np.ndarray | None) -> np.ndarray:
        """Return which of ``parts`` are not held out, (parts,), for a ``mask`` (rows,) that is 0 where a row is."""
        keep = np.ones(len(self.rows)) if mask is None else np.asarray(mask)
        return keep[: len(self.counts)] > 0 if self.choices is None else self.choices.kept(keep)

    def labels(self) -> pd.DataFrame:
        """Return the labels of every row, one column per factor."""
        return labels_of(self.rows, self.levels)

    def _repr_html_(self) -> str:
        return cells_card(self)

    def __repr__(self) -> str:
        return cells_line(self)

    @property
    def size(self) -> np.ndarray:
        """People behind each row (the expected n of a topline), shape (rows,)."""
        expected = [float(t.n @ t.n_weight) for t in self.toplines]
        return np.concatenate([self.counts.sum(1).astype(float), np.asarray(expected, dtype=float)])

    @cached_property
    def lattice(self) -> Lattice:
        """The counts each topline allows."""
        return make_lattice(self.toplines, self.overdispersion, self.parts.shape[1])

    @cached_property
    def table(self) -> tuple[np.ndarray, np.ndarray]:
        """The log mass of toplines of two groups, tabulated (see `lattice.tabulate`)."""
        return tabulate(self.lattice, 2)


def labels_of(rows: Rows, levels: Levels) -> pd.DataFrame:
    """Return the labels of ``rows``, one column per factor."""
    return pd.DataFrame(
        {f: np.array(levels[f], dtype=object)[c] for f, c in rows.codes.items()}, columns=list(rows.codes)
    ).astype(object)


def make_cells(spec: Spec, sources: Sequence[Survey | Toplines]) -> Cells:
    """Return the cells of all sources together.

    Raises
    ------
    SpecError
        If answers differ between a source and the spec, a label is not declared, or a wave has no
        date although a signal needs it; all problems at once.
    """
    problems = list(source_problems(spec, sources))
    raise_spec(problems)
    surveys = [s for s in sources if isinstance(s, Survey)]
    raise_spec(list(within_problems(spec, surveys)))
    traits = [c.name for c in spec.used_covariates if c.of_people]
    keys = [*spec.factors, *traits]
    counted = by_level(spec, count_cells(spec, surveys, traits))
    published = list(chain.from_iterable(s.rows for s in sources if isinstance(s, Toplines)))
    rho = list(chain.from_iterable([s.overdispersion] * len(s.rows) for s in sources if isinstance(s, Toplines)))
    table = pd.concat(
        [counted[keys], pd.DataFrame([t.labels for t in published], columns=list(FACTORS))],
        ignore_index=True,
    ).fillna("")
    levels, problems = levels_of(spec, table)
    raise_spec(problems)
    rows = rows_of(spec, levels, table)
    counts = people = counted[list(range(len(spec.answers)))].to_numpy(dtype=np.int64)
    shown = {a.name: rows.codes[a.name][: len(people)] for a in spec.attributes}
    raise_spec(
        [Problem("level", w, m, (), r) for w, m, r in shown_problems(spec.restrictions, levels, shown, people.sum(1))]
    )
    if weighted := any(s.weighted for s in surveys):
        counts = scaled_counts([s.table for s in surveys], counted[keys], len(spec.answers))
    return Cells(
        levels=levels,
        rows=rows,
        counts=counts,
        unweighted=people if weighted else None,
        toplines=tuple(published),
        overdispersion=np.asarray(rho, dtype=float),
        reports=tuple(s.report for s in sources),
        people=people_of([s.table for s in surveys], counted[keys]) if surveys and spec.asks_for_people else None,
        inside=None if spec.slider is None else gather_inside([s.table for s in surveys], counted[keys], spec.slider),
        scores=spec.scores,
        valued=gather_sums([s.table for s in surveys], counted[keys], spec.scores),
        choices=choices_of([s.table for s in surveys], counted[keys], [a.name for a in spec.attributes])
        if spec.forced_choice
        else None,
    )


def rows_of(spec: Spec, levels: Levels, table: pd.DataFrame) -> Rows:
    """Return the `Rows` of a table of labels; factors that a spec declares itself may be left out of it.

    Raises
    ------
    SpecError
        If a label is not among the levels.
    """
    codes, problems = {}, []
    for factor in (f for f in spec.factors if f in FACTORS or f in table):
        index = {label: i for i, label in enumerate(levels[factor])}
        values = table[factor].astype(str).to_numpy(dtype=object)
        unknown = sorted({v for v in values if v not in index})
        if unknown:
            problems.append(
                Problem("level", factor, f"unknown: {unknown[:5]}", (), nearest(unknown[0], levels[factor]))
            )
            continue
        codes[factor] = np.fromiter((index[v] for v in values), dtype=np.int64, count=len(values))
    raise_spec(problems)
    on = {s.name: exposure(spec, s, levels, codes) for s in spec.signals}
    weeks = {s.name: weeks_since(spec, s, levels)[codes["wave"]] for s in spec.signals}
    return Rows(codes, on, weeks, group_covariates(spec, levels, codes) | trait_values(spec.used_covariates, table))


def group_covariates(spec: Spec, levels: Levels, codes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the covariates of groups that terms use, in every row; a row without a value is refused by name.

    Those of a factor that ``codes`` has not are left out.
    """
    out, problems = {}, []
    for covariate in (c for c in spec.used_covariates if not c.of_people and set(c.by) <= set(codes)):
        grid = np.full([len(levels[f]) for f in covariate.by], np.nan)
        place = [{label: i for i, label in enumerate(levels[f])} for f in covariate.by]
        for key, value in covariate.values:
            index = [p.get(label) for p, label in zip(place, key.split(JOINED), strict=True)]
            if None not in index:
                grid[tuple(index)] = (value - covariate.center) / covariate.unit
        out[covariate.name] = grid[tuple(codes[f] for f in covariate.by)]
        gone = np.isnan(out[covariate.name])
        if gone.any():
            asked = np.unique(np.column_stack([codes[f] for f in covariate.by]), axis=0)
            missing = [row for row in asked if np.isnan(grid[tuple(row)])]
            names = sorted(JOINED.join(levels[f][i] for f, i in zip(covariate.by, row, strict=True)) for row in missing)
            message = f"no value for {len(missing)} of {len(asked)}: {names[:5]}"
            problems.append(
                Problem("level", f"covariates.{covariate.name}", message, (), "declare it, or leave these out")
            )
    raise_spec(problems)
    return out


def exposure(spec: Spec, signal: Signal, levels: Levels, codes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return 1 where a row's wave starts after the signal and its country is exposed, else 0."""
    after = {w.name: float(w.start > signal.date) for w in spec.waves}
    wave = np.array([after.get(w, 0.0) for w in levels["wave"]])
    country = np.array([float(not signal.countries or c in signal.countries) for c in levels["country"]])
    return wave[codes["wave"]] * country[codes["country"]]


def weeks_since(spec: Spec, signal: Signal, levels: Levels) -> np.ndarray:
    """Return the weeks from a signal to the middle of each wave of ``levels``, 0 before it, shape (waves,)."""
    middle = {w.name: 0.5 * (w.start.toordinal() + w.end.toordinal()) for w in spec.waves}
    days = np.array([middle.get(w, 0.0) for w in levels["wave"]]) - signal.date.toordinal()
    return np.asarray(np.maximum(days, 0.0) / 7)
