"""From draws to answers: probabilities and scores of rows, and the log likelihood of what they hold."""

from collections.abc import Callable, Mapping

import numpy as np
import scipy.sparse as sp
import xarray as xr
from scipy.special import log_expit

from . import gaussian, sliders
from .cells import Cells, Rows
from .contest import contest
from .density import cut_group, data_arrays
from .design import CUTS_BY_COUNTRY, SD_RESPONDENT, Design
from .errors import SpecError, nearest
from .fitting import Fit
from .gates import convergence, table_problems
from .kernel import pattern_logs
from .lattice import lattice_loglik
from .outcome import cut_points, log_probs, multinomial_constant, scores
from .predictor import linear_predictor
from .respondents import grid

OWN = "this estimate: "  # begins what is wrong with an estimate alone, not with its fit


def answer_probs(design: Design, rows: Rows, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return P(answer), shape (draws, rows, answers); where people differ, the average over people.

    Where one of two profiles is chosen, the average over the profiles that the other one may be.
    In a linear probability model these are 1 − η and η, which nothing keeps between 0 and 1.
    """
    if design.spec.gaussian is not None:
        eta = linear_predictor(design, rows, draws)
        return np.stack([1 - eta, eta], axis=-1)
    if (slider := design.slider) is not None:
        eta = linear_predictor(design, rows, draws)
        _, precision = sliders.draws_of(draws)
        above = float(slider.share(np.asarray(slider.above)))
        return sliders.part_probs(eta, cuts_of(design, rows, draws, len(eta)), precision, above)
    if design.opponents is not None:
        chosen = contest(design, draws)(rows)
        return np.stack([1 - chosen, chosen], axis=-1)
    return np.exp(answer_logs(design, rows, draws))


def scorer(design: Design, draws: Mapping[str, np.ndarray], answer: str) -> Callable[[Rows], np.ndarray]:
    """Return what gives `row_scores` of any rows, and computes but once what they have in common."""
    if design.opponents is None:
        return lambda rows: row_scores(design, rows, draws, answer)
    chosen, (other, own) = contest(design, draws), answer_weight(design, answer)
    return lambda rows: other + (own - other) * chosen(rows)


def row_scores(design: Design, rows: Rows, draws: Mapping[str, np.ndarray], answer: str) -> np.ndarray:
    """Return an estimand's value in every row, (draws, rows): per cent, or points for ``mean``."""
    if design.spec.gaussian is not None and answer == "mean":
        return linear_predictor(design, rows, draws)
    if (slider := design.slider) is not None and answer == "mean":
        eta = linear_predictor(design, rows, draws)
        share = sliders.mean_share(eta, cuts_of(design, rows, draws, len(eta)))
        return np.asarray(slider.low + (slider.high - slider.low) * share)
    return np.asarray(answer_probs(design, rows, draws) @ answer_weight(design, answer))


def answer_logs(design: Design, rows: Rows, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return log P(answer) of ordered answers, (draws, rows, answers); where people differ, of the average person."""
    eta = linear_predictor(design, rows, draws)
    cuts = cuts_of(design, rows, draws, len(eta))
    if design.respondent is None:
        return log_probs(eta, cuts)
    sd = np.asarray(draws[SD_RESPONDENT], dtype=float).reshape(-1, 1)
    over = grid(1, design.answers, float(sd.max(initial=0.0)))
    parts = (w * np.exp(log_probs(eta + z * sd, cuts)) for z, w in zip(over.nodes, over.weight, strict=True))
    return np.log(sum(parts))


def mean_answers(
    design: Design, cells: Cells, draws: Mapping[str, np.ndarray], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return mean normal answers of every cell, replicated (``mean``) and ``expected``, (draws, cells), in points."""
    eta, n = linear_predictor(design, cells.rows, draws), np.maximum(cells.sums[:, 0], 1e-9)
    scatter = gaussian.draws_of(draws) / np.sqrt(n) * rng.standard_normal(eta.shape)
    return {"mean": eta + scatter, "expected": eta}


def row_log_likelihood(design: Design, cells: Cells, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the log probability of what each row of the data holds, (draws, rows).

    Counts: the multinomial mass; published shares: the mass of the counts they allow; numbers: their density. A choice
    stands at the row of its first profile.
    """
    if (choices := cells.choices) is not None:
        more = choices.contrast(linear_predictor(design, cells.rows, draws).T).T
        logs = np.stack([log_expit(-more), log_expit(more)], axis=-1)
        mass = np.einsum("snk,nk->sn", logs, choices.counts) + multinomial_constant(choices.counts)
        first = sp.csr_array((np.ones(len(choices)), (choices.left, np.arange(len(choices)))),
                             shape=(len(cells.rows), len(choices)))  # fmt: skip
        return np.asarray((first @ mass.T).T)
    if cells.scores:
        return gaussian.log_density(linear_predictor(design, cells.rows, draws), gaussian.draws_of(draws), cells.sums)
    logs = answer_logs(design, cells.rows, draws)
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


def answer_weight(design: Design, answer: str) -> np.ndarray:
    """Return what each answer counts, in per cent (``mean``: in points), (answers,)."""
    spec = design.spec
    if answer not in ("top", "mean", *spec.answers):
        raise SpecError(f"unknown answer {answer!r}: {nearest(answer, ('top', 'mean', *spec.answers))}")
    if spec.gaussian is not None and answer != "mean" and not spec.gaussian.has_shares(design.answers):
        raise SpecError(f"normal answers scored {spec.scores} have a mean, but no shares → answer='mean'")
    if answer == "mean" and spec.rating is not None:
        return np.array([spec.rating.low, spec.rating.high])
    top = [spec.answers.index(t) for t in spec.top]
    return scores(design.answers, top, answer, spec.answers) * (1.0 if answer == "mean" else 100.0)


def estimate_status(fit: Fit, draws: xr.DataArray, unit: str) -> str:
    """Return the verdict on an estimate in a unit: that of its fit, and the gates of its own draws."""
    problems = list(fit.diagnosis.problems)
    moving = draws.isel(row=~(draws.std(("chain", "draw"), skipna=False).values == 0))
    table = convergence(
        xr.Dataset({"estimate": moving.drop_vars([k for k, c in draws.coords.items() if c.dims == ("row",)])})
    )
    problems += [f"{OWN}{p}" for p in table_problems(table, unit)]
    return "failed: " + "; ".join(problems) if problems else "passed"
