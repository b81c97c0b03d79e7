"""Errors and warnings: each says what is wrong, where, and how to mend it.

A check never stops at the first problem: it collects `Problem` values and hands
them all to `raise_data` or `raise_spec`.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

_LISTED, _COMPARED = 30, 2000  # labels that a message names; that it looks through for a similar one
Kind = Literal["schema", "level", "outcome", "weight", "panel"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input.

    Parameters
    ----------
    kind
        ``schema``, ``level``, ``outcome``, ``weight`` or ``panel``.
    column
        The column (or the key of a spec) it concerns; empty where none does.
    message
        What is wrong, with the offending values.
    rows
        The first rows concerned, at most five, counted from 0.
    remedy
        What to do about it.
    """

    kind: Kind
    column: str
    message: str
    rows: tuple[int, ...] = ()
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.column}: " if self.column else ""
        rows = f" (rows {', '.join(map(str, self.rows))})" if self.rows else ""
        remedy = f" → {self.remedy}" if self.remedy else ""
        return f"{where}{self.message}{rows}{remedy}"


def _text(problems: Sequence[Problem]) -> str:
    if len(problems) == 1:
        return str(problems[0])
    return f"{len(problems)} problems\n" + "\n".join(f"  - {p}" for p in problems)


class AcError(Exception):
    """Base of every error this library raises on purpose."""


class _Listing(AcError, ValueError):
    def __init__(self, problems: Sequence[Problem] | str):
        if isinstance(problems, str):
            problems = (Problem("schema", "", problems),)
        self.problems = tuple(problems)
        super().__init__(_text(self.problems))


class DataError(_Listing):
    """Outside data cannot be used; ``problems`` lists every reason."""


class SchemaError(DataError):
    """Shape or columns of a table are wrong."""


class LevelError(DataError):
    """Labels of a factor are ambiguous, mixed or unknown."""


class OutcomeError(DataError):
    """Answers, counts or percentages are wrong."""


class WeightError(DataError):
    """Survey weights are wrong."""


class PanelError(DataError):
    """Respondents repeat or move where they may not."""


class SpecError(_Listing):
    """An analysis description is wrong, or the data cannot answer it."""


class PredictError(_Listing):
    """A prediction was asked for levels or populations that are not there."""


class FitError(AcError, RuntimeError):
    """Sampling did not give a usable posterior."""


class IncompleteFitError(FitError):
    """Sampling stopped early or gave NaN; ``partial`` is a `Fit` of the draws there are, or None."""

    def __init__(self, message: str, partial: object = None):
        super().__init__(message)
        self.partial = partial


class ConvergenceError(FitError):
    """A gate failed and ``strict=True`` was asked."""


class TooLargeError(FitError):
    """A fit needs more memory than there is; it was not begun."""


class StudyError(AcError, RuntimeError):
    """A task of a study failed; ``key`` names the item."""

    def __init__(self, message: str, key: str = ""):
        super().__init__(message)
        self.key = key


class StoreError(AcError, OSError):
    """A fit could not be written or read."""


class IntegrityError(StoreError):
    """A stored fit does not match its own hashes."""


class VersionError(StoreError):
    """A stored fit is of a format this version cannot read."""


class DataWarning(UserWarning):
    """Data were used, but something about them deserves a look."""


class IdentificationWarning(UserWarning):
    """The data say little about something that was asked."""


class ConvergenceWarning(UserWarning):
    """A posterior did not pass its gates."""


_BY_KIND: dict[Kind, type[DataError]] = {
    "schema": SchemaError,
    "level": LevelError,
    "outcome": OutcomeError,
    "weight": WeightError,
    "panel": PanelError,
}


def raise_data(problems: Sequence[Problem]) -> None:
    """Raise all ``problems`` as one error of their common class, else `DataError`.

    Examples
    --------
    >>> raise_data([])
    """
    if not problems:
        return
    kinds = {p.kind for p in problems}
    cls = _BY_KIND[kinds.pop()] if len(kinds) == 1 else DataError
    raise cls(problems)


def raise_spec(problems: Sequence[Problem]) -> None:
    """Raise all ``problems`` as one `SpecError`; do nothing if there are none."""
    if problems:
        raise SpecError(problems)


def raise_predict(problems: Sequence[Problem]) -> None:
    """Raise all ``problems`` as one `PredictError`; do nothing if there are none."""
    if problems:
        raise PredictError(problems)


def nearest(name: str, allowed: Sequence[str]) -> str:
    """Return ``did you mean 'x'?`` or the list of what is allowed.

    Examples
    --------
    >>> nearest("contry", ("country", "ally"))
    "did you mean 'country'?"
    """
    near = [a.lower() for a in allowed[:_COMPARED]]
    close = get_close_matches(name.strip().lower()[:_COMPARED], near, n=1)
    original = {a.lower(): a for a in allowed}
    if close:
        return f"did you mean {original[close[0]]!r}?"
    more = f" and {len(allowed) - _LISTED} more" if len(allowed) > _LISTED else ""
    return f"allowed: {', '.join(map(repr, allowed[:_LISTED])) or 'nothing'}{more}"


@contextmanager
def listening() -> Iterator[list[warnings.WarningMessage]]:
    """Collect the library's own warnings; show those of others as if nobody had listened."""
    own = (DataWarning, IdentificationWarning, ConvergenceWarning)
    kept: list[warnings.WarningMessage] = []
    with warnings.catch_warnings(record=True) as caught:
        for category in own:
            warnings.simplefilter("always", category)
        try:
            yield kept
        finally:
            kept += [w for w in caught if issubclass(w.category, own)]
    for w in caught:
        if not issubclass(w.category, own):
            warnings.showwarning(w.message, w.category, w.filename, w.lineno)


@contextmanager
def within_memory() -> Iterator[None]:
    """Turn Python's `MemoryError` into a `TooLargeError` that says what to do."""
    try:
        yield
    except MemoryError as error:
        raise TooLargeError(
            f"the fit ran out of memory ({error}) → ask for fewer draws, leave out terms of many levels, or use a "
            "larger machine"
        ) from error
