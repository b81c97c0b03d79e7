"""The linear family of counted answers: every answer is a number, and numbers are normal around η.

``score ~ Normal(η, sigma)``, identity link. With two answers scored 0 and 1 it is the linear probability model, whose
slopes are the marginal effects of a conjoint experiment (Hainmueller, Hopkins & Yamamoto 2014, Political Analysis 22,
1-30); with more, a rating taken for a number, as by the family ``gaussian`` of brms (Bürkner 2017, Journal of
Statistical Software 80(1)). All answers of a cell enter by three numbers: how many, Σ y and Σ y².
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .errors import Problem
from .priors import LogNormal

SIGMA = "sigma"
LOG_2PI = float(np.log(2 * np.pi))
ENOUGH = 10.0  # degrees of freedom within cells that tell sigma roughly
Slopes = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Gaussian:
    """Answers are numbers, normal around η; η, effects and all priors are in points of their scale.

    The defaults of terms and of the intercept are meant for logits: declare priors that suit the scale.

    Parameters
    ----------
    scores
        A number for each answer, increasing; empty: 0 and 1 for two answers, 1 to K for more.
    sd
        Prior of sigma, the sd of answers around η (points).

    Examples
    --------
    >>> Gaussian().numbers(2), Gaussian().numbers(3), Gaussian((-2.0, 0.0, 2.0)).numbers(3)
    ((0.0, 1.0), (1.0, 2.0, 3.0), (-2.0, 0.0, 2.0))
    """

    scores: tuple[float, ...] = ()
    sd: LogNormal = LogNormal(1.0, 1.0)

    def numbers(self, answers: int) -> tuple[float, ...]:
        """Return the number of each of so many answers."""
        first = 0 if answers == 2 else 1
        return self.scores or tuple(float(first + k) for k in range(answers))

    def has_shares(self, answers: int) -> bool:
        """Return whether η is a share: of two answers scored 0 and 1, that of the second."""
        return self.numbers(answers) == (0.0, 1.0)


def gaussian_problems(gaussian: Gaussian, answers: Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with the numbers of answers and with the prior of sigma."""
    scores, prior = gaussian.scores, gaussian.sd
    if scores and len(scores) != len(answers):
        message = f"{len(scores)} numbers for {len(answers)} answers"
        yield Problem("schema", "gaussian.scores", message, (), "one for each, or none: 0 and 1, or 1 to K")
    if not np.isfinite(scores).all() or not (np.diff(scores) > 0).all():
        yield Problem("schema", "gaussian.scores", f"finite, increasing numbers are needed, got {list(scores)}")
    if not 0 < prior.median < np.inf or not 0 < prior.sd < np.inf:
        message = f"a positive median and sd are needed, got {prior.median} and {prior.sd}"
        yield Problem("schema", "gaussian.sd", message)


def sums_of(counts: np.ndarray, scores: Sequence[float]) -> np.ndarray:
    """Return n, Σ y and Σ y² of each cell, (cells, 3), from counts (cells, answers); without scores (0, 3).

    Examples
    --------
    >>> sums_of(np.array([[1, 0, 2]]), (1.0, 2.0, 3.0))
    array([[ 3.,  7., 19.]])
    """
    return np.asarray(counts @ np.vander(scores, 3, increasing=True)) if len(scores) else np.zeros((0, 3))


def gather_sums(tables: Sequence[pd.DataFrame], cells: pd.DataFrame, scores: Sequence[float]) -> np.ndarray | None:
    """Return n, Σ y and Σ y² by the row of ``cells``, (cells, 3), where tables have numbers (``value``); else None.

    Answers of tables without numbers count as their scores.
    """
    if not scores or not any("value" in t for t in tables):
        return None
    keys = list(cells.columns)
    number = [t.get("value", pd.Series(np.asarray(scores)[t["answer"]], t.index)) for t in tables]
    table = pd.concat([t.assign(y=y)[[*keys, "y", "count"]] for t, y in zip(tables, number, strict=True)])
    table = table.merge(cells.assign(row=np.arange(len(cells))), on=keys)
    times, y = table["count"].to_numpy(dtype=float), table["y"].to_numpy(dtype=float)
    return np.column_stack([np.bincount(table["row"], times * y**k, len(cells)) for k in range(3)])


def log_density(eta: np.ndarray, sigma: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Return the log density of the answers of each cell, of the same shape as η; ``sums`` (…, 3) as in `sums_of`.

    Examples
    --------
    >>> log_density(np.array([0.5]), np.array([2.0]), np.array([[1.0, 0.5, 0.25]])).round(4)
    array([-1.6121])
    """
    n, total, square = np.moveaxis(sums, -1, 0)
    away = square - 2 * eta * total + n * eta**2
    return np.asarray(-n * (np.log(sigma) + 0.5 * LOG_2PI) - 0.5 * away / sigma**2)


def slopes(eta: np.ndarray, sigma: np.ndarray, sums: np.ndarray) -> Slopes:
    """Return `log_density` with its slope and minus its curvature by η."""
    n, total, _ = np.moveaxis(sums, -1, 0)
    known = n / sigma**2
    return log_density(eta, sigma, sums), total / sigma**2 - eta * known, known + 0.0 * eta


def rough_sigma(sums: np.ndarray) -> float:
    """Return the sd of answers within cells; where most cells have one answer, that over all; 1 where none differ."""
    n, total, square = sums[sums[:, 0] > 0].T
    within = (square - total**2 / n).sum(), (n - 1).sum()
    whole = square.sum() - total.sum() ** 2 / n.sum(), n.sum() - 1
    squares, free = within if within[1] > ENOUGH else whole
    return float(np.sqrt(squares / free)) if squares > 0 and free > 0 else 1.0


def draws_of(draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return sigma, (draws, 1)."""
    return np.asarray(draws[SIGMA], dtype=float).reshape(-1, 1)
