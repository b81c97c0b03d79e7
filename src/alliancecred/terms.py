"""The closed vocabulary of an analysis: the terms of the linear predictor."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .priors import LKJ, Flat, HalfNormal, Normal

FACTORS = ("country", "ally", "target", "wave", "population")
ROLES = ("sender", "other", "self")


@dataclass(frozen=True)
class Level:
    """Pooled (exchangeable) deviations in level by the combination of factors ``by``.

    Parameters
    ----------
    by
        One or more of ``country, ally, target, wave, population``, and of the attributes and groups a spec declares.
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
class Slope:
    """What a covariate says: an unpooled coefficient per ``unit`` of it, beside which the groups stay pooled.

    With ``signal`` it says how strongly the signal works, one coefficient per role. With ``by`` it differs between
    groups: pooled deviations with a scale of their own, beside the common slope if that is declared too.

    Parameters
    ----------
    covariate, signal, roles, prior
        What is multiplied; per role of a signal, if given; prior of the unpooled coefficients (logit per unit).
    by
        Empty, or the factors between whose groups the slope differs.
    scale
        Prior of the sd of those differences (logit per unit).
    correlated, correlation
        Whether they are correlated with the deviations of ``Level(by)``, and the prior of that correlation.

    Examples
    --------
    >>> Slope("treaty").prior
    Normal(mean=0.0, sd=1.0)
    """

    tag: ClassVar[str] = "slope"
    covariate: str
    signal: str | None = None
    roles: tuple[str, ...] = ()
    prior: Normal | Flat = Normal(0.0, 1.0)
    by: tuple[str, ...] = ()
    scale: HalfNormal = HalfNormal(0.5)
    correlated: bool = False
    correlation: LKJ = LKJ(1.0)


@dataclass(frozen=True)
class Effect:
    """Unpooled contrasts of the levels of an attribute or a group with its baseline; of several: their interaction.

    Pooled effects of attributes are a `Level` of them, which needs no baseline. With ``by`` the one contrast of two
    levels differs between groups: pooled deviations with a scale of their own.

    Parameters
    ----------
    of
        One declared attribute or group, or several: a coefficient for every combination of levels that are no
        baseline.
    prior
        Prior of each contrast (logit).
    by
        Empty, or the factors between whose groups the contrast differs; for more than two levels, `Level` by the
        attribute and those factors does that.
    scale
        Prior of the sd of those differences (logit).

    Examples
    --------
    >>> Effect(("alliance",)).prior
    Normal(mean=0.0, sd=1.0)
    """

    tag: ClassVar[str] = "effect"
    of: tuple[str, ...]
    prior: Normal | Flat = Normal(0.0, 1.0)
    by: tuple[str, ...] = ()
    scale: HalfNormal = HalfNormal(0.5)


@dataclass(frozen=True)
class Fixed:
    """An unpooled contrast: cells that match ``where`` against the rest.

    ``where`` maps factors (or ``self``: ``yes``) to the levels that match; all must match. Besides factors: ``house``,
    ``mode`` and ``wording`` of the waves.

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
class Trend:
    """A random walk over the dates of the waves: opinion that drifts, whatever was signalled.

    From one wave to the next the walk moves by a normal step whose variance grows with the time between
    their middles. Over the waves it has mean zero: its mean belongs to the level. With ``by`` every group
    has a walk of its own, all of one scale, beside the common one if that is declared too.

    Parameters
    ----------
    by
        Empty (one walk for all), or some of ``country, ally, target, population``; never the role of an
        ally, which belongs to one signal.
    scale
        Prior of the sd of a step over one year (logit).

    Examples
    --------
    >>> Trend(("ally",)).scale
    HalfNormal(sd=0.3)
    """

    tag: ClassVar[str] = "trend"
    by: tuple[str, ...] = ()
    scale: HalfNormal = HalfNormal(0.3)


@dataclass(frozen=True)
class Drift:
    """A drift of opinion between waves whose size is declared, not estimated: common steps, normal with a known sd.

    Two waves cannot tell a shift from opinion that drifts whatever is signalled. With a declared drift the shift is as
    uncertain as that leaves it: from wave to wave all answers move by a normal step of variance sd² per year. How
    much the shift owes to ``sd`` is for `sensitivity` to show. For more waves see `Trend`.

    Parameters
    ----------
    sd
        Standard deviation of the drift over one year (logit).

    Examples
    --------
    >>> Drift(0.2).sd
    0.2
    """

    tag: ClassVar[str] = "drift"
    sd: float


@dataclass(frozen=True)
class Cuts:
    """Cut points of ordered answers (K ≥ 3): log-spacings with a normal prior, common to all or by country.

    The same words may mean different things in different languages. By country, log-spacings vary around the common
    ones; cuts have mean zero in each country, whose location is its level.

    Parameters
    ----------
    by
        Empty, or ``country``.
    spacing
        Prior of the (common) log-spacings.
    scale
        With ``by``: prior of the sd of the countries' log-spacings around the common ones.

    Examples
    --------
    >>> Cuts().spacing
    Normal(mean=0.0, sd=1.0)
    """

    tag: ClassVar[str] = "cuts"
    by: tuple[str, ...] = ()
    spacing: Normal = Normal(0.0, 1.0)
    scale: HalfNormal = HalfNormal(0.3)


@dataclass(frozen=True)
class Respondent:
    """People differ in how credible they find promises: a normal deviation for each, the same in all their answers.

    For surveys whose people judge several allies or return in later waves, with their ids. The deviations are
    integrated out: people with the same answers to the same questions are one pattern with a count, so the cost grows
    with the patterns, not with the people. Estimands then are averages over people.

    Parameters
    ----------
    scale
        Prior of the sd over people (logit).

    Examples
    --------
    >>> Respondent().scale
    HalfNormal(sd=1.5)
    """

    tag: ClassVar[str] = "respondent"
    scale: HalfNormal = HalfNormal(1.5)


Term = Level | Trend | Shift | Gap | Slope | Effect | Fixed | Cuts | Drift | Respondent
JOINED = " | "  # between the labels of several factors

SelfRatings = Literal["apart", "merged"]
