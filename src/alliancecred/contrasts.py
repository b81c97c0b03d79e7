"""Differences between estimates, draw by draw."""

import warnings
from dataclasses import replace

import numpy as np
import xarray as xr

from .errors import IdentificationWarning, SpecError
from .estimate import CAUSAL, MINUS, Estimate, counted
from .gates import weights_of

SAME_PEOPLE = (
    "a contrast between allies: if the same people judged both, their answers count here as those of different people, "
    "and the interval is too wide → a Respondent term, with ids of people"
)


def contrast(a: Estimate, b: Estimate, *, name: str = "", smallest: float = 0.0) -> Estimate:
    """Return ``a`` minus ``b``, draw by draw: of one row each, or row by row.

    Its identification is that of both, where they share one. Effects that were ``randomised`` (or identified by
    ``difference-in-differences``) stay so between levels of attributes, which were drawn. Between anything else (two
    countries, populations, groups, waves, allies, roles) they are ``descriptive``: nobody was drawn into those.

    Warns
    -----
    IdentificationWarning
        If two allies are compared whom the same people judged, and the spec has no `Respondent` term.

    Raises
    ------
    SpecError
        If the two have different units, draws or numbers of rows (one row pairs with any number).
    """
    if (a.unit, a.draws.shape[:2]) != (b.unit, b.draws.shape[:2]) or a.spec.digest != b.spec.digest:
        raise SpecError(f"only estimates of one fit and unit can be compared: {a.unit} and {b.unit}")
    ours, theirs = weights_of(a.draws), weights_of(b.draws)
    if ours.keys() != theirs.keys() or any(not np.array_equal(ours[k][1], theirs[k][1]) for k in ours):
        raise SpecError("only estimates of one fit can be compared draw by draw: these come from two fits")
    if len(b) not in (1, len(a)):
        raise SpecError(f"{len(a)} rows cannot be paired with {len(b)}: select one row with .at(...)")
    right = b.draws.values if len(b) == len(a) else np.broadcast_to(b.draws.values, a.draws.shape)
    coords, apart = {}, set()
    for key in dict.fromkeys((*a.keys, *b.keys)):
        left, other = _labels(a, key), np.resize(_labels(b, key), len(a))
        apart |= {key} if (left != other).any() else set()
        coords[key] = [x if x == y else f"{x or 'all'}{MINUS}{y or 'all'}" for x, y in zip(left, other, strict=True)]
    notes = counted([*a.notes, *b.notes], len(a))
    two = any(MINUS in x and "all" not in x.split(MINUS) for x in coords["ally"])
    if two and not a.spec.asks_for_people:
        notes.append(SAME_PEOPLE)
        warnings.warn(SAME_PEOPLE, IdentificationWarning, stacklevel=2)
    if name:
        coords["estimand"] = [name] * len(a)
    draws = xr.DataArray(a.draws.values - right, dims=a.draws.dims).assign_coords(
        {k: ("row", np.asarray(v, dtype=str)) for k, v in coords.items()} | weights_of(a.draws)
    )
    unit = {"percent": "percentage points", "points": "scale points"}.get(a.unit, a.unit)
    drawn = {x.name for x in a.spec.attributes} | {"attribute", "level", "estimand"}
    label = a.identification if a.identification == b.identification else "descriptive"
    if label in CAUSAL and not apart <= drawn:  # effects of two groups, which differ in other things too
        label = "descriptive"
    return replace(
        a,
        draws=draws,
        unit=unit,
        before=None,
        after=None,
        smallest=smallest,
        identification=label,
        averaged=a.averaged,
        answer=a.answer if a.answer == b.answer else f"{a.answer} − {b.answer}",
        status="; ".join(dict.fromkeys(e.status for e in (a, b) if e.status != "passed")) or "passed",
        notes=tuple(dict.fromkeys(notes)),
    )


def _labels(estimate: Estimate, key: str) -> np.ndarray:
    """Return a label of every row; empty where it has none of that name."""
    found = estimate.draws[key].values if key in estimate.keys else np.full(len(estimate), "")
    return np.asarray(found, dtype=str)
