"""What multiplies an effect in each row: signal on, role of the ally, population, declared levels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .cells import Levels, Rows
from .events import FIELDWORK, Decay, Form, Ramp
from .priors import LogNormal
from .spec import Spec


@dataclass(frozen=True)
class Carrier:
    """What multiplies an effect in each row; the empty one is 1 everywhere."""

    signal: str | None = None
    roles: tuple[str, ...] = ()
    population: str | None = None
    covariate: str | None = None
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()


def same_state(rows: Rows, levels: Levels) -> np.ndarray:
    """Return True where a country judges itself."""
    country = np.array(levels["country"], dtype=object)[rows.codes["country"]]
    ally = np.array(levels["ally"], dtype=object)[rows.codes["ally"]]
    return np.asarray(country == ally)


def roles_of(rows: Rows, levels: Levels, spec: Spec, signal: str) -> np.ndarray:
    """Return the role (``sender``, ``other``, ``self``) of the judged ally in every row."""
    ally = np.array(levels["ally"], dtype=object)[rows.codes["ally"]]
    role = np.where(ally == spec.signal(signal).sender, "sender", "other")
    if spec.self_ratings == "apart":
        role = np.where(same_state(rows, levels), "self", role)
    return role


def strength(form: Form, weeks: np.ndarray) -> np.ndarray:
    """Return how much of a signal's effect there is after so many weeks.

    Where a half-life is estimated: with the median of its prior.

    Examples
    --------
    >>> strength(Ramp(10.0), np.array([0.0, 5.0, 20.0]))
    array([0. , 0.5, 1. ])
    """
    match form:
        case Ramp(weeks=whole):
            return np.minimum(weeks / whole, 1.0)
        case Decay(half_life=LogNormal(median=median)):
            return np.asarray(0.5 ** (weeks / median))
        case _:
            return np.ones(len(weeks))


def carrier_values(carrier: Carrier, rows: Rows, levels: Levels, spec: Spec) -> np.ndarray:
    """Return the carrier in every row, shape (rows,)."""
    value = np.ones(len(rows))
    if carrier.signal is not None:
        value = value * rows.on[carrier.signal] * strength(spec.signal(carrier.signal).form, rows.weeks[carrier.signal])
        if carrier.roles:
            value = value * np.isin(roles_of(rows, levels, spec, carrier.signal), carrier.roles)
    if carrier.population is not None:
        value = value * _matches(rows, levels, "population", (carrier.population,))
    if carrier.covariate is not None:
        value = value * rows.covariates[carrier.covariate]
    for factor, wanted in carrier.where:
        value = value * _matches(rows, levels, factor, _waves(spec, factor, wanted))
    return value


def _waves(spec: Spec, factor: str, wanted: Sequence[str]) -> Sequence[str]:
    """Return the waves of these houses, modes or wordings; labels of other factors as they are."""
    return [w.name for w in spec.waves if getattr(w, factor) in wanted] if factor in FIELDWORK else wanted


def _matches(rows: Rows, levels: Levels, factor: str, wanted: Sequence[str]) -> np.ndarray:
    if factor == "self":
        return same_state(rows, levels) == (tuple(wanted) == ("yes",))
    factor = "wave" if factor in FIELDWORK else factor
    return np.isin(np.array(levels[factor], dtype=object)[rows.codes[factor]].astype(str), wanted)


def group_index(by: Sequence[str], rows: Rows, levels: Levels) -> np.ndarray:
    """Return the position of every row on the full grid of ``by``, checked to be in range."""
    shape = tuple(len(levels[f]) for f in by)
    return np.ravel_multi_index([rows.codes[f] for f in by], shape, mode="raise")
