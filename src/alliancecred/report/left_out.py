"""What was left out and predicted from the rest: what that was, how it went, and row by row."""

import pandas as pd

from ..markup import Html, el, join, link, table
from ..spec import Spec
from ..summaries import number
from .contents import Contents
from .rounding import Row, digits_apart, with_interval

EXPECTED = 0.05  # of all, outside a 95 % interval
_FACTORS = {"country": "country", "ally": "ally", "target": "state to be defended", "wave": "wave",
            "population": "population"}  # fmt: skip


def what_varies(frame: pd.DataFrame) -> list[str]:
    """Return the factors whose combinations are left out one at a time: those in which the lines differ."""
    return [k for k in _FACTORS if frame[k].nunique() > 1] or ["country"]


def left_out_title(frame: pd.DataFrame) -> str:
    """Return in words that each line is predicted from the others, naming what a line is.

    Examples
    --------
    >>> lines = pd.DataFrame({"country": ["DE", "PL"], "ally": "US", "target": "", "wave": "2025", "population": ""})
    >>> left_out_title(lines)
    'Each country predicted from all the others'
    """
    words = [_FACTORS[k] for k in what_varies(frame)]
    one = words[0] if len(words) == 1 else f"combination of {', '.join(words[:-1])} and {words[-1]}"
    return f"Each {one} predicted from all the others"


def left_out(contents: Contents) -> Html:
    """Return every line beside its prediction from a fit without it, and how many lie outside; nothing if not done."""
    frame = contents.left_out
    if frame is None:
        return Html("")
    spec, keys = contents.spec, what_varies(frame)
    unit, digits = ("%", 1) if spec.gaussian is None else ("points", 2)
    rows = [
        [_name(row, keys, spec), *_numbers(row, digits), f"{float(row['rank']):.2f}", str(row["status"])]
        for row in frame.to_dict("records")
    ]
    names = ", ".join(_FACTORS[k] for k in keys)
    head = (names[:1].upper() + names[1:], f"Observed, {unit}", "Predicted without it [95 %]", "Rank")
    bad = int((frame["status"] != "passed").sum())
    note = f" {bad} of these fits failed a gate: read their rows with care." if bad else ""
    return join(
        el("h3", left_out_title(frame)),
        table((*head, "Gates of that fit"), rows, numbers=(1, 2, 3), caption="Leave-one-out predictions"),
        el("p", verdict_words(frame, spec)),
        el(
            "p",
            "Rank: share of predictions below the observed value, ties and published bounds counted half." + note,
            " All columns: ",
            link("leave_one_out.csv", "leave_one_out.csv"),
            ".",
        ),
    )


def verdict_words(frame: pd.DataFrame, spec: Spec) -> str:
    """Return how many observed values lie outside the interval predicted without them, which, and how many would."""
    keys = what_varies(frame)
    outside = [_name(row, keys, spec) for row in frame.to_dict("records") if _side(row)]
    few = f"about {100 * EXPECTED:g} % would be expected, here {number(EXPECTED * len(frame))}"
    what = f"of {len(frame)} observed values lie{'s' if len(outside) == 1 else ''} outside the 95 % predictive interval"
    many = f"{len(outside) or 'None'} {what} of a fit without them"
    return f"{many}: {'; '.join(outside)}. By chance {few}." if outside else f"{many}; by chance {few}."


def _name(row: Row, keys: list[str], spec: Spec) -> str:
    return ", ".join(spec.label(str(row[k])) for k in keys if str(row[k]))


def _side(row: Row) -> int:
    """Return whether what was observed lies below (-1), in (0) or above (1) its interval; bounds that touch it do."""
    low, high, lower, upper = (float(row[k]) for k in ("observed_lower", "observed_upper", "lower", "upper"))
    return int(low > upper) - int(high < lower)


def _numbers(row: Row, digits: int) -> tuple[str, str]:
    """Return what was observed, and its prediction: with more digits where it lies outside by less than can be seen."""
    side, low, high = _side(row), float(row["observed_lower"]), float(row["observed_upper"])
    nearest = high if side < 0 else low
    shown = digits_apart(nearest, float(row["lower"]), float(row["upper"]), digits) if side else digits
    observed = number(low, digits=shown) if high - low < 0.05 else f"{number(low)}–{number(high)}"
    return observed, with_interval(row, "", digits=shown)
