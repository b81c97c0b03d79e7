"""Days of interviews at the door."""

import datetime as dt
import re

import numpy as np
import pandas as pd

from .errors import Problem
from .labels import as_text, first_rows, shown

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?\Z", re.DOTALL)
Day = tuple[str, str]  # in ISO form, and the zone of the time it was taken from


def read_dates(series: pd.Series, column: str) -> tuple[np.ndarray, list[Problem], str]:
    """Return days (NaT where there is none), what is wrong with a column of dates or text like 2025-03-01, and a note.

    Times with a zone are taken for their day in UTC, which the note says.

    Examples
    --------
    >>> read_dates(pd.Series(["2025-03-01", None]), "day")[0].astype(str).tolist()
    ['2025-03-01', 'NaT']
    >>> read_dates(pd.Series(["2025-03-01T23:30-05:00"]), "day")[2]
    'times of interview in UTC-05:00 are taken for their days in UTC'
    """
    values = series.tolist()
    days = [_day(v) for v in values]
    nothing = np.full(len(values), "NaT", "datetime64[D]")
    if any(d is None for d in days):
        bad = np.array([d is None for d in days], dtype=bool)
        seen = shown(list(dict.fromkeys(_words(v) for v, wrong in zip(values, bad, strict=True) if wrong)))
        message = f"{int(bad.sum())} values are no dates: {seen}"
        return nothing, [Problem("schema", column, message, first_rows(bad), "write days as 2025-03-01")], ""
    zones = [zone for day, zone in (d for d in days if d is not None) if day != "NaT"]
    if len(set(zones)) > 1:
        known = ", ".join(dict.fromkeys(zone or "no zone" for zone in zones))
        other = np.array([d is not None and d[0] != "NaT" and d[1] != zones[0] for d in days])
        remedy = "give days, or all times in one zone"
        problem = Problem("schema", column, f"times of several zones: {known}", first_rows(other), remedy)
        return nothing, [problem], ""
    note = f"times of interview in {zones[0]} are taken for their days in UTC" if zones and zones[0] else ""
    return np.array([d[0] for d in days if d is not None], dtype="datetime64[D]"), [], note


def _day(value: object) -> Day | None:
    """Return a day (``NaT`` for an empty cell) and the zone of its time; None for what is no date."""
    if isinstance(value, dt.date | np.datetime64) and not pd.isna(value):
        return _in_utc(value) if isinstance(value, dt.datetime) else (str(np.datetime64(value, "D")), "")
    text = as_text(value)
    if text is None or not text.strip():
        return "NaT", ""
    text = text.strip()
    try:
        return _in_utc(dt.datetime.fromisoformat(text)) if _ISO.match(text) else None
    except ValueError:
        return None


def _in_utc(time: dt.datetime) -> Day | None:
    if time.tzinfo is None:
        return str(time.date()), ""
    try:
        return str(time.astimezone(dt.UTC).date()), str(time.tzinfo)
    except (OverflowError, NotImplementedError):  # the first or the last day there is, Python's or pandas'
        return None


def _words(value: object) -> str:
    try:
        return str(value)
    except (OverflowError, ValueError):  # as above
        return "a time beyond all years"
