"""Draws → scores of rows, averaged over the kinds of people and questions of their places, in small memory."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from .carriers import carrier_values, group_index
from .cells import Rows
from .composition import Kinds, composed, kinds_asked
from .design import Design
from .errors import SpecError
from .finite import finite_shares
from .fitting import Fit
from .prediction import answer_probs, answer_weight, cuts_of, scorer
from .predictor import fixed_matrix, on_grid

CHUNK = 4_000_000  # numbers held at once
MANY = 500  # kinds for one row of an estimand: from here on single precision saves most of the time
_LOOKED_UP, _AT_ONCE = 8_192, 64  # rows whose effects are looked up together; rows that stay in the cache of a core


def rows_at_a_time(design: Design, draws: int) -> int:
    """Return how many rows to evaluate together, so that memory stays small."""
    return max(1, CHUNK // (draws * design.answers))


def over_asked(
    design: Design,
    kinds: Kinds,
    rows: Rows,
    value: Callable[[Rows], np.ndarray],
    *,
    step: int,
    held: Collection[str] = (),
    of: str | None = None,
    given: Sequence[str] | None = None,
    whole: Callable[[Rows, np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Return values (draws, rows, …) averaged over the kinds of people and questions of each row's place.

    ``value`` gives those of any rows, ``step`` of them at a time; ``whole``, if given, the average over many rows, with
    their shares, at once; ``held``, ``of`` and ``given`` as in `composed`.
    """
    found = composed(design.spec, design.levels, kinds, rows, held=held, of=of, given=given)
    if found is None:
        return value(rows)
    out = []
    for more, share in found:
        if whole is not None and len(more) > MANY:
            out.append(whole(more, share))
            continue
        parts = [np.arange(a, min(a + step, len(more))) for a in range(0, len(more), step)]
        out.append(sum(np.einsum("sn...,n->s...", value(more.take(part)), share[part]) for part in parts))
    return np.stack(out, axis=1)


def score_rows(
    fit: Fit,
    rows: Rows,
    answer: str = "top",
    sizes: Mapping[str, int] | None = None,
    *,
    kinds: Kinds | None = None,
    held: Collection[str] = (),
    of: str | None = None,
    given: Sequence[str] | None = None,
) -> np.ndarray:
    """Return an estimand's value in every row, (draws, rows): per cent, or points for ``mean``.

    ``sizes`` maps populations to their finite size: people observed are known, the others drawn. ``kinds`` (those
    asked, if left out), ``held``, ``of`` and ``given`` as in `composed`.
    """
    weight = answer_weight(fit.design, answer)
    numbers = fit.spec.rating or fit.spec.gaussian or (answer == "mean" and fit.design.slider)
    if sizes and numbers:
        raise SpecError(
            "of a finite population only answers that are categories can be predicted, not means or sliders"
        )
    if sizes and fit.spec.declared:
        raise SpecError("a finite population does not go with attributes and groups yet → without population_size")
    draws = fit.draws()
    kinds = kinds_asked(fit.spec, fit.cells) if kinds is None else kinds
    out = np.empty((len(next(iter(draws.values()))), len(rows)))
    step, quick = rows_at_a_time(fit.design, len(out)), can_stream(fit.design, answer)
    value = scorer(fit.design, draws, answer)
    for start in range(0, len(rows), step):
        part = np.arange(start, min(start + step, len(rows)))
        some = rows.take(part)
        average = partial(over_asked, fit.design, kinds, some, step=step, held=held, of=of, given=given)
        if sizes:
            probs = average(lambda r: answer_probs(fit.design, r, draws))
            out[:, part] = finite_shares(fit, some, probs, sizes) @ weight
        else:
            whole = partial(mean_score, fit.design, draws=draws, answer=answer) if quick else None
            out[:, part] = average(value, whole=whole)
    return out


def can_stream(design: Design, answer: str) -> bool:
    """Return whether `mean_score` knows this model: ordered answers (no choices) of people who answer once."""
    return not (
        design.spec.extra
        or design.respondent
        or design.fading
        or design.opponents
        or (answer == "mean" and design.spec.rating)
    )


def mean_score(
    design: Design, rows: Rows, share: np.ndarray, draws: Mapping[str, np.ndarray], answer: str
) -> np.ndarray:
    """Return Σ share · score of rows of one country, (draws,), as `row_scores` has it but for rounding (about 1e-6).

    With weights w of answers, Σ_k w_k P(k) = w_1 + Σ_j (w_{j+1} − w_j) logit⁻¹(η − cut_j): one exponential for each
    place where the weights change.
    """
    weight = answer_weight(design, answer)
    size = len(next(iter(draws.values())))
    cuts = cuts_of(design, rows.take(np.arange(1)), draws, size)[:, 0].astype(np.float32)
    total = np.zeros(size)
    buffers = np.empty((2, _AT_ONCE, size), dtype=np.float32)
    with np.errstate(over="ignore"):
        for begin in range(0, len(rows), _LOOKED_UP):
            index = np.arange(begin, min(begin + _LOOKED_UP, len(rows)))
            parts = _joined(list(_parts(design, rows.take(index), draws, size)), len(index) // 8)
            own = share[index].astype(np.float32)
            for a in range(0, len(index), _AT_ONCE):
                b = min(a + _AT_ONCE, len(index))
                eta, part = buffers[:, : b - a]
                np.take(parts[0][0], parts[0][1][a:b], axis=0, out=eta)
                for table, place in parts[1:]:
                    np.take(table, place[a:b], axis=0, out=part)
                    eta += part
                for j in np.flatnonzero(np.diff(weight)):
                    np.subtract(cuts[:, j], eta, out=part)
                    np.exp(part, out=part)
                    part += 1.0
                    np.reciprocal(part, out=part)
                    total += (weight[j + 1] - weight[j]) * (own[a:b] @ part)
    return np.asarray(weight[0] * share.sum() + total)


def _parts(
    design: Design, rows: Rows, draws: Mapping[str, np.ndarray], size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the summands of η: what each distinct kind of row gets from one, (kinds, draws), and the kind of each row.

    The unpooled coefficients together are one summand, every pooled block is another.
    """
    order = np.concatenate([np.asarray(i) for i in design.variables.values()])
    beta = np.vstack([np.asarray(draws[v], dtype=np.float32).reshape(size, -1).T for v in design.variables])
    matrix = fixed_matrix(design, rows)[:, order]
    first, kind = _alike(list(matrix.T))
    yield matrix[first].astype(np.float32) @ beta, kind
    for block in design.pooled:
        value = carrier_values(block.carrier, rows, design.levels, design.spec)
        if value.any():
            effects = on_grid(design, block, np.asarray(draws[block.variable])).reshape(size, -1)
            place = group_index(block.by, rows, design.levels)
            first, kind = _alike((place, value))
            yield np.ascontiguousarray((effects[:, place[first]] * value[first]).T, dtype=np.float32), kind


def _alike(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row of each distinct combination of the columns' values, and the combination of each row."""
    first, kind = np.zeros(1, dtype=int), np.zeros(len(columns[0]), dtype=int)
    for column in columns:
        if (column != column[0]).any():
            levels, own = np.unique(column, return_inverse=True)
            _, first, kind = np.unique(kind * len(levels) + own, return_index=True, return_inverse=True)
    return first, kind


def _joined(parts: list[tuple[np.ndarray, np.ndarray]], most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the same sum in fewer summands: those whose combinations of kinds are at most ``most`` are added up."""
    first, *rest = sorted(parts, key=lambda part: len(part[0]))
    out = [first]
    for table, kind in rest:
        held, at = out[-1]
        pairs, both = np.unique(at * len(table) + kind, return_inverse=True)
        if len(pairs) <= most:
            out[-1] = (held[pairs // len(table)] + table[pairs % len(table)], both.ravel())
        else:
            out.append((table, kind))
    return out
