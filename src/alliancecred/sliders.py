"""Answers on a slider, 0 to 100, as ordered beta: two ends that people choose outright, and a beta between them.

``P(low end) = logit⁻¹(cut₁ − η)``, ``P(high end) = logit⁻¹(η − cut₂)``, and an answer in between, as a share of the
scale, is Beta(μφ, (1 − μ)φ) with μ = logit⁻¹(η) (Kubinec 2023, Political Analysis 31, 519-536, section 2). All answers
of a cell enter by five numbers: how many at each end and in between, Σ log y and Σ log(1 − y) of those in between.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import betainc, digamma, expit, gammaln, zeta

from .errors import Problem
from .outcome import log_probs
from .priors import LogNormal, Normal

LOCATION, PRECISION = "cut_location", "precision"
PARTS = 4  # the low end, between up to ``above``, between beyond it, the high end
ENDS_AND_BETWEEN = 3
SMALLEST = 1e-15  # shares of the scale closer to its ends than this are taken for this
Slopes = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Slider:
    """Answers are numbers from ``low`` to ``high``, both included; those beyond ``above`` count as credible.

    The spec then declares four answers, names of the parts of the scale: the low end, from there to ``above``
    (included), beyond it, and the high end; the last two are its ``top``.

    Parameters
    ----------
    low, high
        The ends of the scale.
    above
        Where credible begins; strictly between the ends.
    location
        Prior of the middle of the two cuts (logit).
    spacing
        Prior of the log of their distance.
    precision
        Prior of φ; an answer between the ends has variance μ(1 − μ)/(1 + φ).

    Examples
    --------
    >>> Slider().share(np.array([0.0, 25.0, 100.0]))
    array([0.  , 0.25, 1.  ])
    """

    low: float = 0.0
    high: float = 100.0
    above: float = 50.0
    location: Normal = Normal(0.0, 1.0)
    spacing: Normal = Normal(1.5, 0.7)
    precision: LogNormal = LogNormal(5.0, 1.0)

    def share(self, value: np.ndarray) -> np.ndarray:
        """Return values as shares of the scale."""
        return np.asarray((value - self.low) / (self.high - self.low))

    def part(self, share: np.ndarray) -> np.ndarray:
        """Return which part of the scale shares of it lie in, 0 to 3."""
        between = 1 + (share > self.share(np.asarray(self.above)) + SMALLEST)
        return np.where(share <= 0.0, 0, np.where(share >= 1.0, PARTS - 1, between))


@dataclass(frozen=True)
class Inside:
    """Answers between the ends: ``times`` people of cell ``row`` gave ``share`` (of the scale); each (entries,)."""

    row: np.ndarray
    share: np.ndarray
    times: np.ndarray

    def sums(self, rows: int) -> np.ndarray:
        """Return how many there are per row, Σ log y and Σ log(1 − y), (rows, 3)."""
        terms = (np.ones(len(self.row)), np.log(self.share), np.log1p(-self.share))
        return np.column_stack([np.bincount(self.row, self.times * t, rows)[:rows] for t in terms])


def gather_inside(tables: Sequence[pd.DataFrame], cells: pd.DataFrame, slider: Slider) -> Inside:
    """Return the answers between the ends, from tables of answers with their ``value``, by the row of ``cells``."""
    keys = list(cells.columns)
    place = cells.assign(row=np.arange(len(cells)))
    table = pd.concat([t[[*keys, "value", "count"]] for t in tables], ignore_index=True)
    table = table.assign(share=slider.share(table["value"].to_numpy(dtype=float)))
    table = table[(table["share"] > 0) & (table["share"] < 1)].merge(place, on=keys, how="left")
    sums = table.groupby(["row", "share"], sort=True)["count"].sum().reset_index()
    return Inside(*(sums[k].to_numpy() for k in ("row", "share", "count")))


def slider_problems(slider: Slider, answers: Sequence[str], top: Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with a slider and the parts of it that are declared as answers."""
    if not slider.low < slider.above < slider.high or not np.isfinite(slider.high - slider.low):
        yield Problem(
            "outcome", "slider", f"low < above < high is needed, got {slider.low}, {slider.above}, {slider.high}"
        )
    if len(answers) != PARTS or tuple(top) != tuple(answers[2:]):
        remedy = 'answers=("0", "1-50", "51-99", "100"), top=("51-99", "100")'
        yield Problem(
            "outcome", "answers", "of a slider: four parts of the scale, of which the last two are top", (), remedy
        )
    for name, sd in (
        ("location", slider.location.sd),
        ("spacing", slider.spacing.sd),
        ("precision", slider.precision.sd),
    ):
        if not 0 < sd < np.inf:
            yield Problem("outcome", f"slider.{name}", f"the prior's sd must be positive, got {sd}")
    if not 0 < slider.precision.median < np.inf:
        yield Problem("outcome", "slider.precision", f"a positive median is needed, got {slider.precision.median}")


def ends_and_between(counts: np.ndarray) -> np.ndarray:
    """Return counts (…, 4) of the parts as those of low end, between, high end, (…, 3)."""
    return np.stack([counts[..., 0], counts[..., 1] + counts[..., 2], counts[..., 3]], axis=-1)


def part_probs(eta: np.ndarray, cuts: np.ndarray, precision: np.ndarray, above: float) -> np.ndarray:
    """Return P(part of the scale), (…, 4), for η (…), two cuts (…, 2), φ (…) and ``above`` as a share of the scale.

    Examples
    --------
    >>> part_probs(np.zeros(1), np.array([[-20.0, 20.0]]), np.array([2.0]), 0.25).round(3)
    array([[0.  , 0.25, 0.75, 0.  ]])
    """
    low, between, high = np.moveaxis(np.exp(log_probs(eta, cuts)), -1, 0)
    mean = expit(eta)
    below = betainc(np.maximum(mean * precision, SMALLEST), np.maximum((1 - mean) * precision, SMALLEST), above)
    return np.stack([low, between * below, between * (1 - below), high], axis=-1)


def mean_share(eta: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Return the mean answer as a share of the scale: P(high end) + P(between) · μ."""
    _, between, high = np.moveaxis(np.exp(log_probs(eta, cuts)), -1, 0)
    return np.asarray(high + between * expit(eta))


def log_density(eta: np.ndarray, precision: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Return the log density of answers between the ends, of the same shape as η; ``sums`` (…, 3) as in `Inside`."""
    n, logs, rest = np.moveaxis(sums, -1, 0)
    a, b = np.maximum(expit(eta) * precision, SMALLEST), np.maximum(expit(-eta) * precision, SMALLEST)
    return np.asarray(n * (gammaln(precision) - gammaln(a) - gammaln(b)) + (a - 1) * logs + (b - 1) * rest)


def slopes(eta: np.ndarray, precision: np.ndarray, sums: np.ndarray) -> Slopes:
    """Return `log_density` with its slope and minus its curvature by η."""
    n, logs, rest = np.moveaxis(sums, -1, 0)
    mean, other = expit(eta), expit(-eta)
    a, b = np.maximum(mean * precision, SMALLEST), np.maximum(other * precision, SMALLEST)
    by_mean = precision * (n * (digamma(b) - digamma(a)) + logs - rest)
    bend = n * precision**2 * (zeta(2, a) + zeta(2, b))  # ζ(2, x) = ψ'(x)
    spread = mean * other
    return (
        log_density(eta, precision, sums),
        by_mean * spread,
        bend * spread**2 - by_mean * spread * (other - mean),
    )


def rough_precision(inside: Inside, rows: int) -> float:
    """Return φ by the moments of the answers in each row, the median over rows with three or more."""
    n = np.bincount(inside.row, inside.times, rows)
    mean, square = (np.bincount(inside.row, inside.times * inside.share**k, rows) / np.maximum(n, 1) for k in (1, 2))
    variance = square - mean**2
    told = (n > 2) & (variance > 0)
    return float(np.median(mean[told] * (1 - mean[told]) / variance[told] - 1)) if told.any() else 5.0


def draws_of(draws: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle of the cuts and φ, each (draws, 1)."""
    location, precision = (np.asarray(draws[k], dtype=float).reshape(-1, 1) for k in (LOCATION, PRECISION))
    return location, precision
