"""Whom a profile is up against where one of two is chosen, and the chance that it is chosen."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .profiles import SEED, spread

EXACT = 64  # profiles that opponents are at most, or bins of as many
_DRAWN = 512  # of more profiles so many stand for all
_BINS = np.r_[:16, 16 : _DRAWN - 16 : 15, _DRAWN - 16 : _DRAWN]  # where the bins of those begin
_APART, _BEYOND = 0.3, 2.0  # logits between knots, and from the opponents to the last ones


@dataclass(frozen=True)
class Opponents:
    """The profiles a profile is up against: attribute → codes, (profiles,), and the share of each, (profiles,)."""

    codes: Mapping[str, np.ndarray]
    share: np.ndarray

    def curve(self, against: np.ndarray) -> "Curve":
        """Return the chance of being chosen against these by η, for their η′, ``against`` (draws, opponents)."""
        share, middle, variance = self.share, against, np.zeros((len(against), 0))
        if against.shape[1] > EXACT:
            values, size = np.sort(against, axis=1), np.diff(_BINS, append=_DRAWN)
            middle = np.add.reduceat(values, _BINS, axis=1) / size
            variance = np.add.reduceat(values**2, _BINS, axis=1) / size - middle**2
            share = size / _DRAWN
        return Curve(share, middle, variance, float(against.min()) - _BEYOND, float(against.max()) + _BEYOND)


@dataclass(frozen=True)
class Curve:
    """The mean of logit⁻¹(η − η′) over opponents, as a function of η, in every draw.

    More than 64 opponents are sorted and put in 64 bins (of one each at the ends), each of which stands for a mean,
    ``middle`` (draws, bins), and a ``variance``. Where there are many rows, chances between ``low`` and ``high`` are
    interpolated by cubics that have the right value and slope every 0.3 logits. Either moves a chance by less than
    1e-5.
    """

    share: np.ndarray
    middle: np.ndarray
    variance: np.ndarray
    low: float
    high: float

    def at(self, eta: np.ndarray) -> np.ndarray:
        """Return the chances for ``eta`` (draws, rows)."""
        low, high = self.low, self.high
        if eta.shape[1] <= 2 * len(self._knots) or eta.min() < low or eta.max() > high:
            return self._exactly(eta)[0]
        value, slope = self._table
        apart, size = self._knots[1] - self._knots[0], len(self._knots)
        place = (eta.T - low) / apart  # draws along the last axis, as `linear_predictor` has them
        i = np.minimum(place.astype(np.int64), size - 2)
        u = place - i
        i += size * np.arange(len(eta))
        a, b, da, db = (np.take(table, i + k) for table in (value, slope) for k in (0, 1))
        return np.asarray(a + u * (da + u * (3 * (b - a) - 2 * da - db + u * (2 * (a - b) + da + db)))).T

    @cached_property
    def _knots(self) -> np.ndarray:
        return np.linspace(self.low, self.high, math.ceil((self.high - self.low) / _APART) + 1)

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """Values and slopes per interval at the knots, (draws, knots)."""
        value, slope = self._exactly(np.tile(self._knots, (len(self.middle), 1)))
        return value, slope * (self._knots[1] - self._knots[0])

    def _exactly(self, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, slope = np.zeros(eta.shape), np.zeros(eta.shape)
        with np.errstate(over="ignore"):
            for j in range(len(self.share)):
                p = 1 / (1 + np.exp(self.middle[:, [j]] - eta))
                first = p * (1 - p)
                if self.variance.size:
                    half = 0.5 * self.variance[:, [j]]
                    value += self.share[j] * half * first * (1 - 2 * p)
                    slope += self.share[j] * half * first * (1 - 6 * first)
                value += self.share[j] * p
                slope += self.share[j] * first
        return value, slope


def opponents_of(codes: Mapping[str, np.ndarray], times: np.ndarray) -> Opponents:
    """Return the profiles of rows as opponents, as often as they were shown, ``times`` (rows,).

    At most 64 are all of them; of more, 512 are drawn (always the same).

    Examples
    --------
    >>> opponents_of({"sex": np.array([0, 1, 0])}, np.array([1, 2, 1])).share.tolist()
    [0.5, 0.5]
    """
    table, inverse = np.unique(np.column_stack(list(codes.values())), axis=0, return_inverse=True)
    share = np.bincount(inverse.ravel(), times, len(table)) / times.sum()
    if len(table) > EXACT:
        order = np.random.default_rng(SEED).permutation(len(table))
        table, share = table[order[spread(share[order], _DRAWN)]], np.full(_DRAWN, 1 / _DRAWN)
    return Opponents({f: table[:, j] for j, f in enumerate(codes)}, share)
