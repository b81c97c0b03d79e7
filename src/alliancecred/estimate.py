"""The value every estimand returns: draws, what they mean, and how far they may be trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr

from .errors import SpecError, nearest
from .spec import Spec

LABELS = ("estimand", "role", "country", "ally", "target", "wave", "population")

MINUS = " − "  # between the labels of the two sides of a contrast
CAUSAL = ("randomised", "difference-in-differences")  # labels that carry a verb of cause
IDENTIFICATION = (
    "randomised",
    "difference-in-differences",
    "unexpected event",
    "interrupted series",
    "before-after",
    "descriptive",
)


@dataclass(frozen=True)
class Estimate:
    """Posterior draws of an estimand, one ``row`` per combination it was broken down by.

    Parameters
    ----------
    draws
        Dims ``chain, draw, row``; the coordinates ``estimand, role, country, ally, target, wave,
        population`` on ``row`` hold labels, empty where averaged over; so do those of attributes and groups
        that it is broken down by. In ``unit``.
    unit
        ``percent`` (a level), ``percentage points`` (a difference of levels), ``points`` (mean
        of the scores) or ``scale points``.
    identification
        One of ``randomised, difference-in-differences, unexpected event, interrupted series,
        before-after, descriptive``.
    answer
        ``top``, ``mean`` or the answer the share of which is meant.
    averaged
        In words, what was averaged over and how.
    spec
        The analysis it belongs to (names, digest, whether simulated).
    before, after
        For a shift or a change: the two levels whose difference ``draws`` is, same dims.
    smallest
        Smallest effect of interest, in ``unit``; 0 if none was declared.
    status
        ``passed``, or which gates the fit failed.
    notes
        Everything a reader must know: events that cannot be told apart, prior shares, …
    data
        In words, what the fit rests on: how many answers, in how many cells; how many published shares.

    Examples
    --------
    >>> Estimate.__name__
    'Estimate'
    """

    draws: xr.DataArray
    unit: str
    identification: str
    answer: str
    averaged: str
    spec: Spec
    before: xr.DataArray | None = None
    after: xr.DataArray | None = None
    smallest: float = 0.0
    status: str = "passed"
    notes: tuple[str, ...] = ()
    data: str = ""

    def __len__(self) -> int:
        return int(self.draws.sizes["row"])

    def _repr_html_(self) -> str:
        from .cards import estimate_card

        return estimate_card(self)

    def __repr__(self) -> str:
        from .cards import estimate_line

        return estimate_line(self)

    @property
    def is_difference(self) -> bool:
        """Whether zero is a meaningful reference (a shift, change, gap or contrast)."""
        return self.unit in ("percentage points", "scale points")

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the labels of its rows: those every estimate has, then those of factors a spec declares."""
        return (*LABELS, *(str(k) for k, c in self.draws.coords.items() if c.dims == ("row",) and k not in LABELS))

    def labels(self, row: int) -> dict[str, str]:
        """Return the labels of one row, by name."""
        return dict(zip(self.keys, self._labels[row], strict=True))

    @cached_property
    def _labels(self) -> tuple[tuple[str, ...], ...]:
        return tuple(zip(*(map(str, self.draws[k].values) for k in self.keys), strict=True))

    def at(
        self,
        *,
        role: str | Sequence[str] | None = None,
        country: str | Sequence[str] | None = None,
        ally: str | Sequence[str] | None = None,
        wave: str | Sequence[str] | None = None,
        population: str | Sequence[str] | None = None,
        estimand: str | Sequence[str] | None = None,
        where: Mapping[str, str | Sequence[str]] | None = None,
    ) -> "Estimate":
        """Return the rows whose labels are the given ones, or among them; ``where`` gives those of declared factors.

        Raises
        ------
        SpecError
            If no row matches; the labels there are named.
        """
        wanted = {
            "role": role,
            "country": country,
            "ally": ally,
            "wave": wave,
            "population": population,
            "estimand": estimand,
            **(where or {}),
        }
        if strange := [k for k in wanted if k not in self.keys]:
            raise SpecError(f"rows have no label {strange[0]!r}: {nearest(strange[0], self.keys)}")
        keep = np.ones(len(self), dtype=bool)
        for key, value in wanted.items():
            if value is None:
                continue
            have = self.draws[key].values.astype(str)
            several = [value] if isinstance(value, str) else list(value)
            if gone := [v for v in several if v not in have]:
                raise SpecError(f"no row with {key} {gone[0]!r}: {nearest(gone[0], sorted(set(have.tolist())))}")
            keep &= np.isin(have, several)
        if not keep.any():
            raise SpecError("no row has all of " + str({k: v for k, v in wanted.items() if v is not None}))
        return self.rows(np.flatnonzero(keep))

    def named(self, name: str) -> "Estimate":
        """Return the same estimate with another ``estimand`` label."""

        def label(a: xr.DataArray | None) -> xr.DataArray | None:
            return None if a is None else a.assign_coords(estimand=("row", np.full(len(self), name)))

        draws = self.draws.assign_coords(estimand=("row", np.full(len(self), name)))
        return replace(self, draws=draws, before=label(self.before), after=label(self.after))

    def rows(self, index: np.ndarray) -> "Estimate":
        """Return the rows at these positions, in their order."""

        def pick(a: xr.DataArray | None) -> xr.DataArray | None:
            return None if a is None else a.isel(row=index)

        notes = tuple(counted(self.notes, len(index)))
        return replace(
            self, draws=self.draws.isel(row=index), before=pick(self.before), after=pick(self.after), notes=notes
        )


_COMPARISONS = "comparisons are shown:"


def comparisons_words(count: int) -> str:
    """Return a note on how many comparisons are shown together.

    Examples
    --------
    >>> comparisons_words(20)[:40]
    '20 comparisons are shown: of as many unp'
    """
    return (
        f"{count} {_COMPARISONS} of as many unpooled 95 % intervals of effects that are all zero, "
        f"{0.05 * count:.3g} would be expected to exclude it; pooled ones fewer"
    )


def counted(notes: Sequence[str], rows: int) -> list[str]:
    """Return notes with the number of comparisons that are still there; of one, none."""
    kept = [n for n in notes if _COMPARISONS not in n]
    return [*kept, comparisons_words(rows)] if len(kept) < len(notes) and rows > 1 else kept


def stacked(estimates: Sequence[Estimate]) -> Estimate:
    """Return estimates of one kind and unit below each other, as one."""

    def below(parts: Sequence[xr.DataArray | None]) -> xr.DataArray | None:
        kept = [p for p in parts if p is not None]
        return xr.concat(kept, "row") if len(kept) == len(parts) else None

    averaged = dict.fromkeys(e.averaged for e in estimates)
    labels = dict.fromkeys(e.identification for e in estimates)
    return replace(
        estimates[0],
        draws=xr.concat([e.draws for e in estimates], "row"),
        before=below([e.before for e in estimates]),
        after=below([e.after for e in estimates]),
        averaged="; or ".join(averaged),
        identification=" / ".join(labels),
        notes=tuple(dict.fromkeys(n for e in estimates for n in e.notes)),
        status=next((e.status for e in estimates if e.status != "passed"), "passed"),
    )


@dataclass(frozen=True)
class Attrition:
    """A shift in a panel that lost people.

    Parameters
    ----------
    apart
        The shift among ``stayers``, among ``leavers`` (as the model has it for people with their answers) and ``over
        all`` people of the first waves, rows below each other.
    over_all
        Declared δ → the shift over all if leavers now find promises more credible by δ (logit) than people with the
        same answers who stayed.
    returned
        One row per country and population: ``people`` asked before the signal, and how many ``returned`` after it.
    """

    apart: Estimate
    over_all: Mapping[float, Estimate]
    returned: pd.DataFrame
