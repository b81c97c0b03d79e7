"""Numbers beside their intervals, with as many digits as it takes to see on which side they lie."""

from collections.abc import Hashable, Mapping
from typing import Any

from ..markup import Html, el, join
from ..summaries import digits_for, number

Row = Mapping[Hashable, Any]
_MORE = 3  # digits that are added at most


def digits_apart(value: float, low: float, high: float, digits: int) -> int:
    """Return the digits with which a value that lies outside its interval is seen to do so.

    Examples
    --------
    >>> digits_apart(7.38, 7.41, 9.0, 1), digits_apart(7.0, 7.41, 9.0, 1)
    (2, 1)
    """
    if low <= value <= high:
        return digits
    for more in range(digits, digits + _MORE):
        if not round(low, more) <= round(value, more) <= round(high, more):
            return more
    return digits + _MORE


def with_interval(row: Row, unit: str, *, digits: int | None = None) -> Html:
    """Return ``mean [lower, upper]`` of a row of a summary; a line may break before the interval, not in it."""
    shown = digits_for(unit) if digits is None else digits
    mean, low, high = (number(float(row[k]), digits=shown) for k in ("mean", "lower", "upper"))
    return join(f"{mean} ", el("span", f"[{low}, {high}]", attrs={"class": "ci"}))
