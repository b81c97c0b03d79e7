"""Facts that ship with the library: dated signals of 2016-2026, and the defence pacts of the United States."""

import csv
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from .errors import SpecError, nearest
from .events import DIRECTIONS, SIGNAL_KINDS, Decay, Ramp, Signal, Step

VERIFICATIONS = ("verified", "day from memory", "month only", "unverified")


@dataclass(frozen=True)
class KnownSignal:
    """A signal of the catalogue, with what it was, where it is told, and how far that was checked.

    Parameters
    ----------
    name, sender, date, kind, direction
        As in `Signal`; kind and direction are the judgement of the catalogue.
    what
        What was said or done.
    source
        Where it is told.
    verification
        ``verified``; ``day from memory`` or ``month only``: check the date before a wave depends on it;
        ``unverified``: no source was opened.
    """

    name: str
    sender: str
    date: dt.date
    kind: str
    direction: str
    what: str
    source: str
    verification: str

    def signal(self, *, countries: tuple[str, ...] = (), form: Step | Ramp | Decay = Step()) -> Signal:
        """Return the `Signal` of a spec, for the respondent countries it exposed (empty: all).

        Examples
        --------
        >>> aid = next(s for s in signals(kind="aid") if s.name == "aid_pause")
        >>> aid.signal().date
        datetime.date(2025, 3, 3)
        """
        return Signal(self.name, self.sender, self.date, self.kind, self.direction, countries, form, self.what)


@dataclass(frozen=True)
class Pact:
    """A state the United States has a defence pact with, from the year of signature (NATO: accession).

    ``end`` is the year the obligation ended, None where it holds.
    """

    pact: str
    partner: str
    start: int
    end: int | None
    source: str


def signals(
    *,
    sender: str | None = None,
    kind: str | None = None,
    direction: str | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    verification: str | None = None,
) -> tuple[KnownSignal, ...]:
    """Return the catalogued signals in the order of their dates, all or those that match.

    Parameters
    ----------
    sender
        ``US``, ``UK``, ``FR``, ``DE`` or ``EU``.
    kind, direction
        As in `Signal`.
    start, end
        First and last day.
    verification
        ``verified``, ``day from memory``, ``month only`` or ``unverified``.

    Raises
    ------
    SpecError
        If no signal can match because a sender, kind, direction or verification is unknown.

    Examples
    --------
    >>> [s.name for s in signals(sender="US", kind="aid")]
    ['aid_pause', 'intelligence_pause', 'aid_resumed']
    """
    every = _signals()
    asked = {
        "sender": (sender, tuple(dict.fromkeys(s.sender for s in every))),
        "kind": (kind, SIGNAL_KINDS),
        "direction": (direction, DIRECTIONS),
        "verification": (verification, VERIFICATIONS),
    }
    for name, (value, allowed) in asked.items():
        if value is not None and value not in allowed:
            raise SpecError(f"no signal has {name} {value!r}: {nearest(value, allowed)}")
    wanted = {name: value for name, (value, _) in asked.items() if value is not None}
    return tuple(
        s
        for s in every
        if all(getattr(s, name) == value for name, value in wanted.items())
        and (start is None or s.date >= start)
        and (end is None or s.date <= end)
    )


def pacts(*, year: int | None = None) -> tuple[Pact, ...]:
    """Return the defence pacts of the United States: NATO, Rio, Japan, Korea, Philippines, Australia, Thailand.

    For teaching; research needs a data set of alliances and their obligations (`join_atop`). Cuba, excluded from the
    inter-American system in 1962, is left out.

    Parameters
    ----------
    year
        Only pacts that held in that year.

    Examples
    --------
    >>> [p.partner for p in pacts(year=2025) if p.pact == "NATO"][-2:]
    ['Finland', 'Sweden']
    """
    return tuple(p for p in _pacts() if year is None or (p.start <= year and (p.end is None or year < p.end)))


@cache
def _signals() -> tuple[KnownSignal, ...]:
    found = (KnownSignal(**row | {"date": dt.date.fromisoformat(row["date"])}) for row in _rows("signals.csv"))  # type: ignore[arg-type]
    return tuple(sorted(found, key=lambda s: s.date))


@cache
def _pacts() -> tuple[Pact, ...]:
    return tuple(
        Pact(r["pact"], r["partner"], int(r["start"]), int(r["end"]) if r["end"] else None, r["source"])
        for r in _rows("pacts.csv")
    )


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files(__package__).joinpath("data", name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())
