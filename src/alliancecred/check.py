"""How well the model predicts what was observed: posterior predictive and leave-one-cell-out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from .cells import labels_of
from .fitting import Fit, Method, fit_design
from .replication import replicate
from .sampling import Sampling
from .terms import FACTORS

MOST, LEAST_DRAWS = 10_000_000, 500  # numbers replicated at most, and the draws that are always kept
SMALLEST = 1e-9  # people in a cell, where weights leave none


def ppc(fit: Fit, *, ci_prob: float = 0.95, random_seed: int = 0) -> pd.DataFrame:
    """Return observed and replicated shares of the top answers, one line per row of the data; of numbers, means.

    A line is all the people of one combination of country, ally, target, wave and population; beside them stand lines
    for each level of every attribute and group that the spec declares, the others added up.

    Columns: the factors, ``people`` (empty for published shares), ``answer``, ``observed_lower, observed_upper`` (per
    cent; equal for counts, the published bounds for toplines; of normal answers points of the scale), ``mean, lower,
    upper`` of the replications, and ``rank``: the probability that a replication lies below the observation, ties and
    bounds counted half; ``status`` is that of the fit. Of very many cells fewer draws are replicated, evenly chosen,
    at least 500.
    """
    replicated = _replicated(fit, random_seed)
    frames = [
        _frame(fit, replicated, lines_of(fit, own), None, ci_prob, own)
        for own in [(), *((f,) for f in fit.spec.declared)]
    ]
    whole = pd.concat(frames, ignore_index=True).fillna(dict.fromkeys(fit.spec.declared, ""))
    whole = whole[[*fit.spec.factors, *(c for c in frames[0] if c not in FACTORS)]]
    return whole.assign(status=fit.diagnosis.status)


def leave_one_out(
    fit: Fit,
    *,
    rows: Sequence[int] = (),
    ci_prob: float = 0.95,
    random_seed: int = 0,
    method: Method = "auto",
    sampling: Sampling = Sampling(),
    draws: int = 1000,
) -> pd.DataFrame:
    """Return what `ppc` does, each line predicted from a fit without it (exact refits).

    Parameters
    ----------
    rows
        Positions of the lines of `ppc` to leave out, one at a time; empty means all.
    method, sampling, draws
        As in `fit`, for every refit.

    Notes
    -----
    A column ``status`` tells whether the refit passed its gates.
    """
    line = lines_of(fit)
    index = np.asarray(rows if len(rows) else np.arange(line.max() + 1), dtype=int)
    out = []
    for i in index:
        mask = np.ones(len(fit.cells.rows))
        mask[line == i] = 0.0
        refit = fit_design(
            fit.design,
            fit.cells,
            random_seed=random_seed + int(i),
            draws=draws,
            method=method,
            sampling=sampling,
            mask=mask,
        )
        frame = _frame(fit, _replicated(refit, random_seed), line, np.array([i]), ci_prob)
        out.append(frame.assign(status=refit.diagnosis.status))
    return pd.concat(out, ignore_index=True)


def lines_of(fit: Fit, also: Sequence[str] = ()) -> np.ndarray:
    """Return which line of `ppc` each row of the data belongs to, (rows,): all counts of one combination of factors.

    Of those factors that every analysis has, and those of ``also``.
    """
    n, codes = len(fit.cells.counts), np.array([fit.cells.rows.codes[f] for f in (*FACTORS, *also)])
    _, first, group = np.unique(codes[:, :n], axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)
    counted = np.argsort(order)[group.ravel()]
    return np.concatenate([counted, len(first) + np.arange(codes.shape[1] - n)]).astype(int)


def _replicated(fit: Fit, seed: int) -> xr.Dataset:
    """Return one replication of the data per draw; of fewer draws, evenly chosen, where there are very many cells.

    Counts are added up, for every line alike: those of the top answers, ``credible``, and of all, ``everybody``.
    """
    draws = fit.draws()
    size = len(next(iter(draws.values())))
    step = max(1, min(size * len(fit.cells.rows) * fit.design.answers // MOST, size // LEAST_DRAWS))
    thinned = {k: v[::step] for k, v in draws.items()}
    made = replicate(fit.design, fit.cells, thinned, np.random.default_rng(seed), 1)
    if "counts" not in made:
        return made
    top, counts = np.isin(fit.spec.answers, fit.spec.top), made["counts"].values
    sums = {"credible": counts[..., top].sum(-1), "everybody": counts.sum(-1)}
    return made.assign({k: (("chain", "draw", "cell"), v) for k, v in sums.items()})


def _frame(
    fit: Fit,
    replicated: xr.Dataset,
    line: np.ndarray,
    index: np.ndarray | None,
    ci_prob: float,
    also: Sequence[str] = (),
) -> pd.DataFrame:
    top, n = np.isin(fit.spec.answers, fit.spec.top), len(fit.cells.counts)
    lines, first = np.unique(line, return_index=True)
    index = np.arange(len(lines)) if index is None else index
    counted = int(line[:n].max(initial=-1)) + 1
    observed = _by_line(fit.cells.counts.T, line[:n]).T
    lower, upper = _observed(fit, top, observed)
    values = np.full((replicated.sizes["draw"], len(lines)), np.nan)
    if fit.cells.scores:
        size, total, _ = _by_line(fit.cells.sums.T, line)
        lower = upper = total / np.maximum(size, SMALLEST)
        values = _by_line(replicated["mean"].values[0] * fit.cells.sums[:, 0], line) / np.maximum(size, SMALLEST)
    elif n:
        credible, everybody = (_by_line(replicated[k].values[0], line[:n]) for k in ("credible", "everybody"))
        values[:, :counted] = 100 * credible / np.maximum(everybody, 1)
    if fit.cells.toplines:
        values[:, counted:] = replicated["published"].values[0]
    values, lower, upper = values[:, index], lower[index], upper[index]
    tail = (1 - ci_prob) / 2
    below, above = (values < lower - 1e-9).mean(0), (values > upper + 1e-9).mean(0)
    frame = labels_of(fit.cells.rows.take(first[index]), fit.cells.levels)[[*FACTORS, *also]]
    people = np.bincount(line[:n], people_of_cells(fit), len(lines))
    return frame.assign(
        people=np.where(np.isin(lines, line[n:]), np.nan, people)[index],
        answer=_answers(fit, first[index]),
        observed_lower=lower,
        observed_upper=upper,
        mean=values.mean(0),
        lower=np.quantile(values, tail, axis=0),
        upper=np.quantile(values, 1 - tail, axis=0),
        rank=below + 0.5 * (1 - below - above),
    )


def people_of_cells(fit: Fit) -> np.ndarray:
    """Return how many people (not weighted) gave the counts of each row, (count cells,)."""
    counts = fit.cells.counts if fit.cells.unweighted is None else fit.cells.unweighted
    return np.asarray(counts.sum(1))


def _by_line(values: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Return sums of values (…, rows) over the rows of each line, (…, lines)."""
    if not values.shape[-1]:
        return values
    order = np.argsort(line, kind="stable")
    return np.asarray(np.add.reduceat(values[..., order], np.flatnonzero(np.diff(line[order], prepend=-1)), axis=-1))


def _observed(fit: Fit, top: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    share = 100 * counts[:, top].sum(1) / np.maximum(counts.sum(1), 1)
    bounds = [[100 * t.lower[0], 100 * t.upper[0]] for t in fit.cells.toplines]
    both = np.array(bounds, dtype=float).reshape(-1, 2)
    return np.concatenate([share, both[:, 0]]), np.concatenate([share, both[:, 1]])


def _answers(fit: Fit, index: np.ndarray) -> list[str]:
    n, names = len(fit.cells.counts), fit.spec.answers
    counted = "mean" if fit.cells.scores else "top"
    return [counted if i < n else " + ".join(names[k] for k in fit.cells.toplines[i - n].groups[0]) for i in index]
