"""The data once more: what would be answered, and published, if the parameters were those of a draw."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from scipy.special import expit

from .cells import Cells, Rows
from .choices import Choices
from .design import Design
from .lattice import publish
from .prediction import answer_probs, mean_answers
from .predictor import linear_predictor


def _whole(size: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return whole numbers, (draws, cells), of mean ``size``: effective sizes of weighted people are fractions."""
    part = size - np.floor(size)
    if not part.any():
        return np.asarray(np.broadcast_to(size.astype(np.int64), (draws, len(size))))
    return np.asarray((np.floor(size) + (rng.random((draws, len(size))) < part)).astype(np.int64))


def replicate(
    design: Design, cells: Cells, draws: Mapping[str, np.ndarray], rng: np.random.Generator, chains: int
) -> xr.Dataset:
    """Return replicated counts and published shares, dims chain, draw, …; of normal answers their means."""
    if cells.scores:
        means = mean_answers(design, cells, draws, rng)
        both = {k: (("chain", "draw", "cell"), v.reshape(chains, -1, v.shape[1])) for k, v in means.items()}
        return xr.Dataset(both, {"chain": np.arange(chains), "draw": np.arange(len(means["mean"]) // chains)})
    if cells.choices is not None:
        return _replicated_choices(design, cells.choices, cells.rows, draws, rng, chains)
    probs = answer_probs(design, cells.rows, draws)
    probs = probs / probs.sum(-1, keepdims=True)
    n, size = len(cells.counts), len(probs) // chains
    top = np.isin(design.spec.answers, design.spec.top)
    share = 100 * probs[..., top].sum(-1).reshape(chains, size, -1)
    out: dict[str, tuple[tuple[str, ...], np.ndarray]] = {"top": (("chain", "draw", "row"), share)}
    if n:
        counts = rng.multinomial(_whole(cells.counts.sum(1), len(probs), rng), probs[:, :n])
        out["counts"] = (("chain", "draw", "cell", "answer"), counts.reshape(chains, size, *counts.shape[1:]))
    if cells.toplines:
        rows = enumerate(zip(cells.toplines, cells.lattice.concentration, strict=True))
        shares = 100 * np.column_stack([publish(t, a, probs[:, n + i], rng)[:, 0] for i, (t, a) in rows])
        out["published"] = (("chain", "draw", "topline"), shares.reshape(chains, size, -1))
    return xr.Dataset(out, coords={"chain": np.arange(chains), "draw": np.arange(size)})


def _replicated_choices(
    design: Design,
    choices: Choices,
    rows: Rows,
    draws: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    chains: int,
) -> xr.Dataset:
    """Return how often each profile is (not) chosen if everybody chooses again, and the chance of it (``top``)."""
    chance = expit(choices.contrast(linear_predictor(design, rows, draws).T).T)
    times = choices.counts.sum(1)
    first = rng.binomial(times, chance)
    counts, expected = (
        choices.by_row(len(rows), np.stack([times - won, won], axis=-1)) for won in (first, times * chance)
    )
    share = 100 * expected[..., 1] / expected.sum(-1)
    size = len(chance) // chains
    return xr.Dataset(
        {
            "top": (("chain", "draw", "row"), share.reshape(chains, size, -1)),
            "counts": (("chain", "draw", "cell", "answer"), counts.reshape(chains, size, *counts.shape[1:])),
        },
        coords={"chain": np.arange(chains), "draw": np.arange(size)},
    )
