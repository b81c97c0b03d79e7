"""How many people a published share may rest on: exactly known, an average, or a range."""

import math
from collections.abc import Mapping

import numpy as np

from .errors import nearest
from .shares import Complaint, Row, row_numbers

N_KINDS = ("exact", "average", "range")
GRID = 15
_NEEDS = {"exact": ("n",), "average": ("n", "n_spread"), "range": ("n_low", "n_high")}
_ALLOWS = {"exact": ("n",), "average": ("n", "n_spread"), "range": ("n", "n_low", "n_high")}
_WHOLE = {"exact": ("n",), "average": (), "range": ("n_low", "n_high")}

Sizes = tuple[tuple[int, float], ...]


def sample_sizes(row: Row) -> tuple[Sizes, list[Complaint]]:
    """Return the possible sample sizes of a cell with their probabilities.

    ``exact``: ``n``. ``average``: whole numbers within three ``n_spread`` of ``n``, weighted by a
    truncated normal. ``range``: equally likely whole numbers from ``n_low`` to ``n_high``.

    Examples
    --------
    >>> sample_sizes({"n_kind": "range", "n_low": "10", "n_high": "11"})
    (((10, 0.5), (11, 0.5)), [])
    """
    kind = str(row.get("n_kind"))
    if kind not in N_KINDS:
        return (), [Complaint("n_kind", "unknown", kind, nearest(kind, N_KINDS))]
    columns = ("n", "n_spread", "n_low", "n_high")
    given, wrong = row_numbers(row, columns)
    wrong += [Complaint(c, f"needed when n_kind is {kind}", "") for c in _NEEDS[kind] if row.get(c) is None]
    wrong += [
        Complaint(c, f"has no place when n_kind is {kind}", str(row[c]), "leave it empty, or mend n_kind")
        for c in columns
        if row.get(c) is not None and c not in _ALLOWS[kind]
    ]
    for c, value in given.items():
        if not 0 < value <= 1e9:
            wrong.append(Complaint(c, "not a positive number of people", str(row[c])))
        elif c in _WHOLE[kind] and value != round(value):
            wrong.append(Complaint(c, "not a whole number", str(row[c]), "an average? say n_kind 'average'"))
    if kind == "range" and not wrong:
        wrong += _range_complaints(given)
    if wrong:
        return (), wrong
    return _grid(kind, given), []


def _range_complaints(given: Mapping[str, float]) -> list[Complaint]:
    low, high = given["n_low"], given["n_high"]
    if low > high:
        return [Complaint("n_low", "above n_high", f"{low:g} > {high:g}", "exchange them")]
    if not low <= given.get("n", low) <= high:
        return [Complaint("n", f"not between n_low and n_high ({low:g} to {high:g})", f"{given['n']:g}")]
    return []


def _grid(kind: str, given: Mapping[str, float]) -> Sizes:
    match kind:
        case "exact":
            return ((int(given["n"]), 1.0),)
        case "range":
            n = _whole(int(given["n_low"]), int(given["n_high"]))
            return tuple((v, 1 / len(n)) for v in n.tolist())
        case _:
            return _normal_grid(given["n"], given["n_spread"])


def _whole(low: int, high: int) -> np.ndarray:
    return np.unique(np.round(np.linspace(low, high, min(GRID, high - low + 1))).astype(np.int64))


def _normal_grid(mean: float, spread: float) -> Sizes:
    """Return whole numbers with the normal density there times their spacing, cut at three spreads and at 1."""
    low, high = max(1, math.ceil(mean - 3 * spread)), math.floor(mean + 3 * spread)
    if low >= high:
        return ((max(1, round(mean)), 1.0),)
    n = _whole(low, high)
    weight = np.exp(-0.5 * ((n - mean) / spread) ** 2) * np.gradient(n)
    return tuple(zip(n.tolist(), (weight / weight.sum()).tolist(), strict=True))
