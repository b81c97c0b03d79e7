"""What has passed the doors: frozen values the rest of the library may trust."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .ratings import Rating
from .sliders import Slider

ANSWER_COLUMNS = ("country", "ally", "target", "wave", "population", "answer", "count", "respondent")
VALUE, WEIGHT, DATE, CHOICE_SET = "value", "weight", "date", "choice_set"
EXTRA = (VALUE, WEIGHT, DATE, CHOICE_SET)
_TINY = 1e-9  # rounding of share times n


@dataclass(frozen=True)
class ReportLine:
    """One line of a data report: what happened to how many rows, and why.

    ``action`` is ``read``, ``used``, ``excluded`` or ``noted``.
    """

    action: str
    count: int
    what: str


@dataclass(frozen=True)
class DataReport:
    """Accounts for every row of a source: ``read`` equals ``used`` plus all ``excluded``."""

    source: str
    lines: tuple[ReportLine, ...]

    def total(self, action: str) -> int:
        """Return the number of rows over all lines of that action."""
        return sum(line.count for line in self.lines if line.action == action)

    def __str__(self) -> str:
        return "\n".join([self.source] + [f"  {x.action:>8} {x.count:>9,}  {x.what}" for x in self.lines])


@dataclass(frozen=True)
class Roles:
    """Which column of a table plays which role.

    ``answer`` may be left out only for `read_counts`. ``count`` names a column with how many
    people each row stands for, ``weight`` their survey weights, ``date`` the day of the interview
    (`event_window`), ``choice_set`` the number of the choice (of a respondent, or in all) that the profile of a row was
    part of, of which one of two had to be chosen (`Spec.forced_choice`).

    Examples
    --------
    >>> Roles(country="cntry", ally="judged", wave="wave", answer="likely").target is None
    True
    """

    country: str | None = None
    ally: str | None = None
    wave: str | None = None
    answer: str | None = None
    population: str | None = None
    target: str | None = None
    respondent: str | None = None
    weight: str | None = None
    count: str | None = None
    date: str | None = None
    choice_set: str | None = None


@dataclass(frozen=True)
class Survey:
    """Validated answers of people.

    Parameters
    ----------
    table
        Columns ``country, ally, target, wave, population`` (plain Python strings, ``""`` where the
        survey has no such factor), ``answer`` (int64 code 0…K-1 into ``answers``), ``count``
        (int64, people the row stands for) and ``respondent`` (string, ``""`` if unknown); of sliders also ``value``
        (float, the number that was answered), of weighted samples ``weight`` (float), and ``date`` of the interview
        (datetime64) and ``choice_set`` (string) if they are known.
    answers
        The answers in order.
    top
        Those that count as credible.
    report
        What became of every row.
    unsure
        Who answered "don't know": as ``table``, without ``answer``; None if that was not kept apart.
    slider
        The slider that numbers were answered on, if any.
    """

    table: pd.DataFrame
    answers: tuple[str, ...]
    top: tuple[str, ...]
    report: DataReport
    unsure: pd.DataFrame | None = None
    slider: Slider | None = None

    def __len__(self) -> int:
        return len(self.table)

    def _repr_html_(self) -> str:
        from .cards import survey_card

        return survey_card(self)

    def __repr__(self) -> str:
        from .cards import survey_line

        return survey_line(self)

    @property
    def traits(self) -> tuple[str, ...]:
        """Covariates of people that it knows: further columns of ``table``, as text."""
        return tuple(str(c) for c in self.table.columns if c not in (*ANSWER_COLUMNS, *EXTRA))

    @property
    def weighted(self) -> bool:
        """Whether people have weights."""
        return WEIGHT in self.table.columns


@dataclass(frozen=True)
class Topline:
    """One published share of the respondents of one cell.

    Parameters
    ----------
    labels
        Country, ally, target, wave, population.
    groups
        The answers, partitioned: one inner tuple of answer codes per published share, and a last
        group with what was not published (absent if everything was).
    lower, upper
        Bounds of the published shares (proportions), one per group that was published, inclusive.
    n, n_weight
        Grid of possible sample sizes and their prior probabilities (sum 1).
    published
        The published value in per cent as printed, for the report.
    source
        Where it was published.
    se
        Of a published mean: its standard error (share of the scale), one per entry of ``n``; ``groups`` then are the
        high and the low end of the scale, and the bounds those of the mean.
    """

    labels: Mapping[str, str]
    groups: tuple[tuple[int, ...], ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    n: np.ndarray
    n_weight: np.ndarray
    published: tuple[str, ...]
    source: str
    se: np.ndarray | None = None


@dataclass(frozen=True)
class Toplines:
    """Validated published percentages.

    ``rating`` is the scale whose means they are, None if they are percentages. ``overdispersion`` is the declared
    intraclass correlation ρ of the beta-binomial: the variance of a published share is p(1-p)/n · (1 + (n-1)ρ); 0 is
    the binomial.
    """

    rows: tuple[Topline, ...]
    answers: tuple[str, ...]
    top: tuple[str, ...]
    overdispersion: float
    report: DataReport
    rating: Rating | None = None

    def _repr_html_(self) -> str:
        from .cards import toplines_card

        return toplines_card(self)

    def __repr__(self) -> str:
        from .cards import toplines_line

        return toplines_line(self)

    def __len__(self) -> int:
        return len(self.rows)


def count_range(lower: float, upper: float, n: int) -> tuple[int, int]:
    """Return the fewest and most people of ``n`` that make a share between the bounds, both included.

    The second is smaller than the first where there is no such number.

    Examples
    --------
    >>> count_range(0.365, 0.375, 1000)
    (365, 375)
    """
    return max(0, math.ceil(lower * n - _TINY)), min(n, math.floor(upper * n + _TINY))
