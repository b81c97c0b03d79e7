"""Columns of labels: outside values as text, coded, checked for what looks the same or is no label."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from .errors import Problem

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?\Z")
_FLOAT = re.compile(r"[+-]?\d+\.\d*\Z")
_DAY_FIRST = re.compile(r"\d{1,2}([./-])\d{1,2}\1(\d{2}|\d{4})\Z|\d{4}-\d\d-\d\d[T ]\d")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\ufeff\u00ad"))
_DATES = {"datetime64", "datetime", "date", "timedelta64", "timedelta", "time", "period", "interval"}
_SIMPLE = {"string", "empty", "integer", "floating", "mixed-integer-float", "decimal", "boolean"}


@dataclass(frozen=True)
class Coded:
    """A column of labels.

    Parameters
    ----------
    column
        Its name in the source, for messages.
    codes
        Per row the position in ``labels``; -1 where the cell is empty.
    labels
        The distinct labels as text.
    gone
        Positions of labels that mean "missing", and why.
    order
        The labels in the order the source declares, used or not; empty if it declares none.
    unused
        Labels the source declares but no row has.
    """

    column: str
    codes: np.ndarray
    labels: tuple[str, ...]
    gone: Mapping[int, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def rows(self, positions: Collection[int]) -> tuple[int, ...]:
        """Return the first five rows that have one of those labels."""
        return first_rows(np.isin(self.codes, list(positions)))

    def alive(self) -> np.ndarray:
        """Return which rows have a label that does not mean missing."""
        good = np.ones(len(self.labels) + 1, dtype=bool)
        good[[-1, *self.gone]] = False
        return good[self.codes]

    def observed(self) -> tuple[str, ...]:
        """Return the labels that do not mean missing."""
        return tuple(label for i, label in enumerate(self.labels) if i not in self.gone)


def first_rows(where: np.ndarray) -> tuple[int, ...]:
    """Return the positions of the first five true values.

    Examples
    --------
    >>> first_rows(np.array([False, True, True]))
    (1, 2)
    """
    return tuple(map(int, np.flatnonzero(where)[:5]))


def shown(values: Iterable[Any], limit: int = 5) -> str:
    """Return the first few values for a message.

    Examples
    --------
    >>> shown("abcdefg")
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    values = list(values)
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return ", ".join(repr(v) if len(repr(v)) < 80 else repr(v)[:77] + "..." for v in values[:limit]) + more


def as_text(value: Any) -> str | None:
    """Return a cell as text, whole floats without their ``.0``; ``None`` if it is empty.

    Examples
    --------
    >>> as_text(2.0), as_text(True), as_text(" "), as_text("2.0")
    ('2', 'True', None, '2.0')
    """
    match value:
        case str():
            return str(value) if value.strip() else None
        case bool() | np.bool_():
            return str(bool(value))
        case np.timedelta64():  # a kind of integer to NumPy
            return None if np.isnat(value) else str(value)
        case int() | np.integer():
            return str(int(value))
        case float() | np.floating() | Decimal():
            if value != value:
                return None
            return str(int(value)) if np.isfinite(float(value)) and value == int(value) else str(value)
        case None:
            return None
        case _:
            return None if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)


def numeric(series: pd.Series) -> np.ndarray:
    """Return a column as float, nan where a cell is empty or holds no real number; numbers may be written as text.

    Examples
    --------
    >>> numeric(pd.Series([1, "2.5", "1,25", None, True])).tolist()
    [1.0, 2.5, nan, nan, nan]
    """
    types = pd.api.types
    if types.is_numeric_dtype(series) and not types.is_bool_dtype(series) and not types.is_complex_dtype(series):
        return series.to_numpy(dtype=float, na_value=np.nan)
    return np.array([_float(value) for value in series.tolist()], dtype=float)


def _float(value: Any) -> float:
    try:
        match value:
            case bool() | np.bool_() | np.timedelta64():
                return np.nan
            case str() if "_" in value:
                return np.nan
            case int() | float() | np.integer() | np.floating() | Decimal() | str():
                return float(value)
    except OverflowError:
        return np.inf
    except ValueError:
        return np.nan
    return np.nan


# --- from a column to codes ---------------------------------------------------------------------
def encode(series: pd.Series, column: str, user_missing: Collection[str] = ()) -> tuple[Coded | None, list[Problem]]:
    """Return a column as codes, or the problems that make that impossible.

    Examples
    --------
    >>> coded, _ = encode(pd.Series(["PL", None, "DE"]), "country")
    >>> coded.labels, coded.codes.tolist()
    (('PL', 'DE'), [0, -1, 1])
    """
    categorical = isinstance(series.dtype, pd.CategoricalDtype)
    values = series.cat.categories if categorical else series
    if values.dtype == object and (problems := _kind_problems(values, column)):
        return None, problems
    codes, raw = (series.cat.codes.to_numpy(), values) if categorical else pd.factorize(series)
    if values.dtype != object and (problems := _kind_problems(raw, column)):
        return None, problems
    texts = _texts(raw)
    if problems := _text_problems(texts, codes, column):
        return None, problems
    used = np.zeros(len(texts) + 1, dtype=bool)
    used[codes] = True
    labels, move = _distinct(texts, used)
    gone = {i: "missing in the file" for i, label in enumerate(labels) if label in user_missing}
    unused = tuple(t for i, t in enumerate(texts) if t is not None and not used[i]) if categorical else ()
    order = tuple(t for t in texts if t is not None) if categorical and series.cat.ordered else ()
    return Coded(column, move[codes], labels, gone, order, unused), []


def _distinct(texts: Sequence[str | None], used: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the texts that rows have, once each, and their positions; -1 comes last, for empty cells."""
    place = dict.fromkeys(t for t, u in zip(texts, used.tolist(), strict=False) if u and t is not None)
    labels: tuple[str, ...] = tuple(place)
    if len(labels) == len(texts):
        return labels, np.append(np.arange(len(labels)), -1)
    order = {label: i for i, label in enumerate(labels)}
    return labels, np.array([*(order.get(t, -1) if t is not None else -1 for t in texts), -1], dtype=np.int64)


def _texts(raw: Any) -> list[str | None]:
    if isinstance(getattr(raw, "dtype", None), np.dtype) and raw.dtype.kind in "iu":
        return list(map(str, raw.tolist()))
    return [as_text(v) for v in raw.tolist()]


def _kind_problems(values: Any, column: str) -> list[Problem]:
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind in _SIMPLE:
        return []
    if kind in _DATES:
        remedy = "give a label per fielding period; its dates belong in the waves of the spec"
        return [Problem("schema", column, f"holds dates or times ({kind}), not labels", (), remedy)]
    examples: dict[str, Any] = {}
    for value in values:
        if not (pd.api.types.is_scalar(value) and pd.isna(value)):
            examples.setdefault(type(value).__name__, value)
    if not examples:
        return []
    what = ", ".join(f"{name} ({shown([value])})" for name, value in examples.items())
    return [Problem("level", column, f"mixes types or holds no labels: {what}", (), "make every label text")]


def _text_problems(texts: Sequence[str | None], codes: np.ndarray, column: str) -> list[Problem]:
    """Return what is wrong with text that no file can hold: halves of characters, from a wrong encoding."""
    try:
        "".join(t for t in texts if t is not None).encode()
    except UnicodeEncodeError:
        broken = [i for i, t in enumerate(texts) if t is not None and t.encode("utf-8", "ignore").decode() != t]
        named = ", ".join(ascii(texts[i]) for i in broken[:5])
        rows = first_rows(np.isin(codes, broken))
        return [Problem("level", column, f"labels are no valid text: {named}", rows, "read the file as what it is")]
    return []


def constant(role: str, label: str, rows: int) -> Coded:
    """Return a column that has one label everywhere."""
    return Coded(role, np.zeros(rows, dtype=np.int64), (label,))


# --- checks -------------------------------------------------------------------------------------
def look_key(label: str) -> str:
    """Return what a reader sees of a label: no case, no blanks at the ends, one Unicode form.

    Examples
    --------
    >>> look_key("United\u00a0States ") == look_key("united states")
    True
    """
    text = unicodedata.normalize("NFC", label.translate(_INVISIBLE)).casefold()
    return unicodedata.normalize("NFC", " ".join(text.split()))


def look_alikes(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the groups of different labels that look the same.

    Examples
    --------
    >>> look_alikes(["US", "us ", "UK"])
    [('US', 'us ')]
    """
    groups: dict[str, dict[str, None]] = {}
    for label in labels:
        groups.setdefault(look_key(label), {})[label] = None
    return [tuple(g) for g in groups.values() if len(g) > 1]


def alike_problems(coded: Coded, others: Sequence[str] = (), whose: str = "") -> Iterator[Problem]:
    """Yield a problem per group of labels that look the same, among themselves or as ``others``."""
    place = {label: i for i, label in enumerate(coded.labels)}
    for group in look_alikes([*others, *coded.labels]):
        if any(label in place for label in group):
            rows = coded.rows([place[label] for label in group[1:] if label in place])
            message = f"labels look the same{whose}: {', '.join(map(ascii, group))}"
            yield Problem("level", coded.column, message, rows, "write each label in one way")


def label_problems(role: str, coded: Coded) -> Iterator[Problem]:
    """Yield what is wrong with the labels of one factor."""
    if not coded.alive().any():
        yield Problem("level", coded.column, f"{role} is empty in every row", (), "leave the role out or fill it")
    yield from alike_problems(coded)
    endless = [i for i, label in enumerate(coded.labels) if label.lower() in ("inf", "-inf")]
    if endless:
        yield Problem("level", coded.column, "infinite values are no labels", coded.rows(endless))
    if role == "wave" and (dates := [i for i, label in enumerate(coded.labels) if _DAY_FIRST.match(label)]):
        names = shown(coded.labels[i] for i in dates)
        remedy = "give a label per fielding period; its dates belong in the waves of the spec"
        yield Problem("schema", coded.column, f"dates as text ({names}) are ambiguous", coded.rows(dates), remedy)
    if role == "population":
        codes = [i for i, x in enumerate(coded.labels) if _NUMBER.match(x) or x in ("True", "False")]
        if codes:
            message = f"populations {shown(coded.labels[i] for i in codes)} do not say who they are"
            yield Problem("level", coded.column, message, coded.rows(codes), "write 'public' and 'elite'")


def label_warnings(role: str, coded: Coded) -> Iterator[str]:
    """Yield what deserves a look in the labels of one factor."""
    pattern = _FLOAT if role == "wave" else _NUMBER
    if numeric := [label for label in coded.observed() if pattern.match(label)]:
        yield f"{coded.column}: labels look like numbers and are kept as text: {shown(numeric)}"
