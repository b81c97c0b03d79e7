"""One published share: whose it is, and the bounds that its precision allows."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .errors import Problem, nearest
from .labels import shown

HALF_WIDTH = {"integer": 0.5, "one decimal": 0.05, "two decimals": 0.005}
PRECISIONS = (*HALF_WIDTH, "verbal")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")

Row = Mapping[str, str | None]


@dataclass(frozen=True)
class Complaint:
    """What is wrong with one cell of one row; complaints of one kind become one `Problem`."""

    column: str
    what: str
    value: str
    remedy: str = ""


def gather(complaints: Sequence[tuple[int, Complaint]]) -> list[Problem]:
    """Return one problem per column and kind of complaint, with its rows and values.

    Examples
    --------
    >>> wrong = Complaint("pct", "outside 0 to 100", "130")
    >>> print(*gather([(4, wrong), (7, wrong)]))
    pct: 2 × outside 0 to 100: '130' (rows 4, 7)
    """
    kinds: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for row, c in complaints:
        kinds.setdefault((c.column, c.what, c.remedy), []).append((row, c.value))
    return [
        Problem(
            "outcome",
            column,
            f"{len(found)} × {what}: {shown(dict.fromkeys(value for _, value in found))}",
            tuple(row for row, _ in found[:5]),
            remedy,
        )
        for (column, what, remedy), found in kinds.items()
    ]


def number(text: str | None) -> float | None:
    """Return a finite number written with a decimal point, else ``None``.

    Examples
    --------
    >>> number("44.5"), number("44,5"), number("inf"), number(None)
    (44.5, None, None, None)
    """
    return float(text) if text is not None and _NUMBER.match(text.strip()) and math.isfinite(float(text)) else None


def row_numbers(row: Row, columns: Collection[str]) -> tuple[dict[str, float], list[Complaint]]:
    """Return those columns of a row that hold a number; text that is none is complained of."""
    values = {c: number(row.get(c)) for c in columns}
    remedy = "digits and a decimal point, as 44.5"
    wrong = [
        Complaint(c, "no finite number", str(row[c]), remedy)
        for c, value in values.items()
        if value is None and row.get(c) is not None
    ]
    return {c: v for c, v in values.items() if v is not None}, wrong


# --- bounds -------------------------------------------------------------------------------------
def share_bounds(row: Row) -> tuple[tuple[float, float], list[Complaint]]:
    """Return the lowest and highest share, in per cent, that the published value allows.

    Examples
    --------
    >>> share_bounds({"pct": "37", "precision": "integer"})
    ((36.5, 37.5), [])
    >>> share_bounds({"pct": "*", "precision": "integer"})
    ((0.0, 0.5), [])
    """
    precision = str(row.get("precision"))
    if precision not in PRECISIONS:
        remedy = "exact shares are counts: give them to read_counts" if precision == "exact" else ""
        return (0.0, 100.0), [Complaint("precision", "unknown", precision, remedy or nearest(precision, PRECISIONS))]
    star = row.get("pct") == "*"
    given, wrong = row_numbers(row, ("lower", "upper") if star else ("pct", "lower", "upper"))
    wrong += [
        Complaint(c, "outside 0 to 100", str(row[c]), "give per cent")
        for c, value in given.items()
        if not 0 <= value <= 100
    ]
    if wrong:
        return (0.0, 100.0), wrong
    if star:
        return (0.0, 0.5), _contradictions(row, given, (0.0, 0.5))
    return _verbal(row, given) if precision == "verbal" else _rounded(row, given, HALF_WIDTH[precision])


def _rounded(row: Row, given: Mapping[str, float], half: float) -> tuple[tuple[float, float], list[Complaint]]:
    if "pct" not in given:
        return (0.0, 100.0), [Complaint("pct", "empty, though not verbal", str(row["precision"]), "give the per cent")]
    pct = given["pct"]
    steps = pct / (2 * half)
    if abs(steps - round(steps)) > 1e-6:
        remedy = f"its precision is none of {row['precision']!r}: say 'one decimal' or 'two decimals'"
        return (0.0, 100.0), [Complaint("pct", f"not rounded to {row['precision']}", str(row["pct"]), remedy)]
    bounds = (max(pct - half, 0.0), min(pct + half, 100.0))
    return bounds, _contradictions(row, given, bounds, half)


def _contradictions(
    row: Row, given: Mapping[str, float], bounds: tuple[float, float], half: float = 0.0
) -> list[Complaint]:
    remedy = "leave lower and upper empty, or say 'verbal'"
    return [
        Complaint(c, f"contradicts pct and precision ({allowed:g})", str(row[c]), remedy)
        for c, allowed in zip(("lower", "upper"), bounds, strict=True)
        if c in given and abs(given[c] - allowed) > 1e-6
    ]


def _verbal(row: Row, given: Mapping[str, float]) -> tuple[tuple[float, float], list[Complaint]]:
    absent = [c for c in ("lower", "upper") if c not in given]
    if absent:
        remedy = "say which per cents the words allow"
        return (0.0, 100.0), [Complaint(c, "empty, though precision is verbal", "", remedy) for c in absent]
    bounds = (given["lower"], given["upper"])
    if bounds[0] > bounds[1]:
        return bounds, [Complaint("lower", "above upper", f"{bounds[0]:g} > {bounds[1]:g}", "exchange them")]
    if not bounds[0] <= given.get("pct", bounds[0]) <= bounds[1]:
        remedy = "mend the bounds"
        return bounds, [Complaint("pct", f"outside its bounds {bounds[0]:g} to {bounds[1]:g}", str(row["pct"]), remedy)]
    return bounds, []


def answer_codes(text: str | None, answers: Sequence[str], top: Sequence[str]) -> tuple[int, ...]:
    """Return the codes of the answers a row is about; none if it names something else.

    Examples
    --------
    >>> answer_codes("likely + very likely", ("unlikely", "likely", "very likely"), ("very likely",))
    (1, 2)
    """
    text = str(text)
    names = (text,) if text in answers else tuple(top) if text == "top" else tuple(text.split(" + "))
    if len(set(names)) < len(names) or not set(names) <= set(answers):
        return ()
    return tuple(sorted(list(answers).index(name) for name in names))
