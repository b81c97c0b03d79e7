"""Which questions an experiment's estimands are averaged over: profiles as shown, uniform, or with declared shares."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Literal

import numpy as np

from .cells import Levels
from .composition import Kinds, numbered
from .declared import allowed
from .errors import SpecError, nearest
from .spec import Spec

Profiles = Literal["design", "uniform"] | Mapping[str, Mapping[str, float]]
MOST = 20_000  # profiles, or profiles of people, that are listed; more are drawn
SEED = 20_240_229


def profile_shares(spec: Spec, profiles: Mapping[str, Mapping[str, float]]) -> dict[str, np.ndarray]:
    """Return the share of each level of every attribute, before restrictions: those given, else all alike.

    Raises
    ------
    SpecError
        If an attribute or a level is not declared, or shares are negative or do not sum to 1 (or 100).
    """
    out = {}
    names = [a.name for a in spec.attributes]
    for name in profiles:
        if name not in names:
            raise SpecError(f"profiles: no attribute {name!r}: {nearest(name, names)}")
    for attribute in spec.attributes:
        given = profiles.get(attribute.name, dict.fromkeys(attribute.levels, 1 / len(attribute.levels)))
        if set(given) != set(attribute.levels):
            raise SpecError(f"profiles: {attribute.name} needs a share for each of {list(attribute.levels)}")
        share = np.array([given[x] for x in attribute.levels], dtype=float)
        if not (share >= 0).all() or not np.isclose(share.sum(), [1, 100], rtol=1e-3).any():
            raise SpecError(f"profiles: shares of {attribute.name} sum to {share.sum():g}, not to 1 or 100")
        out[attribute.name] = share / share.sum()
    return out


def profile_table(
    spec: Spec, levels: Levels, shares: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the profiles that may be shown: attribute → codes, (profiles,), and the share of each.

    All of them if there are at most ``MOST``, else ``MOST`` drawn from their distribution (always the same).
    """
    sizes = [len(levels[a.name]) for a in spec.attributes]
    names = [a.name for a in spec.attributes]
    if prod(sizes) <= MOST:
        table = np.array(list(product(*map(range, sizes))))
        weight = np.prod([shares[f][table[:, j]] for j, f in enumerate(names)], axis=0)
    else:
        rng = np.random.default_rng(SEED)
        table = np.column_stack([rng.choice(len(shares[f]), MOST * 2, p=shares[f]) for f in names])
        weight = np.ones(len(table))
    codes = {f: table[:, j] for j, f in enumerate(names)}
    keep = allowed(spec.restrictions, levels, codes) & (weight > 0)
    return {f: c[keep][:MOST] for f, c in codes.items()}, weight[keep][:MOST] / weight[keep][:MOST].sum()


def profiles_shown(spec: Spec, kinds: Kinds) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the distinct profiles among kinds: attribute → codes, (profiles,), and the share of each."""
    names = [a.name for a in spec.attributes]
    table, inverse = np.unique(np.column_stack([kinds.codes[f] for f in names]), axis=0, return_inverse=True)
    share = np.bincount(inverse.ravel(), kinds.share)
    return {f: table[:, j] for j, f in enumerate(names)}, share / share.sum()


def crossed(people: Kinds, codes: Mapping[str, np.ndarray], share: np.ndarray) -> Kinds:
    """Return every kind of person with every profile; where that is more than ``MOST`` for a place, pairs drawn.

    Profiles are assigned at random: whoever is asked, they are the same.
    """
    people = people.where(people.share > 0)
    where, inverse = np.unique(np.column_stack(list(people.place.values())), axis=0, return_inverse=True)
    pairs: list[np.ndarray] = []
    size: list[np.ndarray] = []
    for i in range(len(where)):
        own = np.flatnonzero(inverse.ravel() == i)
        weight = people.share[own] / people.share[own].sum()
        if len(own) * len(share) <= MOST:
            grid = np.indices((len(own), len(share))).reshape(2, -1)
            pairs.append(np.column_stack([own[grid[0]], grid[1]]))
            size.append(weight[grid[0]] * share[grid[1]])
        else:
            pairs.append(np.column_stack([own[spread(weight, MOST)], _shuffled(spread(share, MOST))]))
            size.append(np.full(MOST, 1 / MOST))
    which, profile = np.concatenate(pairs).T
    return Kinds(
        {k: v[which] for k, v in people.place.items()},
        {k: v[which] for k, v in people.codes.items() if k not in codes} | {k: v[profile] for k, v in codes.items()},
        {k: v[which] for k, v in people.covariates.items()},
        np.concatenate(size),
        people.elsewhere,
    )


def spread(share: np.ndarray, size: int) -> np.ndarray:
    """Return ``size`` positions, each as often as its share demands, to the nearest whole number (systematic sampling).

    Examples
    --------
    >>> spread(np.array([0.5, 0.25, 0.25]), 4).tolist()
    [0, 0, 1, 2]
    """
    ends = np.cumsum(share) / np.sum(share)
    return np.minimum(np.searchsorted(ends, (np.arange(size) + 0.5) / size), len(share) - 1)


def _shuffled(index: np.ndarray) -> np.ndarray:
    return np.random.default_rng(SEED).permutation(index)


def thinned(kinds: Kinds, most: int, within: Sequence[str] = ()) -> Kinds:
    """Return at most ``most`` kinds for each place and group of ``within``, drawn in proportion to their share.

    The draw is always the same. Kinds that are equal count as one.
    """
    kinds = distinct(kinds)
    columns = [*kinds.place.values(), *(kinds.codes[f] for f in within)]
    where, inverse = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
    keep: list[np.ndarray] = []
    share: list[np.ndarray] = []
    for i in range(len(where)):
        own = np.random.default_rng(SEED).permutation(np.flatnonzero(inverse.ravel() == i))
        if len(own) <= most:
            keep.append(own)
            share.append(kinds.share[own])
            continue
        keep.append(own[spread(kinds.share[own], most)])
        share.append(np.full(most, kinds.share[own].sum() / most))
    chosen = np.concatenate(keep)
    return replace(kinds.where(chosen), share=np.concatenate(share))


def distinct(kinds: Kinds) -> Kinds:
    """Return every kind once, with the share of all that are equal; those that nobody is are left out."""
    columns = [*kinds.place.values(), *kinds.codes.values(), *kinds.covariates.values()]
    _, first, inverse = np.unique(numbered(columns), return_index=True, return_inverse=True)
    share = np.bincount(inverse, kinds.share, len(first))
    return replace(kinds.where(first), share=share).where(share > 0)


def everyone(kinds: Kinds, without: Sequence[str]) -> Kinds:
    """Return the kinds of people alone, whatever they were asked: ``without`` these attributes."""
    return replace(kinds, codes={k: v for k, v in kinds.codes.items() if k not in without})
