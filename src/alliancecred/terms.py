"""The closed vocabulary of an analysis: priors, waves, signals and the terms of the linear predictor."""

import datetime as dt
from dataclasses import dataclass
from typing import ClassVar, Literal

FACTORS = ("country", "ally", "target", "wave", "population")
ROLES = ("sender", "other", "self")
SIGNAL_KINDS = ("rhetoric", "aid", "troop posture", "treaty", "defence spending", "other")
DIRECTIONS = ("retrenchment", "reassurance")


# --- priors -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Normal:
    """Normal prior for an unpooled coefficient, on the logit scale.

    Examples
    --------
    >>> Normal(0.0, 1.5)
    Normal(mean=0.0, sd=1.5)
    """

    tag: ClassVar[str] = "normal"
    mean: float = 0.0
    sd: float = 1.0


@dataclass(frozen=True)
class HalfNormal:
    """Half-normal prior for the scale (sd, logit) of a pooled block.

    Examples
    --------
    >>> HalfNormal(0.5)
    HalfNormal(sd=0.5)
    """

    tag: ClassVar[str] = "half_normal"
    sd: float = 0.5


@dataclass(frozen=True)
class LKJ:
    """LKJ prior for the correlation of level and shift; ``eta=1`` is uniform on (-1, 1).

    Lewandowski, Kurowicka & Joe (2009): for two dimensions (ρ+1)/2 ~ Beta(η, η).

    Examples
    --------
    >>> LKJ(2.0)
    LKJ(eta=2.0)
    """

    tag: ClassVar[str] = "lkj"
    eta: float = 1.0


@dataclass(frozen=True)
class Flat:
    """Improper flat prior, only to reproduce a published fit; nothing can be simulated from it.

    Examples
    --------
    >>> Flat()
    Flat()
    """

    tag: ClassVar[str] = "flat"


# --- what happened, when ------------------------------------------------------------------------
@dataclass(frozen=True)
class Wave:
    """A fielding period; waves are ordered by date, never by name.

    Examples
    --------
    >>> Wave("2025-01", dt.date(2025, 1, 6), dt.date(2025, 1, 17)).name
    '2025-01'
    """

    name: str
    start: dt.date
    end: dt.date


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


# --- terms --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Level:
    """Pooled (exchangeable) deviations in level by the combination of factors ``by``.

    Parameters
    ----------
    by
        One or more of ``country, ally, target, wave, population``.
    scale
        Prior of the deviations' sd (logit).

    Examples
    --------
    >>> Level(("country", "ally")).scale
    HalfNormal(sd=0.5)
    """

    tag: ClassVar[str] = "level"
    by: tuple[str, ...]
    scale: HalfNormal = HalfNormal(0.5)


@dataclass(frozen=True)
class Shift:
    """What a signal does, by the role of the judged ally.

    Without ``by``: one unpooled contrast per role (``prior``). With ``by``: deviations pooled over
    those groups, one block (and one scale) per role in ``roles``.

    Parameters
    ----------
    signal
        Name of a declared signal.
    by
        Empty, or one or more factors.
    roles
        Roles it applies to; empty means every role the data have. With ``by`` and more than one
        role, ``together=True`` shares one block among them.
    prior
        Prior of the unpooled contrasts (logit).
    scale
        Prior of the pooled deviations' sd (logit).
    correlated
        Whether the deviations are correlated with those of ``Level(by)``.
    correlation
        Prior of that correlation.
    together
        One block over all ``roles`` instead of one per role.

    Examples
    --------
    >>> Shift("us2025").prior
    Normal(mean=0.0, sd=1.5)
    """

    tag: ClassVar[str] = "shift"
    signal: str
    by: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    prior: Normal | Flat = Normal(0.0, 1.5)
    scale: HalfNormal = HalfNormal(0.5)
    correlated: bool = False
    correlation: LKJ = LKJ(1.0)
    together: bool = False


@dataclass(frozen=True)
class Gap:
    """A population (elite) minus the reference population (public).

    Without ``by`` an unpooled contrast whose prior is its own (``prior``), so that a small elite
    sample is not drawn to the public by the other groups; with ``by`` deviations of the gap,
    pooled with a scale of their own. With ``signal`` the gap in the shift, by role.

    Examples
    --------
    >>> Gap("elite", signal="us2025").prior
    Normal(mean=0.0, sd=1.0)
    """

    tag: ClassVar[str] = "gap"
    population: str = "elite"
    by: tuple[str, ...] = ()
    signal: str | None = None
    roles: tuple[str, ...] = ()
    prior: Normal | Flat = Normal(0.0, 1.0)
    scale: HalfNormal = HalfNormal(0.5)


@dataclass(frozen=True)
class Fixed:
    """An unpooled contrast: cells that match ``where`` against the rest.

    ``where`` maps factors (or ``self``: ``yes``) to the levels that match; all must match.

    Examples
    --------
    >>> Fixed("us", where=(("ally", ("US",)),)).prior
    Normal(mean=0.0, sd=1.5)
    """

    tag: ClassVar[str] = "fixed"
    name: str
    where: tuple[tuple[str, tuple[str, ...]], ...]
    prior: Normal | Flat = Normal(0.0, 1.5)


@dataclass(frozen=True)
class Cuts:
    """Cut points of ordered answers (K ≥ 3), common to all: log-spacings with a normal prior.

    Examples
    --------
    >>> Cuts().spacing
    Normal(mean=0.0, sd=1.0)
    """

    tag: ClassVar[str] = "cuts"
    by: tuple[str, ...] = ()
    spacing: Normal = Normal(0.0, 1.0)


Term = Level | Shift | Gap | Fixed | Cuts
NOT_YET = ("slope", "trend", "respondent")

SelfRatings = Literal["apart", "merged"]


def standard_terms(signal: str, elites: bool = False) -> tuple[Term, ...]:
    """Return the terms most analyses of one signal start from.

    Levels by country, ally and dyad with self-ratings apart; unpooled shifts by role; the sender's
    and self shifts vary by country, the others' by ally and dyad, the latter correlated with the
    ally's level; with ``elites``, unpooled gaps in level and in shift.

    Examples
    --------
    >>> len(standard_terms("us2025"))
    9
    """
    terms: tuple[Term, ...] = (
        Level(("country",)),
        Level(("ally",)),
        Level(("country", "ally")),
        Fixed("self_rating", (("self", ("yes",)),)),
        Shift(signal),
        Shift(signal, by=("country",), roles=("sender",)),
        Shift(signal, by=("country",), roles=("self",)),
        Shift(signal, by=("ally",), roles=("other",), correlated=True),
        Shift(signal, by=("country", "ally"), roles=("other",)),
    )
    if elites:
        terms += (Gap(), Gap(by=("ally",)), Gap(signal=signal))
    return terms
