"""What the data say little about, in words: few levels, few groups, what changes with a signal, what is not linked."""

import warnings

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .cells import Cells
from .design import Design
from .errors import IdentificationWarning
from .events import FIELDWORK
from .identify import exposed_rows, signals_of
from .terms import FACTORS, Fixed

FEW_LEVELS = 6
FEWEST_GROUPS = 5  # more groups than covariates of groups
FEW_PEOPLE = 30  # of a population, in a cell


def warn_identification(design: Design, cells: Cells) -> None:
    """Warn (`IdentificationWarning`) of what the data say little about."""
    for text in identification_warnings(design, cells):
        warnings.warn(text, IdentificationWarning, stacklevel=3)


def _few_groups(design: Design, cells: Cells) -> list[str]:
    """Name covariates of groups that are hardly more than they: J − p < 5 (Stegmueller 2013; Elff et al. 2021)."""
    used = [c for c in design.spec.covariates if any(k.carrier.covariate == c.name for k in design.coefficients)]
    used = [c for c in used if not c.of_people]
    out = []
    for by in dict.fromkeys(c.by for c in used):
        names = [c.name for c in used if c.by == by]
        groups = len(np.unique(np.stack([cells.rows.codes[f] for f in by]), axis=1).T)
        if groups - len(names) < FEWEST_GROUPS:
            out.append(
                f"{', '.join(names)}: {len(names)} covariates of {groups} groups ({' × '.join(by)}); "
                "their slopes rest on very few groups and on their priors"
            )
    return out


def _arms_missing(design: Design, cells: Cells) -> list[str]:
    """Name levels of attributes that nobody of a country (and population) was shown, though others were."""
    n, levels = len(cells.counts), design.levels
    place = np.column_stack([cells.rows.codes[f][:n] for f in ("country", "population")])
    several = len(np.unique(place[:, 1])) > 1
    out = []
    for attribute in (a.name for a in design.spec.attributes):
        shown = cells.rows.codes[attribute][:n]
        lone = []
        for country, population in np.unique(place, axis=0):
            own = shown[(place == (country, population)).all(1)]
            if gone := [x for i, x in enumerate(levels[attribute]) if i not in own]:
                who = f" ({levels['population'][population]})" if several else ""
                lone.append(f"{levels['country'][country]}{who} {', '.join(gone)}")
        if lone:
            out.append(
                f"{attribute}: never shown in {'; '.join(lone)}; what is said of it there is from other countries and "
                "priors, and its marginal means are averages over fewer countries"
            )
    return out


def _thin_populations(design: Design, cells: Cells) -> list[str]:
    """Name populations a gap is about that were asked in cells of fewer than 30, and how little one such cell says."""
    n, out = len(cells.counts), []
    asked = cells.rows.codes["population"][:n]
    place = np.column_stack([cells.rows.codes[f][:n] for f in FACTORS])
    people = (cells.counts if cells.unweighted is None else cells.unweighted).sum(1)
    _, cell = np.unique(place, axis=0, return_inverse=True)
    cell = cell.ravel()
    size = np.bincount(cell, people)[cell]
    parts = [c.carrier.population for c in design.coefficients] + [b.carrier.population for b in design.pooled]
    for name in dict.fromkeys(p for p in parts if p is not None):
        own = np.flatnonzero(np.array(design.levels["population"], dtype=object)[asked] == name)
        few = own[(size[own] < FEW_PEOPLE) & (size[own] > 0)]
        if len(few):
            least = few[np.argmin(size[few])]
            where = ", ".join(x for f, i in zip(FACTORS, place[least], strict=True) if (x := design.levels[f][i]))
            out.append(
                f"{name}: {len(np.unique(cell[few]))} of {len(np.unique(cell[own]))} cells have fewer than "
                f"{FEW_PEOPLE} answers, the least {size[least]:g} ({where}): by itself a share of one half is "
                f"known there to ± {98 / np.sqrt(size[least]):.0f} points"
            )
    return out


def changes_with(design: Design, cells: Cells, signal: str) -> list[str]:
    """Name what changes with a signal: a house, mode or wording of the waves after it that no wave before it has.

    What a `Fixed` term is about is told apart, and not named.
    """
    known = {f for t in design.spec.terms if isinstance(t, Fixed) for f, _ in t.where}
    wave, on = cells.rows.codes["wave"], cells.rows.on[signal] > 0
    inside = exposed_rows(design, cells, signal)
    out = []
    for kind in (k for k in FIELDWORK if k not in known):
        of = {w.name: getattr(w, kind) for w in design.spec.waves}
        label = np.array([of.get(w, "") for w in design.levels["wave"]], dtype=object)[wave]
        before, after = (sorted(set(label[inside & side])) for side in (~on, on))
        if before and after and not set(before) & set(after):
            names = [", ".join(x or "not declared" for x in xs) for xs in (before, after)]
            out.append(f"{kind} changes with {signal}: {names[0]} before, {names[1]} after; the shift holds both")
    return out


def _few_levels(design: Design, cells: Cells) -> list[str]:
    """Say which scales rest on few levels: one text for all with as many, and the same prior."""
    alike: dict[tuple[int, str], list[str]] = {}
    for block in design.pooled:
        n = len(np.unique(cells.rows.codes[block.by[0]]))
        if len(block.by) == 1 and n < FEW_LEVELS:
            alike.setdefault((n, str(block.scale)), []).append(block.sd_name)
    return [
        f"{', '.join(names)} rest{'s' if len(names) == 1 else ''} on {n} levels: vary the prior ({scale}) before you "
        "trust it → few_groups_grid, or the table few_groups of a run"
        for (n, scale), names in alike.items()
    ]


def identification_warnings(design: Design, cells: Cells) -> list[str]:
    """Return what the data say little about: few levels, disconnected designs, one-sided countries."""
    out = _few_levels(design, cells)
    out += _few_groups(design, cells)
    out += _arms_missing(design, cells)
    out += _thin_populations(design, cells)
    out += [text for name in signals_of(design) for text in changes_with(design, cells, name)]
    rows, levels = cells.rows, design.levels
    country, ally = rows.codes["country"], rows.codes["ally"]
    for name, on in rows.on.items():
        inside = exposed_rows(design, cells, name)
        sides = [set(country[inside & (on > 0)]), set(country[inside & (on == 0)])]
        lone = sorted(levels["country"][i] for i in sides[0] ^ sides[1])
        if lone and sides[0] and sides[1]:
            out.append(
                f"asked only before or only after {name}: {', '.join(lone)}; no shift of theirs is from data alone"
            )
    size = len(levels["country"])
    seen, place = np.unique(np.concatenate([country, size + ally]), return_inverse=True)
    ends = place.ravel().reshape(2, -1)
    graph = csr_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(len(seen), len(seen)))
    parts, member = connected_components(graph, directed=False)
    if parts > 1:
        sets = [", ".join(levels["country"][i] for i in seen[member == p] if i < size) for p in range(parts)]
        out.append("no respondents link these countries through a common ally: " + " | ".join(sets))
    return out
