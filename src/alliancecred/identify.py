"""What the data at hand can tell apart: the rank check, merges, refusals and notes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from .carriers import Carrier, roles_of
from .cells import Cells
from .design import DRIFT, Design, Pooled, draft_design
from .errors import Problem, SpecError
from .opponents import opponents_of
from .predictor import fixed_matrix, pooled_matrix
from .spec import Spec

LEAST_WAVES = 3  # before a signal: two points make any line

PRIOR_ONLY = "drawn from the prior: no data were used"


def make_design(spec: Spec, cells: Cells) -> Design:
    """Return the design of a spec on the cells at hand.

    Coefficients whose carrier never occurs, and pooled blocks that coincide with what is already
    there, are left out and listed in ``notes``; what cannot be told apart otherwise is refused.

    Raises
    ------
    SpecError
        If a signal is never on (or never off), a level has nothing to pool, or columns coincide.
    """
    design = identify(draft_design(spec, cells.levels), cells)
    if not spec.forced_choice:
        return design
    n = len(cells.counts)
    shown = {a.name: cells.rows.codes[a.name][:n] for a in spec.attributes}
    return replace(design, opponents=opponents_of(shown, cells.counts.sum(1)))


def identify(design: Design, cells: Cells) -> Design:
    """Return the design without what the data cannot tell apart, every omission noted.

    Raises
    ------
    SpecError
        If a signal has no before or no after, a level has nothing to pool, or unpooled columns
        or pooled levels coincide.
    """
    _check_signals(design, cells)
    _check_walks(design, cells)
    _check_people(design, cells)
    if design.cut_scale is not None and len(design.levels["country"]) < 2:
        raise refuse("cuts", "1 country: cuts cannot vary by country", "use common cuts")
    design = _drop_gaps(_drop_empty(design, cells), cells)
    _check_rank(design, cells)
    design = _merge_pooled(design, cells)
    return with_notes(design, [*_shared_columns(design, cells), *_alone(design, cells), *pseudo_posterior(cells)])


def pseudo_posterior(cells: Cells) -> list[str]:
    """Note that counts were scaled by weights, and by how much."""
    if cells.unweighted is None:
        return []
    effect = cells.design_effects
    return [
        f"weights: counts of {len(effect)} cells are scaled to effective sizes (Kish), design effects "
        f"{effect.min():.2f} to {effect.max():.2f}; this is a pseudo-posterior, intervals are as good as these sizes"
    ]


def always_said(cells: Cells, *, prior_only: bool = False) -> list[str]:
    """Return what every estimate from these cells must say: that it is no posterior; of weights, and of choices."""
    if prior_only:
        return [PRIOR_ONLY]
    chosen = ["chances of being chosen, against the profiles that were shown"] if cells.choices is not None else []
    return [*pseudo_posterior(cells), *chosen]


def _alone(design: Design, cells: Cells) -> list[str]:
    """Note answers that are the only ones of a person, known to be or for want of an id."""
    if design.respondent is None or cells.people is None:
        return []
    alone = int(cells.people.times[np.diff(cells.people.start) == 1].sum())
    total = int(cells.counts.sum())
    note = (
        f"respondent: {alone:,} of {total:,} answers have no id, or are their person's only one: taken for people apart"
    )
    return [note] if alone else []


def exposed_rows(design: Design, cells: Cells, name: str) -> np.ndarray:
    """Rows of the countries a signal exposes."""
    countries = design.spec.signal(name).countries
    labels = np.array(design.levels["country"], dtype=object)[cells.rows.codes["country"]]
    return np.isin(labels.astype(str), countries) if countries else np.ones(len(cells.rows), dtype=bool)


def signals_of(design: Design) -> list[str]:
    """Return the names of the signals whose effects are in the design."""
    carriers = [c.carrier for c in design.coefficients] + [b.carrier for b in design.pooled]
    return sorted({c.signal for c in carriers if c.signal is not None})


def _check_signals(design: Design, cells: Cells) -> None:
    for name in signals_of(design):
        on = cells.rows.on[name][exposed_rows(design, cells, name)]
        if not on.any() or on.all():
            side = "after" if not on.any() else "before"
            raise refuse(
                f"signal {name}",
                f"no data {side} it: a shift needs waves on both sides",
                "check the wave dates and the signal's date and countries",
            )


def _check_walks(design: Design, cells: Cells) -> None:
    """Refuse a walk over fewer than three waves, all in all or before a signal: it could not be told from a shift."""
    walks = [b for b in design.pooled if b.walk]
    if not walks:
        return
    wave, levels = cells.rows.codes["wave"], design.levels["wave"]
    if len(levels) < LEAST_WAVES:
        raise refuse(
            walks[0].variable,
            f"{len(levels)} waves: a trend needs {LEAST_WAVES}",
            "leave the trend out, or declare a drift of known size (Drift)",
        )
    for name in signals_of(design):
        before = [levels[i] for i in np.unique(wave[exposed_rows(design, cells, name) & (cells.rows.on[name] == 0)])]
        if len(before) < LEAST_WAVES:
            raise refuse(
                walks[0].variable,
                f"{len(before)} waves before {name} ({', '.join(before)}): a trend beside a shift needs {LEAST_WAVES}",
                "leave the trend out, or declare a drift of known size (Drift), and read the shift as before-after",
            )


def _check_people(design: Design, cells: Cells) -> None:
    """Refuse an sd of people where nobody is known to have answered twice: nothing tells it from the answers' own."""
    if design.respondent is not None and (cells.people is None or cells.people.most < 2):
        remedy = "give the column of ids as Roles(respondent=…), and data in memory; or leave the term out"
        raise refuse("respondent", "nobody is known to have answered twice", remedy)


def _drop_empty(design: Design, cells: Cells) -> Design:
    seen = np.abs(fixed_matrix(design, cells.rows)).sum(0) > 0
    notes = [f"{c.name}: no data, left out" for c, s in zip(design.coefficients, seen, strict=True) if not s]
    kept = tuple(c for c, s in zip(design.coefficients, seen, strict=True) if s)
    return with_notes(replace(design, coefficients=kept), notes)


def _both(design: Design, cells: Cells, carrier: Carrier) -> bool:
    """Whether a gap is asked of both populations, and (for a shift) before and after, in its role."""
    rows = cells.rows
    population = np.array(design.levels["population"], dtype=object)[rows.codes["population"]]
    inside = np.ones(len(rows), dtype=bool)
    phases = [inside]
    if carrier.signal is not None:
        if carrier.roles:
            inside = np.isin(roles_of(rows, design.levels, design.spec, carrier.signal), carrier.roles)
        on = rows.on[carrier.signal] > 0
        phases = [inside & on, inside & ~on]
    wanted = (carrier.population, design.spec.reference)
    return all((phase & (population == p)).any() for phase in phases for p in wanted)


def _drop_gaps(design: Design, cells: Cells) -> Design:
    kept, notes = [], []
    for c in design.coefficients:
        if c.carrier.population is None or _both(design, cells, c.carrier):
            kept.append(c)
        elif c.carrier.signal is None:
            raise refuse(c.name, f"{c.carrier.population!r} and {design.spec.reference!r} were not both asked")
        else:
            notes.append(f"{c.name}: both populations were not asked before and after in this role, left out")
    pooled = []
    for b in design.pooled:
        if b.carrier.population is None or b.carrier.signal is None or _both(design, cells, b.carrier):
            pooled.append(b)
        else:
            notes.append(f"{b.variable}: both populations were not asked before and after, left out")
    return with_notes(replace(design, coefficients=tuple(kept), pooled=tuple(pooled)), notes)


def _check_rank(design: Design, cells: Cells) -> None:
    matrix = fixed_matrix(design, cells.rows)
    matrix = matrix if cells.choices is None else cells.choices.contrast(matrix)
    basis: list[int] = []
    for j, coefficient in enumerate(design.coefficients):
        if coefficient.variable == DRIFT:
            continue  # told from a shift by its declared size alone
        if np.linalg.matrix_rank(matrix[:, [*basis, j]]) > len(basis):
            basis.append(j)
            continue
        weights = np.linalg.lstsq(matrix[:, basis], matrix[:, j], rcond=None)[0]
        others = [design.coefficients[b].name for b, w in zip(basis, weights, strict=True) if abs(w) > 1e-8]
        raise refuse(
            coefficient.name,
            f"cannot be told apart from {' + '.join(others) or 'nothing at all'} on these data",
            "leave one of these terms out",
        )


def _signature(design: Design, block: Pooled, cells: Cells) -> tuple[frozenset[bytes], int]:
    matrix = pooled_matrix(design, block, cells.rows).tocsc()
    matrix.sum_duplicates()
    spans = [slice(a, b) for a, b in pairwise(matrix.indptr) if b > a]
    return frozenset(matrix.indices[s].tobytes() + matrix.data[s].tobytes() for s in spans), len(spans)


def _merge_pooled(design: Design, cells: Cells) -> Design:
    kept: list[Pooled] = []
    notes: list[str] = []
    seen: dict[frozenset[bytes], Pooled] = {}
    for block in design.pooled:
        columns, observed = _signature(design, block, cells)
        is_level = block.carrier.signal is None and block.carrier.population is None
        if observed == 0:
            notes.append(f"{block.variable}: no data, left out")
        elif observed == 1 and is_level:
            raise refuse(block.variable, "1 level: nothing to pool", "leave this term out")
        elif observed == 1:
            notes.append(
                f"{block.variable}: one group only, it coincides with the unpooled effect and is merged with it"
            )
        elif columns in seen and is_level:
            raise refuse(
                block.variable, f"coincides with {seen[columns].variable} on these data", "leave one of these terms out"
            )
        elif columns in seen:
            notes.append(f"{block.variable}: coincides with {seen[columns].variable} and is merged with it")
        else:
            seen[columns] = block
            kept.append(block)
    names = {b.variable for b in kept}
    kept = [b if b.partner in names else replace(b, partner=None) for b in kept]
    return with_notes(replace(design, pooled=tuple(kept)), notes)


def _shared_columns(design: Design, cells: Cells) -> Sequence[str]:
    """Note groups of pooled blocks that carry the same column as an unpooled coefficient."""
    matrix = fixed_matrix(design, cells.rows)
    fixed = {_entries(np.flatnonzero(x), x[x != 0]): c.name for x, c in zip(matrix.T, design.coefficients, strict=True)}
    notes = []
    for block in (b for b in design.pooled if not b.walk):
        columns = pooled_matrix(design, block, cells.rows).tocsc()
        columns.sum_duplicates()
        columns.eliminate_zeros()
        for j, (start, end) in enumerate(pairwise(columns.indptr)):
            name = fixed.get(_entries(columns.indices[start:end], columns.data[start:end]))
            if name and end > start:
                place = np.unravel_index(j, design.shape(block))
                label = ", ".join(design.levels[f][i] for f, i in zip(block.by, place, strict=True))
                notes.append(f"{name} and {block.variable}[{label}] share one column: their priors split it")
    return notes


def _entries(rows: np.ndarray, values: np.ndarray) -> tuple[bytes, bytes]:
    """Return a column by its entries that are not 0: of very many groups each has few."""
    return rows.astype(np.int64).tobytes(), values.astype(float).tobytes()


def refuse(where: str, message: str, remedy: str = "") -> SpecError:
    """Return a `SpecError` with one problem."""
    return SpecError([Problem("schema", where, message, (), remedy)])


def with_notes(design: Design, notes: Sequence[str]) -> Design:
    """Return the design with more notes."""
    return replace(design, notes=(*design.notes, *notes))
