"""What happened, when: waves, and signals with the form of their effect over time."""

import datetime as dt
from dataclasses import dataclass
from typing import ClassVar

from .priors import LogNormal

FIELDWORK = ("house", "mode", "wording")  # what waves may differ in besides their dates
SIGNAL_KINDS = ("rhetoric", "aid", "troop posture", "treaty", "defence spending", "other")
DIRECTIONS = ("retrenchment", "reassurance")


@dataclass(frozen=True)
class Wave:
    """A fielding period; waves are ordered by date, never by name.

    Parameters
    ----------
    name, start, end
        First and last day of the interviews.
    house, mode, wording
        Who asked, how (``telephone``, ``web``), and a name of the question's wording. What changes with a signal is
        warned of; `Fixed` can tell waves apart by them.
    part_of
        The fieldwork it is a part of: interviews before and after an unexpected event (`event_window`).

    Examples
    --------
    >>> Wave("2025-01", dt.date(2025, 1, 6), dt.date(2025, 1, 17)).name
    '2025-01'
    """

    name: str
    start: dt.date
    end: dt.date
    house: str = ""
    mode: str = ""
    wording: str = ""
    part_of: str = ""


@dataclass(frozen=True)
class Step:
    """A signal whose effect is there at once and stays."""

    tag: ClassVar[str] = "step"


@dataclass(frozen=True)
class Ramp:
    """A signal whose effect grows in proportion to time, to its whole after some weeks.

    Examples
    --------
    >>> Ramp(12.0)
    Ramp(weeks=12.0)
    """

    tag: ClassVar[str] = "ramp"
    weeks: float


@dataclass(frozen=True)
class Decay:
    """A signal whose effect is whole at its date and halves with every ``half_life`` (weeks), which is estimated.

    Examples
    --------
    >>> Decay().half_life
    LogNormal(median=26.0, sd=0.7)
    """

    tag: ClassVar[str] = "decay"
    half_life: LogNormal = LogNormal(26.0, 0.7)


Form = Step | Ramp | Decay


@dataclass(frozen=True)
class Signal:
    """A dated act of a ``sender`` that others read as retrenchment or reassurance.

    Parameters
    ----------
    name
        A short identifier (lower case, digits, underscores); it names variables.
    sender
        The ally that sent the signal.
    date
        Waves that start after it are "on"; a wave that contains it is refused.
    kind
        One of ``rhetoric, aid, troop posture, treaty, defence spending, other``.
    direction
        ``retrenchment`` or ``reassurance``.
    countries
        Respondent countries exposed; empty means all.
    form
        How the effect goes on after the date: `Step` (default), `Ramp` or `Decay`. Time is counted in weeks to the
        middle of a wave.
    what
        What was said or done, in words for readers of reports, captions and tables.

    Examples
    --------
    >>> Signal("us2025", "US", dt.date(2025, 3, 3)).direction
    'retrenchment'
    """

    name: str
    sender: str
    date: dt.date
    kind: str = "other"
    direction: str = "retrenchment"
    countries: tuple[str, ...] = ()
    form: Form = Step()
    what: str = ""
