"""Priors: of coefficients, scales, correlations and times."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Normal:
    """Normal prior for an unpooled coefficient, on the logit scale (`Gaussian`: in points).

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
    """Half-normal prior for the scale (sd, logit; `Gaussian`: points) of a pooled block.

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


@dataclass(frozen=True)
class LogNormal:
    """Log-normal prior of a time in weeks, a precision or an sd: its logarithm is normal; ``sd = 0``: it is known.

    Examples
    --------
    >>> LogNormal(26.0, 0.7)
    LogNormal(median=26.0, sd=0.7)
    """

    tag: ClassVar[str] = "log_normal"
    median: float
    sd: float
