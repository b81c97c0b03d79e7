"""Days of interviews at the door."""

import datetime as dt
import re

import numpy as np
import pandas as pd

from .errors import Problem
from .labels import as_text, first_rows, shown

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?\Z")


def read_dates(series: pd.Series, column: str) -> tuple[np.ndarray, list[Problem]]:
    """Return days, NaT where there is none, and what is wrong with a column of dates or of text like 2025-03-01.

    Examples
    --------
    >>> read_dates(pd.Series(["2025-03-01", None]), "day")[0].astype(str).tolist()
    ['2025-03-01', 'NaT']
    """
    values = series.tolist()
    bad = np.array([_day(v) is None for v in values], dtype=bool)
    if bad.any():
        seen = shown(list(dict.fromkeys(str(v) for v, wrong in zip(values, bad, strict=True) if wrong)))
        message = f"{int(bad.sum())} values are no dates: {seen}"
        return np.full(len(values), "NaT", "datetime64[D]"), [
            Problem("schema", column, message, first_rows(bad), "write days as 2025-03-01")
        ]
    return np.array([_day(v) for v in values], dtype="datetime64[D]"), []


def _day(value: object) -> str | None:
    """Return a day in ISO form, ``NaT`` for an empty cell, None for what is no date."""
    if isinstance(value, dt.date | np.datetime64) and not pd.isna(value):
        return str(np.datetime64(value, "D"))
    text = as_text(value)
    if text is None or not text.strip():
        return "NaT"
    text = text.strip()
    try:
        return str(dt.date.fromisoformat(text[:10])) if _ISO.match(text) else None
    except ValueError:
        return None
