"""From draws to answers: scores of rows, and predictions for new countries and allies."""

from collections.abc import Callable, Collection, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from . import sliders
from .cells import Cells, Rows, labels_of, rows_of
from .composition import composed
from .density import cut_group, data_arrays
from .design import CUTS_BY_COUNTRY, SD_RESPONDENT, Design
from .errors import PredictError, Problem, SpecError, nearest
from .estimate import LABELS, Estimate
from .fitting import Fit
from .gates import convergence, table_problems, weights_of
from .identify import pseudo_posterior
from .kernel import pattern_logs
from .lattice import lattice_loglik
from .new_levels import extend, key_of
from .outcome import cut_points, log_probs, multinomial_constant, scores
from .predictor import linear_predictor
from .respondents import grid
from .terms import FACTORS

_CHUNK = 4_000_000


def answer_probs(design: Design, rows: Rows, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return P(answer), shape (draws, rows, answers); where people differ, the average over people."""
    if (slider := design.slider) is not None:
        eta = linear_predictor(design, rows, draws)
        _, precision = sliders.draws_of(draws)
        above = float(slider.share(np.asarray(slider.above)))
        return sliders.part_probs(eta, cuts_of(design, rows, draws, len(eta)), precision, above)
    return np.exp(_log_probs(design, rows, draws))


def row_scores(design: Design, rows: Rows, draws: Mapping[str, np.ndarray], answer: str) -> np.ndarray:
    """Return an estimand's value in every row, (draws, rows): per cent, or points for ``mean``."""
    if (slider := design.slider) is not None and answer == "mean":
        eta = linear_predictor(design, rows, draws)
        share = sliders.mean_share(eta, cuts_of(design, rows, draws, len(eta)))
        return np.asarray(slider.low + (slider.high - slider.low) * share)
    return np.asarray(answer_probs(design, rows, draws) @ answer_weight(design, answer))


def _log_probs(design: Design, rows: Rows, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    eta = linear_predictor(design, rows, draws)
    cuts = cuts_of(design, rows, draws, len(eta))
    if design.respondent is None:
        return log_probs(eta, cuts)
    sd = np.asarray(draws[SD_RESPONDENT], dtype=float).reshape(-1, 1)
    over = grid(1, design.answers, float(sd.max(initial=0.0)))
    parts = (w * np.exp(log_probs(eta + z * sd, cuts)) for z, w in zip(over.nodes, over.weight, strict=True))
    return np.log(sum(parts))


def row_log_likelihood(design: Design, cells: Cells, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the log probability of what each row of the data holds, (draws, rows).

    Counts: the multinomial mass; published shares: the mass of the counts they allow.
    """
    logs = _log_probs(design, cells.rows, draws)
    n = len(cells.counts)
    counted = np.einsum("snk,nk->sn", logs[:, :n], cells.parts) + multinomial_constant(cells.parts)
    if cells.inside is not None:
        eta, (_, precision) = linear_predictor(design, cells.rows, draws), sliders.draws_of(draws)
        counted = counted + sliders.log_density(eta, precision, cells.inside.sums(n))
    if not cells.toplines:
        return np.asarray(counted)
    return np.concatenate([counted, lattice_loglik(logs[:, n:], cells.lattice)], axis=1)


def log_likelihood(design: Design, cells: Cells, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the log probability of all data together, (draws,); of people, all answers of each together."""
    by_row = row_log_likelihood(design, cells, draws)
    if cells.people is None:
        return np.asarray(by_row.sum(1))
    eta, sd = linear_predictor(design, cells.rows, draws), np.asarray(draws[SD_RESPONDENT], dtype=float).ravel()
    cuts, group = grouped_cuts(design, draws, len(eta)), cut_group(design, cells.rows)
    data = data_arrays(cells, spread=float(sd.max(initial=0.0)))
    of_people = [
        data.times @ pattern_logs(eta[i], cuts[i], group, sd[i], data)[0] + data.tilt @ eta[i] for i in range(len(eta))
    ]
    return np.array(of_people) + by_row[:, len(cells.counts) :].sum(1)


def cuts_of(design: Design, rows: Rows, draws: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """Return the cuts of every row, (draws, rows, answers - 1); where all have the same, (…, 1, …)."""
    cuts = grouped_cuts(design, draws, size)
    return cuts[:, cut_group(design, rows)] if design.cut_groups else cuts


def grouped_cuts(design: Design, draws: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """Return the cuts of every country, (draws, countries, answers - 1); common ones are those of one country."""
    if not design.inner:
        return np.zeros((size, 1, 1))
    name = CUTS_BY_COUNTRY if design.cut_groups else "cut_spacing"
    cuts = cut_points(np.asarray(draws[name]).reshape(size, -1, design.inner))
    if design.slider is not None:
        cuts = cuts + sliders.draws_of(draws)[0][:, :, None]
    return np.ascontiguousarray(cuts)


def over_asked(
    fit_of: tuple[Design, Cells],
    rows: Rows,
    value: Callable[[Rows], np.ndarray],
    *,
    held: Collection[str] = (),
    of: str | None = None,
) -> np.ndarray:
    """Return values (draws, rows, …) averaged over the people asked in each row's country and population.

    ``value`` gives those of any rows; ``held`` and ``of`` as in `composed`.
    """
    design, cells = fit_of
    found = composed(design.spec, cells, rows, held=held, of=of)
    if found is None:
        return value(rows)
    more, start, share = found
    stops = [*start[1:], len(more)]
    each = (value(more.take(np.arange(a, b))) for a, b in zip(start, stops, strict=True))
    parts = [np.einsum("sn...,n->s...", v, share[a:b]) for v, a, b in zip(each, start, stops, strict=True)]
    return np.stack(parts, axis=1)


def score_rows(
    fit: Fit,
    rows: Rows,
    answer: str = "top",
    sizes: Mapping[str, int] | None = None,
    *,
    held: Collection[str] = (),
    of: str | None = None,
) -> np.ndarray:
    """Return an estimand's value in every row, (draws, rows): per cent, or points for ``mean``.

    ``sizes`` maps populations to their finite size: people observed are known, the others drawn. ``held`` and ``of``
    as in `composed`.
    """
    weight = answer_weight(fit.design, answer)
    if sizes and (fit.spec.rating is not None or (answer == "mean" and fit.design.slider is not None)):
        raise SpecError(
            "of a finite population only answers that are categories can be predicted, not means or sliders"
        )
    draws = fit.draws()
    out = np.empty((len(next(iter(draws.values()))), len(rows)))
    step = max(1, _CHUNK // (len(out) * fit.design.answers))
    for start in range(0, len(rows), step):
        part = np.arange(start, min(start + step, len(rows)))
        some, both = rows.take(part), (fit.design, fit.cells)
        if sizes:
            probs = over_asked(both, some, lambda r: answer_probs(fit.design, r, draws), held=held, of=of)
            out[:, part] = _finite(fit, some, probs, sizes) @ weight
        else:
            out[:, part] = over_asked(both, some, lambda r: row_scores(fit.design, r, draws, answer), held=held, of=of)
    return out


def answer_weight(design: Design, answer: str) -> np.ndarray:
    """Return what each answer counts, in per cent (``mean``: in points), (answers,)."""
    spec = design.spec
    if answer not in ("top", "mean", *spec.answers):
        raise SpecError(f"unknown answer {answer!r}: {nearest(answer, ('top', 'mean', *spec.answers))}")
    if answer == "mean" and spec.rating is not None:
        return np.array([spec.rating.low, spec.rating.high])
    top = [spec.answers.index(t) for t in spec.top]
    return scores(design.answers, top, answer, spec.answers) * (1.0 if answer == "mean" else 100.0)


def _finite(fit: Fit, rows: Rows, probs: np.ndarray, sizes: Mapping[str, int]) -> np.ndarray:
    """Replace probabilities by shares of a finite population of which some were observed."""
    if fit.cells.unweighted is not None:
        raise PredictError("people observed are known only where they have no weights → read without the weight")
    n = len(fit.cells.counts)
    known: dict[tuple[int, ...], np.ndarray] = {}
    for i in range(n):
        key = tuple(c[i] for c in fit.cells.rows.codes.values())
        known[key] = known.get(key, 0) + fit.cells.counts[i]
    names = np.array(fit.cells.levels["population"], dtype=object)[rows.codes["population"]]
    seed = int(fit.idata.attrs["random_seed"])
    labels = labels_of(rows, fit.cells.levels).to_numpy(dtype=str)
    out = probs.copy()
    for i, name in enumerate(names):
        if name not in sizes:
            continue
        seen = known.get(tuple(c[i] for c in rows.codes.values()), np.zeros(fit.design.answers))
        left = sizes[name] - int(seen.sum())
        if left < 0:
            raise PredictError(
                f"{int(seen.sum())} {name} answers were observed, more than the population of {sizes[name]}"
            )
        p = probs[:, i] / probs[:, i].sum(1, keepdims=True)
        rng = np.random.default_rng([seed, key_of("finite population", labels[i])])
        out[:, i] = (seen + rng.multinomial(left, p)) / sizes[name]
    return out


def predict(
    fit: Fit,
    table: pd.DataFrame,
    *,
    answer: str = "top",
    signals: Mapping[str, float] | None = None,
    new_levels: str = "refuse",
    random_seed: int = 0,
) -> Estimate:
    """Predict for combinations of factors, also for countries and allies that were not asked.

    Parameters
    ----------
    table
        One row per prediction, columns among ``country, ally, target, wave, population``; what is
        left out must have one level in the data (``population``: the reference).
    answer
        As in `levels`.
    signals
        Signal → 1 (on) or 0 (off), instead of what the wave's date says.
    new_levels
        ``refuse``, or ``draw``: effects of a new level are drawn from their pooled distribution,
        one draw per new level (and seed), shared by all rows and by other calls, so that the arms
        of a `contrast` refer to the same new country.
    random_seed
        Seed of the new levels' draws.

    Returns
    -------
    Estimate
        Rows as in ``table``, ``descriptive``.

    Raises
    ------
    PredictError
        If a level is new and ``new_levels="refuse"``, or a column is missing.
    """
    full = _complete(fit, table)
    design, draws = extend(fit, full, new_levels, random_seed)
    rows = rows_of(fit.spec, design.levels, full)
    for name, value in (signals or {}).items():
        rows = rows.with_signal(fit.spec.signal(name).name, value)
    answer_weight(design, answer)  # refuses unknown answers
    values = over_asked((design, fit.cells), rows, lambda r: row_scores(design, r, draws, answer))
    post = fit.posterior.sizes
    coords = {k: ("row", full[k].to_numpy(dtype=str)) for k in FACTORS}
    array = xr.DataArray(
        values.reshape(post["chain"], post["draw"], -1),
        dims=("chain", "draw", "row"),
        coords=coords
        | {"estimand": ("row", np.full(len(full), "predicted level")), "role": ("row", np.full(len(full), ""))}
        | weights_of(fit.posterior),
    )
    assert set(LABELS) <= set(array.coords)
    return Estimate(
        array,
        "points" if answer == "mean" else "percent",
        "descriptive",
        answer,
        "nothing: one row per combination",
        fit.spec,
        status=estimate_status(fit, array),
        notes=tuple(pseudo_posterior(fit.cells)),
    )


def estimate_status(fit: Fit, draws: xr.DataArray) -> str:
    """Return the verdict on an estimate: that of its fit, and the gates of its own draws."""
    problems = list(fit.diagnosis.problems)
    moving = draws.isel(row=~(draws.std(("chain", "draw"), skipna=False).values == 0))
    table = convergence(xr.Dataset({"estimate": moving.drop_vars(list(LABELS))}))
    problems += [f"this estimate: {p}" for p in table_problems(table)]
    return "failed: " + "; ".join(problems) if problems else "passed"


def _complete(fit: Fit, table: pd.DataFrame) -> pd.DataFrame:
    problems, out = [], {}
    if len(set(table.columns)) < len(table.columns):
        raise PredictError(f"a column appears twice: {[str(c) for c in table.columns]}")
    for column in table.columns:
        if column not in FACTORS:
            problems.append(Problem("schema", str(column), "unknown column", (), nearest(str(column), FACTORS)))
    for factor in FACTORS:
        levels = fit.cells.levels[factor]
        if factor in table.columns:
            missing = table[factor].isna() | (table[factor].astype(str).str.strip() == "")
            if missing.any() and levels != ("",):
                problems.append(Problem("level", factor, "an empty label", tuple(np.flatnonzero(missing)[:5].tolist())))
            out[factor] = table[factor].astype(str).to_numpy(dtype=object)
        elif factor == "population" or len(levels) == 1:
            value = fit.spec.reference if factor == "population" and fit.spec.reference in levels else levels[0]
            out[factor] = np.full(len(table), value, dtype=object)
        else:
            problems.append(Problem("schema", factor, "column is missing", (), f"its levels: {', '.join(levels)}"))
    if not len(table):
        problems.append(Problem("schema", "", "0 rows"))
    if problems:
        raise PredictError(problems)
    return pd.DataFrame(out, columns=list(FACTORS))
