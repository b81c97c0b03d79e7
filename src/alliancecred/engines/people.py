"""What NUTS is told of people before it starts, and whether their integral was fine enough in the end."""

import math
from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize_scalar

from ..cells import Cells
from ..density import data_arrays
from ..design import SD_CUTS, SD_RESPONDENT, SPACING, Design
from ..kernel import pattern_logs
from ..respondents import with_rows

LIKELY = (0.02, 6.0)  # sds of people that are tried
WIDE = 6.0  # posterior sds above the rough value for which the integral is made
FARTHEST = 4.5  # times the prior's scale: half-normal draws beyond it have a chance of 7e-6
CHECKED, TOLERANCE = 5, 0.05  # draws at which the integral is checked, error of the log likelihood that may show
_SPREAD = 2.0  # without people: of no consequence
_STEP = 0.05  # of log sd, in second differences


def attenuation(sd: float) -> float:
    """Return by how much effects on a person exceed those on shares (Zeger, Liang & Albert 1988, eq. 3.2)."""
    return math.sqrt(1 + (16 * math.sqrt(3) / (15 * math.pi)) ** 2 * sd**2)


def spread_of(design: Design, scales: Mapping[str, np.ndarray]) -> float:
    """Return the largest sd of people that the integral must be good for, given rough draws.

    Where these say little it is the prior that says how large it may be.
    """
    if design.respondent is None:
        return _SPREAD
    log_sd = np.log(scales[SD_RESPONDENT])
    likely = float(np.exp(log_sd.mean() + WIDE * log_sd.std()))
    return min(likely, max(FARTHEST * design.respondent.sd, 2 * float(np.exp(log_sd.mean()))))


def among_people(
    design: Design, cells: Cells, scales: Mapping[str, np.ndarray], rng: np.random.Generator, mask: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Return rough draws of all scales for answers that belong to people, from those as if nobody answered twice.

    The sd of people comes from the likelihood of their patterns, every row's own shares taken for known; the other
    scales are stretched as effects on people are, compared with effects on shares.
    """
    prior = design.scales[SD_RESPONDENT]
    data = data_arrays(cells, mask, LIKELY[1])
    eta, cuts = _from_shares(cells)
    group = np.zeros(len(eta), dtype=np.int64)

    def loss(log_sd: float) -> float:
        sd = math.exp(log_sd)
        factor = attenuation(sd)
        logs = pattern_logs(factor * eta, factor * cuts, group, sd, data)[0]
        value = data.times @ logs + factor * data.tilt @ eta
        return float(0.5 * (sd / prior.sd) ** 2 - log_sd - value)

    found = minimize_scalar(loss, bounds=np.log(LIKELY), method="bounded", options={"xatol": 1e-3})
    bend = (loss(found.x + _STEP) - 2 * loss(found.x) + loss(found.x - _STEP)) / _STEP**2
    size = len(next(iter(scales.values()))) if scales else 200
    sd = np.exp(rng.normal(found.x, 1 / math.sqrt(max(bend, 1.0)), size))
    factor = attenuation(math.exp(found.x))
    logs = {SPACING, SD_CUTS}  # of spacings: these move by the factor's log, and differ by country as much as before
    stretched = {k: v * factor if k.startswith("sd_") and k not in logs else v for k, v in scales.items()}
    stretched |= {SPACING: scales[SPACING] + math.log(factor)} if SPACING in scales else {}
    return stretched | {SD_RESPONDENT: sd}


def _from_shares(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Return η (rows,) and cuts that fit the shares of each row: cumulative logit = cut − η, by weighted means."""
    counts = cells.counts + 0.5
    below = counts.cumsum(1)[:, :-1] / counts.sum(1, keepdims=True)
    logits = np.log(below / (1 - below))
    weight = cells.counts.sum(1).clip(1) / cells.counts.sum(1).clip(1).sum()
    mean = weight @ logits
    cuts = (mean - mean.mean())[None]
    eta = np.zeros(len(cells.rows))
    eta[: len(counts)] = -logits.mean(1)
    return eta, cuts


def shared_information(cells: Cells, by_row: np.ndarray, sd: float, columns: np.ndarray) -> np.ndarray:
    """Return the information about coefficients that is lost because people answer several questions.

    One person with information w in each of their answers has diag(w) − w wᵀ / (1/sd² + Σ w) about η, after their
    deviation is integrated out (normal approximation; the Woodbury identity).
    """
    people = cells.people
    assert people is not None
    people = with_rows(people, np.ones(len(cells.rows)))
    per_answer = by_row / np.maximum(cells.size, 1)
    entries = (per_answer[people.row], (people.person, people.row))
    weights = sp.csr_array(entries, shape=(len(people), len(cells.rows)))
    shared = weights @ columns
    return np.asarray(shared.T @ ((people.times / (1 / sd**2 + weights.sum(1)))[:, None] * shared))


def integral_problems(
    design: Design, cells: Cells, draws: Mapping[str, np.ndarray], spread: float, mask: np.ndarray | None
) -> tuple[str, ...]:
    """Return what is wrong with the integral over people, by a finer one at the draws where they differ most."""
    if design.respondent is None:
        return ()
    eta, cuts = _from_shares(cells)
    group = np.zeros(len(eta), dtype=np.int64)
    sds = np.sort(np.asarray(draws[SD_RESPONDENT]).ravel())[-CHECKED:]
    coarse, fine = (data_arrays(cells, mask, s) for s in (spread, 3 * max(spread, sds[-1])))
    off = max(
        abs(
            float(
                coarse.times
                @ (pattern_logs(eta, cuts, group, sd, coarse)[0] - pattern_logs(eta, cuts, group, sd, fine)[0])
            )
        )
        for sd in sds
    )
    return (f"the integral over people is off by {off:.2f} in the log likelihood",) if off > TOLERANCE else ()
